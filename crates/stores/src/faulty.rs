//! A store that fails when it is told to, around any other.
//!
//! The cloud's stores time out, lose replies and stop halfway. What survives that can be tried here,
//! without a cloud and the same way each time: a plan, which is a function of the operation and of
//! how many there have been, says which call fails and how. Every error is
//! [`Error::Unavailable`], the one that says "try again; it may have happened".

use anabranch_core::definitions::Definitions;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    self, Checkpoint, Error, Fields, Manifest, ObjectInfo, PartId, PartInfo, Pointer, PutObject,
    PutRow, Result, RowOutcome, Rows, Selection, ShardInfo, VisitPart, VisitRecords, VisitRows,
};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_core::view::{Fingerprint, View};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is passed on.
    None,
    /// It fails and has done nothing.
    Before,
    /// It fails halfway: of several rows the first half are put, a scan has visited everything.
    /// Calls that are atomic have done nothing.
    Halfway,
    /// It is done, and the reply is lost.
    After,
}

/// Decides what happens to the `call`th call, counted from 0 over all operations of a store.
pub trait Plan: Send + Sync {
    /// The fate of this call of the port's method `operation`.
    fn fault(&self, operation: &'static str, call: u64) -> Fault;
}

impl<F: Fn(&'static str, u64) -> Fault + Send + Sync> Plan for F {
    fn fault(&self, operation: &'static str, call: u64) -> Fault {
        self(operation, call)
    }
}

/// A store under a plan. Has every port that the store has.
#[derive(Debug)]
pub struct Faulty<S, P> {
    store: S,
    plan: P,
    calls: AtomicU64,
}

impl<S, P: Plan> Faulty<S, P> {
    /// Puts `store` under `plan`.
    pub fn new(store: S, plan: P) -> Self {
        Faulty { store, plan, calls: AtomicU64::new(0) }
    }

    /// The store itself, which does not fail.
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// How many calls there have been.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn next(&self, operation: &'static str) -> Fault {
        self.plan.fault(operation, self.calls.fetch_add(1, Ordering::SeqCst))
    }

    /// Makes the call, or fails before or behind it.
    async fn around<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match self.next(operation) {
            Fault::None => call.await,
            Fault::Before | Fault::Halfway => Err(injected(operation)),
            Fault::After => call.await.and(Err(injected(operation))),
        }
    }

    /// The same for a scan, which has visited everything when it fails halfway.
    async fn around_scan<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match self.next(operation) {
            Fault::None => call.await,
            Fault::Before => Err(injected(operation)),
            Fault::Halfway | Fault::After => call.await.and(Err(injected(operation))),
        }
    }
}

fn injected(operation: &'static str) -> Error {
    Error::Unavailable { object: operation.to_owned(), reason: "injected fault".to_owned() }
}

impl<S: port::MasterDataSet, P: Plan> port::MasterDataSet for Faulty<S, P> {
    async fn put_if_absent(&self, info: &ObjectInfo, records: &[Record<'_>]) -> Result<PutObject> {
        self.around("put_if_absent", self.store.put_if_absent(info, records)).await
    }

    async fn objects(&self, epochs: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
        self.around("objects", self.store.objects(epochs)).await
    }

    async fn survey(&self, epochs: Range<Epoch>) -> Result<Vec<Result<ObjectInfo>>> {
        self.around("survey", self.store.survey(epochs)).await
    }

    async fn tail(&self, shard: &ShardId) -> Result<Option<ObjectInfo>> {
        self.around("tail", self.store.tail(shard)).await
    }

    async fn scan(
        &self,
        object: &ObjectInfo,
        fields: Fields,
        visit: VisitRecords<'_>,
    ) -> Result<()> {
        self.around_scan("scan", self.store.scan(object, fields, visit)).await
    }
}

impl<S: port::SpeedStore, P: Plan> port::SpeedStore for Faulty<S, P> {
    async fn put_rows(&self, mut puts: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        match self.next("put_rows") {
            Fault::None => self.store.put_rows(puts).await,
            Fault::Before => Err(injected("put_rows")),
            Fault::Halfway => {
                puts.truncate(puts.len() / 2);
                self.store.put_rows(puts).await.and(Err(injected("put_rows")))
            }
            Fault::After => self.store.put_rows(puts).await.and(Err(injected("put_rows"))),
        }
    }

    async fn scan(
        &self,
        fingerprint: Fingerprint,
        prefix: &[u8],
        from: Epoch,
        visit: VisitRows<'_>,
    ) -> Result<Epoch> {
        self.around_scan("scan", self.store.scan(fingerprint, prefix, from, visit)).await
    }

    async fn expire(&self, fingerprint: Fingerprint, below: Epoch) -> Result<u64> {
        self.around("expire", self.store.expire(fingerprint, below)).await
    }

    async fn forget(&self, fingerprint: Fingerprint) -> Result<()> {
        self.around("forget", self.store.forget(fingerprint)).await
    }
}

impl<S: port::Control, P: Plan> port::Control for Faulty<S, P> {
    async fn checkpoint(&self, shard: &ShardId) -> Result<Option<Checkpoint>> {
        self.around("checkpoint", self.store.checkpoint(shard)).await
    }

    async fn put_checkpoint(
        &self,
        shard: &ShardId,
        expected: Option<SequenceNumber>,
        checkpoint: &Checkpoint,
    ) -> Result<bool> {
        let put = self.store.put_checkpoint(shard, expected, checkpoint);
        self.around("put_checkpoint", put).await
    }

    async fn shards(&self) -> Result<Vec<ShardInfo>> {
        self.around("shards", self.store.shards()).await
    }

    async fn put_shard(&self, expected: Option<&ShardInfo>, info: &ShardInfo) -> Result<bool> {
        self.around("put_shard", self.store.put_shard(expected, info)).await
    }

    async fn definitions(&self) -> Result<Option<Definitions>> {
        self.around("definitions", self.store.definitions()).await
    }

    async fn put_definitions(
        &self,
        expected: Option<u64>,
        definitions: &Definitions,
    ) -> Result<bool> {
        let put = self.store.put_definitions(expected, definitions);
        self.around("put_definitions", put).await
    }
}

impl<S: port::ViewStore, P: Plan> port::ViewStore for Faulty<S, P> {
    async fn write_part(
        &self,
        view: &View,
        version: u64,
        build: &str,
        id: PartId,
        rows: &Rows<'_>,
    ) -> Result<PartInfo> {
        self.around("write_part", self.store.write_part(view, version, build, id, rows)).await
    }

    async fn read_part(
        &self,
        view: &View,
        part: &PartInfo,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> Result<()> {
        self.around_scan("read_part", self.store.read_part(view, part, selection, visit)).await
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.around("write_manifest", self.store.write_manifest(manifest)).await
    }

    async fn manifest(&self, fingerprint: Fingerprint, pointer: &Pointer) -> Result<Arc<Manifest>> {
        self.around("manifest", self.store.manifest(fingerprint, pointer)).await
    }

    async fn pointer(&self, fingerprint: Fingerprint) -> Result<Option<Pointer>> {
        self.around("pointer", self.store.pointer(fingerprint)).await
    }

    async fn publish(
        &self,
        fingerprint: Fingerprint,
        expected: Option<u64>,
        pointer: &Pointer,
    ) -> Result<bool> {
        self.around("publish", self.store.publish(fingerprint, expected, pointer)).await
    }

    async fn retire(&self, fingerprint: Fingerprint, keep_from: u64) -> Result<u64> {
        self.around("retire", self.store.retire(fingerprint, keep_from)).await
    }

    async fn remove(&self, fingerprint: Fingerprint) -> Result<()> {
        self.around("remove", self.store.remove(fingerprint)).await
    }
}

impl<S: port::Stream, P: Plan> port::Stream for Faulty<S, P> {
    async fn heartbeat(&self) -> Result<()> {
        self.around("heartbeat", self.store.heartbeat()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory;
    use anabranch_core::port::{Control as _, RowId, SpeedRow, SpeedStore as _};
    use futures::executor::block_on;

    fn healthy<S: Default>() -> Faulty<S, impl Plan> {
        Faulty::new(S::default(), |_: &'static str, _| Fault::None)
    }

    mod conformance {
        use super::{healthy, memory};

        crate::master_data_set_conformance!(healthy::<memory::Master>(), |store| &store);
        crate::speed_store_conformance!(healthy::<memory::Speed>(), |store| &store);
        crate::speed_store_removal_conformance!(healthy::<memory::Speed>(), |store| &store);
        crate::control_conformance!(healthy::<memory::Control>(), |store| &store);
        crate::view_store_conformance!(healthy::<memory::Views>(), |store| &store);
    }

    fn puts(count: u8) -> Vec<PutRow> {
        let put = |n| PutRow {
            id: RowId {
                fingerprint: Fingerprint([0; 16]),
                key: vec![n],
                epoch: Epoch(1),
                shard: ShardId("s".to_owned()),
            },
            expected: None,
            row: SpeedRow { applied: 1.into(), state: Vec::new() },
        };
        (0..count).map(put).collect()
    }

    /// How many of ten rows are there after a put that met `fault`, and whether it failed.
    fn put_under(fault: Fault) -> (usize, bool) {
        let store = Faulty::new(memory::Speed::default(), |_: &'static str, _| fault);
        let failed = block_on(store.put_rows(puts(10))).is_err();
        let mut there = 0;
        let mut count = |_: &[u8], _, _: &ShardId, _: &SpeedRow| {
            there += 1;
            Ok(())
        };
        let view = Fingerprint([0; 16]);
        block_on(store.inner().scan(view, b"", Epoch::ZERO, &mut count)).unwrap();
        (there, failed)
    }

    #[test]
    fn a_put_is_done_as_far_as_the_fault_says() {
        assert_eq!(put_under(Fault::None), (10, false));
        assert_eq!(put_under(Fault::Before), (0, true));
        assert_eq!(put_under(Fault::Halfway), (5, true));
        assert_eq!(put_under(Fault::After), (10, true));
    }

    #[test]
    fn the_plan_sees_each_call_once_by_name_and_number() {
        let plan = |operation: &'static str, call| match (operation, call) {
            ("put_checkpoint", 1) => Fault::After,
            ("put_checkpoint", 2) => Fault::Before,
            _ => Fault::None,
        };
        let store = Faulty::new(memory::Control::default(), plan);
        let shard = ShardId("s".to_owned());
        let checkpoint = |sequence: u64| Checkpoint {
            sequence: sequence.into(),
            epoch: Epoch::ZERO,
            newest_arrival_ms: 0,
            covered: Default::default(),
            distrusted: Epoch::ZERO,
        };
        let put = |expected: Option<u64>, new| {
            let expected = expected.map(SequenceNumber::from);
            block_on(store.put_checkpoint(&shard, expected, &checkpoint(new)))
        };
        assert_eq!(block_on(store.checkpoint(&shard)), Ok(None));
        let lost = put(None, 5).unwrap_err();
        assert!(matches!(&lost, Error::Unavailable { object, .. } if object == "put_checkpoint"));
        assert!(put(Some(5), 6).is_err());
        // The second was done although it failed, the third was not.
        assert_eq!(put(Some(5), 7), Ok(true));
        assert_eq!(store.calls(), 4);
    }
}
