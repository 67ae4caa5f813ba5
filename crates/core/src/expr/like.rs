//! LIKE: `%` stands for any text, `_` for any one code point.
//!
//! A pattern is read once per batch and cut at its `%`s. The first piece must stand at the start
//! of the text, the last one at its end, and those between are looked for from left to right, each
//! as early as possible. That finds a match if there is one, without backtracking: every piece
//! matches a fixed number of code points, so an earlier place also ends earlier and leaves the
//! later pieces more room. Matching one text thus costs at most its length times the pattern's.

use super::lift::{Arg, map1, try_map1};
use crate::column::{Column, Data};
use memchr::memmem::Finder;

/// A pattern, read.
#[derive(Debug)]
pub struct Pattern {
    /// The piece before the first `%`, or all of it.
    first: Piece,
    /// The pieces after each `%`.
    others: Vec<Piece>,
}

/// The escape character stands before something other than `%`, `_` or itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the escape character must be followed by `%`, `_` or itself")]
pub struct InvalidEscape;

/// A part of a pattern without `%`.
#[derive(Debug, Default)]
struct Piece {
    /// Literal texts and how many code points of any kind follow each.
    parts: Vec<(String, usize)>,
    /// Finds the first literal text.
    finder: Option<Finder<'static>>,
    /// How many code points it matches.
    length: usize,
}

/// `s LIKE pattern`; NULL everywhere if the pattern is invalid.
pub(super) fn like<'a>(s: &Arg<'_, 'a>, pattern: &str, escape: Option<char>) -> Column<'a> {
    match Pattern::new(pattern, escape) {
        Ok(pattern) => map1(s.texts(), Data::Boolean, |s| pattern.matches(s)),
        Err(InvalidEscape) => try_map1(s.texts(), Data::Boolean, |_| None),
    }
}

impl Pattern {
    /// Reads a pattern in which `escape`, if there is one, makes the next character literal.
    pub fn new(pattern: &str, escape: Option<char>) -> Result<Self, InvalidEscape> {
        let mut pieces = vec![Piece::default()];
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            let piece = pieces.last_mut().expect("there is one from the start");
            if Some(c) == escape {
                match chars.next() {
                    Some(c) if matches!(c, '%' | '_') || Some(c) == escape => piece.push(c),
                    _ => return Err(InvalidEscape),
                }
            } else {
                match c {
                    '%' => pieces.push(Piece::default()),
                    '_' => piece.push_any(),
                    c => piece.push(c),
                }
            }
        }
        for piece in &mut pieces {
            piece.finder = piece.parts.first().map(|(text, _)| Finder::new(text).into_owned());
        }
        let others = pieces.split_off(1);
        Ok(Pattern { first: pieces.remove(0), others })
    }

    /// Whether all of `s` matches.
    pub fn matches(&self, s: &str) -> bool {
        let Some(mut rest) = self.first.strip_from(s) else { return false };
        let Some((last, middle)) = self.others.split_last() else { return rest.is_empty() };
        for piece in middle {
            match piece.find_in(rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        last.ends(rest)
    }
}

impl Piece {
    fn push(&mut self, c: char) {
        match self.parts.last_mut() {
            Some((text, 0)) => text.push(c),
            _ => self.parts.push((c.into(), 0)),
        }
        self.length += 1;
    }

    fn push_any(&mut self) {
        match self.parts.last_mut() {
            Some((_, any)) => *any += 1,
            None => self.parts.push((String::new(), 1)),
        }
        self.length += 1;
    }

    /// What follows this piece at the start of `s`.
    fn strip_from<'s>(&self, s: &'s str) -> Option<&'s str> {
        self.parts.iter().try_fold(s, |s, (text, any)| skip(s.strip_prefix(text.as_str())?, *any))
    }

    /// What follows the first place of this piece in `s`.
    fn find_in<'s>(&self, s: &'s str) -> Option<&'s str> {
        let Some(finder) = &self.finder else { return Some(s) };
        let mut from = 0;
        loop {
            let start = from + finder.find(&s.as_bytes()[from..])?;
            let candidate = &s[start..];
            if let Some(rest) = self.strip_from(candidate) {
                return Some(rest);
            }
            from = start + candidate.chars().next()?.len_utf8();
        }
    }

    /// Whether `s` ends with this piece.
    fn ends(&self, s: &str) -> bool {
        match &self.parts[..] {
            [] => true,
            [(text, 0)] => s.ends_with(text.as_str()),
            _ => {
                let start = s.char_indices().rev().nth(self.length - 1).map(|(start, _)| start);
                start.and_then(|start| self.strip_from(&s[start..])).is_some()
            }
        }
    }
}

/// `s` without its first `n` code points.
fn skip(s: &str, n: usize) -> Option<&str> {
    let mut chars = s.chars();
    for _ in 0..n {
        chars.next()?;
    }
    Some(chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(s: &str, pattern: &str) -> bool {
        Pattern::new(pattern, Some('\\')).unwrap().matches(s)
    }

    /// Plain backtracking; `\` escapes.
    fn backtrack(s: &[char], pattern: &[char]) -> bool {
        match (pattern, s) {
            ([], _) => s.is_empty(),
            (['%', rest @ ..], _) => (0..=s.len()).any(|i| backtrack(&s[i..], rest)),
            (['_', rest @ ..], _) => !s.is_empty() && backtrack(&s[1..], rest),
            (['\\', c, rest @ ..] | [c, rest @ ..], _) => {
                s.first() == Some(c) && backtrack(&s[1..], rest)
            }
        }
    }

    #[test]
    fn an_underscore_is_one_code_point_of_any_length() {
        assert!(matches("a€c", "a_c") && matches("a😀c", "a_c"));
        assert!(!matches("ac", "a_c") && !matches("abbc", "a_c"));
        assert!(matches("😀", "_") && !matches("", "_") && !matches("ab", "_"));
    }

    #[test]
    fn pieces_may_neither_overlap_nor_change_their_order() {
        assert!(!matches("aba", "%ab%ba%"));
        assert!(!matches("ab", "ab%b"));
        assert!(matches("abab", "ab%ab") && matches("abb", "ab%b"));
        assert!(!matches("b a", "%a%b%"));
    }

    #[test]
    fn a_piece_is_found_where_its_first_text_overlaps_an_earlier_candidate() {
        assert!(matches("aaaxb", "%aa_b%"));
        assert!(matches("éééxb", "%éé_b"));
    }

    #[test]
    fn an_escape_makes_wildcards_and_itself_literal_and_nothing_else() {
        assert!(matches("50%", r"50\%") && !matches("500", r"50\%"));
        assert!(matches("a_b", r"a\_b") && !matches("axb", r"a\_b"));
        assert!(matches(r"a\b", r"a\\b"));
        for invalid in [r"a\b", r"\", r"a\"] {
            assert_eq!(Pattern::new(invalid, Some('\\')).unwrap_err(), InvalidEscape, "{invalid}");
        }
        assert!(Pattern::new("%%", Some('%')).unwrap().matches("%"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn any_pattern_matches_what_backtracking_matches(
            s in "[abé]{0,9}", pattern in r"([abé%_]|\\%|\\_){0,8}",
        ) {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&s, &pattern), backtrack(&chars(&s), &chars(&pattern)));
        }
    }
}
