//! Real phones over a restart: a citizen and an operator whose phone is registered for an hour hear each other again after the
//! gateway was killed and started, and after it handed over.

use crate::baresip::Baresip;
use crate::place::{Place, free_port};
use crate::program::{Program, text};
use crate::tone::milliseconds_of;
use crate::voice::{Voice, longest_silence};
use hotline_gateway::cli::handsets::Handsets;
use hotline_gateway::cli::phones::{CitizenPlan, HangUp, PhoneEvent};
use hotline_gateway::id::Random;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const CITIZEN: u32 = 1_000;
const OPERATOR: u32 = 620;

/// As in `operator_phone`: baresip needs MD5 alone.
const SEAT: &str = "[[seat]]\nid = \"1001\"";

/// Speaks so long before and after; a dialog is probed within 4 s.
const SPEAKS: Duration = Duration::from_secs(6);

/// The citizen's phone, as long as the test lasts.
struct Citizen {
    phone: Handsets,
    voice: Voice,
    told: Vec<PhoneEvent>,
}

impl Citizen {
    async fn calls(gateway: SocketAddr) -> Citizen {
        let here: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let mut phone = Handsets::bind(here, gateway, Random::from_number(1)).await.expect("a socket");
        let voice = Voice::start(CITIZEN);
        let media = SocketAddr::new(here.ip(), voice.port);
        let (dials, number) = ("12345".to_owned(), "13812341234".to_owned());
        phone.call(CitizenPlan { dials, number, media, hangs_up: HangUp::Never });
        Citizen { phone, voice, told: Vec::new() }
    }

    async fn lives(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < until {
            self.told.extend(self.phone.live(until).await);
        }
    }
}

/// How much of the other's tone the operator heard so far.
fn heard_by(phone: &Baresip, place: &Place) -> usize {
    phone.has_heard(place, CITIZEN)
}

fn outlives(name: &str, interrupt: impl FnOnce(&mut Program)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // Told its port: the process after a kill must be where the phones look for it.
    let listen = format!("udp:127.0.0.1:{}", free_port());
    let trunk = "[[trunk]]\nname = \"city\"\nsources = [\"127.0.0.1\"]\n";
    let mut gateway = Program::with_trunks(name, &[&listen], trunk, SEAT, "");
    let password = gateway.password("1001");
    let phone = Baresip::register_for(&gateway.place, gateway.sip, ("1001", &password), 3600, OPERATOR);
    let voice = runtime.block_on(async {
        let mut citizen = Citizen::calls(gateway.sip).await;
        citizen.lives(SPEAKS).await;
        let before = heard_by(&phone, &gateway.place);
        assert!(before >= 1_000, "the operator heard {before} ms before");
        let struck = Instant::now();
        interrupt(&mut gateway);
        citizen.lives(SPEAKS * 2).await;
        let after = heard_by(&phone, &gateway.place);
        let ended = |told: &PhoneEvent| matches!(told, PhoneEvent::HungUpOn { .. } | PhoneEvent::Lost { .. });
        assert!(!citizen.told.iter().any(ended), "{:?}", citizen.told);
        assert!(after >= before + 4_000, "the operator heard {before} ms before and {after} ms in all");
        let packets = citizen.voice.packets();
        let silence = longest_silence(&packets, struck, struck + SPEAKS);
        println!(
            "{name}: the citizen heard nothing for {silence:?}, the operator {} ms afterwards",
            after - before
        );
        assert!(silence < Duration::from_secs(3), "{silence:?}");
        packets
    });
    let sound: Vec<i16> = voice.into_iter().flat_map(|p| p.samples).collect();
    assert!(milliseconds_of(&sound, OPERATOR) >= 10_000, "the citizen hears the operator to the end");
    let connected = gateway.events("SeatConnected");
    assert_eq!(connected.len(), 1, "one talk, before and after: {connected:#?}");
    assert_eq!(text(&connected[0], "/seat_connected/seat"), "1001");
    drop(phone);
}

#[test]
fn a_talk_with_a_real_phone_outlives_a_killed_gateway() {
    let _alone = crate::alone();
    outlives("baresip-killed", Program::kill_and_start);
}

#[test]
fn a_talk_with_a_real_phone_outlives_an_upgrade() {
    let _alone = crate::alone();
    outlives("baresip-upgrade", |gateway| gateway.upgrades());
}
