//! What every [`MasterDataSet`] does.

use super::{block_on, race};
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{Error, Fields, MasterDataSet, ObjectInfo, PutObject};
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use std::ops::Range;

/// Makes a test of every behaviour of a [`MasterDataSet`].
#[macro_export]
macro_rules! master_data_set_conformance {
    ($fixture:expr, |$held:ident| $store:expr) => {
        $crate::conformance_tests! { master_data_set, $fixture, |$held| $store, [
            an_object_is_created_once_and_the_first_stays,
            racing_writers_create_one_object,
            a_scan_gives_back_every_record_in_order,
            a_fold_sees_payloads_arrivals_and_heartbeats,
            objects_are_listed_by_shard_epoch_and_first,
            only_objects_of_the_epochs_asked_for_are_listed,
            the_tail_is_the_last_object_of_the_shard,
            sequence_numbers_of_kinesis_are_kept,
            an_object_that_is_not_there_is_not_found,
        ] }
    };
}

/// An epoch of ten seconds in the year 2026, plus some.
fn epoch(n: u64) -> Epoch {
    Epoch(178_000_000 + n)
}

fn shard(name: &str) -> ShardId {
    ShardId(name.to_owned())
}

fn record(sequence: u64, payload: &[u8]) -> Record<'_> {
    Record { sequence: sequence.into(), arrival_ms: 1_780_000_000_000, partition_key: "k", payload }
}

fn info(name: &str, of: u64, records: &[Record<'_>]) -> ObjectInfo {
    let arrivals = records.iter().map(|record| record.arrival_ms);
    ObjectInfo {
        shard: shard(name),
        epoch: epoch(of),
        first: records[0].sequence,
        last: records[records.len() - 1].sequence,
        follows: None,
        records: records.len() as u64,
        heartbeats: records.iter().filter(|record| record.is_heartbeat()).count() as u64,
        min_arrival_ms: arrivals.clone().min().expect("an object holds a record"),
        max_arrival_ms: arrivals.max().expect("an object holds a record"),
    }
}

async fn put(store: &impl MasterDataSet, name: &str, of: u64, sequences: Range<u64>) -> ObjectInfo {
    let records: Vec<Record<'_>> = sequences.map(|sequence| record(sequence, b"{}")).collect();
    let info = info(name, of, &records);
    assert_eq!(store.put_if_absent(&info, &records).await.unwrap(), PutObject::Created);
    info
}

/// A scan's records in a form that can be kept.
type Scanned = Vec<(SequenceNumber, i64, String, Vec<u8>)>;

async fn scan(store: &impl MasterDataSet, info: &ObjectInfo, fields: Fields) -> Scanned {
    let mut found = Scanned::new();
    let mut keep = |records: &[Record<'_>]| {
        found.extend(records.iter().map(|record| {
            let (key, payload) = (record.partition_key.to_owned(), record.payload.to_vec());
            (record.sequence, record.arrival_ms, key, payload)
        }));
    };
    store.scan(info, fields, &mut keep).await.unwrap();
    found
}

/// A second writer learns what is there, which stays as it is.
pub async fn an_object_is_created_once_and_the_first_stays<S: MasterDataSet>(store: &S) {
    let first = [record(1, b"one"), record(2, b"two")];
    let there = info("s", 0, &first);
    assert_eq!(store.put_if_absent(&there, &first).await.unwrap(), PutObject::Created);
    let second = [record(1, b"another")];
    let refused = store.put_if_absent(&info("s", 0, &second), &second).await.unwrap();
    assert_eq!(refused, PutObject::Exists(there.clone()));
    let payloads = scan(store, &there, Fields::All).await.into_iter().map(|record| record.3);
    assert_eq!(payloads.collect::<Vec<_>>(), [b"one", b"two"]);
}

/// Of several writers of one object, one creates it and the others learn of that one.
pub async fn racing_writers_create_one_object<S: MasterDataSet>(store: &S) {
    for round in 0..10 {
        let outcomes = race((1..=4).collect(), |count: u64| {
            let records: Vec<Record<'_>> = (1..=count).map(|n| record(n, b"{}")).collect();
            let info = info("s", round, &records);
            (block_on(store.put_if_absent(&info, &records)).unwrap(), info)
        });
        let created = |(outcome, info): &(PutObject, ObjectInfo)| {
            (*outcome == PutObject::Created).then(|| info.clone())
        };
        let winners: Vec<ObjectInfo> = outcomes.iter().filter_map(created).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        for (outcome, info) in &outcomes {
            let is_winner = *info == winners[0];
            assert!(is_winner || *outcome == PutObject::Exists(winners[0].clone()), "{outcomes:?}");
        }
        assert_eq!(scan(store, &winners[0], Fields::All).await.len() as u64, winners[0].records);
    }
}

/// Payloads may be any bytes, of any length.
pub async fn a_scan_gives_back_every_record_in_order<S: MasterDataSet>(store: &S) {
    let long = vec![0xfe; 3 << 20];
    let mut payloads: Vec<Vec<u8>> =
        (0..5000_usize).map(|n| vec![(n % 256) as u8; n % 700]).collect();
    payloads[4000] = long;
    let keys: Vec<String> = (0..payloads.len()).map(|n| format!("clé-{}", n % 777)).collect();
    let records: Vec<Record<'_>> = (0..payloads.len())
        .map(|n| Record {
            sequence: (n as u64 * 3 + 1).into(),
            arrival_ms: 1_780_000_000_000 - (n as i64 * 7919) % 5000,
            partition_key: if n % 1000 == 5 { HEARTBEAT } else { &keys[n] },
            payload: &payloads[n],
        })
        .collect();
    let info = info("s", 0, &records);
    store.put_if_absent(&info, &records).await.unwrap();
    let found = scan(store, &info, Fields::All).await;
    assert_eq!(found.len(), records.len());
    for ((sequence, arrival_ms, key, payload), record) in found.iter().zip(&records) {
        let partition_key = key.as_str();
        let found = Record { sequence: *sequence, arrival_ms: *arrival_ms, partition_key, payload };
        assert_eq!(found, *record);
    }
}

/// A fold gets less than everything, and that right.
pub async fn a_fold_sees_payloads_arrivals_and_heartbeats<S: MasterDataSet>(store: &S) {
    for heartbeats in [false, true] {
        let records: Vec<Record<'_>> = (0..3000)
            .map(|n| Record {
                arrival_ms: 1_780_000_000_000 + n as i64,
                partition_key: if heartbeats && n % 1100 == 7 { HEARTBEAT } else { "someone" },
                ..record(n + 1, b"{\"a\":1}")
            })
            .collect();
        let info = info("s", u64::from(heartbeats), &records);
        store.put_if_absent(&info, &records).await.unwrap();
        let mut found = Vec::new();
        let mut keep = |records: &[Record<'_>]| {
            let seen = |r: &Record<'_>| (r.arrival_ms, r.is_heartbeat(), r.payload.to_vec());
            found.extend(records.iter().map(seen));
        };
        store.scan(&info, Fields::Fold, &mut keep).await.unwrap();
        let expected = records.iter().map(|r| (r.arrival_ms, r.is_heartbeat(), r.payload.to_vec()));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}

/// By number, not by digits, and by the shard's whole name.
pub async fn objects_are_listed_by_shard_epoch_and_first<S: MasterDataSet>(store: &S) {
    let mut expected = Vec::new();
    for (name, of, sequences) in
        [("b", 1, 9..10), ("a-1", 2, 10..12), ("a", 2, 1..3), ("b", 1, 10..11), ("a", 0, 5..6)]
    {
        expected.push(put(store, name, of, sequences).await);
    }
    expected.sort_by_key(|info| (info.shard.clone(), info.epoch, info.first));
    assert_eq!(store.objects(Epoch::ZERO..Epoch(u64::MAX)).await.unwrap(), expected);
}

/// The range excludes its end, across the folders of hours and days too.
pub async fn only_objects_of_the_epochs_asked_for_are_listed<S: MasterDataSet>(store: &S) {
    // At ten seconds an epoch: neighbours, another hour, another day, another year.
    for (n, of) in [0, 1, 359, 360, 361, 8_640, 3_153_600].into_iter().enumerate() {
        put(store, "s", of, n as u64 + 1..n as u64 + 2).await;
    }
    for (range, expected) in [
        (0..0, vec![]),
        (0..1, vec![0]),
        (1..360, vec![1, 359]),
        (360..8_641, vec![360, 361, 8_640]),
        (361..362, vec![361]),
        (3_153_601..4_000_000, vec![]),
    ] {
        let objects = store.objects(epoch(range.start)..epoch(range.end)).await.unwrap();
        let found: Vec<Epoch> = objects.iter().map(|info| info.epoch).collect();
        assert_eq!(found, expected.into_iter().map(epoch).collect::<Vec<_>>(), "{range:?}");
    }
    assert_eq!(store.objects(Epoch(9)..Epoch(3)).await.unwrap(), []);
}

/// The tail follows each put and does not mix up shards with similar names.
pub async fn the_tail_is_the_last_object_of_the_shard<S: MasterDataSet>(store: &S) {
    assert_eq!(store.tail(&shard("a")).await.unwrap(), None);
    let first = put(store, "a", 0, 9..10).await;
    put(store, "a-1", 7, 1..2).await;
    put(store, "a1", 8, 1..2).await;
    assert_eq!(store.tail(&shard("a")).await.unwrap(), Some(first));
    let second = put(store, "a", 0, 10..20).await;
    assert_eq!(store.tail(&shard("a")).await.unwrap(), Some(second));
    let third = put(store, "a", 400, 20..21).await;
    assert_eq!(store.tail(&shard("a")).await.unwrap(), Some(third));
    assert_eq!(store.tail(&shard("")).await.unwrap(), None);
}

/// 56 digits, and gaps between them.
pub async fn sequence_numbers_of_kinesis_are_kept<S: MasterDataSet>(store: &S) {
    let numbers = [
        "49590338271490256608559692538361571095921575989136588898",
        "49590338271490256608559692540925702759324208523137515618",
    ];
    let records = numbers.map(|text| Record { sequence: text.parse().unwrap(), ..record(0, b"") });
    let mut info = info("shardId-000000000000", 0, &records);
    info.follows =
        Some("49590338271490256608559692538361571095921575989136588897".parse().unwrap());
    store.put_if_absent(&info, &records).await.unwrap();
    assert_eq!(store.tail(&info.shard).await.unwrap(), Some(info.clone()));
    let found = scan(store, &info, Fields::All).await;
    assert_eq!(found.iter().map(|record| record.0.to_string()).collect::<Vec<_>>(), numbers);
}

/// The error says which object.
pub async fn an_object_that_is_not_there_is_not_found<S: MasterDataSet>(store: &S) {
    let records = [record(12_345, b"{}")];
    let error = store.scan(&info("s", 0, &records), Fields::All, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("12345"), "{error}");
}
