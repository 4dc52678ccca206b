//! `[dial]` and `[codes]`: what a seat's phone may dial, and what its codes do.

use super::department;
use super::hours;
use super::name;
use super::problem::{Fault, Problems, Span, fault};
use super::table::Table;
use crate::id::TrunkId;
use crate::time::Duration;

pub(super) const KEYS: &[&str] = &["trunk", "number", "ring", "recall", "utc_offset"];

pub(super) const CODE_KEYS: &[&str] = &["sign_in", "sign_out", "ready", "not_ready", "pick_up"];

/// How calls go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// The trunk of departments that name none, and of seats that may dial out. Without it nothing else goes out.
    pub trunk: Option<TrunkId>,
    /// The number outside targets see; without one the service number of the call, or the first there is.
    pub number: Option<String>,
    /// How long one number of a department rings before the next one is tried.
    pub ring: Duration,
    /// How long the target of a transfer may ring before the caller comes back.
    pub recall: Duration,
    /// Minutes the clock on the wall is ahead of UTC.
    pub utc_offset: i32,
}

/// What is dialled at a seat for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    /// Signs in; a `*` and an operator's number may follow.
    pub sign_in: String,
    /// Signs out.
    pub sign_out: String,
    /// Takes calls.
    pub ready: String,
    /// Takes none; a digit may follow: 1 break, 2 meal, 3 training, 4 outbound, 5 meeting, 6 tech.
    pub not_ready: String,
    /// Takes the call that waits longest; a queue's code may follow.
    pub pick_up: String,
}

impl Codes {
    fn all(&self) -> [(&'static str, &str); 5] {
        [
            ("sign_in", &self.sign_in),
            ("sign_out", &self.sign_out),
            ("ready", &self.ready),
            ("not_ready", &self.not_ready),
            ("pick_up", &self.pick_up),
        ]
    }

    /// The code that what is dialled begins with.
    pub fn that_begins(&self, dialled: &str) -> Option<&'static str> {
        self.all().into_iter().find(|(_, code)| dialled.starts_with(code)).map(|(key, _)| key)
    }
}

pub(super) fn read(t: Option<&Table<'_>>, problems: &mut Problems<'_>) -> (Dial, Span) {
    let s = Duration::from_secs;
    let mut dial = Dial { trunk: None, number: None, ring: s(10), recall: s(20), utc_offset: 8 * 60 };
    let Some(t) = t else { return (dial, 0..0) };
    dial.trunk = t.text("trunk", problems, |n| name::name(n).map(TrunkId::from));
    dial.number = t.text("number", problems, department::number);
    dial.ring = t.duration("ring", s(1)..=s(300), dial.ring, problems);
    dial.recall = t.duration("recall", s(1)..=s(300), dial.recall, problems);
    dial.utc_offset = t.text("utc_offset", problems, hours::utc_offset).unwrap_or(dial.utc_offset);
    (dial, t.span("trunk"))
}

pub(super) fn read_codes(t: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Codes {
    let mut code = |key: &'static str, default: &str| {
        let read = t.and_then(|t| t.text(key, problems, code));
        read.unwrap_or_else(|| default.to_owned())
    };
    let codes = Codes {
        sign_in: code("sign_in", "*10"),
        sign_out: code("sign_out", "*11"),
        ready: code("ready", "*12"),
        not_ready: code("not_ready", "*13"),
        pick_up: code("pick_up", "*8"),
    };
    let all = codes.all();
    for (i, (key, code)) in all.iter().enumerate() {
        let clash = all.iter().take(i).find(|(_, other)| code.starts_with(other) || other.starts_with(code));
        if let (Some(t), Some((other, _))) = (t, clash) {
            let what = format!("codes.{key} (`{code}`) and codes.{other} begin alike");
            problems.add(&t.span(key), fault(what, "let no code begin with another one"));
        }
    }
    codes
}

fn code(text: &str) -> Result<String, Fault> {
    let key = |b: u8| b.is_ascii_digit() || matches!(b, b'*' | b'#');
    let begins = text.starts_with(['*', '#']);
    if (2..=8).contains(&text.len()) && begins && text.bytes().all(key) {
        return Ok(text.to_owned());
    }
    Err(fault(
        format!("{text:?} is not a code of a phone"),
        "write `*` or `#` and up to 7 digits, like \"*10\"",
    ))
}
