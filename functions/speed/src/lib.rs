//! The function speed: records of the stream into speed rows.
//!
//! ```text
//! definitions (one read) ─ revision as before? ─> the shard's warm absorber
//!                        └ another ──────────────> a new one: it believes nothing
//! checkpoint ─> what does the delivery follow? ─> absorb
//! ```
//!
//! What is kept between invocations are beliefs: rows that are put under a condition, so that a
//! wrong belief costs a conflict and nothing else.

mod metered;
#[cfg(test)]
mod tests;
mod warm;

use anabranch_core::epoch::EpochLength;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::{Absorbed, Absorber};
use anabranch_core::pipeline::follow::follows;
use anabranch_core::port::{Control, MasterDataSet, Result, Retained, SpeedStore};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_envelope::Response;
use anabranch_host::{Deployed, Error, Invocation, Log, Metrics, Unit, deliver, now_ms};
use metered::Metered;
use serde_json::json;
use tokio::sync::Mutex;
use warm::Warm;

/// The function over its stores.
pub struct Speed<S, C, M, R> {
    speed: Metered<S>,
    control: C,
    master: M,
    stream: R,
    /// The stream's name, for metrics.
    name: String,
    length: EpochLength,
    deployed: Deployed,
    warm: Mutex<Warm>,
}

impl<S: SpeedStore, C: Control, M: MasterDataSet, R: Retained> Speed<S, C, M, R> {
    /// The function that absorbs the stream `name`.
    pub fn new(
        (speed, control, master, stream): (S, C, M, R),
        name: String,
        length: EpochLength,
    ) -> Self {
        Speed {
            speed: Metered::new(speed),
            control,
            master,
            stream,
            name,
            length,
            deployed: Deployed::default(),
            warm: Mutex::default(),
        }
    }

    /// Takes the records of an event.
    ///
    /// # Errors
    /// If Lambda cannot be told which record failed.
    pub async fn handle(
        &self,
        invocation: &Invocation,
        event: &[u8],
    ) -> std::result::Result<Response, Error> {
        let mut warm = self.warm.lock().await;
        let step = warm.begin();
        let response = deliver(invocation, event, step, async |shard, records| {
            self.take(&invocation.log, &mut warm, shard, records).await
        })
        .await;
        warm.end(invocation.deadline.is_over());
        response
    }

    /// Brings records into the rows.
    async fn take(
        &self,
        log: &Log,
        warm: &mut Warm,
        shard: &ShardId,
        records: &[Record<'_>],
    ) -> Result<()> {
        let Some(first) = records.first() else { return Ok(()) };
        let (revision, project) = self.deployed.required(&self.control).await?;
        let follows = self.follows(shard, first.sequence).await?;
        let delivery = Delivery { shard, records, follows };
        let absorber = warm.absorber(revision, &project, shard, self.length);
        let units = self.speed.units();
        let absorbed = absorber.absorb(&self.speed, &self.control, &self.master, delivery).await?;
        for (definition, because) in absorber.given_up() {
            let reason = because.to_string();
            log.error(
                "a superseded definition is no longer absorbed",
                json!({"definition": definition.to_string(), "shard": shard, "reason": reason}),
            );
        }
        let units = self.speed.units() - units;
        log.metrics(&self.metrics(shard, records, absorbed, absorber, units));
        Ok(())
    }

    /// What records from `first` on follow, for a layer that has come to the shard's checkpoint.
    ///
    /// A checkpoint may have been lost. Then the archive's chain tells whether the oldest record that
    /// the stream still has is the shard's first.
    async fn follows(
        &self,
        shard: &ShardId,
        first: SequenceNumber,
    ) -> Result<Option<SequenceNumber>> {
        let checkpoint = self.control.checkpoint(shard).await?;
        let done = checkpoint.map(|checkpoint| checkpoint.sequence);
        if done.is_none() {
            let tail = self.master.tail(shard).await?;
            if tail.is_some_and(|tail| tail.follows.is_some() || tail.first < first) {
                return Ok(None);
            }
        }
        follows(&self.stream, shard, done, first).await
    }

    fn metrics(
        &self,
        shard: &ShardId,
        records: &[Record<'_>],
        absorbed: Absorbed,
        absorber: &Absorber,
        units: u64,
    ) -> Metrics {
        let events = records.iter().filter(|record| !record.is_heartbeat()).count();
        let newest = records.iter().map(|record| record.arrival_ms).max().unwrap_or_default();
        Metrics::new(&self.name)
            .with("Events", Unit::Count, events)
            .with("Records", Unit::Count, absorbed.records)
            .with("Redelivered", Unit::Count, absorbed.redelivered)
            .with("Rejected", Unit::Count, absorbed.rejected)
            .with("RowsWritten", Unit::Count, absorbed.rows)
            .with("Conflicts", Unit::Count, absorbed.conflicts)
            .with("WriteUnits", Unit::Count, units)
            .with("Epoch", Unit::None, absorber.epoch().0)
            .with("Lag", Unit::Milliseconds, now_ms().saturating_sub(newest).max(0))
            .property("shard", json!(shard))
    }
}
