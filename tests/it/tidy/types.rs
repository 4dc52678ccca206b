//! A value has the type of what it is, wherever it goes.

use super::sources;

/// Where a status may be a mere number: its own type.
const NUMBERS_OF_STATUSES: &[&str] = &["src/sip/status.rs"];

#[test]
fn a_status_of_sip_is_never_a_mere_number() {
    // Written in two halves, so that this file does not find itself.
    let numbers =
        [["status: ", "u16"], ["status: Option<", "u16>"], ["sip_code: ", "u16"]].map(|w| w.concat());
    let mut wrong = Vec::new();
    for s in sources() {
        let inside = ["src/call/", "src/gateway/", "src/sip/"].iter().any(|f| s.path.starts_with(f));
        if !inside || NUMBERS_OF_STATUSES.contains(&s.path.as_str()) {
            continue;
        }
        let lines = s.code.iter().filter(|(_, line)| numbers.iter().any(|n| line.contains(n.as_str())));
        wrong.extend(lines.map(|(n, line)| format!("{}:{n}: {}", s.path, line.trim())));
    }
    assert!(wrong.is_empty(), "sip::Status, and its number only for the wire:\n{}", wrong.join("\n"));
}
