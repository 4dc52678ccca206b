//! The recovery list: every number that is owed a call, with one entry each.
//!
//! A call that no human answered makes an entry or renews the one its number has; an answer closes it. The list is told what
//! became of calls and gives the event of each change, which its teller puts out among those of the call. The store keeps a
//! row for each open entry, written in the commit of its event, and the list is loaded from there at the start.
//!
//! The number is known here by its keyed hash alone. It stands in clear where it always did, in the record of the entry's
//! newest call.

mod list;
mod reason;
mod settled;
#[cfg(test)]
mod tests;

pub use list::{Callback, ENTRIES, Owed, RecoveryList, RecoveryListFull, Terms, is_open};
pub use reason::{after_end, after_refusal};
pub use settled::{CallbackSettled, Settlement};
