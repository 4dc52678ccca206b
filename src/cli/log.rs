//! The log of `hotline serve`, on stderr: for people, or a JSON object a line.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Begins the log. `RUST_LOG` goes before the configured level.
pub(super) fn begin(log: &Log) {
    let asked = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let asked = asked.and_then(|filter| filter.parse::<Targets>().ok());
    let filter = asked.or_else(|| log.level.parse().ok()).unwrap_or_default();
    let lines = fmt::layer().with_writer(std::io::stderr);
    let log_at = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Text => log_at.with(lines.with_ansi(std::io::stderr().is_terminal())).init(),
        // The fields of a line stand beside its message, where a collector of logs looks for them.
        LogFormat::Json => {
            let json = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            log_at.with(json).init();
        }
    }
}
