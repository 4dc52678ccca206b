//! A message with what must not be shown masked, octet for octet, so that its lengths stay true.
//!
//! For traces. Secrets are always masked: what a password proves itself with, passwords in URIs, keys of media.
//! Telephone numbers and names are masked where asked.

use super::grammar::{find_any, is_space, is_token, quoted_end, trim_start};
use super::head::HeaderName;

/// Parameters of credentials and challenges that may be shown. All others are masked: those known to be secret, and
/// unknown ones.
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

/// Headers that identify a person.
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
///
/// What comes here may be no message at all, so nothing hangs on where a head ends: a line that reads like a header with
/// a secret is masked wherever it stands, in a body and behind blank lines too.
pub fn masked(bytes: &[u8], numbers: bool) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let start = out.iter().take_while(|b| matches!(b, b'\r' | b'\n' | 0)).count();
    let mut secret = false;
    let mut personal = true;
    let mut at = start;
    while at < out.len() {
        let is_first = at == start;
        // A lone CR or LF may stand in the middle of a value: what follows it is no less secret.
        let is_torn = !is_first && !out.get(..at).is_some_and(|before| before.ends_with(b"\r\n"));
        let end = end_of_line(&out, at);
        let Some(line) = out.get_mut(at..end) else { break };
        let is_folded = line.first().is_some_and(|&b| is_space(b));
        let is_continued = is_folded || is_torn && secret;
        if !is_first && !is_folded {
            let name = line.split(|&b| b == b':').next().unwrap_or_default().trim_ascii();
            secret = is_continued || SECRET.iter().any(|s| HeaderName::new(s).is(name));
            personal = PERSONAL.iter().any(|s| HeaderName::new(s).is(name));
        }
        mask_key(line);
        mask_pressed(line);
        mask_passwords(line);
        if secret {
            mask_credentials(line, is_continued);
            if numbers {
                mask_numbers(line);
            }
        } else if personal && numbers {
            mask_person(line);
        }
        at = end;
    }
    out
}

/// One past the line that begins at `from`: past its CRLF, or past a lone CR or LF.
fn end_of_line(bytes: &[u8], from: usize) -> usize {
    match find_any(bytes, from, *b"\r\n") {
        Some(i) if bytes.get(i..).is_some_and(|rest| rest.starts_with(b"\r\n")) => i + 2,
        Some(i) => i + 1,
        None => bytes.len(),
    }
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
    let words = line.get(at..).unwrap_or_default().trim_ascii_end();
    let scheme = words.iter().position(|b| b.is_ascii_whitespace());
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
            Some(equals)
                if SHOWN.iter().any(|s| s.eq_ignore_ascii_case(one[..equals].trim_ascii()))
                    && is_one_value(one[equals + 1..].trim_ascii()) => {}
            Some(equals) if is_token(one[..equals].trim_ascii()) => star(&mut one[equals + 1..]),
            _ => star(one),
        }
        at = end + 1;
    }
}

/// Where the parameter at the front ends: at its comma, outside quotes.
fn end_of_parameter(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(i) = find_any(bytes, at, *b"\",") {
        match bytes.get(i) {
            Some(b'"') => at = quoted_end(bytes, i).unwrap_or(bytes.len()),
            _ => return i,
        }
    }
    bytes.len()
}

/// Whether `value` is one quoted string or one bare word: behind quotes that do not match, a secret could follow.
fn is_one_value(value: &[u8]) -> bool {
    match value.first() {
        Some(b'"') => quoted_end(value, 0) == Some(value.len()),
        _ => !value.iter().any(|&b| b == b'"' || b.is_ascii_whitespace()),
    }
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
    mask_numbers(line);
}

/// Masks every run of digits that may be a telephone number.
fn mask_numbers(line: &mut [u8]) {
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

/// Masks a telephone key that was pressed, in the two bodies of INFO that carry one: a PIN is pressed so.
fn mask_pressed(line: &mut [u8]) {
    let value = match line.iter().position(|&b| b == b'=') {
        Some(equals) if line[..equals].trim_ascii().eq_ignore_ascii_case(b"signal") => equals + 1,
        Some(_) => return,
        None if line.trim_ascii().len() == 1 => 0,
        None => return,
    };
    star(&mut line[value..]);
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
    fn no_blank_line_and_no_broken_line_uncovers_a_secret() {
        let head = "REGISTER sip:h SIP/2.0\r\nAuthorization: Digest realm=\"r\", nonce=\"7q8q9q\", response=\"5ec4e7\"\r\n\r\n";
        let lf = head.replace("\r\n", "\n");
        let mut texts: Vec<String> = ["\r\n", "\r\n\r\n", "\n", "\n\n", "\0\r\n", "\r\n\r\n\r\n"]
            .map(|blank| format!("{blank}{head}"))
            .into();
        texts.extend([
            lf.clone(),
            format!("\n\n{lf}"),
            head.replace("\r\n", "\r"),
            head.replace("\r\n", "\r\r\n"),
            // A second message behind the first.
            format!("{head}{head}"),
            head.replace("7q8q9q", "7q\n8q9q").replace("5ec4e7", "5ec\r4e7"),
            head.replace("\"r\"", "\"r\\\"x\""),
            head.replace("\"r\"", "\"r\\\""),
        ]);
        for text in texts {
            let shown = shown(&text, false);
            for secret in ["7q", "8q9q", "5ec", "4e7"] {
                assert!(!shown.contains(secret), "{secret}: {text:?}: {shown:?}");
            }
            assert!(shown.contains("REGISTER sip:h SIP/2.0"), "{shown:?}");
        }
    }

    #[test]
    fn behind_blank_lines_the_request_uri_is_still_a_number_to_mask() {
        for blank in ["\r\n", "\r\n\r\n"] {
            let text = format!("{blank}INVITE sip:13812341234@h SIP/2.0\r\nTo: <sip:13812341234@h>\r\n\r\n");
            let shown = shown(&text, true);
            assert!(!shown.contains("13812341234"), "{shown:?}");
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
    fn keys_that_were_pressed_are_masked() {
        let relay = "INFO sip:a@b SIP/2.0\r\nCSeq: 2 INFO\r\n\r\nSignal=7\r\nDuration=160\r\n";
        assert!(shown(relay, false).ends_with("\r\n\r\nSignal=*\r\nDuration=160\r\n"));
        assert!(shown("INFO sip:a@b SIP/2.0\r\nCSeq: 2 INFO\r\n\r\n7", false).ends_with("\r\n\r\n*"));
    }

    #[test]
    fn numbers_and_names_are_masked_and_what_tells_dialogs_apart_is_not() {
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
    fn numbers_in_credentials_are_masked_where_asked_and_extensions_shown() {
        let text = "INVITE sip:h SIP/2.0\r\nProxy-Authorization: Digest username=\"+8613812341234\", realm=\"hotline\",\r\n \
                    uri=\"sip:13800000000@h:5060\", uri=tel:13900000000, qop=auth\r\n\
                    Authorization: Digest username=\"1001\", uri=\"sip:1002@h\"\r\n\r\n";
        let masked = shown(text, true);
        for personal in ["13812341234", "13800000000", "13900000000"] {
            assert!(!masked.contains(personal), "{personal}: {masked}");
            assert!(shown(text, false).contains(personal));
        }
        for plain in ["realm=\"hotline\"", "@h:5060\"", "username=\"1001\"", "uri=\"sip:1002@h\"", "qop=auth"]
        {
            assert!(masked.contains(plain), "{plain}: {masked}");
        }
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
