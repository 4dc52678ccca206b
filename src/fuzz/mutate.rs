//! Changes of the kinds that break parsers: bytes, cuts, repeats, marks in odd places; and for what has lines, lines
//! that are missing, doubled, folded, swapped with another message's, and numbers past every limit.

use crate::id::Random;

/// What means something somewhere.
const MARKS: [&[u8]; 32] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n ",
    b"\r\n\t",
    b"\r\n\r\n",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"=",
    b"\0",
    b"\xd5\x5c",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xf0\x28\x8c\xbc",
    b"\r\nl: 9",
    b"\r\nContent-Length: 0",
    b"\r\nContent-Length : 18446744073709551615",
    b"-",
    b"99999999999",
    b"4294967296",
    b"%00",
    b"SIP/2.0",
    b";tag=a;tag=b",
    b"*",
    b"[::1]",
    b"\r\n--",
];

/// Longest a mutation grows to, in bytes: a little past the longest message there may be.
const LONGEST: usize = 70_000;

/// `seed` with a few of its bytes changed.
pub fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        change(&mut bytes, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    let end = (at + random.below(40) as usize).min(bytes.len());
    match random.below(6) {
        0 => bytes.insert(at, random.bits() as u8),
        1 => drop(bytes.splice(at..end, [])),
        2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
        3 if at < end => bytes[at] ^= 1 << random.below(8),
        4 => bytes.truncate(end),
        _ => {
            let mark = MARKS[random.below(MARKS.len() as u64) as usize];
            drop(bytes.splice(at..at, mark.iter().copied()));
        }
    }
}

/// `seed` with its lines changed and mixed with those of `other`, and sometimes its bytes too.
pub fn mutated_message(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = split(seed);
    let others = split(other);
    for _ in 0..=random.below(3) {
        if lines.is_empty() {
            break;
        }
        let at = random.below(lines.len() as u64) as usize;
        let to = random.below(lines.len() as u64) as usize;
        match random.below(9) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(to, lines[at].clone()),
            2 => lines.swap(at, to),
            3 if !others.is_empty() => {
                lines.insert(at, others[random.below(others.len() as u64) as usize].clone());
            }
            4 => lines[at] = folded(&lines[at], random),
            5 => many(&mut lines, at, random),
            6 => lines[at] = with_another_number(&lines[at], random),
            7 => lines[at] = respelled(&lines[at], random),
            _ => {
                // The end of one line is another than it should be.
                let end =
                    [&b"\n"[..], b"\r", b"\r\n\r\n", b"", b" \r\n", b"\r\r\n"][random.below(6) as usize];
                while lines[at].ends_with(b"\n") || lines[at].ends_with(b"\r") {
                    lines[at].pop();
                }
                lines[at].extend_from_slice(end);
            }
        }
    }
    let mut bytes = lines.concat();
    bytes.truncate(LONGEST);
    if random.below(3) == 0 { mutated(&bytes, random) } else { bytes }
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
}

/// A line broken at one of its blanks or colons.
fn folded(line: &[u8], random: &mut Random) -> Vec<u8> {
    let places: Vec<usize> = line
        .iter()
        .enumerate()
        .filter(|(_, b)| matches!(b, b' ' | b':' | b';' | b','))
        .map(|(i, _)| i)
        .collect();
    let Some(&at) = places.get(random.below(places.len().max(1) as u64) as usize) else {
        return line.to_vec();
    };
    [&line[..=at], b"\r\n ", &line[at + 1..]].concat()
}

/// A line as often as every limit on headers, and past it.
fn many(lines: &mut Vec<Vec<u8>>, at: usize, random: &mut Random) {
    let line = lines[at].clone();
    let times = [2, 17, 127, 129, 1_000][random.below(5) as usize];
    let times = times.min(LONGEST / line.len().max(1));
    drop(lines.splice(at..at, std::iter::repeat_n(line, times)));
}

/// One run of digits made another number.
fn with_another_number(line: &[u8], random: &mut Random) -> Vec<u8> {
    const NUMBERS: [&[u8]; 10] = [
        b"0",
        b"-1",
        b"255",
        b"256",
        b"65536",
        b"4294967295",
        b"4294967296",
        b"18446744073709551616",
        b"00000000000000000000001",
        b"",
    ];
    let Some(start) = line.iter().position(u8::is_ascii_digit) else { return line.to_vec() };
    let length = line[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    let number = NUMBERS[random.below(NUMBERS.len() as u64) as usize];
    [&line[..start], number, &line[start + length..]].concat()
}

/// The name before the colon in another spelling.
fn respelled(line: &[u8], random: &mut Random) -> Vec<u8> {
    let Some(colon) = line.iter().position(|&b| b == b':') else { return line.to_vec() };
    let (name, value) = line.split_at(colon);
    let name = match random.below(5) {
        0 => name.to_ascii_uppercase(),
        1 => name.iter().take(1).copied().collect(),
        2 => [name, b" \t"].concat(),
        3 => Vec::new(),
        _ => [b" ", name].concat(),
    };
    [&name, value].concat()
}
