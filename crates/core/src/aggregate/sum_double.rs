//! `sum` of DOUBLE: exact whatever the order, and rounded once when presented.

use super::exact_sums::{ExactSums, Term};
use super::round::dyadic;
use super::scalar::argument;
use super::{Accumulator, CorruptState, for_each_valid, nullable};
use crate::column::{Column, Data};
use crate::view::Present;

/// The aggregate. Its sum is NULL if its group saw no value or if it is beyond every DOUBLE.
#[derive(Default)]
pub(super) struct SumDouble {
    sums: ExactSums<2>,
}

impl SumDouble {
    fn get(&self, group: u32) -> Option<f64> {
        let sum = self.sums.get(group as usize)?;
        let magnitude = dyadic(&sum.limbs, sum.position as i32 - 1074)?;
        Some(if sum.is_negative { -magnitude } else { magnitude })
    }
}

impl Accumulator for SumDouble {
    fn grow(&mut self, groups: usize) {
        self.sums.grow(groups);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let (values, sums) = (argument::<f64>(&args[0]), &mut self.sums);
        for_each_valid(rows, groups, &args[0], |row, group| {
            sums.add(group, Term::value(values[row]));
        });
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        self.sums.encode(group, out);
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        if let Some(sum) = ExactSums::<2>::decode(input)? {
            self.sums.merge(group, &sum);
        }
        Ok(())
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        nullable(groups.iter().map(|&group| self.get(group)), Data::Double)
    }

    fn memory_bytes(&self) -> usize {
        self.sums.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Function;
    use super::super::laws::{self, value};
    use crate::types::{Type, Value};
    use proptest::prelude::*;

    fn sum(doubles: &[f64]) -> Value {
        let events: Vec<_> = doubles.iter().map(|&v| vec![Value::Double(v)]).collect();
        value(&*laws::fold(Function::Sum, &[Type::Double], &events))
    }

    #[test]
    fn laws_hold() {
        laws::check(Function::Sum, &[Type::Double]);
        laws::check_with(Function::Sum, &[Type::Double], |_| {
            let value = (-1e6..1e6f64).prop_map(|v| Value::Double(v + 0.0));
            prop_oneof![1 => Just(Value::Null), 9 => value].boxed()
        });
    }

    #[test]
    fn a_sum_is_rounded_once() {
        assert_eq!(sum(&[]), Value::Null);
        assert_eq!(sum(&[0.0]), Value::Double(0.0));
        assert_eq!(sum(&[1e100, 1.0, -1e100]), Value::Double(1.0));
        assert_eq!(sum(&[0.1; 10]), Value::Double(1.0));
        assert_eq!(sum(&[9007199254740992.0, 1.0]), Value::Double(9007199254740992.0));
        assert_eq!(sum(&[9007199254740992.0, 1.0, 5e-324]), Value::Double(9007199254740994.0));
        assert_eq!(sum(&[-2.5, -0.25]), Value::Double(-2.75));
    }

    #[test]
    fn a_sum_may_leave_the_range_of_double_and_come_back() {
        assert_eq!(sum(&[f64::MAX, f64::MAX]), Value::Null);
        assert_eq!(sum(&[f64::MIN, f64::MIN]), Value::Null);
        assert_eq!(sum(&[f64::MAX, f64::MAX, f64::MIN]), Value::Double(f64::MAX));
    }

    #[test]
    fn cancelling_to_zero_is_positive_zero() {
        let Value::Double(zero) = sum(&[2.5, -2.5]) else { panic!("not a double") };
        assert_eq!(zero.to_bits(), 0);
        let Value::Double(zero) = sum(&[-5e-324, 5e-324]) else { panic!("not a double") };
        assert_eq!(zero.to_bits(), 0);
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex| laws::read(Function::Sum, &[Type::Double], hex);
        assert_eq!(read("00"), Value::Null);
        assert_eq!(read("01"), Value::Double(0.0));
        assert_eq!(read("e4100103"), Value::Double(1.5));
        assert_eq!(read("e5100103"), Value::Double(-1.5));
        assert_eq!(read("020101"), Value::Double(5e-324));
    }
}
