//! Prompts whose names or files are wrong: refused before the start where it can be known, and never silence after it.

use crate::ipv6::Side;
use crate::line::{Gateway, WITHIN, directory};
use hotline_gateway::event::What;
use hotline_gateway::media::rtp::Header;
use hotline_gateway::sip::{Status, Transport};
use std::process::Command;
use tokio::net::UdpSocket;
use tokio::time::timeout;

#[test]
fn a_misspelt_prompt_is_refused_by_check_and_by_serve_with_its_line() {
    let place = directory("misspelt");
    let (file, store) = (place.join("hotline.toml"), place.join("journal.db"));
    let text = format!(
        "[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[grpc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [store]\npath = {store:?}\n[[trunk]]\nname = \"pbx\"\nsources = [\"127.0.0.1\"]\n[[seat]]\nid = \"1001\"\n\
         [[queue]]\nname = \"main\"\nmusic = \"muzic\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
    );
    let line = 1 + text.lines().position(|l| l.contains("muzic")).unwrap();
    std::fs::write(&file, text).unwrap();
    for command in ["check", "serve"] {
        let done = Command::new(env!("CARGO_BIN_EXE_hotline"))
            .args([command, "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let said = [done.stdout, done.stderr].map(|o| String::from_utf8(o).unwrap()).concat();
        assert!(!done.status.success(), "{command}: {said}");
        for part in
            [&format!("hotline.toml:{line}: queue.music"), "`muzic`", "did you mean `music`?", "muzic.wav"]
        {
            assert!(said.contains(part), "{command} does not say {part}: {said}");
        }
    }
    assert!(!store.exists(), "nothing is begun before it is refused");
    std::fs::remove_dir_all(place).unwrap();
}

#[tokio::test]
async fn a_prompt_whose_file_is_broken_is_heard_as_a_built_in_with_an_alarm() {
    let place = directory("broken-prompt");
    let prompts = place.join("prompts");
    std::fs::create_dir(&prompts).unwrap();
    std::fs::write(prompts.join("hello.wav"), b"cut off").unwrap();
    let more = format!(
        "[media]\nprompts = {prompts:?}\n[limits]\ndrain = \"1s\"\n\
         [[trunk]]\nname = \"pbx\"\nsources = [\"127.0.0.2\"]\n[[seat]]\nid = \"1001\"\n\
         [[service]]\nnumber = \"54321\"\nqueue = \"main\"\nwelcome = \"hello\""
    );
    let gateway = Gateway::start(place, "listen = [\"udp:127.0.0.1:0\"]", &more).await;
    let mut events = gateway.running.events();
    let alarm = async {
        loop {
            if let What::AlarmRaised { alarm, raised: true, reason, .. } = events.recv().await.unwrap().what {
                return (alarm, reason);
            }
        }
    };
    let (alarm, reason) = timeout(WITHIN, alarm).await.expect("an alarm");
    assert_eq!(&*alarm, "prompt_unusable");
    assert!(reason.contains("hello.wav") && reason.contains("`welcome` is played"), "{reason}");

    let socket = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let mut citizen = Side::towards(gateway.at(Transport::Udp), socket, "127.0.0.2").await;
    let offer = citizen.line.offer();
    let invite = citizen.line.request("INVITE", 1, "", &offer).replace("sip:12345@", "sip:54321@");
    citizen.line.send(invite).await;
    let ok = citizen.line.final_response().await;
    assert_eq!(ok.status(), Some(Status::OK));
    citizen.takes(&ok).await;
    // The welcome begins with a fifth of a second of silence.
    let mut heard = [0; 2048];
    for _ in 0..20 {
        timeout(WITHIN, citizen.audio.recv(&mut heard)).await.expect("a packet").unwrap();
    }
    let length = timeout(WITHIN, citizen.audio.recv(&mut heard)).await.expect("a packet").unwrap();
    let header = Header::read(&heard[..length]).unwrap();
    let octets: std::collections::HashSet<u8> = heard[header.payload].iter().copied().collect();
    assert!(octets.len() > 1, "silence: {octets:?}");
    gateway.stop().await;
}
