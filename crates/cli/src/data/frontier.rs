//! The frontier: the newest events that are in no batch version yet, and the heartbeats that move
//! it on.
//!
//! An epoch is sealed by a record of a later one. Where no event comes along, a heartbeat has to;
//! but only while there is something to seal, so that an idle system writes nothing.

use super::{Data, append_heartbeats};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::seal;
use anabranch_core::port::{Control as _, MasterDataSet as _, Result, ViewStore as _};
use anabranch_core::record::ShardId;
use anabranch_stores::stream::Log as _;
use std::collections::HashSet;

impl Data {
    /// The newest epoch of an archived event that some view's batch version does not cover.
    pub(crate) async fn newest_uncovered(&self) -> Result<Option<Epoch>> {
        let horizon = self.least_horizon().await?;
        let registered = self.local.control.shards().await?;
        let registered: HashSet<&ShardId> = registered.iter().map(|info| &info.shard).collect();
        let objects = self.local.master.objects(horizon..Epoch(u64::MAX)).await?;
        let events = objects.iter().filter(|object| {
            object.records > object.heartbeats && registered.contains(&object.shard)
        });
        Ok(events.map(|object| object.epoch).max())
    }

    /// The least horizon of the project's views; zero if one has no version.
    async fn least_horizon(&self) -> Result<Epoch> {
        let mut least = None;
        for view in &self.project.views {
            let pointer = self.local.views.pointer(view.fingerprint).await?;
            let horizon = pointer.map_or(Epoch::ZERO, |pointer| pointer.horizon);
            least = Some(least.map_or(horizon, |least: Epoch| least.min(horizon)));
        }
        Ok(least.unwrap_or_default())
    }

    /// Whether a batch version can cover every archived event now. If not, sends heartbeats as
    /// [`Self::seal_past`] does.
    pub(crate) async fn seal_newest(&self, now_ms: i64) -> Result<bool> {
        match self.newest_uncovered().await? {
            Some(newest) => self.seal_past(newest, now_ms).await,
            None => Ok(true),
        }
    }

    /// Whether `epoch` and all before it are sealed. If not, sends a heartbeat along every open
    /// shard that has to get past it, unless `epoch` still lasts at `now_ms`.
    pub(crate) async fn seal_past(&self, epoch: Epoch, now_ms: i64) -> Result<bool> {
        if seal::sealed(&self.local.master, &self.local.control).await? > epoch {
            return Ok(true);
        }
        if self.length.epoch_of(now_ms, Epoch::ZERO) <= epoch {
            return Ok(false);
        }
        let mut behind = Vec::new();
        for shard in self.stream_shards().await? {
            let tail = self.local.master.tail(&shard).await?;
            let passed = tail.as_ref().is_some_and(|tail| tail.epoch > epoch);
            // What is on its way into the archive may do it; if not, the next call finds out.
            let last = tail.map(|tail| tail.last).unwrap_or_default();
            if !passed && self.local.stream.last(&shard)? == last {
                behind.push(shard);
            }
        }
        append_heartbeats(&*self.local.stream, &behind, now_ms)?;
        Ok(false)
    }
}
