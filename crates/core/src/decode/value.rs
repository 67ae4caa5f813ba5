//! Which JSON values a column of each type may have, and what they are in SQL.

use super::Reason;
use super::fault::Fault;
use super::number::Number;
use super::scanner::Scanner;
use crate::schema::TimestampFormat;
use crate::timestamp::{self, Invalid};
use crate::types::Type;

/// A value that its column can have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Boolean(bool),
    BigInt(i64),
    Double(f64),
    Decimal(i128),
    Varchar {
        /// The text as it stands between the quotes.
        raw: &'a str,
        /// Whether it holds escapes, to be undone if the value is kept.
        escaped: bool,
    },
    Timestamp(i64),
}

/// Moves over the value that starts here, inside of `depth` objects and arrays, and not `null`:
/// the value, or why a column of type `ty` cannot have it.
#[inline]
pub(super) fn read<'a>(
    scanner: &mut Scanner<'a>,
    ty: Type,
    format: TimestampFormat,
    depth: usize,
) -> Result<Result<Value<'a>, Reason>, Fault> {
    let first = scanner.byte();
    let quoted = first == b'"';
    let numeric = first == b'-' || first.is_ascii_digit();
    let result = match ty {
        Type::Varchar if quoted => {
            let span = scanner.string()?;
            let raw = &scanner.text()[span.start..span.end];
            Ok(Value::Varchar { raw, escaped: span.escaped })
        }
        Type::BigInt if numeric => scanner.number()?.to_i64().map(Value::BigInt),
        Type::Double if numeric => {
            scanner.number()?.to_f64().map(Value::Double).ok_or(Reason::OutOfRange)
        }
        Type::Timestamp { precision } if quoted => {
            let span = scanner.string()?;
            instant(timestamp::parse(&scanner.unescaped(span), format, precision))
        }
        Type::Timestamp { precision } if numeric => {
            instant(timestamp::from_epoch(scanner.number()?, format, precision))
        }
        Type::Decimal { precision, scale } if numeric => {
            decimal(scanner.number()?, precision, scale)
        }
        Type::Decimal { precision, scale } if quoted => {
            let span = scanner.string()?;
            match Number::parse(&scanner.unescaped(span)) {
                Some(number) => decimal(number, precision, scale),
                None => Err(Reason::WrongType),
            }
        }
        Type::Boolean if first == b't' => {
            scanner.literal("true")?;
            Ok(Value::Boolean(true))
        }
        Type::Boolean if first == b'f' => {
            scanner.literal("false")?;
            Ok(Value::Boolean(false))
        }
        _ => {
            scanner.value(depth)?;
            Err(Reason::WrongType)
        }
    };
    Ok(result)
}

fn decimal<'a>(number: Number<'_>, precision: u8, scale: u8) -> Result<Value<'a>, Reason> {
    number.to_decimal(precision, scale).map(Value::Decimal).ok_or(Reason::OutOfRange)
}

fn instant<'a>(result: Result<i64, Invalid>) -> Result<Value<'a>, Reason> {
    result.map(Value::Timestamp).map_err(|invalid| match invalid {
        Invalid::Malformed => Reason::WrongType,
        Invalid::OutOfRange => Reason::OutOfRange,
    })
}
