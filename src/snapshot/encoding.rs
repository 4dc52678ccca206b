//! A snapshot as octets.

use super::Snapshot;

/// Why a snapshot cannot be written or read. Its text quotes nothing of what the snapshot holds.
pub type NotASnapshot = postcard::Error;

impl Snapshot {
    /// As the store keeps it.
    ///
    /// # Errors
    /// The snapshot holds what outlives no process, the keys of a sealed stream.
    pub fn encode(&self) -> Result<Vec<u8>, NotASnapshot> {
        postcard::to_allocvec(self)
    }

    /// From what [`Snapshot::encode`] of the same [`super::VERSION`] gave.
    ///
    /// # Errors
    /// The octets are something else.
    pub fn decode(octets: &[u8]) -> Result<Snapshot, NotASnapshot> {
        match postcard::take_from_bytes(octets)? {
            (snapshot, []) => Ok(snapshot),
            (_, _) => Err(NotASnapshot::DeserializeBadEncoding),
        }
    }
}
