//! `min` and `max` of BIGINT, TIMESTAMP, DOUBLE and DECIMAL.
//!
//! Each group starts at the value that nothing is worse than, so an update is one comparison and
//! touches one array. Only where that worst value is itself a value (a BIGINT of `i64::MAX` under
//! `min`) does a second array remember that it was seen.

use super::scalar::{Scalar, argument, take_optional};
use super::{Accumulator, CorruptState, for_each_valid, nullable, wrong_column};
use crate::column::Column;
use crate::types::Type;
use crate::view::Present;

/// A scalar with a least and a greatest value, which need not be values of the SQL type.
pub(super) trait Bounded: for<'a> Scalar<Ref<'a> = Self> + Copy + PartialOrd {
    /// Nothing is less.
    const LEAST: Self;
    /// Nothing is greater.
    const GREATEST: Self;
}

impl Bounded for i64 {
    const LEAST: Self = i64::MIN;
    const GREATEST: Self = i64::MAX;
}

impl Bounded for f64 {
    const LEAST: Self = f64::NEG_INFINITY;
    const GREATEST: Self = f64::INFINITY;
}

impl Bounded for i128 {
    const LEAST: Self = i128::MIN;
    const GREATEST: Self = i128::MAX;
}

/// `min` if `MIN`, otherwise `max`.
pub(super) struct Extreme<T, const MIN: bool> {
    best: Vec<T>,
    /// Whether the worst value was seen. It says nothing once a better one was.
    worst_seen: Vec<bool>,
    ty: Type,
}

impl<T: Bounded, const MIN: bool> Extreme<T, MIN> {
    const WORST: T = if MIN { T::GREATEST } else { T::LEAST };

    pub(super) fn new(ty: Type) -> Self {
        Extreme { best: Vec::new(), worst_seen: Vec::new(), ty }
    }

    #[inline]
    fn take(&mut self, group: usize, value: T) {
        let best = &mut self.best[group];
        if (MIN && value < *best) || (!MIN && value > *best) {
            *best = value;
        } else if value == Self::WORST {
            self.worst_seen[group] = true;
        }
    }

    fn get(&self, group: usize) -> Option<T> {
        let best = self.best[group];
        (best != Self::WORST || self.worst_seen[group]).then_some(best)
    }
}

impl<T: Bounded, const MIN: bool> Accumulator for Extreme<T, MIN> {
    fn grow(&mut self, groups: usize) {
        let groups = groups.max(self.best.len());
        self.best.resize(groups, Self::WORST);
        self.worst_seen.resize(groups, false);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let values = argument::<T>(&args[0]);
        for_each_valid(rows, groups, &args[0], |row, group| self.take(group, values[row]));
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        let best = self.get(group);
        out.push(best.is_some().into());
        best.inspect(|&value| T::encode(value, out));
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        if let Some(value) = take_optional::<T>(input)? {
            self.take(group, value);
        }
        Ok(())
    }

    fn store(&self, groups: &[u32]) -> Column<'_> {
        self.present(Present::Value, groups)
    }

    fn load(&mut self, groups: &[u32], column: &Column<'_>) -> Result<(), CorruptState> {
        let values = T::slice(&column.data).ok_or_else(|| wrong_column(self.ty, column))?;
        for (i, (&value, &group)) in values.iter().zip(groups).enumerate() {
            if column.is_valid(i) {
                self.take(group as usize, value);
            }
        }
        Ok(())
    }

    fn stored_type(&self) -> Option<Type> {
        Some(self.ty)
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        let best = groups.iter().map(|&group| self.get(group as usize));
        nullable(best, |values| T::data(values, self.ty))
    }

    fn memory_bytes(&self) -> usize {
        self.best.len() * size_of::<T>() + self.worst_seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Function;
    use super::super::laws::{self, value};
    use crate::types::{Type, Value};

    const DECIMAL: Type = Type::Decimal { precision: 38, scale: 3 };
    const TIMESTAMP: Type = Type::Timestamp { precision: 3 };

    fn extremes(ty: Type, events: &[Value]) -> [Value; 2] {
        let events: Vec<_> = events.iter().map(|value| vec![value.clone()]).collect();
        [Function::Min, Function::Max].map(|function| value(&*laws::fold(function, &[ty], &events)))
    }

    #[test]
    fn laws_hold() {
        for ty in [Type::BigInt, Type::Double, DECIMAL, TIMESTAMP] {
            laws::check(Function::Min, &[ty]);
            laws::check(Function::Max, &[ty]);
        }
    }

    #[test]
    fn least_and_greatest_of_what_is_not_null() {
        let bigint = |events: &[i64]| -> Vec<Value> {
            [vec![Value::Null], events.iter().map(|&v| Value::BigInt(v)).collect()].concat()
        };
        let cases: [(&[i64], [i64; 2]); 4] = [
            (&[3, -5, 3], [-5, 3]),
            (&[i64::MAX], [i64::MAX; 2]),
            (&[i64::MIN], [i64::MIN; 2]),
            (&[i64::MAX, i64::MIN], [i64::MIN, i64::MAX]),
        ];
        for (events, expected) in cases {
            assert_eq!(extremes(Type::BigInt, &bigint(events)), expected.map(Value::BigInt));
        }
        assert_eq!(extremes(Type::BigInt, &[Value::Null]), [Value::Null, Value::Null]);
        let doubles = [0.0, f64::MAX, f64::MIN].map(Value::Double);
        assert_eq!(extremes(Type::Double, &doubles), [f64::MIN, f64::MAX].map(Value::Double));
        let times = [7, -7].map(Value::Timestamp);
        assert_eq!(extremes(TIMESTAMP, &times), [-7, 7].map(Value::Timestamp));
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |ty, hex| laws::read(Function::Min, &[ty], hex);
        assert_eq!(read(Type::BigInt, "00"), Value::Null);
        assert_eq!(read(Type::BigInt, "01d704"), Value::BigInt(-300));
        assert_eq!(read(TIMESTAMP, "0180897a"), Value::Timestamp(1_000_000));
        assert_eq!(read(Type::Double, "01000000000000f83f"), Value::Double(1.5));
        assert_eq!(read(DECIMAL, "01022cfe"), Value::Decimal(-468));
    }
}
