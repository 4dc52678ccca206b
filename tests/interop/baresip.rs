//! baresip as an operator's phone: registers, answers automatically, speaks a tone and keeps what it hears.

use crate::place::{Place, Process, free_port, poll};
use crate::tone;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Where Debian puts the modules on this kind of machine.
const MODULES: &str = "/usr/lib/baresip/modules";

/// Until it is registered, on a machine that is busy.
const REGISTER: Duration = Duration::from_secs(15);

/// Until its file of what it heard is whole.
const WRITE: Duration = Duration::from_secs(5);

/// Seconds of tone it has to say: more than any call here lasts.
const SPEAKS: u32 = 60;

/// A phone that runs. Killed when its owner goes.
pub struct Baresip {
    _process: Process,
}

/// A phone with an operator at its keys: what baresip calls its control interface.
pub struct Desk {
    phone: Baresip,
    keys: TcpStream,
    /// What it said that was not looked at yet.
    said: Vec<u8>,
}

/// For the phone to say what became of a key.
const KEY: Duration = Duration::from_secs(10);

impl Baresip {
    /// Starts a phone and waits until it is registered. It speaks `codec` alone, and a tone of `frequency`.
    pub fn register(
        place: &Place,
        gateway: SocketAddr,
        account: (&str, &str),
        codec: &str,
        frequency: u32,
    ) -> Baresip {
        Baresip::register_over(place, ("udp", ""), gateway, account, codec, frequency)
    }

    /// As [`Baresip::register`], wishing to stay registered for so many seconds.
    pub fn register_for(
        place: &Place,
        gateway: SocketAddr,
        (seat, password): (&str, &str),
        seconds: u32,
        frequency: u32,
    ) -> Baresip {
        let account = format!(
            "<sip:{seat}@{gateway};transport=udp>;auth_user={seat};auth_pass={password};answermode=auto;\
             regint={seconds};audio_codecs=PCMA/8000/1\n"
        );
        Baresip::start(place, "", &account, frequency)
    }

    /// As [`Baresip::register`], by this proxy.
    pub fn register_by(
        place: &Place,
        proxy: SocketAddr,
        gateway: SocketAddr,
        (seat, password): (&str, &str),
        frequency: u32,
    ) -> Baresip {
        let account = format!(
            "<sip:{seat}@{gateway};transport=udp>;auth_user={seat};auth_pass={password};answermode=auto;\
             regint=60;audio_codecs=PCMA/8000/1;outbound=\"sip:{proxy};transport=udp\"\n"
        );
        Baresip::start(place, "", &account, frequency)
    }

    /// As [`Baresip::register`], over this transport; `more` goes into its configuration.
    pub fn register_over(
        place: &Place,
        (transport, more): (&str, &str),
        gateway: SocketAddr,
        (seat, password): (&str, &str),
        codec: &str,
        frequency: u32,
    ) -> Baresip {
        let account = format!(
            "<sip:{seat}@{gateway};transport={transport}>;auth_user={seat};auth_pass={password};answermode=auto;\
             regint=60;audio_codecs={codec}/8000/1\n"
        );
        Baresip::start(place, more, &account, frequency)
    }

    fn start(place: &Place, more: &str, account: &str, frequency: u32) -> Baresip {
        assert!(
            Path::new(MODULES).join("sndfile.so").exists(),
            "baresip has no modules in {MODULES}: run `make test`, which installs it"
        );
        let (spoken, kept) =
            (place.write("spoken.wav", tone::wav(frequency, SPEAKS)), place.path().display());
        // The codecs come before the account, which names one of them.
        let config = format!(
            "sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nrtp_ports 30000-32000\nmodule_path {MODULES}\n\
             module g711.so\nmodule aufile.so\nmodule sndfile.so\nmodule aubridge.so\nmodule account.so\n\
             module_app menu.so\naudio_source aufile,{}\naudio_player aubridge,ear\naudio_alert aubridge,bell\n\
             snd_path {kept}\n{more}\n",
            spoken.display()
        );
        let directory = place.file("baresip");
        std::fs::create_dir_all(&directory).expect("a directory for baresip");
        for (name, text) in
            [("config", config), ("accounts", account.to_owned()), ("contacts", String::new())]
        {
            std::fs::write(directory.join(name), text).expect("a file for baresip");
        }
        let mut command = Command::new("baresip");
        command.args(["-4", "-f"]).arg(&directory);
        let process = Process::start(command, place, "baresip.log");
        let said = || {
            String::from_utf8_lossy(&std::fs::read(place.file("baresip.log")).unwrap_or_default())
                .into_owned()
        };
        let registered = poll(REGISTER, || said().contains(" 200 OK ").then_some(()));
        assert!(registered.is_some(), "baresip does not register: {}", said());
        Baresip { _process: process }
    }

    /// For how many milliseconds it has heard this tone so far, in the call where it heard most of it.
    pub fn has_heard(&self, place: &Place, frequency: u32) -> usize {
        let sounds = recordings(place.path()).filter_map(|wav| tone::samples(&wav));
        sounds.map(|sound| tone::milliseconds_of(&sound, frequency)).max().unwrap_or(0)
    }

    /// What it heard in its only call, once that is over and the file holds `milliseconds` of sound.
    pub fn heard(&self, place: &Place, milliseconds: usize) -> Vec<i16> {
        let mut last = None;
        let whole = poll(WRITE, || {
            let sound = recordings(place.path()).next().and_then(|wav| tone::samples(&wav))?;
            // Two looks that agree: it is no longer written.
            let same = last == Some(sound.len()) && sound.len() >= milliseconds * 8;
            last = Some(sound.len());
            same.then_some(sound)
        });
        whole.unwrap_or_else(|| panic!("baresip kept {last:?} samples of what it heard"))
    }
}

impl Desk {
    /// Registers a phone, as [`Baresip::register`], that answers automatically and takes keys.
    pub fn register(place: &Place, gateway: SocketAddr, account: (&str, &str), frequency: u32) -> Desk {
        let port = free_port();
        let control = format!("module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{port}\n");
        let phone = Baresip::register_over(place, ("udp", &control), gateway, account, "PCMA", frequency);
        let keys = poll(KEY, || TcpStream::connect(("127.0.0.1", port)).ok()).expect("baresip takes keys");
        keys.set_read_timeout(Some(Duration::from_millis(50))).expect("a limit");
        Desk { phone, keys, said: Vec::new() }
    }

    pub fn phone(&self) -> &Baresip {
        &self.phone
    }

    /// Presses a key; what the phone says to it.
    pub fn press(&mut self, command: &str, params: &str) -> Value {
        let text = json!({"command": command, "params": params, "token": command}).to_string();
        write!(self.keys, "{}:{text},", text.len()).expect("baresip listens");
        self.until(|said| said["response"] == Value::Bool(true) && said["token"] == command)
    }

    /// Waits until the phone tells of this, for instance `CALL_CLOSED`.
    pub fn hears_of(&mut self, event: &str) -> Value {
        self.until(|said| said["event"] == Value::Bool(true) && said["type"] == event)
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut all = Vec::new();
        let found = poll(KEY, || {
            while let Some(said) = self.next() {
                if wanted(&said) {
                    return Some(said);
                }
                all.push(said);
            }
            None
        });
        found.unwrap_or_else(|| panic!("baresip did not say what was waited for, but {all:#?}"))
    }

    /// The next whole netstring.
    fn next(&mut self) -> Option<Value> {
        let mut some = [0; 4_096];
        if let Ok(length) = self.keys.read(&mut some) {
            self.said.extend(&some[..length]);
        }
        let colon = self.said.iter().position(|b| *b == b':')?;
        let length: usize = std::str::from_utf8(&self.said[..colon]).ok()?.parse().ok()?;
        let whole = self.said.get(colon + 1..colon + 1 + length)?;
        let value = serde_json::from_slice(whole).expect("baresip speaks JSON");
        self.said.drain(..colon + 2 + length);
        Some(value)
    }
}

/// What was heard in each call so far.
fn recordings(directory: &Path) -> impl Iterator<Item = Vec<u8>> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let names = entries.flatten().map(|e| e.path());
    let of_ear = names.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().ends_with("-dec.wav")));
    of_ear.filter_map(|p| std::fs::read(p).ok())
}
