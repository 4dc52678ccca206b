//! The log of `hotline serve`, on stderr: for people, or a JSON object a line.

use crate::config::{Log, LogFormat};
use std::fmt::{self, Debug, Write};
use std::io::IsTerminal;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Begins the log. `RUST_LOG` goes before the configured level.
pub(super) fn begin(log: &Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&log.level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.event_format(Json).init(),
    }
}

/// `{"timestamp":…,"level":…,"target":…,"message":…}`, with the line's own fields after them.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = String::from("{");
        let about = event.metadata();
        put(&mut line, "timestamp", &timestamp);
        put(&mut line, "level", &about.level().as_str());
        put(&mut line, "target", &about.target());
        event.record(&mut Fields(&mut line));
        writeln!(out, "{line}}}")
    }
}

/// One more `"name":value` of the object.
fn put(line: &mut String, name: &str, value: &impl serde::Serialize) {
    // Neither texts nor numbers fail.
    let (Ok(name), Ok(value)) = (serde_json::to_string(name), serde_json::to_string(value)) else { return };
    let comma = if line.ends_with('{') { "" } else { "," };
    let _ = write!(line, "{comma}{name}:{value}");
}

/// Puts the fields of a line into the object: numbers and truth values as such, all else as text.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        put(self.0, field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        put(self.0, field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        put(self.0, field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        put(self.0, field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        put(self.0, field.name(), &value);
    }
}
