//! `[[department]]`: targets of transfers outside: towns, streets, bureaus.

use super::hours::{Hours, hours};
use super::name;
use super::problem::{Fault, Problems, Span, fault};
use super::table::Table;
use crate::id::TrunkId;
use std::sync::Arc;

pub(super) const KEYS: &[&str] = &["name", "code", "numbers", "night", "hours", "trunk"];

/// The most departments: a directory people know by heart or choose from by name. A city has about 75; each keeps a
/// name, a code and a few numbers in memory.
pub(super) const MAX_DEPARTMENTS: usize = 500;

/// The most numbers of one department: each rings for some seconds while a citizen waits.
pub(super) const MAX_NUMBERS: usize = 8;

/// A target of transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    /// As people call it; stands in events.
    pub name: Arc<str>,
    /// What is dialled for it at a seat.
    pub code: String,
    /// The numbers: the main one, then the deputies. Not empty.
    pub numbers: Vec<String>,
    /// The number outside its hours; without one the deputies ring, or the main number where there are none.
    pub night: Option<String>,
    /// When the main number is there.
    pub hours: Hours,
    /// The trunk its numbers are dialled through; without one that of `[dial]`.
    pub trunk: Option<TrunkId>,
}

impl Department {
    /// The targets to ring, in order, while it is open or not.
    pub fn numbers_at(&self, open: bool) -> Vec<&str> {
        let all = || self.numbers.iter().map(String::as_str);
        match (&self.night, open) {
            (_, true) => all().collect(),
            (Some(night), false) => vec![night.as_str()],
            (None, false) if self.numbers.len() > 1 => all().skip(1).collect(),
            (None, false) => all().collect(),
        }
    }
}

/// A department and the places of its name, its code and its trunk.
pub(super) struct Placed {
    pub department: Department,
    pub name_at: Span,
    pub code_at: Span,
    pub trunk_at: Span,
}

pub(super) fn read(t: &Table<'_>, problems: &mut Problems<'_>) -> Option<Placed> {
    let name = t.required("name", "\"Water bureau\"", problems, |n| name::name(n).map(Arc::from));
    let code = t.required("code", "\"601\"", problems, code);
    if t.get("numbers").is_none() {
        problems.add(t.at(), fault("department.numbers is missing", "add `numbers = [\"010-61234567\"]`"));
    }
    let numbers: Option<Vec<String>> = t
        .texts("numbers", problems, number)
        .map(|numbers| numbers.into_iter().map(|(number, _)| number).collect());
    if numbers.as_ref().is_some_and(|n| n.len() > MAX_NUMBERS) {
        let what = format!("department.numbers has more than {MAX_NUMBERS}");
        problems.add(&t.span("numbers"), fault(what, "keep the main number and the deputies who do answer"));
    }
    if numbers.as_ref().is_some_and(Vec::is_empty) && problems.is_empty() {
        problems
            .add(&t.span("numbers"), fault("department.numbers is empty", "write at least the main number"));
    }
    let department = Department {
        name: name?,
        code: code?,
        numbers: numbers?,
        night: t.text("night", problems, number),
        hours: t.text("hours", problems, hours).unwrap_or_default(),
        trunk: t.text("trunk", problems, |n| name::name(n).map(TrunkId::from)),
    };
    let (name_at, code_at, trunk_at) = (t.span("name"), t.span("code"), t.span("trunk"));
    Some(Placed { department, name_at, code_at, trunk_at })
}

/// A short code as it is dialled.
fn code(text: &str) -> Result<String, Fault> {
    let key = |b: u8| b.is_ascii_digit() || matches!(b, b'*' | b'#');
    if (1..=8).contains(&text.len()) && text.bytes().all(key) {
        return Ok(text.to_owned());
    }
    Err(fault(format!("{text:?} is not a short code"), "write 1 to 8 digits, `*` or `#`, like \"601\""))
}

/// A number as people write it; what is kept is what is dialled.
pub(super) fn number(text: &str) -> Result<String, Fault> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    if (1..=32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(bare);
    }
    Err(fault(format!("{text:?} is not a number"), "write it as it is dialled, like \"010-61234567\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_its_hours_a_department_is_its_night_number_or_its_deputies() {
        let mut d = Department {
            name: "Water".into(),
            code: "601".into(),
            numbers: vec!["1".into(), "2".into(), "3".into()],
            night: None,
            hours: Hours::default(),
            trunk: None,
        };
        assert_eq!((d.numbers_at(true), d.numbers_at(false)), (vec!["1", "2", "3"], vec!["2", "3"]));
        d.night = Some("9".into());
        assert_eq!(d.numbers_at(false), ["9"]);
        d.night = None;
        d.numbers.truncate(1);
        assert_eq!(d.numbers_at(false), ["1"]);
    }

    #[test]
    fn a_number_is_kept_as_it_is_dialled() {
        assert_eq!(number("(010) 6123-4567").ok().as_deref(), Some("01061234567"));
        assert_eq!(number("+86 10 61234567").ok().as_deref(), Some("+861061234567"));
        assert!(number("*31#").is_err());
        assert!(number("").is_err());
    }
}
