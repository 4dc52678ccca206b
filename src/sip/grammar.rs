//! The lexical ground every header stands on: spans, white space, tokens, quoted strings, lists, parameters.
//!
//! Nothing here allocates, and nothing here knows a header by name. Bytes stay bytes: display names arrive in
//! GB18030 as well as UTF-8, and a reader that insists on text would lose the call (RFC 3261 section 25.1).

/// A piece of a buffer by its ends; the buffer is kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The piece `start..end`. Buffers are at most [`super::limits::MAX_MESSAGE`] long, so 32 bits hold it.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// Where `part`, a slice of `whole`, lies in it. Both must be of one buffer.
    pub(crate) fn within(whole: &[u8], part: &[u8]) -> Span {
        if part.is_empty() {
            return Span::default();
        }
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        Span::new(start, start + part.len())
    }

    /// The bytes; empty when the buffer is not the one the span was made for.
    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// As [`Span::of`], as text; empty when it is none.
    pub(crate) fn text_of(self, buffer: &[u8]) -> &str {
        std::str::from_utf8(self.of(buffer)).unwrap_or_default()
    }

    /// The first byte's place.
    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    /// One past the last byte's place.
    pub(crate) fn end(self) -> usize {
        self.end as usize
    }
}

/// Space or tab. Line breaks are gone before values are read: folding is undone first.
pub(crate) fn is_space(b: u8) -> bool {
    b == b' ' || b == b'\t'
}

/// `bytes` without white space at its ends.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// `bytes` without white space before it.
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && (is_space(*first) || matches!(first, b'\r' | b'\n'))
    {
        bytes = rest;
    }
    bytes
}

/// `bytes` without white space after it.
pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes
        && (is_space(*last) || matches!(last, b'\r' | b'\n'))
    {
        bytes = rest;
    }
    bytes
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = (b as u8).is_ascii_alphanumeric();
        b += 1;
    }
    let marks = b"-.!%*_+`'~";
    let mut i = 0;
    while i < marks.len() {
        table[marks[i] as usize] = true;
        i += 1;
    }
    table
};

/// Whether `b` may stand in a token (RFC 3261 section 25.1).
pub(crate) fn is_token_byte(b: u8) -> bool {
    TOKEN[usize::from(b)]
}

/// Whether `bytes` is a token: not empty, and token bytes only.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_token_byte(b))
}

/// A decimal number without sign or blanks; leading zeros are legal. `None` past 32 bits.
pub(crate) fn decimal(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u32, |n, b| match b {
        b'0'..=b'9' => n.checked_mul(10)?.checked_add(u32::from(b - b'0')),
        _ => None,
    })
}

/// A port number, 1 to 65535.
pub(crate) fn port(bytes: &[u8]) -> Option<u16> {
    decimal(bytes).and_then(|n| u16::try_from(n).ok()).filter(|&p| p != 0)
}

/// The place of the first byte at or after `from` that is one of `marks`, looked for eight bytes at a step.
#[inline]
pub(crate) fn find_any<const N: usize>(bytes: &[u8], from: usize, marks: [u8; N]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = from;
    let mut words = bytes.get(from..)?.chunks_exact(8);
    for word in words.by_ref() {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        let mut hits = 0;
        for mark in marks {
            // A byte that is `mark` is zero here, and subtracting one borrows into its high bit.
            let zeroed = word ^ (ONES * u64::from(mark));
            hits |= zeroed.wrapping_sub(ONES) & !zeroed & HIGH;
        }
        if hits != 0 {
            return Some(at + (hits.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    words.remainder().iter().position(|b| marks.contains(b)).map(|i| at + i)
}

/// The place of the first control character at or after `from`, tabs included; eight bytes at a step, and one test
/// for all 32 of them. How lines are found: little else in a head is a control character.
#[inline]
pub(crate) fn find_control(bytes: &[u8], from: usize) -> Option<usize> {
    const SPACES: u64 = 0x2020_2020_2020_2020;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = from;
    let mut words = bytes.get(from..)?.chunks_exact(8);
    for word in words.by_ref() {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        // A byte below a space borrows into its high bit, unless that was set: the lowest hit is always true.
        let hits = word.wrapping_sub(SPACES) & !word & HIGH;
        if hits != 0 {
            return Some(at + (hits.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    words.remainder().iter().position(|&b| b < b' ').map(|i| at + i)
}

/// One past the closing quote of the quoted string that opens at `bytes[start]`; `None` when it never closes.
///
/// The second byte of a GB18030 character may be a backslash (0x5C). Read as ASCII it would escape the quote
/// that ends the name. So where the plain reading is not UTF-8, or does not end, the string is read again by
/// whole GB18030 characters.
pub(crate) fn quoted_end(bytes: &[u8], start: usize) -> Option<usize> {
    let body = bytes.get(start + 1..)?;
    let (plain, wide) = closing_quote(body, false);
    let found = match plain {
        Some(end) if !wide || std::str::from_utf8(body.get(..end)?).is_ok() => Some(end),
        _ if wide => closing_quote(body, true).0.or(plain),
        _ => None,
    };
    found.map(|end| start + 1 + end + 1)
}

/// The place of the closing quote in the inside of a quoted string, and whether a byte beyond ASCII came before it.
fn closing_quote(body: &[u8], by_pairs: bool) -> (Option<usize>, bool) {
    let (mut i, mut wide) = (0, false);
    while let Some(&b) = body.get(i) {
        match b {
            b'"' => return (Some(i), wide),
            b'\\' => i += 2,
            0x80.. => {
                wide = true;
                i += if by_pairs && body.get(i + 1).is_some_and(|&next| next != b'"') { 2 } else { 1 };
            }
            _ => i += 1,
        }
    }
    (None, wide)
}

/// The place of the first `wanted` that is in no quoted string and in no angle brackets, at or after `from`. An
/// opening quote that never closes hides all that follows it.
pub(crate) fn find_bare(bytes: &[u8], from: usize, wanted: u8) -> Option<usize> {
    let mut i = from;
    loop {
        i = find_any(bytes, i, [wanted, b'"', b'<'])?;
        if bytes.get(i) == Some(&wanted) {
            return Some(i);
        }
        i = closed_at(bytes, i)?;
    }
}

/// One past the end of the quoted string or bracket that opens at `bytes[start]`.
fn closed_at(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start) == Some(&b'"') { quoted_end(bytes, start) } else { bracket_end(bytes, start) }
}

/// Whether every quoted string and bracket that opens in `bytes` closes there, so that something may be added.
pub(crate) fn is_closed(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(open) = find_any(rest, 0, *b"\"<") {
        let Some(after) = closed_at(rest, open).and_then(|end| rest.get(end..)) else { return false };
        rest = after;
    }
    true
}

/// One past the `>` that closes the `<` at `bytes[start]`; a URI holds no quoted string.
fn bracket_end(bytes: &[u8], start: usize) -> Option<usize> {
    bytes.get(start..)?.iter().position(|&b| b == b'>').map(|i| start + i + 1)
}

/// The elements of a comma-separated value, trimmed; empty ones are passed over (RFC 3261 section 7.3.1).
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        match find_bare(value, 0, b',') {
            Some(comma) => {
                rest = value.get(comma + 1..);
                value.get(..comma)
            }
            None => {
                rest = None;
                Some(value)
            }
        }
    })
    .map(trim)
    .filter(|element| !element.is_empty())
}

/// One parameter: its name, and its value as written (quotes kept) if it has an equals sign.
pub(crate) type Parameter<'a> = (&'a [u8], Option<&'a [u8]>);

/// The parameters of `section`, which is empty or begins at a semicolon. White space round `;` and `=` is
/// legal; an empty parameter comes out with an empty name.
pub(crate) fn parameters(section: &[u8]) -> impl Iterator<Item = Parameter<'_>> {
    let mut rest = trim(section);
    std::iter::from_fn(move || {
        let body = rest.strip_prefix(b";")?;
        let (one, after) = match find_bare(body, 0, b';') {
            Some(end) => body.split_at_checked(end)?,
            None => (body, &[][..]),
        };
        rest = after;
        let mark = one.iter().position(|b| matches!(b, b'=' | b'"' | b'<'));
        let equals = mark.filter(|&at| one.get(at) == Some(&b'='));
        Some(match equals.and_then(|e| Some((one.get(..e)?, one.get(e + 1..)?))) {
            Some((name, value)) => (trim(name), Some(trim(value))),
            None => (trim(one), None),
        })
    })
}

/// A value without its quotes, if it has any; escapes stay.
pub(crate) fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value)
}
