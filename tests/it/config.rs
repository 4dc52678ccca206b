//! The configuration as its users meet it: the examples are sound, every key is documented, and every broken
//! file is named with its line and its cure.

use hotline_gateway::config::{Config, SECTIONS, Transport};
use std::path::Path;
use std::time::Duration;

fn repository(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn example(file: &str) -> Config {
    Config::parse(file, &repository(file)).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_bench_configurations_fit_the_workloads() {
    for (file, seats, waiting) in [("configs/bench.toml", 500, 500), ("configs/bench-w4.toml", 20, 1_100)] {
        let c = example(file);
        assert_eq!(c.sip.listen[0].to_string(), "udp:127.0.0.1:5060");
        assert_eq!((c.seats.len(), c.queues[0].seats.len()), (seats, seats), "{file}");
        assert_eq!(c.queues[0].capacity, waiting, "{file}");
        assert_eq!(c.queues[0].wrap_up, Duration::ZERO, "{file}");
        assert!(c.queues[0].music.is_none() && c.services[0].welcome.is_none(), "{file}");
        assert_eq!(c.services[0].number.as_str(), "12345");
        assert!(c.trunks[0].channels >= 1_200 && c.trunks[0].calls_per_second >= 2_000, "{file}");
        assert!(c.limits.calls >= 1_200 && c.media.legs() >= 2_500, "{file}");
        let contact = c.seats[0].contact.as_ref().expect("a static seat");
        assert_eq!((contact.uri.as_str(), contact.transport), ("sip:1001@127.0.0.1:6000", Transport::Udp));
        for port in [6000, 7000, 30000] {
            assert!(!c.media.ports.contains(&port), "{file}: port {port} belongs to the generator");
        }
        assert_eq!(c.log.level, "warn");
    }
}

#[test]
fn every_key_is_documented_under_its_section() {
    let text = repository("docs/configuration.md");
    for (section, keys) in SECTIONS {
        let heading =
            [format!("## [{section}]"), format!("## [[{section}]]")].into_iter().find_map(|h| text.find(&h));
        let start = heading.unwrap_or_else(|| panic!("docs/configuration.md has no heading for [{section}]"));
        let part = &text[start + 2..];
        let part = &part[..part.find("\n## ").unwrap_or(part.len())];
        for key in *keys {
            assert!(
                part.contains(&format!("| `{key}` |")),
                "docs/configuration.md: `{section}.{key}` is not described"
            );
        }
    }
}

#[test]
fn every_example_of_the_documentation_is_sound() {
    let text = repository("docs/configuration.md");
    let blocks: Vec<&str> = text.split("```toml\n").skip(1).filter_map(|b| b.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        Config::parse("docs/configuration.md", block).unwrap_or_else(|e| panic!("{e}\n{block}"));
    }
}

const SOUND: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
ports = "16384-29999"
[grpc]
listen = "127.0.0.1:50051"
[http]
listen = "127.0.0.1:8080"
[store]
path = "var/hotline.db"
[log]
level = "info"
[limits]
calls = 2000
[[trunk]]
name = "pbx"
sources = ["192.0.2.0/28"]
[[seat]]
range = "1001-1020"
[[queue]]
name = "water"
seats = "all"
[[service]]
number = "12345"
queue = "water"
"#;

/// One line of [`SOUND`], what stands there instead, and a word of the cure. The line is the first one with
/// `#!` in it.
const BROKEN: &[(&str, &str, &str)] = &[
    // Notation.
    ("[sip]", "[sip #!", "brackets"),
    ("level = \"info\"", "level = info #!", "quotation marks"),
    ("level = \"info\"", "level = \"info\"\nlevel = \"warn\" #!", "keep one"),
    ("[log]", "[log]\n[sip] #!", "keep one"),
    // Whether gRPC may go unencrypted, and how the log is written.
    (
        "listen = \"127.0.0.1:50051\"",
        "listen = \"127.0.0.1:50051\"\nallow_plaintext = \"yes\" #!",
        "true or false",
    ),
    ("level = \"info\"", "level = \"info\"\nformat = \"xml\" #!", "text, json"),
    // Variables.
    ("level = \"info\"", "level = \"${HOTLINE_NONE}\" #!", "write a default: ${HOTLINE_NONE:-default}"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"${HOTLINE NONE}\"] #!", "letters, digits"),
    // Unknown and misplaced keys and sections.
    ("[media]", "[meda] #!", "`media`"),
    ("[grpc]", "verbose = true\n[gprc] #!", "`grpc`"),
    ("seats = \"all\"", "capactiy = 10 #!", "`capacity`"),
    ("seats = \"all\"", "colour = \"red\" #!", "ring_timeout"),
    ("ports = \"16384-29999\"", "port = \"16384-29999\" #!", "`ports`"),
    ("[[trunk]]", "[trunk] #!", "[[trunk]]"),
    ("[limits]", "[[limits]] #!", "[limits]"),
    // Types.
    ("calls = 2000", "calls = \"2000\" #!", "without quotation marks"),
    ("calls = 2000", "calls = 0 #!", "1 to 100000"),
    ("calls = 2000", "calls = 99999999999999999999 #!", "1 to 100000"),
    ("calls = 2000", "calls = 20.5 #!", "whole number"),
    ("path = \"var/hotline.db\"", "path = 5 #!", "quotation marks"),
    ("name = \"pbx\"", "name = \"pbx\" #!\ntargets = [\"sip:192.0.2.1;transport=tcp\"]", "tcp:0.0.0.0:5060"),
    ("name = \"pbx\"", "name = \"pbx\" #!\ntargets = [\"sip:[2001:db8::9]\"]", "udp:[2001:db8::1]:5060"),
    ("name = \"pbx\"", "name = \"pbx\"\nlocal = \"eth0\" #!", "like \"192.0.2.1\""),
    ("name = \"pbx\"", "name = \"pbx\"\nlocal = \"0.0.0.0\" #!", "like \"192.0.2.1\""),
    ("name = \"pbx\"", "name = \"pbx\"\nlocal = \"203.0.113.5\" #!", "add \"udp:203.0.113.5:5060\""),
    ("name = \"pbx\"", "name = \"pbx\"\ntrusted = \"yes\" #!", "true or false"),
    ("seats = \"all\"", "ring_timeout = 20 #!", "\"20s\""),
    ("seats = \"all\"", "ring_timeout = \"20 seconds\" #!", "5m"),
    ("seats = \"all\"", "ring_timeout = \"0s\" #!", "1s to 5m"),
    ("calls = 2000", "call_length = \"2000h\" #!", "24h"),
    ("seats = \"all\"", "ring_misses = 101 #!", "0 to 100"),
    ("seats = \"all\"", "ring_misses_ready_after = \"25h\" #!", "24h"),
    // Registrations and operators.
    ("[log]", "[registrar]\nexpires_min = \"1s\" #!\n[log]", "10s"),
    ("[log]", "[registrar]\nexpires_min = \"10m\" #!\n[log]", "longer `expires_max`"),
    ("[log]", "[registrar]\nexpires_min = \"60s\"\nexpires_max = \"30s\" #!\n[log]", "longer `expires_max`"),
    ("[log]", "[[operator]]\nnumber = \"zhang\" #!\n[log]", "1 to 16 digits"),
    ("[log]", "[[operator]] #!\nname = \"Zhang\"\n[log]", "add `number"),
    ("[log]", "[[operator]]\nnumber = \"8007\"\npin_hash = \"4711\" #!\n[log]", "hotline operator hash"),
    ("[log]", "[[operator]]\nnumber = \"8007\"\n[[operator]]\nnumber = \"8007\" #!\n[log]", "drop one"),
    ("calls = 2000", "drain = \"-5s\" #!", "20s"),
    // Addresses.
    ("listen = [\"udp:127.0.0.1:5060\"]", "listen = [\"127.0.0.1:5060\"] #!", "udp:0.0.0.0:5060"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "listen = [\"udp:localhost:5060\"] #!", "udp:0.0.0.0:5060"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "listen = \"udp:127.0.0.1:5060\" #!", "list"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "listen = [] #!", "listen ="),
    ("listen = [\"udp:127.0.0.1:5060\"]", "listen = [\"udp:0.0.0.0:5060\"] #!", "advertised ="),
    (
        "listen = [\"udp:127.0.0.1:5060\"]",
        "advertised = \"sip.example.org\"\nlisten = [\"udp:0.0.0.0:5060\"] #!",
        "IP address",
    ),
    (
        "listen = [\"udp:127.0.0.1:5060\"]",
        "advertised = \"192.0.2.1\"\nlisten = [\"udp:0.0.0.0:5060\",\n\"udp:[::]:5060\"] #!",
        "like \"udp:[2001:db8::1]:5060\"",
    ),
    (
        "listen = [\"udp:127.0.0.1:5060\"]",
        "listen = [\"udp:127.0.0.1:5060\",\n \"udp:127.0.0.1:5060\"] #!",
        "another port",
    ),
    (
        "listen = [\"udp:127.0.0.1:5060\"]",
        "listen = [\"tcp:127.0.0.1:5060\",\n \"ws:127.0.0.1:5060\"] #!",
        "another port",
    ),
    ("listen = [\"udp:127.0.0.1:5060\"]", "listen = [\"tls:127.0.0.1:5061\"] #!", "tls_certificate ="),
    ("listen = [\"udp:127.0.0.1:5060\"]", "tls_certificate = \"cert.pem\" #!", "goes with its key"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "tls_key = \"key.pem\" #!", "goes with its key"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "tls_client_ca = \"\" #!", "path of a PEM file"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "websocket_origins = [\"*\"] #!", "https://desk.example.org"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "advertised = \"0.0.0.0\" #!", "can reach"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "domains = [\"hot line\"] #!", "host name"),
    ("listen = [\"udp:127.0.0.1:5060\"]", "realm = \"a\\\"b\" #!", "without quotes"),
    ("listen = \"127.0.0.1:50051\"", "listen = \"127.0.0.1\" #!", "127.0.0.1:50051"),
    ("listen = \"127.0.0.1:8080\"", "listen = \"0.0.0.0:50051\" #!", "another port"),
    ("listen = \"127.0.0.1:50051\"", "connections = 0 #!", "1 to 60000"),
    ("listen = \"127.0.0.1:8080\"", "connections_per_source = 70000 #!", "1 to 60000"),
    // Media, store, log.
    ("ports = \"16384-29999\"", "ports = \"29999-16384\" #!", "lower port first"),
    ("ports = \"16384-29999\"", "ports = \"16384-16386\" #!", "wider"),
    ("ports = \"16384-29999\"", "ports = \"16384-99999\" #!", "16384-29999"),
    ("ports = \"16384-29999\"", "ports = \"1000-29999\" #!", "above 1023"),
    ("ports = \"16384-29999\"", "ports = \"5000-6000\" #!", "move one"),
    ("ports = \"16384-29999\"", "address = \"eth0\" #!", "0.0.0.0"),
    ("ports = \"16384-29999\"", "address = [\"127.0.0.1\", \"127.0.0.2\"] #!", "one address for each family"),
    ("ports = \"16384-29999\"", "address = [\"::1\", \"lo\"] #!", "without a port"),
    ("ports = \"16384-29999\"", "silence = \"1s\" #!", "5s to 24h"),
    ("path = \"var/hotline.db\"", "path = \"var/\" #!", "journal's file"),
    ("path = \"var/hotline.db\"", "retention_days = 0 #!", "1 to"),
    ("path = \"var/hotline.db\"", "free_space_mib = -1 #!", "0 to 1000000000"),
    ("level = \"info\"", "level = \"wran\" #!", "`warn`"),
    ("[log]", "[recovery]\nwindow = \"1h\" #!\n[log]", "0s to 10m"),
    // Trunks.
    ("name = \"pbx\"", "trusted = true", "name ="),
    ("sources = [\"192.0.2.0/28\"]", "trusted = true", "no password"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [] #!", "at least one"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.1/28\"] #!", "first address"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.0/33\"] #!", "/32"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"pbx.example.org\"] #!", "192.0.2.10"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"udp:192.0.2.1:0\"] #!", "65535"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.1\", \"192.0.2.1/32\"] #!", "drop one"),
    ("sources = [\"192.0.2.0/28\"]", "country = \"+86\" #!", "without `+`"),
    ("sources = [\"192.0.2.0/28\"]", "area = \"010\" #!", "leading 0"),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\n[[trunk]]\nsources = [\"192.0.2.99\"]\nname = \"pbx\" #!",
        "another one",
    ),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\ntargets = [\"192.0.2.10\"] #!",
        "sip:192.0.2.10",
    ),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\nregister = \"sip:carrier.example.org\" #!",
        "password_file",
    ),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.0/28\"]\nusername = \"hotline\" #!", "or neither"),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\nauth_username = \"hotline\" #!",
        "add `username`",
    ),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\ndomain = \"carrier.example.org:5060\" #!",
        "without a port",
    ),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\nauthenticate = \"digest\" #!",
        "password_file",
    ),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\nauthenticate = \"certificate\" #!",
        "certificates =",
    ),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\nauthenticate = \"password\" #!",
        "choose from address",
    ),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.0/28\"]\nping = \"500ms\" #!", "at least"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.0/28\"]\nsession_expires = \"60s\" #!", "1m30s"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.0/28\"]\ncodecs = [] #!", "leave the key out"),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\ncodecs = [\"G729\"] #!",
        "choose from PCMA",
    ),
    (
        "sources = [\"192.0.2.0/28\"]",
        "sources = [\"192.0.2.0/28\"]\ndtmf = \"inband\" #!",
        "choose from rfc4733",
    ),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.0/28\"]\nreliable = \"always\" #!", "required"),
    ("name = \"pbx\"", "name = \"pbx\"\nmedia_sources = [\"udp:192.0.2.1\"] #!", "any port is taken"),
    ("name = \"pbx\"", "name = \"pbx\"\nmedia_sources = [\"192.0.2.1:4000\"] #!", "any port is taken"),
    (
        "name = \"pbx\"",
        "name = \"pbx\"\nmedia_sources = [\"192.0.2.1/24\"] #!",
        "first address of the prefix",
    ),
    ("name = \"pbx\"", "name = \"pbx\"\nsymmetric_rtp = \"no\" #!", "true or false"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.0/28\"]\nheaders = [\"From\"] #!", "X-Case-Id"),
    ("sources = [\"192.0.2.0/28\"]", "sources = [\"192.0.2.0/28\"]\nstrip = \"abc\" #!", "digits"),
    // Seats.
    ("range = \"1001-1020\"", "range = \"1020-1001\" #!", "lower number first"),
    ("range = \"1001-1020\"", "range = \"1001\" #!", "1001-1020"),
    ("range = \"1001-1020\"", "range = \"000000001-999999999\" #!", "shorter"),
    ("range = \"1001-1020\"", "id = \"seat 1\" #!", "letters"),
    ("range = \"1001-1020\"", "id = \"999\"\nrange = \"1001-1020\" #!", "keep"),
    ("range = \"1001-1020\"", "algorithms = [\"MD5\"]", "id ="),
    ("range = \"1001-1020\"", "range = \"1001-1020\"\nalgorithms = [\"SHA256\"] #!", "`SHA-256`"),
    ("range = \"1001-1020\"", "range = \"1001-1020\"\nalgorithms = [] #!", "leave the key out"),
    ("range = \"1001-1020\"", "range = \"1001-1020\"\n[[seat]]\nid = \"1007\" #!", "drop one"),
    ("range = \"1001-1020\"", "range = \"1001-1020\"\ncontact = \"sip:seat@192.0.2.20\" #!", "{seat}"),
    ("range = \"1001-1020\"", "range = \"1001-1020\"\ncontact = \"sip:{seat}@phone.local\" #!", "address"),
    (
        "range = \"1001-1020\"",
        "contact = \"sip:{seat}@192.0.2.20;transport=tcp\"\nrange = \"1001-1020\" #!",
        "tcp:0.0.0.0:5060",
    ),
    (
        "range = \"1001-1020\"",
        "contact = \"sip:{seat}@[2001:db8::20]\"\nrange = \"1001-1020\" #!",
        "udp:[2001:db8::1]:5060",
    ),
    ("range = \"1001-1020\"", "range = \"1001-1020\"\ndial_out = true\n[dial] #!", "trunk ="),
    // Departments, dialling and codes.
    ("[limits]", "[dial]\ntrunk = \"pbx\" #!\n[limits]", "targets ="),
    ("[limits]", "[dial]\nutc_offset = \"CST\" #!\n[limits]", "+08:00"),
    ("[limits]", "[callback]\nwithin = \"10s\" #!\n[limits]", "1m to"),
    ("[limits]", "[codes]\nready = \"12\" #!\n[limits]", "*10"),
    ("[limits]", "[codes]\nready = \"*1\" #!\n[limits]", "begin with another"),
    (
        "[limits]",
        "[[department]]\nname = \"Water\" #!\ncode = \"601\"\nnumbers = [\"1\"]\n[limits]",
        "one for all",
    ),
    (
        "[limits]",
        "[[department]]\nname = \"Water\"\ncode = \"1001\" #!\nnumbers = [\"1\"]\n[limits]",
        "another code",
    ),
    (
        "[limits]",
        "[[department]]\nname = \"Water\"\ncode = \"*11\" #!\nnumbers = [\"1\"]\n[limits]",
        "another code",
    ),
    ("[limits]", "[[department]]\nname = \"Water\"\ncode = \"w\" #!\nnumbers = [\"1\"]\n[limits]", "601"),
    (
        "[limits]",
        "[[department]]\nhours = \"9 to 5\" #!\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"1\"]\n[limits]",
        "Mon-Fri",
    ),
    (
        "[limits]",
        "[[department]]\nnumbers = [\"110#\"] #!\nname = \"Water\"\ncode = \"601\"\n[limits]",
        "as it is dialled",
    ),
    (
        "[limits]",
        "[[department]]\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"1\"]\ntrunk = \"pbk\" #!\n[limits]",
        "`pbx`",
    ),
    // Queues and services.
    ("seats = \"all\"", "seats = [\"1001\", \"1021\"] #!", "`1001`"),
    ("seats = \"all\"", "seats = [\"1001\", \"1001\"] #!", "drop one"),
    ("seats = \"all\"", "seats = [] #!", "\"all\""),
    ("seats = \"all\"", "seats = \"some\" #!", "\"all\""),
    ("ports = \"16384-29999\"", "slot = \"20ms\" #!", "0s to 10ms"),
    ("seats = \"all\"", "music = \"prompts/music.wav\" #!", "without directory"),
    ("seats = \"all\"", "capacity = -1 #!", "1 to"),
    ("seats = \"all\"", "[[queue]]\nname = \"water\" #!", "another one"),
    ("queue = \"water\"", "queue = \"watre\" #!", "`water`"),
    ("queue = \"water\"", "welcome = \"welcome\"", "queue ="),
    ("number = \"12345\"", "number = \"hotline\" #!", "trunk delivers"),
    ("queue = \"water\"", "queue = \"water\"\nanswer_delay_ms = 60001 #!", "0 to 60000"),
    (
        "queue = \"water\"",
        "queue = \"water\"\n[[service]]\nqueue = \"water\"\nnumber = \"12345\" #!",
        "another one",
    ),
];

#[test]
fn every_broken_configuration_is_named_with_its_line_and_its_cure() {
    assert!(Config::parse("sound.toml", SOUND).is_ok(), "{:?}", Config::parse("sound.toml", SOUND));
    assert!(BROKEN.len() >= 50);
    let mut missed = Vec::new();
    for (sound, broken, cure) in BROKEN {
        assert_eq!(SOUND.matches(sound).count(), 1, "`{sound}` is not one line of the sound text");
        let text = SOUND.replace(sound, broken);
        let marked = text.lines().position(|l| l.contains("#!"));
        // What is missing is reported where its section begins.
        let line = marked.unwrap_or_else(|| {
            let at = text.lines().position(|l| l == broken.lines().next().unwrap()).expect("the broken line");
            text.lines()
                .take(at + 1)
                .enumerate()
                .filter(|(_, l)| l.starts_with('['))
                .last()
                .expect("a section")
                .0
        });
        let errors = Config::parse("broken.toml", &text).expect_err(broken).0;
        if !errors.iter().any(|e| e.line == line + 1 && e.cure.contains(cure)) {
            missed.push(format!("{broken:?}: wanted line {} and `{cure}`, got {errors:#?}", line + 1));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn one_reading_names_every_error_in_the_order_of_the_lines() {
    let text = SOUND
        .replace("path = \"var/hotline.db\"", "path = 5")
        .replace("calls = 2000", "calls = 0\ndrian = \"1s\"")
        .replace("ports = \"16384-29999\"", "ports = \"few\"")
        .replace("number = \"12345\"", "number = \"none\"");
    let errors = Config::parse("broken.toml", &text).expect_err("five errors").0;
    let lines: Vec<usize> = errors.iter().map(|e| e.line).collect();
    assert_eq!(lines, [5, 11, 15, 16, 26], "{errors:#?}");
}

#[test]
fn the_media_address_is_one_or_one_for_each_family() {
    let read = |line: &str| {
        let c = Config::parse("media.toml", &SOUND.replace("ports = \"16384-29999\"", line)).unwrap();
        (c.media.address.to_string(), c.media.address6.to_string())
    };
    let is = |v4: &str, v6: &str| (v4.to_owned(), v6.to_owned());
    assert_eq!(read(""), is("0.0.0.0", "::"));
    assert_eq!(read("address = \"192.0.2.1\""), is("192.0.2.1", "::"));
    assert_eq!(read("address = \"2001:db8::1\""), is("0.0.0.0", "2001:db8::1"));
    assert_eq!(read("address = [\"2001:db8::1\", \"192.0.2.1\"]"), is("192.0.2.1", "2001:db8::1"));
}

#[test]
fn the_own_address_of_a_trunk_must_reach_its_targets() {
    let listen = "listen = [\"udp:127.0.0.1:5060\", \"udp:[::1]:5060\", \"tcp:127.0.0.2:5060\"]";
    let read = |keys: &str| {
        let text = SOUND.replace("listen = [\"udp:127.0.0.1:5060\"]", listen);
        Config::parse("local.toml", &text.replace("name = \"pbx\"", &format!("name = \"pbx\"\n{keys}")))
    };
    let sound = read("local = \"::1\"\ntargets = [\"sip:[2001:db8::9]\"]").unwrap();
    assert_eq!(sound.trunks[0].local, Some("::1".parse().unwrap()));
    for (keys, cure) in [
        ("local = \"127.0.0.1\"\ntargets = [\"sip:[2001:db8::9]\"]", "the family of its targets"),
        ("local = \"127.0.0.1\"\ntargets = [\"sip:192.0.2.9;transport=tcp\"]", "add \"tcp:127.0.0.1:5060\""),
    ] {
        let errors = read(keys).expect_err(keys).0;
        assert!(matches!(&errors[..], [e] if e.line == 18 && e.cure.contains(cure)), "{errors:#?}");
    }
}

#[test]
fn an_old_name_of_a_key_is_read_with_a_warning_that_names_the_new_one() {
    let with = |keys: &str| SOUND.replace("calls = 2000", &format!("calls = 2000\n{keys}"));
    let (config, warnings) = Config::examine("old.toml", &with("stranger_silence = \"7s\"")).unwrap();
    assert_eq!(config.limits.unknown_source_silence, Duration::from_secs(7));
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(
        warning.what.contains("`limits.stranger_silence` is now named `unknown_source_silence`"),
        "{warning}"
    );
    let both = with("stranger_silence = \"7s\"\nunknown_source_silence = \"8s\"");
    let refused = Config::parse("both.toml", &both).unwrap_err().to_string();
    assert!(refused.contains("keep the new one of the two"), "{refused}");
    let wrong = Config::parse("wrong.toml", &with("unknown_source_silence = \"7\"")).unwrap_err().to_string();
    assert!(wrong.contains("limits.unknown_source_silence"), "{wrong}");
}

#[test]
fn what_is_allowed_and_perhaps_not_meant_is_warned_of_with_its_line() {
    let warned = |from: &str, to: &str| {
        assert!(SOUND.contains(from), "{from}");
        let (_, warnings) = Config::examine("warned.toml", &SOUND.replace(from, to)).unwrap();
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(warned("calls = 2000", "calls = 100").is_empty());
    let sources = "sources = [\"192.0.2.0/28\"]";
    let grpc = "listen = \"127.0.0.1:50051\"";
    let http = "listen = \"127.0.0.1:8080\"";
    for (from, to, place, cure) in [
        (grpc, "listen = \"[::]:50051\"", "warned.toml:7: grpc.listen: ", "`allow_plaintext = true`"),
        (http, "listen = \"192.0.2.1:8080\"", "warned.toml:9: http.listen: ", "firewall"),
        (sources, "sources = [\"0.0.0.0/0\"]", "warned.toml:18: trunk.sources: ", "digest"),
        (sources, "sources = [\"192.0.2.1\",\n\"::/0\"]", "warned.toml:19: trunk.sources: ", "digest"),
        (sources, "sources = [\"udp:128.0.0.0/1\"]", "warned.toml:18: trunk.sources: ", "digest"),
    ] {
        let warnings = warned(from, to);
        assert!(
            matches!(&warnings[..], [w] if w.starts_with(place) && w.contains(cure)),
            "{to}: {warnings:#?}"
        );
    }
    assert!(warned(grpc, "listen = \"[::]:50051\"\nallow_plaintext = true").is_empty());
    for quiet in [
        "sources = [\"10.0.0.0/8\", \"fc00::/7\"]",
        "sources = [\"0.0.0.0/0\"]\nauthenticate = \"digest\"\nusername = \"u\"\npassword_file = \"p\"",
    ] {
        assert!(warned(sources, quiet).is_empty(), "{quiet}");
    }
}

#[test]
fn a_missing_list_is_missed() {
    let errors = Config::parse("empty.toml", "log = \"info\"").expect_err("nothing is there").0;
    assert!(errors.iter().any(|e| e.cure.contains("[log] on a line of its own")), "{errors:#?}");
    for section in ["trunk", "seat", "queue", "service"] {
        assert!(errors.iter().any(|e| e.cure.contains(&format!("[[{section}]]"))), "{errors:#?}");
    }
}

#[test]
fn an_error_reads_as_one_plain_line() {
    let text = SOUND.replace("level = \"info\"", "level = \"loud\"");
    let errors = Config::parse("my.toml", &text).expect_err("no such level");
    assert_eq!(
        errors.to_string(),
        "my.toml:13: log.level: `loud` is not a level: choose from off, error, warn, info, debug, trace"
    );
}

#[test]
fn no_text_makes_the_reading_panic() {
    // Every prefix and every text with one byte removed: mistakes of all kinds, most of them in the notation.
    for end in 0..SOUND.len() {
        let _ = Config::parse("prefix.toml", &SOUND[..end]);
        let mut text = SOUND.to_owned();
        text.remove(end);
        let _ = Config::parse("hole.toml", &text);
    }
}
