//! JSON's grammar (RFC 8259) over one payload, token by token: position in, position out.
//!
//! Positions are passed and returned, not kept: each token's start depends on the end of the one
//! before, and that chain is what decoding waits for, so it must stay in a register.
//!
//! Every byte is passed once, so time is linear. Values nobody asked for are checked without
//! recursion: the open brackets are a stack of bits.

use super::MAX_DEPTH;
use super::fault::{self, Fault};
use super::number::Number;
use super::string::{self, Span, StringFault};
use std::borrow::Cow;

/// Bits for the open brackets of one value.
type Brackets = u128;
const _: () = assert!(MAX_DEPTH <= Brackets::BITS as usize);

/// Reads the tokens of a payload.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
}

impl<'a> Scanner<'a> {
    #[inline]
    pub(super) fn bytes(self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The byte at `pos`; zero, with which no token starts, at the end.
    #[inline]
    pub(super) fn byte(self, pos: usize) -> u8 {
        self.bytes().get(pos).copied().unwrap_or(0)
    }

    /// Where the next token starts: behind the white space at `pos`.
    #[inline]
    pub(super) fn token(self, mut pos: usize) -> usize {
        while matches!(self.byte(pos), b' ' | b'\t' | b'\n' | b'\r') {
            pos += 1;
        }
        pos
    }

    /// The string whose opening quote is at `pos`; its end is one behind the span's.
    #[inline]
    pub(super) fn string(self, pos: usize) -> Result<Span, Fault> {
        string::scan(self.bytes(), pos + 1).map_err(|fault| self.string_fault(fault))
    }

    /// The inside of a string as text, its escapes undone.
    #[inline(always)]
    pub(super) fn unescaped(self, span: Span) -> Cow<'a, str> {
        let raw = &self.text[span.start..span.end];
        if span.escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }

    #[cold]
    fn string_fault(self, fault: StringFault) -> Fault {
        let (pos, expected) = match fault {
            StringFault::LoneSurrogate(pos) => return fault::lone_surrogate(self.text, pos),
            StringFault::Unterminated(pos) => (pos, "`\"` at the end of the string"),
            StringFault::Control(pos) => (pos, "control characters in strings escaped"),
            StringFault::Escape(pos) => {
                (pos, "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX after a backslash")
            }
        };
        self.unexpected(pos, expected)
    }

    /// The number that starts at `pos`, and its end.
    #[inline]
    pub(super) fn number(self, pos: usize) -> Result<(Number<'a>, usize), Fault> {
        match Number::scan(self.bytes(), pos) {
            Ok(number) => Ok((number, pos + number.length())),
            Err(pos) => Err(self.number_fault(pos)),
        }
    }

    #[cold]
    fn number_fault(self, pos: usize) -> Fault {
        let leading_zero = self.byte(pos).is_ascii_digit();
        self.unexpected(pos, if leading_zero { "no digit after a leading zero" } else { "a digit" })
    }

    /// The end of `true`, `false` or `null`, as told, at `pos`.
    #[inline]
    pub(super) fn literal(self, pos: usize, word: &'static str) -> Result<usize, Fault> {
        if !self.bytes()[pos..].starts_with(word.as_bytes()) {
            return Err(self.unexpected(pos, "a JSON value"));
        }
        Ok(pos + word.len())
    }

    /// The end of the value of any kind at `pos`, itself inside of `depth` objects and arrays.
    #[inline(always)]
    pub(super) fn value(self, pos: usize, depth: usize) -> Result<usize, Fault> {
        // Most values are strings, which are worth being spared the call.
        match self.byte(pos) {
            b'"' => Ok(self.string(pos)?.end + 1),
            _ => self.value_of_any_kind(pos, depth),
        }
    }

    #[inline(never)]
    fn value_of_any_kind(self, mut pos: usize, depth: usize) -> Result<usize, Fault> {
        // The lowest bit is the innermost open bracket: set for an object.
        let mut brackets: Brackets = 0;
        let mut open = 0;
        loop {
            pos = self.token(pos);
            pos = match self.byte(pos) {
                b'"' => self.string(pos)?.end + 1,
                b'-' | b'0'..=b'9' => self.number(pos)?.1,
                b't' => self.literal(pos, "true")?,
                b'f' => self.literal(pos, "false")?,
                b'n' => self.literal(pos, "null")?,
                bracket @ (b'{' | b'[') => {
                    if depth + open == MAX_DEPTH {
                        return Err(fault::too_deep(pos));
                    }
                    let object = bracket == b'{';
                    pos = self.token(pos + 1);
                    if self.byte(pos) != if object { b'}' } else { b']' } {
                        open += 1;
                        brackets = brackets << 1 | Brackets::from(object);
                        if object {
                            pos = self.key(pos)?.1;
                        }
                        continue;
                    }
                    pos + 1
                }
                _ => return Err(self.unexpected(pos, "a JSON value")),
            };
            // Behind a value: close what ends here, until a comma leads to the next one.
            loop {
                if open == 0 {
                    return Ok(pos);
                }
                let object = brackets & 1 == 1;
                pos = self.token(pos);
                match self.byte(pos) {
                    b',' => {
                        pos = if object { self.key(pos + 1)?.1 } else { pos + 1 };
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ if object => return Err(self.unexpected(pos, "`,` or `}`")),
                    _ => return Err(self.unexpected(pos, "`,` or `]`")),
                }
                pos += 1;
                open -= 1;
                brackets >>= 1;
            }
        }
    }

    /// The key at `pos`, white space before it allowed, and the end of the colon behind it.
    #[inline]
    pub(super) fn key(self, pos: usize) -> Result<(Span, usize), Fault> {
        let pos = self.token(pos);
        if self.byte(pos) != b'"' {
            return Err(self.unexpected(pos, "a key in double quotes"));
        }
        let key = self.string(pos)?;
        let pos = self.token(key.end + 1);
        if self.byte(pos) != b':' {
            return Err(self.unexpected(pos, "`:` after a key"));
        }
        Ok((key, pos + 1))
    }

    #[cold]
    pub(super) fn unexpected(self, pos: usize, expected: &str) -> Fault {
        fault::invalid_json(self.text, pos, expected)
    }
}

#[cold]
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    string::unescape(raw, &mut text);
    text
}
