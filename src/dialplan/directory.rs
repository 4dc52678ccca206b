//! The directory: which seats, departments and outside numbers a seat can call.

use crate::config::{Config, Department, Dial};
use crate::id::{SeatId, ServiceNumber, TrunkId};
use crate::time::Wall;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The most digits of a number outside.
const DIGITS: usize = 32;

/// Whom a seat dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callee {
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
    /// A number outside, and outgoing calls are barred at this seat.
    Barred,
    /// The number or name is not assigned.
    Unassigned,
}

/// Everything that can be called.
#[derive(Debug, Clone)]
pub struct Directory {
    departments: Vec<Department>,
    /// By code, by name in lower case and by number.
    by_key: HashMap<String, usize>,
    dial: Dial,
    seats: HashSet<SeatId>,
    may_dial_out: HashSet<SeatId>,
    /// The number outside callees are shown where neither the configuration nor the call gives another.
    first_service: Option<String>,
}

impl Directory {
    /// The one of `config`.
    pub fn new(config: &Config) -> Directory {
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
        let may_dial_out = config.seats.iter().filter(|s| s.dial_out).map(|s| s.id.clone());
        Directory {
            departments: config.departments.clone(),
            by_key,
            dial: config.dial.clone(),
            seats: config.seats.iter().map(|s| s.id.clone()).collect(),
            may_dial_out: may_dial_out.collect(),
            first_service: config.services.first().map(|s| s.number.as_str().to_owned()),
        }
    }

    /// How calls go out.
    pub fn dial(&self) -> &Dial {
        &self.dial
    }

    /// The number an outside callee is shown: the configured one, else the service number the citizen dialled, else the
    /// first service's.
    pub fn shown_number(&self, dialled_by_citizen: Option<&ServiceNumber>) -> String {
        let of_call = || dialled_by_citizen.map(|n| n.as_str().to_owned());
        self.dial.number.clone().or_else(of_call).or_else(|| self.first_service.clone()).unwrap_or_default()
    }

    /// Whom `seat` calls by dialling so, at this hour.
    pub fn callee(&self, seat: &SeatId, dialled: &str, at: Wall) -> Callee {
        let named = SeatId::from(dialled);
        if self.seats.contains(&named) {
            return Callee::Seat(named);
        }
        let bare: String = dialled.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
        let department = self.by_key.get(&dialled.to_lowercase()).or_else(|| self.by_key.get(&bare));
        if let Some(department) = department.and_then(|i| self.departments.get(*i)) {
            return self.department(department, at);
        }
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        if !(1..=DIGITS).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Callee::Unassigned;
        }
        match &self.dial.trunk {
            Some(trunk) if self.may_dial_out.contains(seat) => {
                let name = Arc::from(bare.as_str());
                Callee::Outside { name, trunk: trunk.clone(), numbers: vec![bare] }
            }
            Some(_) | None => Callee::Barred,
        }
    }

    fn department(&self, department: &Department, at: Wall) -> Callee {
        let open = department.hours.are_open(at, self.dial.utc_offset);
        let Some(trunk) = department.trunk.clone().or_else(|| self.dial.trunk.clone()) else {
            return Callee::Unassigned;
        };
        let numbers = department.numbers_at(open).into_iter().map(str::to_owned).collect();
        Callee::Outside { name: department.name.clone(), trunk, numbers }
    }
}
