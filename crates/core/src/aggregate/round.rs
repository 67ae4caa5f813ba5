//! One correct rounding from an exact number to a DOUBLE: to the nearest, ties to even.

use num_bigint::BigUint;

/// The exponent of the least bit of the least DOUBLE.
const LEAST_EXPONENT: i32 = -1074;

/// Bits of a DOUBLE's significand.
const PRECISION: i32 = 53;

/// The DOUBLE nearest to `limbs · 2^exponent`, where `limbs` is an unsigned integer, least limb
/// first; `None` if it is greater than every DOUBLE.
pub(super) fn dyadic(limbs: &[u64], exponent: i32) -> Option<f64> {
    let bits = bit_length(limbs) as i32;
    // What the least bit of the result stands for, and how many bits of `limbs` lie below it.
    let unit = (bits + exponent - PRECISION).max(LEAST_EXPONENT);
    let below = unit - exponent;
    let significand = match u32::try_from(below) {
        Err(_) => limbs.first().map_or(0, |&low| low << -below),
        Ok(0) => bits_from(limbs, 0),
        Ok(below) => {
            let kept = bits_from(limbs, below);
            let half = bits_from(limbs, below - 1) & 1 == 1;
            let is_tie = trailing_zeros(limbs) == Some(below - 1);
            kept + u64::from(half && (!is_tie || kept & 1 == 1))
        }
    };
    // Beyond the exponents that there are, a significand of 53 bits is infinite at the last of them.
    Some(significand as f64 * power_of_two(unit.min(1023))).filter(|double| double.is_finite())
}

/// The DOUBLE nearest to `numerator / denominator · 2^exponent`; `None` if it is greater than every
/// DOUBLE.
///
/// The quotient is cut to at least 64 bits and one more that says whether the rest is zero, which
/// is all that rounding can depend on.
pub(super) fn ratio(numerator: &BigUint, denominator: &BigUint, exponent: i32) -> Option<f64> {
    let shift = (64 + denominator.bits()).saturating_sub(numerator.bits());
    let shifted = numerator << shift;
    let quotient = &shifted / denominator;
    let is_exact = &quotient * denominator == shifted;
    let limbs = ((quotient << 1u32) + u32::from(!is_exact)).to_u64_digits();
    dyadic(&limbs, exponent - shift as i32 - 1)
}

/// `2^exponent` for exponents from -1074 to 1023.
pub(super) fn power_of_two(exponent: i32) -> f64 {
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    } else {
        f64::from_bits(1 << (exponent - LEAST_EXPONENT))
    }
}

/// How many bits an unsigned integer needs; 0 for zero.
pub(super) fn bit_length(limbs: &[u64]) -> u32 {
    let top = limbs.iter().rposition(|&limb| limb != 0);
    top.map_or(0, |top| 64 * top as u32 + 64 - limbs[top].leading_zeros())
}

/// How many zero bits an unsigned integer ends with; `None` for zero.
pub(super) fn trailing_zeros(limbs: &[u64]) -> Option<u32> {
    let low = limbs.iter().position(|&limb| limb != 0)?;
    Some(64 * low as u32 + limbs[low].trailing_zeros())
}

/// 64 bits of an unsigned integer, from bit `at` up.
pub(super) fn bits_from(limbs: &[u64], at: u32) -> u64 {
    let (limb, bit) = ((at / 64) as usize, at % 64);
    let get = |limb: usize| limbs.get(limb).copied().unwrap_or(0);
    // Two shifts, because a shift by 64 is not one.
    get(limb) >> bit | get(limb + 1) << 1 << (63 - bit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let two53 = 1u64 << 53;
        assert_eq!(dyadic(&[two53 + 1], 0), Some(two53 as f64));
        assert_eq!(dyadic(&[two53 + 3], 0), Some((two53 + 4) as f64));
        assert_eq!(dyadic(&[1, two53 + 1], 0), Some(((two53 + 2) as f64) * power_of_two(64)));
        assert_eq!(dyadic(&[1], -1075), Some(0.0));
        assert_eq!(dyadic(&[3], -1075), Some(1e-323));
        assert_eq!(dyadic(&[3], -1076), Some(5e-324));
    }

    #[test]
    fn what_rounds_beyond_the_greatest_double_is_none() {
        let greatest = (1u64 << 53) - 1;
        assert_eq!(dyadic(&[greatest], 971), Some(f64::MAX));
        assert_eq!(dyadic(&[4 * greatest + 1], 969), Some(f64::MAX));
        assert_eq!(dyadic(&[4 * greatest + 2], 969), None);
        assert_eq!(dyadic(&[1], 1024), None);
        assert_eq!(dyadic(&[1], 5000), None);
        assert_eq!(dyadic(&[0], 5000), Some(0.0));
        assert_eq!(dyadic(&[], -5000), Some(0.0));
    }

    #[test]
    fn what_is_left_of_a_division_decides_a_tie() {
        // 53 bits, of which the last is 0, and then half of the next: even goes down.
        let (tie, down, up) = ((1u64 << 63) + (1 << 10), 1u64 << 63, (1u64 << 63) + (1 << 11));
        for divisor in [3u64, 7, 1 << 40, (1 << 40) - 1, u64::MAX] {
            let rounded = |numerator: BigUint| ratio(&numerator, &BigUint::from(divisor), 0);
            let whole = BigUint::from(tie) * divisor;
            assert_eq!(rounded(whole.clone()), Some(down as f64), "{divisor}");
            assert_eq!(rounded(&whole + 1u32), Some(up as f64), "{divisor}");
            assert_eq!(rounded(&whole - 1u32), Some(down as f64), "{divisor}");
        }
    }

    proptest! {
        // The processor's own conversion and division round correctly, which makes them oracles.

        #[test]
        fn agrees_with_the_processor(high: u64, low: u64, shift in 0..128u32, divisor in 1..u64::MAX) {
            let integer = (u128::from(high) << 64 | u128::from(low)) >> shift;
            let limbs = [integer as u64, (integer >> 64) as u64];
            prop_assert_eq!(dyadic(&limbs, 0), Some(integer as f64));
            let (a, b) = (low >> 11, (divisor >> 11).max(1));
            let quotient = ratio(&BigUint::from(a), &BigUint::from(b), 0);
            prop_assert_eq!(quotient, Some(a as f64 / b as f64));
        }

        #[test]
        fn agrees_with_the_processor_about_subnormals(a in 0..1u64 << 53, octaves in 0..130i32) {
            let normal = a as f64 * power_of_two(-1000);
            let expected = normal / power_of_two(octaves);
            prop_assert_eq!(dyadic(&[a], -1000 - octaves), Some(expected));
        }
    }
}
