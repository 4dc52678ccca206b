//! Reliable provisional responses (RFC 3262), both sides of them: [`Provisionals`] retransmits ours until the peer's
//! PRACK comes, [`ProvisionalHeard`] puts the peer's in order. Knows numbers and deadlines; what a response says is its
//! owner's matter.

use super::grammar::{decimal, is_space, trim};
use super::{Durations, Message, Method, Outgoing, Status, option_tag};
use crate::time::{Duration, Mono};

/// What a deadline that came means.
#[derive(Debug)]
pub enum ProvisionalDue {
    /// Send this response again.
    Again(Outgoing),
    /// 64*T1 without a PRACK: the INVITE is to be refused with 5xx (section 3).
    GivenUp,
}

/// What a PRACK that fits brings on.
#[derive(Debug)]
pub struct ProvisionalAcked {
    /// The next response, which waited for this PRACK.
    pub next: Option<Outgoing>,
}

/// The reliable provisional responses to one INVITE that came.
#[derive(Debug)]
pub struct Provisionals {
    next_rseq: u32,
    times: Durations,
    pending: Option<Pending>,
    /// At most one more waits: a newer one takes its place, for it tells more.
    waiting: Option<(Outgoing, ProvisionalBody)>,
}

/// Whether a response carries a session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvisionalBody {
    /// The response carries one: no 2xx may go out before its PRACK (section 3).
    Description,
    /// The response carries none.
    Nothing,
}

#[derive(Debug)]
struct Pending {
    rseq: u32,
    cseq: u32,
    response: Outgoing,
    carries: ProvisionalBody,
    retransmission: Option<(Mono, Duration)>,
    until: Mono,
}

impl Provisionals {
    /// None sent yet. `bits` is random: the first number shall not be guessed (section 3).
    pub fn new(bits: u64) -> Provisionals {
        let next_rseq = 1 + (bits % (1 << 30)) as u32;
        Provisionals { next_rseq, times: Durations::default(), pending: None, waiting: None }
    }

    /// Makes `response` to the INVITE with this CSeq number reliable. Gives it back when it may be sent now; else it
    /// waits for the PRACK of the one before.
    pub fn send(
        &mut self,
        now: Mono,
        cseq: u32,
        response: Outgoing,
        carries: ProvisionalBody,
    ) -> Option<Outgoing> {
        if self.pending.is_some() {
            self.waiting = Some((response, carries));
            return None;
        }
        let rseq = self.next_rseq;
        self.next_rseq += 1;
        let response = response.with("Require", "100rel").with("RSeq", rseq.to_string());
        let retransmission = Some((now + self.times.t1, self.times.t1));
        let until = now + self.times.t1.saturating_mul(64);
        self.pending =
            Some(Pending { rseq, cseq, response: response.clone(), carries, retransmission, until });
        Some(response)
    }

    /// A PRACK came. `None`: it acknowledges nothing we wait for (481, section 3).
    pub fn acknowledged(&mut self, now: Mono, prack: &Message) -> Option<ProvisionalAcked> {
        let said = rack(prack)?;
        let pending = self.pending.take_if(|p| said == (p.rseq, p.cseq))?;
        let next = self.waiting.take();
        let next = next.and_then(|(response, carries)| self.send(now, pending.cseq, response, carries));
        Some(ProvisionalAcked { next })
    }

    /// Whether a 2xx must wait for a PRACK.
    pub fn hold_back_answer(&self) -> bool {
        let carries = self.pending.as_ref().map(|p| p.carries);
        carries == Some(ProvisionalBody::Description)
            || self.waiting.as_ref().is_some_and(|w| w.1 == ProvisionalBody::Description)
    }

    /// A final response goes out: nothing is retransmitted any more, but a PRACK on its way is still taken.
    pub fn finish(&mut self) {
        self.waiting = None;
        if let Some(pending) = &mut self.pending {
            pending.retransmission = None;
        }
    }

    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let pending = self.pending.as_ref()?;
        pending.retransmission.map(|(at, _)| at.min(pending.until))
    }

    /// What is due now.
    pub fn handle_timeout(&mut self, now: Mono) -> Option<ProvisionalDue> {
        let pending = self.pending.as_mut()?;
        let (at, interval) = pending.retransmission?;
        if pending.until <= now {
            self.pending = None;
            self.waiting = None;
            return Some(ProvisionalDue::GivenUp);
        }
        if at > now {
            return None;
        }
        // Doubling without a cap, as for an INVITE (section 3).
        let interval = interval.saturating_mul(2);
        pending.retransmission = Some((now + interval, interval));
        Some(ProvisionalDue::Again(pending.response.clone()))
    }
}

/// The number and the CSeq number a PRACK acknowledges. `None` for a RAck that is missing, malformed or for
/// another method than INVITE.
fn rack(prack: &Message) -> Option<(u32, u32)> {
    let mut parts = prack.header("RAck")?.split(|&b| is_space(b)).map(trim).filter(|p| !p.is_empty());
    let (rseq, cseq) = (decimal(parts.next()?)?, decimal(parts.next()?)?);
    (Method::parse(parts.next()?)? == Method::Invite && parts.next().is_none()).then_some((rseq, cseq))
}

/// What a provisional response of the peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Sent once, not to be acknowledged.
    Unreliable,
    /// The next in order: to be acknowledged with this RAck.
    Next(String),
    /// A retransmission, or one that came before its predecessor: to be ignored until it comes again (section 4).
    Ignored,
}

/// The peer's reliable provisional responses in one early dialog.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProvisionalHeard {
    last: Option<u32>,
}

impl ProvisionalHeard {
    /// Takes one provisional response to our INVITE.
    pub fn hear(&mut self, response: &Message) -> Order {
        let reliable = response.status().is_some_and(|s| s != Status::TRYING)
            && option_tag::requires(response, "100rel");
        let Some(rseq) = response.number("RSeq").filter(|_| reliable) else { return Order::Unreliable };
        if self.last.is_some_and(|last| last.checked_add(1) != Some(rseq)) {
            return Order::Ignored;
        }
        self.last = Some(rseq);
        Order::Next(format!("{rseq} {} INVITE", response.cseq().0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const START: Mono = Mono(1_000_000_000);

    fn message(start: &str, method: &str, headers: &str) -> Message {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\nFrom: <sip:c@example.org>;tag=a\r\n\
             To: <sip:12345@192.0.2.1>;tag=b\r\nCall-ID: c\r\nCSeq: 7 {method}\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text)).unwrap()
    }

    fn ringing(status: Status) -> Outgoing {
        Outgoing::response(&message("INVITE sip:12345@192.0.2.1 SIP/2.0", "INVITE", ""), status, Some("t"))
    }

    fn prack(rack: &str) -> Message {
        message("PRACK sip:12345@192.0.2.1 SIP/2.0", "PRACK", &format!("RAck: {rack}\r\n"))
    }

    fn provisional(headers: &str) -> Message {
        message("SIP/2.0 183 Session Progress", "INVITE", headers)
    }

    #[test]
    fn it_is_repeated_with_doubling_until_64_t1_and_then_given_up() {
        let mut ours = Provisionals::new(8);
        let sent = ours.send(START, 7, ringing(Status::RINGING), ProvisionalBody::Nothing).unwrap();
        assert_eq!((sent.get("RSeq"), sent.get("Require")), (Some(&b"9"[..]), Some(&b"100rel"[..])));
        let mut times = Vec::new();
        while let Some(at) = ours.poll_timeout() {
            match ours.handle_timeout(at) {
                Some(ProvisionalDue::Again(again)) => {
                    assert_eq!(again.get("RSeq"), Some(&b"9"[..]));
                    times.push(at.since(START));
                }
                Some(ProvisionalDue::GivenUp) => times.push(at.since(START)),
                None => panic!("a deadline without a meaning"),
            }
        }
        assert_eq!(times, [500, 1_500, 3_500, 7_500, 15_500, 31_500, 32_000].map(MS));
    }

    #[test]
    fn a_prack_must_name_number_cseq_and_invite() {
        let mut ours = Provisionals::new(8);
        ours.send(START, 7, ringing(Status::RINGING), ProvisionalBody::Nothing);
        for wrong in ["10 7 INVITE", "9 8 INVITE", "9 7 UPDATE", "9 7", "9 7 INVITE x", "x 7 INVITE", ""] {
            assert!(ours.acknowledged(START, &prack(wrong)).is_none(), "{wrong}");
        }
        assert!(ours.acknowledged(START, &prack("9  7   INVITE")).is_some());
        assert!(ours.acknowledged(START, &prack("9 7 INVITE")).is_none(), "a second time");
        assert_eq!(ours.poll_timeout(), None);
    }

    #[test]
    fn one_is_on_its_way_at_a_time_and_the_next_has_the_next_number() {
        let mut ours = Provisionals::new(8);
        ours.send(START, 7, ringing(Status::RINGING), ProvisionalBody::Nothing);
        assert!(ours.send(START, 7, ringing(Status::QUEUED), ProvisionalBody::Nothing).is_none());
        assert!(
            ours.send(START, 7, ringing(Status::SESSION_PROGRESS), ProvisionalBody::Description).is_none()
        );
        assert!(ours.hold_back_answer());
        let next = ours.acknowledged(START, &prack("9 7 INVITE")).unwrap().next.unwrap();
        assert_eq!((next.status(), next.get("RSeq")), (Some(Status::SESSION_PROGRESS), Some(&b"10"[..])));
        assert!(ours.hold_back_answer());
        assert!(ours.acknowledged(START, &prack("10 7 INVITE")).unwrap().next.is_none());
        assert!(!ours.hold_back_answer());
    }

    #[test]
    fn after_the_final_response_nothing_is_repeated_and_a_late_prack_is_taken() {
        let mut ours = Provisionals::new(8);
        ours.send(START, 7, ringing(Status::RINGING), ProvisionalBody::Nothing);
        assert!(!ours.hold_back_answer());
        ours.finish();
        assert_eq!(ours.poll_timeout(), None);
        assert!(ours.acknowledged(START, &prack("9 7 INVITE")).is_some());
    }

    #[test]
    fn the_peers_are_taken_in_order_and_once() {
        let mut heard = ProvisionalHeard::default();
        let at = |n: u32| provisional(&format!("Require: 100rel\r\nRSeq: {n}\r\n"));
        assert_eq!(heard.hear(&provisional("")), Order::Unreliable);
        assert_eq!(heard.hear(&provisional("RSeq: 1\r\n")), Order::Unreliable);
        assert_eq!(heard.hear(&at(5)), Order::Next("5 7 INVITE".into()));
        assert_eq!(heard.hear(&at(5)), Order::Ignored);
        assert_eq!(heard.hear(&at(7)), Order::Ignored);
        assert_eq!(heard.hear(&at(6)), Order::Next("6 7 INVITE".into()));
        assert_eq!(heard.hear(&at(7)), Order::Next("7 7 INVITE".into()));
    }
}
