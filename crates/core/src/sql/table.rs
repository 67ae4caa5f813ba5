//! `CREATE TABLE` to a [`Schema`]: which fields a payload may have, and of what type.
//!
//! Every leaf column gets one path of JSON keys, and no two columns can be meant by one exact
//! reference.

use super::data_type::{self, Refused};
use super::error::{Compiled, Reported, Reporter};
use super::lex::Lexed;
use super::parse::{Column, ColumnType, CreateTable, Name, TableOption};
use super::scope::dotted;
use super::suggest::closest;
use crate::schema::{ColumnDef, ColumnId, Schema, TimestampFormat};
use crate::types::Type;
use sqlparser::ast::{Expr, Value};
use std::collections::BTreeMap;
use std::ops::Range;

const OPTIONS: [&str; 3] = ["format", "event_time", "timestamp_format"];

const OPTIONS_HELP: &str = "the options are format = 'json', event_time = 'column' and \
                            timestamp_format = 'iso8601', 'epoch_seconds', 'epoch_milliseconds' \
                            or 'epoch_microseconds'";

/// Compiles the statement.
pub(super) fn compile(table: &CreateTable, reporter: &mut Reporter<'_>) -> Compiled<Schema> {
    let mut columns = Vec::new();
    let leaves = leaves(&table.columns, &mut Vec::new(), &mut columns, reporter);
    let options = options(&table.options, reporter);
    leaves?;
    let options = options?;
    let event_time = match options.event_time {
        Some((name, span)) => event_time(&columns, &name, span, reporter)?,
        None => {
            let help = "add event_time = 'column' to the WITH clause: when an event happened \
                        decides its time bucket";
            return Err(reporter.report(
                table.name.span.clone(),
                "the event_time option is missing",
                help,
            ));
        }
    };
    let timestamp_format = options.timestamp_format.unwrap_or_default();
    Ok(Schema { table: table.name.text.clone(), columns, event_time, timestamp_format })
}

/// Refuses what is not exactly one statement.
pub(super) fn only_statement(lexed: &Lexed, reporter: &mut Reporter<'_>) -> Compiled<Range<usize>> {
    let statements = lexed.statements();
    let help = "a schema is exactly one CREATE TABLE name (…) WITH (…)";
    match statements.as_slice() {
        [statement] => Ok(statement.clone()),
        [] => Err(reporter.report(0..0, "the source has no statement", help)),
        [_, second, ..] => Err(reporter.report(
            lexed.bytes(second.start..second.start + 1),
            "this is a second statement",
            help,
        )),
    }
}

/// Appends the leaf columns below `columns`, whose path so far is `path`.
fn leaves(
    columns: &[Column],
    path: &mut Vec<String>,
    leaves_found: &mut Vec<ColumnDef>,
    reporter: &mut Reporter<'_>,
) -> Compiled<()> {
    let mut outcome = Ok(());
    let mut names = Names::default();
    for (index, column) in columns.iter().enumerate() {
        if let Some(twin) = names.insert(index, &column.name).map(|twin| &columns[twin]) {
            let message = format!("`{}` is the name of two columns", column.name.text);
            let help = format!(
                "columns differ in more than letter case (`{}` is there already), unless both are \
                 quoted",
                twin.name.text
            );
            outcome = Err(reporter.report(column.name.span.clone(), message, help));
        }
        path.push(column.name.text.clone());
        match &column.ty {
            ColumnType::Plain(ty, span) => match data_type::compile(ty) {
                Ok(ty) => leaves_found.push(ColumnDef { path: path.clone(), ty }),
                Err(Refused { message, help }) => {
                    outcome = Err(reporter.report(span.clone(), message, help));
                }
            },
            ColumnType::Struct(fields) => {
                if let Err(reported) = leaves(fields, path, leaves_found, reporter) {
                    outcome = Err(reported);
                }
            }
        }
        path.pop();
    }
    outcome
}

/// Names of columns by what they would be taken for. A source may declare as many as fit into it,
/// so none is compared with all that were before.
#[derive(Default)]
struct Names<'a> {
    /// The first column of each name in small letters, and the first of them that is not quoted.
    in_any_case: BTreeMap<String, (usize, Option<usize>)>,
    /// The first quoted column of each exact name.
    quoted: BTreeMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    /// Adds a column. Returns the first before it that some reference means as well: two quoted
    /// names are told apart exactly, others without regard to letter case.
    fn insert(&mut self, index: usize, name: &'a Name) -> Option<usize> {
        let unquoted = (!name.quoted).then_some(index);
        let (first, first_unquoted) =
            self.in_any_case.entry(name.text.to_lowercase()).or_insert((index, None));
        let twin = if name.quoted {
            let exact = self.quoted.get(name.text.as_str()).copied();
            first_unquoted.iter().copied().chain(exact).min()
        } else {
            Some(*first).filter(|&first| first < index)
        };
        *first_unquoted = first_unquoted.or(unquoted);
        if name.quoted {
            self.quoted.entry(&name.text).or_insert(index);
        }
        twin
    }
}

#[derive(Default)]
struct Options {
    has_format: bool,
    event_time: Option<(String, Range<usize>)>,
    timestamp_format: Option<TimestampFormat>,
}

fn options(written: &[TableOption], reporter: &mut Reporter<'_>) -> Compiled<Options> {
    let mut options = Options::default();
    let mut outcome = Ok(());
    for option in written {
        if let Err(reported) = set_option(&mut options, option, reporter) {
            outcome = Err(reported);
        }
    }
    outcome.map(|()| options)
}

fn set_option(
    options: &mut Options,
    option: &TableOption,
    reporter: &mut Reporter<'_>,
) -> Compiled<()> {
    let key = option.key.text.to_lowercase();
    let value = match &option.value.expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            _ => return Err(not_a_text(option, reporter)),
        },
        _ => return Err(not_a_text(option, reporter)),
    };
    let set_before = match key.as_str() {
        "format" if value == "json" => std::mem::replace(&mut options.has_format, true),
        "event_time" => options.event_time.replace((value, option.value.span.clone())).is_some(),
        "timestamp_format" => {
            let format = match value.as_str() {
                "iso8601" => TimestampFormat::Iso8601,
                "epoch_seconds" => TimestampFormat::EpochSeconds,
                "epoch_milliseconds" => TimestampFormat::EpochMillis,
                "epoch_microseconds" => TimestampFormat::EpochMicros,
                _ => return Err(unknown_value(option, &value, reporter)),
            };
            options.timestamp_format.replace(format).is_some()
        }
        "format" => return Err(unknown_value(option, &value, reporter)),
        _ => {
            let message = format!("there is no option `{}`", option.key.text);
            let help = match closest(&key, OPTIONS) {
                Some(name) => format!("did you mean `{name}`? {OPTIONS_HELP}"),
                None => OPTIONS_HELP.to_owned(),
            };
            return Err(reporter.report(option.key.span.clone(), message, help));
        }
    };
    if set_before {
        let message = format!("the option `{key}` is given twice");
        return Err(reporter.report(option.key.span.clone(), message, "leave one out"));
    }
    Ok(())
}

fn not_a_text(option: &TableOption, reporter: &mut Reporter<'_>) -> Reported {
    let message = format!("the value of `{}` is not a text in single quotes", option.key.text);
    reporter.report(option.value.span.clone(), message, OPTIONS_HELP)
}

fn unknown_value(option: &TableOption, value: &str, reporter: &mut Reporter<'_>) -> Reported {
    let message = format!("`{}` cannot be `{value}`", option.key.text);
    reporter.report(option.value.span.clone(), message, OPTIONS_HELP)
}

/// The column that the option names: a top-level column or a path such as `meta.time`.
fn event_time(
    columns: &[ColumnDef],
    name: &str,
    span: Range<usize>,
    reporter: &mut Reporter<'_>,
) -> Compiled<ColumnId> {
    let plain = |column: &ColumnDef| column.path.join(".");
    let exact = columns.iter().position(|column| plain(column) == name);
    let found = exact.or_else(|| {
        columns.iter().position(|column| plain(column).to_lowercase() == name.to_lowercase())
    });
    let timestamps: Vec<String> = columns
        .iter()
        .filter(|column| matches!(column.ty, Type::Timestamp { .. }))
        .map(|column| dotted(&column.path))
        .collect();
    let help = match timestamps.as_slice() {
        [] => "declare the event time as a column of type TIMESTAMP(3)".to_owned(),
        names => format!("the TIMESTAMP columns are: {}", names.join(", ")),
    };
    match found {
        Some(id) if matches!(columns[id].ty, Type::Timestamp { .. }) => Ok(id),
        Some(id) => {
            let message = format!("the event time `{name}` is {}, not TIMESTAMP", columns[id].ty);
            Err(reporter.report(span, message, help))
        }
        None => {
            let message = format!("the event time `{name}` is not a column");
            Err(reporter.report(span, message, help))
        }
    }
}
