//! What an instance keeps between invocations: an absorber per shard, and how much it takes at once.

use anabranch_core::epoch::EpochLength;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::project::Project;
use anabranch_core::record::ShardId;
use std::collections::HashMap;
use std::sync::Arc;

/// An absorber holds the rows of an epoch, so an instance that Lambda sends from shard to shard
/// keeps few.
const ABSORBERS: usize = 4;
/// No less is taken at once. Each step puts every row that it touches.
const LEAST_STEP: usize = 256;

/// What is kept.
#[derive(Default)]
pub(crate) struct Warm {
    absorbers: HashMap<ShardId, (u64, Absorber)>,
    /// Records of a step; `None`: whole deliveries, as long as they are taken in time.
    step: Option<usize>,
}

impl Warm {
    /// How many records are taken at once.
    pub(crate) fn begin(&self) -> usize {
        self.step.unwrap_or(usize::MAX)
    }

    /// Notes whether an invocation came to its end in time. What does not fit is cut in halves from
    /// there on: a step that was taken whole need not be taken again.
    pub(crate) fn end(&mut self, late: bool) {
        const LARGEST_DELIVERY: usize = 10_000;
        self.step = match (late, self.step) {
            (true, step) => Some((step.unwrap_or(LARGEST_DELIVERY) / 2).max(LEAST_STEP)),
            (false, Some(step)) if step < LARGEST_DELIVERY / 2 => Some(step * 2),
            (false, _) => None,
        };
    }

    /// The shard's absorber for a revision of the definitions; a new one where it is of another.
    pub(crate) fn absorber(
        &mut self,
        revision: u64,
        project: &Arc<Project>,
        shard: &ShardId,
        length: EpochLength,
    ) -> &mut Absorber {
        if !self.absorbers.contains_key(shard) && self.absorbers.len() >= ABSORBERS {
            self.absorbers.clear();
        }
        let new = || (revision, Absorber::new(project, shard.clone(), length));
        let kept = self.absorbers.entry(shard.clone()).or_insert_with(new);
        if kept.0 != revision {
            *kept = new();
        }
        &mut kept.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_until_it_does_and_then_grows_again() {
        let mut warm = Warm::default();
        let mut after = |late| {
            warm.end(late);
            warm.begin()
        };
        assert_eq!([true, true, true].map(&mut after), [5_000, 2_500, 1_250]);
        assert_eq!([true; 4].map(&mut after), [625, 312, 256, 256]);
        assert_eq!([false; 6].map(&mut after), [512, 1024, 2048, 4096, 8192, usize::MAX]);
    }
}
