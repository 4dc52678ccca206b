//! What the demo shows: on a terminal a table that fits the window, without one a line an event.

use super::board::Board;
use crate::event::SeatState;
use crate::time::{Duration, Wall};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Callers shown in the queue; more are a number.
const WAITING_SHOWN: usize = 6;

/// A window whose size is not told.
const USUAL: Size = Size { rows: 24, columns: 80 };

/// Whether the table has the terminal at present: what is left behind when the demo ends at once.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// Where the demo is shown.
#[derive(Debug)]
pub(super) enum Screen {
    /// A line an event.
    Lines,
    /// A table, drawn again and again.
    Table {
        /// Whether it is in colour.
        colour: bool,
        /// How others can join, always visible.
        hint: String,
    },
}

/// A window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub rows: usize,
    pub columns: usize,
}

/// How a text is painted: SGR parameters (ECMA-48 section 8.3.117).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paint {
    Plain,
    Bold,
    Faint,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
}

/// Texts beside each other.
type Line = Vec<(Paint, String)>;

impl Screen {
    /// Whether stdout is a terminal a table can be drawn on.
    pub(super) fn is_terminal() -> bool {
        let can_draw = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
        std::io::stdout().is_terminal() && can_draw
    }

    /// The table takes the terminal. Colour is left out where `NO_COLOR` says so.
    pub(super) fn take(hint: String) -> Screen {
        let colour = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        // The other screen, so that what stood in the window is there again afterwards, without a cursor.
        DRAWN.store(print("\x1b[?1049h\x1b[?25l"), Ordering::Relaxed);
        Screen::Table { colour, hint }
    }

    /// The terminal is given back, if the table has it.
    pub(super) fn give_back() {
        if DRAWN.swap(false, Ordering::Relaxed) {
            print("\x1b[?25h\x1b[?1049l");
        }
    }

    /// Draws the table, as long as it has the terminal. `false` once the terminal is gone.
    pub(super) fn draw(&self, board: &Board, now: Wall) -> bool {
        let Screen::Table { colour, hint } = self else { return true };
        if !DRAWN.load(Ordering::Relaxed) {
            return true;
        }
        print(&frame(&lines(board, hint, now, size()), size(), *colour))
    }

    /// Prints a line, where there is no table. `false` once the reader is gone.
    pub(super) fn line(&self, text: &str) -> bool {
        matches!(self, Screen::Table { .. }) || print(&format!("{text}\n"))
    }
}

/// Prints to stdout. `false` when its reader went away.
pub(super) fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

fn size() -> Size {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(window) if window.ws_row > 0 && window.ws_col > 0 => {
            Size { rows: window.ws_row.into(), columns: window.ws_col.into() }
        }
        _ => USUAL,
    }
}

/// One drawing: from the top left, each line cut to the window and cleared to its end, nothing below the last.
fn frame(lines: &[Line], size: Size, colour: bool) -> String {
    let mut text = String::from("\x1b[H");
    for (i, line) in lines.iter().take(size.rows).enumerate() {
        if i > 0 {
            text.push_str("\r\n");
        }
        let mut room = size.columns;
        for (paint, part) in line {
            let shown: String = part.chars().take(room).collect();
            room -= shown.chars().count();
            match paint.code().filter(|_| colour) {
                Some(code) => text.push_str(&format!("\x1b[{code}m{shown}\x1b[0m")),
                None => text.push_str(&shown),
            }
        }
        text.push_str("\x1b[K");
    }
    text + "\x1b[J"
}

/// The whole window, line by line: a head, the seats, the queue, the newest events, and the hint at the bottom.
fn lines(board: &Board, hint: &str, now: Wall, size: Size) -> Vec<Line> {
    let mut hint = wrapped(hint, size.columns);
    hint.truncate(size.rows.saturating_sub(1));
    let room = size.rows.saturating_sub(1 + hint.len());
    let mut body = seats(board, now);
    body.truncate(room);
    // The queue has the same room whether it is long or empty, so that nothing jumps.
    let queue = (WAITING_SHOWN + 2).min((room - body.len()) / 2);
    body.extend(waiting(board, now, queue));
    let events = (room - body.len()).saturating_sub(1);
    let skipped = board.newest.len().saturating_sub(events);
    if events > 0 {
        body.push(Line::new());
        body.extend(board.newest.iter().skip(skipped).map(|line| vec![(Paint::Faint, line.clone())]));
    }
    body.resize(room, Line::new());
    let mut all = vec![head(board)];
    all.append(&mut body);
    all.extend(hint.into_iter().map(|line| vec![(Paint::Bold, line)]));
    all
}

fn head(board: &Board) -> Line {
    let tally = &board.tally;
    vec![
        (Paint::Bold, "hotline demo".to_owned()),
        (Paint::Plain, format!("   {} calls: ", tally.calls)),
        (Paint::Green, format!("{} served", tally.served)),
        (Paint::Plain, ", ".to_owned()),
        (Paint::Yellow, format!("{} gave up", tally.gave_up)),
        (Paint::Plain, ", ".to_owned()),
        (Paint::Red, format!("{} refused", tally.refused)),
        (Paint::Plain, format!("   waiting: {}", board.waiting().count())),
    ]
}

fn seats(board: &Board, now: Wall) -> Vec<Line> {
    let mut lines =
        vec![vec![(Paint::Faint, format!("  {:<6}{:<13}{:<17}{}", "SEAT", "STATE", "CALLER", "FOR"))]];
    for (seat, (state, since)) in &board.seats {
        let caller = board.call_of(seat).map_or("-", |row| row.caller.as_str());
        let (word, paint) = shown(*state);
        lines.push(vec![
            (Paint::Plain, format!("  {seat:<6}")),
            (paint, format!("{word:<13}")),
            (Paint::Plain, format!("{caller:<17}")),
            (Paint::Plain, timer(*since, now)),
        ]);
    }
    lines
}

/// At most `room` lines, an empty one before.
fn waiting(board: &Board, now: Wall, room: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if room >= 3 {
        lines.push(Line::new());
        lines.push(vec![(Paint::Faint, format!("  {:<19}{:<17}{}", "QUEUE", "CALLER", "FOR"))]);
        let rows: Vec<_> = board.waiting().collect();
        let shown = if rows.len() > room - 2 { room - 3 } else { rows.len() };
        for (i, row) in rows.iter().take(shown).enumerate() {
            let waited = Duration::from_nanos(now.0.saturating_sub(row.since.0));
            let paint = if waited >= Duration::from_secs(10) { Paint::Red } else { Paint::Yellow };
            lines.push(vec![
                (Paint::Plain, format!("  {:<19}{:<17}", i + 1, row.caller)),
                (paint, timer(row.since, now)),
            ]);
        }
        if rows.len() > shown {
            lines.push(vec![(Paint::Yellow, format!("  and {} more", rows.len() - shown))]);
        }
    }
    lines.resize(room, Line::new());
    lines
}

/// `1:05`, minutes and seconds.
fn timer(since: Wall, now: Wall) -> String {
    let s = now.0.saturating_sub(since.0) / 1_000_000_000;
    format!("{}:{:02}", s / 60, s % 60)
}

fn shown(state: SeatState) -> (&'static str, Paint) {
    match state {
        SeatState::Offline => ("offline", Paint::Faint),
        SeatState::Ready => ("ready", Paint::Green),
        SeatState::Reserved => ("reserved", Paint::Yellow),
        SeatState::Ringing => ("ringing", Paint::Yellow),
        SeatState::Talking => ("talking", Paint::Cyan),
        SeatState::Held => ("on hold", Paint::Magenta),
        SeatState::WrapUp => ("wrap-up", Paint::Blue),
        SeatState::NotReady => ("not ready", Paint::Red),
        SeatState::Unreachable => ("unreachable", Paint::Red),
    }
}

impl Paint {
    fn code(self) -> Option<u8> {
        match self {
            Paint::Plain => None,
            Paint::Bold => Some(1),
            Paint::Faint => Some(2),
            Paint::Red => Some(31),
            Paint::Green => Some(32),
            Paint::Yellow => Some(33),
            Paint::Blue => Some(34),
            Paint::Magenta => Some(35),
            Paint::Cyan => Some(36),
        }
    }
}

/// The text in lines of at most `columns` characters, broken between words where that is possible.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let word: Vec<char> = word.chars().collect();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.len() <= columns => {
                line.push(' ');
                line.extend(&word);
            }
            _ => lines.extend(word.chunks(columns).map(|part| part.iter().collect::<String>())),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::wire::samples::{AT, event, part};
    use crate::event::{CallState, What};

    const HINT: &str =
        "Take calls: softphone at 127.0.0.1:43210 as 1003, password in /tmp/hotline-demo-1/seats.toml";

    fn board() -> Board {
        let mut board = Board::default();
        for n in 1..=6 {
            let (seat, from, to) = (format!("100{n}").as_str().into(), SeatState::Offline, SeatState::Ready);
            let what = What::SeatStateChanged {
                seat,
                operator: None,
                from,
                to,
                reason: crate::event::SeatReason::PhoneRegistered.into(),
            };
            board.event(&event(n, AT, None, what));
        }
        let answered = || What::CallAnswered { delay: Duration::ZERO };
        board.event(&event(7, AT, Some(part(1, 1, CallState::Connected)), answered()));
        for n in 2..=9 {
            board.event(&event(6 + n, AT, Some(part(n, 1, CallState::Waiting)), answered()));
        }
        board
    }

    /// What stands in the window, without its colours.
    fn drawn(rows: usize, columns: usize) -> Vec<String> {
        let size = Size { rows, columns };
        let now = Wall(AT.0 + 65_000_000_000);
        let text = frame(&lines(&board(), HINT, now, size), size, false);
        text.replace("\x1b[H", "")
            .replace("\x1b[K", "")
            .replace("\x1b[J", "")
            .split("\r\n")
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_table_fills_the_window_and_never_exceeds_it() {
        for (rows, columns) in [(24, 80), (50, 200), (12, 80), (5, 40), (1, 10), (3, 1)] {
            let lines = drawn(rows, columns);
            assert_eq!(lines.len(), rows, "{rows}x{columns}");
            assert!(lines.iter().all(|l| l.chars().count() <= columns), "{rows}x{columns}: {lines:#?}");
        }
    }

    #[test]
    fn the_hint_stays_visible_in_small_windows() {
        for (rows, columns) in [(24, 80), (10, 60), (6, 40)] {
            let text = drawn(rows, columns).join(" ");
            assert!(text.contains("softphone at") && text.contains("seats.toml"), "{rows}x{columns}: {text}");
        }
    }

    #[test]
    fn a_seat_shows_its_caller_and_the_queue_who_waits_and_for_how_long() {
        let lines = drawn(30, 80);
        assert_eq!(lines[2], "  1001  ready        +8613812341234   1:05");
        assert_eq!(lines[3].trim_end(), "  1002  ready        -                1:05");
        assert!(lines.contains(&"  1                  +8613812341234   1:05".to_owned()), "{lines:#?}");
        assert!(lines.iter().any(|l| l.contains("and 3 more")), "eight wait: {lines:#?}");
        assert!(lines[0].contains("waiting: 8"), "{}", lines[0]);
    }

    #[test]
    fn colour_is_drawn_where_it_is_wanted_alone() {
        let size = Size { rows: 24, columns: 80 };
        let lines = lines(&board(), HINT, AT, size);
        assert!(frame(&lines, size, true).contains("\x1b[32mready"));
        assert!(!frame(&lines, size, false).contains("\x1b[32m"));
    }
}
