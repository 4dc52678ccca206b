//! The block list at work: asked at each new call, changed from outside, and by a number that calls too often.

use super::ports::BlockChange;
use super::refusals::RefusalCause;
use super::{Gateway, Output};
use crate::call::{Refusal, ServiceRules};
use crate::caller::{BlockAction, BlockEntry, BlockList, HistoryKey, HistorySecret, SLOW_ANSWER, SLOWED};
use crate::event::{BlockListChange, BlockReason, Caller, RefusalReason, What};
use crate::redact::{Pii, masked_number};
use crate::sip::Status;
use crate::sip::access::PeerClass;
use crate::time::Now;
use std::sync::Arc;

/// What is known of callers before their call is taken.
#[derive(Debug)]
pub(super) struct Callers {
    pub(super) block_list: BlockList,
    /// The key of the caller history.
    pub(super) history_key: HistorySecret,
}

impl Callers {
    pub(super) fn new(slow_after: u32, history_key: HistorySecret) -> Callers {
        Callers { block_list: BlockList::new(slow_after), history_key }
    }
}

impl Gateway {
    pub(super) fn block_list_changed(&mut self, now: Now, change: BlockChange, out: &mut Vec<Output>) {
        match change {
            BlockChange::Loaded(entries) => {
                for entry in entries {
                    // The store holds no more than the list.
                    let _ = self.callers.block_list.add(now.wall, entry);
                }
            }
            BlockChange::Added(entry) => self.list(now, entry, out),
            BlockChange::Removed { key, by } => {
                if let Some(entry) = self.callers.block_list.remove(&key) {
                    self.tell_list(now, &BlockEntry { by, ..entry }, BlockListChange::Removed, out);
                }
            }
        }
    }

    fn list(&mut self, now: Now, entry: BlockEntry, out: &mut Vec<Output>) {
        let change = entry.action.into();
        if self.callers.block_list.add(now.wall, entry.clone()).is_ok() {
            self.tell_list(now, &entry, change, out);
        }
    }

    fn tell_list(&mut self, now: Now, entry: &BlockEntry, change: BlockListChange, out: &mut Vec<Output>) {
        let what = What::BlockListChanged {
            masked_number: entry.masked.clone(),
            change,
            until: entry.until,
            reason: entry.reason.clone(),
            by: entry.by.clone(),
        };
        self.tell(now, what, out);
    }

    /// A caller's call begins: whether it is refused. A caller that called too often is slowed from here on.
    pub(super) fn nuisance(
        &mut self,
        now: Now,
        caller: &Caller,
        key: Option<HistoryKey>,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let Some(key) = key else { return Ok(()) };
        if self.callers.block_list.called(now, key) {
            let number = caller.e164.as_ref().unwrap_or(&caller.raw).reveal();
            let entry = BlockEntry {
                key,
                masked: masked_number(number).into(),
                action: BlockAction::Slow,
                until: now.wall + SLOWED,
                reason: BlockReason::CalledTooOften,
                by: "automatic".into(),
                added_at: now.wall,
            };
            out.push(Output::Block(entry.clone()));
            self.list(now, entry, out);
        }
        match self.callers.block_list.of(now.wall, &key).map(|e| e.action) {
            Some(BlockAction::Block) => {
                self.access.refusals.count(PeerClass::Trunk, RefusalCause::Blocked);
                Err(Refusal::new(RefusalReason::Blocked, Status::DECLINE))
            }
            Some(BlockAction::Slow | BlockAction::Warn) | None => Ok(()),
        }
    }

    /// The rules of a service as they hold for this caller: one who is slowed hears ringing longer before the answer.
    pub(super) fn service_for(
        &self,
        now: Now,
        key: Option<HistoryKey>,
        service: Arc<ServiceRules>,
    ) -> Arc<ServiceRules> {
        let slowed = key.and_then(|key| self.callers.block_list.of(now.wall, &key)).map(|e| e.action);
        if slowed != Some(BlockAction::Slow) || service.answer_delay >= SLOW_ANSWER {
            return service;
        }
        Arc::new(ServiceRules { answer_delay: SLOW_ANSWER, ..(*service).clone() })
    }

    /// What is said of a caller who is on the list, beside what else is known of the caller.
    pub(super) fn marks_of(&self, now: Now, key: Option<HistoryKey>) -> Vec<(Arc<str>, Pii<String>)> {
        let entry = key.and_then(|key| self.callers.block_list.of(now.wall, &key));
        let mark =
            entry.map(|e| (Arc::from("block_list"), Pii::new(format!("{}: {}", e.action.name(), e.reason))));
        mark.into_iter().collect()
    }
}
