//! Ports: drawn, passed over, refused.

use super::super::command::{OpenFailure, Shortage};
use super::*;

fn leg(w: &mut World) -> LegId {
    let leg = LegId::new(Wall(0), &mut w.random);
    w.order(Command::Open { leg, family: Family::V4, resume: None });
    leg
}

fn asked(w: &mut World) -> Option<(Key, u16)> {
    match w.out.pop() {
        Some(Output::Bind(key, Family::V4, port)) => Some((key, port)),
        other => {
            w.out.extend(other);
            None
        }
    }
}

#[test]
fn an_exhausted_range_refuses_and_ports_rest_before_they_serve_again() {
    let mut w = World::with(Ports::new(10_000..=10_003, Duration::from_secs(5)));
    let (first, _, port) = w.open().unwrap();
    w.open().unwrap();
    assert!(w.open().is_none());
    w.order(Command::Close { leg: first });
    w.out.clear();
    w.now = w.now + Duration::from_secs(4);
    assert!(w.open().is_none());
    assert_eq!(w.relay.counts().refused, 2);
    w.now = w.now + Duration::from_secs(1);
    assert_eq!(w.open().unwrap().2, port);
}

#[test]
fn a_port_held_by_another_program_is_passed_over() {
    let mut w = World::new();
    let leg = leg(&mut w);
    let (key, first) = asked(&mut w).unwrap();
    w.relay.bound(w.now, key, Bound::Taken, &mut w.out);
    let (_, second) = asked(&mut w).unwrap();
    assert_ne!(first, second);
    for _ in 0..100 {
        w.relay.bound(w.now, key, Bound::Taken, &mut w.out);
    }
    let failed = w.events();
    assert_eq!(failed, [Event::OpenFailed { leg, why: OpenFailure::AllTaken }]);
    assert_eq!((w.relay.counts().legs, w.relay.counts().ports), (0, 0));
}

#[test]
fn a_neighbour_that_holds_hundreds_of_ports_in_a_row_costs_no_call() {
    let mut w = World::with(Ports::new(10_000..=13_999, Duration::from_secs(5)));
    for _ in 0..200 {
        let leg = leg(&mut w);
        let (key, port) = loop {
            let (key, port) = asked(&mut w).expect("no leg is refused");
            if port >= 12_000 {
                break (key, port);
            }
            w.relay.bound(w.now, key, Bound::Taken, &mut w.out);
        };
        w.relay.bound(w.now, key, Bound::Ours, &mut w.out);
        assert_eq!(w.events(), [Event::Opened { leg, local: LocalMedia::plain(port) }]);
    }
}

#[test]
fn a_range_that_others_hold_to_the_end_of_the_tries_refuses_the_leg() {
    let mut w = World::with(Ports::new(10_000..=19_999, Duration::from_secs(5)));
    let leg = leg(&mut w);
    let mut tried = 0;
    while let Some((key, _)) = asked(&mut w) {
        tried += 1;
        w.relay.bound(w.now, key, Bound::Taken, &mut w.out);
    }
    assert_eq!(w.events(), [Event::OpenFailed { leg, why: OpenFailure::AllTaken }]);
    assert_eq!((tried, w.relay.counts().ports), (128, 0));
}

#[test]
fn a_shortage_refuses_at_once_and_the_next_leg_may_have_every_port() {
    for shortage in [Shortage::Descriptors, Shortage::Memory, Shortage::Address] {
        let mut w = World::with(Ports::new(10_000..=10_003, Duration::from_secs(5)));
        for _ in 0..1_000 {
            let leg = leg(&mut w);
            let (key, _) = asked(&mut w).expect("no port was burnt by those before");
            w.relay.bound(w.now, key, Bound::Short(shortage), &mut w.out);
            assert_eq!(w.events(), [Event::OpenFailed { leg, why: OpenFailure::Short(shortage) }]);
        }
        assert_eq!((w.relay.counts().ports, w.relay.counts().refused), (0, 1_000));
        assert!(w.open().is_some() && w.open().is_some(), "in the very moment it is over");
    }
}

#[test]
fn rtcp_gets_its_socket_after_a_second_and_not_when_it_shares_the_port() {
    let mut w = World::new();
    let (leg, key, port) = w.open().unwrap();
    w.describe(Phone { leg, key, at: "192.0.2.1:4000".parse().unwrap() }, |_| {});
    w.phone(2, |r| r.rtcp_mux = true);
    w.out.clear();
    w.rounds(Duration::from_millis(600));
    assert_eq!(w.out, []);
    w.rounds(Duration::from_secs(3));
    assert_eq!(w.out, [Output::BindReports(key, port + 1)]);
    w.out.clear();
    w.relay.bound_reports(key, Bound::Short(Shortage::Descriptors));
    w.rounds(Duration::from_secs(1));
    assert_eq!(w.out, [Output::BindReports(key, port + 1)], "a shortage passes");
    w.out.clear();
    w.relay.bound_reports(key, Bound::Taken);
    w.rounds(Duration::from_secs(3));
    assert_eq!(w.out, [], "a port of another program does not");
}
