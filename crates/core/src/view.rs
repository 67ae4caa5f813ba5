//! A compiled view: what the SQL says, bound to the schema and ready to run.
//!
//! The SQL compiler ([`crate::sql`]) makes it; the fold, the stores and the query read it.

use crate::aggregate::Function as AggregateFunction;
use crate::schema::ColumnId;
use crate::types::{Type, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// 128 bits of SHA-256 over a view's canonical plan. State of different fingerprints never merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not a fingerprint: expected 32 hexadecimal digits");
        // The numbers' own reader would take signs as well.
        if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(error());
        }
        let mut bytes = [0; 16];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| error())?;
        }
        Ok(Fingerprint(bytes))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A view, bound and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Its name, as written.
    pub name: String,
    /// Hash of the canonical plan, which includes the schema's acceptance rules.
    pub fingerprint: Fingerprint,
    /// The canonical plan: the text that is hashed and that `explain` prints.
    pub plan: String,
    /// WHERE; an event counts where it is true (not false, not NULL).
    pub filter: Option<Expr>,
    /// The GROUP BY expressions other than the time bucket, in SELECT order.
    pub keys: Vec<Key>,
    /// The time bucket, or none for an all-time view.
    pub bucket: Option<Bucket>,
    /// Distinct aggregates; measures that need the same state share it.
    pub aggregates: Vec<Aggregate>,
    /// What the aggregates present, deduplicated; measures are expressions over these.
    pub outputs: Vec<Output>,
    /// The SELECT items that are not keys, in SELECT order.
    pub measures: Vec<Measure>,
}

/// A key column.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its column name in answers.
    pub name: String,
    /// Its value per event.
    pub expr: Expr,
}

/// The time bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its column name in answers.
    pub name: String,
    /// Its width.
    pub width: Width,
}

/// The width of time buckets. Buckets of every width tile time from the Unix epoch on, in UTC
/// (weeks start on Monday).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Width {
    /// A whole number of microseconds; bucket starts are its multiples since the Unix epoch.
    Fixed {
        /// Microseconds, above zero.
        micros: i64,
    },
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months from January, April, July, October.
    Quarter,
    /// A calendar year.
    Year,
}

impl Width {
    /// The type of the starts of such buckets: a TIMESTAMP with as many digits as they need.
    pub fn timestamp(self) -> Type {
        let precision = match self {
            Width::Fixed { micros } if micros % 1_000 != 0 => 6,
            Width::Fixed { micros } if micros % 1_000_000 != 0 => 3,
            _ => 0,
        };
        Type::Timestamp { precision }
    }
}

/// One aggregate state of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Which.
    pub function: AggregateFunction,
    /// Its arguments per event (none for `count(*)`).
    pub args: Vec<Expr>,
    /// FILTER (WHERE …); the event counts where it is true.
    pub filter: Option<Expr>,
}

/// One value that an aggregate state presents.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Index into [`View::aggregates`].
    pub aggregate: usize,
    /// What to read from the state.
    pub present: Present,
    /// Its type.
    pub ty: Type,
}

/// What to read from a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Present {
    /// The only value there is: a count, a sum, an average, a minimum…
    Value,
    /// The quantile `0.0 ..= 1.0` of an `approx_percentile` state.
    Percentile(f64),
    /// The standard deviation or variance of a moments state.
    Moment(Moment),
    /// The `n` most frequent items.
    MostFrequent(u32),
}

/// What a moments state (count, sum, sum of squares) can present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// `var_samp`, `variance`
    VarianceSample,
    /// `var_pop`
    VariancePopulation,
    /// `stddev_samp`, `stddev`
    StddevSample,
    /// `stddev_pop`
    StddevPopulation,
}

/// A measure: a named expression over the outputs, where `Column(i)` is `View::outputs[i]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Its column name in answers.
    pub name: String,
    /// Mostly just one output; `sum(a) / count(*)` is allowed.
    pub expr: Expr,
}

/// A bound, typed scalar expression. Total: what would be an error for one event (division by
/// zero, overflow, a bad CAST) is NULL, as under Trino's `TRY`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it does.
    pub kind: ExprKind,
    /// The type of its value.
    pub ty: Type,
}

/// The kinds of expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A leaf column of the schema (in views) or an output (in measures).
    Column(ColumnId),
    /// A constant of the expression's type.
    Literal(Value),
    /// A scalar function or operator over its arguments.
    Call(Scalar, Vec<Expr>),
    /// `CASE WHEN c1 THEN r1 … ELSE e END`, in searched form: conditions are BOOLEAN, results have
    /// the expression's type.
    Case {
        /// Pairs of condition and result, tried in order.
        branches: Vec<(Expr, Expr)>,
        /// ELSE; NULL when absent.
        otherwise: Option<Box<Expr>>,
    },
}

impl Expr {
    /// Sets `used[i]` for every `Column(i)` in the expression.
    pub fn mark_columns(&self, used: &mut [bool]) {
        match &self.kind {
            ExprKind::Column(id) => used[*id] = true,
            ExprKind::Literal(_) => {}
            ExprKind::Call(_, args) => args.iter().for_each(|arg| arg.mark_columns(used)),
            ExprKind::Case { branches, otherwise } => {
                for (condition, result) in branches {
                    condition.mark_columns(used);
                    result.mark_columns(used);
                }
                if let Some(otherwise) = otherwise {
                    otherwise.mark_columns(used);
                }
            }
        }
    }
}

/// Scalar functions and operators. The binder inserts casts, so that the arguments of comparison
/// and arithmetic have one type (DECIMAL operands of `+`, `-`, `%` and comparison have one scale).
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "named as in SQL; the guide's reference describes each")]
pub enum Scalar {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `IS DISTINCT FROM`: never NULL.
    IsDistinctFrom,
    And,
    Or,
    Not,
    IsNull,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Negate,
    /// `x IN (literals…)`: args\[0\] is x, the others are literals of its type. NULL semantics of SQL.
    In,
    /// `x LIKE pattern ESCAPE c`; args\[0\] is x, the pattern is a literal.
    Like {
        pattern: String,
        escape: Option<char>,
    },
    /// To the expression's type.
    Cast,
    Coalesce,
    NullIf,
    Abs,
    Ceil,
    Floor,
    Round,
    Sign,
    Sqrt,
    Ln,
    Log10,
    Exp,
    Power,
    Greatest,
    Least,
    Lower,
    Upper,
    Trim,
    Ltrim,
    Rtrim,
    /// `substr(s, start [, length])`, 1-based, negative from the end, in code points.
    Substr,
    Concat,
    /// `split_part(s, delimiter, index)`, 1-based; NULL past the end.
    SplitPart,
    Length,
    Replace,
    StartsWith,
    /// `strpos(s, sub)`: 1-based code point position, 0 if absent.
    Strpos,
    /// `date_trunc(unit, ts)` / `date_bin(interval, ts)`.
    Truncate(Width),
    Year,
    Quarter,
    Month,
    Day,
    /// ISO: 1 Monday … 7 Sunday.
    DayOfWeek,
    DayOfYear,
    Week,
    Hour,
    Minute,
    Second,
    Millisecond,
    /// `to_unixtime(ts)`: DOUBLE seconds.
    ToUnixtime,
    /// `from_unixtime(double)`: TIMESTAMP(3).
    FromUnixtime,
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    /// Found while fuzzing was being written: digits were read two by two as numbers, and `+f` is a
    /// number. A folder of that name would have been taken for the view's.
    #[test]
    fn a_fingerprint_is_hexadecimal_digits_and_nothing_else() {
        let text = "00ff10ab".repeat(4);
        assert_eq!(text.parse::<Fingerprint>().map(|read| read.to_string()), Ok(text.clone()));
        for wrong in [text.replace("00", "+0"), text.replace("ff", "-f"), "é".repeat(16)] {
            assert!(wrong.len() == 32 && wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
