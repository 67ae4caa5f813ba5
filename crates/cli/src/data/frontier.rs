//! The frontier: the newest epoch that a batch version has still to cover, and the heartbeats that
//! move it on.
//!
//! An epoch is sealed by a record of a later one. Where no event comes along, a heartbeat has to;
//! but only while there is something to cover, so that an idle system writes nothing.

use super::{Data, append_heartbeats};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::{plan, seal};
use anabranch_core::port::Result;
use anabranch_core::record::ShardId;
use anabranch_stores::stream::Log as _;

impl Data {
    /// The newest epoch that some view's next batch version has to cover, if there is one.
    pub(crate) async fn newest_uncovered(&self) -> Result<Option<Epoch>> {
        let local = &self.local;
        plan::newest_uncovered(&self.project, &local.master, &local.control, &local.views).await
    }

    /// The epoch that every horizon has to pass before answers can be complete as far as a shard
    /// goes.
    pub(super) async fn unseen(&self, shard: &ShardId) -> Result<Option<Epoch>> {
        plan::unseen(&self.project, &self.local.control, &self.local.views, shard).await
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
        for (shard, last) in plan::behind(&self.local.master, &self.local.control, epoch).await? {
            // What is on its way into the archive may do it; if not, the next call finds out.
            if self.local.stream.last(&shard)? == last {
                behind.push(shard);
            }
        }
        append_heartbeats(&*self.local.stream, &behind, now_ms)?;
        Ok(false)
    }
}
