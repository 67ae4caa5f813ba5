//! JSON numbers: the grammar, and exact conversion to the SQL types.
//!
//! A number is kept as `mantissa * 10^exponent` while its digits fit 64 bits, which nearly all do,
//! and is read again from its text where they do not. Nothing here goes through binary floating
//! point except DOUBLE itself, so that a DECIMAL or a timestamp is the number that was sent.

use super::{Reason, lanes};

/// A number in JSON's grammar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<'a> {
    text: &'a [u8],
    negative: bool,
    /// The digits of the integer and the fraction as one number; meaningless unless `exact`.
    mantissa: u64,
    /// The power of ten of the last digit.
    exponent: i64,
    /// Whether `mantissa` holds every digit.
    exact: bool,
}

/// The magnitude of a number scaled by a power of ten, split at the decimal point.
struct Scaled {
    /// What stands before the point; `None` if it has more than 38 digits.
    whole: Option<u128>,
    rest: Rest,
}

/// What stands after the point.
#[derive(PartialEq, Eq)]
enum Rest {
    Zero,
    BelowHalf,
    HalfOrMore,
}

/// The most digits of which every number fits a `u64`.
const EXACT_DIGITS: usize = 19;
/// Exponents are clamped to this. No payload is long enough for its digits to make up for it.
const EXPONENT_LIMIT: i64 = 1 << 50;

/// The powers of ten that fit a `u128`, of which the first 20 fit a `u64`.
const POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// The powers of ten that a DOUBLE holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl<'a> Number<'a> {
    /// Reads the whole of `text` as a number.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let number = Number::scan(text.as_bytes(), 0).ok()?;
        (number.text.len() == text.len()).then_some(number)
    }

    /// Reads the number that starts at `start`, as far as it goes.
    ///
    /// # Errors
    /// The offset of the byte at which a digit had to stand, or, after a leading zero, must not.
    #[inline]
    pub(crate) fn scan(bytes: &'a [u8], start: usize) -> Result<Self, usize> {
        match Form::of(bytes, start) {
            Some(form) if form.whole + form.fraction <= 8 => Ok(Number {
                text: &bytes[start..form.end],
                negative: form.negative,
                mantissa: form.mantissa(),
                exponent: -(form.fraction as i64),
                exact: true,
            }),
            _ => Number::scan_any(bytes, start),
        }
    }

    fn scan_any(bytes: &'a [u8], start: usize) -> Result<Self, usize> {
        let negative = bytes.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let mut mantissa = 0;
        let mut end = digits(bytes, first, &mut mantissa);
        let mut digit_count = end - first;
        if digit_count == 0 {
            return Err(first);
        }
        if bytes[first] == b'0' && digit_count > 1 {
            return Err(first + 1);
        }
        let mut exponent = 0;
        if bytes.get(end) == Some(&b'.') {
            let point = end + 1;
            end = digits(bytes, point, &mut mantissa);
            if end == point {
                return Err(point);
            }
            digit_count += end - point;
            exponent = -((end - point) as i64);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let (power, after) = scan_power(bytes, end + 1)?;
            exponent += power;
            end = after;
        }
        let text = &bytes[start..end];
        Ok(Number { text, negative, mantissa, exponent, exact: digit_count <= EXACT_DIGITS })
    }

    /// How many bytes the number takes.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        self.text.len()
    }

    /// The number as BIGINT.
    ///
    /// # Errors
    /// [`Reason::WrongType`] if it is not integral, else [`Reason::OutOfRange`] if it is too large.
    #[inline]
    pub(crate) fn to_i64(self) -> Result<i64, Reason> {
        if self.exact && self.exponent == 0 && self.mantissa <= i64::MAX as u64 {
            let magnitude = self.mantissa as i64;
            return Ok(if self.negative { -magnitude } else { magnitude });
        }
        let Scaled { whole, rest } = self.scaled(0);
        if rest != Rest::Zero {
            return Err(Reason::WrongType);
        }
        let whole = self.signed(whole.ok_or(Reason::OutOfRange)?).ok_or(Reason::OutOfRange)?;
        i64::try_from(whole).map_err(|_| Reason::OutOfRange)
    }

    /// The nearest DOUBLE, never negative zero; `None` if that is infinite.
    #[inline]
    pub(crate) fn to_f64(self) -> Option<f64> {
        // Both factors are exact, so the one rounding of the product or quotient is the right one
        // (Clinger 1990).
        if self.exact && self.mantissa < 1 << 53 && (-22..=22).contains(&self.exponent) {
            let magnitude = self.mantissa as f64;
            let power = EXACT_POWERS[self.exponent.unsigned_abs() as usize];
            let magnitude = if self.exponent < 0 { magnitude / power } else { magnitude * power };
            return Some(if self.negative && magnitude != 0.0 { -magnitude } else { magnitude });
        }
        self.to_f64_slowly()
    }

    #[cold]
    fn to_f64_slowly(self) -> Option<f64> {
        let text = str::from_utf8(self.text).expect("a number is ASCII");
        let value: f64 = text.parse().expect("Rust reads every JSON number");
        // Adding zero turns negative zero into zero and changes nothing else.
        value.is_finite().then_some(value + 0.0)
    }

    /// The number times `10^scale` as an integer, rounded half away from zero; `None` if that has
    /// more than `precision` digits, of which there are at most 38.
    #[inline]
    pub(crate) fn to_decimal(self, precision: u8, scale: u8) -> Option<i128> {
        let Scaled { whole, rest } = self.scaled(i64::from(scale));
        let unscaled = whole? + u128::from(rest == Rest::HalfOrMore);
        if unscaled >= POWERS[usize::from(precision)] {
            return None;
        }
        self.signed(unscaled)
    }

    /// The number times `10^shift`, rounded towards negative infinity; `None` outside `i64`.
    #[inline]
    pub(crate) fn floor(self, shift: i64) -> Option<i64> {
        let Scaled { whole, rest } = self.scaled(shift);
        let away = u128::from(self.negative && rest != Rest::Zero);
        i64::try_from(self.signed(whole? + away)?).ok()
    }

    fn signed(self, magnitude: u128) -> Option<i128> {
        let magnitude = i128::try_from(magnitude).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    #[inline]
    fn scaled(self, shift: i64) -> Scaled {
        let exponent = self.exponent + shift;
        if !self.exact || exponent.unsigned_abs() > EXACT_DIGITS as u64 {
            return self.scaled_slowly(shift);
        }
        let power = POWERS[exponent.unsigned_abs() as usize];
        if exponent >= 0 {
            let whole = u128::from(self.mantissa) * power;
            return Scaled { whole: (whole < POWERS[38]).then_some(whole), rest: Rest::Zero };
        }
        // Ten to the 19th still fits 64 bits, whose division is much the cheaper one.
        let power = power as u64;
        let rest = match self.mantissa % power {
            0 => Rest::Zero,
            rest if rest < power / 2 => Rest::BelowHalf,
            _ => Rest::HalfOrMore,
        };
        Scaled { whole: Some(u128::from(self.mantissa / power)), rest }
    }

    /// Any number, from its text: the digits before the scaled decimal point make `whole`, and the
    /// first one behind it says on which side of one half the rest is.
    #[cold]
    fn scaled_slowly(self, shift: i64) -> Scaled {
        let end = self.text.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let digits = &self.text[..end.unwrap_or(self.text.len())];
        let digits = digits.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0');
        let count = digits.clone().count() as i64;
        // How many of the digits stand before the point; negative or more than there are, too.
        let before_point = count + self.exponent + shift;
        let mut whole = Some(0_u128);
        let mut rest = Rest::Zero;
        for (at, digit) in (0..).zip(digits) {
            if at < before_point {
                whole = whole.and_then(|whole| times_ten_plus(whole, digit));
            } else if at == before_point && digit >= 5 {
                rest = Rest::HalfOrMore;
            } else if digit > 0 && rest == Rest::Zero {
                rest = Rest::BelowHalf;
            }
        }
        for _ in count..before_point {
            match whole {
                Some(1..) => whole = whole.and_then(|whole| times_ten_plus(whole, 0)),
                // Zero stays zero and too large stays too large, however many zeros follow.
                _ => break,
            }
        }
        Scaled { whole, rest }
    }
}

/// The end of the number that starts at `start`, as far as it goes.
///
/// # Errors
/// Those of [`Number::scan`].
#[inline]
pub(super) fn skip(bytes: &[u8], start: usize) -> Result<usize, usize> {
    match Form::of(bytes, start) {
        Some(form) => Ok(form.end),
        None => Number::scan_any(bytes, start).map(|number| start + number.length()),
    }
}

/// A short number without an exponent: where its digits are.
struct Form {
    /// The bytes from the first digit on.
    bytes: [u8; lanes::DIGITS],
    negative: bool,
    /// How many digits stand before the point.
    whole: usize,
    /// And behind it.
    fraction: usize,
    end: usize,
}

impl Form {
    /// The form of the number that starts at `start`, if it is of the common one: at most 15 bytes
    /// of digits and point, no exponent, nothing wrong, and not at the very end of the payload.
    #[inline(always)]
    fn of(bytes: &[u8], start: usize) -> Option<Form> {
        let negative = bytes.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let chunk: &[u8; lanes::DIGITS] = bytes.get(first..)?.first_chunk()?;
        let digits = lanes::digits(chunk);
        let whole = digits.trailing_ones() as usize;
        let has_point = chunk.get(whole)? == &b'.';
        let fraction = if has_point { (digits >> (whole + 1)).trailing_ones() as usize } else { 0 };
        let length = whole + usize::from(has_point) + fraction;
        // A byte behind it shows that it ends here.
        let has_exponent = matches!(chunk.get(length)?, b'e' | b'E');
        let leading_zero = chunk[0] == b'0' && whole > 1;
        let is_wrong = whole == 0 || leading_zero || (has_point && fraction == 0);
        (!is_wrong && !has_exponent).then(|| Form {
            bytes: *chunk,
            negative,
            whole,
            fraction,
            end: first + length,
        })
    }

    /// All digits as one number; there are at most eight.
    #[inline(always)]
    fn mantissa(&self) -> u64 {
        let chunk = u128::from_le_bytes(self.bytes);
        // The point is taken out, and the digits are moved up until the last one is the highest
        // byte, so that zeros come before the first.
        let whole = (1u128 << (8 * self.whole)) - 1;
        let digits = (chunk & whole) | ((chunk >> 8) & !whole);
        let digits = (digits as u64) << (64 - 8 * (self.whole + self.fraction));
        // Neighbours become one number: digits pairs, pairs fours, fours the whole.
        let digits = digits & 0x0f0f_0f0f_0f0f_0f0f;
        let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
        (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
    }
}

/// `None` if the result has more than 38 digits.
fn times_ten_plus(whole: u128, digit: u8) -> Option<u128> {
    (whole < POWERS[37]).then(|| whole * 10 + u128::from(digit))
}

/// Appends the digits from `at` on to `mantissa`, which wraps; returns where they end.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mantissa: &mut u64) -> usize {
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')) {
        if digit > 9 {
            break;
        }
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    at
}

/// Reads what follows an `e`; returns the power, clamped, and where it ends.
#[cold]
fn scan_power(bytes: &[u8], mut at: usize) -> Result<(i64, usize), usize> {
    let negative = bytes.get(at) == Some(&b'-');
    if matches!(bytes.get(at), Some(b'+' | b'-')) {
        at += 1;
    }
    let start = at;
    let mut power = 0;
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        power = (power * 10 + i64::from(digit - b'0')).min(EXPONENT_LIMIT);
        at += 1;
    }
    if at == start {
        return Err(at);
    }
    Ok((if negative { -power } else { power }, at))
}

#[cfg(test)]
mod tests;
