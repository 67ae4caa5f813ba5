//! What every function is made of.
//!
//! ```text
//! environment ─> settings ─> stores on AWS ─┐
//! Lambda ─> run ─> invocation (log, deadline) ─> the function's handler ─> reply, one line of metrics
//!                  a Kinesis event ─> deliver ─> steps, and the first record that was not taken
//! ```
//!
//! A function's own crate is a handler over the ports, which knows no AWS, and a main that puts the
//! two together. What is configured is read once, as a function starts, and passed on.

mod deadline;
mod deliver;
mod deployed;
mod environment;
pub mod http;
mod log;
mod metrics;
mod project_folder;
mod run;
pub mod settings;

pub use anabranch_stores::aws;
pub use deadline::Deadline;
pub use deliver::{Error, deliver};
pub use deployed::Deployed;
pub use environment::{Environment, Misconfigured};
pub use log::{Level, Log};
pub use metrics::{Metrics, Unit};
pub use project_folder::load as load_project;
pub use run::{AnyError, Invocation, main, now_ms, serve};

/// What a function's start comes to.
pub type Result<T> = std::result::Result<T, AnyError>;
