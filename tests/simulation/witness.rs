//! The witness: what a reader saw on its way to an answer.
//!
//! Rows may be ahead of the checkpoint, and a reader that pauses sees the stores at several moments.
//! The witness stands between the shipping reader and the stores and notes which checkpoints and
//! which rows the last attempt at each view read, so that the set of records an answer has to cover
//! is known exactly, and not within bounds.

use crate::design::Design;
use anabranch_core::definitions::Definitions;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    self, Checkpoint, Control, Manifest, PartId, PartInfo, Pointer, PutRow, Result, RowOutcome,
    Rows, Selection, ShardInfo, SpeedRow, SpeedStore, ViewStore, VisitPart, VisitRows,
};
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::view::{Fingerprint, View};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the last attempt at a view read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) pointer: Option<Pointer>,
    /// Up to where each shard had been absorbed.
    pub(crate) checkpoints: BTreeMap<ShardId, u64>,
    /// The speed rows, and up to where each had been applied.
    pub(crate) rows: Vec<SeenRow>,
}

/// A speed row that was read.
#[derive(Debug, Clone)]
pub(crate) struct SeenRow {
    pub(crate) key: Vec<u8>,
    pub(crate) epoch: Epoch,
    pub(crate) shard: ShardId,
    pub(crate) applied: u64,
}

impl Seen {
    pub(crate) fn horizon(&self) -> Epoch {
        self.pointer.as_ref().map_or(Epoch::ZERO, |pointer| pointer.horizon)
    }
}

#[derive(Default)]
struct Notes {
    /// The view whose checkpoints are being read before its rows.
    current: Option<Fingerprint>,
    views: BTreeMap<Fingerprint, Seen>,
}

/// Pointers that a reader keeps, in the design that keeps them.
pub(crate) type Kept = Arc<Mutex<BTreeMap<Fingerprint, Option<Pointer>>>>;

/// Stores, as a reader sees them.
pub(crate) struct Witness<'s, V, S, C> {
    views: &'s V,
    speed: &'s S,
    control: &'s C,
    design: Design,
    kept: Kept,
    notes: Mutex<Notes>,
}

impl<'s, V, S, C> Witness<'s, V, S, C> {
    pub(crate) fn new(
        views: &'s V,
        speed: &'s S,
        control: &'s C,
        design: Design,
        kept: Kept,
    ) -> Self {
        Witness { views, speed, control, design, kept, notes: Mutex::default() }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was read of a view.
    pub(crate) fn seen(&self, view: Fingerprint) -> Seen {
        self.notes().views.get(&view).cloned().unwrap_or_default()
    }
}

impl<V: ViewStore, S: Sync, C: Sync> ViewStore for Witness<'_, V, S, C> {
    async fn pointer(&self, fingerprint: Fingerprint) -> Result<Option<Pointer>> {
        let mut pointer = self.views.pointer(fingerprint).await?;
        if self.design == Design::CachedPointer {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            pointer = kept.entry(fingerprint).or_insert(pointer).clone();
        }
        let mut notes = self.notes();
        notes.current = Some(fingerprint);
        let seen = Seen { pointer: pointer.clone(), ..Seen::default() };
        notes.views.insert(fingerprint, seen);
        Ok(pointer)
    }

    async fn manifest(&self, fingerprint: Fingerprint, pointer: &Pointer) -> Result<Arc<Manifest>> {
        self.views.manifest(fingerprint, pointer).await
    }

    async fn read_part(
        &self,
        view: &View,
        part: &PartInfo,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> Result<()> {
        self.views.read_part(view, part, selection, visit).await
    }

    async fn write_part(
        &self,
        _: &View,
        _: u64,
        _: &str,
        _: PartId,
        _: &Rows<'_>,
    ) -> Result<PartInfo> {
        unreachable!("a reader writes nothing")
    }

    async fn write_manifest(&self, _: &Manifest) -> Result<()> {
        unreachable!("a reader writes nothing")
    }

    async fn publish(&self, _: Fingerprint, _: Option<u64>, _: &Pointer) -> Result<bool> {
        unreachable!("a reader writes nothing")
    }

    async fn retire(&self, _: Fingerprint, _: u64) -> Result<u64> {
        unreachable!("a reader writes nothing")
    }

    async fn remove(&self, _: Fingerprint) -> Result<()> {
        unreachable!("a reader writes nothing")
    }
}

impl<V: ViewStore, S: SpeedStore, C: Sync> SpeedStore for Witness<'_, V, S, C> {
    async fn scan(
        &self,
        fingerprint: Fingerprint,
        prefix: &[u8],
        from: Epoch,
        visit: VisitRows<'_>,
    ) -> Result<Epoch> {
        let from = match self.design {
            Design::InclusiveHorizon => Epoch(from.0.saturating_sub(1)),
            Design::CachedPointer => {
                let fresh = self.views.pointer(fingerprint).await?;
                fresh.map_or(Epoch::ZERO, |pointer| pointer.horizon)
            }
            _ => from,
        };
        self.notes().current = None;
        let mut rows = Vec::new();
        let mut see = |key: &[u8], epoch, shard: &ShardId, row: &SpeedRow| {
            let applied = row.applied.to_u64().unwrap_or(u64::MAX);
            rows.push(SeenRow { key: key.to_vec(), epoch, shard: shard.clone(), applied });
            visit(key, epoch, shard, row)
        };
        let floor = self.speed.scan(fingerprint, prefix, from, &mut see).await?;
        self.notes().views.entry(fingerprint).or_default().rows = rows;
        let has_floor = self.design != Design::ExpiryBeforePublication;
        Ok(if has_floor { floor } else { Epoch::ZERO })
    }

    async fn put_rows(&self, _: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        unreachable!("a reader writes nothing")
    }

    async fn expire(&self, _: Fingerprint, _: Epoch) -> Result<u64> {
        unreachable!("a reader writes nothing")
    }

    async fn forget(&self, _: Fingerprint) -> Result<()> {
        unreachable!("a reader writes nothing")
    }
}

impl<V: Sync, S: Sync, C: Control> port::Control for Witness<'_, V, S, C> {
    async fn checkpoint(&self, shard: &ShardId) -> Result<Option<Checkpoint>> {
        let checkpoint = self.control.checkpoint(shard).await?;
        let mut notes = self.notes();
        if let (Some(checkpoint), Some(view)) = (&checkpoint, notes.current) {
            let sequence = checkpoint.sequence.to_u64().unwrap_or(u64::MAX);
            let seen = notes.views.entry(view).or_default();
            seen.checkpoints.insert(shard.clone(), sequence);
        }
        Ok(checkpoint)
    }

    async fn shards(&self) -> Result<Vec<ShardInfo>> {
        self.control.shards().await
    }

    async fn put_checkpoint(
        &self,
        _: &ShardId,
        _: Option<SequenceNumber>,
        _: &Checkpoint,
    ) -> Result<bool> {
        unreachable!("a reader writes nothing")
    }

    async fn put_shard(&self, _: Option<&ShardInfo>, _: &ShardInfo) -> Result<bool> {
        unreachable!("a reader writes nothing")
    }

    async fn definitions(&self) -> Result<Option<Definitions>> {
        self.control.definitions().await
    }

    async fn put_definitions(&self, _: Option<u64>, _: &Definitions) -> Result<bool> {
        unreachable!("a reader writes nothing")
    }
}
