//! The conformance suite on a data folder, and what a folder keeps when it is closed.

use super::*;
use crate::stream::{Append, Log};
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    Checkpoint, Control as _, MasterDataSet as _, ObjectInfo, PutRow, RowId, ShardInfo, ShardKind,
    SpeedRow, SpeedStore as _,
};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_core::view::Fingerprint;
use futures::executor::block_on;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// A data folder that is removed in the end.
struct Fixture {
    local: Local,
    _root: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Fixture { local: open(root.path(), 2), _root: root }
    }
}

fn open(root: &Path, shards: u32) -> Local {
    let epoch_length = EpochLength::from_millis(10_000).unwrap();
    Local::open(root, Options { epoch_length, shards }).unwrap()
}

mod conformance {
    use super::Fixture;

    crate::master_data_set_conformance!(Fixture::new(), |fixture| &fixture.local.master);
    crate::speed_store_conformance!(Fixture::new(), |fixture| &fixture.local.speed);
    crate::speed_store_removal_conformance!(Fixture::new(), |fixture| &fixture.local.speed);
    crate::control_conformance!(Fixture::new(), |fixture| &fixture.local.control);
    crate::view_store_conformance!(Fixture::new(), |fixture| &fixture.local.views);
    crate::log_conformance!(Fixture::new(), |fixture| &fixture.local.stream);
}

#[test]
fn the_stream_goes_on_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let append = |local: &Local, payload: &[u8], now_ms| {
        let shard = local.stream.shards()[0].clone();
        local.stream.append(&[Append { shard, records: vec![("k", payload)] }], now_ms).unwrap()[0]
    };
    let local = open(root.path(), 2);
    append(&local, b"one", 1000);
    append(&local, b"two", 1000);
    let shard = local.stream.shards()[0].clone();
    local.stream.trim(&shard, 1.into()).unwrap();
    local.stream.raise_clock(5000).unwrap();
    drop(local);
    let local = open(root.path(), 2);
    assert_eq!(append(&local, b"three", 0).first, 3.into());
    let batch = local.stream.read(&shard, SequenceNumber::ZERO, usize::MAX).unwrap();
    let records: Vec<_> = batch.records().map(|r| (r.arrival_ms, r.payload.to_vec())).collect();
    assert_eq!(records, [(1000, b"two".to_vec()), (5000, b"three".to_vec())]);
}

#[test]
fn a_stream_may_get_more_shards_and_never_fewer() {
    let root = tempfile::tempdir().unwrap();
    for (asked, expected) in [(2, 2), (5, 5), (1, 5)] {
        let names: Vec<String> =
            open(root.path(), asked).stream.shards().iter().map(|shard| shard.0.clone()).collect();
        assert_eq!(names.len(), expected);
        assert_eq!(names[0], "shard-0000");
        assert_eq!(names[expected - 1], format!("shard-{:04}", expected - 1));
    }
}

#[test]
fn rows_checkpoints_and_shards_are_there_after_reopening() {
    let root = tempfile::tempdir().unwrap();
    let shard = ShardId("s".to_owned());
    let id = RowId {
        fingerprint: Fingerprint([1; 16]),
        key: b"k".to_vec(),
        epoch: Epoch(9),
        shard: shard.clone(),
    };
    let row = SpeedRow { applied: 5.into(), state: b"state".to_vec() };
    let checkpoint = Checkpoint {
        sequence: 5.into(),
        epoch: Epoch(9),
        newest_arrival_ms: 7,
        covered: BTreeMap::new(),
        distrusted: Epoch::ZERO,
    };
    let info = ShardInfo {
        shard: shard.clone(),
        kind: ShardKind::Stream,
        base_epoch: Epoch(1),
        closed: None,
    };
    let local = open(root.path(), 1);
    let put = PutRow { id: id.clone(), expected: None, row: row.clone() };
    block_on(local.speed.put_rows(vec![put])).unwrap();
    block_on(local.control.put_checkpoint(&shard, None, &checkpoint)).unwrap();
    block_on(local.control.put_shard(None, &info)).unwrap();
    block_on(local.speed.expire(id.fingerprint, Epoch(3))).unwrap();
    drop(local);
    let local = open(root.path(), 1);
    let mut found = Vec::new();
    let floor =
        block_on(local.speed.scan(id.fingerprint, b"", Epoch::ZERO, &mut |key, _, _, row| {
            found.push((key.to_vec(), row.clone()));
            Ok(())
        }));
    assert_eq!((found, floor.unwrap()), (vec![(b"k".to_vec(), row)], Epoch(3)));
    assert_eq!(block_on(local.control.checkpoint(&shard)).unwrap(), Some(checkpoint));
    assert_eq!(block_on(local.control.shards()).unwrap(), [info]);
}

#[test]
fn tails_and_objects_are_found_after_reopening() {
    let root = tempfile::tempdir().unwrap();
    let put = |local: &Local, sequence: u64| {
        let info = ObjectInfo {
            shard: ShardId("s".to_owned()),
            epoch: Epoch(178_000_000 + sequence),
            first: sequence.into(),
            last: sequence.into(),
            follows: None,
            records: 1,
            heartbeats: 0,
            min_arrival_ms: 0,
            max_arrival_ms: 0,
        };
        let record =
            Record { sequence: sequence.into(), arrival_ms: 0, partition_key: "", payload: b"{}" };
        block_on(local.master.put_if_absent(&info, &[record])).unwrap();
        info
    };
    let local = open(root.path(), 1);
    let first = put(&local, 1);
    let second = put(&local, 2);
    drop(local);
    let local = open(root.path(), 1);
    assert_eq!(block_on(local.master.tail(&first.shard)).unwrap(), Some(second.clone()));
    let third = put(&local, 3);
    assert_eq!(block_on(local.master.tail(&first.shard)).unwrap(), Some(third.clone()));
    let all = block_on(local.master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap();
    assert_eq!(all, [first, second, third]);
}

#[test]
fn a_store_that_outlives_the_others_still_holds_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let Local { views, .. } = open(root.path(), 1);
    let epoch_length = EpochLength::from_millis(10_000).unwrap();
    let again = || Local::open(root.path(), Options { epoch_length, shards: 1 });
    assert!(again().is_err());
    drop(views);
    again().unwrap();
}

#[test]
fn the_length_of_epochs_can_be_asked_for_without_opening_the_folder() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(Local::epoch_length(root.path()).unwrap(), None);
    let _open = open(root.path(), 1);
    assert_eq!(Local::epoch_length(root.path()).unwrap(), EpochLength::from_millis(10_000));
}

#[test]
fn a_stream_that_was_lost_goes_on_behind_what_the_layers_have() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path(), 1);
    let shard = local.stream.shards()[0].clone();
    local.stream.skip_to(&shard, 7.into()).unwrap();
    local.stream.skip_to(&shard, 5.into()).unwrap();
    let append = [Append { shard: shard.clone(), records: vec![("k", b"eight".as_slice())] }];
    assert_eq!(local.stream.append(&append, 0).unwrap()[0].first, 8.into());
    let batch = local.stream.read(&shard, SequenceNumber::ZERO, usize::MAX).unwrap();
    let sequences: Vec<_> = batch.records().map(|record| record.sequence).collect();
    assert_eq!(sequences, [8.into()]);
}

/// A batch of no records said that it had nearly 2^64: what is behind the gap was never read.
#[test]
fn a_reader_from_within_lost_numbers_goes_on_behind_them() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path(), 1);
    let shard = local.stream.shards()[0].clone();
    let append = [Append { shard: shard.clone(), records: vec![("k", b"payload".as_slice())] }];
    local.stream.append(&append, 0).unwrap();
    local.stream.skip_to(&shard, 10.into()).unwrap();
    local.stream.append(&append, 0).unwrap();
    for max_bytes in [0, usize::MAX] {
        let batch = local.stream.read(&shard, 7.into(), max_bytes).unwrap();
        let sequences: Vec<_> = batch.records().map(|record| record.sequence).collect();
        assert_eq!((batch.len(), batch.last(), sequences), (1, 11.into(), vec![11.into()]));
    }
}
