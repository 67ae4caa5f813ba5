//! One object of the master data set as bytes: a Parquet file that any engine can read.
//!
//! | column | type | encoding |
//! |---|---|---|
//! | shard | VARCHAR | dictionary |
//! | sequence_number | VARCHAR, decimal | delta |
//! | epoch | BIGINT | dictionary |
//! | arrival_time | TIMESTAMP(3), UTC | dictionary |
//! | partition_key | VARCHAR | dictionary |
//! | payload | BINARY | plain, pages of about 1 MiB |
//!
//! All are required and compressed with zstd. A page of payloads is what a fold decompresses into
//! the cache and reads in place, so the payload has no dictionary and no statistics.
//!
//! The footer's metadata holds the [`ObjectInfo`] and a CRC-32 of every column chunk, because
//! neither Parquet's writer nor zstd adds one: a flipped bit is an error and never another answer.

use anabranch_core::port::ObjectInfo;
use anabranch_core::record::Record;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The columns' places in the file.
pub(super) mod column {
    pub(in crate::record_file) const SEQUENCE_NUMBER: usize = 1;
    pub(in crate::record_file) const ARRIVAL_TIME: usize = 3;
    pub(in crate::record_file) const PARTITION_KEY: usize = 4;
    pub(in crate::record_file) const PAYLOAD: usize = 5;
}

const SCHEMA: &str = "message record {
    required binary shard (UTF8);
    required binary sequence_number (UTF8);
    required int64 epoch;
    required int64 arrival_time (TIMESTAMP(MILLIS,true));
    required binary partition_key (UTF8);
    required binary payload;
}";

/// Higher levels cost the archive more time than they save space: see the decision record.
const ZSTD_LEVEL: i32 = 1;
const PAGE_BYTES: usize = 1 << 20;
/// A row group ends once its payloads come to this much: what a reader holds compressed.
const ROW_GROUP_BYTES: usize = 64 << 20;
const ROW_GROUP_RECORDS: usize = 1 << 20;

const FOOTER: &str = "anabranch.object";
const FOOTER_CRC32: &str = "anabranch.object.crc32";

/// What the file's metadata says about the object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Footer {
    /// The object.
    pub(super) object: ObjectInfo,
    /// The CRC-32 of each column chunk, row group by row group.
    pub(super) crc32: Vec<Vec<u32>>,
}

/// The file that holds `records` as the object `info`.
pub(crate) fn encode(info: &ObjectInfo, records: &[Record<'_>]) -> Result<Vec<u8>> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties()?)?;
    let mut crc32 = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let (group, after) = rest.split_at(row_group_len(rest));
        rest = after;
        let mut row_group = writer.next_row_group()?;
        write_row_group(&mut row_group, info, group)?;
        let written = row_group.close()?;
        writer.flush()?;
        let chunk_crc32 = |column: &parquet::file::metadata::ColumnChunkMetaData| {
            let (start, length) = column.byte_range();
            crc32fast::hash(&writer.inner()[start as usize..(start + length) as usize])
        };
        crc32.push(written.columns().iter().map(chunk_crc32).collect());
    }
    let footer = Footer { object: info.clone(), crc32 };
    let text = serde_json::to_string(&footer).map_err(|e| ParquetError::External(Box::new(e)))?;
    let text_crc32 = crc32fast::hash(text.as_bytes()).to_string();
    writer.append_key_value_metadata(KeyValue::new(FOOTER.to_owned(), text));
    writer.append_key_value_metadata(KeyValue::new(FOOTER_CRC32.to_owned(), text_crc32));
    writer.into_inner()
}

/// Reads and checks the footer in a file's metadata.
pub(super) fn footer(metadata: &ParquetMetaData) -> Result<Footer> {
    let entries = metadata.file_metadata().key_value_metadata();
    let find = |key: &str| {
        let entry = entries.into_iter().flatten().find(|entry| entry.key == key);
        entry.and_then(|entry| entry.value.as_deref()).ok_or_else(|| corrupt(format!("no `{key}`")))
    };
    let text = find(FOOTER)?;
    if find(FOOTER_CRC32)? != crc32fast::hash(text.as_bytes()).to_string() {
        return Err(corrupt(format!("`{FOOTER}` has a wrong checksum")));
    }
    serde_json::from_str(text).map_err(|e| corrupt(format!("`{FOOTER}`: {e}")))
}

/// What is wrong with a file, as an error of the Parquet library's.
pub(super) fn corrupt(reason: impl Into<String>) -> ParquetError {
    ParquetError::General(reason.into())
}

fn properties() -> Result<WriterPropertiesPtr> {
    let payload = ColumnPath::from("payload");
    let sequence_number = ColumnPath::from("sequence_number");
    let properties = WriterProperties::builder()
        .set_created_by("anabranch".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_column_dictionary_enabled(sequence_number.clone(), false)
        .set_column_encoding(sequence_number, Encoding::DELTA_BYTE_ARRAY)
        .set_column_dictionary_enabled(payload.clone(), false)
        .set_column_encoding(payload.clone(), Encoding::PLAIN)
        .set_column_statistics_enabled(payload, EnabledStatistics::None)
        .build();
    Ok(Arc::new(properties))
}

/// How many of `records` make the next row group; at least one.
fn row_group_len(records: &[Record<'_>]) -> usize {
    let mut bytes = 0;
    let full = records.iter().position(|record| {
        bytes += record.payload.len();
        bytes >= ROW_GROUP_BYTES
    });
    full.map_or(records.len(), |last| last + 1).min(ROW_GROUP_RECORDS)
}

fn write_row_group(
    row_group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    info: &ObjectInfo,
    records: &[Record<'_>],
) -> Result<()> {
    let count = records.len();
    let epoch = i64::try_from(info.epoch.0).map_err(|_| corrupt("an epoch above 2^63"))?;
    let shard = ByteArray::from(info.shard.0.as_str());
    let sequence_numbers: Vec<String> = records.iter().map(|r| r.sequence.to_string()).collect();
    let arrivals: Vec<i64> = records.iter().map(|record| record.arrival_ms).collect();
    write::<ByteArrayType>(row_group, &vec![shard; count])?;
    write::<ByteArrayType>(row_group, &joined(sequence_numbers.iter().map(String::as_bytes)))?;
    write::<Int64Type>(row_group, &vec![epoch; count])?;
    write::<Int64Type>(row_group, &arrivals)?;
    write::<ByteArrayType>(row_group, &joined(records.iter().map(|r| r.partition_key.as_bytes())))?;
    write::<ByteArrayType>(row_group, &joined(records.iter().map(|record| record.payload)))
}

fn write<T: DataType>(
    row_group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
) -> Result<()> {
    let next = row_group.next_column()?;
    let mut column =
        next.ok_or_else(|| corrupt("the schema has fewer columns than are written"))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

/// The values as slices of one allocation, which is cheaper than one each.
fn joined<'a>(values: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<ByteArray> {
    let mut all = Vec::with_capacity(values.clone().map(<[u8]>::len).sum());
    values.clone().for_each(|value| all.extend_from_slice(value));
    let all = Bytes::from(all);
    let mut start = 0;
    let slice = |value: &[u8]| {
        let slice = all.slice(start..start + value.len());
        start += value.len();
        ByteArray::from(slice)
    };
    values.map(slice).collect()
}
