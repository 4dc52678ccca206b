//! G.711: A-law and µ-law to and from linear samples, and from one law to the other by table.
//!
//! The tables are made at compile time. Converting between the laws costs one look-up a sample.

use crate::sdp::Codec;

/// The octet both ends hear as silence in A-law.
pub const ALAW_SILENCE: u8 = 0xd5;
/// The octet both ends hear as silence in µ-law.
pub const ULAW_SILENCE: u8 = 0xff;

const ALAW_TO_ULAW: [u8; 256] = {
    let mut t = [0; 256];
    let mut i = 0;
    while i < 256 {
        t[i] = ulaw_from_linear(linear_from_alaw(i as u8));
        i += 1;
    }
    t
};

const ULAW_TO_ALAW: [u8; 256] = {
    let mut t = [0; 256];
    let mut i = 0;
    while i < 256 {
        t[i] = alaw_from_linear(linear_from_ulaw(i as u8));
        i += 1;
    }
    t
};

/// Rewrites `payload` from one law to the other, in place. Nothing happens when they are the same.
pub fn convert(payload: &mut [u8], from: Codec, to: Codec) {
    let table = match (from, to) {
        (Codec::Pcma, Codec::Pcmu) => &ALAW_TO_ULAW,
        (Codec::Pcmu, Codec::Pcma) => &ULAW_TO_ALAW,
        (Codec::Pcma, Codec::Pcma) | (Codec::Pcmu, Codec::Pcmu) => return,
    };
    for octet in payload {
        *octet = table[usize::from(*octet)];
    }
}

/// The octet for silence.
pub fn silence(codec: Codec) -> u8 {
    match codec {
        Codec::Pcma => ALAW_SILENCE,
        Codec::Pcmu => ULAW_SILENCE,
    }
}

/// One linear sample (16 bit) as A-law (G.711 table 1: 13 bits, sign and eight chords, even bits inverted).
pub const fn alaw_from_linear(sample: i16) -> u8 {
    let sign: u8 = if sample < 0 { 0 } else { 0x80 };
    let magnitude = (if sample < 0 { !sample } else { sample } as u16) >> 3;
    let code = if magnitude < 32 {
        magnitude >> 1
    } else {
        let chord = 11 - magnitude.leading_zeros() as u16;
        chord << 4 | (magnitude >> chord) & 0x0f
    };
    (code as u8 | sign) ^ 0x55
}

/// One A-law octet as a linear sample, at the middle of its step.
pub const fn linear_from_alaw(octet: u8) -> i16 {
    let code = octet ^ 0x55;
    let (chord, step) = ((code >> 4) & 7, (code & 0x0f) as i16);
    let magnitude = if chord == 0 { step << 4 | 8 } else { (step << 4 | 0x108) << (chord - 1) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// One linear sample (16 bit) as µ-law (G.711 table 2: 14 bits, biased, all bits inverted).
pub const fn ulaw_from_linear(sample: i16) -> u8 {
    const BIAS: u16 = 132;
    const CLIP: u16 = 32_635;
    let sign: u8 = if sample < 0 { 0x80 } else { 0 };
    let plain = sample.unsigned_abs();
    let biased = (if plain > CLIP { CLIP } else { plain }) + BIAS;
    let chord = 8 - biased.leading_zeros() as u16;
    !(sign | (chord << 4 | (biased >> (chord + 3)) & 0x0f) as u8)
}

/// One µ-law octet as a linear sample, at the middle of its step.
pub const fn linear_from_ulaw(octet: u8) -> i16 {
    let code = !octet;
    let magnitude = ((((code & 0x0f) as i16) << 3) + 132) << ((code >> 4) & 7);
    if code & 0x80 == 0 { magnitude - 132 } else { 132 - magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points_of_both_laws() {
        assert_eq!([linear_from_alaw(0xd5), linear_from_alaw(0x55)], [8, -8]);
        assert_eq!([linear_from_alaw(0xaa), linear_from_alaw(0x2a)], [32_256, -32_256]);
        assert_eq!(
            [linear_from_ulaw(0xff), linear_from_ulaw(0x80), linear_from_ulaw(0)],
            [0, 32_124, -32_124]
        );
        assert_eq!(
            [alaw_from_linear(0), alaw_from_linear(i16::MIN), alaw_from_linear(i16::MAX)],
            [0xd5, 0x2a, 0xaa]
        );
        assert_eq!(
            [ulaw_from_linear(0), ulaw_from_linear(i16::MIN), ulaw_from_linear(i16::MAX)],
            [0xff, 0, 0x80]
        );
    }

    #[test]
    fn every_octet_survives_its_own_law() {
        for octet in 0..=255u8 {
            assert_eq!(alaw_from_linear(linear_from_alaw(octet)), octet);
            let back = ulaw_from_linear(linear_from_ulaw(octet));
            assert!(back == octet || octet == 0x7f && back == 0xff, "{octet:#x} became {back:#x}");
        }
    }

    #[test]
    fn conversion_keeps_a_sample_within_one_step() {
        for octet in 0..=255u8 {
            let mut payload = [octet];
            convert(&mut payload, Codec::Pcma, Codec::Pcmu);
            let (was, is) = (i32::from(linear_from_alaw(octet)), i32::from(linear_from_ulaw(payload[0])));
            assert!((was - is).abs() <= was.abs() / 16 + 8, "{was} became {is}");
        }
    }

    #[test]
    fn silence_stays_silence() {
        let mut payload = [ALAW_SILENCE; 3];
        convert(&mut payload, Codec::Pcma, Codec::Pcmu);
        assert!(payload.iter().all(|o| linear_from_ulaw(*o).abs() <= 8));
        convert(&mut payload, Codec::Pcmu, Codec::Pcma);
        assert_eq!(payload, [ALAW_SILENCE; 3]);
    }
}
