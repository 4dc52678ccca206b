//! What the worker leaves to others: the numbers of its streams once a second, and all it has when another process goes on.

use crate::media::{Family, LegNumbers, Numbers};
use crate::time::Duration;
use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How often the numbers are read. A process that dies has numbers of at most twice this age beside it: once for the reading,
/// once for the file.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// What the worker had when it ended for another process.
#[derive(Debug)]
pub struct HandedOver {
    /// The exact numbers of every leg.
    pub numbers: Numbers,
    /// The sockets of RTP and RTCP, as they are: bound, some connected. Their local addresses tell which they are. While one
    /// is open somewhere, what arrives waits in it.
    pub sockets: Vec<UdpSocket>,
}

/// The numbers as they were read last, and who waits for those at the end.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    numbers: Mutex<Option<Arc<Reading>>>,
    taker: Mutex<Option<SyncSender<HandedOver>>>,
}

#[derive(Debug)]
struct Reading {
    at: Instant,
    legs: Vec<LegNumbers>,
}

impl Shelf {
    /// Puts new numbers in the place of the old ones. The worker never waits: while another thread looks, the old ones stay.
    pub(super) fn put(&self, at: Instant, legs: Vec<LegNumbers>) {
        let reading = Arc::new(Reading { at, legs });
        if let Ok(mut numbers) = self.numbers.try_lock() {
            *numbers = Some(reading);
        }
    }

    pub(super) fn numbers(&self) -> Option<Numbers> {
        let reading = self.numbers.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(Numbers { age: reading.at.elapsed(), legs: reading.legs.clone() })
    }

    pub(super) fn ask(&self, taker: SyncSender<HandedOver>) {
        *self.taker.lock().unwrap_or_else(PoisonError::into_inner) = Some(taker);
    }

    pub(super) fn taker(&self) -> Option<SyncSender<HandedOver>> {
        self.taker.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Sockets of the process before, until their legs are opened again; one for each port at most.
#[derive(Debug, Default)]
pub(super) struct Adopted(HashMap<Port, mio::net::UdpSocket>);

/// A UDP port of this machine. The address is left out: a connected socket names the one that the kernel chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Port {
    family: Family,
    number: u16,
}

impl Adopted {
    /// Takes the sockets that can be read without waiting; any other is closed, and its port is bound anew.
    pub(super) fn new(sockets: Vec<UdpSocket>) -> Adopted {
        let ready = sockets.into_iter().filter(|socket| socket.set_nonblocking(true).is_ok());
        let by_port = ready.filter_map(|socket| {
            let at = socket.local_addr().ok()?;
            let port = Port { family: Family::of(at.ip()), number: at.port() };
            Some((port, mio::net::UdpSocket::from_std(socket)))
        });
        Adopted(by_port.collect())
    }

    pub(super) fn take(&mut self, family: Family, number: u16) -> Option<mio::net::UdpSocket> {
        self.0.remove(&Port { family, number })
    }

    /// Closes what no leg has asked for.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
