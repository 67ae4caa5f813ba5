//! Reading an object: its records in order, a batch at a time.
//!
//! A fold reads every payload of the master data set, so payloads are not decoded into values: a
//! plain page is decompressed and its records point into it. One row group's compressed columns and
//! one page of each, decompressed, are in memory at once.

use super::write::{column, corrupt, footer};
use crate::sparse::Sparse;
use anabranch_core::port::{Fields, ObjectInfo, VisitRecords};
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber};
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArrayType, DataType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// Records per call of the visitor, at most.
const BATCH: usize = 1024;

/// Reads what a file says about itself.
pub(crate) fn read_info<R: ChunkReader>(file: &R) -> Result<ObjectInfo> {
    Ok(footer(&read_metadata(file)?)?.object)
}

/// Visits the records of a file.
pub(crate) fn scan<R: ChunkReader>(
    file: &R,
    fields: Fields,
    visit: VisitRecords<'_>,
) -> Result<()> {
    let metadata = read_metadata(file)?;
    let footer = footer(&metadata)?;
    if metadata.num_row_groups() != footer.crc32.len() {
        return Err(corrupt("the footer has a checksum for another number of row groups"));
    }
    let mut records = 0;
    for (number, crc32) in footer.crc32.iter().enumerate() {
        let row_group = RowGroup { file, metadata: &metadata, number, crc32 };
        records += match fields {
            Fields::Fold => row_group.scan_fold(footer.object.heartbeats > 0, visit)?,
            Fields::All => row_group.scan_all(visit)?,
        };
    }
    if records != footer.object.records {
        let expected = footer.object.records;
        return Err(corrupt(format!("{records} records where there should be {expected}")));
    }
    Ok(())
}

fn read_metadata<R: ChunkReader>(file: &R) -> Result<ParquetMetaData> {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Skip)
        .parse_and_finish(file)
}

struct RowGroup<'a, R> {
    file: &'a R,
    metadata: &'a ParquetMetaData,
    number: usize,
    crc32: &'a [u32],
}

impl<R: ChunkReader> RowGroup<'_, R> {
    fn scan_fold(&self, heartbeats: bool, visit: VisitRecords<'_>) -> Result<u64> {
        let mut arrivals = Values::<Int64Type>::open(self, column::ARRIVAL_TIME)?;
        let mut keys = match heartbeats {
            true => Some(Values::<ByteArrayType>::open(self, column::PARTITION_KEY)?),
            false => None,
        };
        self.for_each_payload_batch(|payloads| {
            let arrivals = arrivals.next(payloads.len())?;
            let record = |arrival_ms, partition_key, payload| Record {
                sequence: SequenceNumber::ZERO,
                arrival_ms,
                partition_key,
                payload,
            };
            let pairs = arrivals.iter().zip(payloads);
            let records: Vec<Record<'_>> = match &mut keys {
                None => pairs.map(|(arrival, payload)| record(*arrival, "", payload)).collect(),
                Some(keys) => pairs
                    .zip(keys.next(payloads.len())?)
                    .map(|((arrival, payload), key)| {
                        let is_heartbeat = key.data() == HEARTBEAT.as_bytes();
                        record(*arrival, if is_heartbeat { HEARTBEAT } else { "" }, payload)
                    })
                    .collect(),
            };
            visit(&records);
            Ok(())
        })
    }

    fn scan_all(&self, visit: VisitRecords<'_>) -> Result<u64> {
        let mut sequences = Values::<ByteArrayType>::open(self, column::SEQUENCE_NUMBER)?;
        let mut arrivals = Values::<Int64Type>::open(self, column::ARRIVAL_TIME)?;
        let mut keys = Values::<ByteArrayType>::open(self, column::PARTITION_KEY)?;
        self.for_each_payload_batch(|payloads| {
            let count = payloads.len();
            let (sequences, keys) = (sequences.next(count)?, keys.next(count)?);
            let arrivals = arrivals.next(count)?;
            let mut records = Vec::with_capacity(count);
            for (i, payload) in payloads.iter().enumerate() {
                let sequence = sequences[i].as_utf8()?.parse();
                records.push(Record {
                    sequence: sequence.map_err(|e| corrupt(format!("{e}")))?,
                    arrival_ms: arrivals[i],
                    partition_key: keys[i].as_utf8()?,
                    payload,
                });
            }
            visit(&records);
            Ok(())
        })
    }

    /// Cuts the pages of payloads into batches. Returns how many payloads there were.
    fn for_each_payload_batch(&self, mut each: impl FnMut(&[&[u8]]) -> Result<()>) -> Result<u64> {
        let mut count = 0;
        let mut pages = self.pages(column::PAYLOAD)?;
        while let Some(page) = pages.get_next_page()? {
            let Page::DataPage { buf, num_values, encoding: Encoding::PLAIN, .. } = page else {
                return Err(corrupt("a page of payloads is not plain"));
            };
            count += u64::from(num_values);
            let mut left = num_values as usize;
            let mut rest = &buf[..];
            let mut payloads = Vec::with_capacity(BATCH.min(left));
            while left > 0 {
                payloads.clear();
                for _ in 0..BATCH.min(left) {
                    let payload = take_plain(&mut rest);
                    payloads.push(payload.ok_or_else(|| corrupt("a page of payloads ends early"))?);
                }
                left -= payloads.len();
                each(&payloads)?;
            }
            if !rest.is_empty() {
                return Err(corrupt("a page of payloads has bytes behind its last"));
            }
        }
        Ok(count)
    }

    fn pages(&self, column: usize) -> Result<SerializedPageReader<Sparse>> {
        let row_group = self.metadata.row_group(self.number);
        let rows = usize::try_from(row_group.num_rows())?;
        let chunk = row_group.columns().get(column);
        let chunk = chunk.ok_or_else(|| corrupt("a column is missing"))?;
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let (start, length) = (u64::try_from(start)?, usize::try_from(chunk.compressed_size())?);
        if start.saturating_add(length as u64) > self.file.len() {
            return Err(corrupt("a column lies past the end of the file"));
        }
        let bytes = self.file.get_bytes(start, length)?;
        if self.crc32.get(column) != Some(&crc32fast::hash(&bytes)) {
            return Err(corrupt(format!("column {column} has a wrong checksum")));
        }
        let reader = Arc::new(Sparse::new(self.file.len(), vec![(start, bytes)]));
        SerializedPageReader::new(reader, chunk, rows, None)
    }
}

/// Takes a length (u32, little-endian) and as many bytes.
fn take_plain<'a>(page: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = page.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *page = rest;
    Some(value)
}

/// The values of a column, a batch at a time, in whatever encoding they have.
struct Values<T: DataType> {
    reader: ColumnReaderImpl<T>,
    buffer: Vec<T::T>,
}

impl<T: DataType> Values<T> {
    fn open<R: ChunkReader>(row_group: &RowGroup<'_, R>, column: usize) -> Result<Self> {
        let pages = Box::new(row_group.pages(column)?);
        let schema = row_group.metadata.file_metadata().schema_descr();
        if schema.num_columns() <= column
            || schema.column(column).physical_type() != T::get_physical_type()
        {
            return Err(corrupt(format!("column {column} has another type")));
        }
        let reader = get_typed_column_reader(get_column_reader(schema.column(column), pages));
        Ok(Values { reader, buffer: Vec::with_capacity(BATCH) })
    }

    /// The next `count` values: fewer are an error.
    fn next(&mut self, count: usize) -> Result<&[T::T]> {
        self.buffer.clear();
        while self.buffer.len() < count {
            let missing = count - self.buffer.len();
            let (records, ..) = self.reader.read_records(missing, None, None, &mut self.buffer)?;
            if records == 0 {
                return Err(corrupt("a column ends before the others"));
            }
        }
        Ok(&self.buffer)
    }
}
