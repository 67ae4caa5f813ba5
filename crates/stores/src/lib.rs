//! Adapters of Anabranch's ports ([`anabranch_core::port`]).
//!
//! [`memory`] keeps everything in ordered maps, for tests and simulations. [`local`] keeps it in a
//! folder, durably. `aws`, behind the feature of that name, keeps it in AWS. [`faulty`] wraps a store
//! and fails on demand. [`conformance`] is the suite that all of them pass.
//!
//! Core says what a store must do; nothing here decides what an answer is.

#[cfg(feature = "aws")]
pub mod aws;
mod build_name;
mod cache;
pub mod conformance;
mod error;
pub mod faulty;
pub mod local;
pub mod memory;
mod part_file;
mod record_file;
mod rows;
mod sparse;
pub mod stream;
pub mod workers;
