//! The gate: every call of a store is a point at which the scheduler may let another task go on, and
//! at which the call may fail.
//!
//! A task is a future over the shipping code. Before each call the gate returns `Pending` once, so
//! that a zombie and its retry, two builds, or a reader and an expiry interleave call by call, in
//! whatever order the scheduler chooses; and dropping a future there is an invocation that dies
//! between two of its calls.

use crate::random::Random;
use anabranch_core::definitions::Definitions;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    self, Checkpoint, Fields, Manifest, ObjectInfo, PartId, PartInfo, Pointer, PutObject, PutRow,
    Result, RowOutcome, Rows, Selection, ShardInfo, SpeedRow, VisitPart, VisitRecords, VisitRows,
};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_core::view::{Fingerprint, View};
use anabranch_stores::faulty::{Fault, Faulty, Plan};
use anabranch_stores::memory;
use std::collections::BTreeMap;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// Returns `Pending` once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// What decides whether a call fails, and counts how often.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    random: Option<Random>,
    percent: usize,
    counts: [u64; 3],
}

impl Trouble {
    /// From now on `percent` of a hundred calls fail.
    pub(crate) fn set(&self, percent: usize, random: Random) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.percent, state.random) = (percent, Some(random));
    }

    /// How many calls failed without having done anything, halfway, and after they were done.
    pub(crate) fn counts(&self) -> [u64; 3] {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts
    }
}

impl Plan for Trouble {
    fn fault(&self, _: &'static str, _: u64) -> Fault {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { random: Some(random), percent, counts } = &mut *state else {
            return Fault::None;
        };
        if *percent == 0 || !random.chance(*percent) {
            return Fault::None;
        }
        let which = random.below(3);
        counts[which] += 1;
        [Fault::Before, Fault::Halfway, Fault::After][which]
    }
}

/// A store behind the gate.
#[derive(Debug)]
pub(crate) struct Gate<S> {
    store: Faulty<S, Trouble>,
    /// Which version every manifest that was written replaces.
    written: Mutex<Written>,
}

/// Versions of views by fingerprint and build, and the builds before them.
type Written = BTreeMap<(Fingerprint, String), Option<String>>;

impl<S> Gate<S> {
    fn new(store: S, trouble: &Trouble) -> Self {
        Gate { store: Faulty::new(store, trouble.clone()), written: Mutex::default() }
    }

    /// The store itself: no call of it fails or waits.
    pub(crate) fn inner(&self) -> &S {
        self.store.inner()
    }

    /// The build on which `build` put its version of a view.
    pub(crate) fn build_before(&self, view: Fingerprint, build: &str) -> Option<String> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(&(view, build.to_owned())).cloned().flatten()
    }
}

/// Every store of a world.
pub(crate) struct Stores {
    pub(crate) master: Gate<memory::Master>,
    pub(crate) speed: Gate<memory::Speed>,
    pub(crate) control: Gate<memory::Control>,
    pub(crate) views: Gate<memory::Views>,
}

impl Stores {
    pub(crate) fn new(trouble: &Trouble) -> Self {
        Stores {
            master: Gate::new(memory::Master::default(), trouble),
            speed: Gate::new(memory::Speed::default(), trouble),
            control: Gate::new(memory::Control::default(), trouble),
            views: Gate::new(memory::Views::default(), trouble),
        }
    }
}

impl port::MasterDataSet for Gate<memory::Master> {
    async fn put_if_absent(&self, info: &ObjectInfo, records: &[Record<'_>]) -> Result<PutObject> {
        Yield(false).await;
        self.store.put_if_absent(info, records).await
    }

    async fn objects(&self, epochs: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
        Yield(false).await;
        self.store.objects(epochs).await
    }

    async fn tail(&self, shard: &ShardId) -> Result<Option<ObjectInfo>> {
        Yield(false).await;
        self.store.tail(shard).await
    }

    async fn scan(
        &self,
        object: &ObjectInfo,
        fields: Fields,
        visit: VisitRecords<'_>,
    ) -> Result<()> {
        Yield(false).await;
        self.store.scan(object, fields, visit).await
    }
}

impl port::SpeedStore for Gate<memory::Speed> {
    /// Row by row in two stretches, as a store without transactions does it: another writer may come
    /// in between.
    async fn put_rows(&self, mut puts: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        Yield(false).await;
        let behind = puts.split_off(puts.len() / 2);
        let mut outcomes =
            if puts.is_empty() { Vec::new() } else { self.store.put_rows(puts).await? };
        if !behind.is_empty() {
            Yield(false).await;
            outcomes.extend(self.store.put_rows(behind).await?);
        }
        Ok(outcomes)
    }

    /// Page by page: writes may fall between the pages.
    async fn scan(
        &self,
        fingerprint: Fingerprint,
        prefix: &[u8],
        from: Epoch,
        visit: VisitRows<'_>,
    ) -> Result<Epoch> {
        Yield(false).await;
        let mut first = Vec::new();
        let mut keep = |key: &[u8], epoch, shard: &ShardId, row: &SpeedRow| {
            first.push((key.to_vec(), epoch, shard.clone(), row.clone()));
            Ok(())
        };
        self.store.scan(fingerprint, prefix, from, &mut keep).await?;
        first.truncate(first.len().div_ceil(2));
        for (key, epoch, shard, row) in &first {
            visit(key, *epoch, shard, row)?;
        }
        Yield(false).await;
        let last = first.last().map(|(key, epoch, shard, _)| (key.as_slice(), *epoch, shard));
        let mut rest = |key: &[u8], epoch, shard: &ShardId, row: &SpeedRow| {
            if Some((key, epoch, shard)) > last { visit(key, epoch, shard, row) } else { Ok(()) }
        };
        self.store.scan(fingerprint, prefix, from, &mut rest).await
    }

    async fn expire(&self, fingerprint: Fingerprint, below: Epoch) -> Result<u64> {
        Yield(false).await;
        self.store.expire(fingerprint, below).await
    }

    async fn forget(&self, fingerprint: Fingerprint) -> Result<()> {
        Yield(false).await;
        self.store.forget(fingerprint).await
    }
}

impl port::Control for Gate<memory::Control> {
    async fn checkpoint(&self, shard: &ShardId) -> Result<Option<Checkpoint>> {
        Yield(false).await;
        self.store.checkpoint(shard).await
    }

    async fn put_checkpoint(
        &self,
        shard: &ShardId,
        expected: Option<SequenceNumber>,
        checkpoint: &Checkpoint,
    ) -> Result<bool> {
        Yield(false).await;
        self.store.put_checkpoint(shard, expected, checkpoint).await
    }

    async fn shards(&self) -> Result<Vec<ShardInfo>> {
        Yield(false).await;
        self.store.shards().await
    }

    async fn put_shard(&self, expected: Option<&ShardInfo>, info: &ShardInfo) -> Result<bool> {
        Yield(false).await;
        self.store.put_shard(expected, info).await
    }

    async fn definitions(&self) -> Result<Option<Definitions>> {
        Yield(false).await;
        self.store.definitions().await
    }

    async fn put_definitions(&self, expected: Option<u64>, new: &Definitions) -> Result<bool> {
        Yield(false).await;
        self.store.put_definitions(expected, new).await
    }
}

impl port::ViewStore for Gate<memory::Views> {
    async fn write_part(
        &self,
        view: &View,
        version: u64,
        build: &str,
        id: PartId,
        rows: &Rows<'_>,
    ) -> Result<PartInfo> {
        Yield(false).await;
        self.store.write_part(view, version, build, id, rows).await
    }

    async fn read_part(
        &self,
        view: &View,
        part: &PartInfo,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> Result<()> {
        Yield(false).await;
        self.store.read_part(view, part, selection, visit).await
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        Yield(false).await;
        let before = manifest.previous.as_ref().map(|previous| previous.build.clone());
        let version = (manifest.fingerprint, manifest.build.clone());
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(version, before);
        self.store.write_manifest(manifest).await
    }

    async fn manifest(&self, fingerprint: Fingerprint, pointer: &Pointer) -> Result<Arc<Manifest>> {
        Yield(false).await;
        self.store.manifest(fingerprint, pointer).await
    }

    async fn pointer(&self, fingerprint: Fingerprint) -> Result<Option<Pointer>> {
        Yield(false).await;
        self.store.pointer(fingerprint).await
    }

    async fn publish(
        &self,
        fingerprint: Fingerprint,
        expected: Option<u64>,
        pointer: &Pointer,
    ) -> Result<bool> {
        Yield(false).await;
        self.store.publish(fingerprint, expected, pointer).await
    }

    async fn retire(&self, fingerprint: Fingerprint, keep_from: u64) -> Result<u64> {
        Yield(false).await;
        self.store.retire(fingerprint, keep_from).await
    }

    async fn remove(&self, fingerprint: Fingerprint) -> Result<()> {
        Yield(false).await;
        self.store.remove(fingerprint).await
    }
}
