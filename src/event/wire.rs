//! The public contract, `proto/hotline/v1`, and the way to and from it. The only place that includes the
//! generated types.
//!
//! [`encode`] makes the bytes that are stored and sent; they are never made a second time, so that a repeat
//! is byte-identical. [`decode`] reads them back after a crash. What a later version wrote and this one does
//! not know is [`Unreadable`], never a guess.

mod json;
mod kind;
mod read;
mod read_record;
mod read_value;
mod terms;
mod write;
mod write_record;
mod write_value;

pub use json::json;
pub use kind::{KINDS, kind};

use super::{CallEvent, CallRecord};
use bytes::Bytes;
use prost::Message;

/// The generated types of `hotline.v1`.
pub mod v1 {
    #![allow(missing_docs, unused_qualifications, unreachable_pub, clippy::all, clippy::pedantic)]
    tonic::include_proto!("hotline.v1");
}

/// The compiled descriptors of everything under `proto/`, imports included.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hotline_v1.bin"));

/// `hotline.v1.EventBatch` with its events as the bytes that were stored: on the wire the same, without
/// decoding and encoding them again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EventBatch {
    /// Each an encoded `hotline.v1.CallEvent`.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub events: Vec<Bytes>,
    /// Parked events that were re-driven.
    #[prost(bool, tag = "2")]
    pub redriven: bool,
}

/// `hotline.v1.ListEventsResponse`, its events as the bytes that were stored.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListEventsResponse {
    /// Each an encoded `hotline.v1.CallEvent`.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub events: Vec<Bytes>,
    /// Ask again after this cursor.
    #[prost(message, optional, tag = "2")]
    pub next: Option<v1::Cursor>,
    /// Whether the newest event was reached.
    #[prost(bool, tag = "3")]
    pub at_head: bool,
    /// Events before the page that are not kept any more.
    #[prost(message, optional, tag = "4")]
    pub gap: Option<v1::Gap>,
}

/// Bytes that are not an event or a record this version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Which field or kind.
    pub what: &'static str,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unreadable or unknown: {}", self.what)
    }
}

impl std::error::Error for Unreadable {}

/// The event as it is stored and sent: an encoded `hotline.v1.CallEvent`.
pub fn encode(event: &CallEvent) -> Bytes {
    Bytes::from(write::event(event).encode_to_vec())
}

/// The event that [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> Result<CallEvent, Unreadable> {
    let event = v1::CallEvent::decode(bytes).map_err(|_| Unreadable { what: "event" })?;
    read::event(event)
}

/// The record as it is stored: an encoded `hotline.v1.CallRecord`.
pub fn encode_record(record: &CallRecord) -> Bytes {
    Bytes::from(write_record::record(record).encode_to_vec())
}

/// The record that [`encode_record`] wrote.
pub fn decode_record(bytes: &[u8]) -> Result<CallRecord, Unreadable> {
    let record = v1::CallRecord::decode(bytes).map_err(|_| Unreadable { what: "record" })?;
    read_record::record(record)
}

/// The word for a state of a call.
pub fn call_state(state: v1::CallState) -> Result<super::CallState, Unreadable> {
    terms::Term::read(state.into())
}

/// The proto value of a state of a callback.
pub fn callback_state(state: super::CallbackState) -> i32 {
    terms::Term::number(state)
}

/// The record as a generated type.
pub fn record_message(record: &CallRecord) -> v1::CallRecord {
    write_record::record(record)
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
