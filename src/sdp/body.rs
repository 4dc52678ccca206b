//! Where in a message body the session description is: all of it, one part of several (RFC 2046, RFC 5621), or
//! nowhere. Signalling of the telephone network often rides beside it (ISUP, RFC 3204).

use std::fmt;

/// At most this many parts are looked at. A gateway of the telephone network sends two.
const PARTS_READ: usize = 8;

/// The longest boundary (RFC 2046 section 5.1.1).
const BOUNDARY_LIMIT: usize = 70;

/// Why a body cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// There is a body and no Content-Type.
    Untyped,
    /// Something in it must be understood, and is not. An Accept header belongs in the answer.
    Unsupported,
    /// Parts without a usable boundary.
    Malformed,
}

impl BodyError {
    /// The status of the answer: 400 or 415 (RFC 3261 section 8.2.3).
    pub fn status(self) -> u16 {
        match self {
            BodyError::Untyped | BodyError::Malformed => 400,
            BodyError::Unsupported => 415,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BodyError::Untyped => "a body without a type",
            BodyError::Unsupported => "a body of a type we do not know",
            BodyError::Malformed => "a body whose parts cannot be told apart",
        })
    }
}

impl std::error::Error for BodyError {}

/// The session description in `body`, octet by octet, given its Content-Type and Content-Disposition.
///
/// `None` when there is none: an empty body, or one that may be left unread (`handling=optional`). Parts of other
/// types are left out only if they say so, or stand in a `multipart/alternative`.
pub fn find<'a>(
    content_type: Option<&[u8]>,
    disposition: Option<&[u8]>,
    body: &'a [u8],
) -> Result<Option<&'a [u8]>, BodyError> {
    if body.is_empty() {
        return Ok(None);
    }
    let Some(content_type) = content_type.map(Typed::of) else {
        return if is_optional(disposition) { Ok(None) } else { Err(BodyError::Untyped) };
    };
    match content_type.essence.as_str() {
        "application/sdp" => Ok(Some(body)),
        "multipart/alternative" => among(body, &content_type, false),
        kind if kind.starts_with("multipart/") => among(body, &content_type, true),
        _ if is_optional(disposition) => Ok(None),
        _ => Err(BodyError::Unsupported),
    }
}

fn among<'a>(body: &'a [u8], outer: &Typed, strict: bool) -> Result<Option<&'a [u8]>, BodyError> {
    let boundary = outer.param("boundary").filter(|b| (1..=BOUNDARY_LIMIT).contains(&b.len()));
    let mut found = None;
    let mut parts = 0;
    for part in Parts::new(body, boundary.ok_or(BodyError::Malformed)?).take(PARTS_READ) {
        parts += 1;
        let (content_type, disposition, content) = headed(part);
        match content_type {
            Some(t) if t.essence == "application/sdp" => _ = found.get_or_insert(content),
            _ if strict && !is_optional(disposition.as_deref()) => return Err(BodyError::Unsupported),
            _ => {}
        }
    }
    if parts == 0 { Err(BodyError::Malformed) } else { Ok(found) }
}

/// A value with parameters, in lower case up to the first semicolon.
struct Typed {
    essence: String,
    params: String,
}

impl Typed {
    fn of(value: &[u8]) -> Typed {
        let value = String::from_utf8_lossy(value);
        let (essence, params) = value.split_once(';').unwrap_or((&value, ""));
        Typed { essence: essence.trim().to_ascii_lowercase(), params: params.to_owned() }
    }

    /// A parameter without its quotes. Boundaries hold no semicolons, and nothing else is asked for.
    fn param(&self, name: &str) -> Option<&str> {
        self.params.split(';').find_map(|p| {
            let (key, value) = p.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    }
}

fn is_optional(disposition: Option<&[u8]>) -> bool {
    let handling = |d| Typed::of(d).param("handling").is_some_and(|h| h.eq_ignore_ascii_case("optional"));
    disposition.is_some_and(handling)
}

/// The headers of a part that matter, and its content.
fn headed(part: &[u8]) -> (Option<Typed>, Option<Vec<u8>>, &[u8]) {
    let (mut content_type, mut disposition) = (None, None);
    let mut rest = part;
    while !rest.is_empty() {
        let end = rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |i| i + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"content-type" | b"c" => content_type = Some(Typed::of(value)),
            b"content-disposition" => disposition = Some(value.to_vec()),
            _ => {}
        }
    }
    (content_type, disposition, rest)
}

/// The parts between the delimiters, without them.
struct Parts<'a> {
    rest: Option<&'a [u8]>,
    delimiter: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn new(body: &'a [u8], boundary: &str) -> Parts<'a> {
        let mut parts = Parts { rest: Some(body), delimiter: format!("--{boundary}").into_bytes() };
        // What stands before the first delimiter is for people whose program cannot read parts.
        parts.next();
        parts
    }

    /// The next line that begins with the delimiter: where it starts, and where the line after it does.
    fn delimiter_in(&self, text: &[u8]) -> Option<(usize, Option<usize>)> {
        let mut at = 0;
        loop {
            let line = text.get(at..).filter(|l| !l.is_empty())?;
            let next = line.iter().position(|&b| b == b'\n').map(|i| at + i + 1);
            if let Some(after) = line.strip_prefix(self.delimiter.as_slice()) {
                let end = after.iter().position(|&b| b == b'\n').unwrap_or(after.len());
                match after.get(..end).unwrap_or_default().trim_ascii() {
                    b"" => return Some((at, next)),
                    b"--" => return Some((at, None)),
                    _ => {}
                }
            }
            at = next?;
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest.take()?;
        // A part that no delimiter ends was cut off, and is not taken.
        let (start, after) = self.delimiter_in(text)?;
        self.rest = after.and_then(|i| text.get(i..));
        let part = text.get(..start)?;
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\nm=audio 4000 RTP/AVP 8";

    fn mixed(isup_disposition: &str) -> String {
        format!(
            "for people\r\n--x1\r\nContent-Type: application/SDP ; charset=UTF-8\r\n\r\n{SDP}\r\n--x1\r\n\
             Content-Type: application/ISUP; version=itu-t92+\r\n{isup_disposition}\r\n\r\n\x01\x00--x1 \x02\r\n--x1--\r\n"
        )
    }

    fn found<'a>(content_type: &str, body: &'a str) -> Result<Option<&'a str>, BodyError> {
        find(Some(content_type.as_bytes()), None, body.as_bytes())
            .map(|part| part.map(|p| std::str::from_utf8(p).unwrap()))
    }

    #[test]
    fn a_whole_body_is_the_description() {
        assert_eq!(found("application/sdp", SDP), Ok(Some(SDP)));
        assert_eq!(found("Application/SDP;charset=utf-8", SDP), Ok(Some(SDP)));
        assert_eq!(found("application/sdp", ""), Ok(None));
        assert_eq!(find(None, None, b""), Ok(None));
    }

    #[test]
    fn isup_beside_the_description_is_left_out_when_it_may_be() {
        let body = mixed("Content-Disposition: signal; handling=optional");
        assert_eq!(found("multipart/mixed; boundary=x1", &body), Ok(Some(SDP)));
        assert_eq!(found("Multipart/Mixed;Boundary=\"x1\"", &body), Ok(Some(SDP)));
        let required = mixed("Content-Disposition: signal; handling=required");
        assert_eq!(found("multipart/mixed; boundary=x1", &required), Err(BodyError::Unsupported));
        assert_eq!(found("multipart/alternative; boundary=x1", &required), Ok(Some(SDP)));
    }

    #[test]
    fn what_is_no_description_is_refused_or_left_unread() {
        assert_eq!(found("text/plain", "hello").map_err(BodyError::status), Err(415));
        assert_eq!(find(None, None, b"hello").map_err(BodyError::status), Err(400));
        assert_eq!(find(Some(b"text/plain"), Some(b"render;handling=optional"), b"hello"), Ok(None));
    }

    #[test]
    fn parts_that_cannot_be_told_apart_are_malformed() {
        for (content_type, body) in [
            ("multipart/mixed", mixed("")),
            ("multipart/mixed; boundary=", mixed("")),
            ("multipart/mixed; boundary=other", mixed("")),
            ("multipart/mixed; boundary=x1", "--x1\r\nContent-Type: application/sdp\r\n\r\nv=0".into()),
        ] {
            assert_eq!(found(content_type, &body), Err(BodyError::Malformed), "{content_type}");
        }
    }
}
