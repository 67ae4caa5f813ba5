//! JSON's grammar (RFC 8259) over one payload, token by token: position in, position out.
//!
//! Positions are passed and returned, not kept: each token's start depends on the end of the one
//! before, and that chain is what decoding waits for, so it must stay in a register.
//!
//! Every byte is passed once, so time is linear. Values nobody asked for are checked without
//! recursion: the open brackets are a stack of bits.

use super::MAX_DEPTH;
use super::fault::{self, Fault};
use super::number::{self, Number};
use super::string::{self, Span, StringFault};
use super::trail::{Nesting, Step, Trail};
use std::borrow::Cow;

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
    #[inline(always)]
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

    /// The end of the value of any kind at `pos`, itself inside of `depth` objects and arrays;
    /// `trail` is the way through it that was learned at the same depth.
    #[inline(always)]
    pub(super) fn value(
        self,
        pos: usize,
        depth: usize,
        trail: Option<&mut Trail>,
    ) -> Result<usize, Fault> {
        match (self.byte(pos), trail) {
            // Most values are strings, which are worth being spared the call.
            (b'"', _) => Ok(self.string(pos)?.end + 1),
            (b'{' | b'[', Some(trail)) => self.nested(pos, depth, trail),
            _ => self.value_of_any_kind(pos, depth),
        }
    }

    #[inline(never)]
    fn value_of_any_kind(self, pos: usize, depth: usize) -> Result<usize, Fault> {
        let pos = self.token(pos);
        match self.byte(pos) {
            b'{' | b'[' => self.nested(pos, depth, &mut Trail::default()),
            _ => self.scalar(pos),
        }
    }

    /// The end of the object or array at `start`: along the trail as far as it leads.
    #[inline(never)]
    fn nested(self, start: usize, depth: usize, trail: &mut Trail) -> Result<usize, Fault> {
        let mut pos = start;
        let mut place = 0;
        while let Some(step) = trail.guess(place, self.bytes(), pos) {
            if !self.leads_on(step, pos) {
                break;
            }
            pos += step.bytes.length;
            if step.after.depth() == 0 {
                return Ok(pos);
            }
            pos = self.scalar(pos)?;
            place += 1;
        }
        self.nested_on(pos, depth, trail, place)
    }

    /// The same from the `place`-th step of the trail on, which is not the one that stands there.
    fn nested_on(
        self,
        mut pos: usize,
        depth: usize,
        trail: &mut Trail,
        mut place: usize,
    ) -> Result<usize, Fault> {
        let mut nesting = trail.before(place);
        loop {
            let guess = trail.guess(place, self.bytes(), pos).map(|step| (place, step));
            let guess = guess.or_else(|| trail.guess_further(place, nesting, self.bytes(), pos));
            match guess.filter(|(_, step)| self.leads_on(step, pos)) {
                Some((at, step)) => {
                    place = at;
                    pos += step.bytes.length;
                    nesting = step.after;
                }
                None => {
                    let from = pos;
                    pos = self.between(pos, depth, &mut nesting, place == 0)?;
                    trail.learn(place, &self.bytes()[from..pos], nesting);
                }
            }
            if nesting.depth() == 0 {
                return Ok(pos);
            }
            pos = self.scalar(pos)?;
            place += 1;
        }
    }

    /// Whether the step that stands at `pos` leads where it led last time: to a scalar or to the end
    /// of the value. It may as well lead to a bracket, and after `[` that can be one that closes.
    #[inline(always)]
    fn leads_on(self, step: &Step, pos: usize) -> bool {
        step.after.depth() == 0 || self.is_scalar(pos + step.bytes.length)
    }

    /// Reads what stands between two scalars of an object or array: from `pos`, where a value
    /// `is_due` or has ended, to the next scalar or to the end of it all.
    fn between(
        self,
        mut pos: usize,
        depth: usize,
        nesting: &mut Nesting,
        mut is_due: bool,
    ) -> Result<usize, Fault> {
        loop {
            if is_due {
                pos = self.token(pos);
                let bracket = self.byte(pos);
                if !matches!(bracket, b'{' | b'[') {
                    return Ok(pos);
                }
                if depth + nesting.depth() == MAX_DEPTH {
                    return Err(fault::too_deep(pos));
                }
                let object = bracket == b'{';
                pos = self.token(pos + 1);
                if self.byte(pos) != if object { b'}' } else { b']' } {
                    nesting.open(object);
                    if object {
                        pos = self.key(pos)?.1;
                    }
                    continue;
                }
                pos += 1;
            }
            // Behind a value: close what ends here, until a comma leads to the next one.
            is_due = loop {
                if nesting.depth() == 0 {
                    return Ok(pos);
                }
                let object = nesting.in_object();
                pos = self.token(pos);
                match self.byte(pos) {
                    b',' => {
                        pos = if object { self.key(pos + 1)?.1 } else { pos + 1 };
                        break true;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ if object => return Err(self.unexpected(pos, "`,` or `}`")),
                    _ => return Err(self.unexpected(pos, "`,` or `]`")),
                }
                pos += 1;
                nesting.close();
            };
        }
    }

    /// Whether the byte at `pos` starts a scalar.
    #[inline(always)]
    fn is_scalar(self, pos: usize) -> bool {
        matches!(self.byte(pos), b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
    }

    /// The end of the scalar that must stand at `pos`.
    #[inline(always)]
    fn scalar(self, pos: usize) -> Result<usize, Fault> {
        match self.byte(pos) {
            b'"' => Ok(self.string(pos)?.end + 1),
            b'-' | b'0'..=b'9' => match number::skip(self.bytes(), pos) {
                Ok(end) => Ok(end),
                Err(pos) => Err(self.number_fault(pos)),
            },
            b't' => self.literal(pos, "true"),
            b'f' => self.literal(pos, "false"),
            b'n' => self.literal(pos, "null"),
            _ => Err(self.unexpected(pos, "a JSON value")),
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
