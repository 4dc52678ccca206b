//! Names and sentences are those of the glossary.

use super::{sources, texts};
use std::collections::BTreeMap;

/// Not part of our vocabulary, see docs/glossary.md.
const UNWANTED: &[&str] = &["session", "manager", "handler", "helper", "util", "utils", "data", "info"];

/// Where an unwanted word is the standard's own name for the thing: file, and the name.
const STANDARD_NAMES: &[(&str, &str)] = &[
    ("src/sip/session_timer.rs", "session_timer"),
    ("src/sip/session_timer.rs", "SessionTimer"),
    ("src/sip/mod.rs", "session_timer"),
];

/// Words where a named party or the trade's term belongs, see docs/glossary.md: whole words, in names and sentences.
const HOME_MADE: &[&str] =
    &["door", "doors", "stranger", "strangers", "doorkeeper", "whoever", "somebody", "by itself", "in vain"];

/// Names of the configuration, the metrics and the health page that hold such a word: to change them is another matter.
const PUBLISHED: &[&str] =
    &["stranger_silence", "strangers_total", "stranger_rate", "`door`", "door=", "[\"door\""];

/// How many there still are, by folder. A number only ever falls; a folder that is not here has none.
const STILL: &[(&str, usize)] = &[
    ("docs", 32),
    ("src", 1),
    ("src/acd", 2),
    ("src/call", 11),
    ("src/caller", 2),
    ("src/cli", 3),
    ("src/config", 1),
    ("src/event", 1),
    ("src/gateway", 2),
    ("src/io", 16),
    ("src/media", 8),
    ("src/sdp", 1),
    ("src/sip", 2),
    ("tests", 4),
];

/// A comment of documentation opens with its noun.
const PRONOUNS: &[&str] = &["It", "They", "He", "She", "This", "That", "These", "Those"];

/// How many lines of documentation still open with a pronoun, by folder.
const STILL_OPEN: &[(&str, usize)] = &[
    ("src/call", 23),
    ("src/dialplan", 3),
    ("src/gateway", 10),
    ("src/io", 1),
    ("src/media", 8),
    ("src/sdp", 6),
    ("src/sip", 26),
];

/// The folder a count is kept for: below `src` the first one, elsewhere the top.
fn folder(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["src", inner, _, ..] => format!("src/{inner}"),
        [top, ..] => (*top).to_owned(),
        [] => String::new(),
    }
}

/// Compares what was found, by folder, with what is still allowed there.
fn only_falls(found: &[String], still: &[(&str, usize)]) -> Result<(), String> {
    let mut by_folder: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for place in found {
        by_folder.entry(folder(place)).or_default().push(place);
    }
    let allowed = |name: &str| still.iter().find(|(folder, _)| *folder == name).map_or(0, |(_, most)| *most);
    let over = by_folder.iter().filter(|(name, places)| places.len() > allowed(name));
    let wrong: Vec<String> = over
        .map(|(name, places)| {
            format!("{name}: {} and not {}\n  {}", places.len(), allowed(name), places.join("\n  "))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// The home-made words of a line.
fn home_made(line: &str) -> Vec<&'static str> {
    let line = PUBLISHED.iter().fold(line.to_owned(), |line, name| line.replace(name, ""));
    let names = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let sentence = names.flat_map(words_of).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
    let sentence = format!(" {sentence} ");
    HOME_MADE.iter().filter(|w| sentence.contains(&format!(" {w} "))).copied().collect()
}

#[test]
fn sentences_name_the_party_and_use_the_terms_of_the_trade() {
    let mut found = Vec::new();
    let documents = [texts("src", "rs"), texts("docs", "md"), texts("proto", "proto"), texts("tests", "rs")];
    for (path, text) in documents.iter().flatten().filter(|(path, _)| !path.starts_with("tests/it/tidy/")) {
        for (i, line) in text.lines().enumerate() {
            found.extend(home_made(line).iter().map(|word| format!("{path}:{}: `{word}`", i + 1)));
        }
    }
    if let Err(wrong) = only_falls(&found, STILL) {
        panic!("find the noun, see docs/glossary.md:\n{wrong}");
    }
}

#[test]
fn documentation_opens_with_a_noun() {
    let mut found = Vec::new();
    for (path, text) in texts("src", "rs") {
        for (i, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let said =
                line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).unwrap_or("").trim_start();
            let first = said.split(|c: char| !c.is_alphabetic()).next().unwrap_or("");
            if PRONOUNS.contains(&first) {
                found.push(format!("{path}:{}: `{first}`", i + 1));
            }
        }
    }
    if let Err(wrong) = only_falls(&found, STILL_OPEN) {
        panic!("name the subject:\n{wrong}");
    }
}

#[test]
fn home_made_words_are_seen_in_names_and_sentences() {
    assert_eq!(home_made("fn at_the_door(x: Doorkeeper)"), ["door", "doorkeeper"]);
    assert_eq!(home_made("/// Ends by itself, whoever asks"), ["whoever", "by itself"]);
    assert!(home_made("limits.stranger_silence of the outdoors").is_empty());
    let found = ["src/sip/door/mod.rs:1: `door`".to_owned(), "docs/a.md:2: `door`".to_owned()];
    assert!(only_falls(&found, &[("src/sip", 1), ("docs", 1)]).is_ok());
    assert!(only_falls(&found, &[("src/sip", 1)]).is_err_and(|wrong| wrong.starts_with("docs: 1 and not 0")));
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
fn the_words_of_a_name_are_seen() {
    assert_eq!(defined("pub(super) async fn call_handler(x: u8)").as_deref(), Some("call_handler"));
    assert_eq!(words_of("CallHandler"), ["", "call", "handler"]);
}
