//! The state directory's secrets: made at first start, read back afterwards, readable by their owner only.
//!
//! `seats.toml` holds the seats' passwords and may be edited, `api-token` the bearer token of gRPC, and
//! `history-key` the key under which callers' numbers are kept. Nothing here logs or prints a value.

mod examine;

pub use examine::examine;

use crate::caller::HistorySecret;
use crate::config::{Config, Trunk};
use crate::id::{SeatId, TrunkId};
use crate::redact::Secret;
use crate::sip::digest::SeatAccount;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file of the seats' passwords.
pub const SEATS: &str = "seats.toml";
/// The file of the API token.
pub const API_TOKEN: &str = "api-token";
/// The file of the key of callers' numbers.
pub const HISTORY_KEY: &str = "history-key";

/// The largest file that is read: ten thousand seats with long passwords, and room.
const MAX_FILE: u64 = 1024 * 1024;
/// Letters and digits of a made password that are not confused when reading them aloud: 32, so 5 bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 80 bits: with the registrar's slowing down far beyond guessing, and still typed into a phone in a minute.
const PASSWORD_LENGTH: usize = 16;
/// The shortest password taken from an edited file.
const SHORTEST_PASSWORD: usize = 6;
/// Above every seat's own passwords, as a first line.
const SEATS_HEADER: &str =
    "# The seats' passwords. Change one here and restart; new seats are added at the end.\n";

/// Why a secret could not be had, and the cure, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateError {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub cure: String,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path.display(), self.what, self.cure)
    }
}

impl std::error::Error for StateError {}

impl From<StateError> for String {
    fn from(e: StateError) -> String {
        e.to_string()
    }
}

fn error(path: &Path, what: impl Into<String>, cure: impl Into<String>) -> StateError {
    StateError { path: path.to_owned(), what: what.into(), cure: cure.into() }
}

/// All secrets of one state directory.
#[derive(Debug, Clone)]
pub struct StateDirectory {
    directory: PathBuf,
    passwords: BTreeMap<String, Secret<String>>,
    trunks: HashMap<TrunkId, Secret<String>>,
    api_token: Secret<String>,
    history: HistorySecret,
}

impl StateDirectory {
    /// Reads the secrets of the configured state directory; makes the directory and what is missing in it.
    ///
    /// # Errors
    /// When the directory cannot be made or written, or a file is unreadable, readable by others, or broken.
    pub fn open(config: &Config) -> Result<StateDirectory, StateError> {
        let directory = config.store.state_directory().to_owned();
        make_directory(&directory)?;
        let phones = config.seats.iter().filter(|s| s.contact.is_none());
        let passwords = passwords(&directory.join(SEATS), phones.map(|s| &s.id))?;
        let token = directory.join(API_TOKEN);
        let api_token = match read(&token)? {
            Some(text) => api_token_of(&token, &text)?,
            None => {
                let made = URL_SAFE_NO_PAD.encode(random::<32>()?);
                write(&token, &format!("{made}\n"))?;
                Secret::new(made)
            }
        };
        let key = directory.join(HISTORY_KEY);
        let history = match read(&key)? {
            Some(text) => key_of(&key, text.expose())?,
            None => {
                let made = random::<32>()?;
                write(&key, &format!("{}\n", URL_SAFE_NO_PAD.encode(made)))?;
                HistorySecret::new(made)
            }
        };
        let trunks = trunk_passwords(config)?;
        Ok(StateDirectory { directory, passwords, trunks, api_token, history })
    }

    /// The seats that register, with their passwords and algorithms.
    pub fn accounts(&self, config: &Config) -> Vec<SeatAccount> {
        let account = |seat: &crate::config::Seat| {
            let password = self.password(&seat.id)?.clone();
            let algorithms = seat.algorithms.iter().map(|a| (*a).into()).collect();
            Some(SeatAccount { seat: seat.id.clone(), password, algorithms })
        };
        config.seats.iter().filter(|s| s.contact.is_none()).filter_map(account).collect()
    }

    /// The password of a seat that registers.
    pub fn password(&self, seat: &SeatId) -> Option<&Secret<String>> {
        self.passwords.get(seat.as_str())
    }

    /// The passwords of trunks, by name.
    pub fn trunk_passwords(&self) -> HashMap<TrunkId, Secret<String>> {
        self.trunks.clone()
    }

    /// The bearer token of gRPC.
    pub fn api_token(&self) -> Secret<String> {
        self.api_token.clone()
    }

    /// The key under which callers' numbers are kept.
    pub fn history_secret(&self) -> HistorySecret {
        self.history.clone()
    }

    /// Where the secrets are, to be shown instead of them.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// The token a client on this machine shows to the gateway whose state directory this is.
///
/// # Errors
/// When the gateway was never started there, or the file is not readable by this user.
pub fn api_token(directory: &Path) -> Result<Secret<String>, StateError> {
    let path = directory.join(API_TOKEN);
    match read(&path)? {
        Some(text) => api_token_of(&path, &text),
        None => {
            Err(error(&path, "there is no such file", "start `hotline serve` with this configuration once"))
        }
    }
}

/// A seed for the core's random numbers.
///
/// # Errors
/// When the system has no random numbers to give.
pub fn seed() -> Result<[u8; 32], StateError> {
    random()
}

fn random<const N: usize>() -> Result<[u8; N], StateError> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(e) => Err(error(
            Path::new("/dev/urandom"),
            e.to_string(),
            "run on a system with a random number source",
        )),
    }
}

fn api_token_of(path: &Path, text: &Secret<String>) -> Result<Secret<String>, StateError> {
    let token = text.expose().trim();
    let plain = token.bytes().all(|b| b.is_ascii_graphic());
    if token.len() < 32 || !plain {
        let what = "this is no token of at least 32 printable characters";
        return Err(error(path, what, "delete the file to have one made at the next start"));
    }
    Ok(Secret::new(token.to_owned()))
}

fn key_of(path: &Path, text: &str) -> Result<HistorySecret, StateError> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok().and_then(|b| <[u8; 32]>::try_from(b).ok());
    bytes.map(HistorySecret::new).ok_or_else(|| {
        let cure = "restore it from a backup, or delete it: callers of before are then no longer recognised";
        error(path, "this is not a key of 32 bytes in base64", cure)
    })
}

/// The passwords in the file, completed for the seats that have none.
fn passwords<'s>(
    path: &Path,
    seats: impl Iterator<Item = &'s SeatId>,
) -> Result<BTreeMap<String, Secret<String>>, StateError> {
    let text = read(path)?;
    let mut known = match &text {
        Some(text) => passwords_of(path, text.expose())?,
        None => BTreeMap::new(),
    };
    let mut added = String::new();
    for seat in seats {
        if !known.contains_key(seat.as_str()) {
            let password = password()?;
            added += &format!("\"{seat}\" = \"{}\"\n", password.expose());
            known.insert(seat.as_str().to_owned(), password);
        }
    }
    if !added.is_empty() {
        let mut all = text.map_or_else(|| SEATS_HEADER.to_owned(), |t| t.expose().clone());
        if !all.ends_with('\n') {
            all.push('\n');
        }
        write(path, &(all + &added))?;
    }
    Ok(known)
}

fn passwords_of(path: &Path, text: &str) -> Result<BTreeMap<String, Secret<String>>, StateError> {
    let read: BTreeMap<String, String> = toml::from_str(text).map_err(|e: toml::de::Error| {
        // The message itself may show the line, and with it a password.
        let line = 1 + e.span().map_or(0, |s| text.bytes().take(s.start).filter(|b| *b == b'\n').count());
        error(
            path,
            format!("line {line} cannot be read"),
            "write each seat as \"1001\" = \"its password\", once",
        )
    })?;
    for (seat, password) in &read {
        if password.chars().count() < SHORTEST_PASSWORD
            || password == seat
            || password.contains(char::is_control)
        {
            let cure = format!("choose {SHORTEST_PASSWORD} printable characters or more, or delete the line");
            return Err(error(path, format!("the password of seat {seat} is too easy"), cure));
        }
    }
    Ok(read.into_iter().map(|(seat, password)| (seat, Secret::new(password))).collect())
}

fn trunk_passwords(config: &Config) -> Result<HashMap<TrunkId, Secret<String>>, StateError> {
    let mut passwords = HashMap::new();
    for trunk in &config.trunks {
        passwords.extend(trunk_password(trunk)?.map(|password| (trunk.name.clone(), password)));
    }
    Ok(passwords)
}

/// The first line of a trunk's password file. A password a carrier gave is taken as it is, however short.
fn trunk_password(trunk: &Trunk) -> Result<Option<Secret<String>>, StateError> {
    let Some(path) = &trunk.password_file else { return Ok(None) };
    let cure = format!("write the password of trunk `{}` into it as its first line", trunk.name);
    let Some(text) = read(path)? else { return Err(error(path, "there is no such file", cure)) };
    let first = text.expose().lines().next().unwrap_or_default().trim_end();
    if first.is_empty() || first.contains(char::is_control) {
        return Err(error(path, "its first line is no password", cure));
    }
    Ok(Some(Secret::new(first.to_owned())))
}

fn password() -> Result<Secret<String>, StateError> {
    let bytes = random::<PASSWORD_LENGTH>()?;
    let letter = |b: u8| ALPHABET.get(usize::from(b % 32)).copied().map_or('x', char::from);
    Ok(Secret::new(bytes.into_iter().map(letter).collect()))
}

fn make_directory(path: &Path) -> Result<(), StateError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| {
        let cure = "let the user that runs hotline write there, or set store.path to another place";
        error(path, format!("the state directory cannot be made: {e}"), cure)
    })
}

/// The text of a secret file, `None` when there is no file.
fn read(path: &Path) -> Result<Option<Secret<String>>, StateError> {
    let owned = "let the user that runs hotline own the file, with `chmod 600`";
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(error(path, e.to_string(), owned)),
    };
    let about = file.metadata().map_err(|e| error(path, e.to_string(), owned))?;
    if !about.is_file() || about.len() > MAX_FILE {
        return Err(error(path, "this is not a file of secrets", "move it away"));
    }
    if !is_private(&about) {
        return Err(error(path, "others can read it", format!("run `chmod 600 {}`", path.display())));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|e| error(path, e.to_string(), owned))?;
    Ok(Some(Secret::new(text)))
}

/// Whether only the owner, and a group that root has let, can read a file. A credential of systemd is root's, and the service
/// reads it by an access list, which the mode shows as its group's; a file that root keeps for the service's group is the
/// same decision of root's.
fn is_private(about: &fs::Metadata) -> bool {
    let mode = about.permissions().mode();
    mode & 0o077 == 0 || (about.uid() == 0 && mode & 0o037 == 0)
}

/// Writes a secret file whole or not at all: beside it first, on disk, then renamed, and the rename on disk too.
fn write(path: &Path, text: &str) -> Result<(), StateError> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let beside = path.with_file_name(name);
    let written = (|| {
        match fs::remove_file(&beside) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    })();
    written.map_err(|e| {
        let cure =
            "let the user that runs hotline write to this directory, or set store.path to another place";
        error(path, format!("cannot be written: {e}"), cure)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A configuration whose state directory is new, and goes with it.
    struct Place(Config);

    impl Place {
        fn new() -> Place {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name =
                format!("hotline-secrets-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let mut config = Config::embedded();
            config.store.path = std::env::temp_dir().join(name).join("state/hotline.db");
            Place(config)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.store.state_directory().join(name)
        }

        fn put(&self, name: &str, text: &str) {
            make_directory(self.0.store.state_directory()).unwrap();
            write(&self.file(name), text).unwrap();
        }

        fn refusal(&self) -> String {
            StateDirectory::open(&self.0).unwrap_err().to_string()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.store.state_directory().parent().unwrap());
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_first_start_makes_secrets_only_owners_read_and_the_next_reads_them() {
        let place = Place::new();
        let first = StateDirectory::open(&place.0).unwrap();
        assert_eq!(first.accounts(&place.0).len(), 20);
        assert_eq!(mode(place.0.store.state_directory()), 0o700);
        for name in [SEATS, API_TOKEN, HISTORY_KEY] {
            assert_eq!(mode(&place.file(name)), 0o600, "{name}");
        }
        let again = StateDirectory::open(&place.0).unwrap();
        let seat = SeatId::from("1007");
        assert_eq!(first.password(&seat).unwrap().expose(), again.password(&seat).unwrap().expose());
        assert_eq!(first.password(&seat).unwrap().expose().len(), PASSWORD_LENGTH);
        assert_ne!(first.password(&seat).unwrap().expose(), first.password(&"1008".into()).unwrap().expose());
        assert_eq!(first.api_token().expose(), again.api_token().expose());
        assert_eq!(api_token(place.0.store.state_directory()).unwrap().expose(), first.api_token().expose());
    }

    #[test]
    fn an_edited_password_is_kept_and_new_seats_are_added_below_it() {
        let place = Place::new();
        place.put(SEATS, "# mine\n\"1001\" = \"sesame open\"");
        let state = StateDirectory::open(&place.0).unwrap();
        assert_eq!(state.password(&"1001".into()).unwrap().expose(), "sesame open");
        let text = fs::read_to_string(place.file(SEATS)).unwrap();
        assert!(text.starts_with("# mine\n\"1001\" = \"sesame open\"\n\"1002\" = "), "{text}");
        assert!(StateDirectory::open(&place.0).is_ok());
    }

    #[test]
    fn a_seat_with_a_contact_gets_no_password() {
        let mut place = Place::new();
        let text = crate::config::EMBEDDED.replace(
            "range = \"1001-1020\"",
            "range = \"1001-1020\"\ncontact = \"sip:{seat}@127.0.0.1:6000\"",
        );
        let path = place.0.store.path.clone();
        place.0 = Config::parse("static.toml", &text).unwrap();
        place.0.store.path = path;
        let state = StateDirectory::open(&place.0).unwrap();
        assert!(state.accounts(&place.0).is_empty() && !place.file(SEATS).exists());
    }

    #[test]
    fn a_trunks_password_is_the_first_line_of_its_file_and_never_shown() {
        let mut place = Place::new();
        let path = place.file("carrier");
        if let Some(trunk) = place.0.trunks.first_mut() {
            trunk.password_file = Some(path.clone());
        }
        assert!(place.refusal().contains("no such file"));
        place.put("carrier", "\nsecond\n");
        assert!(place.refusal().contains("no password"));
        place.put("carrier", "open sesame \nsecond\n");
        let state = StateDirectory::open(&place.0).unwrap();
        let passwords = state.trunk_passwords();
        assert_eq!(passwords.values().map(|p| p.expose().as_str()).collect::<Vec<_>>(), ["open sesame"]);
        assert!(!format!("{state:?}").contains("sesame"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(place.refusal().contains("chmod 600"));
    }

    #[test]
    fn a_secret_others_can_read_is_refused_with_its_cure() {
        let place = Place::new();
        StateDirectory::open(&place.0).unwrap();
        fs::set_permissions(place.file(API_TOKEN), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(place.refusal().contains("chmod 600"));
    }

    #[test]
    fn a_group_reads_a_secret_only_where_root_keeps_it() {
        let mut place = Place::new();
        let path = place.file("carrier");
        place.put("carrier", "open sesame\n");
        if let Some(trunk) = place.0.trunks.first_mut() {
            trunk.password_file = Some(path.clone());
        }
        let is_roots = fs::metadata(&path).unwrap().uid() == 0;
        for (mode, is_taken) in [(0o440, is_roots), (0o640, is_roots), (0o660, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(StateDirectory::open(&place.0).is_ok(), is_taken, "{mode:o}");
        }
    }

    #[test]
    fn a_broken_file_is_named_without_showing_what_is_in_it() {
        for (name, text, cure) in [
            (SEATS, "\"1001\" = \"first\"\n\"1002\" = sesame", "once"),
            (SEATS, "\"1001\" = \"1001\"", "delete the line"),
            (SEATS, "\"1001\" = \"short\"", "delete the line"),
            (API_TOKEN, "sesame", "delete the file"),
            (HISTORY_KEY, "sesame", "backup"),
        ] {
            let place = Place::new();
            place.put(name, text);
            let refusal = place.refusal();
            assert!(refusal.contains(name) && refusal.contains(cure), "{refusal}");
            assert!(!refusal.contains("sesame") && !refusal.contains("short\""), "{refusal}");
        }
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_with_a_cure() {
        let place = Place::new();
        fs::create_dir_all(place.0.store.state_directory().parent().unwrap()).unwrap();
        File::create(place.0.store.state_directory()).unwrap();
        assert!(place.refusal().contains("store.path"));
    }

    #[test]
    fn a_token_asked_for_before_the_first_start_names_the_cure() {
        let e = api_token(Path::new("/nonexistent")).unwrap_err();
        assert!(e.to_string().contains("hotline serve"), "{e}");
    }

    #[test]
    fn no_secret_prints_itself() {
        let place = Place::new();
        let state = StateDirectory::open(&place.0).unwrap();
        let printed = format!("{state:?}");
        assert!(!printed.contains(state.api_token().expose()), "{printed}");
        assert!(!printed.contains(state.password(&"1001".into()).unwrap().expose()), "{printed}");
    }
}
