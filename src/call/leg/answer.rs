//! Our answers to a peer's INVITE: ringing, early media, the PRACK for either, the 200 OK, the refusal. Here, and nowhere
//! else, an 18x and the 200 OK of an INVITE are built.

use super::conduct::Awaited;
use super::description::described;
use super::media::Unanswerable;
use super::output::{Cx, GivenUp, Output};
use super::state::{Began, Confirmed, Leg, Signalling};
use super::uas::{AnswerOutcome, EarlyDescription, Reliably, Ring, Uas, UasEarlyDialog};
use crate::call::rules::RETRY_AFTER;
use crate::sdp;
use crate::sip::reliable::{ProvisionalAcked, ProvisionalBody};
use crate::sip::{Cause, Dialog, Message, Outgoing, ServerTx, Status, option_tag};

impl Leg {
    /// Says 180, or 183 with our side of early media. What must carry a description waits for the port.
    pub fn ring(&mut self, Ring { early_media, reliably }: Ring, cx: &mut Cx<'_>) {
        let Signalling::Invited(uas) = &mut self.signalling else { return };
        let required = option_tag::requires(&uas.invite, "100rel");
        let wanted = match reliably {
            // What must be reliable is not said otherwise: the answer itself is what counts (RFC 3262 section 3).
            Reliably::Never if required => return,
            Reliably::Never => false,
            Reliably::IfRequired => required,
            Reliably::IfSupported => true,
        };
        let reliable = wanted && self.conduct.speaks_reliably();
        // The first reliable response to an INVITE without an offer brings ours (RFC 3262 section 5).
        let describes = if uas.offer.is_some() { early_media } else { reliable };
        let (mut said, mut body, mut agreed) = (None, None, None);
        match (&uas.offer, uas.early.as_ref().map(|early| &early.said)) {
            _ if !describes => {}
            (_, Some(EarlyDescription::Unreliably(text))) => body = Some(text.clone()),
            (_, Some(EarlyDescription::Reliably | EarlyDescription::Offered(_))) => {}
            (Some(offer), Some(EarlyDescription::Nothing) | None) => {
                match self.media.answer(cx.rules, uas.flow, offer) {
                    Some(Ok((text, negotiated))) => {
                        said = Some(if reliable {
                            EarlyDescription::Reliably
                        } else {
                            EarlyDescription::Unreliably(text.clone())
                        });
                        (body, agreed) = (Some(text), Some(negotiated));
                    }
                    // The 488 is the answer's matter.
                    Some(Err(_)) | None => return,
                }
            }
            (None, Some(EarlyDescription::Nothing) | None) => {
                let codecs = self.conduct.peer.codecs.clone();
                let Some((text, offered)) = self.media.offer(cx.rules, uas.flow, &codecs) else { return };
                (said, body) = (Some(EarlyDescription::Offered(offered)), Some(text));
            }
        }
        let tag = self.id.to_string();
        let contact = cx.rules.contact(&uas.flow, &uas.invite);
        // The first response with a To tag fixes the early dialog; all later ones are of the same (RFC 3261 section
        // 12.1.1).
        if uas.early.is_none() {
            let Some(dialog) = Dialog::uas(&uas.invite, uas.flow, &tag, &contact) else { return };
            let dialog = dialog.going(self.liveness.inside);
            uas.early = Some(Box::new(UasEarlyDialog { dialog, said: EarlyDescription::Nothing }));
        }
        if let (Some(early), Some(said)) = (&mut uas.early, said) {
            early.said = said;
        }
        let status = if early_media && describes { Status::SESSION_PROGRESS } else { Status::RINGING };
        let mut response = Outgoing::response(&uas.invite, status, Some(&tag))
            .with("Contact", contact)
            .with("Allow", self.conduct.allow());
        let carries = if body.is_some() { ProvisionalBody::Description } else { ProvisionalBody::Nothing };
        if let Some(body) = body {
            response = response.body("application/sdp", body);
        }
        let (tx, cseq) = (uas.tx, uas.invite.cseq().0);
        let response = match reliable {
            true => self.conduct.provisionals.send(cx.now.mono, cseq, response, carries),
            false => Some(response),
        };
        if let Some(response) = response {
            cx.respond(tx, response);
        }
        if let Some(agreed) = agreed {
            cx.media(self.media.agree(agreed));
            cx.say(Output::EarlyMediaAgreed);
        }
    }

    /// Answers the INVITE with 200 OK and `headers`: once the port is ours, and what was said reliably of the media is
    /// acknowledged (RFC 3262 section 3).
    pub fn answer(&mut self, headers: Vec<(&'static str, String)>, cx: &mut Cx<'_>) -> AnswerOutcome {
        let Signalling::Invited(uas) = &self.signalling else { return AnswerOutcome::NotYet };
        if self.conduct.provisionals.hold_back_answer() {
            return AnswerOutcome::NotYet;
        }
        let (tx, flow, cseq) = (uas.tx, uas.flow, uas.invite.cseq().0);
        let said = uas.said().cloned().unwrap_or(EarlyDescription::Nothing);
        let (mut agreed, mut awaited) = (None, Awaited::Ack { cseq });
        // A description is said once: after a reliable 18x the 200 OK has none, after an unreliable one the same
        // again (RFC 3261 section 13.2.1).
        let body = match (said, &uas.offer) {
            (EarlyDescription::Reliably | EarlyDescription::Offered(_), _) => None,
            (EarlyDescription::Unreliably(body), _) => Some(body),
            (EarlyDescription::Nothing, Some(offer)) => match self.media.answer(cx.rules, flow, offer) {
                Some(Ok((body, negotiated))) => {
                    agreed = Some(negotiated);
                    Some(body)
                }
                Some(Err(Unanswerable::Codecs | Unanswerable::Family)) => return AnswerOutcome::BadMedia,
                None => return AnswerOutcome::NotYet,
            },
            (EarlyDescription::Nothing, None) => {
                let codecs = self.conduct.peer.codecs.clone();
                let Some((body, offered)) = self.media.offer(cx.rules, flow, &codecs) else {
                    return AnswerOutcome::NotYet;
                };
                awaited = Awaited::Answer { cseq, offered };
                Some(body)
            }
        };
        let tag = self.id.to_string();
        let contact = cx.rules.contact(&flow, &uas.invite);
        let dialog = match &uas.early {
            Some(early) => Some(early.dialog.clone()),
            None => Dialog::uas(&uas.invite, flow, &tag, &contact).map(|d| d.going(self.liveness.inside)),
        };
        let Some(dialog) = dialog.map(Box::new) else { return AnswerOutcome::NoTarget };
        let ok = self.conduct.ok(&uas.invite, Some(&tag), contact);
        let ok = headers.into_iter().fold(ok, |ok, (name, value)| ok.with(name, value));
        let mut ok = self.conduct.accept(cx.now.mono, &uas.invite, ok);
        if let Some(body) = body {
            ok = ok.body("application/sdp", body);
        }
        // After the final response no reliable one is sent or awaited any more (RFC 3262 section 3).
        self.conduct.provisionals.finish();
        self.conduct.ack = awaited;
        cx.respond(tx, ok);
        self.signalling = Signalling::Confirmed(Confirmed { dialog, began: Began::ByPeer });
        if let Some(agreed) = agreed {
            cx.media(self.media.agree(agreed));
        }
        self.set_trunk_rtp_timeout(cx);
        AnswerOutcome::Done
    }

    /// Refuses the INVITE, if it is not answered yet, and gives the port back.
    pub fn reject(&mut self, status: Status, cx: &mut Cx<'_>) {
        let Signalling::Invited(uas) = &self.signalling else { return };
        let mut response = Outgoing::response(&uas.invite, status, Some(&self.id.to_string()));
        // Without Retry-After the peer takes a 503 for a 500 (RFC 3261 section 21.5.4).
        if status == Status::SERVICE_UNAVAILABLE {
            response = response.with("Retry-After", RETRY_AFTER);
        }
        cx.respond(uas.tx, response);
        // The ACK of a refusal belongs to the transaction (RFC 3261 section 17.2.1): nothing is left for the leg.
        self.signalling = Signalling::Terminated;
        self.close_media(cx);
    }

    /// The peer took its INVITE back before our final response. A CANCEL itself is answered.
    pub fn cancelled(&mut self, cause: Cause, cx: &mut Cx<'_>) {
        self.given_up(GivenUp::Cancelled, cause, cx);
    }

    /// 487 to the INVITE, if it is not answered yet.
    pub(super) fn given_up(&mut self, how: GivenUp, cause: Cause, cx: &mut Cx<'_>) {
        if self.is_invited() {
            self.reject(Status::REQUEST_TERMINATED, cx);
            cx.say(Output::GivenUp { how, cause });
        }
    }

    /// A PRACK for a reliable provisional response of ours; it may carry the answer to our offer, or an offer.
    pub(super) fn pracked(&mut self, tx: ServerTx, prack: &Message, cx: &mut Cx<'_>) {
        let Some(ProvisionalAcked { next }) = self.conduct.provisionals.acknowledged(cx.now.mono, prack)
        else {
            let status =
                if prack.header("RAck").is_some() { Status::NO_SUCH_CALL } else { Status::BAD_REQUEST };
            return cx.respond(tx, Outgoing::response(prack, status, None));
        };
        let Signalling::Invited(Uas { tx: invite, flow, early: Some(early), .. }) = &mut self.signalling
        else {
            // The final response crossed the PRACK, which still acknowledges a response that was sent.
            return cx.respond(tx, Outgoing::response(prack, Status::OK, None));
        };
        // One reliable response at a time: the next leaves when this one is acknowledged (RFC 3262 section 3).
        if let Some(next) = next {
            cx.respond(*invite, next);
        }
        let description = described(prack, *flow);
        let mut ok = Outgoing::response(prack, Status::OK, None);
        let agreed = match (&early.said, description) {
            // Our offer went in the 18x, so the PRACK must bring the answer (RFC 3262 section 5).
            (EarlyDescription::Offered(offered), answer) => {
                let answer = answer.and_then(|answer| sdp::accepted(offered, &answer).ok());
                if answer.is_none() {
                    cx.respond(tx, Outgoing::response(prack, Status::NOT_ACCEPTABLE_HERE, None));
                    return cx.say(Output::Unanswerable);
                }
                early.said = EarlyDescription::Reliably;
                answer
            }
            // Offer and answer are complete, so a description in PRACK is a new offer (RFC 3262 section 5).
            (EarlyDescription::Reliably, Some(offer)) => match self.media.answer(cx.rules, *flow, &offer) {
                Some(Ok((body, negotiated))) => {
                    ok = ok.body("application/sdp", body);
                    Some(negotiated)
                }
                Some(Err(why)) => return cx.respond(tx, why.refusal(prack)),
                None => return cx.respond(tx, Outgoing::response(prack, Status::NOT_ACCEPTABLE_HERE, None)),
            },
            (EarlyDescription::Reliably, None)
            | (EarlyDescription::Nothing | EarlyDescription::Unreliably(_), _) => None,
        };
        cx.respond(tx, ok);
        if let Some(agreed) = agreed {
            cx.media(self.media.agree(agreed));
            cx.say(Output::EarlyMediaAgreed);
        }
        cx.say(Output::MayBeAnswered);
    }
}
