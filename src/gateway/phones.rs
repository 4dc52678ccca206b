//! The seats' phones: where each is, and whether it is there. Carries values between the registrar, which knows what
//! was registered, the liveness of each path, the queue, which must not offer a call to a seat that cannot be reached, and the calls.

use super::{Gateway, Output, Work};
use crate::acd;
use crate::call::{self, Phone, Probing, Target};
use crate::config::Config;
use crate::id::SeatId;
use crate::sip::liveness::{self, Probe, WatchedContact};
use crate::sip::{
    Binding, ClientTx, Flow, Inside, Liveness, Method, Outgoing, Reach, Status, Transport, keep_alive,
};
use crate::time::{Mono, Now};
use std::collections::{HashMap, HashSet};

/// What is known of the phones beside their registrations.
#[derive(Debug)]
pub(super) struct Phones {
    /// The phones of seats that do not register.
    fixed: HashMap<SeatId, Target>,
    liveness: Liveness,
    /// Seats whose phones are left alone.
    left_alone: HashSet<SeatId>,
    /// Seats with contacts, none of which answers.
    lost: HashSet<SeatId>,
    /// The OPTIONS that are out. At most one a path.
    probes: HashMap<ClientTx, Probe>,
    sent: HashMap<Probe, ClientTx>,
    said: Vec<liveness::Output>,
}

impl Phones {
    /// No phone is registered yet.
    pub(super) fn new(config: &Config) -> Phones {
        Phones {
            fixed: fixed(config),
            liveness: Liveness::new(config.sip.seat_ping),
            left_alone: config.seats.iter().filter(|s| !s.ping).map(|s| s.id.clone()).collect(),
            lost: HashSet::new(),
            probes: HashMap::new(),
            sent: HashMap::new(),
            said: Vec::new(),
        }
    }

    /// Whether a seat has its phone at a configured address.
    pub(super) fn is_fixed(&self, seat: &SeatId) -> bool {
        self.fixed.contains_key(seat)
    }

    /// The seats with a phone at a configured address, in the order of their names.
    pub(super) fn fixed(&self) -> Vec<SeatId> {
        let mut seats: Vec<SeatId> = self.fixed.keys().cloned().collect();
        seats.sort();
        seats
    }

    /// Whether this request of ours asked a phone if it is there.
    pub(super) fn asked(&self, tx: ClientTx) -> bool {
        self.probes.contains_key(&tx)
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        self.liveness.poll_timeout()
    }

    /// A seat's contacts have no connection yet: it is back with the first.
    pub(super) fn await_connection(&mut self, seat: &SeatId) {
        self.lost.insert(seat.clone());
    }

    /// The phones of a seat are asked at that moment whether they are there.
    pub(super) fn ask_at(&mut self, at: Mono, seat: &SeatId) {
        self.liveness.ask_at(at, seat);
    }

    /// What was known of a seat is not so any more.
    pub(super) fn forget(&mut self, seat: &SeatId) {
        self.lost.remove(seat);
    }

    /// Paths to phones that are watched, and those of them that are lost.
    pub(super) fn counts(&self) -> (usize, usize) {
        self.liveness.counts()
    }
}

impl Gateway {
    /// The phones of a seat: its static contact, or those it registered, each with the targets by which it is reached that answer, the
    /// newest first. A phone that does not name itself is taken for another one at each contact.
    pub(super) fn phones_of(&self, seat: &SeatId) -> Vec<Phone> {
        if let Some(target) = self.phones.fixed.get(seat) {
            return vec![Phone { target: target.clone(), others: Vec::new() }];
        }
        let probing = self.probing_of(seat);
        let mut phones: Vec<(Option<&str>, Phone)> = Vec::new();
        for binding in self.access.registrar.bindings(seat).iter().rev().filter(|b| b.reach == Reach::ByFlow)
        {
            let target = target_of(binding, probing);
            if self.phones.liveness.is_lost(&target.contact_path()) {
                continue;
            }
            let named = binding.phone();
            match phones.iter_mut().find(|(name, _)| named.is_some() && *name == named) {
                Some((_, phone)) => phone.others.push(target),
                None => phones.push((named, Phone { target, others: Vec::new() })),
            }
        }
        phones.into_iter().map(|(_, phone)| phone).collect()
    }

    fn places_of(&self, seat: &SeatId) -> Vec<Target> {
        if let Some(target) = self.phones.fixed.get(seat) {
            return vec![target.clone()];
        }
        let probing = self.probing_of(seat);
        let reached = self.access.registrar.bindings(seat).iter().filter(|b| b.reach == Reach::ByFlow);
        reached.map(|b| target_of(b, probing)).collect()
    }

    /// Whether the phones of a seat may be asked if they are there.
    pub(super) fn probing_of(&self, seat: &SeatId) -> Probing {
        if self.phones.left_alone.contains(seat) { Probing::Off } else { Probing::ByOptions }
    }

    /// How a seat's phone is reached inside a dialog it began: one at a fixed place by its Contact.
    pub(super) fn inside_of(&self, seat: &SeatId) -> Inside {
        if self.phones.is_fixed(seat) { Inside::ToContact } else { Inside::ByFlow }
    }

    /// Looks after the seats whose registrations changed.
    pub(super) fn watch_touched(&mut self, now: Now, out: &mut Vec<Output>) {
        for touched in self.access.registrar.take_touched() {
            self.watch(now, &touched.seat);
            self.reconcile(&touched.seat);
            self.seats.touched(now.mono, &touched);
        }
        self.phones_said(now, out);
    }

    /// Watches the phones of a seat as they are now.
    pub(super) fn watch(&mut self, now: Now, seat: &SeatId) {
        let mut places = self.places_of(seat);
        places.retain(|t| t.probing == Probing::ByOptions);
        let place =
            |t: Target| WatchedContact { path: t.contact_path(), uri: t.uri.into(), routes: t.routes };
        let places = places.into_iter().map(place).collect();
        self.phones.liveness.watch(now.mono, seat, places, &mut self.phones.said);
    }

    /// Something came by a flow.
    pub(super) fn phone_heard(&mut self, now: Now, flow: Flow, out: &mut Vec<Output>) {
        self.phones.liveness.heard(now.mono, flow, &mut self.phones.said);
        self.phones_said(now, out);
    }

    /// A keep-alive that looks like STUN: answered where a seat is registered, dropped from any other source.
    pub(super) fn phone_keeps_alive(&mut self, now: Now, flow: Flow, bytes: &[u8], out: &mut Vec<Output>) {
        if self.access.registrar.seats_on(&flow).next().is_some()
            && let Some(answer) = keep_alive::answer(bytes, flow.remote)
        {
            self.signalling.put(crate::sip::Output::Send { flow, bytes: answer.into() });
            self.phone_heard(now, flow, out);
        }
    }

    /// The network says that no phone is there (ICMP).
    pub(super) fn flow_refused(&mut self, now: Now, flow: Flow, out: &mut Vec<Output>) {
        self.phones.liveness.refused(now.mono, flow, &mut self.phones.said);
        self.phones_said(now, out);
    }

    /// What came of an OPTIONS; `None` when it could not be sent or no response came.
    pub(super) fn phone_answered(
        &mut self,
        now: Now,
        tx: ClientTx,
        status: Option<Status>,
        out: &mut Vec<Output>,
    ) {
        if status.is_some_and(Status::is_provisional) {
            return;
        }
        let Some(probe) = self.phones.probes.remove(&tx) else { return };
        self.phones.sent.remove(&probe);
        self.phones.liveness.answered(now.mono, probe, status, &mut self.phones.said);
        self.phones_said(now, out);
    }

    pub(super) fn phones_due(&mut self, now: Now, out: &mut Vec<Output>) {
        self.phones.liveness.handle_timeout(now.mono, &mut self.phones.said);
        self.phones_said(now, out);
    }

    /// Does what the liveness said. What that leads to may make it say more.
    fn phones_said(&mut self, now: Now, out: &mut Vec<Output>) {
        while !self.phones.said.is_empty() {
            for said in std::mem::take(&mut self.phones.said) {
                match said {
                    liveness::Output::Send { probe, place } => self.ask(now, probe, &place),
                    liveness::Output::Forget { probe } => {
                        if let Some(tx) = self.phones.sent.remove(&probe) {
                            self.phones.probes.remove(&tx);
                            self.signalling.give_up(tx);
                        }
                    }
                    liveness::Output::Lost { path, seats } => {
                        seats.iter().for_each(|seat| self.reconcile(seat));
                        if path.behind.is_none() {
                            let happened = self.signalling.flow_failed(now, path.flow, true);
                            self.transaction_events(now, happened, out);
                        }
                        self.tell_all_calls(|| call::Input::PathLost(path.clone()));
                    }
                    liveness::Output::Restored { path, seats } => {
                        seats.iter().for_each(|seat| self.reconcile(seat));
                        self.tell_all_calls(|| call::Input::PathRestored(path.clone()));
                    }
                }
            }
        }
    }

    fn ask(&mut self, now: Now, probe: Probe, place: &WatchedContact) {
        let flow = place.path.flow;
        let host = &self.context.rules.domain;
        let advertised = self.context.rules.advertised.as_ref();
        let contact = crate::sip::contact_asking(advertised, &flow, "hotline", &place.uri);
        let mut request = Outgoing::request(Method::Options, place.uri.as_bytes())
            .with("From", format!("<sip:hotline@{host}>;tag={}", self.context.random.token()))
            .with("To", format!("<{}>", place.uri))
            .with("Call-ID", self.context.random.token())
            .with("CSeq", "1 OPTIONS")
            .with("Max-Forwards", "70")
            .with("Contact", contact)
            .with("Accept", "application/sdp");
        for route in &place.routes {
            request = request.with("Route", route.as_bytes());
        }
        let tx = self.signalling.request(now, flow, request);
        self.phones.probes.insert(tx, probe);
        self.phones.sent.insert(probe, tx);
    }

    /// Tells the queue when a seat with contacts came to have none that answers, or has one again.
    fn reconcile(&mut self, seat: &SeatId) {
        let places = self.places_of(seat);
        if places.is_empty() {
            return;
        }
        if places.iter().any(|t| !self.phones.liveness.is_lost(&t.contact_path())) {
            if self.phones.lost.remove(seat) {
                self.pending.work.push_back(Work::Acd(acd::Input::SeatUp { seat: seat.clone() }));
            }
        } else if self.phones.lost.insert(seat.clone()) {
            self.pending.work.push_back(Work::Acd(acd::Input::SeatLost { seat: seat.clone() }));
        }
    }
}

fn target_of(binding: &Binding, probing: Probing) -> Target {
    let (uri, routes) = (binding.target().to_owned(), binding.path.clone());
    // Through a proxy the phone is found by its route, and inside a dialog by the proxy's own.
    let inside = if routes.is_empty() { Inside::ByFlow } else { Inside::ToContact };
    Target { uri, flow: binding.flow, routes, probing, inside }
}

/// Seats whose phone is always at the same address: reached over the first listener of the contact's transport and family.
fn fixed(config: &Config) -> HashMap<SeatId, Target> {
    let mut contacts = HashMap::new();
    for seat in &config.seats {
        let Some(contact) = &seat.contact else { continue };
        let Some(listen) =
            config.sip.listen.iter().find(|l| l.reaches(contact.transport, contact.address.ip()))
        else {
            continue;
        };
        let transport = Transport::from(contact.transport);
        let flow = Flow { transport, local: listen.address, remote: contact.address, connection: None };
        let probing = if seat.ping { Probing::ByOptions } else { Probing::Off };
        let inside = Inside::ToContact;
        let target = Target { uri: contact.uri.clone(), flow, routes: Vec::new(), probing, inside };
        contacts.insert(seat.id.clone(), target);
    }
    contacts
}
