//! Alarms: what needs a person, each with its name, what it says and its cure. docs/operations.md lists them all.

use crate::event::{TrunkReason, What};
use crate::id::{CallId, SeatId, TrunkId};
use crate::media::Shortage;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// The disk confirms late.
    JournalSlow,
    /// Many events wait for the disk.
    JournalBackedUp,
    /// A commit failed.
    JournalFailed {
        /// What the store says.
        why: String,
    },
    /// Events were given up.
    JournalLost {
        /// The first position.
        from: u64,
        /// The last position.
        to: u64,
    },
    /// Old events stay.
    JournalRetention {
        /// What the store says.
        why: String,
    },
    /// Little space is left for the journal.
    DiskSpace {
        /// How much, and what to do.
        text: String,
    },
    /// More comes than can be done.
    Overloaded,
    /// More comes than can be read.
    Flooded,
    /// A trunk cannot be reached.
    TrunkDown {
        /// Which.
        trunk: TrunkId,
        /// Why.
        why: TrunkReason,
    },
    /// A trunk asks for a password, and we have none.
    TrunkPasswordMissing {
        /// Which.
        trunk: TrunkId,
    },
    /// A trunk does not accept our password.
    TrunkPasswordRejected {
        /// Which.
        trunk: TrunkId,
    },
    /// Nearly all channels of a trunk are used.
    ChannelUse {
        /// Which.
        trunk: TrunkId,
        /// Channels in use.
        used: u32,
        /// Channels it has.
        all: u32,
    },
    /// The files of the certificate cannot be used.
    TlsCertificate {
        /// Which and why.
        why: String,
    },
    /// Files of prompts cannot be played.
    PromptUnusable {
        /// Which, and what to do.
        text: String,
    },
    /// No media socket can be opened.
    MediaSockets {
        /// What is missing.
        of: Shortage,
    },
    /// A party of a talk answers and sends no sound.
    OneWayAudio,
    /// The process may open too few files.
    Descriptors {
        /// How many it needs, and what to do.
        text: String,
    },
    /// Nearly as many numbers are owed a call as there is room for.
    CallbacksCrowded {
        /// How many.
        entries: usize,
        /// How many there is room for.
        limit: usize,
    },
    /// What a seat was said to be doing did not fit the calls there are.
    SeatState {
        /// Which seat.
        seat: SeatId,
        /// The call it was, or was not, said to be in.
        call: CallId,
    },
    /// The starts before this one died, each while it resumed calls.
    CrashLoop {
        /// How many.
        starts: u32,
    },
    /// A subscription goes on without an event.
    EventParked {
        /// Which subscription.
        subscription: String,
        /// Which event.
        position: u64,
    },
}

/// What needs a person no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleared {
    /// The disk confirms in time.
    JournalSlow,
    /// The journal has caught up.
    JournalBackedUp,
    /// A commit succeeded.
    JournalFailed,
    /// Enough space is free.
    DiskSpace {
        /// How much.
        text: String,
    },
    /// The gateway has caught up.
    Overloaded,
    /// What comes is read.
    Flooded,
    /// A trunk is reachable.
    TrunkDown {
        /// Which.
        trunk: TrunkId,
        /// Why.
        why: TrunkReason,
    },
    /// A trunk takes our calls.
    TrunkPassword {
        /// Which.
        trunk: TrunkId,
    },
    /// A trunk has room.
    ChannelUse {
        /// Which.
        trunk: TrunkId,
        /// Channels in use.
        used: u32,
        /// Channels it has.
        all: u32,
    },
    /// The files of the certificate can be used.
    TlsCertificate,
    /// Media sockets can be opened.
    MediaSockets,
    /// Every talk is heard both ways.
    OneWayAudio,
    /// There is room for further numbers that are owed a call.
    CallbacksCrowded {
        /// How many are.
        entries: usize,
        /// How many there is room for.
        limit: usize,
    },
    /// Seats and calls fit.
    SeatState,
}

/// A change that a part of the shell tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmChange {
    /// The state begins.
    Raised(Alarm),
    /// The state is over.
    Cleared(Cleared),
}

const DISK: &str = "look at the disk under store.path";

impl Alarm {
    /// Every name, in the order of the manual.
    pub const NAMES: [&'static str; 20] = [
        "journal_slow",
        "journal_backed_up",
        "journal_failed",
        "journal_lost",
        "journal_retention",
        "overloaded",
        "flooded",
        "trunk_down",
        "trunk_password",
        "channel_use",
        "tls_certificate",
        "prompt_unusable",
        "disk_space",
        "media_sockets",
        "one_way_audio",
        "descriptors",
        "callbacks_crowded",
        "crash_loop",
        "event_parked",
        "seat_state",
    ];

    /// The name in events, metrics and the manual.
    pub fn name(&self) -> &'static str {
        match self {
            Alarm::JournalSlow => "journal_slow",
            Alarm::JournalBackedUp => "journal_backed_up",
            Alarm::JournalFailed { .. } => "journal_failed",
            Alarm::JournalLost { .. } => "journal_lost",
            Alarm::JournalRetention { .. } => "journal_retention",
            Alarm::DiskSpace { .. } => "disk_space",
            Alarm::Overloaded => "overloaded",
            Alarm::Flooded => "flooded",
            Alarm::TrunkDown { .. } => "trunk_down",
            Alarm::TrunkPasswordMissing { .. } | Alarm::TrunkPasswordRejected { .. } => "trunk_password",
            Alarm::ChannelUse { .. } => "channel_use",
            Alarm::TlsCertificate { .. } => "tls_certificate",
            Alarm::PromptUnusable { .. } => "prompt_unusable",
            Alarm::MediaSockets { .. } => "media_sockets",
            Alarm::OneWayAudio => "one_way_audio",
            Alarm::Descriptors { .. } => "descriptors",
            Alarm::CallbacksCrowded { .. } => "callbacks_crowded",
            Alarm::CrashLoop { .. } => "crash_loop",
            Alarm::EventParked { .. } => "event_parked",
            Alarm::SeatState { .. } => "seat_state",
        }
    }

    /// What it says, with the cure where the text has none of its own.
    pub fn text(&self) -> Cow<'static, str> {
        let (text, cure): (Cow<'static, str>, &str) = match self {
            Alarm::JournalSlow => (
                "the disk takes longer than 20 ms to confirm a call's beginning: calls are answered all the same; ".into(),
                DISK,
            ),
            Alarm::JournalBackedUp => (
                "events wait for the disk in great number: new calls are refused until it catches up; ".into(),
                DISK,
            ),
            Alarm::JournalFailed { why } => (format!("the journal cannot be written: {why}: ").into(), DISK),
            Alarm::JournalLost { from, to } => (
                format!("events {from} to {to} are not in the journal: its disk failed for too long").into(),
                "",
            ),
            Alarm::JournalRetention { why } => (format!("old events could not be removed: {why}").into(), ""),
            Alarm::Overloaded => (
                "more comes than can be done: new calls are refused until it is less, calls already in are served; ".into(),
                "look at the metrics hotline_turned_away_total for who sends it",
            ),
            Alarm::Flooded => (
                "more comes than can be read: calls of unknown sources are dropped, and messages of known peers may be lost \
                 before us; "
                    .into(),
                "look at the metrics hotline_turned_away_total for the peers that send it, and keep them out at the network",
            ),
            Alarm::TrunkDown { trunk, why } => (
                format!("trunk {trunk} is not reachable: {why}; ").into(),
                "look at its targets, its password and the network",
            ),
            Alarm::TrunkPasswordMissing { trunk } => {
                (format!("trunk {trunk} asks for a password: ").into(), "give it username and password_file")
            }
            Alarm::TrunkPasswordRejected { trunk } => (
                format!("trunk {trunk} does not accept our password: ").into(),
                "check its username and password_file",
            ),
            Alarm::ChannelUse { trunk, used, all } => (
                format!("trunk {trunk} uses {used} of its {all} channels: above that calls are refused; ").into(),
                "raise `channels`",
            ),
            Alarm::TlsCertificate { why } => (format!("the old certificates stay in use: {why}").into(), ""),
            Alarm::MediaSockets { of } => Alarm::of_sockets(*of),
            Alarm::OneWayAudio => (
                "a talk is heard in one direction only: one side answers by SIP and sends no RTP; ".into(),
                "look at NAT and firewalls on its way, and at media_sources of its trunk",
            ),
            Alarm::CallbacksCrowded { entries, limit } => (
                format!(
                    "{entries} numbers are owed a call, and there is room for {limit}: above that a number gets no entry; "
                )
                .into(),
                "work the list, or cancel what is no longer owed",
            ),
            Alarm::CrashLoop { starts } => (
                format!("{starts} starts in a row died within 10 s: no call was resumed; ").into(),
                "look at the log for what they died of",
            ),
            Alarm::EventParked { subscription, position } => (
                format!(
                    "subscription {subscription} refused event {position} too often and goes on without it: "
                )
                .into(),
                "mend the backend, then re-drive it",
            ),
            Alarm::SeatState { seat, call } => (
                format!("what seat {seat} was said to be doing did not fit call {call}, and was mended: ").into(),
                "report it with the events of that call",
            ),
            Alarm::DiskSpace { text } | Alarm::PromptUnusable { text } | Alarm::Descriptors { text } => {
                (text.clone().into(), "")
            }
        };
        if cure.is_empty() { text } else { format!("{text}{cure}").into() }
    }

    fn of_sockets(of: Shortage) -> (Cow<'static, str>, &'static str) {
        let (text, cure) = match of {
            Shortage::Descriptors => (
                "no file descriptor is left for a media socket: calls are refused; a call with a seat takes four: ",
                "raise LimitNOFILE of the unit (ulimit -n), or fs.file-max where the machine has none left",
            ),
            Shortage::Memory => (
                "the kernel has no memory for a media socket: calls are refused; ",
                "free memory, or raise fs.epoll.max_user_watches where that is what is full",
            ),
            Shortage::Address => (
                "no media socket can be opened at media.address: calls are refused; ",
                "see that this machine has the address",
            ),
        };
        (text.into(), cure)
    }

    /// The trunk it is about.
    fn trunk(&self) -> Option<&TrunkId> {
        let (Alarm::TrunkDown { trunk, .. }
        | Alarm::TrunkPasswordMissing { trunk }
        | Alarm::TrunkPasswordRejected { trunk }
        | Alarm::ChannelUse { trunk, .. }) = self
        else {
            return None;
        };
        Some(trunk)
    }

    /// Whether each one is told, because each is about something else and no end of it is ever told.
    fn is_told_each_time(&self) -> bool {
        matches!(self, Alarm::JournalLost { .. } | Alarm::JournalRetention { .. } | Alarm::EventParked { .. })
    }
}

impl Cleared {
    /// The name of the alarm that is over.
    pub fn name(&self) -> &'static str {
        match self {
            Cleared::JournalSlow => "journal_slow",
            Cleared::JournalBackedUp => "journal_backed_up",
            Cleared::JournalFailed => "journal_failed",
            Cleared::DiskSpace { .. } => "disk_space",
            Cleared::Overloaded => "overloaded",
            Cleared::Flooded => "flooded",
            Cleared::TrunkDown { .. } => "trunk_down",
            Cleared::TrunkPassword { .. } => "trunk_password",
            Cleared::ChannelUse { .. } => "channel_use",
            Cleared::TlsCertificate => "tls_certificate",
            Cleared::MediaSockets => "media_sockets",
            Cleared::OneWayAudio => "one_way_audio",
            Cleared::CallbacksCrowded { .. } => "callbacks_crowded",
            Cleared::SeatState => "seat_state",
        }
    }

    /// What it says.
    pub fn text(&self) -> Cow<'static, str> {
        match self {
            Cleared::JournalSlow => "the disk confirms in time again".into(),
            Cleared::JournalBackedUp => "the journal has caught up: new calls are taken again".into(),
            Cleared::JournalFailed => "the journal can be written again".into(),
            Cleared::DiskSpace { text } => text.clone().into(),
            Cleared::Overloaded => "the gateway has caught up: new calls are taken again".into(),
            Cleared::Flooded => "what comes can be read again".into(),
            Cleared::TrunkDown { trunk, why } => format!("trunk {trunk} is reachable again: {why}").into(),
            Cleared::TrunkPassword { trunk } => format!("trunk {trunk} takes our calls again").into(),
            Cleared::ChannelUse { trunk, used, all } => {
                format!("trunk {trunk} uses {used} of its {all} channels").into()
            }
            Cleared::TlsCertificate => "the certificates can be used again".into(),
            Cleared::MediaSockets => "media sockets can be opened again".into(),
            Cleared::OneWayAudio => "every talk is heard both ways again, or over".into(),
            Cleared::CallbacksCrowded { entries, limit } => {
                format!("{entries} numbers are owed a call, and there is room for {limit}").into()
            }
            Cleared::SeatState => "seats and calls fit".into(),
        }
    }

    fn trunk(&self) -> Option<&TrunkId> {
        let (Cleared::TrunkDown { trunk, .. }
        | Cleared::TrunkPassword { trunk }
        | Cleared::ChannelUse { trunk, .. }) = self
        else {
            return None;
        };
        Some(trunk)
    }
}

/// The alarms that stand: each is raised once and cleared once. Bounded by the names and the trunks.
#[derive(Debug, Default)]
pub(super) struct Alarms(BTreeSet<(&'static str, Option<TrunkId>)>);

impl Alarms {
    /// The event of an alarm; `None` when it stands already.
    pub(super) fn raise(&mut self, alarm: &Alarm) -> Option<What> {
        let is_new = self.0.insert((alarm.name(), alarm.trunk().cloned())) || alarm.is_told_each_time();
        is_new.then(|| told(alarm.name(), true, alarm.trunk(), &alarm.text()))
    }

    /// The event of its end; `None` when it does not stand.
    pub(super) fn clear(&mut self, cleared: &Cleared) -> Option<What> {
        let stood = !self.0.is_empty() && self.0.remove(&(cleared.name(), cleared.trunk().cloned()));
        stood.then(|| told(cleared.name(), false, cleared.trunk(), &cleared.text()))
    }
}

fn told(alarm: &str, raised: bool, trunk: Option<&TrunkId>, text: &str) -> What {
    let subject = Arc::from(trunk.map_or("", TrunkId::as_str));
    What::AlarmRaised { alarm: Arc::from(alarm), raised, reason: Arc::from(text), subject }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each.
    fn every() -> Vec<Alarm> {
        let (trunk, why, text) = (TrunkId::from("city"), "why".to_owned(), "text".to_owned());
        vec![
            Alarm::JournalSlow,
            Alarm::JournalBackedUp,
            Alarm::JournalFailed { why: why.clone() },
            Alarm::JournalLost { from: 1, to: 2 },
            Alarm::JournalRetention { why: why.clone() },
            Alarm::Overloaded,
            Alarm::Flooded,
            Alarm::TrunkDown { trunk: trunk.clone(), why: TrunkReason::NoAnswer },
            Alarm::TrunkPasswordMissing { trunk: trunk.clone() },
            Alarm::TrunkPasswordRejected { trunk: trunk.clone() },
            Alarm::ChannelUse { trunk, used: 8, all: 10 },
            Alarm::TlsCertificate { why },
            Alarm::PromptUnusable { text: text.clone() },
            Alarm::DiskSpace { text: text.clone() },
            Alarm::MediaSockets { of: Shortage::Descriptors },
            Alarm::OneWayAudio,
            Alarm::Descriptors { text },
            Alarm::CallbacksCrowded { entries: 45_000, limit: 50_000 },
            Alarm::CrashLoop { starts: 3 },
            Alarm::EventParked { subscription: "crm".into(), position: 7 },
            Alarm::SeatState { seat: "1001".into(), call: CallId::from_bytes([7; 16]) },
        ]
    }

    #[test]
    fn every_alarm_has_a_name_of_the_list_and_a_text() {
        let mut names: Vec<&str> = every().iter().map(Alarm::name).collect();
        names.dedup();
        assert_eq!(names, Alarm::NAMES);
        assert!(every().iter().all(|alarm| !alarm.text().is_empty()));
    }

    #[test]
    fn a_text_ends_with_its_cure() {
        let of = |alarm: Alarm| alarm.text().into_owned();
        let trunk = TrunkId::from("city");
        let down = Alarm::TrunkDown { trunk: trunk.clone(), why: TrunkReason::NoAnswer };
        assert_eq!(
            of(down),
            "trunk city is not reachable: no target answers; look at its targets, its password and the network"
        );
        let used = Alarm::ChannelUse { trunk, used: 8, all: 10 };
        assert_eq!(
            of(used),
            "trunk city uses 8 of its 10 channels: above that calls are refused; raise `channels`"
        );
        let failed = Alarm::JournalFailed { why: "disk full".into() };
        assert_eq!(of(failed), "the journal cannot be written: disk full: look at the disk under store.path");
    }

    #[test]
    fn an_alarm_is_raised_once_and_cleared_once_for_each_trunk() {
        let mut alarms = Alarms::default();
        let down = |trunk: &str| Alarm::TrunkDown { trunk: trunk.into(), why: TrunkReason::NoAnswer };
        let up = |trunk: &str| Cleared::TrunkDown { trunk: trunk.into(), why: TrunkReason::Answers };
        assert_eq!(alarms.clear(&up("city")), None, "it does not stand");
        let What::AlarmRaised { alarm, raised, subject, .. } = alarms.raise(&down("city")).unwrap() else {
            panic!("another event");
        };
        assert_eq!((&*alarm, raised, &*subject), ("trunk_down", true, "city"));
        assert_eq!(alarms.raise(&down("city")), None, "it stands");
        assert!(alarms.raise(&down("province")).is_some(), "each trunk alone");
        assert!(matches!(alarms.clear(&up("city")), Some(What::AlarmRaised { raised: false, .. })));
        assert_eq!(alarms.clear(&up("city")), None, "it is over");
        assert_eq!(alarms.clear(&Cleared::Flooded), None);
    }

    #[test]
    fn each_parked_event_is_told() {
        let mut alarms = Alarms::default();
        let parked = |position| Alarm::EventParked { subscription: "crm".into(), position };
        assert!(alarms.raise(&parked(1)).is_some() && alarms.raise(&parked(2)).is_some());
    }
}
