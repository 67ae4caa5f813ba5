//! The end of a part's name, which tells what to read first and whether it is what was written.
//!
//! ```text
//! 7-b1/1m/1442016000000000-<length>-<CRC-32>.parquet     of what stands behind the last column chunk
//! ```
//!
//! So page index and footer are read in one go, and checked before anything in them is believed.

use parquet::errors::ParquetError;

/// The end of a file name: length and CRC-32 of what stands behind the last column chunk.
pub(super) fn name_suffix(file: &[u8], data_end: usize) -> String {
    let tail = &file[data_end..];
    format!("-{:x}-{:08x}.parquet", tail.len(), crc32fast::hash(tail))
}

/// The length and CRC-32 that a file's name tells.
pub(crate) fn parse_name(name: &str) -> parquet::errors::Result<(usize, u32)> {
    let parse = || {
        let mut fields = name.strip_suffix(".parquet")?.rsplit('-');
        let crc32 = u32::from_str_radix(fields.next()?, 16).ok()?;
        Some((usize::from_str_radix(fields.next()?, 16).ok()?, crc32))
    };
    parse().ok_or_else(|| corrupt("its name has no checksum"))
}

/// What is wrong with a file, as an error of the Parquet library's.
pub(crate) fn corrupt(reason: impl Into<String>) -> ParquetError {
    ParquetError::General(reason.into())
}
