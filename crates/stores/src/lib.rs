//! Adapters of Anabranch's ports ([`anabranch_core::port`]).
//!
//! [`memory`] keeps everything in ordered maps, for tests and simulations. [`local`] keeps it in a
//! folder, durably. [`faulty`] wraps a store and fails on demand. [`conformance`] is the suite that
//! all of them pass.
//!
//! Core says what a store must do; nothing here decides what an answer is.

pub mod conformance;
pub mod faulty;
pub mod local;
pub mod memory;
mod rows;
pub mod stream;
pub mod workers;
