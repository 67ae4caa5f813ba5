//! Seal: how far every shard's epochs are complete in the master data set.
//!
//! An epoch of a shard is sealed when the archive has passed a record of a later epoch there, or
//! the shard is closed and drained. The tail of a shard's chain therefore seals every epoch below
//! its own. Heartbeats make sure that a record of a later epoch comes along.

use crate::epoch::Epoch;
use crate::port::{Control, MasterDataSet, Result};

/// The greatest horizon that a build may take: every shard is sealed below it. Exclusive.
///
/// # Errors
/// Those of the ports.
pub async fn sealed(master: &impl MasterDataSet, control: &impl Control) -> Result<Epoch> {
    let mut below_open: Option<Epoch> = None;
    let mut past_closed = Epoch::ZERO;
    for info in control.shards().await? {
        let tail = master.tail(&info.shard).await?;
        let reached = tail.as_ref().map_or(info.base_epoch, |tail| tail.epoch);
        let last = tail.map(|tail| tail.last).unwrap_or_default();
        if info.closed.is_some_and(|closed| last >= closed) {
            past_closed = past_closed.max(reached.next());
        } else {
            below_open = Some(below_open.map_or(reached, |least| least.min(reached)));
        }
    }
    Ok(below_open.unwrap_or(past_closed))
}
