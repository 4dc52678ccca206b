//! SIP over TCP: one task a connection for reading, one for writing, and a bounded queue between.

use super::driver::Inbound;
use crate::gateway::Input;
use crate::sip::{Flow, Frame, Framer, Transport};
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// At most this many connections at once: every seat of a large centre twice, and its trunks. Further ones are
/// closed at once.
const CONNECTIONS: usize = 1024;

/// At most this many messages wait for one slow peer; past that its connection is closed.
const UNSENT: usize = 256;

/// A message must be whole within this time of its first byte.
const MESSAGE_WITHIN: Duration = Duration::from_secs(10);

/// A connection that says nothing for this long is closed. Registered phones send keep-alives every two minutes at
/// the latest (RFC 5626 section 4.4.1).
const SILENCE: Duration = Duration::from_secs(180);

/// A stream that cannot be framed any more is still written to for this long: the answers to what came before on it,
/// and the one that says why it is closed, find their way out.
const LAST_ANSWERS: Duration = Duration::from_millis(300);

/// How long a connection to a peer may take to open: half of timer B.
const CONNECT_WITHIN: Duration = Duration::from_secs(16);

/// The open connections, as the driver knows them.
#[derive(Default)]
pub struct Connections {
    open: HashMap<u64, (SocketAddr, mpsc::Sender<Bytes>)>,
    next: u64,
}

impl Connections {
    /// A connection was accepted: gives it a number and starts its tasks.
    pub fn accepted(&mut self, stream: TcpStream, inbox: &mpsc::Sender<Inbound>) {
        if self.open.len() >= CONNECTIONS {
            return;
        }
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        let (flow, unsent) = self.register(local, remote);
        tokio::spawn(serve(stream, flow, flow, unsent, inbox.clone()));
    }

    fn register(&mut self, local: SocketAddr, remote: SocketAddr) -> (Flow, mpsc::Receiver<Bytes>) {
        self.next += 1;
        let (tx, rx) = mpsc::channel(UNSENT);
        self.open.insert(self.next, (remote, tx));
        (Flow { transport: Transport::Tcp, local, remote, connection: Some(self.next) }, rx)
    }

    /// A connection is gone.
    pub fn closed(&mut self, flow: &Flow) {
        if let Some(id) = flow.connection {
            self.open.remove(&id);
        }
    }

    /// Sends on the flow's connection, or on one to the same peer, or on a new one. A peer that does not read
    /// loses its connection. Says `false` when the flow is gone.
    #[must_use]
    pub fn send(&mut self, flow: &Flow, bytes: Bytes, inbox: &mpsc::Sender<Inbound>) -> bool {
        let id = flow
            .connection
            .or_else(|| self.open.iter().find(|(_, (remote, _))| *remote == flow.remote).map(|(id, _)| *id));
        if let Some((_, unsent)) = id.and_then(|id| self.open.get(&id)) {
            return unsent.try_send(bytes).is_ok();
        }
        if flow.connection.is_some() || self.open.len() >= CONNECTIONS {
            return false;
        }
        let (opened, unsent) = self.register(flow.local, flow.remote);
        if let Some((_, queue)) = opened.connection.and_then(|id| self.open.get(&id)) {
            let _ = queue.try_send(bytes);
        }
        tokio::spawn(connect(*flow, opened, unsent, inbox.clone()));
        true
    }
}

/// Accepts until the driver is gone.
pub async fn accept(listener: TcpListener, inbox: mpsc::Sender<Inbound>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if inbox.send(Inbound::Accepted(stream)).await.is_err() {
                    return;
                }
            }
            // Out of descriptors: wait for some to come back rather than spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connect(asked: Flow, opened: Flow, unsent: mpsc::Receiver<Bytes>, inbox: mpsc::Sender<Inbound>) {
    match timeout(CONNECT_WITHIN, TcpStream::connect(asked.remote)).await {
        Ok(Ok(stream)) => serve(stream, opened, asked, unsent, inbox).await,
        _ => gone(opened, asked, &inbox).await,
    }
}

/// One connection until it ends. `asked` is the flow its opener knows it by.
async fn serve(
    stream: TcpStream,
    flow: Flow,
    asked: Flow,
    unsent: mpsc::Receiver<Bytes>,
    inbox: mpsc::Sender<Inbound>,
) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let (pong, pongs) = mpsc::channel(4);
    let writing = tokio::spawn(write_all(write, unsent, pongs));
    read_all(read, flow, pong, &inbox).await;
    writing.abort();
    gone(flow, asked, &inbox).await;
}

async fn gone(flow: Flow, asked: Flow, inbox: &mpsc::Sender<Inbound>) {
    let _ = inbox.send(Inbound::Closed(flow)).await;
    if asked != flow {
        let _ = inbox.send(Inbound::Gateway(Input::FlowFailed { flow: asked })).await;
    }
}

async fn write_all(
    mut write: OwnedWriteHalf,
    mut unsent: mpsc::Receiver<Bytes>,
    mut pongs: mpsc::Receiver<Bytes>,
) {
    loop {
        let bytes = tokio::select! {
            Some(bytes) = unsent.recv() => bytes,
            Some(bytes) = pongs.recv() => bytes,
            else => return,
        };
        if write.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read_all(
    mut read: OwnedReadHalf,
    flow: Flow,
    pong: mpsc::Sender<Bytes>,
    inbox: &mpsc::Sender<Inbound>,
) {
    let mut framer = Framer::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let patience = if framer.pending() > 0 { MESSAGE_WITHIN } else { SILENCE };
        let n = match timeout(patience, read.read(&mut buffer)).await {
            Ok(Ok(n)) if n > 0 => n,
            _ => return,
        };
        framer.push(&buffer[..n]);
        for frame in &mut framer {
            match frame {
                Frame::Message(bytes) => {
                    // A full inbox stops our reading, and so the peer: TCP's own back-pressure.
                    if inbox.send(Inbound::Gateway(Input::Sip { flow, bytes })).await.is_err() {
                        return;
                    }
                }
                Frame::Ping => {
                    let _ = pong.try_send(Bytes::from_static(b"\r\n"));
                }
                Frame::Broken(malformed) => {
                    if let Some(answer) = malformed.answer() {
                        let _ = pong.try_send(answer);
                    }
                    // The stream cannot be framed any more: nothing further is read of it.
                    tokio::time::sleep(LAST_ANSWERS).await;
                    return;
                }
            }
        }
    }
}
