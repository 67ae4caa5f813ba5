//! Kinesis: heartbeats reach every shard, and events arrive although batches are taken in parts.

use super::stub::Stub;
use super::{connect, fresh_name, ministack, wait};
use crate::aws::{Connection, Producer, Stream};
use anabranch_core::port::{Error, Stream as _};
use anabranch_core::record::{HEARTBEAT, SequenceNumber};
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
