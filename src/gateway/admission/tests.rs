//! Admission as values: a request and what is known of its sender in, a verdict out.

use super::super::pressure::Pressure;
use super::*;
use crate::id::Random;
use crate::sip::access::{AccessControl, Names};
use crate::sip::{Endpoint, EndpointConfig, Received, Registrar, Transport};
use crate::time::{Now, Wall};
use bytes::Bytes;

const NOW: Now = Now { mono: Mono(5_000_000_000), wall: Wall(0) };

fn flow() -> Flow {
    let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.9:5060".parse().unwrap());
    Flow { transport: Transport::Udp, local, remote, connection: None }
}

fn access() -> Access {
    let sip = crate::config::Config::embedded().sip;
    let registrar = Registrar::new("hotline".into(), Vec::new(), Random::from_number(1));
    Access::new(AccessControl::default(), registrar, Names::new(&sip))
}

/// A request as an endpoint that holds nothing gives it; a second one names its branch, so that it is matched.
fn recognised(texts: &[String]) -> NewRequest {
    let (mut endpoint, mut out) =
        (Endpoint::new(EndpointConfig::default(), Random::from_number(2)), Vec::new());
    let mut last = None;
    for text in texts {
        if let Some(new) = last.take() {
            endpoint.admit(NOW, new, &mut out);
        }
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        match endpoint.recognise(NOW, flow(), bytes, &mut out) {
            Some(Received::New(new)) => last = Some(new),
            other => panic!("{other:?}"),
        }
    }
    last.unwrap()
}

fn text(method: &str, uri: &str, to: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>{to}\r\n\
         Call-ID: c\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn request(method: &str) -> NewRequest {
    recognised(&[text(method, "sip:12345@192.0.2.1", "")])
}

fn inside(method: &str) -> NewRequest {
    recognised(&[text(method, "sip:12345@192.0.2.1", ";tag=9")])
}

fn sender(peer: PeerId) -> Sender<'static> {
    Sender { peer, provenance: None, trunk: None, serving: true }
}

fn of_trunk(capacity: &mut Capacity) -> Sender<'_> {
    let trunk = Some(TrunkShare { capacity, asks_password: false });
    Sender { peer: PeerId::Trunk("city".into()), provenance: None, trunk, serving: true }
}

fn seat() -> PeerId {
    PeerId::Seat("1001".into())
}

/// The status of a refusal and why.
fn refused(verdict: Verdict) -> (Option<RefusalCause>, Status) {
    match verdict {
        Err(Refused { cause, rejection: Rejection::Answer(status, _) }) => (cause, status),
        other => panic!("{other:?}"),
    }
}

fn is_shed(verdict: Verdict) -> (RefusalCause, Shedding) {
    match verdict {
        Err(Refused { cause: Some(cause), rejection: Rejection::Shed(shedding) }) => (cause, shedding),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_heard_from_a_class_is_refused_with_its_status() {
    let mut a = access();
    let mut judge = |method: &str, peer: PeerId| refused(a.judge(NOW.mono, &request(method), sender(peer)));
    assert_eq!(judge("INVITE", PeerId::Unknown), (Some(RefusalCause::Method), Status::FORBIDDEN));
    assert_eq!(judge("BYE", PeerId::Unknown), (Some(RefusalCause::Dialog), Status::NO_SUCH_CALL));
    assert_eq!(
        judge("REFER", PeerId::Trunk("city".into())),
        (Some(RefusalCause::Method), Status::METHOD_NOT_ALLOWED)
    );
    assert_eq!(judge("MESSAGE", seat()), (Some(RefusalCause::Method), Status::METHOD_NOT_ALLOWED));
    assert_eq!(judge("BREW", seat()), (Some(RefusalCause::Method), Status::NOT_IMPLEMENTED));
    assert_eq!(a.refusals.of(PeerClass::Unknown, RefusalCause::Method), 1, "each is counted by its class");
    assert_eq!(a.refusals.of(PeerClass::Seat, RefusalCause::Method), 2);
}

#[test]
fn a_method_that_is_not_heard_is_answered_with_those_that_are() {
    let verdict = access().judge(NOW.mono, &request("MESSAGE"), sender(seat()));
    let Err(Refused { rejection: Rejection::Answer(Status::METHOD_NOT_ALLOWED, headers), .. }) = verdict
    else {
        panic!("{verdict:?}")
    };
    assert_eq!(headers[0], ("Allow", allowed(PeerClass::Seat).into()));
}

#[test]
fn a_call_above_the_rate_of_its_trunk_is_shed_in_bulk_and_within_admitted() {
    let (mut a, mut capacity) = (access(), Capacity::new(30, 2));
    let mut judge = || a.judge(NOW.mono, &request("INVITE"), of_trunk(&mut capacity));
    assert_eq!((judge(), judge()), (Ok(()), Ok(())));
    assert_eq!(is_shed(judge()), (RefusalCause::CallRate, Shedding::InBulk));
    assert_eq!(a.refusals.of(PeerClass::Trunk, RefusalCause::CallRate), 1);
}

#[test]
fn pressure_sheds_a_call_with_a_record_and_a_flood_alone_sheds_none() {
    let (mut a, mut capacity) = (access(), Capacity::new(30, 100));
    for pressure in [
        Pressure { overloaded: true, ..Pressure::default() },
        Pressure { journal_backed_up: true, ..Pressure::default() },
    ] {
        a.pressure = pressure;
        let verdict = a.judge(NOW.mono, &request("INVITE"), of_trunk(&mut capacity));
        assert_eq!(is_shed(verdict), (RefusalCause::Overload, Shedding::Singly), "{pressure:?}");
    }
    a.pressure = Pressure { flooded: true, ..Pressure::default() };
    assert_eq!(a.judge(NOW.mono, &request("INVITE"), of_trunk(&mut capacity)), Ok(()));
}

#[test]
fn a_call_that_has_its_password_yet_to_prove_spends_nothing_of_the_rate() {
    let (mut a, mut capacity) = (access(), Capacity::new(30, 1));
    for _ in 0..10 {
        let trunk = Some(TrunkShare { capacity: &mut capacity, asks_password: true });
        let sender = Sender { trunk, ..sender(PeerId::Trunk("city".into())) };
        assert_eq!(a.judge(NOW.mono, &request("INVITE"), sender), Ok(()));
    }
    assert!(capacity.is_within_rate(NOW.mono));
}

#[test]
fn a_host_that_is_not_ours_is_404_except_for_a_trunk_s_call() {
    let (mut a, mut capacity) = (access(), Capacity::new(30, 10));
    let foreign = |method: &str| recognised(&[text(method, "sip:12345@example.org", "")]);
    for (method, peer) in [("OPTIONS", PeerId::Unknown), ("REGISTER", PeerId::Unknown), ("INVITE", seat())] {
        let verdict = a.judge(NOW.mono, &foreign(method), sender(peer));
        assert_eq!(refused(verdict), (Some(RefusalCause::Host), Status::NOT_FOUND), "{method}");
    }
    assert_eq!(a.judge(NOW.mono, &foreign("INVITE"), of_trunk(&mut capacity)), Ok(()));
    let verdict = a.judge(NOW.mono, &foreign("REGISTER"), of_trunk(&mut capacity));
    assert_eq!(refused(verdict), (Some(RefusalCause::Host), Status::NOT_FOUND));
}

#[test]
fn options_is_200_while_calls_are_taken_and_503_after_and_never_counted() {
    let mut a = access();
    assert_eq!(refused(a.judge(NOW.mono, &request("OPTIONS"), sender(PeerId::Unknown))), (None, Status::OK));
    let draining = Sender { serving: false, ..sender(PeerId::Unknown) };
    assert_eq!(
        refused(a.judge(NOW.mono, &request("OPTIONS"), draining)),
        (None, Status::SERVICE_UNAVAILABLE)
    );
    assert!(a.refusals.all().all(|(_, _, n)| n == 0));
}

#[test]
fn inside_a_dialog_provenance_decides_whatever_the_class() {
    let mut a = access();
    let mut judge = |method: &str, provenance: Option<Provenance>| {
        a.judge(NOW.mono, &inside(method), Sender { provenance, ..sender(PeerId::Unknown) })
    };
    assert_eq!(judge("BYE", Some(Provenance::Peer)), Ok(()));
    assert_eq!(judge("BYE", Some(Provenance::Unproved("1001".into()))), Ok(()), "a password may prove it");
    assert_eq!(
        refused(judge("BYE", Some(Provenance::Elsewhere))),
        (Some(RefusalCause::Source), Status::NO_SUCH_CALL)
    );
    assert_eq!(refused(judge("BYE", None)), (Some(RefusalCause::Dialog), Status::NO_SUCH_CALL));
    assert_eq!(judge("ACK", None), Ok(()), "the endpoint knows whose it is");
    for provenance in [Provenance::Elsewhere, Provenance::Unproved("1001".into())] {
        assert_eq!(judge("ACK", Some(provenance)), drop_it(RefusalCause::Source));
    }
}

#[test]
fn a_cancel_is_admitted_by_the_path_of_its_invite() {
    let invite = text("INVITE", "sip:12345@192.0.2.1", "");
    let cancel = recognised(&[invite.clone(), text("CANCEL", "sip:12345@192.0.2.1", "")]);
    assert_eq!(cancel.kind(), RequestKind::Cancel(flow()));
    assert_eq!(access().judge(NOW.mono, &cancel, sender(PeerId::Unknown)), Ok(()));
}

#[test]
fn a_source_that_holds_its_share_gets_no_further_transaction() {
    let holding = |transactions| Holding { transactions, octets: transactions };
    let (call, bye, register) = (request("INVITE"), inside("BYE"), request("REGISTER"));
    let unknown = sender(PeerId::Unknown);
    assert_eq!(within_share(&unknown, register.request(), holding(UNKNOWN_SHARE - 1)), Ok(()));
    assert_eq!(
        within_share(&unknown, register.request(), holding(UNKNOWN_SHARE)),
        drop_it(RefusalCause::Share)
    );
    assert_eq!(within_share(&sender(seat()), register.request(), holding(UNKNOWN_SHARE)), Ok(()));
    let mut capacity = Capacity::new(30, 10);
    let trunk = of_trunk(&mut capacity);
    let full = holding(trunks_share(10));
    assert_eq!(within_share(&trunk, call.request(), full), shed(RefusalCause::Share, Shedding::Singly));
    assert_eq!(within_share(&trunk, bye.request(), full), Ok(()), "its calls have a quarter more");
    let octets = Holding { transactions: 1, octets: UNKNOWN_SHARE * OCTETS_EACH };
    assert_eq!(within_share(&unknown, register.request(), octets), drop_it(RefusalCause::Share));
}
