//! A talk: the parties that hear each other, who of them holds the others, and the consultation beside it.

use super::audio::Hears;
use super::leg::ReferId;
use super::search::Search;
use crate::event::TransferKind;
use crate::id::{LegId, SeatId};
use crate::sdp::Direction;
use crate::time::{Duration, Mono};

/// A phone that hangs up so soon after it was told that a transfer had failed was not told to by the operator: baresip does
/// so at once.
const HANGS_UP_UNASKED: Duration = Duration::from_secs(1);

/// How often a seat that holds its caller is probed: on hold no sound tells whether it is there.
const ON_HOLD: Duration = Duration::from_secs(5);

/// Parties that speak with each other.
#[derive(Debug)]
pub struct Talk {
    parties: Vec<TalkParty>,
    /// The seat that serves the caller; `None` with a party outside, and in a call that a seat placed.
    pub serving: Option<SeatId>,
    /// Whom the seat consults.
    pub consultation: Option<Consultation>,
    /// Until then a BYE of the seat is the phone's own, because a transfer failed.
    returned_until: Option<Mono>,
    /// When seats are probed next, should one be on hold.
    pub probe_at: Option<Mono>,
}

/// A party of a talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TalkParty {
    /// Its leg.
    pub leg: LegId,
    /// It holds the others since then. Of two that do, one is told.
    pub holds_since: Option<Mono>,
}

/// A seat consults another party while the caller waits.
#[derive(Debug)]
pub struct Consultation {
    /// The second line of the seat.
    pub asker: LegId,
    /// The party.
    pub search: Search,
}

/// What a new direction of the audio means for a talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The party holds the others.
    Held,
    /// It holds them no more, after so long.
    Resumed(Duration),
}

impl Talk {
    /// Of these legs.
    pub fn new(legs: &[LegId], serving: Option<SeatId>) -> Talk {
        let party = |leg: &LegId| TalkParty { leg: *leg, holds_since: None };
        let parties = legs.iter().map(party).collect();
        Talk { parties, serving, consultation: None, returned_until: None, probe_at: None }
    }

    /// Whether `leg` is in it.
    pub fn has(&self, leg: LegId) -> bool {
        self.parties.iter().any(|party| party.leg == leg)
    }

    /// The first party beside `leg`.
    pub fn other(&self, leg: LegId) -> Option<LegId> {
        self.parties.iter().map(|party| party.leg).find(|other| *other != leg)
    }

    /// The legs, the last that joined first.
    pub fn legs(&self) -> Vec<LegId> {
        self.parties.iter().rev().map(|party| party.leg).collect()
    }

    /// The party that holds the others, and since when.
    pub fn holder(&self) -> Option<(LegId, Mono)> {
        self.parties.iter().find_map(|party| Some((party.leg, party.holds_since?)))
    }

    /// Follows the direction of the audio with `leg` as agreed, seen from us: a party that stops listening holds the others
    /// (RFC 3264 section 8.4).
    pub fn follow(&mut self, leg: LegId, direction: Direction, now: Mono) -> Option<Hold> {
        let holder = self.holder();
        let party = self.parties.iter_mut().find(|party| party.leg == leg)?;
        match holder {
            None if !direction.sends() => {
                party.holds_since = Some(now);
                Some(Hold::Held)
            }
            Some((holder, since)) if holder == leg && direction.sends() => {
                party.holds_since = None;
                Some(Hold::Resumed(now.since(since)))
            }
            None | Some(_) => None,
        }
    }

    /// The caller is back on the seat's line because a transfer failed, and the phone was told.
    pub fn returned(&mut self, now: Mono) {
        self.returned_until = Some(now + HANGS_UP_UNASKED);
    }

    /// Whether a BYE of the seat now is the phone's own.
    pub fn hangs_up_unasked(&self, now: Mono) -> bool {
        self.returned_until.is_some_and(|until| now < until)
    }

    /// Seats are probed while one is on hold.
    pub fn watch(&mut self, now: Mono) {
        self.probe_at = Some(now + ON_HOLD);
    }

    /// What each party hears: the others, or music while one of them holds it.
    pub fn hears(&self) -> Vec<(LegId, Hears)> {
        let mut all: Vec<(LegId, Hears)> = self.parties.iter().map(|p| (p.leg, self.heard_by(p))).collect();
        if let Some(Consultation { asker, search }) = &self.consultation
            && let Some(sought) = search.heard()
        {
            all.extend([(*asker, Hears::Leg(sought)), (sought, Hears::Leg(*asker))]);
        }
        all
    }

    fn heard_by(&self, party: &TalkParty) -> Hears {
        // A party that does not listen is sent nothing.
        if party.holds_since.is_some() {
            return Hears::Silence;
        }
        let others =
            self.parties.iter().filter(|other| other.leg != party.leg && other.holds_since.is_none());
        let others: Vec<LegId> = others.map(|other| other.leg).collect();
        match others[..] {
            [] => Hears::Music,
            [one] => Hears::Leg(one),
            [..] => Hears::Mix(others),
        }
    }
}

/// A caller on the way to another party; music plays meanwhile.
#[derive(Debug)]
pub struct Transfer {
    /// The seat that transfers (the transferor).
    pub by: SeatId,
    /// How.
    pub kind: TransferKind,
    /// The line of that seat, while it is up.
    pub line: Option<Line>,
    /// The transfer target.
    pub search: Search,
}

/// The line of a seat that transfers a caller.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Its leg.
    pub leg: LegId,
    /// The subscription its REFER began; `None` when the phone wants to be told nothing.
    pub refer: Option<Refer>,
}

/// The subscription of a REFER.
#[derive(Debug, Clone, Copy)]
pub struct Refer {
    /// The leg it came on.
    pub leg: LegId,
    /// Its name.
    pub id: ReferId,
}
