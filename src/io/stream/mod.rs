//! SIP over streams: TCP, TLS, WebSocket and WebSocket inside TLS, accepted and opened.
//!
//! One task a connection does its handshakes, reads and writes; they run beside the gRPC server, so that no
//! handshake and no slow peer takes the control thread's time. The driver owns the table of them, [`Connections`],
//! and is the only one who closes a connection that did nothing wrong but be silent. What SIP means is not known
//! here: whole messages go to the gateway, bytes come back.

mod accepted;
mod any_of;
mod connection;
mod counts;
mod expiry;
mod framed;
mod frames;
mod limits;
mod listen;
mod pace;
mod tls;
mod websocket;

#[cfg(test)]
mod tests;

pub use accepted::Accepted;
pub(super) use connection::small_messages_leave_at_once;
pub use counts::{Counts, Ended};
pub use limits::Limits;
pub use listen::{accept, bind, bind_web};
pub use tls::{Tls, watch};
pub use websocket::fuzz;

use super::inbound::Inbound;
use crate::gateway::{Gateway, Tie};
use crate::sip::{Flow, Message, RateLimitKey, Transport, Uri};
use crate::time::Now;
use bytes::Bytes;
use connection::LastHeard;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
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
    /// The gateway's certificate, and the authorities it trusts.
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
    /// The connections with each peer that others may use too, the newest last.
    with: HashMap<(Transport, SocketAddr), Vec<u64>>,
    last: u64,
}

/// One connection, open or being opened.
struct Open {
    flow: Flow,
    unsent: mpsc::Sender<Bytes>,
    task: AbortHandle,
    heard: Arc<LastHeard>,
    dialled: bool,
    /// What its peer had to prove to be, any one of them; nothing is proved without TLS.
    hosts: Vec<String>,
    /// The paths its users know it by, beside its own.
    asked: Vec<Flow>,
}

impl Connections {
    /// No connection yet; their tasks will run on `runtime`.
    pub fn new(setting: Arc<Setting>, runtime: Handle) -> Connections {
        Connections { setting, runtime, open: HashMap::new(), with: HashMap::new(), last: 0 }
    }

    /// A connection was accepted: gives it a number and starts its task, or closes it at a limit. The gateway is
    /// asked who is behind it, and whether an unknown source is to be heard at all.
    pub fn accepted(&mut self, accepted: Accepted, now: Now, gateway: &mut Gateway) {
        let (stream, transport) = accepted.taken();
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        let flow = Flow { transport, local, remote, connection: Some(self.last + 1) };
        let known = gateway.knows(&flow);
        // The bucket first: it costs nothing, and to see whether there is room is to look at every connection.
        let refused = match gateway.admits(now, &flow) {
            true => self.is_full(&flow, known, gateway),
            false => Some(Ended::TooOften),
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
        let origin = RateLimitKey::from(flow.remote.ip());
        if self.unknown_sources(Some(origin)) >= limits.per_source {
            // Some of them may have registered since the last look.
            self.open.values().for_each(|open| open.look(|flow| gateway.knows(flow)));
            if self.unknown_sources(Some(origin)) >= limits.per_source {
                return Some(Ended::SourceFull);
            }
        }
        (self.unknown_sources(None) >= limits.unknown_sources()).then_some(Ended::Full)
    }

    /// The connections of unknown sources, from one origin or from everywhere.
    fn unknown_sources(&self, from: Option<RateLimitKey>) -> usize {
        let is_from =
            |open: &&Open| from.is_none_or(|origin| RateLimitKey::from(open.flow.remote.ip()) == origin);
        self.open.values().filter(|open| !open.heard.is_known()).filter(is_from).count()
    }

    fn start<F>(
        &mut self,
        flow: Flow,
        known: bool,
        made: Option<(Flow, Vec<String>)>,
        task: impl FnOnce(connection::Connection) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(id) = flow.connection else { return };
        self.last = id;
        let (unsent, receiver) = mpsc::channel(UNSENT);
        let heard = Arc::new(LastHeard::since(Instant::now(), known));
        let setting = self.setting.clone();
        let task = task(connection::Connection { flow, unsent: receiver, heard: heard.clone(), setting });
        let task = self.runtime.spawn(task).abort_handle();
        let dialled = made.is_some();
        let (asked, hosts) = made.map(|(asked, hosts)| (vec![asked], hosts)).unwrap_or_default();
        self.open.insert(id, Open { flow, unsent, task, heard, dialled, hosts, asked });
        // A peer that came by TLS has not proved to be the host that is asked for.
        if dialled || !flow.transport.is_secure() {
            self.with.entry((flow.transport, flow.remote)).or_default().push(id);
        }
        self.setting.counts.open(self.open.len());
    }

    /// A connection is gone, or is to go: gives the paths that failed with it, none if it was gone before. A path that
    /// another connection serves too, for another host at the same address, has not failed: who asked by it here is
    /// left to its patience.
    #[must_use]
    pub fn close(&mut self, flow: &Flow) -> Vec<Flow> {
        let Some(open) = flow.connection.and_then(|id| self.open.remove(&id)) else { return Vec::new() };
        open.task.abort();
        let peer = (open.flow.transport, open.flow.remote);
        if let Some(ids) = self.with.get_mut(&peer) {
            ids.retain(|id| Some(*id) != open.flow.connection);
            if ids.is_empty() {
                self.with.remove(&peer);
            }
        }
        self.setting.counts.open(self.open.len());
        let mut failed = vec![open.flow];
        let is_served = |path: &Flow| self.open.values().any(|other| other.asked.contains(path));
        failed.extend(open.asked.into_iter().filter(|path| !is_served(path)));
        failed
    }

    /// Sends on the flow's connection, or on one with the same peer, or on a new one. `found_again` says whether an
    /// address belongs to the peer at the other end of a lost connection, and what that peer had proved to be. Gives the
    /// paths that failed: the connection is gone, or its peer does not read and loses it.
    #[must_use]
    pub fn send(
        &mut self,
        flow: &Flow,
        bytes: Bytes,
        found_again: impl Fn(&Flow, SocketAddr) -> Option<Vec<String>>,
    ) -> Vec<Flow> {
        if let Some(id) = flow.connection.filter(|id| self.open.contains_key(id)) {
            return self.send_on(id, flow, bytes);
        }
        let Some(wanted) = Wanted::of(flow, &bytes, found_again) else { return vec![*flow] };
        if let Some(id) = self.usable(&wanted) {
            return self.send_on(id, flow, bytes);
        }
        let can_be_opened = matches!(flow.transport, Transport::Tcp | Transport::Tls);
        if !can_be_opened || self.open.len() >= self.setting.limits.connections {
            return vec![*flow];
        }
        let id = self.last + 1;
        let opened = Flow { remote: wanted.remote, connection: Some(id), ..*flow };
        let hosts = wanted.hosts;
        let made = Some((*flow, hosts.clone()));
        self.start(opened, true, made, |line| connection::opened(line, hosts));
        self.send_on(id, flow, bytes)
    }

    fn send_on(&mut self, id: u64, flow: &Flow, bytes: Bytes) -> Vec<Flow> {
        let Some(open) = self.open.get_mut(&id) else { return vec![*flow] };
        if open.unsent.try_send(bytes).is_ok() {
            open.is_asked_by(flow);
            return Vec::new();
        }
        let slow = open.flow;
        self.setting.counts.ended(Ended::SlowReader);
        let mut failed = self.close(&slow);
        failed.extend((!failed.contains(flow)).then_some(*flow));
        failed
    }

    /// The newest connection whose peer has proved nothing but what is wanted.
    fn usable(&self, wanted: &Wanted) -> Option<u64> {
        let ids = self.with.get(&(wanted.transport, wanted.remote))?;
        let proved = |open: &Open| open.hosts.iter().all(|host| wanted.hosts.contains(host));
        ids.iter().rev().copied().find(|id| self.open.get(id).is_some_and(proved))
    }

    /// Closes what has been silent for too long; to be called about once a second. `tie` says what keeps a connection
    /// open, `paths` on which of them there are dialogs. Gives the paths that failed.
    #[must_use]
    pub fn sweep(&mut self, tie: impl Fn(&Flow) -> Tie, paths: impl FnOnce() -> HashSet<Flow>) -> Vec<Flow> {
        let (now, limits) = (Instant::now(), self.setting.limits);
        let mut silent = Vec::new();
        for open in self.open.values() {
            let tie = tie(&open.flow);
            open.heard.set_known(open.dialled || tie != Tie::Unknown);
            if open.is_silent(tie, now, limits.unknown_source_silence) {
                silent.push(open.flow);
            }
        }
        if !silent.is_empty() {
            let paths = paths();
            let has_dialog =
                |open: &Open| paths.contains(&open.flow) || open.asked.iter().any(|f| paths.contains(f));
            silent.retain(|flow| !flow.connection.and_then(|id| self.open.get(&id)).is_some_and(has_dialog));
        }
        silent.sort();
        silent.iter().for_each(|_| self.setting.counts.ended(Ended::Silent));
        silent.iter().flat_map(|flow| self.close(flow)).collect()
    }
}

impl Open {
    /// Sees whether a known peer is behind it; on a connection the gateway opened there is.
    fn look(&self, knows: impl Fn(&Flow) -> bool) {
        self.heard.set_known(self.dialled || knows(&self.flow));
    }

    /// Whether it has been silent for too long. A keep-alive shows that a known peer lives; from an unknown source it is the
    /// cheapest way to stay. Whether a silent trunk is still there is TCP's to find out.
    fn is_silent(&self, tie: Tie, now: Instant, unknown_source_silence: Duration) -> bool {
        let (since, most) = match (tie, self.dialled) {
            (Tie::Trunk, _) => return false,
            (Tie::KeepAlive, _) | (Tie::Unknown, true) => (self.heard.sign(), limits::KEEP_ALIVE),
            (Tie::Unknown, false) => (self.heard.message(), unknown_source_silence),
        };
        now.saturating_duration_since(since) > most
    }

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

/// What a connection that may carry a message must be.
struct Wanted {
    transport: Transport,
    remote: SocketAddr,
    /// The peer must prove to be one of these (RFC 5922 section 7.2). Empty where nothing is proved.
    hosts: Vec<String>,
}

impl Wanted {
    /// A path without a connection says where it leads. One whose connection is gone leads, for the next request of a
    /// dialog, to where its peer listens, if that is the peer's own: what a peer writes never makes the gateway connect to another.
    fn of(
        flow: &Flow,
        bytes: &Bytes,
        found_again: impl Fn(&Flow, SocketAddr) -> Option<Vec<String>>,
    ) -> Option<Wanted> {
        let (transport, secure) = (flow.transport, flow.transport.is_secure());
        let uri = if secure || flow.connection.is_some() { next_hop(bytes) } else { None };
        let (remote, proved) = match flow.connection {
            None => (flow.remote, Vec::new()),
            Some(_) => {
                let at = uri.as_ref()?.socket_addr(if secure { 5061 } else { 5060 })?;
                (at, found_again(flow, at)?)
            }
        };
        let mut hosts = Vec::new();
        if secure {
            let named =
                uri.map(|uri| uri.host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase());
            hosts.push(named.unwrap_or_else(|| remote.ip().to_string()));
            hosts.extend(proved);
        }
        Some(Wanted { transport, remote, hosts })
    }
}

/// Where a request says it goes next: its first Route, or its URI (RFC 3261 section 12.2.1.1).
fn next_hop(bytes: &Bytes) -> Option<Uri> {
    let message = Message::parse(bytes.clone()).ok()?;
    message.method()?;
    match message.addresses("Route").first() {
        Some(route) => route.parsed_uri().ok(),
        None => Uri::parse(message.uri()).ok(),
    }
}
