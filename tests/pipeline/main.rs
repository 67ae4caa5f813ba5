//! The pipeline step by step: what each function leaves in the stores, and what it answers, in the
//! situations that its documentation names.
//!
//! The simulated worlds show that answers are right whatever happens. Here is what they do not ask
//! for: the ledger's own fields, what a step reports, and who is told when something is wrong.

mod absorb;
mod archive;
mod ask;
mod build;
mod deploy;
mod merge;
mod plan;
mod seal;
mod support;
