//! The session timer (RFC 4028) in calls: who refreshes, with what, and what a silent peer brings on itself.

use crate::peer::*;
use hotline_gateway::event::{CallRefused, EndReason, EndedBy, What};
use hotline_gateway::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// A trunk that asks for a timer of 90 s which we are to keep.
const WE_REFRESH: &str =
    "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n";

#[test]
fn a_trunk_that_promised_to_refresh_and_does_not_is_hung_up_on_in_time() {
    let mut w = world(1, "", "", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "Supported: timer\r\nSession-Expires: 90\r\n", &sdp(""));
    let (began, ok) = pbx.within(&mut w, S(1), "200 INVITE");
    assert_eq!(
        (header(&ok, "Session-Expires"), header(&ok, "Require")),
        ("90;refresher=uac".into(), "timer".into())
    );
    pbx.acks(&mut w, cseq, "");
    let (at, bye) = pbx.within(&mut w, S(90), "BYE");
    // 90 s less a third of them.
    assert_eq!(at.since(began).as_secs(), 60);
    assert_eq!(header(&bye, "Reason"), "Q.850;cause=102");
    pbx.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
    let end = end(&w);
    assert_eq!((end.by, end.reason, end.q850), (EndedBy::Gateway, EndReason::SignallingLost, 102));
}

#[test]
fn a_trunk_that_refreshes_keeps_its_call() {
    let mut w = world(2, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "Supported: timer\r\nSession-Expires: 90\r\n");
    for _ in 0..5 {
        w.run(S(45));
        pbx.asks(&mut w, "UPDATE", "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", "");
        let ok = pbx.hears(&mut w, "200 UPDATE");
        assert_eq!(header(&ok, "Session-Expires"), "90;refresher=uac");
    }
    pbx.hangs_up(&mut w);
    assert_eq!(end(&w).reason, EndReason::Completed);
}

#[test]
fn we_refresh_by_update_where_the_peer_takes_it() {
    let mut w = world(3, "", "", false);
    let mut pbx = Peer::speaks(&mut w, WE_REFRESH);
    for _ in 0..3 {
        let (_, update) = pbx.within(&mut w, S(46), "UPDATE");
        assert_eq!(header(&update, "Session-Expires"), "90;refresher=uac");
        assert!(update.body().is_empty());
        pbx.answers(&mut w, &update, 200, "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n", "");
        w.run(S(40));
    }
    pbx.hangs_up(&mut w);
}

#[test]
fn we_refresh_by_re_invite_when_the_peer_takes_no_update() {
    let mut w = world(4, "", "", false);
    let mut pbx = Peer::trunk();
    let cseq =
        pbx.asks(&mut w, "INVITE", "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n", &sdp(""));
    let answer = body(&pbx.hears(&mut w, "200 INVITE"));
    pbx.acks(&mut w, cseq, "");
    let (_, again) = pbx.within(&mut w, S(46), "INVITE");
    assert_eq!(body(&again), answer, "a refresh changes nothing");
    pbx.answers(&mut w, &again, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    let ack = pbx.hears(&mut w, "ACK");
    assert_eq!(ack.cseq().0, again.cseq().0);
    // The ACK was lost: the 200 comes again, and so does the ACK.
    pbx.answers(&mut w, &again, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    pbx.hears(&mut w, "ACK");
    pbx.within(&mut w, S(46), "INVITE");
    pbx.hangs_up(&mut w);
}

#[test]
fn a_peer_that_refuses_update_is_refreshed_by_re_invite_at_once() {
    let mut w = world(5, "", "", false);
    let mut pbx = Peer::speaks(&mut w, WE_REFRESH);
    let (_, update) = pbx.within(&mut w, S(46), "UPDATE");
    pbx.answers(&mut w, &update, 501, "", "");
    let again = pbx.hears(&mut w, "INVITE");
    pbx.answers(&mut w, &again, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    pbx.hears(&mut w, "ACK");
    pbx.hangs_up(&mut w);
}

#[test]
fn a_refresh_that_is_never_answered_or_answered_481_ends_the_call() {
    for answer in [None, Some(481)] {
        let mut w = world(6, "", "", false);
        let mut pbx = Peer::speaks(&mut w, WE_REFRESH);
        let (_, update) = pbx.within(&mut w, S(46), "UPDATE");
        if let Some(status) = answer {
            pbx.answers(&mut w, &update, status, "", "");
        }
        let (_, bye) = pbx.within(&mut w, S(33), "BYE");
        pbx.answers(&mut w, &bye, 200, "", "");
        settle(&mut w);
        assert_eq!((end(&w).reason, end(&w).sip_code), (EndReason::SignallingLost, answer));
    }
}

#[test]
fn an_interval_too_small_for_us_is_refused_with_ours_and_recorded() {
    let mut w = world(7, "", "", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "Supported: timer\r\nSession-Expires: 60\r\n", &sdp(""));
    let refused = pbx.hears(&mut w, "422 INVITE");
    assert_eq!(header(&refused, "Min-SE"), "90");
    pbx.follows(&mut w, "ACK", cseq, "");
    settle(&mut w);
    let codes = w.journal.iter().filter_map(|e| match &e.what {
        What::CallRefused(CallRefused { sip_code, .. }) => Some(*sip_code),
        _ => None,
    });
    assert_eq!(codes.collect::<Vec<_>>(), [422]);
}

#[test]
fn a_seat_that_wants_a_longer_timer_is_asked_again_with_its_own_bound() {
    let mut w = world(8, "", "", true);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    let (mut phone, invite) = Peer::called(&mut w);
    assert_eq!(header(&invite, "Session-Expires"), "1800");
    phone.answers(&mut w, &invite, 422, "Min-SE: 3600\r\n", "");
    phone.hears(&mut w, "ACK");
    let again = phone.hears(&mut w, "INVITE");
    assert_eq!((header(&again, "Session-Expires"), header(&again, "Min-SE")), ("3600".into(), "3600".into()));
    assert_eq!((again.call_id(), again.cseq().0), (invite.call_id(), 2));
    phone.answers(&mut w, &again, 200, "", &sdp(""));
    assert_eq!(phone.hears(&mut w, "ACK").cseq().0, 2);
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    assert_eq!(bye.cseq().0, 3);
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
    assert_eq!(end(&w).reason, EndReason::Completed);
}

#[test]
fn a_seat_that_raises_its_bound_for_ever_is_given_up() {
    let mut w = world(9, "", "", true);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    let (mut phone, mut invite) = Peer::called(&mut w);
    let call = invite.call_id().to_owned();
    for n in 1..=4 {
        phone.answers(&mut w, &invite, 422, &format!("Min-SE: {}\r\n", 2000 + n), "");
        w.run(Duration::from_millis(10));
        let more = phone.heard(&w).contains(&"INVITE".to_owned());
        if !more {
            break;
        }
        invite = phone.hears(&mut w, "INVITE");
    }
    assert!(invite.call_id() != call || invite.cseq().0 <= 4, "it goes on for ever");
    pbx.asks(&mut w, "BYE", "", "");
    w.run(S(1));
    for request in phone.heard(&w) {
        assert_ne!(request, "BYE");
    }
    settle(&mut w);
}

#[test]
fn a_refresh_too_small_is_422_inside_the_call_and_the_call_goes_on() {
    let mut w = world(10, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    pbx.asks(&mut w, "UPDATE", "Supported: timer\r\nSession-Expires: 10\r\n", "");
    assert_eq!(header(&pbx.hears(&mut w, "422 UPDATE"), "Min-SE"), "90");
    pbx.hangs_up(&mut w);
}

#[test]
fn a_trunk_with_session_expires_is_asked_for_a_timer_it_does_not_name() {
    let mut w = world(11, "session_expires = \"600s\"", "", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    let ok = pbx.hears(&mut w, "200 INVITE");
    assert_eq!(
        (header(&ok, "Session-Expires"), header(&ok, "Require")),
        ("600;refresher=uas".into(), "".into())
    );
    pbx.acks(&mut w, cseq, "");
    let (_, again) = pbx.within(&mut w, S(301), "INVITE");
    // A peer that knows no timer only has to answer.
    pbx.answers(&mut w, &again, 488, "", "");
    pbx.hears(&mut w, "ACK");
    let (_, again) = pbx.within(&mut w, S(301), "INVITE");
    pbx.answers(&mut w, &again, 200, "", &sdp(""));
    pbx.hears(&mut w, "ACK");
    pbx.hangs_up(&mut w);
}
