//! The grammar of statements: what may stand where, down to the expressions.
//!
//! Statements are small and closed, so they are read here, clause by clause: every token that does
//! not belong can be refused at its place, by name, and reading goes on with the next column or
//! SELECT item. Expressions and plain types are left to `sqlparser`.

mod table;
mod view;

use super::dialect::Trino;
use super::error::{Compiled, Reported, Reporter};
use super::lex::{Lexed, lower_first};
use sqlparser::ast::Expr;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token};
use std::ops::Range;

pub(super) use table::{Column, ColumnType, CreateTable, TableOption, parse as table};
pub(super) use view::{CreateView, Item, parse as view};

/// A name as written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    /// Quoted names match exactly, others in any letter case.
    pub(super) quoted: bool,
    pub(super) span: Range<usize>,
}

/// An expression and the bytes it stands in.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) expr: Expr,
    pub(super) span: Range<usize>,
}

/// Reads one statement.
pub(super) struct Statement<'a, 'r> {
    parser: Parser<'static>,
    lexed: &'a Lexed,
    range: Range<usize>,
    reporter: &'a mut Reporter<'r>,
    /// How the statement looks as a whole: the help where a token does not fit.
    form: &'static str,
}

impl<'a, 'r> Statement<'a, 'r> {
    fn new(
        lexed: &'a Lexed,
        range: Range<usize>,
        reporter: &'a mut Reporter<'r>,
        form: &'static str,
    ) -> Self {
        let tokens = lexed.tokens[range.clone()].to_vec();
        let parser = Parser::new(&Trino).with_tokens_with_locations(tokens);
        Statement { parser, lexed, range, reporter, form }
    }

    /// Index of the next token in the source.
    fn position(&self) -> usize {
        (self.range.start + self.parser.index()).min(self.range.end)
    }

    fn is_at_end(&self) -> bool {
        self.position() == self.range.end
    }

    fn peek(&self) -> &Token {
        &self.parser.peek_token_ref().token
    }

    fn peek_keyword(&self) -> Keyword {
        match self.peek() {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        }
    }

    fn accept(&mut self, keyword: Keyword) -> bool {
        self.parser.parse_keyword(keyword)
    }

    fn accept_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    fn expect(&mut self, keyword: Keyword) -> Compiled<()> {
        let wanted = || format!("{keyword:?}");
        if self.accept(keyword) { Ok(()) } else { Err(self.unexpected(&wanted())) }
    }

    fn expect_token(&mut self, token: &Token) -> Compiled<()> {
        if self.accept_token(token) { Ok(()) } else { Err(self.unexpected(&format!("`{token}`"))) }
    }

    fn name(&mut self, what: &str) -> Compiled<Name> {
        let Token::Word(word) = self.peek() else {
            return Err(self.unexpected(what));
        };
        let (text, quoted) = (word.value.clone(), word.quote_style.is_some());
        let position = self.position();
        self.parser.next_token();
        Ok(Name { text, quoted, span: self.lexed.bytes(position..position + 1) })
    }

    fn expr(&mut self) -> Compiled<Parsed> {
        let start = self.position();
        if is_reserved(self.peek_keyword()) {
            return Err(self.unexpected("an expression"));
        }
        match self.parser.parse_expr() {
            Ok(expr) => Ok(Parsed { expr, span: self.lexed.bytes(start..self.position()) }),
            Err(error) => Err(self.parser_error(error)),
        }
    }

    fn expect_end(&mut self, wanted: &str) -> Compiled<()> {
        if self.is_at_end() { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    /// Moves on to the next comma, or to what ends the list, outside of brackets opened since
    /// token `start`. False if the statement ends before.
    fn skip_to_comma(&mut self, start: usize, ends: impl Fn(&Token) -> bool) -> bool {
        while self.position() > start {
            self.parser.prev_token();
        }
        let mut depth = 0usize;
        while !self.is_at_end() {
            match self.peek() {
                Token::Comma if depth == 0 => return true,
                token if depth == 0 && ends(token) => return true,
                Token::LParen | Token::Lt => depth += 1,
                Token::RParen | Token::Gt => depth = depth.saturating_sub(1),
                Token::ShiftRight => depth = depth.saturating_sub(2),
                _ => {}
            }
            self.parser.next_token();
        }
        false
    }

    /// The next token, or the end of the statement.
    fn next_place(&self) -> Range<usize> {
        let position = self.position();
        self.lexed.bytes(position..(position + 1).min(self.range.end))
    }

    /// Reports that `wanted` should stand where the next token stands.
    fn unexpected(&mut self, wanted: &str) -> Reported {
        let found = match self.peek() {
            Token::EOF => "the end of the statement".to_owned(),
            token => format!("`{token}`"),
        };
        let place = self.next_place();
        self.reporter.report(place, format!("expected {wanted}, found {found}"), self.form)
    }

    fn refuse(&mut self, tokens: Range<usize>, message: &str, help: &str) -> Reported {
        self.reporter.report(self.lexed.bytes(tokens), message, help)
    }

    /// The parser's own error: its message ends with the place it speaks of.
    fn parser_error(&mut self, error: ParserError) -> Reported {
        let text = match error {
            ParserError::RecursionLimitExceeded => {
                let place = self.next_place();
                let help = "write it with fewer nested operators, or as several measures";
                return self.reporter.report(place, "an expression nests too deep", help);
            }
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => text,
        };
        let (message, location) = split_location(&text);
        let token = location.and_then(|location| self.lexed.token_at(location));
        let token = token.filter(|token| self.range.contains(token));
        let place = token.map_or(self.range.end..self.range.end, |token| token..token + 1);
        self.reporter.report(self.lexed.bytes(place), readable(message), self.form)
    }
}

/// Words that begin a clause are no column names unless quoted, or a missing expression would be
/// reported far behind its place.
fn is_reserved(keyword: Keyword) -> bool {
    use Keyword::{FROM, GROUP, HAVING, ORDER, WHERE};
    matches!(keyword, FROM | WHERE | GROUP | HAVING | ORDER)
}

/// Splits `… at Line: 1, Column: 2` from a parser's message.
fn split_location(text: &str) -> (&str, Option<Location>) {
    let split = text.rsplit_once(" at Line: ").and_then(|(message, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        let location = Location { line: line.parse().ok()?, column: column.parse().ok()? };
        Some((message, Some(location)))
    });
    split.unwrap_or((text, None))
}

/// `Expected: x, found: y` as a sentence.
fn readable(message: &str) -> String {
    let parts = message.strip_prefix("Expected: ").and_then(|rest| rest.split_once(", found: "));
    match parts {
        Some((wanted, found)) => {
            let is_word = wanted.starts_with(char::is_alphabetic);
            let wanted = if is_word { wanted.to_owned() } else { format!("`{wanted}`") };
            match found {
                "EOF" => format!("expected {wanted}, found the end of the statement"),
                _ => format!("expected {wanted}, found `{found}`"),
            }
        }
        None => lower_first(message),
    }
}
