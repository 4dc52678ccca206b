//! Who may register: challenges, answers, guesses.

use super::*;

#[test]
fn a_challenge_offers_sha_256_first_and_either_answer_registers() {
    for algorithm in [0, 1] {
        let mut o = office();
        let mut p = Phone { algorithm, ..phone("1001", "203.0.113.5:40001") };
        let asked = o.receive(p.flow, &p.clone().request("")).response.unwrap();
        let names: Vec<_> = challenges(&asked).iter().map(|c| c.algorithm).collect();
        assert_eq!(names, Algorithm::ALL);
        assert!(challenges(&asked).iter().all(|c| c.qop == Qop::Auth && !c.stale));
        assert_eq!(status(&o.registers(&mut p)), Some(Status::OK));
    }
}

#[test]
fn the_same_answer_twice_is_refused_with_a_fresh_nonce() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    let asked = o.receive(p.flow, &p.request("")).response.unwrap();
    let proof = p.answer(&challenges(&asked)[0], 1);
    assert_eq!(status(&o.receive(p.flow, &p.clone().request(&proof))), Some(Status::OK));
    p.cseq += 1;
    let refused = o.receive(p.flow, &p.request(&proof)).response.unwrap();
    assert_eq!(refused.status(), Some(Status::UNAUTHORIZED));
    assert!(challenges(&refused).iter().all(|c| c.stale));
    let retry = p.answer(&challenges(&refused)[0], 1);
    assert_eq!(status(&o.receive(p.flow, &p.request(&retry))), Some(Status::OK));
}

#[test]
fn a_captured_answer_is_worth_nothing_elsewhere() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    let asked = o.receive(p.flow, &p.request("")).response.unwrap();
    let request = p.request(&p.answer(&challenges(&asked)[0], 1));
    let stolen = o.receive(flow("198.51.100.66:5060"), &request).response.unwrap();
    assert_eq!(stolen.status(), Some(Status::UNAUTHORIZED));
    assert!(o.contacts_of("1001").is_empty());
    assert_eq!(status(&o.receive(p.flow, &request)), Some(Status::OK), "and was not used up by the thief");
}

#[test]
fn an_old_nonce_is_stale_and_the_retry_passes() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    let asked = o.receive(p.flow, &p.request("")).response.unwrap();
    o.passes(crate::sip::digest::NONCE_LIFE);
    let late = o.receive(p.flow, &p.request(&p.answer(&challenges(&asked)[0], 1))).response.unwrap();
    assert!(challenges(&late)[0].stale);
    let retry = p.request(&p.answer(&challenges(&late)[0], 1));
    assert_eq!(status(&o.receive(p.flow, &retry)), Some(Status::OK));
}

#[test]
fn unknown_and_known_users_get_the_same_answers_until_silence() {
    let run = |user: &'static str| {
        let mut o = office();
        let mut seen = Vec::new();
        for _ in 0..15 {
            let mut p = Phone { password: "guess".into(), ..phone(user, "203.0.113.5:40001") };
            let asked = o.receive(p.flow, &p.request("")).response.unwrap();
            let challenge = challenges(&asked).remove(0);
            let done = o.receive(p.flow, &p.request(&p.answer(&challenge, 1)));
            let text = done.response.as_ref().map(|r| {
                let tag_and_nonce = r.all("WWW-Authenticate").count();
                let algorithms: Vec<_> = challenges(r).iter().map(|c| (c.algorithm, c.stale)).collect();
                (r.status(), r.encode().len(), tag_and_nonce, algorithms)
            });
            seen.push((text, done.due.since(o.now.mono)));
            o.now = o.now.after(done.due.since(o.now.mono));
        }
        seen
    };
    let (known, unknown) = (run("1001"), run("9009"));
    assert_eq!(known, unknown);
    assert!(known.last().unwrap().0.is_none(), "silence at the end");
    assert!(known.iter().any(|(_, wait)| *wait > Duration::ZERO), "slowed down on the way");
}

#[test]
fn sixty_guesses_in_a_third_of_a_second_are_nine_tries() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    p.password = "guess".into();
    let mut answered = 0;
    for _ in 0..60 {
        answered += usize::from(o.registers(&mut p).response.is_some());
        o.now = o.now.after(Duration::from_millis(5));
    }
    assert!(answered <= 9, "{answered}");
    p.password = "password of 1001".into();
    assert_eq!(status(&o.registers(&mut p)), None, "even the right password meets silence now");
    let mut elsewhere = phone("1001", "203.0.113.77:40001");
    assert_eq!(status(&o.registers(&mut elsewhere)), Some(Status::OK), "the seat itself is not locked out");
}

#[test]
fn a_phone_that_is_registered_refreshes_while_its_source_is_silenced() {
    let mut o = office();
    let mut good = phone("1001", "203.0.113.5:40001");
    assert_eq!(status(&o.registers(&mut good)), Some(Status::OK));
    for n in 0..60 {
        let user: &'static str = Box::leak(format!("guess{n}").into_boxed_str());
        o.registers(&mut Phone { password: "x".into(), ..phone(user, "203.0.113.5:40002") });
    }
    assert_eq!(status(&o.registers(&mut phone("1002", "203.0.113.5:40003"))), None);
    assert_eq!(status(&o.registers(&mut good)), Some(Status::OK));
}

#[test]
fn one_seat_cannot_register_another_nor_find_out_about_it() {
    let mut o = office();
    for victim in ["1002", "9009"] {
        let mut p = phone("1001", "203.0.113.5:40001");
        let asked = o.receive(p.flow, &p.request("")).response.unwrap();
        let proof = p.answer(&challenges(&asked)[0], 1);
        p.user = Box::leak(victim.to_owned().into_boxed_str());
        assert_eq!(status(&o.receive(p.flow, &p.request(&proof))), Some(Status::FORBIDDEN), "{victim}");
    }
    assert_eq!(o.registrar.contacts(), 0);
    assert!(o.changes().is_empty());
}

#[test]
fn a_broken_answer_is_400_and_the_bad_news_names_no_secret() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:40001");
    for broken in ["Digest username=\"1001", "Digest username=\"1001\", realm=\"hotline\"", "Digest nc=zz"] {
        let done = o.receive(p.flow, &p.clone().request(&format!("Authorization: {broken}\r\n")));
        assert_eq!(status(&done), Some(Status::BAD_REQUEST), "{broken}");
    }
    o.registers(&mut p);
    assert!(!format!("{:?}", o.registrar).contains("password of"));
}

#[test]
fn an_answer_that_is_due_later_is_held_until_then() {
    let mut held = Held::default();
    let mut p = phone("1001", "203.0.113.5:40001");
    let answer = Outgoing::response(&p.request(""), Status::UNAUTHORIZED, None);
    assert!(held.poll_timeout().is_none() && held.pop_due(Mono(u64::MAX)).is_none());
    let mut endpoint =
        crate::sip::Endpoint::new(crate::sip::EndpointConfig::default(), Random::from_number(1));
    let mut out = Vec::new();
    let request = p.request("").bytes().clone();
    let now = Now { mono: Mono(1), wall: Wall(1) };
    let Some(crate::sip::TransactionEvent::Request { tx, .. }) =
        endpoint.receive(now, p.flow, request, &mut out)
    else {
        panic!("a REGISTER is a request")
    };
    held.hold(Mono(50), tx, answer).unwrap();
    assert_eq!(held.poll_timeout(), Some(Mono(50)));
    assert!(held.pop_due(Mono(49)).is_none());
    assert_eq!(held.pop_due(Mono(50)).map(|(tx, _)| tx), Some(tx));
    assert!(held.pop_due(Mono(51)).is_none());
}
