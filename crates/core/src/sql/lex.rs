//! From characters to tokens with their places, and the limits that keep every later step safe.
//!
//! The parser and the binder recurse over the tree of an expression. The tree's depth is bounded
//! here, before it exists, by what its tokens can build at most:
//!
//! ```text
//! a OR (b AND f(c + d, e))      brackets open at once   <= MAX_NESTING
//!       ^^^^^^^^^^^^^^^^^       tokens since the last comma, of all open brackets <= MAX_RUN
//! ```
//!
//! A comma starts a sibling, not a child, and so do WHEN, THEN and ELSE: long lists and long CASEs
//! are wide, not deep, and stay allowed.

use super::Source;
use super::dialect::Trino;
use super::error::{Compiled, Reporter};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};
use std::ops::Range;

/// Bytes of the longest source accepted.
const MAX_SOURCE_BYTES: usize = 1 << 20;
/// Brackets and CASEs that may be open at once.
pub(super) const MAX_NESTING: usize = 32;
/// Tokens that may follow each other without a comma.
const MAX_RUN: usize = 512;

/// A source as tokens, white space and comments left out.
pub(super) struct Lexed {
    /// The tokens.
    pub(super) tokens: Vec<TokenWithSpan>,
    /// The byte range of each token.
    places: Vec<Range<usize>>,
}

impl Lexed {
    /// Tokenizes `source` and checks that it stays within the limits.
    pub(super) fn new(source: &Source, reporter: &mut Reporter<'_>) -> Compiled<Lexed> {
        let length = source.text.len();
        if length > MAX_SOURCE_BYTES {
            let message = format!("the source has {length} bytes");
            return Err(reporter.report(
                0..0,
                message,
                format!("at most {MAX_SOURCE_BYTES} bytes are allowed; split it into more files"),
            ));
        }
        // Some editors begin a file with a byte order mark.
        let mark = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut cursor = Cursor { text: &source.text, offset: mark, line: 1, column: 1 };
        let all = Tokenizer::new(&Trino, &source.text[mark..]).tokenize_with_location();
        let all = all.map_err(|error| {
            cursor.advance_to(error.location);
            let rest = &source.text[cursor.offset..];
            let line = rest.find('\n').unwrap_or(rest.len());
            reporter.report(
                cursor.offset..cursor.offset + line,
                lower_first(&error.message),
                "texts stand in single quotes, names in double quotes, and comments end with */",
            )
        })?;
        let mut lexed = Lexed { tokens: Vec::new(), places: Vec::new() };
        for token in all {
            cursor.advance_to(token.span.start);
            let start = cursor.offset;
            cursor.advance_to(token.span.end);
            if !matches!(token.token, Token::Whitespace(_)) {
                lexed.tokens.push(token);
                lexed.places.push(start..cursor.offset);
            }
        }
        lexed.check_limits(reporter)?;
        Ok(lexed)
    }

    /// The statements between semicolons, as ranges of tokens; empty ones are left out.
    pub(super) fn statements(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let mut statements = Vec::new();
        for end in 0..=self.tokens.len() {
            if self.tokens.get(end).is_none_or(|token| token.token == Token::SemiColon) {
                if start < end {
                    statements.push(start..end);
                }
                start = end + 1;
            }
        }
        statements
    }

    /// The bytes of a range of tokens. An empty range is the place right behind the token before.
    pub(super) fn bytes(&self, tokens: Range<usize>) -> Range<usize> {
        if tokens.start < tokens.end {
            return self.places[tokens.start].start..self.places[tokens.end - 1].end;
        }
        let behind = tokens.start.checked_sub(1).map_or(0, |last| self.places[last].end);
        behind..behind
    }

    /// The tokens that begin inside a span as the parser gives them; `None` if it knows none.
    pub(super) fn covered(&self, span: Span) -> Option<Range<usize>> {
        let index = |at: Location| self.tokens.partition_point(|token| token.span.start < at);
        let (start, end) = (index(span.start), index(span.end));
        (span.start.line > 0 && start < end).then_some(start..end)
    }

    /// The token that begins at `location`, if one does.
    pub(super) fn token_at(&self, location: Location) -> Option<usize> {
        self.tokens.binary_search_by_key(&location, |token| token.span.start).ok()
    }

    fn check_limits(&self, reporter: &mut Reporter<'_>) -> Compiled<()> {
        let mut runs = vec![0];
        let mut total = 0;
        for (index, token) in self.tokens.iter().enumerate() {
            match shape(&token.token) {
                Shape::Open => {
                    *runs.last_mut().expect("the outermost run stays") += 1;
                    total += 1;
                    runs.push(0);
                }
                Shape::Close if runs.len() > 1 => total -= runs.pop().expect("more than one"),
                Shape::Sibling => {
                    total -= std::mem::take(runs.last_mut().expect("the outermost run stays"));
                }
                Shape::Close | Shape::Other => {
                    *runs.last_mut().expect("the outermost run stays") += 1;
                    total += 1;
                }
            }
            let here = self.places[index].clone();
            if runs.len() > MAX_NESTING + 1 {
                return Err(reporter.report(
                    here,
                    "parentheses and CASE nest too deep here",
                    format!("at most {MAX_NESTING} may be open at once"),
                ));
            }
            if total > MAX_RUN {
                return Err(reporter.report(
                    here,
                    format!("an expression is longer than {MAX_RUN} tokens without a comma"),
                    "write a long chain of OR as `x IN (…, …)`, or a long sum as several measures",
                ));
            }
        }
        Ok(())
    }
}

/// What a token does to the depth of the tree.
enum Shape {
    Open,
    Close,
    Sibling,
    Other,
}

fn shape(token: &Token) -> Shape {
    match token {
        Token::LParen | Token::LBracket | Token::LBrace => Shape::Open,
        Token::RParen | Token::RBracket | Token::RBrace => Shape::Close,
        Token::Comma | Token::SemiColon => Shape::Sibling,
        Token::Word(word) => match word.keyword {
            Keyword::CASE => Shape::Open,
            Keyword::END => Shape::Close,
            Keyword::WHEN | Keyword::THEN | Keyword::ELSE => Shape::Sibling,
            _ => Shape::Other,
        },
        _ => Shape::Other,
    }
}

/// Walks a text forward, counting lines and columns as the tokenizer does.
struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
    column: u64,
}

impl Cursor<'_> {
    fn advance_to(&mut self, location: Location) {
        for character in self.text[self.offset..].chars() {
            if (self.line, self.column) >= (location.line, location.column) {
                return;
            }
            self.offset += character.len_utf8();
            if character == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
    }
}

/// The parser's messages start with a capital; ours do not.
pub(super) fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexed(text: &str) -> Lexed {
        let source = Source { name: "test".to_owned(), text: text.to_owned() };
        let mut reporter = Reporter::new(&source);
        Lexed::new(&source, &mut reporter).unwrap()
    }

    #[test]
    fn places_are_bytes_whatever_the_characters() {
        let text = "SELECT 'é\r\nß' -- ü\n , \"ñ\"\t/* x\n */ ,b";
        let lexed = lexed(text);
        let texts: Vec<&str> =
            (0..lexed.tokens.len()).map(|token| &text[lexed.bytes(token..token + 1)]).collect();
        assert_eq!(texts, ["SELECT", "'é\r\nß'", ",", "\"ñ\"", ",", "b"]);
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_texts() {
        assert_eq!(lexed(" ;a b; ';' c ;; d").statements(), [1..3, 4..6, 8..9]);
        assert!(lexed("-- nothing; here").statements().is_empty());
    }

    #[test]
    fn an_empty_range_stands_behind_the_token_before_it() {
        let lexed = lexed("ab  cd ");
        assert_eq!(lexed.bytes(0..0), 0..0);
        assert_eq!(lexed.bytes(1..1), 2..2);
        assert_eq!(lexed.bytes(2..2), 6..6);
    }
}
