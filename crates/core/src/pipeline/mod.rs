//! The pipeline: what each function of the architecture does, over ports and nothing else.
//!
//! ```text
//! stream ─┬─> archive ─> master data set ─> seal ─> build ─> batch views ─┐
//!         └─> absorb ──> speed rows ──────────────────────────────────────┴─> merge ─> answer
//! ```

pub mod absorb;
pub mod archive;
pub mod build;
pub mod deploy;
pub mod seal;

use crate::record::{Record, ShardId};

/// Consecutive records of one shard, as the stream delivered them: perhaps again, perhaps cut
/// differently from the last time, but in order and without gaps.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The shard.
    pub shard: &'a ShardId,
    /// Its records, in order.
    pub records: &'a [Record<'a>],
    /// Whether it is known that the shard has no record before the first of these.
    pub from_start: bool,
}
