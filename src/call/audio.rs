//! What each party hears: derived from where the call stands, and said to the media plane where it changes.

use super::leg::Leg;
use super::legs::Legs;
use super::rules::QueueVoice;
use crate::id::LegId;
use crate::media;
use std::sync::Arc;

/// What a leg hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hears {
    /// Nothing from us.
    Silence,
    /// A prompt, once.
    Notice(Notice),
    /// The queue's music, for as long as it takes.
    Music,
    /// Another leg.
    Leg(LegId),
    /// Several legs at once.
    Mix(Vec<LegId>),
}

/// A prompt that is played once, and told of when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    /// The number under which the media plane tells that it is over.
    pub play: u32,
    /// The prompt.
    pub prompt: Arc<str>,
}

/// What the media plane was told each leg hears.
#[derive(Debug, Default)]
pub(super) struct Audio {
    /// Legs that hear something.
    told: Vec<(LegId, media::Source)>,
    plays: u32,
}

impl Audio {
    /// A prompt that begins now.
    pub(super) fn notice(&mut self, prompt: Arc<str>) -> Notice {
        self.plays += 1;
        Notice { play: self.plays, prompt }
    }

    /// The legs that hear `leg`.
    pub(super) fn hearers(&self, leg: LegId) -> impl Iterator<Item = LegId> {
        self.told
            .iter()
            .filter(move |(_, source)| *source == media::Source::Leg(leg))
            .map(|(hearer, _)| *hearer)
    }

    /// What has changed since it was told. A leg that is not named, or has no port, hears nothing.
    pub(super) fn changes(
        &mut self,
        hears: Vec<(LegId, Hears)>,
        voice: Option<&QueueVoice>,
        legs: &Legs,
    ) -> Vec<media::Command> {
        let has_port = |leg: LegId| legs.get(leg).is_some_and(|leg| leg.has_media());
        let wanted: Vec<(LegId, media::Source)> = hears
            .into_iter()
            .filter(|(leg, _)| has_port(*leg))
            .map(|(leg, hears)| (leg, source(audible(leg, hears, legs), voice)))
            .filter(|(_, source)| *source != media::Source::Silence)
            .collect();
        if wanted == self.told {
            return Vec::new();
        }
        let is_wanted = |leg: LegId| wanted.iter().any(|(wanted, _)| *wanted == leg);
        let silenced = self.told.iter().map(|(leg, _)| *leg).filter(|leg| !is_wanted(*leg) && has_port(*leg));
        let silenced = silenced.map(|leg| media::Command::Hear { leg, source: media::Source::Silence });
        let new = wanted.iter().filter(|wanted| !self.told.contains(wanted)).cloned();
        let commands =
            silenced.chain(new.map(|(leg, source)| media::Command::Hear { leg, source })).collect();
        self.told = wanted;
        commands
    }
}

/// What a leg hears of what it is to hear: music in place of a party that holds it, and none before its audio is agreed.
fn audible(leg: LegId, hears: Hears, legs: &Legs) -> Hears {
    match hears {
        // A party that answered and takes no audio holds the other (RFC 3264 section 8.4). Early media may be an
        // announcement that takes none.
        Hears::Leg(other) if legs.is_up(other) && legs.get(other).is_some_and(Leg::holds) => Hears::Music,
        // A phone that was told 180 makes the ringing tone itself.
        Hears::Music if legs.get(leg).is_none_or(|leg| leg.direction().is_none()) => Hears::Silence,
        hears @ (Hears::Silence | Hears::Notice(_) | Hears::Music | Hears::Leg(_) | Hears::Mix(_)) => hears,
    }
}

fn source(hears: Hears, voice: Option<&QueueVoice>) -> media::Source {
    match hears {
        Hears::Silence => media::Source::Silence,
        Hears::Notice(Notice { play, prompt }) => media::Source::Prompt { prompt, repeat: false, play },
        Hears::Music => match voice.and_then(|voice| voice.music.clone()) {
            // Nothing waits for its end: it has none.
            Some(prompt) => media::Source::Prompt { prompt, repeat: true, play: 0 },
            None => media::Source::Silence,
        },
        Hears::Leg(leg) => media::Source::Leg(leg),
        // The media plane does not mix yet: the first party is heard.
        Hears::Mix(legs) => legs.first().map_or(media::Source::Silence, |leg| media::Source::Leg(*leg)),
    }
}
