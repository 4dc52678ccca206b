//! What must hold for any bytes at all that claim to be SIP: an entry point for fuzzers. `crate::fuzz` drives it.

use super::{Frame, Framer, Malformed, Message, Method, Outgoing, Status, Uri, head, limits};
use bytes::Bytes;
use std::net::{Ipv4Addr, SocketAddr};

/// Feeds `bytes` to parser, framer and builder.
///
/// # Panics
/// When a promise is broken: the framer and the parser disagree about where a message ends, an answer is no
/// message or amplifies, or a value escapes from its header.
pub fn fuzz(bytes: &[u8]) {
    match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => read_everything(message),
        Err(malformed) => answer_is_sound(&malformed, bytes.len()),
    }
    let whole = frames(bytes, bytes.len().max(1));
    for step in [1, 7] {
        assert_eq!(frames(bytes, step), whole, "a stream read {step} bytes at a time reads otherwise");
    }
    nothing_escapes(bytes);
}

/// Every accessor, and a response that echoes what was read.
fn read_everything(mut message: Message) {
    for (name, value) in message.fields() {
        assert!(!value.contains(&b'\n') && !value.contains(&b'\r'), "a value is not unfolded");
        assert!(message.headers(name).any(|v| v == value), "a header is not found by its own name");
    }
    for address in message.contacts().iter().chain([message.from(), message.to()]) {
        let _ = (address.display_text(), address.param("q"), address.params().count());
        let _ = address.parsed_uri().map(|uri| (uri.user_text(), uri.socket_addr(5060), uri.to_string()));
    }
    let _ = (message.list("Via"), message.number("Expires"), message.body(), message.phrase());
    let _ = Uri::parse(message.uri());
    message.note_source(SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
    let response = Outgoing::response(&message, Status::OK, Some("t")).encode();
    if message.bytes().len() < limits::MAX_LINE {
        let response = Message::parse(response).expect("our own response can be read");
        assert_eq!(response.call_id(), message.call_id());
        assert_eq!(response.cseq(), message.cseq());
        assert_eq!(response.via().branch(), message.via().branch());
        assert_eq!(response.from_tag(), message.from_tag());
        assert_eq!(response.to_tag(), message.to_tag().or(Some("t")));
        assert_eq!(response.list("Via"), message.list("Via"));
    }
}

fn answer_is_sound(malformed: &Malformed, came: usize) {
    let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 5060));
    for answer in [malformed.answer(), malformed.answer_to(source)].into_iter().flatten() {
        assert!(answer.starts_with(b"SIP/2.0 "));
        assert!(answer.len() <= came + 256 + 7 * limits::MAX_HEADERS, "an answer amplifies");
        if came < limits::MAX_LINE {
            let head = head::scan(&answer, 0).expect("an answer has a sound head");
            assert_eq!((head.body, head.content_length), (answer.len(), Some(0)));
        }
    }
}

/// The frames of a stream that is read `step` bytes at a time. A broken one is only that: what broke it first
/// may depend on how far it was read.
fn frames(stream: &[u8], step: usize) -> Vec<Option<Bytes>> {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for bytes in stream.chunks(step) {
        framer.push(bytes);
        for frame in framer.by_ref() {
            frames.push(match frame {
                Frame::Message(message) => {
                    let head = head::scan(&message, 0).expect("the framer read this head");
                    let length = head.content_length.expect("a frame has a length") as usize;
                    assert_eq!(head.body + length, message.len(), "the framer and the parser disagree");
                    if let Ok(read) = Message::parse(message.clone()) {
                        assert_eq!(read.body().len(), length);
                    }
                    Some(message)
                }
                Frame::Ping => Some(Bytes::new()),
                Frame::Broken(malformed) => {
                    answer_is_sound(&malformed, stream.len());
                    None
                }
            });
        }
        assert!(framer.pending() <= limits::MAX_MESSAGE + step, "the framer holds too much");
    }
    frames
}

/// Whatever a value holds, it stays in its header.
fn nothing_escapes(bytes: &[u8]) {
    // Escaped, and made text, an octet may take six: the builder has no limit of its own, its reader has.
    if bytes.len() > limits::MAX_LINE / 8 {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let message = Outgoing::request(Method::Other(text.clone().into()), bytes).with("X-One", bytes);
    let message = message.set("X-Two", bytes).first("Via", bytes).body(&text, bytes).encode();
    let head = head::scan(&message, 0).expect("our own head can be read");
    assert_eq!(head.fields.len(), 5, "a value wrote a header");
    assert_eq!(message.get(head.body..), Some(bytes), "the body is not as given");
    let start = head.start_line.of(&message);
    assert_eq!(start.iter().filter(|&&b| b == b' ').count(), 2, "a start line with more than three parts");
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: [&str; 6] = [
        "INVITE sip:12345@h;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa;rport, \
         SIP/2.0/TCP [::1];branch=b\r\nMax-Forwards: 70\r\nFrom: \"a \\\" b\" <sip:1@p;lr>;tag=x\r\nt : <tel:123>\r\n\
         i: c@d\r\nCSeq: 7\r\n INVITE\r\nm: <sip:a@b?x=y>;q=0.5, *\r\nContent-Type: application/sdp\r\nl: 4\r\n\r\nv=0\r",
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h;received=2001:db8::1;rport=1\r\nFrom: sip:a@b;tag=1\r\n\
         To: sip:c@d ; Tag = 2\r\nCall-ID: 1\r\nCSeq: 4294967295 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        "\r\nOPTIONS tel:1 SIP/2.0\r\nv:SIP / 2.0 /UDP a\r\nf:\u{738b}<sip:a@b>\r\nt:c:d\r\ni:1\r\nCSeq:1 OPTIONS\r\nl:0\r\n\r\n\r\n\r\n",
        "BYE sip:a@b SIP/7.0\r\nVia: SIP/7.0/UDP a;branch=z9hG4bK\r\nl: 1\r\nl: 2\r\n\r\nxx",
        "ACK sip:a@b SIP/2.0\r\nl: 0\r\n\r\nACK sip:a@b SIP/2.0\r\nContent-Length : \r\n 3\r\n\r\nabcOPTIONS",
        "",
    ];

    #[test]
    fn the_seeds_themselves_break_no_promise() {
        SEEDS.iter().for_each(|seed| fuzz(seed.as_bytes()));
        assert!(Message::parse(Bytes::from_static(SEEDS[0].as_bytes())).is_ok());
        assert!(Message::parse(Bytes::from_static(SEEDS[1].as_bytes())).is_ok());
        assert!(Message::parse(Bytes::from_static(SEEDS[2].as_bytes())).is_ok());
    }
}
