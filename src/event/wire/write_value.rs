//! Single values of the contract, written.

use super::v1;
use crate::time::{Duration, Wall};
use std::sync::Arc;

pub(super) fn timestamp(at: Wall) -> prost_types::Timestamp {
    // Wall counts u64 nanoseconds, so both quotient and remainder fit.
    prost_types::Timestamp { seconds: at.secs() as i64, nanos: (at.0 % 1_000_000_000) as i32 }
}

pub(super) fn duration(d: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: d.subsec_nanos() as i32 }
}

/// An absent name is the empty text.
pub(super) fn name(n: Option<&str>) -> String {
    n.unwrap_or_default().to_owned()
}

pub(super) fn attributes(from: &[(Arc<str>, crate::redact::Pii<String>)]) -> Vec<v1::Attribute> {
    from.iter().map(|(n, v)| v1::Attribute { name: n.to_string(), value: v.reveal().clone() }).collect()
}
