//! Merge: where the batch and the speed branch rejoin. The one place that knows the seam's rule.
//!
//! ```text
//!          epochs   0 1 2 … h-1 | h h+1 …
//! batch view        ############|            rows of the version whose horizon is h (exclusive)
//! speed rows           (expiring)|########   rows of epochs >= h, of every shard
//! ```
//!
//! Any published pointer gives an exact answer as long as its speed rows are there, and the store
//! says up to which epoch they may not be (the floor). A reader that finds the floor above its
//! horizon, or a part gone, holds a pointer that is two versions old, and reads it again.

use crate::epoch::Epoch;
use crate::key;
use crate::port::{
    Control, Error, PartInfo, Pointer, Result, Rows, Selection, ShardKind, SpeedStore, ViewStore,
};
use crate::query::plan::Plan;
use crate::record::{SequenceNumber, ShardId};
use crate::table::Table;
use crate::view::{Fingerprint, View};
use serde::Serialize;
use std::sync::Arc;

/// How often a pointer is read again before the answer is called incomplete.
const ATTEMPTS: usize = 5;

/// What an answer covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The view's name.
    pub view: String,
    /// Its definition's hash.
    pub fingerprint: Fingerprint,
    /// The batch version in it; 0 if there is none yet.
    pub version: u64,
    /// The batch version covers every record of every epoch below; the speed rows the others.
    pub horizon: Epoch,
    /// The horizon as a time, in milliseconds since the Unix epoch.
    pub horizon_ms: i64,
    /// The greatest arrival time absorbed by the speed layer, in milliseconds since the Unix epoch.
    pub newest_arrival_ms: Option<i64>,
    /// Records accepted by the schema so far.
    pub accepted: u64,
    /// Records rejected by the schema so far: archived, but in no view.
    pub rejected: u64,
    /// Whether every record up to where the speed layer has come is in the answer.
    pub complete: bool,
    /// Why not, if not.
    pub incomplete_because: Option<String>,
    /// The definition that will take over once it is complete, where the answer comes from the one
    /// that it supersedes.
    pub superseded_by: Option<Fingerprint>,
}

/// Merged rows, and what they cover.
pub(crate) struct Merged {
    pub(crate) table: Table,
    pub(crate) pointer: Option<Pointer>,
    pub(crate) newest_arrival_ms: Option<i64>,
    pub(crate) incomplete_because: Option<String>,
}

impl Merged {
    pub(crate) fn horizon(&self) -> Epoch {
        self.pointer.as_ref().map_or(Epoch::ZERO, |pointer| pointer.horizon)
    }
}

/// Merges the batch rows and the speed rows that `plan` asks for.
pub(crate) async fn merge(
    views: &impl ViewStore,
    speed: &impl SpeedStore,
    control: &impl Control,
    view: &Arc<View>,
    plan: &Plan,
) -> Result<Merged> {
    let mut attempt = 1;
    loop {
        match try_merge(views, speed, control, view, plan).await {
            Ok((merged, floor)) => {
                let stale = floor > merged.horizon();
                if !stale || attempt == ATTEMPTS {
                    return Ok(if stale { expired(merged, floor) } else { merged });
                }
            }
            Err(Error::NotFound { .. }) if attempt < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
        attempt += 1;
    }
}

fn expired(merged: Merged, floor: Epoch) -> Merged {
    let because = format!(
        "speed rows of epochs below {floor} have expired, but the batch view's horizon is {}: run a batch build",
        merged.horizon()
    );
    Merged { incomplete_because: Some(because), ..merged }
}

/// One attempt with one pointer; also the floor as of the end of the scan.
async fn try_merge(
    views: &impl ViewStore,
    speed: &impl SpeedStore,
    control: &impl Control,
    view: &Arc<View>,
    plan: &Plan,
) -> Result<(Merged, Epoch)> {
    let pointer = views.pointer(view.fingerprint).await?;
    let horizon = pointer.as_ref().map_or(Epoch::ZERO, |pointer| pointer.horizon);
    // How far the checkpoints have come is read before the rows: the rows hold that or more.
    let (newest_arrival_ms, mut shards) = newest_arrival(control).await?;
    let mut table = Table::new(&plan.shape);
    let mut out = Vec::new();
    let floor = speed
        .scan(view.fingerprint, &plan.prefix, horizon, &mut |key, _, shard, row| {
            let corrupt = |error: &dyn std::fmt::Display| {
                Error::corrupt(format!("speed row of {}, shard {shard}", view.name), error)
            };
            if !shards.contains(shard) {
                shards.push(shard.clone());
            }
            if plan.place(key, &mut out).map_err(|error| corrupt(&error))? {
                table.merge(&out, &row.state).map_err(|error| corrupt(&error))?;
            }
            Ok(())
        })
        .await?;
    // What is missing is read behind the rows: a checkpoint jumps over a gap before a row is put
    // behind it, so that whoever has seen the row sees the jump.
    let incomplete_because = gap(control, view.fingerprint, horizon, &shards).await?;
    if let Some(pointer) = &pointer {
        let manifest = views.manifest(view.fingerprint, pointer).await?;
        for (selection, part) in plan.parts(&manifest) {
            read_part(views, view, plan, part, &selection, &mut table).await?;
        }
    }
    Ok((Merged { table, pointer, newest_arrival_ms, incomplete_because }, floor))
}

async fn read_part(
    views: &impl ViewStore,
    view: &Arc<View>,
    plan: &Plan,
    part: &PartInfo,
    selection: &Selection,
    table: &mut Table,
) -> Result<()> {
    let (mut key, mut out) = (Vec::new(), Vec::new());
    views
        .read_part(view, part, selection, &mut |rows: &Rows<'_>| {
            let mut groups = Vec::with_capacity(rows.len());
            let mut wanted = Vec::with_capacity(rows.len());
            for row in 0..rows.len() {
                let bucket = rows.buckets.as_ref().map(|buckets| buckets[row]);
                if bucket.is_some_and(|bucket| !selection.buckets.contains(&bucket)) {
                    continue;
                }
                key.clear();
                rows.keys.iter().for_each(|column| key::push(&mut key, column, row));
                if let Some(bucket) = bucket {
                    key::push_bucket(&mut key, bucket);
                }
                if plan.place(&key, &mut out).map_err(|e| Error::corrupt(&part.path, e))? {
                    groups.push(table.group(&out));
                    wanted.push(row);
                }
            }
            let states: Vec<_> = rows.states.iter().map(|column| column.take(&wanted)).collect();
            table.load(&groups, &states).map_err(|error| Error::corrupt(&part.path, error))
        })
        .await
}

/// Whether the current version of a view (or none, with nothing in it) and the speed rows from its
/// horizon on are the whole of what was absorbed; and that version, if there is one.
pub(crate) async fn covered(
    views: &impl ViewStore,
    control: &impl Control,
    view: Fingerprint,
) -> Result<(bool, Option<Pointer>)> {
    let pointer = views.pointer(view).await?;
    let horizon = pointer.as_ref().map_or(Epoch::ZERO, |pointer| pointer.horizon);
    let incomplete_because = gap(control, view, horizon, &[]).await?;
    Ok((incomplete_because.is_none(), pointer))
}

/// How far the version of a definition reaches that another may take the place of; zero if it has none.
/// What cannot be read is no competitor.
pub(crate) async fn reach(views: &impl ViewStore, view: Fingerprint) -> Result<Epoch> {
    match views.pointer(view).await {
        Err(Error::Corrupt { .. } | Error::NotFound { .. }) => Ok(Epoch::ZERO),
        pointer => Ok(pointer?.map_or(Epoch::ZERO, |pointer| pointer.horizon)),
    }
}

/// The newest arrival absorbed, and the shards that have a checkpoint.
async fn newest_arrival(control: &impl Control) -> Result<(Option<i64>, Vec<ShardId>)> {
    let mut newest = None;
    let mut shards = Vec::new();
    for info in control.shards().await?.iter().filter(|info| info.kind == ShardKind::Stream) {
        let Some(checkpoint) = control.checkpoint(&info.shard).await? else { continue };
        // A checkpoint that has only jumped over a gap has absorbed nothing.
        let absorbed = Some(checkpoint.newest_arrival_ms).filter(|&ms| ms > i64::MIN);
        newest = newest.max(absorbed);
        shards.push(info.shard.clone());
    }
    Ok((newest, shards))
}

/// Why a version of horizon `horizon` with the speed rows from there on would not be the whole, if it
/// would not. Of `shards` a row or a checkpoint has been seen.
async fn gap(
    control: &impl Control,
    view: Fingerprint,
    horizon: Epoch,
    shards: &[ShardId],
) -> Result<Option<String>> {
    for info in control.shards().await? {
        let shard = &info.shard;
        match info.kind {
            ShardKind::Import => {
                let empty = info.closed == Some(SequenceNumber::ZERO);
                if !empty && horizon <= info.base_epoch {
                    return Ok(Some(format!("import {shard} is not in a batch version yet")));
                }
            }
            ShardKind::Stream => {
                // There is a checkpoint before there are rows: without it they may lack anything.
                let checkpoint = control.checkpoint(shard).await?;
                let covers = match checkpoint {
                    Some(checkpoint) => checkpoint.covers(view, horizon),
                    None => !shards.contains(shard),
                };
                if !covers {
                    return Ok(Some(format!(
                        "the speed layer has not seen every record of shard {shard} for this definition of the view; complete once a batch version covers them"
                    )));
                }
            }
        }
    }
    Ok(None)
}
