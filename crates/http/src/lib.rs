//! Anabranch's HTTP API: one axum router for the local server and for Lambda.
//!
//! ```text
//! POST /v1/events ─> events (cut the body) ─┬─> Backend::ingest, durable ─┬─> reply
//!                                           └─> verdicts (check each) ────┘
//! GET /v1/views/{view} ─> parameters ─> Backend::ask ─> JSON with a receipt
//! ```
//!
//! The router knows what a request means and how a reply looks; where events go and where answers
//! come from is behind [`Backend`]. Every error is an `application/problem+json` body.

mod audit;
mod backend;
mod events;
mod ingest;
mod problem;
mod router;
mod status;
mod verdicts;
mod views;

pub use backend::Backend;
pub use events::{Events, lines};
pub use router::{Options, Serves, router};
pub use status::{Failing, ShardStatus, Status, ViewStatus};

#[cfg(test)]
mod tests;
