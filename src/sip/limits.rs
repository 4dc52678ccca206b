//! What a message may cost before it is read. Every bound is checked before work is done for what it bounds.

/// Bytes of one message, start line to end of body. A datagram cannot carry more; the longest INVITE with
/// multipart ISUP and a History-Info trail seen in the field stays under 12 KiB.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Header lines of one message, a folded one counted once. The longest published test message has 49; a
/// datagram of 15,000 empty ones would otherwise cost more to index than a hundred calls.
pub const MAX_HEADERS: usize = 128;

/// Bytes of one line, its folded parts included. An Identity header with a passport, the longest value in
/// use, stays under 3 KiB.
pub const MAX_LINE: usize = 8 * 1024;
