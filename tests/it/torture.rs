//! The published torture messages (RFC 4475, RFC 5118), read from a directory that is not part of this
//! repository: `../shared/torture` beside it, or where HOTLINE_TORTURE says. `expected.tsv` there has one line
//! a message: its name, and in its fifth column whether a parser must read it (`ok`), must not (`err`), or
//! may choose (`any`).

use bytes::Bytes;
use hotline_gateway::sip::{Frame, Framer, Message};
use std::path::PathBuf;

/// Name, reaction of a parser and octets of each; `None`, and a line that says so, where they are absent.
pub fn vectors() -> Option<Vec<(String, String, Bytes)>> {
    let directory = match std::env::var_os("HOTLINE_TORTURE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/torture"),
    };
    let Ok(table) = std::fs::read_to_string(directory.join("expected.tsv")) else {
        eprintln!("The published torture messages are not in {}: nothing tested.", directory.display());
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
    let Some(vectors) = vectors() else { return };
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
    let Some(vectors) = vectors() else { return };
    for (name, _, bytes) in vectors {
        let is_response = bytes.starts_with(b"SIP/");
        let Err(malformed) = Message::parse(bytes) else { continue };
        assert_eq!(malformed.answer().is_none(), is_response, "{name}: {malformed:?}");
        assert_eq!(malformed.status == 505, name == "badvers", "{name}: {malformed:?}");
    }
}

#[test]
fn the_framer_finds_in_a_stream_what_the_parser_finds_in_a_datagram() {
    let Some(vectors) = vectors() else { return };
    for (name, _, bytes) in vectors {
        let mut framer = Framer::new();
        framer.push(&bytes);
        let first = framer.next();
        match (name.as_str(), first) {
            ("clerr", frame) => assert!(frame.is_none(), "the rest is still to come"),
            ("ncl" | "mcl01" | "inv2543", Some(Frame::Broken(why))) => {
                assert_eq!((why.status, why.answer().is_some()), (400, true), "{name}");
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

/// Messages of our own after sections of RFC 4475, so that something is tested where the published ones are
/// absent: a name, whether it must be read, and what is put in the place of what in [`PLAIN`].
const OWN: [(&str, bool, &str, &str); 22] = [
    (
        "3.1.1.1 blanks and folds",
        true,
        "From: <sip:a@b>;tag=1",
        "FROM :\r\n  \"A \\\\\\\" B\"\r\n\t<sip:a@b> ;\r\n tag = 1",
    ),
    ("3.1.1.1 blanks in Via", true, "Via: SIP/2.0/UDP h;", "v : SIP  / 2.0\r\n /UDP\r\n  h ;"),
    (
        "3.1.1.2 wide character set",
        true,
        "From: <sip:a@b>",
        "From: t1~` t2'+_ <sip:a!(b)&+$/?,;:c@b>;x*=\"\u{442}\"",
    ),
    ("3.1.1.3 escapes in a user", true, "sip:c@d SIP", "sip:sips%3Auser%40example.net@d SIP"),
    ("3.1.1.4 escaped zeros", true, "To: <sip:c@d>", "To: sip:null-%00-null@d"),
    ("3.1.1.6 no blank before the bracket", true, "From: <sip", "From: caller<sip"),
    ("3.1.1.9 semicolon in a user", true, "sip:c@d SIP", "sip:c;par=u%40example.org@d SIP"),
    ("3.1.1.10 unknown transport", true, "SIP/2.0/UDP", "SIP/2.0/UNKNOWN"),
    ("3.1.2.1 empty parameters in Via", false, "branch=z9hG4bK1", ";,;,,"),
    ("3.1.2.2 length past the end", false, "Length: 0", "Length: 9999"),
    ("3.1.2.3 negative length", false, "Length: 0", "Length: -999"),
    ("3.1.2.4 large CSeq", false, "CSeq: 1", "CSeq: 36893488147419103232"),
    ("3.1.2.6 quote that never ends", false, "To: <", "To: \"Mr. C <"),
    ("3.1.2.7 brackets round the Request-URI", false, "sip:c@d SIP", "<sip:c@d> SIP"),
    ("3.1.2.8 blank in the Request-URI", false, "sip:c@d SIP", "sip:c@d; lr SIP"),
    ("3.1.2.16 unknown version", false, "c@d SIP/2.0", "c@d SIP/7.0"),
    ("3.1.2.17 methods that differ", false, "1 INVITE", "1 OPTIONS"),
    ("3.2.1 bare magic cookie", true, "z9hG4bK1", "z9hG4bK"),
    ("3.3.1 no Call-ID", false, "Call-ID: x\r\n", ""),
    ("3.3.2 unknown scheme", true, "sip:c@d SIP", "nobodyknows:thisone SIP"),
    ("3.3.9 two lengths", false, "Max-Forwards: 70", "Content-Length: 5"),
    ("3.4.1 RFC 2543", true, ";branch=z9hG4bK1", ""),
];

const PLAIN: &str = "INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
    To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

#[test]
fn our_own_messages_after_rfc_4475_are_read_or_answered() {
    for (name, is_read, was, is) in OWN {
        let message = PLAIN.replacen(was, is, 1);
        assert_ne!(message, PLAIN, "{name}");
        match Message::parse(Bytes::from(message)) {
            Ok(_) => assert!(is_read, "{name} was read"),
            Err(why) => {
                assert!(!is_read, "{name}: {why:?}");
                assert!(why.answer().is_some(), "{name} met silence");
            }
        }
    }
}
