//! Drain: what the stream holds into both layers, once and to the end.

use super::Data;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::archive::archive;
use anabranch_core::port::{Control as _, Result};
use anabranch_core::record::{Record, ShardId};
use anabranch_stores::stream::Log as _;

/// As much of a shard is read at once: one object of the master data set.
const ARCHIVE_BYTES: usize = 32 << 20;
/// As much of a shard is folded at once.
const ABSORB_BYTES: usize = 16 << 20;

impl Data {
    /// Brings every record of the stream into the master data set.
    pub(crate) async fn archive_all(&self) -> Result<()> {
        for shard in self.stream_shards().await? {
            let mut after = self.archived(&shard).await?;
            loop {
                let batch = self.local.stream.read(&shard, after, ARCHIVE_BYTES)?;
                let records: Vec<Record<'_>> = batch.records().collect();
                let Some(last) = records.last() else { break };
                // The stream lets go of nothing that is not archived: it has none in between.
                let follows = Some(after);
                let delivery = Delivery { shard: &shard, records: &records, follows };
                archive(&self.local.master, &self.local.control, self.length, delivery).await?;
                after = last.sequence;
            }
        }
        Ok(())
    }

    /// Brings every record of the stream into the speed rows, and lets go of what both layers have.
    pub(crate) async fn absorb_all(&self) -> Result<()> {
        for shard in self.stream_shards().await? {
            let mut absorber = Absorber::new(&self.live(), shard.clone(), self.length);
            let checkpoint = self.local.control.checkpoint(&shard).await?;
            let mut after = checkpoint.map(|checkpoint| checkpoint.sequence).unwrap_or_default();
            loop {
                let batch = self.local.stream.read(&shard, after, ABSORB_BYTES)?;
                let records: Vec<Record<'_>> = batch.records().collect();
                let Some(last) = records.last() else { break };
                let local = &self.local;
                let delivery = delivery(&shard, &records);
                absorber.absorb(&local.speed, &local.control, &local.master, delivery).await?;
                after = last.sequence;
            }
            self.note_given_up(&absorber).await?;
            self.local.stream.trim(&shard, after.min(self.archived(&shard).await?))?;
        }
        Ok(())
    }
}

impl Data {
    /// Lets go of what an absorber could not go on with.
    pub(crate) async fn note_given_up(&self, absorber: &Absorber) -> Result<()> {
        for (&fingerprint, because) in absorber.given_up() {
            self.give_up(fingerprint, because).await?;
        }
        Ok(())
    }
}

/// Some records of the stream. Its sequence numbers count from 1 without gaps.
pub(crate) fn delivery<'a>(shard: &'a ShardId, records: &'a [Record<'a>]) -> Delivery<'a> {
    let follows = records.first().map(|record| record.sequence.previous());
    Delivery { shard, records, follows }
}
