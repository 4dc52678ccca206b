//! The carriers: what each trunk has in its configuration, how its numbers take the call, what the seat that dials is
//! told, and what the record must say.

use crate::callee::{self, Callee};
use crate::matrix::scenario::{Script, sdp};

/// What stands at a target of a trunk.
pub enum Carrier {
    /// One call comes, for whichever number.
    Called(Callee),
    /// The main number does the first, the deputy the second.
    Main(Callee, Callee),
    /// Nothing that speaks.
    Silent,
}

/// How the seat's call goes.
#[derive(Clone, Copy)]
enum Seat {
    /// Answered; the seat hangs up.
    Answered,
    /// The same, after it heard early media.
    Early,
    /// Answered; the other side hangs up.
    HungUp,
    /// Refused with this status.
    Refused(u16),
}

pub struct Profile {
    pub name: &'static str,
    /// Its trunk's keys beside name, sources, targets and ping.
    pub keys: &'static str,
    /// How many numbers its department has.
    pub numbers: usize,
    /// What stands at its trunk's targets, in their order.
    pub carriers: Vec<Carrier>,
    /// What the record of its call says, by path.
    pub record: Vec<(&'static str, &'static str)>,
    seat: Seat,
}

impl Profile {
    fn new(name: &'static str, callee: Callee) -> Profile {
        Profile::at(name, vec![Carrier::Called(callee)])
    }

    fn at(name: &'static str, carriers: Vec<Carrier>) -> Profile {
        let record = vec![
            ("/trunk", name),
            ("/direction", "CALL_DIRECTION_OUTBOUND"),
            ("/ended/reason", "END_REASON_COMPLETED"),
            ("/ended/by", "ENDED_BY_SEAT"),
        ];
        Profile { name, keys: "", numbers: 1, carriers, record, seat: Seat::Answered }
    }

    fn with(mut self, keys: &'static str) -> Profile {
        self.keys = keys;
        self
    }

    /// Its department has a deputy.
    fn with_deputy(mut self) -> Profile {
        self.numbers = 2;
        self
    }

    fn early(mut self) -> Profile {
        self.seat = Seat::Early;
        self
    }

    fn refused(mut self, status: u16) -> Profile {
        self.seat = Seat::Refused(status);
        self.record = vec![("/trunk", self.name), ("/ended/reason", "END_REASON_UNANSWERED")];
        self
    }

    /// The other side hangs up, and the record says why.
    fn hung_up(mut self, q850: &'static str) -> Profile {
        self.seat = Seat::HungUp;
        self.record.retain(|(path, _)| *path != "/ended/by");
        self.record.extend([("/ended/by", "ENDED_BY_THIRD_PARTY"), ("/ended/q850", q850)]);
        self
    }

    /// What the seat that dials does.
    pub fn seat(&self, id: &str, code: &str) -> Script {
        let call = Script::new()
            .from(&format!("<sip:{id}@[local_ip]:[local_port]>"))
            .to(&format!("sip:{code}@[remote_ip]:[remote_port]"))
            .invite("", &sdp(1, "8 101", ""));
        match self.seat {
            Seat::Answered => call.answered().waits(1_000).bye(),
            Seat::Early => call.trying().expects_with(183, "Content-Type", "sdp").answered().waits(300).bye(),
            Seat::HungUp => call.answered().hung_up(),
            Seat::Refused(status) => call.rings().expects(status).ack_failure(),
        }
    }
}

fn plain() -> Callee {
    Callee::new().says(180, "").answers().hung_up()
}

/// A carrier that asks for the password, and takes it. SIPp verifies what answers a 401; Kamailio asks by 407, see
/// `carrier.rs`.
fn asks_for_password() -> Callee {
    let challenge = "Digest realm=\"carrier\", nonce=\"0a4f113b\", algorithm=MD5, qop=\"auth\"";
    Callee::new()
        .fails(401, &format!("WWW-Authenticate: {challenge}"))
        .proved("4930123", "open-sesame")
        .says(180, "")
        .answers()
        .hung_up()
}

/// Half an hour is the least it takes.
fn wants_longer() -> Callee {
    Callee::new()
        .fails(422, "Min-SE: 1800")
        .invited_again("Session-Expires", "1800")
        .answers_with("Require: timer\nSession-Expires: 1800;refresher=uac")
        .hung_up()
}

/// A number whose answer comes reliably before it is picked up (RFC 3262).
fn reliable() -> Callee {
    Callee::new()
        .describes(183, "Require: 100rel\nRSeq: 7001")
        .hears_with("PRACK", "RAck", "7001 1 INVITE")
        .agrees("", "")
        .answers()
        .hung_up()
}

/// Puts the seat on hold and takes it back.
fn holds() -> Callee {
    let held = Callee::new().answers().waits(100).offers(2, "sendonly", "a=recvonly");
    held.waits(100).offers(3, "sendrecv", "a=sendrecv").hung_up()
}

pub fn profiles() -> Vec<Profile> {
    let next = |first| vec![first, Carrier::Called(plain())];
    vec![
        Profile::new("plain", plain()),
        Profile::at("deputy-when-busy", vec![Carrier::Main(Callee::new().fails(486, ""), plain())])
            .with_deputy(),
        Profile::at("deputy-when-unanswered", vec![Carrier::Main(Callee::new().rings_out(), plain())])
            .with_deputy(),
        Profile::at("next-target-after-503", next(Carrier::Called(Callee::new().fails(503, "")))),
        Profile::at("next-target-after-silence", next(Carrier::Silent)),
        Profile::new("password", asks_for_password())
            .with("username = \"4930123\"\npassword_file = \"{password}\"\nalgorithms = [\"MD5\"]"),
        Profile::new("early-media", Callee::new().describes(183, "").waits(200).answers().hung_up()).early(),
        Profile::new("100rel", reliable()).early(),
        Profile::new("min-se", wants_longer()).with("session_expires = \"2m\""),
        Profile::new("hold", holds()),
        Profile::new("moved", Callee::new().fails(302, "Contact: <sip:elsewhere@127.0.0.1:{decoy}>"))
            .refused(480),
        Profile::new("busy", Callee::new().fails(486, "")).refused(486),
        Profile::new("says-no", Callee::new().fails(603, "")).refused(603),
        Profile::new("no-such-number", Callee::new().fails(404, "")).refused(404),
        Profile::new(
            "cause",
            Callee::new()
                .answers()
                .waits(200)
                .hangs_up("Reason: Q.850;cause=38;text=\"Network out of order\""),
        )
        .hung_up("38"),
    ]
}

/// Carriers that leave the refreshing of a call's ninety seconds to us: by re-INVITE, and by UPDATE where they know it.
pub fn refreshed() -> Vec<Profile> {
    let (timer, description) =
        ("Require: timer\nSession-Expires: 90;refresher=uac", callee::sdp(1, "sendrecv"));
    let asked =
        |callee: Callee, method: &str| callee.hears_with(method, "Session-Expires", "90;refresher=uac");
    let reinvited = |callee| asked(callee, "INVITE").agrees(timer, &description).hears("ACK");
    let updated = |callee| asked(callee, "UPDATE").agrees(timer, "");
    // Nobody speaks here, and a call without sound is ended after a minute; an UPDATE without an offer is no sign of sound.
    let by_update = format!("Allow: INVITE, ACK, BYE, CANCEL, UPDATE\n{timer}");
    vec![
        Profile::new("refreshed", reinvited(reinvited(Callee::new().answers_with(timer))).hangs_up(""))
            .hung_up("16"),
        Profile::new("refreshed-by-update", updated(Callee::new().answers_with(&by_update)).hangs_up(""))
            .hung_up("16"),
    ]
}
