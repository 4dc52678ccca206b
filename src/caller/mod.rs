//! The caller, before an answer: identity from the signalling, the number's normal form, the key of its
//! history, and how a seat's telephone shows it. Reads SIP messages; knows nothing of calls and queues.

mod block;
mod display;
mod headers;
mod history;
mod identity;
mod number;

pub use block::{
    BLOCKED, BlockAction, BlockEntry, BlockList, BlockListFull, LONGEST, SLOW_ANSWER, SLOWED, WINDOW,
};
pub use display::{NAME_LIMIT, capped, display_name, unmarked, uri_user};
pub use headers::{HEADERS_KEPT, VALUE_LIMIT, selected_headers, selected_headers_where};
pub use history::{History, HistoryKey, HistorySecret};
pub use identity::{TrunkIdentity, identify};
pub use number::{E164, normalise};

#[cfg(test)]
mod tests;
