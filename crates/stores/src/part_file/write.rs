//! Writing a part: rows as a Parquet file made for looking up single keys.
//!
//! ```text
//! keys…  bucket  measures…  state_0 state_1 …         rows sorted by (key, bucket)
//! ```
//!
//! Keys, bucket and measures have the names that the view gives them, for other engines to read;
//! the states are what we merge. A state that is value for value the same as a measure, or as a
//! state before it, is stored once: the metadata tells in which column each state is.
//!
//! A query for one key reads a few pages of each column, so pages are small, nothing needs a
//! dictionary page first, and keys and bucket carry a page index.

use super::{columns, name};
use anabranch_core::column::{Column, Data};
use anabranch_core::port::Rows;
use anabranch_core::types::Type;
use anabranch_core::view::{Fingerprint, View};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// The metadata's key.
pub(super) const LAYOUT: &str = "anabranch.part";

const PAGE_ROWS: usize = 1024;
/// Sketches are large: their pages end here, so that a look-up does not decompress a thousand.
const PAGE_BYTES: usize = 64 << 10;
/// How often the writer looks whether a page is full.
const PAGE_STEP_ROWS: usize = 64;
const ROW_GROUP_ROWS: usize = 128 << 10;
/// What is read to check the first page of a column, at most.
const ROW_GROUP_BYTES: usize = 16 << 20;
/// Rows that are converted at once.
const BATCH_ROWS: usize = 8 << 10;
const ZSTD_LEVEL: i32 = 1;

/// Where a part's columns are.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Layout {
    /// Whose rows these are.
    pub(super) fingerprint: Fingerprint,
    /// The column of each state.
    pub(super) states: Vec<usize>,
    /// The CRC-32 of each column chunk, row group by row group.
    pub(super) crc32: Vec<Vec<u32>>,
}

/// A part's file.
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// What its name ends in; see [`super::name`].
    pub(crate) name_suffix: String,
}

/// The file for a part of `view`.
pub(crate) fn encode(view: &View, rows: &Rows<'_>) -> Result<File> {
    let table = Table::new(view, rows);
    let schema = Arc::new(table.schema());
    let properties = table.properties()?;
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
    for start in (0..rows.len()).step_by(BATCH_ROWS) {
        let range = start..rows.len().min(start + BATCH_ROWS);
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), table.arrays(&range))?)?;
    }
    writer.flush()?;
    writer.sync()?;
    let data_end = writer.bytes_written();
    let mut crc32 = Vec::new();
    for row_group in writer.flushed_row_groups() {
        let chunk_crc32 = |column: &ColumnChunkMetaData| {
            let (start, length) = column.byte_range();
            crc32fast::hash(&writer.inner()[start as usize..(start + length) as usize])
        };
        crc32.push(row_group.columns().iter().map(chunk_crc32).collect());
    }
    let layout = Layout { fingerprint: view.fingerprint, states: table.states, crc32 };
    let text = serde_json::to_string(&layout).map_err(|e| ParquetError::External(Box::new(e)))?;
    writer.append_key_value_metadata(KeyValue::new(LAYOUT.to_owned(), text));
    let bytes = writer.into_inner()?;
    let name_suffix = name::name_suffix(&bytes, data_end);
    Ok(File { bytes, name_suffix })
}

/// The columns of the file, in order.
struct Table<'a> {
    columns: Vec<FileColumn<'a>>,
    /// How many of the first columns rows are looked up by.
    indexed: usize,
    /// The column of each state.
    states: Vec<usize>,
}

struct FileColumn<'a> {
    name: String,
    ty: DataType,
    values: Values<'a>,
}

enum Values<'a> {
    Buckets(&'a [i64]),
    Column(Cow<'a, Column<'a>>),
}

impl<'a> Table<'a> {
    fn new(view: &View, rows: &'a Rows<'a>) -> Self {
        let mut columns = Vec::new();
        for (key, column) in view.keys.iter().zip(&rows.keys) {
            columns.push(FileColumn::new(&key.name, column, Some(key.expr.ty)));
        }
        if let (Some(bucket), Some(buckets)) = (&view.bucket, &rows.buckets) {
            let (name, ty) = (bucket.name.clone(), columns::timestamp_type());
            columns.push(FileColumn { name, ty, values: Values::Buckets(buckets) });
        }
        let indexed = columns.len();
        for (measure, column) in view.measures.iter().zip(&rows.measures) {
            columns.push(FileColumn::measure(&measure.name, column, measure.expr.ty));
        }
        let mut states = Vec::new();
        for (i, state) in rows.states.iter().enumerate() {
            let same = columns[indexed..].iter().position(|column| column.holds(state));
            states.push(same.map_or(columns.len(), |column| indexed + column));
            if same.is_none() {
                columns.push(FileColumn::new(&format!("state_{i}"), state, None));
            }
        }
        Table { columns, indexed, states }
    }

    fn schema(&self) -> Schema {
        let field = |column: &FileColumn<'_>| {
            let nullable = !matches!(column.values, Values::Buckets(_));
            Field::new(&column.name, column.ty.clone(), nullable)
        };
        Schema::new(self.columns.iter().map(field).collect::<Vec<Field>>())
    }

    fn arrays(&self, rows: &Range<usize>) -> Vec<ArrayRef> {
        let array = |column: &FileColumn<'_>| match &column.values {
            Values::Buckets(buckets) => columns::buckets_to_arrow(buckets, rows.clone()),
            Values::Column(values) => columns::to_arrow(values, rows.clone(), &column.ty),
        };
        self.columns.iter().map(array).collect()
    }

    fn properties(&self) -> Result<WriterProperties> {
        let mut properties = WriterProperties::builder()
            .set_created_by("anabranch".to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_data_page_row_count_limit(PAGE_ROWS)
            .set_data_page_size_limit(PAGE_BYTES)
            .set_write_batch_size(PAGE_STEP_ROWS)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES));
        for column in &self.columns[..self.indexed] {
            let path = ColumnPath::from(column.name.as_str());
            properties =
                properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::Page);
            if matches!(column.values, Values::Buckets(_)) {
                properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            }
        }
        Ok(properties.build())
    }
}

impl<'a> FileColumn<'a> {
    fn new(name: &str, column: &'a Column<'a>, ty: Option<Type>) -> Self {
        let ty = columns::data_type(&column.data, ty);
        FileColumn { name: name.to_owned(), ty, values: Values::Column(Cow::Borrowed(column)) }
    }

    /// A measure, NULL where a DECIMAL has more digits than its type.
    fn measure(name: &str, column: &'a Column<'a>, ty: Type) -> Self {
        let mut file_column = FileColumn::new(name, column, Some(ty));
        if let (Data::Decimal(values), Type::Decimal { precision, .. }) = (&column.data, ty) {
            let limit = 10_u128.pow(precision.into());
            if values.iter().any(|value| value.unsigned_abs() >= limit) {
                let fits = |i: usize| column.is_valid(i) && values[i].unsigned_abs() < limit;
                let valid = (0..values.len()).map(fits).collect();
                let fitting = Column { data: column.data.clone(), valid: Some(valid) };
                file_column.values = Values::Column(Cow::Owned(fitting));
            }
        }
        file_column
    }

    /// Whether it is value for value the same as `state`, and comes back as such.
    fn holds(&self, state: &Column<'_>) -> bool {
        match &self.values {
            Values::Buckets(_) => false,
            Values::Column(column) => {
                !matches!(column.data, Data::FrequentItems(_)) && **column == *state
            }
        }
    }
}
