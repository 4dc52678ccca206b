//! Durations as people write them: `200ms`, `20s`, `5m`, `1h`, `1h30m`.

use super::problem::{Fault, fault};
use crate::time::Duration;

const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration as people write it, outside a configuration too; `None` for what is none.
pub fn read(text: &str) -> Option<Duration> {
    parse(text).ok()
}

/// Reads a duration: whole numbers each with a unit, the larger unit first, or a lone `0`.
pub(super) fn parse(text: &str) -> Result<Duration, Fault> {
    let wrong = || {
        fault(format!("`{text}` is not a duration"), "write it like \"20s\", \"5m\", \"1h30m\" or \"200ms\"")
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = 0u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        // The iterator moves on, so that a unit stands once and after every larger one.
        let (_, ms) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(*ms)).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = tail;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_millis(total)) }
}

/// Writes a duration the way [`parse`] reads it.
pub fn written(d: Duration) -> String {
    let mut ms = u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit) in UNITS {
        if ms >= unit {
            text += &format!("{}{name}", ms / unit);
            ms %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_each_unit_and_combined() {
        for (text, ms) in [
            ("200ms", 200),
            ("20s", 20_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("1s500ms", 1_500),
            ("0s", 0),
            ("0", 0),
        ] {
            assert_eq!(parse(text).unwrap(), Duration::from_millis(ms), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused_with_an_example() {
        for text in ["", "20", "s", "20 s", "1.5s", "-1s", "5min", "1m1h", "1s1s", "99999999999999999999s"] {
            assert!(parse(text).unwrap_err().cure.contains("20s"), "{text}");
        }
    }

    #[test]
    fn a_written_duration_reads_back() {
        for ms in [0, 1, 999, 1_000, 61_001, 5_400_000, 86_400_000] {
            let d = Duration::from_millis(ms);
            assert_eq!(parse(&written(d)).unwrap(), d);
        }
    }
}
