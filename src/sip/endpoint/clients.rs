//! The requests we sent: client transactions by number, and the way from a response to its transaction.

use super::address::{read_branch, via};
use super::{Advertised, Failure, Output, TransactionEvent};
use crate::room::give_back;
use crate::sip::transaction::client_invite::{ClientInvite, ClientInviteSnapshot};
use crate::sip::transaction::client_other::ClientOther;
use crate::sip::transaction::{ClientTx, Durations, Expiry, Reason, Verdict};
use crate::sip::{Flow, Message, Method, Outgoing};
use crate::time::{Mono, Now, Timers};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

#[derive(Debug, Default)]
pub(super) struct Clients {
    live: HashMap<ClientTx, Client>,
    /// By the path they are sent on, for the moment it fails: among thousands it may have none or one.
    by_flow: BTreeSet<(Flow, ClientTx)>,
    timers: Timers<ClientTx>,
    last: u64,
}

#[derive(Debug)]
struct Client {
    /// The unguessable part of the branch: who knows it has seen the request.
    secret: u64,
    method: Method,
    flow: Flow,
    machine: Machine,
    /// What its CANCEL gives as the reason.
    reason: Option<Box<str>>,
    /// The deadline that is set.
    armed: Option<Mono>,
}

#[derive(Debug)]
enum Machine {
    Invite(ClientInvite),
    Other(ClientOther),
    /// Never sent for want of room; to be reported at this time.
    Refused(Mono),
}

impl Machine {
    fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        match self {
            Machine::Invite(machine) => machine.poll_timeout(),
            Machine::Other(machine) => machine.poll_timeout(),
            Machine::Refused(at) => Some((*at, Reason::Refused)),
        }
    }

    fn is_ended(&self) -> bool {
        match self {
            Machine::Invite(machine) => machine.is_ended(),
            Machine::Other(machine) => machine.is_ended(),
            Machine::Refused(_) => false,
        }
    }

    fn waits_on(&self, flow: &Flow) -> bool {
        match self {
            Machine::Invite(machine) => machine.waits_on(flow),
            Machine::Other(machine) => machine.waits_on(flow),
            Machine::Refused(_) => false,
        }
    }
}

/// What a response was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The response answers no request of ours.
    Stray,
    /// A repetition, or the answer to a CANCEL.
    Absorbed,
    /// For the user of this transaction.
    Deliver(ClientTx),
}

/// What the machines are given besides the message.
pub(super) struct Sending<'a> {
    pub now: Now,
    pub durations: &'a Durations,
    pub out: &'a mut Vec<Output>,
}

/// An INVITE of ours that is out, as it outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSnapshot {
    number: u64,
    secret: u64,
    invite: ClientInviteSnapshot,
}

impl ClientSnapshot {
    /// The INVITE as it was sent.
    pub fn invite(&self) -> Option<Message> {
        Message::parse(self.invite.invite()).ok()
    }
}

impl Clients {
    /// What the next process needs of an INVITE of ours.
    pub(super) fn snapshot(&self, tx: ClientTx) -> Option<ClientSnapshot> {
        let client = self.live.get(&tx)?;
        let Machine::Invite(machine) = &client.machine else { return None };
        Some(ClientSnapshot { number: tx.0, secret: client.secret, invite: machine.snapshot()? })
    }

    /// The transaction of an INVITE that was sent before a restart goes on, under the branch it had.
    pub(super) fn resume(&mut self, cx: Sending<'_>, snapshot: ClientSnapshot) -> ClientTx {
        let ClientSnapshot { number, secret, invite } = snapshot;
        self.last = self.last.max(number);
        let (tx, flow) = (ClientTx(number), invite.flow());
        let machine = Machine::Invite(ClientInvite::resume(cx.now, invite, cx.durations, cx.out));
        self.by_flow.insert((flow, tx));
        let (method, reason, armed) = (Method::Invite, None, None);
        self.live.insert(tx, Client { secret, method, flow, machine, reason, armed });
        self.settle(tx);
        tx
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Whether the maps are as empty as the transactions.
    #[cfg(test)]
    pub(super) fn is_forgotten(&self) -> bool {
        self.live.is_empty() && self.by_flow.is_empty() && self.timers.is_empty()
    }

    /// Sends a request; `most` live transactions are the limit, past it the request is only reported as failed.
    pub(super) fn request(
        &mut self,
        cx: Sending<'_>,
        flow: Flow,
        request: Outgoing,
        advertised: Option<&Advertised>,
        secret: u64,
        most: usize,
    ) -> ClientTx {
        self.last += 1;
        let tx = ClientTx(self.last);
        let method = request.method().cloned().unwrap_or(Method::Options);
        let machine = if self.live.len() >= most {
            Machine::Refused(cx.now.mono)
        } else {
            let bytes = request.first("Via", via(advertised, &flow, tx.0, secret)).encode();
            if method == Method::Invite {
                Machine::Invite(ClientInvite::start(cx.now, flow, bytes, cx.durations, cx.out))
            } else {
                Machine::Other(ClientOther::start(cx.now, flow, bytes, cx.durations, cx.out))
            }
        };
        self.by_flow.insert((flow, tx));
        self.live.insert(tx, Client { secret, method, flow, machine, reason: None, armed: None });
        self.settle(tx);
        tx
    }

    pub(super) fn response(&mut self, cx: Sending<'_>, response: &Message) -> Found {
        let Some((tx, secret)) = response.via().branch().and_then(read_branch) else { return Found::Stray };
        let tx = ClientTx(tx);
        let Some(client) = self.live.get_mut(&tx).filter(|client| client.secret == secret) else {
            return Found::Stray;
        };
        // Another Via below ours: it was not we who asked (RFC 3261 section 8.1.3.3).
        if response.list("Via").len() > 1 {
            return Found::Stray;
        }
        let Some(status) = response.status() else { return Found::Stray };
        let method = response.cseq().1;
        let verdict = match &mut client.machine {
            Machine::Invite(machine) if *method == Method::Invite => {
                let ack = |invite: &Bytes| of_invite(invite, Method::Ack, Some(response), None);
                let reason = client.reason.as_deref();
                let cancel = |invite: &Bytes| of_invite(invite, Method::Cancel, None, reason);
                machine.response(cx.now, status, cx.durations, ack, cancel, cx.out)
            }
            Machine::Invite(machine) if *method == Method::Cancel => {
                machine.cancel_response(cx.now, status, cx.durations);
                Verdict::Absorbed
            }
            Machine::Other(machine) if *method == client.method => {
                machine.response(cx.now, status, cx.durations)
            }
            Machine::Invite(_) | Machine::Other(_) | Machine::Refused(_) => return Found::Stray,
        };
        self.settle(tx);
        match verdict {
            Verdict::Deliver => Found::Deliver(tx),
            Verdict::Absorbed => Found::Absorbed,
        }
    }

    pub(super) fn cancel(&mut self, cx: Sending<'_>, tx: ClientTx, why: Option<&str>) {
        if let Some(Client { machine: Machine::Invite(machine), reason, .. }) = self.live.get_mut(&tx) {
            *reason = why.map(Box::from);
            let cancel = |invite: &Bytes| of_invite(invite, Method::Cancel, None, why);
            machine.cancel(cx.now, cx.durations, cancel, cx.out);
            self.settle(tx);
        }
    }

    /// Ends every transaction that waits for a response on `flow`.
    pub(super) fn flow_failed(&mut self, flow: &Flow) -> Vec<TransactionEvent> {
        let on_it = (*flow, ClientTx(0))..=(*flow, ClientTx(u64::MAX));
        let waits = |tx: &ClientTx| self.live.get(tx).is_some_and(|client| client.machine.waits_on(flow));
        let lost: Vec<ClientTx> = self.by_flow.range(on_it).map(|(_, tx)| *tx).filter(waits).collect();
        let failed = |tx| TransactionEvent::Failed { tx, cause: Failure::Transport };
        lost.iter().for_each(|tx| self.remove(*tx));
        lost.into_iter().map(failed).collect()
    }

    pub(super) fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        let (at, tx) = self.timers.next()?;
        let reason = self.live.get(&tx).and_then(|client| client.machine.poll_timeout()).map(|(_, why)| why);
        Some((at, reason.unwrap_or(Reason::Refused)))
    }

    pub(super) fn handle_timeout(&mut self, cx: Sending<'_>, happened: &mut Vec<TransactionEvent>) {
        while let Some(tx) = self.timers.pop_due(cx.now.mono) {
            let Some(client) = self.live.get_mut(&tx) else { continue };
            client.armed = None;
            let expiry = match &mut client.machine {
                Machine::Invite(machine) => machine.handle_timeout(cx.now, cx.durations, cx.out),
                Machine::Other(machine) => machine.handle_timeout(cx.now, cx.durations, cx.out),
                Machine::Refused(_) => {
                    happened.push(TransactionEvent::Failed { tx, cause: Failure::Full });
                    self.remove(tx);
                    continue;
                }
            };
            match (expiry, &mut client.machine) {
                (Expiry::TimedOut, _) => {
                    happened.push(TransactionEvent::Failed { tx, cause: Failure::Timeout })
                }
                (Expiry::RangTooLong, Machine::Invite(machine)) => {
                    let cancel = |invite: &Bytes| of_invite(invite, Method::Cancel, None, None);
                    machine.cancel(cx.now, cx.durations, cancel, cx.out);
                }
                _ => {}
            }
            self.settle(tx);
        }
    }

    /// Sets the deadline the machine wants now, or forgets it when it has ended.
    fn settle(&mut self, tx: ClientTx) {
        let Some(client) = self.live.get_mut(&tx) else { return };
        if client.machine.is_ended() {
            return self.remove(tx);
        }
        let wanted = client.machine.poll_timeout().map(|(at, _)| at);
        if wanted == client.armed {
            return;
        }
        client.armed = wanted;
        match wanted {
            Some(at) => self.timers.set(tx, at),
            None => self.timers.cancel(tx),
        }
    }

    pub(super) fn remove(&mut self, tx: ClientTx) {
        if let Some(client) = self.live.remove(&tx) {
            self.by_flow.remove(&(client.flow, tx));
        }
        self.timers.cancel(tx);
        give_back(&mut self.live);
    }
}

/// The CANCEL of an INVITE, or its ACK for a failure, made from the INVITE as it was sent: Request-URI, Via,
/// From, Call-ID, CSeq number and Route are the INVITE's (RFC 3261 sections 9.1 and 17.1.1.3). So is To in a
/// CANCEL; in an ACK it is the response's.
fn of_invite(
    invite: &Bytes,
    method: Method,
    response: Option<&Message>,
    reason: Option<&str>,
) -> Option<Bytes> {
    let invite = Message::parse(invite.clone()).ok()?;
    let to = response.map_or(invite.to(), Message::to);
    let cseq = format!("{} {method}", invite.cseq().0);
    let mut request = Outgoing::request(method, invite.uri())
        .with("Via", invite.via().raw())
        .with("Max-Forwards", "70")
        .with("From", invite.from().raw())
        .with("To", to.raw())
        .with("Call-ID", invite.call_id())
        .with("CSeq", cseq);
    for route in invite.headers("Route") {
        request = request.with("Route", route);
    }
    if let Some(reason) = reason {
        request = request.with("Reason", reason);
    }
    Some(request.encode())
}
