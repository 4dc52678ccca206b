//! The leg towards one seat, for one presentation, or towards somebody a seat asks for: INVITE, ringing, answer, BYE — or CANCEL, and whatever
//! crosses it.

use super::caller_leg::{Agreement, MediaSide};
use super::conduct::Conduct;
use super::early::EarlyDialogs;
use super::inputs::{SeatAsked, Target};
use super::presence::Presence;
use super::rules::Rules;
use crate::caller;
use crate::id::{CallId, LegId, PresentationId, SeatId};
use crate::sdp::{Codec, Offered};
use crate::sip::{Cause, Dialog, Method, Outgoing, Uri};
use crate::time::Mono;

/// At most this many seat legs of one call at once: those that ring or talk, up to eight phones of a seat, and those
/// whose CANCEL or BYE is still unanswered. Each of those ends within 64*T1; a presentation past the limit ends as
/// unreachable.
pub const MAX_SEAT_LEGS: usize = 32;

/// What a leg beside the citizen's is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The seat that is offered the call, or serves it.
    Offered,
    /// The second line of the seat that serves it, by which it asks for somebody else.
    Asking,
    /// Somebody else.
    Third,
}

/// The leg towards one seat, or towards somebody a seat asks for.
#[derive(Debug)]
pub struct SeatLeg {
    /// Its id, which is also our tag and the SIP Call-ID of its dialog.
    pub id: LegId,
    /// What it is for.
    pub part: Part,
    /// The offer it serves; a name of its own where no queue offered it.
    pub presentation: PresentationId,
    /// The seat; empty for somebody outside.
    pub seat: SeatId,
    /// Its signalling.
    pub signalling: SeatSignalling,
    /// Its media.
    pub media: Agreement,
    /// How it deals with its peer.
    pub conduct: Conduct,
    /// The dialogs its INVITE may become.
    pub early: EarlyDialogs,
    /// Other ways to the same phone, to be tried when this one fails, the newest first.
    pub others: Vec<Target>,
    /// Whether it is still there.
    pub presence: Presence,
}

/// Where a seat leg's signalling stands.
#[derive(Debug)]
pub enum SeatSignalling {
    /// Waiting for a port, or for the look-up.
    Preparing {
        /// Where the phone is.
        target: Target,
    },
    /// The INVITE is out.
    Inviting {
        /// The INVITE, to build the dialog from.
        invite: Box<Outgoing>,
        /// Where it went.
        target: Target,
        /// What we offered.
        offered: Offered,
        /// The first 18x was seen at this moment.
        rang: Option<Mono>,
    },
    /// The seat asked for the call itself; our answer waits for a port.
    Answering {
        /// Its INVITE.
        asked: Box<SeatAsked>,
    },
    /// CANCEL is out; the final response may still be a 200.
    Cancelling {
        /// The INVITE, to build the dialog from.
        invite: Box<Outgoing>,
    },
    /// The seat answered.
    Up {
        /// Our INVITE, to tell a forked answer by; `None` when the seat's own INVITE began the dialog.
        invite: Option<Box<Outgoing>>,
        /// The dialog.
        dialog: Box<Dialog>,
    },
    /// To be hung up as soon as a 2xx of ours is acknowledged: no BYE before (RFC 3261 section 15).
    HangingUp {
        /// The dialog.
        dialog: Box<Dialog>,
        /// What the BYE says.
        cause: Cause,
    },
    /// Our BYE is out.
    Closing {
        /// For ACKs to repeated answers.
        dialog: Box<Dialog>,
    },
    /// Nothing is left of it.
    Down,
}

impl SeatLeg {
    /// Whether it still speaks with its peer.
    pub fn is_live(&self) -> bool {
        matches!(self.signalling, SeatSignalling::Inviting { .. } | SeatSignalling::Up { .. })
    }

    /// Whether our INVITE is not answered yet.
    pub fn is_ringing(&self) -> bool {
        matches!(self.signalling, SeatSignalling::Inviting { .. })
    }

    /// Whether nothing is left of it, in signalling and in media.
    pub fn is_gone(&self) -> bool {
        matches!(self.signalling, SeatSignalling::Down) && self.media.side == MediaSide::Closed
    }
}

/// What whoever is called is told of who calls.
#[derive(Debug)]
pub struct Introduction {
    /// The call; told to seats alone.
    pub call: Option<CallId>,
    /// The number of who calls; empty when he withholds it.
    pub number: String,
    /// What the phone's screen shows; may be empty.
    pub display: String,
    /// The host of who calls, as it stands in a URI; `None`: our name among seats.
    pub host: Option<String>,
}

impl Introduction {
    /// The address of who calls, without a name.
    fn address(&self, rules: &Rules) -> String {
        let host = self.host.as_deref().unwrap_or(&rules.domain);
        format!("<sip:{}@{host}>", caller::uri_user(&self.number))
    }

    /// A message with what it says beside From: the number in P-Asserted-Identity (RFC 3325) as `identity`, the call id in
    /// X-Hotline-Call-Id as text and in User-to-User as its 16 octets (RFC 7433). A caller who withholds their number is
    /// anonymous, and the phone is asked to keep it so (RFC 3323).
    fn on(&self, mut message: Outgoing, identity: String) -> Outgoing {
        if let Some(call) = self.call {
            message = message
                .with("X-Hotline-Call-Id", call.to_string())
                .with("User-to-User", format!("{};encoding=hex", hex(call.as_bytes())));
        }
        match self.number.is_empty() {
            true => message.with("Privacy", "id"),
            false => message.with("P-Asserted-Identity", identity),
        }
    }

    /// Our 2xx to a seat's own INVITE with all of it: there From is the seat's, so the name stands in P-Asserted-Identity.
    pub fn on_answer(&self, ok: Outgoing, rules: &Rules) -> Outgoing {
        let address = self.address(rules);
        let named = match self.display.as_str() {
            "" => address,
            display => format!("{} {address}", crate::sip::quoted(display)),
        };
        self.on(ok, named)
    }
}

/// The INVITE to a seat, or to a number outside. The caller's number stands in From, too.
pub fn invite(
    leg: &mut SeatLeg,
    target: &Target,
    intro: &Introduction,
    codecs: &[Codec],
    rules: &Rules,
) -> Option<(Outgoing, Offered)> {
    let (body, offered) = leg.media.offer(rules, target.flow, codecs)?;
    let host = intro.host.as_deref().unwrap_or(&rules.domain);
    let address = intro.address(rules);
    let from = match intro.display.as_str() {
        "" => format!("{address};tag={}", leg.id),
        display => format!("{} {address};tag={}", crate::sip::quoted(display), leg.id),
    };
    let to = match leg.seat.as_str() {
        "" => bare(&target.uri),
        seat => format!("<sip:{seat}@{host}>"),
    };
    let contact_user = leg.conduct.peer.contact.as_deref().map_or("hotline".into(), caller::uri_user);
    let mut invite = Outgoing::request(Method::Invite, &target.uri)
        .with("From", from)
        .with("To", to)
        .with("Call-ID", leg.id.to_string())
        .with("CSeq", "1 INVITE")
        .with("Max-Forwards", "70")
        .with(
            "Contact",
            crate::sip::contact_asking(rules.advertised.as_ref(), &target.flow, &contact_user, &target.uri),
        )
        .with("Allow", leg.conduct.allow());
    for route in &target.routes {
        invite = invite.with("Route", route.as_bytes());
    }
    Some((leg.conduct.ask(intro.on(invite, address)).body("application/sdp", body), offered))
}

/// A URI as it may stand in To: without port and parameters (RFC 3261 table 1).
fn bare(uri: &str) -> String {
    match Uri::parse(uri.as_bytes()) {
        Ok(Uri { scheme, user: Some(user), host, .. }) if !host.is_empty() => {
            format!("<{scheme}:{user}@{host}>")
        }
        _ => format!("<{uri}>"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
