//! Questions and answers of the domain name system as octets (RFC 1035 section 4): the four types of record a search
//! needs, and nothing else. What comes is not trusted: every length is checked, and a name cannot run in circles.

use super::{Answer, Kind, Query, Record};
use crate::time::Duration;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest message read: what a name server sends by UDP to one that promises room for as much.
pub const LARGEST: usize = 4096;

/// Most records read of one message. No service has as many hosts.
const RECORDS: usize = 128;

/// Most steps a name may take through a message, labels and jumps together.
const STEPS: usize = 128;

/// A negative answer holds this long where the server does not say.
const NOTHING: Duration = Duration::from_secs(60);

/// Why a message is no answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The answer is to another question, or cannot be read: to be passed over.
    Other,
    /// The answer was cut: to be asked for again over TCP.
    Cut,
}

/// The question as octets, with this number. `None` for what is no name.
pub fn question(number: u16, query: &Query) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&number.to_be_bytes());
    // A standard query, recursion desired; one question, and one record that says how much we take (RFC 6891).
    bytes.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1]);
    push_name(&mut bytes, &query.name)?;
    bytes.extend_from_slice(&number_of(query.kind).to_be_bytes());
    bytes.extend_from_slice(&1u16.to_be_bytes());
    let room = u16::try_from(LARGEST).unwrap_or(512).to_be_bytes();
    bytes.extend_from_slice(&[0, 0, 41, room[0], room[1], 0, 0, 0, 0, 0, 0]);
    Some(bytes)
}

/// Reads what is meant to be the answer to the question with this number.
///
/// # Errors
/// [`NoAnswer::Other`] for anything but that answer, [`NoAnswer::Cut`] when it did not fit.
pub fn answer(number: u16, query: &Query, bytes: &[u8]) -> Result<Answer, NoAnswer> {
    read(number, query, bytes).ok_or(NoAnswer::Other)?
}

fn read(number: u16, query: &Query, bytes: &[u8]) -> Option<Result<Answer, NoAnswer>> {
    let mut cursor = Cursor { bytes, at: 0 };
    let (found, flags) = (cursor.u16()?, cursor.u16()?);
    let counts = [cursor.u16()?, cursor.u16()?, cursor.u16()?];
    cursor.u16()?;
    let is_answer = flags & 0x8000 != 0 && flags & 0x7800 == 0;
    if found != number || !is_answer || counts[0] != 1 {
        return None;
    }
    let same = cursor.name()?.eq_ignore_ascii_case(&query.name);
    if !same || cursor.u16()? != number_of(query.kind) || cursor.u16()? != 1 {
        return None;
    }
    if flags & 0x0200 != 0 {
        return Some(Err(NoAnswer::Cut));
    }
    match flags & 0x000f {
        0 | 3 => {}
        _ => return Some(Ok(Answer::Failed)),
    }
    let (mut records, mut life) = (Vec::new(), Duration::MAX);
    for _ in 0..counts[1] {
        let entry = cursor.entry()?;
        if let Some(record) = entry.record(query.kind, bytes) {
            records.push(record);
        }
        // An alias on the way ends the whole way with it.
        life = life.min(entry.life);
        if records.len() == RECORDS {
            break;
        }
    }
    if records.is_empty() {
        life = nothing(&mut cursor, counts[2]).unwrap_or(NOTHING);
    }
    Some(Ok(Answer::Records(records, life)))
}

/// How long it holds that there is nothing: what the zone's SOA says (RFC 2308 section 5).
fn nothing(cursor: &mut Cursor<'_>, entries: u16) -> Option<Duration> {
    for _ in 0..entries.min(16) {
        let entry = cursor.entry()?;
        if entry.kind == 6 {
            let from = entry.end.checked_sub(4)?;
            let mut minimum = Cursor { bytes: cursor.bytes, at: from };
            return Some(Duration::from_secs(u64::from(minimum.u32()?)).min(entry.life));
        }
    }
    None
}

fn number_of(kind: Kind) -> u16 {
    match kind {
        Kind::A => 1,
        Kind::Aaaa => 28,
        Kind::Srv => 33,
        Kind::Naptr => 35,
    }
}

fn push_name(bytes: &mut Vec<u8>, name: &str) -> Option<()> {
    if name.is_empty() || name.len() > 253 {
        return None;
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|n| (1..=63).contains(n))?;
        bytes.push(length);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    Some(())
}

/// One record of any type, its content not yet read.
struct Entry {
    kind: u16,
    life: Duration,
    start: usize,
    end: usize,
}

impl Entry {
    fn record(&self, kind: Kind, bytes: &[u8]) -> Option<Record> {
        if self.kind != number_of(kind) {
            return None;
        }
        // A name inside may point to anywhere before, so the whole message is there to be read, up to this end.
        let mut c = Cursor { bytes: bytes.get(..self.end)?, at: self.start };
        let record = match kind {
            Kind::A => Record::Address(Ipv4Addr::from(c.array::<4>()?).into()),
            Kind::Aaaa => Record::Address(Ipv6Addr::from(c.array::<16>()?).into()),
            Kind::Srv => {
                let (priority, weight, port) = (c.u16()?, c.u16()?, c.u16()?);
                Record::Srv { priority, weight, port, target: c.name()? }
            }
            Kind::Naptr => Record::Naptr {
                order: c.u16()?,
                preference: c.u16()?,
                flags: c.text()?,
                service: c.text()?,
                regexp: c.text()?,
                replacement: c.name()?,
            },
        };
        (c.at == self.end).then_some(record)
    }
}

#[derive(Clone)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(n)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A text of at most 255 octets with its length before it.
    fn text(&mut self) -> Option<String> {
        let [length] = self.array()?;
        let text = self.take(usize::from(length))?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    /// A name, dots between its labels, empty for the root. A jump goes only to what stands before it.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut reader = self.clone();
        let mut jumped = false;
        for _ in 0..STEPS {
            let [length] = reader.array()?;
            match length {
                0 => {
                    if !jumped {
                        self.at = reader.at;
                    }
                    return Some(name);
                }
                1..=63 => {
                    let label = std::str::from_utf8(reader.take(usize::from(length))?).ok()?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(label);
                    // Dots inside of a label would make two names of one.
                    if label.contains('.') || name.len() > 253 {
                        return None;
                    }
                }
                0xc0.. => {
                    let [low] = reader.array()?;
                    let to = usize::from(length & 0x3f) << 8 | usize::from(low);
                    if !jumped {
                        self.at = reader.at;
                    }
                    jumped = true;
                    if to + 2 >= reader.at {
                        return None;
                    }
                    reader.at = to;
                }
                _ => return None,
            }
        }
        None
    }

    fn entry(&mut self) -> Option<Entry> {
        self.name()?;
        let (kind, _class, life) = (self.u16()?, self.u16()?, self.u32()?);
        let length = usize::from(self.u16()?);
        let start = self.at;
        self.take(length)?;
        Some(Entry { kind, life: Duration::from_secs(u64::from(life)), start, end: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;

    const NUMBER: u16 = 0x1234;

    fn query(name: &str, kind: Kind) -> Query {
        Query { name: name.into(), kind }
    }

    /// An answer to `query` with these records, each with its type, its life in seconds and its content; their names
    /// are jumps to the question.
    fn message(query: &Query, flags: u16, records: &[(u16, u32, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = question(NUMBER, query).unwrap();
        bytes.truncate(bytes.len() - 11);
        bytes[2..4].copy_from_slice(&flags.to_be_bytes());
        bytes[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
        bytes[10..12].copy_from_slice(&[0, 0]);
        for (kind, life, content) in records {
            bytes.extend_from_slice(&[0xc0, 12]);
            bytes.extend_from_slice(&kind.to_be_bytes());
            bytes.extend_from_slice(&[0, 1]);
            bytes.extend_from_slice(&life.to_be_bytes());
            bytes.extend_from_slice(&u16::try_from(content.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(content);
        }
        bytes
    }

    fn srv() -> (Query, Vec<u8>) {
        let query = query("_sip._udp.example.org", Kind::Srv);
        // `a` and then a jump to `example.org` of the question.
        let near = vec![0, 1, 0, 5, 0x13, 0xc4, 1, b'a', 0xc0, 12 + 5 + 5];
        let bytes = message(&query, 0x8180, &[(33, 300, near), (5, 20, vec![0xc0, 12])]);
        (query, bytes)
    }

    #[test]
    fn a_question_reads_as_the_rfc_has_it() {
        let bytes = question(NUMBER, &query("a.example.org", Kind::A)).unwrap();
        assert_eq!(bytes[..12], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(bytes[12..31], *b"\x01a\x07example\x03org\x00\x00\x01\x00\x01");
        for name in ["", "a..b", &"x".repeat(64), &"abc.".repeat(70)] {
            assert_eq!(question(1, &query(name, Kind::A)), None, "{name}");
        }
    }

    #[test]
    fn records_of_the_kind_are_read_and_the_shortest_life_counts() {
        let (query, bytes) = srv();
        let target = "a.example.org".to_owned();
        let record = Record::Srv { priority: 1, weight: 5, port: 5060, target };
        let expected = Answer::Records(vec![record], Duration::from_secs(20));
        assert_eq!(answer(NUMBER, &query, &bytes), Ok(expected));
    }

    #[test]
    fn naptr_and_addresses_are_read() {
        let asked = query("example.org", Kind::Naptr);
        let mut content = vec![0, 10, 0, 20];
        for text in ["s", "SIP+D2T", ""] {
            content.push(u8::try_from(text.len()).unwrap());
            content.extend_from_slice(text.as_bytes());
        }
        content.extend_from_slice(b"\x04_sip\x04_tcp\xc0\x0c");
        let Ok(Answer::Records(records, _)) =
            answer(NUMBER, &asked, &message(&asked, 0x8180, &[(35, 60, content)]))
        else {
            panic!()
        };
        let Record::Naptr { order: 10, preference: 20, service, replacement, .. } = &records[0] else {
            panic!()
        };
        assert_eq!((service.as_str(), replacement.as_str()), ("SIP+D2T", "_sip._tcp.example.org"));
        let asked = query("example.org", Kind::Aaaa);
        let six = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7].to_vec();
        let read = answer(NUMBER, &asked, &message(&asked, 0x8180, &[(28, 60, six)]));
        let expected = vec![Record::Address("2001:db8::7".parse().unwrap())];
        assert_eq!(read, Ok(Answer::Records(expected, Duration::from_secs(60))));
    }

    #[test]
    fn what_answers_something_else_is_passed_over_and_what_was_cut_is_known() {
        let (query, bytes) = srv();
        assert_eq!(answer(NUMBER + 1, &query, &bytes), Err(NoAnswer::Other));
        let other = Query { kind: Kind::A, ..query.clone() };
        assert_eq!(answer(NUMBER, &other, &bytes), Err(NoAnswer::Other));
        let mut cut = bytes.clone();
        cut[2] |= 2;
        assert_eq!(answer(NUMBER, &query, &cut), Err(NoAnswer::Cut));
        let failed = message(&query, 0x8182, &[]);
        assert_eq!(answer(NUMBER, &query, &failed), Ok(Answer::Failed));
        let none = message(&query, 0x8183, &[]);
        assert_eq!(answer(NUMBER, &query, &none), Ok(Answer::Records(Vec::new(), NOTHING)));
    }

    #[test]
    fn no_octets_make_the_reader_panic_or_run_in_circles() {
        let (asked, good) = srv();
        let mut circle = good.clone();
        let end = circle.len();
        circle.extend_from_slice(&[0xc0, u8::try_from(end).unwrap()]);
        circle[7] += 1;
        assert_eq!(answer(NUMBER, &asked, &circle), Err(NoAnswer::Other));
        let mut random = Random::from_number(11);
        for _ in 0..100_000 {
            let mut bytes = good.clone();
            for _ in 0..=random.below(6) {
                let at = random.below(bytes.len() as u64) as usize;
                match random.below(3) {
                    0 => bytes[at] = random.below(256) as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, random.below(256) as u8),
                }
            }
            let _ = answer(NUMBER, &asked, &bytes);
        }
    }
}
