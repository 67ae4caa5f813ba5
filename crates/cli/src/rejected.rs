//! `anabranch rejected`: the records that the current schema does not accept, and why.
//!
//! They are found by scanning the master data set, and behind it what the stream holds that is not
//! archived yet: a record is judged by the schema as it is now, so that after a change of the schema
//! this says what a full build would reject.

use crate::data::{Data, Folder};
use crate::output::{Format, Grid};
use crate::{progress, project};
use anabranch_core::decode::{Decoder, Reason};
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    Control as _, Fields, MasterDataSet as _, ObjectInfo, Result, Workers as _,
};
use anabranch_core::query::time_of_millis;
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_stores::stream::Log as _;
use anabranch_stores::workers::Threads;
use futures::executor::block_on;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `anabranch rejected`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch rejected examples/clickstream
  anabranch rejected . --reason wrong_type --limit 3
  anabranch rejected . --limit 1000000 --format json | jq -r '.[].payload'

Rejected records are in the master data set like all others. Once the schema accepts them,
`anabranch batch --full` brings them into the views. The data folder must not be in use by a server.")]
pub(crate) struct Arguments {
    /// The project's folder
    project: PathBuf,
    #[command(flatten)]
    data: Folder,
    /// Print so many records at most; all are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Only records with this reason, such as invalid_json or wrong_type
    #[arg(long, value_name = "REASON", value_parser = parse_reason)]
    reason: Option<Reason>,
    /// How to print; a table shortens payloads
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A payload is shortened to this many characters in a table.
const SHOWN_CHARS: usize = 60;
/// As much of the stream is read at once.
const READ_BYTES: usize = 8 << 20;
/// Objects are judged in groups of so many per core, so that their findings come in order and what
/// waits to be printed is bounded.
const OBJECTS_PER_CORE: usize = 4;

fn parse_reason(text: &str) -> std::result::Result<Reason, String> {
    Reason::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or_else(|| {
        let all: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("there is no reason `{text}`; there are {}", all.join(", "))
    })
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let project = project::load(&arguments.project)?;
    let findings = block_on(async {
        let data = Data::inspect(project, &arguments.data.of(&arguments.project)).await?;
        find(&data, arguments).await
    })?;
    print(findings, arguments)
}

/// What was found in some records.
#[derive(Debug, Default)]
struct Findings {
    records: u64,
    counts: BTreeMap<&'static str, u64>,
    /// The first of them.
    shown: Vec<Rejected>,
}

#[derive(Debug)]
struct Rejected {
    shard: ShardId,
    sequence: SequenceNumber,
    arrival_ms: i64,
    reason: Reason,
    detail: String,
    payload: String,
}

impl Findings {
    fn judge(
        &mut self,
        decoder: &mut Decoder,
        shard: &ShardId,
        record: &Record<'_>,
        arguments: &Arguments,
    ) {
        if record.is_heartbeat() {
            return;
        }
        self.records += 1;
        let Err(rejection) = decoder.check(record.payload) else { return };
        if arguments.reason.is_some_and(|reason| reason != rejection.reason) {
            return;
        }
        *self.counts.entry(rejection.reason.as_str()).or_default() += 1;
        if self.shown.len() < arguments.limit {
            let payload = match arguments.format {
                Format::Table => shortened(record.payload),
                Format::Json | Format::Csv => String::from_utf8_lossy(record.payload).into_owned(),
            };
            self.shown.push(Rejected {
                shard: shard.clone(),
                sequence: record.sequence,
                arrival_ms: record.arrival_ms,
                reason: rejection.reason,
                detail: rejection.detail,
                payload,
            });
        }
    }

    fn extend(&mut self, other: Findings, limit: usize) {
        self.records += other.records;
        for (reason, count) in other.counts {
            *self.counts.entry(reason).or_default() += count;
        }
        let room = limit - self.shown.len();
        self.shown.extend(other.shown.into_iter().take(room));
    }
}

async fn find(data: &Data, arguments: &Arguments) -> anyhow::Result<Findings> {
    let registered = data.local.control.shards().await?;
    let registered: HashSet<&ShardId> = registered.iter().map(|info| &info.shard).collect();
    let mut objects = data.local.master.objects(Epoch::ZERO..Epoch(u64::MAX)).await?;
    objects.retain(|object| registered.contains(&object.shard));
    let bar = progress::count(objects.iter().map(|object| object.records).sum(), "records");
    bar.set_message("reading");
    let decoder = Decoder::new(&data.project.schema, &[]);
    let workers = Threads::available();
    let mut findings = Findings::default();
    for group in objects.chunks(workers.width() * OBJECTS_PER_CORE) {
        let tasks = group.iter().map(|object| {
            let decoder = decoder.clone();
            async {
                let found = judge_object(data, object, decoder, arguments).await;
                bar.inc(object.records);
                found
            }
        });
        for found in workers.run(tasks.collect()).await {
            findings.extend(found?, arguments.limit);
        }
    }
    bar.finish_and_clear();
    findings.extend(judge_stream(data, decoder, arguments).await?, arguments.limit);
    Ok(findings)
}

async fn judge_object(
    data: &Data,
    object: &ObjectInfo,
    mut decoder: Decoder,
    arguments: &Arguments,
) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut visit = |records: &[Record<'_>]| {
        for record in records {
            findings.judge(&mut decoder, &object.shard, record, arguments);
        }
    };
    data.local.master.scan(object, Fields::All, &mut visit).await?;
    Ok(findings)
}

/// What was acknowledged and is not in the master data set yet.
async fn judge_stream(
    data: &Data,
    mut decoder: Decoder,
    arguments: &Arguments,
) -> Result<Findings> {
    let mut findings = Findings::default();
    for shard in data.stream_shards().await? {
        let mut after = data.archived(&shard).await?;
        loop {
            let batch = data.local.stream.read(&shard, after, READ_BYTES)?;
            if batch.is_empty() {
                break;
            }
            for record in batch.records() {
                findings.judge(&mut decoder, &shard, &record, arguments);
            }
            after = batch.last();
        }
    }
    Ok(findings)
}

fn print(findings: Findings, arguments: &Arguments) -> anyhow::Result<()> {
    let mut grid = Grid::new(["shard", "sequence", "arrival", "reason", "detail", "payload"]);
    for rejected in &findings.shown {
        grid.push(vec![
            json!(rejected.shard.0),
            json!(rejected.sequence.to_string()),
            json!(time_of_millis(rejected.arrival_ms)),
            json!(rejected.reason.as_str()),
            json!(rejected.detail),
            json!(rejected.payload),
        ]);
    }
    if arguments.format != Format::Table {
        return Ok(grid.print(arguments.format)?);
    }
    let total: u64 = findings.counts.values().sum();
    if total > 0 {
        grid.print(Format::Table)?;
        writeln!(io::stdout())?;
        let mut counts = Grid::new(["reason", "records"]);
        for (reason, count) in &findings.counts {
            counts.push(vec![Value::from(*reason), json!(count)]);
        }
        counts.print(Format::Table)?;
        writeln!(io::stdout())?;
    }
    let shown = findings.shown.len() as u64;
    let rest =
        if shown < total { format!("; {shown} shown, --limit shows more") } else { String::new() };
    writeln!(io::stdout(), "{total} rejected of {} records{rest}", findings.records)?;
    Ok(())
}

/// The beginning of a payload.
fn shortened(payload: &[u8]) -> String {
    // A character has at most four bytes.
    let head = String::from_utf8_lossy(&payload[..payload.len().min(4 * SHOWN_CHARS)]).into_owned();
    let mut short: String = head.chars().take(SHOWN_CHARS).collect();
    if short.len() < head.len() || payload.len() > 4 * SHOWN_CHARS {
        short.push('…');
    }
    short
}
