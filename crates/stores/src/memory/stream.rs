//! A stream in memory.

use super::lock;
use crate::stream::{Append, Appended, Batch, BlockBytes, Log, drafts, shard_names};
use anabranch_core::port::{Error, Result};
use anabranch_core::record::{SequenceNumber, ShardId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Blocks by (shard, first sequence number).
#[derive(Debug)]
pub struct Stream {
    names: Vec<ShardId>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    shards: BTreeMap<ShardId, Shard>,
    newest_arrival_ms: i64,
}

#[derive(Debug, Default)]
struct Shard {
    blocks: BTreeMap<u64, Block>,
    last: u64,
}

#[derive(Debug)]
struct Block {
    bytes: BlockBytes,
    last: u64,
}

impl Stream {
    /// An empty stream of `shards` shards.
    pub fn new(shards: u32) -> Self {
        let names = shard_names(shards);
        let shards = names.iter().map(|name| (name.clone(), Shard::default())).collect();
        Stream { names, inner: Mutex::new(Inner { shards, newest_arrival_ms: i64::MIN }) }
    }
}

impl Inner {
    fn shard(&mut self, name: &ShardId) -> Result<&mut Shard> {
        let not_found = || Error::NotFound { object: format!("shard {name} of the stream") };
        self.shards.get_mut(name).ok_or_else(not_found)
    }
}

impl Shard {
    fn append(&mut self, records: &[(&str, &[u8])], arrival_ms: i64) -> Appended {
        let first = self.last + 1;
        for draft in drafts(records) {
            let mut bytes = vec![0; draft.bytes()];
            draft.encode(arrival_ms, &mut bytes);
            let start = self.last + 1;
            self.last += draft.count();
            self.blocks.insert(start, Block { bytes: bytes.into(), last: self.last });
        }
        Appended { first: first.into(), last: self.last.into() }
    }
}

impl Log for Stream {
    fn shards(&self) -> &[ShardId] {
        &self.names
    }

    fn append(&self, appends: &[Append<'_>], now_ms: i64) -> Result<Vec<Appended>> {
        let mut inner = lock(&self.inner);
        for append in appends {
            inner.shard(&append.shard)?;
        }
        inner.newest_arrival_ms = inner.newest_arrival_ms.max(now_ms);
        let arrival_ms = inner.newest_arrival_ms;
        let one = |append: &Append<'_>| {
            Ok(inner.shard(&append.shard)?.append(&append.records, arrival_ms))
        };
        appends.iter().map(one).collect()
    }

    fn read(&self, shard: &ShardId, after: SequenceNumber, max_bytes: usize) -> Result<Batch> {
        let after = after.to_u64().unwrap_or(u64::MAX);
        let mut batch = Batch::new(after);
        let mut inner = lock(&self.inner);
        for (first, block) in &inner.shard(shard)?.blocks {
            if block.last > after && (batch.is_empty() || batch.bytes() < max_bytes) {
                batch.push(shard, *first, Arc::clone(&block.bytes))?;
            }
        }
        Ok(batch)
    }

    fn last(&self, shard: &ShardId) -> Result<SequenceNumber> {
        Ok(lock(&self.inner).shard(shard)?.last.into())
    }

    fn trim(&self, shard: &ShardId, through: SequenceNumber) -> Result<()> {
        let through = through.to_u64().unwrap_or(u64::MAX);
        lock(&self.inner).shard(shard)?.blocks.retain(|_, block| block.last > through);
        Ok(())
    }

    fn raise_clock(&self, arrival_ms: i64) -> Result<()> {
        let mut inner = lock(&self.inner);
        inner.newest_arrival_ms = inner.newest_arrival_ms.max(arrival_ms);
        Ok(())
    }
}
