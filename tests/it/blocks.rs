//! The block list from the command line to the caller's ear, and across a crash.

use crate::agent::{At, Over, Site, unique};
use std::process::Command;

fn hotline(site: &Site, args: &[&str]) -> Result<String, String> {
    let token = site.programme.directory().join("api-token");
    let output = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .arg("block")
        .args(args)
        .arg("--address")
        .arg(site.programme.grpc.to_string())
        .arg("--token-file")
        .arg(token)
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The status of a call from 13812341234.
fn call(site: &Site) -> u16 {
    let mut trunk = site.agent(At::Trunk, Over::Udp);
    let invite = trunk.with_body("INVITE", "12345", &unique(), 1, "", &trunk.offer());
    trunk.send(invite);
    trunk.final_response().status()
}

#[test]
fn a_number_is_blocked_and_unblocked_by_command_and_survives_a_crash() {
    let mut site = Site::open("blocks", "");
    assert_eq!(call(&site), 200);
    let number = "+8613812341234";
    let add = ["add", number, "--action", "block", "--for", "24h", "--reason", "shouts", "--by", "desk"];
    let added = hotline(&site, &add).expect("it is added");
    let (added, matched) = added.split_at(added.find('\n').expect("two lines") + 1);
    assert_eq!(matched, "matches 1 call of +86*******1234 in the last 30 days\n");
    assert!(added.contains("block") && added.contains("by desk: shouts"), "{added}");
    assert!(!added.contains("13812341234"), "the number is not shown whole: {added}");
    assert_eq!(call(&site), 603);
    site.programme.kill();
    site.programme.start_again();
    assert_eq!(call(&site), 603, "after a crash too");
    assert_eq!(hotline(&site, &["list"]).expect("a list"), added);
    hotline(&site, &["remove", number, "--by", "lead"]).expect("it is removed");
    assert_eq!(call(&site), 200);
    assert!(
        hotline(&site, &["remove", number]).expect_err("it is not there").contains("not on the block list")
    );
    // The same number as people write it, and one that never called.
    let add =
        |number| hotline(&site, &["add", number, "--action", "block", "--for", "1h", "--reason", "shouts"]);
    assert!(add("138-1234 1234").expect("it is added").contains("calls of +86*******1234"));
    assert_eq!(call(&site), 603);
    hotline(&site, &["remove", "013812341234"]).expect("it is removed");
    assert_eq!(call(&site), 200);
    assert!(add("13912345678").expect("it is added").contains("no call of +86*******5678"));
    assert!(hotline(&site, &["add", "12 x4", "--action", "warn", "--for", "1h", "--reason", "x"]).is_err());
    site.programme.check_log();
}
