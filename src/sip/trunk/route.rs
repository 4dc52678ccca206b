//! A way to dial a number through a trunk, and the next one when it fails.

use crate::id::TrunkId;
use crate::sip::Flow;
use crate::sip::locate::Hop;

/// Where a request through a trunk goes. Keep it until the request has an answer: [`super::Trunks::next`] needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The trunk.
    pub trunk: TrunkId,
    /// The Request-URI: the number with what the trunk wants before it, at the target as it is configured.
    pub uri: String,
    /// The path to send by; its connection is opened by sending.
    pub flow: Flow,
    pub(super) number: String,
    /// What was tried already, this one the last. Bounded by the ways of the trunk.
    pub(super) tried: Vec<Hop>,
}
