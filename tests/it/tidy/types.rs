//! A value has the type of what it is, wherever it goes.

use super::sources;
use std::collections::{BTreeMap, BTreeSet};

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

/// Names that every machine has, and those that two parts share by their nature, each with its reason.
const SHARED: &[(&str, &str)] = &[
    ("Input", "what a machine is told"),
    ("Output", "what a machine says"),
    ("Event", "what happened, seen by the part that tells it"),
    ("Reason", "why a machine wants to be woken"),
    ("Config", "the part of the configuration a machine goes by"),
    ("Cx", "what a step works with: of a call, and of a leg inside it"),
    ("Direction", "of a call, and of media: both are the standard's own word"),
];

/// The public types that a text defines.
fn public_types(code: &str) -> Vec<&str> {
    let lines = code.lines().map(str::trim_start);
    let defined = lines.filter_map(|l| {
        ["pub struct ", "pub enum ", "pub trait ", "pub type "].iter().find_map(|start| l.strip_prefix(start))
    });
    defined.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()).collect()
}

/// A part of the configuration is called as what it configures: the machine it is for may have the same name.
#[test]
fn one_public_name_of_a_type_has_one_meaning_in_the_core() {
    let mut defined: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for s in sources() {
        let shell = ["io", "cli", "main", "config"].contains(&s.modules[0].as_str());
        if shell || s.path.starts_with("src/event/wire") {
            continue;
        }
        let code: Vec<&str> = s.code.iter().map(|(_, line)| line.as_str()).collect();
        for name in public_types(&code.join("\n")) {
            defined.entry(name.to_owned()).or_default().insert(s.path.clone());
        }
    }
    assert!(defined.len() > 100, "the types of the core are seen");
    let twice = defined
        .iter()
        .filter(|(name, places)| places.len() > 1 && !SHARED.iter().any(|(shared, _)| shared == name));
    let twice: Vec<String> = twice.map(|(name, places)| format!("{name}: {places:?}")).collect();
    assert!(twice.is_empty(), "one word, one meaning:\n{}", twice.join("\n"));
    assert_eq!(public_types("pub struct A;\npub(super) enum B {}\n    pub type C<T> = T;"), ["A", "C"]);
}
