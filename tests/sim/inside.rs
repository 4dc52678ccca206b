//! Requests inside a dialog: from its peer, from elsewhere, and from a phone that has changed its network.

use crate::house::{House, OTHER_TRUNK, PHONE, TRUNK, UNKNOWN, flow};
use hotline_gateway::event::What;
use hotline_gateway::gateway::RefusalCause;
use hotline_gateway::sip::access::PeerClass;
use hotline_gateway::sip::{Flow, Message, Method, Status, Transport};
use hotline_gateway::time::Duration;

/// Where a phone is after it has changed its network.
const MOVED: &str = "198.51.100.77:4444";

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.51\r\ns=-\r\nc=IN IP4 192.0.2.51\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

/// One side of a dialog as its peer writes requests in it: our tag, its own, and its Call-ID.
#[derive(Debug, Clone)]
struct Side {
    from: String,
    to: String,
    call_id: String,
    contact: String,
}

impl Side {
    /// A request inside the dialog, fresh each time.
    fn request(&self, house: &mut House, method: &str, body: &str) -> String {
        house.count += 1;
        let n = house.count;
        let media = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:hotline@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{n};rport\r\nMax-Forwards: 70\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {n} {method}\r\nContact: {}\r\n{media}Content-Length: {}\r\n\r\n{body}",
            self.from,
            self.to,
            self.call_id,
            self.contact,
            body.len()
        )
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// A call of a trunk that was answered, and what went out with the answer.
fn answered(house: &mut House, trunk: &str) -> (Side, Vec<(Flow, Message)>) {
    let invite = house.invite("13800000000", "Content-Type: application/sdp\r\n");
    let invite =
        invite.replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{SDP}", SDP.len()));
    let sent = house.hears(flow(Transport::Udp, trunk), invite);
    let ok = sent.iter().find(|(_, m)| m.status() == Some(Status::OK)).expect("an answer").1.clone();
    let side = Side {
        from: text(ok.from().raw()),
        to: text(ok.to().raw()),
        call_id: ok.call_id().to_owned(),
        contact: "<sip:13800000000@h>".into(),
    };
    (side, sent)
}

/// Acknowledges the answer to the first INVITE of a trunk's call.
fn acknowledge(house: &mut House, side: &Side, from: &str) {
    let invite = house.count;
    let ack = side.request(house, "ACK", "");
    let n = house.count;
    let ack = ack.replace(&format!("CSeq: {n} ACK"), &format!("CSeq: {invite} ACK"));
    assert!(house.hears(flow(Transport::Udp, from), ack).is_empty());
}

/// A citizen in a talk with seat 1001, whose phone is registered on `phone`: the citizen's side and the phone's.
fn talk(house: &mut House, phone: Flow) -> (Side, Side) {
    house.registers(phone);
    let (citizen, mut sent) = answered(house, OTHER_TRUNK);
    acknowledge(house, &citizen, OTHER_TRUNK);
    sent.extend(house.waits(Duration::from_secs(1)));
    let rung =
        sent.iter().find(|(to, m)| *to == phone && m.status().is_none()).expect("the seat rings").1.clone();
    let via = text(rung.header("Via").expect("a Via"));
    let (from, to) = (text(rung.from().raw()), format!("{};tag=phone", text(rung.to().raw())));
    let ok = format!(
        "SIP/2.0 200 OK\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:1001@10.0.0.7:5060>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        rung.call_id(),
        SDP.len()
    );
    house.hears(phone, ok);
    assert!(house.events.iter().any(|e| matches!(e.what, What::SeatConnected { .. })), "they talk");
    let contact = "<sip:1001@10.0.0.7:5060>".into();
    (citizen, Side { from: to, to: from, call_id: rung.call_id().to_owned(), contact })
}

fn ended(house: &House) -> bool {
    house.events.iter().any(|e| matches!(e.what, What::CallEnded(_)))
}

#[test]
fn a_bye_or_an_offer_from_elsewhere_gets_481_though_it_knows_all_tags() {
    let mut house = House::new();
    let (side, _) = answered(&mut house, OTHER_TRUNK);
    acknowledge(&mut house, &side, OTHER_TRUNK);
    for elsewhere in [UNKNOWN, TRUNK, PHONE] {
        for (method, body) in [("BYE", ""), ("INVITE", SDP), ("UPDATE", SDP), ("INFO", ""), ("OPTIONS", "")] {
            let request = side.request(&mut house, method, body);
            assert_eq!(house.statuses(elsewhere, &request), [481], "{method} from {elsewhere}");
        }
    }
    assert!(!ended(&house));
    assert_eq!(house.turned_away(PeerClass::Unknown, RefusalCause::Source), 10);
    let update = side.request(&mut house, "OPTIONS", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &update), [200]);
    let bye = side.request(&mut house, "BYE", "");
    assert_eq!(house.statuses("192.0.2.20:61000", &bye), [200], "a NAT may map the port anew");
    assert!(ended(&house));
}

#[test]
fn an_address_a_dialog_has_named_is_its_peer_s() {
    for named in
        ["Contact: <sip:c@198.51.100.8:5070>", "Record-Route: <sip:198.51.100.8;lr>\r\nContact: <sip:c@h>"]
    {
        let mut house = House::new();
        let invite = house.invite("13800000000", "").replace("Contact: <sip:13800000000@h>", named);
        let sent = house.hears(flow(Transport::Udp, OTHER_TRUNK), invite);
        let ok = &sent.iter().find(|(_, m)| m.status() == Some(Status::OK)).expect("an answer").1;
        let side = Side {
            from: text(ok.from().raw()),
            to: text(ok.to().raw()),
            call_id: ok.call_id().to_owned(),
            contact: "<sip:c@h>".into(),
        };
        let bye = side.request(&mut house, "BYE", "");
        assert_eq!(house.statuses("198.51.100.9:5060", &bye), [481]);
        assert_eq!(house.statuses("198.51.100.8:40000", &bye), [200], "{named}");
    }
}

#[test]
fn an_ack_from_elsewhere_acknowledges_nothing() {
    let mut house = House::new();
    let (side, _) = answered(&mut house, OTHER_TRUNK);
    let invite = house.count;
    acknowledge(&mut house, &side, UNKNOWN);
    let again = house.waits(Duration::from_secs(1));
    assert!(again.iter().any(|(_, m)| m.status() == Some(Status::OK)), "the answer is repeated");
    house.count = invite;
    acknowledge(&mut house, &side, OTHER_TRUNK);
    let again = house.waits(Duration::from_secs(5));
    assert!(!again.iter().any(|(_, m)| m.status() == Some(Status::OK)));
}

#[test]
fn a_cancel_from_elsewhere_cancels_nothing() {
    let mut house =
        House::with("", "[[service]]\nnumber = \"67890\"\nqueue = \"main\"\nanswer_delay_ms = 3000\n");
    let invite = house.request("INVITE", "sip:67890@hotline.example", "13800000000", "");
    let n = house.count;
    assert_eq!(house.statuses(OTHER_TRUNK, &invite)[..1], [100]);
    let cancel =
        invite.replace("INVITE sip", "CANCEL sip").replace(&format!("{n} INVITE"), &format!("{n} CANCEL"));
    for elsewhere in [UNKNOWN, TRUNK, PHONE] {
        assert_eq!(house.statuses(elsewhere, &cancel), [481], "from {elsewhere}");
    }
    assert!(!ended(&house));
    let mut answers = house.statuses(OTHER_TRUNK, &cancel);
    answers.extend(
        house.waits(Duration::from_millis(100)).iter().filter_map(|(_, m)| m.status()).map(Status::code),
    );
    assert!(answers.contains(&200) && answers.contains(&487), "{answers:?}");
}

#[test]
fn a_phone_that_changed_its_network_proves_itself_and_stays_in_its_call() {
    let mut house = House::new();
    let (citizen, phone) = talk(&mut house, flow(Transport::Udp, PHONE));
    let there = flow(Transport::Udp, MOVED);
    let offer = phone.request(&mut house, "INVITE", SDP);
    let (_, asked) = house.hears(there, offer.as_str()).pop().expect("a challenge");
    assert_eq!(asked.status(), Some(Status::PROXY_AUTHENTICATION_REQUIRED));
    let wrong = house.answer_to(&asked, &offer, "1001", "wrong").expect("an answer");
    assert!(!house.statuses(MOVED, &wrong).contains(&200));
    let other = house.answer_to(&asked, &offer, "1009", "right").expect("an answer");
    assert!(!house.statuses(MOVED, &other).contains(&200), "another seat's password is not this one's");
    let again = phone.request(&mut house, "INVITE", SDP);
    let proved = house.with_password(there, &again, "1001", "right").expect("an answer");
    assert!(house.statuses(MOVED, &proved).contains(&200));
    let number = proved.split("CSeq: ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number");
    let ack = phone.request(&mut house, "ACK", "");
    let ack = ack.replace(&format!("CSeq: {} ACK", house.count), &format!("CSeq: {number} ACK"));
    house.hears(there, ack);
    assert!(!ended(&house));
    // The citizen hangs up: the phone hears of it where it is now.
    let bye = citizen.request(&mut house, "BYE", "");
    let mut sent = house.hears(flow(Transport::Udp, OTHER_TRUNK), bye);
    sent.extend(house.waits(Duration::from_secs(1)));
    let byes = sent.iter().filter(|(_, m)| m.method() == Some(&Method::Bye));
    let there: Vec<_> = byes.map(|(to, _)| to.remote.to_string()).collect();
    assert!(!there.is_empty() && there.iter().all(|to| to == MOVED), "{there:?}");
}

#[test]
fn a_seat_s_new_connection_is_asked_until_it_has_registered() {
    let mut house = House::new();
    let (_, phone) = talk(&mut house, flow(Transport::Tcp, PHONE));
    let other = Flow { connection: Some(8), ..flow(Transport::Tcp, "192.0.2.51:49999") };
    let options = phone.request(&mut house, "OPTIONS", "");
    assert_eq!(house.hears(other, options)[0].1.status(), Some(Status::PROXY_AUTHENTICATION_REQUIRED));
    house.registers(other);
    let bye = phone.request(&mut house, "BYE", "");
    assert_eq!(house.hears(other, bye)[0].1.status(), Some(Status::OK));
    assert!(ended(&house));
}
