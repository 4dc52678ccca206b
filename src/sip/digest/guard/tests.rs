//! The guard against phones that are right, wrong, slow, and not there.

use super::*;
use crate::sip::digest::{NONCE_LIFE, SILENCE};
use crate::time::Duration;

const T0: Mono = Mono(1_000_000_000_000);
const URI: &str = "sip:Gateway.example;transport=UDP";

struct Office {
    guard: Guard,
    now: Mono,
    source: IpAddr,
    known: bool,
}

impl Office {
    fn new() -> Office {
        let seat = |name: &str, algorithms: &[Algorithm]| SeatAccount {
            seat: name.into(),
            password: format!("password of {name}").as_str().into(),
            algorithms: algorithms.to_vec(),
        };
        let seats = vec![seat("1001", &[]), seat("1002", &[Algorithm::Md5])];
        let guard = Guard::new("hotline".into(), seats, Random::from_number(3));
        Office { guard, now: T0, source: "192.0.2.1".parse().unwrap(), known: false }
    }

    fn ask(&mut self, named: &str, authorization: &[&str]) -> Proof {
        self.judged(named, authorization).proof
    }

    fn judged(&mut self, named: &str, authorization: &[&str]) -> Judged {
        let claim = Claim {
            source: self.source,
            names_it: &|uri| uri == URI.as_bytes(),
            method: b"REGISTER",
            named: named.as_bytes(),
            known: self.known,
        };
        self.guard.judge(self.now, claim, authorization.iter().map(|a| a.as_bytes()))
    }

    fn challenges(&mut self, user: &str) -> Vec<Challenge> {
        match self.ask(user, &[]) {
            Proof::Challenge(list) => list,
            other @ (Proof::Seat(_) | Proof::Late(..) | Proof::Malformed(_) | Proof::Silence) => {
                panic!("expected a challenge, got {other:?}")
            }
        }
    }

    fn try_password(&mut self, user: &str, password: &str) -> Proof {
        let challenge = self.challenges(user).remove(0);
        self.ask(user, &[&answer(&challenge, user, password, 1)])
    }
}

fn answer(challenge: &Challenge, user: &str, password: &str, count: u32) -> String {
    challenge.answer(user, &password.into(), "REGISTER", URI, count, "c")
}

fn names(challenges: &[Challenge]) -> Vec<&'static str> {
    challenges.iter().map(|c| c.algorithm.name()).collect()
}

fn is_stale(proof: &Proof) -> bool {
    matches!(proof, Proof::Challenge(list) if list.iter().all(|c| c.stale))
}

#[test]
fn a_user_is_asked_for_the_algorithms_of_its_list_strongest_first() {
    let mut o = Office::new();
    assert_eq!(names(&o.challenges("1001")), ["SHA-256", "MD5"]);
    assert_eq!(names(&o.challenges("1002")), ["MD5"]);
}

#[test]
fn a_challenge_that_is_left_unanswered_is_noticed_at_the_next_register() {
    let mut o = Office::new();
    let none: [&str; 0] = [];
    assert_eq!(o.judged("1001", &none).fault, None);
    o.now = o.now + Duration::from_secs(31);
    assert_eq!(o.judged("1001", &none).fault, None, "it may be a retransmission");
    o.now = o.now + Duration::from_secs(1);
    assert_eq!(o.judged("1001", &none).fault, Some(AuthFault::Unanswered));
    assert_eq!(o.try_password("1001", "password of 1001"), Proof::Seat("1001".into()));
    o.now = o.now + Duration::from_secs(3_600);
    assert_eq!(o.judged("1001", &none).fault, None, "the one before was answered");
}

#[test]
fn a_trunk_that_answered_sha_256_may_answer_md5_the_next_time() {
    let mut o = Office::new();
    o.guard = o.guard.of_a_trunk();
    for nth in [0, 1] {
        let challenge = o.challenges("1001").remove(nth);
        let text = answer(&challenge, "1001", "password of 1001", 1);
        assert_eq!(o.ask("1001", &[&text]), Proof::Seat("1001".into()));
    }
}

#[test]
fn a_seat_that_answered_sha_256_is_never_asked_for_md5_again() {
    let mut o = Office::new();
    assert_eq!(o.try_password("1001", "password of 1001"), Proof::Seat("1001".into()));
    for _ in 0..4 {
        o.now = o.now + Duration::from_secs(40);
        assert_eq!(names(&o.challenges("1001")), ["SHA-256"]);
    }
    let md5 = Challenge { algorithm: Algorithm::Md5, ..o.challenges("1001").remove(0) };
    let text = answer(&md5, "1001", "password of 1001", 1);
    let judged = o.judged("1001", &[&text]);
    assert_eq!(judged.fault, Some(AuthFault::Algorithm), "nor is it let in by it");
    assert!(matches!(judged.proof, Proof::Challenge(list) if names(&list) == ["SHA-256"]));
}

#[test]
fn each_fault_is_told_from_the_others() {
    let mut o = Office::new();
    let challenge = o.challenges("1001").remove(0);
    let wrong = answer(&challenge, "1001", "guess", 1);
    let md5 = answer(&o.challenges("1002").remove(0), "1002", "password of 1002", 1);
    let elsewhere = challenge.answer("1001", &"password of 1001".into(), "REGISTER", "sip:other", 1, "c");
    for (text, fault) in [
        (wrong, Some(AuthFault::WrongPassword)),
        (md5.replace("MD5", "SHA-512-256"), Some(AuthFault::Algorithm)),
        (elsewhere, Some(AuthFault::Uri)),
        ("Digest nonsense".into(), Some(AuthFault::Malformed)),
    ] {
        assert_eq!(o.judged("1001", &[&text]).fault, fault, "{text}");
    }
    let stale = Challenge { nonce: "chosen".into(), ..challenge };
    assert_eq!(o.judged("1001", &[&answer(&stale, "1001", "guess", 1)]).fault, None);
}

#[test]
fn an_answer_for_another_host_proves_nothing_with_the_right_password() {
    let mut o = Office::new();
    let challenge = o.challenges("1001").remove(0);
    let text = challenge.answer("1001", &"password of 1001".into(), "REGISTER", "sip:other", 1, "c");
    assert!(matches!(o.ask("1001", &[&text]), Proof::Malformed(_)));
    let text = answer(&challenge, "1001", "password of 1001", 1);
    assert_eq!(o.ask("1001", &[&text]), Proof::Seat("1001".into()), "its nonce is not spent");
}

#[test]
fn the_right_password_opens_with_either_algorithm_and_without_qop() {
    let mut o = Office::new();
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let challenge = Challenge { algorithm, ..o.challenges("1001").remove(0) };
        let proof = o.ask("1001", &[&answer(&challenge, "1001", "password of 1001", 1)]);
        assert_eq!(proof, Proof::Seat("1001".into()));
    }
    let legacy = Challenge { qop: Qop::Unsaid, ..o.challenges("1002").remove(0) };
    let text = answer(&legacy, "1002", "password of 1002", 1);
    assert_eq!(o.ask("1002", &[&text]), Proof::Seat("1002".into()));
    assert!(is_stale(&o.ask("1002", &[&text])), "good once");
}

#[test]
fn an_algorithm_that_was_not_offered_is_a_wrong_answer() {
    let mut o = Office::new();
    let mut challenge = o.challenges("1002").remove(0);
    challenge.algorithm = Algorithm::Sha256;
    let proof = o.ask("1002", &[&answer(&challenge, "1002", "password of 1002", 1)]);
    assert!(matches!(&proof, Proof::Challenge(list) if names(list) == ["MD5"]), "{proof:?}");
}

#[test]
fn a_replay_is_refused_as_stale_and_the_next_count_passes() {
    let mut o = Office::new();
    let challenge = o.challenges("1001").remove(0);
    let first = answer(&challenge, "1001", "password of 1001", 1);
    assert_eq!(o.ask("1001", &[&first]), Proof::Seat("1001".into()));
    assert!(is_stale(&o.ask("1001", &[&first])));
    assert_eq!(
        o.ask("1001", &[&answer(&challenge, "1001", "password of 1001", 2)]),
        Proof::Seat("1001".into())
    );
}

#[test]
fn an_old_nonce_and_one_given_to_another_address_are_stale() {
    let mut o = Office::new();
    let challenge = o.challenges("1001").remove(0);
    let right = answer(&challenge, "1001", "password of 1001", 1);
    o.source = "192.0.2.99".parse().unwrap();
    assert!(is_stale(&o.ask("1001", &[&right])));
    o.source = "192.0.2.1".parse().unwrap();
    o.now = T0 + NONCE_LIFE;
    assert!(is_stale(&o.ask("1001", &[&right])));
}

#[test]
fn a_nonce_that_is_not_ours_tells_nothing_about_the_password() {
    let mut o = Office::new();
    let foreign = Challenge { nonce: "chosen".into(), ..o.challenges("1001").remove(0) };
    for password in ["password of 1001", "wrong"] {
        for _ in 0..50 {
            assert!(is_stale(&o.ask("1001", &[&answer(&foreign, "1001", password, 1)])));
        }
    }
    assert_eq!(o.guard.remembered(), (0, 0), "and nothing is remembered of it");
}

#[test]
fn an_answer_is_found_among_other_realms_and_schemes() {
    let mut o = Office::new();
    let ours = o.challenges("1001").remove(0);
    let other = Challenge { realm: "elsewhere".into(), ..ours.clone() };
    let values = [
        "Bearer x".to_owned(),
        answer(&other, "1001", "password of 1001", 1),
        answer(&ours, "1001", "password of 1001", 1),
    ];
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    assert_eq!(o.ask("1001", &values), Proof::Seat("1001".into()));
    assert!(matches!(o.ask("1001", &values[..2]), Proof::Challenge(_)));
    assert!(matches!(o.ask("1001", &["Digest nonsense"]), Proof::Malformed(_)));
}

/// The shape of a proof with what must differ (nonces) taken out.
fn shape(proof: Proof) -> Proof {
    let blank = |list: Vec<Challenge>| {
        list.into_iter().map(|c| Challenge { nonce: String::new(), ..c }).collect::<Vec<_>>()
    };
    match proof {
        Proof::Challenge(list) => Proof::Challenge(blank(list)),
        Proof::Late(at, list) => Proof::Late(at, blank(list)),
        other @ (Proof::Seat(_) | Proof::Malformed(_) | Proof::Silence) => other,
    }
}

#[test]
fn an_unknown_user_gets_the_answers_of_a_known_one_to_the_end() {
    // One world in which 1001 exists, one in which it does not: from outside they are the same.
    let run = |user: &str| {
        let mut o = Office::new();
        let mut shapes = vec![shape(o.ask(user, &[]))];
        for wait in [1, 32, 32, 32] {
            o.now = o.now + Duration::from_secs(wait);
            shapes.push(shape(o.ask(user, &[])));
        }
        for n in 0..12 {
            let nonce = o.guard.nonces.issue(o.now, o.source);
            let challenge = Challenge {
                realm: "hotline".into(),
                nonce,
                algorithm: Algorithm::ALL[n % 2],
                keying: Keying::Password,
                qop: if n % 3 != 0 { Qop::Auth } else { Qop::Unsaid },
                stale: false,
                opaque: None,
            };
            let proof = shape(o.ask(user, &[&answer(&challenge, user, "guess", 1)]));
            if let Proof::Late(at, _) = &proof {
                o.now = *at;
            }
            shapes.push(proof);
            shapes.push(shape(o.ask(user, &["Digest broken"])));
        }
        shapes
    };
    let guard = Office::new().guard;
    let both_lists = |n: &u32| guard.algorithms(n.to_string().as_bytes()).len() == 2;
    let unknown = (5000..6000).find(both_lists).unwrap();
    assert_eq!(run("1001"), run(&unknown.to_string()));
}

#[test]
fn the_list_offered_to_an_unknown_user_is_a_seats_and_survives_restarts() {
    let (mut o, mut again) = (Office::new(), Office::new());
    again.guard = {
        let fresh = Office::new().guard;
        Guard { nonces: Nonces::new(Random::from_number(99)), ..fresh }
    };
    let mut lists = Vec::new();
    for user in 5000..5100 {
        let list = o.challenges(&user.to_string());
        assert_eq!(names(&list), names(&again.challenges(&user.to_string())));
        lists.push(names(&list).concat());
    }
    let met = |name: &str| lists.iter().any(|list| list == name);
    assert!(met("SHA-256MD5") && met("MD5"), "both lists in use are met");
}

#[test]
fn a_brute_force_is_slowed_and_then_silent_even_for_the_right_password() {
    let mut o = Office::new();
    let mut seen = Vec::new();
    for _ in 0..60 {
        let proof = o.try_password("1001", "guess");
        if let Proof::Late(at, _) = proof {
            assert!(matches!(o.try_password("1001", "parallel"), Proof::Silence), "none in parallel");
            o.now = at;
        }
        seen.push(matches!(proof, Proof::Silence));
    }
    assert_eq!(seen.iter().filter(|silent| !**silent).count(), 9);
    assert_eq!(o.try_password("1001", "password of 1001"), Proof::Silence);
    o.now = o.now + SILENCE;
    assert_eq!(o.try_password("1001", "password of 1001"), Proof::Seat("1001".into()));
}

#[test]
fn trying_many_users_silences_the_source_but_no_seat_registered_there() {
    let mut o = Office::new();
    for n in 0..60 {
        o.now = o.now + Duration::from_millis(1);
        o.try_password(&format!("user{n}"), "guess");
    }
    assert_eq!(o.ask("1001", &[]), Proof::Silence);
    o.known = true;
    assert_eq!(o.try_password("1001", "password of 1001"), Proof::Seat("1001".into()));
    let md5 = Challenge { algorithm: Algorithm::Md5, ..o.challenges("1001").remove(0) };
    let other = answer(&md5, "1002", "password of 1002", 1);
    assert_eq!(o.ask("1001", &[&other]), Proof::Silence, "naming a known one helps no other");
}

#[test]
fn a_realm_cannot_break_out_of_its_quotes() {
    let g = Guard::new("hot\"line\r\\".into(), Vec::new(), Random::from_number(1));
    assert_eq!(g.realm(), "hotline");
}
