//! Which methods are heard from which class of peer: one table, to be read like the rule.
//!
//! ACK and CANCEL are not in it: the transaction layer answers or absorbs them by the INVITE they name.

use super::PeerId;
use crate::sip::{Method, Status, option_tag};

/// The class of a peer, by which its methods are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerClass {
    /// A trunk, known by where it comes from.
    Trunk,
    /// A seat, registered there or with its fixed place there.
    Seat,
    /// An unauthenticated source.
    Unknown,
}

impl From<&PeerId> for PeerClass {
    fn from(peer: &PeerId) -> PeerClass {
        match peer {
            PeerId::Trunk(_) => PeerClass::Trunk,
            PeerId::Seat(_) => PeerClass::Seat,
            PeerId::Unknown => PeerClass::Unknown,
        }
    }
}

/// What becomes of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The request is heard.
    Take,
    /// The request is heard once the seat has proved that it is the sender.
    Prove,
    /// The request goes to the registrar, which asks for proof itself.
    Register,
    /// The request is answered with this status, and nothing is kept of it.
    Refuse(Status),
}

/// The rule for a request outside any dialog.
pub fn outside_a_dialog(at: PeerClass, method: &Method) -> Rule {
    use Method as M;
    use PeerClass::{Seat, Trunk, Unknown};
    use Rule::{Prove, Refuse, Register, Take};
    match (method, at) {
        // The password alone decides who may register, from every source.
        (M::Register, _) => Register,
        // Asking whether we are there is free; an unknown source's asking is limited by its bucket.
        (M::Options, _) => Take,

        // A trunk brings calls. A seat makes them when it has proved itself. No other peer does.
        (M::Invite, Trunk) => Take,
        (M::Invite, Seat) => Prove,
        (M::Invite, Unknown) => Refuse(Status::FORBIDDEN),

        // Transfers and feature subscriptions are a seat's; a carrier's REFER would dial out on our account.
        (M::Refer | M::Subscribe, Seat) => Prove,
        (M::Refer | M::Subscribe, Trunk) => Refuse(Status::METHOD_NOT_ALLOWED),
        (M::Refer | M::Subscribe, Unknown) => Refuse(Status::FORBIDDEN),

        // Only inside a dialog do these mean anything.
        (M::Bye | M::Update | M::Info | M::Prack, _) => Refuse(Status::NO_SUCH_CALL),
        (M::Notify, Seat) => Refuse(Status::NO_SUCH_CALL),
        (M::Notify, Trunk) => Refuse(Status::METHOD_NOT_ALLOWED),
        (M::Notify, Unknown) => Refuse(Status::FORBIDDEN),

        // We keep no presence and carry no text.
        (M::Publish, Unknown) => Refuse(Status::FORBIDDEN),
        (M::Publish | M::Message, _) => Refuse(Status::METHOD_NOT_ALLOWED),

        // Not methods of a new request at all.
        (M::Ack | M::Cancel, _) => Refuse(Status::NO_SUCH_CALL),
        (M::Other(_), _) => Refuse(Status::NOT_IMPLEMENTED),
    }
}

/// The rule for a request inside a dialog of ours, by whose leg the dialog belongs to.
pub fn inside_a_dialog(at: PeerClass, method: &Method) -> Rule {
    use Method as M;
    use Rule::{Refuse, Take};
    match (method, at) {
        (M::Invite | M::Ack | M::Bye | M::Cancel, _) => Take,
        (M::Options | M::Update | M::Info | M::Prack, _) => Take,
        // A transfer is a seat's to ask for.
        (M::Refer | M::Notify | M::Subscribe, PeerClass::Seat) => Take,
        (M::Other(_), _) => Refuse(Status::NOT_IMPLEMENTED),
        _ => Refuse(Status::METHOD_NOT_ALLOWED),
    }
}

/// The Allow header of an answer to a peer of this class (RFC 3261 section 20.5).
pub fn allowed(at: PeerClass) -> &'static str {
    match at {
        PeerClass::Trunk => "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK",
        PeerClass::Seat => {
            "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK, REGISTER, REFER, NOTIFY, SUBSCRIBE"
        }
        PeerClass::Unknown => "REGISTER, OPTIONS",
    }
}

/// The option tags a peer of this class may require of us (RFC 3261 section 19.2): naming another dialog is for seats
/// (RFC 3891).
pub fn option_tags(at: PeerClass) -> Vec<&'static str> {
    option_tag::KNOWN.into_iter().filter(|tag| at == PeerClass::Seat || *tag != "replaces").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [PeerClass; 3] = [PeerClass::Trunk, PeerClass::Seat, PeerClass::Unknown];

    fn every_method() -> Vec<Method> {
        let mut all: Vec<Method> = rsip::Method::all().iter().cloned().map(Method::from).collect();
        all.push(Method::Other("BREW".into()));
        all
    }

    #[test]
    fn an_unknown_source_is_heard_with_register_and_options_only() {
        for method in every_method() {
            let heard = !matches!(outside_a_dialog(PeerClass::Unknown, &method), Rule::Refuse(_));
            assert_eq!(heard, matches!(method, Method::Register | Method::Options), "{method}");
        }
    }

    #[test]
    fn a_trunk_never_asks_us_to_dial() {
        for method in [Method::Refer, Method::Subscribe, Method::Publish, Method::Message, Method::Notify] {
            assert_eq!(
                outside_a_dialog(PeerClass::Trunk, &method),
                Rule::Refuse(Status::METHOD_NOT_ALLOWED),
                "{method}"
            );
            assert_eq!(
                inside_a_dialog(PeerClass::Trunk, &method),
                Rule::Refuse(Status::METHOD_NOT_ALLOWED),
                "{method}"
            );
        }
    }

    #[test]
    fn what_a_seat_begins_it_must_prove() {
        for method in [Method::Invite, Method::Refer, Method::Subscribe] {
            assert_eq!(outside_a_dialog(PeerClass::Seat, &method), Rule::Prove, "{method}");
        }
    }

    #[test]
    fn an_unknown_method_is_501_everywhere() {
        for at in ALL {
            let brew = Method::Other("BREW".into());
            assert_eq!(outside_a_dialog(at, &brew), Rule::Refuse(Status::NOT_IMPLEMENTED));
            assert_eq!(inside_a_dialog(at, &brew), Rule::Refuse(Status::NOT_IMPLEMENTED));
        }
    }

    #[test]
    fn allow_names_what_is_heard_from_the_class() {
        for at in ALL {
            let named: Vec<&str> = allowed(at).split(", ").collect();
            for method in every_method() {
                let heard = !matches!(outside_a_dialog(at, &method), Rule::Refuse(_))
                    || !matches!(inside_a_dialog(at, &method), Rule::Refuse(_)) && at != PeerClass::Unknown;
                // REGISTER is heard from a trunk's address too, but it is not the trunk that sends it.
                let expected = heard && !(method == Method::Register && at == PeerClass::Trunk);
                assert_eq!(named.contains(&method.as_str()), expected, "{method} for {at:?}");
            }
        }
    }
}
