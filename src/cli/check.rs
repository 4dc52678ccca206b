//! `hotline check`: whether a configuration is sound, without touching a running gateway.

use super::configuration::{Named, NoConfig};
use crate::config::{Authenticate, Config, Listen, Seat, Transport, Trunk};
use crate::io::{preflight, serve, store};
use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;

/// What to check.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
    /// Say whether this build can take over from the gateway that runs, calls and all: `hotline upgrade` asks this.
    #[arg(long)]
    successor: bool,
    /// The journal of the gateway that runs.
    #[arg(long, hide = true, value_name = "FILE", requires = "successor")]
    held_store: Option<PathBuf>,
    /// A listener of the gateway that runs.
    #[arg(long, hide = true, value_name = "LISTENER", requires = "successor")]
    held: Vec<String>,
}

impl Args {
    /// The question without a gateway that runs.
    #[cfg(test)]
    fn of(config: Option<PathBuf>) -> Args {
        Args { named: Named { config }, successor: false, held_store: None, held: Vec::new() }
    }
}

/// Prints `OK`, what the configuration says, and what it warns of, or every error on a line of its own.
///
/// # Errors
/// One line that says how many errors there are, or that the file cannot be read.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    let errors = |n: usize, end: &str| {
        let errors = if n == 1 { "error" } else { "errors" };
        Err(format!("{}: {n} {errors} {end}", args.named.name()))
    };
    let (text, verdict) = match args.named.read() {
        Ok((config, warnings)) => {
            let mut found = preflight::examine(&config);
            if args.successor {
                found.errors.extend(cannot_take_over(args, &config));
            }
            let warnings = warnings.iter().map(ToString::to_string).chain(found.warnings);
            let warned: String = warnings.map(|w| format!("  warning  {w}\n")).collect();
            match &found.errors[..] {
                [] => {
                    let build = if args.successor { format!("{}\n", super::build()) } else { String::new() };
                    (build + &summary(&args.named.name(), &config) + &warned, Ok(()))
                }
                lines => {
                    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>() + &warned;
                    (text, errors(lines.len(), "in what it needs of this machine: cure them"))
                }
            }
        }
        Err(NoConfig::Unreadable(line)) => return Err(line),
        Err(NoConfig::Wrong(wrong)) => {
            (format!("{wrong}\n"), errors(wrong.0.len(), "in it: cure them in order"))
        }
    };
    // A reader that went away has seen enough.
    let _ = out.write_all(text.as_bytes());
    verdict
}

/// Why this build cannot take over from the gateway that runs.
fn cannot_take_over(args: &Args, config: &Config) -> Vec<String> {
    let mut errors = Vec::new();
    if let Some(store) = args.held_store.as_ref().filter(|store| **store != config.store.path) {
        let (store, other) = (store.display(), config.store.path.display());
        errors.push(format!(
            "store.path: the gateway that runs has {store} and not {other}: stop it and start it to change the store"
        ));
    }
    if args.held_store.is_some() {
        errors.extend(serve::try_all(config, &args.held));
    }
    if let Err(e) = store::examine_snapshots(&config.store.path) {
        errors.push(e.to_string());
    }
    errors
}

fn summary(name: &str, c: &Config) -> String {
    let listen: Vec<String> = c.sip.listen.iter().map(Listen::to_string).collect();
    let fixed = c.seats.iter().filter(|s| s.contact.is_some()).count();
    let mut text = format!("OK: {name}\n");
    let mut line = |key: &str, value: String| text += &format!("  {key:<9}{value}\n");
    line("sip", listen.join(", "));
    line(
        "media",
        format!(
            "ports {}-{}, room for {} calls",
            c.media.ports.start(),
            c.media.ports.end(),
            c.media.legs() / 2
        ),
    );
    line("grpc", c.grpc.listen.to_string());
    line("http", c.http.listen.to_string());
    line("store", format!("{}, {} days", c.store.path.display(), c.store.retention_days));
    for t in &c.trunks {
        let limits = format!("{} channels, {} calls/s", t.channels, t.calls_per_second);
        line("trunk", format!("{}: {limits}, {}", t.name, proof(t)));
    }
    line("seats", format!("{} that register, {fixed} at a fixed place", c.seats.len() - fixed));
    for q in &c.queues {
        line("queue", format!("{}: {} seats, {} places", q.name, q.seats.len(), q.capacity));
    }
    for s in &c.services {
        line("service", format!("{} leads to {}", s.number, s.queue));
    }
    let shortage = crate::io::descriptors::shortage(c).map(|shortage| shortage.to_string());
    for note in notes(c).into_iter().chain(shortage) {
        line("note", note);
    }
    text
}

/// What a trunk is known by.
fn proof(t: &Trunk) -> String {
    let sources: Vec<String> = t.sources.iter().map(ToString::to_string).collect();
    let from = if sources.is_empty() { "anywhere".into() } else { sources.join(", ") };
    match t.authenticate {
        Authenticate::Address => format!("without a password from {from}"),
        Authenticate::Digest => format!("with a password from {from}"),
        Authenticate::Certificate => {
            format!("with a certificate of {} from {from}", t.certificates.join(" or "))
        }
    }
}

/// What is allowed, and perhaps not meant.
fn notes(c: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    let served: HashSet<_> = c.queues.iter().flat_map(|q| &q.seats).collect();
    let idle: Vec<_> = c.seats.iter().filter(|s| !served.contains(&s.id)).collect();
    if let Some(first) = idle.first() {
        notes.push(format!("seats that serve no queue: {}, the first is {}", idle.len(), first.id));
    }
    for q in &c.queues {
        if !c.services.iter().any(|s| s.queue == q.name) {
            notes.push(format!("no service number leads to queue {}", q.name));
        }
    }
    let believed =
        |s: &&Seat| s.dial_out && s.contact.as_ref().is_some_and(|c| c.transport == Transport::Udp);
    if let Some(seat) = c.seats.iter().find(believed) {
        notes.push(format!(
            "seat {} may dial out from a fixed UDP contact without a password: a sender who can write that address on a \
             datagram can, too; let it register, or give it TLS",
            seat.id
        ));
    }
    if c.media.legs() / 2 < c.limits.calls {
        notes.push(format!("media.ports has room for fewer calls than limits.calls = {}", c.limits.calls));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str) -> (String, Result<(), String>) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let mut out = Vec::new();
        let done = run(&Args::of(Some(path)), &mut out);
        (String::from_utf8(out).unwrap(), done)
    }

    #[test]
    fn a_sound_configuration_is_summed_up() {
        let (text, done) = check("configs/bench.toml");
        assert_eq!(done, Ok(()));
        assert!(text.starts_with("OK: ") && text.contains("0 that register, 500 at a fixed place"), "{text}");
        assert!(text.contains("12345 leads to main") && !text.contains("note"), "{text}");
    }

    #[test]
    fn each_trunk_is_said_to_be_known_by_what_it_is_known_by() {
        let config = Config::embedded();
        let trunk = config.trunks.first().unwrap();
        let with = |authenticate| {
            let certificates = vec!["a.example".to_owned(), "b.example".to_owned()];
            proof(&Trunk { authenticate, certificates, sources: Vec::new(), ..trunk.clone() })
        };
        assert!(proof(trunk).starts_with("without a password from 127.0.0.0/8, "));
        assert_eq!(with(Authenticate::Digest), "with a password from anywhere");
        let by_name = "with a certificate of a.example or b.example from anywhere";
        assert_eq!(with(Authenticate::Certificate), by_name);
    }

    #[test]
    fn what_is_allowed_and_perhaps_not_meant_is_noted() {
        let text = crate::config::EMBEDDED.replace("seats = \"all\"", "seats = [\"1001-1018\"]");
        let notes = notes(&Config::parse("noted.toml", &text).unwrap());
        assert_eq!(notes, ["seats that serve no queue: 2, the first is 1019"]);
    }

    #[test]
    fn a_file_that_is_no_configuration_gives_its_lines_and_a_failure() {
        let (text, done) = check("Cargo.toml");
        assert!(
            text.contains("Cargo.toml:1: `package` is not a key of the top level: choose from sip"),
            "{text}"
        );
        assert!(done.unwrap_err().contains("errors in it"));
    }

    #[test]
    fn a_file_that_is_not_there_is_one_line_with_a_cure() {
        let (text, done) = check("configs/absent.toml");
        assert!(text.is_empty() && done.unwrap_err().contains("--config FILE"));
    }
}
