//! The archiver: a shard of the stream into the master data set, in objects as large as may be.
//!
//! Small objects are slow to read for ever, so records are held back until enough have gathered or
//! their epoch is over. Longer than that they must not wait, because an epoch can only be sealed by
//! what has been archived; and a heartbeat, which is there to seal, is archived at once.

use super::Engine;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::archive::archive;
use anabranch_core::port::Result;
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_stores::stream::{Batch, Log as _};
use futures::executor::block_on;
use std::time::Duration;

/// Enough for an object.
const OBJECT_BYTES: usize = 32 << 20;
/// As much is read at once.
const READ_BYTES: usize = 8 << 20;
/// How often the clock is looked at while records are held back.
const PATIENCE: Duration = Duration::from_millis(100);

/// Archives one shard.
pub(super) struct Archive {
    shard: ShardId,
    /// The last record archived; `None` until it has been looked up.
    archived: Option<SequenceNumber>,
    held: Held,
}

/// What has been read and is held back.
#[derive(Default)]
struct Held {
    batches: Vec<Batch>,
    bytes: usize,
    heartbeat: bool,
    /// Arrival of the first and the last record.
    arrivals_ms: Option<(i64, i64)>,
}

impl Archive {
    pub(super) fn new(shard: ShardId) -> Self {
        Archive { shard, archived: None, held: Held::default() }
    }

    /// Reads what has come, and archives what is due.
    pub(super) fn step(&mut self, engine: &Engine) -> Result<()> {
        let archived = match self.archived {
            Some(archived) => archived,
            None => *self.archived.insert(block_on(engine.data.archived(&self.shard))?),
        };
        let read = self.held.batches.last().map_or(archived, Batch::last);
        let heard = engine.bell.heard();
        let batch = engine.data.local.stream.read(&self.shard, read, READ_BYTES)?;
        let more = !batch.is_empty();
        self.held.push(batch);
        match self.held.due(engine) {
            Some(through) => self.archive(engine, through),
            None if more => Ok(()),
            None => {
                engine.bell.wait(heard, PATIENCE);
                Ok(())
            }
        }
    }

    /// Archives the held records of epochs up to `through`.
    fn archive(&mut self, engine: &Engine, through: Epoch) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        let records: Vec<Record<'_>> = held.batches.iter().flat_map(Batch::records).collect();
        let due = records.partition_point(|record| epoch(engine, record.arrival_ms) <= through);
        let Some(last) = records[..due].last() else { return Ok(()) };
        let data = &engine.data;
        // The stream lets go of nothing that is not archived: it has none in between.
        let (shard, follows) = (&self.shard, self.archived);
        let delivery = Delivery { shard, records: &records[..due], follows };
        block_on(archive(&data.local.master, &data.local.control, data.length, delivery))?;
        self.archived = Some(last.sequence);
        engine.let_go(&self.shard)
    }
}

impl Held {
    fn push(&mut self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        self.bytes += batch.bytes();
        for record in batch.records() {
            self.heartbeat |= record.is_heartbeat();
            let (first, last) = self.arrivals_ms.unwrap_or((record.arrival_ms, i64::MIN));
            self.arrivals_ms = Some((first, last.max(record.arrival_ms)));
        }
        self.batches.push(batch);
    }

    /// Up to and including which epoch it is time to archive, if it is.
    fn due(&self, engine: &Engine) -> Option<Epoch> {
        let (first, last) = self.arrivals_ms?;
        if self.heartbeat || self.bytes >= OBJECT_BYTES {
            return Some(Epoch(u64::MAX));
        }
        let current = epoch(engine, last.max(engine.data.clock.now_ms()));
        (epoch(engine, first) < current).then(|| Epoch(current.0 - 1))
    }
}

/// The epoch by arrival alone: arrival times of our own stream never fall.
fn epoch(engine: &Engine, arrival_ms: i64) -> Epoch {
    engine.data.length.epoch_of(arrival_ms, Epoch::ZERO)
}
