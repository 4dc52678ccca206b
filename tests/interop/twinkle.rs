//! twinkle as an operator's telephone: a third stack, with a consultation key of its own.

use crate::callee::Callee;
use crate::place::{Place, Process, free_port, poll};
use crate::program::text;
use crate::tone::milliseconds_of;
use crate::town::Town;
use crate::voice::Voice;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Until it says what it is waited for, on a machine that is busy.
const SAID: Duration = Duration::from_secs(20);

const CITIZEN: u32 = 1_000;
const DEPARTMENT: u32 = 800;

/// A phone that runs. Killed when its owner goes.
struct Twinkle {
    process: Process,
    says: PathBuf,
}

impl Twinkle {
    /// Starts a phone without sound: there is no device, and it takes no file.
    fn register(place: &Place, gateway: SocketAddr, seat: &str, password: &str) -> Twinkle {
        let home = place.file("home");
        std::fs::create_dir_all(home.join(".twinkle")).expect("a directory for twinkle");
        let user = format!(
            "user_name={seat}\nuser_domain={gateway}\nauth_name={seat}\nauth_pass={password}\nregistrar={gateway}\n\
             register_at_startup=yes\nregistration_time=600\nsip_transport=udp\n\
             codecs=g711a\npersistent_connection=no\n"
        );
        let system = format!(
            "sip_port={}\nrtp_port={}\ndev_ringtone=alsa:null\ndev_speaker=alsa:null\ndev_mic=alsa:null\n",
            free_port(),
            free_port()
        );
        for (name, text) in [("desk.cfg", user), ("twinkle.sys", system)] {
            std::fs::write(home.join(".twinkle").join(name), text).expect("a file for twinkle");
        }
        let says = std::fs::File::create(place.file("twinkle.said")).expect("a file for what twinkle says");
        let mut command = Command::new("twinkle-console");
        command.arg("desk.cfg").env("HOME", home).stdin(Stdio::piped());
        command.stderr(says.try_clone().expect("the same file")).stdout(says);
        let process = Process::spawn(command);
        let twinkle = Twinkle { process, says: place.file("twinkle.said") };
        twinkle.hears("registration succeeded");
        twinkle
    }

    /// Waits until it says this.
    fn hears(&self, words: &str) {
        let said = || String::from_utf8_lossy(&std::fs::read(&self.says).unwrap_or_default()).into_owned();
        let found = poll(SAID, || said().contains(words).then_some(()));
        assert!(found.is_some(), "twinkle does not say {words}: {}", said());
    }

    /// Types a command.
    fn types(&mut self, command: &str) {
        let commands = self.process.child().stdin.as_mut().expect("its standard input");
        writeln!(commands, "{command}").expect("twinkle listens");
    }
}

#[test]
fn a_citizen_is_handed_on_with_the_consultation_key_of_twinkle() {
    let town = Town::new("twinkle", "[[seat]]\nid = \"1001\"");
    let (at, password) = (town.gateway.sip, town.gateway.password("1001"));
    let mut desk = Twinkle::register(&town.gateway.place, at, "1001", &password);
    let (citizen_voice, voice) = (Voice::start(CITIZEN), Voice::start(DEPARTMENT));
    let speaks = Callee::new().says(180, "").answers().waits(3_000).hangs_up("");
    let department = town.department(&speaks, voice.port);
    let citizen = town.citizen(citizen_voice.port);
    desk.hears("incoming call");
    desk.types("answer");
    town.gateway.told("SeatConnected", 1);
    desk.types("transfer -c 601");
    town.gateway.told("CallHeld", 1);
    town.gateway.told("ParticipantChanged", 1);
    desk.hears("far end answered call");
    desk.types("transfer -c");
    let expected = ["ATTENDED 1001 to Water STARTED", "ATTENDED 1001 to Water COMPLETED"];
    assert_eq!(town.transfers(2), expected);
    department.succeed(&town.gateway.place);
    citizen.succeed(&town.gateway.place);
    let heard =
        [milliseconds_of(&citizen_voice.heard(), DEPARTMENT), milliseconds_of(&voice.heard(), CITIZEN)];
    assert!(heard.iter().all(|ms| *ms >= 1_000), "{heard:?}");
    assert_eq!(text(&town.record(), "/ended/by"), "ENDED_BY_THIRD_PARTY");
}
