//! An INVITE from a seat's phone, outside any dialog: what it dialled decides what becomes of it.

use super::codes::Asked;
use super::{Gateway, Output};
use crate::id::SeatId;
use crate::sip::Uri;
use crate::time::Now;

impl Gateway {
    /// `seat` dials. Who it says it is (From, P-Asserted-Identity) does not matter: the door knows.
    pub(super) fn seat_dials(&mut self, now: Now, seat: SeatId, asked: Asked, out: &mut Vec<Output>) {
        let dialled = Uri::parse(asked.invite.uri()).ok().and_then(|u| u.user_text()).unwrap_or_default();
        if let Some(word) = self.directory.word(&dialled) {
            return self.word_from(now, seat, word, asked, out);
        }
        self.refuse_seat(now, &asked, 403, "seats cannot dial yet");
    }
}
