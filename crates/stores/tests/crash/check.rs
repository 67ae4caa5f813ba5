//! The parent: opens what a killed child has left and compares.

use crate::work::{self, Done, RECORDS, ROWS, STREAM_KEEPS};
use anabranch_core::column::Data;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    Control as _, Fields, MasterDataSet as _, Rows, Selection, SpeedRow, SpeedStore as _,
    ViewStore as _,
};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_stores::local::Local;
use anabranch_stores::stream::Log as _;
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::path::Path;

/// Panics unless everything acknowledged is there and everything there is whole. Returns what is
/// there, which from now on counts as acknowledged: it has been seen.
pub(crate) fn check(root: &Path, acknowledged: &Done) -> Done {
    let local = work::open(root);
    let shard = local.stream.shards()[0].clone();
    let found = Done {
        appended: check_stream(&local, &shard),
        archived: check_master_data_set(&local, &shard),
        absorbed: check_speed(&local, &shard),
        published: check_views(&local),
    };
    let pairs = [
        (found.appended, acknowledged.appended),
        (found.archived, acknowledged.archived),
        (found.absorbed, acknowledged.absorbed),
        (found.published, acknowledged.published),
    ];
    let is_there = |(found, acknowledged): &(u64, u64)| found >= acknowledged;
    assert!(pairs.iter().all(is_there), "found {found:?}, acknowledged {acknowledged:?}");
    let leftovers = std::fs::read_dir(root.join("tmp")).expect("a folder for temporaries");
    assert_eq!(leftovers.count(), 0);
    found
}

fn check_stream(local: &Local, shard: &ShardId) -> u64 {
    let last = local.stream.last(shard).unwrap().to_u64().unwrap();
    let mut next = None;
    let mut after = SequenceNumber::ZERO;
    loop {
        let batch = local.stream.read(shard, after, 10_000).unwrap();
        for record in batch.records() {
            let sequence = record.sequence.to_u64().unwrap();
            assert_eq!(sequence, next.unwrap_or(sequence), "a record is missing in the stream");
            assert_eq!(record.payload, work::payload(sequence));
            next = Some(sequence + 1);
        }
        if batch.is_empty() {
            break;
        }
        after = batch.last();
    }
    assert_eq!(next.unwrap_or(1), last + 1, "the last record is not there");
    let behind = last.saturating_sub(STREAM_KEEPS);
    let first = local.stream.read(shard, behind.into(), 1).unwrap();
    let first = first.records().next().map(|record| record.sequence);
    assert!(last == 0 || first == Some((behind + 1).into()), "trimmed too far: {first:?}");
    last
}

fn check_master_data_set(local: &Local, shard: &ShardId) -> u64 {
    let mut last = None;
    for object in block_on(local.master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap() {
        assert_eq!(object.follows, last, "the chain is broken");
        let mut sequence = object.first.to_u64().unwrap();
        let mut visit = |records: &[Record<'_>]| {
            for record in records {
                assert_eq!(record.sequence, sequence.into());
                assert_eq!(record.payload, work::payload(sequence));
                sequence += 1;
            }
        };
        block_on(local.master.scan(&object, Fields::All, &mut visit)).unwrap();
        assert_eq!(object.records, RECORDS);
        assert_eq!(object.last, (sequence - 1).into());
        last = Some(object.last);
    }
    assert_eq!(block_on(local.master.tail(shard)).unwrap().map(|info| info.last), last);
    last.map_or(0, |last| last.to_u64().unwrap())
}

fn check_speed(local: &Local, shard: &ShardId) -> u64 {
    let checkpoint = block_on(local.control.checkpoint(shard)).unwrap();
    let absorbed = checkpoint.map_or(0, |checkpoint| checkpoint.sequence.to_u64().unwrap());
    // The last batch up to the checkpoint that has written each row.
    let mut expected: BTreeMap<u64, u64> = BTreeMap::new();
    for batch in 1..=absorbed {
        expected.extend(work::rows_of_batch(batch).map(|row| (row, batch)));
    }
    let mut found = BTreeMap::new();
    let fingerprint = work::view().fingerprint;
    let mut visit = |key: &[u8], _, _: &ShardId, row: &SpeedRow| {
        let number = u64::from_be_bytes(key.try_into().expect("a key of eight bytes"));
        assert_eq!(row.state, row.applied.to_u64().unwrap().to_be_bytes());
        found.insert(number, row.applied.to_u64().unwrap());
        Ok(())
    };
    block_on(local.speed.scan(fingerprint, b"", Epoch::ZERO, &mut visit)).unwrap();
    assert!(found.len() as u64 <= ROWS);
    for (row, batch) in expected {
        let applied = found.get(&row).copied();
        assert!(applied >= Some(batch), "row {row}: {applied:?} at checkpoint {absorbed}");
    }
    absorbed
}

fn check_views(local: &Local) -> u64 {
    let view = work::view();
    let Some(pointer) = block_on(local.views.pointer(view.fingerprint)).unwrap() else { return 0 };
    let manifest = block_on(local.views.manifest(view.fingerprint, &pointer)).unwrap();
    assert_eq!(manifest.version, pointer.version);
    let selection = Selection { keys: vec![], buckets: i64::MIN..i64::MAX, states: vec![true] };
    let mut visits = 0;
    let mut visit = |rows: &Rows<'_>| {
        assert_eq!(rows.states[0].data, Data::BigInt(vec![pointer.version as i64]));
        visits += 1;
        Ok(())
    };
    let part = &manifest.parts[0];
    block_on(local.views.read_part(&view, part, &selection, &mut visit)).unwrap();
    assert_eq!(visits, 1);
    pointer.version
}
