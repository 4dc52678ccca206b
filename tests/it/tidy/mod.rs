//! The shape of the house, read from its own text: imports go one way, the core asks the world nothing, files stay
//! readable, and the words are those of the glossary. clippy.toml holds the same line by method and type.

mod call;
mod cycles;
mod gateway;
mod imports;
mod purity;
mod shape;
mod types;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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
    all_files(directory, "rs", found);
}

fn all_files(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            all_files(&path, ending, found);
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found.sort();
}

/// The texts of every file under a directory whose name ends so, by path from the root.
fn texts(directory: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    all_files(&root().join(directory), ending, &mut found);
    let name = |f: &PathBuf| f.strip_prefix(root()).expect("inside").to_string_lossy().into_owned();
    found.iter().map(|f| (name(f), std::fs::read_to_string(f).expect("a text"))).collect()
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
