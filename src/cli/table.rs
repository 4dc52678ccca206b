//! What the demo shows: with a terminal a table of seats and the newest events, without one a line an event.

use super::demo::is_news;
use crate::event::{CallEvent, SeatState, What};
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;

/// Newest events shown below the table.
const EVENTS_SHOWN: usize = 14;

/// The demo's screen.
pub struct Table {
    watched: bool,
    seats: BTreeMap<String, SeatState>,
    waiting: u32,
    newest: VecDeque<String>,
}

impl Table {
    /// An empty one.
    pub fn new(watched: bool) -> Table {
        Table { watched, seats: BTreeMap::new(), waiting: 0, newest: VecDeque::new() }
    }

    /// Something happened.
    pub fn event(&mut self, event: &CallEvent) {
        match &event.what {
            What::SeatStateChanged { seat, to, .. } => {
                self.seats.insert(seat.to_string(), *to);
            }
            What::QueueEntered(_) => self.waiting += 1,
            What::QueueLeft { .. } => self.waiting = self.waiting.saturating_sub(1),
            _ => {}
        }
        if is_news(&event.what) {
            let call = event.call.as_ref().map(|c| c.id.to_string());
            // The random end of a UUIDv7 tells calls of the same minute apart.
            let call = call.as_deref().and_then(|c| c.rsplit('-').next()).unwrap_or("gateway");
            let line = format!("{:>6}  {call:<12}  {}", event.position, event.what);
            if !self.watched {
                println!("{line}");
                return;
            }
            self.newest.push_back(line);
            if self.newest.len() > EVENTS_SHOWN {
                self.newest.pop_front();
            }
        }
        if self.watched {
            self.draw();
        }
    }

    fn draw(&self) {
        let mut screen = String::from("\x1b[2J\x1b[H");
        screen.push_str(&format!("hotline demo      waiting: {}      Ctrl-C ends\n\n", self.waiting));
        for (seat, state) in &self.seats {
            screen.push_str(&format!("  {seat}  {state:?}\n"));
        }
        screen.push('\n');
        for line in &self.newest {
            screen.push_str(line);
            screen.push('\n');
        }
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(screen.as_bytes());
        let _ = out.flush();
    }
}
