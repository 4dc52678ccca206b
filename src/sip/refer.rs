//! What a REFER asks for (RFC 3515), and which dialog is to be replaced (RFC 3891). Reads; decides nothing.

use super::grammar::{Parameter, parameters};
use super::uri::percent_decoded;
use super::{Message, NameAddr};

/// Where a call is to be transferred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// The user of the address, or the number of a `tel:`, as [`Uri::dialled`](super::Uri::dialled) gives it; empty for an
    /// address without one.
    pub user: String,
    /// The dialog that the new call takes the place of.
    pub replaces: Option<Replaces>,
}

/// The dialog a call takes the place of, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// The Call-ID.
    pub call_id: String,
    /// The tag of the one who is asked: ours.
    pub to_tag: String,
    /// The other tag.
    pub from_tag: String,
    /// Only while that dialog is not answered.
    pub early_only: bool,
}

impl ReferTo {
    /// Reads the one Refer-To of a REFER. None, two, or one that is no address: an error that says so (400).
    pub fn of(refer: &Message) -> Result<ReferTo, &'static str> {
        let mut all = refer.headers("Refer-To");
        let value = all.next().ok_or("a REFER without Refer-To")?;
        if all.next().is_some() {
            return Err("two Refer-To");
        }
        let address = NameAddr::parse(value.to_vec()).map_err(|_| "a Refer-To that is no address")?;
        if address.params().any(|(name, value)| {
            name.eq_ignore_ascii_case(b"method") && !value.unwrap_or_default().eq_ignore_ascii_case(b"INVITE")
        }) {
            return Err("a REFER for something else than a call");
        }
        let uri = address.parsed_uri().map_err(|_| "a Refer-To that is no address")?;
        if uri.param("method").is_some_and(|m| !m.eq_ignore_ascii_case("INVITE")) {
            return Err("a REFER for something else than a call");
        }
        let replaces = match header_of(address.uri(), b"Replaces") {
            Some(value) => Some(Replaces::parse(&value).ok_or("a Replaces that names no dialog")?),
            None => None,
        };
        Ok(ReferTo { user: uri.dialled().unwrap_or_default(), replaces })
    }

    /// Whether the sender wants to hear nothing of what comes of it (`Refer-Sub: false`, RFC 4488).
    pub fn is_unwatched(refer: &Message) -> bool {
        refer.header("Refer-Sub").is_some_and(|v| {
            let end = v.iter().position(|b| *b == b';').unwrap_or(v.len());
            v.get(..end).unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"false")
        })
    }
}

impl Replaces {
    /// The Replaces header of an INVITE: `None` without one, an error (400) for one that names no dialog or for two.
    pub fn of(invite: &Message) -> Option<Result<Replaces, &'static str>> {
        let mut all = invite.headers("Replaces");
        let value = all.next()?;
        if all.next().is_some() {
            return Some(Err("two Replaces"));
        }
        Some(Replaces::parse(value).ok_or("a Replaces that names no dialog"))
    }

    fn parse(value: &[u8]) -> Option<Replaces> {
        let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
        let (call_id, rest) = value.split_at(end);
        let text = |bytes: &[u8]| std::str::from_utf8(bytes.trim_ascii()).ok().map(str::to_owned);
        let find = |wanted: &str| -> Option<Parameter<'_>> {
            parameters(rest).find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
        };
        let tag = |wanted| text(find(wanted)?.1?);
        let call_id = text(call_id).filter(|id| !id.is_empty())?;
        let (to_tag, from_tag) = (tag("to-tag")?, tag("from-tag")?);
        Some(Replaces { call_id, to_tag, from_tag, early_only: find("early-only").is_some() })
    }
}

/// The header of this name that a URI wants in the request it leads to (RFC 3261 section 19.1.1), decoded.
fn header_of(uri: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let at = uri.iter().position(|b| *b == b'?')?;
    let all = uri.get(at + 1..)?;
    all.split(|b| *b == b'&').find_map(|field| {
        let eq = field.iter().position(|b| *b == b'=')?;
        let (name, value) = field.split_at(eq);
        name.eq_ignore_ascii_case(wanted).then(|| percent_decoded(value.get(1..).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn refer(headers: &str) -> Message {
        Message::parse(Bytes::from(format!(
            "REFER sip:hotline@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\n\
             From: <sip:1001@example.org>;tag=theirs\r\nTo: <sip:1@192.0.2.1>;tag=ours\r\nCall-ID: call\r\n\
             CSeq: 2 REFER\r\n{headers}Content-Length: 0\r\n\r\n"
        )))
        .unwrap()
    }

    #[test]
    fn a_plain_refer_names_a_user_and_its_escapes_are_undone() {
        for (value, user) in [
            ("<sip:601@192.0.2.1>", "601"),
            ("\"Water\" <sip:water%20bureau@192.0.2.1;transport=udp>", "water bureau"),
            ("sip:%E4%BE%9B%E6%B0%B4@h", "供水"),
            ("<tel:+861061230001>", "+861061230001"),
            ("<sip:1002@h;method=INVITE>", "1002"),
            ("<tel:+86-10-6123;npdi>", "+86106123"),
            ("mailto:1002@h", ""),
        ] {
            let to = ReferTo::of(&refer(&format!("Refer-To: {value}\r\n"))).unwrap();
            assert_eq!((to.user.as_str(), to.replaces), (user, None), "{value}");
        }
        assert_eq!(ReferTo::of(&refer("r: <sip:601@h>\r\n")).unwrap().user, "601", "the compact name");
    }

    #[test]
    fn an_attended_transfer_names_the_dialog_it_replaces() {
        let value = "<sip:601@192.0.2.1?Replaces=a%40b%3Bto-tag%3D7f1%3Bfrom-tag%3Dx.y%3Bearly-only&Require=replaces>";
        let to = ReferTo::of(&refer(&format!("Refer-To: {value}\r\n"))).unwrap();
        let replaces = Replaces {
            call_id: "a@b".into(),
            to_tag: "7f1".into(),
            from_tag: "x.y".into(),
            early_only: true,
        };
        assert_eq!((to.user.as_str(), to.replaces), ("601", Some(replaces)));
    }

    #[test]
    fn what_asks_for_no_call_is_refused() {
        for headers in [
            "",
            "Refer-To: <sip:1@h>\r\nRefer-To: <sip:2@h>\r\n",
            "Refer-To: nonsense\r\n",
            "Refer-To: <sip:1@h;method=BYE>\r\n",
            "Refer-To: <sip:1@h?Replaces=abc>\r\n",
        ] {
            assert!(ReferTo::of(&refer(headers)).is_err(), "{headers}");
        }
        assert!(ReferTo::is_unwatched(&refer("Refer-Sub: FALSE ;x\r\n")));
        assert!(!ReferTo::is_unwatched(&refer("Refer-Sub: true\r\n")));
    }

    #[test]
    fn an_invite_may_carry_the_header_itself() {
        let of = |headers: &str| Replaces::of(&refer(headers));
        assert_eq!(of(""), None);
        let found = of("Replaces: id ; from-tag = f;to-tag=t\r\n").unwrap().unwrap();
        assert_eq!((found.call_id.as_str(), found.to_tag.as_str(), found.early_only), ("id", "t", false));
        assert!(of("Replaces: id;to-tag=t\r\n").unwrap().is_err());
        assert!(
            of("Replaces: a;to-tag=t;from-tag=f\r\nReplaces: b;to-tag=t;from-tag=f\r\n").unwrap().is_err()
        );
    }
}
