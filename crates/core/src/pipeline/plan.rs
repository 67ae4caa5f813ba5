//! Plan: what the batch layer still has to cover, and what has to happen in the stream before it can.
//!
//! ```text
//! newest uncovered epoch ─> sealed past it? ── yes ─> build
//!                                └─ no ─> heartbeats along the shards that are behind
//! ```
//!
//! Every step looks at the stores and keeps nothing, so that a planner may die anywhere, run twice,
//! or run late. Only while there is something to cover does it ask for heartbeats: an idle system
//! writes nothing.
//!
//! A shard is registered before its first record is taken. A child of a split or a merge begins in
//! the last epoch of its parents, which is a function of the stream, so that two planners register
//! the same; and a parent counts as closed only once its children are registered, so that no horizon
//! passes an epoch that a child's first record may still fall into.

use crate::epoch::Epoch;
use crate::pipeline::absorb::{self, NOT_KNOWN};
use crate::port::{Control, Error, MasterDataSet, Result, ShardInfo, ShardKind, ViewStore};
use crate::project::Project;
use crate::record::{SequenceNumber, ShardId};
use crate::view::View;
use std::collections::HashSet;

/// The newest epoch that some view's next batch version has to cover, if there is one: because it
/// holds an archived event that the current version does not have, or because the speed layer has
/// not seen all of it for a view that is new.
///
/// # Errors
/// Those of the ports.
pub async fn newest_uncovered(
    project: &Project,
    master: &impl MasterDataSet,
    control: &impl Control,
    views: &impl ViewStore,
) -> Result<Option<Epoch>> {
    let horizon = least_horizon(project, views).await?;
    let registered = control.shards().await?;
    let names: HashSet<&ShardId> = registered.iter().map(|info| &info.shard).collect();
    let objects = master.objects(horizon..Epoch(u64::MAX)).await?;
    let events = objects
        .iter()
        .filter(|object| object.records > object.heartbeats && names.contains(&object.shard));
    let mut newest = events.map(|object| object.epoch).max();
    // What was missed of a shard stays missed when it is closed.
    for info in registered.iter().filter(|info| info.kind == ShardKind::Stream) {
        newest = newest.max(unseen(project, control, views, &info.shard).await?);
    }
    Ok(newest)
}

/// The epoch that every horizon has to pass before answers can be complete as far as a shard goes:
/// the last absorbed, if some view was not absorbed up to there, or the last of which rows are not
/// trusted.
///
/// # Errors
/// Those of the ports.
pub async fn unseen(
    project: &Project,
    control: &impl Control,
    views: &impl ViewStore,
    shard: &ShardId,
) -> Result<Option<Epoch>> {
    let Some(checkpoint) = control.checkpoint(shard).await? else { return Ok(None) };
    for view in &project.views {
        if !checkpoint.covers(view.fingerprint, horizon(views, view).await?) {
            // Rows may have been there before the checkpoint was, of later epochs.
            let noted = checkpoint.covered.values().filter(|&&covered| covered != NOT_KNOWN).max();
            let noted = noted.max(Some(&checkpoint.distrusted));
            let missed = noted.map_or(Epoch::ZERO, |covered| Epoch(covered.0.saturating_sub(1)));
            return Ok(Some(checkpoint.epoch.max(missed)));
        }
    }
    Ok(None)
}

/// An epoch that no batch version's horizon lies above: records of this epoch and later ones are in
/// no version yet.
///
/// # Errors
/// Those of the ports.
pub async fn newest_epoch(
    project: &Project,
    master: &impl MasterDataSet,
    control: &impl Control,
    views: &impl ViewStore,
) -> Result<Epoch> {
    let mut newest = Epoch::ZERO;
    for info in control.shards().await? {
        let tail = master.tail(&info.shard).await?;
        let reached = tail.map_or(info.base_epoch, |tail| tail.epoch);
        // A closed shard is sealed up to and including its last epoch.
        let reached = if info.closed.is_some() { reached.next() } else { reached };
        let checkpoint = control.checkpoint(&info.shard).await?;
        let absorbed = checkpoint.map_or(Epoch::ZERO, |checkpoint| checkpoint.epoch);
        newest = newest.max(reached).max(absorbed);
    }
    for view in project.live() {
        let horizon = match horizon(views, view).await {
            // A superseded definition that cannot be read is about to be given up.
            Err(Error::Corrupt { .. }) if project.by_fingerprint(view.fingerprint).is_none() => {
                continue;
            }
            horizon => horizon?,
        };
        newest = newest.max(horizon);
    }
    Ok(newest)
}

/// The open shards whose chain has not passed `epoch`, and where each chain ends: behind it a
/// record of a later epoch has to come, a heartbeat where no event does.
///
/// # Errors
/// Those of the ports.
pub async fn behind(
    master: &impl MasterDataSet,
    control: &impl Control,
    epoch: Epoch,
) -> Result<Vec<(ShardId, SequenceNumber)>> {
    let mut behind = Vec::new();
    for info in control.shards().await?.into_iter().filter(is_open) {
        let tail = master.tail(&info.shard).await?;
        if tail.as_ref().is_none_or(|tail| tail.epoch <= epoch) {
            let last = tail.map(|tail| tail.last).unwrap_or_default();
            behind.push((info.shard, last));
        }
    }
    Ok(behind)
}

/// A shard as the stream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamShard {
    /// Its name.
    pub shard: ShardId,
    /// The shards it was split or merged from.
    pub parents: Vec<ShardId>,
    /// If the stream has closed it: its last record, zero if it has none.
    pub closed: Option<SequenceNumber>,
}

/// Registers the shards that the stream has opened, and closes those that it has closed and that
/// are archived to their end.
///
/// A shard without a known parent begins at the newest epoch there is.
///
/// # Errors
/// Those of the ports.
pub async fn reshard(
    project: &Project,
    master: &impl MasterDataSet,
    control: &impl Control,
    views: &impl ViewStore,
    stream: &[StreamShard],
) -> Result<()> {
    let mut registered = control.shards().await?;
    for listed in stream {
        if registered.iter().any(|info| info.shard == listed.shard) {
            continue;
        }
        let known = |parent: &&ShardId| stream.iter().any(|shard| shard.shard == **parent);
        let parents: Vec<&ShardId> = listed.parents.iter().filter(known).collect();
        let base_epoch = match &*parents {
            [] => Some(newest_epoch(project, master, control, views).await?),
            parents => last_epoch(master, &registered, stream, parents).await?,
        };
        if let Some(base_epoch) = base_epoch {
            let (shard, kind) = (listed.shard.clone(), ShardKind::Stream);
            let info = ShardInfo { shard, kind, base_epoch, closed: None };
            // Where another planner was first, what it decided holds; the next run sees it.
            if control.put_shard(None, &info).await? {
                registered.push(info);
            }
        }
    }
    for listed in stream.iter().filter(|listed| listed.closed.is_some()) {
        let is_registered = |shard: &ShardId| registered.iter().any(|info| info.shard == *shard);
        let mut children = stream.iter().filter(|child| child.parents.contains(&listed.shard));
        let Some(info) = registered.iter().find(|info| info.shard == listed.shard) else {
            continue;
        };
        let waits = children.any(|child| !is_registered(&child.shard));
        if waits || !has_all(master, listed).await? {
            continue;
        }
        // Also of a shard that is closed already: an invocation may have ended since.
        absorb::settle(project, master, control, &info.shard).await?;
        if info.closed.is_none() {
            let closed = ShardInfo { closed: listed.closed, ..info.clone() };
            control.put_shard(Some(info), &closed).await?;
        }
    }
    Ok(())
}

/// The epoch of the last record of `parents`; `None` where one is not archived to its end yet.
async fn last_epoch(
    master: &impl MasterDataSet,
    registered: &[ShardInfo],
    stream: &[StreamShard],
    parents: &[&ShardId],
) -> Result<Option<Epoch>> {
    let mut last = Epoch::ZERO;
    for &parent in parents {
        let info = registered.iter().find(|info| info.shard == *parent);
        let listed = stream.iter().find(|listed| listed.shard == *parent);
        let (Some(info), Some(listed)) = (info, listed) else { return Ok(None) };
        if !has_all(master, listed).await? {
            return Ok(None);
        }
        let tail = master.tail(parent).await?;
        last = last.max(tail.map_or(info.base_epoch, |tail| tail.epoch));
    }
    Ok(Some(last))
}

/// Whether the stream has closed a shard and the master data set has all of it.
async fn has_all(master: &impl MasterDataSet, listed: &StreamShard) -> Result<bool> {
    let Some(closed) = listed.closed else { return Ok(false) };
    let tail = master.tail(&listed.shard).await?;
    Ok(tail.map(|tail| tail.last).unwrap_or_default() >= closed)
}

fn is_open(info: &ShardInfo) -> bool {
    info.kind == ShardKind::Stream && info.closed.is_none()
}

/// A view's horizon; zero if it has no version.
async fn horizon(views: &impl ViewStore, view: &View) -> Result<Epoch> {
    let pointer = views.pointer(view.fingerprint).await?;
    Ok(pointer.map_or(Epoch::ZERO, |pointer| pointer.horizon))
}

/// The least horizon of the project's views; zero if one has no version.
async fn least_horizon(project: &Project, views: &impl ViewStore) -> Result<Epoch> {
    let mut least: Option<Epoch> = None;
    for view in &project.views {
        let horizon = horizon(views, view).await?;
        least = Some(least.map_or(horizon, |least| least.min(horizon)));
    }
    Ok(least.unwrap_or_default())
}
