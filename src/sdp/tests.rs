//! Offer and answer as two telephones would have it.

use super::*;
use std::net::SocketAddr;

const BOTH: [Codec; 2] = Codec::ALL;

fn local() -> Local {
    Local {
        address: [192, 0, 2, 1].into(),
        port: 16384,
        security: Security::Plain,
        session_id: 77,
        version: 1,
    }
}

/// What our first offer of these codecs says.
fn ours(codecs: &[Codec]) -> Offered {
    numbering::Numbering::default().offer(codecs)
}

/// A description with these lines after the usual beginning.
fn body(lines: &[&str]) -> String {
    let mut text =
        String::from("v=0\r\no=pbx 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text
}

fn read(lines: &[&str]) -> Description {
    parse(body(lines).as_bytes()).expect("a usable description")
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The lines of an answer from its first `m=` on.
fn media_of(text: &str) -> Vec<&str> {
    text.lines().skip_while(|l| !l.starts_with("m=")).collect()
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    let d = read(&["m=audio 4000 RTP/AVP 18 0 8"]);
    assert_eq!(d.codecs, [(Codec::Pcmu, 0), (Codec::Pcma, 8)]);
    assert_eq!(d.rtp, at("198.51.100.7:4000"));
    assert_eq!(d.rtcp, at("198.51.100.7:4001"));
    assert_eq!((d.telephone_event(Codec::Pcma), d.ptime, d.rtcp_mux), (None, None, false));
    assert_eq!(d.direction, Direction::SendRecv);
    assert_eq!(&*d.origin, "pbx 1 1 IN IP4 198.51.100.7");
}

#[test]
fn an_rtpmap_defines_a_number_in_any_case_and_even_a_static_one() {
    let d = read(&[
        "m=audio 4000 RTP/AVP 9 97 8 101 100 96",
        "a=rtpmap:97 pcma/8000/1",
        "a=RTPMAP:101 Telephone-Event/8000",
        "a=rtpmap:100 telephone-event/48000",
        "a=rtpmap:96 PCMU/16000",
        "a=rtpmap:8 G729/8000",
        "a=fmtp:101 0-16",
    ]);
    assert_eq!(d.codecs, [(Codec::Pcma, 97)]);
    assert_eq!(d.telephone_event(Codec::Pcma), Some(101));
}

#[test]
fn a_number_that_is_mapped_but_not_listed_is_not_offered() {
    let d = read(&["m=audio 4000 RTP/AVP 8", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:0 PCMU/8000"]);
    assert_eq!((&d.codecs, d.telephone_event(Codec::Pcma)), (&vec![(Codec::Pcma, 8)], None));
}

#[test]
fn the_stream_speaks_before_the_session() {
    let d = read(&["a=sendonly", "m=audio 4000 RTP/AVP 8", "c=IN IP4 198.51.100.9", "a=sendrecv"]);
    assert_eq!((d.rtp, d.direction), (at("198.51.100.9:4000"), Direction::SendRecv));
    let d = read(&["a=recvonly", "m=audio 4000 RTP/AVP 8"]);
    assert_eq!((d.rtp, d.direction), (at("198.51.100.7:4000"), Direction::RecvOnly));
}

#[test]
fn an_address_on_the_stream_alone_is_enough() {
    let d = parse(b"v=0\nm=audio 4000 RTP/AVP 8\nc=IN IP6 2001:db8::7\n").unwrap();
    assert_eq!((d.rtp, d.rtcp), (at("[2001:db8::7]:4000"), at("[2001:db8::7]:4001")));
    assert_eq!(&*d.origin, "");
}

#[test]
fn rtcp_goes_where_the_peer_says() {
    for (attribute, expected) in [
        ("a=rtcp:5000", "198.51.100.7:5000"),
        ("a=rtcp:5000 IN IP4 198.51.100.8", "198.51.100.8:5000"),
        ("a=rtcp:5000 IN IP6 2001:db8::7", "[2001:db8::7]:5000"),
        ("a=rtcp:0", "198.51.100.7:4001"),
        ("a=rtcp:many", "198.51.100.7:4001"),
        ("a=rtcp:5000 IN IP4 media.example.com", "198.51.100.7:4001"),
        ("a=rtcp:5000 IN IP4 224.0.0.1", "198.51.100.7:4001"),
    ] {
        assert_eq!(read(&["m=audio 4000 RTP/AVP 8", attribute]).rtcp, at(expected), "{attribute}");
    }
}

#[test]
fn a_hold_is_seen_in_all_its_spellings() {
    let cases: [(&[&str], Direction); 6] = [
        (&["m=audio 4000 RTP/AVP 8", "a=sendonly"], Direction::SendOnly),
        (&["m=audio 4000 RTP/AVP 8", "a=inactive"], Direction::Inactive),
        (&["m=audio 4000 RTP/AVP 8", "c=IN IP4 0.0.0.0"], Direction::SendOnly),
        (&["m=audio 4000 RTP/AVP 8", "c=IN IP4 0.0.0.0", "a=recvonly"], Direction::Inactive),
        (&["m=audio 4000 RTP/AVP 8", "c=IN IP6 ::"], Direction::SendOnly),
        (&["a=inactive", "m=audio 4000 RTP/AVP 8"], Direction::Inactive),
    ];
    for (lines, direction) in cases {
        let d = read(lines);
        assert!(d.is_hold(), "{lines:?}");
        assert_eq!(d.direction, direction, "{lines:?}");
        let (text, agreed) = answer(&d, &local(), &BOTH, Direction::SendRecv).unwrap();
        assert_eq!(agreed.direction, direction.reversed(), "{lines:?}");
        assert!(!agreed.direction.sends(), "{lines:?}");
        assert!(text.ends_with(&format!("a={}\r\n", direction.reversed())), "{text}");
    }
    assert!(!read(&["m=audio 4000 RTP/AVP 8", "a=recvonly"]).is_hold());
}

#[test]
fn an_answer_is_written_exactly_so() {
    let offered = read(&[
        "m=audio 4000 RTP/AVP 18 8 0 96",
        "a=rtpmap:96 telephone-event/8000",
        "a=ptime:30",
        "a=rtcp-mux",
    ]);
    let (text, agreed) = answer(&offered, &local(), &BOTH, Direction::SendRecv).unwrap();
    let expected = [
        "v=0",
        "o=- 77 1 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 16384 RTP/AVP 8 96",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:96 telephone-event/8000",
        "a=fmtp:96 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "a=rtcp-mux",
    ];
    assert_eq!(text.split("\r\n").collect::<Vec<_>>(), [&expected[..], &[""]].concat());
    let expected = Negotiated {
        rtp: at("198.51.100.7:4000"),
        rtcp: at("198.51.100.7:4000"),
        rtcp_mux: true,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: Some(96),
        receive: PayloadNumbers { audio: 8, telephone_event: Some(96) },
        direction: Direction::SendRecv,
        ptime_ms: 30,
    };
    assert_eq!(agreed, expected);
}

#[test]
fn an_answer_follows_the_peers_order_within_what_we_speak() {
    let offered = read(&["m=audio 4000 RTP/AVP 0 8"]);
    let codec = |ours: &[Codec]| answer(&offered, &local(), ours, Direction::SendRecv).map(|(_, n)| n.codec);
    assert_eq!(codec(&BOTH), Ok(Codec::Pcmu));
    assert_eq!(codec(&[Codec::Pcma]), Ok(Codec::Pcma));
    assert_eq!(codec(&[]), Err(Incompatible::Codec));
    let pcmu = read(&["m=audio 4000 RTP/AVP 0"]);
    assert_eq!(answer(&pcmu, &local(), &[Codec::Pcma], Direction::SendRecv), Err(Incompatible::Codec));
    assert_eq!(Incompatible::Codec.status(), 488);
}

#[test]
fn other_media_lines_are_refused_in_place() {
    let offered = read(&[
        "m=video 5000 RTP/AVP 96 97",
        "a=rtpmap:96 H264/90000",
        "m=audio 4002 RTP/SAVP 8",
        "m=audio 4000 RTP/AVPF 8",
        "m=audio 4004 RTP/AVP 0",
        "m=image 6000 udptl t38",
        "m=application 0 UDP/BFCP",
    ]);
    assert_eq!((offered.audio, offered.rtp), (2, at("198.51.100.7:4000")));
    let (text, _) = answer(&offered, &local(), &BOTH, Direction::SendRecv).unwrap();
    let lines: Vec<&str> = media_of(&text).into_iter().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 96 97",
            "m=audio 0 RTP/SAVP 8",
            "m=audio 16384 RTP/AVPF 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38",
            "m=application 0 UDP/BFCP -",
        ]
    );
}

#[test]
fn an_offer_is_written_exactly_so() {
    let text = offer(&local(), &BOTH, Direction::SendRecv);
    let expected = [
        "m=audio 16384 RTP/AVP 8 0 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ];
    assert_eq!(media_of(&text), expected);
    let v6 = Local { address: "2001:db8::1".parse().unwrap(), ..local() };
    let text = offer(&v6, &[Codec::Pcma], Direction::Inactive);
    assert!(text.contains("o=- 77 1 IN IP6 2001:db8::1\r\n") && text.contains("c=IN IP6 2001:db8::1\r\n"));
    assert!(text.ends_with("a=inactive\r\n"));
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let text = offer(&local(), &BOTH, Direction::SendRecv);
    let heard = parse(text.as_bytes()).unwrap();
    let (reply, theirs) = answer(&heard, &local(), &[Codec::Pcmu], Direction::SendRecv).unwrap();
    let ours = accepted(&ours(&BOTH), &parse(reply.as_bytes()).unwrap()).unwrap();
    assert_eq!((ours.codec, ours.payload_type), (Codec::Pcmu, 0));
    assert_eq!((ours.telephone_event, ours.direction), (Some(101), Direction::SendRecv));
    assert_eq!(ours, theirs);
}

#[test]
fn an_answer_with_nothing_we_offered_is_not_accepted() {
    assert_eq!(accepted(&ours(&[Codec::Pcma]), &read(&["m=audio 4000 RTP/AVP 0"])), Err(Incompatible::Codec));
}

#[test]
fn a_shared_port_nobody_offered_is_not_accepted() {
    let agreed = accepted(&ours(&BOTH), &read(&["m=audio 4000 RTP/AVP 8", "a=rtcp-mux"])).unwrap();
    assert_eq!((agreed.rtcp_mux, agreed.rtcp), (false, at("198.51.100.7:4001")));
}

#[test]
fn a_peer_that_holds_in_its_answer_is_sent_nothing() {
    let agreed = accepted(&ours(&BOTH), &read(&["m=audio 4000 RTP/AVP 8", "a=sendonly"])).unwrap();
    assert_eq!(agreed.direction, Direction::RecvOnly);
}

#[test]
fn we_give_no_more_than_we_want_and_no_more_than_is_asked() {
    use Direction::*;
    for (theirs, wanted, ours) in [
        (SendRecv, SendRecv, SendRecv),
        (SendRecv, SendOnly, SendOnly),
        (RecvOnly, SendRecv, SendOnly),
        (RecvOnly, RecvOnly, Inactive),
        (SendOnly, SendOnly, Inactive),
        (Inactive, SendRecv, Inactive),
    ] {
        let offered = read(&["m=audio 4000 RTP/AVP 8", &format!("a={theirs}")]);
        let (_, agreed) = answer(&offered, &local(), &BOTH, wanted).unwrap();
        assert_eq!(agreed.direction, ours, "they {theirs}, we want {wanted}");
    }
}

#[test]
fn packets_are_as_long_as_the_peer_likes_within_reason() {
    for (attributes, ms) in [
        (&[][..], 20),
        (&["a=ptime:10"], 10),
        (&["a=ptime:30"], 30),
        (&["a=ptime:20.0"], 20),
        (&["a=ptime:35"], 30),
        (&["a=ptime:5"], 10),
        (&["a=ptime:200"], 60),
        (&["a=ptime:0"], 20),
        (&["a=ptime:x"], 20),
        (&["a=maxptime:10"], 10),
        (&["a=ptime:60", "a=maxptime:40"], 40),
    ] {
        let lines = [&["m=audio 4000 RTP/AVP 8"], attributes].concat();
        let (_, agreed) = answer(&read(&lines), &local(), &BOTH, Direction::SendRecv).unwrap();
        assert_eq!(agreed.ptime_ms, ms, "{attributes:?}");
    }
}

#[test]
fn what_nothing_depends_on_never_fails_a_call() {
    let mut text =
        b"v=0\r\no=\xb9\xe3\xd6\xdd 99999999999999999999999 x\r\ns=\xb9\xe3\xd6\xdd\r\ni=a\r\ni=b\r\n"
            .to_vec();
    text.extend_from_slice(
        b"b=AS: many\r\nt=now\r\nk=?\r\nz=\r\nr=\r\nq=what\r\nc=IN  IP4  198.51.100.7 \r\n\r\n",
    );
    text.extend_from_slice(b"m=audio  4000   RTP/AVP 8  0 \r\na=ptime: 20 \r\na=x:\xff\r\na=\r\n\0");
    let d = parse(&text).unwrap();
    assert_eq!((d.rtp, d.ptime), (at("198.51.100.7:4000"), Some(20)));
    assert_eq!(d.codecs, [(Codec::Pcma, 8), (Codec::Pcmu, 0)]);
}

#[test]
fn what_is_no_description_is_400_and_what_we_cannot_speak_is_488() {
    let usual = "v=0\r\nc=IN IP4 198.51.100.7\r\n";
    let cases = [
        (400, "".to_owned()),
        (400, "hello".to_owned()),
        (400, "v=1\r\nc=IN IP4 198.51.100.7\r\nm=audio 4000 RTP/AVP 8\r\n".to_owned()),
        (400, "c=IN IP4 198.51.100.7\r\nm=audio 4000 RTP/AVP 8\r\n".to_owned()),
        (400, "v=0\r\nm=audio 4000 RTP/AVP 8\r\n".to_owned()),
        (400, "v=0\r\nc=IN IP4\r\nm=audio 4000 RTP/AVP 8\r\n".to_owned()),
        (400, format!("{usual}m=audio 70000 RTP/AVP 8\r\n")),
        (400, format!("{usual}m=audio\r\n")),
        (400, format!("{usual}m=audio 4000 RTP/AVP 8\r\nnonsense\r\n")),
        (
            400,
            format!("{usual}o=a 1 1 IN IP4 1.1.1.1\r\no=b 1 1 IN IP4 1.1.1.1\r\nm=audio 4000 RTP/AVP 8\r\n"),
        ),
        (488, usual.to_owned()),
        (488, format!("{usual}m=video 4000 RTP/AVP 8\r\n")),
        (488, format!("{usual}m=audio 0 RTP/AVP 8\r\n")),
        (488, format!("{usual}m=audio 4000 RTP/SAVP 8\r\n")),
        (488, format!("{usual}m=audio 4000 RTP/AVP 18 9\r\n")),
        (488, format!("{usual}m=audio 4000 RTP/AVP\r\n")),
        (488, format!("{usual}m=audio 4000 RTP/AVP 8\r\nc=IN IP4 pbx.example.com\r\n")),
        (488, format!("{usual}m=audio 4000 RTP/AVP 8\r\nc=IN IP4 224.2.1.1/127\r\n")),
        (488, format!("{usual}m=audio 4000 RTP/AVP 8\r\nc=IN IP4 239.1.1.1\r\n")),
        (488, format!("{usual}m=audio 4000 RTP/AVP 8\r\nc=IN IP4 255.255.255.255\r\n")),
        (488, format!("{usual}m=audio 4000 RTP/AVP 8\r\nc=ATM NSAP 198.51.100.7\r\n")),
    ];
    for (status, text) in cases {
        assert_eq!(parse(text.as_bytes()).map_err(SdpError::status), Err(status), "{text}");
    }
}

#[test]
fn a_host_name_stands_for_where_the_signalling_came_from() {
    let sender = "198.51.100.9".parse().unwrap();
    let of = |address: &str| {
        let text =
            format!("v=0\r\nc=IN {address}\r\nm=audio 4000 RTP/AVP 8\r\na=rtcp:4009 IN IP4 x.example\r\n");
        parse_from(text.as_bytes(), sender).map(|d| (d.rtp, d.rtcp, d.direction))
    };
    let there = Ok((at("198.51.100.9:4000"), at("198.51.100.9:4001"), Direction::SendRecv));
    for name in ["IP4 pbx.example.com", "IP4 PBX-1_a.example.com.", "IP4 localhost", "IP6 v6.example.com"] {
        assert_eq!(of(name), there, "{name}");
    }
    assert_eq!(of("IP4 192.0.2.7").map(|d| d.0), Ok(at("192.0.2.7:4000")), "a number counts");
    assert_eq!(of("IP4 0.0.0.0").map(|d| d.2), Ok(Direction::SendOnly), "so does a hold");
    for none in
        ["IP4 224.2.1.1/127", "IP4 999.1.1.1", "IP4 1.2.3", "IP4 a..b", "IP4 a%00.example", "IP4 224.0.0.1"]
    {
        assert_eq!(of(none).map_err(SdpError::status), Err(488), "{none}");
    }
}

#[test]
fn the_fault_told_is_that_of_the_audio() {
    let error = parse(body(&["m=video 4000 RTP/AVP 96", "m=audio 4000 RTP/SAVP 8"]).as_bytes()).unwrap_err();
    assert_eq!(error, SdpError::Unacceptable("the audio is not plain RTP"));
}

#[test]
fn a_body_has_limits() {
    let lines = |n| vec!["m=audio 4000 RTP/AVP 8"; n];
    assert_eq!(read(&lines(MEDIA_LIMIT)).media.len(), MEDIA_LIMIT);
    assert_eq!(parse(body(&lines(MEDIA_LIMIT + 1)).as_bytes()).map_err(SdpError::status), Err(488));
    let mut long = body(&["m=audio 4000 RTP/AVP 8"]);
    long.push_str(&"a=x\r\n".repeat(BODY_LIMIT / 5));
    assert_eq!(parse(long.as_bytes()).map_err(SdpError::status), Err(413));
}

#[test]
fn a_bare_line_end_inside_a_line_does_not_reach_the_answer() {
    let offered = read(&["m=video 5000 RTP/AVP 96\ra=sendonly", "m=audio 4000 RTP/AVP 8 \u{b}\0 0"]);
    let (text, _) = answer(&offered, &local(), &BOTH, Direction::SendRecv).unwrap();
    assert_eq!(media_of(&text)[0], "m=video 0 RTP/AVP 96");
    assert!(text.split("\r\n").all(|line| !line.chars().any(char::is_control)), "{text:?}");
}

#[test]
fn the_version_goes_up_when_the_text_changes_and_only_then() {
    let mut author = DescriptionAuthor::new([192, 0, 2, 1].into(), 16384, 77);
    let offered = read(&["m=audio 4000 RTP/AVP 8"]);
    let held = read(&["m=audio 4000 RTP/AVP 8", "a=sendonly"]);
    let mut say = |peer: &Description| author.answer(peer, &BOTH, Direction::SendRecv).unwrap().0;
    let version = |text: &str| text.lines().nth(1).unwrap().split(' ').nth(2).unwrap().to_owned();
    let first = say(&offered);
    let spoken = [version(&first), version(&say(&offered)), version(&say(&held)), version(&say(&offered))];
    assert_eq!(spoken, ["1", "1", "2", "3"]);
    assert_eq!(say(&offered).replace(" 3 IN", " 1 IN"), first);
    author.move_to([192, 0, 2, 2].into(), 16390);
    assert_eq!(author.local().version, 3);
    assert!(author.offer(&[Codec::Pcma], Direction::SendRecv).0.contains("o=- 77 4 IN IP4 192.0.2.2"));
}

#[test]
fn a_later_offer_of_ours_names_the_same_lines() {
    let mut author = DescriptionAuthor::new([192, 0, 2, 1].into(), 16384, 77);
    let offered = read(&["m=video 5000 RTP/AVP 96", "m=audio 4000 RTP/AVP 8"]);
    author.answer(&offered, &BOTH, Direction::SendRecv).unwrap();
    let (text, _) = author.offer(&[Codec::Pcma], Direction::SendRecv);
    let lines: Vec<&str> = media_of(&text).into_iter().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(lines, ["m=video 0 RTP/AVP 96", "m=audio 16384 RTP/AVP 8 101"]);
}

#[test]
fn an_offer_that_cannot_be_answered_changes_nothing() {
    let mut author = DescriptionAuthor::new([192, 0, 2, 1].into(), 16384, 77);
    let first =
        author.answer(&read(&["m=audio 4000 RTP/AVP 8"]), &[Codec::Pcma], Direction::SendRecv).unwrap();
    let bad = read(&["m=audio 4000 RTP/AVP 0", "m=video 5000 RTP/AVP 96"]);
    assert_eq!(author.answer(&bad, &[Codec::Pcma], Direction::SendRecv), Err(Incompatible::Codec));
    let again =
        author.answer(&read(&["m=audio 4000 RTP/AVP 8"]), &[Codec::Pcma], Direction::SendRecv).unwrap();
    assert_eq!(first, again);
}
