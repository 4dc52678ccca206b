//! The published torture messages against the running program: over UDP and TCP, from a trunk's, a seat's and a
//! stranger's door, with an OPTIONS answered after every one. What each must meet is written down here by name,
//! beside what the table that comes with them says about parsing.

use crate::agent::{At, Came, Doors, Over, unique};
use crate::torture::vectors;

/// What a message must meet at a trunk's door. Each status named is right by its section; no status is silence.
struct Met {
    name: &'static str,
    /// As it was published, whoever it asks for: a number nobody serves is 404.
    published: &'static [u16],
    /// An INVITE that asks for a number that is served instead.
    for_us: &'static [u16],
}

const fn met(name: &'static str, published: &'static [u16]) -> Met {
    Met { name, published, for_us: &[] }
}

const fn call(name: &'static str, published: &'static [u16], for_us: &'static [u16]) -> Met {
    Met { name, published, for_us }
}

const REACTIONS: [Met; 61] = [
    // It names a dialog, with a To tag, that is none of ours.
    met("wsinv", &[481]),
    met("intmeth", &[405, 501]),
    call("esc01", &[404], &[200]),
    met("escnull", &[401]),
    met("esc02", &[405, 501]),
    met("lwsdisp", &[200]),
    call("longreq", &[404], &[200]),
    met("dblreq", &[401]),
    met("semiuri", &[200]),
    met("transports", &[200]),
    met("mpart01", &[405]),
    met("unreason", &[]),
    met("noreason", &[]),
    call("badinv01", &[400], &[400]),
    met("clerr", &[400]),
    call("ncl", &[400], &[400]),
    met("scalar02", &[400]),
    met("scalarlg", &[]),
    call("quotbal", &[400], &[400]),
    met("ltgtruri", &[400]),
    met("lwsruri", &[400]),
    met("lwsstart", &[400, 404]),
    met("trws", &[200, 400]),
    met("escruri", &[400]),
    call("baddate", &[400, 404], &[200, 400]),
    met("regbadct", &[400, 401]),
    met("badaspec", &[200, 400]),
    met("baddn", &[200, 400]),
    met("badvers", &[505]),
    met("mismatch01", &[400]),
    met("mismatch02", &[400, 501]),
    met("bigcode", &[]),
    met("badbranch", &[200]),
    call("insuf", &[400], &[400]),
    met("unkscm", &[416]),
    met("novelsc", &[416]),
    met("unksm2", &[400]),
    met("bext01", &[420]),
    call("invut", &[404, 415], &[415]),
    met("regaut01", &[401]),
    call("multi01", &[400], &[400]),
    met("mcl01", &[400]),
    met("bcast", &[]),
    met("zeromf", &[200]),
    met("cparam01", &[401]),
    met("cparam02", &[401]),
    met("regescrt", &[401]),
    call("sdp01", &[404, 406], &[406]),
    call("inv2543", &[404], &[200]),
    met("ipv6-good", &[401]),
    met("ipv6-bad", &[400]),
    met("port-ambiguous", &[401]),
    met("port-unambiguous", &[401]),
    met("via-received-param-no-delim", &[200]),
    met("via-received-param-with-delim", &[481]),
    // Our media is on IPv4 here; an offer of IPv6 alone has no common ground.
    call("ipv6-in-sdp", &[404], &[200, 488]),
    met("mult-ip-in-header", &[481]),
    call("mult-ip-in-sdp", &[404], &[200]),
    call("ipv4-mapped-ipv6", &[404], &[200, 488]),
    met("ipv6-bug-abnf-3-colons", &[200]),
    met("ipv6-correct-abnf-2-colons", &[200]),
];

/// Why the stream cannot be read any further behind these: it is closed.
const UNFRAMED: [&str; 3] = ["ncl", "mcl01", "inv2543"];

fn replaced(bytes: &[u8], was: &[u8], is: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut rest = bytes;
    while let Some(at) = rest.windows(was.len()).position(|w| w == was) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(is);
        rest = &rest[at + was.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// The message with branches and Call-IDs nobody used: several of them share theirs, and would be copies.
fn fresh(bytes: &[u8], mine: &str) -> Vec<u8> {
    let mut out = replaced(bytes, b"branch=z9hG4bK", format!("branch=z9hG4bK{mine}").as_bytes());
    // A bare cookie stays one: that is what its message is for.
    out = replaced(&out, format!("branch=z9hG4bK{mine}\r").as_bytes(), b"branch=z9hG4bK\r");
    for name in ["\r\nCall-ID: ", "\r\ni: ", "\r\nI: ", "\r\nCall-Id: "] {
        out = replaced(&out, name.as_bytes(), format!("{name}{mine}").as_bytes());
        // Behind the blanks, if there are more of them.
        out = replaced(&out, format!("{mine} ").as_bytes(), format!(" {mine}").as_bytes());
    }
    out
}

/// The INVITE, asking for 12345.
fn for_us(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.split(|&b| b == b'\r').next().unwrap_or_default();
    let text = String::from_utf8_lossy(start);
    let host = text.split(' ').find(|w| w.starts_with("sip:")).and_then(|uri| uri.rsplit('@').next());
    let mine = format!("INVITE sip:12345@{} SIP/2.0", host.expect("a Request-URI"));
    let mut out = mine.into_bytes();
    out.extend_from_slice(&bytes[start.len()..]);
    out
}

/// The port answers to this go to over UDP: that of its topmost Via, 5060 without one; any where it asks for the source
/// port, or has no Via a peer could be answered by (RFC 3261 section 18.2.2). So it is for what is no message, too.
fn answered_at(bytes: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(bytes).replace("\r\n ", " ").replace("\r\n\t", " ");
    let named = |line: &str| {
        ["via", "v"].contains(&line.split(':').next().unwrap_or("").trim().to_lowercase().as_str())
    };
    let via = text.lines().find(|line| named(line)).and_then(|line| line.split_once(':'));
    let topmost = via.and_then(|(_, value)| value.split(',').next()).unwrap_or_default().trim().to_owned();
    match hotline_gateway::sip::Via::parse(topmost.into_bytes()) {
        Ok(via) if via.rport() == hotline_gateway::sip::Rport::Absent => via.port().unwrap_or(5060),
        _ => 0,
    }
}

/// Accepts and ends a call that was answered, so that nothing is left of it.
fn hang_up(doors: &Doors, over: Over, ok: &Came) {
    let (number, _) = ok.cseq().split_once(' ').expect("a CSeq");
    let mut agent = doors.agent(At::Trunk, over);
    for (method, number) in
        [("ACK", number.to_owned()), ("BYE", (number.parse::<u32>().unwrap() + 1).to_string())]
    {
        let header = |name| ok.header(name).expect("a header of the dialog");
        let mut request = format!("{method} {} SIP/2.0\r\n", ok.contact());
        request += &format!(
            "Via: SIP/2.0/{} {};branch=z9hG4bK{};rport\r\n",
            agent.transport(),
            agent.here,
            unique()
        );
        for name in ["From", "To", "Call-ID"] {
            request += &format!("{name}: {}\r\n", header(name));
        }
        request += &format!("CSeq: {number} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n");
        agent.send(request);
    }
    let bye = agent.final_response();
    assert_eq!(bye.status(), 200, "BYE of {}", ok.text);
}

struct Trial<'a> {
    doors: &'a Doors,
    name: &'a str,
    over: Over,
    bytes: Vec<u8>,
    /// Stands in its Call-ID: answers to an earlier message come again until they are acknowledged.
    mine: String,
}

impl Trial<'_> {
    /// At a trunk's door, where every reaction is known.
    fn at_the_trunk(&self, expected: &[u16]) {
        let Trial { doors, name, over, bytes, mine } = self;
        let port = if *over == Over::Udp { answered_at(bytes) } else { 0 };
        let mut agent = doors.agent_on(At::Trunk, *over, port);
        agent.about = format!("{name} over {over:?}");
        agent.send(bytes);
        let on_stream = *over == Over::Tcp;
        if on_stream && *name == "clerr" {
            // The stream waits for the rest; everybody else is served.
            return doors.agent(At::Trunk, *over).expect_silence("nothing");
        }
        let unframed = on_stream && UNFRAMED.contains(name);
        let expected = if unframed { &[400] } else { expected };
        if expected.is_empty() {
            let said = agent.until_options();
            let answered =
                said.iter().any(|c| c.header("Call-ID").is_some_and(|id| id.contains(mine.as_str())));
            assert!(!answered, "{name} was answered: {said:?}");
            return;
        }
        let is_mine =
            |c: &Came| c.status() >= 200 && c.header("Call-ID").is_none_or(|id| id.contains(mine.as_str()));
        let answer = agent.expect(name, is_mine);
        assert!(expected.contains(&answer.status()), "{name} over {over:?} met {}", answer.text);
        self.echoes(&answer);
        if unframed {
            return agent.expect_closed(name);
        }
        match (answer.status(), answer.cseq().ends_with(" INVITE")) {
            (200, true) => hang_up(doors, *over, &answer),
            (420, _) => assert!(answer.header("Unsupported").is_some(), "{}", answer.text),
            (405, _) => assert!(answer.header("Allow").is_some(), "{}", answer.text),
            (415, _) => assert_eq!(answer.header("Accept"), Some("application/sdp"), "{}", answer.text),
            _ => {}
        }
        if on_stream && *name == "dblreq" {
            // Two requests, and an octet too many behind them.
            assert_eq!(agent.response_to("8 INVITE").status(), 404);
            return agent.expect_closed(name);
        }
        let more = agent.until_options();
        let second = more.iter().find(|c| c.cseq() != answer.cseq() && is_mine(c));
        assert!(second.is_none(), "{name} over {over:?} was answered twice: {more:?}");
    }

    /// At a door that lets nobody call: whatever is said, it is no yes, and the trunk is served.
    fn elsewhere(&self, at: At, published: &[u16]) {
        let Trial { doors, name, over, bytes, .. } = self;
        let mut agent = doors.agent(at, *over);
        agent.send(bytes);
        doors.agent(At::Trunk, *over).expect_silence("nothing");
        if *over == Over::Udp {
            let is_options = bytes.starts_with(b"OPTIONS");
            for came in agent.pending() {
                assert!(!published.is_empty(), "{name} from {at:?} was answered: {}", came.text);
                let allowed = is_options || came.status() >= 400 || came.status() == 100;
                assert!(allowed, "{name} from {at:?} met {}", came.text);
            }
        }
    }

    /// Whoever sent it knows the answer for his.
    fn echoes(&self, answer: &Came) {
        let via = answer.header("Via").unwrap_or_else(|| panic!("{}: no Via in {}", self.name, answer.text));
        assert!(via.to_ascii_uppercase().starts_with("SIP"), "{via}");
        if self.name != "insuf" {
            for name in ["From", "To", "Call-ID", "CSeq"] {
                assert!(answer.header(name).is_some(), "{}: no {name} in {}", self.name, answer.text);
            }
        }
    }
}

#[test]
fn every_published_message_meets_its_reaction_at_the_running_program_and_the_next_is_answered() {
    let Some(vectors) = vectors() else { return };
    let doors = Doors::open("torture", "");
    for (name, _, bytes) in &vectors {
        let met =
            REACTIONS.iter().find(|r| r.name == name).unwrap_or_else(|| panic!("no reaction for {name}"));
        for over in [Over::Udp, Over::Tcp] {
            let trial = |change: fn(&[u8]) -> Vec<u8>| {
                let mine = unique();
                Trial { doors: &doors, name, over, bytes: change(&fresh(bytes, &mine)), mine }
            };
            trial(<[u8]>::to_vec).at_the_trunk(met.published);
            if !met.for_us.is_empty() {
                trial(for_us).at_the_trunk(met.for_us);
            }
            for at in [At::Seat, At::Stranger] {
                trial(<[u8]>::to_vec).elsewhere(at, met.published);
            }
        }
    }
    doors.programme.check_log();
}

#[test]
fn the_published_messages_as_they_are_leave_the_program_answering() {
    let Some(vectors) = vectors() else { return };
    let mut doors = Doors::open("torture-raw", "");
    for over in [Over::Udp, Over::Tcp] {
        for at in [At::Trunk, At::Seat, At::Stranger] {
            for (_, _, bytes) in &vectors {
                doors.agent(at, over).send(bytes);
                doors.agent(At::Trunk, over).until_options();
            }
        }
    }
    assert!(doors.programme.stop().success());
    doors.programme.check_log();
}
