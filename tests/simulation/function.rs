//! The functions and the batch run: what AWS Lambda would call, over the shipping pipeline.

use crate::design::{self, Batches, Design};
use crate::gate::Stores;
use crate::kinesis::{Content, EPOCH_MS, Kinesis, Stored};
use crate::task::Ran;
use anabranch_core::epoch::EpochLength;
use anabranch_core::pipeline::absorb::{Absorbed, Absorber};
use anabranch_core::pipeline::archive::{self, Archived};
use anabranch_core::pipeline::build::{self, Mode};
use anabranch_core::pipeline::{Delivery, deploy, plan, seal};
use anabranch_core::port::{Inline, Result, SpeedStore as _};
use anabranch_core::project::Project;
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// The length of epochs.
pub(crate) fn length() -> EpochLength {
    EpochLength::from_millis(EPOCH_MS as u64).expect("above zero")
}

/// What a task needs of the world.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) stores: Rc<Stores>,
    pub(crate) kinesis: Rc<RefCell<Kinesis>>,
    pub(crate) clock_ms: Rc<Cell<i64>>,
    pub(crate) design: Design,
    pub(crate) batches: Rc<RefCell<Batches>>,
}

/// A batch of one shard, as the event source mapping hands it over.
pub(crate) struct Envelope {
    pub(crate) shard: ShardId,
    pub(crate) records: Vec<Rc<Stored>>,
    pub(crate) follows: Option<SequenceNumber>,
}

impl Envelope {
    fn records(&self) -> Vec<Record<'_>> {
        self.records.iter().map(|stored| stored.record()).collect()
    }
}

/// The archive function.
pub(crate) async fn archive(outside: Outside, envelope: Envelope) -> Result<Archived> {
    let records = envelope.records();
    let Envelope { shard, follows, .. } = &envelope;
    let delivery = Delivery { shard, records: &records, follows: *follows };
    let Stores { master, control, .. } = &*outside.stores;
    archive::archive(master, control, length(), delivery).await
}

/// The speed function. It works through the batch in `pieces`, and says at which record it failed.
pub(crate) async fn absorb(
    outside: Outside,
    absorber: &mut Absorber,
    project: &Arc<Project>,
    envelope: Envelope,
    piece: usize,
) -> std::result::Result<Absorbed, (usize, anabranch_core::port::Error)> {
    let mut records = envelope.records();
    if outside.design == Design::WallClockBoundary {
        records.iter_mut().for_each(|record| record.arrival_ms = outside.clock_ms.get());
    }
    let Stores { master, speed, control, .. } = &*outside.stores;
    let mut sum = Absorbed::default();
    let mut follows = envelope.follows;
    for (number, records) in records.chunks(piece.max(1)).enumerate() {
        let at = number * piece.max(1);
        let delivery = Delivery { shard: &envelope.shard, records, follows };
        if outside.design.adds() {
            let stored = &envelope.records[at..at + records.len()];
            add(&outside, project, &envelope.shard, stored).await.map_err(|error| (at, error))?;
            continue;
        }
        let done = absorber.absorb(speed, control, master, delivery).await;
        let done = done.map_err(|error| (at, error))?;
        sum.redelivered += done.redelivered;
        sum.conflicts += done.conflicts;
        follows = records.last().map(|last| last.sequence);
    }
    Ok(sum)
}

async fn add(
    outside: &Outside,
    project: &Arc<Project>,
    shard: &ShardId,
    records: &[Rc<Stored>],
) -> Result<()> {
    let (first, last) = (records[0].sequence, records[records.len() - 1].sequence);
    let batch = (shard.clone(), first, last);
    let dedups = outside.design == Design::DedupByBatchHash;
    if dedups && outside.batches.borrow().contains(&batch) {
        return Ok(());
    }
    design::add(&outside.stores, project, shard, records).await?;
    outside.batches.borrow_mut().insert(batch);
    Ok(())
}

/// What a batch run is to do.
pub(crate) struct BatchRun {
    pub(crate) project: Arc<Project>,
    pub(crate) mode: Mode,
    pub(crate) name: String,
}

/// A batch run: shards, heartbeats, seal, build, retire; and what a deployment has left to do.
pub(crate) async fn batch(outside: Outside, run: BatchRun) -> Result<Ran> {
    let Outside { stores, kinesis, clock_ms, .. } = &outside;
    let Stores { master, speed, control, views } = &**stores;
    let project = &run.project;
    let listed = kinesis.borrow().list();
    plan::reshard(project, master, control, views, &listed).await?;
    if let Some(newest) = plan::newest_uncovered(project, master, control, views).await? {
        let lasts = length().epoch_of(clock_ms.get(), Default::default()) <= newest;
        if !lasts && seal::sealed(master, control).await? <= newest {
            for (shard, last) in plan::behind(master, control, newest).await? {
                heartbeat(&mut kinesis.borrow_mut(), &shard, last, clock_ms.get());
            }
        }
    }
    let horizon = seal::sealed(master, control).await?;
    if horizon == Default::default() {
        return Ok(Ran { built: None, project: run.project });
    }
    if outside.design == Design::ExpiryBeforePublication {
        for view in &project.views {
            speed.expire(view.fingerprint, horizon).await?;
        }
    }
    let request = build::Request {
        project,
        horizon,
        mode: run.mode,
        build: &run.name,
        now_ms: clock_ms.get(),
        progress: &|_| {},
    };
    let built = build::build(master, control, views, &Inline, &request).await?;
    build::retire(project, views, speed).await?;
    let project = deploy::settle(project, views, speed, control).await?.project;
    Ok(Ran { built: Some(built), project })
}

/// Appends a heartbeat to a shard that is open, unless there is something behind `last`.
fn heartbeat(kinesis: &mut Kinesis, shard: &ShardId, last: SequenceNumber, now_ms: i64) {
    let found = kinesis.shards.iter().position(|listed| listed.id == *shard);
    if let Some(at) = found
        && kinesis.shards[at].open
        && last == kinesis.shards[at].last().into()
    {
        kinesis.put(at, Content::Heartbeat, Vec::new(), now_ms, 1);
    }
}
