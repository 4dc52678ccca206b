//! The relay: every leg, what it hears, and where a packet goes. Knows no socket: it says which ports to bind, is
//! given the packets that came in, and rewrites them in place for the leg they go to.
//!
//! The relay holds at most as many legs as there are port pairs. A packet costs no allocation and no look-up by name.

use super::Family;
use super::command::{Bound, Command, Event, LocalMedia, OpenFailure, Source};
pub use super::counts::RelayCounts;
use super::dtmf::KeyPress;
use super::egress::Egress;
use super::latch::{Described, Latching, SourceVerdict};
use super::leg::{Hears, Key, LastRtp, Leg, PortBinding, ReportSocket, TalkSilence, Through};
use super::pacer::Pacer;
use super::ports::Ports;
use super::prompt::{FRAME, Prompts};
use super::rtp::{HEADER, Header};
use super::rtp_timeout::RtpTimeout;
use crate::id::{LegId, Random};
use crate::sdp::Negotiated;
use crate::time::{Duration, Mono};
use std::collections::HashMap;
use std::net::SocketAddr;

mod hearing;
mod key_packets;
mod packets;
mod resume;

pub use packets::{DATAGRAM, Datagram};

/// Ports tried for one leg before it is refused: some may be held by other programs. Each is drawn by lot, so that where
/// nine of ten are held one leg in 700,000 is refused. A try costs microseconds.
const TRIES: u32 = 128;
/// How long a leg lives before its RTCP socket is opened. The first report is due 2.5 s after the first packet (half of RFC 3550's
/// least interval of 5 s), and most legs of refused or short calls never get that far.
const REPORTS_AFTER: Duration = Duration::from_secs(1);
/// How often silence and RTCP sockets are looked at, at most.
const ROUND: Duration = Duration::from_millis(500);
/// A round that comes this much too late shows that nothing was read meanwhile: the process was stopped. Above what a
/// machine under load keeps a thread waiting, and well below the least `media.silence` of 5 s.
const OVERDUE: Duration = Duration::from_secs(1);

/// What the relay asks of its shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Bind this port of the family for the leg, hearing everyone. Answered by [`Relay::bound`].
    Bind(Key, Family, u16),
    /// As [`Output::Bind`], for a leg that another process had: its socket may have come from there.
    BindAgain(Key, Family, u16),
    /// Bind the leg's RTCP port, in the same family. Answered by [`Relay::bound_reports`]; without it the leg lives on.
    BindReports(Key, u16),
    /// Hear only this source from here on: the RTP socket may be connected to it.
    Hold(Key, SocketAddr),
    /// Hear everyone again.
    Relearn(Key),
    /// Close the leg's sockets.
    Release(Key),
    /// Tell the control plane.
    Event(Event),
}

/// A rewritten packet and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatagramOut {
    /// The leg whose socket it goes out by.
    pub key: Key,
    /// Which of its sockets.
    pub through: Through,
    /// The address.
    pub to: SocketAddr,
    /// Octets of the buffer to send.
    pub length: usize,
}

/// Why the relay wants to be called at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A prompt's next packet is due.
    Prompt,
    /// The round over all legs: silent talks, RTCP sockets.
    Round,
}

/// Every leg of the media plane.
#[derive(Debug)]
pub struct Relay {
    legs: Vec<Option<Leg>>,
    free: Vec<Key>,
    by_id: HashMap<LegId, Key>,
    ports: Ports,
    prompts: Prompts,
    pacer: Pacer,
    silence: Duration,
    round: Mono,
    random: Random,
    counts: RelayCounts,
}

impl Relay {
    /// A relay with no legs. A talk without a packet from either side for `silence` is told of.
    pub fn new(ports: Ports, silence: Duration, prompts: Prompts, random: Random) -> Relay {
        Relay {
            legs: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            ports,
            prompts,
            pacer: Pacer::default(),
            silence,
            round: Mono(0),
            random,
            counts: RelayCounts::default(),
        }
    }

    /// Obeys a command.
    pub fn handle(&mut self, now: Mono, command: Command, out: &mut Vec<Output>) {
        if let Command::Open { leg, family, resume } = command {
            return match resume {
                None => self.open(now, leg, family, out),
                Some(resumed) => self.open_again(now, leg, family, &resumed, out),
            };
        }
        let Some(&key) = self.by_id.get(&command.leg()) else { return };
        match command {
            Command::Open { .. } => {}
            Command::Remote { remote, latching, .. } => self.remote(now, key, remote, latching, out),
            Command::Hear { source, .. } => self.hear(now, key, source, out),
            Command::Pressed { key: pressed, held, .. } => {
                let Some(leg) = self.leg(key) else { return };
                if let Some(told) = leg.dtmf_receiver.on_signalled(now, pressed, held) {
                    out.extend(told.event(leg.id).map(Output::Event));
                    self.send_dtmf(now, key, told);
                }
            }
            Command::RtpTimeout { after, .. } => {
                if let Some(leg) = self.leg(key) {
                    leg.rtp_timeout = Some(RtpTimeout::new(after, now));
                }
            }
            Command::Close { .. } => self.close(now, key, out),
        }
    }

    /// When to call [`Relay::handle_timeout`] (and, for [`Reason::Prompt`], [`Relay::prompts_due`]), and why.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        let round = (!self.by_id.is_empty()).then_some((self.round, Reason::Round));
        let prompt = self.pacer.next().map(|at| (at, Reason::Prompt));
        round.into_iter().chain(prompt).min()
    }

    /// The counters.
    pub fn counts(&self) -> RelayCounts {
        RelayCounts {
            legs: self.by_id.len() as u64,
            playing: self.pacer.len() as u64,
            ports: self.ports.taken() as u64,
            ..self.counts
        }
    }

    fn leg(&mut self, key: Key) -> Option<&mut Leg> {
        self.legs.get_mut(key.0 as usize)?.as_mut()
    }

    fn open(&mut self, now: Mono, id: LegId, family: Family, out: &mut Vec<Output>) {
        if self.by_id.contains_key(&id) {
            return;
        }
        let Some(port) = self.ports.take(now, &mut self.random) else {
            return self.refuse(id, OpenFailure::NoneFree, out);
        };
        let leg = Leg::new(id, family, port, Egress::new(&mut self.random));
        let key = self.place(now, leg);
        out.push(Output::Bind(key, family, port));
    }

    /// Gives a leg its place.
    fn place(&mut self, now: Mono, leg: Leg) -> Key {
        let key = match self.free.pop() {
            Some(key) => key,
            None => {
                self.legs.push(None);
                Key(self.legs.len() as u32 - 1)
            }
        };
        if self.by_id.is_empty() {
            self.round = now + self.period();
        }
        self.by_id.insert(leg.id, key);
        if let Some(place) = self.legs.get_mut(key.0 as usize) {
            *place = Some(leg);
        }
        key
    }

    /// What came of [`Output::Bind`]. A port that is held by another program is left to rest and another one is tried;
    /// where no port can be bound the leg is refused and its port stays as it was.
    pub fn bound(&mut self, now: Mono, key: Key, bound: Bound, out: &mut Vec<Output>) {
        let Some(leg) = self.leg(key) else { return };
        let PortBinding::Trying(tried) = &mut leg.binding else { return };
        let (id, family, port) = (leg.id, leg.family, leg.port);
        *tried += 1;
        let again = *tried <= TRIES;
        let why = match bound {
            Bound::Ours => {
                leg.binding = PortBinding::Bound;
                leg.reports.socket = ReportSocket::From(now + REPORTS_AFTER);
                return out.push(Output::Event(Event::Opened { leg: id, local: LocalMedia::plain(port) }));
            }
            Bound::Short(shortage) => {
                self.ports.untake(port);
                OpenFailure::Short(shortage)
            }
            Bound::Taken => {
                self.ports.give(now, port);
                if again && let Some(port) = self.ports.take(now, &mut self.random) {
                    if let Some(leg) = self.leg(key) {
                        leg.port = port;
                    }
                    return out.push(Output::Bind(key, family, port));
                }
                OpenFailure::AllTaken
            }
        };
        self.forget(key, id);
        self.refuse(id, why, out);
    }

    /// What came of [`Output::BindReports`]. A port of another program is not tried again; in a shortage the next round is.
    pub fn bound_reports(&mut self, key: Key, bound: Bound) {
        if let (Bound::Short(_), Some(leg)) = (bound, self.leg(key)) {
            leg.reports.socket = ReportSocket::From(Mono(0));
        }
    }

    fn refuse(&mut self, leg: LegId, why: OpenFailure, out: &mut Vec<Output>) {
        self.counts.refused += 1;
        out.push(Output::Event(Event::OpenFailed { leg, why }));
    }

    fn forget(&mut self, key: Key, id: LegId) -> Option<Leg> {
        self.by_id.remove(&id);
        self.free.push(key);
        self.legs.get_mut(key.0 as usize)?.take()
    }

    fn remote(&mut self, now: Mono, key: Key, remote: Negotiated, latching: Latching, out: &mut Vec<Output>) {
        let Some(leg) = self.leg(key) else { return };
        match leg.latch.describe(now, remote.rtp, latching) {
            Described::AsBefore => {}
            Described::Relearn => {
                leg.reports.source = None;
                out.push(Output::Relearn(key));
            }
            Described::Held(source) => out.push(Output::Hold(key, source)),
        }
        // A refresh says the same again, and its answer is no sound.
        if leg.remote.replace(remote) == Some(remote) {
            return;
        }
        leg.last_rtp = LastRtp::Never;
        // Silence is measured anew: a call taken off hold gets the whole time.
        if let Some(timeout) = &mut leg.rtp_timeout {
            timeout.restart(now);
        }
        if let Some(peer) = self.talks_with(key) {
            self.set_talk_silence(key, peer, TalkSilence::Since(now));
        }
    }

    /// Says a press on the leg to all that hear it.
    fn send_dtmf(&mut self, now: Mono, key: Key, press: KeyPress) {
        let mut at = self.leg(key).and_then(|leg| leg.heard_by);
        while let Some(hearer) = at {
            let Some(leg) = self.leg(hearer) else { return };
            at = leg.next_hearer();
            if leg.send_dtmf(now, press) {
                self.pacer.add(now, hearer);
            }
        }
    }

    fn close(&mut self, now: Mono, key: Key, out: &mut Vec<Output>) {
        self.leave(key);
        self.mute(key);
        let Some(id) = self.leg(key).map(|l| l.id) else { return };
        let Some(leg) = self.forget(key, id) else { return };
        self.ports.give(now, leg.port);
        out.push(Output::Release(key));
        out.push(Output::Event(Event::Closed { leg: leg.id, quality: leg.quality() }));
    }

    fn period(&self) -> Duration {
        ROUND.min(self.silence / 4).max(Duration::from_millis(5))
    }

    /// Looks at what the clock decides: talks gone silent, RTCP sockets due. Prompts are in [`Relay::prompts_due`]. `now`
    /// must be no later than the moment up to which every socket has been read.
    pub fn handle_timeout(&mut self, now: Mono, out: &mut Vec<Output>) {
        if now < self.round || self.by_id.is_empty() {
            return;
        }
        let stopped = now.since(self.round) > OVERDUE;
        self.round = now + self.period();
        for at in 0..self.legs.len() {
            let key = Key(at as u32);
            let Some(leg) = self.leg(key) else { continue };
            if stopped {
                leg.restart(now);
            }
            if let (ReportSocket::From(from), Some(remote)) = (leg.reports.socket, leg.remote)
                && from <= now
            {
                leg.reports.socket = ReportSocket::Settled;
                if !remote.rtcp_mux {
                    out.push(Output::BindReports(key, leg.port + 1));
                }
            }
            if leg.rtp_timed_out(now) {
                out.push(Output::Event(Event::RtpTimeout { leg: leg.id }));
            }
            if let Some(peer) = self.talks_with(key).filter(|peer| key < *peer) {
                self.judge_silence(now, key, peer, out);
            }
        }
    }

    /// Sends every prompt packet that is due, through `send`.
    pub fn prompts_due(
        &mut self,
        now: Mono,
        out: &mut Vec<Output>,
        mut send: impl FnMut(DatagramOut, &[u8]),
    ) {
        while let Some((step, mut keys)) = self.pacer.take_due(now) {
            keys.retain(|key| self.paced_packet(now, *key, out, &mut send));
            self.pacer.put_back(step, keys);
        }
    }

    /// Sends what is due to a leg every 20 ms, a key or a prompt; false when it is over.
    fn paced_packet(
        &mut self,
        now: Mono,
        key: Key,
        out: &mut Vec<Output>,
        send: &mut impl FnMut(DatagramOut, &[u8]),
    ) -> bool {
        let Some(leg) = self.leg(key).filter(|leg| leg.is_sending_dtmf()) else {
            return self.prompt_packet(now, key, out, send);
        };
        if let Some((to, packet)) = leg.dtmf_packet(now) {
            send(DatagramOut { key, through: Through::Rtp, to, length: packet.len() }, &packet);
        }
        leg.is_sending_dtmf()
    }

    /// Sends one packet of the leg's prompt; false when the prompt is over.
    fn prompt_packet(
        &mut self,
        now: Mono,
        key: Key,
        out: &mut Vec<Output>,
        send: &mut impl FnMut(DatagramOut, &[u8]),
    ) -> bool {
        let Some(leg) = self.legs.get_mut(key.0 as usize).and_then(Option::as_mut) else { return false };
        let Hears::Prompt(playing) = &mut leg.hears else { return false };
        // The prompt begins when it is known where to: nothing of it is lost before.
        let Some(codec) = leg.remote.as_ref().map(|r| r.codec) else { return true };
        let mut audio = [0; FRAME];
        if playing.repeat && playing.frame >= playing.prompt.frames() {
            playing.frame = 0;
        }
        if !playing.prompt.frame(playing.frame, codec, &mut audio) {
            let play = playing.play;
            leg.hears = Hears::Silence;
            leg.egress.detach();
            out.push(Output::Event(Event::Played { leg: leg.id, play, complete: true }));
            return false;
        }
        playing.frame += 1;
        let Some((to, remote)) = leg.target() else {
            leg.egress.detach();
            return true;
        };
        let payload_type = remote.payload_type;
        let stamp = leg.egress.prompt(now);
        leg.egress.sent(FRAME);
        let header = Header {
            payload_type,
            marker: stamp.begins,
            sequence: stamp.sequence,
            timestamp: stamp.timestamp,
            ssrc: leg.egress.ssrc,
            payload: HEADER..HEADER + FRAME,
        };
        let mut packet = [0; HEADER + FRAME];
        packet[HEADER..].copy_from_slice(&audio);
        let length = header.write(&mut packet);
        self.counts.played += 1;
        send(DatagramOut { key, through: Through::Rtp, to, length }, &packet);
        true
    }
}
