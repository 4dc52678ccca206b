//! Which connections are closed for silence, and which are used for whom.

use super::*;
use crate::config;
use std::future::pending;

fn connections(inbox: mpsc::Sender<Inbound>) -> Connections {
    let setting = Setting {
        limits: Limits {
            connections: 64,
            per_source: 64,
            message_time: Duration::from_secs(5),
            unknown_source_silence: Duration::from_secs(20),
        },
        tls: Tls::load(&config::Tls::default()).unwrap(),
        origins: Vec::new(),
        counts: Counts::default(),
        inbox,
    };
    Connections::new(Arc::new(setting), Handle::current())
}

fn flow(transport: Transport, remote: &str, connection: Option<u64>) -> Flow {
    Flow { transport, local: "127.0.0.1:5060".parse().unwrap(), remote: remote.parse().unwrap(), connection }
}

#[tokio::test]
async fn silence_closes_idle_seats_without_keep_alives_and_unknown_sources() {
    let (inbox, _kept) = mpsc::channel(64);
    let mut c = connections(inbox);
    let long_ago = Instant::now().checked_sub(Duration::from_secs(200)).unwrap();
    let mut silent = |tie_port: u16| {
        let flow = flow(Transport::Tcp, &format!("192.0.2.1:{tie_port}"), Some(c.last + 1));
        c.start(flow, true, None, |_| pending());
        c.open.get_mut(&c.last).unwrap().heard = Arc::new(LastHeard::since(long_ago, false));
        flow
    };
    let (trunk, seat, unknown) = (silent(1), silent(2), silent(3));
    let (calling_seat, calling_unknown) = (silent(4), silent(5));
    let dialled = flow(Transport::Tcp, "192.0.2.1:6", Some(c.last + 1));
    let asked = Flow { connection: None, ..dialled };
    c.start(dialled, true, Some((asked, Vec::new())), |_| pending());
    c.open.get_mut(&c.last).unwrap().heard = Arc::new(LastHeard::since(long_ago, false));
    let tie = |flow: &Flow| match flow.remote.port() {
        1 => Tie::Trunk,
        2 | 4 => Tie::KeepAlive,
        _ => Tie::Unknown,
    };
    let closed = c.sweep(tie, || HashSet::from([calling_seat, calling_unknown, asked]));
    assert_eq!(closed, [seat, unknown]);
    assert_eq!(c.setting.counts.of(Ended::Silent), 2);
    let closed = c.sweep(tie, HashSet::new);
    assert_eq!(closed, [calling_seat, calling_unknown, dialled, asked], "their calls are over");
    assert!(c.open.values().all(|open| open.flow == trunk));
}

#[tokio::test]
async fn a_path_that_serves_two_hosts_fails_with_the_last_of_their_connections() {
    let (inbox, _kept) = mpsc::channel(64);
    let mut c = connections(inbox);
    let path = flow(Transport::Tls, "192.0.2.1:5061", None);
    let mut made = |id| {
        let connection = Flow { connection: Some(id), ..path };
        c.start(connection, true, Some((path, vec![format!("{id}.example.org")])), |_| pending());
        connection
    };
    let (one, two) = (made(1), made(2));
    assert_eq!(c.close(&two), [two]);
    assert_eq!(c.close(&one), [one, path]);
    assert_eq!(c.close(&one), []);
}

#[tokio::test]
async fn a_tls_connection_is_used_again_only_for_the_host_it_had_to_prove() {
    let (inbox, _kept) = mpsc::channel(64);
    let mut c = connections(inbox);
    // It takes connections and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let mut send = |flow: Flow, host: &str, proved: Option<&[&str]>| {
        let request = format!(
            "OPTIONS sip:{host} SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let failed = c.send(&flow, request.into(), |_, _| proved.map(names));
        (failed.len(), c.open.len())
    };
    let tls = flow(Transport::Tls, &at, None);
    assert_eq!(send(tls, "one.example.org", None), (0, 1));
    assert_eq!(send(tls, "ONE.example.org", None), (0, 1));
    assert_eq!(send(tls, "two.example.org", None), (0, 2));
    assert_eq!(send(tls, "one.example.org", None), (0, 2));
    let tcp = flow(Transport::Tcp, &at, None);
    assert_eq!(send(tcp, "one.example.org", None), (0, 3));
    assert_eq!(send(tcp, "two.example.org", None), (0, 3), "nothing is proved by TCP");
    // One that is lost, whose peer writes where it listens now.
    let lost = flow(Transport::Tls, "127.0.0.1:9", Some(99));
    assert_eq!(send(lost, &at, Some(&["two.example.org"])), (0, 3), "it may be two.example.org");
    assert_eq!(send(lost, &at, Some(&["three.example.org"])), (0, 4));
    assert_eq!(send(lost, &at, None), (1, 4), "the address is not the peer's");
}
