//! A deployment in memory whose layers run within each request.

use crate::{Backend, Events, Failing, Status};
use anabranch_core::audit;
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::archive::archive;
use anabranch_core::pipeline::build::{Mode, Request, build};
use anabranch_core::pipeline::{Delivery, seal::sealed};
use anabranch_core::port::{Control as _, Error, Inline, Result, ShardInfo, ShardKind};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer, ask};
use anabranch_core::record::{HEARTBEAT, Record, ShardId};
use anabranch_core::sql::Source;
use anabranch_core::view::View;
use anabranch_stores::memory::Memory;
use anabranch_stores::stream::{Append, Log as _};
use futures::executor::block_on;
use std::sync::{Arc, Mutex};

const SCHEMA: &str = "
CREATE TABLE orders (
  at TIMESTAMP(0), site VARCHAR, amount DECIMAL(12,2), device STRUCT<os VARCHAR, width BIGINT>
) WITH (format = 'json', event_time = 'at');";

const VIEWS: &str = "
CREATE MATERIALIZED VIEW sales AS
SELECT site, device.os AS os, date_trunc('hour', at) AS hour,
       count(*) AS orders, sum(amount) AS revenue, avg(amount) AS average
FROM orders GROUP BY 1, 2, 3;

CREATE MATERIALIZED VIEW totals AS
SELECT site, count(*) AS orders, max(at) AS latest FROM orders GROUP BY site;";

/// The epochs of the deployment are a minute long.
const EPOCH_MS: u64 = 60_000;

#[derive(Clone)]
pub(super) struct Deployment {
    inner: Arc<Inner>,
}

struct Inner {
    project: Arc<Project>,
    memory: Memory,
    shard: ShardId,
    length: EpochLength,
    absorber: Mutex<Absorber>,
    now_ms: Mutex<i64>,
    failure: Mutex<Option<Error>>,
}

impl Deployment {
    pub(super) fn new() -> Self {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let views = [source("views.sql", VIEWS)];
        let project = Project::compile(&source("schema.sql", SCHEMA), &views).unwrap();
        let project = Arc::new(project);
        let memory = Memory::new(1);
        let shard = memory.stream.shards()[0].clone();
        let info = ShardInfo {
            shard: shard.clone(),
            kind: ShardKind::Stream,
            base_epoch: Epoch::ZERO,
            closed: None,
        };
        block_on(memory.control.put_shard(None, &info)).unwrap();
        let length = EpochLength::from_millis(EPOCH_MS).unwrap();
        let absorber = Absorber::new(&project, shard.clone(), length);
        let inner = Inner {
            project,
            memory,
            shard,
            length,
            absorber: Mutex::new(absorber),
            now_ms: Mutex::new(1_770_000_000_000),
            failure: Mutex::default(),
        };
        Deployment { inner: Arc::new(inner) }
    }

    /// Makes every later call fail.
    pub(super) fn fail(&self, error: Error) {
        *self.inner.failure.lock().unwrap() = Some(error);
    }

    fn check(&self) -> Result<()> {
        self.inner.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    /// Every payload in the master data set, in the order of arrival.
    pub(super) fn archived(&self) -> Vec<Vec<u8>> {
        use anabranch_core::port::{Fields, MasterDataSet as _};
        let master = &self.inner.memory.master;
        let mut payloads = Vec::new();
        for object in block_on(master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap() {
            let mut visit = |records: &[Record<'_>]| {
                let events = records.iter().filter(|record| !record.is_heartbeat());
                payloads.extend(events.map(|record| record.payload.to_vec()));
            };
            block_on(master.scan(&object, Fields::All, &mut visit)).unwrap();
        }
        payloads
    }

    /// Lets an epoch end and publishes a version of every view up to there.
    pub(super) fn build(&self) {
        let inner = &*self.inner;
        *inner.now_ms.lock().unwrap() += EPOCH_MS as i64;
        self.append(vec![(HEARTBEAT, &[])]).unwrap();
        let Memory { master, control, views, .. } = &inner.memory;
        let request = Request {
            project: &inner.project,
            horizon: block_on(sealed(master, control)).unwrap(),
            mode: Mode::Incremental,
            build: "test",
            now_ms: 0,
            progress: &|_| {},
        };
        let built = block_on(build(master, control, views, &Inline, &request)).unwrap();
        assert!(built.views.iter().all(|(_, outcome)| outcome.is_ok()), "{:?}", built.views);
    }

    fn append(&self, records: Vec<(&str, &[u8])>) -> Result<()> {
        let inner = &*self.inner;
        let Memory { stream, master, speed, control, .. } = &inner.memory;
        let mut absorber = inner.absorber.lock().unwrap();
        let now_ms = *inner.now_ms.lock().unwrap();
        let after = stream.last(&inner.shard)?;
        stream.append(&[Append { shard: inner.shard.clone(), records }], now_ms)?;
        let batch = stream.read(&inner.shard, after, usize::MAX)?;
        let records: Vec<Record<'_>> = batch.records().collect();
        let delivery = Delivery { shard: &inner.shard, records: &records, follows: Some(after) };
        block_on(archive(master, control, inner.length, delivery))?;
        block_on(absorber.absorb(speed, control, master, delivery))?;
        Ok(())
    }
}

impl Backend for Deployment {
    fn project(&self) -> &Arc<Project> {
        &self.inner.project
    }

    async fn ingest(&self, events: Events) -> Result<()> {
        self.check()?;
        self.append(events.iter().map(|payload| ("", payload)).collect())
    }

    async fn ask(
        &self,
        view: &Arc<View>,
        parameters: &[(&str, &str)],
    ) -> std::result::Result<Answer, query::Error> {
        self.check()?;
        let inner = &*self.inner;
        let Memory { speed, control, views, .. } = &inner.memory;
        ask(&inner.project, view, parameters, inner.length, views, speed, control).await
    }

    fn failing(&self) -> Vec<Failing> {
        let failure = self.check().err().map(|error| Failing {
            part: "everything".to_owned(),
            since: "2026-01-31T12:00:00.000Z".to_owned(),
            attempts: 3,
            error: error.to_string(),
        });
        failure.into_iter().collect()
    }

    async fn audit(&self, options: audit::Options) -> Result<Option<audit::Report>> {
        self.check()?;
        let Inner { project, length, memory, .. } = &*self.inner;
        let Memory { master, speed, control, views, .. } = memory;
        let request =
            audit::Request { project, length: *length, options: &options, progress: &|_| {} };
        audit::audit(master, speed, control, views, &Inline, &request).await.map(Some)
    }

    async fn status(&self) -> Result<Status> {
        self.check()?;
        let inner = &*self.inner;
        let Memory { master, control, views, .. } = &inner.memory;
        Status::read(&inner.project, inner.length, master, control, views).await
    }
}
