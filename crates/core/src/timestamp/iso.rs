//! ISO 8601 text of instants: the reader and the writer.
//!
//! Nearly every event carries `YYYY-MM-DDTHH:MM:SS…`, so that form is read eight bytes at a time;
//! everything else, and everything that fails there, goes through the field-by-field reader, which
//! alone decides what is malformed and what is out of range.

use super::civil::{self, MICROS_PER_DAY};
use super::{Invalid, in_range};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;

/// The date that a text began with, and its first microsecond. Most texts begin with the date of
/// the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LastDate {
    text: [u8; DATE_BYTES],
    micros: i64,
}

/// The length of `YYYY-MM-DD`.
const DATE_BYTES: usize = 10;

/// Microseconds since the Unix epoch; finer digits are cut.
pub(super) fn parse(text: &[u8]) -> Result<i64, Invalid> {
    parse_like(&mut LastDate::default(), text)
}

/// The same; `last` is made to remember the date.
#[inline]
pub(super) fn parse_like(last: &mut LastDate, text: &[u8]) -> Result<i64, Invalid> {
    match parse_common(last, text) {
        Some(micros) => Ok(micros),
        None => parse_fields(text),
    }
}

/// The common form: four digits of year, whole seconds or milliseconds, and UTC. `None` says only
/// that the text is not of that form.
#[inline]
fn parse_common(last: &mut LastDate, text: &[u8]) -> Option<i64> {
    let (date, time) = text.split_first_chunk::<DATE_BYTES>()?;
    let micros = parse_time(time)?;
    // No text begins with the zeros that stand for no date.
    if *date != last.text {
        *last = LastDate { text: *date, micros: parse_date(date)? };
    }
    Some(last.micros + micros)
}

/// `YYYY-MM-DD`: its first microsecond.
fn parse_date(text: &[u8; DATE_BYTES]) -> Option<i64> {
    let date = pairs(word(text, 0)?, *b"0000-00-")?;
    let (tens, ones) = (digit(text[8])?, digit(text[9])?);
    let year = i64::from(pair(date, 0)) * 100 + i64::from(pair(date, 2));
    let (month, day) = (u32::from(pair(date, 5)), tens * 10 + ones);
    let valid = year > 0
        && (1..=12).contains(&month)
        && day > 0
        && (day <= 28 || day <= civil::days_in_month(year, month));
    valid.then(|| civil::days(year, month, day) * MICROS_PER_DAY)
}

/// `T` or a space, `HH:MM:SS`, milliseconds or none, `Z` or nothing: microseconds of the day.
#[inline]
fn parse_time(text: &[u8]) -> Option<i64> {
    let (b'T' | b' ', text) = text.split_first()? else { return None };
    let time = pairs(word(text, 0)?, *b"00:00:00")?;
    let micros = match text[8..] {
        [] | [b'Z'] => 0,
        [b'.', a, b, c, b'Z'] | [b'.', a, b, c] => {
            i64::from(digit(a)? * 100 + digit(b)? * 10 + digit(c)?) * 1_000
        }
        _ => return None,
    };
    let (hour, minute, second) = (pair(time, 0), pair(time, 3), pair(time, 6));
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(seconds * MICROS_PER_SECOND + micros)
}

/// Byte `at` of what [`pairs`] returned.
#[inline]
fn pair(pairs: u64, at: u32) -> u8 {
    (pairs >> (8 * at)) as u8
}

#[inline]
fn word(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*text.get(at..)?.first_chunk()?))
}

#[inline]
fn digit(byte: u8) -> Option<u32> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(u32::from(digit))
}

/// Matches eight bytes against a shape in which `0` stands for any digit and other bytes for
/// themselves; byte `i` of the result is ten times digit `i` plus digit `i + 1`.
#[inline]
fn pairs(word: u64, shape: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Where the shape matches, a digit's place now holds 0..=9 and every other place 0. Adding
    // this carries into a byte's high bit exactly where it holds more than that.
    let excess = shape.map(|byte| if byte == b'0' { 0x80 - 10 } else { 0x80 - 1 });
    let digits = word ^ u64::from_le_bytes(shape);
    let over = (digits & !HIGH) + u64::from_le_bytes(excess);
    ((over | digits) & HIGH == 0).then(|| digits.wrapping_mul(10).wrapping_add(digits >> 8))
}

/// The whole grammar, field by field.
#[cold]
fn parse_fields(text: &[u8]) -> Result<i64, Invalid> {
    let mut fields = Fields { rest: text };
    let instant = fields.instant().ok_or(Invalid::Malformed)?;
    if !fields.rest.is_empty() {
        return Err(Invalid::Malformed);
    }
    if !(1..=9999).contains(&instant.year) {
        return Err(Invalid::OutOfRange);
    }
    let days = civil::days(instant.year, instant.month, instant.day);
    in_range(days * MICROS_PER_DAY + instant.micros_of_day - instant.offset_micros)
}

struct Instant {
    year: i64,
    month: u32,
    day: u32,
    micros_of_day: i64,
    offset_micros: i64,
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn instant(&mut self) -> Option<Instant> {
        let year = self.year()?;
        self.expect(b'-')?;
        let month = self.two_digits(12)?;
        self.expect(b'-')?;
        let day = self.two_digits(31)?;
        if month == 0 || day == 0 || day > civil::days_in_month(year, month) {
            return None;
        }
        let (mut micros_of_day, mut offset_micros) = (0, 0);
        if !self.rest.is_empty() {
            self.expect(b'T').or_else(|| self.expect(b' '))?;
            micros_of_day = self.time()?;
            offset_micros = self.zone()?;
        }
        Some(Instant { year, month, day, micros_of_day, offset_micros })
    }

    /// Four digits; or, to tell years out of range from noise, a sign or up to nine digits whose
    /// value needs them.
    fn year(&mut self) -> Option<i64> {
        let sign = self.expect(b'-').map(|()| -1).or_else(|| self.expect(b'+').map(|()| 1));
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(4..=9).contains(&length) {
            return None;
        }
        let year = sign.unwrap_or(1) * i64::from(self.digits(length)?);
        let needs_extension = !(1..=9999).contains(&year);
        (needs_extension || (sign.is_none() && length == 4)).then_some(year)
    }

    fn time(&mut self) -> Option<i64> {
        let hour = self.two_digits(23)?;
        self.expect(b':')?;
        let minute = self.two_digits(59)?;
        let mut micros = (i64::from(hour) * 60 + i64::from(minute)) * MICROS_PER_MINUTE;
        if self.expect(b':').is_some() {
            micros += i64::from(self.two_digits(59)?) * MICROS_PER_SECOND;
            if self.expect(b'.').is_some() {
                micros += self.fraction()?;
            }
        }
        Some(micros)
    }

    /// One to nine digits after the point, cut to microseconds.
    fn fraction(&mut self) -> Option<i64> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&length) {
            return None;
        }
        let nanos = i64::from(self.digits(length)?) * 10_i64.pow(9 - length as u32);
        Some(nanos / 1_000)
    }

    /// `Z`, an offset, or nothing; as microseconds east of UTC.
    fn zone(&mut self) -> Option<i64> {
        if self.rest.is_empty() || self.expect(b'Z').is_some() {
            return Some(0);
        }
        let sign = match self.expect(b'-') {
            Some(()) => -1,
            None => self.expect(b'+').map(|()| 1)?,
        };
        let hours = self.two_digits(23)?;
        let mut minutes = 0;
        if !self.rest.is_empty() {
            // The colon is optional.
            let _ = self.expect(b':');
            minutes = self.two_digits(59)?;
        }
        Some(sign * i64::from(hours * 60 + minutes) * MICROS_PER_MINUTE)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn two_digits(&mut self, most: u32) -> Option<u32> {
        self.digits(2).filter(|&value| value <= most)
    }

    /// Exactly `length` digits, at most nine.
    fn digits(&mut self, length: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(length)?;
        let value = digits.iter().try_fold(0, |value, &byte| Some(value * 10 + digit(byte)?))?;
        self.rest = rest;
        Some(value)
    }
}

pub(super) fn format(micros: i64, precision: u8) -> String {
    let date = civil::date(micros.div_euclid(MICROS_PER_DAY));
    let of_day = micros.rem_euclid(MICROS_PER_DAY);
    let (seconds, fraction) = (of_day / MICROS_PER_SECOND, of_day % MICROS_PER_SECOND);
    let mut text = if (0..=9999).contains(&date.year) {
        let mut text = String::with_capacity("YYYY-MM-DDTHH:MM:SS.ffffffZ".len());
        push_digits(&mut text, date.year as u32, 4);
        text
    } else {
        format!("{:+07}", date.year)
    };
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    for (separator, value) in [
        ('-', date.month),
        ('-', date.day),
        ('T', hour as u32),
        (':', minute as u32),
        (':', second as u32),
    ] {
        text.push(separator);
        push_digits(&mut text, value, 2);
    }
    let digits = u32::from(precision.min(6));
    if digits > 0 {
        text.push('.');
        push_digits(&mut text, fraction as u32 / 10_u32.pow(6 - digits), digits);
    }
    text.push('Z');
    text
}

/// Appends `value` with so many digits.
fn push_digits(text: &mut String, value: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = value / 10_u32.pow(place) % 10;
        text.push(char::from(b'0' + digit as u8));
    }
}
