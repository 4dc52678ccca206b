//! Seats that prove who they are, and sources that only say so.

use crate::house::{FIXED_PHONE, House, PHONE, TRUNK, UNKNOWN, flow};
use hotline_gateway::sip::digest::{Algorithm, Challenge};
use hotline_gateway::sip::{Flow, Message, Status, Transport};
use hotline_gateway::time::Duration;

#[test]
fn a_seat_on_udp_proves_each_request_and_a_replay_is_refused() {
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    house.registers(phone);
    for method in ["INVITE", "REFER", "SUBSCRIBE"] {
        let request = house.request(method, "sip:12345@hotline.example", "1001", "");
        let asked = house.hears(phone, request.as_str()).pop().expect("an answer").1;
        assert_eq!(asked.status(), Some(Status::PROXY_AUTHENTICATION_REQUIRED), "{method}");
        let proved = house.answer_to(&asked, &request, "1001", "right").expect("a challenge");
        let heard = house.statuses(PHONE, &proved);
        assert!(!heard.contains(&407), "{method}: {heard:?}");
        house.count += 1;
        let n = house.count;
        let replay = proved.replace("branch=z9hG4bKp", &format!("branch=z9hG4bKr{n}"));
        let replay = replay.replace("Call-ID: c", &format!("Call-ID: r{n}"));
        assert!(house.statuses(PHONE, &replay).contains(&407), "{method} again");
    }
    let message = house.request("MESSAGE", "sip:12345@hotline.example", "1001", "");
    assert_eq!(house.statuses(PHONE, &message), [405]);
}

#[test]
fn a_seat_is_believed_on_the_connection_it_registered_on_and_no_other() {
    let mut house = House::new();
    let connection = flow(Transport::Tcp, PHONE);
    house.registers(connection);
    let subscribe = house.request("SUBSCRIBE", "sip:12345@hotline.example", "1001", "");
    assert_eq!(house.hears(connection, subscribe)[0].1.status(), Some(Status::BAD_EVENT));
    let other = Flow { connection: Some(8), ..connection };
    let subscribe = house.request("SUBSCRIBE", "sip:12345@hotline.example", "1001", "");
    assert_eq!(house.hears(other, subscribe)[0].1.status(), Some(Status::FORBIDDEN));
}

/// What a source hears that registers 15 times as `user` with a wrong password, and when: of each answer its status, the
/// algorithms it asks for, and its length.
fn wrong_passwords(user: &str) -> Vec<(Duration, Vec<Heard>)> {
    let mut house = House::new();
    let start = house.now.mono;
    let mut story = Vec::new();
    for _ in 0..15 {
        let register = house.request("REGISTER", "sip:hotline.example", user, "");
        let register =
            register.replace("To: <sip:hotline.example>", &format!("To: <sip:{user}@hotline.example>"));
        let phone = flow(Transport::Udp, PHONE);
        let asked = house.hears(phone, register.as_str());
        let guess = asked.last().and_then(|(_, m)| house.answer_to(m, &register, user, "wrong"));
        story.push((house.now.mono.since(start), asked.iter().map(|(_, m)| heard(m)).collect()));
        let answered = guess.map(|guess| house.hears(phone, guess)).unwrap_or_default();
        story.push((house.now.mono.since(start), answered.iter().map(|(_, m)| heard(m)).collect()));
        while let Some((due, _)) = house.gateway.poll_timeout()
            && due < house.now.mono + Duration::from_secs(5)
        {
            let later = house.waits(due.since(house.now.mono));
            story.push((house.now.mono.since(start), later.iter().map(|(_, m)| heard(m)).collect()));
        }
        house.waits(Duration::from_millis(100));
    }
    story
}

/// Status, algorithms and length of an answer.
type Heard = (Option<u16>, Vec<Algorithm>, usize);

fn heard(answer: &Message) -> Heard {
    let asked = answer.headers("WWW-Authenticate").filter_map(|value| Challenge::parse(value).ok());
    (
        answer.status().map(Status::code),
        asked.map(|challenge| challenge.algorithm).collect(),
        answer.bytes().len(),
    )
}

#[test]
fn known_and_unknown_users_hear_the_same_at_the_same_instants() {
    let unknown: Vec<_> = (7000..7024).map(|user| wrong_passwords(&user.to_string())).collect();
    let asked = |story: &[(Duration, Vec<Heard>)]| story[0].1[0].1.clone();
    for (known, algorithms) in [("1001", Algorithm::ALL.to_vec()), ("1009", vec![Algorithm::Md5])] {
        let known = wrong_passwords(known);
        assert_eq!(asked(&known), algorithms);
        let alike: Vec<_> = unknown.iter().filter(|story| asked(story) == algorithms).collect();
        assert!(alike.len() >= 5, "{} unknown users are asked like this one", alike.len());
        assert!(alike.iter().all(|story| **story == known), "{known:?}");
        let answers = known.iter().flat_map(|(_, answers)| answers).count();
        assert!(answers < 30, "from some wrong password on there is silence: {known:?}");
        assert!(known.iter().any(|(_, answers)| answers.is_empty()));
    }
    for (user, story) in (7000..).zip(&unknown) {
        assert_eq!(wrong_passwords(&user.to_string()), *story, "{user} is asked otherwise after a restart");
    }
}

#[test]
fn a_known_phone_is_answered_at_the_port_of_its_via_though_unknown_there() {
    let mut house = House::new();
    let options = house.request("OPTIONS", "sip:hotline.example", "1002", "");
    let options = options.replace("UDP h;", "UDP 192.0.2.52:5090;").replace(";rport", "");
    let sent = house.hears(flow(Transport::Udp, FIXED_PHONE), options);
    let sent: Vec<_> = sent.iter().map(|(to, m)| (to.remote.to_string(), m.status())).collect();
    assert_eq!(sent, [("192.0.2.52:5090".to_owned(), Some(Status::OK))]);
}

#[test]
fn registering_for_a_foreign_host_is_404_also_at_a_trunks_address() {
    for remote in [PHONE, UNKNOWN, TRUNK] {
        let mut house = House::new();
        let there = flow(Transport::Udp, remote);
        let foreign = house.request("REGISTER", "sip:pbx.example", "1001", "");
        let ours = house.request("REGISTER", "sip:hotline.example", "1001", "");
        assert_eq!(house.statuses(remote, &foreign), [404], "{remote}");
        assert_eq!(house.statuses(remote, &ours), [401], "{remote}");
        // And so it stays when the seat is known there.
        house.registers(there);
        let again = house.request("REGISTER", "sip:pbx.example", "1001", "");
        assert_eq!(house.statuses(remote, &again), [404], "{remote}");
        house.registers(there);
    }
    let mut house = House::new();
    let call = house.request("INVITE", "sip:12345@pbx.example", "13812341234", "");
    assert!(!house.statuses(TRUNK, &call).contains(&404), "a trunk calls by the host it likes");
}
