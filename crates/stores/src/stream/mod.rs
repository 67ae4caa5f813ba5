//! Streams of our own: what stands in for Kinesis where there is no cloud.
//!
//! A [`Log`] takes records, stamps and numbers them, and gives them back in order, shard by shard.
//! Sequence numbers count from 1 along each shard. Arrival times never fall, not across shards nor
//! across restarts, so that epochs never do.

mod block;

pub use block::{Batch, BlockBytes, Draft, Records, drafts};

use anabranch_core::port::{self, Result};
use anabranch_core::record::{HEARTBEAT, SequenceNumber, ShardId};
use std::sync::Arc;

/// Records to append to one shard: partition key and payload of each.
#[derive(Debug, Clone)]
pub struct Append<'a> {
    /// The shard.
    pub shard: ShardId,
    /// Partition key and payload of each record, in order.
    pub records: Vec<(&'a str, &'a [u8])>,
}

/// The first and last sequence number that an append was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// That of its first record.
    pub first: SequenceNumber,
    /// That of its last record; below `first` if there was no record.
    pub last: SequenceNumber,
}

/// A stream that this process owns. Calls block on the disk, if there is one.
pub trait Log: Send + Sync {
    /// The shards, by name.
    fn shards(&self) -> &[ShardId];

    /// Appends records to one or more shards at once: all of them or, on an error, maybe none.
    /// Durable when it returns, if the log is. Every record arrives at the same time: `now_ms`, or
    /// the newest arrival time in the log where that is later.
    fn append(&self, appends: &[Append<'_>], now_ms: i64) -> Result<Vec<Appended>>;

    /// The records of a shard behind `after`: as many as come to `max_bytes`, give or take a block,
    /// and none only if there is none.
    fn read(&self, shard: &ShardId, after: SequenceNumber, max_bytes: usize) -> Result<Batch>;

    /// The last sequence number given in a shard; zero if none was. Trimming does not lower it.
    fn last(&self, shard: &ShardId) -> Result<SequenceNumber>;

    /// Lets go of records up to `through`; some of them may stay.
    fn trim(&self, shard: &ShardId, through: SequenceNumber) -> Result<()>;

    /// Makes every later record arrive no earlier than `arrival_ms`.
    fn raise_clock(&self, arrival_ms: i64) -> Result<()>;
}

/// Milliseconds since the Unix epoch.
pub type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

/// Heartbeats for a [`Log`], stamped by a clock.
pub struct Heartbeats<L> {
    log: Arc<L>,
    clock: Clock,
}

impl<L: Log> Heartbeats<L> {
    /// Heartbeats for `log` at the times that `clock` tells.
    pub fn new(log: Arc<L>, clock: Clock) -> Self {
        Heartbeats { log, clock }
    }
}

impl<L: Log> port::Stream for Heartbeats<L> {
    async fn heartbeat(&self) -> Result<()> {
        let heartbeat = |shard: &ShardId| Append {
            shard: shard.clone(),
            records: vec![(HEARTBEAT, b"".as_slice())],
        };
        let appends: Vec<Append<'_>> = self.log.shards().iter().map(heartbeat).collect();
        self.log.append(&appends, (self.clock)()).map(drop)
    }
}

/// The names of `count` shards: `shard-0000`, `shard-0001`, …
pub(crate) fn shard_names(count: u32) -> Vec<ShardId> {
    (0..count).map(|n| ShardId(format!("shard-{n:04}"))).collect()
}
