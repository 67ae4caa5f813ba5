//! Decoded events, column by column, and how an event is added whole or not at all.

use super::string::{self, Span};
use crate::column::{Column, Data};
use crate::schema::{ColumnId, Schema};
use bumpalo::Bump;

/// Decoded events, column by column.
pub struct Batch<'a> {
    /// Indexed by [`ColumnId`]; a column that was not asked for is empty.
    pub columns: Vec<Column<'a>>,
    /// How many events there are.
    pub rows: usize,
    /// Whether a value of a needed column was NULL.
    has_nulls: bool,
}

/// A batch that takes one event: values as they are met, at most one per column, then
/// [`Sink::commit`] or [`Sink::roll_back`].
pub(super) struct Sink<'s, 'a> {
    pub(super) batch: &'s mut Batch<'a>,
    /// Where texts go whose escapes had to be undone.
    pub(super) arena: &'a Bump,
}

/// Where one value goes. The methods take a value of the column's type, at most once.
pub(super) enum Slot<'s, 'a> {
    /// Nowhere: nobody wants it.
    Dropped,
    /// Into a column.
    Kept { data: &'s mut Data<'a>, arena: &'a Bump },
}

impl<'a> Batch<'a> {
    /// An empty batch with room for `rows` events in the columns `needed`.
    pub(super) fn new(schema: &Schema, needed: &[ColumnId], rows: usize) -> Self {
        let columns = schema.columns.iter().enumerate().map(|(id, column)| {
            let mut data = Column::nulls(column.ty, 0).data;
            if needed.contains(&id) {
                reserve(&mut data, rows);
            }
            Column::new(data)
        });
        Batch { columns: columns.collect(), rows: 0, has_nulls: false }
    }
}

impl<'a> Sink<'_, 'a> {
    /// Where the event's value of a column goes.
    #[inline]
    pub(super) fn slot(&mut self, id: ColumnId) -> Slot<'_, 'a> {
        Slot::Kept { data: &mut self.batch.columns[id].data, arena: self.arena }
    }

    /// Completes the event of so many `values`: a column of `needed` that got none is NULL.
    pub(super) fn commit(self, needed: &[ColumnId], values: usize) {
        if self.batch.has_nulls || values < needed.len() {
            self.commit_with_nulls(needed);
        } else {
            self.batch.rows += 1;
        }
    }

    fn commit_with_nulls(self, needed: &[ColumnId]) {
        self.batch.has_nulls = true;
        let rows = self.batch.rows;
        for &id in needed {
            let Column { data, valid } = &mut self.batch.columns[id];
            let present = data.len() > rows;
            if !present {
                push_default(data);
                valid.get_or_insert_with(|| vec![true; rows]);
            }
            if let Some(valid) = valid {
                valid.push(present);
            }
        }
        self.batch.rows += 1;
    }

    /// Takes back what the event has added.
    #[cold]
    pub(super) fn roll_back(self, needed: &[ColumnId]) {
        for &id in needed {
            truncate(&mut self.batch.columns[id].data, self.batch.rows);
        }
    }
}

impl<'a> Slot<'_, 'a> {
    #[inline(always)]
    pub(super) fn boolean(&mut self, value: bool) {
        match self {
            Slot::Dropped => {}
            Slot::Kept { data: Data::Boolean(values), .. } => values.push(value),
            Slot::Kept { .. } => mismatch(),
        }
    }

    #[inline(always)]
    pub(super) fn bigint(&mut self, value: i64) {
        match self {
            Slot::Dropped => {}
            Slot::Kept { data: Data::BigInt(values), .. } => values.push(value),
            Slot::Kept { .. } => mismatch(),
        }
    }

    #[inline(always)]
    pub(super) fn double(&mut self, value: f64) {
        match self {
            Slot::Dropped => {}
            Slot::Kept { data: Data::Double(values), .. } => values.push(value),
            Slot::Kept { .. } => mismatch(),
        }
    }

    #[inline(always)]
    pub(super) fn decimal(&mut self, value: i128) {
        match self {
            Slot::Dropped => {}
            Slot::Kept { data: Data::Decimal(values), .. } => values.push(value),
            Slot::Kept { .. } => mismatch(),
        }
    }

    #[inline(always)]
    pub(super) fn timestamp(&mut self, value: i64) {
        match self {
            Slot::Dropped => {}
            Slot::Kept { data: Data::Timestamp(values), .. } => values.push(value),
            Slot::Kept { .. } => mismatch(),
        }
    }

    /// The string at `span` of `payload`.
    #[inline(always)]
    pub(super) fn varchar(&mut self, payload: &'a str, span: Span) {
        match self {
            Slot::Dropped => {}
            Slot::Kept { data: Data::Varchar(values), arena } => {
                let raw = &payload[span.start..span.end];
                values.push(if span.escaped { unescaped(raw, arena) } else { raw });
            }
            Slot::Kept { .. } => mismatch(),
        }
    }
}

#[cold]
#[inline(never)]
fn mismatch() -> ! {
    panic!("the batch was made for another schema")
}

/// A string's text without its escapes.
#[cold]
fn unescaped<'a>(raw: &str, arena: &'a Bump) -> &'a str {
    let mut text = bumpalo::collections::String::with_capacity_in(raw.len(), arena);
    string::unescape(raw, &mut text);
    text.into_bump_str()
}

fn reserve(data: &mut Data<'_>, rows: usize) {
    match data {
        Data::Boolean(values) => values.reserve(rows),
        Data::BigInt(values) | Data::Timestamp(values) => values.reserve(rows),
        Data::Double(values) => values.reserve(rows),
        Data::Decimal(values) => values.reserve(rows),
        Data::Varchar(values) => values.reserve(rows),
        Data::Binary(_) | Data::FrequentItems(_) => {}
    }
}

fn push_default(data: &mut Data<'_>) {
    match data {
        Data::Boolean(values) => values.push(false),
        Data::BigInt(values) | Data::Timestamp(values) => values.push(0),
        Data::Double(values) => values.push(0.0),
        Data::Decimal(values) => values.push(0),
        Data::Varchar(values) => values.push(""),
        Data::Binary(_) | Data::FrequentItems(_) => unreachable!("no column of events has these"),
    }
}

fn truncate(data: &mut Data<'_>, rows: usize) {
    match data {
        Data::Boolean(values) => values.truncate(rows),
        Data::BigInt(values) | Data::Timestamp(values) => values.truncate(rows),
        Data::Double(values) => values.truncate(rows),
        Data::Decimal(values) => values.truncate(rows),
        Data::Varchar(values) => values.truncate(rows),
        Data::Binary(_) | Data::FrequentItems(_) => unreachable!("no column of events has these"),
    }
}
