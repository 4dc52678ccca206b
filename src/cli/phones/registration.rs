//! A seat's phone registers, and answers the challenge (RFC 3261 sections 10.2 and 22).

use super::{Output, PhoneEvent, Phones};
use crate::redact::Secret;
use crate::sip::digest::Challenge;
use crate::sip::{Message, Method, Outgoing, Status};
use crate::time::Now;

/// How long a registration is asked for, in seconds. Simulated phones live shorter and do not refresh.
const EXPIRES: &str = "3600";

/// One seat's registration.
pub(super) struct Registration {
    password: Secret<String>,
    call_id: String,
    tag: String,
    cseq: u32,
    answered: bool,
}

impl Phones {
    /// A seat registers with its password.
    pub fn register(&mut self, now: Now, seat: &str, password: Secret<String>, out: &mut Vec<Output>) {
        let registration = Registration {
            password,
            call_id: self.random.token(),
            tag: self.random.token(),
            cseq: 0,
            answered: false,
        };
        self.registrations.insert(seat.to_owned(), registration);
        self.send_register(now, seat, None);
        self.flush(out);
    }

    fn send_register(&mut self, now: Now, seat: &str, challenge: Option<&Challenge>) {
        let flow = self.flow_to(self.gateway);
        let contact = self.contact(seat);
        let uri = format!("sip:{}", self.gateway);
        let cnonce = self.random.token();
        let Some(registration) = self.registrations.get_mut(seat) else { return };
        registration.cseq += 1;
        let address = format!("<sip:{seat}@{}>", self.gateway);
        let mut request = Outgoing::request(Method::Register, &uri)
            .with("From", format!("{address};tag={}", registration.tag))
            .with("To", &address)
            .with("Call-ID", &registration.call_id)
            .with("CSeq", format!("{} REGISTER", registration.cseq))
            .with("Max-Forwards", "70")
            .with("Contact", contact)
            .with("Expires", EXPIRES);
        if let Some(challenge) = challenge {
            registration.answered = true;
            let proof = challenge.answer(seat, &registration.password, "REGISTER", &uri, 1, &cnonce);
            request = request.with("Authorization", proof);
        }
        let tx = self.endpoint.request(now, flow, request, &mut self.wire);
        self.registering.insert(tx, seat.to_owned());
    }

    pub(super) fn registered(
        &mut self,
        now: Now,
        tx: crate::sip::ClientTx,
        seat: &str,
        response: &Message,
        out: &mut Vec<Output>,
    ) {
        let Some(status) = response.status().filter(|s| s.is_final()) else { return };
        self.registering.remove(&tx);
        let answered = self.registrations.get(seat).is_some_and(|r| r.answered);
        let challenge = Challenge::choose(response.headers("WWW-Authenticate"));
        match (status, challenge) {
            (status, _) if status.is_success() => {
                out.push(Output::Event(PhoneEvent::Registered { seat: seat.to_owned() }))
            }
            (Status::UNAUTHORIZED, Some(challenge)) if !answered => {
                self.send_register(now, seat, Some(&challenge))
            }
            _ => out.push(Output::Event(PhoneEvent::NotRegistered {
                seat: seat.to_owned(),
                status: status.code(),
            })),
        }
    }
}
