//! DECIMAL: exact numbers of up to 38 digits, as an `i128` count of `10^-scale`.
//!
//! Every operation is computed exactly and then brought to the result's type once: rescaled, with
//! halves rounded away from zero, and NULL if it has more digits than the type's precision. Where
//! an intermediate result is too wide for an `i128`, [`wide`] computes it with big integers; that
//! is rare, and the same to the digit.

use crate::types::Type;
use num_bigint::BigInt;

/// The most digits a DECIMAL has.
pub const MAX_PRECISION: u8 = 38;

/// The type parameters of a DECIMAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) precision: u8,
    pub(super) scale: u8,
}

impl Shape {
    /// # Panics
    /// If `ty` is no DECIMAL.
    pub(super) fn of(ty: Type) -> Self {
        let Type::Decimal { precision, scale } = ty else {
            panic!("{ty} is no DECIMAL, which the binder rules out")
        };
        Shape { precision, scale }
    }

    /// `unscaled * 10^-scale` in this shape, or `None` if it has too many digits.
    pub(super) fn fit(self, unscaled: i128, scale: u8) -> Option<i128> {
        let rescaled = match self.scale.checked_sub(scale) {
            Some(0) => unscaled,
            Some(up) => unscaled.checked_mul(power_of_ten(up))?,
            None => divide_rounding(unscaled, power_of_ten(scale - self.scale)),
        };
        (rescaled.unsigned_abs() < power_of_ten(self.precision).unsigned_abs()).then_some(rescaled)
    }
}

/// `x + y`, where both have the same scale.
pub(super) fn add(x: (i128, Shape), y: (i128, Shape), to: Shape) -> Option<i128> {
    to.fit(x.0.checked_add(y.0)?, x.1.scale)
}

/// `x - y`, where both have the same scale.
pub(super) fn subtract(x: (i128, Shape), y: (i128, Shape), to: Shape) -> Option<i128> {
    to.fit(x.0.checked_sub(y.0)?, x.1.scale)
}

/// `x % y`, with the sign of `x`, where both have the same scale; `None` if `y` is zero.
pub(super) fn modulo(x: (i128, Shape), y: (i128, Shape), to: Shape) -> Option<i128> {
    to.fit(x.0.checked_rem(y.0)?, x.1.scale)
}

/// `x * y`, rounded once to the scale of `to`.
pub(super) fn multiply(x: (i128, Shape), y: (i128, Shape), to: Shape) -> Option<i128> {
    let scale = x.1.scale + y.1.scale;
    match x.0.checked_mul(y.0) {
        Some(product) if scale <= MAX_PRECISION => to.fit(product, scale),
        _ => wide(x.0, y.0, 1, i32::from(to.scale) - i32::from(scale), to),
    }
}

/// `x / y`, rounded once to the scale of `to`; `None` if `y` is zero.
pub(super) fn divide(x: (i128, Shape), y: (i128, Shape), to: Shape) -> Option<i128> {
    if y.0 == 0 {
        return None;
    }
    let up = i32::from(to.scale) + i32::from(y.1.scale) - i32::from(x.1.scale);
    let scaled = u8::try_from(up)
        .ok()
        .filter(|&up| up <= MAX_PRECISION)
        .and_then(|up| x.0.checked_mul(power_of_ten(up)));
    match scaled {
        Some(scaled) => to.fit(divide_rounding(scaled, y.0), to.scale),
        None => wide(x.0, 1, y.0, up, to),
    }
}

/// The least whole number not less than `unscaled * 10^-scale`.
pub(super) fn ceil(unscaled: i128, scale: u8) -> i128 {
    -floor(-unscaled, scale)
}

/// The greatest whole number not greater than `unscaled * 10^-scale`.
pub(super) fn floor(unscaled: i128, scale: u8) -> i128 {
    unscaled.div_euclid(power_of_ten(scale))
}

/// Rounds `unscaled * 10^-scale` to `digits` digits after the point (before it if negative) and
/// keeps its scale.
pub(super) fn round(unscaled: i128, scale: u8, digits: i64) -> i128 {
    match u8::try_from(i64::from(scale).saturating_sub(digits).max(0)) {
        Ok(dropped) if dropped <= MAX_PRECISION => {
            let unit = power_of_ten(dropped);
            divide_rounding(unscaled, unit) * unit
        }
        // No value reaches half of such a unit.
        _ => 0,
    }
}

/// Reads `[+-]digits[.digits][e[+-]digits]` as a DECIMAL(precision, scale), rounding what the scale
/// has no digit for. `None` if it has another form, or more digits than the precision.
pub fn parse(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (negative, number) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mantissa, exponent) = match number.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(e) => (&number[..e], parse_exponent(&number[e + 1..])?),
        None => (number, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
        None => (mantissa, &[][..]),
    };
    let digits = || whole.iter().chain(fraction);
    if whole.len() + fraction.len() == 0 || !digits().all(u8::is_ascii_digit) {
        return None;
    }
    // How many of the digits, from the front, are units of 10^-scale or above.
    let kept = (whole.len() as i64).saturating_add(exponent).saturating_add(scale.into());
    let limit = power_of_ten(precision);
    let mut unscaled: i128 = 0;
    for digit in digits().take(usize::try_from(kept).unwrap_or(0)) {
        unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let missing = kept - (whole.len() + fraction.len()) as i64;
    if missing > 0 && unscaled != 0 {
        let up = u8::try_from(missing).ok().filter(|&up| up <= MAX_PRECISION)?;
        unscaled = unscaled.checked_mul(power_of_ten(up))?;
    }
    if usize::try_from(kept).ok().and_then(|kept| digits().nth(kept)).is_some_and(|d| *d >= b'5') {
        unscaled += 1;
    }
    (unscaled < limit).then_some(if negative { -unscaled } else { unscaled })
}

/// The exponent's value, or a huge one of its sign if it is too long to matter.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    const HUGE: i64 = i64::MAX / 4;
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(HUGE)
    });
    Some(if negative { -magnitude } else { magnitude })
}

/// `unscaled * 10^-scale` as text with exactly `scale` digits after the point.
pub fn format(unscaled: i128, scale: u8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let unit = power_of_ten(scale).unsigned_abs();
    let (whole, fraction) = (unscaled.unsigned_abs() / unit, unscaled.unsigned_abs() % unit);
    match scale {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction:0width$}", width = usize::from(scale)),
    }
}

/// The DOUBLE nearest to `unscaled * 10^-scale`.
pub(super) fn to_double(unscaled: i128, scale: u8) -> f64 {
    // Both operands are exact in a DOUBLE, and so their quotient is rounded once.
    if unscaled.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS && scale <= 22 {
        return unscaled as f64 / power_of_ten(scale) as f64;
    }
    format!("{unscaled}e-{scale}").parse().expect("a number in Rust's syntax")
}

/// `10^n`
///
/// # Panics
/// If it is beyond an `i128`.
fn power_of_ten(n: u8) -> i128 {
    const POWERS: [i128; MAX_PRECISION as usize + 1] = {
        let mut powers = [1; MAX_PRECISION as usize + 1];
        let mut n = 1;
        while n < powers.len() {
            powers[n] = powers[n - 1] * 10;
            n += 1;
        }
        powers
    };
    POWERS[usize::from(n)]
}

/// `x / y` to the nearest whole number, halves away from zero; `y` is not zero.
fn divide_rounding(x: i128, y: i128) -> i128 {
    let (quotient, remainder) = (x / y, x % y);
    // Twice the remainder may be too wide, its distance to `y` is not.
    if remainder.unsigned_abs() >= y.unsigned_abs() - remainder.unsigned_abs() {
        quotient + if (x < 0) == (y < 0) { 1 } else { -1 }
    } else {
        quotient
    }
}

/// `x * y / z * 10^up`, rounded to a whole number, in as many digits as it takes.
#[cold]
fn wide(x: i128, y: i128, z: i128, up: i32, to: Shape) -> Option<i128> {
    let scaled = |value: i128, up: i32| {
        BigInt::from(value) * BigInt::from(10).pow(u32::try_from(up).unwrap_or(0))
    };
    let numerator = scaled(x, up) * y;
    let denominator = scaled(z, -up);
    let negative = (numerator < BigInt::ZERO) != (denominator < BigInt::ZERO);
    let (numerator, denominator) = (numerator.magnitude(), denominator.magnitude());
    // Half up, of magnitudes: floor((2n + d) / 2d).
    let quotient = (numerator * 2_u8 + denominator) / (denominator * 2_u8);
    let magnitude = i128::try_from(quotient).ok()?;
    to.fit(if negative { -magnitude } else { magnitude }, to.scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_read_exactly_and_rounded_half_away_from_zero() {
        for (text, precision, scale, expected) in [
            ("0", 1, 0, Some(0)),
            ("-0.00", 3, 2, Some(0)),
            ("12.3", 4, 2, Some(1230)),
            ("+12.345", 4, 2, Some(1235)),
            ("-12.345", 4, 2, Some(-1235)),
            ("12.3449999", 4, 2, Some(1234)),
            (".5", 2, 1, Some(5)),
            ("5.", 2, 1, Some(50)),
            ("0.5", 1, 0, Some(1)),
            ("0.05", 1, 0, Some(0)),
            ("99.95", 3, 1, None),
            ("99.94", 3, 1, Some(999)),
            ("1e2", 4, 1, Some(1000)),
            ("1.5E-1", 4, 2, Some(15)),
            ("15e-3", 4, 2, Some(2)),
            ("4e-3", 4, 2, Some(0)),
            ("9e-4", 4, 2, Some(0)),
            ("0e999999999999999999999", 4, 2, Some(0)),
            ("1e999999999999999999999", 4, 2, None),
            ("1e-999999999999999999999", 4, 2, Some(0)),
            ("000000000000000000000000000000000000000000001", 1, 0, Some(1)),
            ("99999999999999999999999999999999999999", 38, 0, Some(10_i128.pow(38) - 1)),
            ("100000000000000000000000000000000000000", 38, 0, None),
            ("999999999999999999999999999999999999999999", 38, 0, None),
            ("0.99999999999999999999999999999999999999", 38, 38, Some(10_i128.pow(38) - 1)),
            ("0.999999999999999999999999999999999999999", 38, 38, None),
        ] {
            assert_eq!(parse(text, precision, scale), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_read() {
        for text in [
            "", "-", ".", "e1", "1e", "1e+", "1.2.3", "1 ", " 1", "0x1", "1_000", "∞", "NaN",
            "--1", "1e1.5", "١",
        ] {
            assert_eq!(parse(text, 38, 2), None, "{text}");
        }
    }

    #[test]
    fn text_shows_every_digit_of_the_scale() {
        assert_eq!(format(0, 2), "0.00");
        assert_eq!(format(-5, 2), "-0.05");
        assert_eq!(format(-1234, 2), "-12.34");
        assert_eq!(format(7, 0), "7");
        assert_eq!(format(1, 38), format!("0.{}1", "0".repeat(37)));
    }

    #[test]
    fn the_double_is_the_nearest_one() {
        assert_eq!(to_double(1, 1), 0.1);
        assert_eq!(to_double(-3, 38), -3e-38);
        assert_eq!(to_double(9_007_199_254_740_993, 0), 9_007_199_254_740_992.0);
        assert_eq!(to_double(10_i128.pow(37) + 1, 37), 1.0);
    }

    /// The quotient's nearest whole number, halves away from zero, or `None` if it is not below
    /// 10^precision.
    fn nearest(numerator: BigInt, denominator: BigInt, precision: u8) -> Option<i128> {
        let (n, d) = (numerator.magnitude(), denominator.magnitude());
        let quotient = n / d + u8::from((n % d) * 2_u8 >= *d);
        let negative = (numerator < BigInt::ZERO) != (denominator < BigInt::ZERO);
        let magnitude =
            i128::try_from(quotient).ok().filter(|q| q.to_string().len() <= precision.into())?;
        Some(if negative { -magnitude } else { magnitude })
    }

    fn pow(n: u32) -> BigInt {
        BigInt::from(10).pow(n)
    }

    /// A value of some shape, often near its limits.
    fn value() -> impl Strategy<Value = (i128, Shape)> {
        let shape = (1..=38_u8).prop_flat_map(|precision| (Just(precision), 0..=precision));
        (shape, any::<i128>(), 0..=38_u8).prop_map(|((precision, scale), unscaled, digits)| {
            let limit = power_of_ten(precision.min(digits.max(1)));
            (unscaled % limit, Shape { precision, scale })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn multiplication_rounds_the_exact_product_once(x in value(), y in value(), to in value()) {
            let to = to.1;
            let exponent = u32::from(x.1.scale) + u32::from(y.1.scale);
            let exact = BigInt::from(x.0) * y.0 * pow(to.scale.into());
            prop_assert_eq!(multiply(x, y, to), nearest(exact, pow(exponent), to.precision));
        }

        #[test]
        fn division_rounds_the_exact_quotient_once(x in value(), y in value(), to in value()) {
            let to = to.1;
            let numerator = BigInt::from(x.0) * pow(u32::from(y.1.scale) + u32::from(to.scale));
            let denominator = BigInt::from(y.0) * pow(x.1.scale.into());
            let expected = if y.0 == 0 { None } else { nearest(numerator, denominator, to.precision) };
            prop_assert_eq!(divide(x, y, to), expected);
        }

        #[test]
        fn a_wide_intermediate_changes_no_digit(x in value(), y in value(), to in value()) {
            let to = to.1;
            let up = i32::from(to.scale) - i32::from(x.1.scale) - i32::from(y.1.scale);
            prop_assert_eq!(wide(x.0, y.0, 1, up, to), multiply(x, y, to));
        }

        #[test]
        fn text_and_value_turn_into_each_other(x in value()) {
            let text = format(x.0, x.1.scale);
            prop_assert_eq!(parse(&text, x.1.precision, x.1.scale), Some(x.0), "{}", text);
        }

        #[test]
        fn a_rescaled_value_is_the_nearest(x in value(), to in value()) {
            let to = to.1;
            let expected = nearest(BigInt::from(x.0) * pow(to.scale.into()), pow(x.1.scale.into()), to.precision);
            prop_assert_eq!(to.fit(x.0, x.1.scale), expected);
        }
    }
}
