//! Descriptions with something wrong in them, thousands, from one seed: none may panic, and an answer must always
//! fit its offer.

use super::*;
use crate::id::Random;
use crate::redact::Secret;
use std::sync::Arc;

/// Mutated bodies a run; a second's worth at most.
const BODIES: u64 = 30_000;

const SEEDS: [&str; 4] = [
    "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n\
     a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
     a=ptime:20\r\na=maxptime:60\r\na=sendrecv\r\n",
    "v=0\r\no=x 2 2 IN IP6 2001:db8::7\r\ns= \r\nt=0 0\r\na=inactive\r\nm=video 5000 RTP/AVP 96\r\n\
     c=IN IP6 2001:db8::7\r\na=rtpmap:96 H264/90000\r\nm=audio 4000/2 RTP/AVPF 96 97\r\nc=IN IP6 2001:db8::7\r\n\
     a=rtpmap:96 pcma/8000/1\r\na=rtpmap:97 telephone-event/8000\r\na=rtcp:5001 IN IP6 2001:db8::8\r\na=rtcp-mux\r\n\
     m=image 0 udptl t38\r\n",
    "v=0\r\na=group:BUNDLE 0\r\na=setup:actpass\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8 126\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
     a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=rtpmap:126 telephone-event/8000\r\n\
     a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n",
    "v=0\no=- 0 0 IN IP4 0.0.0.0\ns=-\nc=IN IP4 0.0.0.0\nt=0 0\nm=audio 9 RTP/AVP 8\n",
];

/// Bytes that mean something in a description.
const TELLING: &[u8] = b"=:/ \r\n\t\0-.0189maocv\xff\xb9\xc2\x85";

#[test]
fn a_mutated_description_never_panics_and_its_answer_fits_it() {
    let mut random = Random::from_number(0x5d9);
    let ice = Ice { ufrag: "ours".into(), password: Secret::new("0123456789abcdefghijkl".into()) };
    let print = Fingerprint { hash: Hash::Sha256, value: [7; 32].into() };
    let dtls = Security::Dtls(Arc::new(Dtls { ice, fingerprints: vec![print], setup: Setup::ActPass }));
    let served = [(&Profile::PLAIN[..], Security::Plain), (&Profile::DTLS[..], dtls)];
    let mut readable = [0; 2];
    for round in 0..BODIES {
        let body = mutated(&mut random);
        for ((profiles, security), readable) in served.iter().zip(&mut readable) {
            *readable += u64::from(answers(round, &body, profiles, security));
        }
    }
    let [plain, encrypted] = readable;
    assert!(plain > BODIES / 10 && encrypted > BODIES / 50, "the mutations are too coarse: {readable:?}");
}

/// Reads a description and checks the answer to it. False when it cannot be read.
fn answers(round: u64, body: &[u8], profiles: &[Profile], security: &Security) -> bool {
    let local = Local {
        address: [192, 0, 2, 1].into(),
        port: 16384,
        security: security.clone(),
        session_id: 1,
        version: 1,
    };
    let Ok(offered) = parse_profiles(body, profiles) else { return false };
    let context = || format!("round {round}: {:?}", String::from_utf8_lossy(body));
    assert!(!offered.codecs.is_empty() && offered.audio < offered.media.len(), "{}", context());
    let (text, agreed) = match answer(&offered, &local, &Codec::ALL, Direction::SendRecv) {
        Ok(answered) => answered,
        Err(Incompatible::Security) => return true,
        Err(Incompatible::Codec) => panic!("a readable offer has a codec in common: {}", context()),
    };
    let answered =
        parse_profiles(text.as_bytes(), profiles).unwrap_or_else(|e| panic!("{e}: {text} {}", context()));
    assert_eq!(answered.media.len(), offered.media.len(), "{}", context());
    assert_eq!(answered.audio, offered.audio, "{}", context());
    assert_eq!(answered.codecs, [(agreed.codec, agreed.payload_type)], "{}", context());
    assert_eq!(
        answered.telephone_event(agreed.codec),
        offered.telephone_event(agreed.codec),
        "{}",
        context()
    );
    assert_eq!(answered.direction, agreed.direction, "{}", context());
    assert!((10..=60).contains(&agreed.ptime_ms), "{}", context());
    true
}

#[test]
fn mutated_parts_never_panic() {
    let mut random = Random::from_number(0xb0d);
    let whole = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/isup\r\n\
                 Content-Disposition: signal;handling=optional\r\n\r\n\x01\x02\r\n--b--\r\n";
    let mut found = 0;
    for _ in 0..BODIES {
        let mut body = whole.as_bytes().to_vec();
        (0..=random.below(4)).for_each(|_| mutate(&mut body, &mut random));
        found += u64::from(matches!(find(Some(b"multipart/mixed;boundary=b"), None, &body), Ok(Some(_))));
    }
    assert!(found > BODIES / 10, "only {found}");
}

fn mutated(random: &mut Random) -> Vec<u8> {
    let seed = SEEDS[random.below(SEEDS.len() as u64) as usize];
    let mut body = seed.as_bytes().to_vec();
    (0..=random.below(6)).for_each(|_| mutate(&mut body, random));
    body
}

fn mutate(body: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(body.len() as u64 + 1) as usize;
    let telling = TELLING[random.below(TELLING.len() as u64) as usize];
    match random.below(8) {
        0 if at < body.len() => body[at] = random.bits() as u8,
        1 if at < body.len() => body[at] = telling,
        2 => body.insert(at, telling),
        3 if at < body.len() => _ = body.remove(at),
        4 => body.truncate(at.max(40)),
        5 => swap_lines(body, random),
        6 => {
            // A line twice, which is how limits are met.
            let from = random.below(body.len() as u64 + 1) as usize;
            let copy = body[from.min(at)..from.max(at)].to_vec();
            body.splice(at..at, copy);
        }
        _ => {
            let digits = random.bits().to_string().into_bytes();
            body.splice(at..at, digits);
        }
    }
}

fn swap_lines(body: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = body.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    if !lines.is_empty() {
        let n = lines.len() as u64;
        lines.swap(random.below(n) as usize, random.below(n) as usize);
        *body = lines.concat();
    }
}
