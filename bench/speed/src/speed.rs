//! Deliveries through the shipping envelope and absorber, as a warm function takes them.

use crate::{deliveries, item, meter};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::port::{
    Control, PutRow, Result, RowOutcome, ShardInfo, ShardKind, SpeedStore, VisitRows,
};
use anabranch_core::project::Project;
use anabranch_core::record::{Record, SequenceNumber};
use anabranch_core::view::Fingerprint;
use anabranch_envelope::Batch;
use anabranch_stores::memory;
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The deployment's epochs.
pub(crate) const EPOCH_MS: u64 = 60_000;

/// What was put, by view.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Put {
    pub(crate) rows: u64,
    pub(crate) units: u64,
    pub(crate) bytes: u64,
}

/// A store that encodes what it is given to put, and keeps counts.
#[derive(Default)]
pub(crate) struct Requests {
    inner: Mutex<(Vec<u8>, BTreeMap<Fingerprint, Put>)>,
}

impl Requests {
    pub(crate) fn counts(&self) -> BTreeMap<Fingerprint, Put> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

impl SpeedStore for Requests {
    async fn put_rows(&self, puts: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (body, counts) = &mut *inner;
        for put in &puts {
            body.clear();
            let units = item::encode(put, body);
            let count = counts.entry(put.id.fingerprint).or_default();
            count.rows += 1;
            count.units += units as u64;
            count.bytes += body.len() as u64;
        }
        Ok(vec![RowOutcome::Written; puts.len()])
    }

    async fn scan(&self, _: Fingerprint, _: &[u8], _: Epoch, _: VisitRows<'_>) -> Result<Epoch> {
        Ok(Epoch::ZERO)
    }

    async fn expire(&self, _: Fingerprint, _: Epoch) -> Result<u64> {
        Ok(0)
    }

    async fn forget(&self, _: Fingerprint) -> Result<()> {
        Ok(())
    }
}

/// A shard's speed layer over a store.
pub(crate) struct Function<'s, S, C> {
    absorber: Absorber,
    store: &'s S,
    control: &'s C,
    master: memory::Master,
    follows: SequenceNumber,
}

impl<'s, S: SpeedStore, C: Control> Function<'s, S, C> {
    /// The speed layer of a shard that has no record yet.
    pub(crate) fn new(
        project: &Arc<Project>,
        shard: usize,
        store: &'s S,
        control: &'s C,
    ) -> anyhow::Result<Self> {
        let length = EpochLength::from_millis(EPOCH_MS).expect("above zero");
        let shard = deliveries::shard_id(shard);
        let info = ShardInfo {
            shard: shard.clone(),
            kind: ShardKind::Stream,
            base_epoch: Epoch::ZERO,
            closed: None,
        };
        anyhow::ensure!(block_on(control.put_shard(None, &info))?, "{shard} is there already");
        Ok(Function {
            absorber: Absorber::new(project, shard, length),
            store,
            control,
            master: memory::Master::default(),
            follows: SequenceNumber::ZERO,
        })
    }

    /// Takes a delivery as records. Returns how many there were.
    pub(crate) fn take(&mut self, shard: usize, records: &[Record<'_>]) -> anyhow::Result<u64> {
        let shard = deliveries::shard_id(shard);
        let delivery = Delivery { shard: &shard, records, follows: Some(self.follows) };
        let absorbed =
            block_on(self.absorber.absorb(self.store, self.control, &self.master, delivery))?;
        anyhow::ensure!(absorbed.conflicts == 0 && absorbed.redelivered == 0, "{absorbed:?}");
        self.follows = records.last().map_or(self.follows, |record| record.sequence);
        Ok(absorbed.records)
    }

    /// Takes a delivery as Lambda hands it over.
    pub(crate) fn invoke(&mut self, event: &[u8]) -> anyhow::Result<u64> {
        let batch = Batch::read(event)?;
        anyhow::ensure!(batch.fault().is_none(), "{:?}", batch.fault());
        let records: Vec<Record<'_>> = batch.records().collect();
        self.take(0, &records)
    }
}

/// Takes every delivery of a folder and says what that cost.
pub(crate) fn encode(project: &Arc<Project>, dir: &Path) -> anyhow::Result<()> {
    let events = deliveries::read(dir)?;
    // What is read, and the first memory of everything, is not what is measured.
    let (warm, control) = (Requests::default(), memory::Control::default());
    let mut function = Function::new(project, 0, &warm, &control)?;
    for event in &events {
        function.invoke(event)?;
    }
    drop(function);
    let (requests, control) = (Requests::default(), memory::Control::default());
    let mut function = Function::new(project, 0, &requests, &control)?;
    let (mut records, begun) = (0, meter::cpu_seconds());
    for event in &events {
        records += function.invoke(event)?;
    }
    let cpu = meter::cpu_seconds() - begun;
    let puts = requests.counts();
    let sum = |of: fn(&Put) -> u64| puts.values().map(of).sum::<u64>();
    let held: usize = events.iter().map(Vec::len).sum();
    println!(
        "{}",
        serde_json::json!({
            "events": records, "deliveries": events.len(), "cpu_s": cpu,
            "puts": sum(|put| put.rows), "units": sum(|put| put.units),
            "request_bytes": sum(|put| put.bytes),
            "peak_mb": meter::peak_mb(), "held_mb": held as f64 / f64::from(1 << 20),
            "rows_by_view": by_name(project, &puts),
        })
    );
    Ok(())
}

/// Rows put, by the names of the project's own views.
pub(crate) fn by_name(
    project: &Project,
    puts: &BTreeMap<Fingerprint, Put>,
) -> BTreeMap<String, u64> {
    let views = project.views.iter();
    let rows = |view: Fingerprint| puts.get(&view).copied().unwrap_or_default().rows;
    views.map(|view| (view.name.clone(), rows(view.fingerprint))).collect()
}
