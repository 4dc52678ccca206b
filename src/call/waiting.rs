//! A call that waits for an operator, and what its caller hears before that.

use super::audio::Notice;
use super::ringing::Ringing;

/// What a caller hears before our answer.
#[derive(Debug)]
pub(super) enum EarlyMedia {
    /// What the caller's own network plays.
    None,
    /// The welcome.
    Welcome(Notice),
    /// The queue's music.
    Music,
}

/// A call in the queue.
#[derive(Debug)]
pub(super) struct Queued {
    /// The welcome or the apology that still plays.
    pub notice: Option<Notice>,
    /// The presentation that runs.
    pub ringing: Option<Ringing>,
    /// The caller comes back from a transfer that failed.
    pub recalled: bool,
}
