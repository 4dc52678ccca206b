//! Option tags (RFC 3261 section 19.2): which extensions a peer requires of us, and which it says it knows.

use super::Message;

/// The tags known here, whatever the peer.
pub const KNOWN: [&str; 3] = ["timer", "100rel", "replaces"];

/// The required tags (`Require`) that are none of `known`, in the peer's order and each as it wrote it: the value
/// of Unsupported in a 420. `None` when there is nothing to object to.
pub fn unsupported(request: &Message, known: &[&str]) -> Option<String> {
    let strange: Vec<_> = request
        .list("Require")
        .into_iter()
        .filter(|tag| !tag.is_empty() && !known.iter().any(|k| k.as_bytes().eq_ignore_ascii_case(tag)))
        .map(String::from_utf8_lossy)
        .collect();
    (!strange.is_empty()).then(|| strange.join(", "))
}

/// Whether the peer lists `tag` in Require.
pub fn requires(message: &Message, tag: &str) -> bool {
    lists(message, "Require", tag)
}

/// Whether the peer knows `tag`: it stands in Supported, or is even required.
pub fn supports(message: &Message, tag: &str) -> bool {
    lists(message, "Supported", tag) || requires(message, tag)
}

fn lists(message: &Message, header: &str, tag: &str) -> bool {
    message.list(header).iter().any(|t| t.eq_ignore_ascii_case(tag.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn invite(headers: &str) -> Message {
        let text = format!(
            "INVITE sip:12345@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\n\
             From: <sip:c@example.org>;tag=a\r\nTo: <sip:12345@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
             {headers}Content-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text)).unwrap()
    }

    #[test]
    fn every_unknown_tag_is_named_and_no_known_one() {
        let asks = invite("Require: timer, nothingSupportsThis\r\nRequire: 100REL,nothing2\r\n");
        assert_eq!(unsupported(&asks, &KNOWN).as_deref(), Some("nothingSupportsThis, nothing2"));
        assert_eq!(unsupported(&invite("Require: replaces\r\n"), &KNOWN), None);
        assert_eq!(unsupported(&invite("Require: 100rel\r\n"), &["timer"]).as_deref(), Some("100rel"));
        assert_eq!(unsupported(&invite(""), &KNOWN), None);
    }

    #[test]
    fn what_is_required_is_also_known_and_the_compact_form_counts() {
        let knows = invite("k: timer\r\nRequire: 100rel\r\n");
        assert!(supports(&knows, "timer") && supports(&knows, "100rel") && requires(&knows, "100rel"));
        assert!(!requires(&knows, "timer") && !supports(&knows, "replaces"));
    }
}
