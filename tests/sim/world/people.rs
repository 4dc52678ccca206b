//! The people of a world: citizens, operators at their seats, parties outside.

use super::network::Delivery;
use super::{CITIZENS, PASSWORD, SEATS, World, address};
use hotline_gateway::cli::phones::{
    CitizenPlan, HangUp, Line, Output as PhoneOutput, Phones, SeatPlan, WhenRung,
};
use hotline_gateway::redact::Secret;
use hotline_gateway::time::{Duration, Now};
use std::net::SocketAddr;

impl World {
    /// A seat's phone registers.
    pub fn seat_registers(&mut self, seat: u32) {
        let password = Secret::new(PASSWORD.to_owned());
        self.at_desk(|phones, now, out| phones.register(now, &seat.to_string(), password, out));
    }

    /// A seat answers its calls after ringing this long.
    pub fn seat_answers(&mut self, seat: u32, after: Duration) {
        self.seat_does(seat, WhenRung::Answers(after), None);
    }

    /// What a seat does when it rings, and how long it talks.
    pub fn seat_does(&mut self, seat: u32, when_rung: WhenRung, talks: Option<Duration>) {
        let media = SocketAddr::new(address(SEATS).ip(), 40_000 + (seat % 10_000) as u16 * 2);
        self.seats.seat(&seat.to_string(), SeatPlan { media, when_rung, talks });
    }

    /// A citizen dials.
    pub fn citizen_calls(&mut self, number: &str, hangs_up: HangUp) -> Line {
        self.citizen_dials(number, "12345", hangs_up)
    }

    /// A citizen dials a number of his choice.
    pub fn citizen_dials(&mut self, number: &str, dials: &str, hangs_up: HangUp) -> Line {
        let media = SocketAddr::new(address(CITIZENS).ip(), 30_000);
        let plan = CitizenPlan { dials: dials.into(), number: number.into(), media, hangs_up };
        let mut out = Vec::new();
        let line = self.citizens.citizen_calls(self.now, plan, &mut out);
        self.phones_said(out, address(CITIZENS));
        line
    }

    /// An operator dials at a seat's phone.
    pub fn seat_dials(&mut self, seat: u32, dials: &str, hangs_up: HangUp) -> Line {
        let media = SocketAddr::new(address(SEATS).ip(), 45_000 + (seat % 10_000) as u16 * 2);
        let plan = CitizenPlan { dials: dials.into(), number: seat.to_string(), media, hangs_up };
        let mut out = Vec::new();
        let line = self.seats.citizen_calls(self.now, plan, &mut out);
        self.phones_said(out, address(SEATS));
        line
    }

    /// An operator does something at a phone.
    pub fn at_desk<T>(&mut self, does: impl FnOnce(&mut Phones, Now, &mut Vec<PhoneOutput>) -> T) -> T {
        let mut out = Vec::new();
        let done = does(&mut self.seats, self.now, &mut out);
        self.phones_said(out, address(SEATS));
        done
    }

    /// A citizen does something on his line that citizens do not.
    pub fn in_hall<T>(&mut self, does: impl FnOnce(&mut Phones, Now, &mut Vec<PhoneOutput>) -> T) -> T {
        let mut out = Vec::new();
        let done = does(&mut self.citizens, self.now, &mut out);
        self.phones_said(out, address(CITIZENS));
        done
    }

    /// A party outside that can be reached by number, and what it does when it is called.
    pub fn in_town(&mut self, number: &str, when_rung: WhenRung, talks: Option<Duration>) {
        let media = SocketAddr::new(address(CITIZENS).ip(), 35_000);
        self.citizens.seat(number, SeatPlan { media, when_rung, talks });
    }

    pub(super) fn phones_said(&mut self, out: Vec<PhoneOutput>, from: SocketAddr) {
        for output in out {
            match output {
                PhoneOutput::Send { bytes, .. } => self.post(|bytes| Delivery::ToGateway(from, bytes), bytes),
                PhoneOutput::Event(told) => {
                    if from == address(SEATS) {
                        self.seats_told.push((self.now.mono, told.clone()));
                    }
                    self.told.push((self.now.mono, told));
                }
            }
        }
    }
}
