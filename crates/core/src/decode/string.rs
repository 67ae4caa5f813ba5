//! JSON strings: finding the end, checking escapes, undoing them.
//!
//! Most strings are short and hold no escape, so 32 bytes at a time are searched for whatever is
//! not plain text: the end of nearly every string is found without a loop or a call.

use super::lanes;
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
#[inline(always)]
pub(super) fn scan(bytes: &[u8], start: usize) -> Result<Span, StringFault> {
    let end = find_special(bytes, start);
    match bytes.get(end) {
        Some(b'"') => Ok(Span { start, end, escaped: false }),
        _ => scan_on(bytes, start, end),
    }
}

/// The same where something else than the end was found at `end`.
#[inline(never)]
fn scan_on(bytes: &[u8], start: usize, mut end: usize) -> Result<Span, StringFault> {
    let mut escaped = false;
    loop {
        match bytes.get(end) {
            Some(b'"') => return Ok(Span { start, end, escaped }),
            Some(b'\\') => {
                escaped = true;
                end = find_special(bytes, read_escape(bytes, end)?.1);
            }
            Some(_) => return Err(StringFault::Control(end)),
            None => return Err(StringFault::Unterminated(bytes.len())),
        }
    }
}

/// The first quote, backslash or control character from `at` on, or the end.
#[inline(always)]
fn find_special(bytes: &[u8], at: usize) -> usize {
    let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
        return find_special_near_end(bytes, at);
    };
    match lanes::specials(chunk) {
        0 => find_special_further(bytes, at + lanes::BYTES),
        found => at + found.trailing_zeros() as usize,
    }
}

#[inline(never)]
fn find_special_further(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        match lanes::specials(chunk) {
            0 => at += lanes::BYTES,
            found => return at + found.trailing_zeros() as usize,
        }
    }
    find_special_near_end(bytes, at)
}

/// The same with fewer than 32 bytes to go.
#[inline(never)]
fn find_special_near_end(bytes: &[u8], at: usize) -> usize {
    let mut filled = [0; lanes::BYTES];
    let (chunk, start) = match bytes.last_chunk() {
        // The bytes before `at` are looked at once more, and passed over.
        Some(chunk) => (chunk, bytes.len() - lanes::BYTES),
        None => {
            filled[..bytes.len()].copy_from_slice(bytes);
            (&filled, 0)
        }
    };
    let found = lanes::specials(chunk).checked_shr((at - start) as u32).unwrap_or(0);
    (at + found.trailing_zeros() as usize).min(bytes.len())
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
