//! Decoding: a payload's bytes to the values of the schema's columns, or the reason why not.
//!
//! ```text
//! payload ─ UTF-8 (simdutf8) ─> walk ─┬─ plan     which key is which column, which comes next
//!                                     ├─ scanner  the grammar; string, number: the tokens
//!                                     │   └─ trail  the way through what is not declared
//!                                     └─ value    the column's rules ─> batch
//!                                  (lanes: 16 bytes at once, for plan, trail, string and number)
//! ```
//!
//! One pass, no tree. Measured libraries take 400 to 570 ns for five fields of a 400-byte event
//! (sonic-rs, simd-json, jiter; serde_json 640) where a bounded extractor takes 170, and the budget
//! for decoding, folding and all is 500 ns; so this is written by hand, without `unsafe`, and takes
//! about 200 with everything validated (`examples/decode_bench.rs`).
//!
//! **The verdict.** Whether a record is accepted depends on its payload and the schema only: all
//! of the payload is validated, and every declared column is checked, whichever of them are wanted.
//! Where several things are wrong, the first of these is reported: bytes that are not UTF-8; the
//! first of a breach of the grammar, too deep a nesting, and a lone surrogate in an escape; a
//! payload that is no object; the first fault of a column in document order; a missing event time.
//!
//! **The rules.** JSON is RFC 8259. A missing field, a `null`, and a missing or null parent are
//! NULL. Undeclared keys may occur repeatedly, declared ones and their parents may not. Keys are
//! compared after their escapes are undone. Per type:
//!
//! | type | JSON values |
//! |---|---|
//! | BOOLEAN | `true`, `false` |
//! | BIGINT | a number that is integral, however written (`1e3`, `1.0`), of 64 bits |
//! | DOUBLE | a number whose nearest double is finite; `-0.0` becomes `0.0` |
//! | DECIMAL(p,s) | a number, or a string that holds one; rounded half away from zero to s places |
//! | VARCHAR | a string |
//! | TIMESTAMP | as [`crate::timestamp::parse`] says; epochs also as a number |
//!
//! A value of another form is [`Reason::WrongType`], one that the type cannot hold is
//! [`Reason::OutOfRange`].

mod batch;
mod fault;
mod lanes;
pub(crate) mod number;
mod plan;
mod scanner;
mod string;
mod trail;
mod value;
mod walk;

pub use batch::Batch;

use crate::schema::{ColumnId, Schema};
use batch::Sink;
use bumpalo::Bump;
use walk::Walker;

/// Why a record is rejected: a kind to count by, and the particulars.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// The kind.
    pub reason: Reason,
    /// What was wrong, where, and what is allowed; lower case, one line.
    pub detail: String,
}

/// The kinds of rejection. Their names are keys of stored counts and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The payload is not UTF-8 (or holds a lone surrogate as `\u` escape).
    InvalidUtf8,
    /// The payload is not JSON.
    InvalidJson,
    /// It is JSON, but not an object.
    NotAnObject,
    /// Objects and arrays nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A declared column occurs twice.
    DuplicateKey,
    /// A declared column has a value of another type.
    WrongType,
    /// A declared column has a value that its type cannot hold.
    OutOfRange,
    /// The event time is missing or null.
    MissingEventTime,
}

/// The deepest nesting of objects and arrays that is accepted.
pub const MAX_DEPTH: usize = 128;

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 8] = [
        Reason::InvalidUtf8,
        Reason::InvalidJson,
        Reason::NotAnObject,
        Reason::TooDeep,
        Reason::DuplicateKey,
        Reason::WrongType,
        Reason::OutOfRange,
        Reason::MissingEventTime,
    ];

    /// The stable name, such as `invalid_json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::InvalidJson => "invalid_json",
            Reason::NotAnObject => "not_an_object",
            Reason::TooDeep => "too_deep",
            Reason::DuplicateKey => "duplicate_key",
            Reason::WrongType => "wrong_type",
            Reason::OutOfRange => "out_of_range",
            Reason::MissingEventTime => "missing_event_time",
        }
    }
}

/// Decodes payloads under one schema.
///
/// It learns the order of the keys as it goes, which changes how fast it is and nothing else.
#[derive(Debug, Clone)]
pub struct Decoder {
    needed: Vec<ColumnId>,
    walker: Walker,
}

impl Decoder {
    /// A decoder that checks every column of `schema` and keeps the values of `needed`.
    ///
    /// # Panics
    /// If `schema` is none that the SQL compiler lets through: a path that is empty, declared
    /// twice, or leads through another column.
    pub fn new(schema: &Schema, needed: &[ColumnId]) -> Self {
        let mut needed = needed.to_vec();
        needed.sort_unstable();
        needed.dedup();
        Decoder { walker: Walker::new(schema, &needed), needed }
    }

    /// An empty batch for this decoder with room for `rows` events.
    pub fn batch<'a>(&self, rows: usize) -> Batch<'a> {
        Batch::new(self.walker.schema(), &self.needed, rows)
    }

    /// Appends the event in `payload` to `batch`, or leaves `batch` as it was and says why not.
    /// Texts borrow from `payload`, or from `arena` where escapes had to be undone.
    ///
    /// # Errors
    /// See the module's documentation for what is rejected, and as what.
    ///
    /// # Panics
    /// If `batch` was made for another schema.
    pub fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        arena: &'a Bump,
        batch: &mut Batch<'a>,
    ) -> Result<(), Rejection> {
        let mut sink = Sink { batch, arena };
        match self.walker.walk(payload, Some(&mut sink)) {
            Ok(values) => {
                sink.commit(&self.needed, values);
                Ok(())
            }
            Err(fault) => {
                sink.roll_back(&self.needed);
                Err(*fault)
            }
        }
    }

    /// Whether [`Self::decode`] would accept `payload`; keeps nothing.
    ///
    /// # Errors
    /// The same as those of [`Self::decode`].
    pub fn check(&mut self, payload: &[u8]) -> Result<(), Rejection> {
        self.walker.walk(payload, None).map(drop).map_err(|fault| *fault)
    }
}

#[cfg(test)]
mod tests;
