//! The way a REGISTER came: straight from the phone or through proxies (Path, RFC 3327), and whether the phone
//! keeps its flow open itself (outbound, RFC 5626).
//!
//! A Path is gone by only when its first entry is the address the REGISTER came from: what calls take later is that
//! same flow, so no seat can have calls sent anywhere else. Any other Path is passed over, and not told back.

use super::wish::{Refusal, Wish};
use crate::sip::{Flow, Message, NameAddr};

/// Most entries of a Path: edge, core, and as many again; each stands in every call to the seat.
const PATHS: usize = 4;

/// Longest entry of a Path, in octets.
const PATH_OCTETS: usize = 512;

/// How a REGISTER came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The proxies between, the nearest to us first; the route set of calls to the seat.
    pub path: Vec<Box<str>>,
    pub keeping: Keeping,
}

/// The side that keeps the flow open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// The phone, as RFC 5626 says: told so, and how often.
    Outbound,
    /// No peer promised to.
    Unsaid,
}

impl Route {
    /// Reads how a REGISTER came.
    pub(super) fn read(request: &Message, flow: Flow, wish: &Wish) -> Result<Route, Refusal> {
        let path = path(request, flow)?;
        let Wish::Update(wanted) = wish else { return Ok(Route { path, keeping: Keeping::Unsaid }) };
        let numbered = wanted.iter().filter(|w| w.place.is_numbered() && !w.lasts.is_zero()).count();
        if numbered == 0 || !supports(request, b"outbound") {
            return Ok(Route { path, keeping: Keeping::Unsaid });
        }
        if numbered > 1 {
            return Err(Refusal::Bad("two flows in one REGISTER"));
        }
        let through_proxy = request.list("Via").len() > 1 || !path.is_empty();
        if through_proxy && !path.last().is_some_and(|edge| knows_outbound(edge)) {
            return Err(Refusal::NotOutbound);
        }
        Ok(Route { path, keeping: Keeping::Outbound })
    }
}

/// Whether a request names an extension as supported.
pub(super) fn supports(request: &Message, extension: &[u8]) -> bool {
    request.list("Supported").iter().any(|s| s.trim_ascii().eq_ignore_ascii_case(extension))
}

/// The Path, if it is to be gone by.
fn path(request: &Message, flow: Flow) -> Result<Vec<Box<str>>, Refusal> {
    let listed = request.list("Path");
    if listed.len() > PATHS || listed.iter().any(|p| p.len() > PATH_OCTETS) {
        return Err(Refusal::Bad("a Path too long"));
    }
    let text = |p: &&[u8]| std::str::from_utf8(p).ok().map(|t| t.trim().into());
    let path: Option<Vec<Box<str>>> = listed.iter().map(text).collect();
    let path = path.ok_or(Refusal::Bad("a Path that is no text"))?;
    let from = |edge: &str| {
        let uri = NameAddr::parse(edge.as_bytes().to_vec()).ok()?.parsed_uri().ok()?;
        Some(uri.socket_addr(5060)?.ip().to_canonical() == flow.remote.ip().to_canonical())
    };
    let ours = path.first().and_then(|nearest| from(nearest)) == Some(true);
    Ok(if ours { path } else { Vec::new() })
}

/// Whether the proxy next to the phone keeps flows (RFC 5626 section 5.1).
fn knows_outbound(edge: &str) -> bool {
    let edge = NameAddr::parse(edge.as_bytes().to_vec()).ok().and_then(|e| e.parsed_uri().ok());
    edge.is_some_and(|uri| uri.param("ob").is_some())
}
