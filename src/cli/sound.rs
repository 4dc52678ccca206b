//! The voices of simulated phones: RTP ports that speak a steady tone and count what they hear.
//!
//! One thread for all of them, one packet every 20 ms each. It measures presence, not quality.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One packet's worth of sound.
const FRAME: Duration = Duration::from_millis(20);

/// Samples in it, and RTP timestamp steps.
const SAMPLES: u32 = 160;

/// The voices of many phones. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sound(Arc<Mutex<HashMap<SocketAddr, Voice>>>);

struct Voice {
    socket: UdpSocket,
    to: Option<SocketAddr>,
    sequence: u16,
    timestamp: u32,
    heard: u64,
    /// When it heard something last.
    heard_at: Option<Instant>,
    measured: Heard,
}

/// What a port has heard and said since it was asked last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    /// Packets heard.
    pub packets: u64,
    /// Packets sent.
    pub sent: u64,
    /// The longest time without a packet, to the length of one; also when it goes on.
    pub longest_gap: Duration,
}

impl Sound {
    /// Starts the thread. It ends when the last clone is dropped.
    pub fn start() -> std::io::Result<Sound> {
        let sound = Sound::default();
        let voices = Arc::downgrade(&sound.0);
        std::thread::Builder::new().name("sound".into()).spawn(move || {
            let mut next = Instant::now();
            while let Some(voices) = voices.upgrade() {
                if let Ok(mut voices) = voices.lock() {
                    voices.values_mut().for_each(Voice::frame);
                }
                drop(voices);
                next += FRAME;
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        })?;
        Ok(sound)
    }

    /// A new RTP port on `ip`.
    pub fn open(&self, ip: IpAddr) -> Option<SocketAddr> {
        let socket = UdpSocket::bind((ip, 0)).ok()?;
        socket.set_nonblocking(true).ok()?;
        let address = socket.local_addr().ok()?;
        let voice = Voice {
            socket,
            to: None,
            sequence: 0,
            timestamp: 0,
            heard: 0,
            heard_at: None,
            measured: Heard::default(),
        };
        self.0.lock().ok()?.insert(address, voice);
        Some(address)
    }

    /// The port speaks to `to` from now on.
    pub fn talk(&self, port: SocketAddr, to: SocketAddr) {
        self.with(port, |v| v.to = Some(to));
    }

    /// The port is silent from now on, and goes on counting.
    pub fn pause(&self, port: SocketAddr) {
        self.with(port, |v| v.to = None);
    }

    /// The port is given back. Says how many packets it heard.
    pub fn hush(&self, port: SocketAddr) -> u64 {
        let voice = self.0.lock().ok().and_then(|mut v| v.remove(&port));
        voice.map_or(0, |v| v.heard)
    }

    /// How many packets the port has heard.
    pub fn heard(&self, port: SocketAddr) -> u64 {
        let mut heard = 0;
        self.with(port, |v| heard = v.heard);
        heard
    }

    /// What the port has heard and said since this was asked last.
    pub fn measured(&self, port: SocketAddr) -> Heard {
        let mut measured = Heard::default();
        self.with(port, |v| {
            let silent = v.heard_at.map_or(Duration::ZERO, |at| at.elapsed());
            measured = std::mem::take(&mut v.measured);
            measured.longest_gap = measured.longest_gap.max(silent);
        });
        measured
    }

    fn with(&self, port: SocketAddr, f: impl FnOnce(&mut Voice)) {
        if let Ok(mut voices) = self.0.lock()
            && let Some(voice) = voices.get_mut(&port)
        {
            f(voice);
        }
    }
}

impl Voice {
    fn frame(&mut self) {
        let mut buffer = [0; 2048];
        let now = Instant::now();
        while self.socket.recv(&mut buffer).is_ok_and(|n| n >= 12) {
            self.heard += 1;
            self.measured.packets += 1;
            let gap = self.heard_at.map_or(Duration::ZERO, |before| now.duration_since(before));
            self.measured.longest_gap = self.measured.longest_gap.max(gap);
            self.heard_at = Some(now);
        }
        let Some(to) = self.to else { return };
        let mut packet = Vec::with_capacity(12 + SAMPLES as usize);
        packet.extend([0x80, 8]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(u32::from(self.socket.local_addr().map_or(0, |a| a.port())).to_be_bytes());
        // A-law of a loud square wave at 400 Hz: ten samples up, ten down.
        packet.extend((0..SAMPLES).map(|i| if i / 10 % 2 == 0 { 0xaa } else { 0x2a }));
        self.measured.sent += u64::from(self.socket.send_to(&packet, to).is_ok());
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES);
    }
}
