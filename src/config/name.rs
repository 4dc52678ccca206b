//! Names as they are written in a configuration, and ranges of numbered seats.

use super::problem::{Fault, fault};
use crate::id::{SeatId, ServiceNumber};
use std::sync::Arc;

/// A name of a trunk or a queue: shown to people and stored in every event, so short and printable.
pub(super) fn name(text: &str) -> Result<&str, Fault> {
    let printable = !text.chars().any(char::is_control) && text.trim() == text;
    if (1..=64).contains(&text.len()) && printable {
        return Ok(text);
    }
    Err(fault(
        format!("{text:?} cannot be a name"),
        "write 1 to 64 printable characters without spaces around them",
    ))
}

/// A seat's name: it is the user part of a SIP URI, and stands there without escapes.
pub(super) fn seat(text: &str) -> Result<SeatId, Fault> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=32).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(SeatId::from(text));
    }
    Err(fault(
        format!("{text:?} cannot be a seat"),
        "write 1 to 32 letters, digits, `.`, `_` or `-`, like \"1001\"",
    ))
}

/// The most seats one configuration may have: each is an account and a place in every queue.
pub(super) const MAX_SEATS: usize = 10_000;

/// `1001-1020`: numbers of the same width, the lower one first.
pub(super) fn seat_range(text: &str) -> Result<Vec<SeatId>, Fault> {
    let wrong = || {
        fault(
            format!("`{text}` is not a range of seats"),
            "write the first and the last number like \"1001-1020\"",
        )
    };
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let digits = |s: &str| (1..=9).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Err(wrong());
    }
    let (low, high) = (first.parse::<usize>().unwrap_or(0), last.parse::<usize>().unwrap_or(0));
    if first.len() != last.len() || low > high {
        return Err(fault(
            format!("`{text}` does not run upwards between numbers of the same length"),
            "write the lower number first and fill up with zeros, like \"0001-0020\"",
        ));
    }
    if high - low >= MAX_SEATS {
        return Err(fault(format!("`{text}` is more than {MAX_SEATS} seats"), "write a shorter range"));
    }
    let width = first.len();
    Ok((low..=high).map(|n| SeatId::from(format!("{n:0width$}").as_str())).collect())
}

/// A prompt by its name: the WAV file without its directory and ending.
pub(super) fn prompt(text: &str) -> Result<Arc<str>, Fault> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(Arc::from(text));
    }
    Err(fault(
        format!("{text:?} is not the name of a prompt"),
        "write the file's name without directory and ending, like \"welcome\"",
    ))
}

/// What stands for a queue behind a code.
pub(super) fn queue_code(text: &str) -> Result<String, Fault> {
    if (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(fault(format!("{text:?} is not the code of a queue"), "write 1 to 8 digits, like \"1\""))
}

/// What a citizen dials.
pub(super) fn service_number(text: &str) -> Result<ServiceNumber, Fault> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if (1..=32).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
    {
        return Ok(ServiceNumber::from(text));
    }
    Err(fault(
        format!("{text:?} cannot be dialled"),
        "write it as the trunk delivers it, like \"12345\" or \"+861012345\"",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seats_keeps_its_leading_zeros() {
        let seats = seat_range("0098-0101").unwrap();
        assert_eq!(seats.iter().map(SeatId::as_str).collect::<Vec<_>>(), ["0098", "0099", "0100", "0101"]);
    }

    #[test]
    fn a_range_that_runs_nowhere_is_refused() {
        for text in ["1001", "1020-1001", "1-20", "a-b", "1001-", "-1", "000000001-999999999", "1-+5"] {
            assert!(seat_range(text).is_err(), "{text}");
        }
    }
}
