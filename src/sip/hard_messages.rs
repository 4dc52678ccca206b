//! What carriers, PBXs and attackers send that a young parser trips over: one test each.

use super::*;
use bytes::Bytes;
use std::net::SocketAddr;

/// An INVITE with `extra` header lines (each ended by CRLF) before its Content-Length.
fn invite_with(extra: &str) -> Vec<u8> {
    with_lines(
        &[b"From: <sip:13812341234@carrier.example>;tag=a1", b"To: <sip:12345@hotline.example>"],
        extra,
    )
}

fn with_lines(lines: &[&[u8]], extra: &str) -> Vec<u8> {
    let mut out =
        b"INVITE sip:12345@hotline.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa\r\n\
        Call-ID: c1@192.0.2.7\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n"
            .to_vec();
    for line in lines {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(extra.as_bytes());
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    out
}

fn read(bytes: impl Into<Vec<u8>>) -> Message {
    Message::parse(Bytes::from(bytes.into())).expect("a message")
}

fn refused(bytes: impl Into<Vec<u8>>) -> Malformed {
    Message::parse(Bytes::from(bytes.into())).expect_err("no message")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn source() -> SocketAddr {
    "198.51.100.9:40000".parse().expect("an address")
}

/// 1. 王晓 in GBK, and 誠, whose second byte is a backslash.
#[test]
fn a_display_name_in_gb18030_is_kept_as_bytes_and_shown_as_text() {
    for (name, shown) in
        [(&b"\xcd\xf5\xcf\xfe"[..], "王晓"), (b"\xd5\x5c", "誠"), (b"\x81\x30\x81\x30", "\u{80}")]
    {
        for quote in ["\"", ""] {
            let from =
                [b"From: ", quote.as_bytes(), name, quote.as_bytes(), b" <sip:1001@pbx>;tag=x"].concat();
            let message = read(with_lines(&[&from, b"To: \"a\" <sip:12345@h>;note=\"b\""], ""));
            assert_eq!(message.from().display_bytes(), name);
            assert_eq!(message.from().display_text().trim(), if shown == "\u{80}" { "" } else { shown });
            assert_eq!((message.from().uri(), message.from_tag()), (&b"sip:1001@pbx"[..], Some("x")));
            let response = Outgoing::response(&message, Status::RINGING, Some("t")).encode();
            assert!(response.windows(from.len()).any(|w| w == from), "echoed octet by octet");
        }
    }
}

/// 1. The same bytes where a later quoted string could be taken for the end of the name.
#[test]
fn a_backslash_byte_inside_a_character_does_not_escape_the_closing_quote() {
    let message = read(with_lines(&[b"From: \"\xd5\x5c\" <sip:1@p>;tag=x;y=\"z\"", b"To: <sip:2@p>"], ""));
    assert_eq!(message.from().uri(), b"sip:1@p");
    let message = read(with_lines(&["From: \"中\\\"文\" <sip:1@p>;tag=x".as_bytes(), b"To: <sip:2@p>"], ""));
    assert_eq!(message.from().display_text(), "中\"文");
}

/// 2.
#[test]
fn tel_is_read_in_request_uri_from_to_and_identity() {
    let bytes = with_lines(&[b"From: <tel:+8613812341234>;tag=a", b"To: tel:12345;phone-context=+86"], "");
    let bytes = String::from_utf8(bytes)
        .unwrap()
        .replace("sip:12345@hotline.example", "tel:12345;phone-context=+8610");
    let message =
        read(bytes.replace("Max-", "P-Asserted-Identity: <tel:+861012345>, \"x\" <sip:a@b>\r\nMax-"));
    let uri = Uri::parse(message.uri()).unwrap();
    assert_eq!((uri.scheme, uri.user.as_deref()), (Scheme::Tel, Some("12345")));
    assert_eq!(Uri::parse(message.uri()).unwrap().param("Phone-Context"), Some("+8610"));
    assert_eq!(message.from().uri(), b"tel:+8613812341234");
    assert_eq!((message.to().uri(), message.to().param("phone-context")), (&b"tel:12345"[..], Some("+86")));
    let identities: Vec<_> =
        message.addresses("p-asserted-identity").iter().map(|a| a.uri().to_vec()).collect();
    assert_eq!(identities, [&b"tel:+861012345"[..], b"sip:a@b"]);
}

/// 3.
#[test]
fn an_rfc_2543_request_is_read_and_a_bare_cookie_names_no_transaction() {
    let old = text(&with_lines(&[b"From: sip:a@b", b"To: sip:c@d"], "")).replace(";branch=z9hG4bKa", "");
    let message = read(old.replace("Max-Forwards: 70\r\n", ""));
    assert_eq!((message.via().branch(), message.from_tag(), message.to_tag()), (None, None, None));
    for (branch, unique) in [("z9hG4bK", None), ("1234", None), ("Z9hg4bkX", Some("Z9hg4bkX"))] {
        let message = read(text(&invite_with("")).replace("z9hG4bKa", branch));
        assert_eq!((message.via().branch(), message.via().unique_branch()), (Some(branch), unique));
    }
}

/// 4.
#[test]
fn a_datagram_with_a_length_that_is_none_is_answered_400() {
    let lengths =
        ["18446744073709551615", "-1", "99999999999999999999999", "1, 1", "1 ", "0\r\nl: 1", "one", "1"];
    for length in lengths {
        let why = refused(text(&invite_with("")).replace("Length: 0", &format!("Length: {length}")));
        assert!(why.answer().unwrap().starts_with(b"SIP/2.0 400 Bad Request"), "{length}: {why:?}");
    }
}

/// 4.
#[test]
fn a_space_before_the_colon_and_folding_are_read() {
    let folded =
        "Subject : one\r\n  two \r\n\tthree\r\nX-Empty:\r\n \r\nM :\r\n <sip:a@b>\r\n ;expires=5\r\n";
    let message = read(invite_with(folded));
    assert_eq!(message.header("SUBJECT"), Some(&b"one two three"[..]));
    assert_eq!(message.header("x-empty"), Some(&b""[..]));
    let contact = message.contact().unwrap();
    assert_eq!((contact.uri(), contact.param("Expires")), (&b"sip:a@b"[..], Some("5")));
}

/// 5. Whatever is wrong: what can be read comes back.
///
/// 485 is not among the statuses the gateway sends: a number leads to one service, seat or target, or to none.
#[test]
fn a_malformed_request_is_answered_with_what_could_be_read_of_it() {
    let good = String::from_utf8(invite_with("")).unwrap();
    let broken = [
        ("hotline.example SIP/2.0", "hotline.example SIP/3.0", 505),
        ("hotline.example SIP/2.0", "hotline.example", 400),
        ("hotline.example SIP/2.0", "hotline.example; lr SIP/2.0", 400),
        ("INVITE sip:12345@hotline.example", "INVITE <sip:12345@hotline.example>", 400),
        ("INVITE sip:12345@hotline.example", "INVITE sip:a@b@c", 400),
        ("CSeq: 7 INVITE", "CSeq: 7 OPTIONS", 400),
        ("CSeq: 7 INVITE", "CSeq: 4294967296 INVITE", 400),
        ("Max-Forwards: 70", "Max-Forwards: 256", 400),
        ("To: <sip:12345@hotline.example>", "To: \"Mr. <sip:12345@hotline.example>", 400),
        ("To: <sip:12345@hotline.example>", "To: <sip:12345@hotline.example>\r\nt: <sip:2@b>", 400),
        ("tag=a1", "tag=a1;Tag=a2", 400),
        ("Max-Forwards: 70", "no colon here", 400),
        ("Max-Forwards: 70", "Max Forwards: 70", 400),
    ];
    for (was, is, status) in broken {
        let bad = good.replace(was, is);
        assert_ne!(bad, good);
        let why = refused(bad.clone());
        assert_eq!(why.status, Status::from(status), "{is}: {why:?}");
        let answer = why.answer_to(source()).unwrap_or_else(|| panic!("silence for {is}"));
        let answer = text(&answer).to_owned();
        assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{answer}");
        assert!(
            answer.contains("Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa;received=198.51.100.9\r\n"),
            "{answer}"
        );
        for line in bad.lines().filter(|l| ["From:", "Call-ID:", "CSeq:"].iter().any(|n| l.starts_with(n))) {
            assert!(answer.contains(line), "{line} is missing in {answer}");
        }
        assert!(answer.contains("\r\nTo: ") && answer.ends_with("Content-Length: 0\r\n\r\n"), "{answer}");
        assert_eq!(why.answer(), why.answer(), "the same answer to a repeated request");
    }
}

/// 5.
#[test]
fn a_request_without_from_to_or_call_id_is_answered_by_its_via() {
    let why = refused(&b"INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n"[..]);
    let answer = why.answer().unwrap();
    assert!(text(&answer).contains("Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"));
}

/// 5. A To tag on the answer, as RFC 3261 section 8.2.6.2 asks.
#[test]
fn the_answer_to_a_malformed_request_has_the_to_tag_that_came_or_its_own() {
    let bad = text(&invite_with("")).replace("CSeq: 7 INVITE", "CSeq: 7 BYE");
    let answer = read(refused(bad.clone()).answer().unwrap().to_vec());
    assert_eq!((answer.status(), answer.to_tag().map(str::len)), (Some(Status::BAD_REQUEST), Some(16)));
    let answer = read(
        refused(bad.replace("hotline.example>", "hotline.example>;tag=mine")).answer().unwrap().to_vec(),
    );
    assert_eq!(answer.to_tag(), Some("mine"));
}

/// 5. Answering these would start a loop or answer an ACK.
#[test]
fn a_malformed_ack_a_malformed_response_and_noise_are_not_answered() {
    let good = String::from_utf8(invite_with("")).unwrap();
    let ack = good.replace("INVITE sip", "ACK sip");
    let response = good.replace("INVITE sip:12345@hotline.example SIP/2.0", "SIP/2.0 4294967301 no");
    let no_via = good.replace("Via: ", "Vai: ");
    for silent in [
        ack.as_str(),
        &response,
        &no_via,
        "",
        "\r\n\r\n",
        "\0",
        "\0\0\0\0",
        "GET / HTTP/1.1\r\nVia: 1.1 p\r\n\r\n",
    ] {
        assert!(refused(silent).answer().is_none(), "{silent:?}");
    }
}

/// 6.
#[test]
fn a_percent_in_a_user_goes_through_octet_by_octet() {
    let message = read(text(&invite_with("")).replace("12345@hotline", "*55%2312@hotline"));
    assert_eq!(message.uri(), b"sip:*55%2312@hotline.example");
    let uri = Uri::parse(message.uri()).unwrap();
    assert_eq!((uri.user.as_deref(), uri.user_text().as_deref()), (Some("*55%2312"), Some("*55#12")));
    assert_eq!(uri.to_string(), "sip:*55%2312@hotline.example");
    let onward = Outgoing::request(Method::Invite, message.uri()).encode();
    assert!(onward.starts_with(b"INVITE sip:*55%2312@hotline.example SIP/2.0\r\n"));
}

/// 7.
#[test]
fn received_is_read_as_ipv6_with_and_without_brackets() {
    for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
        let via =
            Via::parse(format!("SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKa")).unwrap();
        assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()));
        assert_eq!((via.host(), via.port(), via.branch()), ("[2001:db8::9:1]", None, Some("z9hG4bKa")));
    }
}

/// 7.
#[test]
fn rport_without_a_value_is_filled_in_and_goes_back_in_the_response() {
    let mut message = read(text(&invite_with("")).replace("z9hG4bKa", "z9hG4bKa;rport;x"));
    assert_eq!(message.via().rport(), Rport::Requested);
    let shared = message.clone();
    message.note_source(source());
    assert_eq!(message.via().rport(), Rport::Filled(40000));
    assert_eq!(message.via().received(), Some(source().ip()));
    assert_eq!(shared.via().rport(), Rport::Requested, "a clone is not changed");
    let noted = "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa;x;received=198.51.100.9;rport=40000";
    let response = read(Outgoing::response(&message, Status::OK, Some("t")).encode().to_vec());
    assert_eq!(response.headers("Via").collect::<Vec<_>>(), [noted.as_bytes()]);
}

/// 7. A peer that writes `received` itself does not steer the response elsewhere.
#[test]
fn what_a_peer_writes_into_received_is_not_believed() {
    let forged = text(&invite_with("")).replace("z9hG4bKa", "z9hG4bKa;received=203.0.113.1");
    let mut message = read(forged);
    message.note_source("192.0.2.7:5060".parse().unwrap());
    assert_eq!(message.via().received(), None);
    assert_eq!(message.via().branch(), Some("z9hG4bKa"));
}

/// 8.
#[test]
fn a_quoted_display_name_may_hold_brackets_commas_semicolons_and_quotes() {
    let name = r#""<sip:x@y>, a;b=c \"q\" \\" <sip:1@p;lr>;tag=t"#;
    let message = read(invite_with(&format!("Contact: {name} , <sip:2@p>\r\n")));
    let contacts = message.contacts();
    assert_eq!(contacts.len(), 2);
    assert_eq!(contacts[0].display_text(), r#"<sip:x@y>, a;b=c "q" \"#);
    assert_eq!((contacts[0].uri(), contacts[0].tag()), (&b"sip:1@p;lr"[..], Some("t")));
    let ours = quoted(r#"[3rd] "Huang", \"#);
    let again = NameAddr::parse(format!("{ours} <sip:1@p>")).unwrap();
    assert_eq!(again.display_text(), r#"[3rd] "Huang", \"#);
}

/// 9.
#[test]
fn a_body_with_zeros_and_blank_lines_is_kept_octet_by_octet() {
    let body: Vec<u8> = (0..=255).chain(*b"\r\n\r\n--x\r\n\0").collect();
    let message = Outgoing::request(Method::Invite, "sip:1@h").with("Via", "SIP/2.0/UDP h;branch=z9hG4bK1");
    let message = message.with("From", "<sip:a@b>;tag=1").with("To", "<sip:1@h>").with("Call-ID", "c");
    let message = message.with("CSeq", "1 INVITE").body("multipart/mixed;boundary=x", body.clone()).encode();
    assert_eq!(read(message.to_vec()).body(), body);
    let mut framer = Framer::new();
    framer.push(&message);
    assert!(matches!(framer.next(), Some(Frame::Message(frame)) if frame == message));
}

/// 9. What follows the stated length in a datagram is no body (RFC 3261 section 18.3).
#[test]
fn a_datagram_is_cut_at_its_content_length_or_ends_where_it_ends() {
    let bytes = String::from_utf8(invite_with("")).unwrap();
    assert_eq!(read(bytes.replace("Length: 0", "Length: 2") + "abcdef").body(), b"ab");
    assert_eq!(read(bytes.replace("Content-Length: 0\r\n", "") + "abcdef").body(), b"abcdef");
}

/// 12. The digest is computed over the `uri` as it was sent; the header is not touched.
#[test]
fn a_digest_header_is_given_as_it_came() {
    let digest = r#"Digest username="1001", uri="sip:H.Example;x=%2f", nc=0000000a, qop=auth"#;
    let message = read(invite_with(&format!("Authorization: {digest}\r\n")));
    assert_eq!(message.header("authorization"), Some(digest.as_bytes()));
}

/// 13.
#[test]
fn a_datagram_with_fifteen_thousand_headers_is_refused_at_the_limit() {
    let why = refused(invite_with(&"a:\r\n".repeat(15_000)));
    assert_eq!((why.status, why.reason), (Status::BAD_REQUEST, "too many header lines"));
    assert!(why.answer().is_some_and(|answer| answer.len() < 512));
    assert_eq!(
        read(invite_with(&"a:\r\n".repeat(limits::MAX_HEADERS - 7))).fields().count(),
        limits::MAX_HEADERS
    );
}

/// 13.
#[test]
fn long_lines_and_long_messages_are_refused_by_their_own_status() {
    let long = "x".repeat(limits::MAX_LINE);
    assert_eq!(refused(invite_with(&format!("A: {long}\r\n"))).status, Status::BAD_REQUEST);
    assert_eq!(
        refused(text(&invite_with("")).replace("12345@", &format!("{long}@"))).status,
        Status::REQUEST_URI_TOO_LONG
    );
    let folded = "A: b\r\n".to_owned() + &format!(" {}\r\n", "y".repeat(1000)).repeat(9);
    assert_eq!(refused(invite_with(&folded)).status, Status::BAD_REQUEST, "folding does not lengthen a line");
    let mut huge = invite_with("");
    huge.resize(limits::MAX_MESSAGE + 1, b'z');
    let why = refused(huge);
    assert_eq!(why.status, Status::MESSAGE_TOO_LARGE);
    assert!(why.answer().is_some());
}

/// 14. What is logged names no person and quotes no peer.
#[test]
fn nothing_a_peer_wrote_is_in_the_debug_form_but_the_call_id() {
    let message = read(invite_with(""));
    let shown = format!("{message:?} {:?} {:?}", message.from(), message.from().parsed_uri().unwrap());
    assert!(!shown.contains("13812341234"), "{shown}");
    let out = Outgoing::request(Method::Invite, "sip:13812341234@c").with("From", "<sip:13812341234@c>");
    assert_eq!(format!("{out:?}"), "Outgoing(INVITE)");
    let why = refused(text(&invite_with("")).replace("CSeq: 7", "CSeq: x"));
    assert_eq!(format!("{why:?}"), "Malformed(400 a CSeq without a number of 32 bits)");
}

/// 16.
#[test]
fn an_upper_case_tag_and_one_with_blanks_round_its_equals_sign_are_tags() {
    let message = read(with_lines(&[b"From: <sip:a@b> ;TAG=x", b"To: sip:c@d ;\ttag = y ; z"], ""));
    assert_eq!((message.from_tag(), message.to_tag()), (Some("x"), Some("y")));
    assert_eq!(message.to().param("z"), Some(""));
}

/// 17.
#[test]
fn two_vias_and_two_contacts_on_one_line_are_two() {
    let two = "z9hG4bKa ,SIP/2.0/TCP [2001:db8::1]:5062;branch=z9hG4bKb\r\nv: SIP / 2.0/ TLS  h ; branch = c";
    let mut message = read(text(&invite_with("m: <sip:a@b>,<sip:c@d>\r\n")).replace("z9hG4bKa", two));
    assert_eq!(message.via().branch(), Some("z9hG4bKa"));
    message.note_source(source());
    let vias: Vec<Via> = message.list("Via").iter().map(|v| Via::parse(v.to_vec()).unwrap()).collect();
    let branches: Vec<_> = vias.iter().map(|v| (v.transport(), v.branch(), v.received().is_some())).collect();
    assert_eq!(
        branches,
        [("UDP", Some("z9hG4bKa"), true), ("TCP", Some("z9hG4bKb"), false), ("TLS", Some("c"), false)]
    );
    assert_eq!(message.contacts().len(), 2);
}

#[test]
fn a_star_is_no_contact() {
    assert!(read(invite_with("Contact: *\r\n")).contact().is_none());
}

/// 18.
#[test]
fn blank_lines_before_a_message_are_skipped_and_alone_are_a_keep_alive() {
    let message = [b"\r\n\r\n".to_vec(), invite_with("")].concat();
    assert_eq!(read(message).cseq(), (7, &Method::Invite));
    for nothing in ["", "\r\n", "\r\n\r\n", "\0"] {
        assert!(refused(nothing).is_keep_alive());
    }
    assert!(!refused("x").is_keep_alive());
}

#[test]
fn an_ipv6_uri_needs_its_brackets_and_three_colons_are_forgiven() {
    assert!(Uri::parse(b"sip:2001:db8::10").is_err());
    let uri = Uri::parse(b"sip:u@[2001:db8:::192.0.2.1]:5070;transport=tcp").unwrap();
    assert_eq!(uri.socket_addr(5060), Some("[2001:db8::192.0.2.1]:5070".parse().unwrap()));
    assert_eq!(uri.param("transport"), Some("tcp"));
    assert_eq!(Uri::parse(b"sip:h.example").unwrap().socket_addr(5060), None);
    assert_eq!(Uri::parse(b"sips:[::1]").unwrap().socket_addr(5061), Some("[::1]:5061".parse().unwrap()));
}

#[test]
fn a_response_without_a_phrase_and_one_with_any_is_read() {
    let lines = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: c\r\nCSeq: 3 INVITE\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\r\n";
    for (start, phrase) in [("SIP/2.0 100 ", ""), ("SIP/2.0 100", ""), ("sip/2.0 100 好 = 2*5", "好 = 2*5")]
    {
        let message = read(format!("{start}\r\n{lines}"));
        assert_eq!((message.status(), message.phrase()), (Some(Status::TRYING), phrase.as_bytes()));
        assert_eq!((message.method(), message.uri(), message.cseq()), (None, &b""[..], (3, &Method::Invite)));
    }
    for start in [
        "SIP/2.0 99 x",
        "SIP/2.0 700 x",
        "SIP/2.0 4294967301 x",
        "SIP/2.0 1000",
        "SIP/2.0  200 OK",
        "SIP/2.0200 OK",
    ] {
        refused(format!("{start}\r\n{lines}"));
    }
}
