//! The published torture messages (RFC 4475, RFC 5118), read from a directory that is not part of this
//! repository: `../shared/torture` beside it, or where HOTLINE_TORTURE says. `expected.tsv` there has one line
//! a message: its name, and in its fifth column whether a parser must read it (`ok`), must not (`err`), or
//! may choose (`any`).

use bytes::Bytes;
use hotline_gateway::sip::{Frame, Framer, Message, Status};
use std::io::Write;
use std::path::PathBuf;

/// Name, reaction of a parser and octets of each. Where they are absent `None`, and a line that says that `what` was not
/// tested: on the process's own stderr, for that of a test that passes is shown to nobody.
pub fn vectors(what: &str) -> Option<Vec<(String, String, Bytes)>> {
    let directory = match std::env::var_os("HOTLINE_TORTURE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/torture"),
    };
    let Ok(table) = std::fs::read_to_string(directory.join("expected.tsv")) else {
        let said = format!(
            "\nNOT TESTED, for the published torture messages are not in {}: {what}. Cure: HOTLINE_TORTURE=directory\n",
            directory.display()
        );
        std::io::stderr().write_all(said.as_bytes()).expect("stderr");
        return None;
    };
    let rows = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, .., reaction, _octets] = columns.as_slice() else { return None };
        let bytes = std::fs::read(directory.join(format!("{name}.dat"))).expect("a vector the table names");
        Some((name.to_string(), reaction.to_string(), Bytes::from(bytes)))
    });
    Some(rows.collect())
}

#[test]
fn every_published_message_is_read_or_refused_as_its_rfc_says() {
    let Some(vectors) = vectors("whether the parser reads them") else { return };
    assert!(vectors.len() > 50, "only {} vectors", vectors.len());
    for (name, reaction, bytes) in vectors {
        let read = Message::parse(bytes);
        match reaction.as_str() {
            "ok" => assert!(read.is_ok(), "{name} is well-formed: {read:?}"),
            "err" => assert!(read.is_err(), "{name} is malformed and was read"),
            "any" => {}
            other => panic!("unknown reaction {other} for {name}"),
        }
    }
}

#[test]
fn every_refused_request_with_a_via_gets_an_answer_that_can_be_read() {
    let Some(vectors) = vectors("answers to those that cannot be read") else { return };
    for (name, _, bytes) in vectors {
        let is_response = bytes.starts_with(b"SIP/");
        let Err(malformed) = Message::parse(bytes) else { continue };
        assert_eq!(malformed.answer().is_none(), is_response, "{name}: {malformed:?}");
        assert_eq!(
            malformed.status == Status::VERSION_NOT_SUPPORTED,
            name == "badvers",
            "{name}: {malformed:?}"
        );
    }
}

#[test]
fn the_framer_finds_in_a_stream_what_the_parser_finds_in_a_datagram() {
    let Some(vectors) = vectors("the framer beside the parser") else { return };
    for (name, _, bytes) in vectors {
        let mut framer = Framer::new();
        framer.push(&bytes);
        let first = framer.next();
        match (name.as_str(), first) {
            ("clerr", frame) => assert!(frame.is_none(), "the rest is still to come"),
            ("ncl" | "mcl01" | "inv2543", Some(Frame::Broken(why))) => {
                assert_eq!((why.status.code(), why.answer().is_some()), (400, true), "{name}");
            }
            ("dblreq", Some(Frame::Message(one))) => {
                assert!(one.starts_with(b"REGISTER"));
                let Some(Frame::Message(two)) = framer.next() else { panic!("no second message") };
                assert!(two.starts_with(b"INVITE"));
            }
            (_, Some(Frame::Message(message))) => assert!(bytes.starts_with(&message), "{name}"),
            (_, other) => panic!("{name}: {other:?}"),
        }
    }
}

/// A message of our own after a section of RFC 4475 (3.…) or RFC 5118 (4.…), so that each is tested where the published
/// ones are absent too.
pub struct Own {
    pub section: &'static str,
    /// The published message it is like.
    pub like: &'static str,
    /// What it meets at a trunk's address; 0 is silence.
    pub status: u16,
    /// What is put in the place of what in [`PLAIN`], one after the other.
    changes: &'static [(&'static str, &'static str)],
}

const fn own(
    section: &'static str,
    like: &'static str,
    status: u16,
    changes: &'static [(&'static str, &'static str)],
) -> Own {
    Own { section, like, status, changes }
}

/// What stands for a long value, and for the length of the body.
const LONG: &str = "LONG";
const LENGTH: &str = "LENGTH";

const PLAIN: &str = "INVITE sip:12345@d SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
    To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@h>\r\n\
    Content-Type: application/sdp\r\nContent-Length: LENGTH\r\n\r\n\
    v=0\r\no=a 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

const START: &str = "INVITE sip:12345@d SIP/2.0";

pub const OWN: [Own; 59] = [
    own(
        "3.1.1.1",
        "wsinv",
        200,
        &[
            ("From: <sip:a@b>;tag=1", "FROM :\r\n  \"A \\\\\\\" B\"\r\n\t<sip:a@b> ;\r\n tag = 1"),
            ("Via: SIP/2.0/UDP h;", "v : SIP  / 2.0\r\n /UDP\r\n  h ;"),
        ],
    ),
    own(
        "3.1.1.2",
        "intmeth",
        501,
        &[
            ("INVITE", "!interesting-Method_*+`.%indeed'~"),
            ("From: <sip:a@b>", "From: t1~` t2'+_ <sip:a!(b)&+$/?,;:c@b>;x*=\"\u{442}\""),
        ],
    ),
    own("3.1.1.3", "esc01", 404, &[("sip:12345@d SIP", "sip:sips%3A12345%40example.net@d SIP")]),
    own("3.1.1.4", "escnull", 200, &[("To: <sip:c@d>", "To: sip:null-%00-null@d")]),
    own("3.1.1.5", "esc02", 501, &[("INVITE", "INV%49TE")]),
    own("3.1.1.6", "lwsdisp", 200, &[("From: <sip", "From: caller<sip")]),
    own(
        "3.1.1.7",
        "longreq",
        200,
        &[("From: <sip:a@b>", "From: \"LONG\" <sip:LONG@b>;LONG=LONG"), ("x\r\nCSeq", "xLONG\r\nCSeq")],
    ),
    own(
        "3.1.1.8",
        "dblreq",
        200,
        &[("AVP 8\r\n", "AVP 8\r\nEND\r\nINVITE sip:joe@d SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n")],
    ),
    own("3.1.1.9", "semiuri", 200, &[("sip:12345@d SIP", "sip:12345;par=u%40example.org@d SIP")]),
    own(
        "3.1.1.10",
        "transports",
        200,
        &[("\r\nFrom", "\r\nVia: SIP/2.0/UNKNOWN i, SIP/2.0/SCTP j, SIP/2.0/TLS k\r\nFrom")],
    ),
    own(
        "3.1.1.11",
        "mpart01",
        200,
        &[
            ("application/sdp", "multipart/mixed;boundary=b"),
            ("v=0", "--b\r\nContent-Type: application/sdp\r\n\r\nv=0"),
            (
                "AVP 8\r\n",
                "AVP 8\r\n\r\n--b\r\nContent-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\n\
             \0\u{1}\r\n--b--",
            ),
        ],
    ),
    own("3.1.1.12", "unreason", 0, &[(START, "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e}")]),
    own("3.1.1.13", "noreason", 0, &[(START, "SIP/2.0 100 ")]),
    own("3.1.2.1", "badinv01", 400, &[("branch=z9hG4bK1", ";,;,,")]),
    own("3.1.2.2", "clerr", 400, &[(LENGTH, "9999")]),
    own("3.1.2.3", "ncl", 400, &[(LENGTH, "-999")]),
    own("3.1.2.4", "scalar02", 400, &[("CSeq: 1", "CSeq: 36893488147419103232")]),
    own(
        "3.1.2.5",
        "scalarlg",
        0,
        &[(START, "SIP/2.0 503 Service Unavailable"), ("CSeq: 1", "CSeq: 9292394834772304023312")],
    ),
    own("3.1.2.6", "quotbal", 400, &[("To: <", "To: \"Mr. C <")]),
    own("3.1.2.7", "ltgtruri", 400, &[("sip:12345@d SIP", "<sip:12345@d> SIP")]),
    own("3.1.2.8", "lwsruri", 400, &[("sip:12345@d SIP", "sip:12345@d; lr SIP")]),
    own("3.1.2.9", "lwsstart", 400, &[("sip:12345@d SIP", " sip:12345@d  SIP")]),
    own("3.1.2.10", "trws", 400, &[(START, "INVITE sip:12345@d SIP/2.0 ")]),
    own("3.1.2.11", "escruri", 400, &[("sip:12345@d SIP", "sip:12345@d?Route=%3Csip:e%3E SIP")]),
    own("3.1.2.12", "baddate", 200, &[("Max-", "Date: Fri, 01 Jan 2010 16:00:00 EST\r\nMax-")]),
    own("3.1.2.13", "regbadct", 200, &[("<sip:a@h>", "sip:a@h?Route=%3Csip:e%3E")]),
    own("3.1.2.14", "badaspec", 200, &[("To: <sip:c@d>", "To: \"Watson\" < sip:c@d >")]),
    own("3.1.2.15", "baddn", 200, &[("From: <sip", "From: Bell, Alexander <sip")]),
    own("3.1.2.16", "badvers", 505, &[("d SIP/2.0", "d SIP/7.0")]),
    own("3.1.2.17", "mismatch01", 400, &[("1 INVITE", "1 OPTIONS")]),
    own("3.1.2.18", "mismatch02", 400, &[("INVITE sip", "NEWMETHOD sip")]),
    own("3.1.2.19", "bigcode", 0, &[(START, "SIP/2.0 4294967301 better not")]),
    own("3.2.1", "badbranch", 200, &[("z9hG4bK1", "z9hG4bK")]),
    own("3.3.1", "insuf", 400, &[("Call-ID: x\r\n", "")]),
    own("3.3.2", "unkscm", 416, &[("sip:12345@d SIP", "nobodyknows:thisone SIP")]),
    own("3.3.3", "novelsc", 416, &[("sip:12345@d SIP", "soap.beep://192.0.2.103:3002 SIP")]),
    own("3.3.4", "unksm2", 200, &[("To: <sip:c@d>", "To: isbn:2983792873")]),
    own("3.3.5", "bext01", 420, &[("Max-", "Require: nothing-has-this\r\nMax-")]),
    own("3.3.6", "invut", 415, &[("application/sdp", "application/unknownformat")]),
    own("3.3.7", "regaut01", 200, &[("Max-", "Authorization: NoOneKnowsThis opaque=here\r\nMax-")]),
    own("3.3.8", "multi01", 400, &[("Max-", "Call-ID: y\r\nCSeq: 59 INVITE\r\nMax-")]),
    own("3.3.9", "mcl01", 400, &[("Max-", "Content-Length: 5\r\nMax-")]),
    own(
        "3.3.10",
        "bcast",
        0,
        &[
            (START, "SIP/2.0 200 OK"),
            ("\r\nFrom", "\r\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2\r\nFrom"),
        ],
    ),
    own("3.3.11", "zeromf", 483, &[("Forwards: 70", "Forwards: 0")]),
    own("3.3.12", "cparam01", 200, &[("<sip:a@h>", "sip:+1972@h;unknownparam")]),
    own("3.3.13", "cparam02", 200, &[("<sip:a@h>", "<sip:+1972@h;unknownparam>")]),
    own("3.3.14", "regescrt", 200, &[("<sip:a@h>", "<sip:a@h?Route=%3Csip:e%3E>")]),
    own("3.3.15", "sdp01", 406, &[("Max-", "Accept: text/nobodyKnowsThis\r\nMax-")]),
    own(
        "3.4.1",
        "inv2543",
        200,
        &[
            (";branch=z9hG4bK1", ""),
            (";tag=1", ""),
            ("Max-Forwards: 70\r\n", ""),
            ("Content-Length: LENGTH\r\n", ""),
        ],
    ),
    own("4.1", "ipv6-good", 200, &[("sip:12345@d", "sip:12345@[2001:db8::10]")]),
    own("4.2", "ipv6-bad", 400, &[("sip:12345@d", "sip:12345@2001:db8::10")]),
    own("4.3", "port-ambiguous", 200, &[("sip:12345@d", "sip:12345@[2001:db8::10:5070]")]),
    own("4.4", "port-unambiguous", 200, &[("sip:12345@d", "sip:12345@[2001:db8::10]:5070")]),
    own("4.5", "via-received-param-no-delim", 200, &[("z9hG4bK1", "z9hG4bK1;received=2001:db8::9:255")]),
    own("4.6", "ipv6-in-sdp", 488, &[("IP4 192.0.2.9", "IP6 2001:db8::20")]),
    own(
        "4.7",
        "mult-ip-in-header",
        200,
        &[("\r\nFrom", "\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bK2\r\nFrom")],
    ),
    own(
        "4.8",
        "mult-ip-in-sdp",
        200,
        &[("AVP 8\r\n", "AVP 8\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\n")],
    ),
    own(
        "4.9",
        "ipv4-mapped-ipv6",
        200,
        &[("UDP h", "UDP [::ffff:192.0.2.10]"), ("<sip:a@h>", "<sip:a@[::ffff:192.0.2.2]>")],
    ),
    own("4.10", "ipv6-bug-abnf-3-colons", 200, &[("z9hG4bK1", "z9hG4bK1;received=[2001:db8:::192.0.2.1]")]),
];

impl Own {
    pub fn bytes(&self) -> Vec<u8> {
        let changed = self.changes.iter().fold(PLAIN.to_owned(), |text, (was, is)| {
            let changed = text.replace(was, is);
            assert_ne!(changed, text, "{}: no {was}", self.section);
            changed
        });
        let (_, body) = changed.split_once("\r\n\r\n").expect("a body");
        // What stands behind the end is none of the body.
        let length = body.find("END").unwrap_or(body.len()).to_string();
        changed.replace("END", "").replace(LENGTH, &length).replace(LONG, &"long".repeat(250)).into_bytes()
    }
}

#[test]
fn every_section_of_the_published_messages_has_one_of_our_own() {
    let numbered =
        |chapter: &str, last: u32| (1..=last).map(|n| format!("{chapter}.{n}")).collect::<Vec<_>>();
    let sections = [("3.1.1", 13), ("3.1.2", 19), ("3.2", 1), ("3.3", 15), ("3.4", 1), ("4", 10)];
    let sections: Vec<String> =
        sections.iter().flat_map(|(chapter, last)| numbered(chapter, *last)).collect();
    assert_eq!(OWN.iter().map(|own| own.section).collect::<Vec<_>>(), sections);
}

#[test]
fn our_own_messages_are_read_or_get_an_answer_unless_they_are_responses() {
    for own in &OWN {
        let bytes = own.bytes();
        let is_response = bytes.starts_with(b"SIP/");
        match Message::parse(Bytes::from(bytes)) {
            Ok(_) => assert_ne!(own.status, 505, "{} was read", own.section),
            Err(why) => {
                assert_eq!(why.answer().is_none(), is_response, "{} ({}): {why:?}", own.section, own.like);
                let refused = if is_response { 0 } else { why.status.code() };
                assert_eq!(own.status, refused, "{} ({}): {why:?}", own.section, own.like);
            }
        }
    }
}
