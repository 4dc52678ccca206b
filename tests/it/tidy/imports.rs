//! Imports go one way.

use super::sources;
use std::collections::BTreeSet;

const BASE: &[&str] = &["config", "id", "time", "redact", "room", "token_bucket", "octets"];
const PARTS: &[&str] = &["acd", "sip", "sdp", "media", "caller", "callback"];

/// What each module may import. A module that is not here has no place yet: give it one.
fn may_import(module: &str) -> Option<Vec<&'static str>> {
    let own: &[&str] = match module {
        "redact" | "room" | "octets" => &[],
        "time" => &["room"],
        "id" | "token_bucket" => &["time"],
        "config" => &["id", "time", "redact"],
        "event" => &[],
        "acd" | "sip" | "sdp" => &["event"],
        "media" => &["event", "sdp"],
        "caller" => &["event", "sip"],
        "callback" => &["event", "caller"],
        "call" | "fuzz" => &["event"],
        "dialplan" => &["acd"],
        "snapshot" => &["call"],
        "gateway" => &["event", "call", "dialplan", "snapshot"],
        "io" => &["event", "call", "dialplan", "snapshot", "gateway"],
        "cli" => &["event", "call", "dialplan", "snapshot", "gateway", "io"],
        "main" => &["cli"],
        _ => return None,
    };
    let mut all = own.to_vec();
    if !matches!(module, "time" | "token_bucket" | "redact" | "room" | "octets" | "id" | "config" | "main") {
        all.extend(BASE);
    }
    if matches!(module, "call" | "fuzz" | "snapshot" | "gateway" | "io" | "cli") {
        all.extend(PARTS);
    }
    Some(all)
}

/// The modules of the crate that a line of code names, by `crate::` or by enough `super::`.
fn named_modules(line: &str, depth: usize) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    let mut paths: Vec<&str> = line.split("crate::").skip(1).collect();
    // Only at the left margin is it sure that the path starts from the file's own module.
    if let Some(rest) = line.strip_prefix("use ").or_else(|| line.strip_prefix("pub use ")) {
        let climbs = rest.matches("super::").count();
        if climbs >= depth && rest.starts_with("super::") {
            paths.push(&rest["super::".len() * climbs..]);
        }
    }
    for path in paths {
        match path.strip_prefix('{') {
            Some(group) => names.extend(group.split(',').map(|g| word(g.trim())).filter(|n| !n.is_empty())),
            None => names.push(word(path)),
        }
    }
    names
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    let sources = sources();
    let known: BTreeSet<&str> = sources.iter().map(|s| s.modules[0].as_str()).collect();
    for s in &sources {
        let module = s.modules[0].as_str();
        if module == "lib" {
            continue;
        }
        let Some(allowed) = may_import(module) else {
            wrong.push(format!(
                "{}: `{module}` has no place among the modules: give it one in tests/it/tidy",
                s.path
            ));
            continue;
        };
        for (line, code) in &s.code {
            for name in named_modules(code, s.modules.len()) {
                let name = name.as_str();
                if name != module && known.contains(name) && !allowed.contains(&name) {
                    wrong.push(format!("{}:{line}: `{module}` may not import `{name}`", s.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports go one way, see docs/architecture.md:\n{}", wrong.join("\n"));
}

#[test]
fn the_paths_of_imports_are_seen() {
    assert_eq!(named_modules("use crate::sip::Message;", 2), ["sip"]);
    assert_eq!(named_modules("use crate::{acd, sip::Message};", 2), ["acd", "sip"]);
    assert_eq!(named_modules("use super::super::call::Call;", 2), ["call"]);
    assert!(named_modules("use super::call::Call;", 2).is_empty());
    assert!(may_import("sip").is_some_and(|m| !m.contains(&"call") && m.contains(&"config")));
    assert!(may_import("dialplan").is_some_and(|m| !m.contains(&"sip") && !m.contains(&"call")));
    assert!(may_import("acd").is_some_and(|m| !m.contains(&"sip")));
}
