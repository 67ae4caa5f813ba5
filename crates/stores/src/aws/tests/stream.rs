//! Kinesis: heartbeats reach every shard, and events arrive although batches are taken in parts.

use super::stub::Stub;
use super::{connect, fresh_name, ministack, wait};
use crate::aws::{Connection, Producer, Stream};
use anabranch_core::port::{Error, Retained as _, Stream as _};
use anabranch_core::record::{HEARTBEAT, SequenceNumber, ShardId};
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use std::collections::BTreeSet;

/// A new stream.
fn stream(connection: &Connection, shards: i32) -> Stream {
    let name = fresh_name("events");
    let stream = Stream::new(connection, &name);
    let create = stream.client().create_stream().stream_name(&name).shard_count(shards);
    wait(create.send()).unwrap();
    // It becomes active in the background.
    while wait(stream.shards()).map_or(true, |found| found.len() < shards as usize) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    stream
}

/// Every record of every shard.
fn records(stream: &Stream) -> Vec<Vec<Record>> {
    let read = |shard: &crate::aws::StreamShard| {
        let start = stream.client().get_shard_iterator().stream_name(stream.name());
        let start = start.shard_id(&shard.shard.0);
        let start = start.shard_iterator_type(ShardIteratorType::TrimHorizon).send();
        let mut iterator = wait(start).unwrap().shard_iterator;
        let mut found = Vec::new();
        while let Some(at) = iterator {
            let read = wait(stream.client().get_records().shard_iterator(at).send()).unwrap();
            found.extend(read.records);
            let is_at_the_tip = read.millis_behind_latest == Some(0);
            iterator = read.next_shard_iterator.filter(|_| !is_at_the_tip);
        }
        found
    };
    wait(stream.shards()).unwrap().iter().map(read).collect()
}

#[test]
fn a_heartbeat_reaches_every_open_shard() {
    let stream = stream(&ministack(), 3);
    wait(stream.heartbeat()).unwrap();
    let found = records(&stream);
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(found.iter().flatten().all(|record| record.partition_key() == Some(HEARTBEAT)));
}

#[test]
fn every_event_arrives_across_batches() {
    let stream = stream(&ministack(), 2);
    let payloads: Vec<String> = (0..1200).map(|n| format!("{{\"n\":{n}}}")).collect();
    let keys: Vec<String> = (0..1200).map(|n| format!("key-{n}")).collect();
    let events: Vec<_> = keys
        .iter()
        .zip(&payloads)
        .map(|(key, payload)| (key.as_str(), payload.as_bytes()))
        .collect();
    wait(Producer::new(stream.clone()).send(&events)).unwrap();
    let found = records(&stream);
    assert!(found.iter().all(|shard| !shard.is_empty()));
    let found: BTreeSet<(String, Vec<u8>)> = found
        .into_iter()
        .flatten()
        .map(|record| (record.partition_key.unwrap(), record.data.into_inner()))
        .collect();
    let expected = events.iter().map(|(key, payload)| ((*key).to_owned(), payload.to_vec()));
    assert_eq!(found, expected.collect());
    let numbers = records(&stream).into_iter().flatten().map(|record| record.sequence_number);
    assert!(numbers.map(|number| number.parse::<SequenceNumber>()).all(|number| number.is_ok()));
}

#[test]
fn an_open_shard_is_never_drained() {
    let stream = stream(&ministack(), 1);
    let shard = wait(stream.shards()).unwrap().remove(0);
    assert!(shard.is_open && shard.parents.is_empty());
    assert!(!wait(stream.is_drained(&shard.shard, None)).unwrap());
    wait(Producer::new(stream.clone()).send(&[("k", b"{}")])).unwrap();
    assert!(!wait(stream.is_drained(&shard.shard, None)).unwrap());
    let last = records(&stream)[0][0].sequence_number.parse().unwrap();
    assert!(!wait(stream.is_drained(&shard.shard, Some(last))).unwrap());
}

#[test]
fn the_first_two_records_from_a_place_on_are_those_that_the_stream_has() {
    let stream = stream(&ministack(), 1);
    let shard = wait(stream.shards()).unwrap().remove(0).shard;
    let first_two = |from| wait(stream.first_two(&shard, from)).unwrap();
    assert_eq!(first_two(None), []);
    let events: [(&str, &[u8]); 3] = [("a", b"1"), ("b", b"2"), ("c", b"3")];
    wait(Producer::new(stream.clone()).send(&events)).unwrap();
    let numbers: Vec<SequenceNumber> =
        records(&stream)[0].iter().map(|record| record.sequence_number.parse().unwrap()).collect();
    assert_eq!(first_two(None), numbers[..2]);
    assert_eq!(first_two(Some(numbers[1])), numbers[1..]);
    assert_eq!(first_two(Some(numbers[2])), numbers[2..]);
    let gone = ShardId("shardId-000000000099".to_owned());
    assert_eq!(wait(stream.first_two(&gone, None)).unwrap(), []);
}

/// An iterator; an empty page with more behind it; a page of one; the tip.
const ITERATOR: &str = r#"{"ShardIterator":"a"}"#;
const EMPTY_PAGE: &str = r#"{"Records":[],"NextShardIterator":"b","MillisBehindLatest":5000}"#;
const PAGE_OF_ONE: &str = r#"{"Records":[{"SequenceNumber":"7","Data":"","PartitionKey":"k","ApproximateArrivalTimestamp":1}],"NextShardIterator":"c","MillisBehindLatest":4000}"#;
const TIP: &str = r#"{"Records":[{"SequenceNumber":"9","Data":"","PartitionKey":"k","ApproximateArrivalTimestamp":1}],"NextShardIterator":"d","MillisBehindLatest":0}"#;

/// Kinesis gives empty pages, and short ones, where records come behind them. Taken for the end, such
/// a page made a delivery look as if something were missing in front of it.
#[test]
fn records_behind_empty_and_short_pages_are_found() {
    let replies = [ITERATOR, EMPTY_PAGE, PAGE_OF_ONE, EMPTY_PAGE, TIP];
    let stub = Stub::start(replies.map(|reply| (200, reply)).to_vec());
    let stream = Stream::new(&connect(stub.url), "s");
    let found = wait(stream.first_two(&ShardId("x".to_owned()), Some(7.into()))).unwrap();
    assert_eq!(found, [7.into(), 9.into()]);
}

/// Replies to batches of which records were and were not taken.
const SECOND_NOT_TAKEN: &str = r#"{"FailedRecordCount":1,"Records":[
    {"SequenceNumber":"1","ShardId":"shardId-000000000000"},
    {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"slow down"},
    {"SequenceNumber":"2","ShardId":"shardId-000000000000"}]}"#;
const TAKEN: &str = r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"3","ShardId":"shardId-000000000000"}]}"#;

#[test]
fn only_what_was_not_taken_is_sent_again() {
    let stub = Stub::start(vec![(200, SECOND_NOT_TAKEN), (200, TAKEN)]);
    let producer = Producer::new(Stream::new(&connect(stub.url), "s"));
    wait(producer.send(&[("one", b"1"), ("two", b"2"), ("three", b"3")])).unwrap();
    let sent: Vec<String> = stub.requests.try_iter().collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    let keys = |request: &str| ["one", "two", "three"].map(|key| request.contains(key));
    assert_eq!((keys(&sent[0]), keys(&sent[1])), ([true; 3], [false, true, false]));
}

#[test]
fn what_can_be_no_record_is_refused_before_anything_is_sent() {
    let stub = Stub::start(vec![(200, TAKEN)]);
    let producer = Producer::new(Stream::new(&connect(stub.url), "s"));
    let large = vec![0; 1 << 20];
    for (key, payload) in
        [("", &b"{}"[..]), ("k", &large), (HEARTBEAT, b"{}"), (&"k".repeat(257), b"{}")]
    {
        let error = wait(producer.send(&[("fine", b"{}"), (key, payload)])).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    }
    assert_eq!(stub.requests.try_iter().count(), 0);
}
