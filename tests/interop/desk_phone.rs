//! Operators at a real telephone: codes, picking up, handing on, consulting. baresip has blind transfer, linphone the
//! attended one.

use crate::baresip::Desk;
use crate::callee::Callee;
use crate::linphone::Linphone;
use crate::place::{free_port, poll};
use crate::program::text;
use crate::sipp::Plan;
use crate::tone::milliseconds_of;
use crate::town::Town;
use crate::voice::{Voice, first_of, longest_silence};
use std::time::{Duration, Instant};

/// As in `operator_phone`: baresip needs MD5 alone.
const SEAT: &str = "[[seat]]\nid = \"1001\"";

/// What the citizen, the operator and the department sound like.
const CITIZEN: u32 = 1_000;
const OPERATOR: u32 = 620;
const DEPARTMENT: u32 = 800;

/// The tone after a code that is refused, in hertz.
const REFUSED: u32 = 300;

/// For a state to be told, on a machine that is busy.
const TOLD: Duration = Duration::from_secs(20);

fn desk(town: &Town) -> Desk {
    let password = town.gateway.password("1001");
    Desk::register(&town.gateway.place, town.gateway.sip, ("1001", &password), OPERATOR)
}

/// Waits for this state, reason and operator of the seat.
fn becomes(town: &Town, state: [&str; 3]) {
    let mut last = Default::default();
    let told = poll(TOLD, || {
        last = town.gateway.seat_state("1001");
        (last == state).then_some(())
    });
    assert!(told.is_some(), "{state:?} expected, it is {last:?}");
}

/// Picks up, speaks for so long, hangs up.
fn answers_and_speaks(ms: u32) -> Callee {
    Callee::new().says(180, "").answers().waits(ms).hangs_up("")
}

/// Each heard the other, and the citizen no silence to speak of from the operator's key to the department's voice.
fn hear_each_other(citizen: Voice, department: Voice, asked: Instant) {
    let packets = citizen.packets();
    let speaks = first_of(&packets, DEPARTMENT).expect("the citizen hears the department");
    let silence = longest_silence(&packets, asked, speaks + Duration::from_millis(100));
    println!("handed on: the department is heard {:?} after the key, silence {silence:?}", speaks - asked);
    assert!(silence < Duration::from_secs(1), "{silence:?}");
    let sound: Vec<i16> = packets.into_iter().flat_map(|p| p.samples).collect();
    let heard = [milliseconds_of(&sound, DEPARTMENT), milliseconds_of(&department.heard(), CITIZEN)];
    assert!(heard.iter().all(|ms| *ms >= 1_000), "{heard:?}");
}

#[test]
fn an_operator_signs_in_takes_a_break_and_signs_out_by_dialling() {
    let town = Town::new("desk-codes", &format!("{SEAT}\nsign_in = true"));
    let mut desk = desk(&town);
    for (code, state) in [
        ("*10*8007", ["READY", "signed in", "8007"]),
        ("*131", ["NOT_READY", "break", "8007"]),
        ("*12", ["READY", "ready", "8007"]),
        ("*11", ["OFFLINE", "signed out", "8007"]),
    ] {
        desk.press("dial", code);
        desk.hears_of("CALL_CLOSED");
        becomes(&town, state);
    }
    desk.press("dial", "*12");
    desk.hears_of("CALL_ESTABLISHED");
    desk.hears_of("CALL_CLOSED");
    becomes(&town, ["OFFLINE", "signed out", "8007"]);
    let heard = desk.phone().has_heard(&town.gateway.place, REFUSED);
    assert!(heard >= 100, "the tone of refusal, of which {heard} ms were heard");
}

#[test]
fn an_operator_who_takes_no_calls_picks_up_the_one_that_waits() {
    let town = Town::new("desk-pick-up", SEAT);
    let mut desk = desk(&town);
    desk.press("dial", "*13");
    desk.hears_of("CALL_CLOSED");
    desk.press("dial", "*8");
    desk.hears_of("CALL_ESTABLISHED");
    desk.hears_of("CALL_CLOSED");
    let voice = Voice::start(CITIZEN);
    let citizen = town.citizen(voice.port);
    town.gateway.told("QueueEntered", 1);
    desk.press("dial", "*8");
    desk.hears_of("CALL_ESTABLISHED");
    assert_eq!(text(&town.gateway.told("SeatConnected", 1)[0], "/seat_connected/seat"), "1001");
    let heard = poll(TOLD, || (desk.phone().has_heard(&town.gateway.place, CITIZEN) >= 500).then_some(()));
    assert!(heard.is_some(), "the operator hears the citizen");
    desk.press("hangup", "");
    citizen.succeed(&town.gateway.place);
    let at_citizen = milliseconds_of(&voice.heard(), OPERATOR);
    assert!(at_citizen >= 300, "the citizen heard {at_citizen} ms of the operator");
    let record = town.record();
    assert_eq!(text(&record, "/ended/by"), "ENDED_BY_SEAT", "{record:#}");
    assert_eq!(text(&record, "/seat"), "1001", "{record:#}");
}

#[test]
fn a_picked_up_call_silences_the_seat_at_which_it_rang() {
    let port = free_port();
    let town = Town::new(
        "desk-steal",
        &format!("{SEAT}\n[[seat]]\nid = \"1002\"\ncontact = \"sip:1002@127.0.0.1:{port}\""),
    );
    let mut desk = desk(&town);
    desk.press("dial", "*13");
    desk.hears_of("CALL_CLOSED");
    let rings = Callee::new().rings_out();
    let other = Plan { name: "other", scenario: &rings.xml(), fill: &[], calls: 1, rate: 0 };
    let other = other.serve(&town.gateway.place, port);
    let voice = Voice::start(CITIZEN);
    let citizen = town.citizen(voice.port);
    let ringing = || (town.gateway.seat_state("1002")[0] == "RINGING").then_some(());
    assert!(poll(TOLD, ringing).is_some(), "{:?}", town.gateway.seat_state("1002"));
    desk.press("dial", "*8");
    desk.hears_of("CALL_ESTABLISHED");
    assert_eq!(text(&town.gateway.told("SeatConnected", 1)[0], "/seat_connected/seat"), "1001");
    other.succeed(&town.gateway.place);
    desk.press("hangup", "");
    citizen.succeed(&town.gateway.place);
    assert_eq!(text(&town.record(), "/seat"), "1001");
}

#[test]
fn a_citizen_transferred_by_a_code_speaks_with_it_and_the_seat_is_free() {
    let town = Town::new("desk-blind", SEAT);
    let mut desk = desk(&town);
    let (citizen_voice, voice) = (Voice::start(CITIZEN), Voice::start(DEPARTMENT));
    let department = town.department(&answers_and_speaks(2_000), voice.port);
    let citizen = town.citizen(citizen_voice.port);
    town.gateway.told("SeatConnected", 1);
    let asked = Instant::now();
    desk.press("transfer", "601");
    let expected = ["BLIND 1001 to Water STARTED", "BLIND 1001 to Water COMPLETED"];
    assert_eq!(town.transfers(2), expected);
    desk.hears_of("CALL_CLOSED");
    becomes(&town, ["READY", "call over", ""]);
    department.succeed(&town.gateway.place);
    citizen.succeed(&town.gateway.place);
    hear_each_other(citizen_voice, voice, asked);
    let record = town.record();
    assert_eq!(record["transfers"].as_array().map(Vec::len), Some(2), "{record:#}");
}

/// Hands the citizen on to a department that lets it ring; `meanwhile` is what the operator does. The citizen comes back.
fn comes_back(name: &str, meanwhile: impl FnOnce(&mut Desk, &Town)) {
    let town = Town::new(name, SEAT);
    let mut desk = desk(&town);
    let (citizen_voice, voice) = (Voice::start(CITIZEN), Voice::start(DEPARTMENT));
    let department = town.department(&Callee::new().rings_out(), voice.port);
    let citizen = town.citizen(citizen_voice.port);
    town.gateway.told("SeatConnected", 1);
    desk.press("transfer", "601");
    meanwhile(&mut desk, &town);
    let expected = ["BLIND 1001 to Water STARTED", "BLIND 1001 to Water FAILED"];
    assert_eq!(town.transfers(2), expected);
    department.succeed(&town.gateway.place);
    let offers = town.gateway.told("SeatPresented", 2);
    assert_eq!(text(&offers[1], "/seat_presented/why"), "recall", "{offers:#?}");
    assert_eq!(text(&offers[1], "/seat_presented/seat"), "1001", "{offers:#?}");
    town.gateway.told("SeatConnected", 2);
    desk.press("hangup", "");
    citizen.succeed(&town.gateway.place);
    assert_eq!(text(&town.record(), "/ended/by"), "ENDED_BY_SEAT");
}

#[test]
fn an_unanswered_citizen_is_offered_to_a_seat_again_after_its_hang_up() {
    comes_back("desk-recall", |desk, town| {
        town.transfers(1);
        desk.press("hangup", "");
    });
}

#[test]
fn an_unanswered_citizen_is_not_lost_by_a_phone_that_hangs_up_when_told() {
    // Nobody touches this phone: baresip ends its line when NOTIFY brings a failure.
    comes_back("desk-unasked", |_, _| {});
}

#[test]
fn an_operator_consults_the_department_and_takes_the_citizen_back() {
    let town = Town::new("desk-consult", SEAT);
    let mut desk = desk(&town);
    let (citizen_voice, voice) = (Voice::start(CITIZEN), Voice::start(DEPARTMENT));
    let department = town.department(&Callee::new().says(180, "").answers().hung_up(), voice.port);
    let citizen = town.citizen(citizen_voice.port);
    town.gateway.told("SeatConnected", 1);
    desk.press("hold", "");
    town.gateway.told("CallHeld", 1);
    desk.press("dial", "601");
    assert_eq!(text(&town.gateway.told("ParticipantChanged", 1)[0], "/participant_changed/party"), "Water");
    desk.press("hangup", "");
    department.succeed(&town.gateway.place);
    desk.press("resume", "");
    town.gateway.told("CallResumed", 1);
    let resumed = Instant::now();
    let long_enough = || (resumed.elapsed() > Duration::from_millis(1_500)).then_some(());
    assert!(poll(TOLD, long_enough).is_some());
    desk.press("hangup", "");
    citizen.succeed(&town.gateway.place);
    let packets = citizen_voice.packets();
    let after: Vec<i16> = packets.iter().filter(|p| p.at > resumed).flat_map(|p| p.samples.clone()).collect();
    let all: Vec<i16> = packets.into_iter().flat_map(|p| p.samples).collect();
    let (again, of_department) = (milliseconds_of(&after, OPERATOR), milliseconds_of(&all, DEPARTMENT));
    assert!(again >= 1_000, "the citizen hears the operator again: {again} ms");
    assert_eq!(of_department, 0, "what the department says to the operator is not the citizen's");
    assert_eq!(text(&town.record(), "/ended/by"), "ENDED_BY_SEAT");
}

#[test]
fn a_citizen_handed_on_after_a_consultation_hears_the_department_at_once() {
    let town = Town::new("desk-attended", "[[seat]]\nid = \"1001\"");
    let (password, at) = (town.gateway.password("1001"), town.gateway.sip);
    let mut desk = Linphone::register(&town.gateway.place, at, "1001", &password);
    let (citizen_voice, voice) = (Voice::start(CITIZEN), Voice::start(DEPARTMENT));
    let department = town.department(&answers_and_speaks(4_000), voice.port);
    let citizen = town.citizen(citizen_voice.port);
    town.gateway.told("SeatConnected", 1);
    desk.says("to LinphoneCallStreamsRunning", 1);
    desk.types("pause 1");
    town.gateway.told("CallHeld", 1);
    desk.says("to LinphoneCallPaused", 1);
    desk.types(&format!("call sip:601@{at}"));
    town.gateway.told("ParticipantChanged", 1);
    desk.says("to LinphoneCallStreamsRunning", 2);
    let asked = Instant::now();
    desk.types("transfer 1 --to-call 2");
    let expected = ["ATTENDED 1001 to Water STARTED", "ATTENDED 1001 to Water COMPLETED"];
    assert_eq!(town.transfers(2), expected);
    becomes(&town, ["READY", "call over", ""]);
    department.succeed(&town.gateway.place);
    citizen.succeed(&town.gateway.place);
    hear_each_other(citizen_voice, voice, asked);
}

#[test]
fn an_unanswered_citizen_is_on_the_line_again_if_the_phone_kept_it() {
    let town = Town::new("desk-back", "[[seat]]\nid = \"1001\"");
    let (password, at) = (town.gateway.password("1001"), town.gateway.sip);
    let mut desk = Linphone::register(&town.gateway.place, at, "1001", &password);
    let (citizen_voice, voice) = (Voice::start(CITIZEN), Voice::start(DEPARTMENT));
    let department = town.department(&Callee::new().rings_out(), voice.port);
    let citizen = town.citizen(citizen_voice.port);
    town.gateway.told("SeatConnected", 1);
    desk.says("to LinphoneCallStreamsRunning", 1);
    desk.types(&format!("transfer sip:601@{at}"));
    let expected = ["BLIND 1001 to Water STARTED", "BLIND 1001 to Water FAILED"];
    assert_eq!(town.transfers(2), expected);
    let failed = Instant::now();
    department.succeed(&town.gateway.place);
    let long_enough = || (failed.elapsed() > Duration::from_millis(1_500)).then_some(());
    assert!(poll(TOLD, long_enough).is_some());
    desk.types("terminate");
    citizen.succeed(&town.gateway.place);
    let packets = citizen_voice.packets();
    let after: Vec<i16> = packets.into_iter().filter(|p| p.at > failed).flat_map(|p| p.samples).collect();
    let again = milliseconds_of(&after, OPERATOR);
    assert!(again >= 1_000, "the citizen hears the operator again: {again} ms");
    assert_eq!(town.gateway.events("SeatPresented").len(), 1, "he never left the line");
    assert_eq!(text(&town.record(), "/ended/by"), "ENDED_BY_SEAT");
}
