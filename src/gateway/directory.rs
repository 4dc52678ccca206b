//! What a seat's phone can dial, and what it means: a code, another seat, a department, a number outside.
//!
//! Knows nothing of calls. What is not written in the configuration is not reachable: there is no way from a number a
//! stranger chose to a trunk.

use crate::acd::AwayReason;
use crate::config::{Codes, Config, Department, Dial};
use crate::id::{OperatorId, QueueId, SeatId, TrunkId};
use crate::time::Wall;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The longest name of an operator, in digits.
const OPERATOR_DIGITS: usize = 16;

/// Everything that can be dialled.
pub(super) struct Directory {
    codes: Codes,
    queue_codes: HashMap<String, QueueId>,
    departments: Vec<Department>,
    /// By code, by name in lower case and by number.
    by_key: HashMap<String, usize>,
    dial: Dial,
    seats: HashSet<SeatId>,
    may_dial_out: HashSet<SeatId>,
}

/// What an operator says to the gateway by dialling a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// Takes calls at this seat, as this operator.
    SignIn(Option<OperatorId>),
    /// Leaves.
    SignOut,
    /// Takes calls.
    Ready,
    /// Takes none.
    NotReady(AwayReason),
    /// Takes the call that waits longest, of this queue or of all.
    PickUp(Option<QueueId>),
    /// Begins like a code, and is none.
    Unknown,
}

/// Whom a seat dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    /// Another seat.
    Seat(SeatId),
    /// Numbers outside, to be rung one after the other.
    Outside {
        /// As events name it.
        name: Arc<str>,
        /// Through this trunk.
        trunk: TrunkId,
        /// In order, at least one.
        numbers: Vec<String>,
    },
    /// A number outside, and this seat may not.
    Forbidden,
    /// Nobody.
    Nobody,
}

impl Directory {
    pub(super) fn new(config: &Config) -> Directory {
        let mut by_key = HashMap::new();
        for (i, d) in config.departments.iter().enumerate() {
            by_key.insert(d.code.clone(), i);
            by_key.insert(d.name.to_lowercase(), i);
        }
        // A number two departments share is the first one's; a code or a name goes before it.
        for (i, d) in config.departments.iter().enumerate() {
            for number in &d.numbers {
                by_key.entry(number.clone()).or_insert(i);
            }
        }
        let queue_codes = config.queues.iter().filter_map(|q| Some((q.code.clone()?, q.name.clone())));
        let may_dial_out = config.seats.iter().filter(|s| s.dial_out).map(|s| s.id.clone());
        Directory {
            codes: config.codes.clone(),
            queue_codes: queue_codes.collect(),
            departments: config.departments.clone(),
            by_key,
            dial: config.dial.clone(),
            seats: config.seats.iter().map(|s| s.id.clone()).collect(),
            may_dial_out: may_dial_out.collect(),
        }
    }

    /// How calls go out.
    pub(super) fn dial(&self) -> &Dial {
        &self.dial
    }

    /// The word a code stands for; `None` when what is dialled begins like none.
    pub(super) fn word(&self, dialled: &str) -> Option<Word> {
        let codes = &self.codes;
        let after = |code: &str| dialled.strip_prefix(code);
        Some(if let Some(rest) = after(&codes.sign_in) {
            match rest.strip_prefix('*') {
                None if rest.is_empty() => Word::SignIn(None),
                Some(o) if is_operator(o) => Word::SignIn(Some(OperatorId::from(o))),
                _ => Word::Unknown,
            }
        } else if let Some(rest) = after(&codes.not_ready) {
            match (rest.chars().next(), rest.len()) {
                (None, _) => Word::NotReady(AwayReason::Unnamed),
                (Some(digit), 1) => AwayReason::of_digit(digit).map_or(Word::Unknown, Word::NotReady),
                _ => Word::Unknown,
            }
        } else if let Some(rest) = after(&codes.pick_up) {
            match self.queue_codes.get(rest) {
                Some(queue) => Word::PickUp(Some(queue.clone())),
                None if rest.is_empty() => Word::PickUp(None),
                None => Word::Unknown,
            }
        } else {
            match dialled {
                d if d == codes.sign_out => Word::SignOut,
                d if d == codes.ready => Word::Ready,
                _ => return None,
            }
        })
    }

    /// Whom `seat` dials, at this hour.
    pub(super) fn whom(&self, seat: &SeatId, dialled: &str, at: Wall) -> Whom {
        let named = SeatId::from(dialled);
        if self.seats.contains(&named) {
            return Whom::Seat(named);
        }
        let bare: String = dialled.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
        let department = self.by_key.get(&dialled.to_lowercase()).or_else(|| self.by_key.get(&bare));
        if let Some(department) = department.and_then(|i| self.departments.get(*i)) {
            let open = department.hours.are_open(at, self.dial.utc_offset);
            let Some(trunk) = department.trunk.clone().or_else(|| self.dial.trunk.clone()) else {
                return Whom::Nobody;
            };
            let numbers = department.numbers_at(open).into_iter().map(str::to_owned).collect();
            return Whom::Outside { name: department.name.clone(), trunk, numbers };
        }
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        if !(1..=32).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Whom::Nobody;
        }
        match &self.dial.trunk {
            Some(trunk) if self.may_dial_out.contains(seat) => {
                let name = Arc::from(bare.as_str());
                Whom::Outside { name, trunk: trunk.clone(), numbers: vec![bare] }
            }
            _ => Whom::Forbidden,
        }
    }
}

fn is_operator(text: &str) -> bool {
    (1..=OPERATOR_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [[trunk]]
        name = "city"
        sources = ["192.0.2.1"]
        targets = ["sip:192.0.2.1"]
        [[seat]]
        id = "1001"
        [[seat]]
        id = "1002"
        dial_out = true
        [[queue]]
        name = "heat"
        code = "3"
        [[service]]
        number = "12345"
        queue = "heat"
        [dial]
        trunk = "city"
        [[department]]
        name = "Water Bureau"
        code = "601"
        numbers = ["010-6123 0001", "010-61230002"]
        hours = "Mon-Fri 08:30-17:30"
        night = "110"
        [[department]]
        name = "供水"
        code = "602"
        numbers = ["010-61230003"]
    "#;

    fn directory() -> Directory {
        Directory::new(&Config::parse("test.toml", TEXT).unwrap_or_else(|e| panic!("{e}")))
    }

    /// Monday 2 March 2026, 10:00 and 20:00 in Beijing.
    const DAY: Wall = Wall(1_772_416_800_000_000_000);
    const EVENING: Wall = Wall(1_772_452_800_000_000_000);

    fn numbers(whom: Whom) -> Vec<String> {
        match whom {
            Whom::Outside { numbers, .. } => numbers,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_code_is_a_word_and_what_only_begins_like_one_is_told_so() {
        let d = directory();
        assert_eq!(d.word("*10"), Some(Word::SignIn(None)));
        assert_eq!(d.word("*10*8007"), Some(Word::SignIn(Some("8007".into()))));
        assert_eq!(d.word("*11"), Some(Word::SignOut));
        assert_eq!(d.word("*132"), Some(Word::NotReady(AwayReason::Meal)));
        assert_eq!(d.word("*83"), Some(Word::PickUp(Some("heat".into()))));
        for unknown in ["*10*", "*108007", "*139", "*1312", "*84"] {
            assert_eq!(d.word(unknown), Some(Word::Unknown), "{unknown}");
        }
        assert_eq!(d.word("601"), None);
    }

    #[test]
    fn a_department_is_found_by_code_by_name_and_by_number() {
        let d = directory();
        for dialled in ["601", "water bureau", "WATER BUREAU", "01061230001", "010-61230002"] {
            let whom = d.whom(&"1001".into(), dialled, DAY);
            assert_eq!(numbers(whom), ["01061230001", "01061230002"], "{dialled}");
        }
        assert_eq!(numbers(d.whom(&"1001".into(), "供水", DAY)), ["01061230003"]);
        assert_eq!(numbers(d.whom(&"1001".into(), "601", EVENING)), ["110"]);
    }

    #[test]
    fn a_number_outside_is_for_seats_that_may() {
        let d = directory();
        assert_eq!(d.whom(&"1001".into(), "13800000000", DAY), Whom::Forbidden);
        assert_eq!(numbers(d.whom(&"1002".into(), "13800000000", DAY)), ["13800000000"]);
        assert_eq!(d.whom(&"1001".into(), "1002", DAY), Whom::Seat("1002".into()));
        assert_eq!(d.whom(&"1002".into(), "nobody", DAY), Whom::Nobody);
    }
}
