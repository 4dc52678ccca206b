//! `[[operator]]`: the people at the seats.

use super::check::first;
use super::name;
use super::pin::PinHash;
use super::problem::{Fault, Problems, Span, fault};
use super::table::Table;
use crate::id::OperatorId;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) const KEYS: &[&str] = &["number", "name", "pin_hash"];

/// The longest number of an operator, in digits.
const OPERATOR_DIGITS: usize = 16;

/// The most operators: the shifts of the largest hotline, and a bound for a slip of a script.
const MAX_OPERATORS: usize = 20_000;

/// A person at the seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// What is dialled after the code, and how events name the operator.
    pub number: OperatorId,
    /// For people, where it is given.
    pub name: Option<Arc<str>>,
    /// What signing in asks for by keys; without one the number alone is enough.
    pub pin: Option<PinHash>,
}

/// An operator and the place of its number.
pub(super) struct Placed {
    pub operator: Operator,
    pub at: Span,
}

pub(super) fn read(t: &Table<'_>, problems: &mut Problems<'_>) -> Option<Placed> {
    let number = t.required("number", "\"8007\"", problems, number);
    let name = t.text("name", problems, |n| name::name(n).map(Arc::from));
    let pin = t.text("pin_hash", problems, pin_hash);
    Some(Placed { operator: Operator { number: number?, name, pin }, at: t.span("number") })
}

/// Each number once.
pub(super) fn check(placed: Vec<Placed>, problems: &mut Problems<'_>) -> Vec<Operator> {
    let mut numbers = HashMap::new();
    if let Some(p) = placed.get(MAX_OPERATORS) {
        let what = format!("there are more than {MAX_OPERATORS} operators up to here");
        problems.add(&p.at, fault(what, "write fewer operators"));
    }
    for p in &placed {
        let number = &p.operator.number;
        first(&mut numbers, number, &p.at, &format!("operator `{number}`"), problems);
    }
    placed.into_iter().map(|p| p.operator).collect()
}

/// Whether that is dialled as an operator's number.
pub fn is_operator_number(text: &str) -> bool {
    (1..=OPERATOR_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str) -> Result<OperatorId, Fault> {
    if is_operator_number(text) {
        return Ok(OperatorId::from(text));
    }
    let cure = "write 1 to 16 digits, like \"8007\"";
    Err(fault(format!("{text:?} is not the number of an operator"), cure))
}

/// What is wrong with it is not repeated: it may be the PIN.
fn pin_hash(text: &str) -> Result<PinHash, Fault> {
    let cure = "write what `hotline operator hash` prints; the PIN itself does not belong here";
    PinHash::parse(text).ok_or_else(|| fault("this is no hash of a PIN", cure))
}
