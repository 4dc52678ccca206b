//! Request methods. Case matters in them (RFC 3261 section 7.1): `invite` is an unknown method, not INVITE.

use super::grammar::is_token;
use std::fmt;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 3261 section 13.
    Invite,
    /// RFC 3261 section 13.2.2.4. Never answered.
    Ack,
    /// RFC 3261 section 15.
    Bye,
    /// RFC 3261 section 9.
    Cancel,
    /// RFC 3261 section 11.
    Options,
    /// RFC 3261 section 10.
    Register,
    /// RFC 3262.
    Prack,
    /// RFC 3311.
    Update,
    /// RFC 6086.
    Info,
    /// RFC 3515.
    Refer,
    /// RFC 6665.
    Notify,
    /// RFC 6665.
    Subscribe,
    /// RFC 3428.
    Message,
    /// RFC 3903.
    Publish,
    /// A token that names none of these. It is kept: the answer 501 or 405 echoes it.
    Other(Box<str>),
}

impl Method {
    /// The method `token` names; `None` if it is no token.
    pub fn parse(token: &[u8]) -> Option<Method> {
        Some(match token {
            b"INVITE" => Method::Invite,
            b"ACK" => Method::Ack,
            b"BYE" => Method::Bye,
            b"CANCEL" => Method::Cancel,
            b"OPTIONS" => Method::Options,
            b"REGISTER" => Method::Register,
            b"PRACK" => Method::Prack,
            b"UPDATE" => Method::Update,
            b"INFO" => Method::Info,
            b"REFER" => Method::Refer,
            b"NOTIFY" => Method::Notify,
            b"SUBSCRIBE" => Method::Subscribe,
            b"MESSAGE" => Method::Message,
            b"PUBLISH" => Method::Publish,
            other if is_token(other) => Method::Other(std::str::from_utf8(other).ok()?.into()),
            _ => return None,
        })
    }

    /// As it stands in a message.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Options => "OPTIONS",
            Method::Register => "REGISTER",
            Method::Prack => "PRACK",
            Method::Update => "UPDATE",
            Method::Info => "INFO",
            Method::Refer => "REFER",
            Method::Notify => "NOTIFY",
            Method::Subscribe => "SUBSCRIBE",
            Method::Message => "MESSAGE",
            Method::Publish => "PUBLISH",
            Method::Other(name) => name,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<rsip::Method> for Method {
    fn from(method: rsip::Method) -> Method {
        match method {
            rsip::Method::Ack => Method::Ack,
            rsip::Method::Bye => Method::Bye,
            rsip::Method::Cancel => Method::Cancel,
            rsip::Method::Info => Method::Info,
            rsip::Method::Invite => Method::Invite,
            rsip::Method::Message => Method::Message,
            rsip::Method::Notify => Method::Notify,
            rsip::Method::Options => Method::Options,
            rsip::Method::PRack => Method::Prack,
            rsip::Method::Publish => Method::Publish,
            rsip::Method::Refer => Method::Refer,
            rsip::Method::Register => Method::Register,
            rsip::Method::Subscribe => Method::Subscribe,
            rsip::Method::Update => Method::Update,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_reads_as_it_prints() {
        for method in rsip::Method::all() {
            let method = Method::from(method);
            assert_eq!(Method::parse(method.as_str().as_bytes()), Some(method.clone()));
            assert!(!matches!(method, Method::Other(_)));
        }
    }

    #[test]
    fn an_unknown_method_is_kept_and_an_escaped_one_is_not_decoded() {
        assert_eq!(Method::parse(b"RE%47IST%45R"), Some(Method::Other("RE%47IST%45R".into())));
        assert_eq!(Method::parse(b"invite"), Some(Method::Other("invite".into())));
        assert_eq!(Method::parse(b"IN VITE"), None);
        assert_eq!(Method::parse(b""), None);
    }
}
