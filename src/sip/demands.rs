//! What a request outside a dialog asks for that is not known here, whatever the peer (RFC 3261 section 8.2).
//!
//! Not a judge of INVITEs: those from a trunk end in a record, so `call` reads them.

use super::{Message, Scheme, Status, Uri, option_tag};

/// The option tags a request other than INVITE may require of us.
const KNOWN: [&str; 5] = ["timer", "100rel", "replaces", "path", "outbound"];

/// The status such a request deserves, and the header that goes with it. `None` when there is nothing to object to.
pub fn unmet(request: &Message) -> Option<(Status, Option<(&'static str, String)>)> {
    if !speaks_scheme(request) {
        return Some((Status::UNSUPPORTED_URI_SCHEME, None));
    }
    let strange = option_tag::unsupported(request, &KNOWN)?;
    Some((Status::BAD_EXTENSION, Some(("Unsupported", strange))))
}

/// Whether the Request-URI is of a scheme known here (RFC 3261 section 8.2.2.1).
pub fn speaks_scheme(request: &Message) -> bool {
    !matches!(Uri::parse(request.uri()), Ok(Uri { scheme: Scheme::Other(_), .. }))
}

/// Whether a peer takes a session description in answer: it says nothing of what it accepts, or that
/// (RFC 3261 section 20.1).
pub fn accepts_sdp(request: &Message) -> bool {
    let mut accepts = request.headers("Accept").peekable();
    if accepts.peek().is_none() {
        return true;
    }
    request.list("Accept").iter().any(|range| {
        let kind = range.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        [&b"application/sdp"[..], b"application/*", b"*/*"].iter().any(|k| k.eq_ignore_ascii_case(kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(uri: &str, headers: &str) -> Message {
        let text = format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: c\r\nCSeq: 1 OPTIONS\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Message::parse(bytes::Bytes::from(text)).unwrap()
    }

    #[test]
    fn a_uri_of_an_unknown_scheme_is_416_and_a_telephone_number_is_not() {
        assert_eq!(unmet(&options("nobodyknows:thisone", "")), Some((Status::UNSUPPORTED_URI_SCHEME, None)));
        assert_eq!(
            unmet(&options("soap.beep://192.0.2.103:3002", "")),
            Some((Status::UNSUPPORTED_URI_SCHEME, None))
        );
        for known in ["sip:a@b", "sips:a@b", "tel:+8610"] {
            assert_eq!(unmet(&options(known, "")), None, "{known}");
        }
    }

    #[test]
    fn every_required_extension_nobody_here_knows_is_named() {
        let asks = options("sip:a@b", "Require: nothing1, TIMER\r\nRequire: nothing2\r\n");
        assert_eq!(
            unmet(&asks),
            Some((Status::BAD_EXTENSION, Some(("Unsupported", "nothing1, nothing2".into()))))
        );
        assert_eq!(unmet(&options("sip:a@b", "Require: timer\r\nSupported: nothing\r\n")), None);
    }

    #[test]
    fn a_session_description_is_accepted_unless_something_else_is_asked_for() {
        for accepts in [
            "",
            "Accept: application/sdp\r\n",
            "Accept: text/plain, Application/SDP;q=0.1\r\n",
            "Accept: */*\r\n",
        ] {
            assert!(accepts_sdp(&options("sip:a@b", accepts)), "{accepts}");
        }
        for other in ["Accept: text/nobodyKnowsThis\r\n", "Accept:\r\n", "Accept: application/sdpx\r\n"] {
            assert!(!accepts_sdp(&options("sip:a@b", other)), "{other}");
        }
    }
}
