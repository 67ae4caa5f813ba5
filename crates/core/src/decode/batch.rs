//! Decoded events, column by column, and how an event is added whole or not at all.

use super::string;
use super::value::Value;
use crate::column::{Column, Data};
use crate::schema::{ColumnId, Schema};
use bumpalo::Bump;

/// Decoded events, column by column.
pub struct Batch<'a> {
    /// Indexed by [`ColumnId`]; a column that was not asked for is empty.
    pub columns: Vec<Column<'a>>,
    /// How many events there are.
    pub rows: usize,
}

/// A batch that takes one event: values as they are met, at most one per column, then
/// [`Sink::commit`] or [`Sink::roll_back`].
pub(super) struct Sink<'s, 'a> {
    pub(super) batch: &'s mut Batch<'a>,
    /// Where texts go whose escapes had to be undone.
    pub(super) arena: &'a Bump,
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
        Batch { columns: columns.collect(), rows: 0 }
    }
}

impl<'a> Sink<'_, 'a> {
    /// Adds the event's value of a column.
    #[inline]
    pub(super) fn push(&mut self, id: ColumnId, value: Value<'a>) {
        match (&mut self.batch.columns[id].data, value) {
            (Data::Varchar(values), Value::Varchar { raw, escaped: false }) => values.push(raw),
            (Data::Varchar(values), Value::Varchar { raw, escaped: true }) => {
                let mut text =
                    bumpalo::collections::String::with_capacity_in(raw.len(), self.arena);
                string::unescape(raw, &mut text);
                values.push(text.into_bump_str());
            }
            (Data::BigInt(values), Value::BigInt(value))
            | (Data::Timestamp(values), Value::Timestamp(value)) => values.push(value),
            (Data::Double(values), Value::Double(value)) => values.push(value),
            (Data::Decimal(values), Value::Decimal(value)) => values.push(value),
            (Data::Boolean(values), Value::Boolean(value)) => values.push(value),
            (data, value) => panic!("{value:?} for column {id} {data:?}: another schema's batch"),
        }
    }

    /// Completes the event: a column of `needed` that got no value is NULL.
    pub(super) fn commit(self, needed: &[ColumnId]) {
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
