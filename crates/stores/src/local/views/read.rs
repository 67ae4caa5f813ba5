//! Reading a part: only the pages that may hold wanted rows, only the states asked for.
//!
//! ```text
//! page index of each key column and of the bucket -> pages whose span meets what is wanted
//! their rows, intersected over the columns        -> ranges of rows -> those pages of every column
//! ```
//!
//! Ranges of whole pages come back, so a read returns more than was selected, and never less.

use super::columns;
use super::file::PartFile;
use super::pages::{PageIndex, intersect};
use super::write::{LAYOUT, Layout};
use crate::local::error;
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
use parquet::file::metadata::PageIndexPolicy;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Rows per call of the visitor, at most.
const BATCH: usize = 8 << 10;

/// An open part: the file, its metadata, and where in it which keys and buckets are.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: PartFile,
    metadata: ArrowReaderMetadata,
    /// How many key columns there are.
    keys: usize,
    /// The column of each state.
    states: Vec<usize>,
    /// One for each key column, and then one for the bucket if there is one.
    indexed: Vec<PageIndex>,
}

impl Part {
    /// Opens the file `path`, a part of `view`.
    pub(super) fn open(path: &Path, view: &View) -> Result<Self> {
        let open = || -> parquet::errors::Result<Self> {
            let file = PartFile::open(path)?;
            let options =
                ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
            let metadata = ArrowReaderMetadata::load(&file, options)?;
            let layout = layout(&metadata, view)?;
            let file = file.with_checksums(metadata.metadata(), &layout.crc32)?;
            let keys = view.keys.len();
            let columns = 0..keys + usize::from(view.bucket.is_some());
            let indexed = columns.map(|column| PageIndex::load(&metadata, column));
            let indexed = indexed.collect::<parquet::errors::Result<Vec<PageIndex>>>()?;
            let (path, states) = (path.to_owned(), layout.states);
            Ok(Part { path, file, metadata, keys, states, indexed })
        };
        open().map_err(|e| error::parquet(path, &e))
    }

    /// Bytes of memory in use, about.
    pub(super) fn memory_bytes(&self) -> usize {
        let indexes: usize = self.indexed.iter().map(PageIndex::memory_bytes).sum();
        self.metadata.metadata().memory_size() + indexes
    }

    /// Visits the rows that `selection` may want, in order.
    pub(super) fn read(&self, selection: &Selection, visit: VisitPart<'_>) -> Result<()> {
        let ranges = self.wanted_rows(selection);
        if ranges.is_empty() {
            return Ok(());
        }
        let batches =
            self.reader(selection, &ranges).map_err(|e| error::parquet(&self.path, &e))?;
        for batch in batches {
            let batch = batch.map_err(|e| error::arrow(&self.path, &e))?;
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

    /// A reader of the given rows: of the row groups they are in, and in those of their pages.
    fn reader(
        &self,
        selection: &Selection,
        ranges: &[Range<usize>],
    ) -> parquet::errors::Result<ParquetRecordBatchReader> {
        let metadata = self.metadata.metadata();
        let mut row_groups = Vec::new();
        let mut within = Vec::new();
        let (mut start, mut kept) = (0, 0);
        for (number, row_group) in metadata.row_groups().iter().enumerate() {
            let span = start..start + row_group.num_rows() as usize;
            start = span.end;
            let wanted = intersect(ranges, std::slice::from_ref(&span));
            if !wanted.is_empty() {
                row_groups.push(number);
                let shift =
                    |r: &Range<usize>| r.start - span.start + kept..r.end - span.start + kept;
                within.extend(wanted.iter().map(shift));
                kept += span.len();
            }
        }
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone())
            .with_row_groups(row_groups)
            .with_row_selection(RowSelection::from_consecutive_ranges(within.into_iter(), kept))
            .with_projection(self.projection(selection))
            .with_batch_size(BATCH)
            .build()
    }

    fn projection(&self, selection: &Selection) -> ProjectionMask {
        let states = self.states.iter().zip(&selection.states);
        let states = states.filter(|(_, wanted)| **wanted).map(|(column, _)| *column);
        ProjectionMask::leaves(
            self.metadata.parquet_schema(),
            (0..self.indexed.len()).chain(states),
        )
    }

    fn rows<'b>(&self, batch: &'b RecordBatch, selection: &Selection) -> Result<Rows<'b>> {
        let corrupt = || Error::corrupt(self.path.display(), "its columns are not the view's");
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
        // A batch has the columns of the projection in the file's order, each once.
        let mut read: Vec<usize> = (0..self.indexed.len()).collect();
        let wanted = || self.states.iter().zip(&selection.states);
        read.extend(wanted().filter(|(_, wanted)| **wanted).map(|(column, _)| *column));
        read.sort_unstable();
        read.dedup();
        for (state, wanted) in wanted() {
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
