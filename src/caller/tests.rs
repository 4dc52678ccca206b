//! The caller, read from INVITEs as trunks send them.

use super::*;
use crate::event::{Caller, IdentitySource};
use crate::sip::Message;
use bytes::Bytes;

fn invite(headers: &[&[u8]]) -> Message {
    let mut text = b"INVITE sip:12345@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\n\
        To: <sip:12345@192.0.2.1>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
        .to_vec();
    if !headers.iter().any(|h| h.starts_with(b"From:") || h.starts_with(b"f:")) {
        text.extend_from_slice(b"From: <sip:13812341234@198.51.100.7>;tag=1\r\n");
    }
    for header in headers {
        text.extend_from_slice(header);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    Message::parse(Bytes::from(text)).expect("an INVITE")
}

fn with(headers: &[&str]) -> Message {
    invite(&headers.iter().map(|h| h.as_bytes()).collect::<Vec<_>>())
}

fn trunk(trusted: bool) -> TrunkIdentity {
    TrunkIdentity {
        trusted,
        country: "86".to_owned(),
        area: Some("0755".to_owned()),
        ..TrunkIdentity::default()
    }
}

/// What is known: raw, E.164, name.
fn known(caller: &Caller) -> (&str, Option<&str>, Option<&str>) {
    (
        caller.raw.reveal().as_str(),
        caller.e164.as_ref().map(|n| n.reveal().as_str()),
        caller.name.as_ref().map(|n| n.reveal().as_str()),
    )
}

fn trusted(headers: &[&str]) -> Caller {
    identify(&with(headers), &trunk(true))
}

const PAI: &str = "P-Asserted-Identity: \"Zhang San\" <sip:+8613900001111@carrier.example>";
const RPID: &str = "Remote-Party-ID: \"Li Si\" <sip:075582345678@carrier.example>;party=calling;privacy=off";

#[test]
fn from_tells_when_nothing_better_does() {
    for trusted in [false, true] {
        let caller = identify(&with(&[]), &trunk(trusted));
        assert_eq!(known(&caller), ("13812341234", Some("+8613812341234"), None));
        assert_eq!((caller.source, caller.withheld), (IdentitySource::From, false));
    }
}

#[test]
fn an_asserted_identity_counts_on_a_trusted_trunk_only() {
    let caller = trusted(&[RPID, PAI]);
    assert_eq!(known(&caller), ("+8613900001111", Some("+8613900001111"), Some("Zhang San")));
    assert_eq!(caller.source, IdentitySource::Asserted);
    let caller = identify(&with(&[RPID, PAI]), &trunk(false));
    assert_eq!(known(&caller), ("13812341234", Some("+8613812341234"), None));
    assert_eq!(caller.source, IdentitySource::From);
}

#[test]
fn a_remote_party_counts_where_nothing_is_asserted() {
    let caller = trusted(&[RPID]);
    assert_eq!(known(&caller), ("075582345678", Some("+8675582345678"), Some("Li Si")));
    assert_eq!(caller.source, IdentitySource::RemoteParty);
    let called = "Remote-Party-ID: <sip:12345@x>;party=called";
    assert_eq!(trusted(&[called]).source, IdentitySource::From);
    let bare = "Remote-Party-ID: <sip:13900001111@x>";
    assert_eq!(trusted(&[bare]).e164, Some("+8613900001111".into()));
}

#[test]
fn of_two_asserted_identities_the_number_wins_and_the_name_is_kept() {
    let sip_and_tel =
        "P-Asserted-Identity: \"Zhang San\" <sip:zhang.san@ims.example>, <tel:+86-139-0000-1111>";
    let caller = trusted(&[sip_and_tel]);
    assert_eq!(known(&caller), ("+86-139-0000-1111", Some("+8613900001111"), Some("Zhang San")));
    let none = "P-Asserted-Identity: <sip:zhang.san@ims.example>";
    assert_eq!(known(&trusted(&[none])), ("zhang.san", None, None));
}

#[test]
fn every_form_of_a_number_is_read() {
    for (from, e164) in [
        ("From: <tel:+86-138-1234-1234>;tag=1", Some("+8613812341234")),
        ("From: tel:82345678;phone-context=+86755;tag=1", Some("+8675582345678")),
        ("From: <tel:82345678;phone-context=+8610>;tag=1", Some("+861082345678")),
        ("From: <tel:82345678;phone-context=pbx.example>;tag=1", Some("+8675582345678")),
        ("From: <tel:13812341234;phone-context=+86>;tag=1", Some("+8613812341234")),
        ("From: <sip:82345678;phone-context=+8610@gw.example;user=phone>;tag=1", Some("+861082345678")),
        ("From: <sip:%2B8613812341234@x>;tag=1", Some("+8613812341234")),
        ("From: <sip:13812341234:secret@x>;tag=1", Some("+8613812341234")),
        ("From: sip:013812341234@x;tag=1", Some("+8613812341234")),
        ("f: <sips:008613812341234@[2001:db8::1]:5061;transport=tls>;tag=1", Some("+8613812341234")),
        ("From: <sip:4008123123@x>;tag=1", None),
        ("From: <sip:1001@x>;tag=1", None),
        ("From: <urn:service:sos>;tag=1", None),
    ] {
        let caller = identify(&with(&[from]), &trunk(false));
        assert_eq!(known(&caller).1, e164, "{from}");
        assert!(!caller.withheld && caller.source == IdentitySource::From, "{from}");
    }
}

#[test]
fn the_number_is_kept_as_it_came() {
    let caller = identify(&with(&["From: <tel:+86(138)1234-1234>;tag=1"]), &trunk(false));
    assert_eq!(caller.raw.reveal(), "+86(138)1234-1234");
    let caller = identify(&with(&["From: <sip:*55%2312@x>;tag=1"]), &trunk(false));
    assert_eq!(known(&caller), ("*55#12", None, None));
}

#[test]
fn of_a_from_that_is_no_uri_the_user_is_shown_and_nothing_unseen() {
    for (from, raw, name) in [
        ("From: <sip:12@34@x>;tag=1", "12@34", None),
        ("From: \"a\u{202e}b\" <sip:13\u{200b}8%E2%80%AE12341234@x>;tag=1", "13812341234", Some("ab")),
    ] {
        let caller = identify(&with(&[from]), &trunk(false));
        assert_eq!((known(&caller).0, known(&caller).2), (raw, name), "{from}");
    }
}

#[test]
fn with_privacy_a_caller_is_withheld_and_only_the_raw_number_kept() {
    for privacy in ["Privacy: id", "Privacy: ID;critical", "Privacy: header; id", "Privacy: user"] {
        for with_pai in [true, false] {
            let headers = if with_pai { vec![PAI, privacy] } else { vec![privacy] };
            let caller = trusted(&headers);
            let raw = if with_pai { "+8613900001111" } else { "13812341234" };
            assert!(caller.withheld, "{privacy}");
            assert_eq!(known(&caller), (raw, None, None), "{privacy}");
        }
    }
    for privacy in ["Privacy: none", "Privacy: session", "Privacy: history", "Privacy: identity"] {
        assert!(!trusted(&[PAI, privacy]).withheld, "{privacy}");
    }
    // A wish for privacy needs no trust.
    assert!(identify(&with(&["Privacy: id"]), &trunk(false)).withheld);
    let private = "Remote-Party-ID: \"Li Si\" <sip:13900001111@x>;privacy=full";
    assert_eq!((trusted(&[private]).withheld, trusted(&[private]).e164), (true, None));
}

#[test]
fn an_anonymous_from_is_withheld() {
    for from in [
        "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
        "From: <sip:c8oqz84zk7z@privacy.invalid>;tag=1",
        "From: <sip:Anonymous@198.51.100.7>;tag=1",
        "From: <sip:unknown@198.51.100.7>;tag=1",
        "From: <sip:198.51.100.7>;tag=1",
        "From: <sip:@198.51.100.7>;tag=1",
        "From: \"Anonymous\" sip:@anonymous.invalid;tag=1",
        "From: \"Anonymous\" sip:anonymous@anonymous.invalid;tag=1",
    ] {
        let caller = identify(&with(&[from]), &trunk(true));
        assert!(caller.withheld && caller.e164.is_none() && caller.name.is_none(), "{from}");
    }
    for from in ["From: <sip:198.51.100.7>;tag=1", "From: <sip:@198.51.100.7>;tag=1"] {
        let unnamed = identify(&with(&[from]), &trunk(true));
        assert_eq!((unnamed.source, unnamed.raw.reveal().as_str()), (IdentitySource::None, ""), "{from}");
    }
}

#[test]
fn an_asserted_number_behind_an_anonymous_from_shows_without_privacy() {
    let from = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1";
    let pai = "P-Asserted-Identity: <tel:+8613900001111>";
    assert_eq!(known(&trusted(&[from, pai])), ("+8613900001111", Some("+8613900001111"), None));
    assert!(trusted(&[from, pai, "Privacy: id"]).withheld);
    assert!(identify(&with(&[from, pai]), &trunk(false)).withheld);
    let anonymous_pai = "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>";
    assert_eq!(known(&trusted(&[anonymous_pai])).0, "13812341234");
}

#[test]
fn a_name_in_gb18030_is_read_and_one_that_only_repeats_the_number_is_none() {
    let gbk = b"From: \"\xd5\xc5\xc8\xfd\" <sip:13812341234@x>;tag=1";
    assert_eq!(known(&identify(&invite(&[gbk]), &trunk(false))).2, Some("张三"));
    let utf8 = "From: 张三 <sip:13812341234@x>;tag=1";
    assert_eq!(known(&identify(&with(&[utf8]), &trunk(false))).2, Some("张三"));
    for name in ["13812341234", "Anonymous", "  "] {
        let from = format!("From: \"{name}\" <sip:13812341234@x>;tag=1");
        assert_eq!(known(&identify(&with(&[&from]), &trunk(false))).2, None, "{name}");
    }
}

#[test]
fn long_texts_are_cut_at_a_character() {
    let from = format!("From: \"{}\" <sip:{}@x>;tag=1", "张".repeat(100), "7".repeat(300));
    let caller = identify(&with(&[&from]), &trunk(false));
    assert_eq!(known(&caller), ("7".repeat(128).as_str(), None, Some("张".repeat(42).as_str())));
}

#[test]
fn the_first_to_forward_is_named() {
    let twice = "Diversion: <sip:075588880000@x>;reason=no-answer, <tel:+8613900002222>;reason=unconditional";
    let history = "History-Info: <sip:075587654321@x>;index=1, <sip:12345@x>;index=1.1";
    for (headers, expected) in [
        (vec![twice], Some("+8613900002222")),
        (vec![twice, "Diversion: <sip:1001@x>;reason=user-busy"], Some("1001")),
        (vec![history], Some("+8675587654321")),
        (vec![history, "Diversion: <sip:075588880000@x>"], Some("+8675588880000")),
        (vec!["History-Info: <sip:12345@x>;index=1"], None),
        (vec!["Diversion: <sip:075588880000@x>;privacy=full"], None),
        (vec!["Diversion: <sip:075588880000@x>;privacy=off"], Some("+8675588880000")),
        (vec!["History-Info: <sip:1001@x?Privacy=history>;index=1, <sip:12345@x>;index=1.1"], None),
        (vec!["Diversion: <sip:anonymous@anonymous.invalid>"], None),
        (vec!["Diversion: nonsense"], None),
        (vec![], None),
    ] {
        let caller = trusted(&headers);
        assert_eq!(caller.diverted_by.as_ref().map(|n| n.reveal().as_str()), expected, "{headers:?}");
    }
    assert_eq!(identify(&with(&[twice]), &trunk(false)).diverted_by, None, "not from an untrusted trunk");
}

#[test]
fn selected_headers_keep_what_a_backend_may_want() {
    let message = with(&[
        "X-City-Order: 7788",
        "Diversion: <sip:1@x>",
        "X-Hotline-Call-Id: forged",
        "User-Agent: pbx",
        "User-to-User: 3030;encoding=hex",
        "x-menu: 2",
        "Diversion: <sip:2@x>",
    ]);
    let kept = selected_headers(&message);
    let kept: Vec<(&str, &str)> = kept.iter().map(|(n, v)| (&**n, v.reveal().as_str())).collect();
    assert_eq!(
        kept,
        [
            ("Diversion", "<sip:1@x>"),
            ("Diversion", "<sip:2@x>"),
            ("User-to-User", "3030;encoding=hex"),
            ("X-City-Order", "7788"),
            ("x-menu", "2"),
        ]
    );
    let listed = selected_headers_where(&message, |name| name.eq_ignore_ascii_case("X-Menu"));
    assert_eq!(listed.len(), 4);
}

#[test]
fn selected_headers_have_limits() {
    let long = format!("X-Long: {}张", "a".repeat(VALUE_LIMIT - 1));
    let flood: Vec<String> = (0..40).map(|i| format!("X-{i}: {i}")).collect();
    let mut headers: Vec<&str> = vec![&long; 10];
    headers.extend(flood.iter().map(String::as_str));
    headers.push("Subject: heating");
    headers.extend(["Diversion: <sip:1@x>"; 10]);
    let kept = selected_headers(&with(&headers));
    assert_eq!(kept.len(), HEADERS_KEPT);
    let count = |name: &str| kept.iter().filter(|(n, _)| &**n == name).count();
    assert_eq!((count("Diversion"), count("Subject"), count("X-Long")), (4, 1, 4));
    let value = &kept.iter().find(|(n, _)| &**n == "X-Long").unwrap().1;
    assert_eq!(*value.reveal(), "a".repeat(VALUE_LIMIT - 1));
}

#[test]
fn values_that_are_no_text_are_kept_as_far_as_they_are() {
    let kept =
        selected_headers(&invite(&[b"X-Name: a\xff\xfeb", &[b"X-Bin: ".as_slice(), &[0xff; 2000]].concat()]));
    assert_eq!(kept[0].1.reveal(), "a\u{fffd}\u{fffd}b");
    assert!(kept[1].1.reveal().len() <= VALUE_LIMIT);
}

#[test]
fn nothing_personal_is_printed() {
    let caller = trusted(&[PAI, "Diversion: <tel:+8613900002222>"]);
    let kept = selected_headers(&with(&["X-Name: Zhang"]));
    let printed = format!("{caller:?} {kept:?}");
    assert!(!printed.contains("139") && !printed.contains("Zhang"), "{printed}");
}
