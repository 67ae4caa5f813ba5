//! `sum` of BIGINT and DECIMAL, exact whatever the order.
//!
//! One `i128` per group holds every sum that occurs in practice, and an add is one checked
//! addition. Two values of 38 digits can leave its range, though, and come back with a third: if
//! that were an overflow, the answer would depend on the order of events. So a sum that leaves the
//! range carries into a high word, which is allocated when the first one does:
//!
//! ```text
//! sum = high · 2^127 + low        low: i128, high: i64
//! ```
//!
//! A sum is NULL if its group saw no value or if it has more than the 38 digits of a DECIMAL. The
//! stored column is a DECIMAL(38, scale), which cannot hold what lies beyond an `i128`: such a sum
//! is stored as `i128::MAX`, reads back as lost, and stays NULL whatever is merged with it.

use super::bytes::{corrupt, push_integer, take_byte, take_integer};
use super::scalar::{MAX_DECIMAL, argument};
use super::{Accumulator, CorruptState, for_each_valid, nullable, wrong_column};
use crate::column::{Column, Data};
use crate::types::Type;
use crate::view::Present;
use num_bigint::BigInt;

/// `low` of a group that saw no value. It is no sum: `i128::MIN` is held as `-1 · 2^127 + 0`.
const NO_VALUE: i128 = i128::MIN;

/// `high` of a group whose sum is lost.
const LOST: i64 = i64::MIN;

/// How a lost sum is stored in a column.
const STORED_LOST: i128 = i128::MAX;

/// What a group's sum is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// No value was seen.
    NoValue,
    /// `high · 2^127 + low` with `low >= 0`.
    Exact { high: i64, low: i128 },
    /// It was stored while out of range.
    Lost,
}

impl Sum {
    fn exact(value: i128) -> Self {
        Sum::Exact { high: (value >> 127) as i64, low: value & i128::MAX }
    }

    /// The sum, if it is one and fits.
    pub(super) fn narrow(self) -> Option<i128> {
        match self {
            Sum::Exact { high: 0, low } => Some(low),
            Sum::Exact { high: -1, low } => Some(low | i128::MIN),
            _ => None,
        }
    }

    fn plus(self, other: Sum) -> Sum {
        match (self, other) {
            (Sum::NoValue, sum) | (sum, Sum::NoValue) => sum,
            (Sum::Lost, _) | (_, Sum::Lost) => Sum::Lost,
            (Sum::Exact { high: a, low: b }, Sum::Exact { high: c, low: d }) => {
                let low = b as u128 + d as u128;
                // Events cannot make a high word overflow; only forged states can.
                match a.saturating_add(c).saturating_add((low >> 127) as i64) {
                    i64::MIN | i64::MAX => Sum::Lost,
                    high => Sum::Exact { high, low: low as i128 & i128::MAX },
                }
            }
        }
    }

    /// The sum in 24 bytes of two's complement, least first.
    fn to_bytes(high: i64, low: i128) -> [u8; 24] {
        let mut bytes = [0; 24];
        let below = low as u128 | (high as u128) << 127;
        bytes[..16].copy_from_slice(&below.to_le_bytes());
        bytes[16..].copy_from_slice(&(high >> 1).to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; 24]) -> Result<Self, CorruptState> {
        let below = u128::from_le_bytes(bytes[..16].try_into().expect("16 of 24 bytes"));
        let above = i64::from_le_bytes(bytes[16..].try_into().expect("8 of 24 bytes"));
        let high = above.checked_mul(2).map(|high| high | (below >> 127) as i64);
        match high {
            None | Some(i64::MIN | i64::MAX) => Err(corrupt("a sum has more than 190 bits")),
            Some(high) => Ok(Sum::Exact { high, low: below as i128 & i128::MAX }),
        }
    }
}

impl TryFrom<Sum> for BigInt {
    type Error = ();

    /// Fails where there is no sum.
    fn try_from(sum: Sum) -> Result<Self, ()> {
        match sum {
            Sum::Exact { high, low } => Ok((BigInt::from(high) << 127) + low),
            Sum::NoValue | Sum::Lost => Err(()),
        }
    }
}

/// One sum per group; also half of an average.
#[derive(Default)]
pub(super) struct Sums {
    low: Vec<i128>,
    /// Empty as long as no sum has left the range of an `i128`.
    high: Vec<i64>,
}

impl Sums {
    pub(super) fn grow(&mut self, groups: usize) {
        self.low.resize(groups.max(self.low.len()), NO_VALUE);
        if !self.high.is_empty() {
            self.high.resize(self.low.len(), 0);
        }
    }

    #[inline]
    pub(super) fn add(&mut self, group: usize, value: i128) {
        let low = &mut self.low[group];
        let before = if *low == NO_VALUE { 0 } else { *low };
        match before.checked_add(value) {
            Some(sum) if sum != NO_VALUE => *low = sum,
            _ => self.merge(group, Sum::exact(value)),
        }
    }

    /// Adds the values of a column of BIGINT or DECIMAL.
    pub(super) fn add_column(&mut self, column: &Column<'_>, rows: &[u32], groups: &[u32]) {
        if let Data::BigInt(values) = &column.data {
            for_each_valid(rows, groups, column, |row, group| self.add(group, values[row].into()));
        } else {
            let values = argument::<i128>(column);
            for_each_valid(rows, groups, column, |row, group| self.add(group, values[row]));
        }
    }

    pub(super) fn get(&self, group: usize) -> Sum {
        let low = self.low[group];
        match (low, self.high.get(group).copied().unwrap_or(0)) {
            (NO_VALUE, _) => Sum::NoValue,
            (_, LOST) => Sum::Lost,
            (low, high) => Sum::Exact { high: high + (low >> 127) as i64, low: low & i128::MAX },
        }
    }

    #[cold]
    pub(super) fn merge(&mut self, group: usize, sum: Sum) {
        let sum = self.get(group).plus(sum);
        let (high, low) = match (sum, sum.narrow()) {
            (Sum::NoValue, _) => return,
            (_, Some(low)) if low != NO_VALUE => (0, low),
            (Sum::Exact { high, low }, _) => (high, low),
            (Sum::Lost, _) => (LOST, 0),
        };
        if high != 0 && self.high.is_empty() {
            self.high = vec![0; self.low.len()];
        }
        if let Some(word) = self.high.get_mut(group) {
            *word = high;
        }
        self.low[group] = low;
    }

    /// Length (0: no value, 25: lost), then the sum in that many bytes.
    pub(super) fn encode(&self, group: usize, out: &mut Vec<u8>) {
        match self.get(group) {
            Sum::NoValue => out.push(0),
            Sum::Exact { high, low } => push_integer(out, &Sum::to_bytes(high, low)),
            Sum::Lost => out.push(25),
        }
    }

    pub(super) fn decode(input: &mut &[u8]) -> Result<Sum, CorruptState> {
        match take_byte(input)? {
            0 => Ok(Sum::NoValue),
            25 => Ok(Sum::Lost),
            length => Sum::from_bytes(take_integer(input, length.into())?),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.low.len() * size_of::<i128>() + self.high.len() * size_of::<i64>()
    }
}

/// The aggregate.
pub(super) struct SumExact {
    sums: Sums,
    scale: u8,
}

impl SumExact {
    /// Sums of BIGINT (scale 0) or DECIMAL(_, scale).
    pub(super) fn new(scale: u8) -> Self {
        SumExact { sums: Sums::default(), scale }
    }

    fn column(&self, groups: &[u32], value: impl Fn(Sum) -> Option<i128>) -> Column<'_> {
        let sums = groups.iter().map(|&group| value(self.sums.get(group as usize)));
        nullable(sums, Data::Decimal)
    }
}

impl Accumulator for SumExact {
    fn grow(&mut self, groups: usize) {
        self.sums.grow(groups);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        self.sums.add_column(&args[0], rows, groups);
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        self.sums.encode(group, out);
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let sum = Sums::decode(input)?;
        self.sums.merge(group, sum);
        Ok(())
    }

    fn store(&self, groups: &[u32]) -> Column<'_> {
        self.column(groups, |sum| match sum {
            Sum::NoValue => None,
            _ => Some(sum.narrow().unwrap_or(STORED_LOST)),
        })
    }

    fn load(&mut self, groups: &[u32], column: &Column<'_>) -> Result<(), CorruptState> {
        let Data::Decimal(values) = &column.data else {
            return Err(wrong_column(Type::Decimal { precision: 38, scale: self.scale }, column));
        };
        for (i, (&value, &group)) in values.iter().zip(groups).enumerate() {
            if column.is_valid(i) {
                match value {
                    STORED_LOST => self.sums.merge(group as usize, Sum::Lost),
                    value => self.sums.add(group as usize, value),
                }
            }
        }
        Ok(())
    }

    fn stored_type(&self) -> Option<Type> {
        Some(Type::Decimal { precision: 38, scale: self.scale })
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        let has_38_digits = |sum: &i128| sum.unsigned_abs() <= MAX_DECIMAL as u128;
        self.column(groups, |sum| sum.narrow().filter(has_38_digits))
    }

    fn memory_bytes(&self) -> usize {
        self.sums.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::laws::{self, value};
    use super::super::{Accumulator, Function};
    use super::SumExact;
    use crate::column::{Column, Data};
    use crate::types::{Type, Value};
    use num_bigint::BigInt;
    use proptest::prelude::*;

    const DECIMAL: Type = Type::Decimal { precision: 38, scale: 2 };
    const NINES: i128 = 10i128.pow(38) - 1;

    fn sum(decimals: &[i128]) -> Box<dyn Accumulator> {
        let events: Vec<_> = decimals.iter().map(|&v| vec![Value::Decimal(v)]).collect();
        laws::fold(Function::Sum, &[DECIMAL], &events)
    }

    #[test]
    fn laws_hold() {
        laws::check(Function::Sum, &[Type::BigInt]);
        laws::check(Function::Sum, &[Type::Decimal { precision: 12, scale: 2 }]);
    }

    #[test]
    fn a_sum_of_bigint_leaves_the_range_of_bigint() {
        let events = vec![vec![Value::BigInt(i64::MIN)]; 3];
        let folded = laws::fold(Function::Sum, &[Type::BigInt], &events);
        assert_eq!(value(&*folded), Value::Decimal(3 * i128::from(i64::MIN)));
    }

    #[test]
    fn a_sum_beyond_38_digits_is_null_until_it_is_back() {
        assert_eq!(value(&*sum(&[NINES])), Value::Decimal(NINES));
        assert_eq!(value(&*sum(&[NINES, 1])), Value::Null);
        assert_eq!(value(&*sum(&[-NINES, -1])), Value::Null);
        assert_eq!(value(&*sum(&[NINES, 1, -5])), Value::Decimal(NINES - 4));
    }

    #[test]
    fn a_sum_out_of_range_survives_encoding_but_not_the_stored_column() {
        let beyond = sum(&[NINES, NINES]);
        let encoded = laws::encoded(&*beyond);
        let mut back = sum(&[-NINES]);
        back.merge(0, &mut encoded.as_slice()).unwrap();
        assert_eq!(value(&*back), Value::Decimal(NINES));

        let stored = beyond.store(&[0]);
        assert_eq!(stored, Column::new(Data::Decimal(vec![i128::MAX])));
        let mut back = sum(&[-NINES]);
        back.load(&[0], &stored).unwrap();
        assert_eq!(value(&*back), Value::Null);
        assert_eq!(laws::encoded(&*back), [25]);
    }

    #[test]
    fn a_sum_may_pass_the_least_number_of_128_bits() {
        // The bits of which stand for "no value".
        let (first, second) = (-NINES, i128::MIN + NINES);
        let expected = Value::Decimal(second);
        assert_eq!(value(&*sum(&[first, second, NINES])), expected);
        let mut merged = sum(&[first]);
        merged.merge(0, &mut laws::encoded(&*sum(&[second])).as_slice()).unwrap();
        assert_eq!(value(&*merged), Value::Null);
        assert_ne!(laws::encoded(&*merged), [0]);
        merged.merge(0, &mut laws::encoded(&*sum(&[NINES])).as_slice()).unwrap();
        assert_eq!(value(&*merged), expected);
    }

    #[test]
    fn the_sum_of_every_group_may_leave_the_range() {
        let beyond = laws::encoded(&*sum(&[NINES, NINES]));
        let mut sums = SumExact::new(2);
        for group in 0..3 {
            sums.grow(group + 1);
            sums.merge(group, &mut beyond.as_slice()).unwrap();
        }
        for group in 0..3 {
            let mut state = Vec::new();
            sums.encode(group, &mut state);
            assert_eq!(state, beyond, "group {group}");
        }
    }

    #[test]
    fn forged_sums_that_overflow_everything_are_lost_and_do_not_panic() {
        let mut sums = SumExact::new(0);
        sums.grow(1);
        let forged = |last| [vec![24], vec![0xff; 23], vec![last]].concat();
        sums.merge(0, &mut forged(0x1f).as_slice()).unwrap();
        sums.merge(0, &mut forged(0x1f).as_slice()).unwrap();
        assert_eq!(laws::encoded(&sums), [25]);
        assert!(sums.merge(0, &mut forged(0x3f).as_slice()).is_err());
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex| laws::read(Function::Sum, &[DECIMAL], hex);
        assert_eq!(read("00"), Value::Null);
        assert_eq!(read("0100"), Value::Decimal(0));
        assert_eq!(read("022cfe"), Value::Decimal(-468));
        assert_eq!(read("10ffffffff3f228a097ac4865aa84c3b4b"), Value::Decimal(NINES));
        assert_eq!(read("19"), Value::Null);
    }

    proptest! {
        #[test]
        fn huge_sums_are_exact_in_any_order(
            decimals in prop::collection::vec(prop_oneof![
                -NINES..=NINES, Just(NINES), Just(-NINES), Just(0), Just(i128::MAX - 2 * (NINES / 2)),
            ], 1..40).prop_shuffle(),
            cut: prop::sample::Index,
        ) {
            let expected: BigInt = decimals.iter().map(|&v| BigInt::from(v)).sum();
            let (left, right) = decimals.split_at(cut.index(decimals.len()));
            let mut folded = sum(left);
            folded.merge(0, &mut laws::encoded(&*sum(right)).as_slice()).unwrap();
            let mut bytes = laws::encoded(&*folded);
            prop_assert_eq!(&bytes, &laws::encoded(&*sum(&decimals)));
            let expected_value = i128::try_from(&expected).ok().filter(|v| v.abs() <= NINES);
            prop_assert_eq!(value(&*folded), expected_value.map_or(Value::Null, Value::Decimal));
            prop_assert_eq!(BigInt::from_signed_bytes_le(&bytes.split_off(1)), expected);
        }
    }
}
