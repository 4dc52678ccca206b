//! Reading the configuration a command names.

use crate::config::{Config, ConfigError, ConfigErrors, EMBEDDED, MAX_TEXT};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The environment variable that names the configuration where no flag does: for containers and units.
const VARIABLE: &str = "HOTLINE_CONFIG";

/// How a command names its configuration.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Named {
    /// The configuration file; when absent the one HOTLINE_CONFIG names, else the built-in one.
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// Why there is no configuration.
pub(super) enum NoConfig {
    /// The file cannot be read: one line.
    Unreadable(String),
    /// The file was read, and something is wrong.
    Wrong(ConfigErrors),
}

impl Named {
    /// The file: the flag goes before the environment. An empty variable is as good as none.
    fn file(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
        self.config.clone().or_else(variable)
    }

    /// What the configuration is called in messages.
    pub(super) fn name(&self) -> String {
        self.file().map_or_else(|| "built-in configuration".to_owned(), |p| p.display().to_string())
    }

    /// Reads it, all errors kept, with the warnings.
    pub(super) fn read(&self) -> Result<(Config, Vec<ConfigError>), NoConfig> {
        let text = match self.file() {
            None => EMBEDDED.to_owned(),
            Some(path) => text_of(&path).map_err(NoConfig::Unreadable)?,
        };
        Config::examine_with(&self.name(), &text, &|name| std::env::var(name).ok()).map_err(NoConfig::Wrong)
    }

    /// Reads it; the first error, with its cure, stands for all of them.
    pub(super) fn load(&self) -> Result<Config, String> {
        self.load_with_warnings().map(|(config, _)| config)
    }

    /// As [`Named::load`], with the warnings.
    pub(super) fn load_with_warnings(&self) -> Result<(Config, Vec<ConfigError>), String> {
        self.read().map_err(|e| match e {
            NoConfig::Unreadable(line) => line,
            NoConfig::Wrong(ConfigErrors(errors)) => {
                let first = errors.first().map(ToString::to_string).unwrap_or_default();
                match errors.len() {
                    0 | 1 => first,
                    n => format!("{first} ({} more: run `hotline check --config {}`)", n - 1, self.name()),
                }
            }
        })
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let cure = "name a configuration with --config FILE or HOTLINE_CONFIG, such as configs/hotline.toml, that this user may read";
    let fail = |e: std::io::Error| format!("{}: {e}: {cure}", path.display());
    // A device or a stream without end is not read to its end.
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(MAX_TEXT as u64 + 1).read_to_end(&mut text).map_err(fail)?;
    String::from_utf8(text).map_err(|e| {
        let line =
            1 + e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count();
        format!("{}:{line}: this is not UTF-8: save the file as UTF-8", path.display())
    })
}
