//! A hundred calls from a trunk to seats, both SIPp: all go through, and the records say of each what the peers saw.

use crate::place::free_port;
use crate::program::{Program, text};
use crate::sipp::Plan;
use std::collections::BTreeMap;
use std::net::UdpSocket;

/// Twenty seats at one address, as a row of phones behind one address.
fn gateway(name: &str) -> (Program, u16) {
    let port = free_port();
    let seats = format!("[[seat]]\nrange = \"1001-1020\"\ncontact = \"sip:{{seat}}@127.0.0.1:{port}\"");
    (Program::start(name, &seats, ""), port)
}

/// Runs `calls` calls and compares call by call: what the callers said, what the seats said, what the records say.
fn go_through(name: &str, calls: usize, caller: &str, seat: &str, ended_by: &str) {
    let (gateway, port) = gateway(name);
    // Where both sides want their audio: it is taken and not looked at.
    let media = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
    let media = media.local_addr().expect("its address").port().to_string();
    let fill = [("media", media.as_str()), ("hold", "400")];
    let seats = Plan { name: "seats", scenario: seat, fill: &fill, calls, rate: 0 };
    let trunk = Plan { name: "trunk", scenario: caller, fill: &fill, calls, rate: 25 };
    let seats = seats.serve(&gateway.place, port);
    let trunk = trunk.call(&gateway.place, gateway.sip);
    let called = trunk.succeed(&gateway.place);
    let rang: BTreeMap<String, String> =
        seats.succeed(&gateway.place).into_iter().map(|said| (said[0].clone(), said[1].clone())).collect();
    assert_eq!((called.len(), rang.len()), (calls, calls), "one call at a seat for every call at the trunk");

    let records = gateway.final_records(calls);
    let mut numbers = Vec::new();
    for record in &records {
        assert_eq!(text(record, "/ended/reason"), "END_REASON_COMPLETED", "{record:#}");
        assert_eq!(text(record, "/ended/by"), ended_by, "{record:#}");
        assert_eq!(text(record, "/service_number"), "12345", "{record:#}");
        assert_eq!(record["presentation_count"], 1, "{record:#}");
        assert_eq!(
            Some(text(record, "/seat")),
            rang.get(text(record, "/call_id")).map(String::as_str),
            "the record's seat is the phone that rang for this call: {record:#}"
        );
        numbers.push(text(record, "/caller/raw").to_owned());
    }
    let mut called: Vec<String> = called.into_iter().map(|said| said[0].clone()).collect();
    numbers.sort();
    called.sort();
    assert_eq!(numbers, called, "every caller has one record");
    for kind in ["CallReceived", "CallAnswered", "SeatConnected", "CallEnded"] {
        assert_eq!(gateway.events(kind).len(), calls, "{kind} once a call");
    }
}

#[test]
fn a_hundred_calls_of_a_trunk_reach_seats_and_end_by_the_caller() {
    let (caller, seat) = (include_str!("scenarios/caller.xml"), include_str!("scenarios/seat.xml"));
    go_through("calls", 100, caller, seat, "ENDED_BY_CALLER");
}

#[test]
fn forty_calls_of_a_trunk_reach_seats_and_end_by_the_seat() {
    let caller = include_str!("scenarios/caller_listens.xml");
    go_through("seats", 40, caller, include_str!("scenarios/seat_hangs_up.xml"), "ENDED_BY_SEAT");
}
