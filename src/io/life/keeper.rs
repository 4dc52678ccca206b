//! The thread that leaves a sign each second.

use super::{Place, SETTLED, Sign, Stage, Streams};
use crate::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// What the media plane knows of its streams now; `None` before it knows anything.
pub(super) type Ask = Box<dyn Fn() -> Option<Vec<u8>> + Send>;

/// What the signs of this process say.
pub struct Said {
    /// Beside which store.
    pub store: PathBuf,
    /// Where it lives.
    pub place: Place,
    /// How far it has come.
    pub stage: Stage,
    /// The streams of the process before, until there are own ones.
    pub streams: Streams,
}

/// The thread. Dropped without [`Keeper::end`], it leaves no further sign: the process is taken for dead since the last.
pub struct Keeper {
    last: Sender<Option<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Leaves signs from now on; the first stands when this returns.
    ///
    /// # Errors
    /// The first sign cannot be written: nothing may be resumed, as it would not be counted.
    pub fn begin(mut said: Said, ask: Ask) -> io::Result<Keeper> {
        said.leave()?;
        let (last, ends) = channel::<Option<Vec<u8>>>();
        let begun = Instant::now();
        let run = move || {
            loop {
                let told = ends.recv_timeout(EVERY);
                let streams = match &told {
                    Ok(streams) => streams.clone(),
                    Err(RecvTimeoutError::Timeout) => ask(),
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                if let Some(octets) = streams {
                    said.streams = Streams::now(octets);
                }
                match told {
                    Ok(_) => said.stage = Stage::Ended,
                    Err(_) if begun.elapsed() >= SETTLED => said.stage = Stage::Settled,
                    Err(_) => {}
                }
                // A disk that takes no file makes the next process think that this one died earlier, and nothing worse.
                let _ = said.leave();
                if told.is_ok() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("life".into()).spawn(run)?;
        Ok(Keeper { last, thread })
    }

    /// Leaves the last sign, with the last state of the streams where it is known, and ends.
    pub fn end(self, streams: Option<Vec<u8>>) {
        let _ = self.last.send(streams);
        let _ = self.thread.join();
    }
}

impl Said {
    fn leave(&self) -> io::Result<()> {
        Sign::now(&self.place, &self.stage, &self.streams).leave(&self.store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::store::tests::Place as Directory;
    use std::collections::BTreeMap;

    fn said(store: PathBuf, stage: Stage) -> Said {
        let streams = Streams { read_at: Duration::from_secs(1), octets: vec![1] };
        Said { store, place: Place::here(), stage, streams }
    }

    #[test]
    fn the_first_sign_stands_at_once_and_the_last_says_that_the_process_ended() {
        let directory = Directory::new();
        let resuming = Stage::Resuming { died_before: 2, attempts: BTreeMap::new() };
        let first = said(directory.store(), resuming.clone());
        let keeper = Keeper::begin(first, Box::new(|| None)).unwrap();
        let sign = Sign::last(&directory.store()).unwrap();
        assert_eq!((sign.stage, sign.streams.octets), (resuming, vec![1]));
        keeper.end(Some(vec![9]));
        let last = Sign::last(&directory.store()).unwrap();
        assert_eq!((last.stage, last.streams.octets), (Stage::Ended, vec![9]));
        assert!(last.streams.read_at > sign.streams.read_at);
    }

    #[test]
    fn where_no_sign_can_be_left_nothing_begins() {
        let directory = Directory::new();
        let nowhere = said(directory.store().join("nowhere/hotline.db"), Stage::Settled);
        assert!(Keeper::begin(nowhere, Box::new(|| None)).is_err());
    }
}
