//! The Reason header (RFC 3326): why a request was sent, as a SIP status or as a cause of ITU-T Q.850.

use super::grammar::{elements, parameters, trim, unquoted};
use super::{Message, Status, quoted};

/// Why a leg ends, as a Reason header says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The SIP status, 200 for "answered elsewhere".
    pub sip: Option<Status>,
    /// The cause of ITU-T Q.850, 1 to 127.
    pub q850: Option<u8>,
    /// A few words for people; ours, never a peer's.
    pub text: &'static str,
}

impl Cause {
    /// The call is over, in the ordinary way.
    pub const NORMAL: Cause = Cause::q850(16, "");

    /// Another phone took the call: a phone that knows this shows no missed call (RFC 3326 section 2).
    pub const ELSEWHERE: Cause = Cause::sip(Status::OK, "Call completed elsewhere");

    /// By a SIP status.
    pub const fn sip(status: Status, text: &'static str) -> Cause {
        Cause { sip: Some(status), q850: None, text }
    }

    /// By a cause of ITU-T Q.850.
    pub const fn q850(cause: u8, text: &'static str) -> Cause {
        Cause { sip: None, q850: Some(cause), text }
    }

    /// The value of the header; `None` when there is nothing to say.
    pub fn header(&self) -> Option<String> {
        let one = |protocol: &str, cause: u16| match self.text {
            "" => format!("{protocol};cause={cause}"),
            text => format!("{protocol};cause={cause};text={}", quoted(text)),
        };
        let sip = self.sip.map(|status| one("SIP", status.code()));
        let q850 = self.q850.map(|cause| one("Q.850", u16::from(cause)));
        let all: Vec<String> = sip.into_iter().chain(q850).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// What the Reason headers of a message say; the first of each protocol counts, nonsense is passed over.
    pub fn of(message: &Message) -> Cause {
        let mut said = Cause { sip: None, q850: None, text: "" };
        for value in message.headers("Reason").flat_map(elements) {
            let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
            let (protocol, rest) = value.split_at(end);
            let Some(cause) = parameters(rest).find_map(|(name, value)| {
                let number = std::str::from_utf8(unquoted(value?)).ok()?;
                name.eq_ignore_ascii_case(b"cause").then(|| number.trim().parse::<u16>().ok())?
            }) else {
                continue;
            };
            let protocol = trim(protocol);
            if protocol.eq_ignore_ascii_case(b"SIP") {
                said.sip = said.sip.or(Status::new(cause));
            } else if protocol.eq_ignore_ascii_case(b"Q.850") && (1..=127).contains(&cause) {
                said.q850 = said.q850.or(u8::try_from(cause).ok());
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn bye(headers: &str) -> Message {
        let text = format!(
            "BYE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\n\
             From: <sip:c@example.org>;tag=a\r\nTo: <sip:a@192.0.2.1>;tag=b\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\
             {headers}Content-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text)).unwrap()
    }

    #[test]
    fn a_cause_is_written_as_rfc_3326_shows_it() {
        assert_eq!(
            Cause::ELSEWHERE.header().as_deref(),
            Some("SIP;cause=200;text=\"Call completed elsewhere\"")
        );
        assert_eq!(Cause::q850(16, "").header().as_deref(), Some("Q.850;cause=16"));
        assert_eq!(Cause { sip: None, q850: None, text: "x" }.header(), None);
    }

    #[test]
    fn both_protocols_are_read_from_one_line_or_two() {
        let both = "Reason: Q.850 ;cause=17;text=\"User busy, gone\", SIP;text=\"x\";cause=486\r\n";
        let said = Cause::of(&bye(both));
        assert_eq!((said.sip, said.q850), (Some(Status::BUSY_HERE), Some(17)));
        let said = Cause::of(&bye("Reason: SIP;cause=603\r\nReason: q.850;CAUSE=21\r\n"));
        assert_eq!((said.sip, said.q850), (Some(Status::DECLINE), Some(21)));
    }

    #[test]
    fn nonsense_says_nothing() {
        for headers in
            ["", "Reason: SIP\r\n", "Reason: Q.850;cause=500\r\n", "Reason: SIP;cause=x\r\n", "Reason: ;\r\n"]
        {
            let said = Cause::of(&bye(headers));
            assert_eq!((said.sip, said.q850), (None, None), "{headers}");
        }
    }
}
