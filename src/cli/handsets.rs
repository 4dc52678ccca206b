//! Simulated phones on a real UDP socket.

use super::phones::{CitizenPlan, Line, Output, PhoneEvent, Phones, SeatPlan};
use super::sound::Sound;
use crate::id::Random;
use crate::io::clock::Clock;
use crate::redact::Secret;
use crate::time::Now;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;
use tokio::time::{Duration, Instant, sleep_until};

/// Phones behind one socket of this machine.
pub struct Handsets {
    phones: Phones,
    socket: UdpSocket,
    clock: Clock,
    out: Vec<Output>,
    /// Said and not yet carried out, in order; what was told of it waits in `told`.
    pending: VecDeque<Output>,
    told: Vec<PhoneEvent>,
    buffer: Box<[u8]>,
    sound: Option<Sound>,
    ports: HashMap<Line, SocketAddr>,
}

impl Handsets {
    /// Phones at `local` (port 0: any free one) that use the gateway at `gateway`.
    pub async fn bind(local: SocketAddr, gateway: SocketAddr, random: Random) -> io::Result<Handsets> {
        let socket = UdpSocket::from_std(crate::io::udp::bind_one(local)?)?;
        let phones = Phones::new(socket.local_addr()?, gateway, random);
        Ok(Handsets {
            phones,
            socket,
            clock: Clock::new(),
            out: Vec::new(),
            pending: VecDeque::new(),
            told: Vec::new(),
            buffer: vec![0; 65_535].into_boxed_slice(),
            sound: None,
            ports: HashMap::new(),
        })
    }

    /// Gives every call its own RTP port, and lets it speak a tone while it is up.
    pub fn with_sound(mut self, sound: Sound) -> Handsets {
        self.sound = Some(sound);
        self
    }

    /// Where these phones are.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How many calls are not over.
    pub fn open_calls(&self) -> usize {
        self.phones.open_calls()
    }

    /// The time on the phones' own clock.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// A seat, and what it does when it rings. Its calls share one RTP port: it has one handset.
    pub fn seat(&mut self, seat: &str, plan: SeatPlan) {
        self.phones.seat(seat, plan);
    }

    /// A seat registers with its password.
    pub fn register(&mut self, seat: &str, password: Secret<String>) {
        self.phones.register(self.clock.now(), seat, password, &mut self.out);
    }

    /// A citizen dials.
    pub fn call(&mut self, plan: CitizenPlan) -> Line {
        let media = plan.media;
        let line = self.phones.citizen_calls(self.clock.now(), plan, &mut self.out);
        self.ports.insert(line, media);
        line
    }

    /// A citizen hangs up, whatever the call has come to.
    pub fn hang_up(&mut self, line: Line) {
        self.phones.citizen_hangs_up(self.clock.now(), line, &mut self.out);
    }

    /// A place to take RTP at: a port of the sound, or one without a listener.
    pub fn media_port(&self, ip: IpAddr) -> SocketAddr {
        self.sound.as_ref().and_then(|s| s.open(ip)).unwrap_or(SocketAddr::new(ip, 30_000))
    }

    /// Lives until something is told, or until `until`.
    pub async fn live(&mut self, until: Instant) -> Vec<PhoneEvent> {
        loop {
            let told = self.carry_out().await;
            if !told.is_empty() || Instant::now() >= until {
                return told;
            }
            let wake = self.phones.poll_timeout().map_or(until, |at| self.clock.instant(at).into());
            tokio::select! {
                biased;
                received = self.socket.recv_from(&mut self.buffer) => {
                    if let Ok((n, from)) = received {
                        let bytes = Bytes::copy_from_slice(&self.buffer[..n]);
                        self.phones.receive(self.clock.now(), from, bytes, &mut self.out);
                        self.take_more();
                    }
                }
                () = sleep_until(wake.min(until)) => {}
            }
            self.phones.handle_timeout(self.clock.now(), &mut self.out);
        }
    }

    /// Takes what else has come in already, up to a turn's worth.
    fn take_more(&mut self) {
        for _ in 0..64 {
            let Ok((n, from)) = self.socket.try_recv_from(&mut self.buffer) else { return };
            let bytes = Bytes::copy_from_slice(&self.buffer[..n]);
            self.phones.receive(self.clock.now(), from, bytes, &mut self.out);
        }
    }

    /// Carries out all that was said. It may be dropped while it waits: nothing is lost, the next call goes on.
    async fn carry_out(&mut self) -> Vec<PhoneEvent> {
        self.pending.extend(self.out.drain(..));
        while let Some(output) = self.pending.front() {
            if let Output::Send { flow, bytes } = output
                && let Err(e) = self.socket.try_send_to(bytes, flow.remote)
                && e.kind() == io::ErrorKind::WouldBlock
            {
                let _ = self.socket.writable().await;
                continue;
            }
            if let Some(Output::Event(told)) = self.pending.pop_front() {
                self.follow(&told);
                self.told.push(told);
            }
        }
        std::mem::take(&mut self.told)
    }

    /// Lets the sound follow the call.
    fn follow(&mut self, told: &PhoneEvent) {
        let Some(sound) = &self.sound else { return };
        match told {
            PhoneEvent::Answered { line, media: Some(gateway) } => {
                if let Some(port) = self.ports.get(line) {
                    sound.talk(*port, *gateway);
                }
            }
            PhoneEvent::Refused { line, .. }
            | PhoneEvent::Lost { line }
            | PhoneEvent::HungUpOn { line }
            | PhoneEvent::HungUp { line } => {
                if let Some(port) = self.ports.remove(line) {
                    sound.hush(port);
                }
            }
            PhoneEvent::Talks { line, seat, media: Some(gateway) } => {
                if let Some(port) = self.phones.media_of(seat) {
                    self.ports.insert(*line, port);
                    sound.talk(port, *gateway);
                }
            }
            PhoneEvent::SeatFree { line, .. } => {
                if let Some(port) = self.ports.remove(line) {
                    sound.pause(port);
                }
            }
            PhoneEvent::Registered { .. }
            | PhoneEvent::NotRegistered { .. }
            | PhoneEvent::Answered { .. }
            | PhoneEvent::Rings { .. }
            | PhoneEvent::Talks { .. }
            | PhoneEvent::TakenBack { .. }
            | PhoneEvent::HandedOn { .. }
            | PhoneEvent::Notified { .. } => {}
        }
    }
}

/// How long a phone without anything to do sleeps at most.
pub const IDLE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::super::phones::HangUp;
    use super::*;

    #[tokio::test]
    async fn what_was_said_is_not_lost_when_the_phones_are_interrupted() {
        let here: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let gateway = UdpSocket::bind(here).await.expect("a socket");
        let at = gateway.local_addr().expect("its address");
        let mut phones = Handsets::bind(here, at, Random::from_number(1)).await.expect("a socket");
        for n in 0..100 {
            let (dials, number) = ("12345".to_owned(), n.to_string());
            phones.call(CitizenPlan { dials, number, media: at, hangs_up: HangUp::Never });
        }
        // Each turn ends at its first pause.
        for _ in 0..200 {
            tokio::select! {
                biased;
                _ = phones.live(Instant::now() + IDLE) => {}
                () = std::future::ready(()) => {}
            }
            tokio::task::yield_now().await;
        }
        let (mut heard, mut buffer) = (0, [0; 4096]);
        while gateway.try_recv_from(&mut buffer).is_ok() {
            heard += 1;
        }
        assert_eq!(heard, 100, "every INVITE goes out once");
    }
}
