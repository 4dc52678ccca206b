//! Where a call stands. Each stage carries what is only known in it.

use super::audio::{Hears, Notice};
use super::common::Common;
use super::leg::Leg;
use super::origin::Origin;
use super::outcome::Ending;
use super::ringing::Ringing;
use super::search::Search;
use super::talk::Talk;
use super::transfer::Transfer;
use super::waiting::{EarlyMedia, Queued};
use crate::event::EndReason;
use crate::id::LegId;
use crate::sip::Status;
use crate::time::Mono;

/// Where a call stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// The INVITE is here; our answer waits for disk, port and answer delay.
    Arriving(Arriving),
    /// Answered and in the queue, presented or not.
    Queued(Queued),
    /// A seat placed the call: the party it wants is being rung.
    Outbound(Outbound),
    /// The caller speaks with a human.
    Talk(Talk),
    /// The caller hears music until the transfer target answers.
    Transferring(Box<Transfer>),
    /// The caller hears why the call ends.
    LastMessage(LastMessage),
    /// Asked to leave the queue; ends when the queue has let go.
    Leaving(Leaving),
    /// Ended. Legs may still be closing, the seat may still wrap up.
    Over,
}

/// A call that is not answered yet.
#[derive(Debug)]
pub(super) struct Arriving {
    /// The beginning is on disk.
    pub durable: bool,
    /// The trunk hears ringback until then.
    pub answer_at: Option<Mono>,
    /// What the caller hears already.
    pub early_media: EarlyMedia,
}

/// A call that a seat placed, before its answer.
#[derive(Debug)]
pub(super) struct Outbound {
    /// The beginning is on disk; nothing is rung before.
    pub durable: bool,
    /// The party the seat wants.
    pub search: Search,
}

/// The caller hears why the call ends.
#[derive(Debug)]
pub(super) struct LastMessage {
    /// Why.
    pub reason: EndReason,
    /// The message.
    pub notice: Notice,
    /// When the message should be over.
    pub until: Mono,
}

/// A call that leaves the queue.
#[derive(Debug)]
pub(super) struct Leaving {
    /// How it ends.
    pub ending: Ending,
    /// The presentation that the queue takes back meanwhile.
    pub ringing: Option<Ringing>,
}

impl Stage {
    /// The search that is on.
    pub(super) fn search(&self) -> Option<&Search> {
        match self {
            Stage::Outbound(outbound) => Some(&outbound.search),
            Stage::Talk(talk) => talk.consultation.as_ref().map(|consultation| &consultation.search),
            Stage::Transferring(transfer) => Some(&transfer.search),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn search_mut(&mut self) -> Option<&mut Search> {
        match self {
            Stage::Outbound(outbound) => Some(&mut outbound.search),
            Stage::Talk(talk) => talk.consultation.as_mut().map(|consultation| &mut consultation.search),
            Stage::Transferring(transfer) => Some(&mut transfer.search),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        }
    }

    /// The queue's presentation that runs.
    pub(super) fn presented(&self) -> Option<&Ringing> {
        match self {
            Stage::Queued(queued) => queued.ringing.as_ref(),
            Stage::Leaving(leaving) => leaving.ringing.as_ref(),
            Stage::Arriving(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Over => None,
        }
    }

    /// Where the queue's presentation stands that runs.
    pub(super) fn presented_mut(&mut self) -> Option<&mut Option<Ringing>> {
        match self {
            Stage::Queued(queued) => Some(&mut queued.ringing),
            Stage::Leaving(leaving) => Some(&mut leaving.ringing),
            Stage::Arriving(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Over => None,
        }
    }

    /// The ringing of which `leg` is one of the phones.
    pub(super) fn ringing_mut(&mut self, leg: LegId) -> Option<&mut Ringing> {
        let ringing = match self {
            Stage::Queued(queued) => queued.ringing.as_mut(),
            Stage::Leaving(leaving) => leaving.ringing.as_mut(),
            other @ (Stage::Arriving(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Over) => other.search_mut().and_then(Search::ringing_mut),
        };
        ringing.filter(|ringing| ringing.has(leg))
    }

    /// What each leg hears; a leg that is not named hears nothing. A notice is not cut short by early media.
    pub(super) fn hears(&self, caller: LegId) -> Vec<(LegId, Hears)> {
        let each_other = |other: LegId| vec![(caller, Hears::Leg(other)), (other, Hears::Leg(caller))];
        match self {
            Stage::Arriving(arriving) => match &arriving.early_media {
                EarlyMedia::None => Vec::new(),
                EarlyMedia::Welcome(notice) => vec![(caller, Hears::Notice(notice.clone()))],
                EarlyMedia::Music => vec![(caller, Hears::Music)],
            },
            Stage::Queued(Queued { notice: Some(notice), .. }) => {
                vec![(caller, Hears::Notice(notice.clone()))]
            }
            Stage::Queued(Queued { notice: None, ringing, .. }) => {
                match ringing.as_ref().and_then(|ringing| ringing.early_media) {
                    Some(phone) => each_other(phone),
                    None => vec![(caller, Hears::Music)],
                }
            }
            // A seat that heard the early media of one number hears ringback until the next is heard.
            Stage::Outbound(outbound) => match outbound.search.heard() {
                Some(called) => each_other(called),
                None => vec![(caller, Hears::Music)],
            },
            Stage::Talk(talk) => talk.hears(),
            Stage::Transferring(_) => vec![(caller, Hears::Music)],
            Stage::LastMessage(message) => vec![(caller, Hears::Notice(message.notice.clone()))],
            Stage::Leaving(_) | Stage::Over => Vec::new(),
        }
    }

    /// The talk.
    pub(super) fn talk(&self) -> Option<&Talk> {
        match self {
            Stage::Talk(talk) => Some(talk),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::Outbound(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        }
    }

    /// The legs that may be judged: those that talk, the caller's in the queue, and a party outside that a seat consults.
    pub(super) fn watched(&self, common: &Common) -> Vec<LegId> {
        let Some(talk) = self.talk() else {
            // A seat that rings for the call it placed is judged by its ringing.
            let of_trunk = |leg: &&Leg| leg.is_up() && leg.may_be_probed() && !leg.is_probed_phone();
            return common.legs.get(common.caller).filter(of_trunk).map(|leg| leg.id).into_iter().collect();
        };
        let consulted = talk.consultation.as_ref().and_then(|consultation| consultation.search.up());
        let is_outside = |leg: &LegId| {
            common.legs.get(*leg).is_some_and(|leg| leg.may_be_probed() && !leg.is_probed_phone())
        };
        talk.watched(common).into_iter().chain(consulted.filter(is_outside)).collect()
    }

    /// Whether the peer of `leg` is gone, now that one sign says so: with the silence of its media it is enough, and for a phone
    /// also in a talk on hold.
    pub(super) fn is_gone(&self, leg: LegId, common: &Common, now: Mono) -> bool {
        let Some(judged) = common.legs.get(leg).filter(|_| self.watched(common).contains(&leg)) else {
            return false;
        };
        let on_hold = self.talk().is_some_and(|talk| talk.holder().is_some());
        judged.has_no_rtp(now) || on_hold && judged.is_probed_phone()
    }

    /// Whether `leg`, whose media is silent, is in a talk that is heard in one direction only: its peer is there and may send, and
    /// the other party is heard.
    pub(super) fn is_one_way(&self, leg: LegId, common: &Common, now: Mono) -> bool {
        let Some(talk) = self.talk().filter(|talk| talk.has(leg) && talk.holder().is_none()) else {
            return false;
        };
        let may_send = |leg: &&Leg| leg.direction().is_some_and(|direction| direction.receives());
        let is_silent = common.legs.get(leg).filter(may_send).is_some_and(|leg| leg.is_silent_and_there(now));
        let is_heard = |leg: &Leg| leg.may_be_probed() && !leg.has_no_rtp(now);
        is_silent && talk.other(leg).and_then(|other| common.legs.get(other)).is_some_and(is_heard)
    }

    /// A prompt is over: the notice it was, unless the call ends with it.
    pub(super) fn played(&mut self, play: u32) -> Option<Notice> {
        match self {
            Stage::Queued(Queued { notice, .. }) => notice.take_if(|notice| notice.play == play),
            Stage::Arriving(Arriving { early_media, .. }) => match early_media {
                EarlyMedia::Welcome(notice) if notice.play == play => {
                    let notice = notice.clone();
                    *early_media = EarlyMedia::Music;
                    Some(notice)
                }
                EarlyMedia::None | EarlyMedia::Welcome(_) | EarlyMedia::Music => None,
            },
            Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        }
    }

    /// The beginning of the call is on disk.
    pub(super) fn is_durable(&mut self) {
        match self {
            Stage::Arriving(arriving) => arriving.durable = true,
            Stage::Outbound(outbound) => outbound.durable = true,
            Stage::Queued(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => {}
        }
    }

    /// The person at the phone of `leg` was reached: no other target of it is tried.
    pub(super) fn was_reached(&mut self, leg: LegId) {
        if let Some(ringing) = self.ringing_mut(leg) {
            ringing.was_reached(leg);
        }
    }

    /// A NOTIFY on `leg` has its final response; whether the leg is of further use. A phone that does not want to be told is
    /// told nothing more (RFC 6665 section 4.2.2).
    pub(super) fn uses_after_notify(&mut self, leg: LegId, status: Status) -> bool {
        match self {
            Stage::Transferring(transfer) => {
                if let Some(line) = transfer.line.as_mut().filter(|_| status.is_failure()) {
                    line.refer.take_if(|refer| refer.leg == leg);
                }
                transfer.uses(leg)
            }
            Stage::Talk(talk) => talk.has(leg) || talk.is_consulting(leg),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::Outbound(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => false,
        }
    }

    /// Early media is agreed: the caller hears the welcome, or the music, where the trunk's profile says so.
    pub(super) fn begin_early_media(&mut self, leg: LegId, common: &mut Common) {
        let Origin::Inbound { service, .. } = &common.origin else { return };
        let wanted = common.legs.get(leg).is_some_and(|leg| leg.peer_rules().early_media);
        if let Stage::Arriving(Arriving { early_media: early_media @ EarlyMedia::None, .. }) = self
            && wanted
        {
            *early_media = match service.welcome.clone() {
                Some(prompt) => EarlyMedia::Welcome(common.audio.notice(prompt)),
                None => EarlyMedia::Music,
            };
        }
    }
}
