//! The function archive: records of the stream into the master data set.
//!
//! A delivery is one step, so that an epoch's records of it are one object. What it follows is asked
//! of the stream, from the end of the shard's chain on.

use anabranch_core::epoch::EpochLength;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::archive::{Archived, archive};
use anabranch_core::pipeline::follow::follows;
use anabranch_core::port::{Control, MasterDataSet, Result, Retained};
use anabranch_core::record::{Record, ShardId};
use anabranch_envelope::Response;
use anabranch_host::{Error, Invocation, Metrics, Unit, deliver, now_ms};
use serde_json::json;

#[cfg(test)]
mod tests;

/// The function over its stores.
#[derive(Debug)]
pub struct Archive<M, C, R> {
    /// Where records go.
    pub master: M,
    /// Where shards are registered.
    pub control: C,
    /// The stream that they come from.
    pub stream: R,
    /// The stream's name, for metrics.
    pub name: String,
    /// The length of epochs.
    pub length: EpochLength,
}

impl<M: MasterDataSet, C: Control, R: Retained> Archive<M, C, R> {
    /// Takes the records of an event.
    ///
    /// # Errors
    /// If Lambda cannot be told which record failed.
    pub async fn handle(
        &self,
        invocation: &Invocation,
        event: &[u8],
    ) -> std::result::Result<Response, Error> {
        deliver(invocation, event, usize::MAX, async |shard, records| {
            let archived = self.take(shard, records).await?;
            invocation.log.metrics(&self.metrics(shard, records, archived));
            Ok(())
        })
        .await
    }

    /// Brings records into the master data set.
    async fn take(&self, shard: &ShardId, records: &[Record<'_>]) -> Result<Archived> {
        let Some(first) = records.first() else { return Ok(Archived::default()) };
        let tail = self.master.tail(shard).await?;
        let done = tail.map(|tail| tail.last);
        let follows = follows(&self.stream, shard, done, first.sequence).await?;
        let delivery = Delivery { shard, records, follows };
        archive(&self.master, &self.control, self.length, delivery).await
    }

    fn metrics(&self, shard: &ShardId, records: &[Record<'_>], archived: Archived) -> Metrics {
        let newest = records.iter().map(|record| record.arrival_ms).max().unwrap_or_default();
        Metrics::new(&self.name)
            .with("Records", Unit::Count, archived.records)
            .with("Redelivered", Unit::Count, archived.redelivered)
            .with("Objects", Unit::Count, archived.objects)
            .with("Conflicts", Unit::Count, archived.adopted)
            .with("Lag", Unit::Milliseconds, now_ms().saturating_sub(newest).max(0))
            .property("shard", json!(shard))
    }
}
