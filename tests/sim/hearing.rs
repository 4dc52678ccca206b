//! The sixth promise: no party hears silence while a person, a prompt, music or ringback could be heard.
//!
//! The rule: at the end of every step, each leg that listens is told to hear something that sounds.
//! A leg listens while its port is open, its audio is agreed in an answered or early dialog, and its peer takes audio.
//! Caller and seat that talk hear each other and nothing else.
//! What sounds is a prompt that has not ended, music, ringback, or a party that speaks.
//!
//! The exceptions:
//! - A party that holds the others, or said `inactive`, takes no audio: there is nothing to send to.
//! - A phone that is rung does not listen: its operator has not answered.
//! - A caller that was told 180 hears the ringing tone of its own network (RFC 3960 section 3.2).
//! - A party that answered, whose description comes with its ACK (RFC 3261 section 13.2.1), is there and cannot be heard yet.
//! - A caller of a queue with `music = "none"` hears no music, nor does the seat that serves that caller: the configuration
//!   says so. While two of them talk they hear each other all the same.
//! - A seat that transferred the call has left the talk: its line stays for the NOTIFY alone.
//! - A party that says `recvonly` listens and is mute: that is a person who is silent.
//!
//! Between 200 OK and the command that follows in the same step nothing is sent: only the ends of steps count.

use crate::town::{S, holds, line_of};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::config::Config;
use hotline_gateway::event::{CallEvent, CallState, Direction as Began, TransferResult, What};
use hotline_gateway::id::{CallId, LegId, ServiceNumber};
use hotline_gateway::media::{Command, Source};
use hotline_gateway::sdp::Direction;
use hotline_gateway::sip::{Message, Method, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What each leg was told to hear, and what is known of the legs and of their calls.
#[derive(Default)]
pub struct Hearing {
    /// The legs whose port is open.
    legs: BTreeMap<LegId, Ears>,
    /// Those legs by the tag that each has in SIP.
    tags: BTreeMap<String, LegId>,
    calls: BTreeMap<CallId, Call>,
    /// The numbers whose callers hear no music.
    without_music: BTreeSet<ServiceNumber>,
}

/// How a leg's dialog stands, by what the gateway sent last.
#[derive(Clone, Copy, PartialEq)]
enum Dialog {
    /// INVITE: the phone is rung.
    Rung,
    /// 180.
    Ringing,
    /// 183.
    Early,
    /// 200 to its INVITE, or the ACK.
    Answered,
}

/// Whether a leg has its port.
#[derive(Clone, Copy, PartialEq)]
enum Port {
    Asked,
    Open,
}

/// A leg, as far as it can hear and be heard.
struct Ears {
    port: Port,
    dialog: Option<Dialog>,
    /// The call that was named to it with the answer: it is the second line of a seat.
    asks_in: Option<String>,
    /// As agreed, seen from the gateway.
    agreed: Option<Direction>,
    hears: Source,
    /// The prompt it hears has ended.
    ended: bool,
}

/// A call, as its events tell it.
struct Call {
    state: CallState,
    began: Began,
    service: ServiceNumber,
    caller: LegId,
    /// The leg of the seat that serves the caller.
    serves: Option<LegId>,
    /// The party that a seat called, before it is the caller.
    called: Option<LegId>,
    /// The lines of seats that transferred the call.
    left: BTreeSet<LegId>,
}

impl Hearing {
    pub fn new(config: &Config) -> Hearing {
        let quiet = |queue| config.queues.iter().any(|q| q.name == queue && q.music.is_none());
        let services = config.services.iter().filter(|s| quiet(s.queue.clone()));
        Hearing { without_music: services.map(|s| s.number.clone()).collect(), ..Hearing::default() }
    }

    /// The next gateway goes by this configuration.
    pub fn configure(&mut self, config: &Config) {
        self.without_music = Hearing::new(config).without_music;
    }

    /// The gateway dies: its legs hear nothing until the next one has their ports.
    pub fn dies(&mut self) {
        for ears in self.legs.values_mut() {
            (ears.hears, ears.port) = (Source::Silence, Port::Asked);
        }
    }

    /// A leg has its port.
    pub fn opened(&mut self, leg: LegId) {
        if let Some(ears) = self.legs.get_mut(&leg) {
            ears.port = Port::Open;
        }
    }

    /// The gateway died, and all its legs with it.
    pub fn forget(&mut self) {
        *self = Hearing { without_music: std::mem::take(&mut self.without_music), ..Hearing::default() };
    }

    /// The media plane is told something.
    pub fn told(&mut self, command: &Command) {
        match command {
            Command::Open { leg, .. } => {
                let (hears, port) = (Source::Silence, Port::Asked);
                let new = Ears { port, dialog: None, asks_in: None, agreed: None, hears, ended: false };
                self.legs.entry(*leg).or_insert(new);
                self.tags.insert(leg.to_string(), *leg);
            }
            Command::Remote { leg, remote, .. } => {
                if let Some(ears) = self.legs.get_mut(leg) {
                    ears.agreed = Some(remote.direction);
                }
            }
            Command::Hear { leg, source } => {
                if let Some(ears) = self.legs.get_mut(leg) {
                    (ears.hears, ears.ended) = (source.clone(), false);
                }
            }
            Command::Close { leg } => {
                self.legs.remove(leg);
                self.tags.remove(&leg.to_string());
            }
            _ => {}
        }
    }

    /// A prompt has ended on a leg.
    pub fn played(&mut self, leg: LegId, number: u32) {
        if let Some(ears) = self.legs.get_mut(&leg)
            && matches!(ears.hears, Source::Prompt { play, repeat: false, .. } if play == number)
        {
            ears.ended = true;
        }
    }

    /// The gateway sends a message: the tag it gives is the leg.
    pub fn sent(&mut self, bytes: &bytes::Bytes) {
        if !["INVITE", "ACK", "SIP/2.0 18", "SIP/2.0 200"]
            .iter()
            .any(|start| bytes.starts_with(start.as_bytes()))
        {
            return;
        }
        let Ok(message) = Message::parse(bytes.clone()) else { return };
        let of_invite = *message.cseq().1 == Method::Invite;
        let (tag, dialog) = match (message.method(), message.status(), message.from_tag(), message.to_tag()) {
            (Some(Method::Invite), _, Some(tag), None) => (tag, Dialog::Rung),
            (Some(Method::Ack), _, Some(tag), _) => (tag, Dialog::Answered),
            (None, Some(Status::RINGING), _, Some(tag)) => (tag, Dialog::Ringing),
            (None, Some(Status::SESSION_PROGRESS), _, Some(tag)) => (tag, Dialog::Early),
            (None, Some(Status::OK), _, Some(tag)) if of_invite => (tag, Dialog::Answered),
            _ => return,
        };
        let Some(ears) = self.tags.get(tag).and_then(|leg| self.legs.get_mut(leg)) else { return };
        ears.dialog = Some(dialog);
        let named = message.header("X-Hotline-Call-Id").filter(|_| message.method().is_none());
        ears.asks_in = named.map(|call| String::from_utf8_lossy(call).into_owned()).or(ears.asks_in.take());
    }

    /// An event is told.
    pub fn happened(&mut self, event: &CallEvent) {
        let Some(part) = &event.call else { return };
        if let What::CallReceived(received) = &event.what {
            let call = Call {
                state: part.summary.state,
                began: received.direction,
                service: received.service_number.clone(),
                caller: received.leg,
                serves: None,
                called: None,
                left: BTreeSet::new(),
            };
            self.calls.insert(part.id, call);
        }
        let Some(call) = self.calls.get_mut(&part.id) else { return };
        call.state = part.summary.state;
        match &event.what {
            What::SeatConnected { leg, .. } => call.serves = Some(*leg),
            What::ParticipantChanged { leg, joined: true, .. } if call.serves.is_none() => {
                call.called.get_or_insert(*leg);
            }
            What::CallTransferred(t) => match t.result {
                TransferResult::Started => {
                    // A seat that placed the call serves the party it called once it transfers that.
                    if let (None, Some(called)) = (call.serves, call.called) {
                        call.serves = Some(std::mem::replace(&mut call.caller, called));
                    }
                    let id = part.id.to_string();
                    let asks = self.legs.iter().filter(|(_, ears)| ears.asks_in.as_ref() == Some(&id));
                    let asks = asks.map(|(leg, _)| *leg).filter(|leg| *leg != call.caller);
                    call.left.extend(asks.chain(call.serves));
                }
                TransferResult::Failed => call.left.clear(),
                TransferResult::Completed | TransferResult::Cancelled => {}
            },
            What::CallEnded(_) | What::CallRefused(_) => {
                self.calls.remove(&part.id);
            }
            _ => {}
        }
    }

    /// The step is over: whether every leg that listens hears something.
    pub fn check(&self) -> Result<(), String> {
        let silent = |(leg, ears): &(&LegId, &Ears)| {
            ears.listens() && !self.sounds(&ears.hears, ears.ended) && !self.may_be_silent(**leg)
        };
        if let Some((leg, Ears { agreed, hears, .. })) = self.legs.iter().find(silent) {
            return Err(format!("leg {leg} hears silence: told {hears:?}, agreed {agreed:?}"));
        }
        self.calls.values().try_for_each(|call| self.check_talk(call))
    }

    fn check_talk(&self, call: &Call) -> Result<(), String> {
        let seat = call.serves.filter(|seat| !call.left.contains(seat));
        let (Some(seat), CallState::Connected) = (seat, call.state) else { return Ok(()) };
        for (hearer, other) in [(call.caller, seat), (seat, call.caller)] {
            let (Some(ears), Some(mouth)) = (self.legs.get(&hearer), self.legs.get(&other)) else { continue };
            if ears.listens() && mouth.listens() && ears.hears != Source::Leg(other) {
                return Err(format!("leg {hearer} talks with leg {other} and hears {:?}", ears.hears));
            }
        }
        Ok(())
    }

    fn sounds(&self, hears: &Source, ended: bool) -> bool {
        match hears {
            Source::Silence => false,
            Source::Prompt { .. } => !ended,
            Source::Leg(other) => self.legs.get(other).is_some_and(Ears::speaks),
        }
    }

    fn may_be_silent(&self, leg: LegId) -> bool {
        self.calls.values().any(|call| {
            let is_party = leg == call.caller || Some(leg) == call.serves;
            let would_hear_music = call.state != CallState::Connected;
            let without_music = call.began == Began::Inbound && self.without_music.contains(&call.service);
            call.left.contains(&leg) || (is_party && would_hear_music && without_music)
        })
    }
}

impl Ears {
    fn listens(&self) -> bool {
        let in_dialog = matches!(self.dialog, Some(Dialog::Early | Dialog::Answered));
        in_dialog && self.port == Port::Open && self.agreed.is_some_and(Direction::sends)
    }

    fn speaks(&self) -> bool {
        match self.agreed {
            None => self.dialog == Some(Dialog::Answered),
            Some(Direction::Inactive) => false,
            // Early media may be an announcement that takes nothing; after the answer that is a hold.
            Some(Direction::RecvOnly) => self.dialog == Some(Dialog::Rung),
            Some(Direction::SendRecv | Direction::SendOnly) => true,
        }
    }
}

/// A gateway that loses one command of those that say what is heard: whether the world finds it.
fn is_found(lost: usize, music: &str, scenario: impl FnOnce(&mut World)) -> bool {
    let mut w = World::new(1, 1, &format!("wrap_up = \"0s\"\n{music}"), "");
    w.loses = Some(lost);
    catch_unwind(AssertUnwindSafe(|| scenario(&mut w))).is_err()
}

/// A citizen waits, talks, is held and taken back, and hangs up.
fn waits_talks_and_is_held(w: &mut World) {
    w.seat_answers(1001, S(1));
    w.citizen_calls("13812341234", HangUp::AfterAnswer(S(6)));
    w.run(S(2));
    let line = line_of(w, 1001);
    holds(w, line, true);
    holds(w, line, false);
    w.run(S(30));
}

#[test]
fn whichever_command_to_hear_the_gateway_forgets_the_silence_is_found() {
    let mut w = World::new(1, 1, "wrap_up = \"0s\"", "");
    waits_talks_and_is_held(&mut w);
    let told: Vec<&Source> = w.commands.iter().filter_map(heard).collect();
    assert!(told.len() >= 7, "music, both talk, both held, both talk: {told:?}");
    for (n, source) in told.iter().enumerate() {
        // A holder that goes on being sent something, and hears it not, is no silence.
        let found = is_found(n, "", waits_talks_and_is_held);
        assert_eq!(found, **source != Source::Silence, "command {n}, {source:?}");
    }
}

#[test]
fn a_queue_without_music_may_be_silent_and_a_talk_in_it_may_not() {
    let music = "music = \"none\"";
    let mut w = World::new(1, 1, &format!("wrap_up = \"0s\"\n{music}"), "");
    waits_talks_and_is_held(&mut w);
    let told: Vec<&Source> = w.commands.iter().filter_map(heard).collect();
    for (n, source) in told.iter().enumerate() {
        let found = is_found(n, music, waits_talks_and_is_held);
        assert_eq!(found, matches!(source, Source::Leg(_)), "command {n}, {source:?}");
    }
}

#[test]
fn a_prompt_that_ended_is_silence_unless_the_next_sound_follows() {
    let mut w = World::new(1, 1, "", "welcome = \"welcome\"");
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13812341234", HangUp::AfterAnswer(S(9)));
    w.run(S(1));
    let (call, told) = (w.commands.iter().find_map(hearer), &mut w.hearing);
    assert_eq!(told.check(), Ok(()));
    told.played(call.expect("a caller who hears the welcome"), 1);
    assert!(told.check().is_err_and(|broken| broken.contains("hears silence")));
}

fn heard(command: &Command) -> Option<&Source> {
    match command {
        Command::Hear { source, .. } => Some(source),
        _ => None,
    }
}

fn hearer(command: &Command) -> Option<LegId> {
    match command {
        Command::Hear { leg, .. } => Some(*leg),
        _ => None,
    }
}
