//! A caller's voice and ear: an RTP port of A-law that answers what it hears with a tone.

use crate::tone::{milliseconds_of, sine};
use hotline_gateway::media::g711::{alaw_from_linear, linear_from_alaw};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Samples of one packet, and its length.
const SAMPLES: u32 = 160;
const FRAME: Duration = Duration::from_millis(20);

/// Speaks and listens until it is asked what it heard.
pub struct Voice {
    pub port: u16,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Packet>>,
}

/// Sound that came, and when.
pub struct Packet {
    pub at: Instant,
    pub samples: Vec<i16>,
}

impl Voice {
    pub fn start(frequency: u32) -> Voice {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
        let port = socket.local_addr().expect("its address").port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || speak(&socket, frequency, &stopped));
        Voice { port, stop, thread }
    }

    /// Everything it heard, in the order it came.
    pub fn heard(self) -> Vec<i16> {
        self.packets().into_iter().flat_map(|p| p.samples).collect()
    }

    /// The same, packet by packet.
    pub fn packets(self) -> Vec<Packet> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the voice")
    }
}

/// The longest time without any sound between `from` and `to`, counted from the last sound before.
pub fn longest_silence(packets: &[Packet], from: Instant, to: Instant) -> Duration {
    // Above the noise of the codec: A-law has no zero.
    let sounds = |p: &&Packet| p.samples.iter().any(|s| s.unsigned_abs() > 40);
    let times: Vec<Instant> = packets.iter().filter(sounds).map(|p| p.at).collect();
    let gaps = times.windows(2).filter(|pair| pair[1] >= from && pair[0] <= to);
    gaps.map(|pair| pair[1] - pair[0]).max().unwrap_or(Duration::MAX)
}

/// When `frequency` is first nearly all that is heard.
pub fn first_of(packets: &[Packet], frequency: u32) -> Option<Instant> {
    // Five packets are the 100 ms the measurement needs.
    packets.windows(5).find_map(|five| {
        let sound: Vec<i16> = five.iter().flat_map(|p| p.samples.iter().copied()).collect();
        (milliseconds_of(&sound, frequency) >= 100).then(|| five[0].at)
    })
}

fn speak(socket: &UdpSocket, frequency: u32, stop: &AtomicBool) -> Vec<Packet> {
    let (mut heard, mut peer, mut sent) = (Vec::new(), None, 0u32);
    let mut next = Instant::now() + FRAME;
    let mut packet = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let rest = next.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            next += FRAME;
            if let Some(peer) = peer {
                let _ = socket.send_to(&frame(frequency, sent), peer);
                sent += 1;
            }
            continue;
        }
        socket.set_read_timeout(Some(rest)).expect("a timeout above zero");
        let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
        peer = Some(from);
        // Version 2 without padding, extension or contributing sources, payload type PCMA: what the gateway sends.
        if length > 12 && packet[0] == 0x80 && packet[1] & 0x7f == 8 {
            let samples = packet[12..length].iter().map(|octet| linear_from_alaw(*octet)).collect();
            heard.push(Packet { at: Instant::now(), samples });
        }
    }
    heard
}

fn frame(frequency: u32, number: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend((number as u16).to_be_bytes());
    packet.extend((number * SAMPLES).to_be_bytes());
    packet.extend(0x0c17_12e5_u32.to_be_bytes());
    packet.extend((0..SAMPLES).map(|n| alaw_from_linear(sine(frequency, number * SAMPLES + n))));
    packet
}
