//! `build`: what is sent for each call, from nothing to bytes.

use super::parse::INVITE;
use bytes::Bytes;
use criterion::Criterion;
use hotline_gateway::sip::{Message, Method, Outgoing, Status};
use std::hint::black_box;

/// The group.
pub fn benches(c: &mut Criterion) {
    let invite = Message::parse(Bytes::from_static(INVITE.as_bytes())).expect("an INVITE");
    let body = invite.body().to_vec();
    let mut group = c.benchmark_group("build");
    group.bench_function("response", |b| {
        b.iter(|| Outgoing::response(black_box(&invite), Status::RINGING, Some("8d0c55e1a2b3c4d5")).encode());
    });
    group.bench_function("invite", |b| {
        b.iter(|| {
            Outgoing::request(Method::Invite, black_box("sip:1001@192.0.2.31:5060"))
                .with("Max-Forwards", "70")
                .with("From", "\"Wang Xiao\" <sip:13812341234@203.0.113.10>;tag=8d0c55e1a2b3c4d5")
                .with("To", "<sip:1001@203.0.113.10>")
                .with("Call-ID", "018f9a3c-7b1e-7c30-9d55-3f0a6f6c2b11")
                .with("CSeq", "1 INVITE")
                .with("Contact", "<sip:hotline@203.0.113.10:5060>")
                .with("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK")
                .body("application/sdp", body.as_slice())
                .first("Via", "SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK8d0c55e1a2b3c4d5;rport")
                .encode()
        });
    });
    group.finish();
}
