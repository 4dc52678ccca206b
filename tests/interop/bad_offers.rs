//! Session descriptions that cannot be used are turned away with the right status, and each has its record.

use crate::program::{Program, text};
use crate::sipp::Plan;

const OFFERS: &[(&str, &str, &str)] = &[
    ("no-description", "400", "this is not a session description"),
    ("no-port", "400", "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio RTP/AVP 8"),
    ("no-address", "400", "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 8"),
    (
        "only-g729",
        "488",
        "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 4000 RTP/AVP 18\na=rtpmap:18 G729/8000",
    ),
    (
        "only-opus",
        "488",
        "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2",
    ),
];

#[test]
fn offers_that_cannot_be_used_get_400_or_488_and_a_record() {
    let gateway = Program::start("offers", "[[seat]]\nid = \"1001\"", "");
    for (name, status, offer) in OFFERS {
        // SIPp takes the indentation of a scenario's lines away, and ends each with CR and LF.
        let fill = [("offer", *offer), ("status", *status)];
        let scenario = include_str!("scenarios/bad_offer.xml");
        let trunk = Plan { name, scenario, fill: &fill, calls: 1, rate: 1 };
        trunk.call(&gateway.place, gateway.sip).succeed(&gateway.place);
    }
    let records = gateway.final_records(OFFERS.len());
    let mut codes = Vec::new();
    for record in &records {
        assert_eq!(text(record, "/state"), "CALL_STATE_REFUSED", "{record:#}");
        assert_eq!(text(record, "/refused/reason"), "REFUSAL_REASON_BAD_MEDIA", "{record:#}");
        assert!(record.get("ended").is_none(), "refused and ended are two outcomes: {record:#}");
        codes.push(record["refused"]["sip_code"].to_string());
    }
    let mut expected: Vec<&str> = OFFERS.iter().map(|(_, status, _)| *status).collect();
    codes.sort();
    expected.sort();
    assert_eq!(codes, expected);
    assert_eq!(gateway.events("CallRefused").len(), OFFERS.len());
    assert_eq!(gateway.events("CallReceived").len(), 0);
}
