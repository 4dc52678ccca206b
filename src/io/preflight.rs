//! What `serve` needs of the machine, looked at beforehand: its addresses, its files, and who may read them.
//!
//! Nothing that stays is made or changed, and a gateway that runs is not touched. What is found holds for the user who
//! looks: the service's user may have other rights.

use super::{rtp, secrets, store, stream};
use crate::config::Config;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What was found, a plain line each, with its place and cure.
#[derive(Debug, Default)]
pub struct Findings {
    /// `serve` refuses to start with these.
    pub errors: Vec<String>,
    /// `serve` starts; they are perhaps not meant.
    pub warnings: Vec<String>,
}

/// Looks at everything.
pub fn examine(config: &Config) -> Findings {
    let mut found = Findings::default();
    addresses(config, &mut found);
    state_directory(config.store.state_directory(), &mut found);
    if let Err(e) = store::examine(&config.store.path) {
        found.errors.push(e.to_string());
    }
    store_is_private(&config.store.path, &mut found);
    secrets::examine(config, &mut found);
    if let Err(e) = stream::Tls::load(&config.sip.tls) {
        found.errors.push(e);
    }
    if let Some(identity) = &config.sip.tls.identity
        && mode(&identity.key) & 0o007 != 0
    {
        let key = identity.key.display();
        found
            .warnings
            .push(format!("{key}: every user of this machine can read the TLS key: run `chmod o= {key}`"));
    }
    if let Err(wrong) = rtp::check_prompts(config) {
        found.errors.extend(wrong.0.iter().map(ToString::to_string));
    }
    found
}

/// An address that is none of this machine's cannot be listened on. Ports are not tried: a gateway that runs has them.
fn addresses(config: &Config, found: &mut Findings) {
    let sip = config.sip.listen.iter().map(|l| ("sip.listen", l.address.ip()));
    let rest = [
        ("grpc.listen", config.grpc.listen.ip()),
        ("http.listen", config.http.listen.ip()),
        ("media.address", config.media.address.into()),
        ("media.address", config.media.address6.into()),
    ];
    let mut looked_at: Vec<(&str, IpAddr)> = Vec::new();
    for (key, ip) in sip.chain(rest).filter(|(_, ip)| !ip.is_unspecified()) {
        if looked_at.contains(&(key, ip)) {
            continue;
        }
        looked_at.push((key, ip));
        if let Err(e) = UdpSocket::bind((ip, 0)) {
            found.errors.push(format!(
                "{key}: {ip}: {e}: write an address of this machine (`ip address` lists them)"
            ));
        }
    }
}

/// The state directory, or the nearest one above it that is there, must take new files.
fn state_directory(directory: &Path, found: &mut Findings) {
    let mut there = directory;
    while let Err(e) = fs::metadata(there) {
        let up = if e.kind() == ErrorKind::NotFound { there.parent() } else { None };
        let Some(up) = up else { break };
        there = if up.as_os_str().is_empty() { Path::new(".") } else { up };
    }
    // Rights, read-only mounts and quotas all decide: only trying tells.
    let probe = there.join(format!(".hotline-check-{}", std::process::id()));
    let tried = OpenOptions::new().write(true).create_new(true).open(&probe);
    let _ = fs::remove_file(&probe);
    if let Err(e) = tried {
        found.errors.push(format!(
            "{}: the state directory cannot be written: {e}: let the user that runs hotline write there, or set store.path \
             to another place",
            directory.display()
        ));
    }
    if there == directory && mode(directory) & 0o022 != 0 {
        let directory = directory.display();
        found.warnings.push(format!(
            "{directory}: other users can put files into the state directory: run `chmod go-w {directory}`, or set \
             store.path to a directory of its own"
        ));
    }
}

/// The journal holds callers' numbers. SQLite keeps what is new in two files beside it.
fn store_is_private(store: &Path, found: &mut Findings) {
    let beside = |end: &str| {
        let mut name = store.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let directory = mode(store.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    // Who may not enter the directory reads nothing in it.
    let by_group = if directory & 0o010 != 0 { 0o040 } else { 0 };
    let by_others = if directory & 0o001 != 0 { 0o004 } else { 0 };
    for file in ["", "-wal", "-shm", ".life"].map(beside) {
        if mode(&file) & (by_group | by_others) != 0 {
            let file = file.display();
            found.warnings.push(format!("{file}: other users can read the journal: run `chmod 600 {file}`"));
        }
    }
}

/// The permissions of a file, none when it is not there.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |about| about.permissions().mode() & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::secrets::StateDirectory;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A configuration on a state directory of the test's own, made as `serve` makes it.
    struct Place(Config);

    impl Place {
        fn started() -> Place {
            let place = Place::new();
            StateDirectory::open(&place.0).unwrap();
            place
        }

        fn new() -> Place {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let nth = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("hotline-preflight-{}-{nth}", std::process::id());
            let mut config = Config::embedded();
            config.store.path = std::env::temp_dir().join(name).join("state/hotline.db");
            fs::create_dir_all(config.store.state_directory().parent().unwrap()).unwrap();
            Place(config)
        }

        fn file(&self, name: &str, text: &[u8], mode: u32) -> PathBuf {
            let path = self.0.store.state_directory().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        /// The one error there is.
        fn error(&self) -> String {
            let Findings { errors, .. } = examine(&self.0);
            assert_eq!(errors.len(), 1, "{errors:#?}");
            errors.concat()
        }

        /// The warnings, where there are no errors.
        fn warnings(&self) -> Vec<String> {
            let Findings { errors, warnings } = examine(&self.0);
            assert!(errors.is_empty(), "{errors:#?}");
            warnings
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.store.state_directory().parent().unwrap());
        }
    }

    #[test]
    fn around_a_first_start_nothing_is_found_and_nothing_is_left_behind() {
        let place = Place::new();
        assert!(place.warnings().is_empty());
        let above = place.0.store.state_directory().parent().unwrap();
        assert_eq!(fs::read_dir(above).unwrap().count(), 0, "looking makes nothing");
        StateDirectory::open(&place.0).unwrap();
        assert!(place.warnings().is_empty());
        assert_eq!(fs::read_dir(place.0.store.state_directory()).unwrap().count(), 3, "the secrets alone");
    }

    #[test]
    fn a_state_directory_that_is_a_file_is_an_error() {
        let place = Place::new();
        fs::write(place.0.store.state_directory(), "").unwrap();
        assert!(examine(&place.0).errors[0].contains("store.path"));
    }

    #[test]
    fn an_address_of_another_machine_is_an_error() {
        let mut place = Place::started();
        place.0.grpc.listen = "192.0.2.1:50051".parse().unwrap();
        assert!(place.error().starts_with("grpc.listen: 192.0.2.1: "));
    }

    #[test]
    fn a_journal_that_is_none_of_ours_is_an_error() {
        let place = Place::started();
        place.file(
            "hotline.db",
            b"not a database, but long enough to have the header of one in front of its pages",
            0o600,
        );
        assert!(place.error().contains("not a database"));
        place.file(
            "hotline.db",
            b"SQLite format 3\0 but all the rest of its header is of another program's making",
            0o600,
        );
        assert!(place.error().contains("another program"));
    }

    #[test]
    fn a_missing_certificate_and_an_unreadable_key_are_errors() {
        let mut place = Place::started();
        let certificate = place.file("cert.pem", b"no certificate", 0o644);
        let key = place.0.store.state_directory().join("key.pem");
        place.0.sip.tls.identity = Some(crate::config::Identity { certificate, key });
        assert!(place.error().contains("cert.pem: there is no certificate in it"));
        place.0.sip.tls.identity.as_mut().unwrap().certificate = "/nonexistent/cert.pem".into();
        assert!(place.error().contains("/nonexistent/cert.pem: No such file"));
    }

    #[test]
    fn a_tls_key_all_users_can_read_is_warned_of_and_a_groups_is_not() {
        let mut place = Place::started();
        let made = rcgen::generate_simple_self_signed(vec!["sip.example.org".to_owned()]).unwrap();
        let certificate = place.file("cert.pem", made.cert.pem().as_bytes(), 0o644);
        let key = place.file("key.pem", made.signing_key.serialize_pem().as_bytes(), 0o644);
        place.0.sip.tls.identity = Some(crate::config::Identity { certificate, key: key.clone() });
        assert!(matches!(&place.warnings()[..], [w] if w.contains("key.pem") && w.contains("chmod o=")));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(place.warnings().is_empty());
    }

    #[test]
    fn a_journal_others_can_read_is_warned_of_where_they_reach_it() {
        let place = Place::started();
        place.file("hotline.db", b"", 0o644);
        assert!(place.warnings().is_empty(), "no other user may enter the directory");
        let open = |mode| {
            fs::set_permissions(place.0.store.state_directory(), fs::Permissions::from_mode(mode)).unwrap()
        };
        open(0o755);
        assert!(matches!(&place.warnings()[..], [w] if w.contains("chmod 600")), "{:?}", place.warnings());
        open(0o777);
        assert!(place.warnings()[0].contains("chmod go-w"));
    }

    #[test]
    fn secrets_others_can_read_are_each_an_error_as_serve_refuses_them() {
        let mut place = Place::started();
        for name in [secrets::SEATS, secrets::API_TOKEN, secrets::HISTORY_KEY] {
            let path = place.0.store.state_directory().join(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(place.error().contains(name), "{name}");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let path = place.file("carrier", b"sesame\n", 0o644);
        place.0.trunks[0].password_file = Some(path);
        assert!(place.error().contains("carrier: others can read it"));
        place.0.trunks[0].password_file = Some("/nonexistent/carrier".into());
        assert!(place.error().contains("/nonexistent/carrier: there is no such file"));
    }

    #[test]
    fn short_passwords_of_seats_are_one_warning_with_the_line_of_the_first() {
        let place = Place::started();
        let text = "# mine\n\"1001\" = \"long enough for it\"\n\"1002\" = \"elevenchars\"\n\"1003\" = \"sesame\"\n\"9\" = \"unused\"\n";
        place.file(secrets::SEATS, text.as_bytes(), 0o600);
        let warnings = place.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        assert!(
            warnings[0].contains("seats.toml:3: the passwords of 2 seats, 1002 first, have fewer than 12"),
            "{warnings:?}"
        );
        assert!(!warnings[0].contains("sesame"));
    }
}
