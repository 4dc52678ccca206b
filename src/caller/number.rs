//! The normal form of a telephone number: E.164 with its plus sign, or nothing. One caller in two spellings is one
//! caller only if both have the same normal form, so a doubtful number gets none rather than a wrong one.
//!
//! China's numbering plan is written out; other countries get the general rules. Which carrier a number belongs to
//! is not derived: numbers are ported.

use crate::redact::Pii;

/// Digits and signs looked at; a number has 15 digits (ITU-T E.164) and perhaps a few separators.
const LONGEST: usize = 40;

/// The most digits of an E.164 number, without the plus sign.
const E164_DIGITS: usize = 15;

/// A number in its normal form: `+`, country code, national number. `Debug` masks it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(Pii<String>);

impl E164 {
    /// The digits with their plus sign.
    pub fn as_str(&self) -> &str {
        self.0.reveal()
    }

    /// As a marked value, to be put into an event.
    pub fn into_pii(self) -> Pii<String> {
        self.0
    }

    fn of(country: &str, national: &str) -> Option<E164> {
        let digits = country.len() + national.len();
        let plausible = (7..=E164_DIGITS).contains(&digits) && !country.starts_with('0');
        plausible.then(|| E164(Pii::new(format!("+{country}{national}"))))
    }
}

/// The normal form of `raw` as it is meant on a line in `country` (a calling code such as `86`) and `area` (an
/// area code, with or without its trunk zero).
///
/// `None` for what has no E.164 form: short codes (12345, 110, 95588), Chinese 400 and 800 numbers, local numbers
/// where no area is given, and anything that is no number or could be two.
pub fn normalise(raw: &str, country: &str, area: Option<&str>) -> Option<E164> {
    let (digits, international) = digits(raw)?;
    let country = country.trim_start_matches('+');
    let area = area.map(|a| a.trim_start_matches('0')).filter(|a| !a.is_empty());
    if international {
        return from_abroad(&digits, country);
    }
    let prefix = if country == "1" { "011" } else { "00" };
    if let Some(rest) = digits.strip_prefix(prefix) {
        return from_abroad(rest, country);
    }
    match country {
        "86" => china::number(&digits, area),
        _ => elsewhere(&digits, country, area),
    }
}

/// The digits of `raw`, and whether a plus sign stood before them. Visual separators (RFC 3966 section 5.1.1) and
/// blanks are dropped; anything else makes it no number.
fn digits(raw: &str) -> Option<(String, bool)> {
    let raw = raw.trim();
    let (raw, international) = match raw.strip_prefix(['+', '＋']) {
        Some(rest) => (rest, true),
        None => (raw, false),
    };
    if raw.len() > LONGEST {
        return None;
    }
    let separator = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')');
    let digits: String = raw.chars().filter(|&c| !separator(c)).collect();
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some((digits, international))
}

/// A number with its country code.
fn from_abroad(digits: &str, country: &str) -> Option<E164> {
    match digits.strip_prefix("86") {
        Some(national) => china::national(national).or_else(|| china::national(national.strip_prefix('0')?)),
        // `+49 (0)30 …`: the zero is written for those who dial from inside.
        None => match digits.strip_prefix(country).and_then(|rest| rest.strip_prefix('0')) {
            Some(national) if !country.is_empty() => E164::of(country, national),
            _ => E164::of("", digits).filter(|_| !digits.starts_with('0')),
        },
    }
}

/// A number as dialled inside a country whose plan is not written out here.
fn elsewhere(digits: &str, country: &str, area: Option<&str>) -> Option<E164> {
    if let Some(national) = digits.strip_prefix('0') {
        return E164::of(country, national).filter(|_| national.len() >= 7);
    }
    if country == "1" {
        return match (digits.len(), area) {
            (11, _) => E164::of("1", digits.strip_prefix('1')?),
            (10, _) => E164::of("1", digits),
            (7, Some(area)) => E164::of("1", &format!("{area}{digits}")),
            _ => None,
        };
    }
    let with_country = digits.strip_prefix(country).filter(|national| national.len() >= 8);
    match (with_country, area, digits.len()) {
        (Some(national), _, _) => E164::of(country, national),
        (None, Some(area), 5..=8) => E164::of(country, &format!("{area}{digits}")),
        (None, _, n) if n >= 8 => E164::of(country, digits),
        _ => None,
    }
}

/// China's plan (YD/T 1072 and what replaced it): mobiles `1[3-9]` and nine digits; geographic numbers of an area
/// code of two digits (`10`, `2x`) and eight, or of three (`3xx` to `9xx`) and seven or eight.
mod china {
    use super::E164;

    /// A number as dialled inside China.
    pub(super) fn number(digits: &str, area: Option<&str>) -> Option<E164> {
        if let Some(national) = digits.strip_prefix('0') {
            // A zero before a mobile is the old way to dial one of another city; `086…` is a plus sign misheard.
            return self::national(national).or_else(|| self::national(national.strip_prefix("86")?));
        }
        if is_mobile(digits) {
            return E164::of("86", digits);
        }
        // Neither plus nor zeros, but too long to be anything else.
        if let Some(found) = digits.strip_prefix("86").filter(|_| digits.len() >= 12).and_then(national) {
            return Some(found);
        }
        match digits.len() {
            7 | 8 if is_subscriber(digits) => national(&format!("{}{digits}", area?)),
            // Hong Kong, Macao and Taiwan without their plus sign look like these areas.
            10.. if !["852", "853", "886"].iter().any(|code| digits.starts_with(code)) => national(digits),
            _ => None,
        }
    }

    /// A national number: no country code, no zero.
    pub(super) fn national(digits: &str) -> Option<E164> {
        (is_mobile(digits) || is_geographic(digits)).then(|| E164::of("86", digits)).flatten()
    }

    fn is_mobile(digits: &str) -> bool {
        matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..] if digits.len() == 11)
    }

    fn is_geographic(digits: &str) -> bool {
        let (area, lengths) = match digits.as_bytes() {
            [b'1', b'0', ..] | [b'2', ..] => (2, 8..=8),
            // Paid for by the one who is called: no place, and not reachable from abroad.
            [b'4', b'0', b'0', ..] | [b'8', b'0', b'0', ..] => return false,
            [b'3'..=b'9', ..] => (3, 7..=8),
            _ => return false,
        };
        digits.get(area..).is_some_and(|rest| lengths.contains(&rest.len()) && is_subscriber(rest))
    }

    /// 1 and 9 begin service codes.
    fn is_subscriber(digits: &str) -> bool {
        matches!(digits.as_bytes(), [b'2'..=b'8', ..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_shenzhen(raw: &str) -> Option<String> {
        normalise(raw, "86", Some("0755")).map(|n| n.as_str().to_owned())
    }

    #[test]
    fn a_mobile_is_one_number_however_it_is_written() {
        for raw in [
            "13812341234",
            "013812341234",
            "+8613812341234",
            "8613812341234",
            "008613812341234",
            "+86 138-1234-1234",
            "+86(138)1234.1234",
            "+86013812341234",
            "08613812341234",
            " 138 1234 1234 ",
            "＋8613812341234",
        ] {
            assert_eq!(in_shenzhen(raw).as_deref(), Some("+8613812341234"), "{raw}");
        }
    }

    #[test]
    fn a_fixed_line_is_one_number_however_it_is_written() {
        for raw in [
            "075582345678",
            "0755-82345678",
            "+8675582345678",
            "+86 (0)755 8234 5678",
            "86755 82345678",
            "00 86 755 82345678",
            "75582345678",
            "82345678",
        ] {
            assert_eq!(in_shenzhen(raw).as_deref(), Some("+8675582345678"), "{raw}");
        }
    }

    #[test]
    fn area_codes_of_two_and_three_digits_are_told_apart() {
        for (raw, normal) in [
            ("01082345678", "+861082345678"),
            ("1082345678", "+861082345678"),
            ("02082345678", "+862082345678"),
            ("2082345678", "+862082345678"),
            ("086 10 82345678", "+861082345678"),
            ("05327654321", "+865327654321"),
            ("5327654321", "+865327654321"),
        ] {
            assert_eq!(in_shenzhen(raw).as_deref(), Some(normal), "{raw}");
        }
    }

    #[test]
    fn a_local_number_needs_an_area() {
        assert_eq!(in_shenzhen("7654321").as_deref(), Some("+867557654321"));
        assert_eq!(normalise("7654321", "86", None), None);
        assert_eq!(normalise("82345678", "86", Some("")), None);
    }

    #[test]
    fn service_codes_and_what_is_no_number_have_no_e164() {
        for raw in [
            "12345",
            "110",
            "0755-12345",
            "95588",
            "95013800",
            "4008123123",
            "+864008123123",
            "8008101234",
            "0400 8123123",
            "1001",
            "",
            "+",
            "anonymous",
            "*55#",
            "138123412345",
            "1381234123",
            "12812341234",
            "010 12345678",
            "85261234567",
            "+0123456789",
            "00012345678",
            "1234567890123456789012345678901234567890123",
            "１３８１２３４１２３４",
        ] {
            assert_eq!(in_shenzhen(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_call_from_abroad_keeps_its_country() {
        for (raw, normal) in [
            ("+85261234567", "+85261234567"),
            ("0085261234567", "+85261234567"),
            ("+1 415 555 0100", "+14155550100"),
            ("+49 30 1234567", "+49301234567"),
        ] {
            assert_eq!(in_shenzhen(raw).as_deref(), Some(normal), "{raw}");
        }
    }

    #[test]
    fn the_country_is_a_setting() {
        let cases = [
            ("2025550123", "1", None, Some("+12025550123")),
            ("12025550123", "1", None, Some("+12025550123")),
            ("5550123", "1", Some("202"), Some("+12025550123")),
            ("0118613812341234", "1", None, Some("+8613812341234")),
            ("61234567", "852", None, Some("+85261234567")),
            ("85261234567", "852", None, Some("+85261234567")),
            ("0301234567", "49", None, Some("+49301234567")),
            ("+49 (0)30 1234567", "49", None, Some("+49301234567")),
            ("1234567", "49", Some("030"), Some("+49301234567")),
            ("13812341234", "+86", None, Some("+8613812341234")),
            ("999", "44", None, None),
        ];
        for (raw, country, area, normal) in cases {
            let found = normalise(raw, country, area);
            assert_eq!(found.as_ref().map(E164::as_str), normal, "{raw} in {country}");
        }
    }

    #[test]
    fn a_number_never_prints_itself() {
        assert_eq!(format!("{:?}", normalise("13812341234", "86", None)), "Some(E164(***))");
    }
}
