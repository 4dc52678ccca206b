//! Files and tests are of a size that is read at once, and nothing is left for later.

use super::{root, rust_files, sources, texts};

/// Past this many lines of code, tests not counted, look for the noun that wants a file of its own.
const LONG: usize = 600;

/// Files that are longer, each with the reason why one file is clearer.
const LONG_FOR_A_REASON: &[(&str, &str)] = &[];

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

/// Characters of a test's name: a sentence that is read at once.
const LONG_NAME: usize = 70;

/// The names of the tests in a text.
fn test_names(text: &str) -> Vec<&str> {
    let attributes = text.match_indices("#[test]").chain(text.match_indices("#[tokio::test"));
    let after = attributes.filter_map(|(at, _)| text[at..].split_once("fn "));
    after.filter_map(|(_, rest)| rest.split('(').next()).collect()
}

#[test]
fn names_of_tests_are_sentences_of_at_most_70_characters() {
    let mut long = Vec::new();
    for (path, text) in [texts("src", "rs"), texts("tests", "rs")].iter().flatten() {
        let names = test_names(text).into_iter().filter(|name| name.len() > LONG_NAME);
        long.extend(names.map(|name| format!("{path}: {name}")));
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn the_names_of_tests_are_seen() {
    let text = "#[test]\nfn one() {}\n#[tokio::test(start_paused = true)]\nasync fn two() {}\nfn three() {}";
    assert_eq!(test_names(text), ["one", "two"]);
}
