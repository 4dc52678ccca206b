//! Where a stream begins, and what a cursor that leads nowhere costs.

use super::super::store::{Reader, StoreError};
use super::convert;
use crate::event::wire::v1::{self, start_position::Position};
use crate::id::LogId;
use tonic::Status;

/// Where to begin: after this position, with a gap before it when there is one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Begin {
    pub after: u64,
    pub gap: Option<v1::Gap>,
}

impl Begin {
    fn at(after: u64) -> Begin {
        Begin { after, gap: None }
    }
}

/// The journal a position is looked up in.
#[derive(Clone)]
pub(super) struct Log {
    pub id: LogId,
    pub head: u64,
    pub reader: Reader,
}

impl Log {
    /// Where `asked` begins; `stored` is the ack of a named subscription, for `resume`. Blocks on the disk.
    pub(super) fn begin(
        &self,
        asked: Option<&v1::StartPosition>,
        stored: Option<u64>,
    ) -> Result<Begin, StoreError> {
        let position = asked.and_then(|a| a.position.as_ref());
        match position {
            None | Some(Position::Resume(())) => Ok(match stored {
                Some(acked) => self.after(acked),
                None => Begin::at(self.head),
            }),
            Some(Position::Latest(())) => Ok(Begin::at(self.head)),
            Some(Position::Earliest(())) => Ok(Begin::at(self.before_earliest()?)),
            Some(Position::Since(at)) => Ok(Begin::at(self.reader.position_before(convert::wall(at))?)),
            Some(Position::After(cursor)) => self.after_cursor(cursor),
        }
    }

    /// After a cursor a consumer held. One without a `log_id` means this journal, whichever it is.
    pub(super) fn after_cursor(&self, cursor: &v1::Cursor) -> Result<Begin, StoreError> {
        if cursor.log_id.is_empty() || cursor.log_id.parse() == Ok(self.id) {
            return Ok(self.after(cursor.position));
        }
        let after = self.before_earliest()?;
        Ok(self.gap(cursor.clone(), after, v1::GapReason::OtherLog))
    }

    fn after(&self, position: u64) -> Begin {
        if position <= self.head {
            return Begin::at(position);
        }
        let from = convert::cursor(&self.id.to_string(), position);
        self.gap(from, self.head, v1::GapReason::PastHead)
    }

    fn gap(&self, from: v1::Cursor, after: u64, reason: v1::GapReason) -> Begin {
        let gap = v1::Gap {
            from_cursor: Some(from),
            to_cursor: Some(convert::cursor(&self.id.to_string(), after)),
            reason: reason.into(),
        };
        Begin { after, gap: Some(gap) }
    }

    fn before_earliest(&self) -> Result<u64, StoreError> {
        Ok(self.reader.earliest()?.map_or(self.head, |first| first - 1))
    }

    /// The gap between `after` and `first`, the next event there is.
    pub(super) fn missing(&self, after: u64, first: u64, earliest: u64) -> v1::Gap {
        let reason = if first == earliest { v1::GapReason::Retention } else { v1::GapReason::Lost };
        let id = self.id.to_string();
        v1::Gap {
            from_cursor: Some(convert::cursor(&id, after)),
            to_cursor: Some(convert::cursor(&id, first - 1)),
            reason: reason.into(),
        }
    }
}

/// The name of a subscription: 1 to 64 of `a-z A-Z 0-9 . _ -`.
pub(super) fn check_name(name: &str) -> Result<(), Status> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        Ok(())
    } else {
        Err(Status::invalid_argument("a subscription's name is 1 to 64 of a-z A-Z 0-9 . _ -"))
    }
}
