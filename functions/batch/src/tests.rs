//! The handler over stores in memory and a stream whose records the tests put.

mod builds;
mod deployments;
mod redrives;
mod reshards;
mod world;
