//! The prompts in the program, and those of a directory that take their place.

use crate::config::{Config, ConfigErrors, PROMPT_DONE, PROMPT_PIN, PROMPT_REFUSED, RINGBACK};
use crate::media::prompt::{NotAPrompt, Prompt, Prompts};
use std::path::{Path, PathBuf};

/// Octets of one prompt file: half an hour of G.711.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Prompt files of a directory.
const MOST: usize = 256;
/// Files an alarm names; `hotline check` names all.
const TOLD: usize = 3;

/// The built-in prompts; configs/prompts/make.sh makes them.
const BUILT_IN: [(&str, &[u8]); 9] = [
    ("welcome", include_bytes!("../../../configs/prompts/welcome.wav")),
    ("welcome-en", include_bytes!("../../../configs/prompts/welcome-en.wav")),
    ("queue-full", include_bytes!("../../../configs/prompts/queue-full.wav")),
    ("queue-full-en", include_bytes!("../../../configs/prompts/queue-full-en.wav")),
    ("wait-limit", include_bytes!("../../../configs/prompts/wait-limit.wav")),
    ("wait-limit-en", include_bytes!("../../../configs/prompts/wait-limit-en.wav")),
    ("apology", include_bytes!("../../../configs/prompts/apology.wav")),
    ("apology-en", include_bytes!("../../../configs/prompts/apology-en.wav")),
    ("music", include_bytes!("../../../configs/prompts/music.wav")),
];

/// The prompts that are computed.
const MADE: [&str; 4] = [RINGBACK, PROMPT_DONE, PROMPT_REFUSED, PROMPT_PIN];

/// Hertz, 0 for silence, and milliseconds. A phone begins to play a little after its call is answered, so that each begins
/// with silence.
const DONE: [(u32, u32); 3] = [(0, 200), (600, 120), (900, 180)];
const REFUSED: [(u32, u32); 6] = [(0, 200), (300, 180), (0, 80), (300, 180), (0, 80), (300, 180)];
const PIN: [(u32, u32); 3] = [(0, 200), (1_000, 150), (0, 2_000)];

/// Why a prompt, or a directory of them, could not be loaded.
#[derive(Debug)]
enum PromptError {
    /// The directory or a file in it could not be read.
    Read(PathBuf, std::io::Error),
    /// A file is larger than 16 MiB.
    TooLarge(PathBuf),
    /// There are more than 256 files.
    TooMany(PathBuf),
    /// A file is not in a form that can be played.
    Form(PathBuf, NotAPrompt),
}

impl PromptError {
    /// What is wrong.
    fn what(&self) -> String {
        match self {
            PromptError::Read(path, e) => format!("cannot read the prompt {}: {e}", path.display()),
            PromptError::TooLarge(path) => format!("the prompt {} is larger than 16 MiB", path.display()),
            PromptError::TooMany(path) => format!("{} holds more than {MOST} prompts", path.display()),
            PromptError::Form(path, e) => format!("cannot play the prompt {}: {}", path.display(), e.0),
        }
    }

    fn cure(&self) -> String {
        match self {
            PromptError::Read(..) => "check media.prompts, and who may read it".to_owned(),
            PromptError::TooLarge(_) => "shorten it".to_owned(),
            PromptError::TooMany(_) => "remove some".to_owned(),
            PromptError::Form(_, e) => e.cure().to_owned(),
        }
    }
}

/// The prompts of a gateway.
#[derive(Debug)]
pub struct Loaded {
    /// Every name the configuration has, playable.
    pub prompts: Prompts,
    /// For each file that cannot be played: its name, why, and what is played in its place.
    unusable: Vec<(String, PromptError, &'static str)>,
}

impl Loaded {
    /// What a person must do, if anything: the first files that cannot be played, each with its cure.
    pub fn alarm(&self) -> Option<String> {
        let one = |(name, e, built_in): &(String, PromptError, &str)| {
            format!("{}: the built-in `{built_in}` is played for `{name}`: {}", e.what(), e.cure())
        };
        let mut said: Vec<String> = self.unusable.iter().take(TOLD).map(one).collect();
        if self.unusable.len() > TOLD {
            said.push(format!("{} more: run `hotline check`", self.unusable.len() - TOLD));
        }
        (!said.is_empty()).then(|| format!("{}; then start the gateway again", said.join("; ")))
    }
}

/// The built-in prompts, and over them each `NAME.wav` of `media.prompts` as the prompt `NAME`. A file that is there and
/// cannot be played is replaced by a built-in prompt: a citizen who calls meanwhile hears something.
///
/// # Errors
/// Every name of the configuration that no prompt has, by its line; or that the directory cannot be read.
pub fn load_prompts(config: &Config) -> Result<Loaded, ConfigErrors> {
    let directory = config.media.prompts.as_deref();
    let mut prompts = built_in();
    let mut unusable = Vec::new();
    for (name, read) in directory.map_or(Ok(Vec::new()), files).map_err(|e| {
        ConfigErrors(vec![config.prompts.no_directory(format!("media.prompts: {}", e.what()), e.cure())])
    })? {
        match read {
            Ok(prompt) => prompts.insert(&name, prompt),
            Err(e) => unusable.push((name, e)),
        }
    }
    let mut in_place = Vec::new();
    for (name, e) in unusable {
        let named = config.prompts.all.iter().find(|p| *p.name == *name);
        let own = BUILT_IN.iter().map(|(own, _)| *own).chain(MADE).find(|own| *own == name);
        // A file that nothing names concerns `hotline check` alone.
        let Some(built_in) = own.or(named.map(|p| p.built_in)) else { continue };
        if own.is_none()
            && let Some(prompt) = prompts.get(built_in)
        {
            prompts.insert(&name, Prompt::clone(&prompt));
        }
        in_place.push((name, e, built_in));
    }
    let known: Vec<&str> = prompts.names().collect();
    let mut unknown = config.prompts.unknown(&known, directory);
    if unknown.is_empty() {
        drop(known);
        return Ok(Loaded { prompts, unusable: in_place });
    }
    unknown.sort_by_key(|e| e.line);
    Err(ConfigErrors(unknown))
}

/// Everything wrong with the prompts of a configuration, files that cannot be played among it.
///
/// # Errors
/// What is wrong, by the line that names it.
pub fn check_prompts(config: &Config) -> Result<(), ConfigErrors> {
    let loaded = load_prompts(config)?;
    let error =
        |(name, e, _): &(String, PromptError, &str)| config.prompts.unusable(name, e.what(), e.cure());
    let mut errors: Vec<_> = loaded.unusable.iter().map(error).collect();
    errors.sort_by_key(|e| e.line);
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
}

fn built_in() -> Prompts {
    let mut prompts = Prompts::default();
    for (name, file) in BUILT_IN {
        // That each can be played is a test's.
        if let Ok(prompt) = Prompt::from_wav(file) {
            prompts.insert(name, prompt);
        }
    }
    for (name, prompt) in MADE.into_iter().zip([
        Prompt::ringback(),
        Prompt::tones(&DONE),
        Prompt::tones(&REFUSED),
        Prompt::tones(&PIN),
    ]) {
        prompts.insert(name, prompt);
    }
    prompts
}

type Files = Vec<(String, Result<Prompt, PromptError>)>;

/// The prompts of a directory by their names.
fn files(directory: &Path) -> Result<Files, PromptError> {
    let unreadable = |e| PromptError::Read(directory.to_owned(), e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) = path.file_stem().and_then(|n| n.to_str()) else { continue };
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav")) {
            continue;
        }
        if files.len() >= MOST {
            return Err(PromptError::TooMany(directory.to_owned()));
        }
        files.push((name.to_owned(), file(&path)));
    }
    Ok(files)
}

fn file(path: &Path) -> Result<Prompt, PromptError> {
    let unreadable = |e| PromptError::Read(path.to_owned(), e);
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(PromptError::TooLarge(path.to_owned()));
    }
    let read = std::fs::read(path).map_err(unreadable)?;
    Prompt::from_wav(read).map_err(|e| PromptError::Form(path.to_owned(), e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EMBEDDED;
    use crate::media::g711;
    use crate::media::prompt::FRAME;
    use crate::sdp::Codec;

    /// The prompts of a configuration that plays `welcome` from this directory.
    fn load(directory: Option<&Path>, welcome: &str) -> (Config, Result<Loaded, ConfigErrors>) {
        let mut text = EMBEDDED.replace("welcome = \"welcome\"", &format!("welcome = {welcome:?}"));
        if let Some(directory) = directory {
            text = text.replace("[media]", &format!("[media]\nprompts = {directory:?}"));
        }
        let config = Config::parse("a.toml", &text).unwrap_or_else(|e| panic!("{e}"));
        let loaded = load_prompts(&config);
        (config, loaded)
    }

    /// A directory of these files.
    fn with_files(test: &str, files: &[(&str, &[u8])], then: impl FnOnce(&Path)) {
        let directory = std::env::temp_dir().join(format!("hotline-prompts-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        for (name, file) in files {
            std::fs::write(directory.join(name), file).unwrap();
        }
        then(&directory);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn every_built_in_prompt_can_be_played() {
        let prompts = built_in();
        for (name, file) in BUILT_IN {
            let seconds = f64::from(prompts.get(name).unwrap().frames()) / 50.0;
            assert!((1.0..60.0).contains(&seconds), "{name} takes {seconds} s");
            assert!(file.len() < 300 * 1024, "{name}");
        }
        assert!(BUILT_IN.iter().map(|(_, f)| f.len()).sum::<usize>() < 600 * 1024);
    }

    #[test]
    fn the_ringing_tone_is_one_second_of_five() {
        let prompts = built_in();
        let ringback = prompts.get(RINGBACK).unwrap();
        let mut frame = [0; FRAME];
        let loud: Vec<bool> = (0..ringback.frames())
            .map(|n| {
                assert!(ringback.frame(n, Codec::Pcma, &mut frame));
                frame.iter().any(|octet| *octet != g711::silence(Codec::Pcma))
            })
            .collect();
        assert_eq!(loud.len(), 250);
        assert!(loud[..50].iter().all(|l| *l) && !loud[50..].iter().any(|l| *l));
    }

    #[test]
    fn a_directory_replaces_and_adds_prompts() {
        let names = ["music.wav", "lunch.WAV", "notes.txt"];
        with_files("adds", &names.map(|n| (n, BUILT_IN[0].1)), |directory| {
            let loaded = load(Some(directory), "lunch").1.unwrap();
            let welcome = built_in().get("welcome");
            assert_eq!(loaded.prompts.get("music"), welcome);
            assert_eq!(loaded.prompts.get("lunch"), welcome);
            assert!(loaded.prompts.get("notes").is_none());
            assert_eq!(loaded.alarm(), None);
        });
    }

    #[test]
    fn a_file_that_cannot_be_played_is_replaced_with_an_alarm_and_fails_check() {
        let files: [(&str, &[u8]); 3] = [("hello.wav", b"no audio"), ("music.wav", b""), ("unused.wav", b"")];
        with_files("broken", &files, |directory| {
            let (config, loaded) = load(Some(directory), "hello");
            let loaded = loaded.unwrap();
            assert_eq!(loaded.prompts.get("hello"), built_in().get("welcome"));
            assert_eq!(loaded.prompts.get("music"), built_in().get("music"));
            let alarm = loaded.alarm().unwrap();
            for part in
                ["hello.wav", "no WAV file", "`welcome` is played for `hello`", "sox", "start the gateway"]
            {
                assert!(alarm.contains(part), "{part}: {alarm}");
            }
            assert!(!alarm.contains("unused"), "{alarm}");
            let said = check_prompts(&config).unwrap_err();
            assert_eq!(said.0.len(), 2, "{said}");
            assert!(said.0.iter().all(|e| e.line > 1 && e.cure.contains("sox")), "{said}");
        });
    }

    #[test]
    fn an_alarm_about_many_files_stays_short() {
        let names: Vec<String> = BUILT_IN.iter().map(|(name, _)| format!("{name}.wav")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b"x"[..])).collect();
        with_files("many", &files, |directory| {
            let alarm = load(Some(directory), "welcome").1.unwrap().alarm().unwrap();
            assert!(alarm.contains("6 more: run `hotline check`"), "{alarm}");
        });
    }

    #[test]
    fn a_name_that_no_prompt_has_is_an_error_with_or_without_a_directory() {
        let said = load(None, "welcom").1.map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("did you mean `welcome`") && said.contains("media.prompts"), "{said}");
        with_files("none", &[("hello.wav", BUILT_IN[0].1)], |directory| {
            let said = load(Some(directory), "helo").1.map(|_| ()).unwrap_err().to_string();
            assert!(said.contains("did you mean `hello`") && said.contains("helo.wav"), "{said}");
        });
    }

    #[test]
    fn a_missing_directory_is_told_with_its_key() {
        let missing = Path::new("/nonexistent/prompts");
        let said = load(Some(missing), "welcome").1.map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("/nonexistent/prompts") && said.contains("media.prompts"), "{said}");
        assert!(!said.starts_with("a.toml:1:"), "{said}");
    }
}
