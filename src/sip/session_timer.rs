//! The session timer of one dialog (RFC 4028): who refreshes, how often, and when a peer that stays silent is given
//! up. Knows headers and deadlines; how a refresh is sent (UPDATE or re-INVITE) is its owner's matter.

use super::grammar::{decimal, parameters, trim, unquoted};
use super::{Message, Status, option_tag};
use crate::config::TimedPeers;
use crate::time::{Duration, Mono};
use serde::{Deserialize, Serialize};

/// The shortest interval we take (Min-SE): the least the RFC allows (section 4). A shorter one would let a peer make
/// us send more for a silent call than for one that talks.
pub const LEAST: Duration = Duration::from_secs(90);

/// The longest interval we agree to; a peer that asks for more gets this. Past a day it guards nothing.
const MOST: Duration = Duration::from_secs(24 * 3600);

/// A side that does not refresh gives up so long before the end, or at two thirds of the interval if that is later
/// (section 10).
const BEFORE_END: Duration = Duration::from_secs(32);

/// The shortest time to the next try when a refresh was refused for a reason that passes.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// The side that sends the refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refresher {
    /// The gateway.
    Us,
    /// The peer does.
    Peer,
}

/// What a deadline that came means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerDue {
    /// A refresh is to be sent.
    Refresh,
    /// The peer let the time run out: the dialog is to be ended by BYE.
    Expired,
}

/// What a refresh that failed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshFailed {
    /// The peer is gone.
    Gone,
    /// The refresh is tried again.
    Later,
}

/// The session timer of one dialog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionTimer {
    /// What we ask for; `None`: only what the peer asks for.
    wish: Option<Duration>,
    /// Of whom we ask it.
    timed: TimedPeers,
    /// The lower bound asked for, raised by a peer's 422.
    least: Duration,
    running: Option<Running>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Running {
    interval: Duration,
    refresher: Refresher,
    /// Whether the peer knows of it. One that does not only has to answer, in whatever words.
    agreed: bool,
    refresh: Option<Mono>,
    give_up: Mono,
}

/// A Session-Expires header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RefreshInterval {
    interval: Duration,
    /// `Some(true)`: the sender of the request refreshes.
    uac: Option<bool>,
}

impl RefreshInterval {
    fn of(message: &Message) -> Option<RefreshInterval> {
        let value = message.header("Session-Expires")?;
        let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
        let (seconds, params) = value.split_at(end);
        let refresher = parameters(params).find(|(name, _)| name.eq_ignore_ascii_case(b"refresher"));
        let uac = refresher.and_then(|(_, value)| match unquoted(value?) {
            v if v.eq_ignore_ascii_case(b"uac") => Some(true),
            v if v.eq_ignore_ascii_case(b"uas") => Some(false),
            _ => None,
        });
        Some(RefreshInterval { interval: Duration::from_secs(decimal(trim(seconds))?.into()), uac })
    }
}

fn min_se(message: &Message) -> Option<Duration> {
    let value = message.header("Min-SE")?;
    let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
    decimal(trim(value.get(..end)?)).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Whether a request asks for an interval below [`LEAST`] and its sender can be told so by 422 with Min-SE
/// (section 9). One that does not know the extension is not told: its proxies asked, and it could not obey.
pub fn is_too_small(request: &Message) -> bool {
    RefreshInterval::of(request).is_some_and(|a| a.interval < LEAST) && option_tag::supports(request, "timer")
}

impl SessionTimer {
    /// For a dialog not yet begun; a `wish` of zero asks for nothing.
    pub fn new(wish: Duration) -> SessionTimer {
        let wish = (!wish.is_zero()).then(|| wish.clamp(LEAST, MOST));
        SessionTimer { wish, timed: TimedPeers::All, least: LEAST, running: None }
    }

    /// The same, asked of these peers.
    #[must_use]
    pub fn with(self, timed: TimedPeers) -> SessionTimer {
        SessionTimer { timed, ..self }
    }

    /// The headers of an INVITE that begins a dialog. Supported is its owner's matter.
    pub fn ask(&self) -> Vec<(&'static str, String)> {
        let interval = self.wish.map(|wish| ("Session-Expires", wish.max(self.least).as_secs().to_string()));
        interval.into_iter().chain(self.raised()).collect()
    }

    /// The headers of a refresh, which its sender goes on sending.
    pub fn refresh(&self) -> Vec<(&'static str, String)> {
        let Some(running) = &self.running else {
            return match self.timed {
                TimedPeers::All => self.ask(),
                // The dialog began without a timer, because its peer knows none.
                TimedPeers::Supporting => Vec::new(),
            };
        };
        let role = if running.refresher == Refresher::Us { "uac" } else { "uas" };
        let interval = running.interval.max(self.least).as_secs();
        let asked = ("Session-Expires", format!("{interval};refresher={role}"));
        [asked].into_iter().chain(self.raised()).collect()
    }

    fn raised(&self) -> Option<(&'static str, String)> {
        (self.least > LEAST).then(|| ("Min-SE", self.least.as_secs().to_string()))
    }

    /// A 2xx to `request` goes out: the timer begins, or begins anew, or ends. Gives the headers of that 2xx.
    pub fn answer(&mut self, now: Mono, request: &Message) -> Vec<(&'static str, String)> {
        let knows = option_tag::supports(request, "timer");
        let asked = RefreshInterval::of(request);
        let wish = self.wish.filter(|_| knows || self.timed == TimedPeers::All);
        let interval = match (asked, wish) {
            (None, None) => {
                self.running = None;
                return Vec::new();
            }
            (None, Some(wish)) => wish,
            (Some(asked), wish) => asked.interval.min(wish.unwrap_or(MOST)),
        };
        let floor = min_se(request).unwrap_or(LEAST).max(self.least);
        let interval = interval.max(floor).min(MOST);
        // A peer that does not know the extension cannot refresh. One that does and has no wish does it itself.
        let uac = knows && asked.and_then(|a| a.uac).unwrap_or(true);
        self.run(now, interval, if uac { Refresher::Peer } else { Refresher::Us }, knows);
        let role = if uac { "uac" } else { "uas" };
        let mut headers = vec![("Session-Expires", format!("{};refresher={role}", interval.as_secs()))];
        if knows {
            headers.push(("Require", "timer".to_owned()));
        }
        headers
    }

    /// A 2xx to our INVITE or refresh came.
    pub fn answered(&mut self, now: Mono, response: &Message) {
        match (RefreshInterval::of(response), self.wish) {
            (Some(RefreshInterval { interval, uac }), _) => {
                let refresher = if uac == Some(false) { Refresher::Peer } else { Refresher::Us };
                self.run(now, interval.clamp(LEAST, MOST), refresher, true);
            }
            // The peer does not know it (RFC 4028 section 7.2): we ask all the same, to learn whether it is alive.
            (None, Some(wish)) if self.timed == TimedPeers::All => {
                self.run(now, wish.max(self.least), Refresher::Us, false)
            }
            (None, _) => self.running = None,
        }
    }

    fn run(&mut self, now: Mono, interval: Duration, refresher: Refresher, agreed: bool) {
        let before = BEFORE_END.min(interval / 3);
        let refresh = (refresher == Refresher::Us).then(|| now + interval / 2);
        let give_up = now + (interval - before);
        self.running = Some(Running { interval, refresher, agreed, refresh, give_up });
    }

    /// A 422 to a request of ours: whether it is worth asking again, with its Min-SE.
    pub fn too_small(&mut self, response: &Message) -> bool {
        let wanted = min_se(response).filter(|least| *least > self.least && *least <= MOST);
        if let Some(least) = wanted {
            self.least = least;
        }
        wanted.is_some()
    }

    /// A refresh of ours was refused with `status`, or got no answer at all.
    pub fn failed(&mut self, now: Mono, status: Option<Status>) -> RefreshFailed {
        let Some(running) = &mut self.running else { return RefreshFailed::Later };
        match status {
            None | Some(Status::REQUEST_TIMEOUT | Status::NO_SUCH_CALL) => RefreshFailed::Gone,
            Some(_) if !running.agreed => {
                // It answered, so it is alive; it never promised more.
                let interval = running.interval;
                self.run(now, interval, Refresher::Us, false);
                RefreshFailed::Later
            }
            Some(_) => {
                let next = now + (running.give_up.since(now) / 2).max(TRY_AGAIN);
                running.refresh = (next < running.give_up).then_some(next);
                RefreshFailed::Later
            }
        }
    }

    /// The refreshing side and the interval, while the timer runs.
    pub fn running(&self) -> Option<(Duration, Refresher)> {
        self.running.map(|r| (r.interval, r.refresher))
    }

    /// The next deadline and what it means.
    pub fn poll_timeout(&self) -> Option<(Mono, TimerDue)> {
        let running = self.running?;
        let refresh = running.refresh.map(|at| (at, TimerDue::Refresh));
        refresh.into_iter().chain([(running.give_up, TimerDue::Expired)]).min()
    }

    /// What is due now. A refresh is said once; its outcome comes back by `answered` or `failed`.
    pub fn handle_timeout(&mut self, now: Mono) -> Option<TimerDue> {
        let (at, due) = self.poll_timeout()?;
        if at > now {
            return None;
        }
        match due {
            TimerDue::Refresh => self.running.as_mut()?.refresh = None,
            TimerDue::Expired => self.running = None,
        }
        Some(due)
    }

    /// The dialog ends: nothing is due any more.
    pub fn stop(&mut self) {
        self.running = None;
    }
}

#[cfg(test)]
mod tests;
