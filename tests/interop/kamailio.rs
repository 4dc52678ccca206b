//! Kamailio in front: a proxy between trunk and gateway that records its route, as an SBC does.

use crate::baresip::Baresip;
use crate::place::{Place, Process, free_port, poll};
use crate::program::{Program, text};
use crate::sipp::Plan;
use crate::tone::milliseconds_of;
use crate::voice::Voice;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Until it answers, on a machine that is busy.
const START: Duration = Duration::from_secs(20);

/// Where Debian puts its modules on this kind of machine, and on others.
const MODULES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/kamailio/modules", "/usr/lib/aarch64-linux-gnu/kamailio/modules"];

/// A proxy that runs. Killed when its owner goes.
pub struct Kamailio {
    pub address: SocketAddr,
    log: PathBuf,
    _process: Process,
}

/// What every proxy here does first: hops, CANCEL, requests inside a dialog by their route, our question whether it is
/// up. It says which requests pass.
const PROXY: &str = "loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nloadmodule \"rr.so\"\nloadmodule \"maxfwd.so\"\n\
    loadmodule \"pv.so\"\nloadmodule \"textops.so\"\nloadmodule \"siputils.so\"\nloadmodule \"xlog.so\"\n\
    loadmodule \"auth.so\"\nloadmodule \"path.so\"\nmodparam(\"rr\", \"enable_full_lr\", 1)\n\
    request_route {\n\
    if (!mf_process_maxfwd_header(\"10\")) { sl_send_reply(\"483\", \"Too Many Hops\"); exit; }\n\
    if (is_method(\"OPTIONS\") && $rU == $null) { sl_send_reply(\"200\", \"Here\"); exit; }\n\
    xlog(\"L_WARN\", \"passes: $rm\\n\");\n\
    if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; }\n\
    if (has_totag()) {\n\
    if (loose_route()) { t_relay(); exit; }\n\
    if (is_method(\"ACK\") && t_check_trans()) { t_relay(); exit; }\n\
    sl_send_reply(\"404\", \"Not here\"); exit; }\n";

impl Kamailio {
    /// Starts a proxy at `host`, whose new calls go to `next`. Requests inside a dialog follow their route.
    pub fn start(place: &Place, host: &str, next: SocketAddr) -> Kamailio {
        let script = format!(
            "{PROXY}remove_hf(\"Route\");\nif (is_method(\"INVITE\")) record_route();\n\
             $du = \"sip:{next}\";\nif (!t_relay()) sl_reply_error();\n}}\n"
        );
        Kamailio::with(place, host, &script)
    }

    /// Starts a proxy at `host` that asks everybody for one password, by 407, before calls go on to `next`.
    pub fn charging(place: &Place, host: &str, password: &str, next: SocketAddr) -> Kamailio {
        let script = format!(
            "{PROXY}if (!pv_proxy_authenticate(\"carrier\", \"{password}\", \"0\")) {{\n\
             auth_challenge(\"carrier\", \"1\"); exit; }}\n\
             consume_credentials();\nrecord_route();\n$du = \"sip:{next}\";\nif (!t_relay()) sl_reply_error();\n}}\n"
        );
        Kamailio::with(place, host, &script)
    }

    /// Starts an edge at `host` in front of phones: it puts itself into their Path (RFC 3327), and what comes from the
    /// gateway goes on to the phone.
    pub fn edge(place: &Place, host: &str, gateway: SocketAddr) -> Kamailio {
        let port = gateway.port();
        let script = format!(
            "{PROXY}if ($si == \"127.0.0.1\" && $sp == {port}) {{\n\
             loose_route();\nif (is_method(\"INVITE\")) record_route();\n\
             if (!t_relay()) sl_reply_error();\nexit; }}\n\
             remove_hf(\"Route\");\n\
             if (is_method(\"REGISTER\")) add_path();\nif (is_method(\"INVITE\")) record_route();\n\
             $du = \"sip:{gateway}\";\nif (!t_relay()) sl_reply_error();\n}}\n"
        );
        Kamailio::with(place, host, &script)
    }

    /// How many requests of this method passed it, copies and those it did not let through as well.
    pub fn passed(&self, method: &str) -> usize {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        said.matches(&format!("passes: {method}\n")).count()
    }

    /// Starts a registrar at `host` that asks everybody for one password, by one digest algorithm.
    pub fn registrar(place: &Place, host: &str, algorithm: &str, password: &str) -> Kamailio {
        let script = format!(
            "loadmodule \"sl.so\"\nloadmodule \"pv.so\"\nloadmodule \"textops.so\"\nloadmodule \"siputils.so\"\n\
             loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\nloadmodule \"auth.so\"\n\
             modparam(\"usrloc\", \"db_mode\", 0)\nmodparam(\"auth\", \"algorithm\", \"{algorithm}\")\n\
             request_route {{\n\
             if (is_method(\"OPTIONS\")) {{ sl_send_reply(\"200\", \"Here\"); exit; }}\n\
             if (!is_method(\"REGISTER\")) {{ sl_send_reply(\"405\", \"Only that\"); exit; }}\n\
             if (!pv_www_authenticate(\"carrier\", \"{password}\", \"0\")) {{\n\
             auth_challenge(\"carrier\", \"1\"); exit; }}\n\
             if (!save(\"location\")) sl_reply_error();\n\
             }}\n"
        );
        Kamailio::with(place, host, &script)
    }

    fn with(place: &Place, host: &str, script: &str) -> Kamailio {
        let address: SocketAddr = format!("{host}:{}", free_port()).parse().expect("an address");
        let text = format!(
            "debug=2\nlog_stderror=yes\nchildren=1\nlisten=udp:{address}\ndisable_tcp=yes\nauto_aliases=no\n{script}"
        );
        let configuration = place.write("kamailio.cfg", text);
        let modules = MODULES.iter().find(|m| Path::new(m).exists());
        let modules = modules.unwrap_or_else(|| panic!("Kamailio has no modules: run `make test`"));
        let mut command = Command::new("kamailio");
        command.arg("-f").arg(configuration).args(["-DD", "-E", "-m", "32", "-M", "8", "-L", modules]);
        command.arg("-Y").arg(runtime(place)).arg("-P").arg(place.file("kamailio.pid"));
        let process = Process::start(command, place, "kamailio.log");
        let proxy = Kamailio { address, log: place.file("kamailio.log"), _process: process };
        let up = poll(START, || proxy.answers().then_some(()));
        let said = || std::fs::read_to_string(place.file("kamailio.log")).unwrap_or_default();
        assert!(up.is_some(), "Kamailio does not start: {}", said());
        proxy
    }

    fn answers(&self) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
        let local = socket.local_addr().expect("its address");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a limit");
        let ping = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKup\r\nFrom: <sip:t@{local}>;tag=a\r\n\
             To: <sip:{to}>\r\nCall-ID: up\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n",
            to = self.address
        );
        let _ = socket.send_to(ping.as_bytes(), self.address);
        socket.recv_from(&mut [0; 2048]).is_ok()
    }
}

fn runtime(place: &Place) -> PathBuf {
    let directory = place.file("kamailio");
    std::fs::create_dir_all(&directory).expect("a directory for Kamailio");
    directory
}

#[test]
fn a_call_reaches_a_phone_behind_an_edge_by_the_path_it_registered_on() {
    let seat = "[[seat]]\nid = \"1001\"";
    let trunk = "[[trunk]]\nname = \"sipp\"\nsources = [\"127.0.0.1\"]\n";
    let gateway = Program::with_trunks("edge", &["udp:127.0.0.1:0"], trunk, seat, "");
    let edge = Kamailio::edge(&gateway.place, "127.0.0.6", gateway.sip);
    let account = ("1001", gateway.password("1001"));
    let _phone =
        Baresip::register_by(&gateway.place, edge.address, gateway.sip, (account.0, &account.1), 620);
    assert!(edge.passed("REGISTER") >= 2, "it asked, and proved itself, through the edge");
    let citizen = Voice::start(1_000);
    let media = citizen.port.to_string();
    let fill = [("media", media.as_str()), ("hold", "2000")];
    let scenario = include_str!("scenarios/caller.xml");
    let trunk = Plan { name: "trunk", scenario, fill: &fill, calls: 1, rate: 1 };
    trunk.call(&gateway.place, gateway.sip).succeed(&gateway.place);
    let heard = milliseconds_of(&citizen.heard(), 620);
    assert!(heard >= 1_000, "the citizen heard {heard} ms of the operator");
    let record = &gateway.final_records(1)[0];
    assert_eq!(text(record, "/seat"), "1001", "{record:#}");
    assert_eq!(text(record, "/ended/reason"), "END_REASON_COMPLETED", "{record:#}");
    for method in ["INVITE", "ACK", "BYE"] {
        assert!(edge.passed(method) > 0, "{method} to the phone goes by the edge");
    }
}

/// Ten calls through the proxy, ended by whichever side the scenarios say.
fn by_proxy(name: &str, caller: &str, seat: &str, ended_by: &str) {
    let port = free_port();
    let seats = format!("[[seat]]\nrange = \"2001-2010\"\ncontact = \"sip:{{seat}}@127.0.0.1:{port}\"");
    let trunk = "[[trunk]]\nname = \"proxy\"\nsources = [\"127.0.0.5\"]\n";
    let gateway = Program::with_trunks(name, &["udp:127.0.0.1:0"], trunk, &seats, "");
    let proxy = Kamailio::start(&gateway.place, "127.0.0.5", gateway.sip);
    let fill = [("media", "9"), ("hold", "400")];
    let phones = Plan { name: "seats", scenario: seat, fill: &fill, calls: 10, rate: 0 };
    let phones = phones.serve(&gateway.place, port);
    let trunk = Plan { name: "trunk", scenario: caller, fill: &fill, calls: 10, rate: 10 };
    trunk.call(&gateway.place, proxy.address).succeed(&gateway.place);
    phones.succeed(&gateway.place);
    for record in gateway.final_records(10) {
        assert_eq!(text(&record, "/trunk"), "proxy", "{record:#}");
        assert_eq!(text(&record, "/ended/reason"), "END_REASON_COMPLETED", "{record:#}");
        assert_eq!(text(&record, "/ended/by"), ended_by, "{record:#}");
    }
}

#[test]
fn callers_behind_a_proxy_in_the_route_call_and_hang_up() {
    let caller = include_str!("scenarios/caller_by_proxy.xml");
    by_proxy("kamailio", caller, include_str!("scenarios/seat.xml"), "ENDED_BY_CALLER");
}

#[test]
fn our_bye_to_a_caller_behind_a_proxy_follows_the_recorded_route() {
    let caller = include_str!("scenarios/caller_listens_by_proxy.xml");
    by_proxy("kamailio-bye", caller, include_str!("scenarios/seat_hangs_up.xml"), "ENDED_BY_SEAT");
}
