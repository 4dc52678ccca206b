//! What the seat's telephone shows while it rings: `[3rd] 12345, waited 01:20`. Plain text; a page has room for
//! more and gets it from the events.

use crate::event::Caller;
use crate::id::ServiceNumber;
use crate::sip::plain;
use crate::time::Duration;
use std::fmt::Write;

/// The longest display name, in bytes of UTF-8: about twenty Chinese characters. Telephones show fewer, and some
/// refuse an INVITE whose From line is long.
pub const NAME_LIMIT: usize = 60;

/// The display name of a presentation: which call of the last 24 hours it is (from the second on), the caller's
/// name if one came, what was dialled, and the wait. At most [`NAME_LIMIT`] bytes: the name gives way first, then
/// the service number; the wait is always whole.
pub fn display_name(nth: u32, service: &ServiceNumber, caller: &Caller, waited: Duration) -> String {
    let mut shown = if nth > 1 { format!("[{nth}{}] ", suffix(nth)) } else { String::new() };
    let tail = format!(", waited {}", clock(waited));
    let service = service.as_str().trim();
    let room = NAME_LIMIT.saturating_sub(shown.len() + tail.len());
    let whole = caller.name.as_ref().filter(|_| !caller.withheld).map(|n| unmarked(n.reveal()));
    if let Some(whole) = whole.filter(|n| !n.is_empty() && *n != service) {
        let name = capped(&whole, room.saturating_sub(service.len() + 2)).trim_end();
        // Half a name is better than none, three bytes of it are not.
        if name.len() > 3 || whole == name {
            _ = write!(shown, "{name}, ");
        }
    }
    let room = NAME_LIMIT.saturating_sub(shown.len() + tail.len());
    shown.push_str(capped(service, room));
    shown.push_str(&tail);
    plain(&shown)
}

/// What a caller says of themselves, without anything that could pass for a mark of the gateway: `[3rd]`, `[Recall]` and
/// their like stand in square brackets, and commas part the name from what was dialled and the wait. Brackets become
/// round, commas and what is not seen become single spaces.
pub fn unmarked(text: &str) -> String {
    let plain: String = plain(text).chars().map(unmarking).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unmarking(c: char) -> char {
    const OPENING: &str = "[［【〔〖〘〚⁅⟦⟬❲⦋⦍⦏⸢﹇﹝";
    const CLOSING: &str = "]］】〕〗〙〛⁆⟧⟭❳⦌⦎⦐⸣﹈﹞";
    const COMMAS: &str = ",，、﹐﹑､︐︑،";
    match c {
        c if OPENING.contains(c) => '(',
        c if CLOSING.contains(c) => ')',
        c if COMMAS.contains(c) => ' ',
        c => c,
    }
}

/// `number` as the user part of a SIP URI: whatever may not stand there is percent-encoded. `anonymous` for an empty
/// one, because a URI may not have an empty user.
pub fn uri_user(number: &str) -> String {
    if number.is_empty() {
        return "anonymous".to_owned();
    }
    let mut user = String::with_capacity(number.len());
    for b in number.bytes() {
        match b {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' => {
                user.push(char::from(b));
            }
            _ => _ = write!(user, "%{b:02X}"),
        }
    }
    user
}

/// The longest beginning of `text` that is at most `limit` bytes and ends at a character.
pub fn capped(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

fn suffix(n: u32) -> &'static str {
    match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// `01:20`, past an hour `1:02:03`.
fn clock(d: Duration) -> String {
    let s = d.as_secs();
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m:02}:{s:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::quoted;

    fn shown(nth: u32, service: &str, name: Option<&str>, waited: u64) -> String {
        let caller = Caller { name: name.map(Into::into), ..Caller::default() };
        display_name(nth, &ServiceNumber::from(service), &caller, Duration::from_secs(waited))
    }

    #[test]
    fn the_seat_sees_the_count_of_the_day_the_number_dialled_and_the_wait() {
        assert_eq!(shown(3, "Huangcun heating", None, 80), "[3rd] Huangcun heating, waited 01:20");
        assert_eq!(shown(1, "12345", None, 0), "12345, waited 00:00");
        assert_eq!(shown(0, "12345", None, 5), "12345, waited 00:05");
        assert_eq!(shown(2, "12345", Some("张三"), 3723), "[2nd] 张三, 12345, waited 1:02:03");
    }

    #[test]
    fn a_withheld_caller_has_no_name_at_the_seat() {
        let caller = Caller { name: Some("张三".into()), withheld: true, ..Caller::default() };
        let shown = display_name(1, &ServiceNumber::from("12345"), &caller, Duration::ZERO);
        assert_eq!(shown, "12345, waited 00:00");
    }

    #[test]
    fn ordinals_are_english() {
        let all: Vec<String> =
            [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111].iter().map(|n| format!("{n}{}", suffix(*n))).collect();
        assert_eq!(all.join(" "), "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 101st 111th");
    }

    #[test]
    fn a_long_name_gives_way_and_the_wait_stays_whole() {
        for name in ["欧阳".repeat(40), "a".repeat(500), "é".repeat(31)] {
            let shown = shown(u32::MAX, "12345", Some(&name), 86_400 * 400);
            assert!(shown.len() <= NAME_LIMIT, "{} bytes", shown.len());
            assert!(shown.ends_with(", 12345, waited 9600:00:00"), "{shown}");
        }
        let shown = shown(3, &"黄村供热".repeat(10), None, 80);
        assert!(shown.len() <= NAME_LIMIT && shown.ends_with(", waited 01:20"), "{shown}");
    }

    #[test]
    fn a_callers_name_cannot_pass_for_a_mark_of_the_gateway() {
        for (name, expected) in [
            ("[Recall] Zhang", "(Recall) Zhang, 12345, waited 00:00"),
            ("［3rd］【From 1001】x", "(3rd)(From 1001)x, 12345, waited 00:00"),
            ("110, waited 59:59", "110 waited 59:59, 12345, waited 00:00"),
            ("Zhang，Wei", "Zhang Wei, 12345, waited 00:00"),
            ("\u{202e}[dr3]\u{2028} x", "(dr3) x, 12345, waited 00:00"),
            ("\u{200b} ,", "12345, waited 00:00"),
        ] {
            assert_eq!(shown(1, "12345", Some(name), 0), expected, "{name:?}");
            assert_eq!(shown(2, "12345", Some(name), 0), format!("[2nd] {expected}"), "{name:?}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_quotes_or_its_line() {
        assert_eq!(quoted("a\"b\\c\r\nd"), r#""a\"b\\c  d""#);
        assert!(!shown(1, "12345", Some("a\r\nVia: x"), 0).contains(['\r', '\n']));
    }

    #[test]
    fn a_number_cannot_leave_its_place_in_the_uri() {
        assert_eq!(uri_user("+8613812341234"), "+8613812341234");
        assert_eq!(uri_user("a@b;c=d>\"\r\n"), "a%40b%3Bc%3Dd%3E%22%0D%0A");
        assert_eq!(uri_user("*55#"), "*55%23");
        assert_eq!(uri_user("张"), "%E5%BC%A0");
        assert_eq!(uri_user(""), "anonymous");
    }
}
