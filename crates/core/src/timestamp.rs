//! Timestamps as text and numbers, and the arithmetic of time buckets (UTC).
//!
//! A timestamp is a count of microseconds since 1970-01-01 00:00 UTC on a calendar without leap
//! seconds (proleptic Gregorian), and lies in years 1 to 9999. Input that is finer than its column
//! is cut towards the past, also before 1970, so that an instant never moves into a later bucket.
//!
//! The calendar arithmetic is our own, because every event passes through it once or more; the
//! tests hold it against `jiff`.

pub mod civil;
mod iso;

use crate::decode::number::Number;
use crate::schema::TimestampFormat;
use crate::view::Width;
use civil::MICROS_PER_DAY;
pub(crate) use iso::LastDate;

/// The first instant a TIMESTAMP holds: 0001-01-01 00:00:00 UTC, in microseconds.
pub const MIN_MICROS: i64 = -62_135_596_800_000_000;
/// The last instant a TIMESTAMP holds: 9999-12-31 23:59:59.999999 UTC, in microseconds.
pub const MAX_MICROS: i64 = 253_402_300_799_999_999;

/// Why a text or number is no timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// It does not have the format's form.
    Malformed,
    /// It lies outside years 1 to 9999.
    OutOfRange,
}

/// Reads `text` (no surrounding quotes) in the given format; cut to `precision` digits of a second.
///
/// ISO 8601 is `YYYY-MM-DD`, or that, `T` or a space, and `HH:MM[:SS[.fffffffff]]` with one to nine
/// digits of fraction, then nothing (UTC), `Z`, `±HH`, `±HHMM` or `±HH:MM`. Letters are upper case.
/// `24:00` and the leap second `:60` are malformed: the count of microseconds has no such instant,
/// and moving an event to another would be a silent change (Trino refuses them as well). Epochs
/// are numbers in JSON's grammar, fraction and exponent allowed.
///
/// # Errors
/// [`Invalid::OutOfRange`] for an otherwise well-formed instant outside years 1 to 9999, among them
/// years of more than four digits or with a sign; [`Invalid::Malformed`] for everything else.
pub fn parse(text: &str, format: TimestampFormat, precision: u8) -> Result<i64, Invalid> {
    match format {
        TimestampFormat::Iso8601 => Ok(cut(iso::parse(text.as_bytes())?, precision)),
        _ => from_epoch(Number::parse(text).ok_or(Invalid::Malformed)?, format, precision),
    }
}

/// The same as [`parse`]; faster where `text` has the date that `last` remembers, which it is made to
/// remember otherwise.
#[inline]
pub(crate) fn parse_like(
    last: &mut LastDate,
    text: &str,
    format: TimestampFormat,
    precision: u8,
) -> Result<i64, Invalid> {
    match format {
        TimestampFormat::Iso8601 => Ok(cut(iso::parse_like(last, text.as_bytes())?, precision)),
        _ => parse(text, format, precision),
    }
}

/// An epoch number, as seconds, milliseconds or microseconds; cut to `precision` digits of a
/// second. `format` must not be [`TimestampFormat::Iso8601`]: no number has that form.
pub(crate) fn from_epoch(
    number: Number<'_>,
    format: TimestampFormat,
    precision: u8,
) -> Result<i64, Invalid> {
    let shift = match format {
        TimestampFormat::Iso8601 => return Err(Invalid::Malformed),
        TimestampFormat::EpochSeconds => 6,
        TimestampFormat::EpochMillis => 3,
        TimestampFormat::EpochMicros => 0,
    };
    let micros = number.floor(shift).ok_or(Invalid::OutOfRange)?;
    Ok(cut(in_range(micros)?, precision))
}

/// `2026-01-31T12:34:56.789Z` with exactly `precision` digits of the second.
///
/// Total over `i64`, because exclusive ends of ranges may lie past the last timestamp: years
/// before 1 and after 9999 are written with their sign, as ISO 8601 extends itself.
pub fn format(micros: i64, precision: u8) -> String {
    iso::format(micros, precision)
}

/// The start of the bucket that holds `micros`.
pub fn truncate(micros: i64, width: Width) -> i64 {
    match width {
        Width::Fixed { micros: width } => micros.div_euclid(width).saturating_mul(width),
        Width::Week => {
            let days = micros.div_euclid(MICROS_PER_DAY);
            // Day 0 of the epoch is a Thursday, three days after the start of its week.
            (days - (days + 3).rem_euclid(7)).saturating_mul(MICROS_PER_DAY)
        }
        Width::Month | Width::Quarter | Width::Year => {
            let date = civil::date(micros.div_euclid(MICROS_PER_DAY));
            let month = match width {
                Width::Month => date.month,
                Width::Quarter => (date.month - 1) / 3 * 3 + 1,
                _ => 1,
            };
            civil::days(date.year, month, 1).saturating_mul(MICROS_PER_DAY)
        }
    }
}

/// The start of the bucket after the one that starts at `start`.
pub fn next(start: i64, width: Width) -> i64 {
    let months = match width {
        Width::Fixed { micros } => return start.saturating_add(micros),
        Width::Week => return start.saturating_add(7 * MICROS_PER_DAY),
        Width::Month => 1,
        Width::Quarter => 3,
        Width::Year => 12,
    };
    let date = civil::date(start.div_euclid(MICROS_PER_DAY));
    let month = date.month + months;
    let (year, month) = if month > 12 { (date.year + 1, month - 12) } else { (date.year, month) };
    civil::days(year, month, 1).saturating_mul(MICROS_PER_DAY)
}

fn in_range(micros: i64) -> Result<i64, Invalid> {
    if (MIN_MICROS..=MAX_MICROS).contains(&micros) { Ok(micros) } else { Err(Invalid::OutOfRange) }
}

/// Cuts to `precision` digits of the second, towards the past.
#[inline]
pub(crate) fn cut(micros: i64, precision: u8) -> i64 {
    // One arm per declared precision, so that the divisors are constants.
    match precision {
        0 => micros - micros.rem_euclid(1_000_000),
        3 => micros - micros.rem_euclid(1_000),
        6.. => micros,
        other => micros - micros.rem_euclid(10_i64.pow(u32::from(6 - other))),
    }
}

#[cfg(test)]
mod tests;
