//! Steps: what may happen next in a world.
//!
//! A world is its seed and a list of steps, each with randomness of its own. A step that is left out
//! therefore changes no other step's choices, which is what lets a failure be shrunk.

use crate::random::Random;

/// How many steps a world has, at least and at most.
const STEPS: (usize, usize) = (50, 130);

/// One step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    /// The seed of all its choices.
    pub(crate) salt: u64,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// Producers put some records.
    Append,
    /// The mapping hands a batch to the archive.
    InvokeArchive,
    /// The mapping hands a batch to the speed layer.
    InvokeSpeed,
    /// A task goes on by some calls.
    Run,
    /// The time of an invocation is up; it runs on all the same.
    TimeOut,
    /// A task dies where it stands.
    Kill,
    /// A mapping delivers from before.
    Rewind,
    /// The next deliveries with a certain record fail.
    Poison,
    /// A batch run begins.
    Batch,
    /// A shard splits, or two merge.
    Reshard,
    /// A checkpoint is lost.
    Forget,
    /// Another deployment.
    Deploy,
    /// Speed rows expire too early.
    Expire,
    /// A reader asks.
    Read,
    /// What was given up is delivered again.
    Redrive,
    /// Instances are recycled.
    Recycle,
    /// A layer stands still for a while.
    Stick,
}

const WEIGHTS: [(StepKind, usize); 17] = [
    (StepKind::Append, 13),
    (StepKind::InvokeArchive, 12),
    (StepKind::InvokeSpeed, 12),
    (StepKind::Run, 34),
    (StepKind::TimeOut, 3),
    (StepKind::Kill, 3),
    (StepKind::Rewind, 3),
    (StepKind::Poison, 2),
    (StepKind::Batch, 6),
    (StepKind::Reshard, 1),
    (StepKind::Forget, 1),
    (StepKind::Deploy, 1),
    (StepKind::Expire, 1),
    (StepKind::Read, 4),
    (StepKind::Redrive, 2),
    (StepKind::Recycle, 1),
    (StepKind::Stick, 1),
];

/// The steps of a world.
pub(crate) fn steps(random: &mut Random) -> Vec<Step> {
    let total: usize = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    let count = STEPS.0 + random.below(STEPS.1 - STEPS.0);
    let step = |_| {
        let mut at = random.below(total);
        let chosen = WEIGHTS.iter().find(|(_, weight)| {
            let found = at < *weight;
            at = at.saturating_sub(*weight);
            found
        });
        let kind = chosen.map_or(StepKind::Run, |(kind, _)| *kind);
        Step { kind, salt: random.bits() }
    };
    (0..count).map(step).collect()
}
