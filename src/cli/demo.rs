//! `hotline demo`: a gateway of its own, seats and citizens that really call it, and what happens shown as it does.
//!
//! The seats register with their passwords, speak and listen over RTP; the citizens do what citizens do, one who
//! gives up waiting and one who dials a wrong number included. Citizens call in waves: a queue forms, and the next wave
//! waits until it is drained. Every call has an outcome it must have: at the end the demo compares what the citizens and
//! the seats saw with what the journal says.

mod board;
mod screen;
mod verdict;

use super::handsets::Handsets;
use super::phones::{CitizenPlan, HangUp, Line, PhoneEvent, SeatPlan, WhenRung};
use super::sound::Sound;
use crate::config::Config;
use crate::event::{CallEvent, CallRecord};
use crate::id::Random;
use crate::io::clock::Clock;
use crate::io::serve::{self, Running};
use crate::time::Wall;
use board::Board;
use screen::{Screen, print};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, Interval, MissedTickBehavior, interval};
use verdict::{Part, Saw, Seen, Verdict};

/// How many seats the demo has.
const SEATS: u32 = 6;

/// The seat whose phone rings and is never answered, and as which a softphone may join.
const MUTE_SEAT: u32 = 1003;

/// How many citizens call where no terminal shows them: one wave.
const CITIZENS: u32 = WAVE;

/// Citizens of one wave: for six seats, so that some must wait.
const WAVE: u32 = 12;

/// The most citizens of one run: the last four digits of their numbers tell them apart.
const MOST: u32 = 9_999;

/// How long a wave is waited for to be served before the next one begins anyway.
const DRAINED_WITHIN: Duration = Duration::from_secs(60);

/// From one drawing of the table to the next.
const REDRAW: Duration = Duration::from_millis(200);

/// After the end was asked for, the calls have this long to be hung up; with the gateway's drain of one second, and half
/// a second for its last words, the demo ends within five.
const CUT_WITHIN: Duration = Duration::from_millis(1_500);

/// What the demo is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Where the journal is kept; a new directory under the temporary one when not named.
    #[arg(long, value_name = "DIRECTORY", value_hint = clap::ValueHint::DirPath)]
    pub state: Option<PathBuf>,
    /// How many citizens call, at most 9999; without a terminal 12, with one until Ctrl-C.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    pub citizens: Option<u32>,
}

/// How fast the demo goes: at a person's pace where one watches.
struct Pace {
    /// From one citizen of a wave to the next, in milliseconds: at least, and at most so much more.
    calls: (u64, u64),
    /// How long a seat talks, likewise.
    talks: (u64, u64),
    /// How long the one who gives up waits.
    patience: Duration,
    /// The queue's `ring_timeout`, `cool_down` and `wrap_up`.
    queue: [&'static str; 3],
}

impl Pace {
    const WATCHED: Pace = Pace {
        calls: (200, 400),
        talks: (4_000, 5_000),
        patience: Duration::from_secs(3),
        queue: ["8s", "10s", "2s"],
    };
    const ALONE: Pace = Pace {
        calls: (30, 30),
        talks: (1_500, 1_500),
        patience: Duration::from_millis(400),
        queue: ["2s", "5s", "1s"],
    };
}

/// Runs the demo. The error says which call did not become what it had to.
pub async fn run(args: Args) -> Result<(), String> {
    let made = args.state.is_none();
    let state = args
        .state
        .unwrap_or_else(|| std::env::temp_dir().join(format!("hotline-demo-{}", std::process::id())));
    let done = on_state(&state, made, args.citizens).await;
    Screen::give_back();
    if made {
        let _ = std::fs::remove_dir_all(&state);
    }
    done
}

async fn on_state(state: &Path, made: bool, citizens: Option<u32>) -> Result<(), String> {
    let end = end(made.then(|| state.to_owned()))?;
    let watched = Screen::is_terminal();
    let pace = if watched { Pace::WATCHED } else { Pace::ALONE };
    let began = Clock::new().now().wall;
    let running = serve::start(&configuration(state, &pace)?).await?;
    let gateway = running.sip.first().map(|(_, a)| *a).ok_or("the demo's gateway has no SIP address")?;
    print(&format!(
        "hotline demo: SIP at {gateway}, gRPC at {}, health at http://{}/health\njournal and passwords in {}\n",
        running.grpc,
        running.http,
        state.display()
    ));
    let screen = if watched { Screen::take(hint(gateway, state)) } else { Screen::Lines };
    let mut demo = Demo::begin(&running, gateway, Shown { screen, pace, began, end }).await?;
    let complete = demo.play(citizens.unwrap_or(if watched { MOST } else { CITIZENS })).await;
    if !complete {
        Screen::give_back();
        print("ending: the calls are hung up; another Ctrl-C ends at once\n");
        demo.cut_short();
    }
    demo.settle(complete).await;
    Screen::give_back();
    let verdict = demo.verdict(&running, complete).await?;
    print(&format!("\n{verdict}\n"));
    running.stop().await;
    demo.phones_are_sound()?;
    verdict.result()
}

/// Turns true at the first Ctrl-C, SIGTERM or SIGHUP; the second ends the process at once.
fn end(temporary: Option<PathBuf>) -> Result<watch::Receiver<bool>, String> {
    let heard = |kind| signal(kind).map_err(|e| format!("cannot wait for signals: {e}"));
    let (mut interrupt, mut term) = (heard(SignalKind::interrupt())?, heard(SignalKind::terminate())?);
    let mut hang_up = heard(SignalKind::hangup())?;
    let (wish, end) = watch::channel(false);
    tokio::spawn(async move {
        for is_last in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = term.recv() => {}
                _ = hang_up.recv() => {}
            }
            if is_last {
                Screen::give_back();
                if let Some(directory) = &temporary {
                    let _ = std::fs::remove_dir_all(directory);
                }
                // 128 and the number of SIGINT, as shells say it.
                std::process::exit(130);
            }
            wish.send_replace(true);
        }
    });
    Ok(end)
}

fn configuration(state: &Path, pace: &Pace) -> Result<Config, String> {
    let path = state.join("journal.db");
    let [ring_timeout, cool_down, wrap_up] = pace.queue;
    let text = format!(
        "[sip]\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n\
         [grpc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [store]\npath = {path:?}\n[limits]\ndrain = \"1s\"\n\
         [[trunk]]\nname = \"city\"\nsources = [\"127.0.0.0/8\"]\nchannels = 100\ncalls_per_second = 50\n\
         trusted = true\ncountry = \"86\"\n\
         [[seat]]\nrange = \"1001-{}\"\n\
         [[queue]]\nname = \"main\"\nring_timeout = \"{ring_timeout}\"\ncool_down = \"{cool_down}\"\n\
         wrap_up = \"{wrap_up}\"\nmusic = \"music\"\n\
         [[service]]\nnumber = \"12345\"\nqueue = \"main\"\nwelcome = \"welcome\"\n",
        1000 + SEATS
    );
    std::fs::create_dir_all(state)
        .map_err(|e| format!("{}: {e}: name another place with --state", state.display()))?;
    Config::parse("the demo's configuration", &text).map_err(|e| e.to_string())
}

fn hint(gateway: SocketAddr, state: &Path) -> String {
    format!(
        "Take calls yourself: register a softphone at {gateway} as {MUTE_SEAT}, password in {}/seats.toml. To call, dial \
         sip:12345@{gateway}. Ctrl-C ends the demo.",
        state.display()
    )
}

/// How the demo is shown, and since when.
struct Shown {
    screen: Screen,
    pace: Pace,
    /// Events and records of before are of another run with the same journal.
    began: Wall,
    end: watch::Receiver<bool>,
}

struct Demo {
    shown: Shown,
    seats: Handsets,
    citizens: Handsets,
    board: Board,
    /// What was seen of each citizen's call, by number.
    seen: BTreeMap<String, Seen>,
    lines: BTreeMap<Line, String>,
    seat_lines: BTreeMap<Line, String>,
    not_registered: BTreeSet<String>,
    events: tokio::sync::mpsc::Receiver<CallEvent>,
    random: Random,
    redraw: Interval,
    /// The reader of what is printed has gone.
    unread: bool,
}

impl Demo {
    async fn begin(running: &Running, gateway: SocketAddr, shown: Shown) -> Result<Demo, String> {
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
            let (least, more) = shown.pace.talks;
            let talks = Some(Duration::from_millis(least + random.below(more)));
            seats.seat(&seat, SeatPlan { media, when_rung, talks });
            seats.register(&seat, password);
        }
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Demo {
            shown,
            seats,
            citizens,
            board: Board::default(),
            seen: BTreeMap::new(),
            lines: BTreeMap::new(),
            seat_lines: BTreeMap::new(),
            not_registered: BTreeSet::new(),
            events: running.events(),
            random,
            redraw,
            unread: false,
        })
    }

    /// Citizens call in waves. `false` when the end was asked for first.
    async fn play(&mut self, citizens: u32) -> bool {
        self.live(Duration::from_millis(500)).await;
        for n in 0..citizens {
            let (least, more) = self.shown.pace.calls;
            let pause = Duration::from_millis(least + self.random.below(more));
            let part = match n % WAVE {
                9 => Part::DialsWrong,
                10 => Part::GivesUp,
                _ => Part::IsServed,
            };
            if part == Part::GivesUp {
                // Behind others, or there would be nothing to give up on.
                self.live_until(Duration::from_secs(5), |board| board.waiting().count() >= 2).await;
            }
            self.citizen(n, part);
            self.live(pause).await;
            if n % WAVE == WAVE - 1 && n + 1 < citizens {
                self.live_until(DRAINED_WITHIN, Board::is_drained).await;
                self.live(pause * 3).await;
            }
            if self.is_over() {
                return false;
            }
        }
        true
    }

    fn citizen(&mut self, n: u32, part: Part) {
        let number = format!("1381234{:04}", n + 1);
        let (dials, hangs_up) = match part {
            Part::IsServed => ("12345", HangUp::Never),
            Part::GivesUp => ("12345", HangUp::AfterDialling(self.shown.pace.patience)),
            Part::DialsWrong => ("99999", HangUp::Never),
        };
        let media = self.citizens.media_port(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let plan = CitizenPlan { dials: dials.into(), number: number.clone(), media, hangs_up };
        let line = self.citizens.call(plan);
        self.lines.insert(line, number.clone());
        self.seen.insert(number, Seen { part, saw: None, spoke: false, cut: false });
    }

    /// Whether the end was asked for, or the reader has gone.
    fn is_over(&self) -> bool {
        self.unread || *self.shown.end.borrow()
    }

    /// Every citizen who is on the phone hangs up.
    fn cut_short(&mut self) {
        for (line, number) in &self.lines {
            if let Some(seen) = self.seen.get_mut(number).filter(|seen| seen.saw.is_none()) {
                seen.cut = true;
                self.citizens.hang_up(*line);
            }
        }
    }

    /// Lets the last calls end, and their records be finished.
    async fn settle(&mut self, complete: bool) {
        let (limit, wrap_up) = match complete {
            true => (Duration::from_secs(20), Duration::from_millis(2_500)),
            false => (CUT_WITHIN, Duration::from_millis(200)),
        };
        let limit = Instant::now() + limit;
        let was_over = self.is_over();
        while self.citizens.open_calls() > 0 && Instant::now() < limit && self.is_over() == was_over {
            self.live(Duration::from_millis(100)).await;
        }
        self.live(wrap_up).await;
    }

    /// Lives until something holds, or until the time is over.
    async fn live_until(&mut self, limit: Duration, holds: impl Fn(&Board) -> bool) {
        let limit = Instant::now() + limit;
        while !holds(&self.board) && !self.is_over() && Instant::now() < limit {
            self.live(Duration::from_millis(50)).await;
        }
    }

    /// Lives so long; less when the end is asked for meanwhile.
    async fn live(&mut self, time: Duration) {
        let until = Instant::now() + time;
        let was_over = self.is_over();
        while Instant::now() < until && self.is_over() == was_over {
            tokio::select! {
                told = self.citizens.live(until) => self.hear(told),
                told = self.seats.live(until) => self.hear(told),
                Some(event) = self.events.recv() => self.event(&event),
                _ = self.redraw.tick() => {
                    let now = self.seats.now().wall;
                    self.unread |= !self.shown.screen.draw(&self.board, now);
                }
                // Never again once it is true: a second wish ends the process.
                Ok(()) = self.shown.end.changed(), if !was_over => {}
            }
        }
    }

    fn event(&mut self, event: &CallEvent) {
        if event.at < self.shown.began {
            return;
        }
        if let Some(line) = self.board.event(event) {
            self.unread |= !self.shown.screen.line(line);
        }
    }

    fn hear(&mut self, told: Vec<PhoneEvent>) {
        for told in told {
            let (line, saw) = match told {
                PhoneEvent::Refused { line, .. } => (line, Saw::Refused),
                PhoneEvent::HungUp { line } => (line, Saw::HungUp),
                PhoneEvent::HungUpOn { line } => (line, Saw::WasHungUpOn),
                PhoneEvent::Lost { line } => (line, Saw::Lost),
                PhoneEvent::Rings { number, line, .. } => {
                    self.seat_lines.insert(line, number);
                    continue;
                }
                PhoneEvent::Talks { line, .. } => {
                    if let Some(seen) =
                        self.seat_lines.get(&line).and_then(|number| self.seen.get_mut(number))
                    {
                        seen.spoke = true;
                    }
                    continue;
                }
                PhoneEvent::SeatFree { line, .. } => {
                    self.seat_lines.remove(&line);
                    continue;
                }
                PhoneEvent::NotRegistered { seat, status } => {
                    self.not_registered.insert(format!("{seat} ({status})"));
                    continue;
                }
                PhoneEvent::Registered { .. }
                | PhoneEvent::Answered { .. }
                | PhoneEvent::TakenBack { .. }
                | PhoneEvent::HandedOn { .. }
                | PhoneEvent::Notified { .. } => continue,
            };
            if let Some(seen) = self.lines.remove(&line).and_then(|number| self.seen.get_mut(&number)) {
                seen.saw = Some(saw);
            }
        }
    }

    /// Compares what every citizen saw with what the journal says.
    async fn verdict(&mut self, running: &Running, complete: bool) -> Result<Verdict, String> {
        let records = running.records().await?;
        let records: BTreeMap<&str, &CallRecord> = records
            .iter()
            .filter(|r| r.received_at >= self.shown.began)
            .map(|r| (r.caller.raw.reveal().as_str(), r))
            .collect();
        let mut outcomes = Vec::new();
        for (number, seen) in &mut self.seen {
            let record = records.get(number.as_str()).copied();
            // A person at a softphone tells nothing here: the record alone speaks for that seat.
            let joined = MUTE_SEAT.to_string();
            seen.spoke |= record.and_then(|r| r.seat.as_ref()).is_some_and(|seat| seat.as_str() == joined);
            outcomes.push((seen.part, seen.outcome(record)));
        }
        // Each call before the first seat is free again goes to a seat of its own.
        let callers = outcomes.iter().filter(|(part, _)| *part == Part::IsServed).count();
        let silent = callers >= SEATS as usize;
        Ok(Verdict::of(outcomes, self.board.tally.clone(), complete && !self.is_over(), silent))
    }

    fn phones_are_sound(&self) -> Result<(), String> {
        let seats: Vec<&str> = self.not_registered.iter().map(String::as_str).collect();
        if seats.is_empty() { Ok(()) } else { Err(format!("seats could not register: {}", seats.join(", "))) }
    }
}
