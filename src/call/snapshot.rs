//! A call as it outlives the process: what a start needs beside the events of the journal.

use super::call::Call;
use super::leg::{Leg, LegSnapshot};
use super::origin::Origin;
use super::stage::{Arriving, Stage};
use super::talk::Talk;
use super::transfer::Transfer;
use super::waiting::{EarlyMedia, Queued};
use super::{common::Wait, leg::Party, leg::Purpose};
use crate::acd::Place;
use crate::id::{CallId, LegId, PresentationId, QueueId, SeatId, ServiceNumber, TrunkId};
use crate::sip::{ClientSnapshot, ServerSnapshot};
use crate::time::Mono;
use serde::{Deserialize, Serialize};

/// A call, from its first INVITE until the last of its dialogs is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallSnapshot {
    /// The call.
    pub call: CallId,
    /// The leg of the party that is served.
    pub caller: LegId,
    /// When it began.
    pub(super) began: Mono,
    pub(super) wait: Wait,
    pub(super) longest: Option<Mono>,
    pub(super) origin: OriginSnapshot,
    pub(super) stage: StageSnapshot,
    /// Who joined beside caller and queue.
    pub(super) joined: Vec<(LegId, String)>,
    /// Its legs that have a dialog, or may come to have one.
    pub legs: Vec<LegSnapshot>,
    /// Its place in the queue.
    pub place: Option<Place>,
    /// The INVITEs that came for it, as the transaction layer has them.
    pub came: Vec<Came>,
    /// The INVITEs that were sent for it.
    pub went: Vec<Went>,
}

/// An INVITE that came for a leg.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Came {
    /// The leg.
    pub leg: LegId,
    /// Its transaction.
    pub transaction: ServerSnapshot,
}

/// An INVITE that was sent on a leg.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Went {
    /// The leg.
    pub leg: LegId,
    /// Its transaction.
    pub transaction: ClientSnapshot,
}

/// Who began a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum OriginSnapshot {
    Inbound { service: ServiceNumber, queue: QueueId },
    Outbound { seat: SeatId, line: LegId, dialled: ServiceNumber },
}

/// Where a call stands, or the last stable stage before what cannot go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum StageSnapshot {
    /// Not answered.
    Arriving { answer_at: Option<Mono>, early_media: bool },
    /// In the queue.
    Queued { notice: Option<String>, recalled: bool, presented: Option<Presented> },
    /// A seat has dialled, and the other end has not answered.
    Dialling,
    /// In a talk.
    Talk { parties: Vec<(LegId, Option<Mono>)>, serving: Option<SeatId> },
    /// The caller was on the way to another party, and no line of a seat is left.
    Returning { seat: SeatId },
    /// Over, or about to be: its dialogs are ended.
    Over,
}

/// A presentation that ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Presented {
    pub presentation: PresentationId,
    pub seat: SeatId,
}

impl CallSnapshot {
    /// The presentation that ran, and the seat.
    pub fn presented(&self) -> Option<(PresentationId, SeatId)> {
        match &self.stage {
            StageSnapshot::Queued { presented: Some(Presented { presentation, seat }), .. } => {
                Some((*presentation, seat.clone()))
            }
            StageSnapshot::Queued { presented: None, .. }
            | StageSnapshot::Arriving { .. }
            | StageSnapshot::Dialling
            | StageSnapshot::Talk { .. }
            | StageSnapshot::Returning { .. }
            | StageSnapshot::Over => None,
        }
    }

    /// The trunk that brought the call, and whose channel its caller takes.
    pub fn caller_trunk(&self) -> Option<&TrunkId> {
        let caller = self.legs.iter().find(|leg| leg.leg == self.caller)?;
        match &caller.party {
            Party::Caller { trunk } => Some(trunk),
            Party::Seat { .. } | Party::Outside { .. } => None,
        }
    }
}

impl Call {
    /// The call as the next process needs it; `None` when no dialog is left.
    pub fn snapshot(&self) -> Option<CallSnapshot> {
        let common = &self.common;
        let legs: Vec<LegSnapshot> = common.legs.iter().filter_map(Leg::snapshot).collect();
        if legs.is_empty() {
            return None;
        }
        Some(CallSnapshot {
            call: common.id,
            caller: common.caller,
            began: common.story.began(),
            wait: common.wait,
            longest: common.longest,
            origin: OriginSnapshot::from(&common.origin),
            stage: self.stage_snapshot(),
            joined: common.story.joined().map(|(leg, name)| (leg, name.to_owned())).collect(),
            legs,
            place: None,
            came: Vec::new(),
            went: Vec::new(),
        })
    }

    fn stage_snapshot(&self) -> StageSnapshot {
        match &self.stage {
            Stage::Arriving(Arriving { answer_at, early_media, .. }) => StageSnapshot::Arriving {
                answer_at: *answer_at,
                early_media: !matches!(early_media, EarlyMedia::None),
            },
            Stage::Queued(Queued { notice, ringing, recalled }) => StageSnapshot::Queued {
                notice: notice.as_ref().map(|notice| notice.prompt.to_string()),
                recalled: *recalled,
                presented: ringing.as_ref().and_then(|ringing| {
                    let seat = ringing.seat.clone()?;
                    Some(Presented { presentation: ringing.presentation, seat })
                }),
            },
            Stage::Outbound(_) => StageSnapshot::Dialling,
            Stage::Talk(talk) => of_talk(talk),
            Stage::Transferring(transfer) => self.of_transfer(transfer),
            Stage::LastMessage(_) | Stage::Leaving(_) | Stage::Over => StageSnapshot::Over,
        }
    }

    /// The last stable talk: caller and seat, while the seat's line is up.
    fn of_transfer(&self, transfer: &Transfer) -> StageSnapshot {
        let caller = self.common.caller;
        match transfer.line {
            Some(line) if self.common.legs.is_up(line.leg) => {
                let serves = matches!(self.common.purpose(line.leg), Some(Purpose::Serves(_)));
                StageSnapshot::Talk {
                    parties: vec![(caller, None), (line.leg, None)],
                    serving: serves.then(|| transfer.by.clone()),
                }
            }
            Some(_) | None => StageSnapshot::Returning { seat: transfer.by.clone() },
        }
    }
}

fn of_talk(talk: &Talk) -> StageSnapshot {
    StageSnapshot::Talk { parties: talk.parties().collect(), serving: talk.serving.clone() }
}

impl From<&Origin> for OriginSnapshot {
    fn from(origin: &Origin) -> OriginSnapshot {
        match origin {
            Origin::Inbound { service, queue } => {
                OriginSnapshot::Inbound { service: service.number.clone(), queue: queue.clone() }
            }
            Origin::Outbound { seat, line, dialled } => {
                OriginSnapshot::Outbound { seat: seat.clone(), line: *line, dialled: dialled.clone() }
            }
        }
    }
}
