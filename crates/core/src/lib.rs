//! The pure core of Anabranch: the way of the data, with no clock, no I/O and no runtime.
//!
//! ```text
//! event -> decode -> fold -> state -> store ─┐
//! master data set ──> the same fold ─────────┴─> merge -> answer
//! ```
//!
//! The modules stand in the order in which data meets them. Everything here is deterministic: time
//! and randomness come in as arguments, and the outside world is reached through the traits of
//! [`port`] only.

pub mod types;
pub mod column;
pub mod record;
pub mod schema;
pub mod timestamp;
pub mod duration;
pub mod view;
pub mod sql;
pub mod project;
pub mod definitions;
pub mod decode;
pub mod expr;
pub mod aggregate;
pub mod exactness;
pub mod key;
pub mod table;
pub mod fold;
pub mod epoch;
pub mod resolution;
pub mod port;
pub mod pipeline;
pub mod merge;
pub mod query;
pub mod audit;
