//! Which prompts a configuration names, and where. The names are read as text here; whether a prompt of that name exists
//! is found by the shell, which knows the files, and told with the line and the cure as any other error.

use super::problem::{ConfigError, Problems, Span};
use super::queue::RINGBACK;
use super::table::suggestion;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// Each key that names a prompt, and the built-in prompt that comes nearest to what is said there.
const KEYS: &[(&str, &str, &str)] = &[
    ("service", "welcome", "welcome"),
    ("queue", "music", RINGBACK),
    ("queue", "full_prompt", "queue-full"),
    ("queue", "timeout_prompt", "wait-limit"),
    ("queue", "apology_prompt", "apology"),
    ("limits", "call_length_prompt", RINGBACK),
];

/// One prompt where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPrompt {
    /// The name.
    pub name: Arc<str>,
    /// The built-in prompt that is played when its file cannot be.
    pub built_in: &'static str,
    key: String,
    line: usize,
}

/// The prompts a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPrompts {
    /// In the order of [`KEYS`], one for each place.
    pub all: Vec<NamedPrompt>,
    file: String,
    /// Where `media.prompts` stands.
    directory_line: usize,
}

impl NamedPrompts {
    /// What is wrong with the names, given those there are and the directory of `media.prompts`.
    pub fn unknown(&self, known: &[&str], directory: Option<&Path>) -> Vec<ConfigError> {
        let missing = self.all.iter().filter(|p| !known.contains(&&*p.name));
        let error = |p: &NamedPrompt| {
            let put = match directory {
                Some(directory) => format!("or put `{}.wav` into {}", p.name, directory.display()),
                None => format!("or name the directory of `{}.wav` as media.prompts", p.name),
            };
            let what = format!("{}: there is no prompt `{}`", p.key, p.name);
            let cure = format!("{} {put}", suggestion(&p.name, known.iter().copied()));
            self.error(p.line, what, cure)
        };
        missing.map(error).collect()
    }

    /// What is wrong with the file of the prompt `name`, told where that is first named.
    pub fn unusable(&self, name: &str, what: String, cure: String) -> ConfigError {
        let named = self.all.iter().find(|p| &*p.name == name);
        self.error(named.map_or(self.directory_line, |p| p.line), what, cure)
    }

    /// What is wrong with the directory.
    pub fn no_directory(&self, what: String, cure: String) -> ConfigError {
        self.error(self.directory_line, what, cure)
    }

    fn error(&self, line: usize, what: String, cure: String) -> ConfigError {
        ConfigError { file: self.file.clone(), line, what, cure }
    }
}

/// Gathers the names from the whole text. What is no text at all is reported by who reads its section.
pub(super) fn read(root: &DeTable<'_>, problems: &Problems<'_>) -> NamedPrompts {
    let mut all = Vec::new();
    for (section, key, built_in) in KEYS {
        for (text, at) in texts(root, section, key) {
            if text != "none" {
                let (key, line) = (format!("{section}.{key}"), problems.line(&at));
                all.push(NamedPrompt { name: Arc::from(text), built_in, key, line });
            }
        }
    }
    let directory = texts(root, "media", "prompts").into_iter().next();
    NamedPrompts {
        all,
        file: problems.file().to_owned(),
        directory_line: directory.map_or(1, |(_, at)| problems.line(&at)),
    }
}

/// The texts under a key of a section, which may stand there once or many times.
fn texts<'a>(root: &'a DeTable<'a>, section: &str, key: &str) -> Vec<(&'a str, Span)> {
    let tables: Vec<&DeTable<'_>> = match root.get(section).map(|v| v.get_ref()) {
        Some(DeValue::Table(table)) => vec![table],
        Some(DeValue::Array(items)) => items.iter().filter_map(|i| i.get_ref().as_table()).collect(),
        _ => Vec::new(),
    };
    let text = |table: &&'a DeTable<'a>| {
        let value = table.get(key)?;
        Some((value.get_ref().as_str()?, value.span()))
    };
    tables.iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, EMBEDDED};
    use std::path::Path;

    #[test]
    fn a_name_no_prompt_has_is_told_with_its_line_the_nearest_and_the_cure() {
        let text = EMBEDDED.replace("welcome = \"welcome\"", "welcome = \"welcom\"");
        let line = text.lines().position(|l| l.contains("welcom\"")).unwrap() + 1;
        let config = Config::parse("a.toml", &text).unwrap();
        let known = ["music", "welcome", "queue-full", "wait-limit"];
        let of = |directory| config.prompts.unknown(&known, directory);
        let [error] = &of(None)[..] else { panic!("not one error") };
        assert_eq!(
            error.to_string(),
            format!(
                "a.toml:{line}: service.welcome: there is no prompt `welcom`: did you mean `welcome`? or name the \
                 directory of `welcom.wav` as media.prompts"
            )
        );
        let put = of(Some(Path::new("/p")))[0].cure.clone();
        assert!(put.ends_with("or put `welcom.wav` into /p"), "{put}");
        assert!(config.prompts.unknown(&["music", "welcom", "queue-full", "wait-limit"], None).is_empty());
    }

    #[test]
    fn every_key_that_names_a_prompt_is_known_here() {
        let text = EMBEDDED
            .replace("music = \"music\"", "music = \"none\"\napology_prompt = \"e\"")
            .replace("full_prompt = \"queue-full\"", "full_prompt = \"c\"")
            .replace("timeout_prompt = \"wait-limit\"", "timeout_prompt = \"d\"")
            .replace("welcome = \"welcome\"", "welcome = \"b\"")
            + "\n[[queue]]\nname = \"second\"\nmusic = \"a\"\n";
        let config = Config::parse("a.toml", &text).unwrap();
        let named: Vec<(&str, &str)> = config.prompts.all.iter().map(|p| (&*p.key, &*p.name)).collect();
        let wanted = [
            ("service.welcome", "b"),
            ("queue.music", "a"),
            ("queue.full_prompt", "c"),
            ("queue.timeout_prompt", "d"),
            ("queue.apology_prompt", "e"),
        ];
        assert_eq!(named, wanted);
        let prompts = |keys: &[&'static str]| keys.iter().filter(|k| k.ends_with("_prompt")).count();
        let all: usize = crate::config::SECTIONS.iter().map(|(_, keys)| prompts(keys)).sum();
        // Those by that ending, and the welcome and the music.
        assert_eq!(super::KEYS.len(), all + 2);
    }
}
