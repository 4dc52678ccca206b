//! A message with what must not be shown masked, octet for octet, so that its lengths stay true.
//!
//! For traces. Secrets are always masked: what a password proves itself with, passwords in URIs, keys of media.
//! Telephone numbers and names are masked where asked.

use super::grammar::{find_any, is_space, trim_start};
use super::head::Wanted;

/// Parameters of credentials and challenges that may be shown. All others are masked: those known to be secret, and
/// those nobody knows.
const SHOWN: [&[u8]; 7] = [b"realm", b"algorithm", b"qop", b"stale", b"uri", b"nc", b"username"];

/// Headers that carry credentials or challenges.
const SECRET: [&str; 6] = [
    "Authorization",
    "Proxy-Authorization",
    "WWW-Authenticate",
    "Proxy-Authenticate",
    "Authentication-Info",
    "Identity",
];

/// Headers that say who somebody is.
const PERSONAL: [&str; 13] = [
    "From",
    "To",
    "Contact",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Diversion",
    "History-Info",
    "Refer-To",
    "Referred-By",
    "Record-Route",
    "Route",
    "P-Called-Party-ID",
];

/// Digits in a row that may be a telephone number: an emergency number is shown.
const NUMBER: usize = 5;

/// `bytes` with its secrets masked, and with its numbers and names when `numbers` says so.
pub fn masked(bytes: &[u8], numbers: bool) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut secret = false;
    let mut personal = true;
    let mut at = 0;
    let mut in_body = false;
    while at < out.len() {
        let end = find_any(&out, at, *b"\n").map_or(out.len(), |i| i + 1);
        let Some(line) = out.get_mut(at..end) else { break };
        let is_continued = line.first().is_some_and(|&b| is_space(b));
        if in_body {
            mask_key(line);
        } else if line.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            in_body = at > 0;
        } else {
            if at > 0 && !is_continued {
                let name = line.split(|&b| b == b':').next().unwrap_or_default().trim_ascii();
                secret = SECRET.iter().any(|s| Wanted::new(s).is(name));
                personal = PERSONAL.iter().any(|s| Wanted::new(s).is(name));
            }
            mask_passwords(line);
            if secret {
                mask_credentials(line, is_continued);
            } else if personal && numbers {
                mask_person(line);
            }
        }
        at = end;
    }
    out
}

fn star(bytes: &mut [u8]) {
    for b in bytes.iter_mut().filter(|b| !matches!(**b, b'\r' | b'\n' | b'"')) {
        *b = b'*';
    }
}

/// Masks every parameter of a credentials line but those that may be shown.
fn mask_credentials(line: &mut [u8], is_continued: bool) {
    let value = match line.iter().position(|&b| b == b':') {
        Some(colon) if !is_continued => colon + 1,
        _ => 0,
    };
    // The scheme stays: `Digest`, `Basic`.
    let mut at = line.len() - trim_start(line.get(value..).unwrap_or_default()).len();
    let scheme = line.get(at..).unwrap_or_default().iter().position(|b| b.is_ascii_whitespace());
    let digest = line.get(at..).is_some_and(|v| v.len() > 6 && v[..6].eq_ignore_ascii_case(b"digest"));
    match scheme {
        Some(length) if digest => at += length,
        _ if is_continued => {}
        Some(length) => at += length,
        None => {}
    }
    while at < line.len() {
        let rest = line.get(at..).unwrap_or_default();
        let end = at + end_of_parameter(rest);
        let Some(one) = line.get_mut(at..end) else { return };
        match one.iter().position(|&b| b == b'=') {
            Some(equals) if SHOWN.iter().any(|s| s.eq_ignore_ascii_case(one[..equals].trim_ascii())) => {}
            Some(equals) => star(&mut one[equals + 1..]),
            None => star(one),
        }
        at = end + 1;
    }
}

/// Where the parameter at the front ends: at its comma, outside quotes.
fn end_of_parameter(bytes: &[u8]) -> usize {
    let mut quoted = false;
    for (i, &b) in bytes.iter().enumerate() {
        match b {
            b'"' => quoted = !quoted,
            b',' if !quoted => return i,
            _ => {}
        }
    }
    bytes.len()
}

/// Masks `password` in `sip:user:password@host`.
fn mask_passwords(line: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = find_scheme(line, from) {
        let rest = line.get(at..).unwrap_or_default();
        let end = rest.iter().position(|b| b" \t\r\n<>\"@?;".contains(b)).unwrap_or(rest.len());
        if rest.get(end) == Some(&b'@')
            && let Some(colon) = rest[..end].iter().position(|&b| b == b':')
        {
            star(&mut line[at + colon + 1..at + end]);
        }
        from = at + end;
    }
}

/// One past the next `sip:` or `sips:`.
fn find_scheme(line: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let colon = find_any(line, at, *b":")?;
        let before = line.get(..colon)?;
        let ends = |scheme: &[u8]| {
            before.len() >= scheme.len() && before[before.len() - scheme.len()..].eq_ignore_ascii_case(scheme)
        };
        if ends(b"sip") || ends(b"sips") {
            return Some(colon + 1);
        }
        at = colon + 1;
    }
}

/// Masks the display name and every number.
fn mask_person(line: &mut [u8]) {
    if let Some(open) = line.iter().position(|&b| b == b'<') {
        let colon = line.iter().position(|&b| b == b':').map_or(0, |c| c + 1);
        if colon < open {
            for b in line[colon..open].iter_mut().filter(|b| !matches!(**b, b' ' | b'"' | b'\r' | b'\n')) {
                *b = b'*';
            }
        }
    }
    let mut run = 0;
    for i in 0..=line.len() {
        if line.get(i).is_some_and(|b| b.is_ascii_digit()) {
            run += 1;
            continue;
        }
        // Digits behind a letter are of a tag or a branch, and say nothing about a person.
        let start = i - run;
        let is_word = start > 0 && line.get(start - 1).is_some_and(|b| b.is_ascii_alphanumeric());
        if run >= NUMBER && !is_word {
            star(&mut line[start..i]);
        }
        run = 0;
    }
}

/// Masks the key of a media line (RFC 4568) and the password of ICE.
fn mask_key(line: &mut [u8]) {
    let from = if line.starts_with(b"a=crypto:") {
        line.windows(7).position(|w| w.eq_ignore_ascii_case(b"inline:")).map(|i| i + 7)
    } else if line.starts_with(b"a=ice-pwd:") {
        Some(10)
    } else if line.starts_with(b"k=") {
        Some(2)
    } else {
        None
    };
    if let Some(key) = from.and_then(|from| line.get_mut(from..)) {
        star(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, numbers: bool) -> String {
        let out = masked(text.as_bytes(), numbers);
        assert_eq!(out.len(), text.len(), "lengths stay true");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_password_proves_itself_with_is_masked_however_it_is_written() {
        let text = "REGISTER sip:h SIP/2.0\r\nauthorization : Digest username=\"1001\", realm=\"hotline\",\r\n \
                    nonce=\"abc,def\", response=\"0123456789abcdef\" ,cnonce=xyz\r\nProxy-Authorization: Basic dXNlcjpw\r\n\
                    WWW-Authenticate: Digest realm=\"r\", nonce=\"secretnonce\", opaque=\"o1\"\r\n\r\n";
        let shown = shown(text, false);
        for secret in ["abc", "def", "0123456789abcdef", "xyz", "dXNlcjpw", "secretnonce", "o1"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        for plain in ["username=\"1001\"", "realm=\"hotline\"", "Digest", "Basic", "realm=\"r\""] {
            assert!(shown.contains(plain), "{plain}: {shown}");
        }
    }

    #[test]
    fn passwords_in_uris_and_keys_of_media_are_masked() {
        let text = "INVITE sip:u:pass1@h SIP/2.0\r\nTo: <sips:u:pass2@h>\r\n\r\na=crypto:1 AES inline:KEYKEY|2^20\r\n\
                    a=ice-pwd:pass3\r\nm=audio 1 RTP/AVP 8\r\n";
        let shown = shown(text, false);
        for secret in ["pass1", "pass2", "KEYKEY", "pass3"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(shown.contains("m=audio 1 RTP/AVP 8") && shown.contains("sip:u:*****@h"), "{shown}");
    }

    #[test]
    fn numbers_and_names_are_masked_where_asked_and_what_tells_dialogs_apart_is_not() {
        let text = "INVITE sip:13812341234@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1234567\r\n\
                    From: \"Wang Xiao\" <sip:+8613812341234@h>;tag=as1234567\r\nf: tel:+8613800000000\r\n\
                    Call-ID: 12345678@h\r\n\r\n";
        let masked = shown(text, true);
        for personal in ["13812341234", "Wang", "13800000000"] {
            assert!(!masked.contains(personal), "{personal}: {masked}");
        }
        for plain in ["z9hG4bK1234567", "tag=as1234567", "12345678@h", "10.0.0.1:5060"] {
            assert!(masked.contains(plain), "{plain}: {masked}");
        }
        assert!(shown(text, false).contains("Wang Xiao"));
    }

    #[test]
    fn any_bytes_at_all_are_masked_without_harm() {
        for bytes in [
            &b""[..],
            b"\n",
            b"\r\n\r\n",
            b"Authorization",
            b"x\nAuthorization:\n",
            b"x\nAuthorization: =,=,\"",
            b"x\nFrom: <",
            b"sip:",
        ] {
            assert_eq!(masked(bytes, true).len(), bytes.len());
        }
    }
}
