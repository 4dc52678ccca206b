//! The prompts in the program, and those of a directory that take their place.

use crate::config::RINGBACK;
use crate::media::prompt::{NotAPrompt, Prompt, Prompts};
use std::fmt;
use std::path::{Path, PathBuf};

/// Octets of one prompt file: half an hour of G.711.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Prompt files of a directory.
const MOST: usize = 256;

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

/// Why the prompts could not be loaded.
#[derive(Debug)]
pub enum PromptError {
    /// The directory or a file in it could not be read.
    Read(PathBuf, std::io::Error),
    /// A file is larger than 16 MiB.
    TooLarge(PathBuf),
    /// There are more than 256 files.
    TooMany(PathBuf),
    /// A file is not in a form that can be played.
    Form(PathBuf, NotAPrompt),
}

impl fmt::Display for PromptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PromptError::Read(path, e) => {
                write!(f, "cannot read the prompt {}: {e}; check media.prompts", path.display())
            }
            PromptError::TooLarge(path) => {
                write!(f, "the prompt {} is larger than 16 MiB; shorten it", path.display())
            }
            PromptError::TooMany(path) => {
                write!(f, "{} holds more than {MOST} prompts; remove some", path.display())
            }
            PromptError::Form(path, e) => write!(f, "cannot play the prompt {}: {e}", path.display()),
        }
    }
}

impl std::error::Error for PromptError {}

/// The built-in prompts, and over them each `NAME.wav` of `directory` as the prompt `NAME`.
///
/// # Errors
/// At the first file that cannot be read or played: a gateway that starts plays what it was given.
pub fn load_prompts(directory: Option<&Path>) -> Result<Prompts, PromptError> {
    let mut prompts = Prompts::default();
    for (name, file) in BUILT_IN {
        let prompt = Prompt::from_wav(file).map_err(|e| PromptError::Form(PathBuf::from(name), e))?;
        prompts.insert(name, prompt);
    }
    prompts.insert(RINGBACK, Prompt::ringback());
    let Some(directory) = directory else { return Ok(prompts) };
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |e| PromptError::Read(path, e)
    };
    let mut files = 0;
    for entry in std::fs::read_dir(directory).map_err(unreadable(directory))? {
        let path = entry.map_err(unreadable(directory))?.path();
        let Some(name) = path.file_stem().and_then(|n| n.to_str()) else { continue };
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav")) {
            continue;
        }
        files += 1;
        if files > MOST {
            return Err(PromptError::TooMany(directory.to_owned()));
        }
        if std::fs::metadata(&path).map_err(unreadable(&path))?.len() > LARGEST {
            return Err(PromptError::TooLarge(path));
        }
        let file = std::fs::read(&path).map_err(unreadable(&path))?;
        prompts.insert(name, Prompt::from_wav(file).map_err(|e| PromptError::Form(path.clone(), e))?);
    }
    Ok(prompts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::g711;
    use crate::media::prompt::FRAME;
    use crate::sdp::Codec;

    #[test]
    fn every_built_in_prompt_can_be_played() {
        let prompts = load_prompts(None).unwrap();
        for (name, file) in BUILT_IN {
            let seconds = f64::from(prompts.get(name).unwrap().frames()) / 50.0;
            assert!((1.0..60.0).contains(&seconds), "{name} takes {seconds} s");
            assert!(file.len() < 300 * 1024, "{name}");
        }
        assert!(BUILT_IN.iter().map(|(_, f)| f.len()).sum::<usize>() < 600 * 1024);
    }

    #[test]
    fn the_ringing_tone_is_one_second_of_five() {
        let prompts = load_prompts(None).unwrap();
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
        let directory = std::env::temp_dir().join(format!("hotline-prompts-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        for name in ["music.wav", "lunch.WAV", "notes.txt"] {
            std::fs::write(directory.join(name), BUILT_IN[0].1).unwrap();
        }
        let loaded = load_prompts(Some(&directory));
        std::fs::write(directory.join("broken.wav"), "no audio").unwrap();
        let broken = load_prompts(Some(&directory)).map(|_| ()).unwrap_err().to_string();
        std::fs::remove_dir_all(&directory).unwrap();
        let (loaded, built_in) = (loaded.unwrap(), load_prompts(None).unwrap());
        assert_eq!(loaded.get("music"), built_in.get("welcome"));
        assert_eq!(loaded.get("lunch"), built_in.get("welcome"));
        assert!(loaded.get("notes").is_none());
        assert!(broken.contains("broken.wav") && broken.contains("no WAV file"), "{broken}");
    }

    #[test]
    fn a_missing_directory_is_told_with_its_key() {
        let said = load_prompts(Some(Path::new("/nonexistent/prompts"))).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("/nonexistent/prompts") && said.contains("media.prompts"), "{said}");
    }
}
