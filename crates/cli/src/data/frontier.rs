//! The frontier: the newest epoch that a batch version has still to cover, and the heartbeats that
//! move it on.
//!
//! An epoch is sealed by a record of a later one. Where no event comes along, a heartbeat has to;
//! but only while there is something to cover, so that an idle system writes nothing.

use super::{Data, append_heartbeats};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::seal;
use anabranch_core::port::{Control as _, MasterDataSet as _, Result, ViewStore as _};
use anabranch_core::record::ShardId;
use anabranch_core::view::View;
use anabranch_stores::stream::Log as _;
use std::collections::HashSet;

impl Data {
    /// The newest epoch that some view's next batch version has to cover, if there is one: because
    /// it holds an archived event that the current version does not have, or because the speed layer
    /// has not seen all of it for a view that is new.
    pub(crate) async fn newest_uncovered(&self) -> Result<Option<Epoch>> {
        let horizon = self.least_horizon().await?;
        let registered = self.local.control.shards().await?;
        let registered: HashSet<&ShardId> = registered.iter().map(|info| &info.shard).collect();
        let objects = self.local.master.objects(horizon..Epoch(u64::MAX)).await?;
        let events = objects.iter().filter(|object| {
            object.records > object.heartbeats && registered.contains(&object.shard)
        });
        let newest = events.map(|object| object.epoch).max();
        Ok(newest.max(self.newest_unseen().await?))
    }

    /// The newest epoch of which the speed layer has missed a part for some view.
    async fn newest_unseen(&self) -> Result<Option<Epoch>> {
        let mut newest = None;
        for shard in self.stream_shards().await? {
            newest = newest.max(self.unseen(&shard).await?);
        }
        Ok(newest)
    }

    /// The epoch that every horizon has to pass before answers can be complete as far as a shard
    /// goes: the last absorbed, if some view was not absorbed up to there.
    pub(super) async fn unseen(&self, shard: &ShardId) -> Result<Option<Epoch>> {
        let Some(checkpoint) = self.local.control.checkpoint(shard).await? else { return Ok(None) };
        for view in &self.project.views {
            if !checkpoint.covers(view.fingerprint, self.horizon(view).await?) {
                return Ok(Some(checkpoint.epoch));
            }
        }
        Ok(None)
    }

    /// A view's horizon; zero if it has no version.
    async fn horizon(&self, view: &View) -> Result<Epoch> {
        let pointer = self.local.views.pointer(view.fingerprint).await?;
        Ok(pointer.map_or(Epoch::ZERO, |pointer| pointer.horizon))
    }

    /// The least horizon of the project's views; zero if one has no version.
    async fn least_horizon(&self) -> Result<Epoch> {
        let mut least = None;
        for view in &self.project.views {
            let horizon = self.horizon(view).await?;
            least = Some(least.map_or(horizon, |least: Epoch| least.min(horizon)));
        }
        Ok(least.unwrap_or_default())
    }

    /// Whether a batch version can cover all that is to be covered now. If not, sends heartbeats as
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
