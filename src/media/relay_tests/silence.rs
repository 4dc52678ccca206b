//! Silence of a leg, and of both legs of a talk.

use super::*;

#[test]
fn a_leg_that_is_watched_is_told_of_each_time_it_says_nothing_for_so_long() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    let quiet = Duration::from_secs(3);
    w.order(Command::RtpTimeout { leg: b.leg, after: quiet });
    w.bridge(a, b);
    w.rounds(quiet - Duration::from_secs(1));
    w.speak(b, 1).unwrap();
    w.rounds(quiet - Duration::from_secs(1));
    assert!(!w.events().iter().any(|e| matches!(e, Event::RtpTimeout { .. })));
    w.rounds(quiet * 2);
    let told: Vec<Event> = w.events().into_iter().filter(|e| matches!(e, Event::RtpTimeout { .. })).collect();
    assert_eq!(
        told,
        [Event::RtpTimeout { leg: b.leg }, Event::RtpTimeout { leg: b.leg }],
        "and never of the other leg"
    );
}

#[test]
fn a_bridge_without_packets_from_either_side_is_told_once() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    w.rounds(SILENCE / 2);
    w.speak(a, 1).unwrap();
    w.rounds(SILENCE - Duration::from_secs(1));
    assert!(!w.events().iter().any(|e| matches!(e, Event::Silent { .. })));
    w.rounds(SILENCE * 5);
    let told: Vec<Event> = w.events().into_iter().filter(|e| matches!(e, Event::Silent { .. })).collect();
    assert_eq!(told, [Event::Silent { a: a.leg, b: b.leg }]);
}

#[test]
fn a_bridge_on_hold_both_ways_is_not_silent_and_gets_the_whole_time_after() {
    let mut w = World::new();
    let hold = |r: &mut Negotiated| r.direction = Direction::Inactive;
    let (a, b) = (w.phone(1, hold), w.phone(2, hold));
    w.bridge(a, b);
    w.rounds(SILENCE * 3);
    w.describe(a, |_| {});
    w.rounds(SILENCE - Duration::from_secs(1));
    assert_eq!(w.events(), []);
    w.rounds(Duration::from_secs(2));
    assert_eq!(w.events().len(), 1);
}

#[test]
fn a_time_in_which_nothing_was_read_is_not_silence() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.order(Command::RtpTimeout { leg: b.leg, after: Duration::from_secs(3) });
    w.bridge(a, b);
    w.speak(a, 1).unwrap();
    w.now = w.now + SILENCE * 3;
    w.rounds(Duration::from_secs(2));
    let silent = |e: &Event| matches!(e, Event::Silent { .. } | Event::RtpTimeout { .. });
    assert!(!w.events().iter().any(silent));
    w.rounds(SILENCE);
    assert!(w.events().contains(&Event::Silent { a: a.leg, b: b.leg }));
}
