//! Entry points for what reads single headers and small bodies. Most take header lines, which are put into a request
//! that is whole but for them.

use crate::caller::{
    HEADERS_KEPT, NAME_LIMIT, TrunkIdentity, VALUE_LIMIT, display_name, identify, selected_headers,
};
use crate::id::Random;
use crate::redact::Secret;
use crate::sip::digest::{Challenge, SeatAccount};
use crate::sip::registrar::CONTACTS_PER_SEAT;
use crate::sip::reliable::{ProvisionalBody, Provisionals};
use crate::sip::session_timer::{LEAST, SessionTimer, is_too_small};
use crate::sip::{
    Flow, KeyPress, Message, NameAddr, Outgoing, ReferTo, Registrar, Replaces, Status, Transport, Uri, Via,
    quoted,
};
use crate::time::{Duration, Mono, Now, Wall};
use bytes::Bytes;

const NOW: Now = Now { mono: Mono(1_000_000_000_000), wall: Wall(1_800_000_000_000_000_000) };

/// A request with `lines` among its headers; `None` when it cannot be read.
fn request(method: &str, lines: &[u8], body: &[u8]) -> Option<Message> {
    let head = format!(
        "{method} sip:12345@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
         To: <sip:1001@h>\r\nCall-ID: c\r\nCSeq: 7 {method}\r\n"
    );
    let from: &[u8] = if lines.starts_with(b"From:") { b"" } else { b"From: <sip:1001@h>;tag=f\r\n" };
    let lines = lines.strip_suffix(b"\r\n").unwrap_or(lines);
    let end = format!("\r\nContent-Length: {}\r\n\r\n", body.len());
    Message::parse(Bytes::from([head.as_bytes(), from, lines, end.as_bytes(), body].concat())).ok()
}

/// Via, addresses and URIs: what we write of one that was read reads as that.
pub fn addresses(bytes: &[u8]) {
    if let Ok(via) = Via::parse(bytes.to_vec()) {
        assert_eq!(via.raw(), bytes);
        let _ = (via.transport(), via.host(), via.port(), via.received(), via.rport(), via.params().count());
        assert!(via.unique_branch().is_none_or(|unique| via.branch() == Some(unique)));
    }
    if let Ok(address) = NameAddr::parse(bytes.to_vec()) {
        assert_eq!(address.raw(), bytes);
        let shown = address.display_text();
        let again = NameAddr::parse(format!("{} <sip:a@b>", quoted(&shown)));
        let again = again.expect("a name we write can be read");
        assert_eq!(again.uri(), b"sip:a@b", "a name reaches into the address");
        let _ = (address.is_bracketed(), address.tag(), address.param("q"), address.params().count());
    }
    if let Ok(uri) = Uri::parse(bytes) {
        assert_eq!(Uri::parse(uri.to_string().as_bytes()), Ok(uri.clone()), "a URI is written otherwise");
        let _ = (uri.user_text(), uri.param("transport"), uri.socket_addr(5060));
        let dialled = uri.dialled().unwrap_or_default();
        assert!(dialled.len() <= 3 * bytes.len(), "a number grew");
    }
}

/// Refer-To, Refer-Sub and Replaces: whatever dialog is named has a name and both its tags.
pub fn refer(lines: &[u8]) {
    let Some(request) = request("REFER", lines, b"") else { return };
    let named = |r: &Replaces| !r.call_id.is_empty();
    if let Ok(to) = ReferTo::of(&request) {
        assert!(to.replaces.as_ref().is_none_or(named), "a dialog without a name");
    }
    if let Some(Ok(replaces)) = Replaces::of(&request) {
        assert!(named(&replaces), "a dialog without a name");
    }
    let _ = ReferTo::is_unwatched(&request);
}

/// The caller, and the headers kept of a call: withheld is withheld, a number is one, and nothing is longer than it may be.
pub fn caller(lines: &[u8]) {
    let Some(invite) = request("INVITE", lines, b"") else { return };
    for trusted in [false, true] {
        let area = trusted.then(|| "0755".to_owned());
        let rules = TrunkIdentity { trusted, area, strip: Some("00".into()), ..TrunkIdentity::default() };
        let caller = identify(&invite, &rules);
        if let Some(number) = &caller.e164 {
            let digits = number.reveal().strip_prefix('+').expect("a number begins with +");
            assert!(!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()), "no number");
        }
        assert!(
            !caller.withheld || caller.e164.is_none() && caller.name.is_none(),
            "who is withheld is shown"
        );
        let shown = display_name(2, &"12345".into(), &caller, Duration::from_secs(60));
        assert!(shown.chars().count() <= NAME_LIMIT && !shown.contains(char::is_control), "{shown:?}");
    }
    let kept = selected_headers(&invite);
    assert!(kept.len() <= HEADERS_KEPT && kept.iter().all(|(_, value)| value.reveal().len() <= VALUE_LIMIT));
}

/// What a phone with the right password may ask the registrar for: its Contacts, Expires, Path and what it supports.
pub fn register(lines: &[u8]) {
    let Some((mut registrar, response)) = registered(lines) else { return };
    let status = response.status().map_or(0, Status::code);
    assert!([200, 400, 401, 403, 420, 423, 439, 500].contains(&status), "{status}");
    let bindings = registrar.bindings(&"1001".into());
    assert!(bindings.len() <= CONTACTS_PER_SEAT && (status == 200 || bindings.is_empty()));
    assert!(Message::parse(response.encode()).is_ok(), "the answer to a REGISTER cannot be read");
    while let Some((at, _)) = registrar.poll_timeout() {
        registrar.handle_timeout(NOW.after(at.since(NOW.mono)));
    }
    assert_eq!(registrar.contacts(), 0, "a contact never lapses");
}

/// A REGISTER with these lines and the right password, at a registrar that knew nothing before.
fn registered(lines: &[u8]) -> Option<(Registrar, Outgoing)> {
    let password = || Secret::new("right".to_owned());
    let account = SeatAccount { seat: "1001".into(), password: password(), algorithms: Vec::new() };
    let mut registrar = Registrar::new("hotline".into(), vec![account], Random::from_number(1));
    let (local, remote) = (([192, 0, 2, 1], 5060).into(), ([192, 0, 2, 7], 5060).into());
    let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
    let asked = registrar.register(NOW, flow, &request("REGISTER", b"X: y", b"")?).response?;
    let challenge = Challenge::choose(asked.all("WWW-Authenticate"))?;
    let answer = challenge.answer("1001", &password(), "REGISTER", "sip:12345@h", 1, "c");
    let lines = [format!("Authorization: {answer}\r\n").as_bytes(), lines].concat();
    let register = request("REGISTER", &lines, b"")?;
    let registered = registrar.register(NOW, flow, &register);
    Some((registrar, registered.response.expect("a REGISTER with the password is answered")))
}

/// RAck, Session-Expires and Min-SE: whatever is asked, our timer is one that can be kept.
pub fn timers(lines: &[u8]) {
    let Some(invite) = request("INVITE", lines, b"") else { return };
    let mut provisionals = Provisionals::new(41);
    provisionals.send(
        NOW.mono,
        7,
        Outgoing::response(&invite, Status::SESSION_PROGRESS, Some("t")),
        ProvisionalBody::Description,
    );
    if let Some(prack) = request("PRACK", lines, b"")
        && provisionals.acknowledged(NOW.mono, &prack).is_some()
    {
        assert!(!provisionals.hold_back_answer(), "what is acknowledged is still waited for");
    }
    let _ = is_too_small(&invite);
    for wish in [0, 90, 1_800] {
        let mut timer = SessionTimer::new(Duration::from_secs(wish));
        timer.answer(NOW.mono, &invite);
        keeps(&mut timer);
        let mut timer = SessionTimer::new(Duration::from_secs(wish));
        timer.answered(NOW.mono, &invite);
        keeps(&mut timer);
        let _ = timer.too_small(&invite);
    }
}

fn keeps(timer: &mut SessionTimer) {
    let Some((interval, _)) = timer.running() else { return };
    assert!((LEAST..=Duration::from_secs(24 * 3600)).contains(&interval), "{interval:?}");
    let (at, _) = timer.poll_timeout().expect("a timer that runs comes due");
    assert!(at > NOW.mono && at <= NOW.mono + interval, "a timer that is due at once, or never");
}

/// The body of an INFO, in either form: a key that is read can be written.
pub fn keys(body: &[u8]) {
    for form in ["application/dtmf-relay", "application/dtmf"] {
        let lines = format!("Content-Type: {form}\r\n");
        let Some(info) = request("INFO", lines.as_bytes(), body) else { continue };
        let Ok(Some(press)) = KeyPress::read(&info) else { continue };
        let written = press.relay_body();
        let again = request("INFO", b"Content-Type: application/dtmf-relay\r\n", written.as_bytes());
        assert_eq!(again.map(|m| KeyPress::read(&m)), Some(Ok(Some(press))), "a key is written otherwise");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! seed {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/corpus/", $name))
        };
    }

    /// What reaches no parser finds nothing.
    #[test]
    fn the_seeds_reach_what_they_are_for() {
        let refers = |lines: &[u8]| ReferTo::of(&request("REFER", lines, b"").expect("a request"));
        assert_eq!(refers(seed!("refer/plain")).map(|to| to.user), Ok("water bureau".into()));
        assert!(refers(seed!("refer/attended")).expect("read").replaces.is_some());
        let rules = TrunkIdentity { trusted: true, ..TrunkIdentity::default() };
        let identified = |lines: &[u8]| identify(&request("INVITE", lines, b"").expect("a request"), &rules);
        assert!(identified(seed!("caller/asserted")).withheld);
        assert!(identified(seed!("caller/gbk")).e164.is_some());
        let asked = |lines: &[u8]| {
            let (registrar, response) = registered(lines).expect("an answer");
            (response.status().expect("a response"), registrar.contacts())
        };
        assert_eq!(asked(seed!("register/two")), (Status::OK, 2));
        assert_eq!(asked(seed!("register/star")), (Status::OK, 0));
        assert_eq!(asked(seed!("register/outbound")), (Status::OK, 1));
        assert_eq!(asked(seed!("register/brief")), (Status::INTERVAL_TOO_BRIEF, 0));
        let invite = request("INVITE", seed!("timers/asked"), b"").expect("a request");
        let mut timer = SessionTimer::new(Duration::ZERO);
        assert_eq!(timer.answer(NOW.mono, &invite).len(), 2);
        let info = request("INFO", b"Content-Type: application/dtmf-relay", seed!("keys/relay"));
        assert_eq!(KeyPress::read(&info.expect("a request")), Ok(Some(KeyPress::of('5'))));
    }
}
