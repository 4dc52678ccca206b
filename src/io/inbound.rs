//! The inbox of the control thread.

use super::stream::Accepted;
use crate::gateway::Input;
use crate::sip::Flow;

/// What other tasks bring to the driver.
pub enum Inbound {
    /// For the gateway as it is.
    Gateway(Input),
    /// A connection was accepted.
    Accepted(Accepted),
    /// A connection is gone.
    Closed(Flow),
    /// The next process goes on: say the last of everything and end the driver.
    Suspend,
    /// Everything is said: end the driver.
    Stop,
}
