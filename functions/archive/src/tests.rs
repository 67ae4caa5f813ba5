//! The handler over stores in memory and a stream whose numbers have gaps.

use super::*;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{Fields, ShardInfo, ShardKind};
use anabranch_core::record::SequenceNumber;
use anabranch_host::{Deadline, Level, Log};
use anabranch_stores::memory::{self, Held};
use std::time::Duration;

const ARN: &str = "arn:aws:kinesis:eu-central-1:000000000000:stream/events";

type Tested = Archive<memory::Master, memory::Control, Held>;

fn shard() -> ShardId {
    ShardId("shardId-000000000000".to_owned())
}

/// The function before the shard is registered. The stream has these records.
fn unregistered(stream: &[u64]) -> Tested {
    let held = Held::default();
    held.add(&shard(), stream.iter().map(|&n| n.into()));
    Archive {
        master: memory::Master::default(),
        control: memory::Control::default(),
        stream: held,
        name: "events".to_owned(),
        length: EpochLength::from_millis(10_000).unwrap(),
    }
}

async fn register(archive: &Tested) {
    let kind = ShardKind::Stream;
    let info = ShardInfo { shard: shard(), kind, base_epoch: Epoch(3), closed: None };
    assert!(archive.control.put_shard(None, &info).await.unwrap());
}

async fn registered(stream: &[u64]) -> Tested {
    let archive = unregistered(stream);
    register(&archive).await;
    archive
}

fn record(n: u64) -> Record<'static> {
    Record { sequence: n.into(), arrival_ms: 40_000, partition_key: "k", payload: b"{}" }
}

/// Delivers records; the number that was reported as failed.
async fn deliver_to(archive: &Tested, numbers: &[u64]) -> Option<u64> {
    deliver_within(archive, numbers, Duration::from_secs(60)).await
}

async fn deliver_within(archive: &Tested, numbers: &[u64], left: Duration) -> Option<u64> {
    let log = Log::to("archive", Level::Error, |_| {});
    let invocation = Invocation { log, deadline: Deadline::within(left) };
    let event = anabranch_envelope::event(ARN, &shard(), numbers.iter().map(|&n| record(n)));
    let response = archive.handle(&invocation, &event).await.unwrap();
    let first = response.batch_item_failures.first();
    first.and_then(|failure| failure.item_identifier.to_u64())
}

/// The numbers in the master data set.
async fn archived(archive: &Tested) -> Vec<u64> {
    let mut found: Vec<SequenceNumber> = Vec::new();
    for object in archive.master.objects(Epoch::ZERO..Epoch(u64::MAX)).await.unwrap() {
        let mut visit = |records: &[Record<'_>]| found.extend(records.iter().map(|r| r.sequence));
        archive.master.scan(&object, Fields::All, &mut visit).await.unwrap();
    }
    found.into_iter().map(|number| number.to_u64().unwrap()).collect()
}

#[tokio::test]
async fn what_is_delivered_is_archived_once_however_it_is_cut() {
    let archive = registered(&[5, 9, 12, 20, 33]).await;
    assert_eq!(deliver_to(&archive, &[5, 9]).await, None);
    assert_eq!(deliver_to(&archive, &[5, 9, 12]).await, None);
    assert_eq!(deliver_to(&archive, &[9, 12]).await, None);
    assert_eq!(deliver_to(&archive, &[20, 33]).await, None);
    assert_eq!(archived(&archive).await, [5, 9, 12, 20, 33]);
}

/// A batch that Lambda had given up looked like any gap in the numbers, and the chain went on over it.
#[tokio::test]
async fn the_chain_waits_for_what_was_given_up() {
    let archive = registered(&[5, 9, 12, 20, 33]).await;
    assert_eq!(deliver_to(&archive, &[5]).await, None);
    assert_eq!(deliver_to(&archive, &[20, 33]).await, Some(20));
    assert_eq!(archived(&archive).await, [5]);
    assert_eq!(deliver_to(&archive, &[9, 12]).await, None);
    assert_eq!(deliver_to(&archive, &[20, 33]).await, None);
    assert_eq!(archived(&archive).await, [5, 9, 12, 20, 33]);
}

#[tokio::test]
async fn nothing_is_known_to_follow_a_tail_that_has_left_the_stream() {
    let archive = registered(&[5, 9, 12]).await;
    assert_eq!(deliver_to(&archive, &[5]).await, None);
    archive.stream.trim(&shard(), 9.into());
    assert_eq!(deliver_to(&archive, &[12]).await, Some(12));
    assert_eq!(archived(&archive).await, [5]);
}

#[tokio::test]
async fn a_first_delivery_that_is_not_the_shards_first_waits() {
    let archive = registered(&[5, 9, 12]).await;
    assert_eq!(deliver_to(&archive, &[9, 12]).await, Some(9));
    assert!(archived(&archive).await.is_empty());
}

#[tokio::test]
async fn a_shard_that_is_not_registered_is_delivered_again() {
    let archive = unregistered(&[5, 9]);
    assert_eq!(deliver_to(&archive, &[5, 9]).await, Some(5));
    assert!(archived(&archive).await.is_empty());
    register(&archive).await;
    assert_eq!(deliver_to(&archive, &[5, 9]).await, None);
    assert_eq!(archived(&archive).await, [5, 9]);
}

#[tokio::test]
async fn nothing_is_begun_when_there_is_no_time() {
    let archive = registered(&[5]).await;
    assert_eq!(deliver_within(&archive, &[5], Duration::ZERO).await, Some(5));
    assert!(archived(&archive).await.is_empty());
}
