//! Display names as people read them. Only for showing: what is forwarded are the bytes that came.

use encoding_rs::GB18030;

/// A display name as it stands in a header (quotes included, if any) as text: escapes undone, UTF-8 if it is
/// that, else GB18030. Made [`plain`].
pub(crate) fn text(display: &[u8]) -> String {
    let quoted = display.len() >= 2 && display.starts_with(b"\"") && display.ends_with(b"\"");
    let inside = if quoted { &display[1..display.len() - 1] } else { display };
    let text = match std::str::from_utf8(inside) {
        Ok(text) if quoted => unescaped(text.as_bytes(), false),
        Ok(text) => text.as_bytes().to_vec(),
        Err(_) if quoted => unescaped(inside, true),
        Err(_) => inside.to_vec(),
    };
    let text = match String::from_utf8(text) {
        Ok(text) => text,
        Err(bytes) => GB18030.decode_without_bom_handling(bytes.as_bytes()).0.into_owned(),
    };
    if text.is_ascii() && !text.chars().any(char::is_control) { text } else { plain(&text) }
}

/// Text of a peer's as people may see it: control characters are spaces, and what has no shape of its own but moves or
/// hides its neighbours is left out, for instance a mark that turns the direction of writing.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_unseen(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Characters of Unicode 16's categories Cf (format), Zl and Zp (line and paragraph separator).
const UNSEEN: [(char, char); 21] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

fn is_unseen(c: char) -> bool {
    !c.is_ascii() && UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Without the backslashes that escape. `by_pairs`: a byte beyond ASCII takes the next one with it, which may
/// look like a backslash and is none.
fn unescaped(inside: &[u8], by_pairs: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter().copied();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => out.extend(bytes.next()),
            0x80.. if by_pairs => {
                out.push(b);
                out.extend(bytes.next());
            }
            _ => out.push(b),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_or_hides_other_characters_is_left_out_of_a_name() {
        let turned = "\u{202e}gnahZ\u{202c} \u{200b}W\u{ad}ei\u{2028}\u{2029}\u{feff}\u{e0041}\u{2066}";
        assert_eq!(text(turned.as_bytes()), "gnahZ Wei");
        assert_eq!(text(format!("\"{turned}\"").as_bytes()), "gnahZ Wei");
        assert_eq!(text("a\tb\u{85}c".as_bytes()), "a b c");
        for whole in ["张三", "Zoë O'Hara", "العربية", "नमस्ते", "👩 x"] {
            assert_eq!(text(whole.as_bytes()), whole);
        }
    }
}
