//! What the master data set in S3 does when a writer dies between an object and its entry as the
//! tail, and when the table of tails is lost.

use super::{bucket, control_table, master_in, ministack, wait};
use crate::aws::Master;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::archive::describe;
use anabranch_core::port::{Error, MasterDataSet as _, ObjectInfo, PutObject};
use anabranch_core::record::{Record, SequenceNumber, ShardId};

fn shard() -> ShardId {
    ShardId("shardId-000000000000".to_owned())
}

fn record(sequence: u64) -> Record<'static> {
    Record { sequence: sequence.into(), arrival_ms: 0, partition_key: "k", payload: b"{}" }
}

fn put(
    master: &Master,
    epoch: u64,
    follows: Option<u64>,
    sequence: u64,
) -> (ObjectInfo, PutObject) {
    let records = [record(sequence)];
    let follows = follows.map(SequenceNumber::from);
    let info = describe(&shard(), Epoch(178_000_000 + epoch), follows, &records);
    let outcome = wait(master.put_if_absent(&info, &records)).unwrap();
    (info, outcome)
}

#[test]
fn a_lost_table_of_tails_is_made_right_by_the_objects() {
    let connection = ministack();
    let (raw, table) = (bucket(&connection, "raw"), control_table(&connection));
    let master = master_in(&connection, &raw, &table);
    put(&master, 0, None, 1);
    put(&master, 0, Some(1), 9);
    // Ten as a text stands before nine.
    let (last, _) = put(&master, 400, Some(9), 10);
    let lost = control_table(&connection);
    for _ in 0..2 {
        let again = master_in(&connection, &raw, &lost);
        assert_eq!(wait(again.tail(&shard())).unwrap(), Some(last.clone()));
        // Without looking at the objects.
        assert_eq!(wait(again.tails.get(&shard())).unwrap(), Some(last.clone()));
    }
}

#[test]
fn an_object_whose_writer_died_before_it_was_the_tail_is_found_by_a_new_process() {
    let connection = ministack();
    let (raw, table) = (bucket(&connection, "raw"), control_table(&connection));
    let master = master_in(&connection, &raw, &table);
    put(&master, 0, None, 1);
    // The one that dies has entered its object in another table, which is as good as nowhere.
    let dies = master_in(&connection, &raw, &control_table(&connection));
    let (last, _) = put(&dies, 7, Some(1), 2);
    let new = master_in(&connection, &raw, &table);
    assert_eq!(wait(new.tail(&shard())).unwrap(), Some(last));
}

/// A function that answers may not write. It asked for the status, found a tail, and failed because it
/// tried to enter it.
#[test]
fn who_may_only_read_finds_a_tail_and_does_not_enter_it() {
    let connection = ministack();
    let (raw, table) = (bucket(&connection, "raw"), control_table(&connection));
    let (first, _) = put(&master_in(&connection, &raw, &table), 0, None, 1);
    let dies = master_in(&connection, &raw, &control_table(&connection));
    let (last, _) = put(&dies, 7, Some(1), 2);
    let reader = master_in(&connection, &raw, &table).read_only();
    for _ in 0..2 {
        assert_eq!(wait(reader.tail(&shard())).unwrap(), Some(last.clone()));
        assert_eq!(wait(reader.tails.get(&shard())).unwrap(), Some(first.clone()));
    }
}

/// Without the entry the next object would be linked to the one before it.
#[test]
fn whoever_meets_an_object_that_is_not_the_tail_yet_makes_it_so() {
    let connection = ministack();
    let (raw, table) = (bucket(&connection, "raw"), control_table(&connection));
    let running = master_in(&connection, &raw, &table);
    put(&running, 0, None, 1);
    assert!(wait(running.tail(&shard())).unwrap().is_some());
    let dies = master_in(&connection, &raw, &control_table(&connection));
    let (last, _) = put(&dies, 7, Some(1), 2);
    let (_, outcome) = put(&running, 7, Some(1), 2);
    assert_eq!(outcome, PutObject::Exists(last.clone()));
    assert_eq!(wait(running.tail(&shard())).unwrap(), Some(last));
}

#[test]
fn a_tail_never_goes_back() {
    let connection = ministack();
    let (raw, table) = (bucket(&connection, "raw"), control_table(&connection));
    let master = master_in(&connection, &raw, &table);
    let (first, _) = put(&master, 0, None, 1);
    let (last, _) = put(&master, 0, Some(1), 20);
    wait(master.tails.advance(&first)).unwrap();
    assert_eq!(wait(master.tail(&shard())).unwrap(), Some(last));
}

#[test]
fn a_footer_longer_than_what_is_fetched_first_is_fetched_whole() {
    let connection = ministack();
    let (raw, table) = (bucket(&connection, "raw"), control_table(&connection));
    let (info, _) = put(&master_in(&connection, &raw, &table), 0, None, 1);
    for tail_bytes in [8, 100, 1 << 20] {
        let mut master = master_in(&connection, &raw, &table);
        master.tail_bytes = tail_bytes;
        let found = wait(master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap();
        assert_eq!(found, std::slice::from_ref(&info));
    }
}

#[test]
fn an_object_with_a_name_of_another_is_corrupt() {
    let connection = ministack();
    let (raw, table) = (bucket(&connection, "raw"), control_table(&connection));
    let master = master_in(&connection, &raw, &table);
    put(&master, 0, None, 1);
    let all = || wait(master_in(&connection, &raw, &table).objects(Epoch::ZERO..Epoch(u64::MAX)));
    let keys = wait(connection.s3().list_objects_v2().bucket(&raw).prefix("raw/").send()).unwrap();
    let key = keys.contents()[0].key().unwrap();
    let copy = |to: &str| {
        let copy = connection.s3().copy_object().copy_source(format!("{raw}/{key}"));
        wait(copy.bucket(&raw).key(to).send()).unwrap();
    };
    copy(&key.replace("1.parquet", "2.parquet"));
    let error = all().unwrap_err();
    assert!(matches!(&error, Error::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("it holds the object"), "{error}");
    copy(&key.replace("1.parquet", "x.parquet"));
    assert!(all().unwrap_err().to_string().contains("x.parquet: corrupt"));
}
