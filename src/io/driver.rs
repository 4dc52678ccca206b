//! The owner task of the control plane: brings every input to the gateway, one at a time, and carries out what it
//! says. The only place where the gateway is called.

use super::clock::Clock;
use super::dns::Resolver;
use super::inbound::Inbound;
use super::lag::Lag;
use super::log::{self, Sense};
use super::notify::Supervisor;
use super::rtp::Commander;
use super::store::{Append, Journal};
use super::stream::Connections;
use super::trace::Traces;
use super::udp::{self, Listeners};
use crate::gateway::{Counts, Gateway, Input, Output};
use crate::sip::{Flow, Transport};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, MissedTickBehavior, interval, sleep_until};

/// Inputs from other threads wait here; at the limit their senders wait. Large enough for a second of the heaviest
/// load: 600 calls/s with a dozen media and journal messages each.
pub const INBOX: usize = 16_384;

/// At most this many inputs are taken before the sockets get their turn again.
const TURN: usize = 512;

/// A deadline missed by this much shows that the process was stopped: what peers said meanwhile is read before anything
/// times out. Above what a machine under load keeps a thread waiting.
const STOPPED: Duration = Duration::from_secs(1);

/// Turns in which that is read, and no more: 16,384 datagrams, beyond what the kernel keeps for us.
const CATCH_UP: u32 = 64;

/// The owner of the control plane.
pub struct Driver {
    /// The gateway.
    pub gateway: Gateway,
    /// The clocks.
    pub clock: Clock,
    /// The UDP listeners.
    pub udp: Listeners,
    /// The connections.
    pub streams: Connections,
    /// The media plane.
    pub media: Commander,
    /// The journal.
    pub journal: Journal,
    /// The way to the domain name system.
    pub resolver: Resolver,
    /// Inputs from other threads.
    pub inbox: mpsc::Receiver<Inbound>,
    /// To give connections and look-ups a way back.
    pub sender: mpsc::Sender<Inbound>,
    /// Figures for the health page.
    pub counts: watch::Sender<Counts>,
    /// Told once, when a drain is complete.
    pub drained: watch::Sender<bool>,
    /// The readers of traces.
    pub traces: Arc<Traces>,
    /// Hears each second that this thread works.
    pub supervisor: Supervisor,
}

impl Driver {
    /// Runs until told to stop. `first` is what the gateway said when it was made.
    pub async fn run(mut self, first: Vec<Output>) {
        let mut out = first;
        let mut batch = Vec::new();
        // Messages of unknown sources are passed over in no time: what they bring is a flood. What known peers bring is work.
        let (mut flood, mut work) = (Lag::default(), Lag::default());
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unread = CATCH_UP;
        self.carry_out(&mut out);
        loop {
            let deadline = self.gateway.poll_timeout().map(|(at, _)| self.clock.instant(at));
            let sleep = sleep_until(deadline.unwrap_or_else(far_away).into());
            tokio::select! {
                biased;
                // First, or a flood would keep it waiting and the figures would look as if the gateway were dead.
                _ = tick.tick() => {
                    self.supervisor.alive();
                    self.counts.send_replace(self.gateway.counts());
                    let silent = self.streams.sweep(|flow| self.gateway.tie(flow), || self.gateway.paths());
                    self.failed(silent, &mut out);
                }
                () = self.udp.receive(&mut batch) => {}
                Some(inbound) = self.inbox.recv() => {
                    if !self.take(inbound, &mut out) {
                        return;
                    }
                }
                () = sleep, if deadline.is_some() => {}
            }
            let now = self.clock.now();
            let more_waits = batch.len() >= udp::BATCH || self.inbox.len() > TURN;
            let mut work_waits = self.inbox.len() > TURN;
            if more_waits {
                let known = udp::urgent_first(&mut batch, |flow| self.gateway.knows(flow));
                work_waits |= known >= udp::BATCH / 2;
            }
            for (flow, bytes) in batch.drain(..) {
                log::message(Sense::In, &flow, &bytes);
                self.gateway.handle(now, Input::Sip { flow, bytes }, &mut out);
            }
            for _ in 0..TURN {
                match self.inbox.try_recv() {
                    Ok(inbound) => {
                        if !self.take(inbound, &mut out) {
                            return;
                        }
                    }
                    Err(_) => break,
                }
            }
            let now = self.clock.now();
            if let Some(flooded) = flood.turned(now.mono, more_waits) {
                self.gateway.handle(now, Input::Flooded(flooded), &mut out);
            }
            if let Some(overloaded) = work.turned(now.mono, work_waits) {
                self.gateway.handle(now, Input::Overloaded(overloaded), &mut out);
            }
            let overdue = self.gateway.poll_timeout().filter(|(at, _)| *at <= now.mono);
            let stopped = overdue.is_some_and(|(at, _)| now.mono.since(at) > STOPPED);
            // An answer that lies in a socket came in time: its transaction must not time out first.
            let reads_first = stopped && unread > 0;
            unread = if stopped { unread.saturating_sub(1) } else { CATCH_UP };
            if overdue.is_some() && !reads_first {
                self.gateway.handle_timeout(now, &mut out);
            }
            self.carry_out(&mut out);
            if more_waits || reads_first {
                // Otherwise sockets that always have something would keep the runtime from its own work: seeing what
                // came on the other sockets, its clock, answers to look-ups.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes one input; `false` means the end.
    fn take(&mut self, inbound: Inbound, out: &mut Vec<Output>) -> bool {
        let now = self.clock.now();
        match inbound {
            Inbound::Gateway(input) => {
                if let Input::Sip { flow, bytes } = &input {
                    log::message(Sense::In, flow, bytes);
                }
                self.gateway.handle(now, input, out);
            }
            Inbound::Accepted(accepted) => {
                self.streams.accepted(accepted, now, &mut self.gateway);
            }
            Inbound::Closed(flow) => {
                let failed = self.streams.close(&flow);
                self.failed(failed, out);
            }
            Inbound::Suspend => {
                self.gateway.handle(now, Input::Suspend, out);
                self.carry_out(out);
                return false;
            }
            Inbound::Stop => {
                self.gateway.handle(now, Input::Stop, out);
                self.carry_out(out);
                self.counts.send_replace(self.gateway.counts());
                return false;
            }
        }
        true
    }

    /// Carries out what the gateway said, in order; events go to the journal first, in one batch.
    fn carry_out(&mut self, out: &mut Vec<Output>) {
        let mut events = Vec::new();
        let mut kept = Vec::new();
        let mut failed = Vec::new();
        let mut commands = Vec::new();
        for output in out.drain(..) {
            match output {
                Output::Send { flow, bytes } if flow.transport == Transport::Udp => {
                    log::message(Sense::Out, &flow, &bytes);
                    self.udp.send(&flow, &bytes);
                }
                Output::Send { flow, bytes } => {
                    log::message(Sense::Out, &flow, &bytes);
                    let found_again = |lost: &Flow, at| self.gateway.found_again(lost, at);
                    failed.extend(self.streams.send(&flow, bytes, found_again));
                }
                Output::Media(command) => commands.push(command),
                Output::Append { event, history } => {
                    log::event(&event);
                    events.push(Append { event, history });
                }
                Output::LookUp { call, key } => self.look_up(call, key),
                Output::Locate(query) => self.resolver.ask(query, &self.sender),
                Output::Keep(snapshot) => kept.push((snapshot.key(), Some(snapshot))),
                Output::Forget(key) => kept.push((key, None)),
                Output::Block(entry) => self.journal.keep_block(entry),
                Output::Traced(id, traced) => self.traces.give(id, traced),
                Output::Drained => {
                    self.drained.send_replace(true);
                }
            }
        }
        self.media.send_all(commands);
        if !events.is_empty() {
            self.journal.append(events);
        }
        for (key, snapshot) in kept {
            self.journal.keep(key, snapshot);
        }
        self.failed(failed, out);
    }

    /// Tells the gateway of paths that are gone.
    fn failed(&mut self, flows: Vec<Flow>, out: &mut Vec<Output>) {
        let now = self.clock.now();
        for flow in flows {
            self.gateway.handle(now, Input::FlowFailed { flow }, out);
        }
    }

    fn look_up(&self, call: crate::id::CallId, key: crate::caller::HistoryKey) {
        let back = self.sender.clone();
        let reply = Box::new(move |history| {
            // A full inbox: the call's look-up deadline takes over.
            let _ = back.try_send(Inbound::Gateway(Input::History { call, history }));
        });
        self.journal.history(key, self.clock.now().wall, reply);
    }
}

fn far_away() -> std::time::Instant {
    std::time::Instant::now() + Duration::from_secs(3600)
}
