//! Shards: those that the stream has opened are registered, those that it has closed are closed once
//! they are archived to their end, and none is left idle for so long that its last record leaves the
//! stream.

use crate::Batch;
use crate::outside::{Listed, Shards};
use anabranch_core::pipeline::plan::{self, StreamShard};
use anabranch_core::port::{Control, MasterDataSet, Result, ShardKind, ViewStore};
use anabranch_core::project::Project;
use anabranch_core::record::ShardId;
use anabranch_host::{Log, now_ms};
use serde_json::json;
use std::sync::Arc;

/// A chain's last record is the place from which the next delivery is proved to go on, so it must not
/// leave the stream: a quarter of the least time that Kinesis keeps records for.
const OLDEST_TAIL_MS: i64 = 6 * 3600 * 1000;

impl<M, S, C, V, T, G, J> Batch<M, S, C, V, T, G, J>
where
    M: MasterDataSet,
    C: Control,
    V: ViewStore,
    T: Shards,
{
    /// Registers and closes shards.
    pub(crate) async fn reshard(&self, log: &Log, live: &Arc<Project>) -> Result<()> {
        let listed = self.stream.list().await?;
        let registered = self.control.shards().await?;
        let mut shards = Vec::new();
        for Listed { shard, parents, is_open } in listed {
            let known = registered.iter().find(|info| info.shard == shard);
            let closed = match (is_open, known.and_then(|info| info.closed)) {
                (true, _) => None,
                (false, Some(closed)) => Some(closed),
                (false, None) => self.end_of(&shard).await?,
            };
            shards.push(StreamShard { shard, parents, closed });
        }
        for info in &registered {
            let is_listed = shards.iter().any(|listed| listed.shard == info.shard);
            if info.kind == ShardKind::Stream && info.closed.is_none() && !is_listed {
                log.error(
                    "a shard has left the stream before it was archived to its end",
                    json!({"shard": info.shard, "reason": "no epoch can be sealed until it is closed by hand"}),
                );
            }
        }
        plan::reshard(live, &self.master, &self.control, &self.views, &shards).await?;
        let after = self.control.shards().await?;
        for info in after.iter().filter(|info| !registered.contains(info)) {
            log.info(
                "shard",
                json!({"shard": info.shard, "baseEpoch": info.base_epoch.0,
                                     "closed": info.closed}),
            );
        }
        Ok(())
    }

    /// The last record of a shard that the stream has closed: the end of its chain, once the stream
    /// shows that nothing comes behind it. That needs the chain's last record to be there still,
    /// for otherwise what came behind it may have left as well.
    async fn end_of(
        &self,
        shard: &ShardId,
    ) -> Result<Option<anabranch_core::record::SequenceNumber>> {
        let last = self.master.tail(shard).await?.map(|tail| tail.last);
        if let Some(last) = last
            && self.stream.first_two(shard, Some(last)).await? != [last]
        {
            return Ok(None);
        }
        let is_drained = self.stream.is_drained(shard, last).await?;
        Ok(is_drained.then(|| last.unwrap_or_default()))
    }

    /// Sends a heartbeat to each open shard whose chain ends long ago, or has not begun.
    pub(crate) async fn keep_alive(&self) -> Result<usize> {
        let mut idle = Vec::new();
        for info in self.control.shards().await? {
            if info.kind != ShardKind::Stream || info.closed.is_some() {
                continue;
            }
            let tail = self.master.tail(&info.shard).await?;
            let oldest = now_ms().saturating_sub(OLDEST_TAIL_MS);
            if tail.is_none_or(|tail| tail.max_arrival_ms < oldest) {
                idle.push(info.shard);
            }
        }
        self.stream.heartbeat(&idle).await
    }
}
