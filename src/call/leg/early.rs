//! The dialogs an INVITE of ours may become before it is answered: one for each phone behind the address (RFC 3261
//! section 12.1.2), with the reliable provisional responses of each acknowledged in order (RFC 3262 section 4) and the
//! description each gave. A part of any leg that calls a party.

use super::description::described;
use crate::sdp::{self, Negotiated, Offered};
use crate::sip::reliable::{Order, ProvisionalHeard};
use crate::sip::{Dialog, Flow, Inside, Message, Method, Outgoing};

/// At most this many early dialogs of one INVITE; a phone number with more phones behind it has the rest answered by
/// its final response alone.
const MOST: usize = 8;

/// The early dialogs of one INVITE of ours.
#[derive(Debug, Default)]
pub(super) struct EarlyDialogs(Vec<EarlyDialog>);

#[derive(Debug)]
struct EarlyDialog {
    dialog: Dialog,
    heard: ProvisionalHeard,
    answer: Answer,
}

/// The peer's answer to the offer of our INVITE, as far as one early dialog has brought it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Answer {
    /// None yet.
    #[default]
    Owed,
    /// An unreliable response described this last. It stands when the 2xx says nothing of the media; a description of the
    /// 2xx takes its place: carriers that send an announcement before the answer move the audio there.
    Told(Negotiated),
    /// A reliable response brought this: no later one counts (RFC 3261 section 13.2.1).
    Settled(Negotiated),
}

/// What a provisional response brings.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The response is news: neither a repetition nor out of order.
    pub is_new: bool,
    /// The PRACK to send.
    pub prack: Option<(Flow, Outgoing)>,
    /// The peer's side of the media, for sound before the answer.
    pub described: Option<Negotiated>,
}

impl EarlyDialogs {
    /// Takes a provisional response to `invite`, which made this offer.
    pub(super) fn hear(
        &mut self,
        invite: &Outgoing,
        offered: &Offered,
        flow: Flow,
        inside: Inside,
        response: &Message,
    ) -> Progress {
        let news = Progress { is_new: true, ..Progress::default() };
        // Without a To tag there is no dialog, and nothing to acknowledge in it (RFC 3261 section 12.1.2).
        let Some(tag) = response.to_tag() else { return news };
        let at = match self.0.iter().position(|e| e.dialog.remote_tag() == tag) {
            Some(at) => at,
            None => {
                let dialog = Dialog::uac(invite, flow, response).filter(|_| self.0.len() < MOST);
                let Some(dialog) = dialog else { return news };
                let dialog = dialog.going(inside);
                self.0.push(EarlyDialog { dialog, heard: ProvisionalHeard::default(), answer: Answer::Owed });
                self.0.len() - 1
            }
        };
        let Some(early) = self.0.get_mut(at) else { return news };
        let order = early.heard.hear(response);
        // A retransmission, or one that came too early: PRACK goes by the order of RSeq (RFC 3262 section 4).
        if order == Order::Ignored {
            return Progress::default();
        }
        let answer = described(response, flow).and_then(|a| sdp::accepted(offered, &a).ok());
        // The first description in a reliable response is the answer; later ones are no descriptions (RFC 3261
        // section 13.2.1).
        let described = if matches!(early.answer, Answer::Settled(_)) { None } else { answer };
        if let Some(described) = described {
            early.answer = match order {
                Order::Next(_) => Answer::Settled(described),
                Order::Unreliable | Order::Ignored => Answer::Told(described),
            };
        }
        let prack = match order {
            Order::Next(rack) => {
                let request = early.dialog.request(Method::Prack).with("RAck", rack);
                Some((early.dialog.flow(), request))
            }
            Order::Unreliable | Order::Ignored => None,
        };
        Progress { is_new: true, prack, described }
    }

    /// The dialog a 2xx to `invite` begins, and what that dialog has brought of the answer before: the description of
    /// another phone behind the address is not its (RFC 3261 section 12.1.2).
    pub(super) fn confirm(
        &mut self,
        invite: &Outgoing,
        flow: Flow,
        inside: Inside,
        response: &Message,
    ) -> Option<(Dialog, Answer)> {
        let confirmed = Dialog::uac(invite, flow, response)?.going(inside);
        let at = self.0.iter().position(|e| Some(e.dialog.remote_tag()) == response.to_tag());
        Some(match at {
            Some(at) => {
                let early = self.0.swap_remove(at);
                (confirmed.continuing(&early.dialog), early.answer)
            }
            None => (confirmed, Answer::Owed),
        })
    }

    /// Whether the peer that has this tag still owes the answer to the offer of our INVITE.
    pub(super) fn owes_answer(&self, tag: &str) -> bool {
        self.0.iter().any(|e| e.dialog.remote_tag() == tag && !matches!(e.answer, Answer::Settled(_)))
    }

    /// What an UPDATE of that peer came to: it is what counts when the answer says nothing of the media.
    pub(super) fn settle(&mut self, tag: &str, agreed: Negotiated) {
        if let Some(early) = self.0.iter_mut().find(|e| e.dialog.remote_tag() == tag) {
            early.answer = Answer::Settled(agreed);
        }
    }

    /// The early dialog with the peer that has this tag.
    pub(super) fn with(&mut self, tag: &str) -> Option<&mut Dialog> {
        self.0.iter_mut().find(|e| e.dialog.remote_tag() == tag).map(|e| &mut e.dialog)
    }

    /// The same, to be looked at.
    pub(super) fn get(&self, tag: &str) -> Option<&Dialog> {
        self.0.iter().find(|e| e.dialog.remote_tag() == tag).map(|e| &e.dialog)
    }

    /// The INVITE is asked anew: nothing of the first counts.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The answer that counts when a 2xx comes to an INVITE of ours that made this offer.
pub(super) fn answer_of(
    before: Answer,
    offered: &Offered,
    flow: Flow,
    response: &Message,
) -> Option<Negotiated> {
    match before {
        Answer::Settled(agreed) => Some(agreed),
        // Some carriers describe in an unreliable 18x and leave the 2xx empty: what they said then counts.
        Answer::Told(agreed) if response.body().is_empty() => Some(agreed),
        Answer::Told(_) | Answer::Owed => {
            described(response, flow).and_then(|a| sdp::accepted(offered, &a).ok())
        }
    }
}
