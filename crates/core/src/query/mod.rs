//! Queries over a view: which rows, put together how, and the answer with its receipt.

mod answer;
mod ask;
mod bucket;
mod parse;
pub(crate) mod plan;
pub(crate) mod render;

pub use answer::{Answer, answer};
pub use ask::{Error, ask};
pub use bucket::{Every, UnknownTimeZone};
pub use parse::{PARAMETERS, ParameterError};
pub use render::time_of_millis;

use crate::types::Value;

/// What to ask of a view. [`Query::parse`] makes one from text parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Key columns with the values wanted; several values of one column are alternatives.
    pub filters: Vec<(usize, Vec<Value>)>,
    /// The first bucket wanted, in microseconds since the Unix epoch.
    pub from: Option<i64>,
    /// The bucket before which to stop.
    pub to: Option<i64>,
    /// The width of the answer's buckets; `None` keeps the view's.
    pub every: Option<Every>,
    /// Key columns to keep, in this order; `None` keeps all.
    pub group_by: Option<Vec<usize>>,
    /// Measures to present, in this order; `None` presents all.
    pub measures: Option<Vec<usize>>,
    /// The column to order by, and whether it falls; `None` orders by keys and bucket.
    pub order_by: Option<(OrderBy, bool)>,
    /// How many rows at most; `None` is no limit.
    pub limit: Option<usize>,
    /// The time zone of calendar days, weeks, months, quarters and years; `None` is UTC.
    pub time_zone: Option<jiff::tz::TimeZone>,
}

/// A column to order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderBy {
    /// A key column that is grouped by, by its index in the view.
    Key(usize),
    /// The time bucket.
    Bucket,
    /// A measure, by its index in the view.
    Measure(usize),
}
