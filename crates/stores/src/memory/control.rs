//! Checkpoints, the registry of shards and the definitions in memory.

use super::lock;
use anabranch_core::definitions::Definitions;
use anabranch_core::port::{self, Checkpoint, Result, ShardInfo};
use anabranch_core::record::{SequenceNumber, ShardId};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Checkpoints and shards by name, and the definitions.
#[derive(Debug, Default)]
pub struct Control {
    checkpoints: Mutex<BTreeMap<ShardId, Checkpoint>>,
    shards: Mutex<BTreeMap<ShardId, ShardInfo>>,
    definitions: Mutex<Option<Definitions>>,
}

impl Control {
    /// Loses a shard's checkpoint, as a store restored from a backup would have.
    pub fn forget_checkpoint(&self, shard: &ShardId) {
        lock(&self.checkpoints).remove(shard);
    }
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

    async fn put_shard(&self, expected: Option<&ShardInfo>, info: &ShardInfo) -> Result<bool> {
        let mut shards = lock(&self.shards);
        let matches = shards.get(&info.shard) == expected;
        if matches {
            shards.insert(info.shard.clone(), info.clone());
        }
        Ok(matches)
    }

    async fn definitions(&self) -> Result<Option<Definitions>> {
        Ok(lock(&self.definitions).clone())
    }

    async fn put_definitions(
        &self,
        expected: Option<u64>,
        definitions: &Definitions,
    ) -> Result<bool> {
        let mut current = lock(&self.definitions);
        let matches = current.as_ref().map(|current| current.revision) == expected;
        if matches {
            *current = Some(definitions.clone());
        }
        Ok(matches)
    }
}
