//! The disk of a world: journal, snapshots, the numbers that are owed a call.

use super::World;
use hotline_gateway::callback::Callback;
use hotline_gateway::event::{CallEvent, What, wire};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;

impl World {
    /// The events of every call that has no final record.
    pub fn open_calls(&self) -> Vec<Vec<CallEvent>> {
        let mut calls: BTreeMap<_, Vec<CallEvent>> = BTreeMap::new();
        for event in &self.journal {
            if let Some(part) = &event.call {
                calls.entry(part.id).or_default().push(event.clone());
            }
        }
        calls.into_values().filter(|events| !has_final_record(events)).collect()
    }

    /// What the store does with the event of a callback.
    pub(super) fn store_callback(&mut self, event: &CallEvent) {
        let key = self.keys.remove(&event.position);
        let What::CallbackChanged(changed) = &event.what else { return };
        let Some(promise) = changed.promise else { return };
        let key = key.or_else(|| self.callbacks.get(&promise.id).map(|stored| stored.key));
        match key.and_then(|key| Callback::after(changed, key)) {
            Some(callback) => drop(self.callbacks.insert(promise.id, callback)),
            None => drop(self.callbacks.remove(&promise.id)),
        }
    }
}

/// With `HOTLINE_JOURNALS=directory` every world leaves its journal there, one file a test: to be compared with that of
/// another version. Identifiers are numbered in order of appearance, times stand in milliseconds.
impl Drop for World {
    fn drop(&mut self) {
        let Ok(directory) = std::env::var("HOTLINE_JOURNALS") else { return };
        let test = std::thread::current().name().unwrap_or("main").replace("::", ".");
        let mut text = String::new();
        for event in self.journal.iter().chain(&self.unconfirmed) {
            let ms = event.at.millis();
            let body = wire::json("CallEvent", &wire::encode(event)).unwrap_or_else(|_| format!("{event:?}"));
            text += &format!("{ms} {body}\n");
        }
        let mut file = OpenOptions::new().create(true).append(true).open(format!("{directory}/{test}.txt"));
        if let Ok(file) = &mut file {
            let _ = writeln!(file, "{}", renumbered(&text));
        }
    }
}

/// The text with each UUID replaced by its number in order of appearance, and fractions of a second cut to milliseconds.
fn renumbered(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        if let Some(id) = rest.get(..36).filter(|id| id.chars().all(is_hex) && id.matches('-').count() == 4) {
            let next = numbers.len() + 1;
            out += &format!("#{}", numbers.entry(id.to_owned()).or_insert(next));
            rest = &rest[36..];
        } else if let Some(fraction) =
            rest.strip_prefix('.').filter(|f| f.starts_with(|c: char| c.is_ascii_digit()))
        {
            let digits = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
            out += &rest[..=digits.min(3)];
            rest = &fraction[digits..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Whether a call's events end in a final record.
pub fn has_final_record(events: &[CallEvent]) -> bool {
    use hotline_gateway::event::What;
    events.iter().any(|e| matches!(&e.what, What::CallRecordUpdated(r) if r.is_final))
}
