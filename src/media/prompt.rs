//! Prompts: recorded speech and music, read once from WAV and sent as they are, 20 ms a packet.
//!
//! A prompt is kept in the law it was recorded in. On a leg with the other law each packet goes through the
//! 256-octet table, which costs less than a tenth of a microsecond, so there is no second copy in memory.

use super::g711;
use crate::sdp::Codec;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Octets of one packet: 20 ms at 8 kHz.
pub const FRAME: usize = 160;

/// One prompt in G.711.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    codec: Codec,
    audio: Cow<'static, [u8]>,
}

/// Why a file is no prompt, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPrompt(pub &'static str);

impl std::fmt::Display for NotAPrompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.0, self.cure())
    }
}

impl NotAPrompt {
    /// How to make it one.
    pub fn cure(&self) -> &'static str {
        "make it one with: sox in.wav -r 8000 -c 1 -e a-law out.wav"
    }
}

impl std::error::Error for NotAPrompt {}

impl Prompt {
    /// Reads a WAV file: G.711 A-law or µ-law, or 16-bit PCM (kept as A-law), at 8 kHz, one channel.
    pub fn from_wav(file: impl Into<Cow<'static, [u8]>>) -> Result<Prompt, NotAPrompt> {
        let file = file.into();
        let (format, audio) = chunks(&file)?;
        let [tag, channels, rate_low, rate_high, _, _, _, bits] = words(format)?;
        if channels != 1 {
            return Err(NotAPrompt("the WAV file has more than one channel"));
        }
        if (rate_low, rate_high) != (8_000, 0) {
            return Err(NotAPrompt("the WAV file is not sampled at 8 kHz"));
        }
        if audio.is_empty() {
            return Err(NotAPrompt("the WAV file holds no audio"));
        }
        let codec = match (tag, bits) {
            (6, 8) => Codec::Pcma,
            (7, 8) => Codec::Pcmu,
            (1, 16) => {
                let audio = file.get(audio).unwrap_or_default().chunks_exact(2);
                let alaw = audio.map(|s| g711::alaw_from_linear(i16::from_le_bytes([s[0], s[1]])));
                return Ok(Prompt { codec: Codec::Pcma, audio: Cow::Owned(alaw.collect()) });
            }
            _ => return Err(NotAPrompt("the WAV file is neither A-law, µ-law nor 16-bit PCM")),
        };
        let audio = match file {
            Cow::Borrowed(file) => Cow::Borrowed(file.get(audio).unwrap_or_default()),
            Cow::Owned(mut file) => {
                file.truncate(audio.end);
                file.drain(..audio.start);
                Cow::Owned(file)
            }
        };
        Ok(Prompt { codec, audio })
    }

    /// The ringing tone of China, once: 450 Hz for 1 s at -13 dB of full scale, 4 s of silence (ITU-T E.180, list of
    /// tones).
    pub fn ringback() -> Prompt {
        let sample = |n: u32| {
            let phase = std::f64::consts::TAU * 450.0 * f64::from(n) / 8_000.0;
            let level = if n < 8_000 { 7_336.0 } else { 0.0 };
            g711::alaw_from_linear((level * phase.sin()) as i16)
        };
        Prompt { codec: Codec::Pcma, audio: Cow::Owned((0..5 * 8_000).map(sample).collect()) }
    }

    /// Tones one after the other at -13 dB of full scale, each of so many hertz, 0 for silence, and so many milliseconds. Each
    /// ends where its wave is at zero or nearly so: 8 samples a millisecond.
    pub fn tones(tones: &[(u32, u32)]) -> Prompt {
        let mut audio = Vec::new();
        for (hertz, millis) in tones {
            audio.extend((0..millis * 8).map(|n| {
                let phase = std::f64::consts::TAU * f64::from(*hertz) * f64::from(n) / 8_000.0;
                g711::alaw_from_linear((7_336.0 * phase.sin()) as i16)
            }));
        }
        Prompt { codec: Codec::Pcma, audio: Cow::Owned(audio) }
    }

    /// How many packets it is.
    pub fn frames(&self) -> u32 {
        u32::try_from(self.audio.len().div_ceil(FRAME)).unwrap_or(u32::MAX)
    }

    /// Writes packet number `frame` in `codec`, the last one filled up with silence. False past the end.
    pub fn frame(&self, frame: u32, codec: Codec, out: &mut [u8; FRAME]) -> bool {
        let from = frame as usize * FRAME;
        let Some(rest) = self.audio.get(from..).filter(|r| !r.is_empty()) else { return false };
        let length = rest.len().min(FRAME);
        let (audio, filling) = out.split_at_mut(length);
        audio.copy_from_slice(&rest[..length]);
        g711::convert(audio, self.codec, codec);
        filling.fill(g711::silence(codec));
        true
    }
}

/// The prompts by name.
#[derive(Debug, Clone, Default)]
pub struct Prompts(HashMap<Arc<str>, Arc<Prompt>>);

impl Prompts {
    /// Adds a prompt, in place of one of the same name.
    pub fn insert(&mut self, name: &str, prompt: Prompt) {
        self.0.insert(Arc::from(name), Arc::new(prompt));
    }

    /// The prompt of that name.
    pub fn get(&self, name: &str) -> Option<Arc<Prompt>> {
        self.0.get(name).cloned()
    }

    /// All names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|n| &**n)
    }
}

/// Where a WAV file has its format and its audio.
fn chunks(file: &[u8]) -> Result<(&[u8], std::ops::Range<usize>), NotAPrompt> {
    if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
        return Err(NotAPrompt("this is no WAV file"));
    }
    let mut format = None;
    let mut at = 12;
    while let Some(head) = file.get(at..at + 8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let from = at + 8;
        let to = from.saturating_add(length).min(file.len());
        match &head[..4] {
            b"fmt " => format = file.get(from..to),
            b"data" => {
                let format = format.ok_or(NotAPrompt("the WAV file says nothing of its format"))?;
                return Ok((format, from..to));
            }
            _ => {}
        }
        at = to + length % 2;
    }
    Err(NotAPrompt("the WAV file holds no audio"))
}

/// The first eight 16-bit words of the format: tag, channels, rate (two), octets a second (two), block, bits.
fn words(format: &[u8]) -> Result<[u16; 8], NotAPrompt> {
    let mut words = [0; 8];
    let octets = format.get(..16).ok_or(NotAPrompt("the WAV file's format is cut short"))?;
    for (word, pair) in words.iter_mut().zip(octets.chunks_exact(2)) {
        *word = u16::from_le_bytes([pair[0], pair[1]]);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(tag: u16, channels: u16, rate: u32, bits: u16, audio: &[u8]) -> Vec<u8> {
        let mut w = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        w.extend(tag.to_le_bytes());
        w.extend(channels.to_le_bytes());
        w.extend(rate.to_le_bytes());
        w.extend([0; 6]);
        w.extend(bits.to_le_bytes());
        w.extend(b"data");
        w.extend((audio.len() as u32).to_le_bytes());
        w.extend(audio);
        w
    }

    #[test]
    fn packets_are_twenty_milliseconds_and_the_last_is_filled_up() {
        let prompt = Prompt::from_wav(wav(6, 1, 8_000, 8, &[0x11; 200])).unwrap();
        let mut out = [0; FRAME];
        assert_eq!(prompt.frames(), 2);
        assert!(prompt.frame(0, Codec::Pcma, &mut out));
        assert_eq!(out, [0x11; FRAME]);
        assert!(prompt.frame(1, Codec::Pcma, &mut out));
        assert_eq!(out[..40], [0x11; 40]);
        assert_eq!(out[40..], [g711::ALAW_SILENCE; 120]);
        assert!(!prompt.frame(2, Codec::Pcma, &mut out));
    }

    #[test]
    fn each_leg_gets_its_own_law() {
        let prompt = Prompt::from_wav(wav(7, 1, 8_000, 8, &[0xff; 160])).unwrap();
        let mut out = [0; FRAME];
        prompt.frame(0, Codec::Pcmu, &mut out);
        assert_eq!(out, [0xff; FRAME]);
        prompt.frame(0, Codec::Pcma, &mut out);
        assert_eq!(out, [0xd5; FRAME]);
    }

    #[test]
    fn sixteen_bit_samples_become_a_law() {
        let prompt = Prompt::from_wav(wav(1, 1, 8_000, 16, &[0, 0, 0xff, 0x7f])).unwrap();
        let mut out = [0; FRAME];
        prompt.frame(0, Codec::Pcma, &mut out);
        assert_eq!(out[..3], [0xd5, 0xaa, 0xd5]);
    }

    #[test]
    fn other_files_are_refused_with_the_reason_and_a_cure() {
        let whole = wav(6, 1, 8_000, 8, &[1; 8]);
        let bad = [
            (b"ID3".to_vec(), "no WAV"),
            (wav(6, 2, 8_000, 8, &[1]), "channel"),
            (wav(1, 1, 44_100, 16, &[1, 1]), "8 kHz"),
            (wav(3, 1, 8_000, 32, &[1; 4]), "neither"),
            (wav(6, 1, 8_000, 8, &[]), "no audio"),
            (whole[..40].to_vec(), "no audio"),
        ];
        for (file, reason) in bad {
            let said = Prompt::from_wav(file).unwrap_err().to_string();
            assert!(said.contains(reason) && said.contains("sox"), "{said}");
        }
    }
}
