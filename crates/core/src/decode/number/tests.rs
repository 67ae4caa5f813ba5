use super::*;
use num_bigint::BigInt;
use proptest::prelude::*;

fn number(text: &str) -> Number<'_> {
    Number::parse(text).unwrap_or_else(|| panic!("`{text}` is a JSON number"))
}

#[test]
fn integers_are_read_however_they_are_written() {
    for (text, expected) in [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("0e999999999999999999999", 0),
        ("1.0", 1),
        ("1e3", 1_000),
        ("1E+3", 1_000),
        ("12.50e1", 125),
        ("1000e-3", 1),
        ("-7.000000000000000000000000000", -7),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("-9223372036854775808.0", i64::MIN),
        ("-9.223372036854775808e18", i64::MIN),
        ("0.00000000000000000000000000000000000001e38", 1),
        ("100000000000000000000000000000000000000000e-41", 1),
    ] {
        assert_eq!(number(text).to_i64(), Ok(expected), "{text}");
    }
}

#[test]
fn numbers_that_are_not_integral_are_of_the_wrong_type_even_when_too_large() {
    for text in ["0.5", "1e-1", "-1.5", "1e-400", "99999999999999999999.5", "1.5e-9999999999999999"]
    {
        assert_eq!(number(text).to_i64(), Err(Reason::WrongType), "{text}");
    }
}

#[test]
fn integers_beyond_64_bits_are_out_of_range() {
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1e19",
        "1.5e400",
        "1e99999999999999999999",
        "340282366920938463463374607431768211457",
    ] {
        assert_eq!(number(text).to_i64(), Err(Reason::OutOfRange), "{text}");
    }
}

#[test]
fn doubles_are_finite_and_never_negative_zero() {
    for text in ["-0", "-0.0", "-0e5", "-1e-400", "-0.00000000000000000000000000000000"] {
        let value = number(text).to_f64().unwrap();
        assert_eq!((value, value.is_sign_negative()), (0.0, false), "{text}");
    }
    assert_eq!(number("1.7976931348623157e308").to_f64(), Some(f64::MAX));
    assert_eq!(number("5e-324").to_f64(), Some(f64::from_bits(1)));
    for text in ["1e309", "-1e309", "1e999", "1e99999999999999999999"] {
        assert_eq!(number(text).to_f64(), None, "{text}");
    }
}

#[test]
fn decimals_round_half_away_from_zero() {
    for (text, expected) in [
        ("1.234", 123),
        ("1.235", 124),
        ("-1.235", -124),
        ("1.2349999999999999999999999999999999999", 123),
        ("0.005", 1),
        ("-0.005", -1),
        ("0.00499999999999999999999", 0),
        ("5e-3", 1),
        ("4e-3", 0),
        ("1e-400", 0),
        ("12", 1_200),
        ("1.2e3", 120_000),
        ("0e400", 0),
    ] {
        assert_eq!(number(text).to_decimal(12, 2), Some(expected), "{text}");
    }
}

#[test]
fn decimals_beyond_their_precision_are_out_of_range_also_by_rounding() {
    assert_eq!(number("99.99").to_decimal(4, 2), Some(9_999));
    assert_eq!(number("-99.994").to_decimal(4, 2), Some(-9_999));
    assert_eq!(number("99.995").to_decimal(4, 2), None);
    assert_eq!(number("100").to_decimal(4, 2), None);
    let nines = "9".repeat(38);
    assert_eq!(number(&nines).to_decimal(38, 0), Some(10_i128.pow(38) - 1));
    assert_eq!(number(&format!("{nines}.5")).to_decimal(38, 0), None);
    assert_eq!(number("1e38").to_decimal(38, 0), None);
    assert_eq!(number("1e-38").to_decimal(38, 38), Some(1));
}

#[test]
fn what_json_does_not_write_is_no_number() {
    for text in [
        "", "-", "+1", "01", "-01", "00", "1.", ".5", "-.5", "1e", "1e+", "1.e5", "1e5.", "1 ",
        " 1", "NaN", "Infinity", "0x1", "1_0", "1,0", "--1", "1e5e5", "1.5.5", "\u{661}",
    ] {
        assert!(Number::parse(text).is_none(), "{text:?}");
    }
}

/// Numbers in JSON's grammar, with the length of digit runs around every limit of the reader.
fn numbers() -> impl Strategy<Value = String> {
    let integer = prop_oneof![Just("0".to_owned()), "[1-9][0-9]{0,24}", "[1-9]0{0,40}", "9{15,39}"];
    let fraction =
        prop_oneof![Just(String::new()), "\\.[0-9]{1,24}", "\\.0{0,40}[0-9]", "\\.9{1,20}"];
    let power = prop_oneof![2 => Just(String::new()), 1 => "[eE][-+]?[0-9]{1,2}"];
    ("-?", integer, fraction, power).prop_map(|(sign, a, b, c)| sign + &a + &b + &c)
}

/// The number times `10^shift` as an exact fraction: numerator and (positive) denominator.
fn fraction(text: &str, shift: i64) -> (BigInt, BigInt) {
    let (digits, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, behind) = digits.split_once('.').unwrap_or((digits, ""));
    let power = power.parse::<i64>().unwrap() + shift - behind.len() as i64;
    let numerator: BigInt = format!("{whole}{behind}").parse().unwrap();
    let scale = BigInt::from(10).pow(power.unsigned_abs() as u32);
    if power >= 0 { (numerator * scale, 1.into()) } else { (numerator, scale) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn integers_equal_exact_arithmetic(text in numbers()) {
        let (numerator, denominator) = fraction(&text, 0);
        let quotient = &numerator / &denominator;
        let expected = if &quotient * &denominator != numerator {
            Err(Reason::WrongType)
        } else {
            i64::try_from(quotient).map_err(|_| Reason::OutOfRange)
        };
        prop_assert_eq!(number(&text).to_i64(), expected);
    }

    #[test]
    fn decimals_equal_exact_arithmetic(text in numbers(), precision in 1..=38_u8, scale in 0..=38_u8) {
        let scale = scale.min(precision);
        let (numerator, denominator) = fraction(&text, scale.into());
        // Half away from zero: twice the magnitude, plus one, halved and cut.
        let magnitude = (numerator.magnitude() * 2_u8 + denominator.magnitude())
            / (denominator.magnitude() * 2_u8);
        let expected = i128::try_from(magnitude).ok().filter(|&m| m < 10_i128.pow(precision.into()));
        let expected = expected.map(|m| if text.starts_with('-') { -m } else { m });
        prop_assert_eq!(number(&text).to_decimal(precision, scale), expected);
    }

    #[test]
    fn floors_equal_exact_arithmetic(text in numbers(), shift in 0..=6_i64) {
        let (numerator, denominator) = fraction(&text, shift);
        let cut = &numerator / &denominator;
        let exact = &cut * &denominator == numerator;
        let floor = if text.starts_with('-') && !exact { cut - 1 } else { cut };
        prop_assert_eq!(number(&text).floor(shift), i64::try_from(floor).ok());
    }

    #[test]
    fn doubles_are_correctly_rounded(text in numbers()) {
        // The standard library's reader is correctly rounded; ours must take the same value on
        // its short way, which does not call it.
        let expected: f64 = text.parse().unwrap();
        prop_assert_eq!(number(&text).to_f64(), Some(expected + 0.0).filter(|v| v.is_finite()));
    }

    #[test]
    fn doubles_survive_their_shortest_text(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        let text = format!("{value:e}");
        prop_assert_eq!(number(&text).to_f64(), Some(value + 0.0));
    }
}
