//! Rows that own their values: what a store keeps between a part's write and its reads.
//!
//! [`Column`] borrows text and encoded states from wherever they came; here they are copied once.

use anabranch_core::column::{Column, Data};
use anabranch_core::port::Rows;
use std::borrow::Cow;

/// A table of rows that owns everything in it.
#[derive(Debug, Default)]
pub(crate) struct OwnedRows {
    keys: Vec<OwnedColumn>,
    buckets: Option<Vec<i64>>,
    states: Vec<OwnedColumn>,
}

impl OwnedRows {
    /// Copies `rows`, measures left out: they are written for other engines and never read back.
    pub(crate) fn copy(rows: &Rows<'_>) -> Self {
        OwnedRows {
            keys: rows.keys.iter().map(OwnedColumn::copy).collect(),
            buckets: rows.buckets.clone(),
            states: rows.states.iter().map(OwnedColumn::copy).collect(),
        }
    }

    /// The rows with the states that `wanted` names; the others come empty.
    pub(crate) fn view(&self, wanted: &[bool]) -> Rows<'_> {
        Rows {
            keys: self.keys.iter().map(OwnedColumn::view).collect(),
            buckets: self.buckets.clone(),
            states: self
                .states
                .iter()
                .zip(wanted)
                .map(|(state, wanted)| state.view_if(*wanted))
                .collect(),
            measures: Vec::new(),
        }
    }
}

/// A column that owns its values.
#[derive(Debug)]
enum OwnedColumn {
    /// Values that a [`Column`] would borrow, each with whether it is there.
    Text(Vec<String>, Option<Vec<bool>>),
    /// Values that a [`Column`] owns anyway.
    Plain(Column<'static>),
}

impl OwnedColumn {
    fn copy(column: &Column<'_>) -> Self {
        let data = match &column.data {
            Data::Varchar(texts) => {
                let texts = texts.iter().map(|text| (*text).to_owned()).collect();
                return OwnedColumn::Text(texts, column.valid.clone());
            }
            Data::Boolean(v) => Data::Boolean(v.clone()),
            Data::BigInt(v) => Data::BigInt(v.clone()),
            Data::Double(v) => Data::Double(v.clone()),
            Data::Decimal(v) => Data::Decimal(v.clone()),
            Data::Timestamp(v) => Data::Timestamp(v.clone()),
            Data::FrequentItems(v) => Data::FrequentItems(v.clone()),
            Data::Binary(v) => {
                Data::Binary(v.iter().map(|bytes| Cow::Owned(bytes.to_vec())).collect())
            }
        };
        OwnedColumn::Plain(Column { data, valid: column.valid.clone() })
    }

    fn view_if(&self, wanted: bool) -> Column<'_> {
        if wanted { self.view() } else { Column::new(Data::Binary(Vec::new())) }
    }

    fn view(&self) -> Column<'_> {
        match self {
            OwnedColumn::Text(texts, valid) => Column {
                data: Data::Varchar(texts.iter().map(String::as_str).collect()),
                valid: valid.clone(),
            },
            OwnedColumn::Plain(column) => column.clone(),
        }
    }
}
