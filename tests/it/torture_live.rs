//! The published torture messages against the running program: over UDP and TCP, from a trunk's, a seat's and an
//! unknown source's address, with an OPTIONS answered after every one. What each must meet is written down here by name,
//! beside what the table that comes with them says about parsing.

use crate::agent::{Agent, At, Came, Over, Site, unique};
use crate::torture::{OWN, vectors};
use hotline_gateway::redact::Secret;
use hotline_gateway::sip::digest::Challenge;

/// No answer at all.
const SILENCE: u16 = 0;

/// The one status a message meets at each class of peer.
struct Met {
    name: &'static str,
    /// From a trunk, as it was published, whatever number it asks for: a number nobody serves is 404.
    trunk: u16,
    /// From a trunk, an INVITE that asks for a number that is served instead.
    for_us: Option<u16>,
    /// From the fixed place of a seat, over UDP. It may call others: those that have no phone now are 480.
    seat: u16,
    unknown: u16,
}

const fn met(name: &'static str, trunk: u16, seat: u16, unknown: u16) -> Met {
    Met { name, trunk, for_us: None, seat, unknown }
}

const fn call(name: &'static str, [trunk, for_us]: [u16; 2], seat: u16, unknown: u16) -> Met {
    Met { name, trunk, for_us: Some(for_us), seat, unknown }
}

const REACTIONS: [Met; 61] = [
    // It names a dialog, with a To tag, that is none of ours.
    met("wsinv", 481, 481, 481),
    met("intmeth", 501, 501, 501),
    call("esc01", [404, 200], 404, 403),
    met("escnull", 401, 401, 401),
    met("esc02", 501, 501, 501),
    met("lwsdisp", 200, 200, 200),
    call("longreq", [404, 200], 480, 403),
    met("dblreq", 401, 401, 401),
    met("semiuri", 200, 200, 200),
    met("transports", 200, 200, 200),
    met("mpart01", 405, 405, 405),
    met("unreason", SILENCE, SILENCE, SILENCE),
    met("noreason", SILENCE, SILENCE, SILENCE),
    call("badinv01", [400, 400], 400, 400),
    met("clerr", 400, 400, 400),
    call("ncl", [400, 400], 400, 400),
    met("scalar02", 400, 400, 400),
    met("scalarlg", SILENCE, SILENCE, SILENCE),
    call("quotbal", [400, 400], 400, 400),
    met("ltgtruri", 400, 400, 400),
    met("lwsruri", 400, 400, 400),
    met("lwsstart", 400, 400, 400),
    met("trws", 400, 400, 400),
    met("escruri", 400, 400, 400),
    call("baddate", [404, 200], 480, 403),
    met("regbadct", 401, 401, 401),
    met("badaspec", 200, 404, 404),
    met("baddn", 200, 404, 404),
    met("badvers", 505, 505, 505),
    met("mismatch01", 400, 400, 400),
    met("mismatch02", 400, 400, 400),
    met("bigcode", SILENCE, SILENCE, SILENCE),
    met("badbranch", 200, 200, 200),
    call("insuf", [400, 400], 400, 400),
    met("unkscm", 416, 416, 416),
    met("novelsc", 416, 416, 416),
    met("unksm2", 400, 400, 400),
    met("bext01", 420, 420, 420),
    call("invut", [404, 415], 480, 403),
    met("regaut01", 401, 401, 401),
    call("multi01", [400, 400], 400, 400),
    met("mcl01", 400, 400, 400),
    met("bcast", SILENCE, SILENCE, SILENCE),
    met("zeromf", 200, 200, 200),
    met("cparam01", 401, 401, 401),
    met("cparam02", 401, 401, 401),
    met("regescrt", 401, 401, 401),
    call("sdp01", [404, 406], 480, 403),
    call("inv2543", [404, 200], 404, 403),
    met("ipv6-good", 401, 401, 401),
    met("ipv6-bad", 400, 400, 400),
    met("port-ambiguous", 404, 404, 404),
    met("port-unambiguous", 401, 401, 401),
    met("via-received-param-no-delim", 200, 200, 200),
    met("via-received-param-with-delim", 481, 481, 481),
    // Both offer G.726 alone.
    call("ipv6-in-sdp", [404, 488], 480, 403),
    met("mult-ip-in-header", 481, 481, 481),
    call("mult-ip-in-sdp", [404, 200], 480, 403),
    call("ipv4-mapped-ipv6", [404, 488], 480, 403),
    met("ipv6-bug-abnf-3-colons", 200, 404, 404),
    met("ipv6-correct-abnf-2-colons", 200, 404, 404),
];

/// Why the stream cannot be read any further behind these: it is closed.
const UNFRAMED: [&str; 3] = ["ncl", "mcl01", "inv2543"];

/// Hosts of theirs that are ours here: a REGISTER for another is 404 from every source, an OPTIONS from all but a trunk. The
/// port of `sip:[2001:db8::10]:5070` is none of the host, that of `sip:[2001:db8::10:5070]` is.
const OURS: &str = "domains = [\"example.com\", \"2001:db8::10\"]";

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
fn hang_up(site: &Site, over: Over, ok: &Came) {
    let (number, _) = ok.cseq().split_once(' ').expect("a CSeq");
    let mut agent = site.agent(At::Trunk, over);
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

/// The messages; where they are absent, `what` is said to be not shown.
fn published(what: &str) -> Option<Vec<(String, bytes::Bytes)>> {
    Some(vectors(what)?.into_iter().map(|(name, _, bytes)| (name, bytes)).collect())
}

fn published_one(all: &[(String, bytes::Bytes)], name: &str) -> bytes::Bytes {
    all.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1.clone()
}

struct Trial<'a> {
    site: &'a Site,
    name: &'a str,
    at: At,
    over: Over,
    bytes: Vec<u8>,
    /// Stands in its Call-ID: answers to an earlier message come again until they are acknowledged.
    mine: String,
}

impl Trial<'_> {
    fn is_mine(&self, came: &Came) -> bool {
        came.status() >= 200 && came.header("Call-ID").is_none_or(|id| id.contains(self.mine.as_str()))
    }

    /// Who sends it, and where else its answer may go: a seat's phone has a port of its own.
    fn agents(&self) -> (Agent, Option<Agent>) {
        let port = if self.over == Over::Udp { answered_at(&self.bytes) } else { 0 };
        let apart = (self.at, self.over) == (At::Seat, Over::Udp) && port != 0;
        let own_port = if apart { 0 } else { port };
        let mut agents = (
            self.site.agent_on(self.at, self.over, own_port),
            apart.then(|| self.site.agent_on(self.at, self.over, port)),
        );
        let about = format!("{} from {:?} over {:?}", self.name, self.at, self.over);
        agents.0.about.clone_from(&about);
        if let Some(ear) = &mut agents.1 {
            ear.about = about;
        }
        agents
    }

    /// What else was said by now. Asked at a trunk's address over UDP, where the gateway reads one datagram after the other:
    /// an unknown source may not ask as often as this.
    fn further(&self, sender: &mut Agent, ear: &mut Option<Agent>) -> Vec<Came> {
        let mut came = match (self.at, self.over) {
            (At::Unknown, Over::Udp) => {
                self.site.agent(At::Trunk, Over::Udp).expect_silence("nothing");
                sender.pending()
            }
            _ => sender.until_options(),
        };
        came.extend(ear.as_mut().map(Agent::pending).unwrap_or_default());
        came
    }

    /// Sends it, and looks at its one answer.
    fn meets(&self, expected: u16) {
        let Trial { site, name, over, bytes, .. } = self;
        let (mut sender, mut ear) = self.agents();
        sender.send(bytes);
        let on_stream = *over == Over::Tcp;
        if on_stream && *name == "clerr" {
            // The stream waits for the rest; everybody else is served.
            return site.agent(At::Trunk, *over).expect_silence("nothing");
        }
        let unframed = on_stream && UNFRAMED.contains(name);
        let expected = if unframed { 400 } else { expected };
        if expected == SILENCE {
            let said = self.further(&mut sender, &mut ear);
            assert!(!said.iter().any(|c| self.is_mine(c)), "{} was answered: {said:?}", sender.about);
            return;
        }
        let hears = ear.as_mut().unwrap_or(&mut sender);
        let answer = hears.expect(name, |c| self.is_mine(c));
        let about = format!("{} from {:?} over {over:?}: {}", self.name, self.at, answer.text);
        assert_eq!(answer.status(), expected, "{about}");
        self.is_sound(&answer, &about);
        if unframed {
            return sender.expect_closed(&about);
        }
        if on_stream && *name == "dblreq" {
            // Two requests, and an octet too many behind them.
            let second = if self.at == At::Trunk { 404 } else { 403 };
            assert_eq!(sender.response_to("8 INVITE").status(), second);
            return sender.expect_closed(&about);
        }
        let more = self.further(&mut sender, &mut ear);
        let second = more.iter().find(|c| c.cseq() != answer.cseq() && self.is_mine(c));
        assert!(second.is_none(), "answered twice: {about}: {more:?}");
        if (answer.status(), answer.cseq().ends_with(" INVITE")) == (200, true) {
            hang_up(site, *over, &answer);
        }
    }

    /// The peer that sent it knows the answer for its own, and what to do about it.
    fn is_sound(&self, answer: &Came, about: &str) {
        let via = answer.header("Via").unwrap_or_else(|| panic!("no Via: {about}"));
        assert!(via.to_ascii_uppercase().starts_with("SIP"), "{via}");
        if self.name != "insuf" {
            for name in ["From", "To", "Call-ID", "CSeq"] {
                assert!(answer.header(name).is_some(), "no {name}: {about}");
            }
        }
        let owed = match answer.status() {
            401 => Some("WWW-Authenticate"),
            405 | 501 => Some("Allow"),
            407 => Some("Proxy-Authenticate"),
            415 => Some("Accept"),
            420 => Some("Unsupported"),
            _ => None,
        };
        assert!(owed.is_none_or(|header| answer.header(header).is_some()), "no {owed:?}: {about}");
    }
}

#[test]
fn every_published_message_meets_its_reaction_and_the_next_is_answered() {
    let Some(vectors) = published("what every one of them meets at each class of peer") else { return };
    let site = Site::open_as("torture", OURS, "");
    for (name, bytes) in &vectors {
        let met =
            REACTIONS.iter().find(|r| r.name == name).unwrap_or_else(|| panic!("no reaction for {name}"));
        for over in [Over::Udp, Over::Tcp] {
            let trial = |at, change: fn(&[u8]) -> Vec<u8>| {
                let mine = unique();
                Trial { site: &site, name, at, over, bytes: change(&fresh(bytes, &mine)), mine }
            };
            trial(At::Trunk, <[u8]>::to_vec).meets(met.trunk);
            if let Some(status) = met.for_us {
                trial(At::Trunk, for_us).meets(status);
            }
            // The fixed place is one of UDP: what comes from its address by TCP is an unknown source.
            let seat = if over == Over::Udp { met.seat } else { met.unknown };
            trial(At::Seat, <[u8]>::to_vec).meets(seat);
            trial(At::Unknown, <[u8]>::to_vec).meets(met.unknown);
        }
    }
    site.programme.check_log();
}

#[test]
fn our_own_message_of_every_section_meets_its_reaction_at_the_program() {
    let site = Site::open("torture-own", "");
    for own in &OWN {
        let mine = unique();
        let bytes = fresh(&own.bytes(), &mine);
        Trial { site: &site, name: own.like, at: At::Trunk, over: Over::Udp, bytes, mine }.meets(own.status);
    }
    site.programme.check_log();
}

#[test]
fn wsinv_that_begins_a_dialog_is_read_through_its_folds_as_a_call() {
    let Some(vectors) = published("wsinv without its To tag") else { return };
    let site = Site::open("torture-wsinv", "");
    let bytes = published_one(&vectors, "wsinv");
    for over in [Over::Udp, Over::Tcp] {
        let mine = unique();
        let begins = replaced(&fresh(&bytes, &mine), b" ;   tag    = 1918181833n", b"");
        assert!(begins.len() < bytes.len() + 4 * mine.len());
        let trial = |bytes: Vec<u8>| Trial {
            site: &site,
            name: "wsinv",
            at: At::Trunk,
            over,
            bytes,
            mine: mine.clone(),
        };
        trial(for_us(&begins)).meets(200);
    }
}

/// A published offer of G.726 alone, and the same of PCMA, in a family of addresses.
#[test]
fn an_ipv6_offer_is_answered_in_ipv6_or_488_with_a_warning() {
    let Some(vectors) = published("offers of audio over IPv6") else { return };
    let v4 = Site::open("torture-v4", "");
    let both = Site::open_as("torture-both", "advertised = \"[2001:db8::99]\"", "");
    for name in ["ipv6-in-sdp", "ipv4-mapped-ipv6"] {
        let bytes = published_one(&vectors, name);
        let pcma = replaced(&bytes, b"AVP 2\r\na=rtpmap:2 G726-32/8000", b"AVP 8\r\na=rtpmap:8 PCMA/8000");
        let length = |n: u32| format!("Content-Length: {n}\r").into_bytes();
        let stated = [251, 245].into_iter().find(|n| pcma.windows(20).any(|w| w == length(*n))).expect("one");
        let pcma = replaced(&pcma, &length(stated), &length(stated - 3));
        for over in [Over::Udp, Over::Tcp] {
            for (site, status) in [(&v4, 488), (&both, 200)] {
                let mine = unique();
                let asks = for_us(&fresh(&pcma, &mine));
                let port = if over == Over::Udp { answered_at(&asks) } else { 0 };
                let mut agent = site.agent_on(At::Trunk, over, port);
                agent.send(asks);
                let answer = agent.final_response();
                assert_eq!(answer.status(), status, "{name}: {}", answer.text);
                if status == 488 {
                    let warning = answer.header("Warning").unwrap_or_default();
                    assert!(warning.starts_with("300 "), "{name}: {}", answer.text);
                } else {
                    assert!(answer.body().contains("c=IN IP6 2001:db8::99\r\n"), "{name}: {}", answer.text);
                    hang_up(site, over, &answer);
                }
            }
        }
    }
}

/// A published REGISTER with its password, and which contacts the answer names.
struct Registers {
    name: &'static str,
    seat: &'static str,
    /// What is changed in it first.
    change: (&'static str, &'static str),
    status: u16,
    contacts: &'static [&'static str],
}

const fn registers(
    name: &'static str,
    seat: &'static str,
    status: u16,
    contacts: &'static [&'static str],
) -> Registers {
    Registers { name, seat, change: ("", ""), status, contacts }
}

const REGISTERS: [Registers; 11] = [
    // For a seat there is; the zero octets stay in its two contacts, which are two.
    Registers {
        name: "escnull",
        seat: "user",
        change: ("sip:null-%00-null@", "sip:user@"),
        status: 200,
        contacts: &["<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"],
    },
    // The user does not end at the zero octet: the seat before it may not register for it.
    Registers {
        name: "escnull",
        seat: "user",
        change: ("sip:null-%00-null@", "sip:user%00-null@"),
        status: 403,
        contacts: &[],
    },
    registers("dblreq", "j.user", 200, &["<sip:j.user@host.example.com>"]),
    // The parameter is the header's, or the address's.
    registers("cparam01", "watson", 200, &["<sip:+19725552222@gw1.example.net>"]),
    registers("cparam02", "watson", 200, &["<sip:+19725552222@gw1.example.net;unknownparam>"]),
    registers("regescrt", "user", 200, &["<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"]),
    registers("regbadct", "user", 400, &[]),
    registers("regaut01", "j.user", 200, &[]),
    registers("ipv6-good", "user", 200, &["<sip:caller@[2001:db8::1]>"]),
    registers("port-ambiguous", "user", 200, &["<sip:caller@[2001:db8::1]>"]),
    registers("port-unambiguous", "user", 200, &["<sip:caller@[2001:db8::1]>"]),
];

/// Sends a REGISTER, answers its challenge, and gives what it comes to.
fn proves(agent: &mut Agent, register: &[u8], seat: &str, password: &str) -> Came {
    agent.send(register);
    let asked = agent.final_response();
    assert_eq!(asked.status(), 401, "{}", asked.text);
    let challenge =
        Challenge::choose(asked.headers("WWW-Authenticate").map(str::as_bytes)).expect("a challenge");
    let text = String::from_utf8(register.to_vec()).expect("text");
    let uri = text.split(' ').nth(1).expect("a Request-URI");
    let answer = challenge.answer(seat, &Secret::new(password.to_owned()), "REGISTER", uri, 1, "c");
    let (number, _) = asked.cseq().split_once(' ').expect("a CSeq");
    let next = number.parse::<u32>().expect("a number") + 1;
    let text = text.replacen(&format!("CSeq: {number} "), &format!("CSeq: {next} "), 1);
    let text = text.replacen("branch=z9hG4bK", "branch=z9hG4bKproved", 1);
    agent.send(text.replacen("\r\nMax-Forwards", &format!("\r\nAuthorization: {answer}\r\nMax-Forwards"), 1));
    agent.expect("an answer", |c| c.cseq() == format!("{next} REGISTER") && c.status() >= 200)
}

/// As [`OURS`], with the host of `sip:[2001:db8::10:5070]`: each registration is for us.
const OURS_TO_REGISTER: &str = "domains = [\"example.com\", \"2001:db8::10\", \"2001:db8::10:5070\"]";

#[test]
fn every_published_registration_with_its_password_gets_what_it_asks_for() {
    let Some(vectors) = published("what REGISTERs with their passwords are granted") else { return };
    let site = Site::open_as("torture-register", OURS_TO_REGISTER, "");
    for Registers { name, seat, change: (was, is), status, contacts } in &REGISTERS {
        let bytes = published_one(&vectors, name);
        let bytes =
            if was.is_empty() { bytes.to_vec() } else { replaced(&bytes, was.as_bytes(), is.as_bytes()) };
        for over in [Over::Udp, Over::Tcp] {
            let register = fresh(&bytes, &unique());
            // What stands behind the first of two requests is for the test above.
            let end = register.windows(4).position(|w| w == b"\r\n\r\n").expect("an end") + 4;
            let register = &register[..end];
            let port = if over == Over::Udp { answered_at(register) } else { 0 };
            let mut agent = site.agent_on(At::Trunk, over, port);
            agent.about = format!("{name} over {over:?}");
            let answer = proves(&mut agent, register, seat, &site.password(seat));
            assert_eq!(answer.status(), *status, "{name}: {}", answer.text);
            let told: Vec<&str> =
                answer.headers("Contact").map(|c| c.split(";expires=").next().unwrap_or(c)).collect();
            assert_eq!(told, *contacts, "{name}: {}", answer.text);
            let forget = agent.request("REGISTER", seat, &unique(), 1, "");
            let at = forget.find("Contact: ").expect("a Contact");
            let line_end = forget[at..].find("\r\n").expect("its end") + at;
            let forget = format!("{}Contact: *\r\nExpires: 0{}", &forget[..at], &forget[line_end..]);
            let forgotten = proves(&mut agent, forget.as_bytes(), seat, &site.password(seat));
            assert_eq!((forgotten.status(), forgotten.header("Contact")), (200, None), "{}", forgotten.text);
        }
    }
    site.programme.check_log();
}

#[test]
fn the_published_messages_as_they_are_leave_the_program_answering() {
    let Some(vectors) = published("that they leave the program answering") else { return };
    let mut site = Site::open("torture-raw", "");
    for over in [Over::Udp, Over::Tcp] {
        for at in [At::Trunk, At::Seat, At::Unknown] {
            for (_, bytes) in &vectors {
                site.agent(at, over).send(bytes);
                site.agent(At::Trunk, over).until_options();
            }
        }
    }
    assert!(site.programme.stop().success());
    site.programme.check_log();
}

/// Messages of our own that cannot be read.
const MALFORMED: usize = 1_000;

#[test]
fn a_thousand_malformed_messages_leave_no_line_above_trace() {
    let site = Site::that_log("torture-log", "debug");
    let broken: Vec<Vec<u8>> =
        OWN.iter().filter(|own| [400, 505].contains(&own.status)).map(|own| own.bytes()).collect();
    assert!(broken.len() > 15);
    let lines = || {
        let log = std::fs::read_to_string(site.programme.directory().join("log")).expect("the log");
        log.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    site.agent(At::Trunk, Over::Udp).until_options();
    let before = lines();
    assert!(!before.is_empty(), "it logs");
    for at in [At::Trunk, At::Seat, At::Unknown] {
        let mut agent = site.agent(at, Over::Udp);
        for (n, bytes) in broken.iter().cycle().take(MALFORMED).enumerate() {
            agent.send(fresh(bytes, &unique()));
            if n % 50 == 49 {
                // No more than fit into the socket.
                site.agent(At::Trunk, Over::Udp).until_options();
            }
        }
    }
    for bytes in &broken {
        site.agent(At::Trunk, Over::Tcp).send(fresh(bytes, &unique()));
        site.agent(At::Trunk, Over::Tcp).until_options();
    }
    let more = lines().split_off(before.len());
    assert!(more.is_empty(), "{more:#?}");
}
