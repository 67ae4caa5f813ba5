//! Aggregates: one state per group, kept column-wise, updated batch by batch.
//!
//! Every state is deterministic and independent of order: `update` in any order and any cut,
//! followed by `merge` in any order, gives the same bytes. That is what lets a batch build, a
//! retried Lambda and a query agree to the bit. The one exception is `approx_most_frequent`, whose
//! bounds hold but whose bytes depend on order.
//!
//! Each aggregate lives in a file of its own and passes the same laws (`laws.rs`).

mod avg;
mod blocks;
mod boolean;
mod bytes;
mod count;
mod distinct;
mod exact_sums;
mod extreme;
mod extreme_by;
mod extreme_text;
mod frequent;
mod histogram;
mod hll;
#[cfg(test)]
mod laws;
mod log_buckets;
mod moments;
mod murmur3;
mod percentile;
mod round;
mod scalar;
mod sum_double;
mod sum_exact;

use crate::column::{Column, Data};
use crate::types::Type;
use crate::view::Present;
use std::borrow::Cow;

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
        /// How many counters are kept at least; the error bound is `n / (capacity + 1)`.
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

    /// Reads one state from the front of `input` and merges it into `group`, which stays as it was
    /// if the state cannot be read.
    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState>;

    /// The states of `groups` as one column for a batch view: of [`Accumulator::stored_type`].
    fn store(&self, groups: &[u32]) -> Column<'_> {
        let encoded = |&group: &u32| {
            let mut state = Vec::new();
            self.encode(group as usize, &mut state);
            Cow::Owned(state)
        };
        Column::new(Data::Binary(groups.iter().map(encoded).collect()))
    }

    /// Merges row `i` of a stored column into `groups[i]`, for every `i`. After an error, some
    /// groups may hold their row and others not.
    fn load(&mut self, groups: &[u32], column: &Column<'_>) -> Result<(), CorruptState> {
        let Data::Binary(states) = &column.data else {
            return Err(CorruptState("a column of states is not binary".to_owned()));
        };
        for (i, (mut state, &group)) in states.iter().map(|s| &**s).zip(groups).enumerate() {
            if !column.is_valid(i) {
                return Err(CorruptState("a state is NULL".to_owned()));
            }
            self.merge(group as usize, &mut state)?;
            if !state.is_empty() {
                return Err(CorruptState(format!("{} bytes follow a state", state.len())));
            }
        }
        Ok(())
    }

    /// The type of the stored column; `None` is binary (an encoded state or sketch).
    fn stored_type(&self) -> Option<Type> {
        None
    }

    /// The values of `groups`.
    fn present(&self, present: Present, groups: &[u32]) -> Column<'_>;

    /// Bytes of memory in use, about.
    fn memory_bytes(&self) -> usize;
}

/// States of `function` over arguments of the given types, for no group yet.
///
/// # Panics
/// If the function does not take such arguments: the binder lets no such view through.
pub fn accumulator(function: Function, arg_types: &[Type]) -> Box<dyn Accumulator> {
    use Function::*;
    use Type::*;
    match (function, arg_types) {
        (Count, [] | [_]) => Box::new(count::Count::default()),
        (Sum, [BigInt]) => Box::new(sum_exact::SumExact::new(0)),
        (Sum, [Decimal { scale, .. }]) => Box::new(sum_exact::SumExact::new(*scale)),
        (Sum, [Double]) => Box::new(sum_double::SumDouble::default()),
        (Avg, [ty @ (BigInt | Decimal { .. })]) => Box::new(avg::Avg::<sum_exact::Sums>::new(*ty)),
        (Avg, [Double]) => Box::new(avg::Avg::<exact_sums::ExactSums<2>>::new(Double)),
        (Moments, [Double]) => Box::new(moments::Moments::default()),
        (ApproxDistinct, [_]) => Box::new(distinct::Distinct::default()),
        (ApproxPercentile, [Double]) => Box::new(percentile::Percentile::default()),
        (ApproxMostFrequent { capacity }, [Varchar]) => Box::new(frequent::Frequent::new(capacity)),
        (MinBy | MaxBy, [x, y]) => extreme_by::extreme_by(function, *x, *y),
        (BoolAnd | Min, [Boolean]) => Box::new(boolean::Boolean::and()),
        (BoolOr | Max, [Boolean]) => Box::new(boolean::Boolean::or()),
        (Min, [ty]) => extreme::<true>(*ty),
        (Max, [ty]) => extreme::<false>(*ty),
        _ => unreachable!("{function:?} does not take arguments of types {arg_types:?}"),
    }
}

fn extreme<const MIN: bool>(ty: Type) -> Box<dyn Accumulator> {
    match ty {
        Type::BigInt | Type::Timestamp { .. } => Box::new(extreme::Extreme::<i64, MIN>::new(ty)),
        Type::Double => Box::new(extreme::Extreme::<f64, MIN>::new(ty)),
        Type::Decimal { .. } => Box::new(extreme::Extreme::<i128, MIN>::new(ty)),
        Type::Varchar => Box::new(extreme_text::ExtremeText::<MIN>::default()),
        Type::Boolean | Type::FrequentItems => unreachable!("{ty} has no ordinary extreme"),
    }
}

/// Whether row `i` of the stored column `a` and row `j` of `b` can be states of the same values: the
/// same bits, or bounds that meet where the bits depend on the order (`approx_most_frequent`).
pub(crate) fn states_agree(
    function: Function,
    (a, i): (&Column<'_>, usize),
    (b, j): (&Column<'_>, usize),
) -> Result<bool, CorruptState> {
    if !a.is_valid(i) || !b.is_valid(j) {
        return Ok(a.is_valid(i) == b.is_valid(j));
    }
    Ok(match (&a.data, &b.data) {
        (Data::Boolean(a), Data::Boolean(b)) => a[i] == b[j],
        (Data::BigInt(a), Data::BigInt(b)) => a[i] == b[j],
        (Data::Timestamp(a), Data::Timestamp(b)) => a[i] == b[j],
        (Data::Double(a), Data::Double(b)) => a[i].to_bits() == b[j].to_bits(),
        (Data::Decimal(a), Data::Decimal(b)) => a[i] == b[j],
        (Data::Varchar(a), Data::Varchar(b)) => a[i] == b[j],
        (Data::Binary(a), Data::Binary(b)) => match function {
            Function::ApproxMostFrequent { capacity } => frequent::agree(capacity, &a[i], &b[j])?,
            _ => a[i] == b[j],
        },
        _ => return Err(CorruptState("a stored column has another type".to_owned())),
    })
}

/// Calls `take` with each row and its group where `column` is not NULL.
#[inline]
fn for_each_valid(
    rows: &[u32],
    groups: &[u32],
    column: &Column<'_>,
    mut take: impl FnMut(usize, usize),
) {
    let pairs = rows.iter().zip(groups).map(|(&row, &group)| (row as usize, group as usize));
    match &column.valid {
        None => pairs.for_each(|(row, group)| take(row, group)),
        Some(valid) => {
            pairs.filter(|&(row, _)| valid[row]).for_each(|(row, group)| take(row, group));
        }
    }
}

/// A column with NULL for `None`.
fn nullable<'a, T: Default>(
    values: impl Iterator<Item = Option<T>>,
    data: impl FnOnce(Vec<T>) -> Data<'a>,
) -> Column<'a> {
    let (values, valid): (Vec<T>, Vec<bool>) =
        values.map(|value| value.map_or((T::default(), false), |value| (value, true))).unzip();
    Column { data: data(values), valid: Some(valid).filter(|valid| valid.contains(&false)) }
}

fn wrong_column(expected: Type, column: &Column<'_>) -> CorruptState {
    let found = match &column.data {
        Data::Boolean(_) => "BOOLEAN",
        Data::BigInt(_) => "BIGINT",
        Data::Double(_) => "DOUBLE",
        Data::Decimal(_) => "DECIMAL",
        Data::Varchar(_) => "VARCHAR",
        Data::Timestamp(_) => "TIMESTAMP",
        Data::Binary(_) => "binary",
        Data::FrequentItems(_) => "frequent items",
    };
    CorruptState(format!("a stored column is {found}: expected {expected}"))
}
