//! Row keys: the values of a view's key columns and the start of the bucket, as bytes whose order
//! is the order of the values. Tables hash them, stores sort by them, prefixes select by them.
//!
//! ```text
//! key    = column* bucket?
//! column = 00 (NULL) | 01 value
//! value  = BOOLEAN 1 byte | BIGINT, TIMESTAMP 8 bytes, sign flipped | DOUBLE 8 bytes, total order
//!        | DECIMAL 16 bytes, sign flipped | VARCHAR utf-8 with 00 as 00 ff, then 00 01
//! bucket = 8 bytes, sign flipped (microseconds since the Unix epoch)
//! ```
//!
//! The encoding is part of the stored format: it never changes under a released fingerprint.

use crate::column::{Column, Data};
use crate::types::{Type, Value};
use bumpalo::Bump;

/// A row key cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("corrupt row key: {0}")]
pub struct CorruptKey(&'static str);

/// Appends row `row` of `column` to `key`.
#[inline]
pub fn push(key: &mut Vec<u8>, column: &Column<'_>, row: usize) {
    if !column.is_valid(row) {
        key.push(0);
        return;
    }
    key.push(1);
    match &column.data {
        Data::Boolean(v) => key.push(v[row].into()),
        Data::BigInt(v) | Data::Timestamp(v) => push_i64(key, v[row]),
        Data::Double(v) => key.extend_from_slice(&order_bits(v[row]).to_be_bytes()),
        Data::Decimal(v) => key.extend_from_slice(&((v[row] as u128) ^ (1 << 127)).to_be_bytes()),
        Data::Varchar(v) => push_text(key, v[row]),
        Data::Binary(_) | Data::FrequentItems(_) => unreachable!("no key has this type"),
    }
}

/// Appends one value to `key`.
pub fn push_value(key: &mut Vec<u8>, value: &Value) {
    let data = match value {
        Value::Null => return key.push(0),
        Value::Boolean(v) => Data::Boolean(vec![*v]),
        Value::BigInt(v) => Data::BigInt(vec![*v]),
        Value::Double(v) => Data::Double(vec![*v]),
        Value::Decimal(v) => Data::Decimal(vec![*v]),
        Value::Varchar(v) => Data::Varchar(vec![v]),
        Value::Timestamp(v) => Data::Timestamp(vec![*v]),
        Value::FrequentItems(_) => unreachable!("no key has this type"),
    };
    push(key, &Column::new(data), 0);
}

/// Appends a bucket start, in microseconds since the Unix epoch.
#[inline]
pub fn push_bucket(key: &mut Vec<u8>, micros: i64) {
    push_i64(key, micros);
}

/// Reads one value of type `ty` from the front of `key`.
pub fn take(key: &mut &[u8], ty: Type) -> Result<Value, CorruptKey> {
    match take_bytes::<1>(key)?[0] {
        0 => return Ok(Value::Null),
        1 => {}
        _ => return Err(CorruptKey("a column starts with neither 0 nor 1")),
    }
    Ok(match ty {
        Type::Boolean => match take_bytes::<1>(key)?[0] {
            0 => Value::Boolean(false),
            1 => Value::Boolean(true),
            _ => return Err(CorruptKey("a boolean is neither 0 nor 1")),
        },
        Type::BigInt => Value::BigInt(take_i64(key)?),
        Type::Timestamp { .. } => Value::Timestamp(take_i64(key)?),
        Type::Double => Value::Double(from_order_bits(u64::from_be_bytes(take_bytes(key)?))),
        Type::Decimal { .. } => {
            Value::Decimal((u128::from_be_bytes(take_bytes(key)?) ^ (1 << 127)) as i128)
        }
        Type::Varchar => Value::Varchar(take_text(key)?),
        Type::FrequentItems => return Err(CorruptKey("frequent items are no key")),
    })
}

/// Reads whole keys into one column per type and, if they have them, the bucket starts. Texts
/// borrow from the keys, or from `arena` where a zero byte had to be unescaped.
pub fn columns<'a>(
    keys: impl Iterator<Item = &'a [u8]>,
    types: &[Type],
    bucketed: bool,
    arena: &'a Bump,
) -> Result<(Vec<Column<'a>>, Option<Vec<i64>>), CorruptKey> {
    let mut columns: Vec<Column<'a>> = types.iter().map(|&ty| Column::nulls(ty, 0)).collect();
    let mut buckets = bucketed.then(Vec::new);
    for mut key in keys {
        for (column, &ty) in columns.iter_mut().zip(types) {
            take_into(&mut key, ty, column, arena)?;
        }
        if let Some(buckets) = &mut buckets {
            buckets.push(take_bucket(&mut key)?);
        }
        if !key.is_empty() {
            return Err(CorruptKey("it is too long"));
        }
    }
    Ok((columns, buckets))
}

fn take_into<'a>(
    key: &mut &'a [u8],
    ty: Type,
    column: &mut Column<'a>,
    arena: &'a Bump,
) -> Result<(), CorruptKey> {
    let value = if ty == Type::Varchar && key.first() == Some(&1) {
        let text = key.get(1..).unwrap_or_default();
        // Mostly there is no zero byte within, and the text can be borrowed as it stands.
        match memchr::memchr(0, text) {
            Some(end) if text.get(end + 1) == Some(&1) => {
                let text_bytes = &text[..end];
                *key = &text[end + 2..];
                let text = std::str::from_utf8(text_bytes);
                push_text_value(column, text.map_err(|_| CorruptKey("a text is not UTF-8"))?);
                return Ok(());
            }
            _ => take(key, ty)?,
        }
    } else {
        take(key, ty)?
    };
    let valid = column.valid.get_or_insert_default();
    valid.push(value != Value::Null);
    match (&mut column.data, value) {
        (Data::Boolean(v), Value::Boolean(value)) => v.push(value),
        (Data::BigInt(v), Value::BigInt(value)) => v.push(value),
        (Data::Double(v), Value::Double(value)) => v.push(value),
        (Data::Decimal(v), Value::Decimal(value)) => v.push(value),
        (Data::Varchar(v), Value::Varchar(value)) => v.push(arena.alloc_str(&value)),
        (Data::Timestamp(v), Value::Timestamp(value)) => v.push(value),
        (Data::Boolean(v), _) => v.push(false),
        (Data::BigInt(v) | Data::Timestamp(v), _) => v.push(0),
        (Data::Double(v), _) => v.push(0.0),
        (Data::Decimal(v), _) => v.push(0),
        (Data::Varchar(v), _) => v.push(""),
        (Data::Binary(_) | Data::FrequentItems(_), _) => unreachable!("no key has this type"),
    }
    Ok(())
}

fn push_text_value<'a>(column: &mut Column<'a>, text: &'a str) {
    column.valid.get_or_insert_default().push(true);
    match &mut column.data {
        Data::Varchar(texts) => texts.push(text),
        _ => unreachable!("the column was made for texts"),
    }
}

/// Cuts one column's encoded value, its first byte included, from the front of `key`.
pub fn split<'a>(key: &mut &'a [u8], ty: Type) -> Result<&'a [u8], CorruptKey> {
    let length = match (key.first(), ty) {
        (Some(0), _) => 1,
        (_, Type::Boolean) => 2,
        (_, Type::BigInt | Type::Double | Type::Timestamp { .. }) => 9,
        (_, Type::Decimal { .. }) => 17,
        (_, Type::Varchar | Type::FrequentItems) => text_length(key)?,
    };
    let (value, rest) = key.split_at_checked(length).ok_or(CorruptKey("it ends too early"))?;
    *key = rest;
    Ok(value)
}

/// The length of an encoded text at the front of `key`, first byte and end mark included.
fn text_length(key: &[u8]) -> Result<usize, CorruptKey> {
    let mut at = 1;
    loop {
        let rest = key.get(at..).unwrap_or_default();
        at += memchr::memchr(0, rest).ok_or(CorruptKey("a text does not end"))? + 2;
        if key.get(at - 1) == Some(&1) {
            return Ok(at);
        }
    }
}

/// Reads a bucket start from the front of `key`, in microseconds since the Unix epoch.
pub fn take_bucket(key: &mut &[u8]) -> Result<i64, CorruptKey> {
    take_i64(key)
}

fn push_i64(key: &mut Vec<u8>, value: i64) {
    key.extend_from_slice(&((value as u64) ^ (1 << 63)).to_be_bytes());
}

fn take_i64(key: &mut &[u8]) -> Result<i64, CorruptKey> {
    Ok((u64::from_be_bytes(take_bytes(key)?) ^ (1 << 63)) as i64)
}

#[inline]
fn push_text(key: &mut Vec<u8>, text: &str) {
    if !has_zero(text.as_bytes()) {
        key.extend_from_slice(text.as_bytes());
    } else {
        for &byte in text.as_bytes() {
            key.push(byte);
            if byte == 0 {
                key.push(0xff);
            }
        }
    }
    key.extend_from_slice(&[0, 1]);
}

/// Whether there is a zero byte. Keys are short, and a word at a time needs no set-up.
#[inline]
fn has_zero(bytes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let zeros = |word: [u8; 8]| {
        let word = u64::from_le_bytes(word);
        word.wrapping_sub(ONES) & !word & (ONES << 7)
    };
    // The last word may overlap the one before.
    let Some(&last) = bytes.last_chunk() else { return bytes.contains(&0) };
    let mut found = zeros(last);
    let mut rest = bytes;
    while let Some((&word, after)) = rest.split_first_chunk() {
        found |= zeros(word);
        rest = after;
    }
    found != 0
}

fn take_text(key: &mut &[u8]) -> Result<String, CorruptKey> {
    let mut text = Vec::new();
    loop {
        let zero = memchr::memchr(0, key).ok_or(CorruptKey("a text does not end"))?;
        text.extend_from_slice(&key[..zero]);
        let mark = *key.get(zero + 1).ok_or(CorruptKey("a text does not end"))?;
        *key = &key[zero + 2..];
        match mark {
            0xff => text.push(0),
            1 => break,
            _ => return Err(CorruptKey("a text has a wrong mark after 0")),
        }
    }
    String::from_utf8(text).map_err(|_| CorruptKey("a text is not UTF-8"))
}

fn take_bytes<const N: usize>(key: &mut &[u8]) -> Result<[u8; N], CorruptKey> {
    let (bytes, rest) = key.split_first_chunk::<N>().ok_or(CorruptKey("it ends too early"))?;
    *key = rest;
    Ok(*bytes)
}

/// The bits of a double such that unsigned order is numeric order (IEEE 754 totalOrder).
fn order_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) }
}

fn from_order_bits(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits ^ (1 << 63) } else { !bits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL};
    use proptest::prelude::*;

    fn encoded(value: &Value) -> Vec<u8> {
        let mut key = Vec::new();
        push_value(&mut key, value);
        key
    }

    #[test]
    fn order_of_bytes_is_order_of_values() {
        let doubles = [f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 1.0, f64::MAX];
        let ordered: Vec<Vec<u8>> = doubles.iter().map(|&v| encoded(&Value::Double(v))).collect();
        assert!(ordered.is_sorted());
        let texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "aa", "b", "é"];
        let ordered: Vec<Vec<u8>> =
            texts.iter().map(|t| encoded(&Value::Varchar((*t).to_owned()))).collect();
        assert!(ordered.is_sorted());
        assert!(encoded(&Value::Null) < encoded(&Value::Varchar(String::new())));
    }

    /// Rows of (values of [`TYPES`], bucket): every type, NULLs, and texts with the bytes that
    /// mark the end of a text.
    fn rows() -> Vec<(Vec<Value>, i64)> {
        let text = |text: &str| Value::Varchar(text.to_owned());
        let full = |flag, number: i64, double, a, b| {
            let decimal = Value::Decimal(i128::from(number) << 60);
            let values = [Value::Boolean(flag), Value::BigInt(number), Value::Double(double)];
            let more = [decimal, text(a), Value::Timestamp(number), text(b)];
            (values.into_iter().chain(more).collect(), number)
        };
        vec![
            full(true, 7, 1.5, "site-1", "é"),
            full(false, -7, -1.5, "", ""),
            full(true, i64::MAX, f64::MAX, "\0", "a\0b\0\0c"),
            full(false, i64::MIN, f64::MIN, "\u{1}\0\u{1}", "\u{1}"),
            full(true, 0, 0.0, "a\0\u{1}b", "\0a\0"),
            (vec![Value::Null; TYPES.len()], 86_400_000_000),
        ]
    }

    const TYPES: [Type; 7] = [
        Type::Boolean,
        Type::BigInt,
        Type::Double,
        Type::Decimal { precision: 38, scale: 2 },
        Type::Varchar,
        Type::Timestamp { precision: 3 },
        Type::Varchar,
    ];

    fn key_of(values: &[Value], bucket: i64) -> Vec<u8> {
        let mut key: Vec<u8> = values.iter().flat_map(encoded).collect();
        push_bucket(&mut key, bucket);
        key
    }

    #[test]
    fn whole_keys_read_back_as_columns() {
        let rows = rows();
        let keys: Vec<Vec<u8>> = rows.iter().map(|(values, at)| key_of(values, *at)).collect();
        let arena = Bump::new();
        let keys = || keys.iter().map(Vec::as_slice);
        let (columns, buckets) = super::columns(keys(), &TYPES, true, &arena).unwrap();
        assert_eq!(buckets.unwrap(), rows.iter().map(|(_, bucket)| *bucket).collect::<Vec<_>>());
        for (row, (values, _)) in rows.iter().enumerate() {
            let read: Vec<Value> = columns.iter().map(|column| column.value(row)).collect();
            assert_eq!(read, *values);
        }
        // The slot of a NULL holds the default, as everywhere in columns.
        assert!(columns.iter().all(|column| column.len() == rows.len()));
        assert!(super::columns(keys(), &TYPES, false, &arena).is_err());
        assert!(super::columns(keys(), &TYPES[1..], true, &arena).is_err());
        let (columns, buckets) = super::columns(keys().take(0), &TYPES, false, &arena).unwrap();
        assert_eq!((columns.len(), buckets), (TYPES.len(), None));
    }

    #[test]
    fn a_key_is_cut_where_its_columns_end() {
        for (values, bucket) in rows() {
            let bytes = key_of(&values, bucket);
            let mut rest = bytes.as_slice();
            for (value, ty) in values.iter().zip(TYPES) {
                assert_eq!(split(&mut rest, ty).unwrap(), encoded(value), "{value:?}");
            }
            assert_eq!(take_bucket(&mut rest).unwrap(), bucket);
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_key_that_ends_too_early_is_corrupt() {
        let (values, bucket) = rows().swap_remove(0);
        let bytes = key_of(&values, bucket);
        for length in 0..bytes.len() {
            let cut = std::iter::once(&bytes[..length]);
            assert!(columns(cut, &TYPES, true, &Bump::new()).is_err(), "{length}");
            let mut rest = &bytes[..length];
            let columns = TYPES.iter().try_for_each(|&ty| split(&mut rest, ty).map(|_| ()));
            let whole = columns.and_then(|()| take_bucket(&mut rest));
            assert!(whole.is_err(), "{length}");
        }
    }

    #[test]
    fn bytes_that_are_no_value_are_corrupt() {
        let corrupt: [(&[u8], Type); 6] = [
            (&[2, 1], Type::Boolean),
            (&[1, 2], Type::Boolean),
            (&[2, 0, 1], Type::Varchar),
            (&[1, b'a', 0, 2], Type::Varchar),
            (&[1, 0xff, 0, 1], Type::Varchar),
            (&[1, 0xff, 0, 0xff, 0, 1], Type::Varchar),
        ];
        for (bytes, ty) in corrupt {
            assert!(take(&mut &*bytes, ty).is_err(), "{bytes:?}");
            let keys = std::iter::once(bytes);
            assert!(columns(keys, &[ty], false, &Bump::new()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn released_keys_are_read_for_ever() {
        let (values, bucket) = rows().swap_remove(0);
        let released = [
            &[1, 1][..],
            &[1, 0x80, 0, 0, 0, 0, 0, 0, 7],
            &[1, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0],
            &[1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x70, 0, 0, 0, 0, 0, 0, 0],
            b"\x01site-1\x00\x01",
            &[1, 0x80, 0, 0, 0, 0, 0, 0, 7],
            b"\x01\xc3\xa9\x00\x01",
            &[0x80, 0, 0, 0, 0, 0, 0, 7],
        ];
        assert_eq!(key_of(&values, bucket), released.concat());
        assert_eq!(encoded(&Value::Double(-1.5)), [1, 0x40, 7, 255, 255, 255, 255, 255, 255]);
        assert_eq!(encoded(&Value::Varchar("\0".to_owned())), [1, 0, 0xff, 0, 1]);
        assert_eq!(encoded(&Value::Null), [0]);
    }

    proptest! {
        #[test]
        fn doubles_read_back_and_sort(
            a in NORMAL | SUBNORMAL | POSITIVE | NEGATIVE,
            b in NORMAL | SUBNORMAL | POSITIVE | NEGATIVE,
        ) {
            let [x, y] = [encoded(&Value::Double(a)), encoded(&Value::Double(b))];
            prop_assert_eq!(x.cmp(&y), a.total_cmp(&b));
            prop_assert_eq!(take(&mut x.as_slice(), Type::Double).unwrap(), Value::Double(a));
        }

        #[test]
        fn every_key_reads_back_and_sorts(a: (i64, String, i128), b: (i64, String, i128)) {
            let of = |k: &(i64, String, i128)| {
                let mut key = Vec::new();
                push_value(&mut key, &Value::BigInt(k.0));
                push_value(&mut key, &Value::Varchar(k.1.clone()));
                push_value(&mut key, &Value::Decimal(k.2));
                push_bucket(&mut key, k.0);
                key
            };
            prop_assert_eq!(of(&a).cmp(&of(&b)), a.cmp(&b));
            let bytes = of(&a);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take(&mut rest, Type::BigInt).unwrap(), Value::BigInt(a.0));
            prop_assert_eq!(take(&mut rest, Type::Varchar).unwrap(), Value::Varchar(a.1));
            let ty = Type::Decimal { precision: 38, scale: 0 };
            prop_assert_eq!(take(&mut rest, ty).unwrap(), Value::Decimal(a.2));
            prop_assert_eq!(take_bucket(&mut rest).unwrap(), a.0);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            for ty in [Type::Boolean, Type::BigInt, Type::Double, Type::Varchar] {
                let _ = take(&mut bytes.as_slice(), ty);
            }
        }
    }
}
