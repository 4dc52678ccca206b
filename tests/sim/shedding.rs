//! Calls beyond what a trunk may bring, or the machine and its disk can take: each is refused and counted.

use crate::house::{House, OTHER_TRUNK, TRUNK, flow};
use hotline_gateway::event::RefusalReason;
use hotline_gateway::gateway::{Input, RefusalCause};
use hotline_gateway::sip::access::PeerClass;
use hotline_gateway::sip::{Status, Transport};
use hotline_gateway::time::Duration;

#[test]
fn a_trunk_over_its_rate_is_shed_and_every_call_of_it_is_counted_once() {
    let mut house = House::new();
    let mut served = 0;
    for _ in 0..100 {
        house.now = house.now.after(Duration::from_millis(10));
        let invite = house.invite("13800000000", "");
        let answers = house.statuses(TRUNK, &invite);
        match answers.as_slice() {
            [100, 200] => served += 1,
            [503] => assert_eq!(house.statuses(TRUNK, &invite), [503], "a copy gets the same answer"),
            other => panic!("{other:?}"),
        }
    }
    assert!((9..=11).contains(&served), "5 a second and a bucket one second deep: {served}");
    let good = house.invite("13800000001", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
    assert!(house.gateway.counts().transactions <= served + 1, "nothing is kept of what was shed");
    house.waits(Duration::from_secs(1));
    assert_eq!(
        house.refusals(),
        [(RefusalReason::Overload, 503)],
        "the number is owed a call from the first on"
    );
    assert_eq!(house.shed(), 99 - served, "each of the others once, copies not again");
}

#[test]
fn calls_that_are_never_acknowledged_hold_no_more_than_their_trunks_share() {
    let mut house = House::new();
    let mut served = 0;
    for n in 0..60 {
        house.now = house.now.after(Duration::from_millis(250));
        let invite = house.invite(&format!("138000000{n:02}"), "");
        served += usize::from(house.statuses(TRUNK, &invite).contains(&200));
    }
    assert_eq!(served, 16);
    assert!(house.turned_away(PeerClass::Trunk, RefusalCause::HalfOpen) > 30);
    let good = house.invite("13800000001", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
    house.waits(Duration::from_secs(70));
    let again = house.invite("13800000200", "");
    assert_eq!(house.statuses(TRUNK, &again), [100, 200], "after 64*T1 they are over");
}

#[test]
fn under_overload_new_calls_are_shed_recorded_and_calls_in_are_served() {
    let mut house = House::new();
    let invite = house.invite("13800000000", "");
    let sent = house.hears(flow(Transport::Udp, OTHER_TRUNK), invite.as_str());
    let tag = sent
        .iter()
        .find_map(|(_, m)| (m.status() == Some(Status::OK)).then(|| m.to_tag().unwrap().to_owned()));
    house.takes(Input::Overloaded(true));
    let shed = house.invite("13800000001", "");
    let answers = house.hears(flow(Transport::Udp, OTHER_TRUNK), shed);
    assert_eq!(answers[0].1.status(), Some(Status::SERVICE_UNAVAILABLE));
    assert!(answers[0].1.header("Retry-After").is_some());
    assert_eq!(house.refusals(), [(RefusalReason::Overload, 503)]);
    let bye = invite
        .replace("INVITE", "BYE")
        .replace("branch=z9hG4bK", "branch=z9hG4bKb")
        .replace("CSeq: 1 ", "CSeq: 2 ")
        .replace("To: <sip:12345@hotline.example>", &format!("To: <sip:a@h>;tag={}", tag.unwrap()));
    assert_eq!(house.statuses(OTHER_TRUNK, &bye), [200]);
    house.takes(Input::Overloaded(false));
    let good = house.invite("13800000002", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
}

#[test]
fn a_stalled_journal_refuses_new_calls_by_503_and_keeps_nothing_else() {
    let mut house = House::new();
    house.stalled = true;
    house.takes(Input::JournalBackedUp(true));
    let (mut refused, mut most_kept, begun) = (0, 0, house.events.len() - 1);
    // Half of what the trunk may bring, then four times as much.
    for (pause, seconds) in [(40, 20), (5, 20)] {
        for _ in 0..seconds * 1_000 / pause {
            let invite = house.invite("13800000000", "");
            let mut heard = house.hears(flow(Transport::Udp, OTHER_TRUNK), invite);
            heard.extend(house.waits(Duration::from_millis(pause)));
            assert!(
                heard.iter().all(|(_, m)| m.status() == Some(Status::SERVICE_UNAVAILABLE)
                    && m.header("Retry-After").is_some()),
                "{heard:?}"
            );
            refused += heard.len();
            let counts = house.gateway.counts();
            most_kept = most_kept.max(counts.transactions + counts.awaiting_disk + counts.calls);
        }
    }
    house.waits(Duration::from_secs(1));
    assert_eq!(refused, 4_500, "each is answered");
    assert!(most_kept <= 4, "answers wait for the disk for 20 ms: {most_kept} were kept");
    let singly = house.refusals().len();
    // One second's worth of the trunk's rate may have been saved up.
    assert!((1_480..=1_560).contains(&singly), "{singly}");
    assert_eq!(house.shed(), refused - singly);
    let written = house.events.len() - begun;
    assert!(
        written <= 3 * singly + 23,
        "a refusal, its callback and its record, one a second, and two alarms: {written}"
    );
    house.stalled = false;
    house.takes(Input::JournalBackedUp(false));
    let good = house.invite("13800000001", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
}

#[test]
fn a_trunk_brings_calls_and_asks_for_nothing_else() {
    let mut house = House::new();
    for (method, status) in [
        ("REFER", 405),
        ("SUBSCRIBE", 405),
        ("PUBLISH", 405),
        ("MESSAGE", 405),
        ("NOTIFY", 405),
        ("OPTIONS", 200),
    ] {
        let request = house.request(method, "sip:12345@hotline.example", "13800000000", "");
        assert_eq!(house.statuses(TRUNK, &request), [status], "{method}");
    }
}
