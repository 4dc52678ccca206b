//! Handing on by the letter: SIPp as a seat's phone that says exactly what RFC 3515, 3891 and 4488 have phones say, and
//! what phones do wrong. Each case has a seat, a queue and a service number of its own; all run at once.

use crate::callee::{Callee, sdp};
use crate::place::free_port;
use crate::program::{Program, text};
use crate::sipp::{Plan, Sipp};
use std::net::UdpSocket;

/// Whom a seat hands its citizen on to, by code: the carrier's address and how it behaves.
const ANSWERS: &str = "601";
const SILENT: &str = "602";
const BUSY: &str = "603";

struct Case {
    name: &'static str,
    seat: Callee,
    /// The department it calls.
    department: &'static str,
    /// Kind and result of each transfer event.
    transfers: &'static [&'static str],
    /// Who ends the call.
    ended_by: &'static str,
}

fn answered() -> Callee {
    // The tone of the talk: the gateway is to be through with the answer.
    Callee::new().says(180, "").answers().waits(300)
}

fn refers(callee: Callee, to: &str) -> Callee {
    callee.asks("REFER", &format!("Refer-To: <sip:{to}@{{gateway}}>"), "")
}

/// NOTIFY with this status line, answered.
fn notified(callee: Callee, status: u16, state: &str) -> Callee {
    callee.told(
        "NOTIFY",
        &format!("Event: *refer(.|\\r|\\n)*Subscription-State: *{state}(.|\\r|\\n)*SIP/2.0 {status}"),
    )
}

fn failed(name: &'static str, department: &'static str, status: u16) -> Case {
    let seat = notified(refers(answered(), department).expects(202), 100, "active");
    // He is back on the line: it is the seat that ends the call, when people have spoken on.
    let seat = notified(seat, status, "terminated").waits(1_300).hangs_up("");
    Case { name, seat, department, transfers: &["BLIND STARTED", "BLIND FAILED"], ended_by: "ENDED_BY_SEAT" }
}

/// A consultation on a second line, answered.
fn consulting() -> Callee {
    let uri = format!("sip:{ANSWERS}@{{gateway}}");
    answered()
        .asks_on_second_line("INVITE", &uri, "", 1, &sdp(1, "sendrecv"))
        .may_expect(100)
        .may_expect(180)
        .may_expect(183)
        .expects_on_second_line(200)
        .asks_on_second_line("ACK", &uri, ";tag=[$tag]", 1, "")
        .waits(300)
}

/// Refer-To for that line, with its two tags named so.
fn replacing(to_tag: &str, from_tag: &str) -> String {
    format!(
        "Refer-To: <sip:{ANSWERS}@{{gateway}}?Replaces=second%2F%2F%2F[call_id]%3Bto-tag%3D{to_tag}\
         %3Bfrom-tag%3D{from_tag}>"
    )
}

fn cases() -> Vec<Case> {
    let blind: &[&str] = &["BLIND STARTED", "BLIND COMPLETED"];
    let department = ANSWERS;
    let (ended_by, by_department) = ("ENDED_BY_SEAT", "ENDED_BY_THIRD_PARTY");
    let handed_on = |name, seat| Case { name, seat, department, transfers: blind, ended_by: by_department };
    let first = || refers(answered(), ANSWERS).expects(202);
    let unwatched = answered()
        .asks("REFER", "Refer-To: <sip:601@{gateway}>\nRefer-Sub: false", "")
        .expects_with(202, "Refer-Sub", "false")
        .hung_up();
    // A phone that has forgotten its REFER.
    let forgetful = first().hears("NOTIFY").replies(481, "", "").hung_up();
    let hasty = first().asks("BYE", "", "").may_hear("NOTIFY").expects(200);
    let (ours, theirs) = ("[$tag]", "second[call_number]");
    let swapped = consulting()
        .asks("REFER", &replacing(theirs, ours), "")
        .expects(481)
        .asks("REFER", &replacing(ours, theirs), "")
        .expects(202);
    // The second line goes at once, the one that was promised news when it has them.
    let attended = notified(swapped.hung_up(), 200, "terminated").hung_up();
    let twice = notified(refers(answered(), SILENT).expects(202), 100, "active");
    let twice = notified(refers(twice, ANSWERS).expects(491), 480, "terminated").waits(1_300).hangs_up("");
    vec![
        handed_on("progress", notified(notified(first(), 100, "active"), 200, "terminated").hung_up()),
        failed("silent", SILENT, 480),
        failed("busy", BUSY, 486),
        handed_on("unwatched", unwatched),
        handed_on("forgetful", forgetful),
        handed_on("hasty", hasty),
        Case {
            name: "swapped-tags",
            seat: attended,
            department,
            transfers: &["ATTENDED STARTED", "ATTENDED COMPLETED"],
            ended_by: by_department,
        },
        Case {
            name: "twice",
            seat: twice,
            department: SILENT,
            transfers: &["BLIND STARTED", "BLIND FAILED"],
            ended_by,
        },
    ]
}

/// Seat, queue and service number of a case.
fn section(i: usize, port: u16) -> String {
    format!(
        "[[seat]]\nid = \"100{i}\"\ncontact = \"sip:100{i}@127.0.0.1:{port}\"\n\
         [[queue]]\nname = \"case{i}\"\nwrap_up = \"0s\"\nseats = [\"100{i}\"]\n\
         [[service]]\nnumber = \"200{i}\"\nqueue = \"case{i}\"\n"
    )
}

fn carrier(host: &str, port: u16, code: &str) -> String {
    format!(
        "[[trunk]]\nname = \"to-{code}\"\nsources = [\"{host}\"]\ntargets = [\"sip:{host}:{port}\"]\nping = \"0s\"\n\
         [[department]]\nname = \"department {code}\"\ncode = \"{code}\"\nnumbers = [\"6123{code}\"]\ntrunk = \"to-{code}\"\n"
    )
}

#[test]
fn a_seat_that_hands_on_by_the_letter_is_answered_by_the_letter() {
    let cases = cases();
    let ports: Vec<u16> = cases.iter().map(|_| free_port()).collect();
    let seats: String = ports.iter().enumerate().map(|(i, port)| section(i, *port)).collect();
    // Time for what the phones say to the first NOTIFY.
    let departments = [
        (ANSWERS, "127.0.3.11", Callee::new().says(180, "").waits(500).answers().waits(500).hangs_up("")),
        (SILENT, "127.0.3.12", Callee::new().rings_out()),
        (BUSY, "127.0.3.13", Callee::new().fails(486, "")),
    ];
    let numbers: Vec<u16> = departments.iter().map(|_| free_port()).collect();
    let carriers: String =
        departments.iter().zip(&numbers).map(|((code, host, _), port)| carrier(host, *port, code)).collect();
    let trunks =
        format!("[[trunk]]\nname = \"sipp\"\nsources = [\"127.0.0.1\"]\n{carriers}[dial]\nrecall = \"3s\"\n");
    let gateway = Program::with_trunks("letter", &["udp:127.0.0.1:0"], &trunks, &seats, "");

    let media = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
    let media = media.local_addr().expect("its address").port().to_string();
    let at = gateway.sip.to_string();
    let fill = [("media", media.as_str()), ("gateway", at.as_str())];
    let place = &gateway.place;
    let mut behind: Vec<Sipp> = Vec::new();
    let mut peers: Vec<Sipp> = Vec::new();
    for ((code, host, callee), port) in departments.iter().zip(&numbers) {
        let calls = cases.iter().filter(|c| c.department == *code).count();
        let plan = Plan { name: code, scenario: &callee.xml(), fill: &fill, calls, rate: 0 };
        behind.push(plan.serve_at(place, host, *port));
    }
    for (case, port) in cases.iter().zip(&ports) {
        peers.push(
            Plan { name: case.name, scenario: &case.seat.xml(), fill: &fill, calls: 1, rate: 0 }
                .serve(place, *port),
        );
    }
    for (i, case) in cases.iter().enumerate() {
        let scenario = include_str!("scenarios/caller_listens.xml").replace("[service]", &format!("200{i}"));
        let name = format!("citizen-{}", case.name);
        peers.push(
            Plan { name: &name, scenario: &scenario, fill: &fill, calls: 1, rate: 1 }
                .call(place, gateway.sip),
        );
    }
    // The seats first: what goes wrong shows there.
    for peer in peers.into_iter().chain(behind) {
        peer.succeed(place);
    }
    for record in gateway.final_records(cases.len()) {
        let number: usize = text(&record, "/service_number")[3..].parse().expect("the number of a case");
        let case = &cases[number];
        let steps = record["transfers"].as_array().cloned().unwrap_or_default();
        let step = |s: &serde_json::Value| {
            format!(
                "{} {}",
                text(s, "/kind").replace("TRANSFER_KIND_", ""),
                text(s, "/result").replace("TRANSFER_RESULT_", "")
            )
        };
        let steps: Vec<String> = steps.iter().map(step).collect();
        assert_eq!(steps, case.transfers, "{}: {record:#}", case.name);
        assert_eq!(text(&record, "/ended/by"), case.ended_by, "{}: {record:#}", case.name);
        assert_eq!(text(&record, "/ended/reason"), "END_REASON_COMPLETED", "{}: {record:#}", case.name);
    }
}
