//! The published torture messages (RFC 4475, RFC 5118), read from a directory that is not part of this
//! repository: `../shared/torture` beside it, or where HOTLINE_TORTURE says. `expected.tsv` there has one line
//! a message: its name, and in its fifth column whether a parser must read it (`ok`), must not (`err`), or
//! may choose (`any`).

use bytes::Bytes;
use hotline_gateway::sip::{Frame, Framer, Message};
use std::path::PathBuf;

fn vectors() -> Option<Vec<(String, String, Bytes)>> {
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
