//! SIP: messages, transactions, dialogs, and the doors they come in by. Does not know what a call is.

mod flow;

pub use flow::{Flow, Transport};
