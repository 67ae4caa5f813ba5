//! Blocks: consecutive records of one shard that arrived at once, as one run of bytes.
//!
//! ```text
//! block  = arrival time (i64) record*
//! record = key length (u32) payload length (u32) key payload      all little-endian
//! ```
//!
//! A block's first sequence number is its key in the store; its records count on from there.

use anabranch_core::port::{Error, Result};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use std::sync::Arc;

/// A block is closed once it has this many bytes.
const BLOCK_BYTES: usize = 1 << 20;
const ARRIVAL_BYTES: usize = 8;
const LENGTHS_BYTES: usize = 8;

/// The bytes of a stored block.
pub type BlockBytes = Arc<[u8]>;

/// A block about to be written: borrowed records and their size.
#[derive(Debug)]
pub struct Draft<'a> {
    records: &'a [(&'a str, &'a [u8])],
    bytes: usize,
}

/// Cuts records into blocks of about [`BLOCK_BYTES`].
pub fn drafts<'a>(mut records: &'a [(&'a str, &'a [u8])]) -> impl Iterator<Item = Draft<'a>> {
    std::iter::from_fn(move || {
        let (mut count, mut bytes) = (0, ARRIVAL_BYTES);
        while count < records.len() && bytes < BLOCK_BYTES {
            let (key, payload) = records[count];
            bytes += LENGTHS_BYTES + key.len() + payload.len();
            count += 1;
        }
        let (block, rest) = records.split_at(count);
        records = rest;
        (count > 0).then_some(Draft { records: block, bytes })
    })
}

impl Draft<'_> {
    /// How many records it holds.
    pub fn count(&self) -> u64 {
        self.records.len() as u64
    }

    /// The size of its encoding.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes the block into `out`, which has [`Self::bytes`] bytes: the one copy that is made.
    pub fn encode(&self, arrival_ms: i64, out: &mut [u8]) {
        let mut rest = out;
        put(&mut rest, &arrival_ms.to_le_bytes());
        for (key, payload) in self.records {
            // Longer records cannot come this far: they would not fit a request or the store.
            let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("below 4 GiB");
            put(&mut rest, &length(key.as_bytes()).to_le_bytes());
            put(&mut rest, &length(payload).to_le_bytes());
            put(&mut rest, key.as_bytes());
            put(&mut rest, payload);
        }
    }
}

fn put(out: &mut &mut [u8], bytes: &[u8]) {
    let (head, rest) = std::mem::take(out).split_at_mut(bytes.len());
    head.copy_from_slice(bytes);
    *out = rest;
}

/// Records read from a shard, in order. Owns their bytes.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    blocks: Vec<(u64, BlockBytes)>,
    after: u64,
    len: usize,
    bytes: usize,
    last: u64,
}

impl Batch {
    /// A batch of the records behind `after`; blocks are added in order.
    pub fn new(after: u64) -> Self {
        Batch { after, last: after, ..Batch::default() }
    }

    /// Adds a block, whose first record has the number `first`, once all of it has been checked.
    /// One that ends before the records asked for is left out.
    ///
    /// # Errors
    /// If the block is corrupt.
    pub fn push(&mut self, shard: &ShardId, first: u64, block: BlockBytes) -> Result<()> {
        let corrupt = |reason| Error::corrupt(format!("block {first} of {shard}"), reason);
        let count = count(&block).ok_or_else(|| corrupt("its lengths do not add up"))?;
        let last = first.checked_add(count - 1).ok_or_else(|| corrupt("its numbers overflow"))?;
        if last > self.after {
            self.len += (last - self.after.max(first.saturating_sub(1))) as usize;
            self.bytes += block.len();
            self.last = last;
            self.blocks.push((first, block));
        }
        Ok(())
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The size of its blocks in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The sequence number of its last record; what was asked for as `after` if there is none.
    pub fn last(&self) -> SequenceNumber {
        self.last.into()
    }

    /// The records, in order.
    pub fn records(&self) -> Records<'_> {
        Records { blocks: self.blocks.iter(), rest: &[], arrival_ms: 0, next: 0, after: self.after }
    }
}

/// The records of a [`Batch`].
#[derive(Debug, Clone)]
pub struct Records<'a> {
    blocks: std::slice::Iter<'a, (u64, BlockBytes)>,
    rest: &'a [u8],
    arrival_ms: i64,
    next: u64,
    after: u64,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            if self.rest.is_empty() {
                let (first, block) = self.blocks.next()?;
                self.next = *first;
                self.rest = block;
                self.arrival_ms = take_arrival(&mut self.rest).expect("checked when it was added");
            }
            let (partition_key, payload) =
                take_record(&mut self.rest).expect("checked when it was added");
            let sequence = self.next;
            self.next += 1;
            if sequence > self.after {
                let (sequence, arrival_ms) = (sequence.into(), self.arrival_ms);
                return Some(Record { sequence, arrival_ms, partition_key, payload });
            }
        }
    }
}

/// How many records a block holds; `None` unless it holds some and nothing but whole records.
pub(crate) fn count(mut block: &[u8]) -> Option<u64> {
    take_arrival(&mut block)?;
    let mut count = 0;
    while !block.is_empty() {
        take_record(&mut block)?;
        count += 1;
    }
    (count > 0).then_some(count)
}

fn take_arrival(block: &mut &[u8]) -> Option<i64> {
    let (arrival, rest) = block.split_first_chunk()?;
    *block = rest;
    Some(i64::from_le_bytes(*arrival))
}

fn take_record<'a>(block: &mut &'a [u8]) -> Option<(&'a str, &'a [u8])> {
    let key_length = take_length(block)?;
    let payload_length = take_length(block)?;
    let (key, rest) = block.split_at_checked(key_length)?;
    let (payload, rest) = rest.split_at_checked(payload_length)?;
    *block = rest;
    Some((std::str::from_utf8(key).ok()?, payload))
}

fn take_length(block: &mut &[u8]) -> Option<usize> {
    let (length, rest) = block.split_first_chunk()?;
    *block = rest;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(records: &[(&str, &[u8])]) -> Vec<BlockBytes> {
        let encode = |draft: Draft<'_>| {
            let mut bytes = vec![0; draft.bytes()];
            draft.encode(7, &mut bytes);
            bytes.into()
        };
        drafts(records).map(encode).collect()
    }

    #[test]
    fn blocks_are_cut_at_about_a_mebibyte_and_hold_at_least_one_record() {
        let (small, large) = (vec![1; 400 << 10], vec![2; 3 << 20]);
        let records = [small.as_slice(), &small, &small, &large, &small].map(|p| ("k", p));
        let counts: Vec<_> = encoded(&records).iter().map(|block| count(block)).collect();
        assert_eq!(counts, [Some(3), Some(1), Some(1)]);
        assert!(encoded(&[]).is_empty());
    }

    #[test]
    fn a_cut_or_stretched_block_is_corrupt() {
        let block = encoded(&[("key", b"payload"), ("", b"")]).remove(0);
        assert_eq!(count(&block), Some(2));
        for cut in (0..block.len()).filter(|&cut| cut != 8 + 8 + 10) {
            assert_eq!(count(&block[..cut]), None, "cut at {cut}");
        }
        let stretched = [&block[..], &[0]].concat();
        assert_eq!(count(&stretched), None);
        let shard = ShardId("s".to_owned());
        assert!(Batch::new(0).push(&shard, 1, stretched.into()).is_err());
    }

    /// Found by fuzzing. Where numbers were skipped, the last block before the gap is read first, and
    /// one that ended before the records asked for made the count of records wrap around: a batch
    /// without records said that it had nearly 2^64, and that its last was one before those asked for.
    #[test]
    fn a_block_that_ends_before_the_records_asked_for_is_left_out() {
        let block = encoded(&[("a", b"1"), ("b", b"2")]).remove(0);
        let shard = ShardId("s".to_owned());
        let mut batch = Batch::new(7);
        batch.push(&shard, 1, Arc::clone(&block)).unwrap();
        assert!(batch.is_empty() && batch.records().next().is_none());
        assert_eq!((batch.last(), batch.bytes()), (7.into(), 0));
        batch.push(&shard, 11, Arc::clone(&block)).unwrap();
        let sequences: Vec<_> = batch.records().filter_map(|r| r.sequence.to_u64()).collect();
        assert_eq!((batch.len(), sequences), (2, vec![11, 12]));
        assert!(Batch::new(0).push(&shard, u64::MAX, block).is_err());
    }

    #[test]
    fn a_batch_starts_behind_the_record_asked_for() {
        let block = encoded(&[("a", b"1"), ("b", b"2"), ("c", b"3")]).remove(0);
        for after in 0..=3 {
            let mut batch = Batch::new(after);
            batch.push(&ShardId("s".to_owned()), 1, Arc::clone(&block)).unwrap();
            let sequences: Vec<_> = batch.records().filter_map(|r| r.sequence.to_u64()).collect();
            assert_eq!(sequences, (after + 1..=3).collect::<Vec<_>>());
            assert_eq!((batch.len(), batch.last()), (sequences.len(), 3.into()));
            assert!(batch.records().all(|record| record.arrival_ms == 7));
        }
    }
}
