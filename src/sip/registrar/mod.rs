//! The registrar: which phones a seat has, and that they are its own (RFC 3261 section 10.3).
//!
//! Told every REGISTER, whatever the class of its source; proves it by digest, then keeps each contact
//! with the flow it came on, for calls go out the way the registration came in. Does not know transactions:
//! it makes the answer, its caller sends it. A phone may keep several flows (outbound, RFC 5626) and register
//! through proxies (Path, RFC 3327). GRUU (RFC 5627) is not offered: no peer is told a seat's address.

mod binding;
mod date;
mod held;
mod route;
mod wish;

#[cfg(test)]
mod tests;

pub use binding::{Binding, Reach};
pub use held::{HELD, Held};
pub use wish::{CONTACTS_PER_SEAT, Expiry};

use super::access::Names;
use super::digest::{AuthFault, Claim, Guard, Judged, Proof, SeatAccount};
use super::{Flow, Message, Outgoing, RateLimitKey, Scheme, Status, Uri};
use crate::event::RegistrationFailure;
use crate::id::{Random, SeatId};
use crate::time::{Duration, Mono, Now, Timers};
use binding::{Bindings, Cause};
use route::{Keeping, Route};
use std::collections::HashMap;
use wish::{Refusal, Wish};

/// A seat came to have a phone, or has none left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingChange {
    /// The first contact was registered.
    Bound,
    /// The last contact is gone: removed by the phone, lapsed, or its connection closed.
    Unbound,
}

/// A seat whose contacts were changed or refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The seat.
    pub seat: SeatId,
    /// What became of its contacts.
    pub how: Touch,
}

/// What became of the contacts of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// The contacts last longer.
    Refreshed,
    /// The seat is reached elsewhere, too or instead.
    Moved,
}

/// What came of a REGISTER.
#[derive(Debug)]
pub struct Registered {
    /// The answer; `None` means silence: a source that guesses passwords gets no response.
    pub response: Option<Outgoing>,
    /// When the answer may go: now, or later after a wrong password. See [`Held`].
    pub due: Mono,
    /// The seats that came or went, at most one.
    pub changed: Vec<(SeatId, BindingChange)>,
    /// Why the phone is not registered, where the answer is not the first challenge.
    pub failed: Option<RegistrationFailure>,
}

/// How often a phone that keeps its flow says something on it (RFC 5626 section 4.4). A stream that is silent for a
/// minute longer is closed.
pub const FLOW_TIMER: Duration = Duration::from_secs(120);

/// Why the registrar wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A contact lapses.
    ContactLapses,
}

#[derive(Debug)]
struct Seat {
    id: SeatId,
    bindings: Bindings,
}

/// See the module. Bounded by its seats, each with at most [`CONTACTS_PER_SEAT`] contacts.
#[derive(Debug)]
pub struct Registrar {
    guard: Guard,
    seats: Vec<Seat>,
    by_id: HashMap<SeatId, usize>,
    on_flow: HashMap<Flow, Vec<usize>>,
    lapses: Timers<usize>,
    /// How long a registration lasts.
    expiry: Expiry,
    /// By which hosts we may be asked: what the `uri` of an answer may name.
    names: Names,
    /// Seats whose contacts may have changed since their owner last asked.
    touched: Vec<Touched>,
    random: Random,
}

impl Registrar {
    /// A registrar for these seats, none of which has a phone yet.
    pub fn new(realm: String, seats: Vec<SeatAccount>, mut random: Random) -> Registrar {
        let mut registrar = Registrar {
            seats: Vec::new(),
            by_id: HashMap::new(),
            on_flow: HashMap::new(),
            lapses: Timers::default(),
            expiry: Expiry::default(),
            names: Names::default(),
            touched: Vec::new(),
            guard: Guard::new(realm, seats.clone(), random.fork()),
            random,
        };
        for account in seats {
            let seat = Seat { id: account.seat.clone(), bindings: Bindings::default() };
            if let std::collections::hash_map::Entry::Vacant(entry) = registrar.by_id.entry(account.seat) {
                entry.insert(registrar.seats.len());
                registrar.seats.push(seat);
            }
        }
        registrar
    }

    /// The same registrar, known by these names.
    #[must_use]
    pub fn known_by(self, names: Names) -> Registrar {
        Registrar { names, ..self }
    }

    /// The same registrar, with registrations as long as that.
    #[must_use]
    pub fn granting(self, expiry: Expiry) -> Registrar {
        Registrar { expiry, ..self }
    }

    /// The contacts a seat had in the process before. Those that have lapsed are left out, and a seat that does not register
    /// has none.
    pub fn restore(&mut self, now: Mono, seat: &SeatId, saved: Vec<Binding>) {
        if let Some(i) = self.by_id.get(seat).copied() {
            self.change(i, |bindings| bindings.restore(now, saved));
        }
    }

    /// Handles one REGISTER that came on `flow`.
    pub fn register(&mut self, now: Now, flow: Flow, request: &Message) -> Registered {
        if !matches!(request.to().parsed_uri(), Ok(Uri { scheme: Scheme::Sip | Scheme::Sips, .. })) {
            // No address of record (RFC 3261 section 10.3), whatever the source proves.
            return self.refused(now.mono, request, Status::BAD_REQUEST, RegistrationFailure::Unreadable);
        }
        let named = named_by(request);
        let claim = Claim {
            source: flow.remote.ip(),
            names_it: &|uri| self.names.are_named_by(&flow, uri, request.uri()),
            method: b"REGISTER",
            named: named.as_bytes(),
            known: self.is_registered_from(&named, flow),
        };
        let Judged { proof, fault } = self.guard.judge(now.mono, claim, request.headers("Authorization"));
        let failed = fault.map(RegistrationFailure::from);
        let (due, challenges) = match proof {
            Proof::Seat(seat) => return self.proved(now, flow, request, &seat, &named),
            Proof::Malformed(_) => (now.mono, Err(Status::BAD_REQUEST)),
            Proof::Silence => {
                return Registered { response: None, due: now.mono, changed: Vec::new(), failed };
            }
            Proof::Challenge(challenges) => (now.mono, Ok(challenges)),
            Proof::Late(due, challenges) => (due, Ok(challenges)),
        };
        let mut registered =
            self.answer(due, request, challenges.as_ref().err().map_or(Status::UNAUTHORIZED, |s| *s));
        for challenge in challenges.unwrap_or_default() {
            let value = challenge.render();
            registered.response = registered.response.map(|r| r.with("WWW-Authenticate", value));
        }
        Registered { failed, ..registered }
    }

    /// Judges a request other than REGISTER that came on `flow` and says it is from `user`, by its
    /// `Proxy-Authorization` (RFC 3261 section 22.3).
    pub fn judge(&mut self, now: Mono, flow: Flow, request: &Message, user: &str) -> Proof {
        let claim = Claim {
            source: flow.remote.ip(),
            names_it: &|uri| self.names.are_named_by(&flow, uri, request.uri()),
            method: request.method().map_or(b"", |m| m.as_str().as_bytes()),
            named: user.as_bytes(),
            known: self.is_registered_from(user, flow),
        };
        self.guard.judge(now, claim, request.headers("Proxy-Authorization")).proof
    }

    /// Whether a nonce was made here for the source of `flow`, not long ago.
    pub fn made(&self, now: Mono, flow: &Flow, nonce: &[u8]) -> bool {
        self.guard.made(now, flow.remote.ip(), nonce)
    }

    /// Whether a seat registers here.
    pub fn has(&self, seat: &SeatId) -> bool {
        self.by_id.contains_key(seat)
    }

    /// The contacts of a seat, the newest last; none for a seat that does not register.
    pub fn bindings(&self, seat: &SeatId) -> &[Binding] {
        self.by_id.get(seat).and_then(|i| self.seats.get(*i)).map_or(&[], |s| s.bindings.all())
    }

    /// The seats with a contact registered on `flow`.
    pub fn seats_on(&self, flow: &Flow) -> impl Iterator<Item = &SeatId> {
        let seats = self.on_flow.get(flow).map(Vec::as_slice).unwrap_or_default();
        seats.iter().filter_map(|i| self.seats.get(*i)).map(|s| &s.id)
    }

    /// A connection closed, or a path is dead: what was registered on it is gone (RFC 5626 section 4.2).
    pub fn flow_closed(&mut self, flow: Flow) -> Vec<(SeatId, BindingChange)> {
        let seats = self.on_flow.get(&flow).cloned().unwrap_or_default();
        seats.into_iter().filter_map(|i| self.change(i, |bindings| bindings.lose(flow))).collect()
    }

    /// When the next contact lapses.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        self.lapses.next().map(|(at, _)| (at, Reason::ContactLapses))
    }

    /// Removes the contacts that have lapsed.
    pub fn handle_timeout(&mut self, now: Now) -> Vec<(SeatId, BindingChange)> {
        let mut changed = Vec::new();
        while let Some(i) = self.lapses.pop_due(now.mono) {
            changed.extend(self.change(i, |bindings| bindings.lapse(now.mono)));
        }
        changed
    }

    /// The seats whose contacts were changed or refreshed since this was last asked, each once.
    pub fn take_touched(&mut self) -> Vec<Touched> {
        std::mem::take(&mut self.touched)
    }

    /// How many contacts are registered, all seats together.
    pub fn contacts(&self) -> usize {
        self.seats.iter().map(|s| s.bindings.all().len()).sum()
    }

    fn is_registered_from(&self, user: &str, flow: Flow) -> bool {
        let key = RateLimitKey::from(flow.remote.ip());
        self.bindings(&SeatId::from(user)).iter().any(|b| RateLimitKey::from(b.flow.remote.ip()) == key)
    }

    fn proved(&mut self, now: Now, flow: Flow, request: &Message, seat: &SeatId, named: &str) -> Registered {
        let granted = match self.by_id.get(seat) {
            // Also for a seat that does not exist, so that a seat cannot find out about others.
            Some(i) if seat.as_str() == named => self.grant(now, flow, request, *i),
            _ => Err(Refusal::Forbidden),
        };
        let status = match &granted {
            Ok(_) => Status::OK,
            Err(Refusal::Bad(_)) => Status::BAD_REQUEST,
            Err(Refusal::NotOutbound) => Status::FIRST_HOP_LACKS_OUTBOUND_SUPPORT,
            Err(Refusal::Forbidden) => Status::FORBIDDEN,
            Err(Refusal::TooBrief) => Status::INTERVAL_TOO_BRIEF,
            Err(Refusal::Late) => Status::SERVER_INTERNAL_ERROR,
        };
        let mut registered = self.answer(now.mono, request, status);
        registered.failed = match &granted {
            Ok(_) | Err(Refusal::TooBrief | Refusal::Late) => None,
            Err(Refusal::Forbidden) => Some(RegistrationFailure::Forbidden),
            Err(Refusal::Bad(_) | Refusal::NotOutbound) => Some(RegistrationFailure::Unreadable),
        };
        registered.response = registered.response.map(|response| match &granted {
            Ok((_, route)) => told(request, route, self.listed(now, seat, response)),
            Err(Refusal::TooBrief) => {
                response.with("Min-Expires", self.expiry.shortest.as_secs().to_string())
            }
            Err(_) => response,
        });
        registered.changed.extend(granted.ok().and_then(|(changed, _)| changed));
        registered
    }

    fn grant(
        &mut self,
        now: Now,
        flow: Flow,
        request: &Message,
        i: usize,
    ) -> Result<(Option<(SeatId, BindingChange)>, Route), Refusal> {
        let wish = Wish::read(request, flow.transport, &self.expiry)?;
        let route = Route::read(request, flow, &wish)?;
        let cause = Cause {
            call_id: request.call_id(),
            cseq: request.cseq().0,
            flow,
            user_agent: wish::user_agent(request),
            path: route.path.clone(),
        };
        let mut granted = Ok(());
        let changed = self.change(i, |bindings| granted = bindings.grant(now.mono, &wish, &cause));
        granted.map(|()| (changed, route))
    }

    /// Changes the bindings of a seat, and all that follows from them.
    fn change(&mut self, i: usize, how: impl FnOnce(&mut Bindings)) -> Option<(SeatId, BindingChange)> {
        let seat = self.seats.get_mut(i)?;
        let had_any = !seat.bindings.all().is_empty();
        let places = seat.bindings.places();
        for flow in seat.bindings.flows() {
            if let Some(seats) = self.on_flow.get_mut(&flow) {
                seats.retain(|s| *s != i);
                if seats.is_empty() {
                    self.on_flow.remove(&flow);
                }
            }
        }
        how(&mut seat.bindings);
        let how = if seat.bindings.places() == places { Touch::Refreshed } else { Touch::Moved };
        match self.touched.iter_mut().find(|touched| touched.seat == seat.id) {
            Some(touched) if how == Touch::Moved => touched.how = how,
            Some(_) => {}
            None => self.touched.push(Touched { seat: seat.id.clone(), how }),
        }
        for flow in seat.bindings.flows() {
            let seats = self.on_flow.entry(flow).or_default();
            if !seats.contains(&i) {
                seats.push(i);
            }
        }
        match seat.bindings.next_expiry() {
            Some(at) => self.lapses.set(i, at),
            None => self.lapses.cancel(i),
        }
        match (had_any, seat.bindings.all().is_empty()) {
            (false, false) => Some((seat.id.clone(), BindingChange::Bound)),
            (true, true) => Some((seat.id.clone(), BindingChange::Unbound)),
            _ => None,
        }
    }

    /// The answer to a granted wish: all contacts of the seat with what is left of their time.
    fn listed(&self, now: Now, seat: &SeatId, mut response: Outgoing) -> Outgoing {
        for binding in self.bindings(seat) {
            let left = binding.expires.since(now.mono).as_secs();
            let q = binding.q.as_ref().map_or(String::new(), |q| format!(";q={q}"));
            response = response.with("Contact", format!("<{}>;expires={left}{q}", binding.contact));
        }
        response.with("Date", date::date(now.wall))
    }

    fn answer(&mut self, due: Mono, request: &Message, status: Status) -> Registered {
        let response = Outgoing::response(request, status, Some(&self.random.token()));
        Registered { response: Some(response), due, changed: Vec::new(), failed: None }
    }

    fn refused(
        &mut self,
        now: Mono,
        request: &Message,
        status: Status,
        why: RegistrationFailure,
    ) -> Registered {
        Registered { failed: Some(why), ..self.answer(now, request, status) }
    }
}

/// The user a REGISTER is for.
pub fn named_by(request: &Message) -> String {
    request.to().parsed_uri().ok().and_then(|uri| uri.user_text()).unwrap_or_default()
}

impl From<AuthFault> for RegistrationFailure {
    fn from(fault: AuthFault) -> RegistrationFailure {
        match fault {
            AuthFault::WrongPassword => RegistrationFailure::WrongPassword,
            AuthFault::Algorithm => RegistrationFailure::Algorithm,
            AuthFault::Unanswered => RegistrationFailure::Unanswered,
            AuthFault::Uri => RegistrationFailure::DigestUri,
            AuthFault::Malformed => RegistrationFailure::Unreadable,
            AuthFault::Silenced => RegistrationFailure::Silenced,
        }
    }
}

/// What the answer says of the way the REGISTER came.
fn told(request: &Message, route: &Route, mut response: Outgoing) -> Outgoing {
    if route::supports(request, b"path") {
        for proxy in &route.path {
            response = response.with("Path", proxy.as_bytes());
        }
    }
    match route.keeping {
        Keeping::Outbound => {
            response.with("Require", "outbound").with("Flow-Timer", FLOW_TIMER.as_secs().to_string())
        }
        Keeping::Unsaid => response,
    }
}
