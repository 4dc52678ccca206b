//! Fuzz of the whole control plane: what is overheard of running calls comes back broken, from the trunk's address, the
//! seats' and an unknown source's, among good calls and with every checker on. A failing seed is printed and replays:
//! `SEED=123 cargo test --test sim one_world_of_malice`.

use crate::checks::{by_call, nothing_is_left, promises};
use crate::world::{CITIZENS, SEATS, Weather, World};
use bytes::Bytes;
use hotline_gateway::cli::phones::{HangUp, PhoneEvent, WhenRung};
use hotline_gateway::event::{CallEvent, What};
use hotline_gateway::fuzz;
use hotline_gateway::id::Random;
use hotline_gateway::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Worlds in one run of the suite; more with `SEEDS`.
const WORLDS: u64 = 40;

/// Seats that register, again and again: so there are digests among what is overheard.
const REGISTERING: [u32; 2] = [2101, 2102];

/// Nobody the configuration knows.
const UNKNOWN: &str = "203.0.113.66:5060";

const MS: fn(u64) -> Duration = Duration::from_millis;

fn worlds() -> u64 {
    std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(WORLDS)
}

fn each(world: fn(u64)) {
    for seed in 0..worlds() {
        let outcome = std::panic::catch_unwind(|| world(seed));
        assert!(outcome.is_ok(), "seed {seed}: SEED={seed} cargo test --test sim one_world_of_malice");
    }
}

#[test]
fn what_belongs_to_no_dialog_changes_no_good_calls_outcome() {
    each(unknown_sources_change_nothing);
}

#[test]
fn anything_at_all_among_good_calls_breaks_no_promise() {
    each(anything_at_all);
}

#[test]
fn one_world_of_malice() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|s| s.parse().ok()) {
        unknown_sources_change_nothing(seed);
        anything_at_all(seed);
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn town(seed: u64) -> World {
    let queue = "ring_timeout = \"3s\"\ncool_down = \"2s\"\nwrap_up = \"1s\"\nmax_wait = \"40s\"";
    // Whether a phone is there is asked without end: nothing of that shall be left when the calls are.
    let registering = REGISTERING.map(|seat| format!("[[seat]]\nid = \"{seat}\"\nping = false\n")).concat();
    let mut w = World::with(seed, 3, (queue, ""), "", &registering);
    w.peers.insert(at(UNKNOWN), None);
    w.overheard = Some(Default::default());
    w.seat_does(REGISTERING[0], WhenRung::Answers(MS(500)), Some(MS(3_000)));
    w.seat_does(REGISTERING[1], WhenRung::Refuses(603), None);
    w
}

/// How many of the messages overheard last carry a digest.
fn digests(w: &World) -> usize {
    let heard = w.overheard.iter().flatten();
    heard.filter(|bytes| bytes.windows(15).any(|b| b == b"Authorization: ")).count()
}

/// How many of their registrations were granted, and how many refused.
fn registrations(w: &World) -> (usize, usize) {
    let granted = |told: &PhoneEvent| matches!(told, PhoneEvent::Registered { .. });
    let refused = |told: &PhoneEvent| matches!(told, PhoneEvent::NotRegistered { .. });
    let of = |is: fn(&PhoneEvent) -> bool| w.seats_told.iter().filter(|(_, told)| is(told)).count();
    (of(granted), of(refused))
}

/// The same town twice, once in peace: who called must come to the same end.
fn unknown_sources_change_nothing(seed: u64) {
    let (peace, _) = ordinary_day(seed, false);
    let (war, injected) = ordinary_day(seed, true);
    assert!(injected > 300, "only {injected} messages were brought in");
    assert_eq!(war, peace, "what belongs to no dialog changed a call");
}

/// Gives each caller's outcome, and how much malice there was.
fn ordinary_day(seed: u64, malice: bool) -> (BTreeMap<String, String>, u32) {
    let mut w = town(seed);
    let mut mind = Random::from_number(seed ^ 0xbad);
    let mut injected = 0;
    w.seat_does(1001, WhenRung::Answers(MS(700)), Some(MS(4_000)));
    w.seat_does(1002, WhenRung::Answers(MS(1_500)), None);
    w.seat_does(1003, WhenRung::Refuses(486), None);
    for n in 0..12 {
        let hangs_up = match n % 4 {
            0 => HangUp::AfterDialling(MS(90)),
            1 => HangUp::AfterAnswer(MS(900)),
            _ => HangUp::AfterAnswer(MS(6_000)),
        };
        w.citizen_calls(&format!("139{n:08}"), hangs_up);
        REGISTERING.iter().for_each(|seat| w.seat_registers(*seat));
        w.run(MS(20));
        assert!(digests(&w) > 0, "nothing that proves anything is overheard");
        for _ in 0..8 {
            w.run(MS(150));
            for _ in 0..if malice { 6 } else { 0 } {
                injected += u32::from(inject(&mut w, &mut mind));
            }
        }
    }
    w.run(Duration::from_secs(200));
    promises(&w.journal);
    nothing_is_left(&w);
    assert_eq!(registrations(&w), (24, 0), "a registration was refused");
    (outcomes(&w.journal), injected)
}

/// How each caller's call ended.
fn outcomes(journal: &[CallEvent]) -> BTreeMap<String, String> {
    let mut outcomes = BTreeMap::new();
    for events in by_call(journal).into_values() {
        let received = events.iter().find_map(|e| match &e.what {
            What::CallReceived(r) => Some(r.caller.raw.reveal().clone()),
            What::CallRefused(r) => r.received.as_ref().map(|r| r.caller.raw.reveal().clone()),
            _ => None,
        });
        let end = events.iter().find_map(|e| match &e.what {
            What::CallEnded(e) => Some(format!("{:?} by {:?}, {}", e.reason, e.by, e.answered_by_operator)),
            What::CallRefused(r) => Some(format!("refused {:?}", r.reason)),
            _ => None,
        });
        let again = outcomes.insert(received.expect("a caller"), end.expect("an end"));
        assert!(again.is_none(), "a caller has two calls: one was made of another's messages");
    }
    outcomes
}

/// Brings in one message that was overheard, estranged from its dialog and its transaction, from anywhere.
fn inject(w: &mut World, mind: &mut Random) -> bool {
    let heard = w.overheard.as_ref().expect("the world listens");
    if heard.is_empty() {
        return false;
    }
    let message = heard[mind.below(heard.len() as u64) as usize].clone();
    let Some(text) = estranged(&message, mind) else { return false };
    let begins = !text.in_dialog && !text.response;
    let from = match mind.below(3) {
        // What begins a call is a call when a trunk sends it, and may be one from a seat.
        0 if !begins => at(CITIZENS),
        1 if !begins => at(SEATS),
        _ => at(UNKNOWN),
    };
    let bytes = if mind.below(3) == 0 && from == at(UNKNOWN) {
        fuzz::mutated(text.bytes.as_bytes(), mind)
    } else {
        text.bytes.into_bytes()
    };
    w.peer_says(from, Bytes::from(bytes));
    true
}

struct Estranged {
    bytes: String,
    in_dialog: bool,
    response: bool,
}

/// A message with another branch, and with one thing of its dialog changed: the Call-ID or a tag.
fn estranged(message: &[u8], mind: &mut Random) -> Option<Estranged> {
    let text = std::str::from_utf8(message).ok()?;
    let response = text.starts_with("SIP/2.0");
    let tag = |name: &str| text.lines().any(|l| l.starts_with(name) && l.contains(";tag="));
    let in_dialog = tag("To:");
    let other = format!("{:x}", mind.bits());
    let broken = match mind.below(3) {
        0 if in_dialog => 't',
        1 => 'f',
        _ => 'i',
    };
    let mut out = Vec::new();
    let mut head = true;
    let mut topmost = true;
    for line in text.split("\r\n") {
        head &= !line.is_empty();
        let line = match line.split_once(": ") {
            Some(("Via", _)) if head && std::mem::take(&mut topmost) => {
                line.replacen("branch=z9hG4bK", &format!("branch=z9hG4bK{other}"), 1)
            }
            Some(("To", _)) if head && broken == 't' => line.replacen(";tag=", &format!(";tag={other}"), 1),
            Some(("From", _)) if head && broken == 'f' => line.replacen(";tag=", &format!(";tag={other}"), 1),
            Some(("Call-ID", value)) if head && (broken == 'i' || !in_dialog) => {
                format!("Call-ID: {other}{value}")
            }
            _ => line.to_owned(),
        };
        out.push(line);
    }
    Some(Estranged { bytes: out.join("\r\n"), in_dialog, response })
}

/// Broken in any way at all, from anywhere, in bad weather. A message that is still one may end a call or begin one;
/// whatever it does, every call there is has one outcome, and nothing is left.
fn anything_at_all(seed: u64) {
    let mut w = town(seed);
    let mut mind = Random::from_number(seed ^ 0xd15ea5e);
    let bad = seed % 3;
    w.weather = Weather { lost: bad * 40, doubled: bad * 40, late: bad * 60 };
    w.seat_does(1001, WhenRung::Answers(MS(700)), Some(MS(4_000)));
    let mut digests_heard = 0;
    for n in 0..10 {
        let hangs_up = HangUp::AfterAnswer(MS(w.random.below(6_000)));
        w.citizen_calls(&format!("138{n:08}"), hangs_up);
        w.seat_registers(REGISTERING[n % 2]);
        digests_heard += digests(&w);
        for _ in 0..10 {
            w.run(MS(100));
            for _ in 0..8 {
                let heard = w.overheard.as_ref().expect("the world listens");
                let Some(seed) = heard.get(mind.below(heard.len().max(1) as u64) as usize).cloned() else {
                    continue;
                };
                let other = &heard[mind.below(heard.len() as u64) as usize].clone();
                let bytes = fuzz::mutated_message(&seed, other, &mut mind);
                let from = [CITIZENS, SEATS, UNKNOWN][mind.below(3) as usize];
                w.peer_says(at(from), Bytes::from(bytes));
            }
        }
    }
    assert!(digests_heard > 0, "nothing that proves anything is overheard");
    w.weather = Weather::default();
    // Calls made of broken messages have nobody who ends them: unacknowledged, they end by themselves.
    w.run(Duration::from_secs(400));
    promises(&w.journal);
    let counts = w.counts();
    assert_eq!(
        (counts.calls, counts.legs, counts.waiting),
        (0, 0, 0),
        "something was left behind: {counts:?}"
    );
    assert_eq!((counts.transactions, counts.awaiting_disk), (0, 0), "something was left behind: {counts:?}");
    assert!(w.open_ports.is_empty(), "ports were left open: {:?}", w.open_ports);
    // And a good call finds everything in order.
    w.seat_answers(1002, MS(100));
    let before = w.journal.len();
    w.citizen_calls("13700000000", HangUp::AfterAnswer(MS(8_000)));
    w.run(Duration::from_secs(60));
    let ends =
        outcomes(&w.journal[before..].iter().filter(|e| e.call.is_some()).cloned().collect::<Vec<_>>());
    assert!(ends["13700000000"].starts_with("Completed"), "{ends:?}");
}
