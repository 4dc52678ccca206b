//! Clients of the HTTP and gRPC ports that connect and say nothing, never read, or watch for ever; and what the gateway does
//! where it has few descriptors or little space. Calls go on.

use crate::line::{Gateway, Line, WITHIN, connect_from, directory};
use crate::programme::Programme;
use hotline_gateway::event::wire::v1;
use hotline_gateway::event::{CallEvent, What};
use hotline_gateway::id::{EventId, Random};
use hotline_gateway::io::store::{Append, Journal};
use hotline_gateway::io::web::{Ended, Web};
use hotline_gateway::sip::Transport;
use hotline_gateway::time::Wall;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use v1::call_event_service_client::CallEventServiceClient;

/// Who calls, and is known.
const CALLER: &str = "127.0.0.2";

async fn gateway(name: &str, store: &str) -> Gateway {
    let more = format!(
        "{store}\n[limits]\ndrain = \"1s\"\nmessage_time = \"500ms\"\nunknown_source_silence = \"800ms\"\n\
         [[trunk]]\nname = \"pbx\"\nsources = [\"{CALLER}\"]\n[[seat]]\nid = \"1001\""
    );
    Gateway::start(directory(&format!("silent-{name}")), "listen = [\"tcp:127.0.0.1:0\"]", &more).await
}

async fn calls(gateway: &Gateway) {
    let stream = connect_from(CALLER, gateway.at(Transport::Tcp)).await;
    Line::new(stream.local_addr().unwrap(), "TCP", stream).calls_and_hangs_up().await;
}

/// Until the gateway closes it.
async fn closed(mut stream: TcpStream) {
    let mut all = Vec::new();
    let _ = timeout(WITHIN, stream.read_to_end(&mut all)).await.expect("a silent connection is closed");
}

#[tokio::test]
async fn silent_connections_of_http_and_grpc_keep_no_call_out() {
    let gateway = gateway("ports", "").await;
    let mut silent = Vec::new();
    for n in 0..400u32 {
        let from = format!("127.0.1.{}", 1 + n % 2);
        for at in [gateway.running.http, gateway.running.grpc] {
            silent.push(connect_from(&from, at).await);
        }
    }
    calls(&gateway).await;
    for stream in silent {
        closed(stream).await;
    }
    calls(&gateway).await;
    let turned_away = |web: &Web| {
        let of = |why| web.ended(why);
        assert!(of(Ended::Silent) > 0 && of(Ended::SourceFull) > 0);
        assert_eq!(of(Ended::NotTaken), 0, "a descriptor for each");
        of(Ended::Silent) + of(Ended::SourceFull) + of(Ended::Full)
    };
    assert_eq!(turned_away(gateway.running.http_connections()), 400);
    assert_eq!(turned_away(gateway.running.grpc_connections()), 400);
    gateway.stop().await;
}

async fn channel(at: std::net::SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{at}")).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn of_health_watches_without_a_token_there_are_few_and_they_may_be_silent() {
    let gateway = gateway("health", "").await;
    let mut client = HealthClient::new(channel(gateway.running.grpc).await);
    let asked = || HealthCheckRequest { service: String::new() };
    let mut watches = Vec::new();
    for _ in 0..8 {
        let mut watch = client.watch(asked()).await.unwrap().into_inner();
        assert!(watch.message().await.unwrap().is_some());
        watches.push(watch);
    }
    assert_eq!(client.watch(asked()).await.unwrap_err().code(), Code::ResourceExhausted);
    // A connection without a watch is cut after less time than this one has been silent for.
    closed(connect_from("127.0.0.1", gateway.running.grpc).await).await;
    closed(connect_from("127.0.0.1", gateway.running.grpc).await).await;
    assert!(client.check(asked()).await.is_ok(), "the same connection, still open");
    drop(watches.pop());
    let limit = Instant::now() + WITHIN;
    while client.watch(asked()).await.is_err() {
        assert!(Instant::now() < limit, "a watch that ended gives its place back");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn little_space_on_the_disk_of_the_journal_raises_an_alarm() {
    let gateway = gateway("space", "free_space_mib = 1000000000").await;
    let mut events = gateway.running.events();
    let alarm = async {
        while let Some(event) = events.recv().await {
            if let What::AlarmRaised { alarm, raised, reason, .. } = event.what
                && &*alarm == "disk_space"
            {
                return (raised, reason);
            }
        }
        panic!("no alarm");
    };
    let (raised, reason) = timeout(WITHIN, alarm).await.expect("an alarm in time");
    assert!(raised && reason.contains("store.free_space_mib = 1000000000: make room"), "{reason}");
    gateway.stop().await;
}

/// Writes a journal of some 4 MiB.
fn fill(store: &Path) {
    let (journal, _) = Journal::open(store, Duration::ZERO).unwrap();
    let mut random = Random::from_number(1);
    let reason: Arc<str> = "a line of four hundred octets or so ".repeat(12).into();
    let events = (1..=9_000).map(|position| {
        let what = What::AlarmRaised {
            alarm: "flooded".into(),
            raised: true,
            reason: reason.clone(),
            subject: "".into(),
        };
        let at = Wall(1_700_000_000_000_000_000 + position);
        CallEvent { id: EventId::new(at, &mut random), position, at, call: None, what }
    });
    journal.append(events.map(|event| Append { event, history: None }).collect());
    journal.close();
}

/// Resident memory once it has not grown for half a second.
async fn settled(gateway: &Programme) -> u64 {
    let (mut most, mut since) = (gateway.resident(), Instant::now());
    let limit = Instant::now() + WITHIN;
    while since.elapsed() < Duration::from_millis(500) && Instant::now() < limit {
        sleep(Duration::from_millis(20)).await;
        let now = gateway.resident();
        if now > most + (64 << 10) {
            (most, since) = (now, Instant::now());
        }
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_never_read_hold_little_and_give_it_back() {
    let gateway = Programme::configured("readers", |directory, [sip, grpc, http]| {
        let store = directory.join("journal.db");
        fill(&store);
        format!(
            "[sip]\nlisten = [\"udp:{sip}\"]\n[grpc]\nlisten = \"{grpc}\"\n[http]\nlisten = \"{http}\"\n\
             [store]\npath = {store:?}\n[log]\nlevel = \"warn\"\n[[trunk]]\nname = \"pbx\"\nsources = [\"127.0.0.1\"]\n\
             [[seat]]\nid = \"1001\"\n[[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
        )
    });
    let token = format!("Bearer {}", gateway.token());
    let open = async || {
        let mut client = CallEventServiceClient::new(channel(gateway.grpc).await);
        let (say, said) = tokio::sync::mpsc::channel(1);
        let position = v1::start_position::Position::Earliest(());
        let start = v1::Start {
            position: Some(v1::StartPosition { position: Some(position) }),
            ..v1::Start::default()
        };
        let frame = Some(v1::subscribe_request::Frame::Start(start));
        say.send(v1::SubscribeRequest { frame }).await.unwrap();
        let mut request = Request::new(ReceiverStream::new(said));
        request.metadata_mut().insert("authorization", MetadataValue::try_from(&token).unwrap());
        let mut frames = client.subscribe(request).await.unwrap().into_inner();
        assert!(frames.message().await.unwrap().is_some(), "the stream is open");
        (client, say, frames)
    };
    // The first reader, who reads on, brings in what any reader does.
    let (_, _, mut frames) = open().await;
    for _ in 0..20 {
        assert!(frames.message().await.unwrap().is_some());
    }
    drop(frames);
    let before = settled(&gateway).await;
    let mut readers = Vec::new();
    for _ in 0..255 {
        readers.push(open().await);
    }
    let held = settled(&gateway).await;
    assert!(held < before + (32 << 20), "{} KiB and then {} KiB", before >> 10, held >> 10);
    drop(readers);
    let limit = Instant::now() + WITHIN;
    // SQLite's connections for reading keep at most 8 MiB of pages for the next readers.
    while gateway.figure("grpc_connections") > 0 || gateway.resident() > before + (12 << 20) {
        assert!(Instant::now() < limit, "before {} KiB, now {} KiB", before >> 10, gateway.resident() >> 10);
        sleep(Duration::from_millis(20)).await;
    }
    eprintln!("before {} KiB, held {} KiB, after {} KiB", before >> 10, held >> 10, gateway.resident() >> 10);
}

/// The program under a shell that limits its open files: `ulimit` with these words.
fn limited(ulimit: &str, command: &str, configuration: &Path) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("ulimit {ulimit} && exec \"$0\" {command} --config \"$1\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_hotline")]).arg(configuration);
    shell
}

#[test]
fn check_says_what_fits_where_there_are_too_few_descriptors() {
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/hotline.toml");
    let said = |ulimit| {
        let done = limited(ulimit, "check", &configuration).output().unwrap();
        assert!(done.status.success());
        String::from_utf8(done.stdout).unwrap()
    };
    let few = said("-n 1024");
    assert!(few.contains("1024 may be open: 168 calls and 224 connections fit; raise the limit"), "{few}");
    let enough = said("-n 16384");
    assert!(!enough.contains("may be open"), "{enough}");
}

#[test]
fn serve_raises_its_limit_of_open_files_and_alarms_where_that_is_too_few() {
    let directory = directory("silent-descriptors");
    let configuration = directory.join("hotline.toml");
    let store = directory.join("journal.db");
    let text = format!(
        "[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[grpc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [store]\npath = {store:?}\n[[trunk]]\nname = \"pbx\"\nsources = [\"127.0.0.1\"]\n\
         [[seat]]\nid = \"1001\"\n[[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
    );
    std::fs::write(&configuration, text).unwrap();
    let log = std::fs::File::create(directory.join("log")).unwrap();
    let mut command = limited("-Sn 256 && ulimit -Hn 1024", "serve", &configuration);
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success() && child.wait().unwrap().success());
    assert!(ready.starts_with("hotline: ready"), "{ready}");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = files.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    assert_eq!(numbers, ["1024", "1024"], "{files}");
    let log = std::fs::read_to_string(directory.join("log")).unwrap();
    assert!(log.contains("descriptors") && log.contains("1024 may be open"), "{log}");
    let _ = std::fs::remove_dir_all(&directory);
}
