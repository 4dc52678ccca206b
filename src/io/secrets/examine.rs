//! The secrets looked at beforehand: what [`StateDirectory::open`](super::StateDirectory::open) refuses, and what it takes and perhaps should not.

use super::super::preflight::Findings;
use super::{
    API_TOKEN, HISTORY_KEY, SEATS, StateError, api_token_of, key_of, passwords_of, read, trunk_password,
};
use crate::config::Config;
use crate::redact::Secret;
use std::collections::BTreeMap;

/// A password of fewer characters is warned of. What a phone sends in the clear is a digest of it: a party that records one
/// tries passwords at home, some ten thousand million a second with MD5. Ten random letters and digits last years, twelve
/// last ten thousand of them.
const LONG_ENOUGH: usize = 12;

/// Looks at the secrets of the configured state directory and of the trunks. Makes none.
pub fn examine(config: &Config, found: &mut Findings) {
    let directory = config.store.state_directory();
    let [seats, token, key] = [SEATS, API_TOKEN, HISTORY_KEY].map(|name| directory.join(name));
    let mut keep = |result: Result<(), StateError>| found.errors.extend(result.err().map(|e| e.to_string()));
    keep(read(&token).and_then(|text| text.map_or(Ok(()), |text| api_token_of(&token, &text).map(drop))));
    keep(read(&key).and_then(|text| text.map_or(Ok(()), |text| key_of(&key, text.expose()).map(drop))));
    for trunk in &config.trunks {
        keep(trunk_password(trunk).map(drop));
    }
    let text = match read(&seats) {
        Ok(Some(text)) => text,
        Ok(None) => return,
        Err(e) => return keep(Err(e)),
    };
    match passwords_of(&seats, text.expose()) {
        Ok(passwords) => {
            let short = short(config, &passwords, text.expose());
            found.warnings.extend(short.map(|(line, what)| format!("{}:{line}: {what}", seats.display())));
        }
        Err(e) => keep(Err(e)),
    }
}

/// The line of the first short password of a seat that registers, and what to say of all of them.
fn short(
    config: &Config,
    passwords: &BTreeMap<String, Secret<String>>,
    text: &str,
) -> Option<(usize, String)> {
    let registers = config.seats.iter().filter(|s| s.contact.is_none());
    let is_short = |seat: &&crate::config::Seat| {
        passwords.get(seat.id.as_str()).is_some_and(|p| p.expose().chars().count() < LONG_ENOUGH)
    };
    let short: Vec<_> = registers.filter(is_short).collect();
    let first = &short.first()?.id;
    let begins = |line: &str| {
        let rest = line.trim_start().trim_start_matches(['"', '\'']).strip_prefix(first.as_str());
        rest.is_some_and(|rest| rest.starts_with(['"', '\'', ' ', '=']))
    };
    let line = 1 + text.lines().position(begins).unwrap_or(0);
    let (seats, have) = match short.len() {
        1 => (format!("the password of seat {first}"), "has"),
        n => (format!("the passwords of {n} seats, {first} first,"), "have"),
    };
    let what = format!(
        "{seats} {have} fewer than {LONG_ENOUGH} characters, which can be found from one recorded registration: write longer \
         ones, or delete the lines to have passwords made at the next start"
    );
    Some((line, what))
}
