//! One leg's session descriptions: what we said last, what was agreed, and the port it is about.

use crate::call::rules::{PeerRules, Rules};
use crate::config::Dtmf;
use crate::id::LegId;
use crate::media::{self, Family};
use crate::sdp::{Codec, Description, DescriptionAuthor, Direction, Negotiated, Offered};
use crate::sip::{Flow, Message, Outgoing, Status};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// The Warning of an offer whose audio is in a family of addresses we cannot reach (RFC 3261 section 20.43).
pub(crate) const OTHER_NETWORK: &str = "300 hotline \"Incompatible network protocol\"";

/// Why an offer of the peer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswerable {
    /// No codec that both speak.
    Codecs,
    /// Its audio is in the other family of addresses.
    Family,
}

impl Unanswerable {
    /// The answer to the request that brought the offer; what was agreed before goes on.
    pub(super) fn refusal(self, request: &Message) -> Outgoing {
        let refusal = Outgoing::response(request, Status::NOT_ACCEPTABLE_HERE, None);
        match self {
            Unanswerable::Codecs => refusal,
            Unanswerable::Family => refusal.with("Warning", OTHER_NETWORK),
        }
    }
}

/// What a leg's media is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaSide {
    /// A port was asked for.
    Opening,
    /// The port is ours.
    Open {
        /// Our RTP port.
        port: u16,
    },
    /// Given back; the last figures are still to come.
    Closing,
    /// Nothing is held any more.
    Closed,
}

/// The media of a leg as it outlives the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LegMediaSnapshot {
    family: Family,
    port: Option<u16>,
    agreed: Option<Negotiated>,
    signalled: IpAddr,
    wish: Direction,
    author: Option<DescriptionAuthor>,
    session_id: u64,
}

/// One side's session description: what we said last and what was agreed.
#[derive(Debug)]
pub(super) struct LegMedia {
    /// The leg in the media plane.
    pub leg: LegId,
    /// The family of its media, which stays the same.
    family: Family,
    /// Its port.
    pub side: MediaSide,
    /// What both sides agreed on, once they have.
    pub agreed: Option<Negotiated>,
    /// How its peer is dealt with.
    pub peer: Arc<PeerRules>,
    /// Where its peer's signalling comes from: its media may come from there too.
    signalled: IpAddr,
    /// What we send and take, as far as it is up to us. Changed to put the peer on hold.
    pub wish: Direction,
    author: Option<DescriptionAuthor>,
    session_id: u64,
}

impl LegMedia {
    /// For a leg whose port is asked for by [`LegMedia::opening`]; its peer's path is `flow`.
    pub(super) fn new(
        leg: LegId,
        family: Family,
        session_id: u64,
        peer: Arc<PeerRules>,
        flow: &Flow,
    ) -> LegMedia {
        // RFC 8866 section 5.2: numeric; kept below 2^62 because many phones read it as signed.
        LegMedia {
            leg,
            family,
            side: MediaSide::Opening,
            agreed: None,
            peer,
            signalled: flow.remote.ip().to_canonical(),
            wish: Direction::SendRecv,
            author: None,
            session_id: session_id >> 2,
        }
    }

    /// The media as the next process needs it.
    pub(super) fn snapshot(&self) -> LegMediaSnapshot {
        let port = match self.side {
            MediaSide::Open { port } => Some(port),
            MediaSide::Opening | MediaSide::Closing | MediaSide::Closed => None,
        };
        LegMediaSnapshot {
            family: self.family,
            port,
            agreed: self.agreed,
            signalled: self.signalled,
            wish: self.wish,
            author: self.author.clone(),
            session_id: self.session_id,
        }
    }

    /// The media of a leg that goes on: its port is asked for again by [`LegMedia::resuming`].
    pub(super) fn resume(leg: LegId, snapshot: LegMediaSnapshot, peer: Arc<PeerRules>) -> LegMedia {
        let LegMediaSnapshot { family, port, agreed, signalled, wish, author, session_id } = snapshot;
        let side = port.map_or(MediaSide::Opening, |port| MediaSide::Open { port });
        LegMedia { leg, family, side, agreed, peer, signalled, wish, author, session_id }
    }

    /// Asks for the port the leg had, which counts as ours at once: what it hears is said before what its peer described, so
    /// that packets which wait in the socket are heard.
    pub(super) fn resuming(&self, streams: Option<media::ResumedStreams>) -> Option<media::Command> {
        let resume = match self.side {
            MediaSide::Open { port } => Some(media::Resumed { port, streams }),
            MediaSide::Opening => None,
            MediaSide::Closing | MediaSide::Closed => return None,
        };
        Some(media::Command::Open { leg: self.leg, family: self.family, resume })
    }

    /// What was agreed before a restart, for the media plane.
    pub(super) fn agreed_before(&mut self) -> Option<media::Command> {
        let agreed = self.agreed.filter(|_| self.side != MediaSide::Closed)?;
        Some(self.agree(agreed))
    }

    /// Nothing of it goes on.
    pub(super) fn is_closed(&mut self) {
        self.side = MediaSide::Closed;
    }

    /// The port is ours.
    pub(super) fn opened(&mut self, port: u16) {
        if self.side == MediaSide::Opening {
            self.side = MediaSide::Open { port };
        }
    }

    /// A request of the peer came by this path.
    pub(super) fn came_by(&mut self, flow: &Flow) {
        self.signalled = flow.remote.ip().to_canonical();
    }

    /// Asks for the port.
    pub(super) fn opening(&self) -> media::Command {
        media::Command::Open { leg: self.leg, family: self.family, resume: None }
    }

    /// Our next offer of `codecs`, with what it says we take. `None` while there is no port.
    pub(super) fn offer(&mut self, rules: &Rules, flow: Flow, codecs: &[Codec]) -> Option<(String, Offered)> {
        let wish = self.wish;
        Some(self.author(rules, flow)?.offer(codecs, wish))
    }

    /// What we said last as an offer, with what it stands for: nothing changes.
    pub(super) fn said_again(&mut self, rules: &Rules, flow: Flow) -> Option<(String, Offered)> {
        let Negotiated { codec, receive, .. } = self.agreed?;
        let said = self.author(rules, flow)?.said()?.to_owned();
        let offered =
            Offered { codecs: vec![(codec, receive.audio)], telephone_event: receive.telephone_event };
        Some((said, offered))
    }

    /// Our answer to the peer's offer, with what it comes to: our codecs in our order. `None` while there is no port. The
    /// socket stays the one it is, so an offer cannot move the leg to the other family.
    pub(super) fn answer(
        &mut self,
        rules: &Rules,
        flow: Flow,
        offer: &Description,
    ) -> Option<Result<(String, Negotiated), Unanswerable>> {
        let peer_at = offer.rtp.ip();
        if !peer_at.is_unspecified() && Family::of(peer_at) != self.family {
            return Some(Err(Unanswerable::Family));
        }
        let (peer, wish) = (self.peer.clone(), self.wish);
        let mut offer = offer.clone();
        offer.codecs.sort_by_key(|(codec, _)| peer.codecs.iter().position(|c| c == codec));
        if peer.dtmf == Dtmf::Info {
            offer.telephone_events.clear();
        }
        let answer = self.author(rules, flow)?.answer(&offer, &peer.codecs, wish);
        Some(answer.map_err(|_| Unanswerable::Codecs))
    }

    fn author(&mut self, rules: &Rules, flow: Flow) -> Option<&mut DescriptionAuthor> {
        let MediaSide::Open { port } = self.side else { return None };
        let address = rules.media.of(self.family, &flow);
        let (id, by_info) = (self.session_id, self.peer.dtmf == Dtmf::Info);
        Some(self.author.get_or_insert_with(|| {
            let author = DescriptionAuthor::new(address, port, id);
            if by_info { author.without_keys() } else { author }
        }))
    }

    /// Takes what was agreed and says it to the media plane.
    pub(super) fn agree(&mut self, negotiated: Negotiated) -> media::Command {
        self.agreed = Some(negotiated);
        let latching = media::Latching {
            signalled: self.signalled,
            listed: self.peer.media_sources.clone(),
            towards: self.peer.towards,
        };
        media::Command::Remote { leg: self.leg, remote: negotiated, latching }
    }

    /// Asks for the port back, once. `None` when that was done before.
    pub(super) fn close(&mut self) -> Option<media::Command> {
        match self.side {
            MediaSide::Opening | MediaSide::Open { .. } => {
                self.side = MediaSide::Closing;
                Some(media::Command::Close { leg: self.leg })
            }
            MediaSide::Closing | MediaSide::Closed => None,
        }
    }

    /// The codecs of the peer, the one in use first.
    pub(super) fn codecs(&self) -> Vec<Codec> {
        self.codecs_like(self.agreed.map(|agreed| agreed.codec))
    }

    /// The codecs of the peer in the order that spares converting: what the other party speaks first.
    pub(super) fn codecs_like(&self, other: Option<Codec>) -> Vec<Codec> {
        let mut codecs = self.peer.codecs.clone();
        codecs.sort_by_key(|c| Some(*c) != other);
        codecs
    }
}
