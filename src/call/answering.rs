//! Our answers to the citizen's INVITE: ringing, sound before the answer, the PRACK for either, and the 200 OK.

use super::arrival;
use super::caller_leg::{CallerSignalling, MediaSide};
use super::conduct::Awaited;
use super::inputs::{Output, Reason};
use super::machine::{Call, Sound, Stage};
use super::requests::respond;
use super::story::Cx;
use crate::acd;
use crate::event::{CallState, EndReason, EndedBy, RefusalReason, What};
use crate::id::LegId;
use crate::sdp::{self, Offered};
use crate::sip::reliable::{self, Carries};
use crate::sip::{Dialog, Message, Outgoing, ServerTx, option_tag};
use crate::time::{Duration, Mono, Now};

/// The dialog before our answer, and what was said in it.
#[derive(Debug)]
pub struct Early {
    /// The dialog, which the 200 OK confirms.
    pub dialog: Dialog,
    /// What was said of the media.
    pub said: Said,
}

/// What was said of the media before the 200 OK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Our answer, in a response that may have been lost: the 200 OK repeats it word for word.
    Unreliably(String),
    /// Our answer, or our offer and the peer's answer: the 200 OK says nothing of it.
    Reliably,
    /// Our offer; the answer comes in the PRACK.
    Offered(Offered),
}

/// The wait for an operator: that of the newest visit to the queue, as the visit's events have it. It ends with the first
/// word an operator speaks, and a caller who comes back waits anew.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wait {
    /// None yet, or never.
    Not,
    /// It goes on since then.
    Since(Mono),
    /// It took so long.
    Over(Duration),
}

impl Call {
    /// The time in the queue, so far or in all.
    pub(super) fn waited(&self, now: Now) -> Duration {
        match self.wait {
            Wait::Not => Duration::ZERO,
            Wait::Since(entered) => now.mono.since(entered),
            Wait::Over(took) => took,
        }
    }

    /// Rings the trunk while the answer is delayed; lets it hear us already where its profile says so. What must carry a
    /// description waits for the port.
    pub(super) fn ring(&mut self, cx: &mut Cx<'_>) {
        let delayed = self.deadlines.contains(Reason::AnswerDelay);
        let caller = &mut self.caller;
        let CallerSignalling::Unanswered { tx, invite, flow, offer, early } = &mut caller.signalling else {
            return;
        };
        let sound = caller.conduct.peer.early_media;
        if early.is_some() || !(delayed || sound) {
            return;
        }
        let must = option_tag::requires(invite, "100rel");
        let reliable = caller.conduct.speaks_reliably() && (delayed || must);
        // The first reliable response to an INVITE without an offer brings ours (RFC 3262 section 5).
        let describes = if offer.is_some() { sound } else { reliable };
        if describes && !matches!(caller.media.side, MediaSide::Open { .. }) {
            return;
        }
        let (mut said, mut body, mut agreed) = (Said::Nothing, None, None);
        match offer {
            _ if !describes => {}
            Some(offer) => match caller.media.answer(cx.rules, *flow, offer) {
                Some(Ok((text, negotiated))) => {
                    said = if reliable { Said::Reliably } else { Said::Unreliably(text.clone()) };
                    (body, agreed) = (Some(text), Some(negotiated));
                }
                // The 488 is the answer's matter.
                Some(Err(_)) | None => return,
            },
            None => {
                let codecs = caller.conduct.peer.codecs.clone();
                let Some((text, offered)) = caller.media.offer(cx.rules, *flow, &codecs) else { return };
                body = Some(text);
                said = Said::Offered(offered);
            }
        }
        let tag = caller.id.to_string();
        let contact = cx.rules.contact(flow, invite);
        let Some(dialog) = Dialog::uas(invite, *flow, &tag, &contact) else { return };
        let status = if sound && describes { 183 } else { 180 };
        let allow = caller.conduct.allow();
        let mut response =
            Outgoing::response(invite, status, Some(&tag)).with("Contact", contact).with("Allow", allow);
        let carries = if body.is_some() { Carries::Description } else { Carries::Nothing };
        if let Some(body) = body {
            response = response.body("application/sdp", body);
        }
        let response = match reliable {
            true => caller.conduct.provisionals.send(cx.now.mono, invite.cseq().0, response, carries),
            false => Some(response),
        };
        cx.out.extend(response.map(|response| Output::Respond { tx: *tx, response }));
        *early = Some(Box::new(Early { dialog, said }));
        if let Some(agreed) = agreed {
            cx.out.push(Output::Media(caller.media.agree(agreed)));
            self.sound_before_answer(cx);
        }
    }

    /// The welcome begins before the answer, or the music does.
    fn sound_before_answer(&mut self, cx: &mut Cx<'_>) {
        if !self.caller.conduct.peer.early_media {
            return;
        }
        let sound = match self.service.welcome.clone() {
            Some(prompt) => Sound::Welcome(self.play(prompt.clone(), false, cx), prompt),
            None => {
                self.play_music(self.caller.id, cx);
                Sound::Music
            }
        };
        if let Stage::Arriving { sound: was, .. } = &mut self.stage {
            *was = sound;
        }
    }

    /// Answers once the beginning is on disk, the port is ours, the trunk has heard ringback, and what was said reliably
    /// of the media is acknowledged.
    pub(super) fn try_answer(&mut self, cx: &mut Cx<'_>) {
        let Stage::Arriving { durable: true, .. } = self.stage else { return };
        let caller = &mut self.caller;
        if self.deadlines.contains(Reason::AnswerDelay)
            || !matches!(caller.media.side, MediaSide::Open { .. })
            || caller.conduct.provisionals.hold_back_answer()
        {
            return;
        }
        let CallerSignalling::Unanswered { tx, invite, flow, offer, early } = &caller.signalling else {
            return;
        };
        let (tx, flow, cseq) = (*tx, *flow, invite.cseq().0);
        let said = early.as_ref().map_or(Said::Nothing, |early| early.said.clone());
        let (mut agreed, mut awaited) = (None, Awaited::Ack { cseq });
        let body = match (said, offer) {
            (Said::Reliably | Said::Offered(_), _) => None,
            (Said::Unreliably(body), _) => Some(body),
            (Said::Nothing, Some(offer)) => match caller.media.answer(cx.rules, flow, offer) {
                Some(Ok((body, negotiated))) => {
                    agreed = Some(negotiated);
                    Some(body)
                }
                Some(Err(_)) => return self.refuse(RefusalReason::BadMedia, 488, cx),
                None => return,
            },
            (Said::Nothing, None) => {
                let codecs = caller.conduct.peer.codecs.clone();
                let Some((body, offered)) = caller.media.offer(cx.rules, flow, &codecs) else { return };
                awaited = Awaited::Answer { cseq, offered };
                Some(body)
            }
        };
        let tag = caller.id.to_string();
        let contact = cx.rules.contact(&flow, invite);
        let dialog = match early {
            Some(early) => Some(early.dialog.clone()),
            None => Dialog::uas(invite, flow, &tag, &contact),
        };
        let Some(dialog) = dialog else { return self.refuse(RefusalReason::BadRequest, 400, cx) };
        let allow = caller.conduct.allow();
        let ok = Outgoing::response(invite, 200, Some(&tag)).with("Contact", contact).with("Allow", allow);
        let mut ok = caller.conduct.accept(cx.now.mono, invite, ok);
        if let Some(body) = body {
            ok = ok.body("application/sdp", body);
        }
        caller.conduct.provisionals.finish();
        caller.conduct.ack = awaited;
        respond(tx, ok, cx);
        caller.signalling = CallerSignalling::Up { dialog: Box::new(dialog) };
        if let Some(agreed) = agreed {
            cx.out.push(Output::Media(caller.media.agree(agreed)));
        }
        self.answered(cx);
    }

    fn answered(&mut self, cx: &mut Cx<'_>) {
        let delay = cx.now.mono.since(self.story.began());
        self.story.tell_as(cx, CallState::Answered, What::CallAnswered { delay });
        self.deadlines.set(Reason::CallLength, cx.now.mono + cx.rules.call_length);
        let was = std::mem::replace(&mut self.stage, Stage::Waiting { welcome: None });
        let begun = match was {
            Stage::Arriving { sound, .. } => sound,
            _ => Sound::None,
        };
        match (begun, self.service.welcome.clone()) {
            // What he hears already goes on.
            (Sound::Welcome(play, prompt), _) => {
                self.stage = Stage::Waiting { welcome: Some((play, prompt)) }
            }
            (Sound::Music, _) => {}
            (Sound::None, Some(prompt)) => {
                let play = self.play(prompt.clone(), false, cx);
                self.stage = Stage::Waiting { welcome: Some((play, prompt)) };
            }
            (Sound::None, None) => self.play_music(self.caller.id, cx),
        }
        self.wait = Wait::Since(cx.now.mono);
        let queue = self.service.queue.clone();
        cx.out.push(Output::Acd(acd::Input::Enter { call: self.id, queue, priority: 0, at: cx.now }));
    }

    /// A PRACK for a reliable provisional response of ours; it may carry the answer to our offer, or an offer.
    pub(super) fn pracked(&mut self, leg: LegId, tx: ServerTx, prack: &Message, cx: &mut Cx<'_>) {
        let Some(parts) = self.parts_of(leg, prack.from_tag()) else { return };
        let acknowledged = parts.conduct.provisionals.acknowledged(cx.now.mono, prack);
        let Some(reliable::Acknowledged { next }) = acknowledged else {
            let status = if prack.header("RAck").is_some() { 481 } else { 400 };
            return respond(tx, Outgoing::response(prack, status, None), cx);
        };
        let caller = &mut self.caller;
        let CallerSignalling::Unanswered { tx: invite, flow, early: Some(early), .. } =
            &mut caller.signalling
        else {
            return respond(tx, Outgoing::response(prack, 200, None), cx);
        };
        cx.out.extend(next.map(|response| Output::Respond { tx: *invite, response }));
        let described = arrival::described(prack, *flow);
        let mut ok = Outgoing::response(prack, 200, None);
        let agreed = match (&early.said, described) {
            (Said::Offered(offered), answer) => {
                let answer = answer.and_then(|answer| sdp::accepted(offered, &answer).ok());
                if answer.is_none() {
                    respond(tx, Outgoing::response(prack, 488, None), cx);
                    return self.refuse(RefusalReason::BadMedia, 488, cx);
                }
                early.said = Said::Reliably;
                answer
            }
            (Said::Reliably, Some(offer)) => match caller.media.answer(cx.rules, *flow, &offer) {
                Some(Ok((body, negotiated))) => {
                    ok = ok.body("application/sdp", body);
                    Some(negotiated)
                }
                Some(Err(why)) => return respond(tx, why.refusal(prack), cx),
                None => return respond(tx, Outgoing::response(prack, 488, None), cx),
            },
            _ => None,
        };
        respond(tx, ok, cx);
        if let Some(agreed) = agreed {
            cx.out.push(Output::Media(caller.media.agree(agreed)));
            if matches!(self.stage, Stage::Arriving { sound: Sound::None, .. }) {
                self.sound_before_answer(cx);
            }
        }
        self.try_answer(cx);
    }

    /// No PRACK came for 64*T1: the INVITE is refused with 5xx (RFC 3262 section 3).
    pub(super) fn never_pracked(&mut self, cx: &mut Cx<'_>) {
        if let CallerSignalling::Unanswered { tx, invite, .. } = &self.caller.signalling {
            let response = Outgoing::response(invite, 504, Some(&self.caller.id.to_string()));
            respond(*tx, response, cx);
            self.caller.signalling = CallerSignalling::Down;
            self.end(EndedBy::Gateway, EndReason::SignallingLost, Some(504), cx);
        }
    }
}
