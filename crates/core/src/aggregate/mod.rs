//! Aggregates: one state per group, kept column-wise, updated batch by batch.
//!
//! Every state is deterministic and independent of order: `update` in any order and any cut,
//! followed by `merge` in any order, gives the same bytes. That is what lets a batch build, a
//! retried Lambda and a query agree to the bit. The one exception is `approx_most_frequent`, whose
//! bounds hold but whose bytes depend on order.
//!
//! Each aggregate lives in a file of its own and passes the same laws (`laws.rs`).

use crate::column::Column;
use crate::types::Type;
use crate::view::Present;

/// The aggregate functions that have a state of their own. `count(x)` is `Count` with an argument;
/// `count_if(c)` is `Count` with a filter; `stddev` and `variance` present `Moments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Rows, or rows where the argument is not NULL.
    Count,
    /// BIGINT and DECIMAL: exact i128. DOUBLE: exact, rounded once when presented.
    Sum,
    /// Sum and count. DECIMAL stays DECIMAL, everything else is DOUBLE.
    Avg,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// args\[0\] where args\[1\] is least; ties go to the least args\[0\], NULL last.
    MinBy,
    /// args\[0\] where args\[1\] is greatest; ties go to the least args\[0\], NULL last.
    MaxBy,
    /// Whether all are true.
    BoolAnd,
    /// Whether any is true.
    BoolOr,
    /// Count, sum and sum of squares of a DOUBLE, exact.
    Moments,
    /// HyperLogLog, Apache DataSketches format, lgK 12.
    ApproxDistinct,
    /// Logarithmic histogram of a DOUBLE, 64 buckets per octave.
    ApproxPercentile,
    /// Frequent items of a VARCHAR with the given number of counters.
    ApproxMostFrequent {
        /// How many counters are kept; the error bound is `n / capacity`.
        capacity: u32,
    },
}

/// A stored state cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("corrupt state: {0}")]
pub struct CorruptState(pub String);

/// The states of one aggregate for all groups of a table.
///
/// Groups are numbered from 0. A new group starts as the identity: merging it changes nothing.
pub trait Accumulator: Send + Sync {
    /// Makes room for groups `0..groups`; never shrinks.
    fn grow(&mut self, groups: usize);

    /// Takes row `rows[i]` of the argument columns into group `groups[i]`, for every `i`.
    /// Rows and groups have the same length; rows that a FILTER leaves out are not among them.
    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]);

    /// Appends the state of `group` in its self-delimiting byte form.
    fn encode(&self, group: usize, out: &mut Vec<u8>);

    /// Reads one state from the front of `input` and merges it into `group`.
    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState>;

    /// The states of `groups` as one column for a batch view: of [`Accumulator::stored_type`].
    fn store(&self, groups: &[u32]) -> Column<'_>;

    /// Merges row `i` of a stored column into `groups[i]`, for every `i`.
    fn load(&mut self, groups: &[u32], column: &Column<'_>) -> Result<(), CorruptState>;

    /// The type of the stored column; `None` is binary (an encoded state or sketch).
    fn stored_type(&self) -> Option<Type>;

    /// The values of `groups`.
    fn present(&self, present: Present, groups: &[u32]) -> Column<'_>;

    /// Bytes of memory in use, about.
    fn memory_bytes(&self) -> usize;
}
/// STUB
pub fn accumulator(_: Function, _: &[Type]) -> Box<dyn Accumulator> {
    unreachable!()
}
