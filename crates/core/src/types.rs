//! The types of SQL values and one owned value.
//!
//! Batches of values travel as [`crate::column::Column`]; a [`Value`] is for single ones: literals,
//! query parameters, keys in messages. Neither knows NaN, infinity or negative zero: the decoder
//! rejects or normalises them and arithmetic yields NULL, so that equality, order and every state
//! are the same in whatever order events arrive.

use std::fmt;

/// A SQL type. Names are Trino's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// `BOOLEAN`
    Boolean,
    /// `BIGINT`: 64 bits, signed.
    BigInt,
    /// `DOUBLE`: finite, never negative zero.
    Double,
    /// `DECIMAL(precision, scale)`: an exact `i128` of `10^-scale`; `scale <= precision <= 38`.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `VARCHAR`: UTF-8 text.
    Varchar,
    /// `TIMESTAMP(precision)`: microseconds since 1970-01-01 00:00 UTC; precision 0, 3 or 6 says
    /// how many digits of the second are kept (finer input is cut) and shown.
    Timestamp {
        /// Digits of the second: 0, 3 or 6.
        precision: u8,
    },
    /// `ROW(value VARCHAR, count BIGINT, error BIGINT)[]`: what `approx_most_frequent` presents.
    /// Only an output type: no column and no key has it.
    FrequentItems,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Boolean => f.write_str("BOOLEAN"),
            Type::BigInt => f.write_str("BIGINT"),
            Type::Double => f.write_str("DOUBLE"),
            Type::Decimal { precision, scale } => write!(f, "DECIMAL({precision},{scale})"),
            Type::Varchar => f.write_str("VARCHAR"),
            Type::Timestamp { precision } => write!(f, "TIMESTAMP({precision})"),
            Type::FrequentItems => f.write_str("FREQUENT_ITEMS"),
        }
    }
}

/// One frequent item: the value's text, its estimated count, and by how much the count may be
/// too high.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FrequentItem {
    /// The item, as text.
    pub value: String,
    /// Upper bound of its count.
    pub count: u64,
    /// `count - error` is the lower bound.
    pub error: u64,
}

/// One owned value. Its [`Type`] is known from where it stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL, of any type.
    Null,
    /// BOOLEAN
    Boolean(bool),
    /// BIGINT
    BigInt(i64),
    /// DOUBLE
    Double(f64),
    /// DECIMAL: the unscaled value.
    Decimal(i128),
    /// VARCHAR
    Varchar(String),
    /// TIMESTAMP: microseconds since the Unix epoch.
    Timestamp(i64),
    /// The list that `approx_most_frequent` presents, most frequent first.
    FrequentItems(Vec<FrequentItem>),
}
