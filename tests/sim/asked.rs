//! What a request asks for, and what it is told: schemes, telephone numbers, extensions, methods (RFC 3261 sections 8.2
//! and 11.2).

use crate::house::{House, OTHER_TRUNK, PHONE, TRUNK, UNKNOWN, flow};
use crate::peer::{Peer, header, sdp, settle, world};
use hotline_gateway::event::RefusalReason;
use hotline_gateway::sip::{Flow, Message, Outgoing, Status, Transport};
use hotline_gateway::time::Duration;

const SEAT_MAY: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK, REGISTER, REFER, NOTIFY, SUBSCRIBE";
const TRUNK_MAY: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK";

/// A seat that is believed: it speaks on the connection it registered on.
fn seat(house: &mut House) -> Flow {
    let connection = flow(Transport::Tcp, PHONE);
    house.registers(connection);
    connection
}

fn final_status(sent: &[(Flow, Message)]) -> Option<u16> {
    sent.iter().filter_map(|(_, m)| m.status()).find(|s| s.is_final()).map(Status::code)
}

#[test]
fn an_invite_to_an_unknown_scheme_is_416_and_of_a_trunk_recorded() {
    let mut house = House::new();
    for uri in ["foo:12345", "nobodyknows:this"] {
        let invite = house.request("INVITE", uri, "13800000000", "");
        assert_eq!(house.statuses(TRUNK, &invite), [100, 416], "{uri}");
    }
    assert_eq!(house.refusals(), [(RefusalReason::BadRequest, 416); 2]);
    let phone = seat(&mut house);
    for uri in ["foo:1002", "foo:*12"] {
        let invite = house.request("INVITE", uri, "1001", "");
        assert_eq!(final_status(&house.hears(phone, invite)), Some(416), "{uri}");
    }
}

#[test]
fn a_telephone_number_is_known_with_parameters_and_however_it_is_written() {
    let mut house = House::new();
    for uri in [
        "sip:12345;phone-context=+86755@ims.example;user=phone",
        "sip:12345;npdi;rn=+8675500000@ims.example",
        "sip:123-45@ims.example;user=phone",
        "sip:12345:secret@ims.example",
        "tel:123-45",
        "tel:(123)4.5;phone-context=+86755",
    ] {
        let invite = house.request("INVITE", uri, "13800000000", "");
        assert_eq!(house.statuses(OTHER_TRUNK, &invite), [100, 200], "{uri}");
    }
    for uri in ["sip:123-45@ims.example", "sip:12345;x@y;user=phone@h", "sip:x;12345@ims.example"] {
        let invite = house.request("INVITE", uri, "13800000000", "");
        let status = house.statuses(OTHER_TRUNK, &invite).pop();
        assert!(matches!(status, Some(400 | 404)), "{uri}: {status:?}");
    }
    let mut house = House::new();
    let phone = seat(&mut house);
    for (uri, status) in [
        // Found, and told that a call without an offer leads nowhere.
        ("sip:1002;phone-context=x@hotline.example;user=phone", 488),
        ("tel:10-02", 488),
        ("tel:10-03", 403),
    ] {
        let invite = house.request("INVITE", uri, "1001", "");
        assert_eq!(final_status(&house.hears(phone, invite)), Some(status), "{uri}");
    }
}

#[test]
fn an_unsupported_extension_is_answered_by_420_and_nothing_is_kept() {
    let mut house = House::new();
    let strange = "Require: path, nothing1\r\n";
    for (method, uri, more, status) in [
        ("OPTIONS", "sip:hotline.example", strange, 420),
        ("OPTIONS", "foo:bar", "", 416),
        ("REGISTER", "sip:hotline.example", strange, 420),
        ("REGISTER", "foo:bar", "", 416),
        ("REGISTER", "sip:hotline.example", "Require: path, outbound\r\n", 401),
    ] {
        let request = house.request(method, uri, "1001", more);
        let sent = house.hears(flow(Transport::Udp, UNKNOWN), request);
        assert_eq!(final_status(&sent), Some(status), "{method} {uri} {more}");
        let unsupported = if status == 420 { "nothing1" } else { "" };
        assert_eq!(header(&sent[0].1, "Unsupported"), unsupported);
    }
    assert_eq!(house.gateway.counts().transactions, 0);
}

#[test]
fn an_answer_to_options_says_what_we_can_to_each_as_it_stands() {
    let mut house = House::new();
    let phone = seat(&mut house);
    let at = |remote| flow(Transport::Udp, remote);
    for (flow, from, allow) in [
        (at(UNKNOWN), "eve", "REGISTER, OPTIONS"),
        (at(TRUNK), "13800000000", TRUNK_MAY),
        (phone, "1001", SEAT_MAY),
    ] {
        let options = house.request("OPTIONS", "sip:hotline.example", from, "");
        let sent = house.hears(flow, options);
        assert_eq!(final_status(&sent), Some(200));
        let told = &sent[0].1;
        let supported = if allow == SEAT_MAY { "timer, 100rel, replaces" } else { "timer, 100rel" };
        assert_eq!(header(told, "Supported"), supported);
        assert_eq!(
            (header(told, "Accept").as_str(), header(told, "Allow").as_str()),
            ("application/sdp", allow)
        );
    }
}

#[test]
fn a_code_whose_answer_is_never_acknowledged_is_hung_up() {
    let mut house = House::new();
    let phone = seat(&mut house);
    let invite = house.request("INVITE", "sip:*12@hotline.example", "1001", "");
    let sent = house.hears(phone, invite);
    assert_eq!(final_status(&sent), Some(200));
    let ok = &sent.last().unwrap().1;
    assert_eq!(header(ok, "Allow"), SEAT_MAY);
    let later = house.waits(Duration::from_secs(33));
    let byes: Vec<_> = later.iter().filter(|(_, m)| header(m, "CSeq").ends_with("BYE")).collect();
    assert!(!byes.is_empty(), "{later:?}");
    assert!(
        byes.iter().all(|(f, m)| *f == phone && m.call_id() == ok.call_id() && m.from_tag() == ok.to_tag())
    );
}

#[test]
fn inside_a_dialog_the_table_of_methods_decides_and_allow_says_so() {
    let mut w = world(1, "", "", true);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    let ok = pbx.hears(&mut w, "200 INVITE");
    assert_eq!(header(&ok, "Allow"), TRUNK_MAY);
    pbx.acks(&mut w, cseq, "");
    let (mut phone, invite) = Peer::called(&mut w);
    assert_eq!(header(&invite, "Allow"), SEAT_MAY);
    phone.answers(&mut w, &invite, 200, "", &sdp(""));
    phone.hears(&mut w, "ACK");
    w.run(Duration::from_millis(10));
    for (method, to_trunk, to_seat) in [
        ("NOTIFY", 405, 489),
        ("SUBSCRIBE", 405, 489),
        ("REFER", 405, 400),
        ("MESSAGE", 405, 405),
        ("BREW", 501, 501),
        ("OPTIONS", 200, 200),
    ] {
        for (peer, status, may) in [(&mut pbx, to_trunk, TRUNK_MAY), (&mut phone, to_seat, SEAT_MAY)] {
            peer.asks(&mut w, method, "", "");
            let told = peer.hears(&mut w, &format!("{status} {method}"));
            let expected = if matches!(status, 200 | 405 | 501) { may } else { "" };
            assert_eq!(header(&told, "Allow"), expected, "{status} {method}");
            if method == "OPTIONS" {
                // Naming another dialog is for seats.
                let expected = if may == SEAT_MAY { "timer, replaces, 100rel" } else { "timer, 100rel" };
                assert_eq!(header(&told, "Supported"), expected);
                assert!(header(&told, "Accept").starts_with("application/sdp"), "{told:?}");
            }
        }
    }
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

const TOWN: &str = "192.0.2.30:5060";

/// A seat calls a department by a trunk with these targets, with a name in From as long as names may be: what is sent,
/// and by which path.
fn calls_out(targets: &str, is_long: bool) -> (House, Vec<(Flow, Message)>) {
    let label = "a".repeat(62);
    let name = format!("{label}.{label}.{label}.{label}");
    let domain = if is_long { format!("domain = \"{name}\"\n") } else { String::new() };
    let sections = format!(
        "[[trunk]]\nname = \"town\"\nsources = [\"192.0.2.30\"]\nping = \"0s\"\ntargets = [{targets}]\n{domain}\
         [dial]\ntrunk = \"town\"\nnumber = \"01012345678901234\"\n[[department]]\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"{}\"]\n",
        "6".repeat(32)
    );
    let mut house = House::with("", &sections);
    // What the trunk's targets leave open is searched for.
    house.waits(Duration::from_millis(1));
    let phone = seat(&mut house);
    let sent = dials_department(&mut house, phone);
    (house, sent)
}

fn dials_department(house: &mut House, phone: Flow) -> Vec<(Flow, Message)> {
    let invite = house.request("INVITE", "sip:601@hotline.example", "1001", "");
    let body = sdp("");
    let length = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    invites(house.hears(phone, invite.replace("Content-Length: 0\r\n\r\n", &length)))
}

fn invites(sent: Vec<(Flow, Message)>) -> Vec<(Flow, Message)> {
    sent.into_iter()
        .filter(|(f, m)| f.remote == TOWN.parse().unwrap() && header(m, "CSeq").ends_with("INVITE"))
        .collect()
}

const BOTH: &str = "\"sip:192.0.2.30:5060;transport=udp\", \"sip:192.0.2.30:5060;transport=tcp\"";

#[test]
fn a_request_too_long_for_udp_goes_by_tcp_where_the_trunk_has_it() {
    for (targets, is_long, transport) in [
        (BOTH, true, Transport::Tcp),
        (BOTH, false, Transport::Udp),
        ("\"sip:192.0.2.30:5060;transport=udp\"", true, Transport::Udp),
        ("\"sip:192.0.2.30:5060\"", true, Transport::Udp),
    ] {
        let (_, sent) = calls_out(targets, is_long);
        let [(flow, invite)] = &sent[..] else { panic!("{targets}: {sent:?}") };
        assert_eq!(invite.bytes().len() > 1300, is_long, "{}", invite.bytes().len());
        assert_eq!(flow.transport, transport, "{targets} {is_long}");
        assert_eq!(invite.via().transport(), if transport == Transport::Tcp { "TCP" } else { "UDP" });
    }
}

#[test]
fn a_long_request_without_a_connection_goes_by_udp_once_unless_heard() {
    let (mut house, sent) = calls_out(BOTH, true);
    let (tcp, first) = sent[0].clone();
    let again = invites(house.loses(tcp));
    let [(flow, second)] = &again[..] else { panic!("{again:?}") };
    assert_eq!((flow.transport, second.via().transport()), (Transport::Udp, "UDP"));
    assert_eq!(
        (second.call_id(), second.cseq(), second.body()),
        (first.call_id(), first.cseq(), first.body())
    );
    assert_ne!(second.via().branch(), first.via().branch());
    house.hears(*flow, Outgoing::response(second, Status::BUSY_HERE, Some("busy")).encode());
    let next = dials_department(&mut house, crate::house::flow(Transport::Tcp, PHONE));
    assert_eq!(next.iter().map(|(f, _)| f.transport).collect::<Vec<_>>(), [Transport::Udp], "it has learnt");

    let (mut house, sent) = calls_out(BOTH, true);
    let (tcp, first) = sent[0].clone();
    house.hears(
        Flow { connection: Some(9), ..tcp },
        Outgoing::response(&first, Status::TRYING, None).encode(),
    );
    let udp = |(f, _): &(Flow, Message)| f.transport == Transport::Udp && f.remote == tcp.remote;
    let later = invites(house.loses(tcp));
    assert!(
        !later
            .iter()
            .any(|sent| udp(sent) && sent.1.cseq() == first.cseq() && sent.1.call_id() == first.call_id()),
        "{later:?}"
    );
}
