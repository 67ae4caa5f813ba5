//! A snapshot: what an audit compares, read in the order that keeps live data from telling lies.
//!
//! ```text
//! checkpoints ─> pointers ─> speed rows ─> objects ─> registry
//! ```
//!
//! Each is at least as new as the one before it: the rows hold all that the checkpoints say, and the
//! objects all that the pointers cover. What is newer than that is told by the row itself (the last
//! record applied to it) or left for the next audit.

use super::ledger::{self, Link};
use super::report::{Check, Difference, Findings};
use super::{Scope, Stores};
use crate::epoch::Epoch;
use crate::port::{
    Checkpoint, Control, Error, MasterDataSet, ObjectInfo, Result, ShardInfo, ShardKind,
    SpeedStore, ViewStore,
};
use crate::record::{SequenceNumber, ShardId};
use std::collections::{BTreeMap, BTreeSet};

/// How often the objects are listed before a gap in a chain is believed: a listing that takes a
/// while may have passed over an object and not over the one behind it.
const LISTINGS: usize = 3;

/// Everything up to which the layers had come.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) registered: BTreeMap<ShardId, ShardInfo>,
    pub(super) checkpoints: BTreeMap<ShardId, Checkpoint>,
    /// The horizon of each view of the project; zero where it has no version.
    pub(super) horizons: Vec<Epoch>,
    /// The floor of each view's speed rows; `None` where they are not to be compared.
    pub(super) floors: Vec<Option<Epoch>>,
    pub(super) rows: BTreeMap<(ShardId, Epoch), Vec<StoredRow>>,
    /// The objects of the registered shards, ordered by (shard, epoch, first).
    pub(super) links: Vec<Link>,
    /// How many objects could not even be described.
    pub(super) unreadable: u64,
}

/// A speed row as it is stored.
#[derive(Debug, Clone)]
pub(super) struct StoredRow {
    /// Index of its view.
    pub(super) view: usize,
    pub(super) key: Vec<u8>,
    pub(super) applied: SequenceNumber,
    pub(super) state: Vec<u8>,
}

impl Snapshot {
    /// Reads one. What is wrong with the ledger goes to `findings`, which also take what cannot be
    /// read of one item; what is only noteworthy goes to `notes`.
    pub(super) async fn read<M, S, C, V>(
        stores: &Stores<'_, M, S, C, V>,
        scope: &Scope<'_>,
        findings: &mut Findings,
        notes: &mut Vec<String>,
    ) -> Result<Self>
    where
        M: MasterDataSet,
        S: SpeedStore,
        C: Control,
        V: ViewStore,
    {
        let mut snapshot = Snapshot::default();
        if !scope.options.ledger_only {
            snapshot.read_checkpoints(stores.control, findings).await?;
        }
        snapshot.read_horizons(stores.views, scope, findings).await?;
        snapshot.floors = vec![None; scope.views.len()];
        if !scope.options.ledger_only {
            for view in 0..scope.views.len() {
                if scope.wants(view) {
                    snapshot.read_rows(stores.speed, scope, view, findings).await?;
                }
            }
        }
        let strangers = snapshot.read_objects(stores, findings).await?;
        snapshot.check_registry(&strangers, findings, notes);
        Ok(snapshot)
    }

    async fn read_checkpoints(
        &mut self,
        control: &impl Control,
        findings: &mut Findings,
    ) -> Result<()> {
        for info in control.shards().await? {
            match control.checkpoint(&info.shard).await {
                Ok(Some(checkpoint)) => drop(self.checkpoints.insert(info.shard, checkpoint)),
                Ok(None) => {}
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    let what = format!("the checkpoint cannot be read: {error}");
                    findings.add(Difference::new(Check::Speed, what).shard(&info.shard));
                }
            }
        }
        Ok(())
    }

    /// A pointer that cannot be read is named where its version is compared.
    async fn read_horizons(
        &mut self,
        views: &impl ViewStore,
        scope: &Scope<'_>,
        findings: &mut Findings,
    ) -> Result<()> {
        for view in &scope.views {
            let horizon = match views.pointer(view.fingerprint).await {
                Ok(pointer) => pointer.map_or(Epoch::ZERO, |pointer| pointer.horizon),
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    let what = format!("the pointer cannot be read: {error}");
                    findings.add(Difference::new(Check::Versions, what).view(view));
                    Epoch::ZERO
                }
            };
            self.horizons.push(horizon);
        }
        Ok(())
    }

    async fn read_rows(
        &mut self,
        speed: &impl SpeedStore,
        scope: &Scope<'_>,
        at: usize,
        findings: &mut Findings,
    ) -> Result<()> {
        let view = &scope.views[at];
        let rows = &mut self.rows;
        let scanned = speed
            .scan(view.fingerprint, &[], Epoch::ZERO, &mut |key, epoch, shard, row| {
                rows.entry((shard.clone(), epoch)).or_default().push(StoredRow {
                    view: at,
                    key: key.to_vec(),
                    applied: row.applied,
                    state: row.state.clone(),
                });
                Ok(())
            })
            .await;
        match scanned {
            Ok(floor) => self.floors[at] = Some(floor),
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                let what = format!("the speed rows cannot be read: {error}");
                findings.add(Difference::new(Check::Speed, what).view(view));
            }
        }
        Ok(())
    }

    /// Lists the objects, and then the shards: one that a version covers is registered by then.
    /// Returns the objects of shards that are not.
    async fn read_objects<M, S, C, V>(
        &mut self,
        stores: &Stores<'_, M, S, C, V>,
        findings: &mut Findings,
    ) -> Result<Vec<ObjectInfo>>
    where
        M: MasterDataSet,
        C: Control,
    {
        let mut listing = 1;
        loop {
            let mut found = findings.fresh();
            let mut objects = Vec::new();
            self.unreadable = 0;
            for info in stores.master.survey(Epoch::ZERO..Epoch(u64::MAX)).await? {
                match info {
                    Ok(info) => objects.push(info),
                    Err(error @ Error::Unavailable { .. }) => return Err(error),
                    Err(error) => {
                        self.unreadable += 1;
                        let what = format!("an object cannot be read: {error}");
                        found.add(Difference::new(Check::Ledger, what));
                    }
                }
            }
            let shards = stores.control.shards().await?;
            self.registered = shards.into_iter().map(|info| (info.shard.clone(), info)).collect();
            let (ours, strangers): (Vec<_>, Vec<_>) =
                objects.into_iter().partition(|info| self.registered.contains_key(&info.shard));
            self.links = ledger::follow(ours, &self.registered, &mut found);
            if found.is_empty() || listing == LISTINGS {
                findings.extend(found);
                return Ok(strangers);
            }
            listing += 1;
        }
    }

    /// Objects of shards that are not registered count nowhere: an import that died leaves some.
    /// A shard that the speed layer knows has had acknowledged records, and must be registered.
    fn check_registry(
        &self,
        strangers: &[ObjectInfo],
        findings: &mut Findings,
        notes: &mut Vec<String>,
    ) {
        let of_rows = self.rows.keys().map(|(shard, _)| shard);
        let known: BTreeSet<&ShardId> = self.checkpoints.keys().chain(of_rows).collect();
        for shard in known.iter().filter(|shard| !self.registered.contains_key(**shard)) {
            let what = "the speed layer has records of this shard, which is not registered";
            findings.add(Difference::new(Check::Ledger, what).shard(shard));
        }
        for (shard, epoch) in self.rows.keys() {
            let info = self.registered.get(shard);
            if info.is_some_and(|info| info.kind == ShardKind::Import) {
                let what = "the speed layer has rows of an import, which it never sees";
                findings.add(Difference::new(Check::Speed, what).place(shard, *epoch));
            }
        }
        let mut left: BTreeMap<&ShardId, (u64, u64)> = BTreeMap::new();
        for info in strangers {
            let (objects, records) = left.entry(&info.shard).or_default();
            *objects += 1;
            *records += info.records;
        }
        for (shard, (objects, records)) in left {
            notes.push(format!(
                "shard {shard} is not registered: its {objects} objects with {records} records \
                 count nowhere, as those of an import that did not end"
            ));
        }
    }

    /// The last object of a shard's chain.
    pub(super) fn tail(&self, shard: &ShardId) -> Option<&ObjectInfo> {
        let behind = self.links.partition_point(|link| link.info.shard <= *shard);
        let last = self.links[..behind].last()?;
        (last.info.shard == *shard).then_some(&last.info)
    }

    /// How many records, heartbeats not counted, are archived below a horizon.
    pub(super) fn records_below(&self, horizon: Epoch) -> u64 {
        let infos = self.links.iter().map(|link| &link.info);
        let below = infos.filter(|info| info.epoch < horizon);
        below.map(|info| info.records.saturating_sub(info.heartbeats)).sum()
    }

    /// The greatest horizon of any view: every record of every epoch below has been archived.
    pub(super) fn horizon(&self) -> Epoch {
        self.horizons.iter().copied().max().unwrap_or_default()
    }
}
