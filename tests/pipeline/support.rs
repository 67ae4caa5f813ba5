//! A small deployment in memory, and stores that misbehave in one way each.

use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::build::{self, Built, Mode};
use anabranch_core::pipeline::{Delivery, archive};
use anabranch_core::port::{
    self, Control as _, Fields, Inline, Manifest, MasterDataSet, ObjectInfo, PartId, PartInfo,
    Pointer, PutObject, Result, Rows, Selection, ShardInfo, ShardKind, ViewStore, VisitPart,
    VisitRecords,
};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer, Query};
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use anabranch_core::sql::Source;
use anabranch_core::types::Value;
use anabranch_core::view::{Fingerprint, View};
use anabranch_stores::memory::{Control, Master, Speed, Views};
use futures::executor::block_on;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Epochs of a second, so that a record's epoch can be read off its arrival time.
pub(crate) fn length() -> EpochLength {
    EpochLength::from_millis(1_000).expect("a second is a length")
}

/// Events per site and minute; `filter` makes it another view.
pub(crate) fn project(filter: &str) -> Arc<Project> {
    let source = |text: &str| Source { name: "test.sql".to_owned(), text: text.to_owned() };
    let schema = source(
        "CREATE TABLE events (t TIMESTAMP(3), site VARCHAR)
         WITH (format = 'json', event_time = 't', timestamp_format = 'epoch_milliseconds')",
    );
    let view = source(&format!(
        "CREATE MATERIALIZED VIEW traffic AS
         SELECT site, date_trunc('minute', t) AS minute, count(*) AS events
         FROM events {filter} GROUP BY 1, 2"
    ));
    Arc::new(Project::compile(&schema, &[view]).expect("the project compiles"))
}

pub(crate) fn shard(name: &str) -> ShardId {
    ShardId(name.to_owned())
}

pub(crate) fn number(n: u64) -> SequenceNumber {
    SequenceNumber::from(n)
}

/// An event of site `a` in minute 0.
pub(crate) fn event(sequence: u64, arrival_ms: i64) -> Record<'static> {
    event_of(sequence, arrival_ms, br#"{"t":7,"site":"a"}"#)
}

pub(crate) fn event_of(sequence: u64, arrival_ms: i64, payload: &'static [u8]) -> Record<'static> {
    Record { sequence: number(sequence), arrival_ms, partition_key: "", payload }
}

pub(crate) fn heartbeat(sequence: u64, arrival_ms: i64) -> Record<'static> {
    Record { partition_key: HEARTBEAT, payload: b"", ..event(sequence, arrival_ms) }
}

/// Every store of a deployment.
#[derive(Default)]
pub(crate) struct Stores {
    pub(crate) master: Master,
    pub(crate) speed: Speed,
    pub(crate) control: Control,
    pub(crate) views: Views,
}

impl Stores {
    /// Stores with open stream shards of these names, which start at epoch 0.
    pub(crate) fn with_shards(names: &[&str]) -> Self {
        let stores = Stores::default();
        names.iter().for_each(|name| stores.register(name, 0, None));
        stores
    }

    pub(crate) fn register(&self, name: &str, base_epoch: u64, closed: Option<u64>) {
        self.register_as(ShardKind::Stream, name, base_epoch, closed);
    }

    pub(crate) fn register_as(
        &self,
        kind: ShardKind,
        name: &str,
        base_epoch: u64,
        closed: Option<u64>,
    ) {
        let info = ShardInfo {
            shard: shard(name),
            kind,
            base_epoch: Epoch(base_epoch),
            closed: closed.map(number),
        };
        let shards = block_on(self.control.shards()).unwrap();
        let before = shards.iter().find(|before| before.shard == info.shard);
        assert!(block_on(self.control.put_shard(before, &info)).unwrap());
    }

    pub(crate) fn archive(&self, name: &str, records: &[Record<'_>]) -> archive::Archived {
        let id = shard(name);
        // These tests leave out no record between two deliveries.
        let tail = block_on(self.master.tail(&id)).unwrap();
        let follows = Some(tail.map_or(SequenceNumber::ZERO, |tail| tail.last));
        let delivery = Delivery { shard: &id, records, follows };
        block_on(archive::archive(&self.master, &self.control, length(), delivery)).unwrap()
    }

    pub(crate) fn objects(&self) -> Vec<ObjectInfo> {
        block_on(self.master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap()
    }

    pub(crate) fn build(&self, project: &Arc<Project>, horizon: u64, mode: Mode) -> Built {
        self.build_over(&self.views, project, horizon, mode).unwrap()
    }

    pub(crate) fn build_over(
        &self,
        views: &impl ViewStore,
        project: &Arc<Project>,
        horizon: u64,
        mode: Mode,
    ) -> Result<Built> {
        let request = build::Request {
            project,
            horizon: Epoch(horizon),
            mode,
            build: &format!("to-{horizon}"),
            now_ms: 1_000_000,
            progress: &|_| {},
        };
        block_on(build::build(&self.master, &self.control, views, &Inline, &request))
    }

    pub(crate) fn retire(&self, project: &Project) {
        block_on(build::retire(project, &self.views, &self.speed)).unwrap();
    }

    pub(crate) fn pointer(&self, view: &View) -> Pointer {
        block_on(self.views.pointer(view.fingerprint)).unwrap().expect("a version is published")
    }

    pub(crate) fn manifest(&self, view: &View) -> Arc<Manifest> {
        block_on(self.views.manifest(view.fingerprint, &self.pointer(view))).unwrap()
    }

    pub(crate) fn ask(&self, project: &Project, parameters: &[(&str, &str)]) -> Answer {
        self.ask_over(&self.views, project, parameters).unwrap()
    }

    pub(crate) fn ask_over(
        &self,
        views: &impl ViewStore,
        project: &Project,
        parameters: &[(&str, &str)],
    ) -> Result<Answer> {
        let view = project.view("traffic").expect("the view");
        let query = Query::parse(view, parameters.iter().copied()).expect("the query is right");
        block_on(query::answer(project, view, &query, length(), views, &self.speed, &self.control))
    }
}

/// The sum of an answer's last column, which counts events.
pub(crate) fn events(answer: &Answer) -> i64 {
    let count = |row: &Vec<Value>| match row.last() {
        Some(Value::BigInt(count)) => *count,
        other => panic!("a count is {other:?}"),
    };
    answer.rows.iter().map(count).sum()
}

/// A master data set that says of every shard's tail, and of the object that is in the way of a
/// put, what it is told to: what a zombie saw before others went on.
pub(crate) struct Stale<'m> {
    pub(crate) master: &'m Master,
    pub(crate) tail: Option<ObjectInfo>,
    pub(crate) exists: Option<ObjectInfo>,
}

impl MasterDataSet for Stale<'_> {
    async fn put_if_absent(&self, info: &ObjectInfo, records: &[Record<'_>]) -> Result<PutObject> {
        match &self.exists {
            Some(there) => Ok(PutObject::Exists(there.clone())),
            None => self.master.put_if_absent(info, records).await,
        }
    }

    async fn objects(&self, epochs: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
        self.master.objects(epochs).await
    }

    async fn tail(&self, _: &ShardId) -> Result<Option<ObjectInfo>> {
        Ok(self.tail.clone())
    }

    async fn scan(&self, object: &ObjectInfo, fields: Fields, v: VisitRecords<'_>) -> Result<()> {
        self.master.scan(object, fields, v).await
    }
}

/// Views of which pointers are other than they are: those to `of` are what `said` says, as long as it
/// says something.
pub(crate) struct Pretending<'v, F> {
    views: &'v Views,
    of: Fingerprint,
    said: F,
}

/// Views whose pointer to `of` is an old one for the next reads.
pub(crate) fn old_pointers<'v>(
    views: &'v Views,
    of: &View,
    old: Option<&Pointer>,
    reads: usize,
) -> Pretending<'v, impl Fn() -> Option<Result<Option<Pointer>>> + Send + Sync> {
    let old = Mutex::new(VecDeque::from(vec![old.cloned(); reads]));
    Pretending {
        views,
        of: of.fingerprint,
        said: move || Some(Ok(old.lock().unwrap().pop_front()?)),
    }
}

/// Views whose pointer to `of` cannot be read.
pub(crate) fn broken_pointer(
    views: &Views,
    of: Fingerprint,
) -> Pretending<'_, impl Fn() -> Option<Result<Option<Pointer>>> + Send + Sync> {
    Pretending { views, of, said: || Some(Err(Error::corrupt("a pointer", "nonsense"))) }
}

impl<F: Fn() -> Option<Result<Option<Pointer>>> + Send + Sync> ViewStore for Pretending<'_, F> {
    async fn write_part(
        &self,
        view: &View,
        version: u64,
        build: &str,
        id: PartId,
        rows: &Rows<'_>,
    ) -> Result<PartInfo> {
        self.views.write_part(view, version, build, id, rows).await
    }

    async fn read_part(
        &self,
        view: &View,
        part: &PartInfo,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> Result<()> {
        self.views.read_part(view, part, selection, visit).await
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.views.write_manifest(manifest).await
    }

    async fn manifest(&self, fingerprint: Fingerprint, pointer: &Pointer) -> Result<Arc<Manifest>> {
        self.views.manifest(fingerprint, pointer).await
    }

    async fn pointer(&self, fingerprint: Fingerprint) -> Result<Option<Pointer>> {
        if fingerprint == self.of
            && let Some(said) = (self.said)()
        {
            return said;
        }
        self.views.pointer(fingerprint).await
    }

    async fn publish(&self, of: Fingerprint, expected: Option<u64>, to: &Pointer) -> Result<bool> {
        self.views.publish(of, expected, to).await
    }

    async fn retire(&self, fingerprint: Fingerprint, keep_from: u64) -> Result<u64> {
        self.views.retire(fingerprint, keep_from).await
    }

    async fn remove(&self, fingerprint: Fingerprint) -> Result<()> {
        self.views.remove(fingerprint).await
    }
}

pub(crate) use port::Error;
