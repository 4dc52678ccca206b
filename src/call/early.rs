//! The dialogs an INVITE of ours may become before it is answered: one for each phone behind the address (RFC 3261
//! section 12.1.2), with the reliable provisional responses of each acknowledged in order (RFC 3262 section 4) and the
//! description each gave. A part of any leg that calls somebody.

use super::arrival;
use crate::sdp::{self, Codec, Negotiated};
use crate::sip::reliable::{Heard, Order};
use crate::sip::{Dialog, Flow, Inside, Message, Method, Outgoing};

/// At most this many early dialogs of one INVITE; a phone number with more phones behind it has the rest answered by
/// its final response alone.
const MOST: usize = 8;

/// The early dialogs of one INVITE of ours.
#[derive(Debug, Default)]
pub struct EarlyDialogs(Vec<Early>);

#[derive(Debug)]
struct Early {
    dialog: Dialog,
    heard: Heard,
    /// The answer a reliable response brought: no later one counts (RFC 3261 section 13.2.1).
    settled: Option<Negotiated>,
}

/// What a provisional response brings.
#[derive(Debug, Default)]
pub struct Progress {
    /// It is news: neither a repetition nor out of order.
    pub is_new: bool,
    /// The PRACK to send.
    pub prack: Option<(Flow, Outgoing)>,
    /// The peer's side of the media, for sound before the answer.
    pub described: Option<Negotiated>,
}

impl EarlyDialogs {
    /// Takes a provisional response to `invite`, which offered `codecs`.
    pub fn hear(
        &mut self,
        invite: &Outgoing,
        codecs: &[Codec],
        (flow, inside): (Flow, Inside),
        response: &Message,
    ) -> Progress {
        let news = Progress { is_new: true, ..Progress::default() };
        let Some(tag) = response.to_tag() else { return news };
        let at = match self.0.iter().position(|e| e.dialog.remote_tag() == tag) {
            Some(at) => at,
            None => {
                let dialog = Dialog::uac(invite, flow, response).filter(|_| self.0.len() < MOST);
                let Some(dialog) = dialog else { return news };
                let dialog = dialog.going(inside);
                self.0.push(Early { dialog, heard: Heard::default(), settled: None });
                self.0.len() - 1
            }
        };
        let Some(early) = self.0.get_mut(at) else { return news };
        let order = early.heard.hear(response);
        if order == Order::Ignored {
            return Progress::default();
        }
        let answer = arrival::described(response).and_then(|a| sdp::accepted(codecs, &a).ok());
        let described = if early.settled.is_none() { answer } else { None };
        let prack = match order {
            Order::Next(rack) => {
                early.settled = early.settled.or(answer);
                let request = early.dialog.request(Method::Prack).with("RAck", rack);
                Some((early.dialog.flow(), request))
            }
            Order::Unreliable | Order::Ignored => None,
        };
        Progress { is_new: true, prack, described }
    }

    /// The dialog a 2xx to `invite` begins, and the answer that was settled before it.
    pub fn confirm(
        &mut self,
        invite: &Outgoing,
        (flow, inside): (Flow, Inside),
        response: &Message,
    ) -> Option<(Dialog, Option<Negotiated>)> {
        let confirmed = Dialog::uac(invite, flow, response)?.going(inside);
        let at = self.0.iter().position(|e| Some(e.dialog.remote_tag()) == response.to_tag());
        Some(match at {
            Some(at) => {
                let early = self.0.swap_remove(at);
                (confirmed.continuing(&early.dialog), early.settled)
            }
            None => (confirmed, None),
        })
    }

    /// Whether the peer that has this tag still owes the answer to the offer of our INVITE.
    pub fn owes_answer(&self, tag: &str) -> bool {
        self.0.iter().any(|e| e.dialog.remote_tag() == tag && e.settled.is_none())
    }

    /// What an UPDATE of that peer came to: it is what counts when the answer says nothing of the media.
    pub fn settle(&mut self, tag: &str, agreed: Negotiated) {
        if let Some(early) = self.0.iter_mut().find(|e| e.dialog.remote_tag() == tag) {
            early.settled = Some(agreed);
        }
    }

    /// The early dialog with the peer that has this tag.
    pub fn with(&mut self, tag: &str) -> Option<&mut Dialog> {
        self.0.iter_mut().find(|e| e.dialog.remote_tag() == tag).map(|e| &mut e.dialog)
    }

    /// The same, to be looked at.
    pub fn get(&self, tag: &str) -> Option<&Dialog> {
        self.0.iter().find(|e| e.dialog.remote_tag() == tag).map(|e| &e.dialog)
    }

    /// The INVITE is asked anew: nothing of the first counts.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// The answer in a 2xx to an INVITE of ours that offered `codecs`; one settled before wins.
pub fn answer_of(settled: Option<Negotiated>, codecs: &[Codec], response: &Message) -> Option<Negotiated> {
    settled.or_else(|| arrival::described(response).and_then(|a| sdp::accepted(codecs, &a).ok()))
}
