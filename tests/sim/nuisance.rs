//! The block list and what slows a number automatically, in the whole control plane, one sentence each.

use crate::house::*;
use hotline_gateway::caller::{BlockAction, BlockEntry, HistoryKey, HistorySecret};
use hotline_gateway::event::{RefusalReason, What};
use hotline_gateway::gateway::{BlockChange, Input, RefusalCause};
use hotline_gateway::sip::access::PeerClass;
use hotline_gateway::time::{Duration, Now};

const SECRET: [u8; 32] = [7; 32];

fn entry(number: &str, action: BlockAction, now: Now) -> BlockEntry {
    BlockEntry {
        key: HistoryKey::of_number(number, &HistorySecret::new(SECRET)),
        masked: "+86*******0000".into(),
        action,
        until: now.wall + Duration::from_secs(3600),
        reason: "shouts".into(),
        by: "desk".into(),
        added_at: now.wall,
    }
}

fn list_changes(house: &House) -> Vec<(String, String)> {
    let changes = house.events.iter().filter_map(|e| match &e.what {
        What::BlockListChanged { change, by, .. } => Some((change.to_string(), by.to_string())),
        _ => None,
    });
    changes.collect()
}

#[test]
fn a_blocked_number_is_refused_until_it_expires_and_changes_are_events() {
    let mut house = House::new();
    let blocked = entry("+8613800000000", BlockAction::Block, house.now);
    house.takes(Input::BlockList(BlockChange::Added(blocked.clone())));
    let invite = house.invite("13800000000", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &invite), [100, 603]);
    assert_eq!(house.refusals(), [(RefusalReason::Blocked, 603)]);
    assert_eq!(house.turned_away(PeerClass::Trunk, RefusalCause::Blocked), 1);
    let other = house.invite("13800000001", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &other), [100, 200]);
    house.waits(Duration::from_secs(3600));
    let expired = house.invite("13800000000", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &expired), [100, 200]);
    let again = entry("+8613800000000", BlockAction::Block, house.now);
    house.takes(Input::BlockList(BlockChange::Added(again)));
    house.takes(Input::BlockList(BlockChange::Removed { key: blocked.key, by: "lead".into() }));
    let removed = house.invite("13800000000", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &removed), [100, 200]);
    let told = |change: &str, by: &str| (change.to_owned(), by.to_owned());
    assert_eq!(list_changes(&house), [told("block", "desk"), told("block", "desk"), told("removed", "lead")]);
}

#[test]
fn a_warned_number_is_marked_and_a_slowed_one_rings_before_it_is_queued() {
    let mut house = House::new();
    let loaded = [("+8613800000000", BlockAction::Warn), ("+8613800000001", BlockAction::Slow)];
    let loaded = loaded.map(|(number, action)| entry(number, action, house.now)).to_vec();
    house.takes(Input::BlockList(BlockChange::Loaded(loaded)));
    assert!(list_changes(&house).is_empty(), "what was there at the start is no change");
    let warned = house.invite("13800000000", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &warned), [100, 200]);
    let slowed = house.invite("13800000001", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &slowed), [100, 180]);
    let answered =
        |house: &House| house.events.iter().filter(|e| matches!(e.what, What::CallAnswered { .. })).count();
    house.waits(Duration::from_millis(9_900));
    assert_eq!(answered(&house), 1, "not yet");
    house.waits(Duration::from_millis(200));
    assert_eq!(answered(&house), 2, "after ten seconds");
    let marks = house.events.iter().filter_map(|e| match &e.what {
        What::CallerIdentified(c) => Some(&c.attributes),
        _ => None,
    });
    let mut marks: Vec<_> = marks.flatten().map(|(name, value)| (&**name, value.reveal().as_str())).collect();
    marks.sort_unstable();
    assert_eq!(marks, [("block_list", "slow: shouts"), ("block_list", "warn: shouts")]);
}

#[test]
fn a_number_that_calls_without_end_is_slowed_and_others_served_as_before() {
    let mut house = House::new();
    let (mut at_once, mut rung) = (0, 0);
    for _ in 0..40 {
        house.waits(Duration::from_secs(1));
        let nuisance = house.invite("13800000000", "");
        match house.statuses(OTHER_TRUNK, &nuisance).as_slice() {
            [100, 200] => at_once += 1,
            [100, 180] => rung += 1,
            other => panic!("{other:?}"),
        }
        let good = house.invite(&format!("138000001{:02}", house.count % 100), "");
        assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
    }
    assert!((20..=22).contains(&at_once), "{at_once} before, {rung} after");
    assert_eq!(list_changes(&house), [("slow".to_owned(), "automatic".to_owned())], "once");
    assert_eq!(house.kept.len(), 1, "the shell keeps it");
}

#[test]
fn a_flood_of_one_service_from_many_numbers_lists_none_of_them() {
    let mut house = House::new();
    for n in 0..400 {
        house.waits(Duration::from_millis(500));
        let from = if n % 2 == 0 { format!("1380000{n:04}") } else { "anonymous".to_owned() };
        let invite = house.invite(&from, "");
        house.statuses(OTHER_TRUNK, &invite);
    }
    assert!(list_changes(&house).is_empty());
    assert!(house.kept.is_empty());
}
