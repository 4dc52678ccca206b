use super::samples;
use super::*;
use crate::event::CallRecord;
use std::collections::{HashMap, HashSet};

#[test]
fn every_kind_of_event_comes_back_as_it_was() {
    let events = samples::every_kind();
    for event in &events {
        assert_eq!(&decode(&encode(event)).unwrap(), event, "{}", kind(&event.what));
    }
    let kinds: HashSet<_> = events.iter().map(|e| kind(&e.what)).collect();
    assert_eq!(kinds, KINDS.iter().copied().collect(), "one sample of every kind");
    assert_eq!(kinds.len(), 32);
}

#[test]
fn a_kinds_name_is_that_of_its_proto_message() {
    let set = <prost_types::FileDescriptorSet as Message>::decode(DESCRIPTORS).unwrap();
    let messages: HashSet<String> =
        set.file.iter().flat_map(|f| &f.message_type).map(|m| m.name().to_owned()).collect();
    for event in samples::every_kind() {
        assert!(messages.contains(kind(&event.what)), "{}", kind(&event.what));
    }
}

#[test]
fn a_record_comes_back_as_it_was() {
    let record = CallRecord::from_events(&samples::whole_call(1, 1)).unwrap();
    assert_eq!(decode_record(&encode_record(&record)).unwrap(), record);
}

#[test]
fn the_batch_of_stored_bytes_is_the_batch_of_the_contract() {
    // The same field numbers as in call_event_service.proto: what a generated consumer reads.
    let event = samples::every_kind().remove(0);
    let batch = EventBatch { events: vec![encode(&event), encode(&event)], redriven: true };
    #[derive(Clone, PartialEq, prost::Message)]
    struct Theirs {
        #[prost(message, repeated, tag = "1")]
        events: Vec<v1::CallEvent>,
        #[prost(bool, tag = "2")]
        redriven: bool,
    }
    let theirs = Theirs::decode(&batch.encode_to_vec()[..]).unwrap();
    assert_eq!(theirs.events.len(), 2);
    assert_eq!(theirs.events[0].encode_to_vec(), encode(&event));
    assert!(theirs.redriven);
}

#[test]
fn what_is_not_known_is_unreadable_and_never_a_guess() {
    assert!(decode(b"\xff\xff\xff").is_err());
    let of_a_later_version = v1::CallEvent {
        event_id: samples::event(
            1,
            samples::AT,
            None,
            crate::event::What::ConfigChanged { digest: "".into() },
        )
        .id
        .to_string(),
        position: 1,
        occurred_at: Some(prost_types::Timestamp::default()),
        call: None,
        payload: Some(v1::call_event::Payload::VoicemailLeft(Default::default())),
    };
    assert_eq!(decode(&of_a_later_version.encode_to_vec()), Err(Unreadable { what: "payload" }));
}

/// Bytes of released revisions, a kind and its hex a line: a change here breaks consumers and old stores, and
/// lines are only ever added. The record is left out: it grows with the fold.
const GOLDEN: &str = include_str!("golden_v1.txt");

#[test]
fn the_bytes_of_released_events_stay_as_they_are() {
    let events = samples::every_kind();
    // A kind that got fields later has a second line.
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for line in GOLDEN.lines() {
        let (name, hex) = line.split_once(' ').unwrap();
        let nth = seen.entry(name).or_default();
        let event = events.iter().filter(|e| kind(&e.what) == name).nth(*nth).unwrap();
        *nth += 1;
        assert_eq!(to_hex(&encode(event)), hex, "{name}");
    }
    assert_eq!(GOLDEN.lines().count(), events.len() - 1);
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
