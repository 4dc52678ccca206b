//! A whole world in virtual time: the real control plane, simulated phones that speak real SIP, and a network, a
//! disk and a media plane that can be slow, lossy or dead. Nothing here sleeps; a seed gives the same run again.

use crate::hearing::Hearing;
use crate::offers::Offers;
use bytes::Bytes;
use hotline_gateway::callback::Callback;
use hotline_gateway::caller::{HistoryKey, HistorySecret};
use hotline_gateway::cli::phones::{
    CitizenPlan, HangUp, Line, Output as PhoneOutput, PhoneEvent, Phones, SeatPlan, WhenRung,
};
use hotline_gateway::config::Config;
use hotline_gateway::event::{CallEvent, MediaQuality, What, wire};
use hotline_gateway::gateway::{Counts, Gateway, Input, Output, Recovery, Start};
use hotline_gateway::id::{CallbackId, Random, SeatId};
use hotline_gateway::media;
use hotline_gateway::redact::Secret;
use hotline_gateway::sip::digest::SeatAccount;
use hotline_gateway::sip::locate::Answer;
use hotline_gateway::sip::{Flow, Message, Outgoing, Transport};
use hotline_gateway::snapshot::{Snapshot, SnapshotKey};
use hotline_gateway::time::{Duration, Mono, Now, Wall};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;

pub const GATEWAY: &str = "127.0.0.1:5060";
pub const SEATS: &str = "127.0.0.1:6000";
pub const CITIZENS: &str = "127.0.0.1:7000";

/// Of every seat that registers.
const PASSWORD: &str = "secret";

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

enum Delivery {
    ToGateway(SocketAddr, Bytes),
    ToSeats(Bytes),
    ToCitizens(Bytes),
    ToPeer(SocketAddr, Bytes),
    ToScript(SocketAddr, Bytes),
    Media(media::Event),
    Disk(u64),
    /// A snapshot is on disk, or gone from it.
    Kept(SnapshotKey, Option<String>),
}

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
    snapshots: HashMap<SnapshotKey, String>,
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

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

impl World {
    /// `seats` seats with static contacts, one trunk, one service number 12345; `more` is appended to the queue's section.
    pub fn new(seed: u64, seats: u32, queue_keys: &str, service_keys: &str) -> World {
        World::with(seed, seats, (queue_keys, service_keys), "", "")
    }

    /// As [`World::new`], with keys for every seat and whole sections.
    pub fn with(
        seed: u64,
        seats: u32,
        (queue_keys, service_keys): (&str, &str),
        seat_keys: &str,
        sections: &str,
    ) -> World {
        let last = 1000 + seats;
        let text = format!(
            "[sip]\nlisten = [\"udp:{GATEWAY}\"]\n\
             [store]\npath = \"unused/journal.db\"\n\
             [[trunk]]\nname = \"pbx\"\nsources = [\"127.0.0.1/32\"]\nchannels = 1000\ncalls_per_second = 1000\n\
             targets = [\"sip:{CITIZENS}\"]\nping = \"0s\"\n\
             [[seat]]\nrange = \"1001-{last}\"\ncontact = \"sip:{{seat}}@{SEATS}\"\n{seat_keys}\n\
             [[queue]]\nname = \"main\"\n{queue_keys}\n\
             [[service]]\nnumber = \"12345\"\nqueue = \"main\"\n{service_keys}\n{sections}\n"
        );
        let config = Config::parse("world.toml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
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
            .map(|(_, _, body)| serde_json::from_str(body).expect("a snapshot that can be read"))
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

    /// A seat's phone registers.
    pub fn seat_registers(&mut self, seat: u32) {
        let password = Secret::new(PASSWORD.to_owned());
        self.at_desk(|phones, now, out| phones.register(now, &seat.to_string(), password, out));
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

    /// The events of every call that has no final record.
    pub fn open_calls(&self) -> Vec<Vec<CallEvent>> {
        let mut calls: BTreeMap<_, Vec<CallEvent>> = BTreeMap::new();
        for event in &self.journal {
            if let Some(part) = &event.call {
                calls.entry(part.id).or_default().push(event.clone());
            }
        }
        calls.into_values().filter(|events| !has_final_record(events)).collect()
    }

    /// A seat answers its calls after ringing this long.
    pub fn seat_answers(&mut self, seat: u32, after: Duration) {
        self.seat_does(seat, WhenRung::Answers(after), None);
    }

    /// What a seat does when it rings, and how long it talks.
    pub fn seat_does(&mut self, seat: u32, when_rung: WhenRung, talks: Option<Duration>) {
        let media = SocketAddr::new(address(SEATS).ip(), 40_000 + (seat % 10_000) as u16 * 2);
        self.seats.seat(&seat.to_string(), SeatPlan { media, when_rung, talks });
    }

    /// A citizen dials.
    pub fn citizen_calls(&mut self, number: &str, hangs_up: HangUp) -> Line {
        self.citizen_dials(number, "12345", hangs_up)
    }

    /// A citizen dials a number of his choice.
    pub fn citizen_dials(&mut self, number: &str, dials: &str, hangs_up: HangUp) -> Line {
        let media = SocketAddr::new(address(CITIZENS).ip(), 30_000);
        let plan = CitizenPlan { dials: dials.into(), number: number.into(), media, hangs_up };
        let mut out = Vec::new();
        let line = self.citizens.citizen_calls(self.now, plan, &mut out);
        self.phones_said(out, address(CITIZENS));
        line
    }

    /// An operator dials at a seat's phone.
    pub fn seat_dials(&mut self, seat: u32, dials: &str, hangs_up: HangUp) -> Line {
        let media = SocketAddr::new(address(SEATS).ip(), 45_000 + (seat % 10_000) as u16 * 2);
        let plan = CitizenPlan { dials: dials.into(), number: seat.to_string(), media, hangs_up };
        let mut out = Vec::new();
        let line = self.seats.citizen_calls(self.now, plan, &mut out);
        self.phones_said(out, address(SEATS));
        line
    }

    /// Bytes come to the gateway from an address.
    pub fn sends(&mut self, from: SocketAddr, bytes: Bytes) {
        self.after(Duration::from_micros(200), Delivery::ToGateway(from, bytes));
    }

    /// An operator does something at a phone.
    pub fn at_desk<T>(&mut self, does: impl FnOnce(&mut Phones, Now, &mut Vec<PhoneOutput>) -> T) -> T {
        let mut out = Vec::new();
        let done = does(&mut self.seats, self.now, &mut out);
        self.phones_said(out, address(SEATS));
        done
    }

    /// A citizen does something on his line that citizens do not.
    pub fn in_hall<T>(&mut self, does: impl FnOnce(&mut Phones, Now, &mut Vec<PhoneOutput>) -> T) -> T {
        let mut out = Vec::new();
        let done = does(&mut self.citizens, self.now, &mut out);
        self.phones_said(out, address(CITIZENS));
        done
    }

    /// Channels of all trunks that are taken.
    pub fn channels_in_use(&self) -> u32 {
        self.gateway.as_ref().map_or(0, Gateway::channels_in_use)
    }

    /// A party outside that can be reached by number, and what it does when it is called.
    pub fn in_town(&mut self, number: &str, when_rung: WhenRung, talks: Option<Duration>) {
        let media = SocketAddr::new(address(CITIZENS).ip(), 35_000);
        self.citizens.seat(number, SeatPlan { media, when_rung, talks });
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

    fn deliver(&mut self, delivery: Delivery) {
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

    fn carry_out(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { flow, bytes } => {
                    let to = flow.remote;
                    self.hearing.sent(&bytes);
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
                    let body = serde_json::to_string(&snapshot).expect("a snapshot that can be written");
                    self.after(self.disk_delay, Delivery::Kept(snapshot.key(), Some(body)));
                }
                Output::Forget(key) => self.after(self.disk_delay, Delivery::Kept(key, None)),
                Output::Traced(_, traced) => self.traced.push(traced),
                Output::Drained => self.drained = true,
            }
        }
    }

    /// What the store does with the event of a callback.
    fn store_callback(&mut self, event: &CallEvent) {
        let key = self.keys.remove(&event.position);
        let What::CallbackChanged(changed) = &event.what else { return };
        let Some(promise) = changed.promise else { return };
        let key = key.or_else(|| self.callbacks.get(&promise.id).map(|stored| stored.key));
        match key.and_then(|key| Callback::after(changed, key)) {
            Some(callback) => drop(self.callbacks.insert(promise.id, callback)),
            None => drop(self.callbacks.remove(&promise.id)),
        }
    }

    /// What the phones and the gateway say to each other, and not what another peer brings in.
    fn to_be_overheard(&self, peer: SocketAddr) -> bool {
        self.overheard.is_some() && !self.peers.contains_key(&peer)
    }

    fn overhear(&mut self, bytes: &Bytes) {
        let Some(heard) = &mut self.overheard else { return };
        if heard.len() == OVERHEARD {
            heard.pop_front();
        }
        heard.push_back(bytes.clone());
    }

    fn peer_hears(&mut self, at: SocketAddr, bytes: Bytes) {
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

    /// A media plane that always has a port and plays every prompt in three seconds, a tone in half of one.
    fn media(&mut self, command: media::Command) {
        let of_hearing = |c: &&media::Command| matches!(c, media::Command::Hear { .. });
        let is_lost =
            of_hearing(&&command) && self.loses == Some(self.commands.iter().filter(of_hearing).count());
        if !is_lost {
            self.hearing.told(&command);
        }
        self.commands.push(command.clone());
        let soon = Duration::from_micros(100);
        match command {
            media::Command::Open { leg, .. } if let Some(why) = self.no_ports => {
                self.after(soon, Delivery::Media(media::Event::OpenFailed { leg, why }));
            }
            media::Command::Open { leg, resume, .. } => {
                let new = 20_000 + (self.next % 10_000) as u16 * 2;
                let port = resume.map_or(new, |resumed| resumed.port);
                self.open_ports.insert(leg, port);
                self.after(
                    soon,
                    Delivery::Media(media::Event::Opened { leg, local: media::LocalMedia::plain(port) }),
                );
            }
            media::Command::Hear { leg, source: media::Source::Prompt { prompt, play, repeat: false } } => {
                let played = media::Event::Played { leg, play, complete: true };
                let lasts = Duration::from_millis(if prompt.starts_with("tone-") { 500 } else { 3_000 });
                self.after(lasts, Delivery::Media(played));
            }
            media::Command::Pressed { leg, key, held } => {
                let digit = media::Event::Digit { leg, digit: key, held: Some(held) };
                self.after(soon, Delivery::Media(digit));
            }
            media::Command::Close { leg } => {
                self.open_ports.remove(&leg);
                let quality = MediaQuality { leg: Some(leg), ..MediaQuality::default() };
                self.after(soon, Delivery::Media(media::Event::Closed { leg, quality }));
            }
            _ => {}
        }
    }

    fn phones_said(&mut self, out: Vec<PhoneOutput>, from: SocketAddr) {
        for output in out {
            match output {
                PhoneOutput::Send { bytes, .. } => self.post(|bytes| Delivery::ToGateway(from, bytes), bytes),
                PhoneOutput::Event(told) => {
                    if from == address(SEATS) {
                        self.seats_told.push((self.now.mono, told.clone()));
                    }
                    self.told.push((self.now.mono, told));
                }
            }
        }
    }

    /// Puts a datagram on the network, which may lose, double or delay it.
    fn post(&mut self, delivery: impl Fn(Bytes) -> Delivery, bytes: Bytes) {
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

    fn after(&mut self, time: Duration, delivery: Delivery) {
        self.next += 1;
        self.queue.insert((self.now.mono + time, self.next), delivery);
    }
}

/// With `HOTLINE_JOURNALS=directory` every world leaves its journal there, one file a test: to be compared with that of
/// another version. Identifiers are numbered in order of appearance, times stand in milliseconds.
impl Drop for World {
    fn drop(&mut self) {
        let Ok(directory) = std::env::var("HOTLINE_JOURNALS") else { return };
        let test = std::thread::current().name().unwrap_or("main").replace("::", ".");
        let mut text = String::new();
        for event in self.journal.iter().chain(&self.unconfirmed) {
            let ms = event.at.millis();
            let body = wire::json("CallEvent", &wire::encode(event)).unwrap_or_else(|_| format!("{event:?}"));
            text += &format!("{ms} {body}\n");
        }
        let mut file = OpenOptions::new().create(true).append(true).open(format!("{directory}/{test}.txt"));
        if let Ok(file) = &mut file {
            let _ = writeln!(file, "{}", renumbered(&text));
        }
    }
}

/// The text with each UUID replaced by its number in order of appearance, and fractions of a second cut to milliseconds.
fn renumbered(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        if let Some(id) = rest.get(..36).filter(|id| id.chars().all(is_hex) && id.matches('-').count() == 4) {
            let next = numbers.len() + 1;
            out += &format!("#{}", numbers.entry(id.to_owned()).or_insert(next));
            rest = &rest[36..];
        } else if let Some(fraction) =
            rest.strip_prefix('.').filter(|f| f.starts_with(|c: char| c.is_ascii_digit()))
        {
            let digits = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
            out += &rest[..=digits.min(3)];
            rest = &fraction[digits..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Whether a call's events end in a final record.
pub fn has_final_record(events: &[CallEvent]) -> bool {
    use hotline_gateway::event::What;
    events.iter().any(|e| matches!(&e.what, What::CallRecordUpdated(r) if r.is_final))
}
