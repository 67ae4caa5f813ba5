//! Adapters of Anabranch's ports ([`anabranch_core::port`]).
//!
//! [`memory`] keeps everything in ordered maps, for tests and simulations.
//!
//! Core says what a store must do; nothing here decides what an answer is.

pub mod memory;
mod rows;
pub mod stream;
pub mod workers;
