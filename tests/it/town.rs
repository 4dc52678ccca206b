//! A town that calls: simulated citizens and seats with real sockets, and what each of them saw, call by call.

use hotline_gateway::cli::handsets::Handsets;
use hotline_gateway::cli::phones::{CitizenPlan, HangUp, Line, PhoneEvent, SeatPlan, WhenRung};
use hotline_gateway::cli::sound::Sound;
use hotline_gateway::id::Random;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use tokio::time::{Duration, Instant};

/// What was seen of one call, by the number that called.
#[derive(Debug, Default)]
pub struct Seen {
    /// When he dialled.
    pub dialled: Option<Instant>,
    /// The citizen got 200 OK.
    pub answered: bool,
    /// How long that took.
    pub answered_after: Duration,
    /// How it ended for him.
    pub end: Option<End>,
    /// Seats whose phones rang for him, in order.
    pub rang: Vec<String>,
    /// Seats that had their answer acknowledged, from when and until when.
    pub talked: Vec<Talk>,
}

/// How a citizen's call ended for him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Refused(u16),
    /// No answer from the gateway at all.
    Lost,
    HungUpOn,
    HungUp,
}

/// A seat that talked.
#[derive(Debug)]
pub struct Talk {
    pub seat: String,
    pub from: Instant,
    pub until: Option<Instant>,
}

/// The citizens and the seats.
pub struct Town {
    seats: Handsets,
    citizens: Handsets,
    pub seen: BTreeMap<String, Seen>,
    lines: HashMap<Line, String>,
    seat_lines: HashMap<Line, String>,
    /// Seats that rang while they talked, and for whom.
    pub busy_rings: Vec<[String; 2]>,
    pub random: Random,
    next: u32,
}

impl Town {
    /// A town whose citizens call the gateway at `sip`; its seats answer wherever `seats` is bound.
    pub async fn new(seats: Handsets, sip: SocketAddr, mut random: Random) -> Town {
        let citizens =
            Handsets::bind(anywhere(), sip, random.fork()).await.expect("a socket for the citizens");
        Town {
            seats,
            citizens,
            seen: BTreeMap::new(),
            lines: HashMap::new(),
            seat_lines: HashMap::new(),
            busy_rings: Vec::new(),
            random,
            next: 0,
        }
    }

    /// Phones for seats: bound before the gateway starts, as its configuration names their address.
    pub async fn seats(random: &mut Random) -> (Handsets, SocketAddr) {
        // Seats never call; whom they would call does not matter.
        let nobody = SocketAddr::new(anywhere().ip(), 9);
        let seats = Handsets::bind(anywhere(), nobody, random.fork()).await.expect("a socket for the seats");
        let at = seats.address().expect("its address");
        (seats, at)
    }

    /// Calls whose parties have ports of this sound speak and listen while they are up.
    pub fn with_sound(self, sound: Sound) -> Town {
        let (seats, citizens) = (self.seats.with_sound(sound.clone()), self.citizens.with_sound(sound));
        Town { seats, citizens, ..self }
    }

    /// A seat and what it does when it rings.
    pub fn seat(&mut self, seat: u32, when_rung: WhenRung, talks: Option<Duration>) {
        self.seat_at(seat, when_rung, talks, nowhere());
    }

    /// As [`Town::seat`], with its audio at `media`.
    pub fn seat_at(&mut self, seat: u32, when_rung: WhenRung, talks: Option<Duration>, media: SocketAddr) {
        self.seats.seat(&seat.to_string(), SeatPlan { media, when_rung, talks });
    }

    /// A citizen calls. Gives his number, which nobody else has.
    pub fn call(&mut self, dials: &str, hangs_up: HangUp) -> String {
        self.call_at(dials, hangs_up, nowhere())
    }

    /// As [`Town::call`], with the citizen's audio at `media`.
    pub fn call_at(&mut self, dials: &str, hangs_up: HangUp, media: SocketAddr) -> String {
        let n = self.next;
        self.next += 1;
        self.dial(n, dials, hangs_up, media)
    }

    /// The citizen of the n-th call calls again.
    pub fn call_again(&mut self, n: u32, dials: &str, hangs_up: HangUp) -> String {
        self.dial(n, dials, hangs_up, nowhere())
    }

    fn dial(&mut self, n: u32, dials: &str, hangs_up: HangUp, media: SocketAddr) -> String {
        let number = number(n);
        let plan = CitizenPlan { dials: dials.into(), number: number.clone(), media, hangs_up };
        let line = self.citizens.call(plan);
        self.lines.insert(line, number.clone());
        self.seen.insert(number.clone(), Seen { dialled: Some(Instant::now()), ..Seen::default() });
        number
    }

    /// Lets this much time pass.
    pub async fn live(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            // Whichever side has something to tell ends the turn of the other.
            tokio::select! {
                told = self.citizens.live(until) => self.of_citizens(told),
                told = self.seats.live(until) => self.of_seats(told),
            }
        }
    }

    /// Calls at a rate for some time, each as `plan` says: what is dialled, and when he hangs up.
    pub async fn calls(
        &mut self,
        time: Duration,
        rate: f64,
        mut plan: impl FnMut(&mut Random) -> (&'static str, HangUp),
    ) {
        let (begin, mut made) = (Instant::now(), 0u32);
        while begin.elapsed() < time {
            let due = (begin.elapsed().as_secs_f64() * rate) as u32 + 1;
            while made < due {
                let (dials, hangs_up) = plan(&mut self.random);
                self.call(dials, hangs_up);
                made += 1;
            }
            let next = Duration::from_secs_f64(f64::from(made) / rate);
            self.live(next.saturating_sub(begin.elapsed()).max(Duration::from_millis(1))).await;
        }
    }

    /// Waits for the end of every call that was made at or after the `from`-th; says whether it came in time.
    pub async fn settle(&mut self, from: u32, most: Duration) -> bool {
        let limit = Instant::now() + most;
        loop {
            let open = self.seen.iter().filter(|(n, s)| s.end.is_none() && **n >= number(from)).count();
            let talking = self.seen.values().flat_map(|s| &s.talked).any(|t| t.until.is_none());
            if open == 0 && !talking {
                return true;
            }
            if Instant::now() >= limit {
                return false;
            }
            self.live(Duration::from_millis(50)).await;
        }
    }

    /// What was seen of every call that was made at or after the `from`-th.
    pub fn seen_from(&self, from: u32) -> impl Iterator<Item = &Seen> {
        self.seen.range(number(from)..).map(|(_, seen)| seen)
    }

    /// How many calls were made.
    pub fn made(&self) -> u32 {
        self.next
    }

    fn of_citizens(&mut self, told: Vec<PhoneEvent>) {
        for told in told {
            let (line, end) = match told {
                PhoneEvent::Answered { line, .. } => {
                    if let Some(seen) = self.lines.get(&line).and_then(|n| self.seen.get_mut(n)) {
                        seen.answered = true;
                        seen.answered_after = seen.dialled.map(|at| at.elapsed()).unwrap_or_default();
                    }
                    continue;
                }
                PhoneEvent::Refused { line, status } => (line, End::Refused(status)),
                PhoneEvent::Lost { line } => (line, End::Lost),
                PhoneEvent::HungUpOn { line } => (line, End::HungUpOn),
                PhoneEvent::HungUp { line } => (line, End::HungUp),
                _ => continue,
            };
            if let Some(seen) = self.lines.remove(&line).and_then(|n| self.seen.get_mut(&n)) {
                seen.end = Some(end);
            }
        }
    }

    fn of_seats(&mut self, told: Vec<PhoneEvent>) {
        for told in told {
            match told {
                PhoneEvent::Rings { line, seat, number, .. } => {
                    let talks = |seen: &Seen| seen.talked.iter().any(|t| t.seat == seat && t.until.is_none());
                    if self.seat_lines.values().any(|n| self.seen.get(n).is_some_and(talks)) {
                        self.busy_rings.push([seat.clone(), number.clone()]);
                    }
                    if let Some(seen) = self.seen.get_mut(&number) {
                        seen.rang.push(seat);
                    }
                    self.seat_lines.insert(line, number);
                }
                PhoneEvent::Talks { line, seat, .. } => {
                    if let Some(seen) = self.seat_lines.get(&line).and_then(|n| self.seen.get_mut(n)) {
                        seen.talked.push(Talk { seat, from: Instant::now(), until: None });
                    }
                }
                PhoneEvent::SeatFree { line, seat } => {
                    let number = self.seat_lines.remove(&line);
                    let Some(seen) = number.and_then(|n| self.seen.get_mut(&n)) else { continue };
                    if let Some(talk) = seen.talked.iter_mut().rev().find(|t| t.seat == seat) {
                        talk.until.get_or_insert(Instant::now());
                    }
                }
                _ => {}
            }
        }
    }
}

/// The number of the n-th call.
fn number(n: u32) -> String {
    format!("139{n:08}")
}

/// Any free port of this machine.
fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

/// A place to take RTP at where nobody listens: these calls only signal.
fn nowhere() -> SocketAddr {
    "127.0.0.1:30000".parse().expect("an address")
}

/// Runs a test's story on a runtime of its own.
pub fn run<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(story)
}
