//! Names and sentences are those of the glossary.

use super::{sources, texts};

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
const PUBLISHED: &[&str] = &[
    "stranger_silence",
    "strangers_total",
    "stranger_rate",
    "`door`",
    "door=",
    "[\"door\"",
    "(\"door\"",
    "\"stranger\"",
    "\"stranger\\\"",
];

/// Not in documents and the contract besides: the party is named, and people are "they" or named by role.
const UNNAMED: &[&str] = &["nobody", "anybody", "everybody", "he", "his", "him", "himself"];

/// Reasons that are published as they are.
const REASONS: &[&str] = &["tried before, nobody else ready"];

/// A comment of documentation opens with its noun.
const PRONOUNS: &[&str] = &["It", "They", "He", "She", "This", "That", "These", "Those"];

/// The home-made words of a line.
fn home_made(line: &str) -> Vec<&'static str> {
    words_in(&PUBLISHED.iter().fold(line.to_owned(), |line, name| line.replace(name, "")), HOME_MADE)
}

/// Those of the words that a line has, in names or sentences.
fn words_in(line: &str, words: &[&'static str]) -> Vec<&'static str> {
    let names = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let sentence = names.flat_map(words_of).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
    let sentence = format!(" {sentence} ");
    words.iter().filter(|w| sentence.contains(&format!(" {w} "))).copied().collect()
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
    assert!(found.is_empty(), "find the noun, see docs/glossary.md:\n{}", found.join("\n"));
}

#[test]
fn documents_name_the_party_and_call_nobody_he() {
    let mut found = Vec::new();
    for (path, text) in [texts("docs", "md"), texts("proto", "proto")].iter().flatten() {
        for (i, line) in text.lines().enumerate() {
            let line = REASONS.iter().fold(line.to_owned(), |line, reason| line.replace(reason, ""));
            found.extend(words_in(&line, UNNAMED).iter().map(|word| format!("{path}:{}: `{word}`", i + 1)));
        }
    }
    assert!(found.is_empty(), "name the party, or say they:\n{}", found.join("\n"));
    assert_eq!(words_in("Nobody answers, so he waits.", UNNAMED), ["nobody", "he"]);
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
    assert!(found.is_empty(), "name the subject:\n{}", found.join("\n"));
}

#[test]
fn home_made_words_are_seen_in_names_and_sentences() {
    assert_eq!(home_made("fn at_the_door(x: Doorkeeper)"), ["door", "doorkeeper"]);
    assert_eq!(home_made("/// Ends by itself, whoever asks"), ["whoever", "by itself"]);
    assert!(home_made("limits.stranger_silence of the outdoors").is_empty());
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

/// Verbs that once named types: a type is called by what it is, `TransactionEvent` or `Probe`.
const VERBS: &[&str] = &["Happened", "Said", "Told", "Heard", "Asked", "Wanted", "Fork", "Standing", "Way"];

/// Where one still is, with the reason.
const VERBS_KEPT: &[(&str, &str)] = &[
    ("src/gateway/snapshots.rs", "Told: whether a step told events"),
    ("src/gateway/pacing.rs", "Asked: what a dialog is asked"),
];

#[test]
fn types_of_the_core_are_named_by_nouns() {
    let mut wrong = Vec::new();
    for s in sources() {
        let kept = VERBS_KEPT.iter().any(|(path, reason)| *path == s.path && !reason.is_empty());
        if kept || ["io", "cli", "main"].contains(&s.modules[0].as_str()) {
            continue;
        }
        let types = s.code.iter().filter(|(_, line)| ["struct ", "enum "].iter().any(|k| line.contains(k)));
        let named = types.filter_map(|(n, line)| Some((n, defined(line)?)));
        wrong.extend(
            named
                .filter(|(_, name)| VERBS.contains(&name.as_str()))
                .map(|(n, name)| format!("{}:{n}: {name}", s.path)),
        );
    }
    assert!(wrong.is_empty(), "a type is named by a noun, see docs/glossary.md:\n{}", wrong.join("\n"));
    assert!(VERBS.contains(&defined("pub(super) struct Said {").expect("a name").as_str()));
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
