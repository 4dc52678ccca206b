//! A process that is stopped and goes on, by SIGSTOP and SIGCONT or by `docker pause`: its calls are as they were.

use crate::ipv6::{Side, are_connected, hangs_up};
use crate::programme::{Programme, media_address};
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::UdpSocket;
use tokio::time::{Duration, Instant, interval};

/// The least `media.silence`.
const SILENCE: Duration = Duration::from_secs(5);

/// Both sides speak for so long, a packet every 20 ms.
async fn both_speak(sides: [&Side; 2], time: Duration) {
    let until = Instant::now() + time;
    let mut beat = interval(Duration::from_millis(20));
    for sequence in 0u16.. {
        if Instant::now() >= until {
            return;
        }
        beat.tick().await;
        for side in sides {
            let [high, low] = sequence.to_be_bytes();
            let mut packet = vec![0x80, 8, high, low, 0, high, low, 0, 0, 0, 0, 0x77];
            packet.extend([0x77; 160]);
            side.audio.send(&packet).await.unwrap();
        }
    }
}

fn configuration(
    name: &'static str,
    queue: &'static str,
    contact: SocketAddr,
) -> impl Fn(&Path, [SocketAddr; 3]) -> String {
    move |directory, [sip, grpc, http]| {
        let (media, store) = (media_address(name), directory.join("journal.db"));
        format!(
            "[sip]\nlisten = [\"udp:{sip}\"]\n[media]\naddress = \"{media}\"\nsilence = \"5s\"\n\
             [grpc]\nlisten = \"{grpc}\"\n[http]\nlisten = \"{http}\"\n[store]\npath = {store:?}\n\
             [log]\nlevel = \"warn\"\n[limits]\ndrain = \"1s\"\n\
             [[trunk]]\nname = \"pbx\"\nsources = [\"127.0.0.2\"]\n\
             [[seat]]\nid = \"1001\"\ncontact = \"sip:1001@{contact}\"\n\
             [[queue]]\nname = \"main\"\n{queue}\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
        )
    }
}

#[tokio::test]
async fn an_answer_that_came_while_the_process_was_stopped_is_in_time() {
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let contact = phone.local_addr().unwrap();
    let mut gateway =
        Programme::configured("answered", configuration("answered", "ring_timeout = \"2s\"", contact));
    let socket = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let mut citizen = Side::towards(gateway.sip, socket, "127.0.0.2").await;
    let mut seat = Side::towards(gateway.sip, phone, "127.0.0.1").await;
    let offer = citizen.line.offer();
    citizen.line.send(citizen.line.request("INVITE", 1, "", &offer)).await;
    let ok = citizen.line.final_response().await;
    citizen.takes(&ok).await;
    let tag = format!(";tag={}", ok.to_tag().unwrap());
    citizen.line.send(citizen.line.request("ACK", 1, &tag, "")).await;
    let invite = seat.line.asked("INVITE").await;
    seat.takes(&invite).await;

    gateway.signal("STOP");
    seat.line.answer(&invite, "200 OK").await;
    both_speak([&citizen, &seat], Duration::from_secs(4)).await;
    gateway.signal("CONT");
    // Repeats of the INVITE may stand before it, and no CANCEL.
    let next = loop {
        let asked = seat.line.message().await.unwrap();
        match asked.method().map(|m| m.as_str().to_owned()) {
            Some(method) if method == "INVITE" => {}
            method => break method,
        }
    };
    assert_eq!(next.as_deref(), Some("ACK"));
    hangs_up(&mut citizen, &mut seat, &tag).await;
    assert!(gateway.stop().success());
    gateway.check_log();
}

#[tokio::test]
async fn a_process_stopped_for_longer_than_silence_hangs_up_on_no_call() {
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let contact = phone.local_addr().unwrap();
    let mut gateway = Programme::configured("stopped", configuration("stopped", "", contact));
    let socket = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let mut citizen = Side::towards(gateway.sip, socket, "127.0.0.2").await;
    let mut seat = Side::towards(gateway.sip, phone, "127.0.0.1").await;
    let tag = are_connected(&mut citizen, &mut seat).await;

    gateway.signal("STOP");
    both_speak([&citizen, &seat], SILENCE + Duration::from_secs(1)).await;
    gateway.signal("CONT");
    citizen.is_heard_by(&seat, 0x33).await;
    seat.is_heard_by(&citizen, 0x44).await;
    // Silence is looked at each half second: by now a BYE would stand before the answer to the OPTIONS.
    both_speak([&citizen, &seat], Duration::from_secs(1)).await;
    assert!(citizen.line.is_heard(7).await, "the citizen was hung up on");
    hangs_up(&mut citizen, &mut seat, &tag).await;
    assert!(gateway.stop().success());
    gateway.check_log();
}
