//! The handler over stores in memory and a stream whose numbers have gaps, answers held against the
//! events that went in.

use super::*;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::archive::archive;
use anabranch_core::pipeline::deploy::{deploy, deployed};
use anabranch_core::port::{ShardInfo, ShardKind};
use anabranch_core::project::Project;
use anabranch_core::query::ask;
use anabranch_core::sql::Source;
use anabranch_host::{Deadline, Level};
use anabranch_stores::memory::{self, Held};
use std::sync::Arc;
use std::time::Duration;

const ARN: &str = "arn:aws:kinesis:eu-central-1:000000000000:stream/events";
const SCHEMA: &str =
    "CREATE TABLE e (t TIMESTAMP(3), n BIGINT) WITH (format = 'json', event_time = 't')";
const NOW_MS: i64 = 1_770_000_000_000;

type Tested = Speed<memory::Speed, memory::Control, memory::Master, Held>;

struct World {
    function: Tested,
    views: memory::Views,
    length: EpochLength,
}

fn shard() -> ShardId {
    ShardId("shardId-000000000000".to_owned())
}

/// A view `v` that has `measure` as `m`.
fn project(measure: &str) -> Project {
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let view = format!("CREATE MATERIALIZED VIEW v AS SELECT {measure} AS m FROM e");
    let schema = source("schema.sql", SCHEMA.to_owned());
    Project::compile(&schema, &[source("v.sql", view)]).unwrap()
}

impl World {
    /// Nothing is deployed or registered. The stream has these records.
    fn new(stream: &[u64]) -> Self {
        let length = EpochLength::from_millis(10_000).unwrap();
        let held = Held::default();
        held.add(&shard(), stream.iter().map(|&n| n.into()));
        let (speed, control, master) = Default::default();
        let stores = (speed, control, master, held);
        let function = Speed::new(stores, "events".to_owned(), length);
        World { function, views: memory::Views::default(), length }
    }

    async fn deployed(stream: &[u64]) -> Self {
        let world = World::new(stream);
        world.deploy("count(*)").await;
        world.register().await;
        world
    }

    async fn deploy(&self, measure: &str) {
        let control = &self.function.control;
        deploy(&project(measure), &self.views, &self.function.speed, control).await.unwrap();
    }

    async fn register(&self) {
        let (kind, base_epoch) = (ShardKind::Stream, Epoch::ZERO);
        let info = ShardInfo { shard: shard(), kind, base_epoch, closed: None };
        assert!(self.function.control.put_shard(None, &info).await.unwrap());
    }

    /// Delivers records; the number that was reported as failed.
    async fn deliver(&self, numbers: &[u64]) -> Option<u64> {
        self.deliver_within(numbers, Duration::from_secs(60)).await
    }

    async fn deliver_within(&self, numbers: &[u64], left: Duration) -> Option<u64> {
        let log = Log::to("speed", Level::Error, |_| {});
        let invocation = Invocation { log, deadline: Deadline::within(left) };
        let event = anabranch_envelope::event(ARN, &shard(), numbers.iter().map(|&n| record(n)));
        let response = self.function.handle(&invocation, &event).await.unwrap();
        let first = response.batch_item_failures.first();
        first.and_then(|failure| failure.item_identifier.to_u64())
    }

    async fn archive(&self, numbers: &[u64], follows: u64) {
        let records: Vec<Record<'_>> = numbers.iter().map(|&n| record(n)).collect();
        let shard = shard();
        let follows = Some(follows.into());
        let delivery = Delivery { shard: &shard, records: &records, follows };
        let Speed { master, control, .. } = &self.function;
        archive(master, control, self.length, delivery).await.unwrap();
    }

    /// The measure, and whether the answer is complete.
    async fn answer(&self) -> (String, bool) {
        let definitions = self.function.control.definitions().await.unwrap().unwrap();
        let project = deployed(&definitions).unwrap();
        let view = Arc::clone(project.view("v").unwrap());
        let Speed { speed, control, .. } = &self.function;
        let answer =
            ask(&project, &view, &[], self.length, &self.views, speed, control).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&answer.to_json()).unwrap();
        (json["rows"][0]["m"].to_string(), answer.receipt.complete)
    }
}

/// An event whose `n` is its number.
fn record(n: u64) -> Record<'static> {
    let payload = format!("{{\"t\":\"2026-02-02T00:00:00Z\",\"n\":{n}}}").leak().as_bytes();
    Record { sequence: n.into(), arrival_ms: NOW_MS, partition_key: "k", payload }
}

#[tokio::test]
async fn what_is_delivered_is_counted_once_however_it_is_cut() {
    let world = World::deployed(&[5, 9, 12, 20, 33]).await;
    assert_eq!(world.deliver(&[5, 9]).await, None);
    assert_eq!(world.deliver(&[5, 9, 12]).await, None);
    assert_eq!(world.deliver(&[9, 12]).await, None);
    assert_eq!(world.deliver(&[20, 33]).await, None);
    assert_eq!(world.answer().await, ("5".to_owned(), true));
}

#[tokio::test]
async fn before_anything_is_deployed_records_are_delivered_again() {
    let world = World::new(&[5, 9]);
    assert_eq!(world.deliver(&[5, 9]).await, Some(5));
    world.deploy("count(*)").await;
    assert_eq!(world.deliver(&[5, 9]).await, Some(5), "its shard is not registered");
    world.register().await;
    assert_eq!(world.deliver(&[5, 9]).await, None);
    assert_eq!(world.answer().await, ("2".to_owned(), true));
}

#[tokio::test]
async fn an_answer_over_what_was_given_up_says_that_it_is_not_complete() {
    let world = World::deployed(&[5, 9, 12, 20]).await;
    assert_eq!(world.deliver(&[5]).await, None);
    assert_eq!(world.deliver(&[12, 20]).await, None);
    assert_eq!(world.answer().await, ("3".to_owned(), false));
}

#[tokio::test]
async fn an_answer_over_what_has_left_the_stream_says_that_it_is_not_complete() {
    let world = World::deployed(&[5, 9, 12]).await;
    assert_eq!(world.deliver(&[5]).await, None);
    world.function.stream.trim(&shard(), 9.into());
    assert_eq!(world.deliver(&[12]).await, None);
    assert_eq!(world.answer().await, ("2".to_owned(), false));
}

/// Without its checkpoint the layer took the oldest record that the stream had left for the shard's
/// first, and answers were complete without what came before it.
#[tokio::test]
async fn the_oldest_record_left_in_the_stream_is_not_the_first_of_a_shard_that_has_older_ones() {
    let world = World::deployed(&[5, 9, 12]).await;
    world.archive(&[5, 9], 0).await;
    world.function.stream.trim(&shard(), 9.into());
    assert_eq!(world.deliver(&[12]).await, None);
    assert_eq!(world.answer().await, ("1".to_owned(), false));
}

#[tokio::test]
async fn a_changed_definition_is_absorbed_by_the_next_delivery_and_the_old_one_too() {
    let world = World::deployed(&[5, 9, 12, 20]).await;
    assert_eq!(world.deliver(&[5, 9]).await, None);
    world.deploy("sum(n)").await;
    assert_eq!(world.deliver(&[12]).await, None);
    // The old definition answers for the view, complete, until a batch version covers the new one.
    let definitions = world.function.control.definitions().await.unwrap().unwrap();
    let project = deployed(&definitions).unwrap();
    let checkpoint = world.function.control.checkpoint(&shard()).await.unwrap().unwrap();
    let old = project.superseded("v").unwrap().fingerprint;
    assert_eq!(checkpoint.covered.get(&old), Some(&Epoch::ZERO));
    assert!(checkpoint.covered[&project.view("v").unwrap().fingerprint] > Epoch::ZERO);
    // It was absorbed by a warm function that another deployment changes in passing.
    world.deploy("count(*)").await;
    assert_eq!(world.deliver(&[20]).await, None);
    assert_eq!(world.answer().await, ("4".to_owned(), true));
}

#[tokio::test]
async fn nothing_is_begun_when_there_is_no_time_and_less_is_taken_at_once_from_there_on() {
    let numbers: Vec<u64> = (1..=6_000).map(|n| n * 3).collect();
    let world = World::deployed(&numbers).await;
    assert_eq!(world.deliver_within(&numbers, Duration::ZERO).await, Some(3));
    assert_eq!(world.deliver(&numbers).await, None);
    assert_eq!(world.answer().await, ("6000".to_owned(), true));
}

#[tokio::test]
async fn metrics_say_what_became_of_the_records() {
    let world = World::deployed(&[5, 9, 12]).await;
    let lines: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let taken = Arc::clone(&lines);
    let log = Log::to("speed", Level::Error, move |line| {
        taken.lock().unwrap().push(line.to_owned());
    });
    let invocation = Invocation { log, deadline: Deadline::within(Duration::from_secs(60)) };
    let bad = Record { payload: b"{", ..record(9) };
    let heartbeat = Record { partition_key: "anabranch.heartbeat", payload: b"", ..record(12) };
    let event = anabranch_envelope::event(ARN, &shard(), [record(5), bad, heartbeat]);
    for _ in 0..2 {
        world.function.handle(&invocation, &event).await.unwrap();
    }
    let lines = lines.lock().unwrap();
    let metrics: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |at: usize| {
        ["Events", "Records", "Redelivered", "Rejected", "RowsWritten", "WriteUnits"]
            .map(|name| metrics[at][name].as_u64().unwrap())
    };
    // One row of the view, and one of each outcome.
    assert_eq!(of(0), [2, 3, 0, 1, 3, 3]);
    assert_eq!(of(1), [2, 0, 3, 0, 0, 0]);
    assert_eq!(metrics[0]["Epoch"], NOW_MS as u64 / 10_000);
}
