//! `hotline load`: a load of calls from simulated citizens to simulated seats, and what became of each.
//!
//! The driver knows nothing of the system under test but its address. Every call has two ends here, matched by the caller's
//! number, so that what callers and seats saw can be compared call by call. It only talks to loopback.

use super::handsets::{Handsets, IDLE};
use super::phones::{CitizenPlan, HangUp, Line, PhoneEvent, SeatPlan, WhenRung};
use super::sound::Sound;
use crate::id::Random;
use std::collections::HashMap;
use std::net::SocketAddr;
use tokio::time::{Duration, Instant, timeout_at};

/// After the last call began, calls get this long to end.
const DRAIN: Duration = Duration::from_secs(20);

/// What to load, and how much.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// SIP address of the gateway (UDP, loopback).
    #[arg(long, default_value = "127.0.0.1:5060")]
    pub target: SocketAddr,
    /// The number the citizens dial.
    #[arg(long, default_value = "12345")]
    pub service: String,
    /// Where all seats answer.
    #[arg(long, default_value = "127.0.0.1:6000")]
    pub seats_at: SocketAddr,
    /// The first seat; they are numbered on from there.
    #[arg(long, default_value_t = 1001)]
    pub first_seat: u32,
    /// How many seats there are.
    #[arg(long, default_value_t = 500)]
    pub seats: u32,
    /// Where the citizens are.
    #[arg(long, default_value = "127.0.0.1:7000")]
    pub callers_at: SocketAddr,
    /// New calls a second.
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
    /// Calls in all; at most 1,000,000.
    #[arg(long, default_value_t = 500)]
    pub count: u32,
    /// How long a citizen stays after the answer, in milliseconds.
    #[arg(long, default_value_t = 500)]
    pub hold_ms: u64,
    /// How long a seat rings, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pub ring_ms: u64,
    /// Send and count RTP.
    #[arg(long)]
    pub media: bool,
}

/// What became of the calls.
#[derive(Debug, Default)]
pub struct Report {
    /// Calls begun.
    pub offered: u32,
    /// Calls a seat answered.
    pub bridged: u32,
    /// Calls refused, by status.
    pub refused: HashMap<u16, u32>,
    /// Calls the gateway ended, or never answered.
    pub lost: u32,
    /// Times a seat was rung while it had a call.
    pub double_booked: u32,
    /// From the citizen's INVITE to the seat's, in milliseconds, sorted.
    pub to_seat_ms: Vec<f64>,
}

impl Report {
    /// The given share of calls reached the seat's phone within this many milliseconds.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let last = self.to_seat_ms.len().checked_sub(1)?;
        self.to_seat_ms.get(((last as f64) * share).round() as usize).copied()
    }

    /// Every call reached a seat and ended as it should.
    pub fn is_clean(&self) -> bool {
        self.bridged == self.offered && self.lost == 0 && self.refused.is_empty() && self.double_booked == 0
    }
}

/// Runs the load and prints one line of JSON. Exits with failure when a call was lost or doubled.
pub async fn run(args: Args) -> Result<(), String> {
    if !args.target.ip().is_loopback() {
        return Err(format!(
            "--target {}: the load driver only loads this machine: give a loopback address",
            args.target
        ));
    }
    let report = load(&args)
        .await
        .map_err(|e| format!("load: {e}: choose free ports with --seats-at, --callers-at"))?;
    let ms = |share| report.percentile(share).map_or("null".into(), |v| format!("{v:.2}"));
    println!(
        "{{\"offered\":{},\"bridged\":{},\"lost\":{},\"refused\":{},\"double_booked\":{},\"invite_to_seat_ms\":{{\"p50\":{},\"p99\":{}}}}}",
        report.offered,
        report.bridged,
        report.lost,
        report.refused.values().sum::<u32>(),
        report.double_booked,
        ms(0.5),
        ms(0.99),
    );
    if report.is_clean() {
        Ok(())
    } else {
        Err("not every call reached a seat; see the figures above".into())
    }
}

/// Runs the load.
pub async fn load(args: &Args) -> std::io::Result<Report> {
    let sound = if args.media { Some(Sound::start()?) } else { None };
    let seed = || Random::from_number(u64::from(std::process::id()));
    let mut seats = Handsets::bind(args.seats_at, args.target, seed()).await?;
    let mut callers = Handsets::bind(args.callers_at, args.target, seed()).await?;
    if let Some(sound) = sound {
        seats = seats.with_sound(sound.clone());
        callers = callers.with_sound(sound);
    }
    for n in 0..args.seats {
        let media = seats.media_port(args.seats_at.ip());
        let when_rung = WhenRung::Answers(Duration::from_millis(args.ring_ms));
        seats.seat(&(args.first_seat + n).to_string(), SeatPlan { media, when_rung, talks: None });
    }
    let mut tally = Tally::default();
    let begin = Instant::now();
    let count = args.count.min(1_000_000);
    let mut deadline = begin + Duration::from_secs_f64(f64::from(count) / args.rate) + DRAIN;
    deadline += Duration::from_millis(args.hold_ms);
    while Instant::now() < deadline && (tally.report.offered < count || callers.open_calls() > 0) {
        let due = (begin.elapsed().as_secs_f64() * args.rate) as u32 + 1;
        while tally.report.offered < count.min(due) {
            tally.begin(&mut callers, args);
        }
        let next = begin + Duration::from_secs_f64(f64::from(tally.report.offered) / args.rate);
        let until = if tally.report.offered < count { next } else { Instant::now() + IDLE };
        // Whichever side has something to tell ends the turn of the other.
        tokio::select! {
            told = callers.live(until) => tally.hear(told),
            told = seats.live(until) => tally.hear(told),
        }
    }
    let _ = timeout_at(Instant::now() + IDLE, seats.live(Instant::now() + IDLE)).await;
    tally.report.lost += callers.open_calls() as u32;
    tally.report.to_seat_ms.sort_by(f64::total_cmp);
    Ok(tally.report)
}

#[derive(Default)]
struct Tally {
    report: Report,
    dialled: HashMap<String, Instant>,
    numbers: HashMap<Line, String>,
    busy: HashMap<String, u32>,
    bridged: HashMap<String, bool>,
    seat_lines: HashMap<Line, String>,
}

impl Tally {
    fn begin(&mut self, callers: &mut Handsets, args: &Args) {
        let number = format!("9{:08}", self.report.offered);
        self.report.offered += 1;
        let plan = CitizenPlan {
            dials: args.service.clone(),
            number: number.clone(),
            media: callers.media_port(args.callers_at.ip()),
            hangs_up: HangUp::AfterAnswer(Duration::from_millis(args.hold_ms)),
        };
        self.dialled.insert(number.clone(), Instant::now());
        let line = callers.call(plan);
        self.numbers.insert(line, number);
    }

    fn hear(&mut self, told: Vec<PhoneEvent>) {
        for told in told {
            match told {
                PhoneEvent::Rings { line, seat, number, .. } => {
                    if let Some(at) = self.dialled.get(&number) {
                        self.report.to_seat_ms.push(at.elapsed().as_secs_f64() * 1e3);
                    }
                    let calls = self.busy.entry(seat).or_default();
                    *calls += 1;
                    self.report.double_booked += u32::from(*calls > 1);
                    self.seat_lines.insert(line, number);
                }
                PhoneEvent::Talks { line, .. } => {
                    if let Some(number) = self.seat_lines.get(&line) {
                        self.bridged.insert(number.clone(), true);
                    }
                }
                PhoneEvent::SeatFree { line, seat } => {
                    self.seat_lines.remove(&line);
                    if let Some(calls) = self.busy.get_mut(&seat) {
                        *calls = calls.saturating_sub(1);
                    }
                }
                PhoneEvent::Refused { line, status } => {
                    self.over(line);
                    *self.report.refused.entry(status).or_default() += 1;
                }
                PhoneEvent::Lost { line } | PhoneEvent::HungUpOn { line } => {
                    self.over(line);
                    self.report.lost += 1;
                }
                PhoneEvent::HungUp { line } => {
                    let number = self.over(line);
                    self.report.bridged += u32::from(self.bridged.remove(&number).unwrap_or(false));
                }
                PhoneEvent::Registered { .. }
                | PhoneEvent::NotRegistered { .. }
                | PhoneEvent::Answered { .. }
                | PhoneEvent::TakenBack { .. }
                | PhoneEvent::HandedOn { .. }
                | PhoneEvent::Notified { .. } => {}
            }
        }
    }

    fn over(&mut self, line: Line) -> String {
        let number = self.numbers.remove(&line).unwrap_or_default();
        self.dialled.remove(&number);
        number
    }
}
