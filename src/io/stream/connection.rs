//! One connection, from its handshakes to its end: read, written and timed by one task.

use super::super::inbound::Inbound;
use super::framed::{Came, Framed, Sink, Source, Written};
use super::limits::{LAST_ANSWERS, LAST_WORDS, OPEN_WITHIN, PING_EVERY};
use super::pace::{May, Pace};
use super::{Ended, Setting, tls, websocket};
use crate::gateway::Input;
use crate::sip::{Flow, Transport};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;

/// Answers to keep-alives that may wait for a peer that does not read; further ones are not given.
const PONGS: usize = 4;

/// When a connection was last heard, by which it is judged whether that is too long ago; and whether a known peer is
/// behind it, by which it is read.
pub(super) struct LastHeard {
    began: Instant,
    /// The gateway opened it, or a known peer was behind it when last asked.
    known: AtomicBool,
    /// Milliseconds after the beginning: of the last message, of the last sign of any kind.
    message: AtomicU64,
    sign: AtomicU64,
}

impl LastHeard {
    pub(super) fn since(began: Instant, known: bool) -> LastHeard {
        let known = AtomicBool::new(known);
        LastHeard { began, known, message: AtomicU64::new(0), sign: AtomicU64::new(0) }
    }

    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    pub(super) fn set_known(&self, known: bool) {
        self.known.store(known, Ordering::Relaxed);
    }

    pub(super) fn message(&self) -> Instant {
        self.began + Duration::from_millis(self.message.load(Ordering::Relaxed))
    }

    pub(super) fn sign(&self) -> Instant {
        self.began + Duration::from_millis(self.sign.load(Ordering::Relaxed))
    }

    fn note(&self, is_message: bool) {
        let now = self.began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        self.sign.store(now, Ordering::Relaxed);
        if is_message {
            self.message.store(now, Ordering::Relaxed);
        }
    }
}

/// What a connection's task is given.
pub(super) struct Connection {
    pub flow: Flow,
    pub unsent: mpsc::Receiver<Bytes>,
    pub heard: Arc<LastHeard>,
    pub setting: Arc<Setting>,
}

/// A connection a peer made, until it ends.
pub(super) async fn accepted(stream: TcpStream, mut line: Connection) {
    small_messages_leave_at_once(&stream);
    let ended = answer(stream, &mut line).await.unwrap_or_else(|ended| ended);
    gone(line, ended).await;
}

/// A connection we make, until it ends. Its peer must prove to be one of `hosts`.
pub(super) async fn opened(mut line: Connection, hosts: Vec<String>) {
    let ended = open(&mut line, &hosts).await.unwrap_or_else(|ended| ended);
    gone(line, ended).await;
}

async fn gone(line: Connection, ended: Ended) {
    line.setting.counts.ended(ended);
    let _ = line.setting.inbox.send(Inbound::Closed(line.flow)).await;
}

/// Small messages leave at once, and a peer that vanished is noticed although nothing is sent.
pub(in crate::io) fn small_messages_leave_at_once(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

async fn answer(stream: TcpStream, line: &mut Connection) -> Result<Ended, Ended> {
    let setting = line.setting.clone();
    let patience = setting.limits.message_time;
    let secure = async |stream| {
        let config = setting.tls.server().ok_or(Ended::NoHandshake)?;
        let accepted = TlsAcceptor::from(config).accept(stream).await;
        accepted.map_err(|_| Ended::NoHandshake)
    };
    match line.flow.transport {
        Transport::Udp | Transport::Tcp => bytes(stream, Vec::new(), line).await,
        Transport::Tls => {
            let stream = in_time(patience, secure(stream)).await?;
            let names = tls::names(stream.get_ref().1, line.flow.remote);
            bytes(stream, names, line).await
        }
        Transport::Ws => {
            let opened = in_time(patience, websocket::accept(stream, &setting.origins)).await?;
            let (write, read) = opened.split(patience);
            talk(read, write, Vec::new(), line).await
        }
        Transport::Wss => {
            let both = async {
                let stream = secure(stream).await?;
                let names = tls::names(stream.get_ref().1, line.flow.remote);
                Ok((websocket::accept(stream, &setting.origins).await?, names))
            };
            let (opened, names) = in_time(patience, both).await?;
            let (write, read) = opened.split(patience);
            talk(read, write, names, line).await
        }
    }
}

async fn open(line: &mut Connection, hosts: &[String]) -> Result<Ended, Ended> {
    let (remote, setting) = (line.flow.remote, line.setting.clone());
    let connect = async { connected(line.flow.local.ip(), remote).await.map_err(|_| Ended::Unreachable) };
    if line.flow.transport != Transport::Tls {
        let stream = timeout(OPEN_WITHIN, connect).await.unwrap_or(Err(Ended::Unreachable))?;
        small_messages_leave_at_once(&stream);
        return bytes(stream, Vec::new(), line).await;
    }
    let secure = async {
        let stream = connect.await?;
        small_messages_leave_at_once(&stream);
        let (connector, name) = setting.tls.connector(hosts, remote.ip()).map_err(|_| Ended::NoHandshake)?;
        connector.connect(name, stream).await.map_err(|_| Ended::NoHandshake)
    };
    let stream = timeout(OPEN_WITHIN, secure).await.unwrap_or(Err(Ended::Unreachable))?;
    let names = tls::names(stream.get_ref().1, remote);
    bytes(stream, names, line).await
}

/// Connects from the address the requests name as ours: a peer may know us by it.
async fn connected(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if from.is_ipv4() == to.is_ipv4() && !from.is_unspecified() {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(to).await
}

async fn in_time<T>(
    patience: Duration,
    handshake: impl Future<Output = Result<T, Ended>>,
) -> Result<T, Ended> {
    timeout(patience, handshake).await.unwrap_or(Err(Ended::TooSlow))
}

async fn bytes<S>(stream: S, names: Vec<String>, line: &mut Connection) -> Result<Ended, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (read, write) = tokio::io::split(stream);
    talk(Framed::new(read, line.setting.limits.message_time), Written(write), names, line).await
}

/// Reads and writes until one of the two is over.
async fn talk(
    mut source: impl Source,
    mut sink: impl Sink,
    names: Vec<String>,
    line: &mut Connection,
) -> Result<Ended, Ended> {
    let Connection { flow, unsent, heard, setting } = line;
    let connected = Input::Connected { flow: *flow, certificate_names: names };
    if setting.inbox.send(Inbound::Gateway(connected)).await.is_err() {
        return Ok(Ended::Closed);
    }
    let (pong, pongs) = mpsc::channel(PONGS);
    let ended = tokio::select! {
        ended = read_all(&mut source, *flow, pong, heard, &setting.inbox) => ended,
        ended = write_all(&mut sink, unsent, pongs, setting.limits.message_time) => ended,
    };
    let _ = timeout(LAST_WORDS, sink.end()).await;
    Ok(ended)
}

async fn read_all(
    source: &mut impl Source,
    flow: Flow,
    pong: mpsc::Sender<Bytes>,
    heard: &LastHeard,
    inbox: &mpsc::Sender<Inbound>,
) -> Ended {
    let mut pace = Pace::new(Instant::now());
    loop {
        let came = source.next().await;
        heard.note(matches!(came, Came::Message(_)));
        match came {
            Came::Message(bytes) => {
                if !heard.is_known() {
                    match pace.message(Instant::now()) {
                        May::Now => {}
                        // Not reading stops the peer as a full inbox would, and the inbox is left to others.
                        May::At(at) => tokio::time::sleep_until(at.into()).await,
                        May::Never => return Ended::TooMuch,
                    }
                }
                // A full inbox stops our reading, and so the peer: TCP's own back-pressure.
                if inbox.send(Inbound::Gateway(Input::Sip { flow, bytes })).await.is_err() {
                    return Ended::Closed;
                }
            }
            Came::Ping => {
                let _ = pong.try_send(Bytes::from_static(b"\r\n"));
            }
            Came::Sign => {}
            // The answers to what came before on it find their way out, and the one that says why it is closed.
            Came::Broken(malformed) => {
                if inbox.send(Inbound::Gateway(Input::Unframed { flow, malformed })).await.is_ok() {
                    tokio::time::sleep(LAST_ANSWERS).await;
                }
                return Ended::Broken;
            }
            Came::End(Ended::Broken) => {
                tokio::time::sleep(LAST_ANSWERS).await;
                return Ended::Broken;
            }
            Came::End(ended) => return ended,
        }
    }
}

async fn write_all(
    sink: &mut impl Sink,
    unsent: &mut mpsc::Receiver<Bytes>,
    mut pongs: mpsc::Receiver<Bytes>,
    patience: Duration,
) -> Ended {
    let mut ask = interval(PING_EVERY);
    ask.reset();
    loop {
        let sent = tokio::select! {
            Some(bytes) = unsent.recv() => timeout(patience, sink.send(bytes)).await,
            Some(bytes) = pongs.recv() => timeout(patience, sink.send(bytes)).await,
            _ = ask.tick() => timeout(patience, sink.ping()).await,
        };
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ended::Closed,
            Err(_) => return Ended::SlowReader,
        }
    }
}
