//! SIP: messages, transactions, dialogs, and access control. Does not know what a call is.

pub mod access;
mod build;
mod cause;
mod configured;
pub mod demands;
mod dialog;
pub mod digest;
mod display;
mod endpoint;
mod flow;
mod framer;
pub mod fuzz;
mod grammar;
#[cfg(test)]
mod hard_messages;
mod head;
pub mod keep_alive;
mod key_press;
pub mod limits;
pub mod liveness;
pub mod locate;
mod malformed;
mod masked;
mod message;
mod method;
mod name_addr;
pub mod option_tag;
mod rate_limit_key;
pub(crate) mod recent;
mod refer;
pub mod registrar;
pub mod reliable;
pub mod session_timer;
mod status;
mod transaction;
pub mod trunk;
mod uri;
mod via;

pub use access::{AccessControl, PeerId};
pub use build::Outgoing;
pub use cause::Cause;
pub use dialog::{Dialog, Inside};
pub(crate) use display::plain;
pub use endpoint::{
    Advertised, ClientSnapshot, Endpoint, EndpointConfig, EndpointCounts, Failure, Holding, NewRequest,
    Output, Received, Rejection, RequestKind, ServerSnapshot, Shedding, TransactionEvent, contact,
    contact_answering, contact_asking, host, in_uri,
};
pub use flow::{Flow, Transport};
pub use framer::{Frame, Framer};
pub use key_press::KeyPress;
pub use liveness::{ContactPath, Liveness};
pub use malformed::Malformed;
pub use masked::masked;
pub use message::Message;
pub use method::Method;
pub use name_addr::{NameAddr, quoted};
pub use rate_limit_key::RateLimitKey;
pub use refer::{ReferTo, Replaces};
pub use registrar::{Binding, BindingChange, Expiry, Reach, Registered, Registrar, Touch, Touched};
pub use status::Status;
pub use transaction::{ClientTx, Durations, Reason, ServerTx};
pub use trunk::Trunks;
pub use uri::{Scheme, Uri};
pub use via::{MAGIC_COOKIE, Rport, Via};
