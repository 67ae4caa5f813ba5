//! Mending: a data folder is put right as it is opened, where parts of it are gone.
//!
//! The master data set and the ledger of imports are the truth; the registry of shards, the speed
//! rows, the batch views and the numbering of the stream can be made from them. So a file that is
//! lost or corrupt may simply be moved away: what was archived is never lost with it.

use super::Data;
use super::ledger::{Entry, Ledger, State};
use crate::log;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    Control as _, MasterDataSet as _, ObjectInfo, Result, ShardInfo, ShardKind,
};
use anabranch_core::record::SequenceNumber;
use anabranch_stores::stream::Log as _;
use std::path::Path;

impl Data {
    /// Puts right what can be put right, and says so.
    pub(super) async fn mend(&self, folder: &Path) -> anyhow::Result<()> {
        let mut ledger = Ledger::open(folder)?;
        let registered = self.local.control.shards().await?;
        for entry in ledger.unfinished(&registered) {
            ledger.write(Entry { state: State::Done, ..entry })?;
        }
        for tail in self.local.master.tails()? {
            if !registered.iter().any(|info| info.shard == tail.shard) {
                self.register_again(&ledger, &tail).await?;
            }
        }
        for info in self.local.control.shards().await? {
            if info.kind == ShardKind::Stream {
                self.go_on_behind(info).await?;
            }
        }
        Ok(())
    }

    /// Registers a shard that the master data set holds and the registry has lost. The objects of
    /// an import that died were never acknowledged, and stay out.
    async fn register_again(&self, ledger: &Ledger, tail: &ObjectInfo) -> Result<()> {
        let shard = tail.shard.clone();
        let info = match ledger.entry(&shard).map(|entry| entry.state) {
            Some(State::Running) => return Ok(()),
            Some(State::Done) => {
                let kind = ShardKind::Import;
                ShardInfo { shard, kind, base_epoch: tail.epoch, closed: Some(tail.last) }
            }
            None => {
                let objects = self.local.master.objects(Epoch::ZERO..tail.epoch.next()).await?;
                let first = objects.iter().find(|object| object.shard == shard);
                let base_epoch = first.map_or(tail.epoch, |first| first.epoch);
                ShardInfo { shard, kind: ShardKind::Stream, base_epoch, closed: None }
            }
        };
        self.local.control.put_shard(None, &info).await?;
        log::warning("registry", &[("registered again", &info.shard)]);
        Ok(())
    }

    /// Makes the stream go on behind what the layers have of a shard, were its file lost.
    async fn go_on_behind(&self, info: ShardInfo) -> Result<()> {
        let shard = &info.shard;
        let absorbed = self.local.control.checkpoint(shard).await?;
        let absorbed = absorbed.map(|checkpoint| checkpoint.sequence).unwrap_or_default();
        let known: SequenceNumber = absorbed.max(self.archived(shard).await?);
        let stream = &self.local.stream;
        if !stream.shards().contains(shard) {
            if info.closed.is_none() {
                log::warning("stream", &[("closed, the stream has lost it", shard)]);
                let closed = Some(self.archived(shard).await?);
                let closed = ShardInfo { closed, ..info.clone() };
                self.local.control.put_shard(Some(&info), &closed).await?;
            }
        } else if stream.last(shard)? < known {
            log::warning("stream", &[("has lost records of", shard), ("goes on behind", &known)]);
            stream.skip_to(shard, known)?;
        }
        Ok(())
    }
}
