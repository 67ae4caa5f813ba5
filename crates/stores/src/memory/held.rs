//! The numbers of the records that a stream still has: what is asked of it, and nothing more. They
//! may have gaps, as those of Kinesis have.

use super::lock;
use anabranch_core::port::{Result, Retained};
use anabranch_core::record::{SequenceNumber, ShardId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// The numbers of each shard.
#[derive(Debug, Default)]
pub struct Held {
    shards: Mutex<BTreeMap<ShardId, BTreeSet<SequenceNumber>>>,
}

impl Held {
    /// Adds records of a shard.
    pub fn add(&self, shard: &ShardId, numbers: impl IntoIterator<Item = SequenceNumber>) {
        lock(&self.shards).entry(shard.clone()).or_default().extend(numbers);
    }

    /// Lets go of a shard's records up to `through`.
    pub fn trim(&self, shard: &ShardId, through: SequenceNumber) {
        lock(&self.shards).entry(shard.clone()).or_default().retain(|number| *number > through);
    }
}

impl Retained for Held {
    async fn first_two(
        &self,
        shard: &ShardId,
        from: Option<SequenceNumber>,
    ) -> Result<Vec<SequenceNumber>> {
        let shards = lock(&self.shards);
        let held = shards.get(shard).into_iter().flatten().copied();
        Ok(held.filter(|number| from.is_none_or(|from| *number >= from)).take(2).collect())
    }
}
