//! One trunk: its targets, its registration, its password, and whether it is reachable at all.

use super::health::Due;
use super::registration::{self, Around, Next, Registration, Step};
use super::target::{Search, Target, TargetState, user};
use super::{About, Cx, Output, TrunkStatus};
use crate::event::TrunkReason;
use crate::id::{Random, TrunkId};
use crate::redact::Secret;
use crate::sip::digest::Answering;
use crate::sip::locate::{Found, Hop, LocalTransport, Seeker, TargetAddress};
use crate::sip::{Flow, Message, Method, Outgoing, Status, contact};
use crate::time::{Duration, Mono};
use std::net::IpAddr;

/// First pings and first registrations are spread over this long, so that many trunks do not begin in one moment.
const SPREAD: Duration = Duration::from_millis(500);

/// How many searches one trunk may have: its targets, then its registrar.
const SEEKERS: u64 = 1024;

/// The search for the registrar.
const REGISTRAR: usize = SEEKERS as usize - 1;

/// What is configured of a trunk we reach.
#[derive(Debug, Clone)]
pub struct TrunkProfile {
    /// Its name.
    pub name: TrunkId,
    /// Where it is reached, the preferred first; the registrar when empty.
    pub targets: Vec<TargetAddress>,
    /// How often each address is pinged; zero: never.
    pub ping: Duration,
    /// The registrar to sign in at.
    pub register: Option<TargetAddress>,
    /// How long a registration is asked for.
    pub register_expires: Duration,
    /// The user name and password of its digest.
    pub password: Option<(String, Secret<String>)>,
    /// The user name in its proofs, where that is another one.
    pub auth_username: Option<String>,
    /// Put before every number dialled.
    pub dial_prefix: Option<String>,
    /// Our address towards it; `None`: the first that fits.
    pub local: Option<IpAddr>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    name: TrunkId,
    ping: Duration,
    dial_prefix: String,
    /// Our sockets towards it.
    reach: Vec<LocalTransport>,
    targets: Vec<Target>,
    registration: Option<Registration>,
    pub answering: Option<Answering>,
    /// What was told last.
    told: Option<bool>,
}

/// Whose search it is.
pub(super) fn seeker_of(seeker: Seeker) -> (usize, usize) {
    (usize::try_from(seeker / SEEKERS).unwrap_or(usize::MAX), usize::try_from(seeker % SEEKERS).unwrap_or(0))
}

impl Line {
    /// `reach` are all our sockets.
    pub(super) fn new(
        profile: TrunkProfile,
        reach: &[LocalTransport],
        now: Mono,
        random: &mut Random,
    ) -> Line {
        let TrunkProfile {
            name,
            targets,
            ping,
            register,
            register_expires,
            password,
            auth_username,
            dial_prefix,
            local,
        } = profile;
        let places = if targets.is_empty() { register.clone().into_iter().collect() } else { targets };
        let registration = register.zip(password.as_ref()).map(|(place, (username, _))| {
            let first = now + SPREAD.mul_f64(random.below(1000) as f64 / 1000.0);
            Registration::new(place, username, register_expires, first, random)
        });
        Line {
            name,
            ping,
            dial_prefix: dial_prefix.unwrap_or_default(),
            reach: reach.iter().filter(|r| local.is_none_or(|ip| r.local.ip() == ip)).copied().collect(),
            targets: places.into_iter().take(REGISTRAR).map(|place| Target::new(place, now)).collect(),
            registration,
            answering: password.map(|(username, password)| {
                let name = auth_username.as_deref().unwrap_or(&username);
                Answering::new(name, password, random.fork())
            }),
            told: None,
        }
    }

    /// The path to one of its addresses.
    pub(super) fn flow(&self, hop: Hop) -> Option<Flow> {
        flow(&self.reach, hop)
    }

    /// A number as the trunk wants it.
    pub(super) fn user(&self, number: &str) -> String {
        user(&format!("{}{number}", self.dial_prefix))
    }

    /// Every address once: those not unreachable before those that are, by the order of the targets, and within a
    /// target in an order drawn for this choice alone (RFC 2782).
    pub(super) fn choices(&self, random: &mut Random) -> Vec<(&Target, Hop)> {
        let mut chosen: Vec<(&Target, Hop)> = Vec::new();
        for dead in [false, true] {
            for target in &self.targets {
                for hop in target.choice(dead, random) {
                    if chosen.iter().all(|(_, known)| *known != hop) {
                        chosen.push((target, hop));
                    }
                }
            }
        }
        chosen
    }

    /// The names of the hosts that are configured.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        let places = self.targets.iter().map(|t| &t.place).chain(self.registration.iter().map(|r| &r.place));
        places.map(|place| place.host.as_str()).filter(|host| host.parse::<IpAddr>().is_err())
    }

    /// Whether one of the targets leads to an address that is not known to be unreachable.
    pub(super) fn is_reachable(&self, hop: Hop) -> bool {
        self.targets.iter().flat_map(|t| &t.hops).any(|health| health.hop == hop && !health.is_unreachable())
    }

    /// Every address we send to.
    pub(super) fn hops(&self) -> impl Iterator<Item = Hop> {
        let of_targets = self.targets.iter().flat_map(|t| t.hops.iter().map(|health| health.hop));
        of_targets.chain(self.registration.iter().flat_map(|r| r.hops().iter().copied()))
    }

    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        let registration = self.registration.as_ref().and_then(|r| r.poll_timeout());
        self.targets.iter().filter_map(Target::poll_timeout).chain(registration).min()
    }

    pub(super) fn due(&mut self, cx: &mut Cx<'_>) {
        for n in 0..self.targets.len() {
            self.target_due(n, cx);
        }
        let Some(registration) = &mut self.registration else { return };
        registration.lapse(cx.now);
        if registration.locate(cx.now) {
            cx.searches.push((cx.i as Seeker * SEEKERS + REGISTRAR as Seeker, registration.place.clone()));
        }
    }

    fn target_due(&mut self, n: usize, cx: &mut Cx<'_>) {
        let Some(target) = self.targets.get_mut(n) else { return };
        if matches!(target.search, Search::Due(at) if at <= cx.now) {
            target.search = Search::Out;
            cx.searches.push((cx.i as Seeker * SEEKERS + n as Seeker, target.place.clone()));
        }
        let mut pings = Vec::new();
        for health in &mut target.hops {
            // Without a delay a second ping follows the first that was missed.
            while health.poll_timeout().is_some_and(|at| at <= cx.now) {
                if health.handle_timeout(cx.now) == Due::Ping {
                    pings.push(health.hop);
                    break;
                }
            }
        }
        let uri = target.uri(None);
        for hop in pings {
            match self.flow(hop) {
                Some(flow) => {
                    let request = ping(&uri, &flow, cx);
                    cx.send(About::Ping(hop), flow, request);
                }
                None => self.missed(hop, cx.now),
            }
        }
    }

    pub(super) fn found(&mut self, nth: usize, mut found: Found, cx: &mut Cx<'_>) {
        found.hops.retain(|located| self.flow(located.hop).is_some());
        if nth == REGISTRAR {
            return self.registering(cx, |registration, around| registration.found(found, around));
        }
        let lot = SPREAD.mul_f64(cx.random.below(1000) as f64 / 1000.0);
        let first = cx.now + lot.min(self.ping);
        if let Some(target) = self.targets.get_mut(nth) {
            target.found(cx.now, &found, self.ping, first);
        }
    }

    pub(super) fn answered(&mut self, about: About, response: &Message, cx: &mut Cx<'_>) {
        let Some(status) = response.status() else { return };
        match about {
            About::Registration => self.registering(cx, |r, around| r.answered(response, around)),
            About::Ping(hop) if status.is_final() => {
                self.health_at(hop).for_each(|health| health.answered(cx.now, status));
            }
            About::Ping(_) => {}
        }
    }

    pub(super) fn failed(&mut self, about: About, cx: &mut Cx<'_>) {
        match about {
            About::Registration => self.registering(cx, |r, around| r.failed(around)),
            About::Ping(hop) => self.missed(hop, cx.now),
        }
    }

    /// There was no room for a request. A ping times out; a registration is tried again.
    pub(super) fn not_sent(&mut self, about: About, cx: &mut Cx<'_>) {
        match about {
            About::Registration => self.registering(cx, Registration::not_sent),
            About::Ping(_) => {}
        }
    }

    pub(super) fn call_failed(&mut self, hop: Hop, cx: &mut Cx<'_>) {
        self.health_at(hop).for_each(|health| health.failed(cx.now));
    }

    pub(super) fn call_answered(&mut self, hop: Hop, cx: &mut Cx<'_>) {
        self.health_at(hop).for_each(|health| health.answered(cx.now, Status::OK));
    }

    pub(super) fn path_lost(&mut self, flow: &Flow, cx: &mut Cx<'_>) {
        if let Some(registration) = &mut self.registration {
            registration.path_lost(flow, cx.now);
        }
    }

    pub(super) fn leave(&mut self, cx: &mut Cx<'_>) {
        self.registering(cx, Registration::leave);
    }

    pub(super) fn status(&self) -> TrunkStatus {
        let registered = self.registration.as_ref().map(Registration::is_registered);
        let hops =
            self.targets.iter().flat_map(|t| t.hops.iter().map(|health| (health.hop, health.reachability())));
        TrunkStatus { reachable: self.told, registered, hops: hops.collect() }
    }

    /// Says whether the trunk is reachable, when that is news.
    pub(super) fn tell(&mut self, cx: &mut Cx<'_>) {
        let Some((reachable, reason)) = self.judged() else { return };
        if self.told != Some(reachable) {
            self.told = Some(reachable);
            cx.out.push(Output::Changed { trunk: self.name.clone(), reachable, reason });
        }
    }

    /// Whether it is reachable and why; `None` while that is not known.
    fn judged(&self) -> Option<(bool, TrunkReason)> {
        let states: Vec<TargetState> = self.targets.iter().map(Target::state).collect();
        let all = |life: TargetState| !states.is_empty() && states.iter().all(|l| *l == life);
        let gone = |l: &TargetState| matches!(l, TargetState::Unreachable | TargetState::NoAddress);
        if all(TargetState::NoAddress) {
            return Some((false, TrunkReason::NoAddress));
        }
        if !states.is_empty() && states.iter().all(gone) && states.contains(&TargetState::Unreachable) {
            return Some((false, TrunkReason::NoAnswer));
        }
        match self.registration.as_ref().map(Registration::state) {
            Some(registration::RegistrationState::Refused(why)) => {
                return Some((false, TrunkReason::NotRegistered { why }));
            }
            Some(registration::RegistrationState::Unknown) => return None,
            Some(registration::RegistrationState::Registered) | None => {}
        }
        let registered = self.registration.is_some();
        let alive = states.contains(&TargetState::Reachable);
        // A registrar that answers is reachable; without pings nothing more will be known.
        let known = alive || (registered && self.ping == Duration::ZERO);
        let reason = if registered { TrunkReason::Registered } else { TrunkReason::Answers };
        known.then_some((true, reason))
    }

    fn health_at(&mut self, hop: Hop) -> impl Iterator<Item = &mut super::health::HopHealth> {
        self.targets.iter_mut().filter_map(move |target| target.health(hop))
    }

    fn missed(&mut self, hop: Hop, now: Mono) {
        self.health_at(hop).for_each(|health| health.missed(now));
    }

    /// One step of the registration.
    fn registering(
        &mut self,
        cx: &mut Cx<'_>,
        step: impl FnOnce(&mut Registration, &mut Around<'_>) -> Next,
    ) {
        let Some(registration) = &mut self.registration else { return };
        let reach = &self.reach;
        let next = step(
            registration,
            &mut Around {
                now: cx.now,
                random: cx.random,
                answering: self.answering.as_mut(),
                advertised: cx.own.advertised.as_ref(),
                flow: &|hop| flow(reach, hop),
            },
        );
        debug_assert!(!matches!((&next, registration.step()), (Next::Send(..), Step::Due(_))));
        if let Next::Send(flow, request) = next {
            cx.send(About::Registration, flow, request);
        }
    }
}

fn flow(reach: &[LocalTransport], hop: Hop) -> Option<Flow> {
    reach.iter().find(|r| r.serves(hop.transport, hop.remote.ip())).map(|r| r.flow(hop))
}

/// An OPTIONS outside any dialog (RFC 3261 section 11).
fn ping(uri: &str, flow: &Flow, cx: &mut Cx<'_>) -> Outgoing {
    Outgoing::request(Method::Options, uri)
        .with("From", format!("<sip:hotline@{}>;tag={}", cx.own.domain, cx.random.token()))
        .with("To", format!("<{uri}>"))
        .with("Call-ID", format!("{}{}", cx.random.token(), cx.random.token()))
        .with("CSeq", "1 OPTIONS")
        .with("Max-Forwards", "70")
        .with("Contact", contact(cx.own.advertised.as_ref(), flow, "hotline"))
        .with("Accept", "application/sdp")
}
