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
pub mod follow;
pub mod plan;
pub mod seal;

use crate::record::{Record, SequenceNumber, ShardId};

/// Consecutive records of one shard, as the stream delivered them: perhaps again, perhaps cut
/// differently from the last time, but in order and without gaps among them.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The shard.
    pub shard: &'a ShardId,
    /// Its records, in order.
    pub records: &'a [Record<'a>],
    /// The shard has no record between this place and the first of these; zero says that it has
    /// none before them at all. `None`: not known.
    ///
    /// Sequence numbers have gaps, so a consumer cannot see from them that a delivery before this
    /// one was given up (see `docs/exactness.md`). Whoever delivers has to ask the stream.
    pub follows: Option<SequenceNumber>,
}

impl Delivery<'_> {
    /// Whether no record lies between `done`, up to where a consumer has come, and the first that
    /// is new to it.
    pub(crate) fn continues(&self, done: Option<SequenceNumber>) -> bool {
        let done = done.unwrap_or(SequenceNumber::ZERO);
        let follows = self.follows.is_some_and(|follows| follows <= done);
        follows || self.records.first().is_none_or(|first| first.sequence.previous() <= done)
    }
}
