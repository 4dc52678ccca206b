//! linphone as an operator's phone: a softphone that knows SHA-256 and sends what baresip does not.

use crate::place::{Place, Process, free_port, poll};
use crate::program::{Program, text};
use crate::sipp::Plan;
use crate::tone::{milliseconds_of, samples, wav};
use crate::voice::Voice;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

const CITIZEN: u32 = 1_000;
const OPERATOR: u32 = 620;

/// Until it is registered, on a machine that is busy.
const REGISTER: Duration = Duration::from_secs(20);

/// A phone that runs. Killed when its owner goes.
pub struct Linphone {
    process: Process,
    /// What it says.
    says: std::path::PathBuf,
}

impl Linphone {
    /// Starts a phone that answers every call, speaks a tone and keeps what it hears in `heard.wav`.
    pub fn register(place: &Place, gateway: SocketAddr, seat: &str, password: &str) -> Linphone {
        let home = place.file("home");
        std::fs::create_dir_all(home.join(".local/share/linphone")).expect("a directory for linphone");
        // It takes every network as its own: the port of TCP is left out, TLS has any.
        let configuration = place.write(
            "linphonerc",
            format!(
                "[sip]\nsip_port={}\nsip_tcp_port=0\ndefault_proxy=0\nuse_ipv6=0\nguess_hostname=0\n\
                 contact=sip:{seat}@127.0.0.1\n[rtp]\naudio_rtp_port={}\n[video]\nenabled=0\n\
                 [proxy_0]\nreg_proxy=sip:{gateway}\nreg_identity=sip:{seat}@{gateway}\nreg_expires=600\n\
                 reg_sendregister=1\npublish=0\n[auth_info_0]\nusername={seat}\npasswd={password}\n",
                free_port(),
                free_port(),
            ),
        );
        let (spoken, heard) = (place.write("spoken.wav", wav(OPERATOR, 60)), place.file("heard.wav"));
        let says = std::fs::File::create(place.file("linphone.log")).expect("a file for what linphone says");
        let mut command = Command::new("linphonec");
        command.arg("-c").arg(configuration).args(["-a", "-d", "6"]).env("HOME", home);
        command.stdin(Stdio::piped()).stderr(says.try_clone().expect("the same file")).stdout(says);
        let mut process = Process::spawn(command);
        let commands = process.child().stdin.as_mut().expect("its standard input");
        let (spoken, heard) = (spoken.display(), heard.display());
        write!(commands, "soundcard use files\nplay {spoken}\nrecord {heard}\n").expect("linphone listens");
        let said = || {
            String::from_utf8_lossy(&std::fs::read(place.file("linphone.log")).unwrap_or_default())
                .into_owned()
        };
        let registered = poll(REGISTER, || said().contains("LinphoneRegistrationOk").then_some(()));
        assert!(registered.is_some(), "linphone does not register: {}", said());
        Linphone { process, says: place.file("linphone.log") }
    }

    /// Waits until it has said this so often: what the gateway has seen, the phone may not have seen yet.
    pub fn says(&self, words: &str, times: usize) {
        let said = || String::from_utf8_lossy(&std::fs::read(&self.says).unwrap_or_default()).into_owned();
        let found = poll(REGISTER, || (said().matches(words).count() >= times).then_some(()));
        assert!(found.is_some(), "linphone does not say {words} {times} times: {}", said());
    }

    /// Types a command.
    pub fn types(&mut self, command: &str) {
        let commands = self.process.child().stdin.as_mut().expect("its standard input");
        writeln!(commands, "{command}").expect("linphone listens");
    }
}

#[test]
fn a_citizen_speaks_with_an_operator_whose_phone_is_linphone() {
    let seat = "[[seat]]\nid = \"1001\"\nalgorithms = [\"SHA-256\"]";
    let gateway = Program::start("linphone", seat, "");
    let password = gateway.password("1001");
    let phone = Linphone::register(&gateway.place, gateway.sip, "1001", &password);
    phone.says("algorithm=SHA-256", 1);
    let citizen = Voice::start(CITIZEN);
    let media = citizen.port.to_string();
    let fill = [("media", media.as_str()), ("hold", "3000")];
    let scenario = include_str!("scenarios/caller.xml");
    let trunk = Plan { name: "trunk", scenario, fill: &fill, calls: 1, rate: 1 };
    trunk.call(&gateway.place, gateway.sip).succeed(&gateway.place);
    let record = &gateway.final_records(1)[0];
    assert_eq!(text(record, "/seat"), "1001", "{record:#}");
    assert_eq!(text(record, "/ended/reason"), "END_REASON_COMPLETED", "{record:#}");
    drop(phone);
    let at_citizen = milliseconds_of(&citizen.heard(), OPERATOR);
    let heard = std::fs::read(gateway.place.file("heard.wav")).unwrap_or_default();
    let at_operator = samples(&heard).map_or(0, |sound| milliseconds_of(&sound, CITIZEN));
    println!("linphone: the citizen heard {at_citizen} ms, the operator {at_operator} ms");
    assert!(at_citizen >= 1_000 && at_operator >= 1_000, "{at_citizen} ms, {at_operator} ms");
}
