//! Small things between proto and ours.

use super::super::store::StoreError;
use crate::event::wire::v1;
use crate::time::Wall;
use prost_types::Timestamp;
use tonic::Status;

/// A cursor of the journal `log_id`.
pub(super) fn cursor(log_id: &str, position: u64) -> v1::Cursor {
    v1::Cursor { log_id: log_id.to_owned(), position }
}

pub(super) fn timestamp(at: Wall) -> Timestamp {
    Timestamp { seconds: at.secs() as i64, nanos: (at.0 % 1_000_000_000) as i32 }
}

/// A time a consumer gave; times before 1970 are the beginning.
pub(super) fn wall(t: &Timestamp) -> Wall {
    let seconds = u64::try_from(t.seconds).unwrap_or(0);
    let nanos = u64::try_from(t.nanos).unwrap_or(0);
    Wall(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// What the consumer is told of a store that failed.
pub(super) fn failed(e: StoreError) -> Status {
    match e {
        StoreError::Full(what) => Status::resource_exhausted(what),
        StoreError::Closed => Status::unavailable("the gateway is stopping"),
        other @ (StoreError::Locked(_)
        | StoreError::Unusable(..)
        | StoreError::Newer { .. }
        | StoreError::OtherSnapshots { .. }
        | StoreError::Foreign(_)
        | StoreError::Damaged(_)
        | StoreError::Database(_)) => {
            tracing::error!("a read for a consumer failed: {other}");
            Status::internal("the store failed; the gateway's log says why")
        }
    }
}

/// Runs a blocking read apart from the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Status> {
    tokio::task::spawn_blocking(read).await.unwrap_or(Err(StoreError::Closed)).map_err(failed)
}

/// A page size: `default` for 0, never above `most`.
pub(super) fn page_size(asked: u32, default: usize, most: usize) -> usize {
    match usize::try_from(asked) {
        Ok(0) => default,
        Ok(n) => n.min(most),
        Err(_) => most,
    }
}
