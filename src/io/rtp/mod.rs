//! The media worker: one thread that owns every RTP socket and drives [`media::relay`](crate::media::relay).
//!
//! The worker shares nothing with the control plane but commands in and events out. Per packet it takes no lock, allocates nothing
//! and logs nothing. Commands come by a bounded queue and a wake-up; when the queue is full, [`Commander::send`] waits for
//! the worker, which itself waits for no peer.

mod counts;
mod hand_over;
mod prompts;
mod sockets;
mod worker;

#[cfg(test)]
mod tests;

pub use hand_over::HandedOver;
pub use prompts::{Loaded, check_prompts, load_prompts};

use crate::id::Random;
use crate::media::prompt::Prompts;
use crate::media::relay::{Relay, RelayCounts};
use crate::media::{Command, Event, Family, Numbers, ports::Ports};
use crate::time::Duration;
use counts::Published;
use hand_over::{Adopted, Shelf};
use mio::{Poll, Waker};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Commands that may wait for the worker: a second's worth at 600 calls a second.
const QUEUE: usize = 8_192;

/// What the worker must be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address the sockets of IPv4 legs are bound to.
    pub address: Ipv4Addr,
    /// The address the sockets of IPv6 legs are bound to.
    pub address6: Ipv6Addr,
    /// The ports: pairs, RTP at the even one.
    pub ports: RangeInclusive<u16>,
    /// How long a port rests after a leg gave it back.
    pub rest: Duration,
    /// A bridge without RTP from both sides for so long is told of.
    pub silence: Duration,
    /// How long packets gather under load, so that one wake-up serves several; see [`crate::media::coalescing`]. Adds at most
    /// this (and the kernel's timer slack of 50 µs) to a packet's way. Zero: every packet wakes the worker.
    pub slot: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: Ipv4Addr::UNSPECIFIED,
            address6: Ipv6Addr::UNSPECIFIED,
            ports: 16_384..=29_999,
            rest: Duration::from_secs(5),
            silence: Duration::from_secs(60),
            slot: Duration::from_millis(1),
        }
    }
}

impl Config {
    /// What the sockets of a leg are bound to.
    fn address(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.address.into(),
            Family::V6 => self.address6.into(),
        }
    }
}

impl From<&crate::config::Media> for Config {
    fn from(media: &crate::config::Media) -> Config {
        Config {
            address: media.address,
            address6: media.address6,
            ports: media.ports.clone(),
            silence: media.silence,
            slot: media.slot,
            ..Config::default()
        }
    }
}

/// Takes events off the front, as many as the control plane has room for. Called on the worker's thread, so it must never
/// wait: what it leaves is offered again within 2 ms. Audio goes on meanwhile.
pub type OnEvents = Box<dyn FnMut(&mut VecDeque<Event>) + Send>;

/// The way to the worker. The worker ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Commander {
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    queue: SyncSender<Command>,
    waker: Waker,
    shared: Arc<Shared>,
}

/// What both sides see.
#[derive(Debug, Default)]
struct Shared {
    /// A wake-up is on its way.
    woken: AtomicBool,
    /// No more commands will come.
    ended: AtomicBool,
    counts: Published,
    shelf: Shelf,
}

impl Commander {
    /// Hands a command over. When the queue is full this waits until the worker has taken some. A command to a worker that
    /// died is lost.
    pub fn send(&self, command: Command) {
        if self.line.queue.send(command).is_ok() {
            self.line.wake();
        }
    }

    /// Hands commands over together: the worker wakes to all of them, and reads no socket that one of them opens before it has
    /// obeyed the others. What waited in an adopted socket is relayed so, and not lost on a leg that no one hears yet.
    pub fn send_all(&self, commands: Vec<Command>) {
        let any = !commands.is_empty();
        for command in commands {
            match self.line.queue.try_send(command) {
                Ok(()) => {}
                // More than the queue holds: the worker takes some first.
                Err(TrySendError::Full(command)) => {
                    self.line.wake();
                    self.send(command);
                }
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
        if any {
            self.line.wake();
        }
    }

    /// Ends the worker. Its sockets are closed; nothing more is told.
    pub fn stop(&self) {
        self.line.end();
    }

    /// Ends the worker, and gives what another process needs to go on: exact numbers and the sockets. Commands sent before
    /// this are obeyed first. `None` when the worker does not answer within `limit`, or has died.
    pub fn hand_over(&self, limit: Duration) -> Option<HandedOver> {
        let (taker, handed_over) = sync_channel(1);
        self.line.shared.shelf.ask(taker);
        self.line.end();
        handed_over.recv_timeout(limit).ok()
    }

    /// The numbers of all legs as they were read last, about a second old at most while there are legs; `None` before the
    /// first reading, one second after the start.
    pub fn numbers(&self) -> Option<Numbers> {
        self.line.shared.shelf.numbers()
    }

    /// What passed through so far, some milliseconds old at most.
    pub fn counts(&self) -> RelayCounts {
        self.line.shared.counts.read()
    }
}

impl Line {
    fn wake(&self) {
        // Waking fails only when the kernel is out of memory; then the next command tries again.
        if !self.shared.woken.swap(true, Ordering::AcqRel) && self.waker.wake().is_err() {
            self.shared.woken.store(false, Ordering::Release);
        }
    }

    fn end(&self) {
        self.shared.ended.store(true, Ordering::Release);
        let _ = self.waker.wake();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

/// Starts the worker.
///
/// # Errors
/// When the kernel gives no epoll instance, event descriptor, thread or random numbers.
pub fn spawn(
    config: Config,
    prompts: Prompts,
    on_events: OnEvents,
) -> io::Result<(Commander, JoinHandle<()>)> {
    spawn_with(config, prompts, on_events, Vec::new())
}

/// Starts the worker with the sockets of a process before ([`HandedOver::sockets`]). A leg that goes on takes those of its
/// port; what no leg has asked for after 10 s is closed.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_with(
    config: Config,
    prompts: Prompts,
    on_events: OnEvents,
    sockets: Vec<UdpSocket>,
) -> io::Result<(Commander, JoinHandle<()>)> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| io::Error::other(e.to_string()))?;
    let random = Random::from_seed(seed);
    let ports = Ports::new(config.ports.clone(), config.rest);
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), worker::WAKER)?;
    let (queue, commands) = sync_channel(QUEUE);
    let shared = Arc::new(Shared::default());
    let relay = Relay::new(ports, config.silence, prompts, random);
    let worker = worker::Worker::new(config, relay, poll, commands, shared.clone(), on_events)
        .adopting(Adopted::new(sockets));
    let thread = std::thread::Builder::new().name("media".into()).spawn(move || worker.run())?;
    Ok((Commander { line: Arc::new(Line { queue, waker, shared }) }, thread))
}
