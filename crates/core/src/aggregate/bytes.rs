//! How states are written as bytes: varints, integers of any width, doubles and text.
//!
//! Every value has exactly one byte form, and readers accept only that one: two states are equal
//! exactly if their bytes are. Readers never look past the end of their input and never allocate
//! more than the input holds.

use super::CorruptState;

/// The error of a state that ends too early or holds what no writer writes.
pub(super) fn corrupt(what: impl Into<String>) -> CorruptState {
    CorruptState(what.into())
}

/// Appends `value` in groups of seven bits, least first.
#[inline]
pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads what [`push_varint`] wrote.
#[inline]
pub(super) fn take_varint(input: &mut &[u8]) -> Result<u64, CorruptState> {
    match **input {
        [byte @ ..0x80, ..] => {
            *input = &input[1..];
            Ok(byte.into())
        }
        _ => take_long_varint(input),
    }
}

fn take_long_varint(input: &mut &[u8]) -> Result<u64, CorruptState> {
    let mut value = 0;
    for (i, &byte) in input.iter().take(10).enumerate() {
        if (i == 9 && byte > 1) || (i > 0 && byte == 0) {
            return Err(corrupt("a varint is too long"));
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *input = &input[i + 1..];
            return Ok(value);
        }
    }
    Err(corrupt("a varint does not end"))
}

/// Appends a signed integer so that small magnitudes are short.
pub(super) fn push_zigzag(out: &mut Vec<u8>, value: i64) {
    push_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Reads what [`push_zigzag`] wrote.
pub(super) fn take_zigzag(input: &mut &[u8]) -> Result<i64, CorruptState> {
    let value = take_varint(input)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Appends a little-endian two's complement integer: a length, then as few bytes as keep its value.
/// The length is never 0, which callers may use for "no value".
pub(super) fn push_integer(out: &mut Vec<u8>, bytes: &[u8]) {
    let sign = sign_byte(bytes);
    let mut length = bytes.len();
    while length > 1 && bytes[length - 1] == sign && sign_byte(&bytes[..length - 1]) == sign {
        length -= 1;
    }
    out.push(length as u8);
    out.extend_from_slice(&bytes[..length]);
}

/// Reads the bytes of an integer whose length is known, sign-extended to `N` bytes.
pub(super) fn take_integer<const N: usize>(
    input: &mut &[u8],
    length: usize,
) -> Result<[u8; N], CorruptState> {
    if length == 0 || length > N {
        return Err(corrupt(format!("an integer has {length} bytes: expected 1 to {N}")));
    }
    let bytes = take_slice(input, length)?;
    let sign = sign_byte(bytes);
    if length > 1 && bytes[length - 1] == sign && sign_byte(&bytes[..length - 1]) == sign {
        return Err(corrupt("an integer has more bytes than it needs"));
    }
    let mut value = [sign; N];
    value[..length].copy_from_slice(bytes);
    Ok(value)
}

fn sign_byte(bytes: &[u8]) -> u8 {
    if bytes[bytes.len() - 1] >= 0x80 { 0xff } else { 0 }
}

/// Appends the 8 bytes of a double, least first.
pub(super) fn push_double(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Reads what [`push_double`] wrote. No state holds NaN, an infinity or negative zero.
pub(super) fn take_double(input: &mut &[u8]) -> Result<f64, CorruptState> {
    let value = f64::from_le_bytes(take_array(input)?);
    if !value.is_finite() || value.to_bits() == (-0.0f64).to_bits() {
        return Err(corrupt(format!("{value:?} is no DOUBLE")));
    }
    Ok(value)
}

/// Appends a text with its length.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    push_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads what [`push_text`] wrote.
pub(super) fn take_text<'a>(input: &mut &'a [u8]) -> Result<&'a str, CorruptState> {
    let length = usize::try_from(take_varint(input)?).unwrap_or(usize::MAX);
    std::str::from_utf8(take_slice(input, length)?).map_err(|_| corrupt("a text is not UTF-8"))
}

/// Reads one byte.
#[inline]
pub(super) fn take_byte(input: &mut &[u8]) -> Result<u8, CorruptState> {
    Ok(take_array::<1>(input)?[0])
}

/// Reads `N` bytes.
#[inline]
pub(super) fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], CorruptState> {
    let (bytes, rest) = input.split_first_chunk().ok_or_else(|| corrupt("it ends too early"))?;
    *input = rest;
    Ok(*bytes)
}

/// Reads `length` bytes.
#[inline]
pub(super) fn take_slice<'a>(
    input: &mut &'a [u8],
    length: usize,
) -> Result<&'a [u8], CorruptState> {
    let (bytes, rest) =
        input.split_at_checked(length).ok_or_else(|| corrupt("it ends too early"))?;
    *input = rest;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn longer_forms_of_a_varint_are_refused() {
        for bytes in [&[0x80, 0][..], &[0xff, 0x80, 0], &[0xff; 10], &[0x80; 11], &[0x80]] {
            assert!(take_varint(&mut &*bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_varint_has_at_most_64_bits() {
        let with_last = |last| [&[0xff; 9][..], &[last]].concat();
        assert_eq!(take_varint(&mut with_last(1).as_slice()), Ok(u64::MAX));
        for last in [2, 3, 0x7f] {
            assert!(take_varint(&mut with_last(last).as_slice()).is_err(), "{last}");
        }
    }

    #[test]
    fn an_integer_has_at_least_one_byte_and_no_more_than_its_type() {
        for length in [0, 5, 6, 255] {
            assert!(take_integer::<4>(&mut &[1; 255][..], length).is_err(), "{length}");
        }
    }

    #[test]
    fn longer_forms_of_an_integer_are_refused() {
        for bytes in [&[5, 0][..], &[0xff, 0xff], &[0x80, 0xff], &[0x80, 0xff, 0xff]] {
            assert!(take_integer::<8>(&mut &*bytes, bytes.len()).is_err(), "{bytes:02x?}");
        }
        assert_eq!(take_integer::<4>(&mut &[0x7f, 0xff][..], 2), Ok((-129i32).to_le_bytes()));
        assert_eq!(take_integer::<4>(&mut &[0x80, 0][..], 2), Ok(128i32.to_le_bytes()));
    }

    proptest! {
        #[test]
        fn numbers_read_back(shift in 0..127u32, wide: i128, double: f64) {
            let (narrow, wide) = ((wide >> shift) as i64, wide >> shift);
            let mut out = Vec::new();
            push_varint(&mut out, narrow as u64);
            push_zigzag(&mut out, narrow);
            push_integer(&mut out, &wide.to_le_bytes());
            push_double(&mut out, double);
            let mut input = out.as_slice();
            prop_assert_eq!(take_varint(&mut input), Ok(narrow as u64));
            prop_assert_eq!(take_zigzag(&mut input), Ok(narrow));
            let length = take_byte(&mut input).unwrap().into();
            prop_assert_eq!(take_integer(&mut input, length), Ok(wide.to_le_bytes()));
            let is_double = double.is_finite() && (double != 0.0 || double.is_sign_positive());
            prop_assert_eq!(take_double(&mut input).ok(), Some(double).filter(|_| is_double));
        }
    }
}
