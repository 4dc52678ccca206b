//! What is wrong in a configuration, where, and how it is cured.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong, or allowed and perhaps not meant, with its place and its cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as its reader named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, without a full stop.
    pub what: String,
    /// What to write instead.
    pub cure: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.what, self.cure)
    }
}

/// Everything found wrong in one text, in the order of its lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, e) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            e.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// What is wrong with one value, before its place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub what: String,
    pub cure: String,
}

/// A fault of this kind, ready for `map_err` and `ok_or_else`.
pub(super) fn fault(what: impl Into<String>, cure: impl Into<String>) -> Fault {
    Fault { what: what.into(), cure: cure.into() }
}

/// The byte offsets of a value in the text.
pub(super) type Span = Range<usize>;

/// Collects what is wrong while the reading goes on, so that one run names as much as possible.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<ConfigError>,
    warned: Vec<ConfigError>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Problems<'a> {
        Problems { file, text, found: Vec::new(), warned: Vec::new() }
    }

    pub(super) fn add(&mut self, at: &Span, fault: Fault) {
        let error = self.placed(at, fault);
        self.found.push(error);
    }

    /// Notes what is allowed and perhaps not meant: it keeps no configuration from being used.
    pub(super) fn warn(&mut self, at: &Span, fault: Fault) {
        let warning = self.placed(at, fault);
        self.warned.push(warning);
    }

    fn placed(&self, at: &Span, Fault { what, cure }: Fault) -> ConfigError {
        ConfigError { file: self.file.to_owned(), line: self.line(at), what, cure }
    }

    /// The line, from 1, on which the span begins.
    pub(super) fn line(&self, at: &Span) -> usize {
        let before = self.text.as_bytes().get(..at.start).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|b| **b == b'\n').count()
    }

    pub(super) fn file(&self) -> &str {
        self.file
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The errors in the order of their lines.
    pub(super) fn into_errors(mut self) -> ConfigErrors {
        self.found.sort_by_key(|e| e.line);
        ConfigErrors(self.found)
    }

    /// The warnings in the order of their lines.
    pub(super) fn into_warnings(mut self) -> Vec<ConfigError> {
        self.warned.sort_by_key(|e| e.line);
        self.warned
    }
}
