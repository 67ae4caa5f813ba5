//! JSON's grammar (RFC 8259) over one payload, token by token.
//!
//! The scanner moves forward only and never twice over the same byte, so time is linear. Values
//! nobody asked for are checked without recursion: the open brackets are a stack of bits.

use super::MAX_DEPTH;
use super::fault::{self, Fault};
use super::number::Number;
use super::string::{self, Span, StringFault};
use std::borrow::Cow;

/// Bits for the open brackets of one value.
type Brackets = u128;
const _: () = assert!(MAX_DEPTH <= Brackets::BITS as usize);

/// A place in a payload.
pub(super) struct Scanner<'a> {
    text: &'a str,
    pub(super) pos: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner { text, pos: 0 }
    }

    #[inline]
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    #[inline]
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The byte here; zero, with which no token starts, at the end.
    #[inline]
    pub(super) fn byte(&self) -> u8 {
        self.bytes().get(self.pos).copied().unwrap_or(0)
    }

    /// Moves over white space; the byte at which the next token starts.
    #[inline]
    pub(super) fn token(&mut self) -> u8 {
        loop {
            let byte = self.byte();
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return byte;
            }
            self.pos += 1;
        }
    }

    /// Moves over the next token, which must be `byte`.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, expected: &str) -> Result<(), Fault> {
        if self.token() != byte {
            return Err(self.unexpected(expected));
        }
        self.pos += 1;
        Ok(())
    }

    /// Moves over the string whose opening quote is here.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Span, Fault> {
        match string::scan(self.bytes(), self.pos + 1) {
            Ok(span) => {
                self.pos = span.end + 1;
                Ok(span)
            }
            Err(fault) => Err(self.string_fault(fault)),
        }
    }

    /// The inside of a string as text, its escapes undone.
    #[inline]
    pub(super) fn unescaped(&self, span: Span) -> Cow<'a, str> {
        let raw = &self.text[span.start..span.end];
        if !span.escaped {
            return Cow::Borrowed(raw);
        }
        let mut text = String::with_capacity(raw.len());
        string::unescape(raw, &mut text);
        Cow::Owned(text)
    }

    #[cold]
    fn string_fault(&self, fault: StringFault) -> Fault {
        let (offset, expected) = match fault {
            StringFault::LoneSurrogate(offset) => return fault::lone_surrogate(self.text, offset),
            StringFault::Unterminated(offset) => (offset, "`\"` at the end of the string"),
            StringFault::Control(offset) => (offset, "control characters in strings escaped"),
            StringFault::Escape(offset) => {
                (offset, "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX after a backslash")
            }
        };
        fault::invalid_json(self.text, offset, expected)
    }

    /// Moves over the number that starts here.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Number<'a>, Fault> {
        match Number::scan(self.bytes(), self.pos) {
            Ok(number) => {
                self.pos += number.length();
                Ok(number)
            }
            Err(offset) => Err(self.number_fault(offset)),
        }
    }

    #[cold]
    fn number_fault(&self, offset: usize) -> Fault {
        let expected = match self.bytes().get(offset) {
            Some(b'0'..=b'9') => "no digit after a leading zero",
            _ => "a digit",
        };
        fault::invalid_json(self.text, offset, expected)
    }

    /// Moves over `true`, `false` or `null`, as told.
    #[inline]
    pub(super) fn literal(&mut self, word: &'static str) -> Result<(), Fault> {
        if !self.bytes()[self.pos..].starts_with(word.as_bytes()) {
            return Err(self.unexpected("a JSON value"));
        }
        self.pos += word.len();
        Ok(())
    }

    /// Moves over one value of any kind, itself inside of `depth` objects and arrays.
    pub(super) fn value(&mut self, depth: usize) -> Result<(), Fault> {
        // The lowest bit is the innermost open bracket: set for an object.
        let mut brackets: Brackets = 0;
        let mut open = 0;
        loop {
            match self.token() {
                b'"' => drop(self.string()?),
                b'-' | b'0'..=b'9' => drop(self.number()?),
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                bracket @ (b'{' | b'[') => {
                    if depth + open == MAX_DEPTH {
                        return Err(fault::too_deep(self.pos));
                    }
                    self.pos += 1;
                    let object = bracket == b'{';
                    if self.token() == if object { b'}' } else { b']' } {
                        self.pos += 1;
                    } else {
                        open += 1;
                        brackets = brackets << 1 | Brackets::from(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => return Err(self.unexpected("a JSON value")),
            }
            // Behind a value: close what ends here, until a comma leads to the next one.
            loop {
                if open == 0 {
                    return Ok(());
                }
                let object = brackets & 1 == 1;
                match self.token() {
                    b',' => {
                        self.pos += 1;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ if object => return Err(self.unexpected("`,` or `}`")),
                    _ => return Err(self.unexpected("`,` or `]`")),
                }
                self.pos += 1;
                open -= 1;
                brackets >>= 1;
            }
        }
    }

    /// Moves over a key and its colon.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Span, Fault> {
        if self.token() != b'"' {
            return Err(self.unexpected("a key in double quotes"));
        }
        let key = self.string()?;
        self.expect(b':', "`:` after a key")?;
        Ok(key)
    }

    #[cold]
    pub(super) fn unexpected(&self, expected: &str) -> Fault {
        fault::invalid_json(self.text, self.pos, expected)
    }
}
