//! The event source mapping: how AWS Lambda delivers a shard of Kinesis to a function.
//!
//! At least once. In order per shard, and the next batch only once the one before it is through. A
//! failure redelivers from the checkpoint, perhaps in halves (bisect), or from the lowest sequence
//! number that the function reports; where retries are limited, what exhausts them is given up and
//! noted at the failure destination. A time-out leaves the invocation running beside its retry.
//! Batches are cut anew every time.

use crate::random::Random;
use std::ops::Range;

/// How a mapping is configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How often a batch is retried before it is given up; `None` is for ever.
    pub(crate) retries: Option<u32>,
    /// Whether a failed batch is halved.
    pub(crate) bisect: bool,
    /// Whether what the function reports of a batch counts.
    pub(crate) partial: bool,
}

/// One shard's state.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    /// The next record, by its place in the shard.
    pub(crate) position: usize,
    /// The batch with the function.
    pub(crate) in_flight: Option<(u64, Range<usize>)>,
    attempts: u32,
    /// No batch may be longer: what bisecting has come to.
    limit: Option<usize>,
}

/// What a failure leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Retry,
    Bisected,
    /// Given up: the records go to the failure destination.
    Discarded(Range<usize>),
}

impl Mapping {
    /// The next batch of a shard of `len` records.
    pub(crate) fn cut(&self, len: usize, random: &mut Random) -> Option<Range<usize>> {
        if self.in_flight.is_some() || self.position >= len {
            return None;
        }
        let longest = self.limit.unwrap_or(14).min(len - self.position);
        Some(self.position..self.position + 1 + random.below(longest))
    }

    /// The batch of invocation `id` is with the function.
    pub(crate) fn invoked(&mut self, id: u64, batch: Range<usize>) {
        self.in_flight = Some((id, batch));
    }

    /// Whether the mapping still waits for invocation `id`.
    pub(crate) fn waits_for(&self, id: u64) -> bool {
        self.in_flight.as_ref().is_some_and(|(waiting, _)| *waiting == id)
    }

    /// The function returned without a failure.
    pub(crate) fn succeeded(&mut self) {
        if let Some((_, batch)) = self.in_flight.take() {
            self.position = batch.end;
            self.attempts = 0;
            self.limit = None;
        }
    }

    /// The function reported a failure from the record at `lowest` on.
    pub(crate) fn reported(&mut self, policy: Policy, lowest: usize) -> Verdict {
        match &self.in_flight {
            Some((_, batch)) if policy.partial && lowest > batch.start => {
                self.position = lowest;
                self.attempts = 0;
                self.in_flight = None;
                Verdict::Retry
            }
            _ => self.failed(policy),
        }
    }

    /// The function failed, or its time was up.
    pub(crate) fn failed(&mut self, policy: Policy) -> Verdict {
        let Some((_, batch)) = self.in_flight.take() else { return Verdict::Retry };
        if policy.bisect && batch.len() > 1 {
            self.limit = Some(batch.len() / 2);
            return Verdict::Bisected;
        }
        self.attempts += 1;
        if policy.retries.is_some_and(|retries| self.attempts > retries) {
            self.position = batch.end;
            self.attempts = 0;
            self.limit = None;
            return Verdict::Discarded(batch);
        }
        Verdict::Retry
    }

    /// The mapping has lost its own checkpoint: it delivers again from `position`.
    pub(crate) fn rewind(&mut self, position: usize) {
        self.position = self.position.min(position);
        self.in_flight = None;
    }

    /// A new mapping takes its place, which starts at `position`.
    pub(crate) fn replace(&mut self, position: usize) {
        *self = Mapping { position, ..Mapping::default() };
    }
}
