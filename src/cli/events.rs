//! `hotline events`: the events of a running gateway, a line of JSON each. A gap is a line too: nothing is left
//! out in silence.

use super::contract::{Connection, Gateway, refused};
use crate::event::wire::{json, v1};
use prost::Message;
use std::io::{ErrorKind, Write};
use std::str::FromStr;
use std::time::Duration;
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use v1::call_event_service_client::CallEventServiceClient;
use v1::start_position::Position;
use v1::subscribe_request::Frame as Said;
use v1::subscribe_response::Frame;

/// Between two attempts to reach a gateway that went away.
const RECONNECT: Duration = Duration::from_secs(1);

/// Which events.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    gateway: Gateway,
    /// Go on with what happens from now on, also across a restart of the gateway, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// Where to begin: `earliest`, `latest`, a position (events after it), or a time such as
    /// 2026-03-01T08:00:00Z. Without it: `latest` with --follow, else `earliest`.
    #[arg(long, value_name = "START")]
    from: Option<From>,
    /// Only this type, as JSON names it: call_ended, or CallEnded; may be repeated.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only this call; may be repeated.
    #[arg(long = "call", value_name = "CALL_ID")]
    calls: Vec<String>,
    /// Only this queue; may be repeated.
    #[arg(long = "queue", value_name = "QUEUE")]
    queues: Vec<String>,
    /// Only this seat; may be repeated.
    #[arg(long = "seat", value_name = "SEAT")]
    seats: Vec<String>,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq)]
enum From {
    Earliest,
    Latest,
    After(u64),
    Since(prost_types::Timestamp),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<From, String> {
        match text {
            "earliest" => Ok(From::Earliest),
            "latest" => Ok(From::Latest),
            _ => {
                let position = text.parse().map(From::After).ok();
                let time = || text.parse().map(From::Since).ok();
                position.or_else(time).ok_or_else(|| {
                    "say earliest, latest, a position, or a time such as 2026-03-01T08:00:00Z".to_owned()
                })
            }
        }
    }
}

impl From {
    fn position(self) -> v1::StartPosition {
        let position = match self {
            From::Earliest => Position::Earliest(()),
            From::Latest => Position::Latest(()),
            From::After(position) => Position::After(v1::Cursor { log_id: String::new(), position }),
            From::Since(at) => Position::Since(at),
        };
        v1::StartPosition { position: Some(position) }
    }
}

impl Args {
    fn filter(&self) -> v1::EventFilter {
        v1::EventFilter {
            types: self.types.clone(),
            queues: self.queues.clone(),
            service_numbers: Vec::new(),
            call_ids: self.calls.clone(),
            seats: self.seats.clone(),
        }
    }
}

/// How printing ends before the events do.
enum Stop {
    /// The reader of the lines went away: a good end.
    Unread,
    /// The connection is lost; with `--follow` there will be another.
    Lost,
    /// One plain line.
    Failed(String),
}

/// Prints the events.
pub async fn run(args: Args) -> Result<(), String> {
    let mut out = std::io::stdout();
    let printed =
        async { if args.follow { follow(&args, &mut out).await } else { pages(&args, &mut out).await } };
    let stopped = tokio::select! {
        stopped = printed => stopped,
        _ = tokio::signal::ctrl_c() => return Ok(()),
    };
    match stopped {
        Ok(()) | Err(Stop::Unread) => Ok(()),
        Err(Stop::Lost) => Err(refused(&Status::unavailable(""))),
        Err(Stop::Failed(line)) => Err(line),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the codes of gRPC")]
fn failed(status: &Status) -> Stop {
    match status.code() {
        // The gateway is going away or gone; transport errors are Unknown.
        Code::Unavailable | Code::Unknown | Code::Cancelled => Stop::Lost,
        _ => Stop::Failed(refused(status)),
    }
}

fn line(out: &mut impl Write, text: &str) -> Result<(), Stop> {
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|e| {
        if e.kind() == ErrorKind::BrokenPipe {
            Stop::Unread
        } else {
            Stop::Failed(format!("cannot write: {e}"))
        }
    })
}

fn event(out: &mut impl Write, bytes: &[u8]) -> Result<(), Stop> {
    let text = json("CallEvent", bytes).map_err(|e| Stop::Failed(e.to_string()))?;
    line(out, &text)
}

fn gap(out: &mut impl Write, gap: &v1::Gap) -> Result<(), Stop> {
    let text = json("Gap", &gap.encode_to_vec()).map_err(|e| Stop::Failed(e.to_string()))?;
    line(out, &format!("{{\"gap\":{text}}}"))
}

/// Prints what there is, then ends.
async fn pages(args: &Args, out: &mut impl Write) -> Result<(), Stop> {
    let connection = args.gateway.connect().await.map_err(Stop::Failed)?;
    let mut client = CallEventServiceClient::new(connection);
    let mut asked =
        v1::ListEventsRequest { filter: Some(args.filter()), page_size: 1_000, ..Default::default() };
    match args.from.unwrap_or(From::Earliest) {
        From::Earliest => {}
        From::Latest => return Ok(()),
        From::After(position) => asked.after = Some(v1::Cursor { log_id: String::new(), position }),
        From::Since(at) => asked.since = Some(at),
    }
    loop {
        let page = client.list_events(asked.clone()).await.map_err(|s| failed(&s))?.into_inner();
        if let Some(missing) = &page.gap {
            gap(out, missing)?;
        }
        for bytes in &page.events {
            event(out, bytes)?;
        }
        if page.at_head {
            return Ok(());
        }
        (asked.after, asked.since) = (page.next, None);
    }
}

/// Prints what happens, and goes on where it was when the gateway comes back.
async fn follow(args: &Args, out: &mut impl Write) -> Result<(), Stop> {
    let mut connection = args.gateway.connect().await.map_err(Stop::Failed)?;
    let mut position = args.from.unwrap_or(From::Latest).position();
    loop {
        match one_stream(connection, args, &mut position, out).await {
            Err(Stop::Lost) | Ok(()) => {}
            other => return other,
        }
        eprintln!("hotline: the gateway went away; waiting for it");
        connection = loop {
            tokio::time::sleep(RECONNECT).await;
            if let Ok(connection) = args.gateway.connect().await {
                break connection;
            }
        };
    }
}

/// One connection's worth; `position` moves along.
async fn one_stream(
    connection: Connection,
    args: &Args,
    position: &mut v1::StartPosition,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let start =
        v1::Start { position: Some(position.clone()), filter: Some(args.filter()), ..Default::default() };
    let first = v1::SubscribeRequest { frame: Some(Said::Start(start)) };
    // The request side stays open, or the connection would count as half closed.
    let said = tokio_stream::once(first).chain(tokio_stream::pending());
    let mut client = CallEventServiceClient::new(connection);
    let mut frames = client.subscribe(said).await.map_err(|s| failed(&s))?.into_inner();
    let mut log_id = String::new();
    while let Some(said) = frames.message().await.map_err(|s| failed(&s))? {
        let mut reached = None;
        match said.frame {
            Some(Frame::Opened(opened)) => {
                let after = opened.after.unwrap_or_default();
                log_id.clone_from(&after.log_id);
                reached = Some(after.position);
            }
            Some(Frame::Batch(batch)) => {
                for bytes in &batch.events {
                    event(out, bytes)?;
                }
                reached = batch.events.last().and_then(|b| Place::decode(&b[..]).ok()).map(|p| p.position);
            }
            Some(Frame::Checkpoint(checkpoint)) => reached = checkpoint.cursor.map(|c| c.position),
            Some(Frame::Gap(missing)) => gap(out, &missing)?,
            Some(Frame::Draining(_)) | None => {}
        }
        if let Some(reached) = reached {
            let cursor = v1::Cursor { log_id: log_id.clone(), position: reached };
            position.position = Some(Position::After(cursor));
        }
    }
    Ok(())
}

/// The position of an encoded event, without reading the rest.
#[derive(Clone, PartialEq, prost::Message)]
struct Place {
    #[prost(uint64, tag = "2")]
    position: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::wire::samples;
    use crate::io::grpc::{self, Services};
    use crate::io::store::{Append, Journal};

    #[tokio::test]
    async fn every_event_is_a_line_of_json_in_order() {
        let place = std::env::temp_dir().join(format!("hotline-cli-events-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let token_file = place.join("token");
        std::fs::write(&token_file, "secret\n").unwrap();
        let (journal, _) = Journal::open(&place.join("hotline.db"), Duration::ZERO).unwrap();
        let services = Services::new(&journal, "secret".into());
        let events = samples::whole_call(1, 1);
        journal.append(events.into_iter().map(|event| Append { event, history: None }).collect());
        journal.close();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Gateway::at(listener.local_addr().unwrap(), token_file);
        let web = crate::io::web::Web::grpc(&crate::config::Config::embedded());
        let server = tokio::spawn(grpc::serve(listener, services, web, std::future::pending()));
        let args = Args {
            gateway,
            follow: false,
            from: Some(From::After(2)),
            types: vec![],
            calls: vec![],
            queues: vec![],
            seats: vec![],
        };
        let mut out = Vec::new();
        assert!(pages(&args, &mut out).await.is_ok());
        let mut positions = Vec::new();
        for line in String::from_utf8(out).unwrap().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            positions.push(value["position"].as_u64().unwrap());
        }
        assert_eq!(positions, (3..=10).collect::<Vec<_>>());
        server.abort();
        let _ = std::fs::remove_dir_all(&place);
    }

    #[test]
    fn a_start_is_a_word_a_position_or_a_time() {
        assert_eq!("earliest".parse(), Ok(From::Earliest));
        assert_eq!("17".parse(), Ok(From::After(17)));
        let time = prost_types::Timestamp { seconds: 1_772_352_000, nanos: 0 };
        assert_eq!("2026-03-01T08:00:00Z".parse(), Ok(From::Since(time)));
        assert!("yesterday".parse::<From>().unwrap_err().contains("2026-03-01"));
    }
}
