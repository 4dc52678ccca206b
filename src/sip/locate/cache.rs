//! What the domain name system has said, for as long as it holds.

use super::{Answer, Query, Record};
use crate::time::{Duration, Mono};
use std::collections::HashMap;

/// Most answers kept. Trunks have a handful of targets of a handful of names each; the one that ends first makes room.
pub const KNOWN: usize = 1024;

/// An answer holds at least this long, whatever its time to live: a search must come to its end with it.
pub const SHORTEST: Duration = Duration::from_secs(5);

/// An answer holds at most this long, so that a mistake at a domain does not outlive a working day here.
pub const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// A negative answer holds at most this long (RFC 2308 section 5 asks for a limit).
pub const NOTHING: Duration = Duration::from_secs(300);

/// When no server answers, what was known stays good for this long, again and again, up to [`STALE`].
pub(super) const RENEWED: Duration = Duration::from_secs(30);

/// How long after its end an answer may still stand in for servers that fail (RFC 8767 speaks of days; a carrier's
/// hosts rarely move, and a hotline that loses its name server should still dial).
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Most records kept of one answer.
const RECORDS: usize = 32;

#[derive(Debug)]
struct Kept {
    /// `None`: no server said anything, and nothing was known before.
    records: Option<Vec<Record>>,
    until: Mono,
    /// Until when it may stand in when servers fail.
    at_most: Mono,
}

/// Which answers a walk may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Answers that hold.
    Fresh,
    /// Answers that may stand in for servers that fail as well.
    Old,
}

/// What is known of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known<'a> {
    /// A value, until then; and until when it may stand in.
    Records(&'a [Record], Mono, Mono),
    /// The question was asked a moment ago, and no server answered.
    Failed(Mono),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Cache {
    kept: HashMap<Query, Kept>,
}

impl Cache {
    pub(super) fn learn(&mut self, now: Mono, query: Query, answer: Answer) {
        let kept = match (answer, self.kept.remove(&query)) {
            (Answer::Records(mut records, life), _) => {
                records.truncate(RECORDS);
                let most = if records.is_empty() { NOTHING } else { LONGEST };
                let until = now + life.clamp(SHORTEST, most);
                // That there is nothing stands in as well: most domains have no NAPTR, and a search goes on from there.
                Kept { records: Some(records), until, at_most: until + STALE }
            }
            (Answer::Failed, Some(old)) if old.at_most > now => Kept { until: now + RENEWED, ..old },
            (Answer::Failed, _) => Kept { records: None, until: now + SHORTEST, at_most: now + SHORTEST },
        };
        if self.kept.len() >= KNOWN {
            let first =
                self.kept.iter().min_by_key(|(query, kept)| (kept.until, *query)).map(|(q, _)| q.clone());
            first.map(|query| self.kept.remove(&query));
        }
        self.kept.insert(query, kept);
    }

    /// What is known; `None` when that must be asked.
    pub(super) fn get(&self, now: Mono, query: &Query, wanted: Use) -> Option<Known<'_>> {
        let kept = self.kept.get(query)?;
        let end = if wanted == Use::Fresh { kept.until } else { kept.at_most };
        let known = match &kept.records {
            Some(records) => Known::Records(records, kept.until, kept.at_most),
            None => Known::Failed(kept.until),
        };
        (end > now).then_some(known)
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }
}
