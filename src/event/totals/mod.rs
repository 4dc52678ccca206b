//! What events add up to, for the metrics: counters and histograms since the start, and the alarms that stand.
//!
//! Labels are words of this file and names of the configuration; what has another name counts as `other`, so that no
//! caller can make a figure. Nothing personal is a label.

mod family;
mod histogram;

pub use family::{Counter, MetricFamily, Timing};
pub use histogram::Histogram;

use super::call_event::*;
use super::facts::*;
use super::record::CallRecord;
use super::words::EndReason;
use crate::config::Config;
use crate::time::Wall;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most labels a family has.
pub const LABELS: usize = 3;

/// At most this many queues, services and trunks each have figures of their own, a hotline of a large city twice over; the
/// rest counts as `other`. The figures are copied once a second, and scraped.
pub const NAMES: usize = 200;

/// At most this many alarms stand at once: a dozen of the gateway, and three for each trunk that has figures. Past it a
/// new one is in the log and the journal alone.
const ALARMS: usize = 1_024;

const OTHER: Label = Label::Word("other");
const NONE: Label = Label::Word("none");

/// The value of a label.
#[derive(Debug, Clone)]
enum Label {
    Word(&'static str),
    Name(Arc<str>),
}

impl Label {
    fn as_str(&self) -> &str {
        match self {
            Label::Word(word) => word,
            Label::Name(name) => name,
        }
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Label) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Label {}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Label) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Label {
    fn cmp(&self, other: &Label) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// The values of a family's labels, in its order.
type Labels = Vec<Label>;

/// An alarm that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaisedAlarm {
    /// The name.
    pub name: Arc<str>,
    /// The trunk it is about; empty where it is about the whole gateway.
    pub subject: Arc<str>,
    /// What and the cure.
    pub text: Arc<str>,
    /// When it was raised.
    pub since: Wall,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    queues: BTreeSet<Arc<str>>,
    services: BTreeSet<Arc<str>>,
    trunks: BTreeSet<Arc<str>>,
    counters: BTreeMap<(Counter, Labels), u64>,
    timings: BTreeMap<(Timing, Labels), Histogram>,
    /// By name and subject.
    alarms: BTreeMap<(Arc<str>, Arc<str>), RaisedAlarm>,
}

impl Totals {
    /// Nothing has happened yet. What the configuration names has its figures from the start, so that the first call of a
    /// kind is an increase.
    pub fn new(config: &Config) -> Totals {
        let names = |all: &mut dyn Iterator<Item = &str>| all.take(NAMES).map(Arc::from).collect();
        let mut totals = Totals {
            queues: names(&mut config.queues.iter().map(|q| q.name.as_str())),
            services: names(&mut config.services.iter().map(|s| s.number.as_str())),
            trunks: names(&mut config.trunks.iter().map(|t| t.name.as_str())),
            ..Totals::default()
        };
        for service in config.services.iter().take(NAMES) {
            let queue = known(&totals.queues, service.queue.as_str());
            let number = known(&totals.services, service.number.as_str());
            let served = [queue.clone(), number.clone()];
            totals.add(Counter::Connected, &served, 0);
            for reason in EndReason::ALL {
                totals.add(Counter::Ended, &[queue.clone(), number.clone(), Label::Word(reason.word())], 0);
            }
            for stage in ["before_answer", "waiting", "ringing"] {
                totals.add(Counter::Abandoned, &[queue.clone(), number.clone(), Label::Word(stage)], 0);
            }
            for reason in RefusalReason::ALL {
                totals.add(Counter::Refused, &[number.clone(), Label::Word(reason.word())], 0);
            }
            totals.timing(Timing::Talk, &served);
            totals.timing(Timing::Answer, &[number]);
        }
        for queue in totals.queues.clone() {
            for exit in ["connected", "abandoned", "other"] {
                totals.timing(Timing::Wait, &[Label::Name(queue.clone()), Label::Word(exit)]);
            }
            totals.timing(Timing::Ring, &[Label::Name(queue)]);
        }
        totals
    }

    /// One event more.
    pub fn count(&mut self, event: &CallEvent) {
        let (queue, service) = match &event.call {
            Some(part) => (self.queue(part.summary.queue.as_ref()), self.service(&part.summary)),
            None => (NONE, NONE),
        };
        match &event.what {
            What::CallReceived(r) => {
                let trunk = r.trunk.as_ref().map_or(NONE, |trunk| known(&self.trunks, trunk.as_str()));
                self.add(Counter::Received, &[trunk, service], 1);
            }
            What::CallRefused(r) => {
                self.add(Counter::Refused, &[service, Label::Word(r.reason.word())], 1);
            }
            // What was dialled is not kept of calls that are told by number.
            What::CallsShed { reason, count, .. } => {
                self.add(Counter::Refused, &[OTHER, Label::Word(reason.word())], (*count).into());
            }
            What::CallAnswered { delay } => self.timing(Timing::Answer, &[service]).observe(*delay),
            What::QueueLeft { queue, exit, waited, .. } => {
                let exit = match exit {
                    QueueExit::Connected => "connected",
                    QueueExit::Abandoned => "abandoned",
                    QueueExit::Timeout
                    | QueueExit::Overflow
                    | QueueExit::Callback
                    | QueueExit::Voicemail
                    | QueueExit::Moved
                    | QueueExit::Closed => "other",
                };
                let queue = self.queue(Some(queue));
                self.timing(Timing::Wait, &[queue, Label::Word(exit)]).observe(*waited);
            }
            What::SeatPresentationEnded(e) => {
                if e.result == PresentationResult::Answered {
                    self.timing(Timing::Ring, std::slice::from_ref(&queue)).observe(e.rang);
                }
                self.add(Counter::Presentations, &[queue, Label::Word(e.result.word())], 1);
            }
            What::SeatConnected { .. } => self.add(Counter::Connected, &[queue, service], 1),
            What::CallEnded(e) => {
                self.add(Counter::Ended, &[queue, service, Label::Word(e.reason.word())], 1);
            }
            // The first revision comes when everything of the call but wrap-up is told; later ones repeat it.
            What::CallRecordUpdated(record) if record.revision == 1 => self.whole(record, queue, service),
            What::AlarmRaised { alarm, raised, reason, subject } => {
                self.alarm(alarm, subject, raised.then_some(reason), event.at);
            }
            What::CallRecordUpdated(_)
            | What::NoticePlayed { .. }
            | What::CallerIdentified(_)
            | What::QueueEntered(_)
            | What::QueuePositionChanged { .. }
            | What::SeatPresented(_)
            | What::CallHeld { .. }
            | What::CallResumed { .. }
            | What::CallRecovered { .. }
            | What::CallTransferred(_)
            | What::ParticipantChanged { .. }
            | What::MediaQuality(_)
            | What::WrapUpStarted { .. }
            | What::WrapUpCompleted { .. }
            | What::CallbackChanged { .. }
            | What::SeatStateChanged { .. }
            | What::OperatorStateChanged(_)
            | What::QueueStateChanged { .. }
            | What::TrunkStateChanged { .. }
            | What::NodeStateChanged { .. }
            | What::ConfigChanged { .. }
            | What::BlockListChanged { .. }
            // Told now and then; the gateway counts each.
            | What::SeatRegistrationFailed { .. } => {}
        }
    }

    /// What is counted once a call, from its whole record.
    fn whole(&mut self, record: &CallRecord, queue: Label, service: Label) {
        if record.connected_at.is_some() {
            self.timing(Timing::Talk, &[queue.clone(), service.clone()]).observe(record.talked);
        }
        let last = record.presentations.last().and_then(|p| p.ended.as_ref());
        let stage = match record.ended.as_ref().map(|e| e.reason) {
            Some(EndReason::Cancelled) => Some("before_answer"),
            Some(EndReason::Abandoned) => match last {
                Some((PresentationResult::CallerGone, ..)) => Some("ringing"),
                _ => Some("waiting"),
            },
            _ => None,
        };
        if let (Some(stage), Direction::Inbound) = (stage, record.direction) {
            self.add(Counter::Abandoned, &[queue, service, Label::Word(stage)], 1);
        }
        for leg in &record.legs {
            let Some(quality) = &leg.quality else { continue };
            // Between seats there is no trunk.
            let trunk = record.trunk.as_ref().map_or(NONE, |trunk| known(&self.trunks, trunk.as_str()));
            let labels = match (leg.role, record.direction) {
                (LegRole::Caller, Direction::Inbound) => [Label::Word("caller"), trunk],
                (LegRole::Seat, _) | (LegRole::Caller, Direction::Outbound) => [Label::Word("seat"), NONE],
                (LegRole::ThirdParty, Direction::Outbound) => [Label::Word("third_party"), trunk],
                // The trunk by which a third party was reached is not that of the call.
                (LegRole::ThirdParty, Direction::Inbound) => [Label::Word("third_party"), NONE],
            };
            self.add(Counter::RtpReceived, &labels, quality.received);
            self.add(Counter::RtpLost, &labels, quality.lost);
            if quality.received > 0 {
                self.timing(Timing::Jitter, &labels).observe(quality.jitter);
            }
        }
    }

    /// Raised with its text, or over.
    fn alarm(&mut self, name: &Arc<str>, subject: &Arc<str>, raised: Option<&Arc<str>>, at: Wall) {
        let key = (name.clone(), subject.clone());
        let Some(text) = raised else {
            self.alarms.remove(&key);
            return;
        };
        let is_full = self.alarms.len() >= ALARMS;
        match self.alarms.entry(key) {
            Entry::Occupied(mut standing) => standing.get_mut().text = text.clone(),
            Entry::Vacant(_) if is_full => {}
            Entry::Vacant(place) => {
                let (name, subject, text) = (name.clone(), subject.clone(), text.clone());
                place.insert(RaisedAlarm { name, subject, text, since: at });
            }
        }
    }

    /// The alarms that stand, by name.
    pub fn alarms(&self) -> impl Iterator<Item = &RaisedAlarm> {
        self.alarms.values()
    }

    /// The values of a counter's labels, with each figure.
    pub fn counts_of(&self, counter: Counter) -> impl Iterator<Item = (Vec<&str>, u64)> {
        let rows = self.counters.iter().filter(move |((c, _), _)| *c == counter);
        rows.map(|((_, labels), n)| (labels.iter().map(Label::as_str).collect(), *n))
    }

    /// The values of a timing's labels, with each histogram.
    pub fn timings_of(&self, timing: Timing) -> impl Iterator<Item = (Vec<&str>, &Histogram)> {
        let rows = self.timings.iter().filter(move |((t, _), _)| *t == timing);
        rows.map(|((_, labels), histogram)| (labels.iter().map(Label::as_str).collect(), histogram))
    }

    fn add(&mut self, counter: Counter, labels: &[Label], n: u64) {
        *self.counters.entry((counter, labels.to_vec())).or_default() += n;
    }

    fn timing(&mut self, timing: Timing, labels: &[Label]) -> &mut Histogram {
        let entry = self.timings.entry((timing, labels.to_vec()));
        entry.or_insert_with(|| Histogram::new(timing.bounds()))
    }

    fn queue(&self, queue: Option<&crate::id::QueueId>) -> Label {
        match queue.map(crate::id::QueueId::as_str) {
            None | Some("") => NONE,
            Some(name) => known(&self.queues, name),
        }
    }

    fn service(&self, summary: &Summary) -> Label {
        known(&self.services, summary.service_number.as_str())
    }
}

/// The name as a label, when it is one of the configuration.
fn known(names: &BTreeSet<Arc<str>>, name: &str) -> Label {
    names.get(name).map_or(OTHER, |name| Label::Name(name.clone()))
}

#[cfg(test)]
mod tests;
