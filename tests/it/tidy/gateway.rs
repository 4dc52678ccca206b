//! The gateway owns few machines, and no file of it knows them all.

use super::sources;

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
fn fields_and_what_touches_them_are_seen() {
    let code =
        ["pub struct G {", "    a: u8,", "    pub b_c: Vec<u8>,", "}", "x: u8"].map(|l| (0, l.to_owned()));
    assert_eq!(fields_of(&code, "pub struct G {"), ["a", "b_c"]);
    assert!(touches("now(self.calls.len())", "calls") && touches("&mut self.calls)", "calls"));
    assert!(
        !touches("self.calls()", "calls")
            && !touches("self.calls_of", "calls")
            && !touches("itself.calls", "calls")
    );
}
