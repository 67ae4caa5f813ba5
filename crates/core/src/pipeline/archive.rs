//! Archive: records from the stream into the master data set, each exactly once.
//!
//! A shard's objects form a chain, and the next object always starts right behind the chain's
//! tail. Two archivers of one shard (a retry and the zombie it replaces) can therefore only
//! collide on the same object name, where put-if-absent lets one of them win; the other adopts
//! what is there and goes on behind it, however the batches were cut.
//!
//! ```text
//! A: [1 2 3 4 5]            put (first 1) created           tail 5
//! B: [1 2 3][4 5 6 7]       put (first 1) exists: adopt 5   put [6 7] behind 5
//! ```
//!
//! No payload is parsed here: a wrong schema can never lose data.

use super::Delivery;
use crate::epoch::{Epoch, EpochLength};
use crate::port::{Control, Error, MasterDataSet, ObjectInfo, PutObject, Result};
use crate::record::{Record, SequenceNumber, ShardId};

/// Behind what the next object goes.
#[derive(Debug, Clone, Copy)]
struct Tail {
    last: Option<SequenceNumber>,
    epoch: Epoch,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Archived {
    /// Objects written.
    pub objects: u64,
    /// Records in them.
    pub records: u64,
    /// Records that were in the master data set before.
    pub redelivered: u64,
    /// Puts that found another archiver's object there.
    pub adopted: u64,
}

/// Brings every record of `delivery` into the master data set. When it returns they are there
/// durably; after an error, deliver again from the same place.
///
/// The chain's tail is asked for every time: a function that kept it would, after another instance
/// had gone on, link its next object to the wrong one.
///
/// The chain never goes on over a gap: what the master data set lacks is lost for ever, so a
/// delivery that does not continue the chain waits for the one that does.
///
/// # Errors
/// Those of the ports, [`Error::Corrupt`] if the shard is not registered, and [`Error::Refused`] if
/// records before these were never delivered.
pub async fn archive(
    master: &impl MasterDataSet,
    control: &impl Control,
    length: EpochLength,
    delivery: Delivery<'_>,
) -> Result<Archived> {
    let shard = delivery.shard;
    let mut tail = chain_tail(master, control, shard).await?;
    if !delivery.continues(tail.last) {
        return Err(gap(delivery, tail));
    }
    let mut done = Archived::default();
    let mut rest = delivery.records;
    loop {
        let known = rest.partition_point(|record| Some(record.sequence) <= tail.last);
        done.redelivered += known as u64;
        rest = &rest[known..];
        if rest.is_empty() {
            return Ok(done);
        }
        let (epoch, count) = first_run(rest, length, tail.epoch);
        let (run, behind) = rest.split_at(count);
        let info = describe(shard, epoch, tail.last, run);
        match master.put_if_absent(&info, run).await? {
            PutObject::Created => {
                done.objects += 1;
                done.records += info.records;
                rest = behind;
                tail = Tail { last: Some(info.last), epoch };
            }
            PutObject::Exists(there) => {
                if there.last < info.first {
                    let reason = format!("its last sequence number {} is below", there.last);
                    return Err(Error::corrupt(object_name(&info), reason));
                }
                done.adopted += 1;
                tail = Tail { last: Some(there.last), epoch: there.epoch };
            }
        }
    }
}

fn gap(delivery: Delivery<'_>, tail: Tail) -> Error {
    let number =
        |n: Option<SequenceNumber>| n.map_or("an unknown place".to_owned(), |n| n.to_string());
    let reason = format!(
        "the master data set ends at {}, and these records go on behind {}: deliver what lies between them first",
        tail.last.unwrap_or_default(),
        number(delivery.follows)
    );
    Error::Refused { object: format!("shard {}", delivery.shard), reason }
}

/// Where a shard's chain ends, or would start.
async fn chain_tail(
    master: &impl MasterDataSet,
    control: &impl Control,
    shard: &ShardId,
) -> Result<Tail> {
    if let Some(info) = master.tail(shard).await? {
        return Ok(Tail { last: Some(info.last), epoch: info.epoch });
    }
    let base_epoch = base_epoch(control, shard).await?;
    Ok(Tail { last: None, epoch: base_epoch })
}

/// The epoch that counts as that of the record before a shard's first.
pub(crate) async fn base_epoch(control: &impl Control, shard: &ShardId) -> Result<Epoch> {
    let shards = control.shards().await?;
    let registered = shards.into_iter().find(|info| info.shard == *shard);
    registered.map(|info| info.base_epoch).ok_or_else(|| {
        Error::corrupt(format!("shard {shard}"), "records arrived before it was registered")
    })
}

/// The epoch of the first record, and how many records from there have it.
pub(crate) fn first_run(
    records: &[Record<'_>],
    length: EpochLength,
    previous: Epoch,
) -> (Epoch, usize) {
    let epoch = length.epoch_of(records[0].arrival_ms, previous);
    let later = records.iter().position(|r| length.epoch_of(r.arrival_ms, epoch) != epoch);
    (epoch, later.unwrap_or(records.len()))
}

/// The description of `records` as one object.
///
/// # Panics
/// If there is no record.
pub fn describe(
    shard: &ShardId,
    epoch: Epoch,
    follows: Option<SequenceNumber>,
    records: &[Record<'_>],
) -> ObjectInfo {
    let arrivals = || records.iter().map(|record| record.arrival_ms);
    ObjectInfo {
        shard: shard.clone(),
        epoch,
        first: records[0].sequence,
        last: records[records.len() - 1].sequence,
        follows,
        records: records.len() as u64,
        heartbeats: records.iter().filter(|record| record.is_heartbeat()).count() as u64,
        min_arrival_ms: arrivals().min().expect("an object has records"),
        max_arrival_ms: arrivals().max().expect("an object has records"),
    }
}

/// An object's name in messages.
pub(crate) fn object_name(info: &ObjectInfo) -> String {
    format!("object of shard {}, epoch {}, first {}", info.shard, info.epoch, info.first)
}
