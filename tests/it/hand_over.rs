//! `hotline upgrade`, SIGHUP and `hotline stop`: one process after the other, as commands and signals tell.

use crate::programme::{Plan, Programme};
use std::net::UdpSocket;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn gateway(name: &'static str) -> Programme {
    let seats_at = "127.0.0.1:6".parse().expect("an address");
    Programme::start(Plan { name, seats: 1, seats_at, trunk: "", queue: "", limits: "" })
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// An OPTIONS of its own.
fn options(here: &UdpSocket, number: u32) -> String {
    let here = here.local_addr().expect("an address");
    format!(
        "OPTIONS sip:{here} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKo{number};rport\r\nFrom: <sip:a@{here}>;tag=a\r\n\
         To: <sip:12345@{here}>\r\nCall-ID: o{number}@{here}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// Sends an OPTIONS each 5 ms until told to stop, each once. Gives how many were sent, and how many were answered in the end.
fn asks(to: std::net::SocketAddr, enough: &AtomicBool) -> (u32, u32) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(to).expect("it is there");
    socket.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
    let (mut sent, mut answered, mut buffer) = (0, 0, [0; 2048]);
    while !enough.load(Ordering::Relaxed) {
        socket.send(options(&socket, sent).as_bytes()).expect("nothing is refused");
        sent += 1;
        answered += u32::from(socket.recv(&mut buffer).is_ok());
    }
    let until = Instant::now() + Duration::from_secs(10);
    while answered < sent && Instant::now() < until {
        answered += u32::from(socket.recv(&mut buffer).is_ok());
    }
    (sent, answered)
}

#[test]
fn an_upgrade_loses_no_datagram_and_ends_when_the_successor_serves() {
    let mut gateway = gateway("upgrade");
    let enough = AtomicBool::new(false);
    let (sent, answered) = std::thread::scope(|scope| {
        let peer = scope.spawn(|| asks(gateway.sip, &enough));
        for _ in 0..3 {
            let output = gateway.command(&["upgrade"]);
            assert!(output.status.success() && said(&output).contains("sip udp:"), "{}", said(&output));
            gateway.is_ready_again();
            assert!(gateway.health().contains("200 OK"));
        }
        enough.store(true, Ordering::Relaxed);
        peer.join().expect("the peer")
    });
    assert!(sent > 20, "{sent}");
    assert_eq!(answered, sent, "what came while nothing read waited in the socket");
    assert!(gateway.stop().success());
    gateway.check_log();
}

#[test]
fn sighup_brings_a_changed_configuration_into_use() {
    let mut gateway = gateway("sighup");
    let page = gateway.page("/metrics");
    assert!(page.contains("queue=\"main\"") && !page.contains("queue=\"night\""), "{page}");
    gateway.rewrite("[[queue]]", "[[queue]]\nname = \"night\"\n[[queue]]");
    gateway.signal("HUP");
    gateway.is_ready_again();
    let page = gateway.page("/metrics");
    assert!(page.contains("queue=\"night\""), "{page}");
    assert!(gateway.stop().success());
    gateway.check_log();
}

#[test]
fn what_cannot_take_over_is_refused_with_the_reason_and_harms_nothing() {
    let mut gateway = gateway("refused");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let other = format!("listen = [\"udp:{}\", ", taken.local_addr().expect("its address"));
    let wrongs = [
        ("[[queue]]", "[[queu]]".to_owned(), "queue"),
        ("listen = [", other, "stop the other program"),
        ("journal.db", "other.db".to_owned(), "store.path: the gateway that runs has"),
    ];
    for (old, new, why) in wrongs {
        let text = gateway.rewrite(old, &new);
        let output = gateway.command(&["upgrade"]);
        assert!(!output.status.success() && said(&output).contains(why), "{why}: {}", said(&output));
        std::fs::write(gateway.directory().join("hotline.toml"), text).expect("as before");
        assert!(gateway.health().contains("200 OK"), "it goes on");
    }
    let output = gateway.command(&["upgrade"]);
    assert!(output.status.success(), "{}", said(&output));
    gateway.is_ready_again();
    assert!(gateway.stop().success());
}

#[test]
fn a_stop_by_command_ends_when_the_process_is_gone() {
    for words in [&["stop"][..], &["stop", "--keep-calls"]] {
        let mut gateway = gateway("stopped-by-command");
        let output = gateway.command(words);
        assert!(output.status.success() && said(&output).contains("stopped"), "{}", said(&output));
        assert!(gateway.ended().success());
        let output = gateway.command(words);
        assert!(!output.status.success() && said(&output).contains("hotline serve"), "{}", said(&output));
        gateway.start_again();
        gateway.signal("USR2");
        assert!(gateway.ended().success(), "SIGUSR2 is the same");
        gateway.check_log();
    }
}

#[test]
fn a_wrong_configuration_has_an_exit_status_of_its_own() {
    let mut gateway = gateway("status");
    let text = gateway.rewrite("[[queue]]", "[[queu]]");
    assert!(gateway.stop().success());
    assert_eq!(gateway.command(&["serve"]).status.code(), Some(78));
    std::fs::write(gateway.directory().join("hotline.toml"), text.replace("journal.db", "log/journal.db"))
        .expect("written");
    assert_eq!(
        gateway.command(&["serve"]).status.code(),
        Some(1),
        "the directory is a file: that may be cured meanwhile"
    );
}
