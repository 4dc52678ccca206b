//! Phones that register, and those that cannot: what is told of them, and that no flood keeps them out.

use crate::house::{House, OTHER_TRUNK, PHONE, UNKNOWN, flow};
use hotline_gateway::event::{RegistrationFailure, What, wire};
use hotline_gateway::redact::Secret;
use hotline_gateway::sip::digest::{Algorithm, Challenge, UNANSWERED};
use hotline_gateway::sip::{Flow, Message, Status, Transport};
use hotline_gateway::time::Duration;

impl House {
    fn register(&mut self, user: &str) -> String {
        let register = self.request("REGISTER", "sip:hotline.example", user, "");
        register.replace("To: <sip:hotline.example>", &format!("To: <sip:{user}@hotline.example>"))
    }

    /// The challenge to a REGISTER without an answer.
    fn asked(&mut self, flow: Flow, user: &str) -> (String, Message) {
        let register = self.register(user);
        let (_, asked) = self.hears(flow, register.as_str()).pop().expect("a challenge");
        assert_eq!(asked.status(), Some(Status::UNAUTHORIZED));
        (register, asked)
    }

    fn tries(&mut self, flow: Flow, user: &str, password: &str) -> Option<u16> {
        let (register, asked) = self.asked(flow, user);
        let proved = self.answer_to(&asked, &register, user, password)?;
        self.hears(flow, proved).pop()?.1.status().map(Status::code)
    }

    /// What was told of registrations that failed.
    fn failures(&self) -> Vec<(String, String, RegistrationFailure, u32)> {
        let told = self.events.iter().filter_map(|e| match &e.what {
            What::SeatRegistrationFailed { seat, source, reason, count } => {
                Some((seat.to_string(), source.to_string(), *reason, *count))
            }
            _ => None,
        });
        told.collect()
    }
}

fn challenge(asked: &Message) -> Challenge {
    Challenge::choose(asked.headers("WWW-Authenticate")).expect("a challenge")
}

#[test]
fn a_phone_with_a_wrong_password_is_told_with_its_seat_and_address_once() {
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    for _ in 0..3 {
        assert_eq!(house.tries(phone, "1009", "wrong"), Some(401));
    }
    let told = |reason, count| ("1009".to_owned(), PHONE.to_owned(), reason, count);
    assert_eq!(house.failures(), [told(RegistrationFailure::WrongPassword, 1)]);
    house.waits(Duration::from_secs(601));
    assert_eq!(house.tries(phone, "1009", "wrong"), Some(401));
    assert_eq!(house.failures()[1..], [told(RegistrationFailure::WrongPassword, 3)]);
    assert_eq!(house.tries(phone, "1009", "right"), Some(200));
    assert_eq!(house.gateway.counts().registration_failures.of(RegistrationFailure::WrongPassword), 4);
}

#[test]
fn each_reason_a_phone_cannot_register_for_is_told() {
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    let (register, asked) = house.asked(phone, "1009");
    let sha = Challenge { algorithm: Algorithm::Sha256, ..challenge(&asked) };
    let answer =
        |c: &Challenge, uri: &str| c.answer("1009", &Secret::new("right".into()), "REGISTER", uri, 1, "c");
    let with = |n: u32, value: String| {
        let fresh = register.replace("branch=z9hG4bK", &format!("branch=z9hG4bKx{n}"));
        fresh.replace("Contact:", &format!("Authorization: {value}\r\nContact:"))
    };
    let registers = "sip:hotline.example";
    assert_eq!(house.statuses(PHONE, &with(1, answer(&sha, registers))), [401]);
    assert_eq!(house.statuses(PHONE, &with(2, answer(&challenge(&asked), "sip:elsewhere.example"))), [400]);
    assert_eq!(house.statuses(PHONE, &with(3, "Digest nonsense".into())), [400]);
    let elsewhere = house.register("1009").replace("hotline.example SIP", "elsewhere.example SIP");
    assert_eq!(house.statuses(PHONE, &elsewhere), [404]);
    house.asked(phone, "1009");
    house.waits(UNANSWERED);
    house.asked(phone, "1009");
    let reasons: Vec<_> = house.failures().into_iter().map(|(_, _, reason, _)| reason).collect();
    use RegistrationFailure as F;
    assert_eq!(reasons, [F::Algorithm, F::DigestUri, F::Unreadable, F::UnknownDomain, F::Unanswered]);
}

#[test]
fn a_user_that_is_no_seat_is_counted_and_not_told() {
    let mut house = House::new();
    for n in 0..20 {
        house.tries(flow(Transport::Udp, UNKNOWN), &format!("70{n}"), "wrong");
    }
    assert!(house.failures().is_empty());
    assert_eq!(house.gateway.counts().registration_failures.of(RegistrationFailure::WrongPassword), 20);
}

#[test]
fn a_phone_that_knows_md5_alone_registers_at_a_seat_that_prefers_sha_256() {
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    let (register, asked) = house.asked(phone, "1001");
    let algorithms: Vec<_> = asked
        .headers("WWW-Authenticate")
        .filter_map(|value| Challenge::choose([value]).map(|challenge| challenge.algorithm))
        .collect();
    assert_eq!(algorithms, [Algorithm::Sha256, Algorithm::Md5]);
    let md5 = Challenge { algorithm: Algorithm::Md5, ..challenge(&asked) };
    let proved = house.proved(&register, "Authorization", &md5, ("1001", "right")).expect("a REGISTER");
    assert_eq!(house.hears(phone, proved).pop().and_then(|(_, m)| m.status()), Some(Status::OK));
}

#[test]
fn a_trunk_that_brings_900_calls_a_second_does_not_fill_the_disk() {
    let mut house = House::new();
    let fat: String = (0..4).map(|n| format!("History-Info: <sip:{n}@{}>\r\n", "x".repeat(1_000))).collect();
    let (mut served, calls) = (0, 60 * 900);
    for n in 0..calls {
        house.waits(Duration::from_nanos(1_000_000_000 / 900));
        let invite = house.invite(&format!("138{n:08}"), &fat);
        served += usize::from(house.statuses(OTHER_TRUNK, &invite).contains(&200));
    }
    house.waits(Duration::from_secs(1));
    let singly = house.refusals().len();
    assert_eq!(served + singly + house.shed(), calls, "each is in exactly one record");
    assert_eq!(house.gateway.counts().refused_total as usize, calls - served);
    // The trunk may bring 50 a second, and of what it brings beyond that ten a second are read.
    assert!(served + singly <= 61 * 60 + 20, "{served} and {singly}");
    let of_shed = house.events.iter().filter(|e| matches!(e.what, What::CallsShed { .. })).count();
    assert!(of_shed <= 61, "{of_shed}");
    let bytes: usize = house.events.iter().map(|e| wire::encode(e).len()).sum();
    println!("{} events, {bytes} octets for {calls} INVITEs in a minute", house.events.len());
    // A refusal, its record, and the callback that is owed for it.
    assert!(house.events.len() < 3 * singly + 30 * served + 61, "{}", house.events.len());
    // A minute of the worst costs what a hundred bytes for each INVITE would.
    assert!(bytes < 100 * calls, "{bytes}");
}

/// Datagrams with false ports in the name of an office's address: each millisecond as many.
fn forge(house: &mut House, n: u64, method: &str) {
    let forged = match method {
        "REGISTER" => house.register(&format!("9{n}")),
        other => house.request(other, "sip:hotline.example", "x", ""),
    };
    house.hears(flow(Transport::Udp, &format!("203.0.113.9:{}", 10_000 + n % 50_000)), forged);
}

#[test]
fn forged_datagrams_of_an_office_s_address_keep_none_of_its_phones_out() {
    for method in ["OPTIONS", "INVITE", "REGISTER"] {
        let mut house = House::new();
        for n in 0..3_000 {
            house.now = house.now.after(Duration::from_millis(10));
            forge(&mut house, n, method);
            if n % 500 == 499 {
                let udp = flow(Transport::Udp, &format!("203.0.113.9:{}", 40_000 + n));
                assert_eq!(house.tries(udp, "1001", "right"), Some(200), "{method} {n}");
                let tcp = Flow { connection: Some(n), ..flow(Transport::Tcp, "203.0.113.9:50001") };
                assert!(house.gateway.admits(house.now, &tcp));
                assert_eq!(house.tries(tcp, "1009", "right"), Some(200), "{method} {n}");
            }
        }
    }
}

#[test]
fn a_phone_with_a_nonce_of_ours_passes_any_flood_and_floods_nothing() {
    let mut house = House::new();
    let phone = flow(Transport::Udp, UNKNOWN);
    let (register, asked) = house.asked(phone, "1001");
    // One more than fill a second: at the second itself the reserve has a token back, and the last of them takes it.
    for n in 0..5_001 {
        house.now = house.now.after(Duration::from_micros(200));
        forge(&mut house, n, "REGISTER");
    }
    let without = house.register("1001");
    assert!(house.hears(phone, without).is_empty(), "the flood has taken the reserve");
    let proved = house.answer_to(&asked, &register, "1001", "right").expect("an answer");
    assert_eq!(house.hears(phone, proved).pop().and_then(|(_, m)| m.status()), Some(Status::OK));
    // A source with a nonce may send it as often as it likes, and is read a hundred times a second.
    let (register, asked) = house.asked(flow(Transport::Udp, "198.51.100.7:5060"), "1009");
    let guess = house.answer_to(&asked, &register, "1009", "wrong").expect("an answer");
    let shed = house.gateway.counts().shed_total;
    for n in 0..20_000 {
        house.now = house.now.after(Duration::from_micros(100));
        let again = guess.replace("branch=z9hG4bKp", &format!("branch=z9hG4bKq{n}p"));
        house.hears(flow(Transport::Udp, "198.51.100.7:5060"), again);
    }
    let read = 20_000 - (house.gateway.counts().shed_total - shed);
    assert!(read < 1_100, "{read} were read in two seconds");
}
