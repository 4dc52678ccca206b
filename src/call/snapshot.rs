//! A call as it outlives the process: what a start needs beside the events of the journal.

use super::call::Call;
use super::common::Wait;
use super::leg::{Leg, LegSnapshot, Party};
use super::origin::Origin;
use super::search::Search;
use super::stage::{Arriving, LastMessage, Stage};
use super::talk::Talk;
use super::transfer::{Line, Transfer};
use super::waiting::{EarlyMedia, Queued};
use crate::acd::Place;
use crate::event::{EndReason, TransferKind};
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
    /// The presentation that ran, by the queue or at a seat's wish.
    pub(super) presented: Option<Presented>,
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
    Queued { notice: Option<String>, recalled: bool },
    /// A seat has dialled, and the other end has not answered.
    Dialling,
    /// In a talk. A consultation beside it does not go on.
    Talk { parties: Vec<(LegId, Option<Mono>)>, serving: Option<SeatId> },
    /// The caller is on the way to another party.
    Transferring { by: SeatId, kind: TransferKind, line: Option<Line>, to: String },
    /// The caller hears why the call ends.
    LastMessage { reason: EndReason },
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
    /// The queue's presentation that ran, and the seat.
    pub fn presented(&self) -> Option<(PresentationId, SeatId)> {
        match &self.stage {
            StageSnapshot::Queued { .. } => {
                self.presented.as_ref().map(|presented| (presented.presentation, presented.seat.clone()))
            }
            StageSnapshot::Arriving { .. }
            | StageSnapshot::Dialling
            | StageSnapshot::Talk { .. }
            | StageSnapshot::Transferring { .. }
            | StageSnapshot::LastMessage { .. }
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

impl CallSnapshot {
    /// The call as the next process needs it; `None` when no dialog is left.
    pub fn of(call: &Call) -> Option<CallSnapshot> {
        let Call { common, stage, .. } = call;
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
            stage: StageSnapshot::of(stage),
            presented: Presented::of(stage),
            joined: common.story.joined().map(|(leg, name)| (leg, name.to_owned())).collect(),
            legs,
            place: None,
            came: Vec::new(),
            went: Vec::new(),
        })
    }
}

impl StageSnapshot {
    fn of(stage: &Stage) -> StageSnapshot {
        match stage {
            Stage::Arriving(Arriving { answer_at, early_media, .. }) => StageSnapshot::Arriving {
                answer_at: *answer_at,
                early_media: !matches!(early_media, EarlyMedia::None),
            },
            Stage::Queued(Queued { notice, recalled, .. }) => StageSnapshot::Queued {
                notice: notice.as_ref().map(|notice| notice.prompt.to_string()),
                recalled: *recalled,
            },
            Stage::Outbound(_) => StageSnapshot::Dialling,
            Stage::Talk(talk) => of_talk(talk),
            Stage::Transferring(transfer) => of_transfer(transfer),
            Stage::LastMessage(LastMessage { reason, .. }) => StageSnapshot::LastMessage { reason: *reason },
            Stage::Leaving(_) | Stage::Over => StageSnapshot::Over,
        }
    }
}

impl Presented {
    /// The presentation that runs.
    fn of(stage: &Stage) -> Option<Presented> {
        let sought = || stage.search().and_then(Search::ringing);
        let ringing = stage.presented().or_else(sought)?;
        Some(Presented { presentation: ringing.presentation, seat: ringing.seat.clone()? })
    }
}

fn of_talk(talk: &Talk) -> StageSnapshot {
    StageSnapshot::Talk { parties: talk.parties().collect(), serving: talk.serving.clone() }
}

fn of_transfer(transfer: &Transfer) -> StageSnapshot {
    let Transfer { by, kind, line, search } = transfer;
    StageSnapshot::Transferring { by: by.clone(), kind: *kind, line: *line, to: search.to.name.to_string() }
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
