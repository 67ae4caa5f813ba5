//! The page index: which rows of a part may hold a value, from the span of each page's values.
//!
//! It may say yes where the answer is no, and never the reverse.

use super::columns;
use anabranch_core::column::{Column, Data};
use anabranch_core::types::Value;
use arrow_array::{Array, ArrayRef, UInt64Array};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::errors::ParquetError;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// The page index of one column: for each page its rows and the span of its values.
#[derive(Debug)]
pub(super) struct PageIndex {
    /// Where pages start, and last where the file ends.
    starts: Vec<usize>,
    /// NULL where a page has no value, or more than fits an index.
    least: ArrayRef,
    greatest: ArrayRef,
    nulls: UInt64Array,
}

impl PageIndex {
    /// Reads the page index of the column `column` of a file.
    pub(super) fn load(
        metadata: &ArrowReaderMetadata,
        column: usize,
    ) -> parquet::errors::Result<Self> {
        let missing = || ParquetError::General(format!("column {column} has no page index"));
        let field = metadata.schema().fields().get(column).ok_or_else(missing)?;
        let converter =
            StatisticsConverter::from_column_index(column, field, metadata.parquet_schema())?;
        let file = metadata.metadata();
        let row_groups: Vec<usize> = (0..file.num_row_groups()).collect();
        let Some(pages) = file.page_index() else {
            // A file without rows has no pages.
            return if file.num_row_groups() == 0 { Ok(Self::empty()) } else { Err(missing()) };
        };
        let counts = converter.data_page_row_counts(&**pages, file.row_groups(), &row_groups)?;
        let mut starts = vec![0];
        for count in counts.ok_or_else(missing)?.values() {
            starts.push(starts[starts.len() - 1] + *count as usize);
        }
        let index = PageIndex {
            starts,
            least: converter.data_page_mins(&**pages, &row_groups)?,
            greatest: converter.data_page_maxes(&**pages, &row_groups)?,
            nulls: converter.data_page_null_counts(&**pages, &row_groups)?,
        };
        let pages = index.starts.len() - 1;
        if [index.least.len(), index.greatest.len(), index.nulls.len()] != [pages; 3] {
            return Err(missing());
        }
        Ok(index)
    }

    fn empty() -> Self {
        let none = UInt64Array::new_null(0);
        let array: ArrayRef = Arc::new(none.clone());
        PageIndex { starts: vec![0], least: Arc::clone(&array), greatest: array, nulls: none }
    }

    /// Bytes of memory in use, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.starts.len() * size_of::<usize>()
            + self.least.get_array_memory_size()
            + self.greatest.get_array_memory_size()
            + self.nulls.get_array_memory_size()
    }

    /// The rows of pages that may hold one of `values`.
    pub(super) fn pages_with(&self, values: &[Value]) -> Vec<Range<usize>> {
        let spans = Spans::of(self);
        self.rows_of(|page| values.iter().any(|value| spans.may_hold(page, value)))
    }

    /// The rows of pages that may hold a bucket of `buckets`.
    pub(super) fn pages_within(&self, buckets: &Range<i64>) -> Vec<Range<usize>> {
        let spans = Spans::of(self);
        let start = Value::Timestamp(buckets.start);
        let Some(last) = buckets.end.checked_sub(1) else { return Vec::new() };
        let last = Value::Timestamp(last);
        self.rows_of(|page| spans.may_meet(page, &start, &last))
    }

    fn rows_of(&self, wanted: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for page in (0..self.starts.len() - 1).filter(|page| wanted(*page)) {
            let (start, end) = (self.starts[page], self.starts[page + 1]);
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        ranges
    }
}

/// A page index's least and greatest values, for comparing.
struct Spans<'a> {
    least: Option<Column<'a>>,
    greatest: Option<Column<'a>>,
    nulls: &'a UInt64Array,
}

impl<'a> Spans<'a> {
    fn of(index: &'a PageIndex) -> Self {
        Spans {
            least: columns::from_arrow(&index.least),
            greatest: columns::from_arrow(&index.greatest),
            nulls: &index.nulls,
        }
    }

    fn may_hold(&self, page: usize, value: &Value) -> bool {
        match value {
            Value::Null => self.nulls.is_null(page) || self.nulls.value(page) > 0,
            value => self.may_meet(page, value, value),
        }
    }

    /// Whether the page may hold a value from `low` to `high`, both inclusive. What an index does
    /// not tell may be.
    fn may_meet(&self, page: usize, low: &Value, high: &Value) -> bool {
        let order = |column: &Option<Column<'_>>, value| {
            column.as_ref().and_then(|column| compare(column, page, value))
        };
        order(&self.least, high) != Some(Ordering::Greater)
            && order(&self.greatest, low) != Some(Ordering::Less)
    }
}

/// How value `i` of a column compares with `value`; `None` if it is NULL or of another type.
fn compare(column: &Column<'_>, i: usize, value: &Value) -> Option<Ordering> {
    if !column.is_valid(i) {
        return None;
    }
    match (&column.data, value) {
        (Data::Boolean(v), Value::Boolean(value)) => Some(v[i].cmp(value)),
        (Data::BigInt(v), Value::BigInt(value)) => Some(v[i].cmp(value)),
        (Data::Double(v), Value::Double(value)) => v[i].partial_cmp(value),
        (Data::Decimal(v), Value::Decimal(value)) => Some(v[i].cmp(value)),
        (Data::Varchar(v), Value::Varchar(value)) => Some(v[i].cmp(value)),
        (Data::Timestamp(v), Value::Timestamp(value)) => Some(v[i].cmp(value)),
        _ => None,
    }
}

/// The rows in both of two ordered lists of ranges.
pub(super) fn intersect(a: &[Range<usize>], b: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut both = Vec::new();
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let range = x.start.max(y.start)..x.end.min(y.end);
        let x_ends_first = x.end < y.end;
        if !range.is_empty() {
            both.push(range);
        }
        if x_ends_first {
            a.next()
        } else {
            b.next()
        };
    }
    both
}
