//! What every [`Log`] does.

use super::race;
use crate::stream::{Append, Appended, Heartbeats, Log};
use anabranch_core::port::{Error, Stream};
use anabranch_core::record::{HEARTBEAT, SequenceNumber, ShardId};
use std::sync::Arc;

/// Makes a test of every behaviour of a [`Log`], which has at least two shards.
#[macro_export]
macro_rules! log_conformance {
    ($fixture:expr, |$held:ident| $store:expr) => {
        $crate::conformance_tests! { log, $fixture, |$held| $store, [
            sequence_numbers_count_from_one_along_each_shard,
            records_come_back_in_order_behind_any_of_them,
            a_read_stops_near_its_size_and_returns_at_least_one_record,
            arrival_times_never_fall,
            racing_appends_get_ranges_without_gap_or_overlap,
            trimming_takes_nothing_behind_its_bound,
            a_shard_that_is_not_there_is_not_found,
            a_heartbeat_goes_to_every_shard,
        ] }
    };
}

fn append<'a>(shard: &ShardId, payloads: &[&'a [u8]]) -> Append<'a> {
    Append {
        shard: shard.clone(),
        records: payloads.iter().map(|payload| ("key", *payload)).collect(),
    }
}

fn appended(first: u64, last: u64) -> Appended {
    Appended { first: first.into(), last: last.into() }
}

/// Reads all there is behind `after`: sequence number, arrival time and payload of each.
fn read(log: &impl Log, shard: &ShardId, mut after: SequenceNumber) -> Vec<(u64, i64, Vec<u8>)> {
    let mut found = Vec::new();
    loop {
        let batch = log.read(shard, after, 1000).unwrap();
        assert_eq!(batch.records().count(), batch.len());
        assert_eq!(batch.records().last().map_or(after, |record| record.sequence), batch.last());
        if batch.is_empty() {
            return found;
        }
        after = batch.last();
        found.extend(batch.records().map(|record| {
            let sequence = record.sequence.to_u64().expect("a log counts in 64 bits");
            (sequence, record.arrival_ms, record.payload.to_vec())
        }));
    }
}

/// The shards of an append are numbered each on its own.
pub async fn sequence_numbers_count_from_one_along_each_shard<L: Log>(log: &Arc<L>) {
    let [a, b] = [&log.shards()[0], &log.shards()[1]];
    assert_eq!(log.last(a).unwrap(), SequenceNumber::ZERO);
    let done = log.append(&[append(a, &[b"1", b"2"]), append(b, &[b"3"])], 0).unwrap();
    assert_eq!(done, [appended(1, 2), appended(1, 1)]);
    // One shard may have several appends, or an empty one.
    let done = log.append(&[append(b, &[b"4"]), append(a, &[]), append(b, &[b"5"])], 0).unwrap();
    assert_eq!(done, [appended(2, 2), appended(3, 2), appended(3, 3)]);
    assert_eq!((log.last(a).unwrap(), log.last(b).unwrap()), (2.into(), 3.into()));
    assert_eq!(log.append(&[], 0).unwrap(), []);
    assert!(log.shards().is_sorted());
}

/// Blocks are no borders for a reader.
pub async fn records_come_back_in_order_behind_any_of_them<L: Log>(log: &Arc<L>) {
    let shard = &log.shards()[0];
    let payloads: Vec<Vec<u8>> = (0..60_u8).map(|n| vec![n; usize::from(n)]).collect();
    for (n, chunk) in payloads.chunks(7).enumerate() {
        let chunk: Vec<&[u8]> = chunk.iter().map(Vec::as_slice).collect();
        log.append(&[append(shard, &chunk)], n as i64).unwrap();
    }
    for after in 0..=payloads.len() {
        let found = read(&**log, shard, (after as u64).into());
        let expected = payloads.iter().enumerate().skip(after);
        let expected = expected.map(|(n, payload)| (n as u64 + 1, n as i64 / 7, payload.clone()));
        assert_eq!(found, expected.collect::<Vec<_>>(), "behind {after}");
    }
    assert!(log.read(shard, "1000000000000000000000".parse().unwrap(), 1).unwrap().is_empty());
}

/// A reader always gets on, and never gets the whole backlog at once.
pub async fn a_read_stops_near_its_size_and_returns_at_least_one_record<L: Log>(log: &Arc<L>) {
    let shard = &log.shards()[0];
    let payload = vec![7; 100_000];
    for _ in 0..10 {
        log.append(&[append(shard, &[&payload])], 0).unwrap();
    }
    assert_eq!(log.read(shard, SequenceNumber::ZERO, 0).unwrap().len(), 1);
    assert_eq!(log.read(shard, 3.into(), 250_000).unwrap().len(), 3);
    assert_eq!(log.read(shard, 3.into(), usize::MAX).unwrap().len(), 7);
    // One append of several mebibytes is not one block.
    let large: Vec<&[u8]> = vec![&payload; 100];
    log.append(&[append(shard, &large)], 0).unwrap();
    let batch = log.read(shard, 10.into(), 1).unwrap();
    assert!((1..=20).contains(&batch.len()), "{}", batch.len());
}

/// Not where the clock falls, not across shards, and not below what the clock was raised to.
pub async fn arrival_times_never_fall<L: Log>(log: &Arc<L>) {
    let [a, b] = [&log.shards()[0], &log.shards()[1]];
    let newest = |shard: &ShardId| read(&**log, shard, SequenceNumber::ZERO).pop().unwrap().1;
    log.append(&[append(a, &[b""])], -5).unwrap();
    assert_eq!(newest(a), -5);
    log.append(&[append(a, &[b""])], 1000).unwrap();
    log.append(&[append(b, &[b""])], 900).unwrap();
    assert_eq!(newest(b), 1000);
    log.raise_clock(5000).unwrap();
    log.raise_clock(4000).unwrap();
    log.append(&[append(a, &[b""])], 1001).unwrap();
    assert_eq!(newest(a), 5000);
    log.append(&[append(b, &[b""])], 5001).unwrap();
    assert_eq!(newest(b), 5001);
}

/// Each writer finds its own records where it was told they are.
pub async fn racing_appends_get_ranges_without_gap_or_overlap<L: Log>(log: &Arc<L>) {
    let shard = &log.shards()[0];
    let outcomes = race((0..4_u8).collect(), |writer| {
        let payload = [writer];
        let write = |count| {
            let payloads: Vec<&[u8]> = vec![&payload; count];
            (writer, log.append(&[append(shard, &payloads)], 0).unwrap()[0])
        };
        (1..10).map(write).collect::<Vec<_>>()
    });
    let mut ranges: Vec<(u8, Appended)> = outcomes.into_iter().flatten().collect();
    ranges.sort_by_key(|(_, range)| range.first);
    let found = read(&**log, shard, SequenceNumber::ZERO);
    let mut next = 1;
    for (writer, range) in ranges {
        let (first, last) = (range.first.to_u64().unwrap(), range.last.to_u64().unwrap());
        assert_eq!(first, next);
        for sequence in first..=last {
            assert_eq!(found[sequence as usize - 1], (sequence, 0, vec![writer]));
        }
        next = last + 1;
    }
    assert_eq!(found.len() as u64, next - 1);
}

/// What is trimmed may stay, what is not must; numbers go on.
pub async fn trimming_takes_nothing_behind_its_bound<L: Log>(log: &Arc<L>) {
    let [a, b] = [&log.shards()[0], &log.shards()[1]];
    let payload: &[u8] = b"x";
    for _ in 0..5 {
        log.append(&[append(a, &[payload; 4]), append(b, &[payload; 4])], 0).unwrap();
    }
    let mut bound = 0;
    for through in [0, 3, 4, 4, 9, 2, 12] {
        log.trim(a, through.into()).unwrap();
        bound = bound.max(through);
        let behind: Vec<u64> =
            read(&**log, a, bound.into()).into_iter().map(|record| record.0).collect();
        assert_eq!(behind, (bound + 1..=20).collect::<Vec<_>>(), "through {through}");
    }
    let first_left = |log: &Arc<L>| read(&**log, a, SequenceNumber::ZERO).first().map(|r| r.0);
    assert_eq!(first_left(log), Some(13), "whole appends up to the bound do go");
    log.trim(a, 20.into()).unwrap();
    assert_eq!(first_left(log), None);
    assert_eq!(log.last(a).unwrap(), 20.into());
    assert_eq!(log.append(&[append(a, &[payload])], 0).unwrap(), [appended(21, 21)]);
    log.trim(a, "1000000000000000000000".parse().unwrap()).unwrap();
    assert_eq!(first_left(log), None);
    assert_eq!(read(&**log, b, SequenceNumber::ZERO).len(), 20, "another shard was trimmed");
}

/// And nothing of such an append is kept.
pub async fn a_shard_that_is_not_there_is_not_found<L: Log>(log: &Arc<L>) {
    let (known, unknown) = (&log.shards()[0], &ShardId("shard-x".to_owned()));
    let error = log.append(&[append(known, &[b"1"]), append(unknown, &[b"2"])], 0).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains("shard-x"));
    assert_eq!(log.last(known).unwrap(), SequenceNumber::ZERO);
    assert!(matches!(log.last(unknown), Err(Error::NotFound { .. })));
    assert!(matches!(log.read(unknown, 0.into(), 1), Err(Error::NotFound { .. })));
    assert!(matches!(log.trim(unknown, 0.into()), Err(Error::NotFound { .. })));
}

/// Stamped by the clock it is given.
pub async fn a_heartbeat_goes_to_every_shard<L: Log>(log: &Arc<L>) {
    let heartbeats = Heartbeats::new(Arc::clone(log), Box::new(|| 12_345));
    heartbeats.heartbeat().await.unwrap();
    for shard in log.shards() {
        let batch = log.read(shard, SequenceNumber::ZERO, usize::MAX).unwrap();
        let records: Vec<_> = batch.records().collect();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].partition_key, records[0].payload), (HEARTBEAT, &b""[..]));
        assert_eq!((records[0].arrival_ms, records[0].sequence), (12_345, 1.into()));
    }
}
