//! Reading a part: only the pages that may hold wanted rows, only the states asked for.
//!
//! ```text
//! page index of each key column and of the bucket -> pages whose span meets what is wanted
//! their rows, intersected over the columns        -> ranges of rows -> those pages of every column
//! ```
//!
//! Ranges of whole pages come back, so a read returns more than was selected, and never less.

use super::columns;
use super::name::corrupt;
use super::pages::{PageIndex, intersect};
use super::write::{LAYOUT, Layout};
use crate::error;
use anabranch_core::column::{Column, Data};
use anabranch_core::port::{Error, Result, Rows, Selection, VisitPart};
use anabranch_core::view::View;
use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use std::ops::Range;

/// Rows per call of the visitor, at most.
const BATCH: usize = 8 << 10;

/// A part whose footer was read: where in its file which rows are.
#[derive(Debug)]
pub(crate) struct Part {
    /// What errors call it.
    name: String,
    metadata: ArrowReaderMetadata,
    /// How many key columns there are.
    keys: usize,
    /// The column of each state.
    states: Vec<usize>,
    /// One for each key column, and then one for the bucket if there is one.
    indexed: Vec<PageIndex>,
    /// By row group and column.
    chunks: Vec<Vec<Chunk>>,
}

/// One column of one row group: the stretch of a file that has a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Its first byte's place in the file.
    pub(crate) start: u64,
    /// The place behind its last byte.
    pub(crate) end: u64,
    /// The CRC-32 of its bytes.
    pub(crate) crc32: u32,
}

/// The rows that a read visits.
struct Wanted {
    row_groups: Vec<usize>,
    /// Counted within those row groups.
    rows: RowSelection,
}

impl Part {
    /// Reads the page index and footer of `file`, a part of `view`. The caller has checked them.
    pub(crate) fn open<R: ChunkReader>(
        name: String,
        file: &R,
        view: &View,
    ) -> parquet::errors::Result<Self> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = ArrowReaderMetadata::load(file, options)?;
        let layout = layout(&metadata, view)?;
        let chunks = chunks(&metadata, &layout.crc32)?;
        let keys = view.keys.len();
        let columns = 0..keys + usize::from(view.bucket.is_some());
        let indexed = columns.map(|column| PageIndex::load(&metadata, column));
        let indexed = indexed.collect::<parquet::errors::Result<Vec<PageIndex>>>()?;
        Ok(Part { name, metadata, keys, states: layout.states, indexed, chunks })
    }

    /// Every chunk of the file.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Chunk> {
        self.chunks.iter().flatten().copied()
    }

    /// The chunks that [`Self::read`] reads of, in the order of the file.
    #[cfg(feature = "aws")]
    pub(crate) fn chunks_of(&self, selection: &Selection) -> Vec<Chunk> {
        let columns = self.columns(selection);
        let row_groups = self.wanted(selection).row_groups;
        let of = |row_group: usize| columns.iter().map(move |column| (row_group, *column));
        let wanted = row_groups.into_iter().flat_map(of);
        wanted.map(|(row_group, column)| self.chunks[row_group][column]).collect()
    }

    /// Bytes of memory in use, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let indexes: usize = self.indexed.iter().map(PageIndex::memory_bytes).sum();
        self.metadata.metadata().memory_size() + indexes
    }

    /// Visits the rows of `file` that `selection` may want, in order.
    pub(crate) fn read<R: ChunkReader + 'static>(
        &self,
        file: R,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> Result<()> {
        let wanted = self.wanted(selection);
        if wanted.row_groups.is_empty() {
            return Ok(());
        }
        let batches =
            self.reader(file, selection, wanted).map_err(|e| error::parquet(&self.name, &e))?;
        for batch in batches {
            let batch = batch.map_err(|e| error::arrow(&self.name, &e))?;
            visit(&self.rows(&batch, selection)?)?;
        }
        Ok(())
    }

    /// Ranges of rows, in order, that hold every wanted row.
    fn wanted_rows(&self, selection: &Selection) -> Vec<Range<usize>> {
        let all = self.metadata.metadata().file_metadata().num_rows() as usize;
        let mut ranges: Vec<Range<usize>> =
            std::iter::once(0..all).filter(|all| !all.is_empty()).collect();
        for (index, wanted) in self.indexed.iter().zip(&selection.keys) {
            if let Some(values) = wanted {
                ranges = intersect(&ranges, &index.pages_with(values));
            }
        }
        if let Some(index) = self.indexed.get(self.keys) {
            ranges = intersect(&ranges, &index.pages_within(&selection.buckets));
        }
        ranges
    }

    /// The row groups that hold a wanted row, and which of their rows.
    fn wanted(&self, selection: &Selection) -> Wanted {
        let ranges = self.wanted_rows(selection);
        let mut row_groups = Vec::new();
        let mut within = Vec::new();
        let (mut start, mut kept) = (0, 0);
        for (number, row_group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let span = start..start + row_group.num_rows() as usize;
            start = span.end;
            let wanted = intersect(&ranges, std::slice::from_ref(&span));
            if !wanted.is_empty() {
                row_groups.push(number);
                let shift =
                    |r: &Range<usize>| r.start - span.start + kept..r.end - span.start + kept;
                within.extend(wanted.iter().map(shift));
                kept += span.len();
            }
        }
        let rows = RowSelection::from_consecutive_ranges(within.into_iter(), kept);
        Wanted { row_groups, rows }
    }

    /// A reader of the wanted rows, in those of their pages.
    fn reader<R: ChunkReader + 'static>(
        &self,
        file: R,
        selection: &Selection,
        wanted: Wanted,
    ) -> parquet::errors::Result<ParquetRecordBatchReader> {
        let columns = self.columns(selection);
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_row_groups(wanted.row_groups)
            .with_row_selection(wanted.rows)
            .with_projection(ProjectionMask::leaves(self.metadata.parquet_schema(), columns))
            .with_batch_size(BATCH)
            .build()
    }

    /// The columns that a read needs, in the file's order, each once.
    fn columns(&self, selection: &Selection) -> Vec<usize> {
        let states = self.states.iter().zip(&selection.states);
        let states = states.filter(|(_, wanted)| **wanted).map(|(column, _)| *column);
        let mut columns: Vec<usize> = (0..self.indexed.len()).chain(states).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn rows<'b>(&self, batch: &'b RecordBatch, selection: &Selection) -> Result<Rows<'b>> {
        let corrupt = || Error::corrupt(&self.name, "its columns are not the view's");
        let column = |i: usize| {
            let array = batch.columns().get(i).ok_or_else(corrupt)?;
            columns::from_arrow(array).ok_or_else(corrupt)
        };
        let mut rows = Rows::default();
        for i in 0..self.keys {
            rows.keys.push(column(i)?);
        }
        if self.indexed.len() > self.keys {
            let Data::Timestamp(buckets) = column(self.keys)?.data else { return Err(corrupt()) };
            rows.buckets = Some(buckets);
        }
        // A batch has the columns of the projection.
        let read = self.columns(selection);
        for (state, wanted) in self.states.iter().zip(&selection.states) {
            rows.states.push(match (wanted, read.binary_search(state)) {
                (true, Ok(i)) => column(i)?,
                _ => Column::new(Data::Binary(Vec::new())),
            });
        }
        Ok(rows)
    }
}

/// The part's layout, checked against the view.
fn layout(metadata: &ArrowReaderMetadata, view: &View) -> parquet::errors::Result<Layout> {
    let file = metadata.metadata().file_metadata();
    let mut entries = file.key_value_metadata().into_iter().flatten();
    let text = entries.find(|entry| entry.key == LAYOUT).and_then(|entry| entry.value.as_deref());
    let corrupt = |reason: String| ParquetError::General(format!("`{LAYOUT}`: {reason}"));
    let text = text.ok_or_else(|| corrupt("it is missing".to_owned()))?;
    let layout: Layout = serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))?;
    if layout.fingerprint != view.fingerprint {
        let (found, wanted) = (layout.fingerprint, view.fingerprint);
        return Err(corrupt(format!("it is of fingerprint {found}, not {wanted}")));
    }
    let columns = file.schema_descr().num_columns();
    if layout.states.len() != view.aggregates.len()
        || layout.states.iter().any(|column| *column >= columns)
    {
        return Err(corrupt(format!("{} states in {columns} columns", layout.states.len())));
    }
    Ok(layout)
}

/// The chunks of the file with their checksums, by row group and column.
fn chunks(
    metadata: &ArrowReaderMetadata,
    crc32: &[Vec<u32>],
) -> parquet::errors::Result<Vec<Vec<Chunk>>> {
    let row_groups = metadata.metadata().row_groups();
    let counts = || row_groups.iter().map(|row_group| row_group.columns().len());
    if !counts().eq(crc32.iter().map(Vec::len)) {
        return Err(corrupt("it has a checksum for another number of columns"));
    }
    let chunk = |(column, crc32): (&ColumnChunkMetaData, &u32)| {
        let (start, length) = column.byte_range();
        Chunk { start, end: start + length, crc32: *crc32 }
    };
    let of = |(row_group, crc32): (&RowGroupMetaData, &Vec<u32>)| {
        row_group.columns().iter().zip(crc32).map(chunk).collect()
    };
    Ok(row_groups.iter().zip(crc32).map(of).collect())
}
