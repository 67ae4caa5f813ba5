//! Coverage: how often each kind of fault happened, over all worlds of a run.
//!
//! A run of any size in which one of them never happened proves less than it says, so every count is
//! asserted to be above zero.

macro_rules! kinds {
    ($($kind:ident: $text:literal,)*) => {
        /// A kind of thing that happens in a world.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($kind,)*
        }

        impl Kind {
            /// Each with its name in tables.
            pub(crate) const ALL: &[(Kind, &str)] = &[$((Kind::$kind, $text),)*];
        }
    };
}

kinds! {
    Duplicate: "a producer sends an event twice, under new sequence numbers",
    Hostile: "a payload that the schema rejects",
    ArrivalBack: "an arrival time before that of the record before",
    Skew: "a shard whose clock is off",
    Straggler: "an event hours or days late",
    Split: "a shard splits",
    Merge: "two shards merge",
    ChildWaits: "a child waits for its parents to be drained",
    Unregistered: "a delivery before its shard is registered",
    ArchiveRedelivered: "the archive is given records again",
    SpeedRedelivered: "the speed layer is given records again",
    Adopted: "the archive finds the object already there, cut otherwise",
    RowConflict: "a conditional put of a row finds another one",
    Partial: "a function reports from where it failed, and the rest is redelivered",
    Bisected: "a failed batch is halved",
    ErrorBefore: "a call fails and has done nothing (throttled)",
    ErrorHalfway: "a call fails halfway",
    ErrorAfter: "a call is done and its reply lost",
    TimeoutZombie: "an invocation times out and runs on beside its retry",
    ZombieFinished: "such a zombie comes to its end",
    Killed: "an invocation dies between two calls",
    BatchKilled: "a batch run dies between two calls",
    Cold: "a cold instance takes over",
    Warm: "a warm instance goes on with what it remembers",
    Rewound: "the mapping loses its place and delivers from before",
    Poison: "a delivery that cannot succeed for a while",
    ArchiveDiscarded: "the archive's retries are exhausted, records given up",
    SpeedDiscarded: "the speed layer's retries are exhausted, records given up",
    GapRefused: "the archive refuses to go on over a gap",
    Redriven: "what was given up is delivered again",
    ArchiveStuck: "the archive stands still for long",
    SpeedStuck: "the speed layer stands still for long",
    SpeedLate: "the speed layer starts in the middle of the stream",
    ArchiveLate: "the archive starts long after the speed layer",
    CheckpointLost: "the speed layer's checkpoint is lost",
    NotKnown: "the deliverer cannot tell what was before",
    Built: "an incremental build publishes",
    BuiltFull: "a full build publishes",
    BuildOvertaken: "a build finds that another has published",
    BuildFailed: "a view's build fails",
    TwoRuns: "two batch runs at once",
    Retired: "what old versions needed is removed",
    Expired: "speed rows expire too early",
    ReaderPaused: "a reader is paused between its calls while others go on",
    ReaderIncomplete: "an answer says that it is not complete",
    ReaderFailed: "a reader gets an error, not an answer",
    ViewChanged: "a view is changed",
    ViewRemoved: "a view is removed",
    ViewBack: "a view is added again",
    ServedOn: "a superseded definition answers completely",
    Superseded: "a superseded definition is retired",
    OldCode: "an instance of the old deployment goes on",
    BuggyBuild: "a build with a bug publishes",
    BugFixed: "a full build mends what the bug did",
    Idle: "a shard without events is passed by heartbeats",
}

/// Counts by kind.
#[derive(Debug, Clone)]
pub(crate) struct Coverage([u64; Kind::ALL.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Coverage([0; Kind::ALL.len()])
    }
}

impl Coverage {
    pub(crate) fn count(&mut self, kind: Kind) {
        self.add_to(kind, 1);
    }

    pub(crate) fn add_to(&mut self, kind: Kind, count: u64) {
        self.0[kind as usize] += count;
    }

    pub(crate) fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    pub(crate) fn add(&mut self, other: &Coverage) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    /// The table: one line per kind.
    pub(crate) fn table(&self) -> String {
        let line = |(kind, text): &(Kind, &str)| format!("{:>12}  {text}\n", self.of(*kind));
        Kind::ALL.iter().map(line).collect()
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let missing = Kind::ALL.iter().filter(|(kind, _)| self.of(*kind) == 0);
        missing.map(|(_, text)| *text).collect()
    }
}
