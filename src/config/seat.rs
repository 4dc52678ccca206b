//! `[[seat]]`: the positions calls are presented to, one by one or as a range.

use super::address::Transport;
use super::name;
use super::problem::{Fault, Problems, Span, fault};
use super::table::{Table, suggestion};
use crate::id::SeatId;
use std::net::SocketAddr;

pub(super) const KEYS: &[&str] = &["id", "range", "contact", "algorithms", "sign_in", "dial_out", "ping"];

/// A position calls are presented to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The extension: the user part of its address and its user name.
    pub id: SeatId,
    /// Where it is always found. A seat with a contact does not register and is ready from the start.
    pub contact: Option<Contact>,
    /// The digest algorithms it is challenged with, one at a time, the stronger first. Not empty.
    pub algorithms: Vec<Algorithm>,
    /// Whether it is offered calls only while an operator is signed in; otherwise whenever its phone is there.
    pub sign_in: bool,
    /// Whether it may dial any number outside, through the trunk of `[dial]`.
    pub dial_out: bool,
    /// Whether its phone is asked if it is there, see [`super::Sip::seat_ping`].
    pub ping: bool,
}

/// Where a seat is always found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The whole SIP URI.
    pub uri: String,
    /// The transport it names, UDP when it names none.
    pub transport: Transport,
    /// The address and port it names.
    pub address: SocketAddr,
}

/// A digest algorithm (RFC 7616 and RFC 8760).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// MD5, which old phones know alone.
    Md5,
}

/// The seats of one entry with their place.
pub(super) struct Placed {
    pub seats: Vec<Seat>,
    pub at: Span,
}

pub(super) fn read(t: &Table<'_>, problems: &mut Problems<'_>) -> Option<Placed> {
    let one = t.text("id", problems, |id| name::seat(id).map(|s| vec![s]));
    let many = t.text("range", problems, name::seat_range);
    let key = if t.get("range").is_some() { "range" } else { "id" };
    match (t.get("id").is_some(), t.get("range").is_some()) {
        (true, true) => problems.add(
            &t.span("range"),
            fault("a seat has both `id` and `range`", "keep `id` for one seat or `range` for many"),
        ),
        (false, false) => problems.add(
            t.at(),
            fault("a seat has neither `id` nor `range`", "add `id = \"1001\"` or `range = \"1001-1020\"`"),
        ),
        _ => {}
    }
    let algorithms = algorithms(t, &[Algorithm::Md5], problems);
    let ids = many.or(one)?;
    let sign_in = t.flag("sign_in", false, problems);
    let dial_out = t.flag("dial_out", false, problems);
    let several = key == "range" && ids.len() > 1;
    let template = t.text("contact", problems, |c| {
        if several && !c.contains("{seat}") {
            let cure = "write {seat} where the number stands, like \"sip:{seat}@192.0.2.20:5060\"";
            return Err(fault(format!("`{c}` would be the same for every seat of the range"), cure));
        }
        contact(&c.replace("{seat}", ids.first().map_or("", SeatId::as_str)))?;
        Ok(c)
    });
    // Behind a fixed contact there may be a test driver or a gateway that answers no OPTIONS.
    let ping = t.flag("ping", t.get("contact").is_none(), problems);
    let seat = |id: SeatId| {
        let contact = template.and_then(|c| contact(&c.replace("{seat}", id.as_str())).ok());
        Seat { id, contact, algorithms: algorithms.clone(), sign_in, dial_out, ping }
    };
    Some(Placed { seats: ids.into_iter().map(seat).collect(), at: t.span(key) })
}

/// The digest algorithms of an entry; `default` when it names none.
pub(super) fn algorithms(
    t: &Table<'_>,
    default: &[Algorithm],
    problems: &mut Problems<'_>,
) -> Vec<Algorithm> {
    let named = t.texts("algorithms", problems, algorithm);
    if named.is_some() && t.get("algorithms").is_some_and(|(v, _)| v.as_array().is_some_and(|a| a.is_empty()))
    {
        let cure = "write [\"SHA-256\", \"MD5\"], or leave the key out";
        problems.add(&t.span("algorithms"), fault(format!("{}.algorithms is empty", t.section()), cure));
    }
    match named {
        Some(named) => named.into_iter().map(|(algorithm, _)| algorithm).collect(),
        None => default.to_vec(),
    }
}

/// `sip:1001@192.0.2.20:5060;transport=tcp`: with an address, as nothing looks up names for it.
fn contact(text: &str) -> Result<Contact, Fault> {
    let cure = "write an address with a port, like \"sip:1001@192.0.2.20:5060\" or \"sip:1001@[::1]:5060;transport=tcp\"";
    let wrong = || fault(format!("`{text}` is not a contact"), cure);
    let rest = text.strip_prefix("sip:").ok_or_else(wrong)?;
    let (user, rest) = rest.split_once('@').ok_or_else(wrong)?;
    let mut parts = rest.split(';');
    let host = parts.next().unwrap_or_default();
    let address = match host.parse::<SocketAddr>() {
        Ok(a) => a,
        Err(_) => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            SocketAddr::new(bare.parse().map_err(|_| wrong())?, 5060)
        }
    };
    let mut transport = Transport::Udp;
    for parameter in parts {
        transport = match parameter {
            "transport=udp" => Transport::Udp,
            "transport=tcp" => Transport::Tcp,
            "transport=tls" => Transport::Tls,
            _ => {
                let what = format!("`{parameter}` is not a parameter of a contact");
                return Err(fault(
                    what,
                    "write \";transport=udp\", \";transport=tcp\" or \";transport=tls\", or nothing",
                ));
            }
        };
    }
    if name::seat(user).is_err() || address.port() == 0 || address.ip().is_unspecified() {
        return Err(wrong());
    }
    Ok(Contact { uri: text.to_owned(), transport, address })
}

fn algorithm(text: &str) -> Result<Algorithm, Fault> {
    match text {
        "SHA-256" => Ok(Algorithm::Sha256),
        "MD5" => Ok(Algorithm::Md5),
        _ => Err(fault(format!("`{text}` is not a digest algorithm"), suggestion(text, ["SHA-256", "MD5"]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_has_an_address_and_a_transport() {
        let c = contact("sip:1001@[::1]:5070;transport=tcp").unwrap();
        assert_eq!((c.transport, c.address), (Transport::Tcp, "[::1]:5070".parse().unwrap()));
        assert_eq!(contact("sip:1001@192.0.2.20").unwrap().address.port(), 5060);
        for text in
            ["1001@192.0.2.20", "sip:1001@phone", "sip:@1.2.3.4", "sip:1@0.0.0.0:5060", "sip:1@1.2.3.4;lr"]
        {
            assert!(contact(text).is_err(), "{text}");
        }
    }
}
