//! The core asks the world nothing.

use super::{sources, texts};

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

/// The only place that names the library of the embedded store: another engine stands beside it, under the same traits.
const ENGINE: &str = "src/io/store/sqlite/";

#[test]
fn one_directory_alone_names_the_library_of_the_store() {
    let named = |(path, text): &(String, String)| text.contains("rusqlite").then(|| path.clone());
    let named: Vec<String> = texts("src", "rs").iter().filter_map(named).collect();
    assert!(named.iter().any(|path| path.starts_with(ENGINE)), "the engine is not where it should be");
    let elsewhere: Vec<&String> = named.iter().filter(|path| !path.starts_with(ENGINE)).collect();
    assert!(elsewhere.is_empty(), "typed writes and reads, see src/io/store/engine.rs:\n{elsewhere:?}");
}
