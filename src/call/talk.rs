//! A talk: the parties that hear each other, who of them holds the others, and the consultation beside it.

use super::audio::Hears;
use super::common::Common;
use super::inputs::Output;
use super::leg::{Leg, Purpose};
use super::origin::Origin;
use super::search::Search;
use super::story::Cx;
use crate::acd;
use crate::event::{CallState, PresentationResult, What};
use crate::id::{LegId, PresentationId, SeatId};
use crate::sdp::Direction;
use crate::sip::Cause;
use crate::time::{Duration, Mono};

/// A phone that hangs up so soon after it was told that a transfer had failed was not told to by the operator: baresip does
/// so at once.
const HANGS_UP_UNASKED: Duration = Duration::from_secs(1);

/// How often a seat that holds its caller is probed: on hold no sound tells whether it is there.
const ON_HOLD: Duration = Duration::from_secs(5);

/// Parties that speak with each other.
#[derive(Debug)]
pub(super) struct Talk {
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
pub(super) struct TalkParty {
    /// Its leg.
    pub leg: LegId,
    /// Since when it holds the others. Of two that do, one is told.
    pub holds_since: Option<Mono>,
}

/// A seat consults another party while the caller waits.
#[derive(Debug)]
pub(super) struct Consultation {
    /// The second line of the seat.
    pub asker: LegId,
    /// The party.
    pub search: Search,
}

/// What a new direction of the audio means for a talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// The party holds the others.
    Held,
    /// The party holds them no more, after so long.
    Resumed(Duration),
}

impl Talk {
    /// Of these legs.
    pub(super) fn new(legs: &[LegId], serving: Option<SeatId>) -> Talk {
        let party = |leg: &LegId| TalkParty { leg: *leg, holds_since: None };
        let parties = legs.iter().map(party).collect();
        Talk { parties, serving, consultation: None, returned_until: None, probe_at: None }
    }

    /// Of parties that spoke before a restart, each with the hold it had.
    pub(super) fn resumed(parties: Vec<(LegId, Option<Mono>)>, serving: Option<SeatId>) -> Talk {
        let party = |(leg, holds_since)| TalkParty { leg, holds_since };
        Talk { parties: parties.into_iter().map(party).collect(), ..Talk::new(&[], serving) }
    }

    /// The legs, and since when each holds the others.
    pub(super) fn parties(&self) -> impl Iterator<Item = (LegId, Option<Mono>)> {
        self.parties.iter().map(|party| (party.leg, party.holds_since))
    }

    /// Whether `leg` is in it.
    pub(super) fn has(&self, leg: LegId) -> bool {
        self.parties.iter().any(|party| party.leg == leg)
    }

    /// The first party beside `leg`.
    pub(super) fn other(&self, leg: LegId) -> Option<LegId> {
        self.parties.iter().map(|party| party.leg).find(|other| *other != leg)
    }

    /// The legs, the last that joined first.
    pub(super) fn legs(&self) -> Vec<LegId> {
        self.parties.iter().rev().map(|party| party.leg).collect()
    }

    /// The party that holds the others, and since when.
    pub(super) fn holder(&self) -> Option<(LegId, Mono)> {
        self.parties.iter().find_map(|party| Some((party.leg, party.holds_since?)))
    }

    /// Follows the direction of the audio with `leg` as agreed, seen from us: a party that stops listening holds the others
    /// (RFC 3264 section 8.4).
    pub(super) fn follow(&mut self, leg: LegId, direction: Direction, now: Mono) -> Option<Hold> {
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
    pub(super) fn returned(&mut self, now: Mono) {
        self.returned_until = Some(now + HANGS_UP_UNASKED);
    }

    /// Whether a BYE of the seat now is the phone's own.
    pub(super) fn hangs_up_unasked(&self, now: Mono) -> bool {
        self.returned_until.is_some_and(|until| now < until)
    }

    /// What each party hears: the others, or music while one of them holds it.
    pub(super) fn hears(&self) -> Vec<(LegId, Hears)> {
        let mut all: Vec<(LegId, Hears)> = self.parties.iter().map(|p| (p.leg, self.heard_by(p))).collect();
        if let Some(Consultation { asker, search }) = &self.consultation {
            match search.heard() {
                Some(sought) => all.extend([(*asker, Hears::Leg(sought)), (sought, Hears::Leg(*asker))]),
                None => all.push((*asker, Hears::Music)),
            }
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

/// What a talk does with the legs of the call.
impl Talk {
    /// Parties that hear each other from here on. Their media is watched where they may be judged, and a hold that was agreed
    /// before they were connected is followed.
    pub(super) fn begin(&mut self, legs: &[LegId], common: &mut Common, cx: &mut Cx<'_>) {
        let phones = self.watched_phones(common);
        for leg in legs.iter().filter(|leg| phones.contains(leg)) {
            common.command(*leg, cx, |leg, lcx| leg.set_rtp_timeout(lcx));
            self.probe_at = Some(cx.now.mono + ON_HOLD);
        }
        for side in self.legs() {
            if let Some(direction) = common.legs.get(side).and_then(Leg::direction) {
                self.follow_direction(side, direction, common, cx);
            }
        }
    }

    /// The legs that may be judged.
    pub(super) fn watched(&self, common: &Common) -> Vec<LegId> {
        let may_be_probed = |leg: &LegId| common.legs.get(*leg).is_some_and(Leg::may_be_probed);
        self.legs().into_iter().filter(may_be_probed).collect()
    }

    /// Of these the phones of seats.
    fn watched_phones(&self, common: &Common) -> Vec<LegId> {
        let is_phone = |leg: &LegId| common.legs.get(*leg).is_some_and(Leg::is_probed_phone);
        self.legs().into_iter().filter(is_phone).collect()
    }

    /// While a party is on hold the seats owe no sound, and are probed.
    pub(super) fn probe_on_hold(&mut self, common: &mut Common, cx: &mut Cx<'_>) {
        let phones = self.watched_phones(common);
        self.probe_at = Some(cx.now.mono + ON_HOLD).filter(|_| !phones.is_empty());
        if self.holder().is_some() {
            for leg in phones {
                common.command(leg, cx, Leg::probe);
            }
        }
    }

    /// A party that stops listening holds the others.
    pub(super) fn follow_direction(
        &mut self,
        leg: LegId,
        direction: Direction,
        common: &mut Common,
        cx: &mut Cx<'_>,
    ) {
        let Some(hold) = self.follow(leg, direction, cx.now.mono) else { return };
        let call = common.id;
        let seat = self.serving.clone().filter(|_| leg != common.caller);
        match hold {
            Hold::Held => {
                common.story.tell_as(cx, CallState::Held, What::CallHeld { leg });
                cx.out.extend(seat.map(|seat| Output::Acd(acd::Input::Held { seat, call })));
            }
            Hold::Resumed(held) => {
                common.story.tell_as(cx, CallState::Connected, What::CallResumed { leg, held });
                cx.out.extend(seat.map(|seat| Output::Acd(acd::Input::Resumed { seat, call })));
                // Both had put the other on hold: now it is the other's turn.
                let still =
                    self.other(leg).and_then(|other| Some((other, common.legs.get(other)?.direction()?)));
                if let Some((other, direction)) = still.filter(|(_, direction)| !direction.sends()) {
                    self.follow_direction(other, direction, common, cx);
                }
            }
        }
    }

    /// Whether `leg` belongs to the consultation that is on: the seat's second line, or the other end.
    pub(super) fn is_consulting(&self, leg: LegId) -> bool {
        let is_its = |c: &Consultation| c.asker == leg || c.search.up() == Some(leg);
        self.consultation.as_ref().is_some_and(is_its)
    }

    /// Ends the consultation on both its legs; the caller stays on hold or in the talk.
    pub(super) fn end_consultation(&mut self, common: &mut Common, cx: &mut Cx<'_>) {
        let Some(Consultation { asker, mut search }) = self.consultation.take() else { return };
        let (up, presentation) = (search.up(), search.ringing().map(|ringing| ringing.presentation));
        if let Some(leg) = up {
            common.story.tell_left(leg, cx);
        }
        common.search_ends(&mut search, PresentationResult::Withdrawn, cx);
        let sought = presentation.map(Purpose::Sought);
        let ends = |leg: &Leg| leg.id == asker || Some(leg.id) == up || Some(leg.purpose) == sought;
        for leg in common.legs.ids(ends) {
            common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
        }
    }

    /// A hold ends because the talk does.
    pub(super) fn tell_resumed(&self, common: &mut Common, cx: &mut Cx<'_>) {
        if let Some((leg, since)) = self.holder() {
            let held = cx.now.mono.since(since);
            common.story.tell(cx, What::CallResumed { leg, held });
        }
    }

    /// Caller and seat hear each other no more, because the seat transfers the caller.
    pub(super) fn part(&self, common: &mut Common, cx: &mut Cx<'_>) {
        self.tell_resumed(common, cx);
        let other = self.other(common.caller);
        let holds = self.holder().is_some_and(|(leg, _)| Some(leg) == other);
        if let Some(seat) = self.serving.clone().filter(|_| holds) {
            cx.out.push(Output::Acd(acd::Input::Resumed { seat, call: common.id }));
        }
        if let Some(leg) = other.and_then(|other| common.legs.get_mut(other)) {
            leg.forget_probe();
        }
        common.story.summary.state = CallState::Held;
    }

    /// A seat transfers the party that it called: that party is the caller from here on, and the seat's leg is a line beside
    /// the caller's, as it is in a citizen's call.
    pub(super) fn trade_places(&mut self, common: &mut Common, cx: &mut Cx<'_>) {
        let Origin::Outbound { seat, line, .. } = &common.origin else { return };
        let (seat, line) = (seat.clone(), *line);
        let Some(called) = self.other(line).filter(|leg| common.legs.is_up(*leg)) else { return };
        if line == common.caller && common.legs.is_up(line) {
            common.caller = called;
            self.serving = Some(seat);
            if let Some(line) = common.legs.get_mut(line) {
                line.purpose = Purpose::Serves(PresentationId::new(cx.now.wall, cx.random));
            }
        }
    }
}
