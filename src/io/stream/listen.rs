//! Where connections come in.

use super::super::inbound::Inbound;
use super::Accepted;
use crate::sip::Transport;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

/// Connections the kernel keeps for us until we take them: a second of every seat of a large centre at once.
const BACKLOG: i32 = 1024;

/// At most this many of one listener wait in the driver's inbox; the others wait in the kernel. A flood of
/// connections takes no place from messages.
const WAITING: usize = 64;

/// A listener, bound but on no runtime yet. One on `[::]` takes IPv6 alone, so that 0.0.0.0 can be listened on too
/// and no address has two forms.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    bound(address, |socket| if address.is_ipv6() { socket.set_only_v6(true) } else { Ok(()) })
}

/// As [`bind`], for HTTP and gRPC; on `[::]` it takes IPv4 too where the system does so.
pub fn bind_web(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    bound(address, |_| Ok(()))
}

fn bound(
    address: SocketAddr,
    set: impl FnOnce(&socket2::Socket) -> io::Result<()>,
) -> io::Result<std::net::TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    set(&socket)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until the driver is gone or `stopped` completes.
pub async fn accept(
    listener: TcpListener,
    transport: Transport,
    inbox: mpsc::Sender<Inbound>,
    stopped: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(WAITING));
    let accepting = async {
        while let Ok(place) = places.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let accepted = Accepted { stream, transport, place };
                    if inbox.send(Inbound::Accepted(accepted)).await.is_err() {
                        return;
                    }
                }
                // Out of descriptors: wait for some to come back rather than spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stopped => {}
    }
}
