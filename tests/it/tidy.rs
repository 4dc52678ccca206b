//! The shape of the house, read from its own text: imports go one way, the core asks the world nothing, files stay
//! readable, and the words are those of the glossary. clippy.toml holds the same line by method and type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const BASE: &[&str] = &["config", "id", "time", "redact", "room", "token_bucket"];
const PARTS: &[&str] = &["acd", "sip", "sdp", "media", "caller"];

/// What each module may import. A module that is not here has no place yet: give it one.
fn may_import(module: &str) -> Option<Vec<&'static str>> {
    let own: &[&str] = match module {
        "redact" | "room" => &[],
        "time" => &["room"],
        "id" | "token_bucket" => &["time"],
        "config" => &["id", "time", "redact"],
        "event" => &[],
        "acd" | "sip" | "sdp" => &["event"],
        "media" => &["event", "sdp"],
        "caller" => &["event", "sip"],
        "call" | "fuzz" => &["event"],
        "dialplan" => &["acd"],
        "gateway" => &["event", "call", "dialplan"],
        "io" => &["event", "call", "dialplan", "gateway"],
        "cli" => &["event", "call", "dialplan", "gateway", "io"],
        "main" => &["cli"],
        _ => return None,
    };
    let mut all = own.to_vec();
    if !matches!(module, "time" | "token_bucket" | "redact" | "room" | "id" | "config" | "main") {
        all.extend(BASE);
    }
    if matches!(module, "call" | "fuzz" | "gateway" | "io" | "cli") {
        all.extend(PARTS);
    }
    Some(all)
}

/// What only the shell may name. Every other module is pure.
const SHELL: &[&str] = &["io", "cli", "main"];
const WORLD: &[&str] = &[
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "std::time::Instant",
    "std::time::SystemTime",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "Mutex",
    "RwLock",
    "mpsc",
    "async fn",
    "tokio",
    "tonic::",
    "axum",
    "mio::",
    "socket2",
    "rusqlite",
    "getrandom",
    "clap",
    "println!",
];

/// Not part of our vocabulary, see docs/glossary.md.
const UNWANTED: &[&str] = &["session", "manager", "handler", "helper", "util", "utils", "data", "info"];

/// Where an unwanted word is the standard's own name for the thing: file, and the name.
const STANDARD_NAMES: &[(&str, &str)] = &[
    ("src/sip/session_timer.rs", "session_timer"),
    ("src/sip/session_timer.rs", "SessionTimer"),
    ("src/sip/mod.rs", "session_timer"),
];

/// Past this many lines of code, tests not counted, look for the noun that wants a file of its own.
const LONG: usize = 600;

/// Files that are longer, each with the reason why one file is clearer.
const LONG_FOR_A_REASON: &[(&str, &str)] = &[];

struct Source {
    /// From the root of the repository, with slashes.
    path: String,
    /// The names of the modules it is inside of, itself the last.
    modules: Vec<String>,
    /// Its lines without comments and, below `#[cfg(test)] mod … {`, without tests.
    code: Vec<(usize, String)>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

fn without_comment(line: &str) -> &str {
    // A `//` inside of a text ends the line too early, which hides nothing that an import could be in.
    line.find("//").map_or(line, |at| &line[..at])
}

fn is_test_attribute(line: &str) -> bool {
    line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test")
}

/// The code of every file of the library and the program that is not only compiled for tests.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    assert!(files.len() > 10, "the sources are not where they should be");
    let texts: BTreeMap<PathBuf, String> =
        files.into_iter().map(|f| (f.clone(), std::fs::read_to_string(&f).expect("a source file"))).collect();
    let only_tests = only_tests(&texts);
    let mut sources = Vec::new();
    for (file, text) in &texts {
        if only_tests.iter().any(|t| file.starts_with(t) || *file == t.with_extension("rs")) {
            continue;
        }
        let path = file.strip_prefix(root()).expect("inside").to_string_lossy().replace('\\', "/");
        let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let lines: Vec<&str> = text.lines().collect();
        let end = lines
            .windows(2)
            .position(|w| is_test_attribute(w[0]) && w[1].starts_with("mod ") && w[1].ends_with('{'))
            .unwrap_or(lines.len());
        let code =
            lines[..end].iter().enumerate().map(|(i, l)| (i + 1, without_comment(l).to_owned())).collect();
        sources.push(Source { modules: inner.split('/').map(str::to_owned).collect(), path, code });
    }
    sources
}

/// The modules declared as `#[cfg(test)] mod name;`, as paths without an ending.
fn only_tests(texts: &BTreeMap<PathBuf, String>) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for (file, text) in texts {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            let name =
                pair[1].trim_start_matches("pub ").strip_prefix("mod ").and_then(|n| n.strip_suffix(';'));
            let (true, Some(name)) = (is_test_attribute(pair[0]), name) else { continue };
            let stem = file.file_stem().unwrap_or_default();
            let inside = if stem == "mod" || stem == "lib" {
                file.with_file_name("")
            } else {
                file.with_extension("")
            };
            found.insert(inside.join(name));
        }
    }
    found
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
                "{}: `{module}` has no place among the modules: give it one in tests/it/tidy.rs",
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
fn the_core_asks_the_world_nothing() {
    let mut wrong = Vec::new();
    for s in sources() {
        let module = s.modules[0].as_str();
        let generated = s.path.starts_with("src/event/wire");
        for (line, code) in &s.code {
            if !SHELL.contains(&module) {
                let named = WORLD.iter().filter(|w| code.contains(*w));
                // The generated code of the protocol brings its own services, used from io alone.
                let named = named.filter(|w| !(generated && **w == "tonic::"));
                wrong.extend(named.map(|w| format!("{}:{line}: `{w}` belongs to io or cli", s.path)));
            }
            let prost = code.contains("prost::") || code.contains("prost_types::");
            if prost && !generated && !SHELL.contains(&module) {
                wrong.push(format!("{}:{line}: only event/wire knows the generated types", s.path));
            }
        }
    }
    assert!(wrong.is_empty(), "the core is told, it never asks:\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_readable() {
    let mut long = Vec::new();
    for s in sources() {
        let excused = LONG_FOR_A_REASON.iter().any(|(path, reason)| *path == s.path && !reason.is_empty());
        if s.code.len() > LONG && !excused {
            long.push(format!("{}: {} lines", s.path, s.code.len()));
        }
    }
    assert!(
        long.is_empty(),
        "past {LONG} lines look for the noun that wants its own file, or write the reason down:\n{}",
        long.join("\n")
    );
}

/// The name a line defines, if it defines one.
fn defined(code: &str) -> Option<String> {
    let mut words = code.split_whitespace().skip_while(|w| {
        w.starts_with("pub") || matches!(*w, "const" | "async" | "unsafe" | "in" | "super)" | "crate)")
    });
    let kind = words.next()?;
    if !matches!(kind, "fn" | "struct" | "enum" | "trait" | "mod" | "type" | "union") {
        return None;
    }
    Some(words.next()?.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

/// `CallHandler` and `call_handler` both consist of `call` and `handler`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("never empty").extend(c.to_lowercase());
        }
    }
    words
}

#[test]
fn names_are_words_of_the_glossary() {
    let mut wrong = Vec::new();
    for s in sources() {
        let file = s.modules.last().cloned().unwrap_or_default();
        let names = s.code.iter().filter_map(|(line, code)| Some((*line, defined(code)?)));
        for (line, name) in names.chain([(1, file)]) {
            let unwanted = words_of(&name).into_iter().find(|w| UNWANTED.contains(&w.as_str()));
            let standard = STANDARD_NAMES.contains(&(s.path.as_str(), name.as_str()));
            if let (Some(word), false) = (unwanted, standard) {
                wrong.push(format!("{}:{line}: `{name}`: find a better word than `{word}`", s.path));
            }
        }
    }
    assert!(wrong.is_empty(), "one meaning per word, see docs/glossary.md:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_for_later_and_no_test_sleeps_or_is_skipped() {
    // Written in two halves, so that this file does not find itself.
    let later = [["to", "do!("], ["unimpl", "emented!("], ["db", "g!("], ["FIX", "ME"], ["XX", "X:"]]
        .map(|w| w.concat());
    let never = [["thread::", "sleep("], ["#[ign", "ore"]].map(|w| w.concat());
    let mut wrong = Vec::new();
    for (directory, words) in
        [("src", &later[..]), ("tests", &later[..]), ("tests/it", &never[..]), ("tests/sim", &never[..])]
    {
        let mut files = Vec::new();
        rust_files(&root().join(directory), &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a source file");
            for (i, line) in text.lines().enumerate() {
                let found = words.iter().filter(|w| line.contains(w.as_str()));
                wrong.extend(found.map(|w| format!("{}:{}: `{w}`", file.display(), i + 1)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Machines the control plane may own, and how many of them one file may know.
const GATEWAY_FIELDS: usize = 15;
const GATEWAY_FIELDS_OF_A_FILE: usize = 8;

/// The names of the fields between `opening` and the end of its struct.
fn fields_of(code: &[(usize, String)], opening: &str) -> Vec<String> {
    let lines = code.iter().map(|(_, line)| line.as_str());
    let body = lines.skip_while(|line| *line != opening).skip(1).take_while(|line| *line != "}");
    let names = body.filter_map(|line| line.trim().trim_start_matches("pub ").split_once(':'));
    names.map(|(name, _)| name.to_owned()).filter(|name| !name.contains(' ')).collect()
}

/// Whether code without its line breaks reaches for a field of `self`.
fn touches(joined: &str, field: &str) -> bool {
    let reach = format!("self.{field}");
    joined.match_indices(&reach).any(|(at, _)| {
        let after = joined[at + reach.len()..].chars().next();
        let before = joined[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && after.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '(')
    })
}

#[test]
fn the_gateway_owns_few_machines_and_no_file_of_it_knows_them_all() {
    let sources = sources();
    let of_gateway = || sources.iter().filter(|s| s.path.starts_with("src/gateway/"));
    let root = of_gateway().find(|s| s.path == "src/gateway/mod.rs").expect("the gateway");
    let fields = fields_of(&root.code, "pub struct Gateway {");
    assert!((5..=GATEWAY_FIELDS).contains(&fields.len()), "{}: {fields:?}", fields.len());
    let mut wrong = Vec::new();
    for s in of_gateway() {
        let joined: String = s.code.iter().map(|(_, line)| line.trim()).collect();
        let touched: Vec<&String> = fields.iter().filter(|field| touches(&joined, field)).collect();
        if touched.len() > GATEWAY_FIELDS_OF_A_FILE {
            wrong.push(format!("{}: {}: {touched:?}", s.path, touched.len()));
        }
    }
    assert!(wrong.is_empty(), "a file that knows most machines is no part:\n{}", wrong.join("\n"));
}

#[test]
fn the_tidy_tests_see_what_they_look_for() {
    assert_eq!(named_modules("use crate::sip::Message;", 2), ["sip"]);
    assert_eq!(named_modules("use crate::{acd, sip::Message};", 2), ["acd", "sip"]);
    assert_eq!(named_modules("use super::super::call::Call;", 2), ["call"]);
    assert!(named_modules("use super::call::Call;", 2).is_empty());
    assert_eq!(defined("pub(super) async fn call_handler(x: u8)").as_deref(), Some("call_handler"));
    assert_eq!(words_of("CallHandler"), ["", "call", "handler"]);
    let code =
        ["pub struct G {", "    a: u8,", "    pub b_c: Vec<u8>,", "}", "x: u8"].map(|l| (0, l.to_owned()));
    assert_eq!(fields_of(&code, "pub struct G {"), ["a", "b_c"]);
    assert!(touches("now(self.calls.len())", "calls") && touches("&mut self.calls)", "calls"));
    assert!(
        !touches("self.calls()", "calls")
            && !touches("self.calls_of", "calls")
            && !touches("itself.calls", "calls")
    );
    assert!(may_import("sip").is_some_and(|m| !m.contains(&"call") && m.contains(&"config")));
    assert!(may_import("acd").is_some_and(|m| !m.contains(&"sip")));
    assert!(may_import("dialplan").is_some_and(|m| !m.contains(&"sip") && !m.contains(&"call")));
}
