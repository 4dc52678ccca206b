//! `[registrar]`: how long a phone's registration lasts.

use super::problem::{Problems, fault};
use super::table::Table;
use crate::time::Duration;

pub(super) const KEYS: &[&str] = &["expires_min", "expires_max"];

/// The longest registration over UDP where the configuration names none: a NAT on the way forgets a phone that is silent for
/// longer, and a phone that dies in silence is forgotten after it.
const UDP: Duration = Duration::from_secs(300);

/// The same over a stream, whose end is noticed.
const STREAM: Duration = Duration::from_secs(3600);

/// How long a phone's registration lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registrar {
    /// The shortest registration taken; a shorter wish is answered 423.
    pub expires_min: Duration,
    /// The longest one granted over UDP; a longer wish is cut to it.
    pub expires_max_udp: Duration,
    /// The longest one granted over TCP, TLS and WebSocket.
    pub expires_max_stream: Duration,
}

impl Default for Registrar {
    fn default() -> Registrar {
        Registrar { expires_min: Duration::from_secs(60), expires_max_udp: UDP, expires_max_stream: STREAM }
    }
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Registrar {
    let mut registrar = Registrar::default();
    let Some(t) = table else { return registrar };
    let s = Duration::from_secs;
    registrar.expires_min = t.duration("expires_min", s(10)..=s(3600), registrar.expires_min, problems);
    if t.get("expires_max").is_some() {
        let max = t.duration("expires_max", s(10)..=s(24 * 3600), STREAM, problems);
        (registrar.expires_max_udp, registrar.expires_max_stream) = (max, max);
    }
    if registrar.expires_min > registrar.expires_max_udp {
        let key = if t.get("expires_max").is_some() { "expires_max" } else { "expires_min" };
        let what = "registrar.expires_max is shorter than registrar.expires_min";
        problems.add(&t.span(key), fault(what, "write a longer `expires_max`, for instance \"300s\""));
    }
    registrar
}
