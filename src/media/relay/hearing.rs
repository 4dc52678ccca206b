//! What each leg hears: a prompt, another leg, nothing. Each leg has one source; a leg may be heard by several. Two legs that
//! hear each other are a talk, and its silence is told of.

use super::super::leg::{Hearing, Hears, Playing, TalkSilence};
use super::{Event, Key, Mono, Output, Relay, Source};

impl Relay {
    /// From now on the leg hears this and nothing else.
    pub(super) fn hear(&mut self, now: Mono, key: Key, source: Source, out: &mut Vec<Output>) {
        let source = match source {
            Source::Leg(id) if self.by_id.get(&id).is_none_or(|of| *of == key) => Source::Silence,
            Source::Leg(_) | Source::Prompt { .. } | Source::Silence => source,
        };
        if self.leg(key).is_none_or(|leg| leg.source == source) {
            return;
        }
        let before = self.leave(key);
        let Some(leg) = self.leg(key) else { return };
        leg.source = source.clone();
        if let Some(Hears::Prompt(Playing { play, .. })) = before {
            out.push(Output::Event(Event::Played { leg: leg.id, play, complete: false }));
        }
        match source {
            Source::Silence => {}
            Source::Prompt { prompt, repeat, play } => {
                let Some(prompt) = self.prompts.get(&prompt) else {
                    let Some(leg) = self.leg(key) else { return };
                    return out.push(Output::Event(Event::Played { leg: leg.id, play, complete: false }));
                };
                let Some(leg) = self.leg(key) else { return };
                leg.hears = Hears::Prompt(Playing { prompt, frame: 0, repeat, play });
                self.pacer.add(now, key);
            }
            Source::Leg(id) => {
                let Some(&of) = self.by_id.get(&id) else { return };
                self.listen(now, key, of);
            }
        }
    }

    /// Puts the leg before those that hear the leg `of`.
    fn listen(&mut self, now: Mono, key: Key, of: Key) {
        let Some(heard) = self.leg(of) else { return };
        let next = heard.heard_by.replace(key);
        let Some(leg) = self.leg(key) else { return };
        leg.hears = Hears::Leg(Hearing { of, next, silence: TalkSilence::Since(now), dtmf: None });
        if self.talks_with(key) == Some(of) {
            self.set_talk_silence(key, of, TalkSilence::Since(now));
        }
    }

    /// Ends what the leg hears, and gives what that was.
    pub(super) fn leave(&mut self, key: Key) -> Option<Hears> {
        let leg = self.leg(key)?;
        leg.source = Source::Silence;
        leg.egress.detach();
        let before = std::mem::replace(&mut leg.hears, Hears::Silence);
        match &before {
            Hears::Silence => {}
            Hears::Prompt(_) => self.pacer.remove(key),
            Hears::Leg(hearing) => {
                if hearing.dtmf.is_some() {
                    self.pacer.remove(key);
                }
                self.unlink(key, hearing);
            }
        }
        Some(before)
    }

    /// Takes the leg out of those that hear the same one.
    fn unlink(&mut self, key: Key, hearing: &Hearing) {
        let Some(heard) = self.leg(hearing.of) else { return };
        if heard.heard_by == Some(key) {
            heard.heard_by = hearing.next;
            return;
        }
        let mut at = heard.heard_by;
        while let Some(before) = at.and_then(|at| self.leg(at)).and_then(|leg| leg.hearing()) {
            if before.next == Some(key) {
                before.next = hearing.next;
                return;
            }
            at = before.next;
        }
    }

    /// Lets everyone that hears the leg hear silence.
    pub(super) fn mute(&mut self, key: Key) {
        while let Some(hearer) = self.leg(key).and_then(|leg| leg.heard_by) {
            self.leave(hearer);
        }
    }

    /// The leg that it hears and that hears it.
    pub(super) fn talks_with(&mut self, key: Key) -> Option<Key> {
        let peer = self.leg(key)?.heard_leg()?;
        (self.leg(peer)?.heard_leg() == Some(key)).then_some(peer)
    }

    pub(super) fn set_talk_silence(&mut self, a: Key, b: Key, silence: TalkSilence) {
        for key in [a, b] {
            if let Some(hearing) = self.leg(key).and_then(|leg| leg.hearing()) {
                hearing.silence = silence;
            }
        }
    }

    /// Whether both legs of a talk are silent for so long that it is told.
    pub(super) fn judge_silence(&mut self, now: Mono, a: Key, b: Key, out: &mut Vec<Output>) {
        let Some(TalkSilence::Since(mut last)) = self.leg(a).and_then(|leg| leg.hearing()).map(|h| h.silence)
        else {
            return;
        };
        let mut expected = false;
        let mut ids = [None; 2];
        for (key, id) in [a, b].into_iter().zip(&mut ids) {
            let Some(leg) = self.leg(key) else { return };
            *id = Some(leg.id);
            // Of a peer on hold in both directions no packet is due.
            expected |= leg.remote.is_none_or(|r| r.direction.receives());
            last = last.max(leg.last_heard().unwrap_or(last));
        }
        if !expected {
            self.set_talk_silence(a, b, TalkSilence::Since(now));
        } else if now.since(last) >= self.silence
            && let [Some(id_a), Some(id_b)] = ids
        {
            self.set_talk_silence(a, b, TalkSilence::Told);
            out.push(Output::Event(Event::Silent { a: id_a, b: id_b }));
        }
    }
}
