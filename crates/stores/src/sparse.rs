//! A file of which some stretches are in memory: what Parquet reads from where a store fetches bytes
//! before they are asked for.
//!
//! A read outside of the stretches is an error and never a fetch, so a reader that wants more than
//! was planned shows itself.

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Stretches of a file, at their places in it.
#[derive(Debug, Clone)]
pub(crate) struct Sparse {
    length: u64,
    /// Each with its start; in order, without overlap.
    stretches: Vec<(u64, Bytes)>,
}

impl Sparse {
    /// A file of `length` bytes of which these stretches are here.
    pub(crate) fn new(length: u64, mut stretches: Vec<(u64, Bytes)>) -> Self {
        stretches.sort_by_key(|(start, _)| *start);
        Sparse { length, stretches }
    }

    /// The bytes from `start` to the end of the stretch that it lies in.
    fn from(&self, start: u64) -> Option<Bytes> {
        let behind = self.stretches.partition_point(|(first, _)| *first <= start);
        let (first, bytes) = &self.stretches[behind.checked_sub(1)?];
        let skip = usize::try_from(start - first).ok()?;
        (skip <= bytes.len()).then(|| bytes.slice(skip..))
    }
}

impl Length for Sparse {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Sparse {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let bytes = self.from(start).ok_or_else(|| outside(start))?;
        Ok(bytes.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.from(start).filter(|bytes| length <= bytes.len());
        Ok(bytes.ok_or_else(|| outside(start))?.slice(..length))
    }
}

fn outside(start: u64) -> ParquetError {
    ParquetError::General(format!("what lies at byte {start} is outside of what may be read there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stretches_that_are_here_are_read() {
        let stretch = |start: u64, text: &'static [u8]| (start, Bytes::from_static(text));
        let sparse = Sparse::new(100, vec![stretch(50, b"fifty"), stretch(10, b"ten")]);
        assert_eq!(sparse.len(), 100);
        assert_eq!(sparse.get_bytes(10, 3).unwrap(), "ten");
        assert_eq!(sparse.get_bytes(51, 2).unwrap(), "if");
        assert_eq!(sparse.get_bytes(13, 0).unwrap(), "");
        for (start, length) in [(9, 1), (10, 4), (14, 1), (54, 2), (99, 1), (0, 0)] {
            assert!(sparse.get_bytes(start, length).is_err(), "{length} at {start}");
        }
    }
}
