//! The child: goes on where the folder is, and prints what is done.

use anabranch_core::aggregate::Function;
use anabranch_core::column::{Column, Data};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::port::{
    Checkpoint, Control as _, Manifest, MasterDataSet as _, ObjectInfo, PartId, Pointer, PutObject,
    PutRow, RowId, RowOutcome, Rows, SpeedRow, SpeedStore as _, ViewStore as _,
};
use anabranch_core::record::{Record, ShardId};
use anabranch_core::view::{Aggregate, Fingerprint, View};
use anabranch_stores::local::{Local, Options};
use anabranch_stores::stream::{Append, Log as _};
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::path::Path;

/// Records behind the last that stay when the stream is trimmed.
pub(crate) const STREAM_KEEPS: u64 = 300;
/// Records per append and object.
pub(crate) const RECORDS: u64 = 20;
/// Rows that are written in turn, a few with every batch.
pub(crate) const ROWS: u64 = 40;

/// How far each part of the work has come; all count from 1.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The last record appended.
    pub(crate) appended: u64,
    /// The last record archived.
    pub(crate) archived: u64,
    /// The last batch absorbed.
    pub(crate) absorbed: u64,
    /// The last version published.
    pub(crate) published: u64,
}

impl Done {
    /// Takes in what a child has printed.
    pub(crate) fn add(&mut self, printed: &str) {
        for line in printed.lines().filter(|line| *line != "open") {
            let (what, number) = line.split_once(' ').expect("a line has two words");
            let number = number.parse().expect("the second is a number");
            match what {
                "appended" => self.appended = number,
                "archived" => self.archived = number,
                "absorbed" => self.absorbed = number,
                "published" => self.published = number,
                _ => panic!("what is `{what}`?"),
            }
        }
    }
}

/// Opens the folder as parent and child do.
pub(crate) fn open(root: &Path) -> Local {
    let epoch_length = EpochLength::from_millis(1000).expect("above zero");
    Local::open(root, Options { epoch_length, shards: 1 }).expect("the folder opens")
}

/// The payload of a record.
pub(crate) fn payload(sequence: u64) -> Vec<u8> {
    format!("{{\"n\":{sequence}}}").repeat(1 + (sequence % 50) as usize).into_bytes()
}

/// The rows that a batch writes.
pub(crate) fn rows_of_batch(batch: u64) -> [u64; 4] {
    [0, 1, 2, 3].map(|i| (batch * 3 + i * 7) % ROWS)
}

/// A view that counts.
pub(crate) fn view() -> View {
    View {
        name: "crash".to_owned(),
        fingerprint: Fingerprint([3; 16]),
        plan: String::new(),
        filter: None,
        keys: Vec::new(),
        bucket: None,
        aggregates: vec![Aggregate { function: Function::Count, args: vec![], filter: None }],
        outputs: Vec::new(),
        measures: Vec::new(),
    }
}

/// Works until it is killed.
pub(crate) fn run(root: &Path) {
    let local = open(root);
    println!("open");
    let shard = local.stream.shards()[0].clone();
    for step in 0_u64.. {
        println!("appended {}", append(&local, &shard));
        println!("archived {}", archive(&local, &shard));
        println!("absorbed {}", absorb(&local, &shard));
        if step.is_multiple_of(5) {
            println!("published {}", publish(&local));
        }
    }
}

fn append(local: &Local, shard: &ShardId) -> u64 {
    let last = local.stream.last(shard).unwrap().to_u64().unwrap();
    let payloads: Vec<Vec<u8>> = (last + 1..=last + RECORDS).map(payload).collect();
    let records = payloads.iter().map(|payload| ("key", payload.as_slice())).collect();
    let appended = local.stream.append(&[Append { shard: shard.clone(), records }], 1).unwrap();
    local.stream.trim(shard, last.saturating_sub(STREAM_KEEPS).into()).unwrap();
    appended[0].last.to_u64().unwrap()
}

fn archive(local: &Local, shard: &ShardId) -> u64 {
    let tail = block_on(local.master.tail(shard)).unwrap();
    let follows = tail.map(|info| info.last.to_u64().unwrap());
    let first = follows.map_or(1, |last| last + 1);
    let payloads: Vec<Vec<u8>> = (first..first + RECORDS).map(payload).collect();
    let records: Vec<Record<'_>> = (first..)
        .zip(&payloads)
        .map(|(sequence, payload)| Record {
            sequence: sequence.into(),
            arrival_ms: 1,
            partition_key: "key",
            payload,
        })
        .collect();
    let last = first + RECORDS - 1;
    let info = ObjectInfo {
        shard: shard.clone(),
        // Every third object begins an epoch of its own.
        epoch: Epoch(first / (3 * RECORDS)),
        first: first.into(),
        last: last.into(),
        follows: follows.map(Into::into),
        records: RECORDS,
        heartbeats: 0,
        min_arrival_ms: 1,
        max_arrival_ms: 1,
    };
    let put = block_on(local.master.put_if_absent(&info, &records)).unwrap();
    assert_eq!(put, PutObject::Created, "the tail was not the last object");
    last
}

fn absorb(local: &Local, shard: &ShardId) -> u64 {
    let before = block_on(local.control.checkpoint(shard)).unwrap();
    let before = before.map(|checkpoint| checkpoint.sequence);
    let batch = before.map_or(0, |sequence| sequence.to_u64().unwrap()) + 1;
    for row in rows_of_batch(batch) {
        let id = RowId {
            fingerprint: view().fingerprint,
            key: row.to_be_bytes().to_vec(),
            epoch: Epoch(row % 5),
            shard: shard.clone(),
        };
        let row = SpeedRow { applied: batch.into(), state: batch.to_be_bytes().to_vec() };
        // A child before this one may have come further without a checkpoint.
        let mut put = PutRow { id, expected: None, row };
        loop {
            match block_on(local.speed.put_rows(vec![put.clone()])).unwrap().remove(0) {
                RowOutcome::Written => break,
                RowOutcome::Conflict(there) => put.expected = there.map(|row| row.applied),
            }
        }
    }
    let checkpoint = Checkpoint {
        sequence: batch.into(),
        epoch: Epoch::ZERO,
        newest_arrival_ms: 1,
        covered: BTreeMap::new(),
        distrusted: Epoch::ZERO,
    };
    assert!(block_on(local.control.put_checkpoint(shard, before, &checkpoint)).unwrap());
    batch
}

fn publish(local: &Local) -> u64 {
    let view = view();
    let before = block_on(local.views.pointer(view.fingerprint)).unwrap();
    let version = before.as_ref().map_or(0, |pointer| pointer.version) + 1;
    let build = format!("b{}", version % 3);
    let states = vec![Column::new(Data::BigInt(vec![version as i64]))];
    let rows = Rows { states, ..Rows::default() };
    let id = PartId { resolution: None, partition: 0 };
    let part = block_on(local.views.write_part(&view, version, &build, id, &rows)).unwrap();
    let manifest = Manifest {
        view: view.name.clone(),
        fingerprint: view.fingerprint,
        plan: String::new(),
        version,
        build: build.clone(),
        horizon: Epoch(version),
        created_ms: 0,
        records: 0,
        previous: before.clone(),
        parts: vec![part],
    };
    block_on(local.views.write_manifest(&manifest)).unwrap();
    let pointer = Pointer { version, build, horizon: Epoch(version) };
    let expected = before.map(|pointer| pointer.version);
    assert!(block_on(local.views.publish(view.fingerprint, expected, &pointer)).unwrap());
    block_on(local.views.retire(view.fingerprint, version.saturating_sub(1))).unwrap();
    version
}
