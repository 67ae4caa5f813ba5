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
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) ty: Type,
    pub(super) format: TimestampFormat,
}

/// What a column of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A value, which the slot has taken.
    Value,
    Null,
    /// A value that the column cannot have.
    Unfit(Reason),
}

/// Reads the value at `pos`, inside of `depth` objects and arrays, and hands it to `slot`; the
/// verdict and where the value ends.
#[inline(always)]
pub(super) fn read<'a>(
    scanner: Scanner<'a>,
    pos: usize,
    depth: usize,
    kind: Kind,
    last_date: &mut LastDate,
    slot: &mut Slot<'_, 'a>,
) -> Result<(Verdict, usize), Fault> {
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
    kind: Kind,
    last_date: &mut LastDate,
    slot: &mut Slot<'_, 'a>,
) -> Result<(Verdict, usize), Fault> {
    let pos = scanner.token(pos);
    if scanner.byte(pos) == b'n' {
        return Ok((Verdict::Null, scanner.literal(pos, "null")?));
    }
    match read_form(scanner, pos, kind, last_date, slot)? {
        Some(read) => Ok(read),
        None => Ok((Verdict::Unfit(Reason::WrongType), scanner.value(pos, depth, None)?)),
    }
}

/// Reads the value at `pos` if it has a form in which values of `ty` are written.
#[inline(always)]
fn read_form<'a>(
    scanner: Scanner<'a>,
    pos: usize,
    kind: Kind,
    last_date: &mut LastDate,
    slot: &mut Slot<'_, 'a>,
) -> Result<Option<(Verdict, usize)>, Fault> {
    let Kind { ty, format } = kind;
    let (result, end) = match (ty, scanner.byte(pos)) {
        (Type::Varchar, b'"') => {
            let span = scanner.string(pos)?;
            slot.varchar(scanner.text, span);
            (Ok(()), span.end + 1)
        }
        (Type::BigInt, b'-' | b'0'..=b'9') => {
            let (number, end) = scanner.number(pos)?;
            (number.to_i64().map(|value| slot.bigint(value)), end)
        }
        (Type::Double, b'-' | b'0'..=b'9') => {
            let (number, end) = scanner.number(pos)?;
            let value = number.to_f64().ok_or(Reason::OutOfRange);
            (value.map(|value| slot.double(value)), end)
        }
        (Type::Decimal { precision, scale }, b'-' | b'0'..=b'9') => {
            let (number, end) = scanner.number(pos)?;
            let value = decimal(Some(number), precision, scale);
            (value.map(|value| slot.decimal(value)), end)
        }
        (Type::Decimal { precision, scale }, b'"') => {
            let span = scanner.string(pos)?;
            let value = decimal(Number::parse(&scanner.unescaped(span)), precision, scale);
            (value.map(|value| slot.decimal(value)), span.end + 1)
        }
        (Type::Timestamp { precision }, b'"') => {
            let span = scanner.string(pos)?;
            let text = &scanner.text[span.start..span.end];
            let value = if span.escaped {
                timestamp::parse(&scanner.unescaped(span), format, precision)
            } else {
                timestamp::parse_like(last_date, text, format, precision)
            };
            (value.map(|value| slot.timestamp(value)).map_err(reason), span.end + 1)
        }
        (Type::Timestamp { precision }, b'-' | b'0'..=b'9') => {
            let (number, end) = scanner.number(pos)?;
            let value = timestamp::from_epoch(number, format, precision);
            (value.map(|value| slot.timestamp(value)).map_err(reason), end)
        }
        (Type::Boolean, b't') => {
            let end = scanner.literal(pos, "true")?;
            slot.boolean(true);
            (Ok(()), end)
        }
        (Type::Boolean, b'f') => {
            let end = scanner.literal(pos, "false")?;
            slot.boolean(false);
            (Ok(()), end)
        }
        _ => return Ok(None),
    };
    Ok(Some((result.map_or_else(Verdict::Unfit, |()| Verdict::Value), end)))
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
