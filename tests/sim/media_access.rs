//! What the media plane is told of who may send to a leg, and what becomes of calls when it can open no socket.

use crate::peer::{Peer, sdp};
use crate::town::{hotline, settle};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, PhoneEvent};
use hotline_gateway::event::{CallRefused, RefusalReason, What};
use hotline_gateway::media::{Command, Latching, OpenFailure, Shortage, Towards};
use hotline_gateway::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// A trunk with two addresses and these keys, and a seat that is scripted.
fn scene(keys: &str) -> World {
    let sections = format!(
        "[[trunk]]\nname = \"script\"\nsources = [\"127.0.0.9\", \"127.0.0.10\"]\n{keys}\n\
         [[seat]]\nid = \"2001\"\ncontact = \"sip:2001@{}\"\n",
        crate::peer::SEAT
    );
    World::with(1, 1, ("wrap_up = \"0s\"\nseats = [\"2001\"]", ""), "", &sections)
}

/// The trunk's caller and the seat, talking.
fn talk(w: &mut World) -> (Peer, Peer) {
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(w, "INVITE", "", &sdp(""));
    pbx.hears(w, "200 INVITE");
    pbx.acks(w, cseq, "");
    let (mut phone, invite) = Peer::called(w);
    phone.answers(w, &invite, 200, "", &sdp(""));
    phone.hears(w, "ACK");
    (pbx, phone)
}

/// The latching of every description the media plane was told of, in order.
fn latching(w: &World) -> Vec<Latching> {
    let told = w.commands.iter().filter_map(|c| match c {
        Command::Remote { latching, .. } => Some(latching.clone()),
        _ => None,
    });
    told.collect()
}

#[test]
fn each_leg_may_be_sent_to_from_its_signalling_and_what_its_trunk_lists() {
    let mut w = scene("media_sources = [\"203.0.113.0/29\", \"203.0.113.9\"]\nsymmetric_rtp = false");
    let (pbx, _) = talk(&mut w);
    let [caller, seat] = &latching(&w)[..] else { panic!("{:?}", latching(&w)) };
    assert_eq!((caller.signalled, caller.towards), ("127.0.0.9".parse().unwrap(), Towards::Description));
    let listed: Vec<String> = caller.listed.iter().map(ToString::to_string).collect();
    assert_eq!(listed, ["203.0.113.0/29", "203.0.113.9/32"]);
    assert_eq!((seat.signalled, seat.towards), ("127.0.0.8".parse().unwrap(), Towards::Source));
    assert!(seat.listed.is_empty(), "what a trunk lists is its own");
    pbx.hangs_up(&mut w);
}

#[test]
fn a_new_offer_from_another_trunk_address_makes_that_the_signalling() {
    let mut w = scene("");
    let (mut pbx, _) = talk(&mut w);
    let before = latching(&w).len();
    pbx.moves("127.0.0.10:5070");
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    let [moved] = &latching(&w)[before..] else { panic!() };
    assert_eq!((moved.signalled, moved.towards), ("127.0.0.10".parse().unwrap(), Towards::Source));
    pbx.hangs_up(&mut w);
}

#[test]
fn without_a_socket_each_call_is_refused_with_a_record_and_one_alarm() {
    let mut w = hotline(3, 1);
    for shortage in [Shortage::Descriptors, Shortage::Memory, Shortage::Address] {
        let before = w.journal.len();
        w.no_ports = Some(OpenFailure::Short(shortage));
        for number in ["13800000001", "13800000002", "13800000003"] {
            let line = w.citizen_calls(number, HangUp::Never);
            w.run(S(1));
            let refused =
                |t: &PhoneEvent| matches!(t, PhoneEvent::Refused { line: l, status: 503 } if *l == line);
            assert!(w.told.iter().any(|(_, t)| refused(t)), "{number}");
        }
        w.no_ports = None;
        for number in ["13800000001", "13800000004"] {
            w.citizen_calls(number, HangUp::AfterAnswer(S(1)));
            w.run(S(5));
        }
        let new = &w.journal[before..];
        let refused = new.iter().filter(|e| {
            let internal = RefusalReason::Internal;
            matches!(&e.what, What::CallRefused(CallRefused { reason, sip_code: 503, .. }) if *reason == internal)
        });
        assert_eq!(refused.count(), 3);
        let alarms = new.iter().filter_map(|e| match &e.what {
            What::AlarmRaised { alarm, raised, .. } if &**alarm == "media_sockets" => Some(*raised),
            _ => None,
        });
        assert_eq!(alarms.collect::<Vec<_>>(), [true, false], "{shortage:?}");
    }
    settle(&mut w);
}

#[test]
fn a_range_without_a_free_port_raises_no_alarm_of_sockets() {
    let mut w = hotline(4, 1);
    w.no_ports = Some(OpenFailure::NoneFree);
    w.citizen_calls("13800000001", HangUp::Never);
    w.run(S(1));
    assert!(!w.journal.iter().any(|e| matches!(e.what, What::AlarmRaised { .. })));
    w.no_ports = None;
    settle(&mut w);
}
