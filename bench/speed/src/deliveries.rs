//! Deliveries: events cut as Kinesis and Lambda would cut them, and stored as Lambda would hand them
//! over.
//!
//! Events arrive evenly at a rate and go to the shards in turn, or by a column's value. A shard's
//! records are gathered for a window from the first on, or until the payload is full.

use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anyhow::Context;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;

/// The stream that the events say they are from.
const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/events";
/// When the first event arrives: 2026-03-01, as the generated events do.
const START_MS: i64 = 1_772_323_200_000;
/// Lambda's limits: records, and bytes of its event.
const RECORDS: usize = 10_000;
const BYTES: usize = 6 << 20;
const ENVELOPE_BYTES: usize = 525;

/// How events are cut.
pub(crate) struct Cut {
    pub(crate) rate: f64,
    pub(crate) shards: usize,
    pub(crate) window_ms: i64,
    /// The column by whose value an event chooses its shard.
    column: Option<String>,
}

/// A record that owns what it has.
#[derive(Clone)]
pub(crate) struct Arrived {
    pub(crate) sequence: SequenceNumber,
    pub(crate) arrival_ms: i64,
    pub(crate) payload: Vec<u8>,
}

impl Arrived {
    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            sequence: self.sequence,
            arrival_ms: self.arrival_ms,
            partition_key: "d41d8cd98f00b204",
            payload: &self.payload,
        }
    }
}

impl Cut {
    pub(crate) fn parse(
        rate: &str,
        shards: &str,
        window: &str,
        column: Option<&str>,
    ) -> anyhow::Result<Self> {
        Ok(Cut {
            rate: rate.parse().context("RATE")?,
            shards: shards.parse().context("SHARDS")?,
            window_ms: (window.parse::<f64>().context("WINDOW_S")? * 1000.0) as i64,
            column: column.map(str::to_owned),
        })
    }

    fn shard_of(&self, index: usize, payload: &[u8]) -> usize {
        let value = self.column.as_ref().and_then(|column| {
            let event: serde_json::Value = serde_json::from_slice(payload).ok()?;
            event.pointer(&format!("/{}", column.replace('.', "/"))).map(ToString::to_string)
        });
        let mut hasher = DefaultHasher::new();
        value.map_or(index, |value| {
            value.hash(&mut hasher);
            hasher.finish() as usize
        }) % self.shards
    }

    /// Each shard's deliveries of the events in a file, a line each.
    pub(crate) fn deliveries(&self, events: &Path) -> anyhow::Result<Vec<Vec<Vec<Arrived>>>> {
        let text = fs::read(events).with_context(|| events.display().to_string())?;
        let mut shards: Vec<Vec<Vec<Arrived>>> = vec![Vec::new(); self.shards];
        let mut bytes = vec![0; self.shards];
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (index, line) in lines.enumerate() {
            let shard = self.shard_of(index, line);
            let arrival_ms = START_MS + (index as f64 * 1000.0 / self.rate) as i64;
            let size = ENVELOPE_BYTES + line.len() * 4 / 3;
            let fits = |delivery: &Vec<Arrived>| {
                arrival_ms < delivery[0].arrival_ms + self.window_ms
                    && delivery.len() < RECORDS
                    && bytes[shard] + size <= BYTES
            };
            if !shards[shard].last().is_some_and(fits) {
                shards[shard].push(Vec::new());
                bytes[shard] = 0;
            }
            bytes[shard] += size;
            // As many digits as Kinesis gives.
            let digits = format!("4966{:052}", index + 1);
            let sequence = digits.parse().map_err(|e| anyhow::anyhow!("{digits}: {e}"))?;
            let delivery = shards[shard].last_mut().expect("there is one by now");
            delivery.push(Arrived { sequence, arrival_ms, payload: line.to_vec() });
        }
        Ok(shards)
    }
}

pub(crate) fn shard_id(shard: usize) -> ShardId {
    ShardId(format!("shardId-{shard:012}"))
}

/// Writes the deliveries of the first shard, a file each. The others' are like them.
pub(crate) fn make(events: &Path, dir: &Path, cut: &Cut) -> anyhow::Result<()> {
    fs::create_dir_all(dir)?;
    let deliveries = cut.deliveries(events)?.swap_remove(0);
    let count = deliveries.len();
    for (number, delivery) in deliveries.into_iter().enumerate() {
        let event =
            anabranch_envelope::event(ARN, &shard_id(0), delivery.iter().map(Arrived::record));
        fs::write(dir.join(format!("{number:06}.json")), event)?;
    }
    println!("{}", serde_json::json!({"deliveries": count}));
    Ok(())
}

/// The files of a folder, in order.
pub(crate) fn read(dir: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(|path| Ok(fs::read(path)?)).collect()
}
