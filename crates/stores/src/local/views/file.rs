//! A part's file, which gives out no byte that it has not checked.
//!
//! ```text
//! column chunk | column chunk | … | page index, footer |
//!      CRC-32 of each in the footer     CRC-32 and length in the file's name
//! ```
//!
//! A query reads a few pages of a chunk, so a chunk is checked as a whole when it is first touched,
//! and then no more while the file stays open. Without that a flipped bit could be another answer.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The end of a file name: length and CRC-32 of what stands behind the last column chunk.
pub(super) fn name_suffix(file: &[u8], data_end: usize) -> String {
    let tail = &file[data_end..];
    format!("-{:x}-{:08x}.parquet", tail.len(), crc32fast::hash(tail))
}

fn parse_name(path: &Path) -> Option<(usize, u32)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".parquet")?;
    let mut fields = name.rsplit('-');
    let crc32 = u32::from_str_radix(fields.next()?, 16).ok()?;
    Some((usize::from_str_radix(fields.next()?, 16).ok()?, crc32))
}

/// An open file, for several readers at once. It never changes.
#[derive(Debug, Clone)]
pub(super) struct PartFile {
    file: Arc<File>,
    length: u64,
    /// By position.
    chunks: Arc<[Chunk]>,
}

#[derive(Debug)]
struct Chunk {
    start: u64,
    end: u64,
    crc32: u32,
    checked: AtomicBool,
}

impl PartFile {
    /// Opens a file and checks what its name tells: page index and footer.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let file = PartFile { file: Arc::new(file), length, chunks: Arc::new([]) };
        let named = parse_name(path).ok_or_else(|| corrupt("its name has no checksum"))?;
        let (tail, crc32) = named;
        let start = length.checked_sub(tail as u64).ok_or_else(|| corrupt("it was cut"))?;
        if crc32fast::hash(&file.read(start, tail)?) != crc32 {
            return Err(corrupt("its footer has a wrong checksum"));
        }
        Ok(file)
    }

    /// The file, with the checksums of its column chunks that the footer holds.
    pub(super) fn with_checksums(
        self,
        metadata: &ParquetMetaData,
        crc32: &[Vec<u32>],
    ) -> Result<Self> {
        let columns = metadata.row_groups().iter().flat_map(|row_group| row_group.columns());
        let crc32: Vec<u32> = crc32.iter().flatten().copied().collect();
        if columns.clone().count() != crc32.len() {
            return Err(corrupt("it has a checksum for another number of columns"));
        }
        let chunk = |(column, crc32): (&parquet::file::metadata::ColumnChunkMetaData, u32)| {
            let (start, length) = column.byte_range();
            Chunk { start, end: start + length, crc32, checked: AtomicBool::new(false) }
        };
        let mut chunks: Vec<Chunk> = columns.zip(crc32).map(chunk).collect();
        chunks.sort_by_key(|chunk| chunk.start);
        Ok(PartFile { chunks: chunks.into(), ..self })
    }

    /// Checks the column chunk around `position`, if there is one and it was not.
    fn check(&self, position: u64) -> Result<()> {
        let behind = self.chunks.partition_point(|chunk| chunk.start <= position);
        let Some(chunk) = behind.checked_sub(1).map(|i| &self.chunks[i]) else { return Ok(()) };
        if position >= chunk.end || chunk.checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let bytes = self.read(chunk.start, (chunk.end - chunk.start) as usize)?;
        if crc32fast::hash(&bytes) != chunk.crc32 {
            return Err(corrupt(format!(
                "the column at byte {} has a wrong checksum",
                chunk.start
            )));
        }
        chunk.checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn read(&self, start: u64, length: usize) -> Result<Vec<u8>> {
        if start.saturating_add(length as u64) > self.length {
            return Err(corrupt(format!("{length} bytes at {start} lie past its end")));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }
}

impl Length for PartFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for PartFile {
    type T = PartReader;

    fn get_read(&self, start: u64) -> Result<PartReader> {
        self.check(start)?;
        Ok(PartReader { file: Arc::clone(&self.file), position: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        self.check(start)?;
        Ok(self.read(start, length)?.into())
    }
}

/// Reads on from a position.
#[derive(Debug)]
pub(super) struct PartReader {
    file: Arc<File>,
    position: u64,
}

impl Read for PartReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

fn corrupt(reason: impl Into<String>) -> ParquetError {
    ParquetError::General(reason.into())
}
