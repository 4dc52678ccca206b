//! Latching the gateway does not know: what each is answered, how much, and that nothing is kept of it.

use crate::house::{FIXED_PHONE, House, OTHER_TRUNK, PHONE, UNKNOWN, flow};
use hotline_gateway::event::What;
use hotline_gateway::gateway::{Input, RefusalCause};
use hotline_gateway::sip::access::PeerClass;
use hotline_gateway::sip::{Status, Transport};
use hotline_gateway::time::Duration;

#[test]
fn an_unknown_source_is_refused_once_a_datagram_and_leaves_nothing() {
    let mut house = House::new();
    for (method, status) in [
        ("INVITE", 403),
        ("REFER", 403),
        ("PUBLISH", 403),
        ("SUBSCRIBE", 403),
        ("NOTIFY", 403),
        ("MESSAGE", 405),
        ("BYE", 481),
        ("INFO", 481),
        ("BREW", 501),
        ("OPTIONS", 200),
    ] {
        let request = house.request(method, "sip:12345@hotline.example", "eve", "");
        for _ in 0..3 {
            assert_eq!(house.statuses(UNKNOWN, &request), [status], "{method}");
        }
    }
    let in_dialog = house.invite("eve", "").replace("To: <sip:12345@hotline.example>", "To: <sip:a@h>;tag=x");
    assert_eq!(house.statuses(UNKNOWN, &in_dialog), [481]);
    let register = house.request("REGISTER", "sip:hotline.example", "1001", "");
    assert_eq!(house.statuses(UNKNOWN, &register), [401]);
    assert_eq!(house.gateway.counts().transactions, 0);
    assert!(house.waits(Duration::from_secs(64)).is_empty(), "nothing is ever repeated");
    assert!(house.refusals().is_empty(), "unknown sources are counters only");
    assert!(house.turned_away(PeerClass::Unknown, RefusalCause::Method) >= 18);
}

#[test]
fn an_unknown_source_gets_three_bytes_for_one_at_most_and_no_version() {
    let mut house = House::new();
    let mut came = 0;
    let via = "Via: SIP/2.0/UDP h;branch=z9hG4bKx";
    let tiny = [
        "OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP h\r\n\r\n".to_owned(),
        format!(
            "REGISTER sip:hotline SIP/2.0\r\n{via}\r\nf:<sip:a@b>;tag=1\r\nt:<sip:a@b>\r\ni:1\r\nCSeq:1 REGISTER\r\n\r\n"
        ),
        format!("INVITE sip:a SIP/3.0\r\n{via}\r\n\r\n"),
        format!("X sip:a SIP/2.0\r\n{via}\r\nContent-Length: 99999999999\r\n\r\n"),
    ];
    for n in 0..200 {
        for text in &tiny {
            house.now = house.now.after(Duration::from_millis(60));
            came += text.len();
            let text = text.replace("z9hG4bKx", &format!("z9hG4bKx{n}")).replace("i:1", &format!("i:{n}"));
            house.hears(flow(Transport::Udp, UNKNOWN), text);
            house.waits(Duration::from_millis(1));
        }
    }
    house.waits(Duration::from_secs(100));
    assert!(house.answered > 0);
    assert!(house.answered <= came * 3, "{} bytes for {came}", house.answered);
}

#[test]
fn a_flooding_source_is_dropped_unread_and_other_callers_are_served() {
    let mut house = House::new();
    let mut answered = 0;
    for n in 0..20_000u64 {
        house.now = house.now.after(Duration::from_millis(1));
        let invite = house.invite("eve", "");
        answered += house.statuses(UNKNOWN, &invite).len();
        if n % 1_000 == 0 {
            let good = house.invite("13800000000", "");
            assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
        }
    }
    assert!((400..=700).contains(&answered), "200 at once and 20 a second, not {answered}");
    assert!(house.turned_away(PeerClass::Unknown, RefusalCause::Rate) > 19_000);
    assert!(house.gateway.counts().transactions < 50, "only the good calls'");
}

#[test]
fn a_flood_that_fills_the_sockets_raises_an_alarm_and_costs_no_call() {
    let mut house = House::new();
    house.takes(Input::Flooded(true));
    let good = house.invite("13800000000", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
    let strange = house.invite("13800000001", "");
    assert!(house.statuses(UNKNOWN, &strange).is_empty(), "unread");
    house.takes(Input::Flooded(false));
    let told = house.events.iter().filter_map(|e| match &e.what {
        What::AlarmRaised { alarm, raised, .. } if &**alarm == "flooded" => Some(*raised),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_request_that_names_another_host_is_not_for_us() {
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    house.registers(phone);
    let invite = house.request("INVITE", "sip:0085212345678@relay.example", "1001", "");
    assert_eq!(house.statuses(PHONE, &invite), [404]);
    let options = house.request("OPTIONS", "sip:relay.example", "eve", "");
    assert_eq!(house.statuses(UNKNOWN, &options), [404]);
    let carrier = house.request("INVITE", "sip:12345@carrier.example", "13800000000", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &carrier), [100, 200], "a carrier may write its own domain");
}

#[test]
fn no_header_makes_us_send_to_anyone_but_the_sender_and_our_seats() {
    let elsewhere = "Route: <sip:198.51.100.66;lr>\r\nReply-To: <sip:198.51.100.66>\r\nRefer-To: <sip:198.51.100.66>\r\n\
                     Replaces: a;to-tag=b;from-tag=c\r\n";
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    house.registers(phone);
    for (remote, from) in [(OTHER_TRUNK, "13800000000"), (PHONE, "1001"), (UNKNOWN, "eve")] {
        for method in
            ["INVITE", "REFER", "OPTIONS", "SUBSCRIBE", "PUBLISH", "MESSAGE", "NOTIFY", "BYE", "CANCEL"]
        {
            let request = house.request(method, "sip:12345@hotline.example", from, elsewhere);
            let mut request = request.replace("UDP h;", "UDP 198.51.100.66;received=198.51.100.66;");
            // A trunk's Contact and Record-Route are believed inside its own dialogs; nobody else's are.
            if remote != OTHER_TRUNK {
                request = request.replace(&format!("<sip:{from}@h>"), "<sip:198.51.100.66>");
                request = request.replace("Reply-To", "Record-Route: <sip:198.51.100.66;lr>\r\nReply-To");
            }
            let mut sent = house.hears(flow(Transport::Udp, remote), request.as_str());
            if let Some(asked) =
                sent.iter().find(|(_, m)| m.status() == Some(Status::PROXY_AUTHENTICATION_REQUIRED)).cloned()
                && let Some(proved) = house.answer_to(&asked.1, &request, "1001", "right")
            {
                sent.extend(house.hears(flow(Transport::Udp, remote), proved));
            }
            // Long enough that an unacknowledged call is hung up: the BYE goes there too.
            sent.extend(house.waits(Duration::from_secs(40)));
            assert!(
                sent.iter()
                    .all(|(f, _)| [remote, PHONE, FIXED_PHONE].contains(&f.remote.to_string().as_str())),
                "{method} from {remote}: {:?}",
                sent.iter().map(|(f, _)| f.remote).collect::<Vec<_>>()
            );
        }
    }
    assert!(house.events.iter().any(|e| matches!(e.what, What::CallEnded(_))), "the trunk's call was ended");
}
