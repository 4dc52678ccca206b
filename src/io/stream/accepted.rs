//! A connection before it is judged.

use crate::sip::Transport;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

/// A connection that was accepted and that the driver has not judged yet.
pub struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) transport: Transport,
    pub(super) place: OwnedSemaphorePermit,
}

impl Accepted {
    /// The connection, nothing read of it yet, and what it will speak. From here on it waits no longer: another one
    /// may take its place in the inbox.
    pub(super) fn taken(self) -> (TcpStream, Transport) {
        let Accepted { stream, transport, place } = self;
        drop(place);
        (stream, transport)
    }
}
