//! SIP over streams: TCP, TLS, WebSocket and WebSocket inside TLS, accepted and opened.
//!
//! One task a connection does its handshakes, reads and writes; they run beside the gRPC server, so that no
//! handshake and no slow peer takes the control thread's time. The driver owns the table of them, [`Connections`],
//! and is the only one who closes a connection that did nothing wrong but be silent. What SIP means is not known
//! here: whole messages go to the gateway, bytes come back.

mod connection;
mod counts;
mod framed;
mod limits;
mod listen;
mod tls;
mod websocket;

pub use counts::{Counts, Ended};
pub use limits::Limits;
pub use listen::{Accepted, accept, bind};
pub use tls::{Tls, watch};
pub use websocket::fuzz;

use super::driver::Inbound;
use crate::gateway::Gateway;
use crate::sip::{Flow, Message, Origin, Transport, Uri};
use crate::time::Now;
use bytes::Bytes;
use connection::Heard;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// At most this many messages wait for one slow peer; past that its connection is closed.
const UNSENT: usize = 256;

/// At most this many paths of its users lead to one connection: they differ in our own address alone.
const ASKED: usize = 8;

/// What every connection goes by.
pub struct Setting {
    /// How many, how long.
    pub limits: Limits,
    /// Our certificate, and whom we believe.
    pub tls: Tls,
    /// The pages whose scripts may open a WebSocket.
    pub origins: Vec<String>,
    /// What was turned away, and why.
    pub counts: Counts,
    /// The driver's.
    pub inbox: mpsc::Sender<Inbound>,
}

/// The open connections, as the driver knows them.
pub struct Connections {
    setting: Arc<Setting>,
    /// Where their tasks run.
    runtime: Handle,
    open: HashMap<u64, Open>,
    /// The newest connection with each peer.
    with: HashMap<(Transport, SocketAddr), u64>,
    last: u64,
}

/// One connection, open or being opened.
struct Open {
    flow: Flow,
    unsent: mpsc::Sender<Bytes>,
    task: AbortHandle,
    heard: Arc<Heard>,
    /// We opened it, or somebody known was behind it when last asked.
    known: bool,
    dialled: bool,
    /// The paths its users know it by, beside its own.
    asked: Vec<Flow>,
}

impl Connections {
    /// No connection yet; their tasks will run on `runtime`.
    pub fn new(setting: Arc<Setting>, runtime: Handle) -> Connections {
        Connections { setting, runtime, open: HashMap::new(), with: HashMap::new(), last: 0 }
    }

    /// A connection was accepted: gives it a number and starts its task, or closes it at a limit. The gateway is
    /// asked who is behind it, and whether a stranger is to be heard at all.
    pub fn accepted(&mut self, accepted: Accepted, now: Now, gateway: &mut Gateway) {
        let (stream, transport) = accepted.taken();
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        let flow = Flow { transport, local, remote, connection: Some(self.last + 1) };
        let known = gateway.knows(&flow);
        let refused = match self.is_full(&flow, known, gateway) {
            None if !gateway.admits(now, &flow) => Some(Ended::TooOften),
            full => full,
        };
        match refused {
            Some(why) => self.setting.counts.ended(why),
            None => self.start(flow, known, None, |line| connection::accepted(stream, line)),
        }
    }

    fn is_full(&mut self, flow: &Flow, known: bool, gateway: &Gateway) -> Option<Ended> {
        let limits = self.setting.limits;
        if self.open.len() >= limits.connections {
            return Some(Ended::Full);
        }
        if known {
            return None;
        }
        let origin = Origin::from(flow.remote.ip());
        if self.strangers(Some(origin)) >= limits.per_source {
            // Some of them may have registered since the last look.
            self.open.values_mut().for_each(|open| open.known = open.dialled || gateway.knows(&open.flow));
            if self.strangers(Some(origin)) >= limits.per_source {
                return Some(Ended::SourceFull);
            }
        }
        (self.strangers(None) >= limits.strangers()).then_some(Ended::Full)
    }

    /// The connections nobody is known on, from one origin or from everywhere.
    fn strangers(&self, from: Option<Origin>) -> usize {
        let is_from = |open: &&Open| from.is_none_or(|origin| Origin::from(open.flow.remote.ip()) == origin);
        self.open.values().filter(|open| !open.known).filter(is_from).count()
    }

    fn start<F>(
        &mut self,
        flow: Flow,
        known: bool,
        asked: Option<Flow>,
        task: impl FnOnce(connection::Line) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(id) = flow.connection else { return };
        self.last = id;
        let (unsent, receiver) = mpsc::channel(UNSENT);
        let heard = Arc::new(Heard::now());
        let setting = self.setting.clone();
        let task = task(connection::Line { flow, unsent: receiver, heard: heard.clone(), setting });
        let task = self.runtime.spawn(task).abort_handle();
        let (dialled, asked) = (asked.is_some(), asked.into_iter().collect());
        self.open.insert(id, Open { flow, unsent, task, heard, known, dialled, asked });
        self.with.insert((flow.transport, flow.remote), id);
        self.setting.counts.open(self.open.len());
    }

    /// A connection is gone, or is to go: gives the paths that failed with it, none if it was gone before.
    #[must_use]
    pub fn close(&mut self, flow: &Flow) -> Vec<Flow> {
        let Some(open) = flow.connection.and_then(|id| self.open.remove(&id)) else { return Vec::new() };
        open.task.abort();
        let peer = (open.flow.transport, open.flow.remote);
        if self.with.get(&peer) == open.flow.connection.as_ref() {
            self.with.remove(&peer);
        }
        self.setting.counts.open(self.open.len());
        let mut failed = vec![open.flow];
        failed.extend(open.asked);
        failed
    }

    /// Sends on the flow's connection, or on one with the same peer, or on a new one. Gives the paths that failed:
    /// the connection is gone, or its peer does not read and loses it.
    #[must_use]
    pub fn send(&mut self, flow: &Flow, bytes: Bytes) -> Vec<Flow> {
        let id = flow.connection.or_else(|| self.with.get(&(flow.transport, flow.remote)).copied());
        if let Some(open) = id.and_then(|id| self.open.get_mut(&id)) {
            if open.unsent.try_send(bytes).is_ok() {
                open.is_asked_by(flow);
                return Vec::new();
            }
            let slow = open.flow;
            self.setting.counts.ended(Ended::SlowReader);
            let mut failed = self.close(&slow);
            failed.extend((!failed.contains(flow)).then_some(*flow));
            return failed;
        }
        let hop = Hop::of(&bytes);
        let wanted = match flow.connection {
            None => *flow,
            // Its own connection is gone; the next request of a dialog goes to where its peer listens.
            Some(_) => match hop.as_ref().and_then(|hop| hop.beside(flow)) {
                Some(remote) => Flow { remote, connection: None, ..*flow },
                None => return vec![*flow],
            },
        };
        if let Some(open) =
            self.with.get(&(wanted.transport, wanted.remote)).and_then(|id| self.open.get_mut(id))
            && open.unsent.try_send(bytes.clone()).is_ok()
        {
            open.is_asked_by(flow);
            return Vec::new();
        }
        let can_be_opened = matches!(wanted.transport, Transport::Tcp | Transport::Tls);
        if !can_be_opened || self.open.len() >= self.setting.limits.connections {
            return vec![*flow];
        }
        let opened = Flow { connection: Some(self.last + 1), ..wanted };
        let host = hop.map(|hop| hop.host);
        self.start(opened, true, Some(*flow), |line| connection::opened(line, host));
        if let Some(open) = opened.connection.and_then(|id| self.open.get(&id)) {
            // Its queue is empty.
            let _ = open.unsent.try_send(bytes);
        }
        Vec::new()
    }

    /// Closes what has been silent for too long; to be called about once a second. Gives the paths that failed.
    #[must_use]
    pub fn sweep(&mut self, knows: impl Fn(&Flow) -> bool) -> Vec<Flow> {
        let (now, limits) = (Instant::now(), self.setting.limits);
        let mut silent = Vec::new();
        for open in self.open.values_mut() {
            open.known = open.dialled || knows(&open.flow);
            // A keep-alive shows that a known peer lives. From a stranger it is the cheapest way to stay.
            let (since, most) = match open.known {
                true => (open.heard.sign(), limits::KEEP_ALIVE),
                false => (open.heard.message(), limits.stranger_silence),
            };
            if now.saturating_duration_since(since) > most {
                silent.push(open.flow);
            }
        }
        silent.sort();
        silent.iter().for_each(|_| self.setting.counts.ended(Ended::Silent));
        silent.iter().flat_map(|flow| self.close(flow)).collect()
    }
}

impl Open {
    fn is_asked_by(&mut self, flow: &Flow) {
        if *flow != self.flow && self.asked.len() < ASKED && !self.asked.contains(flow) {
            self.asked.push(*flow);
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.open.values().for_each(|open| open.task.abort());
    }
}

/// Where a request says it goes next: its first Route, or its URI (RFC 3261 section 12.2.1.1).
struct Hop {
    /// Whoever answers there must own it (RFC 5922 section 7.2).
    host: String,
    uri: Uri,
}

impl Hop {
    fn of(bytes: &Bytes) -> Option<Hop> {
        let message = Message::parse(bytes.clone()).ok()?;
        message.method()?;
        let uri = match message.addresses("Route").first() {
            Some(route) => route.parsed_uri().ok()?,
            None => Uri::parse(message.uri()).ok()?,
        };
        Some(Hop { host: uri.host.trim_start_matches('[').trim_end_matches(']').to_owned(), uri })
    }

    /// Its address, where that is on the host a lost connection was with: what a peer writes makes us connect to
    /// nobody else.
    fn beside(&self, lost: &Flow) -> Option<SocketAddr> {
        let port = if lost.transport.is_secure() { 5061 } else { 5060 };
        self.uri.socket_addr(port).filter(|at| at.ip() == lost.remote.ip())
    }
}
