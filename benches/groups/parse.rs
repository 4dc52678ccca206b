//! `parse`: an INVITE of 813 bytes as a carrier sends it, core headers included.

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use hotline_gateway::sip::{Framer, Message};
use std::hint::black_box;

/// 813 bytes: 12 headers and a body of 248 bytes.
pub const INVITE: &str = "INVITE sip:12345@203.0.113.10:5060;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/UDP 198.51.100.20:5060;branch=z9hG4bK74b43f1a9c20;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Wang Xiao\" <sip:13812341234@198.51.100.20;user=phone>;tag=as6f2b1c77\r\n\
    To: <sip:12345@203.0.113.10;user=phone>\r\n\
    Call-ID: 3c8f1c0a77e84b1f0b6a9a5c5ed2a001@198.51.100.20\r\n\
    CSeq: 102 INVITE\r\n\
    Contact: <sip:13812341234@198.51.100.20:5060>\r\n\
    P-Asserted-Identity: <sip:+8613812341234@198.51.100.20>\r\n\
    Supported: replaces, timer, 100rel\r\n\
    User-Agent: Carrier SBC 4.2.7 b90\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 248\r\n\
    \r\n\
    v=0\r\n\
    o=carrier 20890844 20890845 IN IP4 198.51.100.20\r\n\
    s=call\r\n\
    c=IN IP4 198.51.100.20\r\n\
    t=0 0\r\n\
    m=audio 18250 RTP/AVP 8 0 18 101\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=ptime:20\r\n\
    a=sendrecv\r\n";

/// The group.
pub fn benches(c: &mut Criterion) {
    let invite = Bytes::from(INVITE.as_bytes().to_vec());
    assert_eq!(invite.len(), 813, "the figures in the documents are for this length");
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Bytes(invite.len() as u64));
    group.bench_function("invite", |b| b.iter(|| Message::parse(black_box(invite.clone()))));
    // For scale: the ratio says more than nanoseconds on a machine that is shared.
    group.bench_function("invite by rsip", |b| b.iter(|| rsip::SipMessage::try_from(black_box(&invite[..]))));
    group.bench_function("invite from a stream", |b| {
        let mut framer = Framer::new();
        b.iter(|| {
            framer.push(black_box(&invite));
            framer.next()
        });
    });
    let message = Message::parse(invite.clone()).expect("an INVITE");
    group.bench_function("a header by name", |b| {
        b.iter(|| message.header(black_box("Supported")).map(<[u8]>::len))
    });
    group.bench_function("contact", |b| b.iter(|| black_box(&message).contact()));
    group.finish();
}
