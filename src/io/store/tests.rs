use super::*;
use crate::event::CallEvent;
use crate::event::wire::{self, samples};
use crate::snapshot::SeatSnapshot;
use crate::time::Mono;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

/// A directory of its own, removed at the end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hotline-store-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("hotline.db")
    }

    /// The files as a power cut at this moment would leave them.
    pub(crate) fn crash(&self) -> Place {
        let copy = Place::new();
        for file in ["hotline.db", "hotline.db-wal"] {
            std::fs::copy(self.0.join(file), copy.0.join(file)).unwrap();
        }
        copy
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn appends(events: Vec<CallEvent>) -> Vec<Append> {
    events.into_iter().map(|event| Append { event, history: None }).collect()
}

/// What outlives the process of a seat without a phone.
pub(super) fn seat_snapshot(name: &str) -> Snapshot {
    Snapshot::Seat(Box::new(SeatSnapshot {
        seat: name.into(),
        at: Mono(1),
        wall: Wall(1),
        bindings: Vec::new(),
        work: Default::default(),
    }))
}

/// Appends and waits until it is on disk.
pub(crate) fn write(journal: &Journal, events: Vec<CallEvent>) {
    let last = events.last().unwrap().position;
    let (tell, told) = mpsc::channel();
    journal.on_durable(Box::new(move |position| {
        let _ = tell.send(position);
    }));
    journal.append(appends(events));
    while told.recv().unwrap() < last {}
}

pub(super) fn bodies(journal: &Journal) -> Vec<(u64, Vec<u8>)> {
    let page = journal.reader().events_after(0, 10_000, usize::MAX).unwrap();
    page.events.iter().map(|e| (e.position, e.body.to_vec())).collect()
}

pub(crate) fn open(place: &Place) -> (Journal, Recovered) {
    Journal::open(&place.store(), Duration::ZERO).unwrap()
}

#[test]
fn the_store_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let (journal, _) = open(&place);
    journal.close();
    let mode = std::fs::metadata(place.store()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_was_told_durable_is_there_after_a_crash() {
    let place = Place::new();
    let (journal, recovered) = open(&place);
    assert_eq!((recovered.head, recovered.open_calls.len()), (0, 0));
    write(&journal, samples::whole_call(1, 1));
    let n = bodies(&journal).len() as u64;
    write(&journal, samples::started_call(2, n + 1));

    let crashed = place.crash();
    let (after, recovered) = open(&crashed);
    assert_eq!(recovered.head, n + 2);
    assert_eq!(recovered.log_id, journal.log_id());
    assert_eq!(recovered.open_calls, [samples::started_call(2, n + 1)], "the call that ended is not open");
    assert_eq!(bodies(&after), bodies(&journal), "a repeat is byte-identical");
}

#[test]
fn a_call_that_ended_without_its_record_is_found() {
    let place = Place::new();
    let (journal, _) = open(&place);
    let mut events = samples::whole_call(1, 1);
    events.pop();
    write(&journal, events.clone());
    journal.close();
    drop(journal);
    assert_eq!(open(&place).1.open_calls, [events]);
}

#[test]
fn closing_writes_what_waits() {
    let place = Place::new();
    let (journal, _) = open(&place);
    let events = samples::whole_call(1, 1);
    let n = events.len();
    journal.append(appends(events));
    journal.close();
    assert_eq!(bodies(&journal).len(), n);
}

#[test]
fn the_bytes_are_those_of_the_contract() {
    let place = Place::new();
    let (journal, _) = open(&place);
    write(&journal, samples::every_kind());
    for ((position, body), event) in bodies(&journal).iter().zip(samples::every_kind()) {
        assert_eq!(*position, event.position);
        assert_eq!(wire::decode(body).unwrap(), event);
    }
}

/// Removes what is older than `keep` at `now`, as the writer does.
pub(crate) fn remove(place: &Place, keep: Duration, now: Wall) {
    let mut opened = sqlite::open(&place.store(), wall_now(), &mut Random::from_number(1)).unwrap();
    while opened.engine.purge(&retention::older_than(keep, now)).unwrap() {}
}

#[test]
fn what_is_too_old_goes_and_the_newest_event_stays() {
    let place = Place::new();
    let (journal, _) = open(&place);
    write(&journal, samples::whole_call(1, 1));
    write(&journal, samples::whole_call(2, 11));
    let keep = Duration::from_secs(3600);
    remove(&place, keep, samples::AT + keep + Duration::from_secs(5));
    let left: Vec<u64> = bodies(&journal).iter().map(|(p, _)| *p).collect();
    assert_eq!(left, (6..=20).collect::<Vec<_>>(), "from the oldest on, never from the middle");
    remove(&place, keep, samples::AT + keep * 10);
    assert_eq!(bodies(&journal).len(), 1);
    assert_eq!(journal.reader().records(&Wanted::default(), 10).unwrap().len(), 1, "its record too");
    journal.close();
    assert_eq!(open(&place).1.head, 20);
}

#[test]
fn the_same_store_is_refused_to_a_second_gateway() {
    let place = Place::new();
    let (journal, _) = open(&place);
    let refused = lock::Lock::take(&place.store(), Duration::ZERO).err().unwrap();
    assert!(matches!(refused, StoreError::Locked(_)));
    assert!(refused.to_string().contains("stop it, or set store.path"), "{refused}");
    journal.close();
    open(&place);
}

#[test]
fn the_history_counts_calls_before_this_one_and_knows_who_spoke_last() {
    let place = Place::new();
    let (journal, _) = open(&place);
    let key = HistoryKey::from_bytes([7; 16]);
    let now = wall_now();
    let day = Duration::from_secs(24 * 3600);
    let mut events = Vec::new();
    for (n, age) in [40, 29, 6, 3, 0].into_iter().enumerate() {
        let at = now - day * age;
        let position = 1 + 2 * n as u64;
        let call = Some(samples::part(n as u64, 1, crate::event::CallState::Received));
        let received = crate::event::What::CallReceived(samples::received());
        events.push(samples::event(position, at, call.clone(), received));
        let connected = samples::every_kind().remove(9).what;
        events.push(samples::event(position + 1, at, call, connected));
    }
    let appends = events.into_iter().map(|event| Append { event, history: Some(key) }).collect();
    let (tell, told) = mpsc::channel();
    journal.on_durable(Box::new(move |p| tell.send(p).unwrap()));
    journal.append(appends);
    while told.recv().unwrap() < 10 {}
    let look_up = |at| {
        let (tell, told) = mpsc::channel();
        journal.history(key, at, Box::new(move |h| tell.send(h).unwrap()));
        told.recv().unwrap()
    };
    let history = look_up(now);
    assert_eq!((history.calls_24h, history.calls_7d, history.calls_30d), (0, 2, 3), "not the call itself");
    assert_eq!(history.last_seat.unwrap().as_str(), "1001");
    assert_eq!(look_up(now + Duration::from_secs(1)).calls_24h, 1);
    let (tell, told) = mpsc::channel();
    let unknown = HistoryKey::from_bytes([8; 16]);
    journal.history(unknown, now, Box::new(move |h| tell.send(h).unwrap()));
    assert_eq!(told.recv().unwrap(), History::default());
}

#[test]
fn a_full_backlog_says_so_and_what_it_gave_up_is_told() {
    let backlog = Backlog::default();
    let one = appends(vec![samples::every_kind().remove(20)]).remove(0);
    let many = |n: usize| vec![one.clone(); n];
    assert_eq!(backlog.push(many(BACKED_UP - 1)), Pressure::Easy);
    assert_eq!(backlog.push(many(1)), Pressure::BackedUp);
    assert!(matches!(backlog.notice(), Some(Notice::BackedUp(true))));
    assert_eq!(backlog.push(many(LIMIT - BACKED_UP)), Pressure::BackedUp);
    assert_eq!(backlog.push(many(1)), Pressure::Lost);
    assert_eq!(backlog.push(many(1)), Pressure::Lost);
    let lost = Failure::Lost { from: one.event.position, to: one.event.position };
    assert!(matches!(backlog.notice(), Some(Notice::Failed(f)) if f == lost), "told once");
    let mut held = LIMIT;
    while held > 0 {
        held -= backlog.take().events.len();
        backlog.written();
    }
    assert!(matches!(backlog.notice(), Some(Notice::BackedUp(false))));
    assert_eq!(backlog.push(many(1)), Pressure::Easy);
}
