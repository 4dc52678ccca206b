//! Display names as people read them. Only for showing: what is forwarded are the bytes that came.

use encoding_rs::GB18030;

/// A display name as it stands in a header (quotes included, if any) as text: escapes undone, UTF-8 if it is
/// that, else GB18030. Control characters become spaces.
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
    if text.chars().any(char::is_control) {
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    } else {
        text
    }
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
