//! Talks and waiting calls that are kept open while the gateway is killed, or hands over, under a load of other calls: who is
//! still on the phone afterwards, and how long nothing was heard. `make survive` does the same a hundred times.

use crate::programme::{Programme, media_address};
use crate::town::{self, Town};
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::cli::sound::Sound;
use hotline_gateway::id::Random;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use tokio::time::{Duration, Instant};

/// Talks and waiting calls that are kept open.
const TALKS: usize = 20;
const WAITING: usize = 10;

/// Further calls a second, each a short talk.
const RATE: f64 = 20.0;
const SHORT_TALK: Duration = Duration::from_millis(400);

/// Seats from 1001 on: those of the kept talks, and enough for the others.
const SEATS: u32 = 45;

/// So long after a restart is looked who is still there: each dialog has been probed by then.
const SETTLED: Duration = Duration::from_secs(5);

/// A process that lived as long has resumed what it could: the next death is not counted against its calls.
const LONG_LIFE: Duration = Duration::from_millis(5_600);

/// What is done to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    Upgrade,
}

/// A call that is kept open, and where its parties hear.
struct Kept {
    number: String,
    caller: SocketAddr,
    seat: Option<(String, SocketAddr)>,
}

/// What came of all blows.
#[derive(Debug, Default)]
struct Tally {
    blows: usize,
    talks: Share,
    waiting: Share,
    /// The longest time without a packet, of each party of a kept talk.
    gaps: Vec<Duration>,
    /// Packets that one party of a kept talk sent and the other did not hear.
    lost: Vec<u64>,
    /// From the blow to the first talk of a call that was made after it.
    first_talks: Vec<Duration>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Share {
    survived: usize,
    of: usize,
}

fn at<T: Copy + Ord>(values: &[T], percent: usize) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied()
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { blows, talks, waiting, gaps, lost, first_talks } = self;
        write!(
            f,
            "{blows} times: talks {} of {}, waiting {} of {}",
            talks.survived, talks.of, waiting.survived, waiting.of
        )?;
        write!(f, "; nothing heard p50 {:?} p99 {:?} of {}", at(gaps, 50), at(gaps, 99), gaps.len())?;
        let (all, most) = (lost.iter().sum::<u64>(), lost.iter().max());
        write!(f, "; packets lost {all}, of one party {most:?}")?;
        write!(f, "; first new talk p50 {:?} p99 {:?}", at(first_talks, 50), at(first_talks, 99))
    }
}

fn configuration(name: &'static str, seats_at: SocketAddr) -> impl Fn(&Path, [SocketAddr; 3]) -> String {
    move |directory, [sip, grpc, http]| {
        let (media, last, store) = (media_address(name), 1000 + SEATS, directory.join("journal.db"));
        format!(
            "[sip]\nlisten = [\"udp:{sip}\"]\n[media]\naddress = \"{media}\"\nports = \"16384-29999\"\n\
             [grpc]\nlisten = \"{grpc}\"\n[http]\nlisten = \"{http}\"\n[store]\npath = {store:?}\n\
             [log]\nlevel = \"warn\"\n[limits]\ndrain = \"5s\"\n\
             [[trunk]]\nname = \"city\"\nsources = [\"127.0.0.1\"]\ncalls_per_second = 5000\nchannels = 1000\n\
             [[seat]]\nrange = \"1001-{last}\"\ncontact = \"sip:{{seat}}@{seats_at}\"\n[[seat]]\nid = \"1999\"\n\
             [[queue]]\nname = \"main\"\nseats = [\"1001-{last}\"]\nwrap_up = \"0s\"\nring_timeout = \"2s\"\ncool_down = \"1s\"\n\
             [[queue]]\nname = \"still\"\nseats = [\"1999\"]\nmax_wait = \"1h\"\n\
             [[service]]\nnumber = \"12345\"\nqueue = \"main\"\n[[service]]\nnumber = \"12398\"\nqueue = \"still\"\n"
        )
    }
}

/// A gateway, a town that calls it, and the calls that are kept open.
struct Scene {
    gateway: Programme,
    town: Town,
    sound: Sound,
    ports: Vec<SocketAddr>,
    talks: Vec<Kept>,
    waiting: Vec<Kept>,
    tally: Tally,
}

impl Scene {
    async fn begin(name: &'static str, seed: u64) -> Scene {
        let mut random = Random::from_number(seed);
        let (phones, seats_at) = Town::seats(&mut random).await;
        let gateway = Programme::configured(name, configuration(name, seats_at));
        let sound = Sound::start().expect("a thread for the sound");
        let town = Town::new(phones, gateway.sip, random.fork()).await.with_sound(sound.clone());
        let ports = (0..SEATS).map(|_| sound.open(here()).expect("a port")).collect();
        let (talks, waiting) = Default::default();
        Scene { gateway, town, sound, ports, talks, waiting, tally: Tally::default() }
    }

    /// From now on every seat talks for so long.
    fn seats_talk(&mut self, talks: Option<Duration>) {
        for (seat, port) in (1001..).zip(&self.ports) {
            self.town.seat_at(seat, WhenRung::Answers(Duration::from_millis(20)), talks, *port);
        }
    }

    fn calls(&mut self, dials: &str) -> Kept {
        let caller = self.sound.open(here()).expect("a port");
        let number = self.town.call_at(dials, HangUp::Never, caller);
        Kept { number, caller, seat: None }
    }

    /// Calls until there are as many kept calls as there should be.
    async fn fill(&mut self) {
        self.seats_talk(None);
        // Short talks that still go on would take the kept ones' place in the count.
        self.town.live(SHORT_TALK).await;
        let talks: Vec<Kept> = (self.talks.len()..TALKS).map(|_| self.calls("12345")).collect();
        let waiting: Vec<Kept> = (self.waiting.len()..WAITING).map(|_| self.calls("12398")).collect();
        let until = Instant::now() + Duration::from_secs(20);
        let is_up = |town: &Town, kept: &Kept| !town.seen[&kept.number].talked.is_empty();
        while !talks.iter().all(|kept| is_up(&self.town, kept))
            || !waiting.iter().all(|kept| self.town.seen[&kept.number].answered)
        {
            assert!(Instant::now() < until, "the calls that are to be kept do not come up");
            self.town.live(Duration::from_millis(20)).await;
        }
        let with_seat = talks.into_iter().map(|kept| {
            let seat = self.town.seen[&kept.number].talked[0].seat.clone();
            let nth: usize = seat.parse::<usize>().expect("a number") - 1001;
            Kept { seat: Some((seat, self.ports[nth])), ..kept }
        });
        self.talks.extend(with_seat);
        self.waiting.extend(waiting);
        self.seats_talk(Some(SHORT_TALK));
    }

    async fn others_call(&mut self, time: Duration) {
        self.town.calls(time, RATE, |_| others()).await;
    }

    async fn blow(&mut self, blow: Blow) {
        self.others_call(Duration::from_secs(1)).await;
        let parties: Vec<[SocketAddr; 2]> =
            self.talks.iter().filter_map(|k| Some([k.caller, k.seat.as_ref()?.1])).collect();
        let before: Vec<_> = parties.iter().map(|two| two.map(|port| self.sound.measured(port))).collect();
        assert!(before.iter().flatten().all(|heard| heard.packets > 0), "the parties hear each other before");
        let (struck, made) = (Instant::now(), self.town.made());
        match blow {
            Blow::Kill => {
                self.gateway.kill();
                self.gateway.start_again();
            }
            Blow::Upgrade => {
                let upgraded = self.gateway.upgrade();
                let mut upgraded = std::pin::pin!(upgraded);
                loop {
                    tokio::select! {
                        () = &mut upgraded => break,
                        () = self.town.calls(Duration::from_millis(50), RATE, |_| others()) => {}
                    }
                }
                self.gateway.is_ready_again();
            }
        }
        self.others_call(SETTLED - Duration::from_secs(1)).await;
        let after: Vec<_> = parties.iter().map(|two| two.map(|port| self.sound.measured(port))).collect();
        // From here on is counted what a waiting caller hears, too.
        for kept in &self.waiting {
            self.sound.measured(kept.caller);
        }
        self.others_call(Duration::from_secs(1)).await;
        self.count(struck, made, &after);
    }

    /// Who is still there, and what they heard meanwhile.
    fn count(&mut self, struck: Instant, made: u32, after: &[[hotline_gateway::cli::sound::Heard; 2]]) {
        let Scene { town, sound, talks, waiting, tally, .. } = self;
        tally.blows += 1;
        tally.talks.of += talks.len();
        tally.waiting.of += waiting.len();
        let mut heard = after.iter();
        talks.retain(|kept| {
            let seen = &town.seen[&kept.number];
            let signalled = seen.end.is_none() && seen.talked.iter().any(|talk| talk.until.is_none());
            let ports = [Some(kept.caller), kept.seat.as_ref().map(|(_, port)| *port)];
            let hear = ports.into_iter().flatten().all(|port| sound.measured(port).packets > 0);
            if let (true, Some([caller, seat])) = (signalled && hear, heard.next()) {
                tally.gaps.extend([caller.longest_gap, seat.longest_gap]);
                tally.lost.extend([
                    seat.sent.saturating_sub(caller.packets),
                    caller.sent.saturating_sub(seat.packets),
                ]);
            }
            signalled && hear
        });
        waiting
            .retain(|kept| town.seen[&kept.number].end.is_none() && sound.measured(kept.caller).packets > 0);
        tally.talks.survived += talks.len();
        tally.waiting.survived += waiting.len();
        let new = town.seen_from(made).filter_map(|seen| seen.talked.first());
        tally.first_talks.extend(new.map(|talk| talk.from.saturating_duration_since(struck)).min());
    }

    fn end(mut self) -> Tally {
        assert!(self.town.busy_rings.is_empty(), "rang while they talked: {:?}", self.town.busy_rings);
        assert!(self.gateway.stop().success());
        self.tally
    }
}

fn here() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

/// So many times, or as many as `SURVIVE` says.
fn times(times: usize) -> usize {
    std::env::var("SURVIVE").ok().and_then(|text| text.parse().ok()).unwrap_or(times)
}

/// What the others do: they talk until the seat hangs up, and wait no longer than this.
fn others() -> (&'static str, HangUp) {
    ("12345", HangUp::AfterAnswer(Duration::from_secs(5)))
}

async fn story(name: &'static str, blow: Blow, times: usize) -> Tally {
    let mut scene = Scene::begin(name, 11).await;
    for nth in 0..times {
        scene.fill().await;
        scene.blow(blow).await;
        eprintln!("{name} {}: {}", nth + 1, scene.tally);
        // A call may outlive two starts that did not live long; every second one does.
        if nth % 2 == 1 {
            scene.others_call(LONG_LIFE).await;
        }
    }
    scene.end()
}

#[test]
fn talks_and_waiting_calls_outlive_five_kills() {
    let _alone = crate::alone();
    let tally = town::run(story("survive-kill", Blow::Kill, times(5)));
    eprintln!("kill -9: {tally}");
    assert_eq!(tally.talks.survived, tally.talks.of, "{tally}");
    assert_eq!(tally.waiting.survived, tally.waiting.of, "{tally}");
    // As long as a start takes under the load of all tests, and the pause of a second that is promised.
    assert!(at(&tally.gaps, 50).is_some_and(|gap| gap < Duration::from_secs(1)), "{tally}");
}

#[test]
fn talks_and_waiting_calls_outlive_three_upgrades() {
    let _alone = crate::alone();
    let tally = town::run(story("survive-upgrade", Blow::Upgrade, times(3)));
    eprintln!("upgrade: {tally}");
    assert_eq!(tally.talks.survived, tally.talks.of, "{tally}");
    assert_eq!(tally.waiting.survived, tally.waiting.of, "{tally}");
    assert!(at(&tally.gaps, 50).is_some_and(|gap| gap < Duration::from_secs(1)), "{tally}");
}
