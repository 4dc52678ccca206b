//! A whole world in virtual time: the real control plane, simulated phones that speak real SIP, and a network, a
//! disk and a media plane that can be slow, lossy or dead. Nothing here sleeps; a seed gives the same run again.

mod disk;
mod media_plane;
mod network;
mod people;

pub use disk::has_final_record;
pub use network::Weather;

use crate::centre::Centre;
use crate::hearing::Hearing;
use crate::offers::Offers;
use bytes::Bytes;
use hotline_gateway::callback::Callback;
use hotline_gateway::caller::{HistoryKey, HistorySecret};
use hotline_gateway::cli::phones::{PhoneEvent, Phones};
use hotline_gateway::config::Config;
use hotline_gateway::event::CallEvent;
use hotline_gateway::gateway::{Counts, Gateway, Input, Recovery, Start};
use hotline_gateway::id::{CallbackId, Random, SeatId};
use hotline_gateway::media;
use hotline_gateway::redact::Secret;
use hotline_gateway::sip::Message;
use hotline_gateway::sip::digest::SeatAccount;
use hotline_gateway::snapshot::{Snapshot, SnapshotKey};
use hotline_gateway::time::{Duration, Mono, Now, Wall};
use network::Delivery;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

pub const GATEWAY: &str = "127.0.0.1:5060";
pub const SEATS: &str = "127.0.0.1:6000";
pub const CITIZENS: &str = "127.0.0.1:7000";

/// Of every seat that registers.
const PASSWORD: &str = "secret";

/// The world. `gateway` is `None` while it is dead.
pub struct World {
    pub now: Now,
    pub gateway: Option<Gateway>,
    pub citizens: Phones,
    pub seats: Phones,
    pub weather: Weather,
    /// How long the disk takes to confirm.
    pub disk_delay: Duration,
    /// Everything that reached the disk, in order: what a restart finds.
    pub journal: Vec<CallEvent>,
    /// Appended, but not yet confirmed.
    unconfirmed: Vec<CallEvent>,
    /// The snapshots on disk, as they are written.
    snapshots: HashMap<SnapshotKey, Vec<u8>>,
    /// When the gateway was last alive.
    killed: Option<Mono>,
    /// The numbers that are owed a call, as the store keeps them: changed with the event that says so.
    pub callbacks: BTreeMap<CallbackId, Callback>,
    /// The numbers of events that are not confirmed, by position.
    keys: BTreeMap<u64, HistoryKey>,
    pub told: Vec<(Mono, PhoneEvent)>,
    /// What the seats' phones alone told.
    pub seats_told: Vec<(Mono, PhoneEvent)>,
    pub random: Random,
    pub drained: bool,
    /// What came to addresses that are neither the seats' nor the citizens'.
    pub heard: Vec<(Mono, SocketAddr, Message)>,
    /// What the gateway sent, when the world listens to it.
    pub sent: Option<Vec<(Mono, SocketAddr, Message)>>,
    /// What the media plane was told.
    pub commands: Vec<media::Command>,
    /// The last messages that reached or left the gateway, when the world listens.
    pub overheard: Option<VecDeque<Bytes>>,
    pub traced: Vec<hotline_gateway::gateway::trace::Traced>,
    pub open_ports: BTreeMap<hotline_gateway::id::LegId, u16>,
    /// The media plane has no port left.
    pub no_ports: Option<media::OpenFailure>,
    /// Trunks' far ends: each answers every request with this status, or is silent.
    pub peers: BTreeMap<SocketAddr, Option<u16>>,
    /// What came to them.
    pub to_peers: Vec<(Mono, SocketAddr, Bytes)>,
    pub hearing: Hearing,
    /// The command to hear that a broken gateway would forget, counted from 0.
    pub loses: Option<usize>,
    pub offers: Offers,
    config: Config,
    queue: BTreeMap<(Mono, u64), Delivery>,
    next: u64,
}

fn read(text: &str) -> Config {
    Config::parse("world.toml", text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

impl World {
    /// `seats` seats with static contacts, one trunk, one service number 12345; `more` is appended to the queue's section.
    pub fn new(seed: u64, seats: u32, queue_keys: &str, service_keys: &str) -> World {
        World::with(seed, seats, (queue_keys, service_keys), "", "")
    }

    /// As [`World::new`], with keys for every seat and whole sections.
    pub fn with(seed: u64, seats: u32, keys: (&str, &str), seat_keys: &str, sections: &str) -> World {
        World::of(seed, seats, &World::text(seats, keys, seat_keys, sections))
    }

    /// The configuration of [`World::with`].
    pub fn text(
        seats: u32,
        (queue_keys, service_keys): (&str, &str),
        seat_keys: &str,
        sections: &str,
    ) -> String {
        let trunk = format!(
            "channels = 1000\ncalls_per_second = 1000\ntargets = [\"sip:{CITIZENS}\"]\nping = \"0s\""
        );
        let contact = format!("contact = \"sip:{{seat}}@{SEATS}\"\n{seat_keys}");
        Centre::new(&[&format!("udp:{GATEWAY}")], "", "unused/journal.db")
            .trunk("pbx", &["127.0.0.1/32"], &trunk)
            .seats(1001, 1000 + seats, &contact)
            .queue(queue_keys, service_keys)
            .with(sections)
            .text()
    }

    /// The gateway starts by this configuration the next time.
    pub fn configure(&mut self, text: &str) {
        self.config = read(text);
        self.hearing.configure(&self.config);
        self.offers = Offers::new(&self.config);
    }

    /// A world by its whole configuration, whose first seats answer at once.
    pub fn of(seed: u64, seats: u32, text: &str) -> World {
        let config = read(text);
        let mut random = Random::from_number(seed);
        let mut world = World {
            now: Now { mono: Mono(1_000_000_000), wall: Wall(1_800_000_000_000_000_000) },
            gateway: None,
            citizens: Phones::new(address(CITIZENS), address(GATEWAY), random.fork()),
            seats: Phones::new(address(SEATS), address(GATEWAY), random.fork()),
            weather: Weather::default(),
            disk_delay: Duration::from_millis(2),
            journal: Vec::new(),
            unconfirmed: Vec::new(),
            snapshots: HashMap::new(),
            killed: None,
            callbacks: BTreeMap::new(),
            keys: BTreeMap::new(),
            told: Vec::new(),
            seats_told: Vec::new(),
            random,
            drained: false,
            heard: Vec::new(),
            sent: None,
            commands: Vec::new(),
            overheard: None,
            traced: Vec::new(),
            open_ports: BTreeMap::new(),
            no_ports: None,
            peers: BTreeMap::new(),
            to_peers: Vec::new(),
            hearing: Hearing::new(&config),
            loses: None,
            offers: Offers::new(&config),
            config,
            queue: BTreeMap::new(),
            next: 0,
        };
        for n in 1..=seats {
            world.seat_answers(1000 + n, Duration::ZERO);
        }
        world.start();
        world
    }

    /// The gateway starts from what is on the disk, too late for its calls to go on.
    pub fn start(&mut self) {
        self.hearing.forget();
        self.offers = self.offers.anew();
        let since = |at: Mono| self.now.wall - self.now.mono.since(at);
        self.start_by(Recovery::Close { last_sign_of_life: self.killed.map(since) });
    }

    /// The gateway starts from what is on the disk, and its calls go on.
    pub fn resume(&mut self) {
        let gap = self.killed.map_or(Duration::ZERO, |at| self.now.mono.since(at));
        // What was not on the disk did not happen.
        self.offers = self.offers.anew();
        for event in &self.journal {
            self.offers.happened(event).unwrap_or_else(|broken| panic!("{broken}"));
        }
        let after = media::Interruption::Crash;
        self.start_by(Recovery::Resume { gap, after, given_up: Default::default(), numbers: None });
    }

    /// Every snapshot on the disk, in the order the store reads them.
    fn snapshots(&self) -> Vec<Snapshot> {
        let mut all: Vec<_> =
            self.snapshots.iter().map(|(key, body)| (key.kind(), key.name(), body)).collect();
        all.sort();
        all.into_iter()
            .map(|(_, _, body)| Snapshot::decode(body).expect("a snapshot that can be read"))
            .collect()
    }

    fn start_by(&mut self, recovery: Recovery) {
        let mut out = Vec::new();
        let start = Start {
            random: self.random.fork(),
            head: self.journal.last().map_or(0, |e| e.position),
            open_calls: self.open_calls(),
            snapshots: self.snapshots(),
            recovery,
            callbacks: self.callbacks.values().cloned().collect(),
            accounts: self.accounts(),
            trunk_passwords: [("secured".into(), "open sesame".into())].into(),
            history_secret: HistorySecret::new([7; 32]),
        };
        self.gateway = Some(Gateway::new(&self.config, start, self.now, &mut out));
        self.carry_out(out);
    }

    /// The accounts of the seats that register.
    fn accounts(&self) -> Vec<SeatAccount> {
        let registering = self.config.seats.iter().filter(|seat| seat.contact.is_none());
        let account = |seat: SeatId| SeatAccount {
            seat,
            password: Secret::new(PASSWORD.to_owned()),
            algorithms: Vec::new(),
        };
        registering.map(|seat| account(seat.id.clone())).collect()
    }

    /// The gateway dies at once: what was not on the disk is gone, and so is everything on its way to it.
    pub fn kill(&mut self) {
        self.gateway = None;
        self.killed = Some(self.now.mono);
        self.unconfirmed.clear();
        self.keys.clear();
        self.open_ports.clear();
        self.hearing.dies();
        self.queue.retain(|_, d| {
            !matches!(
                d,
                Delivery::Media(_) | Delivery::Disk(_) | Delivery::Kept(..) | Delivery::ToGateway(..)
            )
        });
    }

    /// Channels of all trunks that are taken.
    pub fn channels_in_use(&self) -> u32 {
        self.gateway.as_ref().map_or(0, Gateway::channels_in_use)
    }

    /// Brings an input of the shell.
    pub fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        if let Some(gateway) = &mut self.gateway {
            gateway.handle(self.now, input, &mut out);
        }
        self.carry_out(out);
    }

    /// What the gateway holds.
    pub fn counts(&self) -> Counts {
        self.gateway.as_ref().map(Gateway::counts).unwrap_or_default()
    }

    /// Lets this much time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now.mono + time;
        self.run_until(end, |_| false);
    }

    fn run_until(&mut self, end: Mono, done: impl Fn(&World) -> bool) {
        while !done(self) {
            let next = [
                self.queue.keys().next().map(|(at, _)| *at),
                self.gateway.as_ref().and_then(|g| g.poll_timeout()).map(|(at, _)| at),
                self.citizens.poll_timeout(),
                self.seats.poll_timeout(),
            ];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            let at = at.max(self.now.mono);
            self.now = self.now.after(at.since(self.now.mono));
            self.step();
        }
        if !done(self) {
            self.now = self.now.after(end.since(self.now.mono));
        }
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > now.mono {
                break;
            }
            let delivery = entry.remove();
            self.deliver(delivery);
        }
        let mut out = Vec::new();
        if let Some(gateway) = &mut self.gateway
            && gateway.poll_timeout().is_some_and(|(at, _)| at <= now.mono)
        {
            gateway.handle_timeout(now, &mut out);
        }
        self.carry_out(out);
        let mut said = Vec::new();
        self.citizens.handle_timeout(now, &mut said);
        self.phones_said(std::mem::take(&mut said), address(CITIZENS));
        self.seats.handle_timeout(now, &mut said);
        self.phones_said(said, address(SEATS));
        self.keeps_its_promises();
    }

    /// What holds at the end of every step.
    fn keeps_its_promises(&self) {
        let kept = self.hearing.check().and_then(|()| self.offers.check());
        kept.unwrap_or_else(|broken| {
            let events: Vec<&CallEvent> = self.journal.iter().chain(&self.unconfirmed).collect();
            let last = &events[events.len().saturating_sub(30)..];
            panic!("{broken}{}", crate::checks::story(last));
        });
    }
}
