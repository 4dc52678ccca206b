//! Trunks in the gateway: what they want sent, what comes of it, which of their calls must prove themselves, and how
//! much of them is used. Whether a trunk is reachable and where is `sip::trunk`.

use super::alarm::{Alarm, Cleared};
use super::refusals::RefusalCause;
use super::shedding::{Reading, Shed};
use super::{Gateway, Output};
use crate::caller::TrunkIdentity;
use crate::config::{Authenticate, Config};
use crate::event::{RefusalReason, TrunkReason, What};
use crate::id::{LegId, Random, SeatId, TrunkId};
use crate::redact::Secret;
use crate::sip::access::PeerClass;
use crate::sip::digest::{Challenge, Claim, Guard, Proof, SeatAccount};
use crate::sip::locate::{Answer, Query};
use crate::sip::trunk::{Capacity, Input, Own, Reason, RequestId, TrunkProfile, Use};
use crate::sip::{ClientTx, Failure, Flow, Message, Outgoing, PeerId, ServerTx, Status, Trunks, trunk};
use crate::time::{Mono, Now};
use std::collections::HashMap;

/// Trunks as the gateway keeps them.
#[derive(Debug)]
pub(super) struct Trunking {
    /// Where they are reached, and their health checks.
    pub(super) peers: Trunks,
    /// Every trunk of the configuration.
    pub(super) kept: HashMap<TrunkId, Trunk>,
    /// Calls that were refused and only counted.
    pub(super) shed: Shed,
    /// What is read of those.
    pub(super) reading: Reading,
    /// Our pings and registrations that have no final response yet. Each is a client transaction of the endpoint.
    asked: HashMap<ClientTx, RequestId>,
    /// Of trunks that must prove themselves by password, each with its user name.
    guards: HashMap<TrunkId, (String, Guard)>,
    said: Vec<trunk::Output>,
}

/// What is kept of a trunk.
#[derive(Debug)]
pub(super) struct Trunk {
    pub(super) identity: TrunkIdentity,
    pub(super) capacity: Capacity,
    /// Calls refused, by reason.
    refused: Vec<(RefusalReason, u64)>,
}

/// What is used of a trunk, for the health page and the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkCounts {
    /// Its name.
    pub name: TrunkId,
    /// Calls at one time at most.
    pub channels: u32,
    /// Calls now.
    pub in_use: u32,
    /// Whether it answers us; `None` where that is not known or not asked.
    pub reachable: Option<bool>,
    /// Whether the carrier knows us; `None` where we do not register.
    pub registered: Option<bool>,
    /// Calls refused since the start, by reason, in the order the reasons first came.
    pub refused: Vec<(RefusalReason, u64)>,
}

/// What admission asks of a trunk.
pub(super) struct TrunkShare<'a> {
    /// Its limits.
    pub(super) capacity: &'a mut Capacity,
    /// Whether its calls must prove themselves by password.
    pub(super) asks_password: bool,
}

impl Trunking {
    pub(super) fn new(
        config: &Config,
        passwords: &HashMap<TrunkId, Secret<String>>,
        now: Now,
        random: &mut Random,
    ) -> Trunking {
        let own = Own {
            domain: config.sip.domains.first().cloned().unwrap_or_else(|| config.sip.realm.clone()),
            advertised: config.sip.advertised.as_ref().map(Into::into),
            reach: config.sip.listen.iter().map(Into::into).collect(),
        };
        let reached = config.trunks.iter().filter(|t| !t.targets.is_empty() || t.register.is_some());
        let profiles = reached.map(|t| TrunkProfile {
            name: t.name.clone(),
            targets: t.targets.iter().map(Into::into).collect(),
            ping: t.ping,
            register: t.register.as_ref().map(Into::into),
            register_expires: t.register_expires,
            password: t.username.clone().zip(passwords.get(&t.name).cloned()),
            auth_username: t.auth_username.clone(),
            dial_prefix: t.dial_prefix.clone(),
            local: t.local,
        });
        let peers = Trunks::new(profiles.collect(), own, now.mono, random.fork());
        let mut guards = HashMap::new();
        for t in config.trunks.iter().filter(|t| t.authenticate == Authenticate::Digest) {
            let account =
                t.username.as_ref().zip(passwords.get(&t.name)).map(|(user, password)| SeatAccount {
                    seat: SeatId::from(user.as_str()),
                    password: password.clone(),
                    algorithms: t.algorithms.iter().map(|a| (*a).into()).collect(),
                });
            // Without its password no call is admitted: an empty guard accepts none.
            let accounts = account.into_iter().collect();
            let guard = Guard::new(config.sip.realm.clone(), accounts, random.fork()).of_a_trunk();
            guards.insert(t.name.clone(), (t.username.clone().unwrap_or_default(), guard));
        }
        Trunking {
            peers,
            kept: kept(config),
            shed: Shed::default(),
            reading: Reading::default(),
            asked: HashMap::new(),
            guards,
            said: Vec::new(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        self.peers.poll_timeout()
    }

    /// Whether one more new call of a trunk is read at all.
    pub(super) fn is_readable(&mut self, trunk: &TrunkId, now: Mono) -> bool {
        self.kept.get_mut(trunk).is_none_or(|kept| kept.capacity.is_readable(now))
    }

    /// What admission asks of a peer that is a trunk.
    pub(super) fn share_of(&mut self, peer: &PeerId) -> Option<TrunkShare<'_>> {
        let PeerId::Trunk(trunk) = peer else { return None };
        let asks_password = self.asks_password(trunk);
        self.kept.get_mut(trunk).map(|kept| TrunkShare { capacity: &mut kept.capacity, asks_password })
    }

    /// A call of a trunk was answered, and is half open.
    pub(super) fn answered(&mut self, trunk: &TrunkId) {
        if let Some(kept) = self.kept.get_mut(trunk) {
            kept.capacity.answered();
        }
    }

    /// A call of a trunk is half open no longer.
    pub(super) fn acknowledged(&mut self, trunk: &TrunkId) {
        if let Some(kept) = self.kept.get_mut(trunk) {
            kept.capacity.acknowledged();
        }
    }

    /// Whether a channel of a trunk is free.
    pub(super) fn has_channel(&self, trunk: &TrunkId) -> bool {
        self.kept.get(trunk).is_some_and(|kept| kept.capacity.has_channel())
    }

    /// One more call of a trunk refused.
    pub(super) fn count_refusal(&mut self, trunk: &TrunkId, reason: RefusalReason) {
        if let Some(kept) = self.kept.get_mut(trunk) {
            kept.count_refusal(reason);
        }
    }

    /// Channels of all trunks in use.
    pub(super) fn in_use(&self) -> u32 {
        self.kept.values().map(|kept| kept.capacity.in_use()).sum()
    }

    /// Whether calls of this trunk must prove themselves by password.
    pub(super) fn asks_password(&self, trunk: &TrunkId) -> bool {
        self.guards.contains_key(trunk)
    }
}

impl Gateway {
    /// The domain name system has answered.
    pub(super) fn located(&mut self, now: Now, query: Query, answer: Answer, out: &mut Vec<Output>) {
        self.trunks_hear(now, Input::Located { query, answer }, out);
    }

    /// A connection is gone.
    pub(super) fn trunks_lose(&mut self, now: Now, flow: Flow, out: &mut Vec<Output>) {
        if flow.connection.is_some() {
            self.trunks_hear(now, Input::PathLost { flow }, out);
        }
    }

    /// Does what is due for trunks.
    pub(super) fn trunks_due(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.trunking.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            let mut said = std::mem::take(&mut self.trunking.said);
            self.trunking.peers.handle_timeout(now, &mut said);
            self.trunks_said(now, said, out);
        }
    }

    /// We stop: carriers are to send no calls here any more.
    pub(super) fn trunks_drain(&mut self, now: Now, out: &mut Vec<Output>) {
        self.trunks_hear(now, Input::Drain, out);
    }

    /// A response to a request that is no call's.
    pub(super) fn trunk_responded(
        &mut self,
        now: Now,
        tx: ClientTx,
        response: Message,
        out: &mut Vec<Output>,
    ) {
        if response.status().is_none_or(|status| status.is_provisional()) {
            return;
        }
        if let Some(asked) = self.trunking.asked.remove(&tx) {
            self.trunks_hear(now, Input::Response { asked, response }, out);
        }
    }

    /// A request that is no call's came to nothing.
    pub(super) fn trunk_request_failed(
        &mut self,
        now: Now,
        tx: ClientTx,
        cause: Failure,
        out: &mut Vec<Output>,
    ) {
        let Some(asked) = self.trunking.asked.remove(&tx) else { return };
        // Want of room here says nothing of a peer.
        let input = if cause == Failure::Full { Input::NotSent { asked } } else { Input::Failed { asked } };
        self.trunks_hear(now, input, out);
    }

    /// A call of ours that goes out by `leg` failed with 503, by silence or by its path: the next goes elsewhere.
    pub(super) fn trunk_call_failed(&mut self, now: Now, leg: LegId, out: &mut Vec<Output>) {
        let Some((trunk, hop)) = self.routes.hop_of(leg) else { return };
        let mut said = std::mem::take(&mut self.trunking.said);
        self.trunking.peers.failed(now, trunk, hop, &mut said);
        self.trunks_said(now, said, out);
    }

    /// A call of ours that goes out by `leg` was answered, whatever the answer.
    pub(super) fn trunk_call_answered(&mut self, now: Now, leg: LegId, out: &mut Vec<Output>) {
        let Some((trunk, hop)) = self.routes.hop_of(leg) else { return };
        let mut said = std::mem::take(&mut self.trunking.said);
        self.trunking.peers.answered(now, trunk, hop, &mut said);
        self.trunks_said(now, said, out);
    }

    fn trunks_hear(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        let mut said = std::mem::take(&mut self.trunking.said);
        self.trunking.peers.handle(now, input, &mut said);
        self.trunks_said(now, said, out);
    }

    fn trunks_said(&mut self, now: Now, mut said: Vec<trunk::Output>, out: &mut Vec<Output>) {
        for output in said.drain(..) {
            match output {
                trunk::Output::Ask(query) => out.push(Output::Locate(query)),
                trunk::Output::Request { asked, flow, request } => {
                    let tx = self.signalling.request(now, flow, request);
                    self.trunking.asked.insert(tx, asked);
                }
                trunk::Output::Changed { trunk, reachable, reason } => {
                    self.trunk_changed(now, &trunk, reachable, reason, out);
                }
            }
        }
        self.trunking.said = said;
    }

    fn trunk_changed(
        &mut self,
        now: Now,
        trunk: &TrunkId,
        reachable: bool,
        reason: TrunkReason,
        out: &mut Vec<Output>,
    ) {
        let Some(kept) = self.trunking.kept.get(trunk) else { return };
        let channels_in_use = kept.capacity.in_use();
        let changed = What::TrunkStateChanged {
            trunk: trunk.clone(),
            reachable,
            channels_in_use,
            reason: reason.into(),
        };
        self.tell(now, changed, out);
        let (trunk, why) = (trunk.clone(), reason);
        match reachable {
            true => self.clear(now, &Cleared::TrunkDown { trunk, why }, out),
            false => self.raise(now, &Alarm::TrunkDown { trunk, why }, out),
        }
    }

    /// A call takes one of a trunk's channels.
    pub(super) fn take_channel(&mut self, now: Now, trunk: &TrunkId, out: &mut Vec<Output>) {
        let changed = self.trunking.kept.get_mut(trunk).and_then(|kept| kept.capacity.take_channel());
        self.use_changed(now, trunk, changed, out);
    }

    /// A call gives its channel back.
    pub(super) fn free_channel(&mut self, now: Now, trunk: &TrunkId, out: &mut Vec<Output>) {
        let changed = self.trunking.kept.get_mut(trunk).and_then(|kept| kept.capacity.free_channel());
        self.use_changed(now, trunk, changed, out);
    }

    fn use_changed(&mut self, now: Now, trunk: &TrunkId, to: Option<Use>, out: &mut Vec<Output>) {
        let (Some(to), Some(kept)) = (to, self.trunking.kept.get(trunk)) else { return };
        let (trunk, used, all) = (trunk.clone(), kept.capacity.in_use(), kept.capacity.channels());
        match to {
            Use::Crowded => self.raise(now, &Alarm::ChannelUse { trunk, used, all }, out),
            Use::Roomy => self.clear(now, &Cleared::ChannelUse { trunk, used, all }, out),
        }
    }

    /// Whether an INVITE that comes from where a trunk does has proved to be the trunk's. Answers it when not.
    pub(super) fn trunk_proved(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: &Flow,
        invite: &Message,
        trunk: &TrunkId,
    ) -> bool {
        let Some((username, guard)) = self.trunking.guards.get_mut(trunk) else { return true };
        // At a trunk's address the trunk is challenged: it has one name, and the failures of others at its address are
        // not its own.
        let (source, named) = (flow.remote.ip(), username.as_bytes());
        let names_it = &|uri: &[u8]| self.access.names.are_named_by(flow, uri, invite.uri());
        let claim = Claim { source, names_it, method: b"INVITE", named, known: true };
        let (cause, verdict) = match guard.judge(now.mono, claim, invite.headers("Authorization")).proof {
            Proof::Seat(_) => return true,
            Proof::Challenge(asked) => {
                (RefusalCause::Challenge, Some((now.mono, Status::UNAUTHORIZED, asked)))
            }
            Proof::Late(due, asked) => {
                (RefusalCause::WrongPassword, Some((due, Status::UNAUTHORIZED, asked)))
            }
            Proof::Malformed(_) => {
                (RefusalCause::Challenge, Some((now.mono, Status::BAD_REQUEST, Vec::new())))
            }
            Proof::Silence => (RefusalCause::Silence, None),
        };
        self.access.refusals.count(PeerClass::Trunk, cause);
        match verdict {
            Some((due, status, asked)) => self.ask_trunk(now, tx, invite, due, status, asked),
            None => self.signalling.forget(tx),
        }
        false
    }

    fn ask_trunk(
        &mut self,
        now: Now,
        tx: ServerTx,
        invite: &Message,
        due: Mono,
        status: Status,
        asked: Vec<Challenge>,
    ) {
        let answer = Outgoing::response(invite, status, Some(&self.context.random.token()));
        let answer = asked.into_iter().fold(answer, |a, c| a.with("WWW-Authenticate", c.render()));
        if due > now.mono {
            return self.signalling.respond_late(due, tx, answer);
        }
        self.signalling.respond(now, tx, answer);
        // A source that has proved nothing yet has no room here: a retransmission is challenged anew.
        self.signalling.forget(tx);
    }

    /// What is used of every trunk, by name.
    pub(super) fn trunk_counts(&self) -> Vec<TrunkCounts> {
        let mut counts: Vec<TrunkCounts> =
            self.trunking.kept.iter().map(|(name, kept)| self.counts_of(name, kept)).collect();
        counts.sort_by(|a, b| a.name.cmp(&b.name));
        counts
    }

    fn counts_of(&self, name: &TrunkId, kept: &Trunk) -> TrunkCounts {
        let status = self.trunking.peers.status(name);
        TrunkCounts {
            name: name.clone(),
            channels: kept.capacity.channels(),
            in_use: kept.capacity.in_use(),
            reachable: status.as_ref().and_then(|s| s.reachable),
            registered: status.as_ref().and_then(|s| s.registered),
            refused: kept.refused.clone(),
        }
    }
}

impl Trunk {
    fn count_refusal(&mut self, reason: RefusalReason) {
        match self.refused.iter_mut().find(|(r, _)| *r == reason) {
            Some((_, n)) => *n += 1,
            None => self.refused.push((reason, 1)),
        }
    }
}

fn kept(config: &Config) -> HashMap<TrunkId, Trunk> {
    let trunks = config.trunks.iter().map(|t| {
        let identity = TrunkIdentity {
            trusted: t.trusted,
            country: t.country.clone(),
            area: t.area.clone(),
            strip: t.strip.clone(),
            headers: t.headers.clone(),
        };
        let capacity = Capacity::new(t.channels, t.calls_per_second);
        (t.name.clone(), Trunk { identity, capacity, refused: Vec::new() })
    });
    trunks.collect()
}
