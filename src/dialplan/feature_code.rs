//! Feature codes: what an operator tells the gateway by dialling.

use crate::acd::AwayReason;
use crate::config::{Codes, Config, is_operator_number};
use crate::id::{OperatorId, QueueId};
use std::collections::HashMap;

/// What a feature code asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureCode {
    /// The operator signs in at this seat, under this name.
    SignIn(Option<OperatorId>),
    /// The operator signs out.
    SignOut,
    /// The seat takes calls.
    Ready,
    /// The seat takes no calls, for this reason.
    NotReady(AwayReason),
    /// Call pick-up: the seat takes the call that waits longest, of this queue or of all.
    PickUp(Option<QueueId>),
    /// The digits begin like a feature code and are none.
    Unassigned,
}

/// The feature codes of the configuration.
#[derive(Debug, Clone)]
pub struct FeatureCodes {
    codes: Codes,
    queues: HashMap<String, QueueId>,
}

impl FeatureCodes {
    /// The codes of `config`.
    pub fn new(config: &Config) -> FeatureCodes {
        let queues = config.queues.iter().filter_map(|q| Some((q.code.clone()?, q.name.clone())));
        FeatureCodes { codes: config.codes.clone(), queues: queues.collect() }
    }

    /// The feature code that is dialled; `None` when the digits begin like none.
    pub fn read(&self, dialled: &str) -> Option<FeatureCode> {
        let codes = &self.codes;
        let after = |code: &str| dialled.strip_prefix(code);
        Some(if let Some(rest) = after(&codes.sign_in) {
            sign_in(rest)
        } else if let Some(rest) = after(&codes.not_ready) {
            not_ready(rest)
        } else if let Some(rest) = after(&codes.pick_up) {
            self.pick_up(rest)
        } else {
            match dialled {
                d if d == codes.sign_out => FeatureCode::SignOut,
                d if d == codes.ready => FeatureCode::Ready,
                _ => return None,
            }
        })
    }

    fn pick_up(&self, rest: &str) -> FeatureCode {
        match self.queues.get(rest) {
            Some(queue) => FeatureCode::PickUp(Some(queue.clone())),
            None if rest.is_empty() => FeatureCode::PickUp(None),
            None => FeatureCode::Unassigned,
        }
    }
}

fn sign_in(rest: &str) -> FeatureCode {
    match rest.strip_prefix('*') {
        None if rest.is_empty() => FeatureCode::SignIn(None),
        Some(operator) if is_operator_number(operator) => {
            FeatureCode::SignIn(Some(OperatorId::from(operator)))
        }
        Some(_) | None => FeatureCode::Unassigned,
    }
}

fn not_ready(rest: &str) -> FeatureCode {
    match (rest.chars().next(), rest.len()) {
        (None, _) => FeatureCode::NotReady(AwayReason::Unnamed),
        (Some(digit), 1) => {
            AwayReason::of_digit(digit).map_or(FeatureCode::Unassigned, FeatureCode::NotReady)
        }
        (Some(_), _) => FeatureCode::Unassigned,
    }
}
