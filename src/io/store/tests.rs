use super::*;
use crate::event::CallEvent;
use crate::event::wire::{self, samples};
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
    fn crash(&self) -> Place {
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

fn appends(events: Vec<CallEvent>) -> Vec<Append> {
    events.into_iter().map(|event| Append { event, history: None }).collect()
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

fn bodies(journal: &Journal) -> Vec<(u64, Vec<u8>)> {
    let page = journal.reader().events_after(0, 10_000, usize::MAX).unwrap();
    page.events.iter().map(|e| (e.position, e.body.to_vec())).collect()
}

pub(crate) fn open(place: &Place) -> (Journal, Recovered) {
    Journal::open(&place.store(), Duration::ZERO).unwrap()
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
