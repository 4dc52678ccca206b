//! From, To, Contact and their like: a display name, a URI, parameters (RFC 3261 section 20.10).
//!
//! Not a judge of URIs: any scheme passes here. The display name is bytes, because PBXs in the field send it
//! in GB18030; it is forwarded as it came and decoded only to be shown.

use super::grammar::{
    Parameter, Span, find_any, is_closed, is_space, parameters, quoted_end, trim, trim_end, unquoted,
};
use super::uri::{Uri, find};
use bytes::Bytes;
use std::fmt;

/// An address as a header carries it. Cheap to clone. `Debug` masks it: it names a person.
#[derive(Clone)]
pub struct NameAddr {
    raw: Bytes,
    display: Span,
    uri: Span,
    params: Span,
    tag: Option<Span>,
}

impl NameAddr {
    /// Reads one header value (one element, if the header is a list). Errors name what is wrong.
    pub fn parse(value: impl Into<Bytes>) -> Result<NameAddr, &'static str> {
        let raw = value.into();
        let whole = trim(&raw);
        let (display, uri, params) = match find_open_bracket(whole)? {
            Some(open) => bracketed(whole, open)?,
            None => bare(whole)?,
        };
        if !is_uri_alike(uri) {
            return Err("an address without a URI");
        }
        if !is_closed(params) {
            return Err("a quoted string that never ends");
        }
        let tag = the_tag(params)?;
        Ok(NameAddr {
            display: Span::within(&raw, display),
            uri: Span::within(&raw, uri),
            params: Span::within(&raw, params),
            tag: tag.map(|tag| Span::within(&raw, tag)),
            raw,
        })
    }

    /// The display name as it came: without its quotes, its escapes kept; empty when there is none.
    pub fn display_bytes(&self) -> &[u8] {
        unquoted(self.display.of(&self.raw))
    }

    /// The display name to be shown: escapes undone, UTF-8 if it is that, else read as GB18030.
    pub fn display_text(&self) -> String {
        super::display::text(self.display.of(&self.raw))
    }

    /// The URI as it came, without brackets.
    pub fn uri(&self) -> &[u8] {
        self.uri.of(&self.raw)
    }

    /// Whether the URI stands in brackets, as one with a comma, a question mark or a semicolon must (RFC 3261 section 20).
    pub fn is_bracketed(&self) -> bool {
        matches!(find_open_bracket(trim(&self.raw)), Ok(Some(_)))
    }

    /// The URI taken apart.
    pub fn parsed_uri(&self) -> Result<Uri, &'static str> {
        Uri::parse(self.uri())
    }

    /// The header parameter `name` in any case, without quotes; empty text for one without a value.
    /// Parameters inside the brackets belong to the URI and are not found here.
    pub fn param(&self, name: &str) -> Option<&str> {
        find(self.params(), name)
    }

    /// All header parameters as they came.
    pub fn params(&self) -> impl Iterator<Item = Parameter<'_>> {
        parameters(self.params.of(&self.raw)).filter(|(name, _)| !name.is_empty())
    }

    /// The tag, which names one side of a dialog (RFC 3261 section 19.3).
    pub fn tag(&self) -> Option<&str> {
        self.tag.map(|tag| tag.text_of(&self.raw))
    }

    /// The whole value as it came, unfolded.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

/// The place of the `<` that opens the URI, past a quoted display name.
fn find_open_bracket(whole: &[u8]) -> Result<Option<usize>, &'static str> {
    let start = match whole.first() {
        Some(b'"') => quoted_end(whole, 0).ok_or("a quoted string that never ends")?,
        _ => 0,
    };
    let mut at = start;
    while let Some(found) = find_any(whole, at, *b"<;\"") {
        match whole.get(found) {
            Some(b'<') => return Ok(Some(found)),
            // Somewhere in a name without quotes of its own.
            Some(b'"') => at = quoted_end(whole, found).ok_or("a quoted string that never ends")?,
            // Not past a semicolon: `sip:a@b;x="<"` has no brackets.
            _ => break,
        }
    }
    Ok(None)
}

/// Whether there is a colon, and no blank, control character or quote.
fn is_uri_alike(uri: &[u8]) -> bool {
    let mut colon = false;
    for &b in uri {
        if b <= b' ' || b == b'"' {
            return false;
        }
        colon |= b == b':';
    }
    colon
}

type Parts<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// An address without brackets: what follows its first semicolon are parameters of the header (RFC 3261 section 20). No
/// display name may stand before it there, and some PBXs write one all the same: the URI is then the last word, as long
/// as no other word could be one.
fn bare(whole: &[u8]) -> Result<Parts<'_>, &'static str> {
    let start = if whole.starts_with(b"\"") { quoted_end(whole, 0).unwrap_or(0) } else { 0 };
    let end = find_any(whole, start, *b";").unwrap_or(whole.len());
    let (address, params) = whole.split_at(end);
    let address = trim_end(address);
    let word = address.iter().rposition(|b| is_space(*b)).map_or(start, |blank| start.max(blank + 1));
    let (display, uri) = address.split_at(word);
    if start == 0 && display.contains(&b':') {
        return Err("an address with two URIs");
    }
    Ok((trim(display), uri, params))
}

fn bracketed(whole: &[u8], open: usize) -> Result<Parts<'_>, &'static str> {
    let (display, rest) = whole.split_at(open);
    let rest = rest.get(1..).unwrap_or_default();
    let close = find_any(rest, 0, *b">").ok_or("an address bracket that never closes")?;
    let (uri, rest) = rest.split_at(close);
    let params = trim(rest.get(1..).unwrap_or_default());
    if !params.is_empty() && !params.starts_with(b";") {
        return Err("something after an address");
    }
    Ok((trim(display), trim(uri), params))
}

/// The one tag among `params`. Two tags would be two dialogs to two readers.
fn the_tag(params: &[u8]) -> Result<Option<&[u8]>, &'static str> {
    let mut tags = parameters(params).filter(|(name, _)| name.eq_ignore_ascii_case(b"tag"));
    let Some((_, value)) = tags.next() else { return Ok(None) };
    let is_tag = |v: &&[u8]| !v.is_empty() && v.iter().all(|b| b.is_ascii_graphic() && !b"\"<>,".contains(b));
    match tags.next() {
        None => value.filter(is_tag).map(Some).ok_or("a tag that is none"),
        Some(_) => Err("two tags in one address"),
    }
}

/// `text` as a quoted string, ready to stand before an address: quotes and backslashes escaped, control
/// characters made spaces.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameAddr(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<(String, String, Option<String>), &'static str> {
        let address = NameAddr::parse(value.as_bytes().to_vec())?;
        let uri = String::from_utf8_lossy(address.uri()).into_owned();
        Ok((address.display_text(), uri, address.tag().map(str::to_owned)))
    }

    #[test]
    fn an_address_without_brackets_leaves_its_parameters_to_the_header() {
        for (value, name, uri) in [
            ("sip:1@h;transport=tcp;tag=t", "", "sip:1@h"),
            ("  sip:1@h:5070 ;tag=t", "", "sip:1@h:5070"),
            (
                "\"Anonymous\" sip:anonymous@anonymous.invalid;tag=t",
                "Anonymous",
                "sip:anonymous@anonymous.invalid",
            ),
            ("\"a; b\" \tsip:1@h;x=\"<y>\";tag=t", "a; b", "sip:1@h"),
            ("\"\"sip:1@h;tag=t", "", "sip:1@h"),
            ("Lao Li sip:1@h;tag=t", "Lao Li", "sip:1@h"),
            ("tel:+86138;tag=t", "", "tel:+86138"),
        ] {
            assert_eq!(read(value), Ok((name.into(), uri.into(), Some("t".into()))), "{value}");
        }
        let contact = NameAddr::parse(&b"sip:1@h;transport=tcp"[..]).unwrap();
        assert!(!contact.is_bracketed() && contact.parsed_uri().unwrap().param("transport").is_none());
    }

    #[test]
    fn what_could_be_two_addresses_or_none_is_refused() {
        for value in [
            "sip:1@h sip:2@h",
            "\"name\"",
            "\"name\" ;tag=t",
            "name",
            "\"open sip:1@h",
            "sip:1@h x",
            "\"a\" x",
        ] {
            assert!(read(value).is_err(), "{value}");
        }
    }
}
