//! A stop that waits no longer, whatever a call is doing.

use super::{ends, one_record, presentations};
use crate::town::*;
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;

#[test]
fn a_presentation_that_a_stop_takes_back_leaves_the_call_waiting_first() {
    let mut w = World::new(1, 1, "", "");
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13800000001", HangUp::Never);
    w.run(S(2));
    w.input(Input::Drain);
    w.input(Input::Shutdown);
    settle(&mut w);
    let states: Vec<_> = w
        .journal
        .iter()
        .skip_while(|e| !matches!(e.what, What::SeatPresented(_)))
        .filter_map(|e| Some((e.what.clone(), e.call.as_ref()?.summary.clone())))
        .collect();
    let ended = states.iter().find(|(what, _)| matches!(what, What::SeatPresentationEnded(_))).unwrap();
    assert_eq!((ended.1.state, ended.1.seat.clone()), (CallState::Waiting, None), "{}", whole(&w));
    assert_eq!(presentations(&w), [("1001".to_owned(), PresentationResult::Withdrawn)]);
    let end = &ends(&w)[0];
    assert_eq!((end.by, end.reason, end.callback_due), (EndedBy::Gateway, EndReason::Shutdown, true));
    one_record(&w);
}
