//! Who began a call: a citizen by a trunk, or a seat.

use super::inputs::IncomingLeg;
use super::rules::{QueueVoice, Rules, ServiceRules};
use super::search::Destination;
use crate::caller;
use crate::event::{CallReceived, Caller, Direction, IdentitySource};
use crate::id::{CallId, LegId, OperatorId, QueueId, SeatId, ServiceNumber, TrunkId};
use crate::sip::{Flow, Message};
use std::sync::Arc;

/// Who began a call.
#[derive(Debug)]
pub(super) enum Origin {
    /// A citizen dialled a service number.
    Inbound {
        /// What the number does with a call.
        service: Arc<ServiceRules>,
        /// The queue the call is in, or returns to.
        queue: QueueId,
    },
    /// A seat placed it.
    Outbound {
        /// The seat.
        seat: SeatId,
        /// The leg it placed the call on.
        line: LegId,
        /// What it dialled.
        dialled: ServiceNumber,
    },
}

/// What a seat dialled.
#[derive(Debug)]
pub struct Dialled {
    /// The call it becomes.
    pub call: CallId,
    /// The seat.
    pub seat: SeatId,
    /// The person there.
    pub operator: Option<OperatorId>,
    /// Its INVITE.
    pub line: IncomingLeg,
    /// The party it wants.
    pub to: Destination,
}

impl Origin {
    /// The seat that placed the call.
    pub(super) fn seat(&self) -> Option<&SeatId> {
        match self {
            Origin::Outbound { seat, .. } => Some(seat),
            Origin::Inbound { .. } => None,
        }
    }

    /// The number that was dialled.
    pub(super) fn dialled(&self) -> &ServiceNumber {
        match self {
            Origin::Inbound { service, .. } => &service.number,
            Origin::Outbound { dialled, .. } => dialled,
        }
    }

    /// What it lets the caller hear. A call that goes on after a restart, and whose queue is configured no more, is heard as
    /// one that comes from none.
    pub(super) fn voice<'a>(&self, rules: &'a Rules) -> Option<&'a QueueVoice> {
        match self {
            Origin::Inbound { queue, .. } => rules.voices.get(queue).or(Some(&rules.outbound_voice)),
            Origin::Outbound { .. } => Some(&rules.outbound_voice),
        }
    }

    /// The queue the call is in, or returns to.
    pub(super) fn queue(&self) -> Option<QueueId> {
        match self {
            Origin::Inbound { queue, .. } => Some(queue.clone()),
            Origin::Outbound { .. } => None,
        }
    }
}

/// What the event says of a call a seat places, whatever becomes of it. `name` is the party it wants.
pub fn placed(
    seat: &SeatId,
    trunk: Option<TrunkId>,
    name: &str,
    leg: LegId,
    invite: &Message,
    flow: Flow,
) -> CallReceived {
    CallReceived {
        direction: Direction::Outbound,
        trunk,
        caller: Caller { raw: seat.as_str().into(), source: IdentitySource::None, ..Caller::default() },
        service_number: ServiceNumber::from(name),
        leg,
        sip_call_id: Arc::from(caller::capped(invite.call_id(), 256)),
        source: flow.remote,
        headers: Vec::new(),
    }
}
