//! The type of a call stays small: what only a stage or a leg knows is a method of that.

use super::{Source, sources};

const FILES: usize = 3;
const METHODS: usize = 50;

/// How many methods the blocks `impl Call` of a file have; `None` where there is no such block.
fn methods_of_call(code: &[(usize, String)]) -> Option<usize> {
    let mut inside = false;
    let mut found = None;
    for (_, line) in code {
        match line.as_str() {
            "impl Call {" => {
                inside = true;
                found = found.or(Some(0));
            }
            "}" => inside = false,
            line if inside && is_method(line) => found = found.map(|n| n + 1),
            _ => {}
        }
    }
    found
}

/// Whether a line opens a method of its block, and not a function inside of one.
fn is_method(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("    ").filter(|rest| !rest.starts_with(' ')) else { return false };
    rest.starts_with("fn ") || rest.starts_with("pub") && rest.contains(" fn ")
}

#[test]
fn a_call_has_few_methods_in_few_files() {
    let sources = sources();
    let of_call = sources.iter().filter(|s| s.path.starts_with("src/"));
    let found: Vec<(&str, usize)> =
        of_call.filter_map(|s: &Source| Some((s.path.as_str(), methods_of_call(&s.code)?))).collect();
    let methods: usize = found.iter().map(|(_, n)| n).sum();
    assert!(
        (1..=FILES).contains(&found.len()) && (10..=METHODS).contains(&methods),
        "{methods} in {found:?}"
    );
}

#[test]
fn methods_of_a_block_are_counted() {
    let code = [
        "impl Call {",
        "    pub(super) fn a(&self) {",
        "        fn b() {}",
        "    }",
        "    fn c() {}",
        "}",
        "fn d() {}",
    ];
    let code: Vec<(usize, String)> = code.iter().map(|l| (1, (*l).to_owned())).collect();
    assert_eq!(methods_of_call(&code), Some(2));
    assert_eq!(methods_of_call(&code[5..]), None);
}
