//! The absorber: a shard of the stream into speed rows, as soon as there is something.
//!
//! Every step ends with a sync, so records gather for a moment first; under load, where there is
//! always more than a step takes, nothing waits.

use super::Engine;
use crate::data::delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::port::{Control as _, Result};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_stores::stream::Log as _;
use futures::executor::block_on;
use std::sync::Arc;
use std::time::Duration;

/// As much is folded at once: enough to spread the cost of the rows, little enough to be seen soon.
const STEP_BYTES: usize = 8 << 20;
/// How long records gather.
const GATHER: Duration = Duration::from_millis(20);
/// How long to wait for a ring of the bell before looking anyway.
const PATIENCE: Duration = Duration::from_millis(500);

/// Absorbs one shard.
pub(super) struct Absorb {
    shard: ShardId,
    absorber: Absorber,
    /// The last record absorbed; `None` until it has been looked up.
    absorbed: Option<SequenceNumber>,
}

impl Absorb {
    pub(super) fn new(engine: &Engine, shard: ShardId) -> Self {
        let absorber = Absorber::new(&engine.data.live(), shard.clone(), engine.data.length);
        Absorb { shard, absorber, absorbed: None }
    }

    /// Absorbs what has come, or waits for some.
    pub(super) fn step(&mut self, engine: &Engine) -> Result<()> {
        let local = &engine.data.local;
        let after = match self.absorbed {
            Some(absorbed) => absorbed,
            None => {
                let checkpoint = block_on(local.control.checkpoint(&self.shard))?;
                checkpoint.map(|checkpoint| checkpoint.sequence).unwrap_or_default()
            }
        };
        let heard = engine.bell.heard();
        let batch = local.stream.read(&self.shard, after, STEP_BYTES)?;
        let records: Vec<Record<'_>> = batch.records().collect();
        let Some(last) = records.last() else {
            self.absorbed = Some(after);
            if engine.bell.wait(heard, PATIENCE) {
                engine.bell.sleep(GATHER);
            }
            return Ok(());
        };
        let live = engine.data.live();
        if !Arc::ptr_eq(&live, self.absorber.project()) {
            self.absorber = Absorber::new(&live, self.shard.clone(), engine.data.length);
        }
        let delivery = delivery(&self.shard, &records);
        block_on(self.absorber.absorb(&local.speed, &local.control, &local.master, delivery))?;
        self.absorbed = Some(last.sequence);
        block_on(engine.data.note_given_up(&self.absorber))
    }
}
