//! `anabranch audit --aws` over a small deployment: silent while all is right, and naming a row that
//! was changed and an object that was removed.

use crate::emulator::Emulator;
use crate::support::arg;
use crate::{aws_command, told};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::archive::archive;
use anabranch_core::pipeline::build::{self, Mode};
use anabranch_core::pipeline::{Delivery, seal};
use anabranch_core::port::{
    Control as _, Inline, MasterDataSet as _, PutRow, RowId, RowOutcome, ShardInfo, ShardKind,
    SpeedRow, SpeedStore as _,
};
use anabranch_core::project::Project;
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use anabranch_core::sql::Source;
use anabranch_stores::aws::{Connection, Control, Layout, Master, Options, Speed, Views};
use serde_json::json;
use std::future::Future;
use std::sync::Arc;
use tokio::runtime::Runtime;

const SCHEMA: &str = "CREATE TABLE events (t TIMESTAMP(3), site VARCHAR, page VARCHAR)
WITH (format = 'json', event_time = 't', timestamp_format = 'epoch_milliseconds');";
const VIEWS: &str = "CREATE MATERIALIZED VIEW traffic AS
SELECT site, date_trunc('minute', t) AS minute, count(*) AS events, approx_distinct(page) AS pages
FROM events GROUP BY 1, 2;";
const EPOCH_MS: i64 = 10_000;

/// A deployment on the emulator, with a batch version of two epochs and speed rows of a third.
struct Deployment {
    runtime: Runtime,
    emulator: Emulator,
    folder: tempfile::TempDir,
    project: Arc<Project>,
    names: [String; 4],
    master: Master,
    speed: Speed,
    control: Control,
    views: Views,
}

fn shard() -> ShardId {
    ShardId("shardId-000000000000".to_owned())
}

fn length() -> EpochLength {
    EpochLength::from_millis(EPOCH_MS as u64).unwrap()
}

fn compile() -> Arc<Project> {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let schema = source("schema.sql", SCHEMA);
    Arc::new(Project::compile(&schema, &[source("views.sql", VIEWS)]).unwrap())
}

impl Deployment {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("views")).unwrap();
        std::fs::write(folder.path().join("schema.sql"), SCHEMA).unwrap();
        std::fs::write(folder.path().join("views/views.sql"), VIEWS).unwrap();
        let emulator = Emulator::of_environment();
        let names = [
            emulator.create_bucket("raw"),
            emulator.create_bucket("views"),
            emulator.create_table("speed", "B"),
            emulator.create_table("control", "S"),
        ];
        let [raw, views, speed, control] = &names;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let options =
            Options { region: Some("us-east-1".to_owned()), endpoint: Some(emulator.url.clone()) };
        let to = runtime.block_on(Connection::open(options)).unwrap();
        let deployment = Deployment {
            project: compile(),
            master: Master::new(&to, raw, control, length()),
            speed: runtime.block_on(Speed::open(&to, speed, Layout::default())).unwrap(),
            control: Control::new(&to, control),
            views: Views::new(&to, views, 1 << 20),
            runtime,
            emulator,
            folder,
            names,
        };
        deployment.fill();
        deployment
    }

    fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Three epochs of records through both layers, and a batch version of what is sealed then.
    fn fill(&self) {
        let now_ms = 1_795_000_000_000;
        let base_epoch = Epoch(now_ms as u64 / EPOCH_MS as u64);
        let info = ShardInfo { shard: shard(), kind: ShardKind::Stream, base_epoch, closed: None };
        assert!(self.wait(self.control.put_shard(None, &info)).unwrap());
        let mut absorber = Absorber::new(&self.project, shard(), length());
        for epoch in 0..3 {
            let arrival_ms = now_ms + epoch * EPOCH_MS;
            let payload = |n: i64| format!(r#"{{"t":{now_ms},"site":"s{}","page":"p{n}"}}"#, n % 3);
            let payloads: Vec<String> = (0..20).map(payload).collect();
            let record = |at: usize, partition_key, payload| Record {
                sequence: SequenceNumber::from(epoch as u64 * 100 + 1 + at as u64),
                arrival_ms,
                partition_key,
                payload,
            };
            let events = payloads.iter().enumerate();
            let events = events.map(|(at, payload)| record(at, "k", payload.as_bytes()));
            let records: Vec<_> = events.chain([record(20, HEARTBEAT, b"")]).collect();
            // The epoch before ended with its heartbeat, record 21.
            let follows = epoch.checked_sub(1).filter(|before| *before >= 0);
            let follows = follows.map_or(0, |before| before as u64 * 100 + 21);
            let delivery =
                Delivery { shard: &shard(), records: &records, follows: Some(follows.into()) };
            self.wait(archive(&self.master, &self.control, length(), delivery)).unwrap();
            let absorbed = absorber.absorb(&self.speed, &self.control, &self.master, delivery);
            self.wait(absorbed).unwrap();
        }
        let horizon = self.wait(seal::sealed(&self.master, &self.control)).unwrap();
        let request = build::Request {
            project: &self.project,
            horizon,
            mode: Mode::Incremental,
            build: "b1",
            now_ms,
            progress: &|_| {},
        };
        let built = build::build(&self.master, &self.control, &self.views, &Inline, &request);
        self.wait(built).unwrap();
    }

    /// What the audit says that is told the names by the environment, and its exit code.
    fn audit(&self, words: &[&str]) -> (i32, String) {
        let project = arg(self.folder.path());
        let words = [&["audit", project, "--aws", "--epoch", "10s"], words].concat();
        let mut command = aws_command(&self.emulator.url, &words);
        let variables = ["RAW_BUCKET", "VIEWS_BUCKET", "SPEED_TABLE", "CONTROL_TABLE"];
        for (variable, name) in variables.iter().zip(&self.names) {
            command.env(format!("ANABRANCH_{variable}"), name);
        }
        told(&command.output().unwrap())
    }

    /// What it says that is told the names by the stack's outputs.
    fn audit_by_outputs(&self) -> (i32, String) {
        let [raw, views, speed, control] = &self.names;
        let outputs = json!({"anabranch": {"RawBucket": raw, "ViewsBucket": views,
            "SpeedTable": speed, "ControlTable": control, "Epoch": "10s"}});
        let file = self.folder.path().join("outputs.json");
        std::fs::write(&file, outputs.to_string()).unwrap();
        let words = ["audit", arg(self.folder.path()), "--aws", "--outputs", arg(&file)];
        told(&aws_command(&self.emulator.url, &words).output().unwrap())
    }
}

#[test]
fn a_deployment_is_audited_and_what_was_changed_by_hand_is_named() {
    let deployment = Deployment::new();
    for (code, said) in [deployment.audit(&[]), deployment.audit_by_outputs()] {
        assert!(code == 0 && said.ends_with("nothing differs\n"), "{said}");
        assert!(said.contains("1 shard, 3 objects, 60 records and 3 heartbeats"), "{said}");
        assert!(said.contains("60 records = 60 accepted + 0 rejected"), "{said}");
    }

    // A row of the epoch that no version has, with the state of another.
    let traffic = deployment.project.views[0].fingerprint;
    let mut rows: Vec<(RowId, SpeedRow)> = Vec::new();
    let mut keep = |key: &[u8], epoch, shard: &ShardId, row: &SpeedRow| {
        let id = RowId { fingerprint: traffic, key: key.to_vec(), epoch, shard: shard.clone() };
        rows.push((id, row.clone()));
        Ok(())
    };
    deployment.wait(deployment.speed.scan(traffic, b"", Epoch::ZERO, &mut keep)).unwrap();
    let newest = rows.iter().map(|(id, _)| id.epoch).max().unwrap();
    rows.retain(|(id, _)| id.epoch == newest);
    assert_eq!(rows.len(), 3);
    let (id, row) = rows[0].clone();
    let changed = SpeedRow { state: rows[1].1.state.clone(), ..row.clone() };
    let put = PutRow { id, expected: Some(row.applied), row: changed };
    let outcomes = deployment.wait(deployment.speed.put_rows(vec![put])).unwrap();
    assert_eq!(outcomes, [RowOutcome::Written]);
    let (code, said) = deployment.audit(&[]);
    assert!(code == 3 && said.contains("speed") && said.contains("1 difference"), "{said}");
    assert!(said.contains("traffic"), "{said}");

    // And the object of the middle epoch, without which the chain has a gap.
    let objects = deployment.wait(deployment.master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap();
    assert_eq!(objects.len(), 3);
    deployment
        .emulator
        .delete_object(&deployment.names[0], &format!("{:020}-", objects[1].epoch.0));
    let (code, said) = deployment.audit(&["--ledger"]);
    assert!(code == 3 && said.contains("ledger"), "{said}");
}

#[test]
fn what_is_not_there_is_named() {
    let emulator = Emulator::of_environment();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schema.sql"), SCHEMA).unwrap();
    let project = arg(folder.path());
    let (code, said) = crate::run(&emulator.url, &["audit", project, "--aws"]);
    assert!(code == 2 && said.contains("ANABRANCH_RAW_BUCKET is not set"), "{said}");
    let mut command = aws_command(&emulator.url, &["audit", project, "--aws", "--epoch", "10s"]);
    for variable in ["RAW_BUCKET", "VIEWS_BUCKET", "SPEED_TABLE", "CONTROL_TABLE"] {
        command.env(format!("ANABRANCH_{variable}"), "nowhere");
    }
    let (code, said) = told(&command.output().unwrap());
    assert!(code == 1 && said.contains("table nowhere"), "{said}");
}
