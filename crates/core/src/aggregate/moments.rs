//! Variance and standard deviation: a count, an exact sum and an exact sum of squares.
//!
//! With both sums exact, the textbook formula loses nothing to cancellation:
//!
//! ```text
//! variance = (n · Σx² − (Σx)²) / (n · (n − 1))        population: / n²
//! ```
//!
//! It is computed in integers and rounded once; the standard deviation is the square root of that.

use super::bytes::{corrupt, push_varint};
use super::count::Counts;
use super::exact_sums::{ExactSums, Number, Term};
use super::round::ratio;
use super::scalar::argument;
use super::{Accumulator, CorruptState, for_each_valid, nullable};
use crate::column::{Column, Data};
use crate::view::{Moment, Present};
use num_bigint::BigUint;

/// The exponent of the unit of the sum of squares.
const SQUARE_EXPONENT: i32 = -2148;

/// The aggregate.
#[derive(Default)]
pub(super) struct Moments {
    counts: Counts,
    sums: ExactSums<2>,
    squares: ExactSums<4>,
}

impl Moments {
    fn get(&self, group: usize, moment: Moment) -> Option<f64> {
        let n = self.counts.get(group);
        let denominator = BigUint::from(n)
            * match moment {
                Moment::VarianceSample | Moment::StddevSample => n.checked_sub(1)?,
                Moment::VariancePopulation | Moment::StddevPopulation => n,
            };
        if denominator == BigUint::ZERO {
            return None;
        }
        let sum = self.sums.get(group)?.to_bigint();
        let squares = self.squares.get(group)?.to_bigint();
        // No values make it negative, only a forged state does.
        let numerator = (squares * n - sum.pow(2)).to_biguint()?;
        match moment {
            Moment::VarianceSample | Moment::VariancePopulation => {
                ratio(&numerator, &denominator, SQUARE_EXPONENT)
            }
            Moment::StddevSample | Moment::StddevPopulation => {
                // No values lead beyond DOUBLE, only a forged state does.
                Some(root(&numerator, &denominator)).filter(|root| root.is_finite())
            }
        }
    }
}

/// The square root of a variance. Half of the numerator's exponent is taken out before, so that the
/// standard deviation is right even where the variance is beyond DOUBLE.
fn root(numerator: &BigUint, denominator: &BigUint) -> f64 {
    let half = (numerator.bits() as i32 + SQUARE_EXPONENT) / 2;
    let scaled = ratio(numerator, denominator, SQUARE_EXPONENT - 2 * half)
        .expect("one over a denominator of 128 bits at most is a double")
        .sqrt();
    // The power itself may be too small for a DOUBLE where the product is not.
    libm::scalbn(scaled, half)
}

impl Accumulator for Moments {
    fn grow(&mut self, groups: usize) {
        self.counts.grow(groups);
        self.sums.grow(groups);
        self.squares.grow(groups);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let values = argument::<f64>(&args[0]);
        for_each_valid(rows, groups, &args[0], |row, group| {
            self.counts.increment(group);
            self.sums.add(group, Term::value(values[row]));
            self.squares.add(group, Term::square(values[row]));
        });
    }

    /// The count, and the two sums unless the count is 0.
    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        push_varint(out, self.counts.get(group));
        if self.counts.get(group) > 0 {
            self.sums.encode(group, out);
            self.squares.encode(group, out);
        }
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let count = Counts::decode(input)?;
        if count == 0 {
            return Ok(());
        }
        let missing = || corrupt("moments count values and have no sums");
        let sum = ExactSums::<2>::decode(input)?.ok_or_else(missing)?;
        let squares = ExactSums::<4>::decode(input)?.ok_or_else(missing)?;
        if let Number { is_negative: true, .. } = squares {
            return Err(corrupt("a sum of squares is negative"));
        }
        self.counts.add(group, count);
        self.sums.merge(group, &sum);
        self.squares.merge(group, &squares);
        Ok(())
    }

    /// What a [`Moment`] asks for; the sample variance is what there is to present otherwise.
    fn present(&self, present: Present, groups: &[u32]) -> Column<'_> {
        let moment = match present {
            Present::Moment(moment) => moment,
            _ => Moment::VarianceSample,
        };
        nullable(groups.iter().map(|&group| self.get(group as usize, moment)), Data::Double)
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes() + self.sums.memory_bytes() + self.squares.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::super::round::power_of_two;
    use super::super::{Accumulator, Function};
    use crate::types::{Type, Value};
    use crate::view::{Moment, Present};
    use proptest::prelude::*;

    fn moments(doubles: &[f64]) -> Box<dyn Accumulator> {
        let events: Vec<_> = doubles.iter().map(|&v| vec![Value::Double(v)]).collect();
        laws::fold(Function::Moments, &[Type::Double], &events)
    }

    /// Sample variance, population variance, and their roots.
    fn presented(states: &dyn Accumulator) -> [Value; 4] {
        [
            Moment::VarianceSample,
            Moment::VariancePopulation,
            Moment::StddevSample,
            Moment::StddevPopulation,
        ]
        .map(|moment| states.present(Present::Moment(moment), &[0]).value(0))
    }

    #[test]
    fn laws_hold() {
        laws::check(Function::Moments, &[Type::Double]);
        laws::check_with(Function::Moments, &[Type::Double], |_| {
            let value = (-1e6..1e6f64).prop_map(|v| Value::Double(v + 0.0));
            prop_oneof![1 => Just(Value::Null), 9 => value].boxed()
        });
    }

    #[test]
    fn variance_of_few_values() {
        let null = Value::Null;
        let double = Value::Double;
        assert_eq!(presented(&*moments(&[])), [const { Value::Null }; 4]);
        assert_eq!(presented(&*moments(&[5.0])), [null.clone(), double(0.0), null, double(0.0)]);
        let expected = [2.0, 1.0, 2f64.sqrt(), 1.0].map(double);
        assert_eq!(presented(&*moments(&[1.0, 3.0])), expected);
        assert_eq!(presented(&*moments(&[-1.0, -3.0])), expected);
    }

    #[test]
    fn nothing_is_lost_to_cancellation_or_to_the_range_of_double() {
        let expected = [2.0, 1.0, 2f64.sqrt(), 1.0].map(Value::Double);
        assert_eq!(presented(&*moments(&[9007199254740990.0, 9007199254740992.0])), expected);
        // Squares far beyond DOUBLE: the variance is as well, its root is not.
        for (exponent, variance) in [(1000, Value::Null), (-1000, Value::Double(0.0))] {
            let scale = power_of_two(exponent);
            let [_, population, _, deviation] = presented(&*moments(&[scale, 3.0 * scale]));
            assert_eq!([population, deviation], [variance, Value::Double(scale)]);
        }
    }

    /// Found by fuzzing. The root of a variance among the least of all DOUBLEs was scaled by a power
    /// of two that is none: the standard deviation of 0 and the least DOUBLE was negative zero, and
    /// of more values it could be some 10^35 times too large.
    #[test]
    fn the_deviation_of_the_least_doubles_is_rounded_like_any_other() {
        let deviations = |zeros: usize| {
            let mut values = vec![0.0; zeros];
            values.push(5e-324);
            let [_, _, sample, population] = presented(&*moments(&values));
            [sample, population].map(|value| match value {
                Value::Double(double) => double.to_bits(),
                other => panic!("{other:?} is no DOUBLE"),
            })
        };
        // In units of the least DOUBLE: the root of a half, and a half, a tie.
        assert_eq!(deviations(1), [1, 0]);
        assert_eq!(deviations(999), [0, 0]);
        assert_eq!(deviations(100_000), [0, 0]);
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex| presented(&*laws::decoded(Function::Moments, &[Type::Double], hex));
        assert_eq!(read("00"), [const { Value::Null }; 4]);
        let bytes = laws::encoded(&*moments(&[1.0, 3.0]));
        assert_eq!(bytes, laws::bytes("02 ea100101 cc210105"));
        assert_eq!(read("02 ea100101 cc210105"), [2.0, 1.0, 2f64.sqrt(), 1.0].map(Value::Double));
    }

    proptest! {
        // Integers below 2^20 have exact moments in i128, and few of them exact ones in DOUBLE.
        #[test]
        fn agrees_with_integer_arithmetic(values in prop::collection::vec(-1_000_000..1_000_000i64, 2..50)) {
            let doubles: Vec<f64> = values.iter().map(|&v| v as f64).collect();
            let n = values.len() as i64;
            let numerator = n * values.iter().map(|v| v * v).sum::<i64>() - values.iter().sum::<i64>().pow(2);
            prop_assume!(numerator < 1 << 53);
            let sample = numerator as f64 / (n * (n - 1)) as f64;
            let population = numerator as f64 / (n * n) as f64;
            let expected = [sample, population, sample.sqrt(), population.sqrt()];
            let [a, b, c, d] = presented(&*moments(&doubles));
            prop_assert_eq!([&a, &b], [&Value::Double(expected[0]), &Value::Double(expected[1])]);
            for (actual, expected) in [(c, expected[2]), (d, expected[3])] {
                let Value::Double(actual) = actual else { panic!("no deviation") };
                prop_assert!((actual - expected).abs() <= expected * f64::EPSILON, "{actual} {expected}");
            }
        }
    }
}
