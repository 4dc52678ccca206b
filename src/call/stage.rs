//! Where a call stands. Each stage carries what is only known in it.

use super::audio::{Hears, Notice};
use super::outcome::Ending;
use super::ringing::Ringing;
use super::search::Search;
use super::talk::{Talk, Transfer};
use crate::event::EndReason;
use crate::id::LegId;
use crate::time::Mono;

/// Where a call stands.
#[derive(Debug)]
pub enum Stage {
    /// The INVITE is here; our answer waits for disk, port and answer delay.
    Arriving(Arriving),
    /// Answered and in the queue, presented or not.
    Queued(Queued),
    /// A seat placed the call: the party it wants is being rung.
    Outbound(Outbound),
    /// The caller speaks with a human.
    Talk(Talk),
    /// The caller hears music until the transfer target answers.
    Transferring(Box<Transfer>),
    /// The caller hears why the call ends.
    LastMessage(LastMessage),
    /// Asked to leave the queue; ends when the queue has let go.
    Leaving(Leaving),
    /// Ended. Legs may still be closing, the seat may still wrap up.
    Over,
}

/// A call that is not answered yet.
#[derive(Debug)]
pub struct Arriving {
    /// The beginning is on disk.
    pub durable: bool,
    /// The trunk hears ringback until then.
    pub answer_at: Option<Mono>,
    /// What the caller hears already.
    pub early_media: EarlyMedia,
}

/// What a caller hears before our answer.
#[derive(Debug)]
pub enum EarlyMedia {
    /// What the caller's own network plays.
    None,
    /// The welcome.
    Welcome(Notice),
    /// The queue's music.
    Music,
}

/// A call in the queue.
#[derive(Debug)]
pub struct Queued {
    /// The welcome or the apology that still plays.
    pub notice: Option<Notice>,
    /// The presentation that runs.
    pub ringing: Option<Ringing>,
    /// The caller comes back from a transfer that failed.
    pub recalled: bool,
}

/// A call that a seat placed, before its answer.
#[derive(Debug)]
pub struct Outbound {
    /// The beginning is on disk; nothing is rung before.
    pub durable: bool,
    /// The party the seat wants.
    pub search: Search,
}

/// The caller hears why the call ends.
#[derive(Debug)]
pub struct LastMessage {
    /// Why.
    pub reason: EndReason,
    /// The message.
    pub notice: Notice,
    /// It should be over by then.
    pub until: Mono,
}

/// A call that leaves the queue.
#[derive(Debug)]
pub struct Leaving {
    /// How it ends.
    pub ending: Ending,
    /// The presentation that the queue takes back meanwhile.
    pub ringing: Option<Ringing>,
}

impl Stage {
    /// The search that is on.
    pub fn search(&self) -> Option<&Search> {
        match self {
            Stage::Outbound(outbound) => Some(&outbound.search),
            Stage::Talk(talk) => talk.consultation.as_ref().map(|consultation| &consultation.search),
            Stage::Transferring(transfer) => Some(&transfer.search),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        }
    }

    /// The same, to be changed.
    pub fn search_mut(&mut self) -> Option<&mut Search> {
        match self {
            Stage::Outbound(outbound) => Some(&mut outbound.search),
            Stage::Talk(talk) => talk.consultation.as_mut().map(|consultation| &mut consultation.search),
            Stage::Transferring(transfer) => Some(&mut transfer.search),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        }
    }

    /// The queue's presentation that runs.
    pub fn presented(&self) -> Option<&Ringing> {
        match self {
            Stage::Queued(queued) => queued.ringing.as_ref(),
            Stage::Leaving(leaving) => leaving.ringing.as_ref(),
            Stage::Arriving(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Over => None,
        }
    }

    /// Where the queue's presentation stands that runs.
    pub fn presented_mut(&mut self) -> Option<&mut Option<Ringing>> {
        match self {
            Stage::Queued(queued) => Some(&mut queued.ringing),
            Stage::Leaving(leaving) => Some(&mut leaving.ringing),
            Stage::Arriving(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Over => None,
        }
    }

    /// The ringing of which `leg` is one of the phones.
    pub fn ringing_mut(&mut self, leg: LegId) -> Option<&mut Ringing> {
        let ringing = match self {
            Stage::Queued(queued) => queued.ringing.as_mut(),
            Stage::Leaving(leaving) => leaving.ringing.as_mut(),
            other => other.search_mut().and_then(Search::ringing_mut),
        };
        ringing.filter(|ringing| ringing.has(leg))
    }

    /// What each leg hears; a leg that is not named hears nothing. A notice is not cut short by early media.
    pub fn hears(&self, caller: LegId) -> Vec<(LegId, Hears)> {
        let each_other = |other: LegId| vec![(caller, Hears::Leg(other)), (other, Hears::Leg(caller))];
        match self {
            Stage::Arriving(arriving) => match &arriving.early_media {
                EarlyMedia::None => Vec::new(),
                EarlyMedia::Welcome(notice) => vec![(caller, Hears::Notice(notice.clone()))],
                EarlyMedia::Music => vec![(caller, Hears::Music)],
            },
            Stage::Queued(Queued { notice: Some(notice), .. }) => {
                vec![(caller, Hears::Notice(notice.clone()))]
            }
            Stage::Queued(Queued { notice: None, ringing, .. }) => {
                match ringing.as_ref().and_then(|ringing| ringing.early_media) {
                    Some(phone) => each_other(phone),
                    None => vec![(caller, Hears::Music)],
                }
            }
            Stage::Outbound(outbound) => outbound.search.heard().map(each_other).unwrap_or_default(),
            Stage::Talk(talk) => talk.hears(),
            Stage::Transferring(_) => vec![(caller, Hears::Music)],
            Stage::LastMessage(message) => vec![(caller, Hears::Notice(message.notice.clone()))],
            Stage::Leaving(_) | Stage::Over => Vec::new(),
        }
    }

    /// The talk.
    pub fn talk(&self) -> Option<&Talk> {
        match self {
            Stage::Talk(talk) => Some(talk),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::Outbound(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        }
    }
}
