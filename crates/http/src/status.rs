//! Status: how far each layer has come, for humans and for scripts that wait.
//!
//! ```text
//! stream ── archived ──> master data set ── sealed ──> horizon of each view's batch version
//!        └─ absorbed ──> speed rows
//! ```

use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::seal::sealed;
use anabranch_core::port::{
    Control, Error, MasterDataSet, Result, ShardInfo, ShardKind, ViewStore,
};
use anabranch_core::project::Project;
use anabranch_core::query::time_of_millis;
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::view::{Fingerprint, View};
use serde::Serialize;

/// The state of a deployment. Its parts are read one after the other while work goes on, so later
/// ones may be ahead of earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The length of epochs.
    pub epoch_length_ms: u64,
    /// Every epoch below is complete in the master data set: what the next batch build can cover.
    pub sealed: Epoch,
    /// When the epoch `sealed` starts.
    pub sealed_time: String,
    /// The shards, by name.
    pub shards: Vec<ShardStatus>,
    /// The views, in the project's order; then the superseded definitions that serve on.
    pub views: Vec<ViewStatus>,
}

/// One shard of the stream, or one import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardStatus {
    /// Its name.
    pub shard: ShardId,
    /// Where its records come from.
    pub kind: ShardKind,
    /// The last record it will ever have, once it is closed.
    pub closed: Option<SequenceNumber>,
    /// The last record taken into the stream, if whoever runs the server knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<SequenceNumber>,
    /// The last record in the master data set.
    pub archived: Option<SequenceNumber>,
    /// That record's epoch.
    pub archived_epoch: Option<Epoch>,
    /// The last record in the speed rows; imports have none.
    pub absorbed: Option<SequenceNumber>,
    /// That record's epoch.
    pub absorbed_epoch: Option<Epoch>,
    /// The latest arrival in the speed rows.
    pub newest_arrival_time: Option<String>,
}

/// One view's current batch version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViewStatus {
    /// The view's name.
    pub view: String,
    /// Its definition's hash.
    pub fingerprint: Fingerprint,
    /// The version; 0 if there is none yet.
    pub version: u64,
    /// It covers every record of every epoch below.
    pub horizon: Epoch,
    /// When the epoch `horizon` starts.
    pub horizon_time: String,
    /// The definition that will take over once it is complete; of a superseded definition. One
    /// whose view is no longer the project's serves nobody, and goes when the others are complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<Fingerprint>,
}

/// A part of a deployment that does not get on. It tries again by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// Which, such as `archive shard-0001` or `batch departures`.
    pub part: String,
    /// Since when.
    pub since: String,
    /// How often it has tried since.
    pub attempts: u64,
    /// What the last try ended with; it names the object.
    pub error: String,
}

impl Status {
    /// Reads the state of a deployment from its stores.
    ///
    /// # Errors
    /// Those of the ports.
    pub async fn read(
        project: &Project,
        length: EpochLength,
        master: &impl MasterDataSet,
        control: &impl Control,
        views: &impl ViewStore,
    ) -> Result<Status> {
        let mut shards = Vec::new();
        for info in control.shards().await? {
            shards.push(shard(info, master, control).await?);
        }
        let mut versions = Vec::new();
        for view in project.views.iter().chain(project.superseded_views()) {
            let mut status = match version(view, length, views).await {
                // A superseded definition that cannot be read is about to be given up.
                Err(Error::Corrupt { .. })
                    if project.by_fingerprint(view.fingerprint).is_none() =>
                {
                    continue;
                }
                status => status?,
            };
            let current = project.view(&view.name).map(|current| current.fingerprint);
            status.superseded_by = current.filter(|&current| current != view.fingerprint);
            versions.push(status);
        }
        let sealed = sealed(master, control).await?;
        Ok(Status {
            epoch_length_ms: length.as_millis(),
            sealed,
            sealed_time: time_of_millis(length.start_ms(sealed)),
            shards,
            views: versions,
        })
    }
}

async fn shard(
    info: ShardInfo,
    master: &impl MasterDataSet,
    control: &impl Control,
) -> Result<ShardStatus> {
    let tail = master.tail(&info.shard).await?;
    let checkpoint = control.checkpoint(&info.shard).await?;
    let checkpoint = checkpoint.as_ref();
    Ok(ShardStatus {
        shard: info.shard,
        kind: info.kind,
        closed: info.closed,
        taken: None,
        archived: tail.as_ref().map(|tail| tail.last),
        archived_epoch: tail.as_ref().map(|tail| tail.epoch),
        absorbed: checkpoint.map(|checkpoint| checkpoint.sequence),
        absorbed_epoch: checkpoint.map(|checkpoint| checkpoint.epoch),
        newest_arrival_time: checkpoint.map(|c| time_of_millis(c.newest_arrival_ms)),
    })
}

async fn version(view: &View, length: EpochLength, views: &impl ViewStore) -> Result<ViewStatus> {
    let pointer = views.pointer(view.fingerprint).await?;
    let horizon = pointer.as_ref().map_or(Epoch::ZERO, |pointer| pointer.horizon);
    Ok(ViewStatus {
        view: view.name.clone(),
        fingerprint: view.fingerprint,
        version: pointer.map_or(0, |pointer| pointer.version),
        horizon,
        horizon_time: time_of_millis(length.start_ms(horizon)),
        superseded_by: None,
    })
}
