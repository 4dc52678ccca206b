//! Tones: made, and found again in what was heard (Goertzel).

/// Samples a second, as G.711 has them.
pub const RATE: u32 = 8_000;

/// Samples looked at at once: 100 ms, so every multiple of 10 Hz falls on a whole number of turns.
const WINDOW: usize = 800;

/// One sample of a sine at a quarter of full scale.
pub fn sine(frequency: u32, n: u32) -> i16 {
    let turn = f64::from(frequency) * f64::from(n) / f64::from(RATE);
    ((turn * std::f64::consts::TAU).sin() * 8_000.0).round() as i16
}

/// The part of a window's power that is at `frequency`: 1 for the pure tone, 0 for silence.
fn share(window: &[i16], frequency: u32) -> f64 {
    let step = std::f64::consts::TAU * f64::from(frequency) / f64::from(RATE);
    let (mut before, mut last, mut power) = (0.0, 0.0, 0.0);
    for &sample in window {
        let sample = f64::from(sample);
        (before, last) = (last, sample + 2.0 * step.cos() * last - before);
        power += sample * sample;
    }
    let found = before * before + last * last - 2.0 * step.cos() * before * last;
    // Below the last bits of the codec there is only its own noise.
    if power < 1_000.0 * window.len() as f64 { 0.0 } else { 2.0 * found / (power * window.len() as f64) }
}

/// For how many milliseconds `frequency` is nearly all there is, to the 100.
pub fn milliseconds_of(sound: &[i16], frequency: u32) -> usize {
    100 * sound.chunks_exact(WINDOW).filter(|w| share(w, frequency) > 0.95).count()
}

/// The largest part `frequency` has in any 100 ms.
pub fn most_of(sound: &[i16], frequency: u32) -> f64 {
    sound.chunks_exact(WINDOW).map(|w| share(w, frequency)).fold(0.0, f64::max)
}

/// A WAV file of `seconds` of a tone, 16 bit mono.
pub fn wav(frequency: u32, seconds: u32) -> Vec<u8> {
    let count = RATE * seconds;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + 2 * count).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(RATE.to_le_bytes());
    file.extend((2 * RATE).to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend((2 * count).to_le_bytes());
    file.extend((0..count).flat_map(|n| sine(frequency, n).to_le_bytes()));
    file
}

/// The samples of a WAV file of 16 bit mono at 8,000 a second, to its end: a file still being written says no length.
pub fn samples(wav: &[u8]) -> Option<Vec<i16>> {
    let mut rest = wav.strip_prefix(b"RIFF")?.get(8..)?;
    loop {
        let (name, size) = (rest.get(..4)?, rest.get(4..8)?);
        let size = u32::from_le_bytes(size.try_into().ok()?) as usize;
        let content = rest.get(8..)?;
        match name {
            b"fmt " if content.get(2..8)? != [1, 0, 0x40, 0x1f, 0, 0] => return None,
            b"data" => {
                return Some(content.chunks_exact(2).map(|s| i16::from_le_bytes([s[0], s[1]])).collect());
            }
            _ => rest = content.get(size + size % 2..)?,
        }
    }
}

#[test]
fn a_tone_is_told_from_another_from_silence_and_from_both_together() {
    let tone = |f| (0..RATE).map(|n| sine(f, n)).collect::<Vec<_>>();
    let (low, high) = (tone(620), tone(1_000));
    let both: Vec<i16> = low.iter().zip(&high).map(|(a, b)| a / 2 + b / 2).collect();
    assert_eq!(milliseconds_of(&low, 620), 1_000);
    assert_eq!(milliseconds_of(&low, 1_000) + milliseconds_of(&both, 620), 0);
    assert!(most_of(&low, 1_000) < 0.001 && most_of(&both, 1_000) > 0.45);
    assert_eq!(milliseconds_of(&[0; 8_000], 620), 0);
    assert_eq!(samples(&wav(620, 1)).unwrap(), low);
}
