//! A SELECT to a [`View`]: which items are keys, which one is the time bucket, which are measures.
//!
//! ```text
//! SELECT  site,  date_trunc('minute', event_time) AS minute,  sum(a) / count(*) AS mean
//!         key    bucket                                       measure over outputs #0, #1
//! GROUP BY 1, 2                                               of the states sum(a), count(*)
//! ```
//!
//! An item is what it holds: with aggregates it is a measure, without it must be grouped by. Every
//! key is selected, once, so that a row can be told from every other row of an answer.

use super::bind::{Binder, Site};
use super::error::{Compiled, Reported, Reporter};
use super::lex::Lexed;
use super::parse::{CreateView, Item, Name, Parsed};
use super::plan;
use super::scope::{Scope, is_identifier};
use crate::schema::Schema;
use crate::view::{Bucket, Expr, ExprKind, Key, Measure, Scalar, View, Width};
use sqlparser::ast;
use std::ops::Range;

/// View names that begin so belong to Anabranch itself.
pub(super) const RESERVED_PREFIX: &str = "anabranch_";

/// The longest name of a view, a key or a measure: names become those of files and columns.
const MAX_NAME: usize = 128;

/// The most SELECT items of a view.
const MAX_ITEMS: usize = 256;

/// What a compilation reads besides the statement.
pub(super) struct Context<'a> {
    pub(super) schema: &'a Schema,
    /// The schema whose acceptance the fingerprint covers: the user's, also for system views.
    pub(super) acceptance: &'a Schema,
    /// Names of views of other sources.
    pub(super) taken: &'a [&'a str],
    /// Whether the view may have a reserved name.
    pub(super) system: bool,
}

/// Compiles one `CREATE MATERIALIZED VIEW`.
pub(super) fn compile(
    context: &Context<'_>,
    lexed: &Lexed,
    view: &CreateView,
    reporter: &mut Reporter<'_>,
) -> Compiled<View> {
    let name = check_view_name(&view.name, context.system, reporter);
    let relation = check_table(context.schema, view, reporter)?;
    let scope = Scope::new(context.schema, relation);
    let mut binder = Binder::new(lexed, scope, reporter);
    let filter = view.filter.as_ref().map(|filter| {
        binder.clause = filter.span.clone();
        binder.condition(&filter.expr, Site::Where)
    });
    let groups: Vec<Compiled<Group>> =
        view.group_by.iter().map(|written| binder.group(written, &view.items)).collect();
    let columns = binder.columns(&view.items, &groups);
    let (name, filter, columns) = (name?, filter.transpose()?, columns?);
    let groups = groups.into_iter().collect::<Compiled<Vec<Group>>>()?;
    let Sorted { keys, bucket, measures } = binder.sort(view, groups, columns)?;
    let aggregates = std::mem::take(&mut binder.aggregates);
    let mut view = View {
        name,
        fingerprint: plan::UNKNOWN,
        plan: String::new(),
        filter,
        keys,
        bucket,
        aggregates: aggregates.states,
        outputs: aggregates.outputs,
        measures,
    };
    plan::seal(&mut view, context.schema, context.acceptance);
    Ok(view)
}

fn check_view_name(name: &Name, system: bool, reporter: &mut Reporter<'_>) -> Compiled<String> {
    if !system && name.text.to_lowercase().starts_with(RESERVED_PREFIX) {
        let message = format!("the view name `{}` is reserved", name.text);
        let help = format!("names that begin with `{RESERVED_PREFIX}` belong to system views");
        return Err(reporter.report(name.span.clone(), message, help));
    }
    check_name(&name.text, name.span.clone(), "a view", reporter)
}

fn check_name(
    name: &str,
    span: Range<usize>,
    what: &str,
    reporter: &mut Reporter<'_>,
) -> Compiled<String> {
    if is_identifier(name) && name.len() <= MAX_NAME {
        return Ok(name.to_owned());
    }
    let message = format!("`{name}` cannot be the name of {what}");
    let help = format!(
        "a name is a letter or `_`, then letters, digits and `_`, at most {MAX_NAME} in all; give \
         one with AS"
    );
    Err(reporter.report(span, message, help))
}

/// The name by which the view's columns can be qualified.
fn check_table(schema: &Schema, view: &CreateView, reporter: &mut Reporter<'_>) -> Compiled<Name> {
    let table = &view.table;
    let is_known = if table.quoted {
        table.text == schema.table
    } else {
        table.text.to_lowercase() == schema.table.to_lowercase()
    };
    if !is_known {
        let message = format!("there is no table `{}`", table.text);
        let help = format!("the table of schema.sql is `{}`", schema.table);
        return Err(reporter.report(table.span.clone(), message, help));
    }
    Ok(view.alias.as_ref().unwrap_or(table).clone())
}

/// A GROUP BY expression.
struct Group {
    /// The SELECT item that it means, if it says so by its number.
    item: Option<usize>,
    /// What it says otherwise.
    expr: Option<Expr>,
    span: Range<usize>,
}

/// A SELECT item, bound.
struct Column {
    name: String,
    expr: Expr,
    /// Whether it holds an aggregate.
    aggregated: bool,
}

/// The SELECT items by what they are.
struct Sorted {
    keys: Vec<Key>,
    bucket: Option<Bucket>,
    measures: Vec<Measure>,
}

impl Binder<'_, '_> {
    fn group(&mut self, written: &Parsed, items: &[Item]) -> Compiled<Group> {
        self.clause = written.span.clone();
        let span = written.span.clone();
        if let Some(number) = ordinal(&written.expr) {
            let Some(item) = number.checked_sub(1).filter(|item| *item < items.len()) else {
                let message = format!("GROUP BY {number} is not the number of a SELECT item");
                let help = format!("the SELECT items are 1 to {}", items.len());
                return Err(self.reporter.report(span, message, help));
            };
            return Ok(Group { item: Some(item), expr: None, span });
        }
        if let Some(item) = self.alias_only(&written.expr, items) {
            let message = "GROUP BY takes columns, expressions and numbers, not names of AS";
            let help = format!("write GROUP BY {}", item + 1);
            return Err(self.reporter.report(span, message, help));
        }
        let expr = self.typed(&written.expr, Site::GroupBy)?;
        Ok(Group { item: None, expr: Some(expr), span })
    }

    /// The item that `written` names by its alias, where no column has that name.
    fn alias_only(&self, written: &ast::Expr, items: &[Item]) -> Option<usize> {
        let ast::Expr::Identifier(name) = written else { return None };
        if self.scope.resolve(std::slice::from_ref(name)).is_ok() {
            return None;
        }
        let is_named = |item: &Item| {
            item.alias.as_ref().is_some_and(|alias| alias.text.eq_ignore_ascii_case(&name.value))
        };
        items.iter().position(is_named)
    }

    /// Binds every SELECT item and gives it its name.
    fn columns(&mut self, items: &[Item], groups: &[Compiled<Group>]) -> Compiled<Vec<Column>> {
        if items.len() > MAX_ITEMS {
            let message = format!("{} SELECT items", items.len());
            let help = format!("a view has at most {MAX_ITEMS} keys and measures; split it");
            return Err(self.reporter.report(items[MAX_ITEMS].value.span.clone(), message, help));
        }
        let mut columns: Vec<Compiled<Column>> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let is_grouped_by_number =
                groups.iter().flatten().any(|group| group.item == Some(index));
            let column = self.bind_item(item, is_grouped_by_number);
            let name = match &column {
                Ok(column) => column.name.as_str(),
                Err(_) => item.alias.as_ref().map_or("", |alias| &alias.text),
            };
            let taken = columns.iter().flatten().any(|other| other.name.eq_ignore_ascii_case(name));
            let span = item.alias.as_ref().map_or(&item.value.span, |alias| &alias.span);
            columns.push(if taken {
                let message = format!("`{name}` is the name of two columns");
                let help = "give one of them another name with AS; letter case does not count";
                Err(self.reporter.report(span.clone(), message, help))
            } else {
                column
            });
        }
        columns.into_iter().collect()
    }

    fn bind_item(&mut self, item: &Item, is_grouped: bool) -> Compiled<Column> {
        self.clause = item.value.span.clone();
        self.free.clear();
        self.aggregated = false;
        let expr = self.typed(&item.value.expr, Site::Item)?;
        if self.aggregated && !self.free.is_empty() {
            let mut reported = Reported;
            for place in std::mem::take(&mut self.free) {
                reported = self.reporter.report(
                    place,
                    "this column stands beside an aggregate, not inside one",
                    "put it into an aggregate, such as max(x), or make it a key of its own",
                );
            }
            return Err(reported);
        }
        if self.aggregated && is_grouped {
            let message = "an aggregate cannot be grouped by";
            let help = "keys are what is known of each event; measures are what is aggregated";
            return Err(self.reporter.report(item.value.span.clone(), message, help));
        }
        let name = self.item_name(item, &expr)?;
        Ok(Column { name, expr, aggregated: self.aggregated })
    }

    /// The alias, or a plain column's own name.
    fn item_name(&mut self, item: &Item, expr: &Expr) -> Compiled<String> {
        if let Some(alias) = &item.alias {
            return check_name(&alias.text, alias.span.clone(), "a column", self.reporter);
        }
        match expr.kind {
            ExprKind::Column(id) if !self.aggregated => {
                let key = self.scope.schema().columns[id].path.last().expect("a path has a key");
                check_name(key, item.value.span.clone(), "a column", self.reporter)
            }
            _ => {
                let help = "add AS and a name behind it";
                Err(self.reporter.report(item.value.span.clone(), "this needs a name", help))
            }
        }
    }

    /// Sorts the columns into keys, the bucket and measures.
    fn sort(
        &mut self,
        view: &CreateView,
        groups: Vec<Group>,
        columns: Vec<Column>,
    ) -> Compiled<Sorted> {
        let mut outcome = self.check_groups(&groups, &columns);
        let mut sorted = Sorted { keys: Vec::new(), bucket: None, measures: Vec::new() };
        for (index, column) in columns.into_iter().enumerate() {
            let span = &view.items[index].value.span;
            let is_grouped = groups.iter().any(|group| {
                group.item == Some(index) || group.expr.as_ref() == Some(&column.expr)
            });
            let Column { name, expr, aggregated } = column;
            let placed = match (aggregated, is_grouped) {
                (true, _) => {
                    sorted.measures.push(Measure { name, expr });
                    Ok(())
                }
                (false, true) => self.place_key(&mut sorted, name, expr, span),
                (false, false) => Err(self.refuse_ungrouped(span, index)),
            };
            outcome = outcome.and(placed);
        }
        if sorted.measures.is_empty() && outcome.is_ok() {
            let help = "add one, such as count(*) AS events";
            let span = view.name.span.clone();
            outcome = Err(self.reporter.report(span, "the view has no aggregate", help));
        }
        outcome.map(|()| sorted)
    }

    fn refuse_ungrouped(&mut self, span: &Range<usize>, index: usize) -> Reported {
        let message = "this is neither in GROUP BY nor an aggregate";
        let help = format!(
            "add {} to GROUP BY, or put it into an aggregate such as max(x) or min_by(x, y)",
            index + 1
        );
        self.reporter.report(span.clone(), message, help)
    }

    /// Every GROUP BY expression is selected, and no two mean the same.
    fn check_groups(&mut self, groups: &[Group], columns: &[Column]) -> Compiled<()> {
        let meant = |group: &Group| match &group.expr {
            Some(expr) => Some(expr.clone()),
            None => group.item.map(|item| columns[item].expr.clone()),
        };
        let mut outcome = Ok(());
        for (index, group) in groups.iter().enumerate() {
            let expr = meant(group);
            let mut selected = columns
                .iter()
                .filter(|column| !column.aggregated && Some(&column.expr) == expr.as_ref());
            let (message, help) = if groups[..index].iter().any(|other| meant(other) == expr) {
                ("this is grouped by twice", "leave one out")
            } else if selected.next().is_none() {
                (
                    "this key is not selected",
                    "add it to SELECT, or leave it out: rows need their keys to be told apart",
                )
            } else if selected.next().is_some() {
                ("this key is selected twice", "select it once")
            } else {
                continue;
            };
            outcome = Err(self.reporter.report(group.span.clone(), message, help));
        }
        outcome
    }

    fn place_key(
        &mut self,
        sorted: &mut Sorted,
        name: String,
        expr: Expr,
        span: &Range<usize>,
    ) -> Compiled<()> {
        let event_time = self.scope.schema().event_time;
        match bucket_of(&expr, event_time) {
            None => {
                sorted.keys.push(Key { name, expr });
                return Ok(());
            }
            Some(Ok(width)) if sorted.bucket.is_none() => {
                sorted.bucket = Some(Bucket { name, width });
                return Ok(());
            }
            Some(_) => {}
        }
        let path = &self.scope.schema().columns[event_time].path;
        let (message, help) = if sorted.bucket.is_some() {
            (
                "this is a second time bucket",
                "a view has one; answers are rolled up to coarser buckets, so select the finest"
                    .to_owned(),
            )
        } else {
            (
                "this time bucket is not over the event time",
                format!(
                    "bucket the event time `{}`; for a key of another time use year(ts), \
                     month(ts), day(ts) or hour(ts)",
                    super::scope::dotted(path)
                ),
            )
        };
        Err(self.reporter.report(span.clone(), message, help))
    }
}

/// The width, if `expr` is a time bucket; an error if it is one of another time.
fn bucket_of(expr: &Expr, event_time: usize) -> Option<Result<Width, ()>> {
    let ExprKind::Call(Scalar::Truncate(width), args) = &expr.kind else { return None };
    let is_event_time = args[0].kind == ExprKind::Column(event_time);
    Some(if is_event_time { Ok(*width) } else { Err(()) })
}

/// The number of `GROUP BY 2`.
fn ordinal(written: &ast::Expr) -> Option<usize> {
    match written {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(text, false) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}
