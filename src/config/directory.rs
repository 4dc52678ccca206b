//! What a seat can dial must mean one thing: extensions, codes and departments do not collide, and trunks that are
//! dialled through are there and can be reached.

use super::check::first;
use super::department::{Department, MAX_DEPARTMENTS, Placed};
use super::dial::{Codes, Dial};
use super::problem::{Problems, Span, fault};
use super::seat::Seat;
use super::table::suggestion;
use super::trunk::Trunk;
use crate::id::TrunkId;
use std::collections::HashMap;

/// What else can be dialled, and through what.
pub(super) struct Directory<'a> {
    pub seats: &'a [Seat],
    pub codes: &'a Codes,
    pub trunks: &'a [Trunk],
}

impl Directory<'_> {
    pub(super) fn dial(&self, dial: &Dial, at: &Span, whole: bool, problems: &mut Problems<'_>) {
        if let (Some(trunk), true) = (&dial.trunk, whole) {
            self.trunk("dial.trunk", trunk, at, problems);
        }
        if dial.trunk.is_none()
            && whole
            && let Some(seat) = self.seats.iter().find(|s| s.dial_out)
        {
            let what = format!("seat `{}` may dial out, and there is no trunk for it", seat.id);
            problems.add(at, fault(what, "add `trunk = \"…\"` to [dial], or leave seat.dial_out out"));
        }
    }

    pub(super) fn departments(
        &self,
        placed: Vec<Placed>,
        dial: &Dial,
        whole: bool,
        problems: &mut Problems<'_>,
    ) -> Vec<Department> {
        let (mut names, mut codes) = (HashMap::new(), HashMap::new());
        for p in &placed {
            let d = &p.department;
            let folded = d.name.to_lowercase();
            first(&mut names, &folded, &p.name_at, &format!("department `{}`", d.name), problems);
            first(&mut codes, &d.code, &p.code_at, &format!("the code `{}`", d.code), problems);
            if self.seats.iter().any(|s| s.id.as_str() == d.code) {
                let what = format!("the code `{}` is a seat's extension too", d.code);
                problems.add(&p.code_at, fault(what, "write another code"));
            }
            if let Some(key) = self.codes.that_begins(&d.code) {
                let what = format!("the code `{}` begins like codes.{key}", d.code);
                problems.add(&p.code_at, fault(what, "write another code"));
            }
            match &d.trunk {
                Some(trunk) if whole => self.trunk("department.trunk", trunk, &p.trunk_at, problems),
                None if dial.trunk.is_none() => {
                    let what = format!("department `{}` has no trunk", d.name);
                    let cure = "add `trunk = \"…\"`, or one for all departments to [dial]";
                    problems.add(&p.name_at, fault(what, cure));
                }
                _ => {}
            }
        }
        if placed.len() > MAX_DEPARTMENTS {
            let at = placed.last().map_or(0..0, |p| p.name_at.clone());
            let what = format!("there are more than {MAX_DEPARTMENTS} departments");
            problems.add(&at, fault(what, "write fewer departments"));
        }
        placed.into_iter().map(|p| p.department).collect()
    }

    fn trunk(&self, key: &str, trunk: &TrunkId, at: &Span, problems: &mut Problems<'_>) {
        match self.trunks.iter().find(|t| t.name == *trunk) {
            None => {
                let cure = suggestion(trunk.as_str(), self.trunks.iter().map(|t| t.name.as_str()));
                problems.add(at, fault(format!("{key}: there is no trunk `{trunk}`"), cure));
            }
            Some(t) if t.targets.is_empty() && t.register.is_none() => {
                let what = format!("{key}: trunk `{trunk}` only brings calls");
                problems.add(at, fault(what, "add `targets = [\"sip:192.0.2.10\"]` to that trunk"));
            }
            Some(_) => {}
        }
    }
}
