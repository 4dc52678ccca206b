//! One table of the text, read key by key.
//!
//! Deriving the reading would stop at the first thing that is wrong; this goes on with the default in
//! place of a wrong value, so that one run names everything. Keys that are not known are refused
//! when the table is opened.

use super::duration;
use super::problem::{Fault, Problems, Span, fault};
use crate::time::Duration;
use std::fmt::Display;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table under its section's name, with the keys it may have.
pub(super) struct Table<'a> {
    section: &'static str,
    entries: &'a DeTable<'a>,
    at: Span,
}

impl<'a> Table<'a> {
    /// Opens a table and refuses every key that is not among `keys`.
    pub(super) fn open(
        section: &'static str,
        keys: &[&str],
        entries: &'a DeTable<'a>,
        at: Span,
        problems: &mut Problems<'_>,
    ) -> Table<'a> {
        for key in entries.keys() {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                let what = format!("`{name}` is not a key of {}", place(section));
                problems.add(&key.span(), fault(what, suggestion(name, keys)));
            }
        }
        Table { section, entries, at }
    }

    /// The section's name.
    pub(super) fn section(&self) -> &'static str {
        self.section
    }

    /// Where the table begins.
    pub(super) fn at(&self) -> &Span {
        &self.at
    }

    /// The value of `key` with its place.
    pub(super) fn get(&self, key: &str) -> Option<(&'a DeValue<'a>, Span)> {
        self.entries.get(key).map(|v| (v.get_ref(), v.span()))
    }

    /// The place of `key`, or of the table when the key is absent.
    pub(super) fn span(&self, key: &str) -> Span {
        self.get(key).map_or_else(|| self.at.clone(), |(_, at)| at)
    }

    /// Reads `key` with `read`; absent or wrong gives `None`, and wrong is reported.
    fn read<T>(
        &self,
        key: &str,
        problems: &mut Problems<'_>,
        read: impl FnOnce(&'a DeValue<'a>) -> Result<T, Fault>,
    ) -> Option<T> {
        let (value, at) = self.get(key)?;
        match read(value) {
            Ok(v) => Some(v),
            Err(mut f) => {
                f.what = format!("{}: {}", self.name(key), f.what);
                problems.add(&at, f);
                None
            }
        }
    }

    fn name(&self, key: &str) -> String {
        if self.section.is_empty() { key.to_owned() } else { format!("{}.{key}", self.section) }
    }

    /// The key under which a value stands whose key was `old` before. The old one is read for one release, with a
    /// warning; both together are an error.
    pub(super) fn renamed(
        &self,
        key: &'static str,
        old: &'static str,
        problems: &mut Problems<'_>,
    ) -> &'static str {
        let Some((_, at)) = self.get(old) else { return key };
        let what = format!("`{}` is now named `{key}`", self.name(old));
        if self.get(key).is_some() {
            problems.add(&at, fault(what, "keep the new one of the two"));
            return key;
        }
        problems
            .warn(&at, fault(what, format!("write `{key}`: the old name is read until the next release")));
        old
    }

    /// A text turned into a value by `parse`.
    pub(super) fn text<T>(
        &self,
        key: &str,
        problems: &mut Problems<'_>,
        parse: impl FnOnce(&'a str) -> Result<T, Fault>,
    ) -> Option<T> {
        self.read(key, problems, |v| parse(string(v)?))
    }

    /// As [`Table::text`], for a key that must be there; `example` is what to write.
    pub(super) fn required<T>(
        &self,
        key: &str,
        example: &str,
        problems: &mut Problems<'_>,
        parse: impl FnOnce(&'a str) -> Result<T, Fault>,
    ) -> Option<T> {
        if self.get(key).is_none() {
            let what = format!("{} is missing", self.name(key));
            problems.add(&self.at, fault(what, format!("add `{key} = {example}`")));
        }
        self.text(key, problems, parse)
    }

    /// A list of texts, each turned into a value by `parse`; what is wrong is reported and left out.
    pub(super) fn texts<T>(
        &self,
        key: &str,
        problems: &mut Problems<'_>,
        mut parse: impl FnMut(&'a str) -> Result<T, Fault>,
    ) -> Option<Vec<(T, Span)>> {
        let name = self.name(key);
        let items = self.read(key, problems, |v| match v {
            DeValue::Array(items) => Ok(items),
            other @ (DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_)) => Err(mismatch("a list of texts in brackets, like [\"…\", \"…\"]", other)),
        })?;
        let mut values = Vec::new();
        for item in items.iter() {
            match string(item.get_ref()).and_then(&mut parse) {
                Ok(v) => values.push((v, item.span())),
                Err(f) => problems.add(&item.span(), fault(format!("{name}: {}", f.what), f.cure)),
            }
        }
        Some(values)
    }

    /// A duration within `range`.
    pub(super) fn duration(
        &self,
        key: &str,
        range: RangeInclusive<Duration>,
        default: Duration,
        problems: &mut Problems<'_>,
    ) -> Duration {
        self.read(key, problems, |v| {
            if let DeValue::Integer(n) = v {
                let cure = format!("write it with a unit, like \"{n}s\" or \"{n}ms\"");
                return Err(fault(format!("{n} has no unit"), cure));
            }
            let d = duration::parse(string(v)?)?;
            let shown = [d, *range.start(), *range.end()].map(duration::written);
            within(d, &range, &shown[0], &shown[1], &shown[2])
        })
        .unwrap_or(default)
    }

    /// A whole number within `range`.
    pub(super) fn number<T: TryFrom<i64> + Display + PartialOrd + Copy>(
        &self,
        key: &str,
        range: RangeInclusive<T>,
        default: T,
        problems: &mut Problems<'_>,
    ) -> T {
        self.read(key, problems, |v| {
            let DeValue::Integer(n) = v else {
                return Err(mismatch("a whole number, without quotation marks", v));
            };
            let (low, high) = (range.start().to_string(), range.end().to_string());
            let outside = || fault(format!("{n} is out of range"), format!("write {low} to {high}"));
            let read = i64::from_str_radix(n.as_str(), n.radix()).map_err(|_| outside())?;
            within(T::try_from(read).map_err(|_| outside())?, &range, &n.to_string(), &low, &high)
        })
        .unwrap_or(default)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str, default: bool, problems: &mut Problems<'_>) -> bool {
        self.read(key, problems, |v| match v {
            DeValue::Boolean(b) => Ok(*b),
            other @ (DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_)) => Err(mismatch("true or false, without quotation marks", other)),
        })
        .unwrap_or(default)
    }
}

fn within<T: PartialOrd>(
    value: T,
    range: &RangeInclusive<T>,
    shown: &str,
    low: &str,
    high: &str,
) -> Result<T, Fault> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(fault(format!("{shown} is out of range"), format!("write {low} to {high}")))
    }
}

/// The tables under `key` of the whole text: one for `[key]`, any number for `[[key]]`.
pub(super) fn tables<'a>(
    root: &'a DeTable<'a>,
    key: &'static str,
    many: bool,
    problems: &mut Problems<'_>,
) -> Vec<(&'a DeTable<'a>, Span)> {
    let Some(value) = root.get(key) else {
        return Vec::new();
    };
    match value.get_ref() {
        DeValue::Table(t) if !many => vec![(t, value.span())],
        DeValue::Array(items) if many => items.iter().filter_map(|i| element(key, i, problems)).collect(),
        DeValue::Table(_) => {
            let what = format!("[{key}] stands in single brackets");
            problems.add(&value.span(), fault(what, format!("write [[{key}]], once for each")));
            Vec::new()
        }
        DeValue::Array(items) => {
            let at = items.first().map_or_else(|| value.span(), Spanned::span);
            let what = format!("[[{key}]] stands in double brackets");
            problems.add(&at, fault(what, format!("write [{key}], once")));
            Vec::new()
        }
        other @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)) => {
            let brackets = if many { format!("[[{key}]]") } else { format!("[{key}]") };
            let what = format!("`{key}` is {}, not a section", kind(other));
            problems.add(&value.span(), fault(what, format!("write {brackets} on a line of its own")));
            Vec::new()
        }
    }
}

fn element<'a>(
    key: &str,
    item: &'a Spanned<DeValue<'a>>,
    problems: &mut Problems<'_>,
) -> Option<(&'a DeTable<'a>, Span)> {
    if let DeValue::Table(t) = item.get_ref() {
        return Some((t, item.span()));
    }
    let what = format!("an entry of {key} is {}", kind(item.get_ref()));
    problems.add(&item.span(), fault(what, format!("write [[{key}]] on a line of its own")));
    None
}

fn place(section: &str) -> String {
    if section.is_empty() { "the top level".to_owned() } else { format!("[{section}]") }
}

fn string<'a>(value: &'a DeValue<'a>) -> Result<&'a str, Fault> {
    let DeValue::String(s) = value else { return Err(mismatch("a text in quotation marks", value)) };
    Ok(s.as_ref())
}

fn mismatch(wanted: &str, got: &DeValue<'_>) -> Fault {
    fault(format!("{} is not what belongs here", kind(got)), format!("write {wanted}"))
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The cure for an unknown name: the nearest known one, or all of them when none is near.
pub(super) fn suggestion<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k (impl AsRef<str> + ?Sized + 'k)>,
) -> String {
    let known: Vec<&str> = known.into_iter().map(AsRef::as_ref).collect();
    let near = known.iter().map(|k| (distance(name, k), *k)).min();
    match near {
        Some((d, k)) if d <= 1 + k.len().min(name.len()) / 4 => format!("did you mean `{k}`?"),
        // A longer list does not help.
        _ if known.len() > 20 => format!("there are {} to choose from, such as `{}`", known.len(), known[0]),
        _ if known.is_empty() => "there is none yet to choose from".to_owned(),
        _ => format!("choose from {}", known.join(", ")),
    }
}

/// How many letters have to be changed, added, dropped or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(a[i - 1] != b[j - 1]);
                let mut least = (rows[i - 1][j - 1] + change).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_named_and_a_strange_word_gets_the_list() {
        let keys = ["capacity", "max_wait", "wrap_up"];
        assert_eq!(suggestion("capactiy", keys), "did you mean `capacity`?");
        assert_eq!(suggestion("wrapup", keys), "did you mean `wrap_up`?");
        assert_eq!(suggestion("colour", keys), "choose from capacity, max_wait, wrap_up");
    }
}
