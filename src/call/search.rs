//! A search: asking another party into a call. Another seat is rung at all its phones at once, a department by its numbers,
//! one after the other.

use super::leg::Party;
use super::ringing::{Phone, Ringing};
use crate::caller::HistoryKey;
use crate::event::SeatChoice;
use crate::id::{LegId, OperatorId, PresentationId, SeatId, TrunkId};
use crate::time::{Duration, Mono};
use std::sync::Arc;

/// How long a party may ring while an operator listens: the longest an INVITE may wait (RFC 3261 section 16.6, timer C).
const LISTENING_LIMIT: Duration = Duration::from_secs(180);

/// The least each number of a department rings while a caller waits: a second of setting up, and two rings. Eight numbers,
/// the most a department has, take forty seconds.
const LEAST_RING: Duration = Duration::from_secs(5);

/// How long a party that a restart has silenced is not rung anew at most: its phone has heard by then that the first call was
/// taken back, or never will.
const SILENCED: Duration = Duration::from_secs(2);

/// A party to be asked in, and how to reach it.
#[derive(Debug, Clone)]
pub struct Destination {
    /// As events name it: a department, a seat, a number.
    pub name: Arc<str>,
    /// The seat, if it is one.
    pub seat: Option<SeatId>,
    /// The person there.
    pub operator: Option<OperatorId>,
    /// The trunk it is reached through.
    pub trunk: Option<TrunkId>,
    /// The key of a number outside; `None` for a department and a seat.
    pub citizen: Option<HistoryKey>,
    /// The number it sees; without one it sees who asks for it.
    pub shown: Option<String>,
    /// What to ring: a department's numbers, in order, or a seat's phones, all at once. Each may have several targets.
    pub phones: Vec<Phone>,
    /// How long each but the last may ring; less while a caller waits and there are many.
    pub ring: Duration,
    /// How long all may ring together while a caller waits, if that gives each [`LEAST_RING`].
    pub recall: Duration,
}

impl Destination {
    /// All that is known of it after a restart; how it is reached is asked anew.
    fn named(name: Arc<str>) -> Destination {
        Destination {
            name,
            seat: None,
            operator: None,
            trunk: None,
            citizen: None,
            shown: None,
            phones: Vec::new(),
            ring: Duration::ZERO,
            recall: Duration::ZERO,
        }
    }
}

/// What a party is asked in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// A seat calls it.
    Talk,
    /// A seat consults it while the caller waits.
    Consult,
    /// The caller is transferred to it.
    Transfer,
}

/// A party that is being asked in, or was.
#[derive(Debug)]
pub(super) struct Search {
    /// The party.
    pub to: Destination,
    /// The seat that asks for it.
    pub by: SeatId,
    /// What for.
    pub asks: Asks,
    /// Which of its phones is rung next.
    next: usize,
    /// How far it has come.
    pub reach: Reach,
    /// When the number that rings has rung long enough.
    hop: Option<Mono>,
    /// When all of it has rung long enough.
    limit: Mono,
}

/// How far a search has come.
#[derive(Debug)]
pub(super) enum Reach {
    /// Nothing rings: it begins, or is between two numbers.
    Between,
    /// A restart took back what rang: the party is looked up and rung anew once its phone has heard so, or then.
    Silenced { until: Mono },
    /// All the phones of a seat, or one number of a department, ring.
    Ringing(Ringing),
    /// The party answered on this leg.
    Up(LegId),
}

/// What the party that listens hears of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SoughtProgress {
    /// Early media, not ringing alone.
    pub early_media: bool,
}

/// What has rung long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silent {
    /// One number.
    Hop,
    /// All.
    All,
    /// Nothing since the restart.
    Silenced,
}

impl Search {
    /// Begins.
    pub(super) fn new(to: Destination, by: SeatId, asks: Asks, now: Mono) -> Search {
        let limit = now + LISTENING_LIMIT;
        let mut search = Search { to, by, asks, next: 0, reach: Reach::Between, hop: None, limit };
        if asks == Asks::Transfer {
            search.hurry(now);
        }
        search
    }

    /// Goes on after a restart.
    pub(super) fn silenced(to: Arc<str>, by: SeatId, asks: Asks, now: Mono) -> Search {
        let reach = Reach::Silenced { until: now + SILENCED };
        let limit = now + LISTENING_LIMIT;
        Search { to: Destination::named(to), by, asks, next: 0, reach, hop: None, limit }
    }

    /// Whether it waits to be begun anew after a restart.
    pub(super) fn is_silenced(&self) -> bool {
        matches!(self.reach, Reach::Silenced { .. })
    }

    /// Begun anew: the party is being looked up.
    pub(super) fn wakes(&mut self) {
        self.reach = Reach::Between;
    }

    /// Why a seat is rung that no queue chose.
    pub(super) fn why(&self) -> SeatChoice {
        let by = self.by.clone();
        match self.asks {
            Asks::Talk => SeatChoice::Called { by },
            Asks::Consult => SeatChoice::Consulted { by },
            Asks::Transfer => SeatChoice::Transferred { by },
        }
    }

    /// The party as a leg has it; `None` when it has neither seat nor trunk.
    pub(super) fn party(&self) -> Option<Party> {
        let Destination { name, seat, operator, trunk, .. } = &self.to;
        match (seat.clone(), trunk.clone()) {
            (Some(seat), _) => Some(Party::Seat { seat, operator: operator.clone() }),
            (None, Some(trunk)) => Some(Party::Outside { trunk, name: name.clone() }),
            (None, None) => None,
        }
    }

    /// The consultation becomes a transfer.
    pub(super) fn becomes_transfer(&mut self, now: Mono) {
        self.asks = Asks::Transfer;
        if self.up().is_none() {
            self.hurry(now);
        }
    }

    /// The party rings on `leg`, or is heard before it answers: whether that is to be told to the party that listens, and
    /// whether early media is heard. Which of a seat's phones will answer is not known: what one says before that is not
    /// passed on.
    pub(super) fn progressed(&mut self, leg: LegId, early_media: bool, now: Mono) -> Option<SoughtProgress> {
        let ringing = self.ringing_mut().filter(|ringing| ringing.has(leg))?;
        let early_media = early_media && ringing.seat.is_none();
        let first = ringing.begins_to_ring(now);
        if early_media {
            ringing.early_media = Some(leg);
        }
        (first || early_media).then_some(SoughtProgress { early_media })
    }

    /// From here on a caller waits for it: every number that is left has its share of the recall, so that the last is rung
    /// too.
    fn hurry(&mut self, now: Mono) {
        let left = match self.to.seat {
            Some(_) => 1,
            None => self.to.phones.len() - self.next.saturating_sub(1).min(self.to.phones.len()),
        };
        let left = u32::try_from(left).unwrap_or(u32::MAX).max(1);
        let share = (self.to.recall / left).max(LEAST_RING.min(self.to.recall));
        self.to.ring = self.to.ring.min(share);
        self.limit = now + self.to.recall.max(self.to.ring * left);
        if self.hop.is_some() {
            self.hop = Some(now + self.to.ring);
        }
    }

    /// All the phones of a seat, or the next number of a department, which ring from here on by `presentation`. `None` when
    /// none is left.
    pub(super) fn ring_next(&mut self, presentation: PresentationId, now: Mono) -> Option<Vec<Phone>> {
        self.hop = None;
        self.reach = Reach::Between;
        let left = self.to.phones.get(self.next..).unwrap_or_default();
        let at_once = if self.to.seat.is_some() { left.len() } else { 1 };
        let phones: Vec<Phone> = left.iter().take(at_once).cloned().collect();
        if phones.is_empty() {
            return None;
        }
        self.next += phones.len();
        let is_last = self.next >= self.to.phones.len();
        self.hop = (!is_last).then(|| now + self.to.ring);
        let limit = if is_last { LISTENING_LIMIT } else { self.to.ring };
        self.reach = Reach::Ringing(Ringing::new(presentation, self.to.seat.clone(), limit));
        Some(phones)
    }

    /// The party answered on `leg`; gives how it rang.
    pub(super) fn answered(&mut self, leg: LegId) -> Option<Ringing> {
        self.hop = None;
        match std::mem::replace(&mut self.reach, Reach::Up(leg)) {
            Reach::Ringing(ringing) => Some(ringing),
            Reach::Between | Reach::Silenced { .. } | Reach::Up(_) => None,
        }
    }

    /// What rings no more; told once.
    pub(super) fn take_ringing(&mut self) -> Option<Ringing> {
        match std::mem::replace(&mut self.reach, Reach::Between) {
            Reach::Ringing(ringing) => Some(ringing),
            other @ (Reach::Between | Reach::Silenced { .. } | Reach::Up(_)) => {
                self.reach = other;
                None
            }
        }
    }

    /// What rings.
    pub(super) fn ringing(&self) -> Option<&Ringing> {
        match &self.reach {
            Reach::Ringing(ringing) => Some(ringing),
            Reach::Between | Reach::Silenced { .. } | Reach::Up(_) => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn ringing_mut(&mut self) -> Option<&mut Ringing> {
        match &mut self.reach {
            Reach::Ringing(ringing) => Some(ringing),
            Reach::Between | Reach::Silenced { .. } | Reach::Up(_) => None,
        }
    }

    /// The leg the party answered on.
    pub(super) fn up(&self) -> Option<LegId> {
        match self.reach {
            Reach::Up(leg) => Some(leg),
            Reach::Between | Reach::Silenced { .. } | Reach::Ringing(_) => None,
        }
    }

    /// The leg of the party that can be heard: it answered, or has early media.
    pub(super) fn heard(&self) -> Option<LegId> {
        match &self.reach {
            Reach::Up(leg) => Some(*leg),
            Reach::Ringing(ringing) => ringing.early_media,
            Reach::Between | Reach::Silenced { .. } => None,
        }
    }

    /// The next deadline.
    pub(super) fn poll_timeout(&self) -> Option<(Mono, Silent)> {
        match self.reach {
            Reach::Up(_) => return None,
            Reach::Silenced { until } => return Some((until, Silent::Silenced)),
            Reach::Between | Reach::Ringing(_) => {}
        }
        let hop = self.hop.map(|at| (at, Silent::Hop));
        [hop, Some((self.limit, Silent::All))].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}
