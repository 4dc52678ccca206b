//! Which events a consumer wants. Positions count on whatever is filtered out.

use super::super::store::Stored;
use crate::event::wire::{self, v1};
use prost::Message;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use tonic::Status;

/// At most this many values in one filter.
const VALUES: usize = 1_000;

/// The kinds of events of the contract, as the names of their messages: by these names, and by those of their fields in
/// CallEvent, which JSON prints.
static KINDS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let set = prost_types::FileDescriptorSet::decode(wire::DESCRIPTORS).unwrap_or_default();
    let mut kinds = HashMap::new();
    for message in set.file.iter().flat_map(|f| &f.message_type).filter(|m| m.name() == "CallEvent") {
        for field in message.field.iter().filter(|f| f.oneof_index.is_some()) {
            let kind = field.type_name().rsplit('.').next().unwrap_or_default();
            kinds.insert(kind.to_owned(), kind.to_owned());
            kinds.insert(field.name().to_owned(), kind.to_owned());
        }
    }
    kinds
});

/// A filter that can be applied. Every list that is not empty must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    types: HashSet<String>,
    queues: HashSet<String>,
    service_numbers: HashSet<String>,
    call_ids: HashSet<String>,
    seats: HashSet<String>,
}

/// What the lists are compared with.
#[derive(Default)]
struct Facets {
    call_id: String,
    queue: String,
    service_number: String,
    seat: String,
}

impl Filter {
    pub(super) fn new(from: &v1::EventFilter) -> Result<Filter, Status> {
        let lists = [&from.types, &from.queues, &from.service_numbers, &from.call_ids, &from.seats];
        if lists.iter().map(|l| l.len()).sum::<usize>() > VALUES {
            return Err(Status::invalid_argument("a filter holds at most 1,000 values"));
        }
        let kind = |named: &String| {
            KINDS.get(named).cloned().ok_or_else(|| {
                Status::invalid_argument(format!(
                    "no event type {named:?}: use the names of CallEvent's payloads, for instance call_received or CallReceived"
                ))
            })
        };
        let set = |list: &[String]| list.iter().cloned().collect();
        Ok(Filter {
            types: from.types.iter().map(kind).collect::<Result<_, _>>()?,
            queues: set(&from.queues),
            service_numbers: set(&from.service_numbers),
            call_ids: set(&from.call_ids),
            seats: set(&from.seats),
        })
    }

    /// The filter of a stored subscription.
    pub(super) fn stored(bytes: &[u8]) -> Result<Filter, Status> {
        let filter = v1::EventFilter::decode(bytes)
            .map_err(|_| Status::data_loss("the subscription's filter is unreadable: make it anew"))?;
        Filter::new(&filter)
    }

    pub(super) fn wants(&self, event: &Stored) -> bool {
        if !self.types.is_empty() && !self.types.contains(event.kind.as_ref()) {
            return false;
        }
        let by_content = [&self.queues, &self.service_numbers, &self.call_ids, &self.seats];
        if by_content.iter().all(|l| l.is_empty()) {
            return true;
        }
        let facets = v1::CallEvent::decode(&event.body[..]).map(facets).unwrap_or_default();
        let matches = |wanted: &HashSet<String>, value: &str| wanted.is_empty() || wanted.contains(value);
        matches(&self.queues, &facets.queue)
            && matches(&self.service_numbers, &facets.service_number)
            && matches(&self.call_ids, &facets.call_id)
            && matches(&self.seats, &facets.seat)
    }
}

/// What the event itself names goes before what the call's summary says.
fn facets(event: v1::CallEvent) -> Facets {
    use v1::call_event::Payload;
    let mut facets = Facets::default();
    if let Some(call) = event.call {
        facets.call_id = call.call_id;
        if let Some(s) = call.summary {
            facets.queue = s.queue;
            facets.service_number = s.service_number;
            facets.seat = s.seat;
        }
    }
    match event.payload {
        Some(Payload::SeatStateChanged(s)) => facets.seat = s.seat,
        Some(Payload::OperatorStateChanged(s)) => facets.seat = s.seat,
        Some(Payload::SeatPresented(s)) => facets.seat = s.seat,
        Some(Payload::SeatPresentationEnded(s)) => facets.seat = s.seat,
        Some(Payload::WrapUpStarted(s)) => facets.seat = s.seat,
        Some(Payload::WrapUpCompleted(s)) => facets.seat = s.seat,
        Some(Payload::QueueStateChanged(q)) => facets.queue = q.queue,
        Some(Payload::QueueEntered(q)) => facets.queue = q.queue,
        Some(Payload::QueueLeft(q)) => facets.queue = q.queue,
        _ => {}
    }
    facets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::wire::samples;

    fn filter(types: &[&str]) -> Result<Filter, Status> {
        let types = types.iter().map(|t| (*t).to_owned()).collect();
        Filter::new(&v1::EventFilter { types, ..Default::default() })
    }

    #[test]
    fn every_kind_goes_by_its_name_in_json_and_by_that_of_its_message() {
        for event in samples::every_kind() {
            let kind = wire::kind(&event.what);
            let text = wire::json("CallEvent", &wire::encode(&event)).expect("JSON");
            let value: serde_json::Value = serde_json::from_str(&text).expect("an object");
            let named = value.as_object().expect("an object").keys();
            let mut named = named.filter(|key| key.replace('_', "").eq_ignore_ascii_case(kind));
            let printed = named.next().expect("the payload");
            assert_eq!(filter(&[printed]).expect(printed), filter(&[kind]).expect(kind));
        }
    }

    #[test]
    fn a_kind_that_is_none_is_refused_with_an_example() {
        for unknown in ["callended", "call_id", "Call", ""] {
            let refused = filter(&["call_ended", unknown]).expect_err(unknown);
            assert!(refused.message().contains("call_received"), "{refused}");
        }
    }
}
