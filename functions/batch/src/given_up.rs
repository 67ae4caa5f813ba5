//! Redrive: what Lambda has given up is brought into the master data set, in order.
//!
//! ```text
//! s3://<failures>/aws/lambda/<mapping>/<shard>/…  {"KinesisBatchInfo":{"shardId":…,"startSequenceNumber":…},
//!                                                  "payload":"{\"Records\":[…]}"}
//! ```
//!
//! The archive refuses to go over the gap until then, so a batch that was given up stops its shard's
//! chain and nothing else. What the speed layer has given up is here as well: its records are in the
//! master data set already, or come in the same way, and the next batch version has them.

use crate::Batch;
use crate::outside::GivenUp;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::archive::archive;
use anabranch_core::pipeline::follow::follows;
use anabranch_core::port::{Control, MasterDataSet, Result, Retained};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_host::{Deadline, Log};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What Lambda leaves: the fields that are needed of it.
#[derive(Deserialize)]
struct Left<'a> {
    /// The event, as a text or as it is.
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// What became of the batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Redriven {
    /// Batches that are in the master data set, and gone from where they were.
    pub(crate) batches: u64,
    /// Batches that wait, or cannot be read.
    pub(crate) waiting: u64,
}

/// A batch: its name, and its event.
struct Batched {
    name: String,
    event: Vec<u8>,
}

impl<M, S, C, V, T, G, J> Batch<M, S, C, V, T, G, J>
where
    M: MasterDataSet,
    C: Control,
    T: Retained,
    G: GivenUp,
{
    /// Archives what was given up. One shard's failure does not stop the others.
    pub(crate) async fn redrive(&self, log: &Log, deadline: &Deadline) -> Result<Redriven> {
        let mut redriven = Redriven::default();
        let mut shards: BTreeMap<ShardId, BTreeMap<(SequenceNumber, String), Batched>> =
            BTreeMap::new();
        for name in self.given_up.list().await? {
            let object = self.given_up.read(&name).await?;
            match event_of(&object).and_then(|event| Ok((place_of(&event)?, event))) {
                Ok(((shard, first), event)) => {
                    let batch = Batched { name: name.clone(), event };
                    shards.entry(shard).or_default().insert((first, name), batch);
                }
                Err(reason) => {
                    redriven.waiting += 1;
                    log.error(
                        "a batch that was given up cannot be read",
                        json!({"object": name, "reason": reason}),
                    );
                }
            }
        }
        for (shard, batches) in shards {
            let count = batches.len() as u64;
            let done = self.redrive_shard(log, deadline, &shard, batches.into_values()).await;
            redriven.batches += done;
            redriven.waiting += count - done;
        }
        Ok(redriven)
    }

    /// Archives a shard's batches until one has to wait; returns how many are done.
    async fn redrive_shard(
        &self,
        log: &Log,
        deadline: &Deadline,
        shard: &ShardId,
        batches: impl Iterator<Item = Batched>,
    ) -> u64 {
        let mut done = 0;
        for Batched { name, event } in batches {
            let work = async {
                self.take(shard, &event).await?;
                self.given_up.remove(&name).await
            };
            let reason = match deadline.limit(work).await {
                Some(Ok(())) => {
                    log.warn(
                        "a batch that was given up is archived",
                        json!({"shard": shard, "object": name}),
                    );
                    done += 1;
                    continue;
                }
                Some(Err(error)) => error.to_string(),
                None => "the time is over".to_owned(),
            };
            log.error(
                "a batch that was given up has to wait",
                json!({"shard": shard, "object": name, "reason": reason}),
            );
            break;
        }
        done
    }

    async fn take(&self, shard: &ShardId, event: &[u8]) -> Result<()> {
        let corrupt = |reason: String| {
            anabranch_core::port::Error::corrupt(format!("a batch of shard {shard}"), reason)
        };
        let batch =
            anabranch_envelope::Batch::read(event).map_err(|error| corrupt(error.to_string()))?;
        let records: Vec<Record<'_>> = batch.records().collect();
        if let Some(first) = records.first() {
            let done = self.master.tail(shard).await?.map(|tail| tail.last);
            let follows = follows(&self.stream, shard, done, first.sequence).await?;
            let delivery = Delivery { shard, records: &records, follows };
            archive(&self.master, &self.control, self.settings.length, delivery).await?;
        }
        // What was before it is archived; the batch stays, for somebody to look at.
        batch.fault().map_or(Ok(()), |fault| Err(corrupt(fault.to_string())))
    }
}

/// The event in what Lambda has left.
fn event_of(object: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let left: Left<'_> = serde_json::from_slice(object).map_err(|error| error.to_string())?;
    let payload = left.payload.ok_or("it has no `payload`")?.get();
    if !payload.starts_with('"') {
        return Ok(payload.as_bytes().to_vec());
    }
    let text: String = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    Ok(text.into_bytes())
}

/// The shard of an event's records, and the number of the first.
fn place_of(event: &[u8]) -> std::result::Result<(ShardId, SequenceNumber), String> {
    let batch = anabranch_envelope::Batch::read(event).map_err(|error| error.to_string())?;
    let first = batch.records().next().map(|record| record.sequence);
    let none = || batch.fault().map_or("it has no record".to_owned(), ToString::to_string);
    batch.shard().cloned().zip(first).ok_or_else(none)
}
