//! A deployment in memory. Records arrive in the past, so that their epochs are over.

use crate::{Action, Batch, GivenUp, Listed, Report, Settings, Shards, Sizes};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::archive::archive;
use anabranch_core::pipeline::follow::follows;
use anabranch_core::port::{Inline, Jobs, MasterDataSet as _, Result, Retained};
use anabranch_core::project::Project;
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use anabranch_core::sql::Source;
use anabranch_host::{Deadline, Invocation, Level, Log, now_ms};
use anabranch_stores::memory::{self, Held};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) type Tested =
    Batch<memory::Master, memory::Speed, memory::Control, memory::Views, Kinesis, Bucket, Runs>;

pub(super) const ARN: &str = "arn:aws:kinesis:eu-central-1:000000000000:stream/events";
/// How long ago the first record arrived.
pub(super) const AGO_MS: i64 = 600_000;

pub(super) fn shard(n: usize) -> ShardId {
    ShardId(format!("shardId-{n:012}"))
}

/// A view `v` that has `measure` as `m`.
pub(super) fn project(measure: &str) -> Arc<Project> {
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let schema =
        "CREATE TABLE e (t TIMESTAMP(3), n BIGINT) WITH (format = 'json', event_time = 't')";
    let view = format!("CREATE MATERIALIZED VIEW v AS SELECT {measure} AS m FROM e");
    let schema = source("schema.sql", schema.to_owned());
    Arc::new(Project::compile(&schema, &[source("v.sql", view)]).unwrap())
}

#[derive(Default)]
pub(super) struct Kinesis {
    pub(super) held: Held,
    pub(super) shards: Mutex<Vec<Listed>>,
    /// Shards that heartbeats were sent to, and that are not delivered yet.
    pub(super) beaten: Mutex<Vec<ShardId>>,
}

impl Retained for Kinesis {
    async fn first_two(
        &self,
        shard: &ShardId,
        from: Option<SequenceNumber>,
    ) -> Result<Vec<SequenceNumber>> {
        self.held.first_two(shard, from).await
    }
}

impl Shards for Kinesis {
    async fn list(&self) -> Result<Vec<Listed>> {
        Ok(self.shards.lock().unwrap().clone())
    }

    async fn is_drained(&self, shard: &ShardId, after: Option<SequenceNumber>) -> Result<bool> {
        let open = self.shards.lock().unwrap().iter().any(|l| l.shard == *shard && l.is_open);
        let held = self.held.first_two(shard, after).await?;
        Ok(!open && held.into_iter().all(|number| Some(number) == after))
    }

    async fn heartbeat(&self, shards: &[ShardId]) -> Result<usize> {
        self.beaten.lock().unwrap().extend_from_slice(shards);
        Ok(shards.len())
    }
}

#[derive(Default)]
pub(super) struct Bucket(pub(super) Mutex<BTreeMap<String, Vec<u8>>>);

impl GivenUp for Bucket {
    async fn list(&self) -> Result<Vec<String>> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }

    async fn read(&self, name: &str) -> Result<Vec<u8>> {
        Ok(self.0.lock().unwrap()[name].clone())
    }

    async fn remove(&self, name: &str) -> Result<()> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

/// Every record takes a byte.
impl Sizes for memory::Master {
    async fn bytes(&self, epochs: Range<Epoch>) -> Result<BTreeMap<Epoch, u64>> {
        let mut bytes = BTreeMap::new();
        for object in self.objects(epochs).await? {
            *bytes.entry(object.epoch).or_default() += object.records;
        }
        Ok(bytes)
    }
}

/// A job whose runs go on for ever.
#[derive(Default)]
pub(super) struct Runs(pub(super) Mutex<Vec<Vec<String>>>);

impl Jobs for Runs {
    async fn running(&self) -> Result<Option<String>> {
        Ok(self.0.lock().unwrap().last().map(|_| "jr_1".to_owned()))
    }

    async fn start(&self, arguments: &[(&str, String)]) -> Result<String> {
        let arguments = arguments.iter().map(|(name, value)| format!("{name}={value}"));
        self.0.lock().unwrap().push(arguments.collect());
        Ok("jr_1".to_owned())
    }
}

pub(super) struct World {
    pub(super) batch: Tested,
    pub(super) begun_ms: i64,
}

impl World {
    /// Nothing is deployed; the stream has `shards` open shards without records.
    pub(super) fn new(shards: usize) -> Self {
        let length = EpochLength::from_millis(1_000).unwrap();
        let listed = |n| Listed { shard: shard(n), parents: Vec::new(), is_open: true };
        let stream = Kinesis::default();
        *stream.shards.lock().unwrap() = (0..shards).map(listed).collect();
        let batch = Batch {
            master: memory::Master::default(),
            speed: memory::Speed::default(),
            control: memory::Control::default(),
            views: memory::Views::default(),
            stream,
            given_up: Bucket::default(),
            jobs: None,
            bundled: project("count(*)"),
            settings: Settings {
                stream: "events".to_owned(),
                length,
                every: Duration::from_secs(3600),
                native_max_bytes: u64::MAX,
                longest_invocation: Duration::from_secs(900),
            },
        };
        World { batch, begun_ms: now_ms() - AGO_MS }
    }

    /// The same after its first tick, which has registered the shards.
    pub(super) async fn registered(shards: usize) -> Self {
        let world = World::new(shards);
        world.tick().await;
        world.batch.stream.beaten.lock().unwrap().clear();
        world
    }

    pub(super) async fn tick(&self) -> Report {
        self.act(Action::Tick).await
    }

    pub(super) async fn act(&self, action: Action) -> Report {
        let log = Log::to("batch", Level::Error, |_| {});
        let deadline = Deadline::within(Duration::from_secs(60));
        let invocation = Invocation { log, deadline };
        self.batch.handle(&invocation, &action, &Inline).await.unwrap()
    }

    /// A record that arrived as many seconds behind the first as its number says.
    pub(super) fn record(&self, n: u64, partition_key: &'static str) -> Record<'static> {
        let arrival_ms = self.begun_ms + n as i64 * 1_000;
        let payload = b"{\"t\":\"2026-02-02T00:00:00Z\",\"n\":1}";
        Record { sequence: n.into(), arrival_ms, partition_key, payload }
    }

    /// Puts records into the stream.
    pub(super) fn put(&self, shard: &ShardId, numbers: &[u64]) {
        self.batch.stream.held.add(shard, numbers.iter().map(|&n| n.into()));
    }

    /// Puts records into the stream and archives them.
    pub(super) async fn archive(&self, shard: &ShardId, numbers: &[u64]) {
        self.put(shard, numbers);
        let records: Vec<_> = numbers.iter().map(|&n| self.record(n, "k")).collect();
        self.deliver(shard, &records).await;
    }

    async fn deliver(&self, shard: &ShardId, records: &[Record<'_>]) {
        let Batch { master, control, stream, settings, .. } = &self.batch;
        let done = master.tail(shard).await.unwrap().map(|tail| tail.last);
        let follows = follows(stream, shard, done, records[0].sequence).await.unwrap();
        let delivery = Delivery { shard, records, follows };
        archive(master, control, settings.length, delivery).await.unwrap();
    }

    /// Archives the heartbeats that were sent, with this number.
    pub(super) async fn deliver_heartbeats(&self, n: u64) {
        let beaten = std::mem::take(&mut *self.batch.stream.beaten.lock().unwrap());
        for shard in beaten {
            self.put(&shard, &[n]);
            self.deliver(&shard, &[self.record(n, HEARTBEAT)]).await;
        }
    }

    /// Leaves a batch as Lambda does.
    pub(super) fn give_up(&self, name: &str, shard: &ShardId, numbers: &[u64]) {
        self.put(shard, numbers);
        let records = numbers.iter().map(|&n| self.record(n, "k"));
        let event = anabranch_envelope::event(ARN, shard, records);
        let left = serde_json::json!({
            "requestContext": {"requestId": "r", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 3},
            "version": "1.0",
            "KinesisBatchInfo": {"shardId": shard, "batchSize": numbers.len(), "streamArn": ARN},
            "payload": String::from_utf8(event).unwrap(),
        });
        self.leave(name, left.to_string().into_bytes());
    }

    pub(super) fn leave(&self, name: &str, object: Vec<u8>) {
        self.batch.given_up.0.lock().unwrap().insert(name.to_owned(), object);
    }

    /// What is left in the bucket.
    pub(super) fn left(&self) -> Vec<String> {
        self.batch.given_up.0.lock().unwrap().keys().cloned().collect()
    }

    /// The first and last number of each object of a shard, in order.
    pub(super) async fn objects(&self, shard: &ShardId) -> Vec<(u64, u64)> {
        let objects = self.batch.master.objects(Epoch::ZERO..Epoch(u64::MAX)).await.unwrap();
        let ours = objects.into_iter().filter(|object| object.shard == *shard);
        ours.map(|o| (o.first.to_u64().unwrap(), o.last.to_u64().unwrap())).collect()
    }
}
