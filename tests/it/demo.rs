//! `hotline demo` and `make demo` as people meet them: on a terminal, and in a pipe.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const HOTLINE: &str = env!("CARGO_BIN_EXE_hotline");

/// Something the demo shows is there within this time, on a machine that is busy.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// Ctrl-C ends the demo within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

const CTRL_C: &[u8] = b"\x03";

/// A terminal with a program in it.
struct Terminal {
    master: File,
    child: Child,
    comes: mpsc::Receiver<Vec<u8>>,
    came: String,
}

impl Terminal {
    /// A window of this size. The program gets it as its controlling terminal, as a shell would give it.
    fn of(rows: u16, columns: u16, program: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pseudoterminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it opens");
        let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("ASCII");
        let no_control = OpenptFlags::NOCTTY.bits().cast_signed();
        let slave =
            File::options().read(true).write(true).custom_flags(no_control).open(name).expect("its end");
        let master = File::from(master);
        resized(&master, rows, columns);
        let end = || Stdio::from(slave.try_clone().expect("one more of it"));
        let child = Command::new("setsid")
            .arg("--ctty")
            .args(program)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .envs(environment.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the program starts");
        let (says, comes) = mpsc::channel();
        let mut reader = master.try_clone().expect("the same terminal");
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            // Linux answers EIO when the program is gone.
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                let _ = says.send(buffer[..n].to_vec());
            }
        });
        Terminal { master, child, comes, came: String::new() }
    }

    fn press(&mut self, keys: &[u8]) {
        self.master.write_all(keys).expect("the terminal takes keys");
    }

    /// Waits until what came since the last call has this text in it, and gives that.
    fn shows(&mut self, text: &str) -> String {
        let until = Instant::now() + SHOWN_WITHIN;
        while !self.came.contains(text) {
            let left = until.saturating_duration_since(Instant::now());
            let bytes =
                self.comes.recv_timeout(left).unwrap_or_else(|e| panic!("no {text:?} ({e}): {}", self.came));
            self.came.push_str(&String::from_utf8_lossy(&bytes));
        }
        std::mem::take(&mut self.came)
    }

    /// Waits for the program's end, and gives how it ended and what came until then.
    fn ends(&mut self) -> (ExitStatus, String) {
        let until = Instant::now() + SHOWN_WITHIN;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < until, "it does not end: {}", self.came);
            if let Ok(bytes) = self.comes.recv_timeout(Duration::from_millis(20)) {
                self.came.push_str(&String::from_utf8_lossy(&bytes));
            }
        };
        while let Ok(bytes) = self.comes.recv_timeout(Duration::from_millis(200)) {
            self.came.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status, std::mem::take(&mut self.came))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resized(terminal: &File, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("a size");
}

/// The whole drawings in what came, each as its lines without colours.
fn drawings(came: &str) -> Vec<Vec<String>> {
    let whole =
        came.split("\x1b[H").skip(1).filter_map(|drawing| drawing.split_once("\x1b[J")).map(|(d, _)| d);
    whole.map(|drawing| drawing.lines().map(plain).collect()).collect()
}

/// A text without its escape sequences.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    let end = |part: &str| part.find(|c: char| c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
    parts.fold(first, |all, part| all + &part[end(part)..]).replace('\r', "")
}

fn all_fit(came: &str, rows: usize, columns: usize) {
    let drawings = drawings(came);
    assert!(!drawings.is_empty(), "{came:?}");
    for lines in drawings {
        assert!(lines.len() <= rows, "{} lines in {rows} rows: {lines:#?}", lines.len());
        assert!(lines.iter().all(|l| l.chars().count() <= columns), "wider than {columns}: {lines:#?}");
        let text = lines.join(" ");
        assert!(text.contains("softphone at") && text.contains("Ctrl-C ends"), "no hint: {lines:#?}");
    }
}

#[test]
fn a_terminal_shows_a_table_in_colour_that_fits_and_ctrl_c_ends_it_well() {
    let mut terminal = Terminal::of(24, 80, &[HOTLINE, "demo"], &[]);
    // A queue forms.
    let came = terminal.shows("\x1b[36mtalking") + &terminal.shows("waiting: 2");
    all_fit(&came, 24, 80);
    assert!(
        drawings(&came).iter().flatten().any(|l| l.contains("ringing") && l.contains("138123400")),
        "{came}"
    );
    // The window is made smaller: the table follows.
    resized(&terminal.master, 14, 60);
    let _ = terminal.shows("\x1b[J");
    let _ = terminal.shows("\x1b[J");
    let came = terminal.shows("\x1b[J");
    all_fit(&came, 14, 60);
    let pressed = Instant::now();
    terminal.press(CTRL_C);
    let (status, came) = terminal.ends();
    let took = pressed.elapsed();
    assert!(status.success(), "{status}: {came}");
    assert!(took < ENDS_WITHIN, "{took:?}");
    let after = came.split("\x1b[?1049l").nth(1).expect("the terminal is given back");
    assert!(after.contains("served by a human") && after.contains("verdict: each call became"), "{after}");
    assert!(after.contains("under way when the demo was ended"), "{after}");
    assert!(!after.contains("\x1b[H"), "the table is drawn on after the terminal was given back: {after}");
}

#[test]
fn a_second_ctrl_c_ends_the_demo_at_once_and_leaves_the_terminal_in_order() {
    let mut terminal = Terminal::of(24, 80, &[HOTLINE, "demo"], &[("NO_COLOR", "1")]);
    let came = terminal.shows("talking");
    assert!(!came.contains("\x1b[3") && !came.contains("\x1b[1m"), "NO_COLOR asks for none: {came}");
    let state =
        came.split("journal and passwords in ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let state = state.expect("it says where its state is").to_owned();
    terminal.press(CTRL_C);
    let came = terminal.shows("ending: ");
    assert!(came.contains("\x1b[?25h\x1b[?1049l"), "{came}");
    terminal.press(CTRL_C);
    let (status, came) = terminal.ends();
    assert_eq!(status.code(), Some(130), "{came}");
    assert!(!came.contains("verdict"), "{came}");
    assert!(!Path::new(&state).exists(), "{state} is left behind");
}

#[test]
fn make_demo_ends_well_at_ctrl_c_on_a_terminal() {
    let demo = format!("DEMO={HOTLINE}");
    // What is built already is not built again: `true` stands in for cargo.
    let mut terminal = Terminal::of(30, 100, &["make", "demo", "CARGO=true", &demo], &[]);
    all_fit(&terminal.shows("talking"), 30, 100);
    terminal.press(CTRL_C);
    let (status, came) = terminal.ends();
    assert!(status.success(), "{status}: {came}");
    assert!(came.contains("verdict: each call became") && !came.contains("Error"), "{came}");
}

fn in_a_pipe() -> Child {
    let mut command = Command::new(HOTLINE);
    command.arg("demo").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the demo starts")
}

#[test]
fn in_a_pipe_the_demo_prints_plain_lines_and_ends_with_its_verdict() {
    let output = in_a_pipe().wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {text}", output.status);
    assert!(!text.contains('\x1b'), "{text}");
    for seen in
        ["offer to seat 1003 ended: NoAnswer", "12 calls of citizens: 10 served", "1 gave up", "1 refused"]
    {
        assert!(text.contains(seen), "no {seen:?}: {text}");
    }
    assert!(text.lines().last().is_some_and(|l| l.starts_with("verdict: each call became")), "{text}");
}

#[test]
fn a_reader_that_goes_away_ends_the_demo_quietly() {
    let mut child = in_a_pipe();
    let mut lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
    assert!(lines.next().is_some_and(|line| line.is_ok_and(|l| l.starts_with("hotline demo: SIP at "))));
    drop(lines);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
