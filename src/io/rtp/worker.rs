//! The worker's loop: wait, drain what is ready, play what is due, tell what happened.

use super::hand_over::{Adopted, EVERY, HandedOver};
use super::sockets::{Reads, Sockets, bind, bind_beside, outcome};
use super::{Config, OnEvents, Shared};
use crate::media::coalescing::Coalescing;
use crate::media::relay::{DATAGRAM, Datagram, DatagramOut, Output, Relay};
use crate::media::{Command, Event, Family, Key, Numbers, Through};
use crate::time::{Duration, Mono};
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

pub(super) const WAKER: Token = Token(usize::MAX);
/// Datagrams taken from one socket before the others have their turn: a flood at one leg must not starve the rest.
const TURN: u64 = 32;
/// Ready sockets taken from the kernel at once.
const READY: usize = 1_024;
/// Commands obeyed before the sockets have their turn.
const COMMANDS: usize = 256;
/// Events kept for a control plane that takes none, before digits and the first packets of legs are no longer told.
const UNTOLD: usize = 16_384;
/// How soon events that were not taken are offered again.
const OFFER_AGAIN: Duration = Duration::from_millis(2);
/// How long sockets of the process before wait for their legs: well past the start, in which all are opened again.
const UNCLAIMED: Duration = Duration::from_secs(10);

pub(super) struct Worker {
    config: Config,
    relay: Relay,
    poll: Poll,
    commands: Receiver<Command>,
    shared: Arc<Shared>,
    on_events: OnEvents,
    start: Instant,
    coalescing: Coalescing,
    /// What arrived before this has been read. Silence is judged up to here: while the process was stopped, nothing was.
    read_to: Mono,
    sockets: Vec<Option<Sockets>>,
    adopted: Adopted,
    /// When the numbers of all legs are read next.
    numbers_due: Mono,
    /// Legs whose RTP socket still hears the former source alone, in want of a new one; at most all of them.
    unrenewed: Vec<Key>,
    /// Legs with an adopted socket whose peer is described, and which are not read yet. Bounded by the legs.
    described: Vec<Key>,
    /// Sockets that were not drained in their turn.
    again: Vec<(Key, Through)>,
    buffer: Box<[u8; DATAGRAM]>,
    out: Vec<Output>,
    /// Not taken by the control plane yet.
    events: VecDeque<Event>,
    unsent: u64,
}

impl Worker {
    pub(super) fn new(
        config: Config,
        relay: Relay,
        poll: Poll,
        commands: Receiver<Command>,
        shared: Arc<Shared>,
        on_events: OnEvents,
    ) -> Worker {
        Worker {
            coalescing: Coalescing::new(config.slot),
            read_to: Mono(0),
            config,
            relay,
            poll,
            commands,
            shared,
            on_events,
            start: Instant::now(),
            sockets: Vec::new(),
            adopted: Adopted::default(),
            numbers_due: Mono(0) + EVERY,
            unrenewed: Vec::new(),
            described: Vec::new(),
            again: Vec::new(),
            buffer: Box::new([0; DATAGRAM]),
            out: Vec::new(),
            events: VecDeque::new(),
            unsent: 0,
        }
    }

    /// With the sockets of a process before.
    pub(super) fn adopting(self, adopted: Adopted) -> Worker {
        Worker { adopted, ..self }
    }

    pub(super) fn run(mut self) {
        self.turns();
        if let Some(taker) = self.shared.shelf.taker() {
            // A taker that has stopped waiting goes on without.
            let _ = taker.send(self.handed_over());
        }
    }

    fn turns(&mut self) {
        let mut ready = Events::with_capacity(READY);
        while !self.shared.ended.load(Ordering::Acquire) {
            let Some(asked) = self.wait(&mut ready) else { return };
            let now = self.now();
            self.obey(now);
            self.read_described(now);
            let mut datagrams = 0;
            for event in &ready {
                if event.token() != WAKER {
                    let (key, through) = place(event.token());
                    datagrams += self.drain(now, key, through);
                }
            }
            for (key, through) in std::mem::take(&mut self.again) {
                datagrams += self.drain(now, key, through);
            }
            self.coalescing.took(now, datagrams);
            // A list that came full may not have been the whole of it.
            if self.again.is_empty() && ready.iter().count() < READY {
                self.read_to = asked.unwrap_or(self.read_to);
            }
            self.clock(now);
            self.tell();
            self.read_numbers(now);
        }
    }

    fn read_numbers(&mut self, now: Mono) {
        if now < self.numbers_due {
            return;
        }
        self.numbers_due = now + EVERY;
        self.shared.shelf.put(Instant::now(), self.relay.numbers(now));
        if now >= Mono(0) + UNCLAIMED {
            self.adopted.clear();
        }
    }

    /// All that another process needs, after the last command.
    fn handed_over(mut self) -> HandedOver {
        let now = self.now();
        while self.shared.woken.load(Ordering::Acquire) {
            self.obey(now);
        }
        let legs = self.relay.numbers(self.now());
        let each = self.sockets.into_iter().flatten().flat_map(|s| [Some(s.rtp), s.rtcp]).flatten();
        let sockets = each.map(std::net::UdpSocket::from).collect();
        HandedOver { numbers: Numbers { age: Duration::ZERO, legs }, sockets }
    }

    /// Waits for something to do. Gives when the kernel was asked what has arrived, if it was not interrupted; `None` when
    /// it refuses to wait.
    fn wait(&mut self, ready: &mut Events) -> Option<Option<Mono>> {
        let waiting = !self.again.is_empty() || self.shared.woken.load(Ordering::Acquire);
        let timeout = match self.coalescing.gathers() {
            _ if waiting => Some(Duration::ZERO),
            Some(slot) => {
                std::thread::sleep(slot);
                Some(Duration::ZERO)
            }
            None => {
                let now = self.now();
                let due = self.relay.poll_timeout().map(|(at, _)| at.since(now));
                if self.events.is_empty() {
                    due
                } else {
                    Some(due.map_or(OFFER_AGAIN, |d| d.min(OFFER_AGAIN)))
                }
            }
        };
        let asked = self.now();
        match self.poll.poll(ready, timeout) {
            Ok(()) => Some(Some(asked)),
            Err(e) if e.kind() == ErrorKind::Interrupted => Some(None),
            Err(e) => {
                tracing::error!(error = %e, "the media worker cannot wait for its sockets and ends");
                None
            }
        }
    }

    fn now(&self) -> Mono {
        Mono(0) + self.start.elapsed()
    }

    fn obey(&mut self, now: Mono) {
        if !self.shared.woken.swap(false, Ordering::AcqRel) {
            return;
        }
        for _ in 0..COMMANDS {
            match self.commands.try_recv() {
                Ok(command) => {
                    self.relay.handle(now, command, &mut self.out);
                    self.carry_out(now);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
        self.shared.woken.store(true, Ordering::Release);
    }

    /// Reads what a socket has, and gives how many datagrams that were.
    fn drain(&mut self, now: Mono, key: Key, through: Through) -> u64 {
        if self.is_not_described(key) {
            return 0;
        }
        for read in 0..TURN {
            let Some(Some(sockets)) = self.sockets.get(key.0 as usize) else { return read };
            let socket = match through {
                Through::Rtp => &sockets.rtp,
                Through::Rtcp => match &sockets.rtcp {
                    Some(socket) => socket,
                    None => return read,
                },
            };
            let (length, from) = match socket.recv_from(&mut self.buffer[..]) {
                Ok(got) => got,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return read,
                // An earlier packet of ours found no socket there. Nothing is wrong with the socket.
                Err(_) => continue,
            };
            // A datagram that fills the buffer was cut off; as nothing it is counted as bad.
            let length = if length == DATAGRAM { 0 } else { length };
            let datagram = Datagram { key, through, from, length };
            let (sockets, unsent) = (&self.sockets, &mut self.unsent);
            self.relay.receive(now, datagram, &mut self.buffer[..], &mut self.out, |send, packet| {
                *unsent += u64::from(!put(sockets, send, packet));
            });
            if !self.out.is_empty() {
                self.carry_out(now);
            }
        }
        self.again.push((key, through));
        TURN
    }

    fn clock(&mut self, now: Mono) {
        let (sockets, unsent) = (&self.sockets, &mut self.unsent);
        self.relay.prompts_due(now, &mut self.out, |send, packet| {
            *unsent += u64::from(!put(sockets, send, packet))
        });
        self.relay.handle_timeout(self.read_to, &mut self.out);
        // One in a turn: while there is no descriptor for it, there is none for the next.
        if let Some(key) = self.unrenewed.pop() {
            self.relearn(now, key);
        }
        self.carry_out(now);
    }

    fn carry_out(&mut self, now: Mono) {
        // Carrying out one thing may ask for another.
        while !self.out.is_empty() {
            let mut work = std::mem::take(&mut self.out);
            for output in work.drain(..) {
                match output {
                    Output::Event(event) => self.note(event),
                    Output::Bind(key, family, port) => {
                        // What waits in a socket of another call is not this call's.
                        self.adopted.take(family, port);
                        self.adopted.take(family, port.saturating_add(1));
                        let bound = outcome(self.open(key, family, port));
                        self.relay.bound(now, key, bound, &mut self.out);
                    }
                    Output::BindAgain(key, family, port) => {
                        let bound = outcome(self.open(key, family, port));
                        self.relay.bound(now, key, bound, &mut self.out);
                    }
                    Output::BindReports(key, port) => {
                        let bound = outcome(self.open_reports(key, port));
                        self.relay.bound_reports(key, bound);
                    }
                    Output::Hold(key, source) => self.hold(key, source),
                    Output::Relearn(key) => self.relearn(now, key),
                    Output::Release(key) => {
                        if let Some(place) = self.sockets.get_mut(key.0 as usize) {
                            *place = None;
                        }
                    }
                }
            }
            if self.out.is_empty() {
                self.out = work;
            }
        }
    }

    fn open(&mut self, key: Key, family: Family, port: u16) -> io::Result<()> {
        let bound = SocketAddr::new(self.config.address(family), port);
        let adopted = self.adopted.take(family, port);
        let connected = adopted.as_ref().and_then(|socket| socket.peer_addr().ok());
        let reads = adopted.as_ref().map_or(Reads::Always, |_| Reads::OnceDescribed);
        let mut rtp = adopted.map_or_else(|| bind(bound), Ok)?;
        self.poll.registry().register(&mut rtp, token(key, Through::Rtp), Interest::READABLE)?;
        let at = key.0 as usize;
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        self.sockets[at] = Some(Sockets { bound, rtp, connected, rtcp: None, reads });
        Ok(())
    }

    fn open_reports(&mut self, key: Key, port: u16) -> io::Result<()> {
        let Some(Some(sockets)) = self.sockets.get_mut(key.0 as usize) else { return Ok(()) };
        let at = SocketAddr::new(sockets.bound.ip(), port);
        let mut rtcp = self.adopted.take(Family::of(at.ip()), port).map_or_else(|| bind(at), Ok)?;
        self.poll.registry().register(&mut rtcp, token(key, Through::Rtcp), Interest::READABLE)?;
        sockets.rtcp = Some(rtcp);
        Ok(())
    }

    fn is_not_described(&self, key: Key) -> bool {
        let sockets = self.sockets.get(key.0 as usize).and_then(Option::as_ref);
        sockets.is_some_and(|sockets| sockets.reads == Reads::OnceDescribed)
    }

    fn hold(&mut self, key: Key, source: SocketAddr) {
        let Some(Some(sockets)) = self.sockets.get_mut(key.0 as usize) else { return };
        // Without it everything works as well: the relay drops packets of other sources itself.
        sockets.connected = sockets.rtp.connect(source).is_ok().then_some(source);
        if sockets.reads == Reads::OnceDescribed {
            self.described.push(key);
        }
    }

    /// Reads the adopted sockets whose legs are described, once every command is obeyed: until then the other end of a talk
    /// may lack its description, and what waits would be relayed to no one.
    fn read_described(&mut self, now: Mono) {
        if self.described.is_empty() || self.shared.woken.load(Ordering::Acquire) {
            return;
        }
        for key in std::mem::take(&mut self.described) {
            if let Some(Some(sockets)) = self.sockets.get_mut(key.0 as usize) {
                sockets.reads = Reads::Always;
            }
            self.drain(now, key, Through::Rtp);
        }
    }

    fn relearn(&mut self, now: Mono, key: Key) {
        if let Some(Some(sockets)) = self.sockets.get_mut(key.0 as usize) {
            sockets.reads = Reads::Always;
        }
        // What is already there came from the former source, and is heard.
        self.drain(now, key, Through::Rtp);
        if self.disconnect(key).is_err() && !self.unrenewed.contains(&key) {
            self.unrenewed.push(key);
        }
    }

    fn disconnect(&mut self, key: Key) -> io::Result<()> {
        let Some(Some(sockets)) = self.sockets.get_mut(key.0 as usize) else { return Ok(()) };
        if sockets.connected.is_some() {
            let mut rtp = bind_beside(&sockets.rtp, sockets.bound)?;
            self.poll.registry().register(&mut rtp, token(key, Through::Rtp), Interest::READABLE)?;
            sockets.rtp = rtp;
            sockets.connected = None;
        }
        Ok(())
    }

    fn tell(&mut self) {
        let mut counts = self.relay.counts();
        counts.unsent = self.unsent;
        self.shared.counts.publish(counts);
        if !self.events.is_empty() {
            (self.on_events)(&mut self.events);
        }
    }

    /// Keeps an event for the control plane. Every other event answers a command; only these two a peer can make at will.
    fn note(&mut self, event: Event) {
        if self.events.len() < UNTOLD || !matches!(event, Event::Digit { .. } | Event::RtpStarted { .. }) {
            self.events.push_back(event);
        }
    }
}

fn put(sockets: &[Option<Sockets>], send: DatagramOut, packet: &[u8]) -> bool {
    let Some(Some(sockets)) = sockets.get(send.key.0 as usize) else { return false };
    let Some(packet) = packet.get(..send.length) else { return false };
    sockets.send(send.through, packet, send.to).is_ok()
}

fn token(key: Key, through: Through) -> Token {
    Token(key.0 as usize * 2 + usize::from(through == Through::Rtcp))
}

fn place(token: Token) -> (Key, Through) {
    let through = if token.0.is_multiple_of(2) { Through::Rtp } else { Through::Rtcp };
    (Key((token.0 / 2) as u32), through)
}
