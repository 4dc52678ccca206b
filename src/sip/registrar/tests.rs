//! The registrar against a phone that speaks real messages, in virtual time.

mod flows;
mod passwords;

use super::*;
use crate::redact::Secret;
use crate::sip::Transport;
use crate::sip::digest::{Algorithm, Challenge, Qop};
use crate::time::{Duration, Wall};
use bytes::Bytes;

struct Office {
    registrar: Registrar,
    now: Now,
    changes: Vec<(String, BindingChange)>,
}

/// A phone, and what it puts into its next REGISTER.
#[derive(Clone)]
struct Phone {
    user: &'static str,
    password: String,
    flow: Flow,
    call_id: String,
    cseq: u32,
    contact: String,
    expires: Option<u32>,
    algorithm: usize,
}

fn flow(remote: &str) -> Flow {
    let (local, remote) = ("192.0.2.100:5060".parse().unwrap(), remote.parse().unwrap());
    Flow { transport: Transport::Udp, local, remote, connection: None }
}

fn stream(remote: &str, connection: u64) -> Flow {
    Flow { transport: Transport::Tcp, connection: Some(connection), ..flow(remote) }
}

fn phone(user: &'static str, remote: &str) -> Phone {
    Phone {
        user,
        password: format!("password of {user}"),
        flow: flow(remote),
        call_id: format!("call-id-{user}-{remote}"),
        cseq: 0,
        contact: format!("<sip:{user}@{remote}>"),
        expires: Some(600),
        algorithm: 0,
    }
}

fn office() -> Office {
    let seat = |name: &str| SeatAccount {
        seat: name.into(),
        password: Secret::new(format!("password of {name}")),
        algorithms: Vec::new(),
    };
    let seats = vec![seat("1001"), seat("1002"), seat("1003")];
    let hours = Expiry { longest_udp: Duration::from_secs(3600), ..Expiry::default() };
    let registrar = Registrar::new("hotline".into(), seats, Random::from_number(11)).granting(hours);
    let now = Now { mono: Mono(5_000_000_000_000), wall: Wall(1_289_690_940_000_000_000) };
    Office { registrar, now, changes: Vec::new() }
}

fn status(registered: &Registered) -> Option<Status> {
    registered.response.as_ref().and_then(Outgoing::status)
}

fn contacts(response: &Outgoing) -> Vec<String> {
    response.all("Contact").map(|c| String::from_utf8_lossy(c).into_owned()).collect()
}

fn challenges(response: &Outgoing) -> Vec<Challenge> {
    response.all("WWW-Authenticate").map(|c| Challenge::parse(c).unwrap()).collect()
}

impl Phone {
    fn request(&mut self, more: &str) -> Message {
        self.cseq += 1;
        let Phone { user, flow, call_id, cseq, contact, .. } = self;
        let contact = if contact.is_empty() { String::new() } else { format!("Contact: {contact}\r\n") };
        let expires = self.expires.map_or(String::new(), |e| format!("Expires: {e}\r\n"));
        let text = format!(
            "REGISTER sip:gateway.example SIP/2.0\r\nVia: SIP/2.0/UDP {0};branch=z9hG4bK{cseq}{call_id}\r\n\
             From: <sip:{user}@gateway.example>;tag=1\r\nTo: <sip:{user}@gateway.example>\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nUser-Agent: Desk\tphone 1\r\n\
             {contact}{expires}{more}Content-Length: 0\r\n\r\n",
            flow.remote
        );
        Message::parse(Bytes::from(text)).unwrap()
    }

    fn answer(&self, challenge: &Challenge, count: u32) -> String {
        let password = Secret::new(self.password.clone());
        let proof = challenge.answer(self.user, &password, "REGISTER", "sip:gateway.example", count, "c");
        format!("Authorization: {proof}\r\n")
    }
}

impl Office {
    fn receive(&mut self, flow: Flow, request: &Message) -> Registered {
        let registered = self.registrar.register(self.now, flow, request);
        self.note(registered.changed.clone());
        registered
    }

    fn note(&mut self, changed: Vec<(SeatId, BindingChange)>) {
        self.changes.extend(changed.into_iter().map(|(seat, change)| (seat.to_string(), change)));
    }

    /// REGISTER, challenge, REGISTER with the answer: the final response.
    fn registers(&mut self, phone: &mut Phone) -> Registered {
        let first = phone.request("");
        let Some(challenged) = self.receive(phone.flow, &first).response else {
            return Registered { response: None, due: self.now.mono, changed: Vec::new(), failed: None };
        };
        assert_eq!(challenged.status(), Some(Status::UNAUTHORIZED));
        let algorithm = Algorithm::ALL[phone.algorithm];
        let challenge = Challenge { algorithm, ..challenges(&challenged).remove(0) };
        let second = phone.request(&phone.answer(&challenge, 1));
        self.receive(phone.flow, &second)
    }

    fn contacts_of(&self, seat: &str) -> Vec<String> {
        self.registrar.bindings(&seat.into()).iter().map(|b| b.contact.clone()).collect()
    }

    fn passes(&mut self, by: Duration) {
        self.now = self.now.after(by);
        let changed = self.registrar.handle_timeout(self.now);
        self.note(changed);
    }

    fn changes(&mut self) -> Vec<(String, BindingChange)> {
        std::mem::take(&mut self.changes)
    }
}

#[test]
fn a_phone_registers_with_its_password_and_keeps_the_flow_it_came_on() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.contact = "\"Desk\" <sip:1001@10.0.0.7:5060;ob>".into();
    let done = o.registers(&mut p).response.unwrap();
    assert_eq!(done.status(), Some(Status::OK));
    assert_eq!(contacts(&done), ["<sip:1001@10.0.0.7:5060;ob>;expires=600"]);
    assert_eq!(done.get("Date"), Some(&b"Sat, 13 Nov 2010 23:29:00 GMT"[..]));
    let binding = &o.registrar.bindings(&"1001".into())[0];
    assert_eq!(binding.flow, p.flow);
    assert_eq!(binding.expires, o.now.mono + Duration::from_secs(600));
    assert_eq!(binding.user_agent.as_deref(), Some("Deskphone 1"), "controls are left out");
    assert_eq!(o.changes(), [("1001".into(), BindingChange::Bound)]);
    assert_eq!(o.registrar.seats_on(&p.flow).collect::<Vec<_>>(), [&SeatId::from("1001")]);
}

#[test]
fn a_seat_has_several_contacts_and_is_bound_until_the_last_is_gone() {
    let mut o = office();
    let (mut desk, mut soft) = (phone("1001", "203.0.113.5:40001"), phone("1001", "203.0.113.6:40002"));
    o.registers(&mut desk);
    let both = o.registers(&mut soft).response.unwrap();
    assert_eq!(contacts(&both).len(), 2);
    assert_eq!(o.contacts_of("1001").last().map(String::as_str), Some("sip:1001@203.0.113.6:40002"));
    o.registers(&mut desk);
    assert_eq!(o.contacts_of("1001").last().map(String::as_str), Some("sip:1001@203.0.113.5:40001"));
    desk.expires = Some(0);
    assert_eq!(contacts(&o.registers(&mut desk).response.unwrap()).len(), 1);
    assert_eq!(o.changes(), [("1001".into(), BindingChange::Bound)]);
    soft.contact = "<sip:1001@203.0.113.6:40002>;expires=0".into();
    assert!(contacts(&o.registers(&mut soft).response.unwrap()).is_empty());
    assert_eq!(o.changes(), [("1001".into(), BindingChange::Unbound)]);
    assert!(o.registrar.poll_timeout().is_none());
    assert!(o.registrar.seats_on(&soft.flow).next().is_none());
}

#[test]
fn a_star_removes_all_and_only_with_expires_zero() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.contact = "<sip:1001@a.example>, <sip:1001@b.example>".into();
    assert_eq!(contacts(&o.registers(&mut p).response.unwrap()).len(), 2);
    p.contact = "*".into();
    for expires in [None, Some(600)] {
        assert_eq!(status(&o.registers(&mut Phone { expires, ..p.clone() })), Some(Status::BAD_REQUEST));
    }
    let mixed = Phone { contact: "*, <sip:1001@a.example>".into(), expires: Some(0), ..p.clone() };
    assert_eq!(status(&o.registers(&mut mixed.clone())), Some(Status::BAD_REQUEST));
    assert_eq!(o.contacts_of("1001").len(), 2);
    p.expires = Some(0);
    p.cseq += 20;
    assert!(contacts(&o.registers(&mut p).response.unwrap()).is_empty());
    assert_eq!(o.changes(), [("1001".into(), BindingChange::Bound), ("1001".into(), BindingChange::Unbound)]);
}

#[test]
fn a_register_without_contact_only_tells() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    o.registers(&mut p);
    o.passes(Duration::from_secs(100));
    let mut asking = Phone { contact: String::new(), expires: None, ..phone("1001", "203.0.113.9:1") };
    let told = o.registers(&mut asking).response.unwrap();
    assert_eq!(contacts(&told), ["<sip:1001@203.0.113.5:40001>;expires=500"]);
    assert_eq!(o.contacts_of("1001").len(), 1);
}

#[test]
fn too_short_is_423_and_too_long_is_cut_and_nonsense_is_an_hour() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.expires = Some(59);
    let brief = o.registers(&mut p).response.unwrap();
    assert_eq!(
        (brief.status(), brief.get("Min-Expires")),
        (Some(Status::INTERVAL_TOO_BRIEF), Some(&b"60"[..]))
    );
    assert!(o.contacts_of("1001").is_empty());
    for (contact, expires, granted) in [
        ("<sip:1001@h>", Some(60), 60),
        ("<sip:1001@h>", Some(86_400), 3600),
        ("<sip:1001@h>", None, 3600),
        ("<sip:1001@h>;expires=120", Some(600), 120),
        ("<sip:1001@h>;expires=99999999999999999999", Some(600), 3600),
        ("<sip:1001@h>;expires=soon", Some(600), 3600),
    ] {
        p.contact = contact.into();
        p.expires = expires;
        let done = o.registers(&mut p).response.unwrap();
        assert_eq!(contacts(&done), [format!("<sip:1001@h>;expires={granted}")], "{contact} {expires:?}");
    }
}

#[test]
fn an_hour_is_wished_and_granted_as_long_as_the_transport_is_trusted() {
    let mut o = office();
    o.registrar = o.registrar.granting(Expiry::default());
    let mut p = phone("1001", "203.0.113.5:40001");
    p.expires = Some(3600);
    let done = o.registers(&mut p).response.unwrap();
    assert!(contacts(&done)[0].ends_with(";expires=300"), "{:?}", contacts(&done));
    p.flow = stream("203.0.113.5:40001", 7);
    let done = o.registers(&mut p).response.unwrap();
    assert!(contacts(&done)[0].ends_with(";expires=3600"), "{:?}", contacts(&done));
}

#[test]
fn one_contact_that_cannot_be_granted_changes_nothing() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.expires = Some(600);
    for (second, expected) in [
        ("<sip:1001@b>;expires=30", 423),
        ("<tel:+8610>", 400),
        ("<mailto:a@b>", 400),
        ("not a contact", 400),
        ("sip:1001@b?Route=%3Csip:sip.example.com%3E", 400),
    ] {
        p.contact = format!("<sip:1001@a>, {second}");
        assert_eq!(status(&o.registers(&mut p)), Status::new(expected), "{second}");
        assert!(o.contacts_of("1001").is_empty(), "{second}");
    }
    p.contact = format!("<sip:{}@a>", "x".repeat(600));
    assert_eq!(status(&o.registers(&mut p)), Some(Status::BAD_REQUEST));
}

#[test]
fn the_headers_of_a_contact_are_told_back_and_never_sent() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.expires = None;
    for (contact, target) in [
        ("<sip:1001@a;x=1?Route=%3Csip:sip.example.com%3E>", "sip:1001@a;x=1"),
        ("<sip:wh?at@a?Subject=x>", "sip:wh?at@a"),
    ] {
        p.contact = contact.into();
        let done = o.registers(&mut p).response.unwrap();
        assert_eq!(contacts(&done), [format!("{contact};expires=3600")]);
        let kept: Vec<_> =
            o.registrar.bindings(&"1001".into()).iter().map(|b| b.target().to_owned()).collect();
        assert_eq!(kept, [target]);
        p.contact = "*".into();
        p.expires = Some(0);
        o.registers(&mut p);
        p.expires = None;
    }
}

#[test]
fn an_older_cseq_of_the_same_registration_is_refused() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.cseq = 100;
    o.registers(&mut p);
    let mut late = Phone { cseq: 50, expires: Some(0), ..p.clone() };
    assert_eq!(status(&o.registers(&mut late)), Some(Status::SERVER_INTERNAL_ERROR));
    late.contact = "*".into();
    assert_eq!(status(&o.registers(&mut late)), Some(Status::SERVER_INTERNAL_ERROR));
    let mut same = Phone { cseq: 100, expires: Some(0), ..p.clone() };
    assert_eq!(
        status(&o.registers(&mut same)),
        Some(Status::SERVER_INTERNAL_ERROR),
        "102 was the one that counted"
    );
    assert_eq!(o.contacts_of("1001").len(), 1);
    let mut rebooted = Phone { cseq: 0, call_id: "another".into(), ..p };
    assert_eq!(status(&o.registers(&mut rebooted)), Some(Status::OK), "a new Call-ID begins anew");
}

#[test]
fn past_the_limit_the_contact_that_would_lapse_first_makes_room() {
    let mut o = office();
    for i in 0..CONTACTS_PER_SEAT + 3 {
        let mut p = phone("1001", &format!("203.0.113.5:{}", 40_000 + i));
        p.expires = Some(3000 - u32::try_from(i).unwrap());
        if i == 2 {
            p.expires = Some(70);
        }
        assert_eq!(status(&o.registers(&mut p)), Some(Status::OK));
    }
    let left = o.contacts_of("1001");
    assert_eq!(left.len(), CONTACTS_PER_SEAT);
    assert!(!left.iter().any(|c| c.ends_with(":40002")), "{left:?}");
    assert!(left.last().unwrap().ends_with(":40010"));
    assert_eq!(o.changes(), [("1001".into(), BindingChange::Bound)]);
    let mut many = phone("1002", "203.0.113.5:1");
    many.contact = (0..=CONTACTS_PER_SEAT).map(|i| format!("<sip:1002@h{i}>")).collect::<Vec<_>>().join(",");
    assert_eq!(
        status(&o.registers(&mut many)),
        Some(Status::FORBIDDEN),
        "more than there is room for in one request"
    );
    assert!(o.contacts_of("1002").is_empty());
}

#[test]
fn a_phone_that_comes_back_elsewhere_replaces_its_own_contact() {
    let mut o = office();
    let instance = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";
    let mut p = phone("1001", "203.0.113.5:40001");
    p.contact = format!("<sip:1001@203.0.113.5:40001>;{instance}");
    o.registers(&mut p);
    let mut again = phone("1001", "203.0.113.5:40777");
    again.contact = format!("<sip:1001@203.0.113.5:40777>;{instance}");
    o.registers(&mut again);
    assert_eq!(o.contacts_of("1001"), ["sip:1001@203.0.113.5:40777"]);
    let mut line2 = phone("1001", "203.0.113.5:40778");
    line2.contact = format!("<sip:1001@203.0.113.5:40778>;{instance};reg-id=2");
    o.registers(&mut line2);
    assert_eq!(o.contacts_of("1001").len(), 2, "a second line of the same phone is another contact");
    assert!(o.registrar.seats_on(&p.flow).next().is_none());
}

#[test]
fn a_contact_is_the_same_whatever_the_case_of_its_host() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.contact = "<sip:1001@Desk.Example;transport=UDP>".into();
    o.registers(&mut p);
    p.contact = "<SIP:%31001@desk.example;transport=udp;idle=1>".into();
    o.registers(&mut p);
    assert_eq!(o.contacts_of("1001"), ["SIP:%31001@desk.example;transport=udp;idle=1"]);
    p.contact = "<sip:1001@desk.example;transport=tcp>".into();
    o.registers(&mut p);
    assert_eq!(o.contacts_of("1001").len(), 2);
}

#[test]
fn contacts_lapse_in_their_time_and_a_refresh_moves_it() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.expires = Some(100);
    o.registers(&mut p);
    let mut q = phone("1002", "203.0.113.6:40001");
    o.registers(&mut q);
    o.changes();
    assert_eq!(
        o.registrar.poll_timeout(),
        Some((o.now.mono + Duration::from_secs(100), Reason::ContactLapses))
    );
    o.passes(Duration::from_secs(90));
    o.registers(&mut p);
    o.passes(Duration::from_secs(99));
    assert_eq!(o.changes(), []);
    o.passes(Duration::from_secs(1));
    assert_eq!(o.changes(), [("1001".into(), BindingChange::Unbound)]);
    assert_eq!((o.contacts_of("1001").len(), o.contacts_of("1002").len()), (0, 1));
    o.passes(Duration::from_secs(3600));
    assert_eq!(o.changes(), [("1002".into(), BindingChange::Unbound)]);
    assert_eq!(o.registrar.poll_timeout(), None);
}

#[test]
fn a_closed_connection_takes_its_contacts_and_no_others() {
    let mut o = office();
    let shared = stream("203.0.113.5:50001", 7);
    let mut a = Phone { flow: shared, ..phone("1001", "203.0.113.5:50001") };
    let mut b = Phone { flow: shared, ..phone("1002", "203.0.113.5:50001") };
    let mut c = Phone { flow: stream("203.0.113.5:50002", 8), ..phone("1003", "203.0.113.5:50002") };
    for p in [&mut a, &mut b, &mut c] {
        assert_eq!(status(&o.registers(p)), Some(Status::OK));
    }
    let moved = stream("203.0.113.5:50003", 9);
    b.flow = moved;
    assert_eq!(status(&o.registers(&mut b)), Some(Status::OK));
    o.changes();
    let changed = o.registrar.flow_closed(shared);
    assert_eq!(changed, [(SeatId::from("1001"), BindingChange::Unbound)], "1002 had moved on");
    assert_eq!(o.registrar.flow_closed(shared), []);
    assert_eq!(o.registrar.bindings(&"1002".into())[0].flow, moved);
}

#[test]
fn no_mangled_register_makes_the_registrar_panic_or_grow() {
    let mut o = office();
    let mut random = Random::from_number(0xF00D);
    let alphabet = b"<>*;,=\"\\: \t@%0aZ\xff\x00+";
    let mut reached = std::collections::BTreeSet::new();
    for round in 0..4_000u32 {
        let mut p = phone("1001", &format!("203.0.{}.{}:40001", round >> 8 & 255, round & 255));
        p.contact = "\"D\" <sip:1001@h:5060;transport=udp>;expires=70;+sip.instance=\"<u>\";reg-id=1".into();
        let asked = o.receive(p.flow, &p.request("")).response.unwrap();
        let proof = p.answer(&challenges(&asked)[0], 1);
        let request = p.request(&proof);
        let mut text = request.bytes().to_vec();
        // Behind what makes it a REGISTER of 1001: Contact, Expires and Authorization are mangled.
        let start = text.windows(8).position(|w| w == b"Contact:").unwrap() + 8;
        for _ in 0..random.below(4) {
            let at = start + random.below((text.len() - start) as u64) as usize;
            text[at] = alphabet[random.below(alphabet.len() as u64) as usize];
        }
        if let Ok(mangled) = Message::parse(Bytes::from(text)) {
            reached.extend(status(&o.receive(p.flow, &mangled)));
        }
        assert!(o.registrar.contacts() <= CONTACTS_PER_SEAT, "round {round}");
        o.passes(Duration::from_secs(1));
    }
    assert!([200, 400, 401].iter().all(|s| reached.contains(&Status::from(*s))), "{reached:?}");
}

#[test]
fn a_restored_contact_is_reached_by_udp_and_awaited_by_a_stream() {
    let mut o = office();
    let (mut udp, mut tcp) = (phone("1001", "203.0.113.5:40001"), phone("1002", "203.0.113.6:40002"));
    tcp.flow = stream("203.0.113.6:40002", 7);
    o.registers(&mut udp);
    o.registers(&mut tcp);
    let text = |o: &Office, seat: &str| serde_json::to_string(o.registrar.bindings(&seat.into())).unwrap();
    let saved: Vec<(SeatId, Vec<Binding>)> =
        ["1001", "1002"].map(|seat| (seat.into(), serde_json::from_str(&text(&o, seat)).unwrap())).into();
    let mut next = office();
    next.now = o.now.after(Duration::from_secs(100));
    for (seat, saved) in &saved {
        next.registrar.restore(next.now.mono, seat, saved.clone());
    }
    let binding = |next: &Office, seat: &str| next.registrar.bindings(&seat.into())[0].clone();
    assert_eq!(binding(&next, "1001").reach, Reach::ByFlow);
    assert_eq!(next.registrar.seats_on(&udp.flow).collect::<Vec<_>>(), [&SeatId::from("1001")]);
    let awaited = binding(&next, "1002");
    assert_eq!((awaited.reach, awaited.flow.connection), (Reach::NoConnection, None));
    assert_eq!(next.registrar.seats_on(&tcp.flow).count(), 0, "its number means another connection now");
    tcp.flow = stream("203.0.113.6:40777", 2);
    next.registers(&mut tcp);
    assert_eq!(binding(&next, "1002").reach, Reach::ByFlow, "it is back by its contact");
    assert_eq!(next.registrar.bindings(&"1002".into()).len(), 1);
    let mut late = office();
    late.now = o.now.after(Duration::from_secs(600));
    late.registrar.restore(late.now.mono, &"1001".into(), saved[0].1.clone());
    assert!(late.registrar.bindings(&"1001".into()).is_empty(), "it has lapsed");
}
