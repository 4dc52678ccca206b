//! What citizens and seats saw, compared with what the records say, call by call.

use crate::programme::{Plan, Programme};
use crate::town::{self, End, Seen, Town};
use crate::written::Written;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::{CallRecord, CallState, EndReason, EndedBy, PresentationResult, RefusalReason};
use hotline_gateway::id::Random;
use tokio::time::Duration;

/// A phone whose answer crossed the end of its call is hung up on at once; one that spoke did so for longer. The
/// shortest talk of this town is 100 ms.
const CROSSED: Duration = Duration::from_millis(80);

#[test]
fn every_record_says_what_the_citizen_and_the_seat_saw() {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(4);
    eprintln!("seed {seed}");
    town::run(story(seed));
}

async fn story(seed: u64) {
    let mut random = Random::from_number(seed);
    let (phones, seats_at) = Town::seats(&mut random).await;
    let mut gateway = Programme::start(Plan {
        name: "sides",
        seats: 24,
        seats_at,
        trunk: "channels = 55",
        queue: "ring_timeout = \"1s\"\ncool_down = \"1s\"\nmax_wait = \"2s\"\ncapacity = 20",
        limits: "",
    });
    let mut town = Town::new(phones, gateway.sip, random.fork()).await;
    for seat in 1001..=1024 {
        let when_rung = match seat % 8 {
            0 => WhenRung::Refuses(486),
            1 => WhenRung::Refuses(603),
            2 => WhenRung::Rings,
            3 => WhenRung::IsDead,
            n => WhenRung::Answers(Duration::from_millis(n * 20)),
        };
        // Some seats hang up themselves, the others leave it to the citizen.
        let talks = (seat % 3 == 0).then(|| Duration::from_millis(300));
        town.seat(seat as u32, when_rung, talks);
    }
    let habits = |random: &mut Random| match random.below(12) {
        0 => ("99999", HangUp::Never),
        // Here the answer takes 200 ms: some cancel, some just not.
        1 | 2 => ("12399", HangUp::AfterDialling(Duration::from_millis(random.below(250)))),
        3 => ("12345", HangUp::AfterDialling(Duration::from_millis(random.below(250)))),
        4 | 5 => ("12345", HangUp::AfterAnswer(Duration::from_millis(random.below(250)))),
        _ => ("12345", HangUp::AfterAnswer(Duration::from_millis(1_500 + random.below(700)))),
    };
    // Waves: some find ready seats, some wait, some find no place.
    for rate in [15.0, 90.0, 10.0, 60.0] {
        town.calls(Duration::from_secs(2), rate, habits).await;
    }
    assert!(town.settle(0, Duration::from_secs(15)).await, "calls do not end");
    assert!(gateway.stop().success());
    gateway.check_log();
    let written = Written::read(&gateway.store());
    written.check();
    let records = written.records_by_number();
    assert_eq!(records.len(), town.seen.len(), "as many records as calls");
    let mut verdicts = Verdicts::default();
    for (number, seen) in &town.seen {
        match records.get(number).map(Vec::as_slice) {
            Some([record]) => verdicts.compare(seen, record),
            Some(many) => panic!("{} records for one call: {seen:?}", many.len()),
            None => panic!("no record of a call: {seen:?}"),
        }
    }
    eprintln!("{} calls: {verdicts:?}", town.seen.len());
    let Verdicts { served, abandoned, cancelled, refused, .. } = verdicts;
    assert!(town.seen.len() >= 300, "only {} calls", town.seen.len());
    assert!(
        served > 50 && abandoned > 10 && cancelled > 10 && refused > 20,
        "the town was too quiet to test anything: {verdicts:?}"
    );
}

#[derive(Debug, Default, Clone, Copy)]
struct Verdicts {
    served: u32,
    abandoned: u32,
    cancelled: u32,
    refused: u32,
    crossed: u32,
}

/// One call from both sides.
struct Call<'a> {
    seen: &'a Seen,
    record: &'a CallRecord,
}

impl Verdicts {
    fn compare(&mut self, seen: &Seen, record: &CallRecord) {
        let call = Call { seen, record };
        call.must(seen.answered == record.answered_at.is_some(), "the 200 OK is not as recorded");
        match (seen.end, record.refused, record.ended.as_ref().map(|e| e.reason)) {
            (Some(End::Refused(487)), None, Some(EndReason::Cancelled)) => self.cancelled += 1,
            (Some(End::Refused(status)), Some((why, code)), None) => {
                self.refused += 1;
                let fits = match why {
                    RefusalReason::UnknownService => status == 404,
                    RefusalReason::NoChannel | RefusalReason::QueueFull => status == 503 || status == 486,
                    _ => false,
                };
                call.must(fits && status == code && record.state == CallState::Refused, "a refusal");
            }
            (Some(End::HungUp | End::HungUpOn), None, Some(reason)) => {
                self.served += u32::from(reason == EndReason::Completed);
                self.abandoned += u32::from(reason == EndReason::Abandoned);
                call.compare_end();
            }
            _ => call.must(false, "the end is not as recorded"),
        }
        self.crossed += call.compare_talk();
        call.compare_offers();
    }
}

impl Call<'_> {
    fn must(&self, holds: bool, what: &str) {
        assert!(holds, "{what}\n  seen: {:?}\n  record: {:?}", self.seen, self.record);
    }

    /// Answered by a human if and only if a seat's phone talked. Gives how many answers crossed the end of their offer.
    fn compare_talk(&self) -> u32 {
        let (mut spoke, mut crossed) = (Vec::new(), 0);
        for talk in &self.seen.talked {
            self.must(talk.until.is_some(), "a seat that never got free");
            let lasted = talk.until.map_or(Duration::MAX, |until| until.duration_since(talk.from));
            let offer = self.record.presentations.iter().rev().find(|p| p.seat.as_str() == talk.seat);
            match offer.and_then(|o| o.ended).map(|(result, ..)| result) {
                Some(PresentationResult::Answered) => spoke.push(talk.seat.as_str()),
                // Acknowledged, as the standard asks, and hung up on.
                Some(PresentationResult::CallerGone | PresentationResult::NoAnswer) if lasted < CROSSED => {
                    crossed += 1;
                }
                _ => self.must(false, "a seat talked and its offer was not answered"),
            }
        }
        self.must(spoke.len() <= 1, "two seats talked with one citizen");
        let recorded = self.record.seat.as_ref().map(|s| s.as_str());
        self.must(
            spoke.first().copied() == recorded && recorded.is_some() == self.record.connected_at.is_some(),
            "answered by a human if and only if the seat's phone talked",
        );
        let by_operator = self.record.ended.as_ref().is_some_and(|e| e.answered_by_operator);
        self.must(by_operator != spoke.is_empty(), "the end does not know whether a human answered");
        crossed
    }

    fn compare_end(&self) {
        let Some(ended) = &self.record.ended else { return };
        let human = self.record.connected_at.is_some();
        let fits = match (ended.reason, ended.by) {
            (EndReason::Completed, EndedBy::Seat) => human,
            (EndReason::Completed, EndedBy::Caller) => human && self.seen.end == Some(End::HungUp),
            (EndReason::Abandoned, EndedBy::Caller) => {
                !human && self.seen.end == Some(End::HungUp) && ended.callback_due
            }
            (EndReason::WaitLimit | EndReason::QueueFull, EndedBy::Gateway) => !human && self.seen.answered,
            _ => false,
        };
        self.must(fits, "the end is not as recorded");
    }

    /// Every phone that rang was offered the call, in that order, and every offer ended as its seat would have it.
    fn compare_offers(&self) {
        let rings = |seat: &str| self.seen.rang.iter().any(|r| r == seat);
        let offers = &self.record.presentations;
        let offered: Vec<&str> = offers.iter().map(|p| p.seat.as_str()).filter(|s| rings(s)).collect();
        self.must(offered == self.seen.rang, "phones that rang and offers that were recorded");
        for offer in offers {
            let Some((result, _, status)) = offer.ended else {
                return self.must(false, "an offer without an end");
            };
            let seat: u32 = offer.seat.as_str().parse().unwrap_or_default();
            let fits = match (seat % 8, result) {
                (_, PresentationResult::CallerGone | PresentationResult::Withdrawn) => true,
                (0, PresentationResult::Busy) => status == Some(486),
                (1, PresentationResult::Rejected) => status == Some(603),
                (2, PresentationResult::NoAnswer) => true,
                (3, PresentationResult::NoAnswer | PresentationResult::Unreachable) => true,
                (4.., PresentationResult::Answered) => {
                    self.seen.talked.iter().any(|t| t.seat == offer.seat.as_str())
                }
                _ => false,
            };
            self.must(fits, "an offer's result is not what its seat did");
        }
    }
}
