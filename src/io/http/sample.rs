//! What a scrape must ask the disk and the system for. Asked at most once a second, however many scrape, and never
//! waited for longer than a moment: a disk that hangs must not take the other figures with it.

use super::process::Process;
use crate::io::store::{Journal, Subscription};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A sample serves for so long.
const FRESH: Duration = Duration::from_secs(1);

/// A scrape waits so long for a new sample, then takes the old one.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// At most [`crate::io::store::SUBSCRIPTIONS`], by name.
    pub(super) subscriptions: Vec<Subscription>,
    /// The journal's files, in bytes.
    pub(super) journal_size: u64,
    pub(super) process: Process,
}

/// Takes samples of one gateway.
pub(super) struct Sampler {
    journal: Journal,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Arc<Sample>,
    at: Option<Instant>,
    /// Begun and not ended: no second one is begun beside it.
    running: Option<JoinHandle<Sample>>,
}

impl Sampler {
    pub(super) fn new(journal: Journal) -> Sampler {
        Sampler { journal, state: Mutex::default() }
    }

    /// The newest sample there is within a moment.
    pub(super) async fn sample(&self) -> Arc<Sample> {
        let mut state = self.state.lock().await;
        if state.at.is_some_and(|at| at.elapsed() < FRESH) {
            return state.last.clone();
        }
        let journal = self.journal.clone();
        let mut running =
            state.running.take().unwrap_or_else(|| tokio::task::spawn_blocking(move || take(&journal)));
        match timeout(PATIENCE, &mut running).await {
            Ok(Ok(sample)) => state.last = Arc::new(sample),
            Ok(Err(_)) => {}
            Err(_) => state.running = Some(running),
        }
        state.at = Some(Instant::now());
        state.last.clone()
    }
}

fn take(journal: &Journal) -> Sample {
    Sample {
        subscriptions: journal.reader().subscriptions().unwrap_or_default(),
        journal_size: journal.size(),
        process: Process::read(),
    }
}
