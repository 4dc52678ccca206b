//! Single values of the contract, read.

use super::Unreadable;
use super::v1;
use crate::id::TrunkId;
use crate::redact::Pii;
use crate::time::{Duration, Wall};
use std::str::FromStr;
use std::sync::Arc;

type Read<T> = Result<T, Unreadable>;

/// A present time.
pub(super) fn timestamp(t: Option<prost_types::Timestamp>, what: &'static str) -> Read<Wall> {
    wall(t.ok_or(Unreadable { what })?).ok_or(Unreadable { what })
}

/// A time between 1970 and 2554; `None` for others.
pub(super) fn wall(t: prost_types::Timestamp) -> Option<Wall> {
    let seconds = u64::try_from(t.seconds).ok()?;
    let nanos = u64::try_from(t.nanos).ok().filter(|n| *n < 1_000_000_000)?;
    Some(Wall(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}

/// A present length of time; an absent one is zero.
pub(super) fn duration(d: Option<prost_types::Duration>) -> Read<Duration> {
    let Some(d) = d else { return Ok(Duration::ZERO) };
    let bad = Unreadable { what: "duration" };
    let seconds = u64::try_from(d.seconds).map_err(|_| bad.clone())?;
    let nanos = u32::try_from(d.nanos).ok().filter(|n| *n < 1_000_000_000).ok_or(bad)?;
    Ok(Duration::new(seconds, nanos))
}

/// A length of time that may be absent.
pub(super) fn maybe_duration(d: Option<prost_types::Duration>) -> Read<Option<Duration>> {
    d.map(|d| duration(Some(d))).transpose()
}

pub(super) fn id<T: FromStr>(text: &str, what: &'static str) -> Read<T> {
    text.parse().map_err(|_| Unreadable { what })
}

/// The empty text is an absent name.
pub(super) fn name<T: for<'a> From<&'a str>>(text: &str) -> Option<T> {
    (!text.is_empty()).then(|| T::from(text))
}

/// A SIP status.
pub(super) fn code(code: u32) -> Read<u16> {
    u16::try_from(code).map_err(|_| Unreadable { what: "sip_code" })
}

pub(super) fn attributes(from: Vec<v1::Attribute>) -> Vec<(Arc<str>, Pii<String>)> {
    from.into_iter().map(|a| (Arc::from(a.name), Pii::new(a.value))).collect()
}

/// The trunk of a call, which the contract leaves empty between seats.
pub(super) fn read_trunk(name: &str) -> Option<TrunkId> {
    (!name.is_empty()).then(|| name.into())
}
