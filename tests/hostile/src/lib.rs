//! Hostile bytes: for every place where bytes come in, what must hold whatever they are.
//!
//! ```text
//! examples ─> seeds ─┬─ fuzz/      libFuzzer, guided by coverage ─┐
//!                    ├─ mutate     a seeded mutator, in `make test` ├─> check(bytes): holds or panics
//! found/*/* ─────────┴──────────────────────────────────────────────┘
//! ```
//!
//! A target is a function over bytes that panics if something does not hold; it asks for more than
//! that nothing panics. The fuzzer and the tests call the very same functions, so neither can rot.
//! What a fuzzer finds is kept in `found/<target>/` and checked for ever.

pub mod envelope;
pub mod event;
pub mod ingest;
pub mod mutate;
pub mod query;
mod reference;
pub mod row;
pub mod seeds;
pub mod sql;
pub mod state;
pub mod stored;

/// Panics if something does not hold of these bytes.
pub type Check = fn(&[u8]);

/// Every target, by the name that the fuzzer's binary and the folder of found inputs have.
pub const TARGETS: [(&str, Check); 8] = [
    ("envelope", envelope::check),
    ("event", event::check),
    ("ingest", ingest::check),
    ("query", query::check),
    ("row", row::check),
    ("sql", sql::check),
    ("state", state::check),
    ("stored", stored::check),
];
