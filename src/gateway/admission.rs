//! Admission: what becomes of each new request before anything is kept of it.
//!
//! The rules are elsewhere: which peer a source is in `sip::access`, which methods are heard from it in the table of methods,
//! how many calls a trunk may bring in its capacity. Here they are asked in order, and the outcome is a value.

use super::access::Access;
use super::inside::Provenance;
use super::refusals::RefusalCause;
use super::trunking::TrunkShare;
use crate::sip::access::{PeerClass, Rule, allowed, option_tags, outside_a_dialog};
use crate::sip::trunk::Capacity;
use crate::sip::{
    Flow, Holding, Message, Method, NewRequest, PeerId, Rejection, RequestKind, Shedding, Status, demands,
};
use crate::time::Mono;
use std::borrow::Cow;

/// Live transactions the seats behind one address may hold: those of some hundred phones that register and call in one
/// half-minute.
const SEATS_SHARE: usize = 8_192;

/// Live transactions one unknown source may hold: the registrations of an office of phones that come back at once.
const UNKNOWN_SHARE: usize = 1_024;

/// Octets a transaction of theirs may have been begun by, on average.
const OCTETS_EACH: usize = 4_096;

/// Live transactions one address of a trunk may hold: an INVITE, a BYE and two more for each call of the half-minute a
/// transaction is kept. Never fewer than what costs little, never more than three quarters of all there may be.
fn trunks_share(calls_per_second: u32) -> usize {
    (calls_per_second as usize).saturating_mul(4 * 32).clamp(4_096, 98_304)
}

/// What the gateway knows of the sender of a request.
pub(super) struct Sender<'a> {
    /// Which peer it is.
    pub(super) peer: PeerId,
    /// Where a request inside a dialog comes from; `None` when it names no dialog of ours.
    pub(super) provenance: Option<Provenance>,
    /// What its trunk may use, where it is one.
    pub(super) trunk: Option<TrunkShare<'a>>,
    /// Whether new calls are taken.
    pub(super) serving: bool,
}

/// Why and how a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// As it is counted; `None`: what was asked is answered, and nothing is wrong with it.
    pub(super) cause: Option<RefusalCause>,
    pub(super) rejection: Rejection,
}

type Verdict = Result<(), Refused>;

fn refuse(cause: RefusalCause, status: Status, headers: Headers) -> Verdict {
    Err(Refused { cause: Some(cause), rejection: Rejection::Answer(status, headers) })
}

fn drop_it(cause: RefusalCause) -> Verdict {
    Err(Refused { cause: Some(cause), rejection: Rejection::Drop })
}

fn shed(cause: RefusalCause, shedding: Shedding) -> Verdict {
    Err(Refused { cause: Some(cause), rejection: Rejection::Shed(shedding) })
}

/// An answer that keeps nothing and counts as no refusal.
fn answer(status: Status, headers: Headers) -> Verdict {
    Err(Refused { cause: None, rejection: Rejection::Answer(status, headers) })
}

impl Access {
    /// What becomes of a request. Counts what is refused.
    pub(super) fn judge(&mut self, now: Mono, new: &NewRequest, sender: Sender<'_>) -> Verdict {
        let class = PeerClass::from(&sender.peer);
        let verdict = self.verdict(now, new, sender);
        if let Err(Refused { cause: Some(cause), .. }) = &verdict {
            self.refusals.count(class, *cause);
        }
        verdict
    }

    fn verdict(&self, now: Mono, new: &NewRequest, mut sender: Sender<'_>) -> Verdict {
        let (flow, request) = (new.flow(), new.request());
        let Some(method) = request.method() else { return Ok(()) };
        match new.kind() {
            RequestKind::New(holding) => {
                // A To tag means inside a dialog, whatever the method (RFC 3261 section 12.2.2).
                match request.to_tag() {
                    Some(_) => inside_a_dialog(sender.provenance.as_ref())?,
                    None => self.outside_a_dialog(now, flow, method, request, &mut sender)?,
                }
                within_share(&sender, request, holding)
            }
            // An ACK cannot be challenged, nor answered; what it acknowledges is retransmitted until the peer's comes.
            RequestKind::Ack => match sender.provenance {
                Some(Provenance::Peer) | None => Ok(()),
                Some(Provenance::Unproved(_) | Provenance::Elsewhere) => drop_it(RefusalCause::Source),
            },
            RequestKind::Cancel(invited) if self.may_cancel(flow, &invited) => Ok(()),
            RequestKind::Cancel(_) => refuse(RefusalCause::Source, Status::NO_SUCH_CALL, Vec::new()),
        }
    }

    fn outside_a_dialog(
        &self,
        now: Mono,
        flow: &Flow,
        method: &Method,
        request: &Message,
        sender: &mut Sender<'_>,
    ) -> Verdict {
        let class = PeerClass::from(&sender.peer);
        if let Rule::Refuse(status) = outside_a_dialog(class, method) {
            let cause =
                if status == Status::NO_SUCH_CALL { RefusalCause::Dialog } else { RefusalCause::Method };
            return refuse(cause, status, listed(class, status));
        }
        // A trunk calls its service numbers under what host it likes. A REGISTER is asked alike wherever it comes from: once
        // a phone is registered there, its address is a seat's, and its next REGISTER would be refused.
        let any_host = class == PeerClass::Trunk && *method != Method::Register;
        if !any_host && !self.names.are_asked(flow, request) {
            return refuse(RefusalCause::Host, Status::NOT_FOUND, Vec::new());
        }
        // A demand that cannot be met is answered before anything is looked up or kept (RFC 3261 section 8.2.2.3).
        if matches!(method, Method::Register | Method::Options)
            && let Some((status, header)) = demands::unmet(request)
        {
            return answer(
                status,
                header.into_iter().map(|(name, value)| (name, Cow::Owned(value))).collect(),
            );
        }
        match (method, &mut sender.trunk) {
            // Until its password is proved it is no call, and spends nothing of what the trunk may bring.
            (Method::Invite, Some(trunk)) if !trunk.asks_password => self.new_call(now, trunk.capacity),
            // Nothing is kept of the question whether we are there.
            (Method::Options, _) if sender.serving => answer(Status::OK, told(class)),
            (Method::Options, _) => answer(Status::SERVICE_UNAVAILABLE, Vec::new()),
            _ => Ok(()),
        }
    }

    /// A new call of a trunk: within its rate it is served, above it is shed.
    fn new_call(&self, now: Mono, capacity: &mut Capacity) -> Verdict {
        let within_rate = capacity.is_within_rate(now);
        match self.pressure.objects(within_rate) {
            // What a trunk brings beyond its rate, or a sender in its name, must not fill the disk.
            Some(cause) => shed(cause, if within_rate { Shedding::Singly } else { Shedding::InBulk }),
            None => Ok(()),
        }
    }
}

fn inside_a_dialog(provenance: Option<&Provenance>) -> Verdict {
    match provenance {
        Some(Provenance::Peer | Provenance::Unproved(_)) => Ok(()),
        Some(Provenance::Elsewhere) => refuse(RefusalCause::Source, Status::NO_SUCH_CALL, Vec::new()),
        // Nothing is kept of a question about a dialog that is not ours, from every peer.
        None => refuse(RefusalCause::Dialog, Status::NO_SUCH_CALL, Vec::new()),
    }
}

/// A source that holds its share already gets no further transaction; what belongs to its calls has a quarter more.
fn within_share(sender: &Sender<'_>, request: &Message, holding: Holding) -> Verdict {
    let share = match (&sender.peer, &sender.trunk) {
        (PeerId::Trunk(_), Some(trunk)) => trunks_share(trunk.capacity.calls_per_second()),
        (PeerId::Seat(_), _) => SEATS_SHARE,
        (PeerId::Trunk(_), None) | (PeerId::Unknown, _) => UNKNOWN_SHARE,
    };
    let begins = request.to_tag().is_none();
    // A full share must not keep out the BYE that would empty it.
    let share = if begins { share } else { share + share / 4 };
    if holding.transactions < share && holding.octets < share * OCTETS_EACH {
        return Ok(());
    }
    match request.method() {
        Some(Method::Invite) if begins => shed(RefusalCause::Share, Shedding::Singly),
        // No answer: the retransmission comes when there is room again, and the flood costs nothing to send.
        _ => drop_it(RefusalCause::Share),
    }
}

type Headers = Vec<(&'static str, Cow<'static, str>)>;

fn listed(class: PeerClass, status: Status) -> Headers {
    match status {
        Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED => told(class),
        _ => Vec::new(),
    }
}

/// What we can do, for a peer that asks by OPTIONS (RFC 3261 section 11.2) or uses a method that is not heard from it.
fn told(class: PeerClass) -> Headers {
    let supported = option_tags(class).join(", ");
    vec![
        ("Allow", allowed(class).into()),
        ("Accept", "application/sdp".into()),
        ("Supported", supported.into()),
    ]
}

#[cfg(test)]
mod tests;
