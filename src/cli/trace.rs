//! `hotline trace`: the SIP messages of a trunk, a seat, a call or an address as they come and go, as a ladder, and as
//! a capture file for Wireshark. Passwords' proofs are masked before they get here.

mod pcap;

use super::contract::{Gateway, refused};
use crate::event::wire::v1;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;
use v1::trace_request::Subject;
use v1::trace_response::Frame;
use v1::trace_service_client::TraceServiceClient;
use v1::{TraceEnd, TracedMessage};

/// The peer whose messages are shown, for how long, and in what form.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    gateway: Gateway,
    #[command(flatten)]
    whose: Whose,
    /// How long, in seconds; at most an hour.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Stop after so many messages; at most 10,000.
    #[arg(long, short = 'n', value_name = "MESSAGES", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    messages: u32,
    /// Also write a capture file for tshark and Wireshark; only its owner may read it.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Print every message whole, not its first line alone.
    #[arg(long)]
    whole: bool,
    /// Mask telephone numbers and names too.
    #[arg(long)]
    mask_numbers: bool,
}

/// The peer whose messages are shown; exactly one.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// A trunk, by its name in the configuration.
    #[arg(long, value_name = "NAME")]
    trunk: Option<String>,
    /// A seat.
    #[arg(long, value_name = "SEAT")]
    seat: Option<String>,
    /// A call that is under way, by the id its events carry: all its legs.
    #[arg(long, value_name = "CALL_ID")]
    call: Option<String>,
    /// An IP address, known or not: when a trunk is not even recognised.
    #[arg(long, value_name = "ADDRESS")]
    peer: Option<IpAddr>,
}

impl Whose {
    fn subject(&self) -> Option<Subject> {
        let trunk = self.trunk.clone().map(Subject::Trunk);
        let seat = self.seat.clone().map(Subject::Seat);
        let call = self.call.clone().map(Subject::CallId);
        trunk.or(seat).or(call).or_else(|| self.peer.map(|ip| Subject::Peer(ip.to_string())))
    }
}

/// Traces until the end, or Ctrl-C.
pub async fn run(args: Args) -> Result<(), String> {
    let mut out = std::io::stdout();
    tokio::select! {
        traced = trace(&args, &mut out) => traced,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn trace(args: &Args, out: &mut impl Write) -> Result<(), String> {
    let mut capture = args.pcap.as_ref().map(|path| Capture::create(path.clone())).transpose()?;
    let connection = args.gateway.connect().await?;
    let asked = v1::TraceRequest {
        subject: args.whose.subject(),
        lasts: prost_types::Duration::try_from(Duration::from_secs(u64::from(args.seconds))).ok(),
        most_messages: args.messages,
        mask_numbers: args.mask_numbers,
    };
    let mut client = TraceServiceClient::new(connection).max_decoding_message_size(1 << 20);
    let mut frames = client.trace(asked).await.map_err(|s| refused(&s))?.into_inner();
    while let Some(response) = frames.message().await.map_err(|s| refused(&s))? {
        match response.frame {
            Some(Frame::Message(message)) => {
                if let Some(capture) = &mut capture {
                    capture.write(&message)?;
                }
                let text = step(&message, args.whole);
                match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                    Ok(()) => {}
                    Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(()),
                    Err(e) => return Err(format!("cannot write: {e}")),
                }
            }
            Some(Frame::Ended(ended)) => return end(ended.why()),
            None => {}
        }
    }
    Ok(())
}

fn end(why: TraceEnd) -> Result<(), String> {
    match why {
        TraceEnd::TooMany => Err("as many traces run as may: end one of them".to_owned()),
        TraceEnd::UnknownSubject => {
            Err("the gateway knows no such trunk or seat, or the call is over: see `hotline calls`"
                .to_owned())
        }
        TraceEnd::TimeUp => {
            eprintln!("hotline: the trace ended: its time is up");
            Ok(())
        }
        TraceEnd::Full | TraceEnd::Unspecified => {
            eprintln!("hotline: the trace ended: it has as many messages as it may have");
            Ok(())
        }
    }
}

/// One step of the ladder: when, which way, what. The gateway stands on the left.
fn step(message: &TracedMessage, whole: bool) -> String {
    let text = String::from_utf8_lossy(&message.message);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let value = |name: &str, short: &str| {
        let found = text.split("\r\n").find_map(|line| {
            let (n, v) = line.split_once(':')?;
            let n = n.trim();
            (n.eq_ignore_ascii_case(name) || n.eq_ignore_ascii_case(short)).then(|| v.trim())
        });
        escaped(found.unwrap_or("-"))
    };
    let mut out = String::new();
    if message.missed > 0 {
        let _ = writeln!(out, "    ... {} messages were not read in time ...", message.missed);
    }
    let at = message.at.map(|t| t.to_string()).unwrap_or_default();
    let at = at.split_once('T').map_or(at.as_str(), |(_, time)| time).trim_end_matches('Z');
    let arrow = if message.sent { "-->" } else { "<--" };
    let first = escaped(first.strip_suffix(" SIP/2.0").unwrap_or(first));
    let _ = writeln!(
        out,
        "{at:<18} {local} {arrow} {transport}:{remote}  {first}  [{cseq}, {call_id}]",
        local = message.local,
        transport = message.transport,
        remote = message.remote,
        cseq = value("CSeq", "CSeq"),
        call_id = value("Call-ID", "i"),
    );
    if whole {
        for line in text.split("\r\n") {
            let _ = writeln!(out, "    {}", escaped(line));
        }
    }
    out
}

/// Control characters as escapes: a peer must not write on the terminal.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// The capture file.
struct Capture {
    path: PathBuf,
    file: File,
}

impl Capture {
    /// Messages hold numbers of people: only the owner may read the file.
    fn create(path: PathBuf) -> Result<Capture, String> {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = opened.map_err(|e| format!("{}: {e}: name another file", path.display()))?;
        let mut capture = Capture { path, file };
        capture.put(&pcap::head())?;
        Ok(capture)
    }

    fn write(&mut self, message: &TracedMessage) -> Result<(), String> {
        let address = |text: &str| text.parse::<SocketAddr>().ok();
        let (Some(local), Some(remote)) = (address(&message.local), address(&message.remote)) else {
            return Ok(());
        };
        let (from, to) = if message.sent { (local, remote) } else { (remote, local) };
        let at = message.at.as_ref().map_or(0, |t| {
            u64::try_from(t.seconds).unwrap_or(0) * 1_000_000 + u64::try_from(t.nanos).unwrap_or(0) / 1_000
        });
        self.put(&pcap::packet(at, from, to, &message.message))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|e| format!("{}: {e}: is the disk full?", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sent: bool, text: &str) -> TracedMessage {
        TracedMessage {
            at: "2026-03-01T08:00:00.5Z".parse().ok(),
            sent,
            transport: "udp".into(),
            local: "192.0.2.1:5060".into(),
            remote: "192.0.2.9:5060".into(),
            message: text.as_bytes().to_vec(),
            missed: 0,
        }
    }

    #[test]
    fn a_step_says_when_which_way_and_what() {
        let text = "INVITE sip:12345@h SIP/2.0\r\ni: c1\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n";
        let step = step(&message(false, text), false);
        assert!(step.starts_with("08:00:00.5"), "{step}");
        assert!(
            step.contains("192.0.2.1:5060 <-- udp:192.0.2.9:5060  INVITE sip:12345@h  [1 INVITE, c1]"),
            "{step}"
        );
        assert_eq!(step.lines().count(), 1);
        let sent = super::step(&message(true, text), true);
        assert!(sent.contains("-->") && sent.contains("\n    v=0\n"), "{sent}");
    }

    #[test]
    fn what_a_peer_sent_cannot_write_on_the_terminal() {
        let step = step(&message(false, "OPTIONS sip:\u{1b}[2J SIP/2.0\r\nCall-ID: a\u{7}\r\n\r\n"), true);
        assert!(!step.contains('\u{1b}') && !step.contains('\u{7}'), "{step:?}");
    }

    #[test]
    fn what_is_missing_is_said() {
        let missing = TracedMessage { missed: 7, ..message(false, "x") };
        assert!(step(&missing, false).starts_with("    ... 7 messages"));
    }
}
