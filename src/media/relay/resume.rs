//! Legs that another process had: their ports again, their streams without a break that a receiver would refuse.

use super::super::command::{OpenFailure, Resumed};
use super::super::egress::Egress;
use super::super::leg::{Leg, PortBinding};
use super::super::numbers::LegNumbers;
use super::{Family, LegId, Mono, Output, Relay, TRIES};

impl Relay {
    /// Opens a leg of another process.
    pub(super) fn open_again(
        &mut self,
        now: Mono,
        id: LegId,
        family: Family,
        resumed: &Resumed,
        out: &mut Vec<Output>,
    ) {
        if self.by_id.contains_key(&id) {
            return;
        }
        let port = resumed.port;
        if !self.ports.take_again(port) {
            return self.refuse(id, OpenFailure::AllTaken, out);
        }
        let egress = match &resumed.streams {
            Some(streams) => Egress::resumed(now, streams.numbers.sent, streams.gap, &mut self.random),
            None => Egress::new(&mut self.random),
        };
        let mut leg = Leg::new(id, family, port, egress);
        // Its peer sends to this port: no other one will do.
        leg.binding = PortBinding::Trying(TRIES);
        if let Some(streams) = &resumed.streams {
            leg.go_on(&streams.numbers);
        }
        let key = self.place(now, leg);
        out.push(Output::BindAgain(key, family, port));
    }

    /// The numbers of every leg at this moment.
    pub fn numbers(&self, now: Mono) -> Vec<LegNumbers> {
        let legs = self.legs.iter().flatten().filter(|leg| leg.binding == PortBinding::Bound);
        legs.map(|leg| LegNumbers { leg: leg.id, rtp: leg.numbers(now) }).collect()
    }
}
