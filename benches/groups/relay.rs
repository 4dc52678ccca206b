//! `relay`: one RTP packet of 172 octets from leg to leg, without the sockets, and the pieces it is made of.

use criterion::{BatchSize, Criterion, Throughput};
use hotline_gateway::id::{LegId, Random};
use hotline_gateway::media::ports::Ports;
use hotline_gateway::media::prompt::Prompts;
use hotline_gateway::media::relay::{Datagram, Output, Relay};
use hotline_gateway::media::rtp::Header;
use hotline_gateway::media::{Bound, Command, Family, Key, Latching, Source, Through, Towards, g711};
use hotline_gateway::sdp::{Codec, Direction, Negotiated, PayloadNumbers};
use hotline_gateway::time::{Duration, Mono, Wall};
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

const LENGTH: usize = 172;

/// A relay with `calls` bridges; the second leg of each speaks `codec`.
fn relay(calls: u32, codec: Codec) -> (Relay, Vec<(Key, SocketAddr)>) {
    let ports = Ports::new(10_000..=30_000, Duration::from_secs(5));
    let mut relay = Relay::new(ports, Duration::from_secs(60), Prompts::default(), Random::from_number(1));
    let mut random = Random::from_number(2);
    let mut places = Vec::new();
    let mut out = Vec::new();
    for _ in 0..calls {
        let legs = [LegId::new(Wall(0), &mut random), LegId::new(Wall(0), &mut random)];
        for (leg, codec) in legs.into_iter().zip([Codec::Pcma, codec]) {
            relay.handle(Mono(0), Command::Open { leg, family: Family::V4, resume: None }, &mut out);
            let Some(Output::Bind(key, _, port)) = out.pop() else {
                unreachable!("the range is wide enough")
            };
            relay.bound(Mono(0), key, Bound::Ours, &mut out);
            let rtp = SocketAddr::from(([192, 0, 2, 1], port));
            let payload_type = codec.encoding().payload_type.unwrap_or(96);
            let remote = Negotiated {
                rtp,
                rtcp: rtp,
                rtcp_mux: false,
                codec,
                payload_type,
                telephone_event: Some(101),
                receive: PayloadNumbers { audio: payload_type, telephone_event: Some(101) },
                direction: Direction::SendRecv,
                ptime_ms: 20,
            };
            let latching = Latching { signalled: rtp.ip(), listed: Arc::from([]), towards: Towards::Source };
            relay.handle(Mono(0), Command::Remote { leg, remote, latching }, &mut out);
            places.push((key, rtp));
        }
        for (leg, heard) in [(legs[0], legs[1]), (legs[1], legs[0])] {
            relay.handle(Mono(0), Command::Hear { leg, source: Source::Leg(heard) }, &mut out);
        }
        out.clear();
    }
    (relay, places)
}

/// The group.
pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay");
    group.throughput(Throughput::Elements(1));
    for (name, codec) in [("forward", Codec::Pcma), ("forward_converted", Codec::Pcmu)] {
        let (mut relay, places) = relay(200, codec);
        let mut out = Vec::new();
        let (mut n, mut buffer) = (0u32, [0; 2_048]);
        group.bench_function(name, |b| {
            b.iter(|| {
                // The caller of the next call; every one of them sends a packet each 20 ms.
                let (key, from) = places[(n % 200) as usize * 2];
                let round = n / 200;
                let now = Mono(u64::from(round) * 20_000_000);
                let header = Header {
                    payload_type: 8,
                    marker: false,
                    sequence: round as u16,
                    timestamp: round.wrapping_mul(160),
                    ssrc: 1,
                    payload: 12..LENGTH,
                };
                header.write(&mut buffer);
                n = n.wrapping_add(1);
                let datagram = Datagram { key, through: Through::Rtp, from, length: LENGTH };
                let mut sent = None;
                relay.receive(now, datagram, &mut buffer, &mut out, |send, _| sent = Some(send));
                out.clear();
                assert!(sent.is_some());
                black_box(sent)
            });
        });
    }
    group.bench_function("header_read", |b| {
        let mut packet = [0x55; LENGTH];
        Header { payload_type: 8, marker: false, sequence: 1, timestamp: 2, ssrc: 3, payload: 12..LENGTH }
            .write(&mut packet);
        b.iter(|| Header::read(black_box(&packet)));
    });
    group.bench_function("convert_160", |b| {
        b.iter_batched_ref(
            || [0x55; 160],
            |payload| g711::convert(black_box(payload), Codec::Pcma, Codec::Pcmu),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}
