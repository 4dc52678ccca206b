//! The requests that came: server transactions by number, and the way from a request to its transaction.

use super::address::{sent_by_port, way_back};
use super::clients::Sending;
use super::held::{Holding, Holdings};
use super::{Output, TransactionEvent};
use crate::room::give_back;
use crate::sip::transaction::server_invite::{Acknowledged, ServerInvite, ServerInviteSnapshot};
use crate::sip::transaction::server_other::ServerOther;
use crate::sip::transaction::{Expiry, Reason, ServerTx, Verdict, key};
use crate::sip::{Flow, Message, Method, NameAddr, Outgoing, RateLimitKey, Status};
use crate::time::{Mono, Timers};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Servers {
    live: HashMap<ServerTx, Server>,
    /// By what names the transaction itself.
    by_key: HashMap<Arc<[u8]>, ServerTx>,
    /// By what the request keeps on every path: every INVITE, and other requests outside a dialog.
    by_merge_key: HashMap<Arc<[u8]>, ServerTx>,
    /// By the connection that is answered on, for the moment it closes: among thousands it may have none or one.
    by_connection: BTreeSet<(u64, ServerTx)>,
    timers: Timers<ServerTx>,
    holdings: Holdings,
    last: u64,
    /// A key being looked up.
    wanted: Vec<u8>,
}

#[derive(Debug)]
struct Server {
    machine: Machine,
    key: Arc<[u8]>,
    merge_key: Option<Arc<[u8]>>,
    /// The To tag of our last response to an INVITE: its ACK must carry it.
    tag: Option<Box<str>>,
    /// The To tag our answer to its CANCEL had, when no response to the INVITE had told one before: its failure has the
    /// same (RFC 3261 section 9.2).
    cancelled: Option<Box<str>>,
    /// Where a new connection would reach the peer, should this one close (RFC 3261 section 18.2.2).
    listens_on: u16,
    /// Where it came from.
    source: IpAddr,
    /// Whose it is, and how long its request was.
    held: (RateLimitKey, usize),
    /// The connection that is answered on, while it is open.
    connection: Option<u64>,
    /// The deadline that is set.
    armed: Option<Mono>,
}

#[derive(Debug)]
enum Machine {
    Invite(ServerInvite),
    Other(ServerOther),
}

impl Machine {
    fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        match self {
            Machine::Invite(machine) => machine.poll_timeout(),
            Machine::Other(machine) => machine.poll_timeout(),
        }
    }

    fn is_ended(&self) -> bool {
        match self {
            Machine::Invite(machine) => machine.is_ended(),
            Machine::Other(machine) => machine.is_ended(),
        }
    }
}

/// What a request is matched by.
#[derive(Debug)]
pub(super) struct Names {
    key: Arc<[u8]>,
    merge_key: Option<Arc<[u8]>>,
}

impl Names {
    /// A number for what names the transaction, which cannot be guessed without `salt`.
    pub(super) fn mark(&self, salt: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (salt, &self.key).hash(&mut hasher);
        hasher.finish()
    }
}

/// What a request turned out to be.
#[derive(Debug)]
pub(super) enum Known {
    /// A retransmission; what was answered went out again.
    Retransmission,
    /// The request came already by another path.
    Merged,
    /// Never seen.
    New(Names),
}

/// What an ACK turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckFor {
    /// The ACK acknowledges nothing we sent.
    Stray,
    /// A retransmission, or the acknowledgement of a failure.
    Absorbed,
    /// The first for this 2xx.
    Answer(ServerTx),
}

/// An INVITE that came, as it outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSnapshot {
    #[serde(with = "crate::octets")]
    key: Vec<u8>,
    /// Empty: none.
    #[serde(with = "crate::octets")]
    merge_key: Vec<u8>,
    tag: Option<Box<str>>,
    listens_on: u16,
    source: IpAddr,
    length: usize,
    flow: Flow,
    invite: ServerInviteSnapshot,
}

impl Servers {
    /// What the next process needs of an INVITE that came.
    pub(super) fn snapshot(&self, tx: ServerTx) -> Option<ServerSnapshot> {
        let server = self.live.get(&tx)?;
        let Machine::Invite(machine) = &server.machine else { return None };
        Some(ServerSnapshot {
            key: server.key.to_vec(),
            merge_key: server.merge_key.as_ref().map(|key| key.to_vec()).unwrap_or_default(),
            tag: server.tag.clone(),
            listens_on: server.listens_on,
            source: server.source,
            length: server.held.1,
            flow: machine.flow(),
            invite: machine.snapshot()?,
        })
    }

    /// The transaction of an INVITE that came before a restart goes on. Its connection, if it came by one, is gone.
    pub(super) fn resume(&mut self, cx: Sending<'_>, snapshot: ServerSnapshot) -> ServerTx {
        let ServerSnapshot { key, merge_key, tag, listens_on, source, length, flow, invite } = snapshot;
        let flow = match flow.connection {
            Some(_) => {
                Flow { remote: SocketAddr::new(flow.remote.ip(), listens_on), connection: None, ..flow }
            }
            None => flow,
        };
        let machine = Machine::Invite(ServerInvite::resume(cx.now, flow, invite, cx.durations, cx.out));
        let key: Arc<[u8]> = Arc::from(key);
        let merge_key = (!merge_key.is_empty()).then(|| Arc::from(merge_key));
        let held = (RateLimitKey::from(source), length);
        self.holdings.take(held.0, held.1);
        self.last += 1;
        let tx = ServerTx(self.last);
        self.by_key.insert(key.clone(), tx);
        if let Some(merge_key) = &merge_key {
            self.by_merge_key.insert(Arc::clone(merge_key), tx);
        }
        let (cancelled, connection, armed) = (None, None, None);
        let server =
            Server { machine, key, merge_key, tag, cancelled, listens_on, source, held, connection, armed };
        self.live.insert(tx, server);
        self.settle(tx);
        tx
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// What a source holds.
    pub(super) fn held_by(&self, source: IpAddr) -> Holding {
        self.holdings.of(RateLimitKey::from(source))
    }

    /// Whether the maps are as empty as the transactions.
    #[cfg(test)]
    pub(super) fn is_forgotten(&self) -> bool {
        let named = self.by_key.len() + self.by_merge_key.len() + self.by_connection.len();
        self.live.is_empty() && named == 0 && self.timers.is_empty() && self.holdings.is_empty()
    }

    /// Whether a request is known. A repetition is told from what the peer wrote: ask before stamping the Via.
    pub(super) fn recognise(&mut self, request: &Message, method: &Method, out: &mut Vec<Output>) -> Known {
        key::transaction(request, method, &mut self.wanted);
        if let Some(tx) = self.by_key.get(self.wanted.as_slice()) {
            if let Some(server) = self.live.get_mut(tx) {
                match &mut server.machine {
                    Machine::Invite(machine) => machine.request(out),
                    Machine::Other(machine) => machine.request(out),
                };
            }
            return Known::Retransmission;
        }
        let key = Arc::from(self.wanted.as_slice());
        let outside = request.to_tag().is_none();
        if *method == Method::Cancel || !(outside || *method == Method::Invite) {
            return Known::New(Names { key, merge_key: None });
        }
        key::merge_key(request, method, &mut self.wanted);
        if outside && self.by_merge_key.contains_key(self.wanted.as_slice()) {
            return Known::Merged;
        }
        Known::New(Names { key, merge_key: Some(Arc::from(self.wanted.as_slice())) })
    }

    /// Begins a transaction for a request that is new. An INVITE is answered 100 at once: it stops the peer's
    /// repetitions (RFC 3261 section 17.2.1).
    pub(super) fn admit(
        &mut self,
        cx: Sending<'_>,
        flow: &Flow,
        request: &Message,
        method: &Method,
        names: Names,
    ) -> ServerTx {
        let back = way_back(flow, request);
        let connection = back.connection;
        let machine = if *method == Method::Invite {
            let mut machine = ServerInvite::start(back);
            let trying = || Outgoing::response(request, Status::TRYING, None).encode();
            machine.respond(cx.now, Status::TRYING, trying, cx.durations, cx.out);
            Machine::Invite(machine)
        } else {
            Machine::Other(ServerOther::start(cx.now, back, request.clone(), cx.durations))
        };
        self.insert(machine, names, flow, request, connection)
    }

    /// Begins a transaction that is answered already: a CANCEL's.
    pub(super) fn admit_answered(
        &mut self,
        cx: Sending<'_>,
        flow: &Flow,
        request: &Message,
        names: Names,
        response: Bytes,
    ) {
        let back = way_back(flow, request);
        let connection = back.connection;
        let machine = ServerOther::answered(cx.now, back, response, cx.durations, cx.out);
        self.insert(Machine::Other(machine), names, flow, request, connection);
    }

    fn insert(
        &mut self,
        machine: Machine,
        names: Names,
        flow: &Flow,
        request: &Message,
        connection: Option<u64>,
    ) -> ServerTx {
        let Names { key, merge_key } = names;
        let held = (RateLimitKey::from(flow.remote.ip()), request.bytes().len());
        self.holdings.take(held.0, held.1);
        let listens_on = sent_by_port(request);
        self.last += 1;
        let tx = ServerTx(self.last);
        self.by_key.insert(key.clone(), tx);
        if let Some(merge_key) = &merge_key {
            self.by_merge_key.insert(merge_key.clone(), tx);
        }
        self.by_connection.extend(connection.map(|connection| (connection, tx)));
        let (tag, cancelled, armed) = (None, None, None);
        let source = flow.remote.ip();
        let server =
            Server { machine, key, merge_key, tag, cancelled, listens_on, source, held, connection, armed };
        self.live.insert(tx, server);
        self.settle(tx);
        tx
    }

    /// The path of the INVITE a CANCEL names.
    pub(super) fn cancels(&mut self, cancel: &Message) -> Option<Flow> {
        key::transaction(cancel, &Method::Invite, &mut self.wanted);
        let tx = self.by_key.get(self.wanted.as_slice())?;
        match &self.live.get(tx)?.machine {
            Machine::Invite(machine) => Some(machine.flow()),
            Machine::Other(_) => None,
        }
    }

    /// What a CANCEL means; `tag` is a new one, for an answer to it where the INVITE has none yet.
    pub(super) fn cancelled(&mut self, cancel: &Message, tag: String) -> Cancelled {
        key::transaction(cancel, &Method::Invite, &mut self.wanted);
        let tx = self.by_key.get(self.wanted.as_slice()).copied();
        let Some((tx, server)) = tx.and_then(|tx| Some((tx, self.live.get_mut(&tx)?))) else {
            return if self.is_of_another_method(cancel) {
                Cancelled::Other { tag }
            } else {
                Cancelled::Nothing
            };
        };
        let Machine::Invite(machine) = &mut server.machine else { return Cancelled::Nothing };
        let verdict = machine.cancel();
        let tag = match &server.tag {
            Some(told) => String::from(&**told),
            // Inside a dialog both have the tag they came with.
            None if cancel.to_tag().is_some() => tag,
            None => String::from(&**server.cancelled.get_or_insert_with(|| tag.into())),
        };
        Cancelled::Invite { tx, tag, verdict }
    }

    /// Whether a CANCEL has the branch of a request that cannot be cancelled.
    fn is_of_another_method(&mut self, cancel: &Message) -> bool {
        use Method as M;
        let methods = [
            M::Register,
            M::Options,
            M::Bye,
            M::Update,
            M::Info,
            M::Prack,
            M::Refer,
            M::Subscribe,
            M::Notify,
        ];
        methods.iter().chain(&[M::Message, M::Publish]).any(|method| {
            key::transaction(cancel, method, &mut self.wanted);
            self.by_key.contains_key(self.wanted.as_slice())
        })
    }

    /// An ACK: for a failure it has the INVITE's own branch; for a 2xx it is told by dialog and CSeq number.
    pub(super) fn ack(&mut self, cx: Sending<'_>, ack: &Message) -> AckFor {
        key::transaction(ack, &Method::Invite, &mut self.wanted);
        let mut found = self.by_key.get(self.wanted.as_slice()).copied();
        let has_branch = found.is_some();
        if !has_branch {
            key::merge_key(ack, &Method::Invite, &mut self.wanted);
            found = self.by_merge_key.get(self.wanted.as_slice()).copied();
        }
        let Some((tx, server)) = found.and_then(|tx| Some((tx, self.live.get_mut(&tx)?))) else {
            return AckFor::Stray;
        };
        let Machine::Invite(machine) = &mut server.machine else { return AckFor::Stray };
        let by_branch = has_branch && !machine.is_accepted();
        if !by_branch && ack.to_tag() != server.tag.as_deref() {
            return AckFor::Stray;
        }
        let acknowledged = machine.ack(cx.now, cx.durations);
        self.settle(tx);
        match acknowledged {
            Acknowledged::Answer => AckFor::Answer(tx),
            Acknowledged::Failure | Acknowledged::Nothing => AckFor::Absorbed,
        }
    }

    pub(super) fn respond(&mut self, cx: Sending<'_>, tx: ServerTx, response: &Outgoing) {
        let Some(server) = self.live.get_mut(&tx) else { return };
        let Some(status) = response.status() else { return };
        match &mut server.machine {
            Machine::Invite(machine) => {
                let own = to_tag(response);
                let told = server.cancelled.take_if(|_| status.is_failure() && server.tag.is_none());
                let encode = || match (&own, &told) {
                    (Some(own), Some(told)) => response.clone().retagged(own, told).encode(),
                    _ => response.encode(),
                };
                let was_sent = machine.respond(cx.now, status, encode, cx.durations, cx.out);
                if was_sent && status != Status::TRYING {
                    server.tag = told.or(own);
                }
            }
            Machine::Other(machine) => {
                machine.respond(cx.now, status, || response.encode(), cx.durations, cx.out);
            }
        }
        self.settle(tx);
    }

    /// The transactions that are answered on a connection.
    fn on(&self, flow: &Flow) -> Vec<(u64, ServerTx)> {
        let Some(connection) = flow.connection else { return Vec::new() };
        let of_it = (connection, ServerTx(0))..=(connection, ServerTx(u64::MAX));
        self.by_connection.range(of_it).copied().collect()
    }

    /// Ends what is still to be answered on `flow`.
    pub(super) fn forget_on(&mut self, flow: &Flow) {
        for (_, tx) in self.on(flow) {
            self.remove(tx);
        }
    }

    /// Answers still to be given on `flow` will ask for a new connection.
    pub(super) fn flow_failed(&mut self, flow: &Flow) {
        for (connection, tx) in self.on(flow) {
            self.by_connection.remove(&(connection, tx));
            let Some(server) = self.live.get_mut(&tx) else { continue };
            server.connection = None;
            let remote = SocketAddr::new(flow.remote.ip(), server.listens_on);
            let new = Flow { remote, connection: None, ..*flow };
            match &mut server.machine {
                Machine::Invite(machine) => machine.reroute(flow, new),
                Machine::Other(machine) => machine.reroute(flow, new),
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        let (at, tx) = self.timers.next()?;
        let reason = self.live.get(&tx).and_then(|server| server.machine.poll_timeout()).map(|(_, why)| why);
        Some((at, reason.unwrap_or(Reason::J)))
    }

    /// Gives how many failures were never acknowledged.
    pub(super) fn handle_timeout(&mut self, cx: Sending<'_>, happened: &mut Vec<TransactionEvent>) -> u64 {
        let mut unacknowledged = 0;
        while let Some(tx) = self.timers.pop_due(cx.now.mono) {
            let Some(server) = self.live.get_mut(&tx) else { continue };
            server.armed = None;
            let expiry = match &mut server.machine {
                Machine::Invite(machine) => machine.handle_timeout(cx.now, cx.durations, cx.out),
                Machine::Other(machine) => machine.handle_timeout(cx.now),
            };
            match (expiry, &mut server.machine) {
                (Expiry::Unacknowledged, _) => happened.push(TransactionEvent::Unacknowledged { tx }),
                (Expiry::UnacknowledgedFailure, _) => unacknowledged += 1,
                (Expiry::OwesTrying, Machine::Other(machine)) => {
                    let trying = machine
                        .waiting_request()
                        .map(|r| Outgoing::response(r, Status::TRYING, None).encode());
                    machine.respond(
                        cx.now,
                        Status::TRYING,
                        || trying.unwrap_or_default(),
                        cx.durations,
                        cx.out,
                    );
                }
                _ => {}
            }
            self.settle(tx);
        }
        unacknowledged
    }

    /// Sets the deadline the machine wants now, or forgets it when it has ended.
    fn settle(&mut self, tx: ServerTx) {
        let Some(server) = self.live.get_mut(&tx) else { return };
        if server.machine.is_ended() {
            return self.remove(tx);
        }
        let wanted = server.machine.poll_timeout().map(|(at, _)| at);
        if wanted == server.armed {
            return;
        }
        server.armed = wanted;
        match wanted {
            Some(at) => self.timers.set(tx, at),
            None => self.timers.cancel(tx),
        }
    }

    pub(super) fn remove(&mut self, tx: ServerTx) {
        let Some(server) = self.live.remove(&tx) else { return };
        self.by_key.remove(&server.key);
        self.holdings.release(server.held.0, server.held.1);
        if let Some(merge_key) = &server.merge_key
            && self.by_merge_key.get(merge_key) == Some(&tx)
        {
            self.by_merge_key.remove(merge_key);
        }
        if let Some(connection) = server.connection {
            self.by_connection.remove(&(connection, tx));
        }
        self.timers.cancel(tx);
        give_back(&mut self.live);
        give_back(&mut self.by_key);
        give_back(&mut self.by_merge_key);
    }
}

/// What a CANCEL means.
#[derive(Debug)]
pub(super) enum Cancelled {
    /// An INVITE.
    Invite {
        /// Its number.
        tx: ServerTx,
        /// The To tag it is or will be answered with.
        tag: String,
        /// Whether its user must hear.
        verdict: Verdict,
    },
    /// A request of another method: it is answered all the same, and nothing comes of it (RFC 3261 section 9.2).
    Other {
        /// The To tag for the answer.
        tag: String,
    },
    /// Nothing we know.
    Nothing,
}

fn to_tag(response: &Outgoing) -> Option<Box<str>> {
    let to = NameAddr::parse(Bytes::copy_from_slice(response.get("To")?)).ok()?;
    to.tag().map(Into::into)
}
