//! Messages of the contract as JSON, read from their bytes and the compiled descriptors: a field added to the
//! proto files shows without a change here, one of a later version is left out.
//!
//! As in the JSON mapping of protobuf, but names are those of the proto files (`call_id`) and 64-bit numbers are
//! numbers: positions stay far below 2^53. Fields keep the order of their numbers.

use super::{DESCRIPTORS, Unreadable};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::LazyLock;

/// Messages within messages, at most: the contract has five.
const DEPTH: u32 = 16;

const BAD: Unreadable = Unreadable { what: "message" };

/// What the descriptors say, by full name with a leading dot.
struct Contract {
    messages: HashMap<String, BTreeMap<i32, FieldDescriptorProto>>,
    enums: HashMap<String, HashMap<i32, String>>,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default();
    let mut contract = Contract { messages: HashMap::new(), enums: HashMap::new() };
    for file in &set.file {
        let scope = format!(".{}", file.package());
        for message in &file.message_type {
            contract.add(&scope, message);
        }
        for list in &file.enum_type {
            let words = list.value.iter().map(|v| (v.number(), v.name().to_owned())).collect();
            contract.enums.insert(format!("{scope}.{}", list.name()), words);
        }
    }
    contract
});

impl Contract {
    fn add(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        let fields = message.field.iter().map(|f| (f.number(), f.clone())).collect();
        for nested in &message.nested_type {
            self.add(&name, nested);
        }
        self.messages.insert(name, fields);
    }
}

/// One encoded `message` of `hotline.v1`, for instance `CallEvent`, as one line of JSON.
pub fn json(message: &str, bytes: &[u8]) -> Result<String, Unreadable> {
    let mut text = String::with_capacity(bytes.len() * 2);
    object(&format!(".hotline.v1.{message}"), bytes, DEPTH, &mut text)?;
    Ok(text)
}

fn object(name: &str, bytes: &[u8], depth: u32, out: &mut String) -> Result<(), Unreadable> {
    match name {
        ".google.protobuf.Timestamp" => {
            let at = prost_types::Timestamp::decode(bytes).map_err(|_| BAD)?;
            return quoted(&at.to_string(), out);
        }
        ".google.protobuf.Duration" => {
            let d = prost_types::Duration::decode(bytes).map_err(|_| BAD)?;
            return quoted(&d.to_string(), out);
        }
        _ => {}
    }
    let fields = CONTRACT.messages.get(name).ok_or(BAD)?;
    let depth = depth.checked_sub(1).ok_or(BAD)?;
    let mut values: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (number, wire) = decode_key(&mut rest).map_err(|_| BAD)?;
        let raw = raw(wire, &mut rest)?;
        let number = i32::try_from(number).map_err(|_| BAD)?;
        if let Some(field) = fields.get(&number) {
            value(field, raw, depth, values.entry(number).or_default())?;
        }
    }
    out.push('{');
    for (i, (number, values)) in values.iter().enumerate() {
        let Some(field) = fields.get(number) else { continue };
        if i > 0 {
            out.push(',');
        }
        quoted(field.name(), out)?;
        out.push(':');
        if field.label() == Label::Repeated {
            let _ = write!(out, "[{}]", values.join(","));
        } else {
            // Of a field that is given more than once the last one counts.
            out.push_str(values.last().map_or("null", String::as_str));
        }
    }
    out.push('}');
    Ok(())
}

/// A field's content before its type is looked at.
enum Raw<'a> {
    Number(u64),
    Four([u8; 4]),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
}

fn raw<'a>(wire: WireType, rest: &mut &'a [u8]) -> Result<Raw<'a>, Unreadable> {
    match wire {
        WireType::Varint => decode_varint(rest).map(Raw::Number).map_err(|_| BAD),
        WireType::ThirtyTwoBit => {
            let (four, after) = rest.split_first_chunk().ok_or(BAD)?;
            *rest = after;
            Ok(Raw::Four(*four))
        }
        WireType::SixtyFourBit => {
            let (eight, after) = rest.split_first_chunk().ok_or(BAD)?;
            *rest = after;
            Ok(Raw::Eight(*eight))
        }
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(rest).map_err(|_| BAD)?).map_err(|_| BAD)?;
            let (bytes, after) = rest.split_at_checked(length).ok_or(BAD)?;
            *rest = after;
            Ok(Raw::Bytes(bytes))
        }
        WireType::StartGroup | WireType::EndGroup => Err(BAD),
    }
}

/// Adds what `raw` says as `field`: one value, or all of a packed list.
fn value(
    field: &FieldDescriptorProto,
    raw: Raw<'_>,
    depth: u32,
    values: &mut Vec<String>,
) -> Result<(), Unreadable> {
    let mut text = String::new();
    match (field.r#type(), raw) {
        (Type::Message, Raw::Bytes(bytes)) => object(field.type_name(), bytes, depth, &mut text)?,
        (Type::String, Raw::Bytes(bytes)) => quoted(std::str::from_utf8(bytes).map_err(|_| BAD)?, &mut text)?,
        (_, Raw::Number(n)) => number(field, n, &mut text),
        (Type::Float, Raw::Four(four)) => {
            let _ = write!(text, "{}", f32::from_le_bytes(four));
        }
        (Type::Double, Raw::Eight(eight)) => {
            let _ = write!(text, "{}", f64::from_le_bytes(eight));
        }
        (_, Raw::Bytes(mut packed)) => {
            while !packed.is_empty() {
                let mut text = String::new();
                number(field, decode_varint(&mut packed).map_err(|_| BAD)?, &mut text);
                values.push(text);
            }
            return Ok(());
        }
        _ => return Err(BAD),
    }
    values.push(text);
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the types of protobuf")]
fn number(field: &FieldDescriptorProto, n: u64, out: &mut String) {
    let _ = match field.r#type() {
        Type::Bool => write!(out, "{}", n != 0),
        Type::Int32 | Type::Int64 => write!(out, "{}", n.cast_signed()),
        Type::Enum => {
            let word = i32::try_from(n).ok().and_then(|n| CONTRACT.enums.get(field.type_name())?.get(&n));
            match word {
                Some(word) => write!(out, "\"{word}\""),
                None => write!(out, "{n}"),
            }
        }
        _ => write!(out, "{n}"),
    };
}

fn quoted(text: &str, out: &mut String) -> Result<(), Unreadable> {
    out.push_str(&serde_json::to_string(text).map_err(|_| BAD)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{encode, kind, samples};
    use super::*;

    #[test]
    fn every_kind_of_event_is_json_with_its_fields() {
        for event in samples::every_kind() {
            let text = json("CallEvent", &encode(&event)).unwrap();
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["position"], event.position);
            assert_eq!(value["event_id"], event.id.to_string());
            let payload = value
                .as_object()
                .unwrap()
                .keys()
                .find(|k| k.replace('_', "").eq_ignore_ascii_case(kind(&event.what)));
            assert!(payload.is_some(), "{text}");
        }
    }

    #[test]
    fn times_words_and_text_read_as_people_write_them() {
        let event = samples::every_kind().remove(0);
        let text = json("CallEvent", &encode(&event)).unwrap();
        assert!(text.starts_with(r#"{"event_id":"#), "{text}");
        assert!(text.contains(r#""occurred_at":"2026-03-01T08:00:00.123456789Z""#), "{text}");
        assert!(text.contains(r#""since_start":"3.141592653s""#), "{text}");
        assert!(text.contains(r#""state":"CALL_STATE_WAITING""#), "{text}");
        assert!(text.contains(r#""name":"王先生""#), "{text}");
        let quality = json("CallEvent", &encode(&samples::every_kind().remove(13))).unwrap();
        assert!(quality.contains(r#""mos":4.25"#), "{quality}");
    }

    #[test]
    fn packed_lists_are_lists() {
        let ack = super::super::v1::Ack { up_to: None, redriven_positions: vec![3, 300] };
        assert_eq!(json("Ack", &ack.encode_to_vec()).unwrap(), r#"{"redriven_positions":[3,300]}"#);
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        let whole = encode(&samples::every_kind().remove(0));
        for n in 1..whole.len() {
            // Cut anywhere: an answer or a refusal, never a panic.
            let _ = json("CallEvent", &whole[..n]);
        }
        assert!(json("CallEvent", b"\xff\xff\xff").is_err());
        assert!(json("Nothing", b"").is_err());
    }
}
