//! A re-INVITE or an UPDATE of the peer: a new offer, or none, and what it gets that comes while another is open.

use super::conduct::Awaited;
use super::description::description;
use super::output::Cx;
use super::state::{Leg, Parts, Signalling};
use super::uas::EarlyDescription;
use crate::sdp;
use crate::sip::{Message, Method, Outgoing, ServerTx, Status, session_timer};

/// How long a peer is asked to wait that asks again before its first request is answered, at most: 0 to 10 s (RFC 3261
/// section 14.2).
const OVERLAP_WAIT: u64 = 11;

impl Leg {
    /// Answers a re-INVITE or UPDATE.
    pub(super) fn reoffered(&mut self, tx: ServerTx, request: &Message, cx: &mut Cx<'_>) {
        if let Some(refusal) = self.collision(request, cx) {
            return cx.respond(tx, refusal);
        }
        let answer = |status: Status| Outgoing::response(request, status, None);
        // Before the offer is looked at: a refused request changes nothing (RFC 4028 section 9).
        if session_timer::is_too_small(request) {
            let least = session_timer::LEAST.as_secs().to_string();
            return cx.respond(tx, answer(Status::SESSION_INTERVAL_TOO_SMALL).with("Min-SE", least));
        }
        let Some(Parts { dialog, media, conduct }) = self.parts(request.from_tag()) else {
            return cx.respond(tx, answer(Status::NO_SUCH_CALL));
        };
        let flow = dialog.flow();
        let offer = match description(request) {
            Ok(body) => body.map(|body| sdp::parse_from(body, flow.remote.ip())).transpose(),
            Err(refusal) => {
                let refused =
                    refusal.header.into_iter().fold(answer(refusal.status), |r, (n, v)| r.with(n, v));
                return cx.respond(tx, refused);
            }
        };
        let offer = match offer {
            Ok(offer) => offer,
            Err(e) => return cx.respond(tx, answer(e.status().into())),
        };
        let invites = request.method() == Some(&Method::Invite);
        let cseq = request.cseq().0;
        let (body, agreed, awaited) = match offer {
            Some(offer) => match media.answer(cx.rules, flow, &offer) {
                Some(Ok((body, agreed))) => (Some(body), Some(agreed), Awaited::Ack { cseq }),
                Some(Err(why)) => return cx.respond(tx, why.refusal(request)),
                None => return cx.respond(tx, answer(Status::SERVER_INTERNAL_ERROR)),
            },
            // A re-INVITE without an offer asks for ours: all we can, in the direction we wish for.
            None if invites => {
                let codecs = media.codecs();
                match media.offer(cx.rules, flow, &codecs) {
                    Some((body, offered)) => (Some(body), None, Awaited::Answer { cseq, offered }),
                    None => return cx.respond(tx, answer(Status::SERVER_INTERNAL_ERROR)),
                }
            }
            // An UPDATE without an offer refreshes and no more (RFC 3311 section 5.2).
            None => (None, None, Awaited::Nothing),
        };
        // The target moves with the 2xx and not before: a request refused above has changed nothing (RFC 3261 section
        // 12.2.2).
        dialog.accepts(request);
        conduct.learn(request);
        let contact = cx.rules.contact(&flow, request);
        let ok = conduct.ok(request, None, contact);
        let mut ok = conduct.accept(cx.now.mono, request, ok);
        if let Some(body) = body {
            ok = ok.body("application/sdp", body);
        }
        if invites {
            conduct.ack = awaited;
        }
        cx.respond(tx, ok);
        if let Some(agreed) = agreed {
            self.agree(agreed, cx);
            // Before the answer to our INVITE: what counts when the 2xx says nothing of the media.
            if let (Signalling::Inviting(uac), Some(tag)) = (&mut self.signalling, request.from_tag()) {
                uac.early.settle(tag, agreed);
            }
        }
    }

    /// What a re-INVITE or UPDATE gets that comes while another is open (RFC 3261 section 14.2, RFC 3311 section 5.2): 491
    /// when that one is ours, 500 and a time to wait when it is the peer's.
    fn collision(&mut self, request: &Message, cx: &mut Cx<'_>) -> Option<Outgoing> {
        let invites = request.method() == Some(&Method::Invite);
        let offers = !request.body().is_empty();
        let (theirs_open, ours_open) = match &self.signalling {
            // Their INVITE waits for our 2xx; what it offered may be answered already, or we may have offered.
            Signalling::Invited(uas) => match uas.said() {
                Some(EarlyDescription::Nothing | EarlyDescription::Unreliably(_)) => {
                    (invites || offers, false)
                }
                Some(EarlyDescription::Offered(_)) => (invites, offers),
                Some(EarlyDescription::Reliably) | None => (invites, false),
            },
            Signalling::Inviting(uac) => {
                let owes = request.from_tag().is_some_and(|tag| uac.early.owes_answer(tag));
                (invites, offers && owes)
            }
            Signalling::Confirmed(_)
            | Signalling::Cancelling(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Closing { .. }
            | Signalling::Terminated => (false, false),
        };
        let conduct = self.parts(request.from_tag())?.conduct;
        let glare = ours_open
            || invites && conduct.renegotiation.is_inviting()
            || (invites || offers) && conduct.has_offered();
        // Glare comes before overlap: 491 has both sides wait, 500 only the peer.
        if glare {
            return Some(Outgoing::response(request, Status::REQUEST_PENDING, None));
        }
        theirs_open.then(|| {
            let wait = cx.random.below(OVERLAP_WAIT).to_string();
            Outgoing::response(request, Status::SERVER_INTERNAL_ERROR, None).with("Retry-After", wait)
        })
    }
}
