//! Trunks as peers: where they are reached, their health checks, that the carrier knows us, and what they are answered
//! when they ask for a password. One machine for all of them; it tells requests to send and hears what came of them.
//!
//! Does not know calls. What a trunk may do here is access control's matter, how much of it `capacity`'s.

mod capacity;
mod health;
mod line;
mod registration;
mod route;
mod target;

#[cfg(test)]
mod tests;

pub use capacity::{Capacity, Use};
pub use health::{MISSES, PING_TIMEOUT, RETRY_PAUSE, Reachability};
pub use line::TrunkProfile;
pub use registration::{FIRST_PAUSE, LONGEST_PAUSE};
pub use route::Route;

use super::locate::{self, Answer, Hop, LocalTransport, Locator, Query, TargetAddress};
use super::{Advertised, Flow, Message, Outgoing};
use crate::event::TrunkReason;
use crate::id::{Random, TrunkId};
use crate::time::{Mono, Now, Timers};
use line::Line;
use std::collections::{HashMap, HashSet};

/// What the trunks are told.
#[derive(Debug)]
pub enum Input {
    /// What was asked of the domain name system.
    Located {
        /// The question.
        query: Query,
        /// The answer.
        answer: Answer,
    },
    /// A final response to a request of ours.
    Response {
        /// Which request.
        asked: RequestId,
        /// The response.
        response: Message,
    },
    /// A request of ours got no final response, or its path is gone.
    Failed {
        /// Which request.
        asked: RequestId,
    },
    /// A request of ours was not sent: there is no room for it here. That says nothing of the peer.
    NotSent {
        /// Which request.
        asked: RequestId,
    },
    /// A connection is gone: what was registered over it must be registered anew.
    PathLost {
        /// The connection.
        flow: Flow,
    },
    /// We are stopping: sign out where we are signed in.
    Drain,
}

/// What the trunks say.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "moved once, into its transaction")]
pub enum Output {
    /// To be asked of the domain name system.
    Ask(Query),
    /// To be sent in a transaction of its own.
    Request {
        /// To be given back with what comes of it.
        asked: RequestId,
        /// By this path.
        flow: Flow,
        /// The request.
        request: Outgoing,
    },
    /// A trunk is reachable or no longer. The first time is news too.
    Changed {
        /// Which.
        trunk: TrunkId,
        /// Whether it is.
        reachable: bool,
        /// Why.
        reason: TrunkReason,
    },
}

/// Which request of ours something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    line: usize,
    about: About,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// Whether the address is reachable.
    Ping(Hop),
    /// The binding by which the carrier knows us.
    Registration,
}

/// Why the trunks want to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A target is to be pinged, a ping is unanswered, a name is to be looked up again, or a registration ends.
    TrunkDue,
    /// A name server is silent.
    Locating(locate::Reason),
}

/// What a trunk is like now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkStatus {
    /// Whether it answers us; `None` while that is not known, and for a trunk that only brings calls.
    pub reachable: Option<bool>,
    /// Whether the carrier knows us; `None` where we do not register.
    pub registered: Option<bool>,
    /// Its addresses, in the order they are tried.
    pub hops: Vec<(Hop, Reachability)>,
}

/// What this element says of itself.
#[derive(Debug, Clone)]
pub struct Own {
    /// The host in From.
    pub domain: String,
    /// Where peers reach us, when that is not the address of the socket.
    pub advertised: Option<Advertised>,
    /// Our sockets.
    pub reach: Vec<LocalTransport>,
}

/// All trunks with a place to be reached at. Bounded by the configuration.
#[derive(Debug)]
pub struct Trunks {
    own: Own,
    lines: Vec<Line>,
    by_name: HashMap<TrunkId, usize>,
    locator: Locator,
    timers: Timers<usize>,
    random: Random,
    found: Vec<locate::Output>,
    /// Every address of every target and registrar.
    near: HashSet<Hop>,
}

impl Trunks {
    /// The trunks of a configuration. Their first pings and registrations are due at once.
    pub fn new(profiles: Vec<TrunkProfile>, own: Own, now: Mono, mut random: Random) -> Trunks {
        let locator = Locator::new(own.reach.clone(), random.fork());
        let by_name = profiles.iter().enumerate().map(|(i, p)| (p.name.clone(), i)).collect();
        let line = |p| Line::new(p, &own.reach, now, &mut random);
        let lines: Vec<Line> = profiles.into_iter().map(line).collect();
        let mut trunks = Trunks {
            own,
            lines,
            by_name,
            locator,
            timers: Timers::default(),
            random,
            found: Vec::new(),
            near: HashSet::new(),
        };
        (0..trunks.lines.len()).for_each(|i| trunks.arm(i));
        trunks
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        let now = now.mono;
        match input {
            Input::Located { query, answer } => {
                self.locator.answered(now, query, answer, &mut self.found);
                self.located(now, out);
            }
            Input::Response { asked, response } => {
                self.with(now, asked.line, out, |line, cx| line.answered(asked.about, &response, cx));
            }
            Input::Failed { asked } => {
                self.with(now, asked.line, out, |line, cx| line.failed(asked.about, cx))
            }
            Input::NotSent { asked } => {
                self.with(now, asked.line, out, |line, cx| line.not_sent(asked.about, cx))
            }
            Input::PathLost { flow } => {
                for i in 0..self.lines.len() {
                    self.with(now, i, out, |line, cx| line.path_lost(&flow, cx));
                }
            }
            Input::Drain => {
                for i in 0..self.lines.len() {
                    self.with(now, i, out, Line::leave);
                }
            }
        }
    }

    /// The next moment something is due.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        let due = self.timers.next().map(|(at, _)| (at, Reason::TrunkDue));
        let silent = self.locator.poll_timeout().map(|(at, reason)| (at, Reason::Locating(reason)));
        due.into_iter().chain(silent).min_by_key(|(at, _)| *at)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let now = now.mono;
        while let Some(i) = self.timers.pop_due(now) {
            self.with(now, i, out, Line::due);
        }
        self.locator.handle_timeout(now, &mut self.found);
        self.located(now, out);
    }

    /// The routes to dial `number` through a trunk, in the order they are to be tried (RFC 3263 section 4.3): addresses
    /// not known to be unreachable, by the order of the targets, before those that are; hosts of one priority by a lot drawn for each
    /// call (RFC 2782); at most `most`. Empty when the trunk has no
    /// target, or none that has an address.
    pub fn routes(&mut self, trunk: &TrunkId, number: &str, most: usize) -> Vec<Route> {
        let Some(line) = self.by_name.get(trunk).and_then(|i| self.lines.get(*i)) else { return Vec::new() };
        let user = line.user(number);
        let route = |(target, hop): (&target::Target, Hop)| {
            Some(Route { uri: target.uri(Some(&user)), flow: line.flow(hop)? })
        };
        line.choices(&mut self.random).into_iter().filter_map(route).take(most).collect()
    }

    /// The path to an address of a trunk's, where one of its targets leads there and it is not known to be unreachable.
    pub fn reachable_flow(&self, trunk: &TrunkId, hop: Hop) -> Option<Flow> {
        let line = self.line(trunk)?;
        line.is_reachable(hop).then(|| line.flow(hop))?
    }

    /// A call by that hop failed with 503, by silence or by its flow: the hop is unreachable until it answers.
    pub fn failed(&mut self, now: Now, trunk: &TrunkId, hop: Hop, out: &mut Vec<Output>) {
        let Some(i) = self.by_name.get(trunk).copied() else { return };
        self.with(now.mono, i, out, |line, cx| line.call_failed(hop, cx));
    }

    /// A call by that hop was answered, whatever the answer.
    pub fn answered(&mut self, now: Now, trunk: &TrunkId, hop: Hop, out: &mut Vec<Output>) {
        let Some(i) = self.by_name.get(trunk).copied() else { return };
        self.with(now.mono, i, out, |line, cx| line.call_answered(hop, cx));
    }

    /// Whether requests to a trunk can prove a password where it asks for one.
    pub fn has_password(&self, trunk: &TrunkId) -> bool {
        self.line(trunk).is_some_and(|line| line.answering.is_some())
    }

    /// The request to send after a 401 or 407 of a trunk to `request`: the same with the next CSeq and the password
    /// proved. `None` when it is to be given up: no password, or it is not accepted.
    pub fn challenged(
        &mut self,
        trunk: &TrunkId,
        response: &Message,
        request: &Outgoing,
    ) -> Option<Outgoing> {
        let line = self.by_name.get(trunk).and_then(|i| self.lines.get_mut(*i))?;
        line.answering.as_mut()?.answer(response, request)
    }

    /// A request to a trunk with the password proved in advance, where the trunk has asked before.
    pub fn authorised(&mut self, trunk: &TrunkId, request: Outgoing) -> Outgoing {
        let line = self.by_name.get(trunk).and_then(|i| self.lines.get_mut(*i));
        match line.and_then(|line| line.answering.as_mut()) {
            Some(answering) => answering.authorised(request),
            None => request,
        }
    }

    /// Whether a path leads to an address of a target or a registrar: what comes from there are answers to us, and a
    /// connection to there is ours. It gives no right to bring calls.
    pub fn reaches(&self, flow: &Flow) -> bool {
        self.near.contains(&Hop::from(*flow))
    }

    /// The names of the hosts a trunk is configured to be reached at, its registrar among them; figures are none.
    pub fn hosts(&self, trunk: &TrunkId) -> Vec<String> {
        self.line(trunk).map(|line| line.hosts().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// What a trunk is like now.
    pub fn status(&self, trunk: &TrunkId) -> Option<TrunkStatus> {
        self.line(trunk).map(Line::status)
    }

    fn line(&self, trunk: &TrunkId) -> Option<&Line> {
        self.by_name.get(trunk).and_then(|i| self.lines.get(*i))
    }

    /// Does one step of one trunk, and all that follows from it.
    fn with(
        &mut self,
        now: Mono,
        i: usize,
        out: &mut Vec<Output>,
        step: impl FnOnce(&mut Line, &mut Cx<'_>),
    ) {
        let Some(line) = self.lines.get_mut(i) else { return };
        let mut searches = Vec::new();
        let mut cx = Cx { now, i, own: &self.own, random: &mut self.random, searches: &mut searches, out };
        step(line, &mut cx);
        line.tell(&mut cx);
        self.arm(i);
        for (seeker, place) in searches {
            self.locator.find(now, seeker, place, &mut self.found);
        }
        self.located(now, out);
    }

    /// Carries what the locator said.
    fn located(&mut self, now: Mono, out: &mut Vec<Output>) {
        for said in std::mem::take(&mut self.found) {
            match said {
                locate::Output::Ask(query) => out.push(Output::Ask(query)),
                locate::Output::Found { seeker, found } => {
                    let (i, nth) = line::seeker_of(seeker);
                    self.with(now, i, out, |line, cx| line.found(nth, found, cx));
                    self.near = self.lines.iter().flat_map(Line::hops).collect();
                }
            }
        }
    }

    fn arm(&mut self, i: usize) {
        match self.lines.get(i).and_then(Line::poll_timeout) {
            Some(at) => self.timers.set(i, at),
            None => self.timers.cancel(i),
        }
    }
}

/// What one step of one trunk works with.
struct Cx<'a> {
    now: Mono,
    i: usize,
    own: &'a Own,
    random: &'a mut Random,
    searches: &'a mut Vec<(locate::Seeker, TargetAddress)>,
    out: &'a mut Vec<Output>,
}

impl Cx<'_> {
    fn send(&mut self, about: About, flow: Flow, request: Outgoing) {
        self.out.push(Output::Request { asked: RequestId { line: self.i, about }, flow, request });
    }
}
