//! What the gateway is installed by, as far as it can be tried without an engine: the unit, the image's configuration, and
//! what the Dockerfile and the compose file name.

use crate::certificates::Authority;
use crate::line::directory;
use hotline_gateway::config::Config;
use hotline_gateway::io::serve;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn text_of(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn check(file: &Path, variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["check", "--config"])
        .arg(file)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the program runs")
}

/// The unit with the program where this build has it, and with all its credentials.
fn unit() -> String {
    text_of("packaging/hotline.service")
        .replace("/usr/local/bin/hotline", env!("CARGO_BIN_EXE_hotline"))
        .replace("\n#LoadCredential=", "\nLoadCredential=")
}

#[test]
fn systemd_finds_nothing_to_mend_in_the_unit() {
    let directory = directory("unit");
    let file = directory.join("hotline.service");
    std::fs::write(&file, unit()).unwrap();
    let verify = || {
        let mut command = Command::new("systemd-analyze");
        command.args(["verify", "--man=no"]).arg(&file);
        command.output().unwrap_or_else(|e| panic!("systemd-analyze: {e}: run scripts/setup-test.sh"))
    };
    let sound = verify();
    assert!(sound.status.success() && said(&sound).is_empty(), "{}", said(&sound));
    std::fs::write(&file, unit().replace("Type=notify", "Type=exceptional")).unwrap();
    assert!(!said(&verify()).is_empty(), "systemd-analyze would find it");
    let _ = std::fs::remove_dir_all(directory);
}

#[test]
fn the_unit_and_the_manual_name_the_same_credentials() {
    let names = |text: &str, before: &str, end: char| -> BTreeSet<String> {
        let all = text.split(before).skip(1).filter_map(|rest| rest.split(end).next());
        all.map(str::to_owned).collect()
    };
    let loaded = names(&unit(), "\nLoadCredential=", ':');
    assert_eq!(loaded.len(), 3);
    for file in ["packaging/hotline.service", "docs/operations.md"] {
        assert_eq!(names(&text_of(file), "\"${CREDENTIALS_DIRECTORY}/", '"'), loaded, "{file}");
    }
}

#[tokio::test]
async fn a_service_starts_with_a_password_and_a_key_from_its_credentials() {
    let directory = directory("credentials");
    let credentials = directory.join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let authority = Authority::new();
    authority.signs(&["hotline.example.org"]).write(&credentials);
    std::fs::write(credentials.join("carrier-password"), "sesame\n").unwrap();
    std::fs::rename(credentials.join("cert.pem"), credentials.join("tls-certificate")).unwrap();
    std::fs::rename(credentials.join("key.pem"), credentials.join("tls-key")).unwrap();
    // As systemd makes them: read by the service alone, and not to be written.
    for file in std::fs::read_dir(&credentials).unwrap().flatten() {
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o400)).unwrap();
    }
    let file = directory.join("hotline.toml");
    let text = format!(
        "[sip]\nlisten = [\"udp:127.0.0.1:0\", \"tls:127.0.0.1:0\"]\n\
         tls_certificate = \"${{CREDENTIALS_DIRECTORY}}/tls-certificate\"\n\
         tls_key = \"${{CREDENTIALS_DIRECTORY}}/tls-key\"\n\
         [grpc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[store]\npath = {:?}\n\
         [[trunk]]\nname = \"carrier\"\nsources = [\"192.0.2.1\"]\nusername = \"hotline\"\n\
         password_file = \"${{CREDENTIALS_DIRECTORY}}/carrier-password\"\n[[seat]]\nid = \"1001\"\n\
         [[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n",
        directory.join("journal.db")
    );
    std::fs::write(&file, &text).unwrap();
    let place = credentials.to_str().expect("a path");
    let sound = check(&file, &[("CREDENTIALS_DIRECTORY", place)]);
    assert!(sound.status.success(), "{}", said(&sound));
    let without = check(&file, &[]);
    assert!(!without.status.success() && said(&without).contains("LoadCredential="), "{}", said(&without));
    let variables = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| place.to_owned());
    let (config, _) =
        Config::examine_with("hotline.toml", &text, &variables).unwrap_or_else(|e| panic!("{e}"));
    let running = serve::start(&config).await.unwrap_or_else(|e| panic!("{e}"));
    running.stop().await;
    let _ = std::fs::remove_dir_all(directory);
}

#[test]
fn the_image_s_configuration_asks_for_the_address_and_for_nothing_else() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/docker/hotline.toml");
    let sound = check(&file, &[("HOTLINE_ADVERTISED", "192.0.2.1"), ("HOTLINE_TRUNK", "192.0.2.8/29")]);
    assert!(sound.status.success(), "{}", said(&sound));
    assert!(check(&file, &[("HOTLINE_ADVERTISED", "192.0.2.1")]).status.success());
    let without = check(&file, &[]);
    assert!(!without.status.success() && said(&without).contains("HOTLINE_ADVERTISED"), "{}", said(&without));
}

/// The instructions of the Dockerfile, continued lines joined, comments left out.
fn instructions() -> Vec<(String, String)> {
    let text = text_of("Dockerfile");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let split =
        |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
    joined.lines().filter_map(split).collect()
}

#[test]
fn what_the_dockerfile_copies_is_there_and_its_commands_can_be_read() {
    let ignored = text_of(".dockerignore");
    let mut copied = 0;
    for (word, rest) in instructions() {
        if word == "COPY" && !rest.starts_with("--from=") {
            let mut sources: Vec<&str> = rest.split_whitespace().collect();
            sources.pop();
            for source in sources {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
                assert!(path.exists() && !ignored.lines().any(|line| line == source), "COPY {source}");
                copied += 1;
            }
        }
        if word == "RUN" {
            let read = Command::new("sh").args(["-n", "-c", &rest]).output().expect("a shell");
            assert!(read.status.success(), "RUN {rest}: {}", said(&read));
        }
    }
    assert!(copied >= 7, "{copied}");
}

#[test]
fn the_image_builds_from_the_pinned_compiler() {
    let pinned = text_of("rust-toolchain.toml");
    let version =
        pinned.split("channel = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
    let dockerfile = text_of("Dockerfile");
    assert!(dockerfile.contains(&format!("RUSTUP_TOOLCHAIN={version}")), "{version}");
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    assert!(dockerfile.contains(&format!("FROM rust:{minor}-")), "{version}");
}

#[test]
fn every_port_of_the_image_s_configuration_is_exposed_and_published() {
    let variables = |name: &str| (name == "HOTLINE_ADVERTISED").then(|| "192.0.2.1".to_owned());
    let text = text_of("packaging/docker/hotline.toml");
    let (config, _) =
        Config::examine_with("hotline.toml", &text, &variables).unwrap_or_else(|e| panic!("{e}"));
    let mut ports: BTreeSet<String> =
        config.sip.listen.iter().map(|l| format!("{}/{}", l.address.port(), l.transport)).collect();
    ports.extend([config.grpc.listen, config.http.listen].map(|a| format!("{}/tcp", a.port())));
    let media = &config.media.ports;
    ports.insert(format!("{}-{}/udp", media.start(), media.end()));
    let exposed = instructions().into_iter().find(|(word, _)| word == "EXPOSE").expect("EXPOSE").1;
    assert_eq!(exposed.split(' ').map(str::to_owned).collect::<BTreeSet<_>>(), ports);
    let compose = text_of("compose.yaml");
    let published = compose.lines().filter_map(|line| line.trim().strip_prefix("- \"")?.strip_suffix('"'));
    // The container's side of each.
    let published = published.filter_map(|port| port.rsplit(':').next()).map(str::to_owned);
    assert_eq!(published.collect::<BTreeSet<_>>(), ports);
}
