//! The configuration: TOML text in, a [`Config`] that cannot be wrong or a list of errors out.
//!
//! Pure: the caller has read the file. Every error names file, line, what is wrong and the cure, and
//! one reading names as many as it can. What depends on the machine (ports in use, missing prompt files)
//! is found when the gateway starts, not here.

mod address;
mod callback;
mod check;
mod department;
pub mod descriptors;
mod dial;
mod directory;
pub mod duration;
mod grpc;
mod hours;
mod http;
mod limits;
mod log;
mod media;
mod name;
mod operator;
mod pin;
mod problem;
mod prompts;
mod queue;
mod recovery;
mod registrar;
mod seat;
mod service;
mod sip;
mod store;
mod table;
mod trunk;
mod variables;

pub use address::{Advertised, Listen, Prefix, Transport};
pub use callback::Callback;
pub use department::Department;
pub use dial::{Codes, Dial};
pub use grpc::Grpc;
pub use hours::Hours;
pub use http::Http;
pub use limits::Limits;
pub use log::{Log, LogFormat};
pub use media::Media;
pub use operator::{Operator, is_operator_number};
pub use pin::{PIN_DIGITS, PinHash};
pub use problem::{ConfigError, ConfigErrors};
pub use prompts::{NamedPrompt, NamedPrompts};
pub use queue::{PROMPT_DONE, PROMPT_PIN, PROMPT_REFUSED, Queue, RINGBACK};
pub use recovery::Recovery;
pub use registrar::Registrar;
pub use seat::{Algorithm, Contact, Seat};
pub use service::Service;
pub use sip::{Identity, Sip, Tls};
pub use store::Store;
pub use trunk::{Authenticate, Codec, Dtmf, Reliable, TimedPeers, Trunk, TrunkSource, TrunkTarget};

use problem::{Problems, fault};
use table::{Table, tables};
use toml::de::DeTable;

/// The configuration used when none is named, as text.
pub const EMBEDDED: &str = include_str!("../../configs/hotline.toml");

/// The longest text that is read: far above any real configuration, far below what hurts.
pub const MAX_TEXT: usize = 4 * 1024 * 1024;

/// Everything the gateway is told before it starts. References are resolved, names are unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[sip]`
    pub sip: Sip,
    /// `[media]`
    pub media: Media,
    /// `[grpc]`
    pub grpc: Grpc,
    /// `[http]`
    pub http: Http,
    /// `[store]`
    pub store: Store,
    /// `[recovery]`
    pub recovery: Recovery,
    /// `[log]`
    pub log: Log,
    /// `[limits]`
    pub limits: Limits,
    /// `[callback]`
    pub callback: Callback,
    /// `[[trunk]]`, at least one.
    pub trunks: Vec<Trunk>,
    /// `[[seat]]`, at least one.
    pub seats: Vec<Seat>,
    /// `[registrar]`
    pub registrar: Registrar,
    /// `[[operator]]`; without any entry every number signs in.
    pub operators: Vec<Operator>,
    /// `[[queue]]`, at least one.
    pub queues: Vec<Queue>,
    /// `[[service]]`, at least one.
    pub services: Vec<Service>,
    /// `[[department]]`.
    pub departments: Vec<Department>,
    /// `[dial]`
    pub dial: Dial,
    /// `[codes]`
    pub codes: Codes,
    /// The prompts all of it names.
    pub prompts: NamedPrompts,
}

/// Every section with its keys: what the reading knows and the documentation must name.
pub const SECTIONS: &[(&str, &[&str])] = &[
    ("sip", sip::KEYS),
    ("media", media::KEYS),
    ("grpc", grpc::KEYS),
    ("http", http::KEYS),
    ("store", store::KEYS),
    ("recovery", recovery::KEYS),
    ("log", log::KEYS),
    ("limits", limits::KEYS),
    ("callback", callback::KEYS),
    ("trunk", trunk::KEYS),
    ("registrar", registrar::KEYS),
    ("seat", seat::KEYS),
    ("operator", operator::KEYS),
    ("queue", queue::KEYS),
    ("service", service::KEYS),
    ("department", department::KEYS),
    ("dial", dial::KEYS),
    ("codes", dial::CODE_KEYS),
];

impl Config {
    /// Reads a configuration. `file` is only named in errors.
    ///
    /// # Errors
    /// Everything that was found wrong, by line. Mistakes of the notation itself (TOML) are named alone,
    /// as nothing after them can be trusted.
    pub fn parse(file: &str, text: &str) -> Result<Config, ConfigErrors> {
        Config::examine(file, text).map(|(config, _)| config)
    }

    /// As [`Config::parse`], with the warnings: what is allowed and perhaps not meant, by line.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn examine(file: &str, text: &str) -> Result<(Config, Vec<ConfigError>), ConfigErrors> {
        Config::examine_with(file, text, &|_| None)
    }

    /// As [`Config::examine`], where `variables` gives the value of each `${NAME}` in a text.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn examine_with(
        file: &str,
        text: &str,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Config, Vec<ConfigError>), ConfigErrors> {
        let mut problems = Problems::new(file, text);
        if text.len() > MAX_TEXT {
            let cure = "is it the right file? Seats can be written as a range";
            problems.add(&(0..0), fault(format!("the text is longer than {MAX_TEXT} bytes"), cure));
            return Err(problems.into_errors());
        }
        let (mut root, mistakes) = DeTable::parse_recoverable(text);
        for m in &mistakes {
            let what = m.message().lines().next().unwrap_or("unreadable").to_owned();
            problems.add(&m.span().unwrap_or(0..0), fault(what, notation_cure(m.message())));
        }
        if !problems.is_empty() {
            return Err(problems.into_errors());
        }
        variables::replace(root.get_mut(), variables, &mut problems);
        if !problems.is_empty() {
            return Err(problems.into_errors());
        }
        let config = read(root.get_ref(), &mut problems);
        if !problems.is_empty() {
            return Err(problems.into_errors());
        }
        Ok((config, problems.into_warnings()))
    }

    /// The configuration used when none is named: configs/hotline.toml.
    ///
    /// # Panics
    /// Never in a build whose tests passed: the text is part of the program.
    pub fn embedded() -> Config {
        Config::parse("configs/hotline.toml", EMBEDDED).unwrap_or_else(|e| panic!("{e}"))
    }
}

fn notation_cure(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "keep one of the two; [[name]] begins another entry of a list"
    } else {
        "write `key = value` on a line of its own, texts in quotation marks, sections in brackets"
    }
}

fn keys(section: &str) -> &'static [&'static str] {
    SECTIONS.iter().find(|(name, _)| *name == section).map_or(&[], |(_, keys)| keys)
}

fn read(root: &DeTable<'_>, problems: &mut Problems<'_>) -> Config {
    let sections: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
    Table::open("", &sections, root, 0..0, problems);
    let (sip, listen_at) = sip::read(one(root, "sip", problems).as_ref(), problems);
    let media_table = one(root, "media", problems);
    let media = media::read(media_table.as_ref(), problems);
    let grpc_table = one(root, "grpc", problems);
    let grpc = grpc::read(grpc_table.as_ref(), problems);
    let http_table = one(root, "http", problems);
    let http = http::read(http_table.as_ref(), problems);
    let at = |t: &Option<Table<'_>>, key| t.as_ref().map_or(0..0, |t| t.span(key));
    let places = check::Places {
        listen: listen_at,
        grpc: at(&grpc_table, "listen"),
        http: at(&http_table, "listen"),
        ports: at(&media_table, "ports"),
    };
    let store = store::read(one(root, "store", problems).as_ref(), problems);
    let recovery = recovery::read(one(root, "recovery", problems).as_ref(), problems);
    let log = log::read(one(root, "log", problems).as_ref(), problems);
    let limits = limits::read(one(root, "limits", problems).as_ref(), problems);
    let callback = callback::read(one(root, "callback", problems).as_ref(), problems);
    let trunks = many(root, "trunk", problems, trunk::read);
    let seats = many(root, "seat", problems, seat::read);
    let registrar = registrar::read(one(root, "registrar", problems).as_ref(), problems);
    let operators = operator::check(any(root, "operator", problems, operator::read), problems);
    let queues = many(root, "queue", problems, queue::read);
    let services = many(root, "service", problems, service::read);
    let departments = any(root, "department", problems, department::read);
    let (dial, dial_at) = dial::read(one(root, "dial", problems).as_ref(), problems);
    let codes = dial::read_codes(one(root, "codes", problems).as_ref(), problems);
    check::addresses(&sip, &media, &grpc, &http, &places, problems);
    let trunks = check::trunks(trunks, &sip, problems);
    let seats = check::seats(seats, &sip, problems);
    // Where names are missing because they could not be read, missing references are no news.
    let whole = problems.is_empty();
    let queues = check::queues(queues, &seats, whole, problems);
    let services = check::services(services, &queues, whole, problems);
    let directory = directory::Directory { seats: &seats, codes: &codes, trunks: &trunks };
    directory.dial(&dial, &dial_at, whole, problems);
    let departments = directory.departments(departments, &dial, whole, problems);
    Config {
        sip,
        media,
        grpc,
        http,
        store,
        recovery,
        log,
        limits,
        callback,
        trunks,
        registrar,
        seats,
        operators,
        queues,
        services,
        departments,
        dial,
        codes,
        prompts: prompts::read(root, problems),
    }
}

fn one<'a>(root: &'a DeTable<'a>, section: &'static str, problems: &mut Problems<'_>) -> Option<Table<'a>> {
    let (entries, at) = tables(root, section, false, problems).into_iter().next()?;
    Some(Table::open(section, keys(section), entries, at, problems))
}

fn many<T>(
    root: &DeTable<'_>,
    section: &'static str,
    problems: &mut Problems<'_>,
    read: fn(&Table<'_>, &mut Problems<'_>) -> Option<T>,
) -> Vec<T> {
    if !root.contains_key(section) {
        let what = format!("there is no [[{section}]], so no call could be served");
        problems
            .add(&(0..0), fault(what, format!("add at least one [[{section}]]; see docs/configuration.md")));
    }
    any(root, section, problems, read)
}

/// As [`many`], for a section that need not be there.
fn any<T>(
    root: &DeTable<'_>,
    section: &'static str,
    problems: &mut Problems<'_>,
    read: fn(&Table<'_>, &mut Problems<'_>) -> Option<T>,
) -> Vec<T> {
    let found = tables(root, section, true, problems);
    let mut values = Vec::new();
    for (entries, at) in found {
        let table = Table::open(section, keys(section), entries, at, problems);
        values.extend(read(&table, problems));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_configuration_is_sound_and_has_twenty_seats() {
        let c = Config::embedded();
        assert_eq!((c.seats.len(), c.trunks.len(), c.queues.len(), c.services.len()), (20, 1, 1, 1));
        assert_eq!(c.queues[0].seats.len(), 20);
        assert!(c.seats.iter().all(|s| s.contact.is_none()));
        assert!(c.trunks[0].sources.iter().all(|s| s.net.address().is_loopback()));
    }
}
