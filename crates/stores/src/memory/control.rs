//! Checkpoints and the registry of shards in memory.

use super::lock;
use anabranch_core::port::{self, Checkpoint, Result, ShardInfo};
use anabranch_core::record::{SequenceNumber, ShardId};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Checkpoints and shards by name.
#[derive(Debug, Default)]
pub struct Control {
    checkpoints: Mutex<BTreeMap<ShardId, Checkpoint>>,
    shards: Mutex<BTreeMap<ShardId, ShardInfo>>,
}

impl port::Control for Control {
    async fn checkpoint(&self, shard: &ShardId) -> Result<Option<Checkpoint>> {
        Ok(lock(&self.checkpoints).get(shard).cloned())
    }

    async fn put_checkpoint(
        &self,
        shard: &ShardId,
        expected: Option<SequenceNumber>,
        checkpoint: &Checkpoint,
    ) -> Result<bool> {
        let mut checkpoints = lock(&self.checkpoints);
        let matches = checkpoints.get(shard).map(|current| current.sequence) == expected;
        if matches {
            checkpoints.insert(shard.clone(), checkpoint.clone());
        }
        Ok(matches)
    }

    async fn shards(&self) -> Result<Vec<ShardInfo>> {
        Ok(lock(&self.shards).values().cloned().collect())
    }

    async fn put_shard(&self, info: &ShardInfo) -> Result<()> {
        lock(&self.shards).insert(info.shard.clone(), info.clone());
        Ok(())
    }
}
