//! Signing in at a carrier's registrar, as a client (RFC 3261 section 10.2).

use super::target::{SearchValidity as Known, uri, user};
use crate::event::NotRegistered;
use crate::id::Random;
use crate::sip::digest::Answering;
use crate::sip::locate::{Found, Hop, TargetAddress};
use crate::sip::{Advertised, Flow, Message, Method, Outgoing, Status, contact};
use crate::time::{Duration, Mono};

/// The first pause after a failure; each further one is twice as long, up to [`LONGEST_PAUSE`].
pub const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause: a carrier that comes back after a night is found within half an hour.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(1800);

/// The longest registration a registrar may press on us by Min-Expires. More is a mistake or malice.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A registration is refreshed this long before its end where it is long enough, so that a lost registrar is noticed
/// and tried again while the old one still holds.
const AHEAD: Duration = Duration::from_secs(60);

/// After its connection was lost a registration is renewed this much later: who closes at once is not asked at once.
const AGAIN: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct Registration {
    pub place: TargetAddress,
    /// Where the registrar is, in order; the one in use first.
    hops: Vec<Hop>,
    known: Known,
    username: String,
    call_id: String,
    tag: String,
    cseq: u32,
    asked: Duration,
    step: Step,
    /// Until when the last 200 OK holds.
    granted: Option<Mono>,
    failures: u32,
    /// Why it is not registered, for the event.
    why: Option<NotRegistered>,
}

/// What goes on.
#[derive(Debug)]
pub(super) enum Step {
    /// The registrar is to be located at this moment, then asked.
    Due(Mono),
    /// The registrar is being located.
    Locating,
    /// The registrar is asked, at the nth hop that is tried.
    Asking { request: Box<Outgoing>, flow: Flow, hop: usize },
    /// The registrar is asked to forget us.
    Leaving { request: Box<Outgoing>, flow: Flow },
    /// Signed out.
    Left,
}

/// What comes of a step.
#[derive(Debug)]
pub(super) enum Next {
    /// Send this.
    Send(Flow, Outgoing),
    /// Nothing for now.
    Wait,
}

/// What a request needs besides.
pub(super) struct Around<'a> {
    pub now: Mono,
    pub random: &'a mut Random,
    pub answering: Option<&'a mut Answering>,
    pub advertised: Option<&'a Advertised>,
    /// The way out to a hop.
    pub flow: &'a dyn Fn(Hop) -> Option<Flow>,
}

/// Whether the carrier knows us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RegistrationState {
    /// Not yet known.
    Unknown,
    /// The carrier knows us.
    Registered,
    /// The carrier does not know us, and why.
    Refused(NotRegistered),
}

impl Registration {
    pub(super) fn new(
        place: TargetAddress,
        username: &str,
        asked: Duration,
        now: Mono,
        random: &mut Random,
    ) -> Registration {
        Registration {
            place,
            hops: Vec::new(),
            known: Known::default(),
            username: username.to_owned(),
            call_id: format!("{}{}", random.token(), random.token()),
            tag: random.token(),
            cseq: 0,
            asked,
            step: Step::Due(now),
            granted: None,
            failures: 0,
            why: None,
        }
    }

    pub(super) fn step(&self) -> &Step {
        &self.step
    }

    /// Where the registrar is.
    pub(super) fn hops(&self) -> &[Hop] {
        &self.hops
    }

    pub(super) fn is_registered(&self) -> bool {
        self.granted.is_some()
    }

    pub(super) fn state(&self) -> RegistrationState {
        match (self.granted, self.why) {
            (Some(_), _) => RegistrationState::Registered,
            (None, Some(why)) => RegistrationState::Refused(why),
            (None, None) => RegistrationState::Unknown,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        let due = if let Step::Due(at) = self.step { Some(at) } else { None };
        due.into_iter().chain(self.granted).min()
    }

    /// Ends a registration that was not renewed.
    pub(super) fn lapse(&mut self, now: Mono) {
        if self.granted.is_some_and(|until| until <= now) {
            self.granted = None;
            self.why.get_or_insert(NotRegistered::RanOut);
        }
    }

    /// The moment has come to search for the registrar.
    pub(super) fn locate(&mut self, now: Mono) -> bool {
        let due = matches!(self.step, Step::Due(at) if at <= now);
        if due {
            self.step = Step::Locating;
        }
        due
    }

    /// The search for the registrar ended. One that came to no end leaves the addresses that were known.
    pub(super) fn found(&mut self, found: Found, around: &mut Around<'_>) -> Next {
        if !matches!(self.step, Step::Locating) {
            return Next::Wait;
        }
        if !self.known.yields(around.now, found.extent, !self.hops.is_empty()) {
            return self.ask(0, around);
        }
        // The one that served last is asked first, as long as it is there.
        let serving = self.hops.first().copied();
        self.hops = found.hops.iter().map(|located| located.hop).collect();
        if let Some(i) = self.hops.iter().position(|hop| Some(*hop) == serving) {
            self.hops.swap(0, i);
        }
        self.ask(0, around)
    }

    /// A response to what was asked.
    pub(super) fn answered(&mut self, response: &Message, around: &mut Around<'_>) -> Next {
        let Some(status) = response.status().filter(|status| status.is_final()) else { return Next::Wait };
        match std::mem::replace(&mut self.step, Step::Left) {
            Step::Asking { request, flow, hop } => {
                self.asking_answered(request, flow, hop, status, response, around)
            }
            Step::Leaving { request, flow } if status.asks_for_proof() => {
                let again = around.answering.as_mut().and_then(|a| a.answer(response, &request));
                let Some(again) = again else { return Next::Wait };
                self.cseq += 1;
                self.step = Step::Leaving { request: Box::new(again.clone()), flow };
                Next::Send(flow, again)
            }
            Step::Leaving { .. } => Next::Wait,
            other @ (Step::Due(_) | Step::Locating | Step::Left) => {
                self.step = other;
                Next::Wait
            }
        }
    }

    fn asking_answered(
        &mut self,
        request: Box<Outgoing>,
        flow: Flow,
        hop: usize,
        status: Status,
        response: &Message,
        around: &mut Around<'_>,
    ) -> Next {
        match status {
            _ if status.is_success() => {
                self.granted_by(response, flow, hop, around);
                Next::Wait
            }
            Status::UNAUTHORIZED | Status::PROXY_AUTHENTICATION_REQUIRED => {
                match around.answering.as_mut().and_then(|a| a.answer(response, &request)) {
                    Some(again) => {
                        self.cseq += 1;
                        self.step = Step::Asking { request: Box::new(again.clone()), flow, hop };
                        Next::Send(flow, again)
                    }
                    None => self.refused(NotRegistered::Password { status: status.code() }, None, around),
                }
            }
            Status::INTERVAL_TOO_BRIEF => {
                let least = response.number("Min-Expires").map(|s| Duration::from_secs(u64::from(s)));
                match least.filter(|least| *least > self.asked && *least <= LONGEST) {
                    Some(least) => {
                        self.asked = least;
                        self.ask(hop, around)
                    }
                    None => self.refused(NotRegistered::NoMinExpires, None, around),
                }
            }
            _ if status == Status::REQUEST_TIMEOUT || status.is_server_failure() => {
                let why = NotRegistered::Refused { status: status.code() };
                self.ask_next(hop, why, response.number("Retry-After"), around)
            }
            _ => {
                let why = NotRegistered::Refused { status: status.code() };
                self.refused(why, response.number("Retry-After"), around)
            }
        }
    }

    /// Nothing came, or the path is gone.
    pub(super) fn failed(&mut self, around: &mut Around<'_>) -> Next {
        match self.step {
            Step::Asking { hop, .. } => self.ask_next(hop, NotRegistered::NoAnswer, None, around),
            Step::Leaving { .. } => {
                self.step = Step::Left;
                Next::Wait
            }
            Step::Due(_) | Step::Locating | Step::Left => Next::Wait,
        }
    }

    /// The gateway had no room for the request: the same registrar is asked after a pause.
    pub(super) fn not_sent(&mut self, around: &mut Around<'_>) -> Next {
        match self.step {
            Step::Asking { .. } => self.refused(NotRegistered::NoRoom, None, around),
            Step::Leaving { .. } => {
                self.step = Step::Left;
                Next::Wait
            }
            Step::Due(_) | Step::Locating | Step::Left => Next::Wait,
        }
    }

    /// A connection is gone. When we are registered over it the carrier has no way to us any more (RFC 5626 section
    /// 4.4): it is asked again soon, not when the registration ends.
    pub(super) fn path_lost(&mut self, flow: &Flow, now: Mono) {
        let ours =
            self.hops.first().is_some_and(|h| h.transport == flow.transport && h.remote == flow.remote);
        if ours && flow.connection.is_some() && self.granted.is_some() && matches!(self.step, Step::Due(_)) {
            self.step = Step::Due(now + AGAIN);
        }
    }

    /// Signs out: the carrier is to send no calls here any more.
    pub(super) fn leave(&mut self, around: &mut Around<'_>) -> Next {
        let registered = self.granted.is_some();
        let flow = self.hops.first().and_then(|hop| (around.flow)(*hop));
        let was_asking = matches!(self.step, Step::Asking { .. });
        self.granted = None;
        match flow {
            Some(flow) if registered || was_asking => {
                let request = self.request(Duration::ZERO, &flow, around);
                self.step = Step::Leaving { request: Box::new(request.clone()), flow };
                Next::Send(flow, request)
            }
            _ => {
                self.step = Step::Left;
                Next::Wait
            }
        }
    }

    fn ask(&mut self, hop: usize, around: &mut Around<'_>) -> Next {
        let Some(flow) = self.hops.get(hop).and_then(|hop| (around.flow)(*hop)) else {
            return self.refused(NotRegistered::NoAddress, None, around);
        };
        let request = self.request(self.asked, &flow, around);
        self.step = Step::Asking { request: Box::new(request.clone()), flow, hop };
        Next::Send(flow, request)
    }

    fn ask_next(
        &mut self,
        hop: usize,
        why: NotRegistered,
        retry: Option<u32>,
        around: &mut Around<'_>,
    ) -> Next {
        if hop + 1 < self.hops.len() {
            return self.ask(hop + 1, around);
        }
        self.refused(why, retry, around)
    }

    fn refused(&mut self, why: NotRegistered, retry: Option<u32>, around: &mut Around<'_>) -> Next {
        self.why = Some(why);
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        // Between half and all of it, so that a thousand gateways do not come back in one moment (RFC 5626 section 4.5).
        let half = pause / 2;
        let lot = around.random.below(u64::try_from(half.as_millis()).unwrap_or(0) + 1);
        let asked = Duration::from_secs(u64::from(retry.unwrap_or(0))).min(LONGEST_PAUSE);
        self.step = Step::Due(around.now + (half + Duration::from_millis(lot)).max(asked));
        Next::Wait
    }

    fn granted_by(&mut self, response: &Message, flow: Flow, hop: usize, around: &mut Around<'_>) {
        let granted = granted(response, &contact(around.advertised, &flow, &user(&self.username)));
        let granted = granted.unwrap_or(self.asked).clamp(Duration::from_secs(1), LONGEST);
        self.hops.swap(0, hop);
        self.failures = 0;
        self.why = None;
        self.granted = Some(around.now + granted);
        let ahead = if granted > AHEAD * 2 { AHEAD } else { granted / 2 };
        let lot = around.random.below(u64::try_from((ahead / 4).as_millis()).unwrap_or(0) + 1);
        self.step = Step::Due(around.now + (granted - ahead) - Duration::from_millis(lot));
    }

    fn request(&mut self, expires: Duration, flow: &Flow, around: &mut Around<'_>) -> Outgoing {
        self.cseq += 1;
        let of_record = uri(
            &TargetAddress { port: None, transport: None, ..self.place.clone() },
            Some(&user(&self.username)),
        );
        let request = Outgoing::request(Method::Register, uri(&self.place, None))
            .with("From", format!("<{of_record}>;tag={}", self.tag))
            .with("To", format!("<{of_record}>"))
            .with("Call-ID", &self.call_id)
            .with("CSeq", format!("{} REGISTER", self.cseq))
            .with("Max-Forwards", "70")
            .with("Contact", contact(around.advertised, flow, &user(&self.username)))
            .with("Expires", expires.as_secs().to_string());
        match around.answering.as_mut() {
            Some(answering) => answering.authorised(request),
            None => request,
        }
    }
}

/// What the registrar grants our contact: its own `expires`, else the header of that name.
fn granted(response: &Message, ours: &str) -> Option<Duration> {
    let ours = ours.trim_matches(['<', '>']).as_bytes();
    let seconds = |text: &str| text.parse::<u32>().ok().map(|s| Duration::from_secs(u64::from(s)));
    let contacts = response.contacts();
    // A registrar behind NAT may have written our contact anew: a single one must be ours.
    let mine = contacts.iter().find(|c| c.uri() == ours).or(contacts.first().filter(|_| contacts.len() == 1));
    mine.and_then(|c| c.param("expires").and_then(seconds))
        .or_else(|| response.number("Expires").map(|s| Duration::from_secs(u64::from(s))))
}
