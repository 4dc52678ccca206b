//! A telephone key pressed, as an INFO request carries it: `application/dtmf-relay` or `application/dtmf`. Neither has
//! an RFC; both are what gateways of the telephone network and old phones send instead of RFC 4733.

use super::Message;
use super::grammar::trim;
use crate::sip::Status;
use crate::time::Duration;

/// How long a key counts as held when the message does not say.
const USUAL: Duration = Duration::from_millis(160);

/// The shortest and longest press that is passed on: shorter ones are not recognised by exchanges, longer ones block
/// the line of who waits for the next key.
const SHORTEST: Duration = Duration::from_millis(40);
const LONGEST: Duration = Duration::from_secs(6);

/// The longest body looked at, in bytes. Two lines of it are in use.
const BODY_LIMIT: usize = 256;

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPress {
    /// `0`-`9`, `*`, `#`, `A`-`D`.
    pub key: char,
    /// How long it was held, 40 ms to 6 s.
    pub held: Duration,
}

impl KeyPress {
    /// A press of the usual length.
    pub fn of(key: char) -> KeyPress {
        KeyPress { key, held: USUAL }
    }

    /// The key an INFO carries; `None` when it has no body, which is a mere sign of life.
    ///
    /// # Errors
    /// 400 for a body that names no key, 413 for one too long, 415 for one of another type (RFC 3261 section 8.2.3).
    pub fn read(request: &Message) -> Result<Option<KeyPress>, Status> {
        let body = request.body();
        if body.is_empty() {
            return Ok(None);
        }
        let content_type = request.header("Content-Type").ok_or(Status::BAD_REQUEST)?;
        let essence = content_type.split(|&b| b == b';').next().map(trim).unwrap_or_default();
        let relay = essence.eq_ignore_ascii_case(b"application/dtmf-relay");
        if !relay && !essence.eq_ignore_ascii_case(b"application/dtmf") {
            return Err(Status::UNSUPPORTED_MEDIA_TYPE);
        }
        if body.len() > BODY_LIMIT {
            return Err(Status::REQUEST_ENTITY_TOO_LARGE);
        }
        let text = std::str::from_utf8(body).map_err(|_| Status::BAD_REQUEST)?;
        let press = if relay { of_relay(text) } else { of_plain(text) };
        press.map(Some).ok_or(Status::BAD_REQUEST)
    }

    /// The body of an INFO of `application/dtmf-relay`.
    pub fn relay_body(self) -> String {
        format!("Signal={}\r\nDuration={}\r\n", self.key, self.held.as_millis())
    }
}

/// `Signal=5` and `Duration=160` on lines of their own.
fn of_relay(text: &str) -> Option<KeyPress> {
    let mut press: Option<KeyPress> = None;
    let mut held = USUAL;
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("Signal") {
            press = Some(KeyPress::of(key(value)?));
        } else if name.eq_ignore_ascii_case("Duration") {
            held = Duration::from_millis(value.parse::<u32>().ok()?.into());
        }
    }
    press.map(|p| KeyPress { held: held.clamp(SHORTEST, LONGEST), ..p })
}

/// The key alone. Some write it as in the other form.
fn of_plain(text: &str) -> Option<KeyPress> {
    key(text.trim()).map(KeyPress::of).or_else(|| of_relay(text))
}

/// A key by its sign, or `10` and `11` for `*` and `#` as RFC 4733 numbers them.
fn key(text: &str) -> Option<char> {
    match text {
        "10" => return Some('*'),
        "11" => return Some('#'),
        _ => {}
    }
    let mut all = text.chars();
    let one = all.next()?.to_ascii_uppercase();
    (all.next().is_none() && matches!(one, '0'..='9' | '*' | '#' | 'A'..='D')).then_some(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn read(content_type: &str, body: &str) -> Result<Option<KeyPress>, Status> {
        let text = format!(
            "INFO sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\nFrom: <sip:c@d>;tag=a\r\n\
             To: <sip:a@192.0.2.1>;tag=b\r\nCall-ID: c\r\nCSeq: 1 INFO\r\n{content_type}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        KeyPress::read(&Message::parse(Bytes::from(text)).unwrap())
    }

    fn pressed(key: char, ms: u64) -> Result<Option<KeyPress>, Status> {
        Ok(Some(KeyPress { key, held: Duration::from_millis(ms) }))
    }

    const RELAY: &str = "Content-Type: application/dtmf-relay\r\n";
    const PLAIN: &str = "Content-Type: Application/DTMF\r\n";

    #[test]
    fn both_forms_are_read_as_they_are_seen_in_the_field() {
        assert_eq!(read(RELAY, "Signal=5\r\nDuration=250\r\n"), pressed('5', 250));
        assert_eq!(read(RELAY, "Signal= * \nDuration= 100"), pressed('*', 100));
        assert_eq!(read(RELAY, "signal=11"), pressed('#', 160));
        assert_eq!(read(RELAY, "Signal=d\r\nDuration=1\r\n"), pressed('D', 40));
        assert_eq!(read(RELAY, "Signal=0\r\nDuration=4000000000\r\n"), pressed('0', 6000));
        assert_eq!(read(PLAIN, "7"), pressed('7', 160));
        assert_eq!(read(PLAIN, " # \r\n"), pressed('#', 160));
        assert_eq!(read(PLAIN, "Signal=1\r\nDuration=200"), pressed('1', 200));
    }

    #[test]
    fn what_names_no_key_is_400_and_another_type_415() {
        for body in
            ["Signal=\r\n", "Signal=55", "Signal=x", "Duration=100", "hello", "Signal=1\r\nDuration=x"]
        {
            assert_eq!(read(RELAY, body), Err(Status::BAD_REQUEST), "{body}");
        }
        assert_eq!(read(PLAIN, "12"), Err(Status::BAD_REQUEST));
        assert_eq!(read("", "5"), Err(Status::BAD_REQUEST));
        assert_eq!(read("Content-Type: text/plain\r\n", "5"), Err(Status::UNSUPPORTED_MEDIA_TYPE));
        assert_eq!(read(RELAY, &"x".repeat(257)), Err(Status::REQUEST_ENTITY_TOO_LARGE));
        assert_eq!(read("", ""), Ok(None));
    }

    #[test]
    fn what_we_write_reads_as_what_it_was() {
        let press = KeyPress { key: '#', held: Duration::from_millis(250) };
        assert_eq!(read(RELAY, &press.relay_body()), Ok(Some(press)));
    }
}
