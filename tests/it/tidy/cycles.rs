//! No file of a folder imports, through others of it, itself. A module and the files inside of it count as one: a parent
//! is composed of its children, and they speak its words.

use super::{Source, sources};
use std::collections::{BTreeMap, BTreeSet};

/// Files that still import each other in a circle, by folder: how many, and why. A number only ever falls.
const KNOWN: &[(&str, usize, &str)] = &[(
    "io",
    4,
    "the store's feed reads by its reader, which gives pages of the feed; the backlog hands jobs to the writer",
)];

/// A module by its path, `["sip", "endpoint"]`.
type Module = Vec<String>;

/// The modules of the crate: what each imports, and what it gives on under its own name.
struct Graph {
    modules: BTreeSet<Module>,
    given_on: BTreeMap<(Module, String), Vec<String>>,
    imports: BTreeMap<Module, BTreeSet<Module>>,
}

impl Graph {
    fn of(sources: &[Source]) -> Graph {
        let text = |s: &Source| s.code.iter().map(|(_, code)| code.as_str()).collect::<Vec<_>>().join("\n");
        let texts: Vec<(Module, String)> = sources.iter().map(|s| (s.modules.clone(), text(s))).collect();
        let modules = texts.iter().map(|(module, _)| module.clone()).collect();
        let mut graph = Graph { modules, given_on: BTreeMap::new(), imports: BTreeMap::new() };
        for (module, text) in &texts {
            for path in uses(text).into_iter().filter(|u| u.public).flat_map(|u| u.paths) {
                if let Some(path) = graph.absolute(module, &path)
                    && let Some(name) = path.last().cloned()
                {
                    graph.given_on.insert((module.clone(), name), path);
                }
            }
        }
        for (module, text) in &texts {
            let imported = uses(text).into_iter().filter(|u| !u.public).flat_map(|u| u.paths);
            let named = imported.chain(inline_paths(text));
            let found: BTreeSet<Module> = named
                .filter_map(|path| graph.defined_in(graph.absolute(module, &path)?, 0))
                .filter(|other| !other.starts_with(module) && !module.starts_with(other))
                .collect();
            graph.imports.insert(module.clone(), found);
        }
        graph
    }

    /// A path as it is written in a module, from the root of the crate; `None` for another crate's.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let climbs = path.iter().take_while(|p| *p == "super").count();
        let child = || [module.as_slice(), &path[..1]].concat();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([module.as_slice(), &path[1..]].concat()),
            "super" => Some([&module[..module.len().checked_sub(climbs)?], &path[climbs..]].concat()),
            _ => self.modules.contains(&child()).then(|| [module.as_slice(), path].concat()),
        }
    }

    /// The module that defines what a path leads to, through names given on.
    fn defined_in(&self, path: Vec<String>, depth: usize) -> Option<Module> {
        let known = (1..=path.len()).rev().find(|n| self.modules.contains(&path[..*n]))?;
        let module = path[..known].to_vec();
        let given_on = path.get(known).and_then(|name| self.given_on.get(&(module.clone(), name.clone())));
        match given_on {
            Some(on) if depth < 8 => {
                self.defined_in([on.as_slice(), &path[known + 1..]].concat(), depth + 1).or(Some(module))
            }
            _ => Some(module),
        }
    }

    fn reached_from<'a>(&'a self, module: &'a Module, folder: &str) -> BTreeSet<&'a Module> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![module]);
        while let Some(next) = open.pop() {
            let further = self.imports.get(next).into_iter().flatten().filter(|m| m[0] == folder);
            open.extend(further.filter(|m| reached.insert(*m)));
        }
        reached
    }

    /// The modules of a folder that import, through others of it, themselves.
    fn in_a_circle(&self, folder: &str) -> Vec<String> {
        let inside = self.modules.iter().filter(|m| m[0] == folder);
        inside.filter(|m| self.reached_from(m, folder).contains(m)).map(|m| m.join("/")).collect()
    }
}

/// One `use`, its groups taken apart.
struct Use {
    public: bool,
    paths: Vec<Vec<String>>,
}

fn uses(text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("use ") {
        let line = &text[text[..at].rfind('\n').map_or(0, |n| n + 1)..at];
        let before = line.trim();
        let starts = before.is_empty() || before.starts_with("pub") && !before.contains([';', '{']);
        if let (true, Some(end)) = (starts, text[at..].find(';')) {
            let paths = branches(&text[at + 4..at + end]);
            let paths = paths.iter().map(|p| p.split("::").map(str::to_owned).collect()).collect();
            found.push(Use { public: !before.is_empty(), paths });
        }
    }
    found
}

/// `a::{b, c::{d, e as f}}` as `a::b`, `a::c::d` and `a::c::e`.
fn branches(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![path.trim().to_owned()];
    };
    let close = tree.rfind('}').filter(|close| *close > open).unwrap_or(tree.len());
    let (prefix, inner) = (&tree[..open], &tree[open + 1..close]);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match (c, depth) {
            (',', 0) => parts.push(String::new()),
            _ => parts.last_mut().expect("never empty").push(c),
        }
    }
    let parts = parts.iter().filter(|p| !p.trim().is_empty()).flat_map(|p| branches(p));
    parts.map(|p| format!("{prefix}{p}").trim_end_matches("::self").to_owned()).collect()
}

/// Paths that are written out where they are used.
fn inline_paths(text: &str) -> Vec<Vec<String>> {
    let part_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c: char| !part_of_path(c)).filter(|w| w.contains("::"));
    words.map(|w| w.split("::").take_while(|p| !p.is_empty()).map(str::to_owned).collect()).collect()
}

fn no_import_cycle_in(graph: &Graph, folder: &str) -> Result<(), String> {
    let most = KNOWN.iter().find(|(name, ..)| *name == folder).map_or(0, |(_, most, _)| *most);
    let circle = graph.in_a_circle(folder);
    if circle.len() <= most {
        return Ok(());
    }
    Err(format!("{folder}: {} files and not {most}: {}", circle.len(), circle.join(", ")))
}

#[test]
fn no_file_imports_itself_through_others_of_its_folder() {
    let graph = Graph::of(&sources());
    let folders: BTreeSet<&str> = graph.modules.iter().map(|m| m[0].as_str()).collect();
    let wrong: Vec<String> =
        folders.iter().filter_map(|folder| no_import_cycle_in(&graph, folder).err()).collect();
    assert!(wrong.is_empty(), "files that import each other in a circle:\n{}", wrong.join("\n"));
    let excused = KNOWN
        .iter()
        .all(|(folder, most, reason)| folders.contains(folder) && *most > 1 && !reason.is_empty());
    assert!(excused, "an exception names a folder, how many files, and why");
}

#[test]
fn a_circle_of_imports_is_found_through_names_given_on() {
    let source = |path: &str, code: &str| Source {
        path: path.into(),
        modules: path.split('/').map(str::to_owned).collect(),
        code: vec![(1, code.into())],
    };
    let mut sources = vec![
        source("a", "pub use self::one::One;"),
        source("a/one", "use super::two::{self, Two as Second};"),
        source("a/two", "fn f() { let _ = crate::a::One; }"),
        source("a/three", "use super::{One, two::Two};"),
    ];
    assert_eq!(Graph::of(&sources).in_a_circle("a"), ["a/one", "a/two"]);
    sources[2].code[0].1 = "use super::three::Three;".into();
    assert_eq!(Graph::of(&sources).in_a_circle("a"), ["a/one", "a/three", "a/two"]);
    sources[1].code[0].1 = "struct One;".into();
    sources[3].code[0].1 = "use super::One;".into();
    assert!(Graph::of(&sources).in_a_circle("a").is_empty());
}
