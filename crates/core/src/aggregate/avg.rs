//! `avg`: an exact sum and a count, divided and rounded once when presented.
//!
//! Of BIGINT and DOUBLE the average is the DOUBLE nearest to the exact one; of DECIMAL it is a
//! DECIMAL of the same scale, rounded half away from zero. It is NULL if no value was seen.

use super::bytes::{corrupt, push_varint};
use super::count::Counts;
use super::exact_sums::{ExactSums, Term};
use super::round::ratio;
use super::scalar::argument;
use super::sum_exact::{Sum, Sums};
use super::{Accumulator, CorruptState, for_each_valid, nullable};
use crate::column::{Column, Data};
use crate::types::Type;
use crate::view::Present;
use num_bigint::{BigInt, BigUint, Sign};

/// Exact sums that averages are made of.
pub(super) trait Total: Default + Send + Sync {
    fn grow(&mut self, groups: usize);

    /// Adds the values of a column and counts them.
    fn add(&mut self, column: &Column<'_>, rows: &[u32], groups: &[u32], counts: &mut Counts);

    fn encode(&self, group: usize, out: &mut Vec<u8>);

    /// Merges one encoded sum of at least one value.
    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState>;

    /// The averages of arguments of type `ty`.
    fn averages(&self, counts: &Counts, groups: &[u32], ty: Type) -> Column<'_>;

    fn memory_bytes(&self) -> usize;
}

/// The aggregate, of arguments of type `ty`.
pub(super) struct Avg<T> {
    counts: Counts,
    sums: T,
    ty: Type,
}

impl<T: Total> Avg<T> {
    pub(super) fn new(ty: Type) -> Self {
        Avg { counts: Counts::default(), sums: T::default(), ty }
    }
}

impl<T: Total> Accumulator for Avg<T> {
    fn grow(&mut self, groups: usize) {
        self.counts.grow(groups);
        self.sums.grow(groups);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        self.sums.add(&args[0], rows, groups, &mut self.counts);
    }

    /// The count, and the sum unless the count is 0.
    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        push_varint(out, self.counts.get(group));
        if self.counts.get(group) > 0 {
            self.sums.encode(group, out);
        }
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let count = Counts::decode(input)?;
        if count > 0 {
            self.sums.merge(group, input)?;
            self.counts.add(group, count);
        }
        Ok(())
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        self.sums.averages(&self.counts, groups, self.ty)
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes() + self.sums.memory_bytes()
    }
}

/// Averages of BIGINT and DECIMAL.
impl Total for Sums {
    fn grow(&mut self, groups: usize) {
        self.grow(groups);
    }

    fn add(&mut self, column: &Column<'_>, rows: &[u32], groups: &[u32], counts: &mut Counts) {
        self.add_column(column, rows, groups);
        for_each_valid(rows, groups, column, |_, group| counts.increment(group));
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        self.encode(group, out);
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        match Sums::decode(input)? {
            // An average is stored in binary, where no sum is ever lost.
            Sum::NoValue | Sum::Lost => Err(corrupt("an average counts values and has no sum")),
            sum => {
                self.merge(group, sum);
                Ok(())
            }
        }
    }

    fn averages(&self, counts: &Counts, groups: &[u32], ty: Type) -> Column<'_> {
        let parts = groups.iter().map(|&g| (self.get(g as usize), counts.get(g as usize)));
        match ty {
            Type::Decimal { .. } => nullable(parts.map(|(sum, n)| decimal(sum, n)), Data::Decimal),
            _ => nullable(parts.map(|(sum, n)| bigint(sum, n)), Data::Double),
        }
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }
}

/// Averages of DOUBLE.
impl Total for ExactSums<2> {
    fn grow(&mut self, groups: usize) {
        self.grow(groups);
    }

    fn add(&mut self, column: &Column<'_>, rows: &[u32], groups: &[u32], counts: &mut Counts) {
        let values = argument::<f64>(column);
        for_each_valid(rows, groups, column, |row, group| {
            counts.increment(group);
            self.add(group, Term::value(values[row]));
        });
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        self.encode(group, out);
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let sum = ExactSums::<2>::decode(input)?
            .ok_or_else(|| corrupt("an average counts values and has no sum"))?;
        self.merge(group, &sum);
        Ok(())
    }

    fn averages(&self, counts: &Counts, groups: &[u32], _: Type) -> Column<'_> {
        let averages = groups.iter().map(|&group| {
            let sum = self.get(group as usize)?;
            double(&sum.to_bigint(), counts.get(group as usize), -1074)
        });
        nullable(averages, Data::Double)
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }
}

/// The DOUBLE nearest to `sum / count · 2^exponent`. An average lies between its values, so only a
/// forged state has none.
fn double(sum: &BigInt, count: u64, exponent: i32) -> Option<f64> {
    let magnitude = ratio(sum.magnitude(), &BigUint::from(count), exponent)?;
    Some(if sum.sign() == Sign::Minus { -magnitude } else { magnitude })
}

/// The DOUBLE nearest to `sum / count`.
fn bigint(sum: Sum, count: u64) -> Option<f64> {
    // What a DOUBLE holds exactly, the processor divides with one rounding.
    const EXACT: u64 = 1 << 53;
    match sum.narrow() {
        Some(sum) if sum.unsigned_abs() <= EXACT.into() && (1..=EXACT).contains(&count) => {
            Some(sum as f64 / count as f64)
        }
        _ => double(&BigInt::try_from(sum).ok()?, count, 0),
    }
}

/// `sum / count`, rounded half away from zero. None, like [`double`], for forged states only.
fn decimal(sum: Sum, count: u64) -> Option<i128> {
    if let Some(sum) = sum.narrow() {
        let (quotient, rest) = (sum / i128::from(count), sum % i128::from(count));
        let is_half = 2 * rest.unsigned_abs() >= u128::from(count);
        return Some(quotient + if is_half { sum.signum() } else { 0 });
    }
    let sum = BigInt::try_from(sum).ok()?;
    let magnitude: BigUint = (sum.magnitude() * 2u32 + count) / (BigUint::from(count) * 2u32);
    i128::try_from(BigInt::from_biguint(sum.sign(), magnitude)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::Function;
    use super::super::laws::{self, value};
    use crate::types::{Type, Value};
    use proptest::prelude::*;

    const DECIMAL: Type = Type::Decimal { precision: 38, scale: 1 };
    const NINES: i128 = 10i128.pow(38) - 1;

    fn avg(ty: Type, values: impl IntoIterator<Item = Value>) -> Value {
        let events: Vec<_> = values.into_iter().map(|value| vec![value]).collect();
        value(&*laws::fold(Function::Avg, &[ty], &events))
    }

    #[test]
    fn laws_hold() {
        for ty in [Type::BigInt, DECIMAL, Type::Double] {
            laws::check(Function::Avg, &[ty]);
        }
    }

    #[test]
    fn nulls_do_not_weigh() {
        let events = [Value::BigInt(1), Value::Null, Value::BigInt(2)];
        assert_eq!(avg(Type::BigInt, events), Value::Double(1.5));
        for ty in [Type::BigInt, DECIMAL, Type::Double] {
            assert_eq!(avg(ty, []), Value::Null);
            assert_eq!(avg(ty, [Value::Null]), Value::Null);
        }
    }

    #[test]
    fn decimals_are_rounded_half_away_from_zero() {
        let avg = |values: &[i128]| avg(DECIMAL, values.iter().map(|&v| Value::Decimal(v)));
        assert_eq!(avg(&[1, 2]), Value::Decimal(2));
        assert_eq!(avg(&[-1, -2]), Value::Decimal(-2));
        assert_eq!(avg(&[1, 1, 2]), Value::Decimal(1));
        assert_eq!(avg(&[-1, 1]), Value::Decimal(0));
        assert_eq!(avg(&[10, 11, 12]), Value::Decimal(11));
        assert_eq!(avg(&[10, 11, 14]), Value::Decimal(12));
        assert_eq!(avg(&[NINES, NINES, NINES]), Value::Decimal(NINES));
    }

    #[test]
    fn bigints_are_averaged_beyond_the_precision_of_double() {
        let avg = |values: &[i64]| avg(Type::BigInt, values.iter().map(|&v| Value::BigInt(v)));
        assert_eq!(avg(&[i64::MAX, i64::MAX]), Value::Double(9223372036854775807.0));
        assert_eq!(avg(&[i64::MAX, i64::MIN]), Value::Double(-0.5));
        // A third of 54043195528445957, which no DOUBLE holds: rounded before the division as well
        // it would come out one DOUBLE higher.
        let third = 18_014_398_509_481_984.0;
        assert_eq!(avg(&[54_043_195_528_445_955, 1, 1]), Value::Double(third));
        assert_eq!(avg(&[i64::MAX, i64::MIN, 1]), Value::Double(0.0));
    }

    #[test]
    fn doubles_are_rounded_once() {
        let avg = |values: &[f64]| avg(Type::Double, values.iter().map(|&v| Value::Double(v)));
        assert_eq!(avg(&[f64::MAX, f64::MAX]), Value::Double(f64::MAX));
        assert_eq!(avg(&[1e100, 1.0, -1e100]), Value::Double(1.0 / 3.0));
        assert_eq!(avg(&[5e-324, 0.0, 0.0]), Value::Double(0.0));
        assert_eq!(avg(&[5e-324, 5e-324, 0.0]), Value::Double(5e-324));
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |ty, hex| laws::read(Function::Avg, &[ty], hex);
        assert_eq!(read(Type::BigInt, "00"), Value::Null);
        assert_eq!(read(Type::BigInt, "040105"), Value::Double(1.25));
        assert_eq!(read(DECIMAL, "020103"), Value::Decimal(2));
        assert_eq!(read(Type::Double, "02e4100103"), Value::Double(0.75));
    }

    proptest! {
        // Small sums and counts convert to DOUBLE exactly, and division rounds correctly.
        #[test]
        fn agrees_with_the_processor_where_that_is_exact(values: Vec<i32>) {
            prop_assume!(!values.is_empty());
            let sum: i64 = values.iter().map(|&v| i64::from(v)).sum();
            let expected = Value::Double(sum as f64 / values.len() as f64);
            let bigints = values.iter().map(|&v| Value::BigInt(v.into()));
            prop_assert_eq!(avg(Type::BigInt, bigints), expected.clone());
            let doubles = values.iter().map(|&v| Value::Double(v.into()));
            prop_assert_eq!(avg(Type::Double, doubles), expected);
        }
    }
}
