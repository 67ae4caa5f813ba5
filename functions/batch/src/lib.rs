//! The function batch: the planner and publisher, every minute a look at what is due.
//!
//! ```text
//! tick ─> deploy ─> shards ─> redrive ─> settle ─> due? ─> heartbeats ─> sealed? ─> build ─> retire
//!                                                                                  └ too large ─> Glue
//! ```
//!
//! Every step looks at the stores and keeps nothing: a tick may die anywhere, run twice, or never
//! come, and the next one goes on from what is there. Two at once are one that is overtaken, because
//! whatever changes anything is put under a condition.

mod definitions;
mod due;
mod event;
mod given_up;
mod outside;
mod run;
mod shards;
#[cfg(test)]
mod tests;

pub use definitions::Stamped;
pub use event::{Action, parse};
pub use outside::{GivenUp, Listed, NoJobs, Shards, Sizes};
pub use run::Report;

use anabranch_core::epoch::EpochLength;
use anabranch_core::project::Project;
use std::sync::Arc;
use std::time::Duration;

/// What the function is told by its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The stream's name, for metrics.
    pub stream: String,
    /// The length of epochs.
    pub length: EpochLength,
    /// How long after a version the next one is built.
    pub every: Duration,
    /// As many bytes of the master data set are folded in one run at most.
    pub native_max_bytes: u64,
    /// No invocation of another function goes on for longer.
    pub longest_invocation: Duration,
}

/// The function over its stores and what else it reaches.
pub struct Batch<M, S, C, V, T, G, J> {
    /// The master data set.
    pub master: M,
    /// The speed rows.
    pub speed: S,
    /// Checkpoints, shards and definitions.
    pub control: C,
    /// The batch views.
    pub views: V,
    /// The stream.
    pub stream: T,
    /// The batches that Lambda has given up.
    pub given_up: G,
    /// Builds that run elsewhere, where there is a job for them.
    pub jobs: Option<J>,
    /// The project to be deployed.
    pub bundled: Arc<Project>,
    /// What it is told.
    pub settings: Settings,
}
