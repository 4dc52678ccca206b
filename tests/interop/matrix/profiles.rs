//! The trunks: what each has in its configuration, how it speaks, and what its call's record must say.

use super::scenario::{CALLER, Script, sdp};

/// How a trunk's messages travel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Udp,
    Tcp,
    Udp6,
    Tcp6,
}

impl Wire {
    /// SIPp's word for it: one socket for all calls.
    pub fn sipp(self) -> &'static str {
        match self {
            Wire::Udp | Wire::Udp6 => "u1",
            Wire::Tcp | Wire::Tcp6 => "t1",
        }
    }

    /// The gateway's listener for it.
    pub fn listener(self) -> &'static str {
        match self {
            Wire::Udp => "udp:127.",
            Wire::Tcp => "tcp:127.",
            Wire::Udp6 => "udp:[",
            Wire::Tcp6 => "tcp:[",
        }
    }
}

/// One trunk.
pub struct Profile {
    pub name: &'static str,
    pub wire: Wire,
    /// Its keys in the configuration beside name, sources and channels.
    pub keys: &'static str,
    pub script: Script,
    /// What the record of its call says, by path.
    pub record: Vec<(&'static str, &'static str)>,
    /// An INVITE of its was refused before, with this status, and has a record of its own.
    pub refused_before: Option<u16>,
    /// The last part of its IPv4 address.
    host: u8,
}

impl Profile {
    fn new(name: &'static str, script: Script) -> Profile {
        let record = vec![("/ended/reason", "END_REASON_COMPLETED"), ("/ended/by", "ENDED_BY_CALLER")];
        Profile { name, wire: Wire::Udp, keys: "", script, record, refused_before: None, host: 0 }
    }

    fn by(mut self, wire: Wire) -> Profile {
        self.wire = wire;
        self
    }

    fn with(mut self, keys: &'static str) -> Profile {
        self.keys = keys;
        self
    }

    fn says(mut self, path: &'static str, value: &'static str) -> Profile {
        self.record.push((path, value));
        self
    }

    fn after_refusal(mut self, status: u16) -> Profile {
        self.refused_before = Some(status);
        self
    }

    fn refused(mut self, reason: &'static str, status: &'static str) -> Profile {
        self.record = vec![("/refused/reason", reason), ("/refused/sip_code", status)];
        self
    }

    /// Where it calls from.
    pub fn address(&self) -> String {
        match self.wire {
            Wire::Udp | Wire::Tcp => format!("127.0.1.{}", self.host),
            Wire::Udp6 | Wire::Tcp6 => "::1".to_owned(),
        }
    }

    /// Whether its call reaches a seat.
    pub fn connects(&self) -> bool {
        self.record.iter().any(|(path, value)| *path == "/ended/reason" && *value == "END_REASON_COMPLETED")
    }
}

/// A call with this offer, 600 ms of talk, and its BYE.
fn plain(offer: &str) -> Script {
    Script::new().invite("", offer).answered().waits(600).bye()
}

fn identified(headers: &str) -> Script {
    Script::new().invite(headers, &sdp(1, "8 101", "")).answered().waits(600).bye()
}

/// Puts the caller on hold in `spelling` after he was connected, and takes him back.
fn held(spelling: &str) -> Script {
    let offer = sdp(1, "8 101", "a=sendrecv");
    let hold = match spelling {
        // RFC 2543 had no direction: the address of nobody meant hold.
        "0.0.0.0" => sdp(2, "8 101", "").replace("c=IN IP[local_ip_type] {host}", "c=IN IP4 0.0.0.0"),
        direction => sdp(2, "8 101", direction),
    };
    let resumed = sdp(3, "8 101", "a=sendrecv");
    let script = Script::new().invite("", &offer).answered().waits(600);
    let script = script.request("INVITE", "", &hold).rings().expects_dialog(200).ack("").waits(200);
    script.request("INVITE", "", &resumed).rings().expects_dialog(200).ack("").waits(100).bye()
}

/// A service that lets the caller hear ringback before it answers.
const RINGS_FIRST: &str = "sip:12346@[remote_ip]:[remote_port]";

/// Calls that service.
fn rings_first(headers: &str, offer: &str) -> Script {
    Script::new().to(RINGS_FIRST).invite(headers, offer).trying()
}

/// Asks for less than may be asked for, is told so, asks again, and refreshes.
fn session_timer(offer: &str) -> Script {
    let asks = "Supported: timer\nSession-Expires: 90;refresher=uac\nMin-SE: 90";
    Script::new()
        .invite("Supported: timer\nSession-Expires: 60", offer)
        .trying()
        .expects_with(422, "Min-SE", "90")
        .ack_failure()
        .invite(asks, offer)
        .rings()
        .expects_with(200, "Session-Expires", "90;refresher=uac")
        .ack("")
        .waits(600)
        .request("UPDATE", asks, "")
        .expects_with(200, "Session-Expires", "90;refresher=uac")
        .bye()
}

fn keys_by_info() -> Script {
    Script::new()
        .invite("", &sdp(1, "8", ""))
        .answered()
        .waits(600)
        .request("INFO", "Content-Type: application/dtmf-relay", "Signal=5\nDuration=160\n")
        .expects(200)
        .request("INFO", "Content-Type: application/dtmf", "7")
        .expects(200)
        .request("INFO", "Content-Type: application/octet-stream", "?")
        .expects(415)
        .bye()
}

/// Answers our challenge by the password of the trunk.
fn proves_itself(offer: &str) -> Script {
    Script::new()
        .invite("", offer)
        .trying()
        .challenged(401)
        .ack_failure()
        .invite("[authentication username=carrier password=open-sesame]", offer)
        .answered()
        .waits(600)
        .bye()
}

const SHORT_FROM: &str = "\"Li, \\\"Lao\\\" <x>\" <sip:13900007777@[local_ip]>";

/// Names in their short form, a space before a colon, a parameter in capitals, quotes inside quotes.
const SHORT: &str = "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
v : SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
f: \"Li, \\\"Lao\\\" <x>\" <sip:13900007777@[local_ip]>;TAG=[pid]c[call_number]
t: <sip:[service]@[remote_ip]:[remote_port]>
i: [call_id]
CSeq: 1 INVITE
m: <sip:trunk@[local_ip]:[local_port]>
k: timer, 100rel
Max-Forwards: 70
c: application/sdp
l: [len]

v=0
o=trunk 7 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=audio {media} RTP/AVP 8
";

/// A gateway to the telephone network puts its own signalling beside the offer (RFC 3204).
fn with_isup(offer: &str) -> String {
    format!(
        "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: {CALLER};tag=[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:trunk@[local_ip]:[local_port]>
Max-Forwards: 70
MIME-Version: 1.0
Content-Type: multipart/mixed;boundary=unique
Content-Length: [len]

--unique
Content-Type: application/sdp

{offer}
--unique
Content-Type: application/ISUP;version=itu-t92+
Content-Disposition: signal;handling=optional

0102030405
--unique--
"
    )
}

/// Every trunk of the matrix.
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn profiles() -> Vec<Profile> {
    let alaw = sdp(1, "8 101", "");
    let mut all = vec![
        Profile::new("udp-pcma", plain(&alaw)),
        Profile::new("udp-pcmu-first", plain(&sdp(1, "0 8 101", ""))).with("codecs = [\"PCMU\", \"PCMA\"]"),
        Profile::new("tcp", plain(&alaw)).by(Wire::Tcp),
        Profile::new("ipv6-udp", plain(&alaw)).by(Wire::Udp6),
        Profile::new("ipv6-tcp", plain(&alaw)).by(Wire::Tcp6),
        Profile::new("many-codecs", plain(&sdp(1, "18 9 4 0 8 101", "a=rtpmap:18 G729/8000\na=rtpmap:9 G722/8000"))),
        Profile::new(
            "late-offer",
            Script::new().invite("", "").rings().expects_dialog(200).ack(&alaw).waits(600).bye(),
        ),
        Profile::new(
            "ims",
            identified(
                "P-Asserted-Identity: <sip:+8613812345678@ims.example.org;user=phone>, <tel:+8613812345678>\n\
                 P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=460001234\nSupported: 100rel, timer",
            ),
        )
        .with("trusted = true")
        .says("/caller/e164", "+8613812345678")
        .says("/caller/source", "IDENTITY_SOURCE_ASSERTED"),
        Profile::new("privacy", identified("P-Asserted-Identity: <sip:+8613812345678@ims.example.org>\nPrivacy: id"))
            .with("trusted = true")
            .says("/caller/withheld", "true"),
        Profile::new(
            "rpid",
            identified("Remote-Party-ID: <sip:01087654321@pbx.example.org>;party=calling;privacy=off;screen=yes"),
        )
        .with("trusted = true")
        .says("/caller/e164", "+861087654321")
        .says("/caller/source", "IDENTITY_SOURCE_REMOTE_PARTY"),
        Profile::new("untrusted", identified("P-Asserted-Identity: <sip:+8613812345678@ims.example.org>"))
            .says("/caller/e164", "+8613900001234")
            .says("/caller/source", "IDENTITY_SOURCE_FROM"),
        Profile::new(
            "forwarded",
            identified(
                "Diversion: <sip:01012345@pbx.example.org>;reason=unconditional\n\
                 History-Info: <sip:01012345@pbx.example.org>;index=1, <sip:12345@pbx.example.org>;index=1.1\n\
                 User-to-User: 4331;encoding=hex",
            ),
        )
        .with("trusted = true")
        .says("/caller/diverted_by", "01012345"),
        Profile::new(
            "tel-uri",
            Script::new().from("<tel:+8613900005678>").to("tel:12345").invite("", &alaw).answered().waits(600).bye(),
        )
        .says("/caller/e164", "+8613900005678"),
        Profile::new("short-names", Script::new().from(SHORT_FROM).invite_as(SHORT).answered().waits(600).bye())
            .says("/caller/raw", "13900007777"),
        Profile::new("isup", Script::new().invite_as(&with_isup(&alaw)).answered().waits(600).bye()),
        Profile::new("hold-sendonly", held("a=sendonly")),
        Profile::new("hold-inactive", held("a=inactive")),
        Profile::new("hold-zero-address", held("0.0.0.0")),
        Profile::new("early-media", rings_first("", &alaw).expects_with(183, "Content-Type", "sdp").goes_on())
            .with("early_media = true"),
        Profile::new("100rel", rings_first("Require: 100rel", &alaw).expects_reliable(183).goes_on())
            .with("early_media = true"),
        Profile::new("100rel-ringing", rings_first("Supported: 100rel", &alaw).expects_reliable(180).goes_on()),
        Profile::new("session-timer", session_timer(&alaw)).after_refusal(422),
        Profile::new(
            "session-timer-ours",
            Script::new()
                .invite("Supported: timer", &alaw)
                .rings()
                .expects_with(200, "Session-Expires", "120;refresher=uac")
                .ack("")
                .waits(600)
                .bye(),
        )
        .with("session_expires = \"2m\""),
        Profile::new(
            "update",
            Script::new()
                .invite("", &alaw)
                .answered()
                .waits(600)
                .request("UPDATE", "", &sdp(2, "8 101", ""))
                .expects_with(200, "Content-Type", "application/sdp")
                .bye(),
        ),
        Profile::new("keys-by-info", keys_by_info()).with("dtmf = \"info\""),
        Profile::new("digest-md5", proves_itself(&alaw)).with(
            "authenticate = \"digest\"\nalgorithms = [\"MD5\"]\nusername = \"carrier\"\npassword_file = \"{password}\"",
        ),
        Profile::new(
            "unknown-extension",
            Script::new()
                .invite("Require: 100rel, foo, bar", &alaw)
                .trying()
                .expects_with(420, "Unsupported", "foo, *bar")
                .ack_failure(),
        )
        .refused("REFUSAL_REASON_BAD_REQUEST", "420"),
        Profile::new(
            "unknown-service",
            Script::new().to("sip:99999@[remote_ip]:[remote_port]").invite("", &alaw).rings().expects(404).ack_failure(),
        )
        .refused("REFUSAL_REASON_UNKNOWN_SERVICE", "404"),
    ];
    for (i, profile) in all.iter_mut().enumerate() {
        profile.host = 10 + i as u8;
    }
    all
}
