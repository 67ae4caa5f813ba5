//! Which shards of the stream are open, and where new ones begin in time.
//!
//! A shard is registered before its first record, so that a shard which is not has no acknowledged
//! record. Its records must not fall into epochs that a batch version has closed: the stream's clock
//! is raised to the newest epoch there is before a shard is opened, and never falls again.

use super::Data;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::plan;
use anabranch_core::port::{Control as _, MasterDataSet as _, Result, ShardInfo, ShardKind};
use anabranch_core::record::{HEARTBEAT, SequenceNumber, ShardId};
use anabranch_stores::stream::{Append, Log};

impl Data {
    /// Opens the first `count` shards of the stream for appending: registers new ones, and reopens
    /// those that were closed when there were fewer.
    pub(crate) async fn open_shards(&self, count: usize) -> Result<Vec<ShardId>> {
        let base_epoch = self.newest_epoch().await?;
        self.local.stream.raise_clock(self.length.start_ms(base_epoch))?;
        let registered = self.local.control.shards().await?;
        let open = &self.local.stream.shards()[..count];
        for shard in open {
            let before = registered.iter().find(|info| info.shard == *shard);
            let info = match before {
                Some(info) if info.closed.is_none() => continue,
                Some(info) => ShardInfo { closed: None, ..info.clone() },
                None => {
                    let kind = ShardKind::Stream;
                    ShardInfo { shard: shard.clone(), kind, base_epoch, closed: None }
                }
            };
            self.local.control.put_shard(before, &info).await?;
        }
        Ok(open.to_vec())
    }

    /// The shards of the stream that are registered and not closed.
    pub(crate) async fn stream_shards(&self) -> Result<Vec<ShardId>> {
        let registered = self.local.control.shards().await?;
        let open = |info: &ShardInfo| info.kind == ShardKind::Stream && info.closed.is_none();
        Ok(registered.into_iter().filter(open).map(|info| info.shard).collect())
    }

    /// Closes a shard that nobody appends to any more, if both layers have all of it. Not while the
    /// speed layer has missed a part of it: the record that puts that right is still to come.
    pub(crate) async fn close_if_drained(&self, shard: &ShardId) -> Result<bool> {
        let last = self.local.stream.last(shard)?;
        let archived = self.archived(shard).await?;
        let absorbed = self.local.control.checkpoint(shard).await?;
        let absorbed = absorbed.map(|checkpoint| checkpoint.sequence).unwrap_or_default();
        if archived < last || absorbed < last || self.unseen(shard).await?.is_some() {
            return Ok(false);
        }
        let registered = self.local.control.shards().await?;
        if let Some(info) = registered.into_iter().find(|info| info.shard == *shard) {
            let closed = ShardInfo { closed: Some(last), ..info.clone() };
            return self.local.control.put_shard(Some(&info), &closed).await;
        }
        Ok(true)
    }

    /// The last record of a shard in the master data set; zero if there is none.
    pub(crate) async fn archived(&self, shard: &ShardId) -> Result<SequenceNumber> {
        let tail = self.local.master.tail(shard).await?;
        Ok(tail.map(|tail| tail.last).unwrap_or_default())
    }

    /// An epoch that no batch version's horizon lies above: records of this epoch and later ones
    /// are in no version yet.
    pub(crate) async fn newest_epoch(&self) -> Result<Epoch> {
        let local = &self.local;
        plan::newest_epoch(&self.live(), &local.master, &local.control, &local.views).await
    }

    /// When the newest record arrived, as far as either layer knows.
    pub(super) async fn newest_arrival_ms(&self) -> Result<i64> {
        let mut newest = self.length.start_ms(self.newest_epoch().await?);
        for info in self.local.control.shards().await? {
            let tail = self.local.master.tail(&info.shard).await?;
            let checkpoint = self.local.control.checkpoint(&info.shard).await?;
            let archived = tail.map_or(i64::MIN, |tail| tail.max_arrival_ms);
            let absorbed = checkpoint.map_or(i64::MIN, |checkpoint| checkpoint.newest_arrival_ms);
            newest = newest.max(archived).max(absorbed);
        }
        Ok(newest)
    }
}

/// Appends a heartbeat to each of `shards`.
pub(super) fn append_heartbeats(log: &impl Log, shards: &[ShardId], now_ms: i64) -> Result<()> {
    let heartbeat = |shard: &ShardId| Append {
        shard: shard.clone(),
        records: vec![(HEARTBEAT, b"".as_slice())],
    };
    let appends: Vec<Append<'_>> = shards.iter().map(heartbeat).collect();
    log.append(&appends, now_ms).map(drop)
}
