//! The author of our descriptions in one dialog: remembers what was said, so that the next one fits it.

use super::numbering::Numbering;
use super::offer_answer::{Spoken, answer, offer_with};
use super::{
    Codec, Description, Direction, Dtls, Incompatible, Local, MediaLine, Negotiated, Offered, Security,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// Writes our descriptions of one dialog. The version of `o=` goes up by one exactly when the text changes, and
/// a later offer names the media lines spoken of before in the same order (RFC 3264 section 8), under the payload types
/// they had (section 8.3.2).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DescriptionAuthor {
    local: Local,
    said: Option<Box<str>>,
    media: Vec<MediaLine>,
    audio: usize,
    mid: Option<Box<str>>,
    numbering: Numbering,
}

impl DescriptionAuthor {
    /// For a dialog in which nothing was said yet.
    pub fn new(address: IpAddr, port: u16, session_id: u64) -> DescriptionAuthor {
        let local = Local { address, port, security: Security::Plain, session_id, version: 1 };
        DescriptionAuthor {
            local,
            said: None,
            media: Vec::new(),
            audio: 0,
            mid: None,
            numbering: Numbering::default(),
        }
    }

    /// The same author, whose descriptions are of DTLS-SRTP.
    #[must_use]
    pub fn secured(mut self, dtls: Arc<Dtls>) -> DescriptionAuthor {
        self.local.security = Security::Dtls(dtls);
        self
    }

    /// The same author, whose offers leave telephone-event out: keys go another way.
    #[must_use]
    pub fn without_keys(self) -> DescriptionAuthor {
        DescriptionAuthor { numbering: self.numbering.without_keys(), ..self }
    }

    /// Our side as last said.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// Moves our side to another address or port; the next description says so.
    pub fn move_to(&mut self, address: IpAddr, port: u16) {
        (self.local.address, self.local.port) = (address, port);
    }

    /// What was said last, word for word: as an offer it says that nothing has changed.
    pub fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    /// Our next offer, and what it says we take; see [`super::offer`].
    pub fn offer(&mut self, codecs: &[Codec], direction: Direction) -> (String, Offered) {
        let offered = self.numbering.offer(codecs);
        let (media, mid) = (std::mem::take(&mut self.media), self.mid.take());
        let spoken = Spoken { media: &media, audio: self.audio, mid: mid.as_deref() };
        let text = self.say(|local| offer_with(local, &offered, direction, spoken));
        (self.media, self.mid) = (media, mid);
        (text, offered)
    }

    /// Our answer to `peer`; see [`super::answer`]. Nothing is remembered of an offer we cannot answer.
    pub fn answer(
        &mut self,
        peer: &Description,
        codecs: &[Codec],
        direction: Direction,
    ) -> Result<(String, Negotiated), Incompatible> {
        let (_, negotiated) = answer(peer, &self.local, codecs, direction)?;
        let text = self.say(|local| answer(peer, local, codecs, direction).map_or(String::new(), |(t, _)| t));
        self.numbering.learn(peer);
        self.media = peer.media.clone();
        self.audio = peer.audio;
        self.mid = peer.mid.clone();
        Ok((text, negotiated))
    }

    fn say(&mut self, write: impl Fn(&Local) -> String) -> String {
        let text = write(&self.local);
        let text = match &self.said {
            None => text,
            Some(said) if **said == *text => return text,
            Some(_) => {
                self.local.version += 1;
                write(&self.local)
            }
        };
        self.said = Some(text.as_str().into());
        text
    }
}
