//! `CREATE MATERIALIZED VIEW name AS SELECT … FROM table [WHERE …] GROUP BY …`.
//!
//! The clauses that a view cannot have are known by their first word and refused with what to do
//! instead: whatever looks at the finished answer belongs into the query of the view, and whatever
//! combines streams belongs before or after it.

use super::{Name, Parsed, Statement};
use crate::sql::error::{Compiled, Reported, Reporter};
use crate::sql::lex::Lexed;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;
use std::ops::Range;

/// The statement.
#[derive(Debug)]
pub(in crate::sql) struct CreateView {
    pub(in crate::sql) name: Name,
    pub(in crate::sql) items: Vec<Item>,
    pub(in crate::sql) table: Name,
    pub(in crate::sql) alias: Option<Name>,
    pub(in crate::sql) filter: Option<Parsed>,
    pub(in crate::sql) group_by: Vec<Parsed>,
}

/// One item of the SELECT list.
#[derive(Debug)]
pub(in crate::sql) struct Item {
    pub(in crate::sql) value: Parsed,
    pub(in crate::sql) alias: Option<Name>,
}

const FORM: &str = "write CREATE MATERIALIZED VIEW name AS SELECT keys, aggregates FROM table \
                    [WHERE condition] GROUP BY keys";

/// Reads one statement of a views file.
pub(in crate::sql) fn parse(
    lexed: &Lexed,
    range: Range<usize>,
    reporter: &mut Reporter<'_>,
) -> Compiled<CreateView> {
    let mut statement = Statement::new(lexed, range, reporter, FORM);
    let name = statement.head()?;
    statement.check_filters()?;
    let items = match statement.items() {
        Ok(items) => items,
        Err(reported) => {
            // The clauses behind the list are read all the same, for what is wrong with them.
            if statement.peek_keyword() == Keyword::FROM {
                let _ = statement.clauses();
            }
            return Err(reported);
        }
    };
    let (table, alias, filter, group_by) = statement.clauses()?;
    Ok(CreateView { name, items, table, alias, filter, group_by })
}

type Clauses = (Name, Option<Name>, Option<Parsed>, Vec<Parsed>);

impl Statement<'_, '_> {
    /// `CREATE MATERIALIZED VIEW name AS SELECT`
    fn head(&mut self) -> Compiled<Name> {
        self.expect(Keyword::CREATE)?;
        let replace = self.position();
        if self.parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]) {
            let message = "OR REPLACE has no meaning here: the file is the definition";
            return Err(self.refuse(replace..replace + 2, message, "leave it out"));
        }
        self.expect(Keyword::MATERIALIZED)?;
        self.expect(Keyword::VIEW)?;
        let name = self.name("a view name")?;
        self.expect(Keyword::AS)?;
        if let Some((message, help)) = refused_clause(self.peek_keyword()) {
            let position = self.position();
            return Err(self.refuse(position..position + 1, message, help));
        }
        self.expect(Keyword::SELECT)?;
        self.accept(Keyword::ALL);
        if self.peek_keyword() == Keyword::DISTINCT {
            let position = self.position();
            let help = "leave it out: GROUP BY already gives one row per key; to count distinct \
                        values use approx_distinct(x)";
            return Err(self.refuse(position..position + 1, "a view cannot SELECT DISTINCT", help));
        }
        Ok(name)
    }

    /// The expression parser reads the word FILTER and goes on as if it were not there when no
    /// `(WHERE` follows, so that is refused before.
    fn check_filters(&mut self) -> Compiled<()> {
        let mut outcome = Ok(());
        for token in self.range.clone().skip(1) {
            let follows_call = self.lexed.tokens[token - 1].token == Token::RParen;
            let is_filter = follows_call && self.lexed.keyword(token) == Keyword::FILTER;
            if is_filter && self.lexed.keyword(token + 2) != Keyword::WHERE {
                let help = "write FILTER (WHERE condition)";
                outcome = Err(self.refuse(token..token + 1, "FILTER has no condition", help));
            }
        }
        outcome
    }

    /// The SELECT list, up to FROM; goes on behind an item that cannot be read.
    fn items(&mut self) -> Compiled<Vec<Item>> {
        let mut items = Vec::new();
        let mut failed = None;
        loop {
            let start = self.position();
            match self.item() {
                Ok(item) => items.push(item),
                Err(reported) => {
                    failed = Some(reported);
                    if !self.skip_to_comma(start, is_from) {
                        return Err(reported);
                    }
                }
            }
            if !self.accept_token(&Token::Comma) {
                return failed.map_or(Ok(items), Err);
            }
        }
    }

    fn item(&mut self) -> Compiled<Item> {
        let start = self.position();
        let value = match self.peek() {
            Token::Mul => return Err(self.refuse_star(start)),
            _ => self.expr()?,
        };
        if *self.peek() == Token::Period {
            return Err(self.refuse_star(start));
        }
        let alias = self.alias("a name after AS")?;
        if *self.peek() != Token::Comma && !is_from(self.peek()) {
            return Err(self.unexpected("`,` or FROM"));
        }
        Ok(Item { value, alias })
    }

    fn refuse_star(&mut self, start: usize) -> Reported {
        let star =
            (start..self.range.end).find(|&token| self.lexed.tokens[token].token == Token::Mul);
        let end = star.unwrap_or(start) + 1;
        let help = "name the keys and the aggregates, such as site, count(*) AS events";
        self.refuse(start..end, "a view cannot select `*`", help)
    }

    /// `[AS] name`
    fn alias(&mut self, what: &str) -> Compiled<Option<Name>> {
        let explicit = self.accept(Keyword::AS);
        let is_word = matches!(self.peek(), Token::Word(_));
        let starts_clause = is_from(self.peek()) || starts_clause(self.peek_keyword());
        if explicit || (is_word && !starts_clause) { self.name(what).map(Some) } else { Ok(None) }
    }

    /// `FROM table [[AS] alias] [WHERE condition] [GROUP BY keys]`, and nothing else.
    fn clauses(&mut self) -> Compiled<Clauses> {
        self.expect(Keyword::FROM)?;
        let (table, alias) = self.table()?;
        let filter = if self.accept(Keyword::WHERE) { Some(self.expr()?) } else { None };
        self.refuse_clause()?;
        let mut group_by = Vec::new();
        if self.accept(Keyword::GROUP) {
            self.expect(Keyword::BY)?;
            loop {
                self.refuse_grouping()?;
                group_by.push(self.expr()?);
                if !self.accept_token(&Token::Comma) {
                    break;
                }
            }
        }
        self.refuse_clause()?;
        self.expect_end("the end of the statement")?;
        Ok((table, alias, filter, group_by))
    }

    fn table(&mut self) -> Compiled<(Name, Option<Name>)> {
        let start = self.position();
        if *self.peek() == Token::LParen {
            let help = "a view reads the events; put a condition into WHERE, and build what is \
                        derived from a view by querying the view";
            return Err(self.refuse(start..start + 1, "a view cannot read a subquery", help));
        }
        let table = self.name("the table of schema.sql")?;
        if matches!(self.peek(), Token::LParen | Token::Period) {
            let help = "a view reads the one table of schema.sql, by its plain name";
            return Err(self.refuse(start..start + 2, "this is not a table of the schema", help));
        }
        let alias = self.alias("a table alias")?;
        if *self.peek() == Token::Comma {
            let position = self.position();
            return Err(self.refuse(
                position..position + 1,
                "a view cannot read a second table",
                JOIN_HELP,
            ));
        }
        self.refuse_clause()?;
        Ok((table, alias))
    }

    fn refuse_clause(&mut self) -> Compiled<()> {
        match refused_clause(self.peek_keyword()) {
            None => Ok(()),
            Some((message, help)) => {
                let position = self.position();
                Err(self.refuse(position..position + 1, message, help))
            }
        }
    }

    fn refuse_grouping(&mut self) -> Compiled<()> {
        let keyword = self.peek_keyword();
        let follows = self.parser.peek_nth_token_ref(1).token == Token::LParen;
        let refused = match keyword {
            Keyword::ROLLUP | Keyword::CUBE => follows,
            Keyword::ALL | Keyword::DISTINCT | Keyword::GROUPING => true,
            _ => false,
        };
        if !refused {
            return Ok(());
        }
        let position = self.position();
        let message = format!("a view cannot GROUP BY {keyword:?}");
        let help = "list the keys: rows are merged over keys that a query leaves out, so one view \
                    answers every roll-up";
        Err(self.refuse(position..position + 1, &message, help))
    }
}

fn is_from(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword == Keyword::FROM)
}

fn starts_clause(keyword: Keyword) -> bool {
    matches!(keyword, Keyword::WHERE | Keyword::GROUP) || refused_clause(keyword).is_some()
}

const JOIN_HELP: &str = "a view reads one stream of events; add the fields to the event where it \
                         is produced, or join the answers";

const SET_HELP: &str = "write one view per SELECT";

/// What a clause that no view can have is called, and what to do instead.
fn refused_clause(keyword: Keyword) -> Option<(&'static str, &'static str)> {
    Some(match keyword {
        Keyword::HAVING => (
            "HAVING looks at finished rows, and a row is finished only when its parts are merged",
            "filter events with WHERE or FILTER, or filter rows when you query the view",
        ),
        Keyword::ORDER => (
            "ORDER BY has no meaning in a view: its rows are merged from parts",
            "order when you query the view",
        ),
        Keyword::LIMIT | Keyword::OFFSET | Keyword::FETCH => (
            "LIMIT and OFFSET look at finished rows, and a row is finished only when its parts are \
             merged",
            "limit when you query the view; for the most frequent values use \
             approx_most_frequent(buckets, value, capacity)",
        ),
        Keyword::UNION => ("a view cannot be a UNION", SET_HELP),
        Keyword::INTERSECT => ("a view cannot be an INTERSECT", SET_HELP),
        Keyword::EXCEPT | Keyword::MINUS => ("a view cannot be an EXCEPT", SET_HELP),
        Keyword::JOIN
        | Keyword::INNER
        | Keyword::LEFT
        | Keyword::RIGHT
        | Keyword::FULL
        | Keyword::CROSS
        | Keyword::NATURAL
        | Keyword::LATERAL => ("a view cannot join", JOIN_HELP),
        Keyword::WINDOW | Keyword::QUALIFY => (
            "window functions cannot be merged",
            "use a time bucket, date_trunc('minute', event_time), as a key",
        ),
        Keyword::WITH => (
            "a view cannot have a common table expression",
            "write the SELECT itself; put conditions into WHERE or FILTER",
        ),
        Keyword::TABLESAMPLE => {
            ("a view cannot read a sample", "leave it out: a view counts every event")
        }
        _ => return None,
    })
}
