//! What each party hears, as a table: where the call stands, and who hears what.

use super::audio::{Hears, Notice};
use super::outcome::Ending;
use super::ringing::{Failed, Next, Phone, Ringing};
use super::search::{Asks, Destination, Search};
use super::stage::{Arriving, LastMessage, Leaving, Outbound, Stage};
use super::talk::{Consultation, Hold, Talk};
use super::transfer::Transfer;
use super::waiting::{EarlyMedia, Queued};
use super::{Probing, Target};
use crate::event::{EndReason, EndedBy, PresentationResult, TransferKind};
use crate::id::{LegId, PresentationId};
use crate::sdp::Direction;
use crate::sip::{Flow, Inside, Status, Transport};
use crate::time::{Duration, Mono};
use std::sync::Arc;

const NOW: Mono = Mono(1_000_000_000);
const PRESENTATION: PresentationId = PresentationId::from_bytes([9; 16]);

fn leg(n: u8) -> LegId {
    LegId::from_bytes([n; 16])
}

fn notice(prompt: &str) -> Notice {
    Notice { play: 1, prompt: Arc::from(prompt) }
}

fn target() -> Target {
    let address = "192.0.2.1:5060".parse().unwrap();
    let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: None };
    let (probing, inside) = (Probing::ByOptions, Inside::ToContact);
    Target { uri: "sip:1@192.0.2.1".into(), flow, routes: Vec::new(), probing, inside }
}

/// A department of so many numbers.
fn department(numbers: usize) -> Destination {
    Destination {
        name: Arc::from("Water Bureau"),
        seat: None,
        operator: None,
        citizen: None,
        trunk: Some("far".into()),
        shown: Some("12345".into()),
        phones: vec![Phone { target: target(), others: Vec::new() }; numbers],
        ring: Duration::from_secs(15),
        recall: Duration::from_secs(30),
    }
}

fn search(asks: Asks) -> Search {
    let mut search = Search::new(department(2), "1001".into(), asks, NOW);
    search.ring_next(PRESENTATION, NOW);
    search.ringing_mut().unwrap().add(leg(3), Vec::new());
    search
}

/// A search whose party is heard before it answers.
fn heard_early(asks: Asks) -> Search {
    let mut search = search(asks);
    search.ringing_mut().unwrap().early_media = Some(leg(3));
    search
}

fn answered(asks: Asks) -> Search {
    let mut search = search(asks);
    search.answered(leg(3));
    search
}

fn queued(notice: Option<Notice>, early: bool) -> Stage {
    let mut ringing = Ringing::new(PRESENTATION, Some("1001".into()), Duration::from_secs(20));
    ringing.add(leg(2), Vec::new());
    ringing.early_media = early.then(|| leg(2));
    Stage::Queued(Queued { notice, ringing: Some(ringing), recalled: false })
}

/// A talk of caller and seat, in which these hold, with this consultation.
fn talk(holds: &[u8], consulted: Option<Search>) -> Stage {
    let mut talk = Talk::new(&[leg(1), leg(2)], Some("1001".into()));
    for n in holds {
        talk.follow(leg(*n), Direction::Inactive, NOW);
    }
    talk.consultation = consulted.map(|search| Consultation { asker: leg(4), search });
    Stage::Talk(talk)
}

fn transferring(search: Search) -> Stage {
    let (by, kind) = ("1001".into(), TransferKind::Blind);
    Stage::Transferring(Box::new(Transfer { by, kind, line: None, search }))
}

fn outbound(search: Search) -> Stage {
    Stage::Outbound(Outbound { durable: true, search })
}

fn arriving(early_media: EarlyMedia) -> Stage {
    Stage::Arriving(Arriving { durable: false, answer_at: None, early_media })
}

/// Who hears what: `1` is the caller, `2` the seat, `3` a party that is asked in, `4` the second line of the seat.
fn heard(stage: &Stage) -> String {
    let number = |leg: &LegId| leg.as_bytes()[0].to_string();
    let all = stage.hears(leg(1)).into_iter().map(|(leg, hears)| {
        let hears = match hears {
            Hears::Silence => "silence".to_owned(),
            Hears::Notice(notice) => notice.prompt.to_string(),
            Hears::Music => "music".to_owned(),
            Hears::Leg(other) => number(&other),
            Hears::Mix(others) => others.iter().map(number).collect::<Vec<_>>().join("+"),
        };
        format!("{}:{hears}", number(&leg))
    });
    all.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_party_hears_what_the_stage_says() {
    let ending = Ending::new(EndedBy::Caller, EndReason::Abandoned);
    let last = LastMessage { reason: EndReason::QueueFull, notice: notice("full"), until: NOW };
    let table = [
        ("before the answer", arriving(EarlyMedia::None), ""),
        ("early welcome", arriving(EarlyMedia::Welcome(notice("welcome"))), "1:welcome"),
        ("early music", arriving(EarlyMedia::Music), "1:music"),
        ("welcome in the queue", queued(Some(notice("welcome")), false), "1:welcome"),
        ("a welcome is not cut short", queued(Some(notice("welcome")), true), "1:welcome"),
        ("the queue", queued(None, false), "1:music"),
        ("early media of the seat's phone", queued(None, true), "1:2 2:1"),
        ("a seat calls", outbound(search(Asks::Talk)), "1:music"),
        ("a seat hears early media", outbound(heard_early(Asks::Talk)), "1:3 3:1"),
        ("a talk", talk(&[], None), "1:2 2:1"),
        ("the seat holds", talk(&[2], None), "1:music 2:silence"),
        ("the caller holds", talk(&[1], None), "1:silence 2:music"),
        ("consulting", talk(&[2], Some(search(Asks::Consult))), "1:music 2:silence 4:music"),
        ("consulted early", talk(&[2], Some(heard_early(Asks::Consult))), "1:music 2:silence 4:3 3:4"),
        ("consulted", talk(&[2], Some(answered(Asks::Consult))), "1:music 2:silence 4:3 3:4"),
        ("consulted without hold", talk(&[], Some(answered(Asks::Consult))), "1:2 2:1 4:3 3:4"),
        ("a transfer rings", transferring(search(Asks::Transfer)), "1:music"),
        ("a transfer is heard early", transferring(heard_early(Asks::Transfer)), "1:music"),
        ("a transfer is answered", transferring(answered(Asks::Transfer)), "1:music"),
        ("the last message", Stage::LastMessage(last), "1:full"),
        ("leaving", Stage::Leaving(Leaving { ending, ringing: None }), ""),
        ("over", Stage::Over, ""),
    ];
    for (stands, stage, hears) in table {
        assert_eq!(heard(&stage), hears, "{stands}");
    }
}

#[test]
fn three_parties_hear_each_other_and_one_that_holds_hears_nothing() {
    let mut talk = Talk::new(&[leg(1), leg(2), leg(3)], Some("1001".into()));
    assert_eq!(heard(&Stage::Talk(talk)), "1:2+3 2:1+3 3:1+2");
    talk = Talk::new(&[leg(1), leg(2), leg(3)], Some("1001".into()));
    talk.follow(leg(2), Direction::Inactive, NOW);
    assert_eq!(heard(&Stage::Talk(talk)), "1:3 2:silence 3:1");
}

#[test]
fn of_two_that_hold_each_other_one_is_told_at_a_time() {
    let mut talk = Talk::new(&[leg(1), leg(2)], Some("1001".into()));
    let later = NOW + Duration::from_secs(3);
    assert_eq!(talk.follow(leg(2), Direction::RecvOnly, NOW), Some(Hold::Held));
    assert_eq!(talk.follow(leg(1), Direction::Inactive, NOW), None);
    assert_eq!(talk.follow(leg(1), Direction::SendRecv, later), None);
    assert_eq!(talk.follow(leg(2), Direction::SendRecv, later), Some(Hold::Resumed(Duration::from_secs(3))));
    assert_eq!(talk.holder(), None);
}

#[test]
fn what_the_phones_say_adds_up_to_the_result_of_the_seat() {
    use PresentationResult::{Busy, Rejected, Unreachable};
    // The statuses in the order they come, and what is said of the seat when the last phone has failed.
    for (statuses, result) in [
        (&[None, None][..], Unreachable),
        (&[Some(486), None], Busy),
        (&[None, Some(486)], Busy),
        (&[Some(603), Some(486)], Rejected),
        (&[Some(480), Some(404)], Unreachable),
    ] {
        let mut ringing = Ringing::new(PRESENTATION, Some("1001".into()), Duration::from_secs(20));
        (2..4).for_each(|n| ringing.add(leg(n), Vec::new()));
        for (n, status) in statuses.iter().enumerate() {
            let others_ring = n + 1 < statuses.len();
            match ringing.failed(leg(2 + n as u8), Failed::from(status.map(Status::from)), others_ring, false)
            {
                Next::RingOn => assert!(others_ring),
                Next::Failed(failed) => assert_eq!(failed.result, result, "{statuses:?}"),
                Next::Another(_) => panic!("it has no other target"),
            }
        }
    }
}

#[test]
fn another_way_is_tried_unless_the_person_was_reached() {
    let silent = Failed::from(None);
    let mut ringing = Ringing::new(PRESENTATION, None, Duration::from_secs(20));
    ringing.add(leg(2), vec![target(), target()]);
    assert!(matches!(
        ringing.failed(leg(2), Failed::from(Some(Status::BUSY_HERE)), false, false),
        Next::Failed(_)
    ));
    assert!(matches!(ringing.failed(leg(2), silent, false, false), Next::Another(_)));
    ringing.add(leg(4), vec![target()]);
    assert!(matches!(ringing.failed(leg(4), silent, false, true), Next::Failed(_)), "no leg is left");
    ringing.add(leg(3), vec![target()]);
    ringing.was_reached(leg(3));
    assert!(matches!(ringing.failed(leg(3), silent, false, false), Next::Failed(_)));
}

#[test]
fn a_refusal_by_everybody_behind_the_seat_stops_the_other_phones() {
    let mut ringing = Ringing::new(PRESENTATION, Some("1001".into()), Duration::from_secs(20));
    (2..4).for_each(|n| ringing.add(leg(n), Vec::new()));
    let Next::Failed(failed) = ringing.failed(leg(2), Failed::from(Some(Status::DECLINE)), true, false)
    else {
        panic!("a 6xx is final");
    };
    assert_eq!(failed.status, Some(Status::DECLINE));
}

#[test]
fn the_last_number_of_a_department_rings_while_a_caller_waits() {
    // Eight numbers share 30 s; each rings 5 s at least.
    let mut search = Search::new(department(8), "1001".into(), Asks::Transfer, NOW);
    let mut at = NOW;
    for n in 1..=8 {
        assert_eq!(search.ring_next(PRESENTATION, at).map(|phones| phones.len()), Some(1), "number {n}");
        at = search.poll_timeout().unwrap().0;
    }
    assert_eq!(at, NOW + Duration::from_secs(40));
    assert!(search.ring_next(PRESENTATION, at).is_none());
}
