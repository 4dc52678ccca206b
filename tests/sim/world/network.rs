//! What goes between the gateway and the rest of a world, and when it arrives.

use super::{CITIZENS, GATEWAY, SEATS, World, address};
use bytes::Bytes;
use hotline_gateway::event::CallEvent;
use hotline_gateway::gateway::{Input, Output};
use hotline_gateway::media;
use hotline_gateway::sip::locate::Answer;
use hotline_gateway::sip::{Flow, Message, Outgoing, Transport};
use hotline_gateway::snapshot::SnapshotKey;
use hotline_gateway::time::Duration;
use std::net::SocketAddr;

/// Messages a listening world remembers: those of the last few calls.
const OVERHEARD: usize = 64;

/// What the network does to each datagram, in parts per thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    pub lost: u64,
    pub doubled: u64,
    /// Held back up to 300 ms, so that others overtake it.
    pub late: u64,
}

pub(super) enum Delivery {
    ToGateway(SocketAddr, Bytes),
    ToSeats(Bytes),
    ToCitizens(Bytes),
    ToPeer(SocketAddr, Bytes),
    ToScript(SocketAddr, Bytes),
    Media(media::Event),
    Disk(u64),
    /// A snapshot is on disk, or gone from it.
    Kept(SnapshotKey, Option<Vec<u8>>),
}

impl World {
    /// Bytes come to the gateway from an address.
    pub fn sends(&mut self, from: SocketAddr, bytes: Bytes) {
        self.after(Duration::from_micros(200), Delivery::ToGateway(from, bytes));
    }

    pub(super) fn deliver(&mut self, delivery: Delivery) {
        let mut said = Vec::new();
        match delivery {
            Delivery::ToGateway(from, bytes) => {
                if self.to_be_overheard(from) {
                    self.overhear(&bytes);
                }
                let local = address(GATEWAY);
                let flow = Flow { transport: Transport::Udp, local, remote: from, connection: None };
                self.input(Input::Sip { flow, bytes });
            }
            Delivery::ToCitizens(bytes) => {
                self.citizens.receive(self.now, address(GATEWAY), bytes, &mut said);
                self.phones_said(said, address(CITIZENS));
            }
            Delivery::ToSeats(bytes) => {
                self.seats.receive(self.now, address(GATEWAY), bytes, &mut said);
                self.phones_said(said, address(SEATS));
            }
            Delivery::ToPeer(at, bytes) => self.peer_hears(at, bytes),
            Delivery::ToScript(to, bytes) => match Message::parse(bytes.clone()) {
                Ok(message) => self.heard.push((self.now.mono, to, message)),
                // An answer to what is no message echoes what could be read of it, and may be none itself.
                Err(e) => assert!(bytes.starts_with(b"SIP/2.0 "), "the gateway sends what can be read: {e}"),
            },
            Delivery::Media(event) => {
                match event {
                    media::Event::Played { leg, play, .. } => self.hearing.played(leg, play),
                    media::Event::Opened { leg, .. } => self.hearing.opened(leg),
                    _ => {}
                }
                self.input(Input::Media(event));
            }
            Delivery::Disk(position) => {
                let confirmed = self.unconfirmed.partition_point(|e| e.position <= position);
                let confirmed: Vec<CallEvent> = self.unconfirmed.drain(..confirmed).collect();
                confirmed.iter().for_each(|event| self.store_callback(event));
                self.journal.extend(confirmed);
                self.input(Input::Durable { position });
            }
            Delivery::Kept(key, Some(body)) => {
                self.snapshots.insert(key, body);
            }
            Delivery::Kept(key, None) => {
                self.snapshots.remove(&key);
            }
        }
    }

    pub(super) fn carry_out(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { flow, bytes } => {
                    let to = flow.remote;
                    self.hearing.sent(&bytes);
                    if let (Some(sent), Ok(message)) = (&mut self.sent, Message::parse(bytes.clone())) {
                        sent.push((self.now.mono, to, message));
                    }
                    if self.to_be_overheard(to) {
                        self.overhear(&bytes);
                    }
                    let far = self.peers.contains_key(&to);
                    self.post(
                        |bytes| {
                            if far {
                                Delivery::ToPeer(to, bytes)
                            } else if to == address(SEATS) {
                                Delivery::ToSeats(bytes)
                            } else if to != address(CITIZENS) {
                                Delivery::ToScript(to, bytes)
                            } else {
                                Delivery::ToCitizens(bytes)
                            }
                        },
                        bytes,
                    );
                }
                Output::Media(command) => self.media(command),
                Output::Append { event, history } => {
                    let position = event.position;
                    self.keys.extend(history.map(|key| (position, key)));
                    self.hearing.happened(&event);
                    self.offers.happened(&event).unwrap_or_else(|broken| panic!("{broken}"));
                    self.unconfirmed.push(event);
                    self.after(self.disk_delay, Delivery::Disk(position));
                }
                Output::LookUp { call, .. } => {
                    self.input(Input::History { call, history: Default::default() });
                }
                Output::Locate(query) => {
                    self.input(Input::Located { query, answer: Answer::Failed });
                }
                Output::Block(_) => {}
                Output::Keep(snapshot) => {
                    let body = snapshot.encode().expect("a snapshot that can be written");
                    self.after(self.disk_delay, Delivery::Kept(snapshot.key(), Some(body)));
                }
                Output::Forget(key) => self.after(self.disk_delay, Delivery::Kept(key, None)),
                Output::Traced(_, traced) => self.traced.push(traced),
                Output::Drained => self.drained = true,
            }
        }
    }

    /// What the phones and the gateway say to each other, and not what another peer brings in.
    pub(super) fn to_be_overheard(&self, peer: SocketAddr) -> bool {
        self.overheard.is_some() && !self.peers.contains_key(&peer)
    }

    pub(super) fn overhear(&mut self, bytes: &Bytes) {
        let Some(heard) = &mut self.overheard else { return };
        if heard.len() == OVERHEARD {
            heard.pop_front();
        }
        heard.push_back(bytes.clone());
    }

    pub(super) fn peer_hears(&mut self, at: SocketAddr, bytes: Bytes) {
        self.to_peers.push((self.now.mono, at, bytes.clone()));
        let Ok(message) = Message::parse(bytes) else { return };
        let status = self.peers.get(&at).copied().flatten();
        if let (Some(_), Some(status)) = (message.method(), status) {
            let answer = Outgoing::response(&message, status.into(), Some("peer")).encode();
            self.peer_says(at, answer);
        }
    }

    /// A trunk's far end sends something.
    pub fn peer_says(&mut self, from: SocketAddr, bytes: Bytes) {
        self.post(|bytes| Delivery::ToGateway(from, bytes), bytes);
    }

    /// Puts a datagram on the network, which may lose, double or delay it.
    pub(super) fn post(&mut self, delivery: impl Fn(Bytes) -> Delivery, bytes: Bytes) {
        let Weather { lost, doubled, late } = self.weather;
        let copies = 1 + u32::from(self.random.below(1000) < doubled);
        for _ in 0..copies {
            if self.random.below(1000) < lost {
                continue;
            }
            let held = if self.random.below(1000) < late { self.random.below(300_000) } else { 0 };
            let delivery = delivery(bytes.clone());
            // To a script everything comes in the order it was sent.
            let spread = if matches!(delivery, Delivery::ToScript(..)) { 0 } else { self.random.below(100) };
            self.after(Duration::from_micros(200 + spread + held), delivery);
        }
    }

    pub(super) fn after(&mut self, time: Duration, delivery: Delivery) {
        self.next += 1;
        self.queue.insert((self.now.mono + time, self.next), delivery);
    }
}
