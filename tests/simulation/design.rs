//! Designs: the shipping one, and the classic wrong ones that the simulation has to find out.
//!
//! The wrong ones wrap the ports or do a step in the wrong way, here and nowhere else: they show that
//! the checks can fail.

use crate::gate::Stores;
use crate::kinesis::Stored;
use anabranch_core::epoch::Epoch;
use anabranch_core::fold::Fold;
use anabranch_core::port::{
    Checkpoint, Control as _, PutRow, Result, RowId, RowOutcome, SpeedRow, SpeedStore as _,
};
use anabranch_core::project::Project;
use anabranch_core::record::{Record, ShardId};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

/// What a world runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Design {
    /// The code of `crates/core`, as it is.
    Shipping,
    /// The speed layer cuts the stream by the clock at which it processes a record.
    WallClockBoundary,
    /// The reader takes the speed rows of the last epoch that the batch view covers as well.
    InclusiveHorizon,
    /// Rows are added to, whatever they hold already.
    AddWithoutWatermark,
    /// The same, but a batch that was processed before is passed over.
    DedupByBatchHash,
    /// The reader keeps a pointer, and filters speed rows by the horizon of the current one.
    CachedPointer,
    /// Speed rows go before the version that covers them is published, and no floor says so.
    ExpiryBeforePublication,
}

impl Design {
    /// The wrong ones.
    pub(crate) const WRONG: [Design; 6] = [
        Design::WallClockBoundary,
        Design::InclusiveHorizon,
        Design::AddWithoutWatermark,
        Design::DedupByBatchHash,
        Design::CachedPointer,
        Design::ExpiryBeforePublication,
    ];

    /// Whether its speed layer adds to rows.
    pub(crate) fn adds(self) -> bool {
        matches!(self, Design::AddWithoutWatermark | Design::DedupByBatchHash)
    }
}

/// The batches that were processed, for [`Design::DedupByBatchHash`].
pub(crate) type Batches = BTreeSet<(ShardId, u64, u64)>;

/// Adds a delivery's rows to what is there, and moves the checkpoint.
pub(crate) async fn add(
    stores: &Stores,
    project: &Arc<Project>,
    shard: &ShardId,
    records: &[Rc<Stored>],
) -> Result<()> {
    for run in records.chunk_by(|a, b| a.epoch == b.epoch) {
        let last = run.last().map_or(0, |last| last.sequence).into();
        let mut fold = Fold::new(project);
        fold.fold(&run.iter().map(|stored| stored.record()).collect::<Vec<Record<'_>>>());
        for mut table in fold.take() {
            for group in 0..table.len() as u32 {
                let key = table.key(group).to_vec();
                let mut expected = None;
                loop {
                    let mut state = Vec::new();
                    table.encode(group, &mut state);
                    let fingerprint = table.view().fingerprint;
                    let (key, shard) = (key.clone(), shard.clone());
                    let id = RowId { fingerprint, key: key.clone(), epoch: run[0].epoch, shard };
                    let put = PutRow { id, expected, row: SpeedRow { applied: last, state } };
                    match stores.speed.put_rows(vec![put]).await?.pop() {
                        Some(RowOutcome::Conflict(Some(there))) => {
                            table.merge(&key, &there.state).expect("it can be read");
                            expected = Some(there.applied);
                        }
                        Some(RowOutcome::Conflict(None)) => expected = None,
                        Some(RowOutcome::Written) | None => break,
                    }
                }
            }
        }
    }
    let Some(last) = records.last() else { return Ok(()) };
    // Behind the rows, as the design has no reason to put it before them.
    let before = stores.control.checkpoint(shard).await?;
    let expected = before.as_ref().map(|before| before.sequence);
    if expected < Some(last.sequence.into()) {
        let covered = project.views.iter().map(|view| (view.fingerprint, Epoch::ZERO)).collect();
        let next = Checkpoint {
            sequence: last.sequence.into(),
            epoch: last.epoch,
            newest_arrival_ms: last.arrival_ms,
            covered,
            distrusted: Epoch::ZERO,
        };
        stores.control.put_checkpoint(shard, expected, &next).await?;
    }
    Ok(())
}
