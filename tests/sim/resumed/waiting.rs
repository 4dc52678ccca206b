//! Callers before and in the queue over a restart: what they hear, and how their call ends.

use super::{caller, ends, hears, records, recoveries, restart};
use crate::peer::{Peer, header, sdp};
use crate::town::*;
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::media::Source;

fn prompt(w: &World) -> Option<String> {
    match hears(w, caller(w)) {
        Source::Prompt { prompt, .. } => Some(prompt.to_string()),
        Source::Silence | Source::Leg(_) => None,
    }
}

fn notices(w: &World) -> Vec<String> {
    let notice = |what: &What| match what {
        What::NoticePlayed { prompt, complete: true } => Some(prompt.to_string()),
        _ => None,
    };
    w.journal.iter().filter_map(|e| notice(&e.what)).collect()
}

#[test]
fn a_welcome_that_was_cut_off_is_played_from_its_beginning() {
    let mut w = World::new(1, 1, "", "welcome = \"welcome\"");
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(9)));
    w.run(S(2));
    let before = w.commands.len();
    restart(&mut w);
    w.run(S(1));
    w.commands.drain(..before);
    assert_eq!(prompt(&w).as_deref(), Some("welcome"));
    w.run(S(3));
    assert_ne!(prompt(&w).as_deref(), Some("welcome"), "music follows");
    settle(&mut w);
    assert_eq!(notices(&w), ["welcome"]);
    assert_eq!(recoveries(&w), [(500, 1)]);
    assert_eq!((records(&w).len(), ends(&w)[0].reason), (1, EndReason::Abandoned));
}

#[test]
fn a_caller_who_hears_why_the_call_ends_hears_it_again_and_no_crash() {
    let keys = "max_wait = \"5s\"\ntimeout_prompt = \"queue-timeout\"";
    let mut w = World::new(2, 1, keys, "");
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13800000001", HangUp::Never);
    w.run(S(7));
    assert_eq!(prompt(&w).as_deref(), Some("queue-timeout"));
    let before = w.commands.len();
    restart(&mut w);
    w.run(S(1));
    w.commands.drain(..before);
    assert_eq!(prompt(&w).as_deref(), Some("queue-timeout"));
    settle(&mut w);
    assert_eq!((records(&w).len(), ends(&w)[0].reason), (1, EndReason::WaitLimit));
    assert!(ends(&w)[0].callback_due);
}

#[test]
fn a_trunk_that_hears_ringing_is_answered_by_the_next_process() {
    let mut w = crate::peer::world(3, "", "answer_delay_ms = 3000", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    let ringing = pbx.hears(&mut w, "180 INVITE");
    w.run(S(1));
    restart(&mut w);
    let (_, ok) = pbx.within(&mut w, S(3), "200 INVITE");
    assert_eq!(ok.to_tag(), ringing.to_tag(), "one dialog");
    pbx.acks(&mut w, cseq, "");
    w.run(S(1));
    pbx.asks(&mut w, "BYE", "", "");
    pbx.hears(&mut w, "200 BYE");
    settle(&mut w);
    assert_eq!((recoveries(&w), records(&w).len()), (vec![(500, 0)], 1));
    let call = |what: &What| matches!(what, What::CallReceived(_) | What::CallAnswered { .. });
    assert_eq!(w.journal.iter().filter(|e| call(&e.what)).count(), 2);
}

#[test]
fn early_media_goes_on_and_the_answer_says_the_same_description() {
    let mut w = crate::peer::world(4, "early_media = true", "answer_delay_ms = 3000", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    let early = pbx.hears(&mut w, "183 INVITE");
    w.run(MS(1_200));
    let before = w.commands.len();
    restart(&mut w);
    w.run(MS(500));
    w.commands.drain(..before);
    assert!(
        matches!(hears(&w, caller(&w)), Source::Prompt { repeat: true, .. }),
        "{:?}",
        hears(&w, caller(&w))
    );
    let (_, ok) = pbx.within(&mut w, S(3), "200 INVITE");
    assert_eq!((ok.to_tag(), ok.body()), (early.to_tag(), early.body()), "word for word");
    assert!(!header(&ok, "Contact").is_empty());
    pbx.acks(&mut w, cseq, "");
    w.run(S(1));
    pbx.asks(&mut w, "BYE", "", "");
    pbx.hears(&mut w, "200 BYE");
    settle(&mut w);
    assert_eq!(records(&w).len(), 1);
}
