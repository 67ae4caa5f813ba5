//! The local stream: what stands in for Kinesis on one machine, durable across `kill -9`.
//!
//! Blocks of records (see [`crate::stream`]) lie in a redb table under (shard, first sequence
//! number). One append is one transaction with one sync, however many shards and records it holds:
//! a caller that has several requests at once appends them together. The bytes of a record are
//! copied once, into the page that goes to the disk.
//!
//! The file shrinks only in that trimmed blocks make room for new ones.

use super::database::{DatabaseFile, Outcome};
use super::folder::Folder;
use crate::stream::{Append, Appended, Batch, Log, drafts, shard_names};
use anabranch_core::port::{Error, Result};
use anabranch_core::record::{SequenceNumber, ShardId};
use redb::{Durability, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use std::sync::Arc;

/// Blocks by (index of the shard, first sequence number).
const BLOCKS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("blocks");
type Blocks = redb::Range<'static, (u32, u64), &'static [u8]>;
/// The last sequence number of each shard.
const LAST: TableDefinition<'_, u32, u64> = TableDefinition::new("last");
/// Single numbers by name.
const META: TableDefinition<'_, &str, i64> = TableDefinition::new("meta");
const NEWEST_ARRIVAL_MS: &str = "newest_arrival_ms";
const SHARDS: &str = "shards";

/// Readers follow closely behind the writer, so little more than the newest blocks is cached.
const CACHE_BYTES: usize = 128 << 20;

/// A durable stream in the file `stream.redb`.
#[derive(Debug)]
pub struct Stream {
    names: Vec<ShardId>,
    file: DatabaseFile,
}

impl Stream {
    /// Opens the stream, with `shards` shards or more if it has had more before: a shard that may
    /// hold records does not go away.
    pub(super) fn open(folder: &Arc<Folder>, shards: u32) -> Result<Self> {
        let (file, shards) =
            DatabaseFile::open(folder, "stream.redb", CACHE_BYTES, |transaction| {
                set_up(transaction, shards)
            })?;
        Ok(Stream { names: shard_names(shards), file })
    }

    /// Gives later records of a shard numbers above `through`. For a stream whose file was lost: the
    /// layers have records of it that it does not know of.
    pub fn skip_to(&self, shard: &ShardId, through: SequenceNumber) -> Result<()> {
        let index = self.index(shard)?;
        let through = through.to_u64().unwrap_or(u64::MAX);
        self.file.write(Durability::Immediate, |transaction| {
            let mut last_table = transaction.open_table(LAST)?;
            let last = last_table.get(index)?.map_or(0, |last| last.value());
            last_table.insert(index, last.max(through))?;
            Ok(())
        })
    }

    fn index(&self, shard: &ShardId) -> Result<u32> {
        let found = self.names.iter().position(|name| name == shard);
        found.map(|index| index as u32).ok_or_else(|| Error::NotFound {
            object: format!("shard {shard} of {}", self.file.path().display()),
        })
    }
}

/// Makes the tables, and returns how many shards there are.
fn set_up(transaction: &WriteTransaction, shards: u32) -> Outcome<u32> {
    transaction.open_table(BLOCKS)?;
    transaction.open_table(LAST)?;
    let mut meta = transaction.open_table(META)?;
    let before = meta.get(SHARDS)?.map_or(0, |count| count.value());
    let shards = before.max(shards.into());
    meta.insert(SHARDS, shards)?;
    u32::try_from(shards)
        .map_err(|_| redb::Error::Corrupted(format!("{shards} is no count of shards")))
}

/// Raises the newest arrival time to `arrival_ms`; returns what it is then.
fn raise(meta: &mut Table<'_, &'static str, i64>, arrival_ms: i64) -> Outcome<i64> {
    let newest = meta.get(NEWEST_ARRIVAL_MS)?.map(|ms| ms.value());
    match newest {
        Some(newest) if newest >= arrival_ms => Ok(newest),
        _ => {
            meta.insert(NEWEST_ARRIVAL_MS, arrival_ms)?;
            Ok(arrival_ms)
        }
    }
}

impl Log for Stream {
    fn shards(&self) -> &[ShardId] {
        &self.names
    }

    fn append(&self, appends: &[Append<'_>], now_ms: i64) -> Result<Vec<Appended>> {
        let indexes: Vec<u32> =
            appends.iter().map(|append| self.index(&append.shard)).collect::<Result<_>>()?;
        self.file.write(Durability::Immediate, |transaction| {
            let arrival_ms = raise(&mut transaction.open_table(META)?, now_ms)?;
            let mut last_table = transaction.open_table(LAST)?;
            let mut blocks = transaction.open_table(BLOCKS)?;
            let mut appended = Vec::with_capacity(appends.len());
            for (append, &shard) in appends.iter().zip(&indexes) {
                let before = last_table.get(shard)?.map_or(0, |last| last.value());
                let mut last = before;
                for draft in drafts(&append.records) {
                    let mut value = blocks.insert_reserve((shard, last + 1), draft.bytes())?;
                    draft.encode(arrival_ms, value.as_mut());
                    last += draft.count();
                }
                last_table.insert(shard, last)?;
                appended.push(Appended { first: (before + 1).into(), last: last.into() });
            }
            Ok(appended)
        })
    }

    fn read(&self, shard: &ShardId, after: SequenceNumber, max_bytes: usize) -> Result<Batch> {
        let index = self.index(shard)?;
        let after = after.to_u64().unwrap_or(u64::MAX);
        let mut batch = Batch::new(after);
        // A block that does not decode names itself.
        let mut decoded = Ok(());
        self.file.read(|transaction| {
            for entry in blocks_behind(transaction, index, after)?.into_iter().flatten() {
                let (key, block) = entry?;
                decoded = batch.push(shard, key.value().1, block.value().into());
                if decoded.is_err() || (batch.bytes() >= max_bytes && !batch.is_empty()) {
                    break;
                }
            }
            Ok(())
        })?;
        decoded.map(|()| batch)
    }

    fn last(&self, shard: &ShardId) -> Result<SequenceNumber> {
        let index = self.index(shard)?;
        let last = self.file.read(|transaction| last(transaction, index))?;
        Ok(last.into())
    }

    /// A block goes once all of it may. Not synced: the next append does that, and until then a
    /// crash can at most bring trimmed blocks back, which nobody reads.
    fn trim(&self, shard: &ShardId, through: SequenceNumber) -> Result<()> {
        let index = self.index(shard)?;
        let through = through.to_u64().unwrap_or(u64::MAX);
        self.file.write(Durability::None, |transaction| {
            let last = transaction.open_table(LAST)?.get(index)?.map_or(0, |last| last.value());
            let mut blocks = transaction.open_table(BLOCKS)?;
            // Behind a block that begins past `through + 1` lies a block that is needed in part.
            let next = through.saturating_add(1);
            let keep = match blocks.range((index, 0)..=(index, next))?.next_back() {
                Some(entry) if last > through => entry?.0.value().1,
                _ => next,
            };
            blocks.retain_in((index, 0)..(index, keep), |_, _| false)?;
            Ok(())
        })
    }

    fn raise_clock(&self, arrival_ms: i64) -> Result<()> {
        self.file.write(Durability::Immediate, |transaction| {
            raise(&mut transaction.open_table(META)?, arrival_ms).map(drop)
        })
    }
}

/// The last sequence number of a shard; 0 if there is none.
fn last(transaction: &ReadTransaction, shard: u32) -> Outcome<u64> {
    Ok(transaction.open_table(LAST)?.get(shard)?.map_or(0, |last| last.value()))
}

/// The blocks of a shard from the one on that holds the record behind `after`; none if there is
/// no such record.
fn blocks_behind(transaction: &ReadTransaction, shard: u32, after: u64) -> Outcome<Option<Blocks>> {
    if last(transaction, shard)? <= after {
        return Ok(None);
    }
    let blocks = transaction.open_table(BLOCKS)?;
    let start = match blocks.range((shard, 0)..=(shard, after + 1))?.next_back() {
        Some(entry) => entry?.0.value().1,
        None => 0,
    };
    Ok(Some(blocks.range((shard, start)..=(shard, u64::MAX))?))
}
