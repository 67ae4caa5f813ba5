//! JSON strings: finding the end, checking escapes, undoing them.
//!
//! Most strings are short and hold no escape, so eight bytes at a time are searched for whatever
//! is not plain text, within one `u64` (SWAR): no call, no set-up cost, and no `unsafe`.

use std::fmt::Write;

/// What is wrong in a string, with the offset at which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringFault {
    /// No closing quote before the end.
    Unterminated(usize),
    /// A control character that had to be escaped.
    Control(usize),
    /// A backslash that starts no escape.
    Escape(usize),
    /// A `\u` escape of one half of a surrogate pair, without the other.
    LoneSurrogate(usize),
}

/// The inside of a string, between the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    /// Where the closing quote stands.
    pub(super) end: usize,
    /// Whether it holds escapes.
    pub(super) escaped: bool,
}

/// Finds the end of the string whose first byte after the quote is at `start`.
#[inline]
pub(super) fn scan(bytes: &[u8], start: usize) -> Result<Span, StringFault> {
    let mut end = start;
    let mut escaped = false;
    loop {
        end = find_special(bytes, end);
        match bytes.get(end) {
            Some(b'"') => return Ok(Span { start, end, escaped }),
            Some(b'\\') => {
                escaped = true;
                end = read_escape(bytes, end)?.1;
            }
            Some(_) => return Err(StringFault::Control(end)),
            None => return Err(StringFault::Unterminated(bytes.len())),
        }
    }
}

/// The first quote, backslash or control character from `at` on, or an offset past the end.
#[inline]
fn find_special(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    loop {
        // Past the end there are zeros, which count as control characters and end the search.
        let word = word(bytes, at);
        // Flipping one bit moves the quote (0x22) right behind the control characters (below 0x20)
        // and nothing else there, so that one comparison finds both.
        let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
        // A subtraction borrows into the high bit of an ASCII byte if the byte is below what is
        // subtracted, or if one before it was: so the lowest bit that is set is a true one.
        let found = (quote_or_control | backslash) & !word & HIGH;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
}

/// Eight bytes from `at` on, zeros past the end.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => last_word(bytes, at),
    }
}

#[cold]
fn last_word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut chunk = [0; 8];
    chunk[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(chunk)
}

/// Reads the escape whose backslash is at `at`: the character and the offset behind it.
#[cold]
fn read_escape(bytes: &[u8], at: usize) -> Result<(char, usize), StringFault> {
    let char = match bytes.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return read_unicode_escape(bytes, at),
        _ => return Err(StringFault::Escape(at)),
    };
    Ok((char, at + 2))
}

fn read_unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), StringFault> {
    let unit = read_unit(bytes, at).ok_or(StringFault::Escape(at))?;
    let mut units = [unit, 0];
    let mut length = 1;
    if (0xD800..0xDC00).contains(&unit) {
        // Not an escape or not the other half: either way this half is alone.
        units[1] = read_unit(bytes, at + 6).ok_or(StringFault::LoneSurrogate(at))?;
        length = 2;
    }
    match char::decode_utf16(units[..length].iter().copied()).next() {
        Some(Ok(char)) => Ok((char, at + 6 * length)),
        _ => Err(StringFault::LoneSurrogate(at)),
    }
}

/// The UTF-16 unit written as `\uXXXX` at `at`.
fn read_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(br"\u")?;
    digits.iter().try_fold(0, |unit, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(unit << 4 | digit as u16)
    })
}

/// Writes the inside of a string, which [`scan`] has accepted, without its escapes. That is never
/// longer than `raw`.
pub(super) fn unescape(raw: &str, out: &mut impl Write) {
    let mut write = || -> Result<(), std::fmt::Error> {
        let mut rest = raw;
        while let Some(backslash) = memchr::memchr(b'\\', rest.as_bytes()) {
            let (char, after) =
                read_escape(rest.as_bytes(), backslash).expect("the escapes were checked");
            out.write_str(&rest[..backslash])?;
            out.write_char(char)?;
            rest = &rest[after..];
        }
        out.write_str(rest)
    };
    write().expect("writing to memory does not fail");
}
