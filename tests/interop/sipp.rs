//! SIPp as a process with a scenario of ours.

use crate::place::{Place, Process, free_port};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

/// The longest any run may take; SIPp is told half of it, to say itself what it waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// A SIPp that runs. Killed when its owner goes.
pub struct Sipp {
    name: String,
    process: Process,
}

/// What SIPp is to do.
pub struct Plan<'a> {
    /// Its files are named so.
    pub name: &'a str,
    /// The scenario; `{media}` and what `fill` names are filled in.
    pub scenario: &'a str,
    pub fill: &'a [(&'a str, &'a str)],
    /// Calls, and how many of them a second.
    pub calls: usize,
    pub rate: usize,
}

impl Plan<'_> {
    /// As a trunk that calls 12345 at the gateway.
    pub fn call(&self, place: &Place, gateway: SocketAddr) -> Sipp {
        let mut command = self.command(place, free_port());
        command.args(["-s", "12345", "-r", &self.rate.to_string(), "-l", "500"]).arg(gateway.to_string());
        self.start(command, place)
    }

    /// As a trunk at `host` that calls 12345 at the gateway by SIPp's `transport`.
    pub fn call_from(&self, place: &Place, host: &str, transport: &str, gateway: SocketAddr) -> Sipp {
        let mut command = self.command_at(place, host, free_port());
        command.args(["-t", transport, "-s", "12345"]).arg(gateway.to_string());
        self.start(command, place)
    }

    /// As a seat with its fixed place at `port` that dials.
    pub fn dial_from(&self, place: &Place, port: u16, gateway: SocketAddr) -> Sipp {
        let mut command = self.command(place, port);
        command.arg(gateway.to_string());
        self.start(command, place)
    }

    /// As the numbers behind a carrier at this address.
    pub fn serve_at(&self, place: &Place, host: &str, port: u16) -> Sipp {
        self.start(self.command_at(place, host, port), place)
    }

    /// As all the seats whose contact has this port.
    pub fn serve(&self, place: &Place, port: u16) -> Sipp {
        self.start(self.command(place, port), place)
    }

    fn command(&self, place: &Place, port: u16) -> Command {
        self.command_at(place, "127.0.0.1", port)
    }

    fn command_at(&self, place: &Place, host: &str, port: u16) -> Command {
        let mut text = self.scenario.to_owned();
        for (key, value) in self.fill {
            text = text.replace(&format!("{{{key}}}"), value);
        }
        let scenario = place.write(&format!("{}.xml", self.name), text);
        let mut command = Command::new("sipp");
        command.arg("-sf").arg(scenario).args(["-i", host, "-ci", "127.0.0.1", "-bind_local"]);
        command.args(["-p", &port.to_string(), "-m", &self.calls.to_string(), "-nostdin"]);
        command.args(["-timeout", &(LIMIT / 2).as_secs().to_string(), "-timeout_error"]);
        command.arg("-trace_err").arg("-error_file").arg(place.file(&format!("{}.errors", self.name)));
        command.arg("-trace_logs").arg("-log_file").arg(place.file(&format!("{}.said", self.name)));
        command
    }

    fn start(&self, command: Command, place: &Place) -> Sipp {
        let process = Process::start(command, place, &format!("{}.screen", self.name));
        Sipp { name: self.name.to_owned(), process }
    }
}

impl Sipp {
    /// Waits until all its calls went as the scenario says, and gives what it said of them, in words by line.
    pub fn succeed(mut self, place: &Place) -> Vec<Vec<String>> {
        let read = |ending: &str| {
            let path = place.file(&format!("{}.{ending}", self.name));
            String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
        };
        let status = self.process.wait(LIMIT);
        if status != Some(0) {
            let screen = read("screen");
            let end = screen.len().saturating_sub(2_500);
            let tail = screen.char_indices().find(|(i, _)| *i >= end).map_or("", |(i, _)| &screen[i..]);
            panic!("SIPp as {} ended with {status:?}\n{}\n{tail}", self.name, read("errors"));
        }
        read("said").lines().map(|l| l.split_whitespace().map(str::to_owned).collect()).collect()
    }
}
