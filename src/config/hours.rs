//! Weekly hours as people write them: `Mon-Fri 08:30-17:30, Sat 09:00-12:00`.

use super::problem::{Fault, fault};
use crate::time::Wall;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const DAY: u32 = 24 * 60;

/// When a department is there, in the course of a week. Empty: always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hours(Vec<Opening>);

/// One stretch of time on each of some days. One that ends before it begins lasts into the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opening {
    /// Monday first.
    days: [bool; 7],
    /// Minutes since midnight.
    from: u32,
    /// The first minute that is outside.
    to: u32,
}

impl Hours {
    /// Whether `at` lies inside, on a clock this many minutes ahead of UTC.
    pub fn are_open(&self, at: Wall, utc_offset: i32) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let minute = i64::try_from(at.secs() / 60).unwrap_or(0) + i64::from(utc_offset);
        // 1 January 1970 was a Thursday.
        let day = (minute.div_euclid(i64::from(DAY)) + 3).rem_euclid(7);
        let minute = minute.rem_euclid(i64::from(DAY)) as u32;
        let today = |o: &Opening| o.days.get(day as usize).copied().unwrap_or(false);
        let yesterday = |o: &Opening| o.days.get((day as usize + 6) % 7).copied().unwrap_or(false);
        self.0.iter().any(|o| match o.from < o.to {
            true => today(o) && (o.from..o.to).contains(&minute),
            false => (today(o) && minute >= o.from) || (yesterday(o) && minute < o.to),
        })
    }
}

/// Hours as written; see the module.
pub(super) fn hours(text: &str) -> Result<Hours, Fault> {
    let wrong = || {
        let cure = "write them like \"Mon-Fri 08:30-17:30, Sat 09:00-12:00\"";
        fault(format!("`{text}` are not hours"), cure)
    };
    let openings = text.split(',').map(|part| opening(part.trim()).ok_or_else(wrong));
    Ok(Hours(openings.collect::<Result<_, _>>()?))
}

fn opening(text: &str) -> Option<Opening> {
    let (days, times) = text.split_once(' ')?;
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (first, last) = (day(first)?, day(last)?);
    let mut open = [false; 7];
    let mut at = first;
    loop {
        *open.get_mut(at)? = true;
        if at == last {
            break;
        }
        at = (at + 1) % 7;
    }
    let (from, to) = times.trim().split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from < DAY && from != to).then_some(Opening { days: open, from, to })
}

fn day(text: &str) -> Option<usize> {
    DAYS.iter().position(|d| text.eq_ignore_ascii_case(d))
}

/// `08:30`; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |s: &str| s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
    if !two(hours) || !two(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let at = hours * 60 + minutes;
    (minutes < 60 && at <= DAY).then_some(at)
}

/// Minutes a clock is ahead of UTC: `+08:00`.
pub(super) fn utc_offset(text: &str) -> Result<i32, Fault> {
    let wrong = || fault(format!("`{text}` is not a time zone"), "write it like \"+08:00\"");
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return Err(wrong()),
    };
    let minutes = minute(rest).filter(|m| *m <= 14 * 60).ok_or_else(wrong)?;
    Ok(sign * minutes as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 2 March 2026, 00:00 UTC, and this many minutes after it.
    fn at(days: u64, time: &str) -> Wall {
        let minutes = days * u64::from(DAY) + u64::from(minute(time).unwrap());
        Wall((1_772_409_600 + minutes * 60) * 1_000_000_000)
    }

    #[test]
    fn office_hours_begin_and_end_on_the_minute_of_the_local_clock() {
        let office = hours("Mon-Fri 08:30-17:30, Sat 09:00-12:00").unwrap();
        for (day, time, open) in [
            (0, "08:29", false),
            (0, "08:30", true),
            (4, "17:29", true),
            (4, "17:30", false),
            (5, "10:00", true),
            (5, "13:00", false),
            (6, "10:00", false),
        ] {
            assert_eq!(office.are_open(at(day, time), 0), open, "{day} {time}");
        }
        assert!(office.are_open(at(0, "00:30"), 480), "08:30 in Beijing");
        assert!(!office.are_open(at(4, "10:00"), 480));
    }

    #[test]
    fn a_night_lasts_into_the_next_morning_and_a_week_goes_round() {
        let night = hours("Sun-Mon 22:00-06:00").unwrap();
        assert!(night.are_open(at(0, "05:59"), 0), "the night of Sunday");
        assert!(night.are_open(at(1, "05:59"), 0), "the night of Monday");
        assert!(!night.are_open(at(2, "05:59"), 0));
        assert!(hours("Fri-Mon 00:00-24:00").unwrap().are_open(at(6, "23:59"), 0));
        assert!(Hours::default().are_open(at(3, "03:00"), 0));
    }

    #[test]
    fn what_are_no_hours_is_refused() {
        for text in ["", "Mon", "Mon 8:30-17:30", "Mon-Fry 08:30-17:30", "Mon 24:00-08:00", "Mon 08:00-08:00"]
        {
            assert!(hours(text).is_err(), "{text}");
        }
        assert_eq!((utc_offset("+08:00").ok(), utc_offset("-03:30").ok()), (Some(480), Some(-210)));
        assert!(utc_offset("8").is_err());
    }
}
