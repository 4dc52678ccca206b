//! Feature codes as they are answered: with 200 OK, a short tone that says whether the code was taken, and a hang-up. An
//! operator who signs in with a PIN presses it in between.
//!
//! Nothing of it is a call: there is one leg, no record, and one confirmation a seat at a time. Where nothing can be heard, for
//! want of a port or of an offer, a code that is granted is answered without sound, and one that is denied is refused with the
//! reason in a Warning header (RFC 3261 section 20.43).

use super::{Gateway, Output, Work};
use crate::acd;
use crate::call;
use crate::config::{PROMPT_DONE, PROMPT_PIN, PROMPT_REFUSED};
use crate::id::{LegId, OperatorId, SeatId};
use crate::media::{self, Family, LocalMedia};
use crate::sdp::{self, Description};
use crate::sip::access::PeerClass;
use crate::sip::{Dialog, Flow, KeyPress, Message, Method, Outgoing, ServerTx, Status};
use crate::time::{Duration, Mono, Now, Timers};
use std::collections::HashMap;

/// Confirmations at one time, at most: each has a port of the callers'. A seat has one, so that only a large house where all
/// sign in within the same seconds gets there; the next is told 503.
const MOST: usize = 256;

/// How long the media plane has for a port or a tone, of which it needs milliseconds and half a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the first key of a PIN may take, and each one after it; after the last the PIN is taken as it is.
const FIRST_KEY: Duration = Duration::from_secs(15);
const NEXT_KEY: Duration = Duration::from_secs(4);

/// What becomes of a code.
#[derive(Debug)]
pub(super) enum Plan {
    /// The code is taken, or not.
    Tell(Verdict),
    /// The operator is to press the PIN.
    AskPin { operator: OperatorId },
}

/// Whether a code is taken.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The code is taken; this is done.
    Granted(acd::Input),
    /// The code is not taken.
    Denied { status: Status, why: &'static str },
}

/// Answered feature codes, by our tag.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    all: HashMap<LegId, Confirmation>,
    timers: Timers<LegId>,
    plays: u32,
}

/// One feature code that is being answered.
#[derive(Debug)]
struct Confirmation {
    seat: SeatId,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// A port was asked for.
    Opening { asked: InviteTransaction, offer: Box<Description>, plan: Plan },
    /// The 200 OK is out.
    Answered { tx: ServerTx, dialog: Box<Dialog>, ack: Ack, hears: Hears },
}

/// The ACK of the 200 OK: no BYE goes out before it, or before the end of waiting for it (RFC 3261 section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ack {
    Awaited,
    Come,
}

/// What the operator hears.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hears {
    /// The last tone.
    Tone { play: u32, why: Option<Status> },
    /// The PIN is awaited, and this was pressed of it.
    Keys { operator: OperatorId, digits: String, play: u32 },
    /// Nothing more: only the ACK is awaited.
    Nothing { why: Option<Status> },
}

/// An INVITE of a seat that waits for its final response (RFC 3261 section 17.2.1).
#[derive(Debug)]
pub(super) struct InviteTransaction {
    pub(super) tx: ServerTx,
    pub(super) flow: Flow,
    pub(super) invite: Message,
}

impl Confirmations {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        self.timers.next().map(|(at, _)| at)
    }

    /// The dialog with this tag of ours.
    pub(super) fn dialog(&self, leg: LegId) -> Option<&Dialog> {
        match &self.all.get(&leg)?.stage {
            Stage::Answered { dialog, .. } => Some(dialog),
            Stage::Opening { .. } => None,
        }
    }

    /// Whether a leg is one.
    pub(super) fn has(&self, leg: LegId) -> bool {
        self.all.contains_key(&leg)
    }

    /// The seat of a confirmation.
    pub(super) fn seat(&self, leg: LegId) -> Option<&SeatId> {
        self.all.get(&leg).map(|confirmation| &confirmation.seat)
    }

    /// The confirmation whose tag a request names.
    fn named_by(&self, request: &Message) -> Option<LegId> {
        let leg: LegId = request.to_tag()?.parse().ok()?;
        self.dialog(leg).map(|_| leg)
    }

    /// The confirmation of an INVITE. Walks at most [`MOST`].
    fn of(&self, invite: ServerTx) -> Option<LegId> {
        let is_of = |c: &Confirmation| match &c.stage {
            Stage::Opening { asked, .. } => asked.tx == invite,
            Stage::Answered { tx, .. } => *tx == invite,
        };
        self.all.iter().find(|(_, c)| is_of(c)).map(|(leg, _)| *leg)
    }

    fn hears(&mut self, leg: LegId) -> Option<&mut Hears> {
        match &mut self.all.get_mut(&leg)?.stage {
            Stage::Answered { hears, .. } => Some(hears),
            Stage::Opening { .. } => None,
        }
    }

    fn remove(&mut self, leg: LegId) -> Option<Confirmation> {
        self.timers.cancel(leg);
        self.all.remove(&leg)
    }
}

impl Gateway {
    /// A code is answered: with a tone where one can be heard.
    pub(super) fn confirm(
        &mut self,
        now: Now,
        seat: SeatId,
        asked: InviteTransaction,
        plan: Plan,
        out: &mut Vec<Output>,
    ) {
        let before = self.confirmations.all.iter().find(|(_, c)| c.seat == seat).map(|(leg, _)| *leg);
        if let Some(before) = before {
            self.end_confirmation(now, before, out);
        }
        if self.confirmations.len() >= MOST {
            return self.refuse_seat(now, &asked, Status::SERVICE_UNAVAILABLE, "too many codes at once");
        }
        let (invite, flow, rules) = (&asked.invite, &asked.flow, &self.context.rules);
        let offer = match call::read_arrival(invite, flow, &rules.seat, rules) {
            Ok(offer) => offer,
            Err(refusal) => return self.turn_away(now, asked.tx, &asked.invite, refusal),
        };
        let Some(offer) = offer else { return self.confirm_silently(now, seat, &asked, None, plan) };
        let leg = LegId::new(now.wall, &mut self.context.random);
        let family = self.family_of(&offer, flow);
        out.push(Output::Media(media::Command::Open { leg, family, resume: None }));
        self.confirmations.timers.set(leg, now.mono + PATIENCE);
        let stage = Stage::Opening { asked, offer: Box::new(offer), plan };
        self.confirmations.all.insert(leg, Confirmation { seat, stage });
    }

    fn family_of(&self, offer: &Description, flow: &Flow) -> Family {
        self.context.rules.media.family(Some(offer), flow)
    }

    /// What the media plane says of a confirmation.
    pub(super) fn confirmation_media(&mut self, now: Now, event: media::Event, out: &mut Vec<Output>) {
        match event {
            media::Event::Opened { leg, local: LocalMedia::Plain { rtp, .. } } => {
                self.answer_code(now, leg, rtp, out);
            }
            media::Event::OpenFailed { leg, .. } => self.without_port(now, leg),
            media::Event::Played { leg, play, .. } => self.tone_played(now, leg, play, out),
            media::Event::Digit { leg, digit, .. } => self.pin_key(now, leg, digit, out),
            media::Event::RtpStarted { .. }
            | media::Event::RtpTimeout { .. }
            | media::Event::Silent { .. }
            | media::Event::Closed { .. } => {}
        }
    }

    fn without_port(&mut self, now: Now, leg: LegId) {
        let Some(Confirmation { seat, stage: Stage::Opening { asked, offer, plan } }) =
            self.confirmations.remove(leg)
        else {
            return;
        };
        self.confirm_silently(now, seat, &asked, Some(&offer), plan);
    }

    /// The port is ours: the code is answered, and the tone begins.
    fn answer_code(&mut self, now: Now, leg: LegId, port: u16, out: &mut Vec<Output>) {
        let Some(Confirmation { seat, stage: Stage::Opening { asked, offer, plan } }) =
            self.confirmations.remove(leg)
        else {
            return;
        };
        let address = self.context.rules.media.of(self.family_of(&offer, &asked.flow), &asked.flow);
        let mut author = sdp::DescriptionAuthor::new(address, port, self.context.random.bits() >> 2);
        let rules = self.context.rules.seat.clone();
        let answer = author.answer(&offer, &rules.codecs, sdp::Direction::SendRecv).ok();
        let dialog = self.confirmation_dialog(&asked, leg);
        let (Some((body, negotiated)), Some((dialog, contact))) = (answer, dialog) else {
            out.push(Output::Media(media::Command::Close { leg }));
            return self.refuse_seat(now, &asked, Status::NOT_ACCEPTABLE_HERE, "no codec in common");
        };
        self.answer_with(now, &asked, leg, contact, body);
        let latching = media::Latching {
            signalled: asked.flow.remote.ip().to_canonical(),
            listed: rules.media_sources.clone(),
            towards: rules.towards,
        };
        out.push(Output::Media(media::Command::Remote { leg, remote: negotiated, latching }));
        let hears = Hears::Nothing { why: None };
        let stage = Stage::Answered { tx: asked.tx, dialog: Box::new(dialog), ack: Ack::Awaited, hears };
        self.confirmations.all.insert(leg, Confirmation { seat, stage });
        match plan {
            Plan::Tell(verdict) => self.tell_verdict(now, leg, verdict, out),
            Plan::AskPin { operator } => self.ask_pin(now, leg, operator, None, out),
        }
    }

    /// The last tone of a confirmation, and what it stands for.
    pub(super) fn tell_verdict(&mut self, now: Now, leg: LegId, verdict: Verdict, out: &mut Vec<Output>) {
        let (prompt, why) = match verdict {
            Verdict::Granted(input) => {
                self.pending.work.push_back(Work::Acd(input));
                (PROMPT_DONE, None)
            }
            Verdict::Denied { status, .. } => (PROMPT_REFUSED, Some(status)),
        };
        let play = self.play(now, leg, prompt, PATIENCE, out);
        if let Some(hears) = self.confirmations.hears(leg) {
            *hears = Hears::Tone { play, why };
        }
    }

    /// The operator hears that the PIN is awaited; after a wrong one the tone of refusal goes before.
    pub(super) fn ask_pin(
        &mut self,
        now: Now,
        leg: LegId,
        operator: OperatorId,
        first: Option<&'static str>,
        out: &mut Vec<Output>,
    ) {
        let play = self.play(now, leg, first.unwrap_or(PROMPT_PIN), FIRST_KEY, out);
        if let Some(hears) = self.confirmations.hears(leg) {
            *hears = Hears::Keys { operator, digits: String::new(), play };
        }
    }

    fn play(
        &mut self,
        now: Now,
        leg: LegId,
        prompt: &'static str,
        patience: Duration,
        out: &mut Vec<Output>,
    ) -> u32 {
        self.confirmations.plays = self.confirmations.plays.wrapping_add(1);
        let play = self.confirmations.plays;
        let source = media::Source::Prompt { prompt: prompt.into(), repeat: prompt == PROMPT_PIN, play };
        out.push(Output::Media(media::Command::Hear { leg, source }));
        self.confirmations.timers.set(leg, now.mono + patience);
        play
    }

    fn tone_played(&mut self, now: Now, leg: LegId, played: u32, out: &mut Vec<Output>) {
        match self.confirmations.hears(leg).cloned() {
            Some(Hears::Tone { play, .. }) if play == played => self.end_confirmation(now, leg, out),
            // The tone of refusal is over; what was pressed meanwhile counts.
            Some(Hears::Keys { operator, digits, play }) if play == played => {
                self.ask_pin(now, leg, operator, None, out);
                if let Some(Hears::Keys { digits: kept, .. }) = self.confirmations.hears(leg) {
                    *kept = digits;
                }
            }
            Some(Hears::Tone { .. } | Hears::Keys { .. } | Hears::Nothing { .. }) | None => {}
        }
    }

    fn pin_key(&mut self, now: Now, leg: LegId, key: char, out: &mut Vec<Output>) {
        let Some(Hears::Keys { digits, .. }) = self.confirmations.hears(leg) else { return };
        match key {
            '#' => return self.pin_pressed(now, leg, out),
            '*' => digits.clear(),
            '0'..='9' if digits.len() < *crate::config::PIN_DIGITS.end() => digits.push(key),
            _ => {}
        }
        self.confirmations.timers.set(leg, now.mono + NEXT_KEY);
    }

    fn pin_pressed(&mut self, now: Now, leg: LegId, out: &mut Vec<Output>) {
        let Some(Hears::Keys { operator, digits, .. }) = self.confirmations.hears(leg).cloned() else {
            return;
        };
        self.judge_pin(now, leg, operator, &digits, out);
    }

    /// What is due: a PIN whose last key is long past, a tone or a port that never came.
    pub(super) fn confirmations_due(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(leg) = self.confirmations.timers.pop_due(now.mono) {
            match self.confirmations.all.get(&leg).map(|c| &c.stage) {
                Some(Stage::Answered { hears: Hears::Keys { .. }, .. }) => self.pin_pressed(now, leg, out),
                Some(Stage::Answered { .. } | Stage::Opening { .. }) => self.end_confirmation(now, leg, out),
                None => {}
            }
        }
    }

    /// A request inside the dialog of a confirmation, or of none: a key, the end, or nothing to be had.
    pub(super) fn confirmation_asked(
        &mut self,
        now: Now,
        tx: ServerTx,
        request: &Message,
        out: &mut Vec<Output>,
    ) {
        let named = self.confirmations.named_by(request);
        let status = match (named, request.method()) {
            (Some(leg), Some(Method::Bye)) => {
                self.confirmations.remove(leg);
                out.push(Output::Media(media::Command::Close { leg }));
                Status::OK
            }
            (Some(leg), Some(Method::Info)) => match KeyPress::read(request) {
                Ok(press) => {
                    let pressed = press.map(|p| media::Command::Pressed { leg, key: p.key, held: p.held });
                    out.extend(pressed.map(Output::Media));
                    Status::OK
                }
                Err(status) => status,
            },
            // What was agreed goes on (RFC 3261 section 14.2).
            (Some(_), Some(Method::Invite | Method::Update)) => Status::NOT_ACCEPTABLE_HERE,
            (Some(_), Some(Method::Options)) => Status::OK,
            _ => Status::NO_SUCH_CALL,
        };
        let response = Outgoing::response(request, status, Some(&self.context.random.token()));
        self.signalling.respond(now, tx, response);
    }

    /// The phone acknowledged a confirmation.
    pub(super) fn confirmation_acked(&mut self, now: Now, ack: &Message) {
        if let Some(leg) = self.confirmations.named_by(ack) {
            self.confirmation_is_acked(now, leg);
        }
    }

    fn confirmation_is_acked(&mut self, now: Now, leg: LegId) {
        let Some(confirmation) = self.confirmations.all.get_mut(&leg) else { return };
        let Stage::Answered { ack, hears, .. } = &mut confirmation.stage else { return };
        *ack = Ack::Come;
        if let Hears::Nothing { why } = *hears {
            self.hang_up_confirmation(now, leg, why);
        }
    }

    /// The phone never acknowledged a confirmation: it is hung up all the same (RFC 3261 section 13.3.1.4).
    pub(super) fn confirmation_unacknowledged(&mut self, now: Now, tx: ServerTx, out: &mut Vec<Output>) {
        if let Some(leg) = self.confirmations.of(tx) {
            self.confirmation_is_acked(now, leg);
            self.end_confirmation(now, leg, out);
        }
    }

    /// The phone took its INVITE back; it has its 487.
    pub(super) fn confirmation_cancelled(&mut self, tx: ServerTx, out: &mut Vec<Output>) {
        if let Some(leg) = self.confirmations.of(tx) {
            self.confirmations.remove(leg);
            out.push(Output::Media(media::Command::Close { leg }));
        }
    }

    /// Nothing more is heard: the port is given back, and the phone hung up once it has acknowledged.
    fn end_confirmation(&mut self, now: Now, leg: LegId, out: &mut Vec<Output>) {
        let Some(confirmation) = self.confirmations.all.get_mut(&leg) else { return };
        match &mut confirmation.stage {
            Stage::Opening { .. } => {
                if let Some(Confirmation { stage: Stage::Opening { asked, .. }, .. }) =
                    self.confirmations.remove(leg)
                {
                    self.refuse_seat(
                        now,
                        &asked,
                        Status::TEMPORARILY_UNAVAILABLE,
                        "another code was dialled, or no port was found in time",
                    );
                }
                out.push(Output::Media(media::Command::Close { leg }));
            }
            Stage::Answered { ack, hears, .. } => {
                let why = match hears {
                    Hears::Tone { why, .. } => *why,
                    Hears::Keys { .. } => None,
                    Hears::Nothing { .. } => return,
                };
                *hears = Hears::Nothing { why };
                let is_acked = *ack == Ack::Come;
                self.confirmations.timers.cancel(leg);
                out.push(Output::Media(media::Command::Close { leg }));
                if is_acked {
                    self.hang_up_confirmation(now, leg, why);
                }
            }
        }
    }

    fn hang_up_confirmation(&mut self, now: Now, leg: LegId, why: Option<Status>) {
        let Some(Confirmation { stage: Stage::Answered { mut dialog, .. }, .. }) =
            self.confirmations.remove(leg)
        else {
            return;
        };
        let (flow, bye) = (dialog.flow(), dialog.request(Method::Bye));
        let bye = match why {
            Some(status) => bye.with("Reason", format!("SIP;cause={status}")),
            None => bye,
        };
        self.signalling.request(now, flow, bye);
    }

    /// A code of a phone that can hear nothing: answered with an inactive line, or refused with the reason.
    fn confirm_silently(
        &mut self,
        now: Now,
        seat: SeatId,
        asked: &InviteTransaction,
        offer: Option<&Description>,
        plan: Plan,
    ) {
        let granted = match plan {
            Plan::Tell(Verdict::Granted(input)) => input,
            Plan::Tell(Verdict::Denied { status, why }) => return self.refuse_seat(now, asked, status, why),
            Plan::AskPin { .. } => {
                return self.refuse_seat(
                    now,
                    asked,
                    Status::NOT_ACCEPTABLE_HERE,
                    "a PIN needs a line that can be heard",
                );
            }
        };
        // Nothing is heard: port 9 discards (RFC 863), and the line is inactive.
        let addresses = &self.context.rules.media;
        let address = addresses.of(addresses.family(offer, &asked.flow), &asked.flow);
        let mut author = sdp::DescriptionAuthor::new(address, 9, self.context.random.bits() >> 2);
        let codecs = &self.context.rules.seat.codecs;
        let body = match offer {
            Some(offer) => author.answer(offer, codecs, sdp::Direction::Inactive).ok().map(|(body, _)| body),
            None => Some(author.offer(codecs, sdp::Direction::Inactive).0),
        };
        let leg = LegId::new(now.wall, &mut self.context.random);
        let (Some(body), Some((dialog, contact))) = (body, self.confirmation_dialog(asked, leg)) else {
            return self.refuse_seat(now, asked, Status::NOT_ACCEPTABLE_HERE, "no codec in common");
        };
        self.answer_with(now, asked, leg, contact, body);
        let hears = Hears::Nothing { why: None };
        let stage = Stage::Answered { tx: asked.tx, dialog: Box::new(dialog), ack: Ack::Awaited, hears };
        self.confirmations.all.insert(leg, Confirmation { seat, stage });
        self.pending.work.push_back(Work::Acd(granted));
    }

    fn confirmation_dialog(&self, asked: &InviteTransaction, leg: LegId) -> Option<(Dialog, String)> {
        let contact = self.context.rules.contact(&asked.flow, &asked.invite);
        let dialog = Dialog::uas(&asked.invite, asked.flow, &leg.to_string(), &contact)?;
        Some((dialog, contact))
    }

    fn answer_with(
        &mut self,
        now: Now,
        asked: &InviteTransaction,
        leg: LegId,
        contact: String,
        body: String,
    ) {
        let tag = leg.to_string();
        let response = call::ok_response(PeerClass::Seat, &asked.invite, Some(&tag), contact)
            .body("application/sdp", body);
        self.signalling.respond(now, asked.tx, response);
    }

    /// Refuses a seat's INVITE and says why.
    pub(super) fn refuse_seat(&mut self, now: Now, asked: &InviteTransaction, status: Status, why: &str) {
        let response = self.refusing_seat(&asked.invite, status, why);
        self.signalling.respond(now, asked.tx, response);
    }

    pub(super) fn refusing_seat(&mut self, invite: &Message, status: Status, why: &str) -> Outgoing {
        let warning = format!("399 hotline {}", crate::sip::quoted(why));
        let tag = self.context.random.token();
        let response = Outgoing::response(invite, status, Some(&tag)).with("Warning", warning);
        if status == Status::SERVICE_UNAVAILABLE {
            response.with("Retry-After", call::RETRY_AFTER)
        } else {
            response
        }
    }
}
