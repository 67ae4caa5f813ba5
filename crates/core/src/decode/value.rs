//! Which JSON values a column of each type may have, and what they are in SQL.

use super::Reason;
use super::batch::Slot;
use super::fault::Fault;
use super::number::Number;
use super::scanner::Scanner;
use crate::schema::TimestampFormat;
use crate::timestamp::{self, Invalid, LastDate};
use crate::types::Type;

/// What values a column has.
#[derive(Clone, Copy)]
pub(super) struct Kind<'t> {
    pub(super) ty: &'t Type,
    pub(super) format: TimestampFormat,
}

/// What a column of an event is if it is no value, and where that ends.
#[derive(Debug)]
pub(super) enum Other {
    Null(usize),
    /// A value that the column cannot have.
    Unfit(Reason, usize),
    /// The payload as such is wrong.
    Fault(Fault),
}

impl From<Fault> for Other {
    fn from(fault: Fault) -> Self {
        Other::Fault(fault)
    }
}

/// Reads the value at `pos`, inside of `depth` objects and arrays, and hands it to `slot`; where it
/// ends.
#[inline(always)]
pub(super) fn read<'a>(
    scanner: Scanner<'a>,
    pos: usize,
    depth: usize,
    kind: Kind<'_>,
    last_date: &mut LastDate,
    slot: &mut Slot<'_, 'a>,
) -> Result<usize, Other> {
    // Nearly always a value of the right form stands right here, so whatever else may be is looked
    // for only when it does not.
    match read_form(scanner, pos, kind, last_date, slot)? {
        Some(read) => Ok(read),
        None => read_other(scanner, pos, depth, kind, last_date, slot),
    }
}

/// The same, for a value that is null, of another form, or behind white space.
#[inline(never)]
fn read_other<'a>(
    scanner: Scanner<'a>,
    pos: usize,
    depth: usize,
    kind: Kind<'_>,
    last_date: &mut LastDate,
    slot: &mut Slot<'_, 'a>,
) -> Result<usize, Other> {
    let pos = scanner.token(pos);
    if scanner.byte(pos) == b'n' {
        return Err(Other::Null(scanner.literal(pos, "null")?));
    }
    match read_form(scanner, pos, kind, last_date, slot)? {
        Some(read) => Ok(read),
        None => Err(Other::Unfit(Reason::WrongType, scanner.value(pos, depth, None)?)),
    }
}

/// Reads the value at `pos` if it has a form in which values of `ty` are written.
#[inline(always)]
fn read_form<'a>(
    scanner: Scanner<'a>,
    pos: usize,
    kind: Kind<'_>,
    last_date: &mut LastDate,
    slot: &mut Slot<'_, 'a>,
) -> Result<Option<usize>, Other> {
    let Kind { ty, format } = kind;
    let end = match (ty, scanner.byte(pos)) {
        (Type::Varchar, b'"') => {
            let span = scanner.string(pos)?;
            slot.varchar(scanner.text, span);
            span.end + 1
        }
        (Type::BigInt, b'-' | b'0'..=b'9') => {
            let (number, end) = scanner.number(pos)?;
            slot.bigint(number.to_i64().map_err(|reason| Other::Unfit(reason, end))?);
            end
        }
        (Type::Double, b'-' | b'0'..=b'9') => {
            let (number, end) = scanner.number(pos)?;
            slot.double(number.to_f64().ok_or(Other::Unfit(Reason::OutOfRange, end))?);
            end
        }
        (Type::Decimal { precision, scale }, b'-' | b'0'..=b'9') => {
            let (number, end) = scanner.number(pos)?;
            let value = decimal(Some(number), *precision, *scale);
            slot.decimal(value.map_err(|reason| Other::Unfit(reason, end))?);
            end
        }
        (Type::Decimal { precision, scale }, b'"') => {
            let span = scanner.string(pos)?;
            let end = span.end + 1;
            let value = decimal(Number::parse(&scanner.unescaped(span)), *precision, *scale);
            slot.decimal(value.map_err(|reason| Other::Unfit(reason, end))?);
            end
        }
        (Type::Timestamp { precision }, b'"') => {
            let span = scanner.string(pos)?;
            let end = span.end + 1;
            let text = &scanner.text[span.start..span.end];
            let value = if span.escaped {
                timestamp::parse(&scanner.unescaped(span), format, *precision)
            } else {
                timestamp::parse_like(last_date, text, format, *precision)
            };
            slot.timestamp(value.map_err(|invalid| Other::Unfit(reason(invalid), end))?);
            end
        }
        (Type::Timestamp { precision }, b'-' | b'0'..=b'9') => {
            let (number, end) = scanner.number(pos)?;
            let value = timestamp::from_epoch(number, format, *precision);
            slot.timestamp(value.map_err(|invalid| Other::Unfit(reason(invalid), end))?);
            end
        }
        (Type::Boolean, b't') => {
            let end = scanner.literal(pos, "true")?;
            slot.boolean(true);
            end
        }
        (Type::Boolean, b'f') => {
            let end = scanner.literal(pos, "false")?;
            slot.boolean(false);
            end
        }
        _ => return Ok(None),
    };
    Ok(Some(end))
}

fn decimal(number: Option<Number<'_>>, precision: u8, scale: u8) -> Result<i128, Reason> {
    let number = number.ok_or(Reason::WrongType)?;
    number.to_decimal(precision, scale).ok_or(Reason::OutOfRange)
}

fn reason(invalid: Invalid) -> Reason {
    match invalid {
        Invalid::Malformed => Reason::WrongType,
        Invalid::OutOfRange => Reason::OutOfRange,
    }
}
