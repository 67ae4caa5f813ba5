//! A part's file, which gives out no byte that it has not checked.
//!
//! ```text
//! column chunk | column chunk | … | page index, footer |
//!      CRC-32 of each in the footer     CRC-32 and length in the file's name
//! ```
//!
//! A query reads a few pages of a chunk, so a chunk is checked as a whole when it is first touched,
//! and then no more while the file stays open. Without that a flipped bit could be another answer.

use crate::local::error;
use crate::part_file::{Chunk, Part, corrupt, parse_name};
use anabranch_core::port::{self, Selection, VisitPart};
use anabranch_core::view::View;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An open part of a view.
#[derive(Debug)]
pub(super) struct OpenPart {
    part: Part,
    file: PartFile,
}

impl OpenPart {
    /// Opens the file `path`, a part of `view`.
    pub(super) fn open(path: &Path, view: &View) -> port::Result<Self> {
        let open = || {
            let file = PartFile::open(path)?;
            let part = Part::open(path.display().to_string(), &file, view)?;
            let file = file.with_chunks(part.chunks());
            Ok(OpenPart { part, file })
        };
        open().map_err(|e| error::parquet(path, &e))
    }

    /// Bytes of memory in use, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.part.memory_bytes()
    }

    /// Visits the rows that `selection` may want, in order.
    pub(super) fn read(&self, selection: &Selection, visit: VisitPart<'_>) -> port::Result<()> {
        self.part.read(self.file.clone(), selection, visit)
    }
}

/// An open file, for several readers at once. It never changes.
#[derive(Debug, Clone)]
struct PartFile {
    file: Arc<File>,
    length: u64,
    /// By position.
    chunks: Arc<[CheckedChunk]>,
}

#[derive(Debug)]
struct CheckedChunk {
    chunk: Chunk,
    checked: AtomicBool,
}

impl PartFile {
    /// Opens a file and checks what its name tells: page index and footer.
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let file = PartFile { file: Arc::new(file), length, chunks: Arc::new([]) };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (tail, crc32) = parse_name(name)?;
        let start = length.checked_sub(tail as u64).ok_or_else(|| corrupt("it was cut"))?;
        if crc32fast::hash(&file.read(start, tail)?) != crc32 {
            return Err(corrupt("its footer has a wrong checksum"));
        }
        Ok(file)
    }

    /// The file, with its column chunks.
    fn with_chunks(self, chunks: impl Iterator<Item = Chunk>) -> Self {
        let unchecked = |chunk| CheckedChunk { chunk, checked: AtomicBool::new(false) };
        let mut chunks: Vec<CheckedChunk> = chunks.map(unchecked).collect();
        chunks.sort_by_key(|checked| checked.chunk.start);
        PartFile { chunks: chunks.into(), ..self }
    }

    /// Checks the column chunk around `position`, if there is one and it was not.
    fn check(&self, position: u64) -> Result<()> {
        let behind = self.chunks.partition_point(|checked| checked.chunk.start <= position);
        let Some(CheckedChunk { chunk, checked }) = behind.checked_sub(1).map(|i| &self.chunks[i])
        else {
            return Ok(());
        };
        if position >= chunk.end || checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let bytes = self.read(chunk.start, (chunk.end - chunk.start) as usize)?;
        if crc32fast::hash(&bytes) != chunk.crc32 {
            return Err(corrupt(format!(
                "the column at byte {} has a wrong checksum",
                chunk.start
            )));
        }
        checked.store(true, Ordering::Relaxed);
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
struct PartReader {
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
