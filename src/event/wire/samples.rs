//! Events for tests: one of every kind with every field filled, and whole calls.

use crate::event::*;
use crate::id::{CallId, CallbackId, EventId, LegId, PresentationId};
use crate::time::{Duration, Wall};
use std::sync::Arc;

/// 2026-03-01T08:00:00.123456789Z.
pub(crate) const AT: Wall = Wall(1_772_352_000_123_456_789);

fn uuid(kind: u8, n: u64) -> [u8; 16] {
    let mut b = [kind; 16];
    b[6] = 0x70;
    b[7] = 0;
    b[8..].copy_from_slice(&(0x8000_0000_0000_0000 | n).to_be_bytes());
    b
}

pub(crate) fn call_id(n: u64) -> CallId {
    CallId::from_bytes(uuid(1, n))
}

pub(crate) fn leg_id(n: u64) -> LegId {
    LegId::from_bytes(uuid(2, n))
}

pub(crate) fn presentation_id(n: u64) -> PresentationId {
    PresentationId::from_bytes(uuid(3, n))
}

/// A filled call part.
pub(crate) fn part(call: u64, seq: u32, state: CallState) -> CallPart {
    CallPart {
        id: call_id(call),
        seq,
        since_start: Duration::new(3, 141_592_653),
        summary: Summary {
            state,
            caller: "+8613812341234".into(),
            service_number: "12345".into(),
            queue: Some("heating".into()),
            seat: Some("1001".into()),
            operator: Some("zhang".into()),
            received_at: AT,
            ticket: Some("T-7".into()),
        },
    }
}

pub(crate) fn event(position: u64, at: Wall, call: Option<CallPart>, what: What) -> CallEvent {
    CallEvent { id: EventId::from_bytes(uuid(9, position)), position, at, call, what }
}

pub(crate) fn received() -> CallReceived {
    CallReceived {
        direction: Direction::Inbound,
        trunk: Some("city".into()),
        caller: Caller {
            raw: "013812341234".into(),
            e164: Some("+8613812341234".into()),
            name: Some("王先生".into()),
            withheld: false,
            source: IdentitySource::Asserted,
            diverted_by: Some("+861062341234".into()),
        },
        service_number: "12345".into(),
        leg: leg_id(1),
        sip_call_id: "a84b4c76e66710@pbx".into(),
        source: "192.0.2.7:5060".parse().expect("an address"),
        headers: vec![("Diversion".into(), "<tel:+861062341234>".into())],
    }
}

pub(crate) fn identified() -> CallerIdentified {
    CallerIdentified {
        source: LookUpSource::History,
        calls_24h: 1,
        calls_7d: 2,
        calls_30d: 3,
        last_seat: Some("1002".into()),
        last_operator: Some("li".into()),
        attributes: vec![("district".into(), "Huangcun".into())],
        took: Duration::from_micros(700),
        timed_out: false,
    }
}

pub(crate) fn quality() -> MediaQuality {
    MediaQuality {
        leg: Some(leg_id(1)),
        codec: "PCMA".into(),
        received: 1500,
        sent: 1499,
        lost: 2,
        jitter: Duration::from_micros(1250),
        round_trip: Some(Duration::from_millis(21)),
        mos: Some(4.25),
    }
}

pub(crate) fn ended() -> CallEnded {
    CallEnded {
        by: EndedBy::Caller,
        reason: EndReason::Completed,
        sip_code: Some(200),
        q850: 16,
        answered_by_operator: true,
        callback_due: false,
    }
}

/// One of every kind, with every field filled. A new kind is missing here until it is added: the match below
/// does not compile without it.
pub(crate) fn every_kind() -> Vec<CallEvent> {
    let of_call = |what: What| (Some(part(1, 2, CallState::Waiting)), what);
    let of_node = |what: What| (None, what);
    let record = CallRecord::from_events(&whole_call(1, 1)).expect("a record");
    let mut kinds = call_kinds().into_iter().map(of_call).collect::<Vec<_>>();
    kinds.push(of_call(What::CallRecordUpdated(Box::new(record))));
    kinds.extend(node_kinds().into_iter().map(of_node));
    kinds.extend(later_kinds().into_iter().map(of_call));
    kinds.extend(later_node_kinds().into_iter().map(of_node));
    kinds.extend(grown_kinds().into_iter().map(of_node));
    kinds.push(of_call(What::CallRecovered { gap: Duration::from_secs(1), legs: 2 }));
    kinds.into_iter().zip(1..).map(|((call, what), n)| event(n, AT, call, what)).collect()
}

fn call_kinds() -> Vec<What> {
    let (seat, queue) = ("1001".into(), || "heating".into());
    let s = Duration::from_secs;
    vec![
        What::CallReceived(received()),
        What::CallRefused(CallRefused {
            received: Some(Box::new(received())),
            reason: RefusalReason::QueueFull,
            sip_code: 503,
        }),
        What::CallAnswered { delay: Duration::from_millis(12) },
        What::NoticePlayed { prompt: "welcome".into(), complete: true },
        What::CallerIdentified(identified()),
        What::QueueEntered(entered()),
        What::QueuePositionChanged { queue: queue(), position: 2, depth: 9, estimated_wait: Some(s(60)) },
        What::SeatPresented(presented()),
        What::SeatPresentationEnded(presentation_ended()),
        connected(),
        What::QueueLeft { queue: queue(), exit: QueueExit::Connected, position: 1, waited: s(9) },
        What::CallHeld { leg: leg_id(2) },
        What::CallResumed { leg: leg_id(2), held: s(4) },
        What::MediaQuality(quality()),
        What::CallEnded(ended()),
        What::WrapUpStarted { seat, limit: s(30) },
        What::WrapUpCompleted { seat: "1001".into(), timed_out: true },
        What::CallbackChanged(CallbackChanged { promise: None, ..callback() }),
    ]
}

/// Kinds the contract got later: at the end, so that the positions of the others stay.
fn later_kinds() -> Vec<What> {
    vec![
        What::CallTransferred(CallTransferred {
            kind: TransferKind::Attended,
            from: "1001".into(),
            to: "Water bureau".into(),
            result: TransferResult::Completed,
        }),
        What::ParticipantChanged {
            leg: leg_id(3),
            role: LegRole::ThirdParty,
            party: "Water bureau".into(),
            joined: true,
        },
    ]
}

fn later_node_kinds() -> Vec<What> {
    vec![
        What::SeatRegistrationFailed {
            seat: "1001".into(),
            source: "192.0.2.7:5060".parse().expect("an address"),
            reason: RegistrationFailure::WrongPassword,
            count: 7,
        },
        What::CallsShed {
            trunk: "city".into(),
            reason: RefusalReason::Overload,
            sip_code: 503,
            count: 850,
            span: Duration::from_secs(1),
            not_owed: 0,
        },
    ]
}

/// Kinds that got fields later, with all they have now, and kinds that came after them.
fn grown_kinds() -> Vec<What> {
    vec![
        What::CallbackChanged(CallbackChanged {
            state: CallbackState::Done,
            closed_by: Some(ClosedBy::Answered),
            ..callback()
        }),
        What::CallsShed {
            trunk: "city".into(),
            reason: RefusalReason::Overload,
            sip_code: 503,
            count: 850,
            span: Duration::from_secs(1),
            not_owed: 830,
        },
        What::OperatorStateChanged(OperatorStateChanged {
            seat: "1001".into(),
            operator: Some("8007".into()),
            from: OperatorState::Ready,
            to: OperatorState::SignedOut,
            reason: OperatorReason::SignedInElsewhere { seat: "1002".into() }.into(),
            author: Author::Seat { seat: "1002".into(), operator: Some("8007".into()) },
        }),
    ]
}

/// A callback that is owed.
pub(crate) fn callback() -> CallbackChanged {
    CallbackChanged {
        state: CallbackState::Due,
        reason: CallbackReason::Abandoned.into(),
        attempts: 1,
        due_at: AT + Duration::from_secs(3600),
        promise: Some(Promise {
            id: CallbackId::from_bytes(uuid(4, 1)),
            since: AT,
            calls: 3,
            last_call: call_id(1),
            last_called_at: AT + Duration::from_secs(60),
        }),
        closed_by: None,
    }
}

fn node_kinds() -> Vec<What> {
    vec![
        What::SeatStateChanged {
            seat: "1001".into(),
            operator: Some("zhang".into()),
            from: SeatState::Ready,
            to: SeatState::Reserved,
            reason: Listed::read("presented"),
        },
        What::QueueStateChanged { queue: "heating".into(), open: true, reason: QueueReason::Hours.into() },
        What::TrunkStateChanged {
            trunk: "city".into(),
            reachable: true,
            channels_in_use: 7,
            reason: TrunkReason::Answers.into(),
        },
        What::NodeStateChanged { state: NodeState::Started, reason: NodeReason::Started.into() },
        What::ConfigChanged { digest: "00ff".into() },
        What::AlarmRaised {
            alarm: "journal_slow".into(),
            raised: true,
            reason: "the disk hangs".into(),
            subject: "".into(),
        },
        What::BlockListChanged {
            masked_number: "+86*******1234".into(),
            change: BlockListChange::Slow,
            until: AT,
            reason: "shouts".into(),
            by: "desk".into(),
        },
    ]
}

fn entered() -> QueueEntered {
    QueueEntered {
        queue: "heating".into(),
        priority: 3,
        skills: vec![Arc::from("english")],
        position: 2,
        depth: 9,
        estimated_wait: Some(Duration::from_secs(80)),
        ready_seats: 1,
    }
}

fn presented() -> SeatPresented {
    SeatPresented {
        presentation: presentation_id(1),
        attempt: 1,
        seat: "1001".into(),
        operator: Some("zhang".into()),
        leg: leg_id(2),
        waited: Duration::from_secs(5),
        why: SeatChoice::LongestIdle { idle: 132 }.into(),
    }
}

fn presentation_ended() -> SeatPresentationEnded {
    SeatPresentationEnded {
        presentation: presentation_id(1),
        seat: "1001".into(),
        result: PresentationResult::Answered,
        rang: Duration::from_millis(2500),
        sip_code: Some(200),
    }
}

fn connected() -> What {
    What::SeatConnected {
        presentation: presentation_id(1),
        seat: "1001".into(),
        operator: Some("zhang".into()),
        waited: Duration::from_secs(9),
        leg: leg_id(2),
    }
}

/// The events of a call that went well, from `position` on, its last one the final record.
pub(crate) fn whole_call(call: u64, position: u64) -> Vec<CallEvent> {
    let mut events = started_call(call, position);
    let mut push = |what: What, state: CallState| {
        let n = events.len() as u64;
        let seq = u32::try_from(n + 1).expect("few");
        events.push(event(position + n, AT + Duration::from_secs(n), Some(part(call, seq, state)), what));
    };
    push(What::QueueEntered(entered()), CallState::Waiting);
    push(What::SeatPresented(presented()), CallState::Presented);
    push(What::SeatPresentationEnded(presentation_ended()), CallState::Connected);
    push(connected(), CallState::Connected);
    push(
        What::QueueLeft {
            queue: "heating".into(),
            exit: QueueExit::Connected,
            position: 1,
            waited: Duration::from_secs(9),
        },
        CallState::Connected,
    );
    push(What::MediaQuality(quality()), CallState::Connected);
    push(What::CallEnded(ended()), CallState::Ended);
    let mut record = CallRecord::from_events(&events).expect("a record");
    record.revision = 1;
    record.is_final = true;
    let (n, seq) = (events.len() as u64, u32::try_from(events.len() + 1).expect("few"));
    let what = What::CallRecordUpdated(Box::new(record));
    let at = AT + Duration::from_secs(n);
    events.push(event(position + n, at, Some(part(call, seq, CallState::Ended)), what));
    events
}

/// The events of a call that has only begun.
pub(crate) fn started_call(call: u64, position: u64) -> Vec<CallEvent> {
    let answered = What::CallAnswered { delay: Duration::from_millis(12) };
    vec![
        event(position, AT, Some(part(call, 1, CallState::Received)), What::CallReceived(received())),
        event(position + 1, AT + Duration::from_secs(1), Some(part(call, 2, CallState::Answered)), answered),
    ]
}
