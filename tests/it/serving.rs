//! `hotline serve` and what its surroundings say to it: signals, its environment, the form of its log.

use crate::programme::Programme;
use std::process::Command;
use std::time::{Duration, Instant};

/// A line of the log is there within this time.
const LOGGED_WITHIN: Duration = Duration::from_secs(20);

/// The first line of the log with this text in it.
fn logged(programme: &Programme, text: &str) -> String {
    let until = Instant::now() + LOGGED_WITHIN;
    loop {
        let log = std::fs::read_to_string(programme.directory().join("log")).expect("the log");
        match log.lines().find(|l| l.contains(text)) {
            Some(line) => return line.to_owned(),
            // Asking it something takes a moment, and shows that it lives.
            None => assert!(programme.health().contains("200 OK"), "it serves"),
        }
        assert!(Instant::now() < until, "no line with {text:?} in: {log}");
    }
}

#[test]
fn a_log_in_json_is_an_object_a_line() {
    let programme = Programme::configured("json-log", |directory, [sip, grpc, http]| {
        let store = directory.join("journal.db");
        format!(
            "[sip]\nlisten = [\"udp:{sip}\"]\n[grpc]\nlisten = \"{grpc}\"\n[http]\nlisten = \"{http}\"\n\
             [store]\npath = {store:?}\n[log]\nformat = \"json\"\n[[trunk]]\nname = \"pbx\"\nsources = [\"192.0.2.1\"]\n\
             [[seat]]\nid = \"1001\"\n[[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
        )
    });
    let line = logged(&programme, "Started");
    let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert_eq!((&value["level"], &value["position"]), (&"INFO".into(), &1.into()), "{line}");
    assert!(value["message"].as_str().is_some_and(|m| m.contains("gateway Started")), "{line}");
    let log = std::fs::read_to_string(programme.directory().join("log")).expect("the log");
    assert!(log.lines().all(|l| l.starts_with('{')), "{log}");
}

#[test]
fn the_environment_names_the_configuration_and_the_flag_goes_before_it() {
    let check = |file: Option<&str>, variable: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
        command.arg("check").env("HOTLINE_CONFIG", variable).current_dir(env!("CARGO_MANIFEST_DIR"));
        if let Some(file) = file {
            command.args(["--config", file]);
        }
        let output = command.output().expect("the program runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (sound, text) = check(None, "configs/bench.toml");
    assert!(sound && text.starts_with("OK: configs/bench.toml"), "{text}");
    let (sound, text) = check(Some("configs/hotline.toml"), "configs/absent.toml");
    assert!(sound && text.starts_with("OK: configs/hotline.toml"), "{text}");
    let (sound, text) = check(None, "configs/absent.toml");
    assert!(!sound && text.contains("configs/absent.toml") && text.contains("HOTLINE_CONFIG"), "{text}");
    let (sound, text) = check(None, "");
    assert!(sound && text.starts_with("OK: built-in configuration"), "{text}");
}
