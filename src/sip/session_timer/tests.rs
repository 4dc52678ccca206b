use super::*;
use bytes::Bytes;

const S: fn(u64) -> Duration = Duration::from_secs;
const START: Mono = Mono(1_000_000_000);

fn message(start: &str, headers: &str) -> Message {
    let text = format!(
        "{start}\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\nFrom: <sip:c@example.org>;tag=a\r\n\
         To: <sip:12345@192.0.2.1>;tag=b\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text)).unwrap()
}

fn invite(headers: &str) -> Message {
    message("INVITE sip:12345@192.0.2.1 SIP/2.0", headers)
}

fn response(headers: &str) -> Message {
    message("SIP/2.0 200 OK", headers)
}

/// What our 2xx says of the timer.
fn answer(wish: u64, headers: &str) -> (Option<String>, bool, Option<(Duration, Refresher)>) {
    let mut timer = SessionTimer::new(S(wish));
    let headers = timer.answer(START, &invite(headers));
    let value = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    (value("Session-Expires"), value("Require").is_some(), timer.running())
}

#[test]
fn who_refreshes_is_settled_as_table_2_of_the_rfc_has_it() {
    let uac =
        |seconds: u64| (Some(format!("{seconds};refresher=uac")), true, Some((S(seconds), Refresher::Peer)));
    let uas = |seconds: u64, knows| {
        (Some(format!("{seconds};refresher=uas")), knows, Some((S(seconds), Refresher::Us)))
    };
    assert_eq!(answer(0, "Supported: timer\r\nSession-Expires: 600\r\n"), uac(600));
    assert_eq!(answer(0, "Supported: timer\r\nx: 600;refresher=uac\r\n"), uac(600));
    assert_eq!(answer(0, "Supported: timer\r\nSession-Expires: 600 ; Refresher=UAS\r\n"), uas(600, true));
    assert_eq!(answer(0, "Session-Expires: 600\r\n"), uas(600, false));
    assert_eq!(answer(900, "Supported: timer\r\n"), uac(900));
    assert_eq!(answer(900, ""), uas(900, false));
    assert_eq!(answer(0, "Supported: timer\r\n"), (None, false, None));
}

#[test]
fn the_shorter_wish_wins_but_never_below_a_min_se() {
    assert_eq!(
        answer(300, "Supported: timer\r\nSession-Expires: 600\r\n").0.as_deref(),
        Some("300;refresher=uac")
    );
    let bounded = "Supported: timer\r\nSession-Expires: 600\r\nMin-SE: 500\r\n";
    assert_eq!(answer(300, bounded).0.as_deref(), Some("500;refresher=uac"));
    let endless = "Supported: timer\r\nSession-Expires: 4000000000\r\n";
    assert_eq!(answer(0, endless).0.as_deref(), Some("86400;refresher=uac"));
}

#[test]
fn an_interval_below_90_s_is_too_small_only_for_who_can_be_told() {
    assert!(is_too_small(&invite("Supported: timer\r\nSession-Expires: 89\r\n")));
    assert!(is_too_small(&invite("Require: timer\r\nSession-Expires: 0\r\n")));
    assert!(!is_too_small(&invite("Supported: timer\r\nSession-Expires: 90\r\n")));
    assert!(!is_too_small(&invite("Session-Expires: 10\r\n")));
    assert!(!is_too_small(&invite("Supported: timer\r\nSession-Expires: x\r\n")));
}

#[test]
fn the_refresher_refreshes_at_half_time_and_the_peer_ends_32_s_early() {
    let mut us = SessionTimer::new(S(1800));
    us.answered(START, &response("Session-Expires: 1800;refresher=uac\r\n"));
    assert_eq!(us.poll_timeout(), Some((START + S(900), TimerDue::Refresh)));
    assert_eq!(us.handle_timeout(START + S(899)), None);
    assert_eq!(us.handle_timeout(START + S(900)), Some(TimerDue::Refresh));
    assert_eq!(us.poll_timeout(), Some((START + S(1768), TimerDue::Expired)));
    us.answered(START + S(901), &response("Session-Expires: 1800;refresher=uac\r\n"));
    assert_eq!(us.poll_timeout(), Some((START + S(1801), TimerDue::Refresh)));

    let mut them = SessionTimer::new(S(0));
    them.answered(START, &response("Session-Expires: 90;refresher=uas\r\n"));
    assert_eq!(them.poll_timeout(), Some((START + S(60), TimerDue::Expired)));
    assert_eq!(them.handle_timeout(START + S(60)), Some(TimerDue::Expired));
    assert_eq!(them.poll_timeout(), None);
}

#[test]
fn a_422_is_obeyed_once_for_each_higher_bound() {
    let mut timer = SessionTimer::new(S(90));
    assert_eq!(timer.ask(), [("Session-Expires", "90".to_owned())]);
    assert!(timer.too_small(&response("Min-SE: 240\r\n")));
    assert_eq!(timer.ask(), [("Session-Expires", "240".to_owned()), ("Min-SE", "240".to_owned())]);
    assert!(!timer.too_small(&response("Min-SE: 240\r\n")), "it would go on for ever");
    assert!(!timer.too_small(&response("")));
    assert!(!timer.too_small(&response("Min-SE: 4000000000\r\n")));
}

#[test]
fn a_refresh_without_an_answer_or_with_481_means_the_peer_is_gone() {
    let mut timer = SessionTimer::new(S(0));
    timer.answered(START, &response("Session-Expires: 600\r\n"));
    timer.handle_timeout(START + S(300));
    assert_eq!(timer.failed(START + S(301), Some(Status::NO_SUCH_CALL)), RefreshFailed::Gone);
    assert_eq!(timer.failed(START + S(301), None), RefreshFailed::Gone);
    assert_eq!(timer.failed(START + S(300), Some(Status::SERVER_INTERNAL_ERROR)), RefreshFailed::Later);
    // 600 - 32 = 568 is the end; half of what is left until then.
    assert_eq!(timer.poll_timeout(), Some((START + S(434), TimerDue::Refresh)));
}

#[test]
fn a_peer_that_does_not_know_the_timer_only_has_to_answer() {
    let mut timer = SessionTimer::new(S(600));
    timer.answered(START, &response(""));
    assert_eq!(timer.handle_timeout(START + S(300)), Some(TimerDue::Refresh));
    assert_eq!(timer.failed(START + S(301), Some(Status::NOT_ACCEPTABLE_HERE)), RefreshFailed::Later);
    assert_eq!(timer.poll_timeout(), Some((START + S(601), TimerDue::Refresh)));
    assert_eq!(timer.failed(START + S(601), None), RefreshFailed::Gone);
}

#[test]
fn a_refresh_without_the_header_ends_a_timer_nobody_wants() {
    let mut timer = SessionTimer::new(S(0));
    timer.answer(START, &invite("Supported: timer\r\nSession-Expires: 600\r\n"));
    assert!(timer.running().is_some());
    assert!(timer.answer(START + S(100), &invite("Supported: timer\r\n")).is_empty());
    assert_eq!(timer.poll_timeout(), None);
}

#[test]
fn a_refresh_of_ours_keeps_us_the_refresher() {
    let mut timer = SessionTimer::new(S(0));
    timer.answered(START, &response("Session-Expires: 600;refresher=uac\r\n"));
    assert_eq!(timer.refresh(), [("Session-Expires", "600;refresher=uac".to_owned())]);
}

#[test]
fn a_timer_for_supporting_peers_leaves_the_others_alone() {
    let mut timer = SessionTimer::new(S(1800)).with(TimedPeers::Supporting);
    assert_eq!(timer.answer(START, &invite("")), []);
    assert_eq!((timer.running(), timer.refresh()), (None, Vec::new()));
    let headers = timer.answer(START, &invite("Supported: timer\r\n"));
    assert_eq!(headers[0], ("Session-Expires", "1800;refresher=uac".to_owned()));
    assert_eq!(timer.running(), Some((S(1800), Refresher::Peer)));
    let mut timer = SessionTimer::new(S(1800)).with(TimedPeers::Supporting);
    assert_eq!(timer.ask(), [("Session-Expires", "1800".to_owned())]);
    timer.answered(START, &response(""));
    assert_eq!(timer.running(), None, "the peer does not know the timer");
    timer.answered(START, &response("Session-Expires: 600;refresher=uac\r\n"));
    assert_eq!(timer.running(), Some((S(600), Refresher::Us)));
}
