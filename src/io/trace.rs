//! Where traces go: from the driver to those who asked for them, over a bounded queue each. What is not read fast
//! enough is left out and counted: a trace never slows a call.

use super::inbound::Inbound;
use crate::gateway::Input;
use crate::gateway::trace::{Trace, TraceId, Traced};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// At most this many messages wait for a slow reader: the burst of fifty calls that begin at once.
const UNREAD: usize = 1_024;

/// One thing a trace saw, and how many before it were left out.
pub type Seen = (Traced, u32);

struct Reader {
    seen: mpsc::Sender<Seen>,
    missed: u32,
}

/// The readers of traces. Bounded by the gateway, which refuses further ones.
pub struct Traces {
    readers: Mutex<HashMap<TraceId, Reader>>,
    next: AtomicU64,
    inbox: mpsc::Sender<Inbound>,
}

/// The reading end of a trace. Dropping it ends the trace.
pub struct Reading {
    id: TraceId,
    traces: Arc<Traces>,
    seen: mpsc::Receiver<Seen>,
}

impl Traces {
    /// No trace runs yet. `inbox` is the driver's.
    pub fn new(inbox: mpsc::Sender<Inbound>) -> Arc<Traces> {
        Arc::new(Traces { readers: Mutex::default(), next: AtomicU64::new(1), inbox })
    }

    /// Begins a trace; `wish` gets its name here. `None` when the gateway stops or has too much to do.
    pub fn begin(self: &Arc<Self>, wish: Trace) -> Option<Reading> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, seen) = mpsc::channel(UNREAD);
        self.readers().insert(id, Reader { seen: tell, missed: 0 });
        let reading = Reading { id, traces: self.clone(), seen };
        let begun = self.inbox.try_send(Inbound::Gateway(Input::StartTrace(Trace { id, ..wish })));
        begun.is_ok().then_some(reading)
    }

    /// Hands on what a trace saw. Never waits.
    pub fn give(&self, id: TraceId, traced: Traced) {
        let mut readers = self.readers();
        let Some(reader) = readers.get_mut(&id) else { return };
        let is_last = matches!(traced, Traced::Ended(_));
        match reader.seen.try_send((traced, reader.missed)) {
            Ok(()) => reader.missed = 0,
            Err(_) => reader.missed = reader.missed.saturating_add(1),
        }
        if is_last {
            readers.remove(&id);
        }
    }

    fn readers(&self) -> MutexGuard<'_, HashMap<TraceId, Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// The next thing; `None` when nothing follows.
    pub async fn next(&mut self) -> Option<Seen> {
        self.seen.recv().await
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.traces.readers().remove(&self.id).is_some() {
            // A full inbox leaves the trace to its deadline.
            let _ = self.traces.inbox.try_send(Inbound::Gateway(Input::StopTrace(self.id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::trace::{Subject, TraceEnd};
    use std::time::Duration;

    fn wish() -> Trace {
        let subject = Subject::Peer("192.0.2.1".parse().unwrap());
        Trace { id: 0, subject, lasts: Duration::from_secs(1), most: 1, mask_numbers: false }
    }

    fn name(inbound: Option<Inbound>) -> Input {
        match inbound {
            Some(Inbound::Gateway(input)) => input,
            _ => panic!("nothing for the gateway"),
        }
    }

    #[tokio::test]
    async fn what_is_not_read_in_time_is_left_out_and_counted() {
        let (tx, _inbox) = mpsc::channel(8);
        let traces = Traces::new(tx);
        let mut reading = traces.begin(wish()).unwrap();
        let message = || Traced::Ended(TraceEnd::Full);
        // An end ends it, so give it what is none.
        let fill = |n| {
            for _ in 0..n {
                let mut readers = traces.readers();
                let reader = readers.get_mut(&1).unwrap();
                match reader.seen.try_send((message(), reader.missed)) {
                    Ok(()) => reader.missed = 0,
                    Err(_) => reader.missed += 1,
                }
            }
        };
        fill(UNREAD + 3);
        assert_eq!(reading.next().await, Some((message(), 0)));
        fill(1);
        for _ in 1..UNREAD {
            assert_eq!(reading.next().await, Some((message(), 0)));
        }
        assert_eq!(reading.next().await, Some((message(), 3)));
    }

    #[tokio::test]
    async fn a_reader_that_goes_ends_its_trace_unless_it_was_told_the_end() {
        let (tx, mut inbox) = mpsc::channel(8);
        let traces = Traces::new(tx);
        let reading = traces.begin(wish()).unwrap();
        assert!(matches!(name(inbox.recv().await), Input::StartTrace(Trace { id: 1, .. })));
        drop(reading);
        assert!(matches!(name(inbox.recv().await), Input::StopTrace(1)));
        let mut reading = traces.begin(wish()).unwrap();
        let _ = inbox.recv().await;
        traces.give(2, Traced::Ended(TraceEnd::TimeUp));
        assert_eq!(reading.next().await, Some((Traced::Ended(TraceEnd::TimeUp), 0)));
        assert_eq!(reading.next().await, None);
        drop(reading);
        assert!(inbox.try_recv().is_err());
        assert!(traces.readers().is_empty());
    }
}
