//! Constants, and what they become beside operands of another type.
//!
//! A constant is converted here, once and exactly, where a column would be cast for every event;
//! `IN` and the plan's text rely on that. What cannot be converted exactly stays a CAST.

use crate::expr::decimal::{self, MAX_PRECISION};
use crate::schema::TimestampFormat;
use crate::timestamp::{self, Invalid};
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar};

/// Why a text is no constant: what is wrong, and what is allowed.
pub(super) struct Malformed {
    pub(super) message: String,
    pub(super) help: String,
}

/// A constant of a type.
pub(super) fn literal(value: Value, ty: Type) -> Expr {
    Expr { kind: ExprKind::Literal(value), ty }
}

/// A number as written: with an exponent it is DOUBLE, with a point DECIMAL, else BIGINT.
pub(super) fn number(text: &str) -> Result<Expr, Malformed> {
    if text.contains(['e', 'E']) {
        double(text)
    } else if text.contains('.') {
        decimal(text)
    } else {
        bigint(text)
    }
}

/// `BIGINT '…'`, and integers as written.
pub(super) fn bigint(text: &str) -> Result<Expr, Malformed> {
    let value = text.parse().map_err(|_| Malformed {
        message: format!("`{text}` is not a BIGINT"),
        help: "BIGINT is -9223372036854775808 to 9223372036854775807; write DECIMAL '…' for more \
               digits"
            .to_owned(),
    })?;
    Ok(literal(Value::BigInt(value), Type::BigInt))
}

/// `DOUBLE '…'`, and numbers with an exponent.
pub(super) fn double(text: &str) -> Result<Expr, Malformed> {
    let parsed = text.parse::<f64>().ok().filter(|value| value.is_finite());
    let value = parsed.ok_or_else(|| Malformed {
        message: format!("`{text}` is not a DOUBLE"),
        help: "a DOUBLE is a finite number such as 1e6 or 2.5e-3".to_owned(),
    })?;
    // Zero has one sign only, as everywhere else.
    Ok(literal(Value::Double(value + 0.0), Type::Double))
}

/// `DECIMAL '…'`, and numbers with a point: as many digits as are written.
pub(super) fn decimal(text: &str) -> Result<Expr, Malformed> {
    let malformed = || Malformed {
        message: format!("`{text}` is not a DECIMAL"),
        help: format!("a DECIMAL has 1 to {MAX_PRECISION} digits, such as 12.50"),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('-').trim_start_matches('0');
    let all = whole.bytes().chain(fraction.bytes());
    if text.contains(['e', 'E', '+']) || all.clone().count() > MAX_PRECISION.into() {
        return Err(malformed());
    }
    let (precision, scale) = (all.count().max(1) as u8, fraction.len() as u8);
    let value = decimal::parse(text, precision, scale).ok_or_else(malformed)?;
    Ok(literal(Value::Decimal(value), Type::Decimal { precision, scale }))
}

/// `TIMESTAMP '…'`: as many digits of the second as are written.
pub(super) fn timestamp(text: &str) -> Result<Expr, Malformed> {
    let fraction = text
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.bytes().take_while(u8::is_ascii_digit).count());
    let precision = match fraction {
        0 => 0,
        1..=3 => 3,
        _ => 6,
    };
    match timestamp::parse(text, TimestampFormat::Iso8601, precision) {
        Ok(micros) => Ok(literal(Value::Timestamp(micros), Type::Timestamp { precision })),
        Err(invalid) => Err(Malformed {
            message: match invalid {
                Invalid::Malformed => format!("`{text}` is not a timestamp"),
                Invalid::OutOfRange => format!("the timestamp `{text}` is out of range"),
            },
            help: "write it as '2026-01-31 12:34:56', years 1 to 9999, UTC unless it has a zone"
                .to_owned(),
        }),
    }
}

/// `expr` as a value of type `ty`: converted now if it is a constant, else by a CAST.
pub(super) fn coerce(expr: Expr, ty: Type) -> Expr {
    if expr.ty == ty {
        return expr;
    }
    let folded = match &expr.kind {
        ExprKind::Literal(value) => convert(value, expr.ty, ty),
        _ => None,
    };
    match folded {
        Some(value) => literal(value, ty),
        None => Expr { kind: ExprKind::Call(Scalar::Cast, vec![expr]), ty },
    }
}

fn convert(value: &Value, from: Type, to: Type) -> Option<Value> {
    match (value, from, to) {
        (Value::Null, _, _) => Some(Value::Null),
        (Value::BigInt(value), _, Type::Double) => Some(Value::Double(*value as f64)),
        (Value::BigInt(value), _, Type::Decimal { precision, scale }) => {
            rescale((*value).into(), scale, precision)
        }
        (
            Value::Decimal(value),
            Type::Decimal { scale: from, .. },
            Type::Decimal { precision, scale },
        ) => rescale(*value, scale.checked_sub(from)?, precision),
        (Value::Decimal(value), Type::Decimal { scale, .. }, Type::Double) => {
            // The text of a decimal parses to the nearest double; a division would round twice.
            decimal::format(*value, scale).parse().ok().map(Value::Double)
        }
        (
            Value::Timestamp(micros),
            Type::Timestamp { precision: from },
            Type::Timestamp { precision },
        ) if from <= precision => Some(Value::Timestamp(*micros)),
        _ => None,
    }
}

/// `value * 10^digits`, if it has at most `precision` digits.
fn rescale(value: i128, digits: u8, precision: u8) -> Option<Value> {
    let scaled = value.checked_mul(10i128.checked_pow(digits.into())?)?;
    let bound = 10i128.checked_pow(precision.into())?;
    (scaled.abs() < bound).then_some(Value::Decimal(scaled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(Value, Type)> {
        number(text).ok().map(|expr| match expr.kind {
            ExprKind::Literal(value) => (value, expr.ty),
            _ => unreachable!("a number is a literal"),
        })
    }

    #[test]
    fn numbers_have_the_type_their_form_says() {
        let decimal = |precision, scale| Type::Decimal { precision, scale };
        for (text, value, ty) in [
            ("0", Value::BigInt(0), Type::BigInt),
            ("-9223372036854775808", Value::BigInt(i64::MIN), Type::BigInt),
            ("1e3", Value::Double(1000.0), Type::Double),
            ("-0e0", Value::Double(0.0), Type::Double),
            ("0.5", Value::Decimal(5), decimal(1, 1)),
            (".05", Value::Decimal(5), decimal(2, 2)),
            ("5.", Value::Decimal(5), decimal(1, 0)),
            ("0.", Value::Decimal(0), decimal(1, 0)),
            ("-0012.50", Value::Decimal(-1250), decimal(4, 2)),
        ] {
            assert_eq!(of(text), Some((value, ty)), "{text}");
        }
        let zero = of("-0e0").unwrap().0;
        assert!(matches!(zero, Value::Double(zero) if zero.is_sign_positive()));
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        for text in ["9223372036854775808", "1e999", &format!("0.{}", "1".repeat(39)), "."] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_decimal_becomes_the_nearest_double() {
        for text in ["0.1", "0.3", "123456789012345678901234567890.12345678", "-2.675"] {
            let folded = coerce(decimal(text).ok().unwrap(), Type::Double);
            let nearest: f64 = text.parse().unwrap();
            assert_eq!(folded.kind, ExprKind::Literal(Value::Double(nearest)), "{text}");
        }
    }

    #[test]
    fn what_loses_digits_stays_a_cast() {
        let narrow = Type::Decimal { precision: 3, scale: 1 };
        let expr = coerce(decimal("0.25").ok().unwrap(), narrow);
        assert!(matches!(expr.kind, ExprKind::Call(Scalar::Cast, _)));
    }
}
