//! `CREATE TABLE name (column TYPE, …) WITH (option = 'value', …)`.

use super::{Name, Parsed, Statement};
use crate::sql::error::{Compiled, Reporter};
use crate::sql::lex::{Lexed, MAX_NESTING};
use sqlparser::ast::DataType;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;
use std::ops::Range;

/// The statement.
#[derive(Debug)]
pub(in crate::sql) struct CreateTable {
    pub(in crate::sql) name: Name,
    pub(in crate::sql) columns: Vec<Column>,
    pub(in crate::sql) options: Vec<TableOption>,
}

/// A column, or a field of a STRUCT.
#[derive(Debug)]
pub(in crate::sql) struct Column {
    pub(in crate::sql) name: Name,
    pub(in crate::sql) ty: ColumnType,
}

/// A type as written.
#[derive(Debug)]
pub(in crate::sql) enum ColumnType {
    /// A type of one value, and where it stands.
    Plain(DataType, Range<usize>),
    /// `STRUCT<…>` or `ROW(…)`.
    Struct(Vec<Column>),
}

/// One option of the WITH clause.
#[derive(Debug)]
pub(in crate::sql) struct TableOption {
    pub(in crate::sql) key: Name,
    pub(in crate::sql) value: Parsed,
}

const FORM: &str =
    "write CREATE TABLE name (column TYPE, …) WITH (format = 'json', event_time = 'column')";

const COLUMN_HELP: &str = "a column is a name and a type; only the event time is checked for \
                           NULL, so NOT NULL, DEFAULT and keys have no meaning here";

/// Reads the one statement of a schema.
pub(in crate::sql) fn parse(
    lexed: &Lexed,
    range: Range<usize>,
    reporter: &mut Reporter<'_>,
) -> Compiled<CreateTable> {
    let mut statement = Statement::new(lexed, range, reporter, FORM);
    statement.expect(Keyword::CREATE)?;
    statement.expect(Keyword::TABLE)?;
    let name = statement.name("a table name")?;
    statement.expect_token(&Token::LParen)?;
    let columns = statement.columns()?;
    statement.expect_token(&Token::RParen)?;
    statement.expect(Keyword::WITH)?;
    statement.expect_token(&Token::LParen)?;
    let mut options = Vec::new();
    loop {
        let key = statement.name("an option's name")?;
        statement.expect_token(&Token::Eq)?;
        options.push(TableOption { key, value: statement.expr()? });
        if !statement.accept_token(&Token::Comma) {
            break;
        }
    }
    statement.expect_token(&Token::RParen)?;
    statement.expect_end("the end of the statement")?;
    Ok(CreateTable { name, columns, options })
}

impl Statement<'_, '_> {
    /// Columns up to the closing parenthesis; goes on behind a column that cannot be read.
    fn columns(&mut self) -> Compiled<Vec<Column>> {
        let mut columns = Vec::new();
        let mut failed = None;
        loop {
            let start = self.position();
            let mut closed = 0;
            match self.column(0, &mut closed) {
                Ok(column) => columns.push(column),
                Err(reported) => {
                    failed = Some(reported);
                    if !self.skip_to_comma(start, |token| *token == Token::RParen) {
                        return Err(reported);
                    }
                }
            }
            if !self.accept_token(&Token::Comma) {
                return failed.map_or(Ok(columns), Err);
            }
        }
    }

    /// A column at STRUCT depth `depth`. `closed` counts the STRUCTs whose `>` was read as the
    /// second half of a `>>`.
    fn column(&mut self, depth: usize, closed: &mut usize) -> Compiled<Column> {
        let name = self.name("a column name")?;
        let start = self.position();
        let ty = match self.peek() {
            Token::Word(word) if word.keyword == Keyword::STRUCT => {
                self.parser.next_token();
                self.expect_token(&Token::Lt)?;
                let fields = self.fields(depth, closed)?;
                self.close_angle(closed)?;
                ColumnType::Struct(fields)
            }
            Token::Word(word) if word.keyword == Keyword::ROW => {
                self.parser.next_token();
                self.expect_token(&Token::LParen)?;
                let fields = self.fields(depth, &mut 0)?;
                self.expect_token(&Token::RParen)?;
                ColumnType::Struct(fields)
            }
            _ => match self.parser.parse_data_type() {
                Ok(ty) => ColumnType::Plain(ty, self.lexed.bytes(start..self.position())),
                Err(error) => return Err(self.parser_error(error)),
            },
        };
        if self.accept(Keyword::COMMENT) {
            match self.peek() {
                Token::SingleQuotedString(_) => drop(self.parser.next_token()),
                _ => return Err(self.unexpected("a text in single quotes")),
            }
        }
        let ends = matches!(
            self.peek(),
            Token::Comma | Token::RParen | Token::Gt | Token::ShiftRight | Token::EOF
        );
        if !ends && *closed == 0 {
            let position = self.position();
            let message = format!("`{}` cannot follow the type of a column", self.peek());
            return Err(self.refuse(position..position + 1, &message, COLUMN_HELP));
        }
        Ok(Column { name, ty })
    }

    fn fields(&mut self, depth: usize, closed: &mut usize) -> Compiled<Vec<Column>> {
        if depth == MAX_NESTING {
            let position = self.position();
            let help = format!("at most {MAX_NESTING} levels are allowed");
            return Err(self.refuse(position..position, "STRUCTs nest too deep here", &help));
        }
        let mut fields = Vec::new();
        loop {
            fields.push(self.column(depth + 1, closed)?);
            if *closed > 0 || !self.accept_token(&Token::Comma) {
                return Ok(fields);
            }
        }
    }

    /// Reads the `>` of a STRUCT, which may be half of a `>>`.
    fn close_angle(&mut self, closed: &mut usize) -> Compiled<()> {
        if *closed > 0 {
            *closed -= 1;
            Ok(())
        } else if self.accept_token(&Token::ShiftRight) {
            *closed += 1;
            Ok(())
        } else {
            self.expect_token(&Token::Gt)
        }
    }
}
