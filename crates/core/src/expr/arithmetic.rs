//! Arithmetic on BIGINT and DOUBLE, and the choice of it for DECIMAL (see [`super::decimal`]).
//!
//! What SQL calls an error is NULL: overflow, division by zero, a result that is not finite. A
//! result of negative zero becomes zero, so that equal values are the same bits.
//!
//! `ln`, `log10`, `exp` and `power` come from the `libm` crate, and not from the platform: the
//! platform's differ in the last bit between versions and processors, and then the batch layer
//! and the speed layer would disagree. Everything else used here is exact by IEEE 754.

use super::decimal::{self, Shape};
use super::lift::{Arg, map1, try_map1, try_map2};
use crate::column::{Column, Data};
use crate::types::Type;

/// `x` if it is a value of DOUBLE, with negative zero made zero.
pub(super) fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x + 0.0)
}

/// `x + y`
pub(super) fn add<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => try_map2(x.bigints(), y.bigints(), Data::BigInt, i64::checked_add),
        Type::Double => double2(x, y, |x, y| x + y),
        _ => decimal2(x, y, ty, decimal::add),
    }
}

/// `x - y`
pub(super) fn subtract<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => try_map2(x.bigints(), y.bigints(), Data::BigInt, i64::checked_sub),
        Type::Double => double2(x, y, |x, y| x - y),
        _ => decimal2(x, y, ty, decimal::subtract),
    }
}

/// `x * y`
pub(super) fn multiply<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => try_map2(x.bigints(), y.bigints(), Data::BigInt, i64::checked_mul),
        Type::Double => double2(x, y, |x, y| x * y),
        _ => decimal2(x, y, ty, decimal::multiply),
    }
}

/// `x / y`; of BIGINTs it is cut towards zero.
pub(super) fn divide<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => try_map2(x.bigints(), y.bigints(), Data::BigInt, i64::checked_div),
        Type::Double => double2(x, y, |x, y| x / y),
        _ => decimal2(x, y, ty, decimal::divide),
    }
}

/// `x % y`, with the sign of `x`.
pub(super) fn modulo<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        // The remainder by -1 is zero even where the quotient overflows.
        Type::BigInt => try_map2(x.bigints(), y.bigints(), Data::BigInt, |x, y| {
            (y != 0).then(|| x.wrapping_rem(y))
        }),
        Type::Double => double2(x, y, |x, y| x % y),
        _ => decimal2(x, y, ty, decimal::modulo),
    }
}

/// `-x`
pub(super) fn negate<'a>(x: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => try_map1(x.bigints(), Data::BigInt, i64::checked_neg),
        Type::Double => double1(x, |x| -x),
        _ => decimal1(x, ty, |x, from, to| to.fit(-x, from.scale)),
    }
}

/// `abs(x)`
pub(super) fn abs<'a>(x: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => try_map1(x.bigints(), Data::BigInt, i64::checked_abs),
        Type::Double => double1(x, f64::abs),
        _ => decimal1(x, ty, |x, from, to| to.fit(x.abs(), from.scale)),
    }
}

/// `sign(x)`: -1, 0 or 1.
pub(super) fn sign<'a>(x: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => map1(x.bigints(), Data::BigInt, i64::signum),
        Type::Double => double1(x, |x| if x == 0.0 { 0.0 } else { x.signum() }),
        _ => decimal1(x, ty, |x, _, to| to.fit(x.signum(), 0)),
    }
}

/// `ceil(x)`: the least whole number that is not less.
pub(super) fn ceil<'a>(x: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => map1(x.bigints(), Data::BigInt, |x| x),
        Type::Double => double1(x, f64::ceil),
        _ => decimal1(x, ty, |x, from, to| to.fit(decimal::ceil(x, from.scale), 0)),
    }
}

/// `floor(x)`: the greatest whole number that is not greater.
pub(super) fn floor<'a>(x: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => map1(x.bigints(), Data::BigInt, |x| x),
        Type::Double => double1(x, f64::floor),
        _ => decimal1(x, ty, |x, from, to| to.fit(decimal::floor(x, from.scale), 0)),
    }
}

/// `round(x)`: the nearest whole number, halves away from zero.
pub(super) fn round<'a>(x: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    match ty {
        Type::BigInt => map1(x.bigints(), Data::BigInt, |x| x),
        Type::Double => double1(x, f64::round),
        _ => decimal1(x, ty, |x, from, to| to.fit(decimal::round(x, from.scale, 0), from.scale)),
    }
}

/// `round(x, digits)`: to that many digits after the point, before it if negative.
pub(super) fn round_to<'a>(x: &Arg<'_, 'a>, digits: &Arg<'_, 'a>, ty: Type) -> Column<'a> {
    let digits = digits.bigints();
    match ty {
        Type::BigInt => try_map2(x.bigints(), digits, Data::BigInt, |x, digits| {
            i64::try_from(decimal::round(x.into(), 0, digits)).ok()
        }),
        Type::Double => try_map2(x.doubles(), digits, Data::Double, round_double),
        _ => {
            let (from, to) = (Shape::of(x.ty), Shape::of(ty));
            try_map2(x.decimals(), digits, Data::Decimal, |x, digits| {
                to.fit(decimal::round(x, from.scale, digits), from.scale)
            })
        }
    }
}

/// `sqrt(x)`; NULL below zero.
pub(super) fn sqrt<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    double1(x, f64::sqrt)
}

/// The natural logarithm; NULL from zero down.
pub(super) fn ln<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    double1(x, libm::log)
}

/// The logarithm to base 10; NULL from zero down.
pub(super) fn log10<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    double1(x, libm::log10)
}

/// e to the power of `x`.
pub(super) fn exp<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    double1(x, libm::exp)
}

/// `x` to the power of `y`.
pub(super) fn power<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>) -> Column<'a> {
    double2(x, y, libm::pow)
}

fn double1<'a>(x: &Arg<'_, 'a>, f: impl Fn(f64) -> f64) -> Column<'a> {
    try_map1(x.doubles(), Data::Double, |x| finite(f(x)))
}

fn double2<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>, f: impl Fn(f64, f64) -> f64) -> Column<'a> {
    try_map2(x.doubles(), y.doubles(), Data::Double, |x, y| finite(f(x, y)))
}

fn decimal1<'a>(
    x: &Arg<'_, 'a>,
    ty: Type,
    f: impl Fn(i128, Shape, Shape) -> Option<i128>,
) -> Column<'a> {
    let (from, to) = (Shape::of(x.ty), Shape::of(ty));
    try_map1(x.decimals(), Data::Decimal, |x| f(x, from, to))
}

fn decimal2<'a>(
    x: &Arg<'_, 'a>,
    y: &Arg<'_, 'a>,
    ty: Type,
    f: impl Fn((i128, Shape), (i128, Shape), Shape) -> Option<i128>,
) -> Column<'a> {
    let (from_x, from_y, to) = (Shape::of(x.ty), Shape::of(y.ty), Shape::of(ty));
    try_map2(x.decimals(), y.decimals(), Data::Decimal, |x, y| f((x, from_x), (y, from_y), to))
}

/// Scaled by a power of ten, rounded, and scaled back.
fn round_double(x: f64, digits: i64) -> Option<f64> {
    /// From here on every DOUBLE is a whole number.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if digits < 0 {
        let unit = power_of_ten(digits.unsigned_abs());
        return finite(if unit.is_finite() { (x / unit).round() * unit } else { 0.0 });
    }
    let unit = power_of_ten(digits.unsigned_abs());
    let scaled = x * unit;
    // Where scaling leaves the range, or comes to a whole number by losing digits, `x` has no
    // digit to lose.
    finite(if scaled.abs() < WHOLE { scaled.round() / unit } else { x })
}

/// The DOUBLE nearest to `10^n`, or infinity.
fn power_of_ten(n: u64) -> f64 {
    const EXACT: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    let exact = usize::try_from(n).ok().and_then(|n| EXACT.get(n));
    // The library's powers are not always the nearest; its reading of texts is.
    exact.copied().unwrap_or_else(|| format!("1e{n}").parse().expect("a number in Rust's syntax"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_the_nearest_doubles() {
        for n in 0..=22 {
            assert_eq!(power_of_ten(n), 10_u128.pow(n as u32) as f64, "10^{n}");
        }
        assert_eq!(power_of_ten(29), 1e29);
        assert_eq!(power_of_ten(308), 1e308);
        assert_eq!(power_of_ten(309), f64::INFINITY);
        assert_eq!(power_of_ten(u64::MAX), f64::INFINITY);
    }

    #[test]
    fn rounding_to_digits_leaves_alone_what_has_no_such_digits() {
        for x in [f64::MAX, -f64::MAX, 1e300, 1e17, 4_503_599_627_370_497.5, 0.1, 5e-324] {
            assert_eq!(round_double(x, 330), Some(x));
        }
        assert_eq!(round_double(1e17 + 16.0, 3), Some(1e17 + 16.0));
        assert_eq!(round_double(0.0, i64::MAX), Some(0.0));
    }

    #[test]
    fn rounding_before_the_point_may_leave_the_range() {
        assert_eq!(round_double(1.7e308, -308), None);
        assert_eq!(round_double(1.7e308, -309), Some(0.0));
        assert_eq!(round_double(-0.4, 0).map(f64::to_bits), Some(0));
        assert_eq!(round_double(-149.0, -2), Some(-100.0));
        assert_eq!(round_double(12.0, i64::MIN), Some(0.0));
    }

    #[test]
    fn elementary_functions_are_those_of_mathematics() {
        // Within two units in the last place of the platform's, which are within one of the truth.
        let close = |x: f64, y: f64| (x - y).abs() <= 4.0 * f64::EPSILON * y.abs();
        for i in 1..2_000 {
            let x = f64::from(i) / 100.0;
            assert!(close(libm::log(x), x.ln()), "ln {x}");
            assert!(close(libm::log10(x), x.log10()), "log10 {x}");
            assert!(close(libm::exp(x), x.exp()), "exp {x}");
            assert!(close(libm::pow(x, 1.7), x.powf(1.7)), "{x} to the power of 1.7");
        }
    }
}
