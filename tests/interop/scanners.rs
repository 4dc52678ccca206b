//! Tools of attackers and of people who look after servers, against the real program: SIPVicious and sipsak.

use crate::place::{Place, Process};
use crate::program::Program;
use std::process::Command;
use std::time::Duration;

/// Several seats, so that one may be attacked.
const SEATS: &str = "[[seat]]\nrange = \"1001-1005\"";

/// A server that does not defend itself answers sixty guesses in a fraction of this.
const ATTACK: Duration = Duration::from_secs(6);

fn gateway(name: &str) -> Program {
    // No trunk at this machine: what comes from here is an unknown source.
    let trunk = "[[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.99\"]\n";
    Program::with_trunks(name, &["udp:127.0.0.1:0"], trunk, SEATS, "")
}

/// Runs a tool for so long at most, or to its end; what it said and its exit status.
fn run(place: &Place, limit: Duration, program: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(place.path()).env("HOME", place.path());
    let log = format!("{program}.said");
    let status = Process::start(command, place, &log).wait(limit);
    let said = std::fs::read(place.file(&log)).unwrap_or_default();
    (String::from_utf8_lossy(&said).into_owned(), status)
}

#[test]
fn sipvicious_learns_no_extension_no_version_and_no_password() {
    let gateway = gateway("sipvicious");
    let (place, port) = (&gateway.place, gateway.sip.port().to_string());
    let attack = |program, arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["-p", &port, "127.0.0.1"]).collect();
        run(place, ATTACK, program, &arguments).0
    };
    let seen = attack("svmap", &[]);
    assert!(seen.contains(&port) && seen.contains("unknown"), "it is there, and says no more: {seen}");
    for method in ["REGISTER", "OPTIONS", "INVITE"] {
        let found = attack("svwar", &["--force", "-m", method, "-e", "1001-1010"]);
        assert!(found.contains("found nothing"), "five of these are seats, {method}: {found}");
    }
    let password = gateway.password("1001");
    place.write("right", format!("{password}\n"));
    let found = attack("svcrack", &["-u", "1001", "-d", "right"]);
    assert!(found.contains(&password), "it knows a password that is right: {found}");
    let password = gateway.password("1002");
    let guesses: String = (0..60).map(|n| format!("guess{n}\n")).collect();
    place.write("guesses", format!("{guesses}{password}\n"));
    let found = attack("svcrack", &["-u", "1002", "-d", "guesses"]);
    assert!(!found.contains(&password), "it had 60 guesses before the right one: {found}");
}

#[test]
fn sipsak_registers_and_harms_nothing_with_bad_messages() {
    let gateway = gateway("sipsak");
    let limit = ATTACK * 3;
    let to = |user: &str| format!("sip:{user}{}", gateway.sip);
    let asks = || run(&gateway.place, limit, "sipsak", &["-s", &to("")]);
    assert_eq!(asks().1, Some(0), "{}", asks().0);
    // Its default user name is `1001@`, of ports it writes four figures.
    let register = |user: &str, password: &str| {
        let at = to(&format!("{user}@"));
        let contact = format!("sip:{user}@127.0.0.1:5099");
        let arguments = ["-U", "-u", user, "-a", password, "-C", &contact, "-x", "60", "-s", &at];
        run(&gateway.place, limit, "sipsak", &arguments)
    };
    let (said, status) = register("1001", &gateway.password("1001"));
    assert_eq!(status, Some(0), "{said}");
    let refusals = [("1002", "guess"), ("1999", "guess")].map(|(user, password)| register(user, password));
    for (said, status) in &refusals {
        assert_ne!(*status, Some(0), "{said}");
    }
    // It spoils more and more characters of a request, until nothing comes back.
    run(&gateway.place, limit, "sipsak", &["-R", "-t", "40", "-s", &to("")]);
    assert_eq!(asks().1, Some(0), "{}", asks().0);
    let log = std::fs::read_to_string(gateway.place.file("hotline.log")).unwrap_or_default();
    assert!(!log.contains(" ERROR ") && !log.contains("panicked"), "{log}");
}
