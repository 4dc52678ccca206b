//! What callers hear while nobody speaks with them, one sentence each.

use crate::town::{holds, line_of};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::media::{Command, Source};
use hotline_gateway::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// What was played over and over, in order.
fn played(w: &World) -> Vec<&str> {
    let plays = w.commands.iter().filter_map(|c| match c {
        Command::Hear { source: Source::Prompt { prompt, repeat: true, .. }, .. } => Some(&**prompt),
        _ => None,
    });
    plays.collect()
}

#[test]
fn a_waiting_or_held_party_hears_music_the_ringing_tone_or_nothing() {
    for (music, heard) in [
        ("", &["ringback", "ringback"][..]),
        ("music = \"music\"", &["music", "music"]),
        ("music = \"none\"", &[]),
    ] {
        let mut w = World::new(1, 1, music, "");
        w.citizen_calls("13812341234", HangUp::AfterAnswer(S(30)));
        w.run(S(2));
        let line = line_of(&w, 1001);
        holds(&mut w, line, true);
        assert_eq!(played(&w), heard, "{music}");
    }
}

#[test]
fn a_colleague_on_hold_hears_the_ringing_tone() {
    let mut w = World::new(2, 2, "music = \"none\"", "");
    w.seat_does(1002, WhenRung::Answers(S(1)), None);
    w.seat_dials(1001, "1002", HangUp::AfterAnswer(S(30)));
    w.run(S(3));
    assert_eq!(played(&w), [""; 0]);
    let line = line_of(&w, 1002);
    holds(&mut w, line, true);
    assert_eq!(played(&w), ["ringback"]);
}
