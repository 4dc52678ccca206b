//! `hotline demo`: a gateway of its own, seats and citizens that really call it, and what happens shown as it does.
//!
//! The seats register with their passwords, speak and listen over RTP; the citizens do what citizens do, one who
//! gives up waiting and one who dials a wrong number included. Every call has an outcome it must have: at the end the
//! demo compares what the citizens saw with what the journal says.

use super::handsets::Handsets;
use super::phones::{CitizenPlan, HangUp, Line, SeatPlan, Told, WhenRung};
use super::sound::Sound;
use super::table::Table;
use crate::config::Config;
use crate::event::{CallEvent, CallState, EndReason, What};
use crate::id::Random;
use crate::io::serve::{self, Running};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::time::{Duration, Instant};

/// How many seats the demo has.
const SEATS: u32 = 6;

/// The seat whose phone rings and is never answered.
const MUTE_SEAT: u32 = 1003;

/// How many citizens call when nobody watches.
const CITIZENS: u32 = 12;

/// What the demo is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Where the journal is kept; a new directory under the temporary one when not named.
    #[arg(long)]
    pub state: Option<std::path::PathBuf>,
    /// How many citizens call; without a terminal 12, with one until Ctrl-C.
    #[arg(long)]
    pub citizens: Option<u32>,
}

/// What must become of a citizen's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Served,
    GivesUp,
    Refused,
}

/// Runs the demo. The error says which call did not become what it had to.
pub async fn run(args: Args) -> Result<(), String> {
    let watched = std::io::stdout().is_terminal();
    let state = args
        .state
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("hotline-demo-{}", std::process::id())));
    let config = configuration(&state)?;
    let running = serve::start(&config).await?;
    let gateway = running.sip.first().map(|(_, a)| *a).ok_or("the demo's gateway has no SIP address")?;
    introduce(&running, gateway, &state);
    let citizens = args.citizens.unwrap_or(if watched { 1_000_000 } else { CITIZENS });
    let mut demo = Demo::begin(&running, gateway, watched).await?;
    tokio::select! {
        outcome = demo.play(citizens) => outcome?,
        _ = tokio::signal::ctrl_c() => println!("\nstopping"),
    }
    demo.settle().await;
    let verdict = demo.verdict(&running).await;
    running.stop().await;
    if args.state.is_none() {
        let _ = std::fs::remove_dir_all(&state);
    }
    verdict
}

fn configuration(state: &std::path::Path) -> Result<Config, String> {
    let path = state.join("journal.db");
    let text = format!(
        "[sip]\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n\
         [grpc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [store]\npath = {path:?}\n\
         [[trunk]]\nname = \"city\"\nsources = [\"127.0.0.0/8\"]\nchannels = 100\ncalls_per_second = 50\n\
         trusted = true\ncountry = \"86\"\n\
         [[seat]]\nrange = \"1001-{}\"\n\
         [[queue]]\nname = \"main\"\nring_timeout = \"2s\"\ncool_down = \"5s\"\nwrap_up = \"1s\"\nmusic = \"music\"\n\
         [[service]]\nnumber = \"12345\"\nqueue = \"main\"\nwelcome = \"welcome\"\n",
        1000 + SEATS
    );
    std::fs::create_dir_all(state)
        .map_err(|e| format!("{}: {e}: name another place with --state", state.display()))?;
    Config::parse("the demo's configuration", &text).map_err(|e| e.to_string())
}

fn introduce(running: &Running, gateway: SocketAddr, state: &std::path::Path) {
    println!(
        "hotline demo: SIP at {gateway}, gRPC at {}, health at http://{}/health",
        running.grpc, running.http
    );
    println!("journal and passwords in {}", state.display());
    if std::io::stdout().is_terminal() {
        println!(
            "to answer calls yourself: register a softphone at {gateway} as {MUTE_SEAT}, password in {}/seats.toml",
            state.display()
        );
        println!("to call: dial sip:12345@{gateway}; Ctrl-C ends the demo\n");
    }
}

struct Demo {
    seats: Handsets,
    citizens: Handsets,
    table: Table,
    expected: BTreeMap<String, Expected>,
    lines: BTreeMap<Line, String>,
    seat_lines: BTreeMap<Line, String>,
    seen: BTreeMap<String, &'static str>,
    spoken: BTreeMap<String, bool>,
    events: tokio::sync::mpsc::Receiver<CallEvent>,
    random: Random,
}

impl Demo {
    async fn begin(running: &Running, gateway: SocketAddr, watched: bool) -> Result<Demo, String> {
        let plain = |e: std::io::Error| format!("the demo's phones: {e}");
        let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let sound = Sound::start().map_err(plain)?;
        let mut random = Random::from_number(u64::from(std::process::id()));
        let mut seats =
            Handsets::bind(here, gateway, random.fork()).await.map_err(plain)?.with_sound(sound.clone());
        let citizens = Handsets::bind(here, gateway, random.fork()).await.map_err(plain)?.with_sound(sound);
        for n in 1..=SEATS {
            let seat = (1000 + n).to_string();
            let Some(password) = running.password(&seat) else { continue };
            let media = seats.media_port(here.ip());
            let rings = Duration::from_millis(200 + random.below(400));
            let mute = seat == MUTE_SEAT.to_string();
            let when_rung = if mute { WhenRung::Rings } else { WhenRung::Answers(rings) };
            let talks = Some(Duration::from_millis(1500 + random.below(1500)));
            seats.seat(&seat, SeatPlan { media, when_rung, talks });
            seats.register(&seat, password);
        }
        Ok(Demo {
            seats,
            citizens,
            table: Table::new(watched),
            expected: BTreeMap::new(),
            lines: BTreeMap::new(),
            seat_lines: BTreeMap::new(),
            seen: BTreeMap::new(),
            spoken: BTreeMap::new(),
            events: running.events(),
            random,
        })
    }

    /// Citizens call, one after the other, in a burst now and then.
    async fn play(&mut self, citizens: u32) -> Result<(), String> {
        self.live(Duration::from_millis(500)).await;
        for n in 0..citizens {
            self.citizen(n);
            // Bursts of eight, so that some must wait.
            let pause = if n % 12 >= 7 { 800 } else { 5 + self.random.below(10) };
            self.live(Duration::from_millis(pause)).await;
        }
        Ok(())
    }

    fn citizen(&mut self, n: u32) {
        let number = format!("1381234{:04}", n % 10_000);
        let (dials, hangs_up, expected) = match n % 12 {
            // The seventh of a burst for five seats that answer: he waits, and does not wait long.
            6 => ("12345", HangUp::AfterDialling(Duration::from_millis(400)), Expected::GivesUp),
            9 => ("99999", HangUp::Never, Expected::Refused),
            _ => ("12345", HangUp::Never, Expected::Served),
        };
        let media = self.citizens.media_port(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let plan = CitizenPlan { dials: dials.into(), number: number.clone(), media, hangs_up };
        let line = self.citizens.call(plan);
        self.lines.insert(line, number.clone());
        self.expected.insert(number, expected);
    }

    /// Lets the last calls end.
    async fn settle(&mut self) {
        let limit = Instant::now() + Duration::from_secs(20);
        while self.citizens.open_calls() > 0 && Instant::now() < limit {
            self.live(Duration::from_millis(100)).await;
        }
        self.live(Duration::from_millis(1500)).await;
    }

    async fn live(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            tokio::select! {
                told = self.citizens.live(until) => self.hear(told),
                told = self.seats.live(until) => self.hear(told),
                Some(event) = self.events.recv() => self.table.event(&event),
            }
        }
    }

    fn hear(&mut self, told: Vec<Told>) {
        for told in told {
            let (line, saw) = match told {
                Told::Answered { line, .. } => (line, "answered"),
                Told::Refused { line, .. } => (line, "refused"),
                Told::HungUp { line } => (line, "hung up"),
                Told::HungUpOn { line } => (line, "was hung up on"),
                Told::Lost { line } => (line, "lost"),
                Told::Rings { number, line, .. } => {
                    self.seat_lines.insert(line, number);
                    continue;
                }
                Told::Talks { line, .. } => {
                    if let Some(number) = self.seat_lines.get(&line) {
                        self.spoken.insert(number.clone(), true);
                    }
                    continue;
                }
                _ => continue,
            };
            if let Some(number) = self.lines.get(&line) {
                self.seen.insert(number.clone(), saw);
            }
        }
    }

    /// Compares what every citizen saw with what the journal says.
    async fn verdict(&mut self, running: &Running) -> Result<(), String> {
        let records = running.records().await?;
        let mut wrong = Vec::new();
        for (number, expected) in &self.expected {
            let seen = self.seen.get(number).copied().unwrap_or("nothing");
            let record = records.iter().find(|r| r.caller.raw.reveal() == number);
            let recorded =
                record.map(|r| (r.state, r.ended.as_ref().map(|e| e.reason), r.connected_at.is_some()));
            let right = match (expected, recorded) {
                (Expected::Served, Some((_, Some(EndReason::Completed), true))) => {
                    seen == "was hung up on" && self.spoken.contains_key(number)
                }
                (Expected::GivesUp, Some((_, Some(EndReason::Abandoned | EndReason::Cancelled), false))) => {
                    true
                }
                (Expected::GivesUp, Some((_, Some(EndReason::Completed), true))) => true,
                (Expected::Refused, Some((CallState::Refused, None, false))) => seen == "refused",
                _ => false,
            };
            if !right {
                wrong.push(format!(
                    "a citizen who should be {expected:?} saw {seen:?}, the record says {recorded:?}"
                ));
            }
        }
        println!(
            "\n{} calls: {} records, {} spoke with a human, {} as expected",
            self.expected.len(),
            records.len(),
            records.iter().filter(|r| r.connected_at.is_some()).count(),
            self.expected.len() - wrong.len()
        );
        if wrong.is_empty() { Ok(()) } else { Err(format!("the demo went wrong: {}", wrong.join("; "))) }
    }
}

/// Whether an event is worth a line of its own.
pub(super) fn is_news(what: &What) -> bool {
    !matches!(
        what,
        What::CallRecordUpdated(_)
            | What::QueuePositionChanged { .. }
            | What::MediaQuality(_)
            | What::SeatStateChanged { .. }
    )
}
