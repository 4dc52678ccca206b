//! Who is let in, who is not, and what each hears: the whole control plane with peers at addresses of their own.

use bytes::Bytes;
use hotline_gateway::caller::{BlockEntry, HistorySecret};
use hotline_gateway::config::Config;
use hotline_gateway::event::{CallEvent, RefusalReason, What};
use hotline_gateway::gateway::{Cause, Gateway, Input, Output, Start};
use hotline_gateway::id::Random;
use hotline_gateway::media;
use hotline_gateway::redact::Secret;
use hotline_gateway::sip::access::PeerClass;
use hotline_gateway::sip::digest::{Algorithm, Challenge, SeatAccount};
use hotline_gateway::sip::{Flow, Message, Transport};
use hotline_gateway::time::{Duration, Mono, Now, Wall};

pub const TRUNK: &str = "192.0.2.10:5060";
pub const OTHER_TRUNK: &str = "192.0.2.20:5060";
pub const PHONE: &str = "192.0.2.51:5060";
const FIXED_PHONE: &str = "192.0.2.52:5060";
pub const STRANGER: &str = "203.0.113.9:5060";

/// The gateway with a trunk of 5 calls a second, another of 50, two seats that register, one of them with MD5 alone, and
/// one at a fixed place.
/// Its disk confirms at once and its media plane always has a port.
pub struct House {
    pub gateway: Gateway,
    pub now: Now,
    pub sent: Vec<(Flow, Message)>,
    /// Bytes of all answers, by whom they went to.
    pub answered: usize,
    pub events: Vec<CallEvent>,
    pub kept: Vec<BlockEntry>,
    pub count: u64,
    /// Whether its disk takes anything.
    stalled: bool,
}

pub fn flow(transport: Transport, remote: &str) -> Flow {
    let connection = transport.is_reliable().then_some(7);
    let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), remote.parse().unwrap());
    Flow { transport, local, remote, connection }
}

impl House {
    pub fn new() -> House {
        House::with("", "")
    }

    /// The same with domains of ours before its own, and whole sections.
    pub fn with(domains: &str, sections: &str) -> House {
        let text = format!(
            "[sip]\nlisten = [\"udp:192.0.2.1:5060\", \"tcp:192.0.2.1:5060\"]\ndomains = [{domains}\"hotline.example\"]\n[limits]\nslow_after = 20\n\
             [[trunk]]\nname = \"small\"\nsources = [\"192.0.2.10\"]\ncalls_per_second = 5\nchannels = 40\n\
             [[trunk]]\nname = \"large\"\nsources = [\"192.0.2.20\"]\n\
             [[seat]]\nid = \"1001\"\n[[seat]]\nid = \"1009\"\nalgorithms = [\"MD5\"]\n\
             [[seat]]\nid = \"1002\"\ncontact = \"sip:1002@192.0.2.52:5060\"\n\
             [[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n{sections}"
        );
        let config = Config::parse("house.toml", &text).unwrap_or_else(|e| panic!("{e}"));
        let now = Now { mono: Mono(1_000_000_000_000), wall: Wall(1_800_000_000_000_000_000) };
        let account = |seat: &str, algorithms: &[Algorithm]| SeatAccount {
            seat: seat.into(),
            password: Secret::new("right".into()),
            algorithms: algorithms.to_vec(),
        };
        let start = Start {
            random: Random::from_number(5),
            head: 0,
            open_calls: Vec::new(),
            accounts: vec![account("1001", &[]), account("1009", &[Algorithm::Md5])],
            trunk_passwords: Default::default(),
            history_secret: HistorySecret::new([7; 32]),
        };
        let mut out = Vec::new();
        let gateway = Gateway::new(&config, start, now, &mut out);
        let mut house = House {
            gateway,
            now,
            sent: Vec::new(),
            answered: 0,
            events: Vec::new(),
            kept: Vec::new(),
            count: 0,
            stalled: false,
        };
        house.carry_out(out);
        house
    }

    fn carry_out(&mut self, mut out: Vec<Output>) {
        let mut inputs = Vec::new();
        for output in out.drain(..) {
            match output {
                Output::Send { flow, bytes } => {
                    self.answered += bytes.len();
                    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
                    let versions = ["server:", "user-agent:", "hotline-gateway", "organization:"];
                    assert!(versions.iter().all(|v| !text.contains(v)), "a version is told: {text}");
                    // An answer to what is no message echoes what could be read of it, and may be none itself.
                    self.sent.extend(Message::parse(bytes).ok().map(|message| (flow, message)));
                }
                Output::Append { event, .. } => {
                    if !self.stalled {
                        inputs.push(Input::Durable { position: event.position });
                    }
                    self.events.push(event);
                }
                Output::Media(media::Command::Open { leg, .. }) => {
                    inputs.push(Input::Media(media::Event::Opened {
                        leg,
                        local: media::LocalMedia::plain(20_000),
                    }));
                }
                Output::Block(entry) => self.kept.push(entry),
                _ => {}
            }
        }
        inputs.into_iter().for_each(|input| self.takes(input));
    }

    pub fn takes(&mut self, input: Input) {
        let mut out = Vec::new();
        self.gateway.handle(self.now, input, &mut out);
        self.carry_out(out);
    }

    /// Hears bytes, and gives what was sent for them.
    pub fn hears(&mut self, flow: Flow, bytes: impl Into<Vec<u8>>) -> Vec<(Flow, Message)> {
        self.sent.clear();
        self.takes(Input::Sip { flow, bytes: Bytes::from(bytes.into()) });
        std::mem::take(&mut self.sent)
    }

    /// A path is gone; gives what was sent for it.
    pub fn loses(&mut self, flow: Flow) -> Vec<(Flow, Message)> {
        self.sent.clear();
        self.takes(Input::FlowFailed { flow });
        std::mem::take(&mut self.sent)
    }

    /// The statuses of what is sent for a request over UDP.
    pub fn statuses(&mut self, remote: &str, request: &str) -> Vec<u16> {
        let sent = self.hears(flow(Transport::Udp, remote), request);
        sent.iter().filter_map(|(_, m)| m.status()).collect()
    }

    /// Lets time pass, timer by timer; gives what was sent meanwhile.
    pub fn waits(&mut self, time: Duration) -> Vec<(Flow, Message)> {
        self.sent.clear();
        let end = self.now.mono + time;
        while let Some((at, _)) = self.gateway.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.after(at.since(self.now.mono));
            let mut out = Vec::new();
            self.gateway.handle_timeout(self.now, &mut out);
            self.carry_out(out);
        }
        self.now = self.now.after(end.since(self.now.mono));
        std::mem::take(&mut self.sent)
    }

    /// A request nobody has sent before.
    pub fn request(&mut self, method: &str, uri: &str, from: &str, more: &str) -> String {
        self.count += 1;
        let n = self.count;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{n};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}@hotline.example>;tag=f{n}\r\nTo: <{uri}>\r\nCall-ID: c{n}\r\nCSeq: {n} {method}\r\n\
             Contact: <sip:{from}@h>\r\n{more}Content-Length: 0\r\n\r\n"
        )
    }

    pub fn invite(&mut self, from: &str, more: &str) -> String {
        self.request("INVITE", "sip:12345@hotline.example", from, more)
    }

    pub fn refusals(&self) -> Vec<(RefusalReason, u16)> {
        let refused = self.events.iter().filter_map(|e| match &e.what {
            What::CallRefused(r) => Some((r.reason, r.sip_code)),
            _ => None,
        });
        refused.collect()
    }

    /// How many calls were refused by number.
    pub fn shed(&self) -> usize {
        let shed = self.events.iter().filter_map(|e| match &e.what {
            What::CallsShed { count, reason: RefusalReason::Overload, sip_code: 503, .. } => {
                Some(*count as usize)
            }
            _ => None,
        });
        shed.sum()
    }

    pub fn turned_away(&self, at: PeerClass, cause: Cause) -> u64 {
        self.gateway.counts().refusals.of(at, cause)
    }

    /// A request with the answer to the challenge its first copy brings.
    pub fn with_password(&mut self, flow: Flow, request: &str, user: &str, password: &str) -> Option<String> {
        let (_, asked) = self.hears(flow, request).pop()?;
        self.answer_to(&asked, request, user, password)
    }

    pub fn answer_to(
        &mut self,
        asked: &Message,
        request: &str,
        user: &str,
        password: &str,
    ) -> Option<String> {
        let (header, proof) = match asked.status() {
            Some(401) => ("WWW-Authenticate", "Authorization"),
            Some(407) => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let challenge = Challenge::choose(asked.headers(header))?;
        self.proved(request, proof, &challenge, (user, password))
    }

    /// A request with the answer to a challenge in the header named.
    pub fn proved(
        &mut self,
        request: &str,
        header: &str,
        challenge: &Challenge,
        (user, password): (&str, &str),
    ) -> Option<String> {
        let mut words = request.split(' ');
        let (method, uri) = (words.next()?, words.next()?);
        let proof_value = challenge.answer(user, &Secret::new(password.into()), method, uri, (1, "c"));
        self.count += 1;
        let fresh = format!("branch=z9hG4bKp{}", self.count);
        let n = request.split("branch=z9hG4bK").nth(1)?.split(';').next()?;
        Some(
            request
                .replace(&format!("branch=z9hG4bK{n}"), &fresh)
                .replace(&format!("CSeq: {n} "), &format!("CSeq: {} ", 1000 + self.count))
                .replace("Contact:", &format!("{header}: {proof_value}\r\nContact:")),
        )
    }

    pub fn registers(&mut self, flow: Flow) {
        let register = self.request("REGISTER", "sip:hotline.example", "1001", "");
        let register = register.replace("To: <sip:hotline.example>", "To: <sip:1001@hotline.example>");
        let proved = self.with_password(flow, &register, "1001", "right").expect("a challenge");
        let (_, granted) = self.hears(flow, proved).pop().expect("an answer");
        assert_eq!(granted.status(), Some(200));
    }
}

#[test]
fn a_stranger_is_refused_once_for_each_datagram_and_nothing_is_kept_of_it() {
    let mut house = House::new();
    for (method, status) in [
        ("INVITE", 403),
        ("REFER", 403),
        ("PUBLISH", 403),
        ("SUBSCRIBE", 403),
        ("NOTIFY", 403),
        ("MESSAGE", 405),
        ("BYE", 481),
        ("INFO", 481),
        ("BREW", 501),
        ("OPTIONS", 200),
    ] {
        let request = house.request(method, "sip:12345@hotline.example", "eve", "");
        for _ in 0..3 {
            assert_eq!(house.statuses(STRANGER, &request), [status], "{method}");
        }
    }
    let in_dialog = house.invite("eve", "").replace("To: <sip:12345@hotline.example>", "To: <sip:a@h>;tag=x");
    assert_eq!(house.statuses(STRANGER, &in_dialog), [481]);
    let register = house.request("REGISTER", "sip:hotline.example", "1001", "");
    assert_eq!(house.statuses(STRANGER, &register), [401]);
    assert_eq!(house.gateway.counts().transactions, 0);
    assert!(house.waits(Duration::from_secs(64)).is_empty(), "nothing is ever repeated");
    assert!(house.refusals().is_empty(), "strangers are counters only");
    assert!(house.turned_away(PeerClass::Unknown, Cause::Method) >= 18);
}

#[test]
fn a_stranger_is_never_sent_more_than_three_times_what_came_and_no_version() {
    let mut house = House::new();
    let mut came = 0;
    let via = "Via: SIP/2.0/UDP h;branch=z9hG4bKx";
    let tiny = [
        "OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP h\r\n\r\n".to_owned(),
        format!(
            "REGISTER sip:hotline SIP/2.0\r\n{via}\r\nf:<sip:a@b>;tag=1\r\nt:<sip:a@b>\r\ni:1\r\nCSeq:1 REGISTER\r\n\r\n"
        ),
        format!("INVITE sip:a SIP/3.0\r\n{via}\r\n\r\n"),
        format!("X sip:a SIP/2.0\r\n{via}\r\nContent-Length: 99999999999\r\n\r\n"),
    ];
    for n in 0..200 {
        for text in &tiny {
            house.now = house.now.after(Duration::from_millis(60));
            came += text.len();
            let text = text.replace("z9hG4bKx", &format!("z9hG4bKx{n}")).replace("i:1", &format!("i:{n}"));
            house.hears(flow(Transport::Udp, STRANGER), text);
            house.waits(Duration::from_millis(1));
        }
    }
    house.waits(Duration::from_secs(100));
    assert!(house.answered > 0);
    assert!(house.answered <= came * 3, "{} bytes for {came}", house.answered);
}

#[test]
fn a_source_that_floods_is_dropped_unread_and_a_good_caller_elsewhere_is_served() {
    let mut house = House::new();
    let mut answered = 0;
    for n in 0..20_000u64 {
        house.now = house.now.after(Duration::from_millis(1));
        let invite = house.invite("eve", "");
        answered += house.statuses(STRANGER, &invite).len();
        if n % 1_000 == 0 {
            let good = house.invite("13800000000", "");
            assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
        }
    }
    assert!((400..=700).contains(&answered), "200 at once and 20 a second, not {answered}");
    assert!(house.turned_away(PeerClass::Unknown, Cause::Rate) > 19_000);
    assert!(house.gateway.counts().transactions < 50, "only the good calls'");
}

#[test]
fn a_trunk_over_its_rate_is_shed_and_every_call_of_it_is_counted_once() {
    let mut house = House::new();
    let mut served = 0;
    for _ in 0..100 {
        house.now = house.now.after(Duration::from_millis(10));
        let invite = house.invite("13800000000", "");
        let answers = house.statuses(TRUNK, &invite);
        match answers.as_slice() {
            [100, 200] => served += 1,
            [503] => assert_eq!(house.statuses(TRUNK, &invite), [503], "a copy gets the same answer"),
            other => panic!("{other:?}"),
        }
    }
    assert!((9..=11).contains(&served), "5 a second and a bucket one second deep: {served}");
    let good = house.invite("13800000001", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
    assert!(house.gateway.counts().transactions <= served + 1, "nothing is kept of what was shed");
    house.waits(Duration::from_secs(1));
    assert_eq!(house.shed(), 100 - served, "each once, copies not again");
    assert!(house.refusals().is_empty(), "none has a record of its own");
}

#[test]
fn calls_that_are_never_acknowledged_hold_no_more_than_their_trunks_share() {
    let mut house = House::new();
    let mut served = 0;
    for n in 0..60 {
        house.now = house.now.after(Duration::from_millis(250));
        let invite = house.invite(&format!("138000000{n:02}"), "");
        served += usize::from(house.statuses(TRUNK, &invite).contains(&200));
    }
    assert_eq!(served, 16);
    assert!(house.turned_away(PeerClass::Trunk, Cause::HalfOpen) > 30);
    let good = house.invite("13800000001", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
    house.waits(Duration::from_secs(70));
    let again = house.invite("13800000200", "");
    assert_eq!(house.statuses(TRUNK, &again), [100, 200], "after 64*T1 they are over");
}

#[test]
fn under_overload_new_calls_are_shed_with_a_record_and_calls_already_in_are_served() {
    let mut house = House::new();
    let invite = house.invite("13800000000", "");
    let sent = house.hears(flow(Transport::Udp, OTHER_TRUNK), invite.as_str());
    let tag =
        sent.iter().find_map(|(_, m)| (m.status() == Some(200)).then(|| m.to_tag().unwrap().to_owned()));
    house.takes(Input::Overloaded(true));
    let shed = house.invite("13800000001", "");
    let answers = house.hears(flow(Transport::Udp, OTHER_TRUNK), shed);
    assert_eq!(answers[0].1.status(), Some(503));
    assert!(answers[0].1.header("Retry-After").is_some());
    assert_eq!(house.refusals(), [(RefusalReason::Overload, 503)]);
    let bye = invite
        .replace("INVITE", "BYE")
        .replace("branch=z9hG4bK", "branch=z9hG4bKb")
        .replace("CSeq: 1 ", "CSeq: 2 ")
        .replace("To: <sip:12345@hotline.example>", &format!("To: <sip:a@h>;tag={}", tag.unwrap()));
    assert_eq!(house.statuses(OTHER_TRUNK, &bye), [200]);
    house.takes(Input::Overloaded(false));
    let good = house.invite("13800000002", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
}

#[test]
fn a_flood_of_strangers_that_fills_the_sockets_costs_no_trunk_a_call_and_raises_an_alarm() {
    let mut house = House::new();
    house.takes(Input::Flooded(true));
    let good = house.invite("13800000000", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
    let strange = house.invite("13800000001", "");
    assert!(house.statuses(STRANGER, &strange).is_empty(), "unread");
    house.takes(Input::Flooded(false));
    let told = house.events.iter().filter_map(|e| match &e.what {
        What::AlarmRaised { alarm, raised, .. } if &**alarm == "flooded" => Some(*raised),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn while_the_journal_is_stalled_new_calls_are_503_with_retry_after_and_nothing_is_kept_of_them() {
    let mut house = House::new();
    house.stalled = true;
    house.takes(Input::JournalBackedUp(true));
    let (mut refused, mut most_kept, begun) = (0, 0, house.events.len() - 1);
    // Half of what the trunk may bring, then four times as much.
    for (pause, seconds) in [(40, 20), (5, 20)] {
        for _ in 0..seconds * 1_000 / pause {
            let invite = house.invite("13800000000", "");
            let mut heard = house.hears(flow(Transport::Udp, OTHER_TRUNK), invite);
            heard.extend(house.waits(Duration::from_millis(pause)));
            assert!(
                heard.iter().all(|(_, m)| m.status() == Some(503) && m.header("Retry-After").is_some()),
                "{heard:?}"
            );
            refused += heard.len();
            let counts = house.gateway.counts();
            most_kept = most_kept.max(counts.transactions + counts.awaiting_disk + counts.calls);
        }
    }
    house.waits(Duration::from_secs(1));
    assert_eq!(refused, 4_500, "each is answered");
    assert!(most_kept <= 4, "answers wait for the disk for 20 ms: {most_kept} were kept");
    let singly = house.refusals().len();
    // One second's worth of the trunk's rate may have been saved up.
    assert!((1_480..=1_560).contains(&singly), "{singly}");
    assert_eq!(house.shed(), refused - singly);
    let written = house.events.len() - begun;
    assert!(written <= 2 * singly + 23, "a refusal and its record, one a second, and two alarms: {written}");
    house.stalled = false;
    house.takes(Input::JournalBackedUp(false));
    let good = house.invite("13800000001", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &good), [100, 200]);
}

#[test]
fn a_seat_on_udp_proves_each_request_and_a_replay_is_refused() {
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    house.registers(phone);
    for method in ["INVITE", "REFER", "SUBSCRIBE"] {
        let request = house.request(method, "sip:12345@hotline.example", "1001", "");
        let asked = house.hears(phone, request.as_str()).pop().expect("an answer").1;
        assert_eq!(asked.status(), Some(407), "{method}");
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
fn a_seat_on_the_connection_it_registered_on_is_believed_and_one_on_another_is_not() {
    let mut house = House::new();
    let connection = flow(Transport::Tcp, PHONE);
    house.registers(connection);
    let subscribe = house.request("SUBSCRIBE", "sip:12345@hotline.example", "1001", "");
    assert_eq!(house.hears(connection, subscribe)[0].1.status(), Some(489));
    let other = Flow { connection: Some(8), ..connection };
    let subscribe = house.request("SUBSCRIBE", "sip:12345@hotline.example", "1001", "");
    assert_eq!(house.hears(other, subscribe)[0].1.status(), Some(403));
}

/// What somebody hears who says 15 times to be `user` with a wrong password, and when: of each answer its status, the
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
    (answer.status(), asked.map(|challenge| challenge.algorithm).collect(), answer.bytes().len())
}

#[test]
fn known_and_unknown_users_hear_the_same_at_the_same_instants_whatever_algorithms_they_are_asked_for() {
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
fn a_phone_we_know_is_answered_at_the_port_its_via_names_though_nobody_is_known_there() {
    let mut house = House::new();
    let options = house.request("OPTIONS", "sip:hotline.example", "1002", "");
    let options = options.replace("UDP h;", "UDP 192.0.2.52:5090;").replace(";rport", "");
    let sent = house.hears(flow(Transport::Udp, FIXED_PHONE), options);
    let sent: Vec<_> = sent.iter().map(|(to, m)| (to.remote.to_string(), m.status())).collect();
    assert_eq!(sent, [("192.0.2.52:5090".to_owned(), Some(200))]);
}

#[test]
fn a_request_that_names_another_host_is_not_for_us() {
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    house.registers(phone);
    let invite = house.request("INVITE", "sip:0085212345678@relay.example", "1001", "");
    assert_eq!(house.statuses(PHONE, &invite), [404]);
    let options = house.request("OPTIONS", "sip:relay.example", "eve", "");
    assert_eq!(house.statuses(STRANGER, &options), [404]);
    let carrier = house.request("INVITE", "sip:12345@carrier.example", "13800000000", "");
    assert_eq!(house.statuses(OTHER_TRUNK, &carrier), [100, 200], "a carrier may write its own domain");
}

#[test]
fn whatever_a_message_names_nothing_is_ever_sent_to_anyone_but_its_sender_and_our_seats() {
    let elsewhere = "Route: <sip:198.51.100.66;lr>\r\nReply-To: <sip:198.51.100.66>\r\nRefer-To: <sip:198.51.100.66>\r\n\
                     Replaces: a;to-tag=b;from-tag=c\r\n";
    let mut house = House::new();
    let phone = flow(Transport::Udp, PHONE);
    house.registers(phone);
    for (remote, from) in [(OTHER_TRUNK, "13800000000"), (PHONE, "1001"), (STRANGER, "eve")] {
        for method in
            ["INVITE", "REFER", "OPTIONS", "SUBSCRIBE", "PUBLISH", "MESSAGE", "NOTIFY", "BYE", "CANCEL"]
        {
            let request = house.request(method, "sip:12345@hotline.example", from, elsewhere);
            let mut request = request.replace("UDP h;", "UDP 198.51.100.66;received=198.51.100.66;");
            // A trunk's Contact and Record-Route are believed inside its own dialogs; nobody else's are.
            if remote != OTHER_TRUNK {
                request = request.replace(&format!("<sip:{from}@h>"), "<sip:198.51.100.66>");
                request = request.replace("Reply-To", "Record-Route: <sip:198.51.100.66;lr>\r\nReply-To");
            }
            let mut sent = house.hears(flow(Transport::Udp, remote), request.as_str());
            if let Some(asked) = sent.iter().find(|(_, m)| m.status() == Some(407)).cloned()
                && let Some(proved) = house.answer_to(&asked.1, &request, "1001", "right")
            {
                sent.extend(house.hears(flow(Transport::Udp, remote), proved));
            }
            // Long enough that an unacknowledged call is hung up: the BYE goes there too.
            sent.extend(house.waits(Duration::from_secs(40)));
            assert!(
                sent.iter()
                    .all(|(f, _)| [remote, PHONE, FIXED_PHONE].contains(&f.remote.to_string().as_str())),
                "{method} from {remote}: {:?}",
                sent.iter().map(|(f, _)| f.remote).collect::<Vec<_>>()
            );
        }
    }
    assert!(house.events.iter().any(|e| matches!(e.what, What::CallEnded(_))), "the trunk's call was ended");
}

#[test]
fn a_trunk_brings_calls_and_asks_for_nothing_else() {
    let mut house = House::new();
    for (method, status) in [
        ("REFER", 405),
        ("SUBSCRIBE", 405),
        ("PUBLISH", 405),
        ("MESSAGE", 405),
        ("NOTIFY", 405),
        ("OPTIONS", 200),
    ] {
        let request = house.request(method, "sip:12345@hotline.example", "13800000000", "");
        assert_eq!(house.statuses(TRUNK, &request), [status], "{method}");
    }
}

#[test]
fn a_phone_that_registers_for_a_host_not_ours_hears_404_also_at_a_trunks_address() {
    for remote in [PHONE, STRANGER, TRUNK] {
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
