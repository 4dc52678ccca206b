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

/// The parameters of every function of a text, each function's as one text. Those of closures are not among them.
fn parameters(code: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let rest = &code[at + 3..];
        let Some(open) = rest.find('(') else { continue };
        let name = rest[..open].split('<').next().unwrap_or_default();
        if !name.chars().all(|c| c.is_alphanumeric() || c == '_') || name.is_empty() {
            continue;
        }
        let mut depth = 0_u32;
        let end = rest[open..].find(|c| {
            depth = if c == '(' { depth + 1 } else { depth - u32::from(c == ')') };
            depth == 0
        });
        found.extend(end.map(|end| (name, &rest[open + 1..open + end])));
    }
    found
}

/// Whether one of these parameters is a tuple.
fn has_tuple(parameters: &str) -> bool {
    [": (", ": &(", ": &mut ("].iter().any(|start| {
        parameters.match_indices(start).any(|(at, _)| !parameters[at + start.len()..].starts_with(')'))
    })
}

#[test]
fn no_parameter_is_a_tuple() {
    let mut wrong = Vec::new();
    for s in sources() {
        let code: Vec<&str> = s.code.iter().map(|(_, line)| line.as_str()).collect();
        let code = code.join("\n");
        let tuples = parameters(&code).into_iter().filter(|(_, all)| has_tuple(all));
        wrong.extend(tuples.map(|(name, _)| format!("{}: {name}", s.path)));
    }
    assert!(wrong.is_empty(), "parameters of their own, or a struct with names:\n{}", wrong.join("\n"));
}

#[test]
fn a_tuple_among_parameters_is_seen() {
    let code = "fn a(x: u8, (b, c): (u8, u8)) -> (u8, u8) {}\nfn b<T>(f: impl Fn(u8) -> (u8, u8), (): ()) {}";
    let of: Vec<bool> = parameters(code).into_iter().map(|(_, all)| has_tuple(all)).collect();
    assert_eq!(of, [true, false]);
}
