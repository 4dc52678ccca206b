//! What a peer by the letter sees of the running program over real sockets: retransmissions, CANCEL, forked answers, and
//! what each request that cannot be served is answered. The same in virtual time, with the long timers, is in
//! `tests/sim/conduct.rs`.

use crate::agent::{Agent, At, Came, Over, Site, another, unique};
use std::process::Command;

/// A service number that rings for longer than any test.
const RINGS: &str = "12399";
const BOTH: [Over; 2] = [Over::Udp, Over::Tcp];

/// A call from the trunk.
struct Call {
    agent: Agent,
    id: String,
    invite: String,
    /// `;tag=…` of the gateway.
    tag: String,
}

impl Call {
    /// Its INVITE, on its way.
    fn begins(site: &Site, over: Over, number: &str) -> Call {
        let mut agent = site.agent(At::Trunk, over);
        let id = unique();
        let invite = agent.with_body("INVITE", number, &id, 5, "", &agent.offer());
        agent.send(&invite);
        Call { agent, id, invite, tag: String::new() }
    }

    /// The same, answered; not acknowledged yet.
    fn answered(site: &Site, over: Over) -> (Call, Came) {
        let mut call = Call::begins(site, over, "12345");
        let ok = call.agent.final_response();
        assert_eq!(ok.status(), 200, "{}", ok.text);
        call.tag = tag_of(&ok);
        (call, ok)
    }

    /// The same, acknowledged.
    fn talks(site: &Site, over: Over) -> Call {
        let (mut call, _) = Call::answered(site, over);
        call.acks(5);
        call
    }

    /// A request inside the dialog, and what it is answered.
    fn asks(&mut self, method: &str, cseq: u32) -> Came {
        let request = self.agent.request(method, "12345", &self.id, cseq, &self.tag);
        self.agent.send(request);
        self.agent.response_to(&format!("{cseq} {method}"))
    }

    fn acks(&mut self, cseq: u32) {
        let ack = self.agent.request("ACK", "12345", &self.id, cseq, &self.tag);
        self.agent.send(ack);
    }

    /// The CANCEL, or the ACK of a refusal, of its INVITE: in the transaction of that.
    fn of_invite(&self, method: &str, tag: &str) -> String {
        let (head, _) = self.invite.split_once("Content-Type").expect("a body");
        let to =
            format!("To: <sip:{}>", head.split(['<', '>']).nth(3).expect("a To").trim_start_matches("sip:"));
        assert!(head.contains(&to), "{head}");
        let head = head.replacen("INVITE sip", &format!("{method} sip"), 1);
        let head = head.replacen("CSeq: 5 INVITE", &format!("CSeq: 5 {method}"), 1);
        format!("{}Content-Length: 0\r\n\r\n", head.replacen(&to, &format!("{to}{tag}"), 1))
    }

    fn ends(mut self) {
        assert_eq!(self.asks("BYE", 90).status(), 200);
    }
}

/// How many calls there have been, by the journal.
fn calls_of(site: &Site) -> usize {
    // A refusal is on disk before it is answered, and so is whatever was before it.
    let mut refused = Call::begins(site, Over::Udp, "99999");
    assert_eq!(refused.agent.final_response().status(), 404);
    let out = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["events", "--from", "earliest", "--type", "CallReceived"])
        .args(["--address", &site.programme.grpc.to_string(), "--token-file"])
        .arg(site.programme.directory().join("api-token"))
        .output()
        .expect("the program runs");
    String::from_utf8_lossy(&out.stdout).lines().count()
}

fn tag_of(came: &Came) -> String {
    format!(";tag={}", came.tag("To").expect("a To tag"))
}

/// An answer of the seat's phone to a request of the gateway.
fn answers(phone: &mut Agent, request: &Came, status: &str, tag: &str, sdp: &str) {
    let header = |name| request.header(name).unwrap_or_else(|| panic!("no {name}: {}", request.text));
    let mut text = format!("SIP/2.0 {status}\r\n");
    request.headers("Via").for_each(|via| text += &format!("Via: {via}\r\n"));
    let to = header("To");
    let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag={tag}") };
    text += &format!("From: {}\r\nTo: {to}\r\nCall-ID: {}\r\n", header("From"), header("Call-ID"));
    text += &format!("CSeq: {}\r\nContact: <sip:1001@{}>\r\n", header("CSeq"), phone.here);
    if !sdp.is_empty() {
        text += "Content-Type: application/sdp\r\n";
    }
    phone.send(format!("{text}Content-Length: {}\r\n\r\n{sdp}", sdp.len()));
}

/// The next request of this method that is to the phone with this tag.
fn told(phone: &mut Agent, method: &str, tag: &str) -> Came {
    phone.expect(&format!("{method} to {tag}"), |c| c.method() == method && c.tag("To") == Some(tag))
}

#[test]
fn an_invite_that_comes_again_gets_the_same_answer_and_is_one_call() {
    let site = Site::open("conduct-copies", "");
    for (calls, over) in (1..).zip(BOTH) {
        let (mut call, first) = Call::answered(&site, over);
        for _ in 0..3 {
            let copy = call.invite.clone();
            call.agent.send(copy);
        }
        let said = call.agent.until_options();
        assert!(said.iter().all(|c| c.text == first.text || c.status() == 100), "{said:?}");
        assert_eq!(calls_of(&site), calls);
        if over == Over::Udp {
            // A copy comes unasked, as long as there is no ACK.
            let again = call.agent.final_response();
            assert_eq!(again.text, first.text);
        }
        call.acks(5);
        call.ends();
    }
    let mut rings = Call::begins(&site, Over::Udp, RINGS);
    let first = rings.agent.expect("ringing", |c| c.status() == 180);
    let copy = rings.invite.clone();
    rings.agent.send(copy);
    let again = rings.agent.expect("ringing again", |c| c.status() == 180);
    assert_eq!(again.text, first.text);
    assert_eq!(calls_of(&site), 3);
}

#[test]
fn an_answer_over_udp_comes_again_until_acknowledged_and_then_no_more() {
    acknowledged_late("conduct-ack-udp", Over::Udp);
}

#[test]
fn an_answer_over_tcp_comes_again_until_acknowledged_and_then_no_more() {
    acknowledged_late("conduct-ack-tcp", Over::Tcp);
}

fn acknowledged_late(name: &'static str, over: Over) {
    let site = Site::open(name, "");
    let (mut call, first) = Call::answered(&site, over);
    // The first ACK was lost.
    let again = call.agent.final_response();
    assert_eq!(again.text, first.text);
    call.acks(5);
    assert_eq!(call.asks("OPTIONS", 6).status(), 200, "the ACK was read");
    call.agent.until_options();
    // A later call's answer comes twice more: by then this one's would have come again.
    let (mut later, _) = Call::answered(&site, over);
    later.agent.final_response();
    later.agent.final_response();
    call.agent.expect_silence("an acknowledged call");
    later.acks(5);
    later.ends();
    call.ends();
}

#[test]
fn a_cancel_before_the_answer_ends_in_487_and_both_answers_have_one_tag() {
    let site = Site::open("conduct-cancel", "");
    for over in BOTH {
        for waits in [true, false] {
            let mut call = Call::begins(&site, over, RINGS);
            if waits {
                call.agent.expect("ringing", |c| c.status() == 180);
            }
            let cancel = call.of_invite("CANCEL", "");
            call.agent.send(cancel);
            let ok = call.agent.response_to("5 CANCEL");
            let over_now = call.agent.response_to("5 INVITE");
            assert_eq!((ok.status(), over_now.status()), (200, 487), "over {over:?}");
            assert_eq!(ok.tag("To"), over_now.tag("To"), "over {over:?}");
            let ack = call.of_invite("ACK", &tag_of(&over_now));
            call.agent.send(ack);
            let more = call.agent.until_options();
            assert!(more.iter().all(|c| c.status() < 200), "over {over:?}: {more:?}");
        }
    }
}

#[test]
fn a_cancel_that_crosses_the_answer_or_comes_behind_it_changes_nothing() {
    let site = Site::open("conduct-late-cancel", "");
    for over in BOTH {
        let (mut call, ok) = Call::answered(&site, over);
        for _ in 0..2 {
            // The second is a copy, which is answered as the first was.
            let cancel = call.of_invite("CANCEL", "");
            call.agent.send(cancel);
            let cancelled = call.agent.response_to("5 CANCEL");
            assert_eq!((cancelled.status(), cancelled.tag("To")), (200, ok.tag("To")), "over {over:?}");
            call.acks(5);
        }
        assert_eq!(call.asks("OPTIONS", 6).status(), 200, "over {over:?}");
        call.ends();
        let mut agent = site.agent(At::Trunk, over);
        let nothing = agent.request("CANCEL", "12345", &unique(), 5, "");
        agent.send(nothing);
        assert_eq!(agent.final_response().status(), 481, "over {over:?}");
    }
}

#[test]
fn of_two_phones_that_answer_one_contact_the_second_is_hung_up_on() {
    let site = Site::open("conduct-forked", "");
    let mut phone = site.agent(At::Seat, Over::Udp);
    let mut call = Call::talks(&site, Over::Udp);
    let invite = phone.expect("the seat is called", |c| c.method() == "INVITE");
    let sdp = phone.offer();
    answers(&mut phone, &invite, "200 OK", "one", &sdp);
    told(&mut phone, "ACK", "one");
    answers(&mut phone, &invite, "200 OK", "two", &sdp);
    told(&mut phone, "ACK", "two");
    let bye = told(&mut phone, "BYE", "two");
    answers(&mut phone, &bye, "200 OK", "two", "");
    assert_eq!(call.asks("OPTIONS", 6).status(), 200, "the first talks on");
    call.ends();
    let bye = told(&mut phone, "BYE", "one");
    answers(&mut phone, &bye, "200 OK", "one", "");
    answers(&mut phone, &invite, "200 OK", "late", &sdp);
    told(&mut phone, "ACK", "late");
    let bye = told(&mut phone, "BYE", "late");
    answers(&mut phone, &bye, "200 OK", "late", "");
}

#[test]
fn an_update_that_crosses_our_offer_to_a_phone_that_rings_is_491() {
    let site = Site::open("conduct-glare", "");
    let mut phone = site.agent(At::Seat, Over::Udp);
    let call = Call::talks(&site, Over::Udp);
    let invite = phone.expect("the seat is called", |c| c.method() == "INVITE");
    answers(&mut phone, &invite, "180 Ringing", "phone", "");
    let (ours, theirs) = (invite.header("From").expect("From"), invite.header("To").expect("To"));
    let (contact, id, sdp) = (invite.contact(), invite.header("Call-ID").expect("Call-ID"), phone.offer());
    let update = format!(
        "UPDATE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{};rport\r\nMax-Forwards: 70\r\n\
         From: {theirs};tag=phone\r\nTo: {ours}\r\nCall-ID: {id}\r\nCSeq: 1 UPDATE\r\nContact: <sip:1001@{}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        phone.here,
        unique(),
        phone.here,
        sdp.len()
    );
    phone.send(update);
    let answer = phone.response_to("1 UPDATE");
    assert_eq!(answer.status(), 491, "{}", answer.text);
    answers(&mut phone, &invite, "200 OK", "phone", &sdp);
    told(&mut phone, "ACK", "phone");
    call.ends();
}

#[test]
fn an_invite_that_comes_by_two_ways_is_one_call_and_the_second_is_482() {
    let site = Site::open("conduct-merged", "");
    for (calls, over) in (1..).zip(BOTH) {
        let mut call = Call::begins(&site, over, RINGS);
        call.agent.expect("ringing", |c| c.status() == 180);
        let merged = another(&call.invite);
        call.agent.send(merged);
        assert_eq!(call.agent.final_response().status(), 482, "over {over:?}");
        assert_eq!(calls_of(&site), calls);
    }
}

#[test]
fn inside_a_dialog_an_old_cseq_is_500_and_outside_of_any_a_to_tag_is_481() {
    let site = Site::open("conduct-dialogs", "");
    for over in BOTH {
        let mut call = Call::talks(&site, over);
        for method in ["OPTIONS", "INFO", "BYE"] {
            let answer = call.asks(method, 4);
            assert_eq!(answer.status(), 500, "{method} over {over:?}: {}", answer.text);
        }
        assert_eq!(call.asks("OPTIONS", 6).status(), 200, "over {over:?}");
        call.ends();
        for at in [At::Trunk, At::Seat, At::Unknown] {
            let mut agent = site.agent(at, over);
            for (cseq, method) in
                (1..).zip(["BYE", "INFO", "UPDATE", "INVITE", "OPTIONS", "REFER", "NOTIFY", "PRACK"])
            {
                let request = agent.request(method, "12345", &unique(), cseq, ";tag=nobody");
                agent.send(request);
                let answer = agent.response_to(&format!("{cseq} {method}"));
                assert_eq!(answer.status(), 481, "{method} from {at:?} over {over:?}: {}", answer.text);
            }
        }
    }
}

#[test]
fn an_unknown_method_is_501_and_one_not_heard_405_with_those_that_are() {
    let site = Site::open("conduct-methods", "");
    let allowed = [(At::Trunk, "PRACK"), (At::Seat, "REFER"), (At::Unknown, "REGISTER, OPTIONS")];
    for over in BOTH {
        for (at, heard) in allowed {
            let mut agent = site.agent(at, over);
            for (cseq, (method, status)) in (1..).zip([("BREW", 501), ("MESSAGE", 405)]) {
                let request = agent.request(method, "12345", &unique(), cseq, "");
                agent.send(request);
                let answer = agent.response_to(&format!("{cseq} {method}"));
                assert_eq!(answer.status(), status, "{method} from {at:?} over {over:?}");
                // A seat has its fixed place over UDP.
                let heard = if (at, over) == (At::Seat, Over::Tcp) { "REGISTER, OPTIONS" } else { heard };
                let allow = answer.header("Allow").expect("an Allow");
                assert!(allow.contains(heard), "{at:?} over {over:?}: {allow}");
            }
        }
    }
}

#[test]
fn what_an_invite_asks_for_that_nobody_here_can_do_is_refused_by_name() {
    let site = Site::open("conduct-demands", "");
    let sdp = "Content-Type: application/sdp";
    for over in BOTH {
        for (was, is, status, owed) in [
            (sdp, "Content-Type: text/plain", 415, Some(("Accept", "application/sdp"))),
            (
                sdp,
                "Content-Encoding: gzip\r\nContent-Type: application/sdp",
                415,
                Some(("Accept-Encoding", "identity")),
            ),
            (
                "Max-Forwards: 70",
                "Max-Forwards: 70\r\nRequire: timer, flying",
                420,
                Some(("Unsupported", "flying")),
            ),
            ("Max-Forwards: 70", "Max-Forwards: 0", 483, None),
        ] {
            let mut agent = site.agent(At::Trunk, over);
            let invite = agent.with_body("INVITE", "12345", &unique(), 1, "", &agent.offer());
            assert!(invite.contains(was));
            agent.send(invite.replacen(was, is, 1));
            let answer = agent.final_response();
            assert_eq!(answer.status(), status, "{is} over {over:?}: {}", answer.text);
            if let Some((header, value)) = owed {
                assert_eq!(answer.header(header), Some(value), "{is} over {over:?}: {}", answer.text);
            }
        }
    }
}

#[test]
fn a_body_of_unknown_type_is_passed_over_where_its_sender_allows_it() {
    let site = Site::open("conduct-optional", "");
    for over in BOTH {
        let mut agent = site.agent(At::Trunk, over);
        let id = unique();
        let invite = agent.with_body("INVITE", "12345", &id, 1, "", &agent.offer());
        agent.send(invite.replacen(
            "Content-Type: application/sdp",
            "Content-Type: application/isup\r\nContent-Disposition: signal;handling=optional",
            1,
        ));
        let ok = agent.final_response();
        assert_eq!(ok.status(), 200, "over {over:?}: {}", ok.text);
        assert!(ok.body().contains("m=audio"), "without an offer of his we make ours: {}", ok.text);
        let ack = agent.with_body("ACK", "12345", &id, 1, &tag_of(&ok), &agent.offer());
        agent.send(ack);
        let bye = agent.request("BYE", "12345", &id, 2, &tag_of(&ok));
        agent.send(bye);
        assert_eq!(agent.response_to("2 BYE").status(), 200, "over {over:?}");
    }
}
