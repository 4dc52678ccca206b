//! A call as it outlives the process.

use crate::id::CallId;
use serde::{Deserialize, Serialize};

/// A call, from its first INVITE until the last of its dialogs is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallSnapshot {
    /// The call.
    pub call: CallId,
}
