//! Encrypted streams: what a browser offers, and what is answered and offered to it.

use super::*;
use crate::redact::Secret;
use std::net::IpAddr;
use std::sync::Arc;

const PEER_PRINT: &str =
    "0F:1E:2D:3C:4B:5A:69:78:87:96:A5:B4:C3:D2:E1:F0:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";
const PASSWORD: &str = "abcdefghijklmnopqrstuv+/";

/// An offer as a browser writes it before it knows an address of its own, with Opus, G.722 and video.
fn browser() -> String {
    format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
         a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:Ab+/\r\na=ice-pwd:{PASSWORD}\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {PEER_PRINT}\r\n\
         a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\n\
         a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
         a=rtpmap:63 red/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
         a=ssrc:3570614608 cname:user\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=bundle-only\r\na=rtpmap:96 VP8/90000\r\n"
    )
}

fn read(text: &str) -> Result<Description, SdpError> {
    parse_profiles(text.as_bytes(), &Profile::DTLS)
}

fn our_dtls() -> Arc<Dtls> {
    let ice = Ice { ufrag: "ours".into(), password: Secret::new("0123456789abcdefghijkl".into()) };
    let fingerprints = vec![Fingerprint { hash: Hash::Sha256, value: (0..32).collect() }];
    Arc::new(Dtls { ice, fingerprints, setup: Setup::ActPass })
}

fn author() -> DescriptionAuthor {
    DescriptionAuthor::new(IpAddr::from([192, 0, 2, 1]), 20_000, 77).secured(our_dtls())
}

const OURS: [&str; 4] = [
    "a=ice-ufrag:ours",
    "a=ice-pwd:0123456789abcdefghijkl",
    "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
    "a=candidate:1 1 udp 2130706431 192.0.2.1 20000 typ host",
];

#[test]
fn what_secures_an_offer_is_read_as_values() {
    let d = read(&browser()).unwrap();
    assert_eq!((d.profile, d.audio, d.rtcp_mux), (Profile::DtlsSavpf, 0, true));
    assert_eq!((d.mid.as_deref(), d.bundled), (Some("0"), true));
    assert_eq!(d.codecs, [(Codec::Pcmu, 0), (Codec::Pcma, 8)]);
    assert_eq!(d.telephone_event(Codec::Pcma), Some(126), "at the clock rate of G.711");
    assert_eq!((d.direction, d.is_hold()), (Direction::SendRecv, false), "no address is no hold with ICE");
    let Security::Dtls(dtls) = d.security else { panic!("not secured") };
    assert_eq!((&*dtls.ice.ufrag, &**dtls.ice.password.expose()), ("Ab+/", PASSWORD));
    assert_eq!(dtls.setup, Setup::ActPass);
    let [print] = &dtls.fingerprints[..] else { panic!("{:?}", dtls.fingerprints) };
    assert_eq!((print.hash, print.value[..3].to_vec()), (Hash::Sha256, vec![0x0f, 0x1e, 0x2d]));
    assert_eq!(print.to_string(), format!("sha-256 {PEER_PRINT}"));
}

#[test]
fn an_encrypted_offer_is_answered_exactly_so() {
    let (text, agreed) = author()
        .answer(&read(&browser()).unwrap(), &[Codec::Pcma, Codec::Pcmu], Direction::SendRecv)
        .unwrap();
    let [ufrag, password, print, candidate] = OURS;
    let expected = [
        "v=0",
        "o=- 77 1 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE 0",
        "m=audio 20000 UDP/TLS/RTP/SAVPF 0 126",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:126 telephone-event/8000",
        "a=fmtp:126 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=mid:0",
        candidate,
        ufrag,
        password,
        print,
        "a=setup:passive",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "",
    ];
    assert_eq!(text.split("\r\n").collect::<Vec<_>>(), expected);
    assert_eq!((agreed.codec, agreed.payload_type, agreed.telephone_event), (Codec::Pcmu, 0, Some(126)));
    assert!(agreed.rtcp_mux && agreed.rtcp == agreed.rtp);
}

#[test]
fn an_encrypted_offer_of_ours_is_accepted_from_the_side_that_begins() {
    let mut ours = author();
    let (text, offered) = ours.offer(&[Codec::Pcma], Direction::SendRecv);
    let lines: Vec<&str> = text.lines().skip_while(|l| !l.starts_with("m=")).collect();
    let [ufrag, password, print, candidate] = OURS;
    let expected = [
        "m=audio 20000 UDP/TLS/RTP/SAVPF 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=mid:0",
        candidate,
        ufrag,
        password,
        print,
        "a=setup:actpass",
    ];
    assert_eq!(lines, expected);
    for (setup, outcome) in [
        ("active", Ok(Codec::Pcma)),
        ("passive", Err(Incompatible::Security)),
        ("actpass", Err(Incompatible::Security)),
        ("holdconn", Err(Incompatible::Security)),
    ] {
        let answer = read(&text.replace("actpass", setup)).unwrap();
        assert_eq!(accepted(&offered, &answer).map(|n| n.codec), outcome, "{setup}");
    }
    let answer = read(&text.replace("actpass", "active")).unwrap();
    let agreed = accepted(&offered, &answer).unwrap();
    assert!(agreed.rtcp_mux && agreed.rtcp == agreed.rtp);
}

#[test]
fn a_later_offer_keeps_the_name_and_profile_the_peer_gave() {
    let mut ours = author();
    let named = browser().replace("mid:0", "mid:audio").replace("BUNDLE 0 1", "BUNDLE audio 1");
    ours.answer(&read(&named).unwrap(), &[Codec::Pcma], Direction::SendRecv).unwrap();
    for _ in 0..2 {
        let (text, _) = ours.offer(&[Codec::Pcma], Direction::SendOnly);
        for line in ["a=group:BUNDLE audio\r\n", "a=mid:audio\r\n", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.contains("m=audio 20000 UDP/TLS/RTP/SAVPF 8 126\r\n"), "{text}");
    }
}

#[test]
fn a_peer_that_waits_for_our_handshake_cannot_be_answered() {
    for (setup, outcome) in [
        ("actpass", Ok(())),
        ("active", Ok(())),
        ("passive", Err(Incompatible::Security)),
        ("holdconn", Err(Incompatible::Security)),
    ] {
        let offer = read(&browser().replace("actpass", setup)).unwrap();
        let answer = author().answer(&offer, &Codec::ALL, Direction::SendRecv);
        assert_eq!(answer.map(|_| ()), outcome, "{setup}");
    }
}

#[test]
fn plain_and_encrypted_do_not_answer_each_other() {
    let plain = parse(b"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 8\r\n").unwrap();
    let encrypted = read(&browser()).unwrap();
    let mut ours = DescriptionAuthor::new(IpAddr::from([192, 0, 2, 1]), 20_000, 77);
    let answer = |author: &mut DescriptionAuthor, offer: &Description| {
        author.answer(offer, &Codec::ALL, Direction::SendRecv).map(|_| ())
    };
    assert_eq!(answer(&mut ours, &encrypted), Err(Incompatible::Security));
    assert_eq!(answer(&mut author(), &plain), Err(Incompatible::Security));
    assert_eq!(Incompatible::Security.status(), 488);
}

#[test]
fn each_profile_is_read_where_it_is_served_and_refused_elsewhere() {
    for profile in Profile::ALL {
        let name = profile.name();
        assert_eq!(Profile::of_name(&name.to_lowercase()), Some(profile));
        let text = browser().replace("UDP/TLS/RTP/SAVPF", name);
        let [plain, encrypted] = [&Profile::PLAIN[..], &Profile::DTLS]
            .map(|served| parse_profiles(text.as_bytes(), served).map(|d| (d.profile, d.audio)));
        let refused = |why| Err(SdpError::Unacceptable(why));
        let (of_plain, of_dtls) = match profile {
            Profile::Avp | Profile::Avpf => (Ok((profile, 0)), refused("the audio is not DTLS-SRTP")),
            Profile::Savp => (refused("the audio is not plain RTP"), refused("the audio is not DTLS-SRTP")),
            Profile::Savpf | Profile::DtlsSavp | Profile::DtlsSavpf => {
                (refused("the audio is not plain RTP"), Ok((profile, 0)))
            }
        };
        assert_eq!((plain, encrypted), (of_plain, of_dtls), "{name}");
    }
    assert_eq!(Profile::of_name("TCP/TLS/RTP/SAVPF"), None);
}

#[test]
fn an_encrypted_stream_that_lacks_something_is_refused_with_what_it_lacks() {
    let of_session =
        browser().replace("a=extmap-allow-mixed", &format!("a=fingerprint:sha-256 {PEER_PRINT}"));
    let moved =
        of_session.replacen(&format!("trickle\r\na=fingerprint:sha-256 {PEER_PRINT}\r\n"), "trickle\r\n", 1);
    assert!(read(&moved).is_ok(), "a fingerprint for the whole session counts");
    for (from, to, lacks) in [
        ("a=fingerprint:sha-256 0F", "a=fingerprint:sha-1 0F", "a fingerprint"),
        ("a=fingerprint:sha-256 0F:", "a=fingerprint:sha-256 ", "a fingerprint"),
        ("a=fingerprint:sha-256 0F:", "a=fingerprint:sha-256 00:0F:", "a fingerprint"),
        ("a=fingerprint:sha-256 0F:", "a=fingerprint:sha-256 +F:", "a fingerprint"),
        ("a=setup:actpass", "a=setup:perhaps", "begins the handshake"),
        ("a=setup:actpass\r\n", "", "begins the handshake"),
        ("a=ice-ufrag:Ab+/", "a=ice-ufrag:Ab+", "ICE"),
        ("a=ice-ufrag:Ab+/", "a=ice-ufrag:Ab +/", "ICE"),
        ("a=ice-pwd:abcd", "a=ice-pwd:", "ICE"),
        ("a=ice-pwd:abcd", "a=ice-pwd:é", "ICE"),
        ("a=rtcp-mux\r\n", "", "a port of their own"),
    ] {
        let text = browser().replace(from, to);
        let Err(SdpError::Unacceptable(why)) = read(&text) else { panic!("{to:?} was taken") };
        assert!(why.contains(lacks), "{to:?}: {why}");
    }
}

#[test]
fn new_credentials_of_ice_are_seen_and_the_password_is_never_shown() {
    let ice = |text: &str| match read(text).unwrap().security {
        Security::Dtls(dtls) => dtls.ice.clone(),
        Security::Plain => panic!("not secured"),
    };
    let before = ice(&browser());
    assert_eq!(before, ice(&browser()));
    assert_ne!(before, ice(&browser().replace("Ab+/", "Cd+/")));
    assert_ne!(before, ice(&browser().replace(PASSWORD, "vutsrqponmlkjihgfedcba+/")));
    let shown = format!("{:?}", read(&browser()).unwrap());
    assert!(!shown.contains(PASSWORD) && shown.contains("Ab+/"), "{shown}");
}
