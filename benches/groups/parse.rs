//! `parse`: an INVITE of 813 bytes as a carrier sends it, core headers included.

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use hotline_gateway::sip::{Framer, Message, Uri};
use rsip::prelude::*;
use std::hint::black_box;
use std::time::Instant;

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

/// What a server reads of every INVITE: branch, tags, Call-ID, CSeq, Contact, Max-Forwards, Request-URI.
fn core_headers(bytes: &Bytes) -> usize {
    let m = Message::parse(bytes.clone()).expect("an INVITE");
    let texts = [m.via().branch(), m.from_tag(), m.to_tag(), Some(m.call_id())];
    let contact = m.contact().expect("a Contact");
    let uri = Uri::parse(m.uri()).expect("a Request-URI");
    let hops = m.number("Max-Forwards").expect("a number of hops");
    let numbers = m.cseq().0 as usize + hops as usize + contact.uri().len() + uri.host.len();
    texts.iter().flatten().map(|t| t.len()).sum::<usize>() + numbers
}

/// The same by rsip, whose parser leaves headers as text until they are asked for as types.
fn core_headers_by_rsip(bytes: &Bytes) -> usize {
    let m = rsip::Request::try_from(&bytes[..]).expect("an INVITE");
    let via = m.via_header().expect("a Via").typed().expect("a Via");
    let from = m.from_header().expect("a From").typed().expect("a From");
    let to = m.to_header().expect("a To").typed().expect("a To");
    let cseq = m.cseq_header().expect("a CSeq").typed().expect("a CSeq");
    let contact = m.contact_header().expect("a Contact").typed().expect("a Contact");
    let hops = m.max_forwards_header().expect("a Max-Forwards").num().expect("a number of hops");
    let texts = [via.branch().map(|b| b.value()), from.tag().map(|t| t.value()), to.tag().map(|t| t.value())];
    let call_id = m.call_id_header().expect("a Call-ID").value().len();
    black_box((&contact.uri, m.uri.host()));
    texts.iter().flatten().map(|t| t.len()).sum::<usize>() + call_id + (cseq.seq + hops) as usize
}

/// Fails the run when our reading takes more than a quarter of rsip's: the best of many short turns of each, taken
/// by turns, so that a neighbour on the machine slows both or neither.
fn a_quarter_of_rsip(bytes: &Bytes) {
    let mut best = [f64::MAX; 2];
    let readers: [fn(&Bytes) -> usize; 2] = [core_headers, core_headers_by_rsip];
    for turn in 0..400 {
        let begun = Instant::now();
        for _ in 0..100 {
            black_box(readers[turn % 2](black_box(bytes)));
        }
        best[turn % 2] = best[turn % 2].min(begun.elapsed().as_nanos() as f64 / 100.0);
    }
    let [ours, theirs] = best;
    println!("parse/core headers: ours {ours:.0} ns, rsip {theirs:.0} ns, ratio {:.3}", ours / theirs);
    assert!(ours * 4.0 <= theirs, "our parser takes more than a quarter of rsip's time");
}

/// The group.
pub fn benches(c: &mut Criterion) {
    let invite = Bytes::from(INVITE.as_bytes().to_vec());
    assert_eq!(invite.len(), 813, "the figures in the documents are for this length");
    a_quarter_of_rsip(&invite);
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Bytes(invite.len() as u64));
    group.bench_function("invite", |b| b.iter(|| Message::parse(black_box(invite.clone()))));
    // For scale: the ratio says more than nanoseconds on a machine that is shared.
    group.bench_function("invite by rsip", |b| b.iter(|| rsip::SipMessage::try_from(black_box(&invite[..]))));
    group.bench_function("invite, core headers", |b| b.iter(|| core_headers(black_box(&invite))));
    group.bench_function("invite, core headers by rsip", |b| {
        b.iter(|| core_headers_by_rsip(black_box(&invite)));
    });
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
