//! How urgent a message is, told from its first bytes alone: what calls already in need comes first when there is
//! more than can be done. A guess for the order of work; nothing is refused or believed for it.

/// The most bytes looked at: start line and headers of any real message are shorter.
const LOOKED_AT: usize = 2048;

/// How urgent a message is. The order is that of serving; a CANCEL never overtakes the INVITE it cancels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Answers, ACK, BYE, PRACK, and every request that names a dialog: a call depends on it.
    InProgress,
    /// REGISTER, OPTIONS and the like.
    Other,
    /// An INVITE that would begin a call.
    NewCall,
    /// A CANCEL.
    Cancel,
}

impl Class {
    /// The place in the order of serving, for a sort that keeps the order of what is equal.
    pub fn rank(self) -> u8 {
        match self {
            Class::InProgress => 0,
            Class::Other => 1,
            Class::NewCall | Class::Cancel => 2,
        }
    }
}

/// The class of what claims to be a message.
pub fn class(bytes: &[u8]) -> Class {
    let bytes = bytes.trim_ascii_start();
    let head = bytes.get(..bytes.len().min(LOOKED_AT)).unwrap_or_default();
    let method = head.split(|b| *b == b' ').next().unwrap_or_default();
    match method {
        b"ACK" | b"BYE" | b"PRACK" | b"SIP/2.0" => Class::InProgress,
        b"CANCEL" => Class::Cancel,
        _ if names_a_dialog(head) => Class::InProgress,
        b"INVITE" => Class::NewCall,
        _ => Class::Other,
    }
}

/// Most nonces looked at in one REGISTER: one for each realm and algorithm a phone may answer.
const NONCES: usize = 4;

/// Whether these bytes claim to be a REGISTER.
pub fn is_register(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"REGISTER ")
}

/// The nonces a REGISTER answers, told from its first bytes alone.
pub fn nonces_of_register(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let head = bytes.get(..bytes.len().min(LOOKED_AT)).unwrap_or_default();
    let values = head.split(|b| *b == b'"');
    let named = values.clone().zip(values.skip(1)).filter(|(name, _)| {
        let (before, last) = name.split_at(name.len().saturating_sub(b"nonce=".len()));
        last.eq_ignore_ascii_case(b"nonce=") && !before.last().is_some_and(u8::is_ascii_alphanumeric)
    });
    named.map(|(_, value)| value).take(NONCES)
}

/// Whether a To line has a tag.
fn names_a_dialog(head: &[u8]) -> bool {
    let mut lines = head.split(|b| *b == b'\n');
    let to = lines.find_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = name.trim_ascii();
        (name.eq_ignore_ascii_case(b"To") || name.eq_ignore_ascii_case(b"t")).then_some(value)
    });
    to.is_some_and(|value| {
        value.split(|b| *b == b';').skip(1).any(|param| {
            let name = param.split(|b| *b == b'=').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"tag")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_call_is_an_invite_without_a_tag_of_ours() {
        for (text, expected) in [
            ("INVITE sip:a SIP/2.0\r\nFrom: <x>;tag=1\r\nTo: <sip:a>\r\n", Class::NewCall),
            ("INVITE sip:a SIP/2.0\r\nt: <sip:a>;tag=9\r\n", Class::InProgress),
            ("INVITE sip:a SIP/2.0\r\nTO : <sip:a> ; TAG = 9\r\n", Class::InProgress),
            ("\r\nINVITE sip:a SIP/2.0\r\nTo: <sip:a;stag=1>;x=tag\r\n", Class::NewCall),
            ("ACK sip:a SIP/2.0\r\n", Class::InProgress),
            ("BYE sip:a SIP/2.0\r\n", Class::InProgress),
            ("SIP/2.0 200 OK\r\n", Class::InProgress),
            ("REGISTER sip:a SIP/2.0\r\nTo: <sip:a>\r\n", Class::Other),
            ("invite", Class::Other),
            ("", Class::Other),
        ] {
            assert_eq!(class(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_nonces_of_a_register_are_found_and_no_cnonce_is_taken_for_one() {
        let found = |text: &'static str| nonces_of_register(text.as_bytes()).collect::<Vec<_>>();
        let text = "REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"u\", cnonce=\"c\", nonce=\"one\"\r\n\
                    Authorization: Digest Nonce=\"two\", qop=auth\r\n\r\n";
        assert_eq!(found(text), [b"one", b"two"]);
        assert_eq!(found("\r\nREGISTER sip:a SIP/2.0\r\nAuthorization:Digest nonce=\"x\""), [b"x"]);
        assert!(is_register(b"\r\nREGISTER sip:a SIP/2.0") && !is_register(b"INVITE sip:a SIP/2.0"));
        assert!(found("REGISTER sip:a SIP/2.0\r\nAuthorization: Digest nonce=x").is_empty());
    }

    #[test]
    fn what_is_in_progress_comes_first_and_a_cancel_stays_behind_its_invite() {
        let mut all = [Class::NewCall, Class::Cancel, Class::Other, Class::NewCall, Class::InProgress];
        all.sort_by_key(|c| c.rank());
        assert_eq!(all, [Class::InProgress, Class::Other, Class::NewCall, Class::Cancel, Class::NewCall]);
    }
}
