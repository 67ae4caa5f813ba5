//! The audit: silent in every state that the pipeline can bring about, and loud about every lie.
//!
//! A world is one seed: a stream in memory and the shipping pipeline over it, with redelivery, tries
//! that fail half-way, cold starts, zombies, a changed view, imports, expiry. The audit must find
//! nothing in it, at any step. Then something is changed by hand in a world at rest, and the audit
//! must say what.

mod clean;
mod planted;
mod stores;
mod superseded;
mod world;
