//! The SQL types as Rust types, for aggregates that keep single values: what a column's slice of
//! them is, how they compare, and how one is kept and written.

use super::CorruptState;
use super::bytes::{
    corrupt, push_double, push_integer, push_text, push_zigzag, take_byte, take_double,
    take_integer, take_text, take_zigzag,
};
use crate::column::{Column, Data};
use crate::types::Type;
use std::cmp::Ordering;

/// A Rust type that keeps one value of a SQL type.
pub(super) trait Scalar: Default + Send + Sync + 'static {
    /// The value as a column holds it.
    type Ref<'a>: Copy + Default;

    /// The values of a column of this type; `None` if it is of another.
    fn slice<'c, 'a>(data: &'c Data<'a>) -> Option<&'c [Self::Ref<'a>]>;

    /// A column's data of type `ty`, which is one that this Rust type keeps.
    fn data<'a>(values: Vec<Self::Ref<'a>>, ty: Type) -> Data<'a>
    where
        Self: 'a;

    /// SQL order. The types hold no NaN and no negative zero, so it is total.
    fn order(a: Self::Ref<'_>, b: Self::Ref<'_>) -> Ordering;

    /// The value kept.
    fn get(&self) -> Self::Ref<'_>;

    /// Keeps `value` instead.
    fn set(&mut self, value: Self::Ref<'_>);

    /// Appends the value's only byte form.
    fn encode(value: Self::Ref<'_>, out: &mut Vec<u8>);

    /// Reads what [`Scalar::encode`] wrote.
    fn decode<'a>(input: &mut &'a [u8]) -> Result<Self::Ref<'a>, CorruptState>;

    /// Bytes kept outside the value itself.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// The values of an argument.
///
/// # Panics
/// If the column is of another type: the binder lets no such view through.
pub(super) fn argument<'c, 'a, T: Scalar>(column: &'c Column<'a>) -> &'c [T::Ref<'a>] {
    T::slice(&column.data).expect("an aggregate's argument has the type it was made for")
}

macro_rules! copy_scalar {
    ($rust:ty, $($variant:ident)|+, $make:expr, $order:expr, $encode:expr, $decode:expr) => {
        impl Scalar for $rust {
            type Ref<'a> = $rust;

            fn slice<'c>(data: &'c Data<'_>) -> Option<&'c [$rust]> {
                match data {
                    $(Data::$variant(values))|+ => Some(values),
                    _ => None,
                }
            }

            fn data<'a>(values: Vec<$rust>, ty: Type) -> Data<'a>
            where
                Self: 'a,
            {
                $make(values, ty)
            }

            #[inline]
            fn order(a: $rust, b: $rust) -> Ordering {
                $order(&a, &b)
            }

            #[inline]
            fn get(&self) -> $rust {
                *self
            }

            #[inline]
            fn set(&mut self, value: $rust) {
                *self = value;
            }

            fn encode(value: $rust, out: &mut Vec<u8>) {
                $encode(out, value)
            }

            fn decode(input: &mut &[u8]) -> Result<$rust, CorruptState> {
                $decode(input)
            }
        }
    };
}

copy_scalar!(bool, Boolean, |v, _| Data::Boolean(v), bool::cmp, push_bool, take_bool);
copy_scalar!(i64, BigInt | Timestamp, integers, i64::cmp, push_zigzag, take_zigzag);
copy_scalar!(f64, Double, |v, _| Data::Double(v), f64::total_cmp, push_double, take_double);
copy_scalar!(i128, Decimal, |v, _| Data::Decimal(v), i128::cmp, push_decimal, take_decimal);

impl Scalar for String {
    type Ref<'a> = &'a str;

    fn slice<'c, 'a>(data: &'c Data<'a>) -> Option<&'c [&'a str]> {
        match data {
            Data::Varchar(values) => Some(values),
            _ => None,
        }
    }

    fn data<'a>(values: Vec<&'a str>, _: Type) -> Data<'a>
    where
        Self: 'a,
    {
        Data::Varchar(values)
    }

    #[inline]
    fn order(a: &str, b: &str) -> Ordering {
        a.cmp(b)
    }

    #[inline]
    fn get(&self) -> &str {
        self
    }

    #[inline]
    fn set(&mut self, value: &str) {
        self.clear();
        self.push_str(value);
    }

    fn encode(value: &str, out: &mut Vec<u8>) {
        push_text(out, value);
    }

    fn decode<'a>(input: &mut &'a [u8]) -> Result<&'a str, CorruptState> {
        take_text(input)
    }

    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

fn integers(values: Vec<i64>, ty: Type) -> Data<'static> {
    match ty {
        Type::Timestamp { .. } => Data::Timestamp(values),
        _ => Data::BigInt(values),
    }
}

fn push_bool(out: &mut Vec<u8>, value: bool) {
    out.push(value.into());
}

fn take_bool(input: &mut &[u8]) -> Result<bool, CorruptState> {
    match take_byte(input)? {
        0 => Ok(false),
        1 => Ok(true),
        byte => Err(corrupt(format!("{byte} is no BOOLEAN"))),
    }
}

fn push_decimal(out: &mut Vec<u8>, value: i128) {
    push_integer(out, &value.to_le_bytes());
}

fn take_decimal(input: &mut &[u8]) -> Result<i128, CorruptState> {
    let length = take_byte(input)?.into();
    decimal(i128::from_le_bytes(take_integer(input, length)?))
}

/// Checks that a value has at most the 38 digits of a DECIMAL.
pub(super) fn decimal(value: i128) -> Result<i128, CorruptState> {
    if value.unsigned_abs() > MAX_DECIMAL as u128 {
        return Err(corrupt(format!("{value} has more than the 38 digits of a DECIMAL")));
    }
    Ok(value)
}

/// The greatest unscaled value of a DECIMAL: 38 nines.
pub(super) const MAX_DECIMAL: i128 = 10i128.pow(38) - 1;

/// Reads a 0 (no value) or a 1 and a value.
pub(super) fn take_optional<'a, T: Scalar>(
    input: &mut &'a [u8],
) -> Result<Option<T::Ref<'a>>, CorruptState> {
    match take_byte(input)? {
        0 => Ok(None),
        1 => T::decode(input).map(Some),
        byte => Err(corrupt(format!("a state starts with {byte}: expected 0 or 1"))),
    }
}
