//! What the own store knows of a caller, by keyed hash, on a thread of its own: a look-up never waits behind a
//! commit, and a flood of them is refused, not queued without end.

use super::{HistoryKey, Reader};
use crate::caller::History;
use crate::time::Wall;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// At most this many look-ups wait; past it they are dropped and the caller's deadline takes over.
const WAITING: usize = 4_096;

pub(super) struct LookUp {
    pub key: HistoryKey,
    pub at: Wall,
    pub reply: Box<dyn FnOnce(History) + Send>,
}

pub(super) fn spawn(reads: Reader) -> io::Result<(SyncSender<LookUp>, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(WAITING);
    let thread = thread::Builder::new().name("history".into()).spawn(move || run(&reads, &receiver))?;
    Ok((sender, thread))
}

fn run(reads: &Reader, look_ups: &Receiver<LookUp>) {
    while let Ok(LookUp { key, at, reply }) = look_ups.recv() {
        // A read that fails is as if nothing were known: the call goes on.
        if let Ok(history) = reads.history(key, at) {
            reply(history);
        }
    }
}
