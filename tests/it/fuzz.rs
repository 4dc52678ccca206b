//! Every parser fed with changed messages, from seeds: the corpus under `tests/corpus`, and mutations of it.
//!
//! A failure names its round; `HOTLINE_FUZZ_ROUND=123 cargo test --test it one_round -- --nocapture` replays it. What was
//! found is kept in the corpus. `HOTLINE_FUZZ=1000000` sets how many rounds, and then memory is measured too.

use hotline_gateway::fuzz::{TARGETS, mutated, mutated_message};
use hotline_gateway::id::Random;
use hotline_gateway::io::stream;
use std::path::Path;

/// Rounds in a run of the suite: seconds.
const ROUNDS: u64 = 45_000;

/// What the process may grow by between a tenth of a long run and its end, in KiB: the allocator's own unrest.
const GROWTH: u64 = 8 * 1024;

struct Fed {
    name: &'static str,
    feed: fn(&[u8]),
    has_lines: bool,
    corpus: Vec<Vec<u8>>,
}

fn targets() -> Vec<Fed> {
    let core = TARGETS.iter().map(|t| (t.name, t.feed, t.has_lines));
    let all = core.chain([("websocket", stream::fuzz as fn(&[u8]), false)]);
    all.map(|(name, feed, has_lines)| Fed { name, feed, has_lines, corpus: corpus(name) }).collect()
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut files: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{name} has no corpus");
    files.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// What a round feeds to which target.
fn round(number: u64, targets: &[Fed]) -> (&Fed, Vec<u8>) {
    let mut random = Random::from_number(number);
    // Messages are what most of the peers send: every second round is one.
    let target = match number % 2 {
        0 => &targets[0],
        _ => &targets[(number / 2 % targets.len() as u64) as usize],
    };
    let mut any = || &target.corpus[random.below(target.corpus.len() as u64) as usize];
    let (seed, other) = (any(), any());
    let bytes = match target.has_lines && random.below(2) == 0 {
        true => mutated_message(seed, other, &mut random),
        false => mutated(seed, &mut random),
    };
    (target, bytes)
}

#[test]
fn changed_messages_break_no_parser() {
    let asked: Option<u64> = std::env::var("HOTLINE_FUZZ").ok().and_then(|n| n.parse().ok());
    let targets = targets();
    for target in &targets {
        target.corpus.iter().for_each(|bytes| (target.feed)(bytes));
    }
    let rounds = asked.unwrap_or(ROUNDS);
    let mut resident = 0;
    for number in 0..rounds {
        let (target, bytes) = round(number, &targets);
        let fed = std::panic::catch_unwind(|| (target.feed)(&bytes));
        assert!(
            fed.is_ok(),
            "{} broke: HOTLINE_FUZZ_ROUND={number} cargo test --test it one_round: {}",
            target.name,
            bytes.escape_ascii()
        );
        if number == rounds / 10 {
            resident = resident_kib();
        }
    }
    if asked.is_some() {
        let now = resident_kib();
        eprintln!("{rounds} rounds; resident {resident} KiB after a tenth of them, {now} KiB at the end");
        assert!(now < resident + GROWTH, "memory grew");
    }
}

#[test]
fn one_round() {
    if let Some(number) = std::env::var("HOTLINE_FUZZ_ROUND").ok().and_then(|n| n.parse().ok()) {
        let targets = targets();
        let (target, bytes) = round(number, &targets);
        eprintln!("{}: {}", target.name, bytes.escape_ascii());
        (target.feed)(&bytes);
    }
}

fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * 4
}

/// Paths of entry points; each exists, as this is compiled.
macro_rules! entry_points {
    ($($name:literal: $path:path,)*) => {
        [$(($name, stringify!($path), $path as fn(&[u8])),)*]
    };
}

#[test]
fn every_entry_point_has_a_fuzz_target_with_a_corpus_and_the_reverse() {
    let all = entry_points! {
        "addresses": hotline_gateway::fuzz::addresses,
        "caller": hotline_gateway::fuzz::caller,
        "digest": hotline_gateway::fuzz::digest,
        "dns": hotline_gateway::fuzz::names,
        "keys": hotline_gateway::fuzz::keys,
        "masked": hotline_gateway::fuzz::masked_message,
        "multipart": hotline_gateway::fuzz::multipart,
        "refer": hotline_gateway::fuzz::refer,
        "register": hotline_gateway::fuzz::register,
        "rtp": hotline_gateway::fuzz::media,
        "sdp": hotline_gateway::fuzz::description,
        "sip": hotline_gateway::sip::fuzz::fuzz,
        "stun": hotline_gateway::fuzz::stun,
        "timers": hotline_gateway::fuzz::timers,
        "websocket": stream::fuzz,
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).expect("the targets' manifest");
    for (name, path, feed) in all {
        let file = format!("fuzz_targets/{name}.rs");
        let text =
            std::fs::read_to_string(root.join("fuzz").join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let path: String = path.split_whitespace().collect();
        assert!(text.contains(&format!("{path}(bytes)")), "{file} does not feed {path}");
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"{file}\"\n")), "{file} is not built");
        corpus(name).iter().for_each(|bytes| feed(bytes));
    }
    let names = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let listed = names(all.iter().map(|(name, ..)| name.to_string()).collect());
    assert_eq!(names(targets().iter().map(|t| t.name.to_owned()).collect()), listed);
    for (directory, end) in [("fuzz/fuzz_targets", ".rs"), ("tests/corpus", "")] {
        let entries = std::fs::read_dir(root.join(directory)).expect("a directory");
        let found = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
        assert_eq!(names(found.map(|f| f.trim_end_matches(end).to_owned()).collect()), listed, "{directory}");
    }
}
