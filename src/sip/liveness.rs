//! Whether the phones of seats are still there: who is asked when, and what silence means.
//!
//! A phone that has said nothing for a while is sent an OPTIONS; any answer will do, and so will anything else that
//! comes by its flow. Two probes in a row without an answer and the path to it is lost, until something comes
//! again: a lost path goes on being asked. Knows no transaction and no seat's state: it says whom to ask, its owner
//! asks. RFC 5626 section 4.2 leaves the means to the server; OPTIONS is what every phone answers.

use super::{Flow, Status};
use crate::id::SeatId;
use crate::time::{Duration, Mono, Timers};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// How long the response to one OPTIONS is waited for: it is sent three times by UDP in this time, at 0, 0.5 and
/// 1.5 s, and the answer to the last still has a second.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Probes in a row without an answer that mean a lost path. With [`PROBE_TIMEOUT`] and an interval of 4 s a phone that
/// dies is known to be gone after 9 s at the latest.
pub const MISSES: u32 = 2;

/// A path to a phone, as liveness counts it: a flow, or, behind a proxy, one contact on it. What comes from
/// the proxy says nothing of the phone behind it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContactPath {
    /// The path to the phone or to its proxy.
    pub flow: Flow,
    /// The contact, when there is a proxy between.
    pub behind: Option<Box<str>>,
}

/// How a phone is reached: what a request to it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedContact {
    /// The path.
    pub path: ContactPath,
    /// The Request-URI.
    pub uri: Box<str>,
    /// The route set (RFC 3327), as it stands in Route headers.
    pub routes: Vec<Box<str>>,
}

/// What is to be done or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send an OPTIONS there, and bring what came of it.
    Send {
        /// Names the probe.
        probe: Probe,
        /// Where to.
        place: WatchedContact,
    },
    /// The answer to this probe is waited for no longer.
    Forget {
        /// The probe.
        probe: Probe,
    },
    /// The path is lost.
    Lost {
        /// The path.
        path: ContactPath,
        /// The seats that were reached by it.
        seats: Vec<SeatId>,
    },
    /// The path is there again.
    Restored {
        /// The path.
        path: ContactPath,
        /// The seats that are reached by it.
        seats: Vec<SeatId>,
    },
}

/// One probe to one phone: the phone's number here, and which probe it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probe {
    phone: u64,
    nth: u64,
}

#[derive(Debug)]
struct Phone {
    place: WatchedContact,
    /// The seats with a contact there.
    seats: Vec<SeatId>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Heard from then.
    Reachable(Mono),
    /// A probe is out; so many probes before had no answer.
    Probed { probe: Probe, missed: u32 },
    /// Lost, and to be probed again.
    Lost,
    /// Lost, and probed again.
    LostProbed { probe: Probe },
}

/// Every phone that is watched. Bounded by its seats and their contacts.
#[derive(Debug, Default)]
pub struct Liveness {
    /// In the order they came, so that nothing depends on a hash.
    phones: BTreeMap<u64, Phone>,
    by_path: HashMap<ContactPath, u64>,
    timers: Timers<u64>,
    every: Duration,
    last: u64,
}

impl Liveness {
    /// No phone is watched. A phone that was not heard for `every` is asked; with zero none is, ever.
    pub fn new(every: Duration) -> Liveness {
        Liveness { every, ..Liveness::default() }
    }

    /// The places of a seat from here on; those it had before and are not among them are forgotten.
    pub fn watch(&mut self, now: Mono, seat: &SeatId, places: Vec<WatchedContact>, out: &mut Vec<Output>) {
        if self.every.is_zero() {
            return;
        }
        let left: Vec<u64> = self
            .phones
            .iter()
            .filter(|(_, p)| p.seats.contains(seat) && !places.iter().any(|n| n.path == p.place.path))
            .map(|(id, _)| *id)
            .collect();
        left.into_iter().for_each(|id| self.leave(id, seat, out));
        for place in places {
            match self.by_path.get(&place.path).and_then(|id| self.phones.get_mut(id)) {
                Some(phone) => {
                    if !phone.seats.contains(seat) {
                        phone.seats.push(seat.clone());
                    }
                    phone.place = place;
                }
                None => self.begin(now, seat, place),
            }
        }
    }

    fn begin(&mut self, now: Mono, seat: &SeatId, place: WatchedContact) {
        self.last += 1;
        self.by_path.insert(place.path.clone(), self.last);
        self.timers.set(self.last, now + self.every);
        self.phones
            .insert(self.last, Phone { place, seats: vec![seat.clone()], state: State::Reachable(now) });
    }

    /// The phones of a seat are asked at that moment, although nothing was heard of them for no long time: the process is new,
    /// and they may be gone.
    pub fn ask_at(&mut self, at: Mono, seat: &SeatId) {
        let asked = self.phones.iter_mut().filter(|(_, phone)| phone.seats.contains(seat));
        for (id, phone) in asked {
            if let State::Reachable(heard) = &mut phone.state {
                *heard = at - self.every;
                self.timers.set(*id, at);
            }
        }
    }

    fn leave(&mut self, id: u64, seat: &SeatId, out: &mut Vec<Output>) {
        let Some(phone) = self.phones.get_mut(&id) else { return };
        phone.seats.retain(|s| s != seat);
        if !phone.seats.is_empty() {
            return;
        }
        if let State::Probed { probe, .. } | State::LostProbed { probe } = phone.state {
            out.push(Output::Forget { probe });
        }
        if let Some(phone) = self.phones.remove(&id) {
            self.by_path.remove(&phone.place.path);
        }
        self.timers.cancel(id);
    }

    /// Something came by this flow: the phone straight behind it is there.
    pub fn heard(&mut self, now: Mono, flow: Flow, out: &mut Vec<Output>) {
        // Asked for every packet: nothing is hashed when no phone is watched.
        if !self.phones.is_empty()
            && let Some(id) = self.by_path.get(&ContactPath { flow, behind: None }).copied()
        {
            self.alive(now, id, out);
        }
    }

    /// A phone was heard of by this path in a manner that proves it is there: it registered.
    pub fn proved(&mut self, now: Mono, path: &ContactPath, out: &mut Vec<Output>) {
        if let Some(id) = self.by_path.get(path).copied() {
            self.alive(now, id, out);
        }
    }

    /// What came of a probe: a status, or `None` when it could not be sent.
    pub fn answered(&mut self, now: Mono, probe: Probe, status: Option<Status>, out: &mut Vec<Output>) {
        let Some(phone) = self.phones.get(&probe.phone) else { return };
        let asked = match phone.state {
            State::Probed { probe, .. } | State::LostProbed { probe } => Some(probe),
            State::Reachable(_) | State::Lost => None,
        };
        let by_proxy = phone.place.path.behind.is_some();
        match status.map(Status::code) {
            // A proxy that cannot reach the phone says so (RFC 3261 section 16.7, RFC 5626 section 5.3); from the
            // phone itself every answer is a sign of life.
            Some(404 | 408 | 410 | 430 | 480 | 500..=599) if by_proxy => {}
            Some(_) => return self.alive(now, probe.phone, out),
            None => {}
        }
        if asked == Some(probe) {
            self.missed(now, probe.phone, out);
        }
    }

    /// The network says that no phone is there. Forged as easily as sent, so it only ends the wait
    /// for one response: the next is asked at once.
    pub fn refused(&mut self, now: Mono, flow: Flow, out: &mut Vec<Output>) {
        let Some(id) = self.by_path.get(&ContactPath { flow, behind: None }).copied() else { return };
        match self.phones.get(&id).map(|p| p.state) {
            Some(State::Reachable(_)) => self.ask(now, id, 0, out),
            Some(State::Probed { probe, .. }) => {
                out.push(Output::Forget { probe });
                self.missed(now, id, out);
            }
            _ => {}
        }
    }

    /// Whether the path is known to be lost.
    pub fn is_lost(&self, path: &ContactPath) -> bool {
        let phone = self.by_path.get(path).and_then(|id| self.phones.get(id));
        phone.is_some_and(|p| matches!(p.state, State::Lost | State::LostProbed { .. }))
    }

    /// How many phones are watched, and how many of them are lost.
    pub fn counts(&self) -> (usize, usize) {
        let lost = |p: &&Phone| matches!(p.state, State::Lost | State::LostProbed { .. });
        (self.phones.len(), self.phones.values().filter(lost).count())
    }

    /// When the next probe, or the end of waiting for its response, is due.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.timers.next().map(|(at, _)| at)
    }

    /// Asks, and gives up, where it is time to.
    pub fn handle_timeout(&mut self, now: Mono, out: &mut Vec<Output>) {
        while let Some(id) = self.timers.pop_due(now) {
            match self.phones.get(&id).map(|p| p.state) {
                // What was heard since the alarm was set moves it; nothing else is done for every packet.
                Some(State::Reachable(at)) if at + self.every > now => self.timers.set(id, at + self.every),
                Some(State::Reachable(_)) => self.ask(now, id, 0, out),
                Some(State::Probed { probe, .. } | State::LostProbed { probe }) => {
                    out.push(Output::Forget { probe });
                    self.missed(now, id, out);
                }
                Some(State::Lost) => self.ask(now, id, MISSES, out),
                None => {}
            }
        }
    }

    fn ask(&mut self, now: Mono, id: u64, missed: u32, out: &mut Vec<Output>) {
        let Some(phone) = self.phones.get_mut(&id) else { return };
        self.last += 1;
        let probe = Probe { phone: id, nth: self.last };
        phone.state = match missed {
            ..MISSES => State::Probed { probe, missed },
            _ => State::LostProbed { probe },
        };
        self.timers.set(id, now + PROBE_TIMEOUT);
        out.push(Output::Send { probe, place: phone.place.clone() });
    }

    fn missed(&mut self, now: Mono, id: u64, out: &mut Vec<Output>) {
        let Some(phone) = self.phones.get_mut(&id) else { return };
        match phone.state {
            State::Probed { missed, .. } if missed + 1 < MISSES => self.ask(now, id, missed + 1, out),
            State::Probed { .. } => {
                phone.state = State::Lost;
                let (path, seats) = (phone.place.path.clone(), phone.seats.clone());
                self.timers.set(id, now + self.every);
                out.push(Output::Lost { path, seats });
            }
            State::LostProbed { .. } => {
                phone.state = State::Lost;
                self.timers.set(id, now + self.every);
            }
            State::Reachable(_) | State::Lost => {}
        }
    }

    fn alive(&mut self, now: Mono, id: u64, out: &mut Vec<Output>) {
        let Some(phone) = self.phones.get_mut(&id) else { return };
        let was = std::mem::replace(&mut phone.state, State::Reachable(now));
        match was {
            // The alarm that is set comes no later than it should; it moves itself.
            State::Reachable(_) => {}
            State::Probed { probe, .. } => {
                out.push(Output::Forget { probe });
                self.timers.set(id, now + self.every);
            }
            State::Lost | State::LostProbed { .. } => {
                if let State::LostProbed { probe } = was {
                    out.push(Output::Forget { probe });
                }
                let (path, seats) = (phone.place.path.clone(), phone.seats.clone());
                self.timers.set(id, now + self.every);
                out.push(Output::Restored { path, seats });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    const EVERY: Duration = Duration::from_secs(4);

    struct Desk {
        liveness: Liveness,
        now: Mono,
        asked: Option<Probe>,
    }

    fn flow(port: u16) -> Flow {
        let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), ([203, 0, 113, 5], port).into());
        Flow { transport: Transport::Udp, local, remote, connection: None }
    }

    fn place(port: u16, behind: Option<&str>) -> WatchedContact {
        let path = ContactPath { flow: flow(port), behind: behind.map(Into::into) };
        WatchedContact { path, uri: "sip:1001@10.0.0.7".into(), routes: Vec::new() }
    }

    fn desk(places: Vec<WatchedContact>) -> Desk {
        let mut liveness = Liveness::new(EVERY);
        let now = Mono(1_000_000_000_000);
        liveness.watch(now, &"1001".into(), places, &mut Vec::new());
        Desk { liveness, now, asked: None }
    }

    impl Desk {
        /// Time passes; what is said in it, a letter each: A(sk), F(orget), L(ost), B(ack).
        fn passes(&mut self, d: Duration) -> String {
            let end = self.now + d;
            let mut said = String::new();
            while let Some(at) = self.liveness.poll_timeout().filter(|at| *at <= end) {
                self.now = at.max(self.now);
                said += &self.does(|l, now, out| l.handle_timeout(now, out));
            }
            self.now = end;
            said
        }

        fn does(&mut self, what: impl FnOnce(&mut Liveness, Mono, &mut Vec<Output>)) -> String {
            let mut out = Vec::new();
            what(&mut self.liveness, self.now, &mut out);
            let letter = |s: &Output| match s {
                Output::Send { probe, .. } => {
                    self.asked = Some(*probe);
                    'A'
                }
                Output::Forget { .. } => 'F',
                Output::Lost { .. } => 'L',
                Output::Restored { .. } => 'B',
            };
            out.iter().map(letter).collect()
        }

        fn answers(&mut self, status: Option<Status>) -> String {
            let probe = self.asked.expect("a probe");
            self.does(|l, now, out| l.answered(now, probe, status, out))
        }
    }

    #[test]
    fn a_phone_that_says_nothing_is_lost_within_ten_seconds_of_its_last_word() {
        let mut d = desk(vec![place(5060, None)]);
        assert_eq!(d.passes(Duration::from_millis(8_999)), "AFA");
        assert_eq!(d.passes(Duration::from_millis(1)), "FL");
        assert!(d.liveness.is_lost(&place(5060, None).path));
        assert_eq!(d.liveness.counts(), (1, 1));
    }

    #[test]
    fn who_was_heard_is_not_asked_and_who_answers_is_left_in_peace() {
        let mut d = desk(vec![place(5060, None)]);
        for _ in 0..10 {
            assert_eq!(d.passes(Duration::from_secs(3)), "");
            assert_eq!(d.does(|l, now, out| l.heard(now, flow(5060), out)), "");
        }
        assert_eq!(d.passes(Duration::from_secs(4)), "A");
        assert_eq!(d.answers(Some(Status::METHOD_NOT_ALLOWED)), "F", "any answer is a sign of life");
        assert_eq!(d.passes(Duration::from_millis(3_999)), "");
        assert_eq!(d.passes(Duration::from_secs(1)), "A");
    }

    #[test]
    fn a_lost_phone_goes_on_being_asked_and_is_back_with_its_first_word() {
        let mut d = desk(vec![place(5060, None)]);
        d.passes(Duration::from_secs(9));
        assert_eq!(d.passes(Duration::from_secs(7)), "AF");
        assert_eq!(d.does(|l, now, out| l.heard(now, flow(5060), out)), "B");
        assert!(!d.liveness.is_lost(&place(5060, None).path));
        d.passes(Duration::from_secs(9));
        assert_eq!(d.passes(Duration::from_secs(4)), "A");
        assert_eq!(d.answers(Some(Status::OK)), "FB");
    }

    #[test]
    fn a_port_nobody_listens_on_is_found_out_at_once() {
        let mut d = desk(vec![place(5060, None)]);
        let refused = |l: &mut Liveness, now, out: &mut Vec<Output>| l.refused(now, flow(5060), out);
        assert_eq!(d.does(refused), "A", "a single one may be forged");
        assert_eq!(d.does(refused), "FA");
        assert_eq!(d.does(refused), "FL");
        assert_eq!(d.does(refused), "");
    }

    #[test]
    fn what_a_proxy_says_is_not_what_the_phone_behind_it_says() {
        let mut d = desk(vec![place(5060, Some("sip:1001@10.0.0.7"))]);
        assert_eq!(d.passes(EVERY), "A");
        d.does(|l, now, out| l.heard(now, flow(5060), out));
        assert_eq!(d.answers(Some(Status::FLOW_FAILED)), "A");
        assert_eq!(d.answers(None), "L");
        assert_eq!(d.passes(EVERY), "A");
        assert_eq!(d.answers(Some(Status::BUSY_HERE)), "FB");
    }

    #[test]
    fn a_seat_that_moves_leaves_nothing_behind() {
        let mut d = desk(vec![place(5060, None), place(5061, None)]);
        assert_eq!(d.passes(EVERY), "AA");
        let to = vec![place(5062, None)];
        assert_eq!(d.does(|l, now, out| l.watch(now, &"1001".into(), to, out)), "FF");
        assert_eq!(d.liveness.counts(), (1, 0));
        d.does(|l, now, out| l.watch(now, &"1001".into(), Vec::new(), out));
        assert_eq!((d.liveness.counts(), d.liveness.poll_timeout()), ((0, 0), None));
        assert!(d.liveness.by_path.is_empty());
    }

    #[test]
    fn seats_behind_one_flow_are_asked_for_by_one_question_and_lost_together() {
        let mut d = desk(vec![place(5060, None)]);
        d.does(|l, now, out| l.watch(now, &"1002".into(), vec![place(5060, None)], out));
        assert_eq!(d.passes(Duration::from_millis(8_999)), "AFA");
        let mut out = Vec::new();
        d.liveness.handle_timeout(d.now + Duration::from_secs(1), &mut out);
        let Some(Output::Lost { seats, .. }) = out.last() else { panic!("{out:?}") };
        assert_eq!(seats.len(), 2);
    }

    #[test]
    fn an_interval_of_zero_watches_nobody() {
        let mut liveness = Liveness::new(Duration::ZERO);
        liveness.watch(Mono(1), &"1001".into(), vec![place(5060, None)], &mut Vec::new());
        assert_eq!((liveness.counts(), liveness.poll_timeout()), ((0, 0), None));
    }
}
