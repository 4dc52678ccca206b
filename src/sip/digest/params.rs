//! The grammar that challenges and credentials share: a scheme, then `name=value` by commas.

use std::collections::BTreeMap;

/// Most parameters in one value. The richest real answer has 13.
pub(super) const PARAMS: usize = 32;

/// The parameters of one `Digest …` value. Names in lower case; values octet by octet, without their
/// quotes, escapes as they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params<'a>(BTreeMap<String, &'a [u8]>);

/// Why a value is not parameters of the Digest scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDigest {
    /// Another scheme: to be passed over.
    OtherScheme,
    /// The Digest scheme, and broken.
    Malformed(&'static str),
}

impl<'a> Params<'a> {
    /// Reads one value of `Authorization`, `WWW-Authenticate` or their proxy kin. A parameter that stands
    /// twice is an error: two readers must not see two things.
    pub(super) fn parse(value: &'a [u8]) -> Result<Params<'a>, NotDigest> {
        let mut rest = Cursor(value);
        rest.blank();
        if !rest.token().eq_ignore_ascii_case(b"Digest") {
            return Err(NotDigest::OtherScheme);
        }
        let mut found = BTreeMap::new();
        loop {
            rest.blank_and_commas();
            if rest.0.is_empty() {
                return Ok(Params(found));
            }
            if found.len() == PARAMS {
                return Err(NotDigest::Malformed("too many parameters"));
            }
            let (name, value) = rest.pair()?;
            if found.insert(name, value).is_some() {
                return Err(NotDigest::Malformed("a parameter stands twice"));
            }
        }
    }

    /// The value of `name` (lower case), if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.get(name).copied()
    }
}

/// A quoted value with its escapes resolved (RFC 3261 section 25.1, quoted-pair).
pub(super) fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut octets = value.iter();
    while let Some(&octet) = octets.next() {
        match octet {
            b'\\' => out.extend(octets.next()),
            other => out.push(other),
        }
    }
    out
}

/// Whether `value`, its escapes kept, may stand between quotes: no control, no quote that is not escaped, and no
/// backslash at its end that would escape the closing one.
pub(super) fn is_quotable(value: &[u8]) -> bool {
    let mut octets = value.iter();
    while let Some(octet) = octets.next() {
        let after = if *octet == b'\\' { octets.next() } else { Some(octet) };
        let is_fine = |b: &u8| *b >= b' ' && *b != 0x7f && (*b != b'"' || *octet == b'\\');
        if !after.is_some_and(is_fine) {
            return false;
        }
    }
    true
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|b| !keep(*b)).unwrap_or(self.0.len());
        let (head, tail) = self.0.split_at(end);
        self.0 = tail;
        head
    }

    fn blank(&mut self) {
        self.take_while(|b| b.is_ascii_whitespace());
    }

    fn blank_and_commas(&mut self) {
        self.take_while(|b| b.is_ascii_whitespace() || b == b',');
    }

    fn token(&mut self) -> &'a [u8] {
        self.take_while(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
    }

    fn eat(&mut self, wanted: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn pair(&mut self) -> Result<(String, &'a [u8]), NotDigest> {
        let name = self.token();
        self.blank();
        if name.is_empty() || !self.eat(b'=') {
            return Err(NotDigest::Malformed("a parameter has no name or no value"));
        }
        self.blank();
        let value = if self.eat(b'"') {
            self.quoted()?
        } else {
            self.take_while(|b| !b.is_ascii_whitespace() && b != b',' && b != b'"')
        };
        self.blank();
        if !self.0.is_empty() && self.0.first() != Some(&b',') {
            return Err(NotDigest::Malformed("no comma after a parameter"));
        }
        Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value))
    }

    fn quoted(&mut self) -> Result<&'a [u8], NotDigest> {
        let mut escaped = false;
        let end = self.0.iter().position(|b| {
            let closes = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            closes
        });
        let (value, rest) = end
            .and_then(|end| Some((self.0.get(..end)?, self.0.get(end + 1..)?)))
            .ok_or(NotDigest::Malformed("a quoted string does not end"))?;
        self.0 = rest;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_values_octet_by_octet() {
        let p = Params::parse(b"  digest UserName = \"a\\\"b,c\" ,\r\n\t NC=0000000a, uri=\"sip:A%2f@H\",")
            .unwrap();
        assert_eq!(p.get("username"), Some(&b"a\\\"b,c"[..]));
        assert_eq!(unescaped(p.get("username").unwrap()), b"a\"b,c");
        assert_eq!(p.get("nc"), Some(&b"0000000a"[..]));
        assert_eq!(p.get("uri"), Some(&b"sip:A%2f@H"[..]));
        assert_eq!(p.get("realm"), None);
    }

    #[test]
    fn another_scheme_is_passed_over_and_broken_digest_is_named() {
        assert_eq!(Params::parse(b"Bearer abc"), Err(NotDigest::OtherScheme));
        assert_eq!(Params::parse(b""), Err(NotDigest::OtherScheme));
        for broken in [
            &b"Digest a=\"x"[..],
            b"Digest a=\"x\\\"",
            b"Digest =x",
            b"Digest a",
            b"Digest a=1, A=2",
            b"Digest a=\"1\" b=2",
            b"Digest \xff=1",
        ] {
            assert!(matches!(Params::parse(broken), Err(NotDigest::Malformed(_))), "{broken:?}");
        }
        let many = (0..=PARAMS).fold(String::from("Digest "), |s, i| format!("{s}p{i}=1,"));
        assert_eq!(Params::parse(many.as_bytes()), Err(NotDigest::Malformed("too many parameters")));
    }
}
