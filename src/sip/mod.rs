//! SIP: messages, transactions, dialogs, and the doors they come in by. Does not know what a call is.

mod build;
mod display;
mod flow;
mod framer;
pub mod fuzz;
mod grammar;
#[cfg(test)]
mod hard_messages;
mod head;
pub mod limits;
mod malformed;
mod message;
mod method;
mod name_addr;
mod phrase;
mod uri;
mod via;

pub use build::Outgoing;
pub use flow::{Flow, Transport};
pub use framer::{Frame, Framer};
pub use malformed::Malformed;
pub use message::Message;
pub use method::Method;
pub use name_addr::{NameAddr, quoted};
pub use uri::{Scheme, Uri};
pub use via::{MAGIC_COOKIE, Rport, Via};
