//! What happened, said once: [`CallEvent`] is the single source of journal, gRPC stream, metrics and
//! the INFO log line. Nothing else in the gateway records anything.
//!
//! `call_event` is the vocabulary, `sequence` gives positions, `fold` folds a call's events into its
//! record, `totals` folds all events into figures, and `wire` is the only place that knows the generated protobuf types.

mod call_event;
mod callback_event;
mod facts;
mod fold;
mod labels;
mod line;
mod operator;
mod reasons;
mod record;
mod sequence;
pub mod totals;
pub mod wire;
mod words;

pub use call_event::*;
pub use callback_event::{CallbackChanged, Promise};
pub use facts::*;
pub use operator::{Author, OperatorStateChanged};
pub use reasons::*;
pub use record::{
    CallRecord, LegRecord, PRESENTATIONS_KEPT, PresentationRecord, QueueVisit, RecordedCallback,
};
pub use sequence::{Of, Sequence};
pub use totals::Totals;
pub use words::*;
