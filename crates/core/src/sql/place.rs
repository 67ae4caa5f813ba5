//! Where an expression stands, exactly.
//!
//! The parser's spans are the union of those of the leaves: they leave out parentheses, prefix and
//! postfix operators, types and the clauses of a function call. An error has to mark the whole
//! offending text, so places are made whole here, from the tokens around the leaves:
//!
//! ```text
//! CAST ( a + b AS BIGINT )        count ( * ) FILTER ( WHERE x )       - x IS NOT NULL
//!        -----   the span         -----                                  -
//! ------------------------        ------------------------------       ----------------
//! ```

use super::lex::Lexed;
use sqlparser::ast::{CastKind, Expr, FunctionArguments, Interval, Spanned};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;
use std::ops::Range;

impl Lexed {
    /// The tokens of `expr`; `None` if the parser kept no place for any part of it.
    pub(super) fn place(&self, expr: &Expr) -> Option<Range<usize>> {
        let place = match expr {
            Expr::Nested(inner) => self.enclosing(self.place(inner)?)?,
            Expr::UnaryOp { expr, .. } => {
                let inner = self.place(expr)?;
                inner.start.saturating_sub(1)..inner.end
            }
            Expr::IsNull(inner) | Expr::IsTrue(inner) | Expr::IsFalse(inner) => {
                self.followed_by(inner, 2)?
            }
            Expr::IsNotNull(inner) | Expr::IsNotTrue(inner) | Expr::IsNotFalse(inner) => {
                self.followed_by(inner, 3)?
            }
            Expr::IsUnknown(inner) => self.followed_by(inner, 2)?,
            Expr::IsNotUnknown(inner) => self.followed_by(inner, 3)?,
            Expr::BinaryOp { left, right, .. }
            | Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right) => self.spanning(left, right)?,
            Expr::Between { expr, high, .. } => self.spanning(expr, high)?,
            Expr::Like { expr, pattern, escape_char, .. } => {
                self.spanning(expr, escape_char.as_ref().unwrap_or(pattern))?
            }
            Expr::InList { expr, list, .. } => {
                let whole = self.spanning(expr, list.last()?)?;
                whole.start..whole.end + 1
            }
            Expr::Cast { kind: CastKind::DoubleColon, expr, .. } => self.followed_by(expr, 2)?,
            Expr::Subquery(query) => self.enclosing(self.covered(query.span())?)?,
            Expr::Exists { subquery, .. } => {
                let query = self.enclosing(self.covered(subquery.span())?)?;
                query.start.saturating_sub(1)..query.end
            }
            Expr::Tuple(_) => self.enclosing(self.covered(expr.span())?)?,
            Expr::Cast { expr, .. }
            | Expr::Extract { expr, .. }
            | Expr::Ceil { expr, .. }
            | Expr::Floor { expr, .. }
            | Expr::Substring { expr, .. }
            | Expr::Trim { expr, .. }
            | Expr::Position { expr, .. } => {
                let whole = self.enclosing(self.place(expr)?)?;
                whole.start.saturating_sub(1)..whole.end
            }
            Expr::Function(function) => {
                let name = self.covered(function.name.span())?;
                match function.args {
                    FunctionArguments::None => name,
                    _ => name.start..self.call_end(name.end),
                }
            }
            Expr::TypedString(typed) => self.with_type(self.covered(typed.value.span)?),
            Expr::Interval(interval) => self.interval(interval)?,
            _ => self.covered(expr.span())?,
        };
        Some(self.balanced(place))
    }

    /// The tokens of a call's clauses end here; `open` is the index of its opening parenthesis.
    fn call_end(&self, open: usize) -> usize {
        let mut end = self.closing(open);
        loop {
            let next = match self.keyword(end) {
                Keyword::WITHIN => end + 2,
                Keyword::FILTER | Keyword::OVER => end + 1,
                _ => return end,
            };
            let is_clause = self.tokens.get(next).is_some_and(|t| t.token == Token::LParen);
            end = if is_clause { self.closing(next) } else { return end.max(next) };
        }
    }

    fn interval(&self, interval: &Interval) -> Option<Range<usize>> {
        let value = self.place(&interval.value)?;
        let unit = usize::from(interval.leading_field.is_some());
        let to = if interval.last_field.is_some() { 2 } else { 0 };
        Some(value.start.saturating_sub(1)..value.end + unit + to)
    }

    /// `TIMESTAMP '…'`, `TIMESTAMP(3) '…'`: the type's name stands before the text.
    fn with_type(&self, value: Range<usize>) -> Range<usize> {
        let before = value.start.saturating_sub(1);
        let is_close = self.tokens.get(before).is_some_and(|t| t.token == Token::RParen);
        let opening = |index: &usize| self.tokens[*index].token == Token::LParen;
        let open = if is_close { (0..before).rev().find(opening) } else { None };
        open.map_or(before, |open| open.saturating_sub(1))..value.end
    }

    fn followed_by(&self, inner: &Expr, words: usize) -> Option<Range<usize>> {
        let inner = self.place(inner)?;
        Some(inner.start..inner.end + words)
    }

    fn spanning(&self, first: &Expr, last: &Expr) -> Option<Range<usize>> {
        Some(self.place(first)?.start..self.place(last)?.end)
    }

    /// The innermost parentheses around `place`, with what stands in them.
    fn enclosing(&self, place: Range<usize>) -> Option<Range<usize>> {
        let mut depth = 0usize;
        for index in (0..place.start).rev() {
            match self.tokens[index].token {
                Token::RParen => depth += 1,
                Token::LParen if depth == 0 => return Some(index..self.closing(index)),
                Token::LParen => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// The index behind the parenthesis that closes the one at `open`; the end if none does.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for index in open..self.tokens.len() {
            match self.tokens[index].token {
                Token::LParen => depth += 1,
                Token::RParen if depth <= 1 => return index + 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// Extends `place` to the right until every parenthesis in it is closed, and not past the end.
    fn balanced(&self, place: Range<usize>) -> Range<usize> {
        let end = place.end.min(self.tokens.len());
        let mut open = Vec::new();
        for index in place.start..end {
            match self.tokens[index].token {
                Token::LParen => open.push(index),
                Token::RParen => drop(open.pop()),
                _ => {}
            }
        }
        place.start..open.first().map_or(end, |first| self.closing(*first))
    }

    /// The keyword at `index`, or `NoKeyword`.
    pub(super) fn keyword(&self, index: usize) -> Keyword {
        match self.tokens.get(index).map(|token| &token.token) {
            Some(Token::Word(word)) => word.keyword,
            _ => Keyword::NoKeyword,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Trino;
    use super::super::error::Reporter;
    use super::super::{Source, lex::Lexed};
    use sqlparser::parser::Parser;

    /// The text of the place of the one expression between the brackets.
    fn place_of(text: &str) -> String {
        let source = Source { name: "test".to_owned(), text: text.to_owned() };
        let lexed = Lexed::new(&source, &mut Reporter::new(&source)).unwrap();
        let mut parser = Parser::new(&Trino).with_tokens_with_locations(lexed.tokens.clone());
        let expr = parser.parse_expr().unwrap();
        text[lexed.bytes(lexed.place(&expr).unwrap())].to_owned()
    }

    #[test]
    fn a_place_covers_the_whole_text_of_an_expression() {
        for text in [
            "a",
            "\"a b\".c",
            "( ( a ) )",
            "- - a",
            "NOT (a)",
            "a + (b * (c))",
            "(a + b) IS NOT NULL",
            "a IS NULL",
            "a IS NOT TRUE",
            "a IS NOT UNKNOWN",
            "a IS DISTINCT FROM (b)",
            "a NOT BETWEEN (1) AND (2)",
            "a LIKE 'x' ESCAPE '!'",
            "a NOT IN ( (1), f(2) )",
            "CAST((a + b) AS DECIMAL(12, 2))",
            "TRY_CAST(f(a) AS TIMESTAMP(3))",
            "extract(HOUR FROM (a))",
            "ceil(a)",
            "substr((a), 1, 2)",
            "trim(BOTH ' ' FROM (a))",
            "position('x' IN a)",
            "count(*)",
            "count( DISTINCT (a) )",
            "count(*) FILTER (WHERE (a) > f(b))",
            "sum(a) OVER (PARTITION BY (b) ORDER BY c)",
            "listagg(a, ',') WITHIN GROUP (ORDER BY b)",
            "f()",
            "CASE a WHEN 1 THEN (2) ELSE f(3) END",
            "TIMESTAMP '2020-01-01'",
            "TIMESTAMP(3) '2020-01-01'",
            "INTERVAL '5' MINUTE",
            "INTERVAL '1:30' MINUTE TO SECOND",
            "(1, (2))",
            "current_timestamp",
            "EXISTS (SELECT 1)",
            "(SELECT 1)",
            "a::BIGINT",
            "a IN (SELECT f(b) FROM c)",
        ] {
            assert_eq!(place_of(text), text);
        }
    }
}
