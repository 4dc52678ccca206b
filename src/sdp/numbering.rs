//! Which payload type our offers name for what. Within a dialog a dynamic number keeps its meaning for good (RFC 3264
//! section 8.3.2), so a later offer of ours uses the numbers agreed on, else some the peer never named.

use super::{Codec, Description};
use serde::{Deserialize, Serialize};

/// The payload type we offer for telephone-event: the number nearly everyone uses, so that few need to map it.
pub const TELEPHONE_EVENT: u8 = 101;

/// The payload types of one direction (RFC 3264 section 5.1): those of a description are what its author takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadNumbers {
    /// The codec in use.
    pub audio: u8,
    /// Telephone-event; `None` when it is not taken.
    pub telephone_event: Option<u8>,
}

/// What an offer of ours says we take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Codecs in the order we like them, each with its payload type.
    pub codecs: Vec<(Codec, u8)>,
    /// The payload type of telephone-event; `None` when keys go another way.
    pub telephone_event: Option<u8>,
}

/// The payload types whose meaning is for a description to say (RFC 3551 section 3).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// What the payload types of one dialog's audio stand for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Numbering {
    /// One bit for each payload type that has a meaning already.
    named: u128,
    codecs: [Option<u8>; Codec::ALL.len()],
    keys: Keys,
}

/// How keys are offered.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
enum Keys {
    /// Not at all: they go another way.
    Elsewhere,
    /// By telephone-event; nothing was said of it yet.
    #[default]
    Unnamed,
    /// By telephone-event under this number.
    Named(u8),
}

impl Numbering {
    /// The same without telephone-event.
    pub(super) fn without_keys(self) -> Numbering {
        Numbering { keys: Keys::Elsewhere, ..self }
    }

    /// Takes what an offer of the peer names, which our answer repeats.
    pub(super) fn learn(&mut self, peer: &Description) {
        self.named |= peer.named;
        for (place, codec) in self.codecs.iter_mut().zip(Codec::ALL) {
            let named = peer.codecs.iter().find(|(c, _)| *c == codec).map(|(_, number)| *number);
            *place = named.or(*place);
        }
        let keys = peer.codecs.first().and_then(|(codec, _)| peer.telephone_event(*codec));
        self.keys = match (self.keys, keys) {
            (Keys::Unnamed | Keys::Named(_), Some(number)) => Keys::Named(number),
            (keys, _) => keys,
        };
    }

    /// The numbers of our next offer, which keep their meaning from here on.
    pub(super) fn offer(&mut self, codecs: &[Codec]) -> Offered {
        let offered = Offered {
            codecs: codecs.iter().filter_map(|codec| Some((*codec, self.number_of(*codec)?))).collect(),
            telephone_event: match self.keys {
                Keys::Elsewhere => None,
                Keys::Named(number) => Some(number),
                // A peer that has named all 32 numbers gets no keys: none is left for them.
                Keys::Unnamed => self.free(Some(TELEPHONE_EVENT)),
            },
        };
        if let Some(number) = offered.telephone_event {
            self.keys = Keys::Named(number);
        }
        offered
    }

    /// `None` where none is left.
    fn number_of(&mut self, codec: Codec) -> Option<u8> {
        let at = Codec::ALL.iter().position(|c| *c == codec);
        if let Some(known) = at.and_then(|at| self.codecs.get(at).copied().flatten()) {
            return Some(known);
        }
        let usual = codec.encoding().payload_type;
        let number = self.free(usual).or(usual)?;
        if let Some(place) = at.and_then(|at| self.codecs.get_mut(at)) {
            *place = Some(number);
        }
        Some(number)
    }

    /// The usual number if it has no meaning yet, else the first dynamic one without.
    fn free(&mut self, usual: Option<u8>) -> Option<u8> {
        let number = usual.into_iter().chain(DYNAMIC).find(|n| self.named >> n & 1 == 0)?;
        self.named |= 1 << number;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::{DescriptionAuthor, Direction, accepted, parse};

    fn peer(formats: &str, maps: &[&str]) -> Description {
        let maps: String = maps.iter().map(|map| format!("a=rtpmap:{map}\r\n")).collect();
        let text = format!("v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP {formats}\r\n{maps}");
        parse(text.as_bytes()).unwrap()
    }

    /// Our offer after the peer's offers were answered.
    fn offered(author: DescriptionAuthor, peers: &[Description]) -> Offered {
        let mut author = author;
        for peer in peers {
            author.answer(peer, &Codec::ALL, Direction::SendRecv).unwrap();
        }
        let (text, offered) = author.offer(&Codec::ALL, Direction::SendRecv);
        let read = parse(text.as_bytes()).unwrap();
        assert_eq!(
            (read.telephone_event(Codec::Pcma), read.codecs),
            (offered.telephone_event, offered.codecs.clone())
        );
        assert_eq!(author.offer(&Codec::ALL, Direction::SendOnly).1, offered, "they keep their meaning");
        offered
    }

    fn author() -> DescriptionAuthor {
        DescriptionAuthor::new([192, 0, 2, 1].into(), 4_000, 7)
    }

    #[test]
    fn a_later_offer_uses_the_numbers_agreed_on() {
        let peers = [peer("101 97 96", &["101 opus/48000/2", "97 PCMA/8000", "96 telephone-event/8000"])];
        let ours = offered(author(), &peers);
        assert_eq!(ours.telephone_event, Some(96));
        assert_eq!(ours.codecs, [(Codec::Pcma, 97), (Codec::Pcmu, 0)]);
    }

    #[test]
    fn what_was_never_agreed_gets_a_number_the_peer_never_named() {
        let all = |but: u8| -> Vec<String> {
            DYNAMIC.filter(|n| *n != but).map(|n| format!("{n} x{n}/8000")).collect()
        };
        for (maps, number) in [
            (vec!["101 opus/48000/2".to_owned()], Some(96)),
            (vec!["101 opus/48000/2".into(), "96 speex/16000".into(), "97 iLBC/8000".into()], Some(98)),
            (all(120), Some(120)),
            (all(0), None),
        ] {
            let maps: Vec<&str> = maps.iter().map(String::as_str).collect();
            assert_eq!(offered(author(), &[peer("8", &maps)]).telephone_event, number, "{maps:?}");
        }
        // Named once is named for good, mapped or only listed, and even where a static number is mapped anew.
        let peers = [peer("8 101", &[]), peer("8 0", &["96 speex/8000", "0 G729/8000"])];
        let ours = offered(author(), &peers);
        assert_eq!((ours.telephone_event, ours.codecs[1]), (Some(98), (Codec::Pcmu, 97)));
    }

    #[test]
    fn a_peer_that_takes_keys_another_way_is_never_offered_telephone_event() {
        let peers = [peer("8 96", &["96 telephone-event/8000"])];
        assert_eq!(offered(author().without_keys(), &peers).telephone_event, None);
    }

    #[test]
    fn an_answer_under_other_numbers_tells_what_is_sent_and_ours_what_comes() {
        let (_, ours) = author().offer(&Codec::ALL, Direction::SendRecv);
        let answer = peer("97 96", &["97 PCMA/8000", "96 telephone-event/8000"]);
        let agreed = accepted(&ours, &answer).unwrap();
        assert_eq!((agreed.payload_type, agreed.telephone_event), (97, Some(96)));
        assert_eq!((agreed.receive.audio, agreed.receive.telephone_event), (8, Some(101)));
        let without = Offered { telephone_event: None, ..ours };
        assert_eq!(accepted(&without, &answer).unwrap().telephone_event, None, "it was not offered");
    }
}
