//! Due: whether a version has to be built now, and how far it has to reach.
//!
//! ```text
//! last version ──────── every ────────> due: what arrived before has to be covered
//!                                        ├─ sealed that far? build
//!                                        └─ not yet: heartbeats along the shards that are behind
//! ```
//!
//! A definition that has no version yet, or of which the speed layer has missed something, does not
//! wait for its time. Where nothing is uncovered nothing is due, and an idle system writes nothing.

use crate::Batch;
use crate::outside::Shards;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::{plan, seal};
use anabranch_core::port::{Control, MasterDataSet, Result, ShardKind, ViewStore};
use anabranch_core::project::Project;
use anabranch_host::now_ms;
use std::sync::Arc;

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// Whether to build now, up to what is sealed.
    pub(crate) build: bool,
    /// Every shard is sealed below.
    pub(crate) sealed: Epoch,
    /// Where the live view begins that lies farthest back.
    pub(crate) from: Epoch,
    /// Heartbeats that were sent.
    pub(crate) heartbeats: usize,
    /// How old the oldest record is that no version covers; none is known to be below.
    pub(crate) lag_ms: i64,
}

impl<M, S, C, V, T, G, J> Batch<M, S, C, V, T, G, J>
where
    M: MasterDataSet,
    C: Control,
    V: ViewStore,
    T: Shards,
{
    /// Looks what is due, and sends the heartbeats that it waits for. `at_once`: whether it is asked for
    /// by hand, and due in any case.
    pub(crate) async fn look(&self, live: &Arc<Project>, at_once: bool) -> Result<Due> {
        let Settled { from, newest_version_ms } = self.settled(live).await?;
        let sealed = seal::sealed(&self.master, &self.control).await?;
        let uncovered =
            plan::newest_uncovered(live, &self.master, &self.control, &self.views).await?;
        let Some(newest) = uncovered else {
            return Ok(Due { build: at_once, sealed, from, heartbeats: 0, lag_ms: 0 });
        };
        let now_ms = now_ms();
        let lag_ms = now_ms.saturating_sub(self.settings.length.start_ms(from)).max(0);
        let lag_ms = if from == Epoch::ZERO { 0 } else { lag_ms };
        let every_ms = i64::try_from(self.settings.every.as_millis()).unwrap_or(i64::MAX);
        let due_ms = newest_version_ms.map(|built_ms| built_ms.saturating_add(every_ms));
        let urgent = at_once || due_ms.is_none() || self.is_incomplete(live).await?;
        if !urgent && due_ms.is_some_and(|due_ms| now_ms < due_ms) {
            return Ok(Due { build: false, sealed, from, heartbeats: 0, lag_ms });
        }
        // An epoch that still lasts cannot be sealed: what arrived before the build became due can.
        let until_ms = if urgent { now_ms } else { due_ms.unwrap_or(now_ms) };
        let lasting = self.settings.length.epoch_of(until_ms, Epoch::ZERO);
        let target = newest.min(Epoch(lasting.0.saturating_sub(1)));
        if sealed > target {
            return Ok(Due { build: true, sealed, from, heartbeats: 0, lag_ms });
        }
        let behind = plan::behind(&self.master, &self.control, target).await?;
        let behind: Vec<_> = behind.into_iter().map(|(shard, _)| shard).collect();
        let heartbeats = self.stream.heartbeat(&behind).await?;
        // Some is better than none where a shard does not get on, or nothing is covered yet.
        let late = due_ms.is_some_and(|due_ms| now_ms >= due_ms.saturating_add(every_ms));
        let build = at_once || ((urgent || late) && sealed > from);
        Ok(Due { build, sealed, from, heartbeats, lag_ms })
    }

    /// Whether the speed layer has missed something of a view that no version covers yet.
    async fn is_incomplete(&self, live: &Arc<Project>) -> Result<bool> {
        for info in self.control.shards().await? {
            if info.kind == ShardKind::Stream
                && plan::unseen(live, &self.control, &self.views, &info.shard).await?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How far the live views' versions reach.
    async fn settled(&self, live: &Arc<Project>) -> Result<Settled> {
        let (mut from, mut built_ms) = (None, Some(i64::MIN));
        for view in live.live() {
            match self.views.pointer(view.fingerprint).await? {
                None => (from, built_ms) = (Some(Epoch::ZERO), None),
                Some(pointer) => {
                    let manifest = self.views.manifest(view.fingerprint, &pointer).await?;
                    from =
                        Some(from.map_or(pointer.horizon, |from: Epoch| from.min(pointer.horizon)));
                    built_ms = built_ms.map(|built_ms| built_ms.max(manifest.created_ms));
                }
            }
        }
        Ok(Settled { from: from.unwrap_or_default(), newest_version_ms: built_ms })
    }
}

/// How far versions reach.
struct Settled {
    /// The least horizon.
    from: Epoch,
    /// When the newest version was built; `None` if a view has none.
    newest_version_ms: Option<i64>,
}
