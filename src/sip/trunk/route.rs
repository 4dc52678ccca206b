//! A route to dial a number through a trunk.

use crate::sip::Flow;

/// Where a request through a trunk goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The Request-URI: the number with what the trunk wants before it, at the target as it is configured.
    pub uri: String,
    /// The path to send by; its connection is opened by sending.
    pub flow: Flow,
}
