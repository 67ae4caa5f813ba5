//! Query parameters as text: the same names and rules for HTTP and the command line.

use super::bucket::{Every, UnknownTimeZone};
use super::{OrderBy, Query};
use crate::expr::decimal;
use crate::schema::TimestampFormat;
use crate::timestamp;
use crate::types::{Type, Value};
use crate::view::View;
use jiff::tz::TimeZone;

/// A parameter that a view cannot be asked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter `{parameter}`: {message}")]
pub struct ParameterError {
    /// Which parameter.
    pub parameter: String,
    /// What is wrong with it and what is allowed.
    pub message: String,
}

impl ParameterError {
    pub(crate) fn new(parameter: &str, message: impl Into<String>) -> Self {
        ParameterError { parameter: parameter.to_owned(), message: message.into() }
    }
}

/// Every parameter's name, and what it takes.
pub const PARAMETERS: [(&str, &str); 10] = [
    (
        "where",
        "`column=value` on a key column, or `column is null`; may be repeated: several of one column are alternatives, of different columns all hold",
    ),
    ("from", "the first bucket: a time such as 2026-01-31 or 2026-01-31T12:00:00Z"),
    ("to", "the bucket before which to stop: a time"),
    (
        "every",
        "the width of buckets: a multiple of the view's, such as 15m, 1h, 1d, 1w, 1mo, 1q, 1y, or `all`",
    ),
    ("group_by", "the key columns to keep, separated by commas; empty keeps none"),
    ("measures", "the measures to present, separated by commas"),
    ("order_by", "a column of the answer; `-column` for falling order"),
    ("limit", "how many rows at most: a whole number"),
    (
        "tz",
        "the time zone of times without one and of calendar days and longer: an IANA name such as Europe/Paris",
    ),
    (
        "definition",
        "`serving`, or `current` for the new definition of a changed view even before it is complete",
    ),
];

/// Which definition of a view is asked, where one supersedes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Definition {
    /// The one that serves: the superseded one until the new one is complete.
    Serving,
    /// The project's own, complete or not.
    Current,
}

impl Definition {
    /// Reads the parameter `definition`.
    pub(super) fn parse(parameters: &[(&str, &str)]) -> Result<Self, ParameterError> {
        match parameters.iter().find(|(name, _)| *name == "definition") {
            None | Some((_, "serving")) => Ok(Definition::Serving),
            Some((_, "current")) => Ok(Definition::Current),
            Some((_, other)) => {
                let message = format!("`{other}`: expected `serving` or `current`");
                Err(ParameterError::new("definition", message))
            }
        }
    }
}

impl Query {
    /// Reads parameters for `view`; names as in [`PARAMETERS`]. Which definition is asked is the
    /// caller's choice before; see [`super::ask`].
    ///
    /// # Errors
    /// The first parameter that is wrong.
    pub fn parse<'p>(
        view: &View,
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Query, ParameterError> {
        let parameters: Vec<(&str, &str)> = parameters.into_iter().collect();
        check_names(&parameters)?;
        Definition::parse(&parameters)?;
        let all = |name: &'static str| {
            parameters.iter().filter(move |(n, _)| *n == name).map(|&(_, value)| value)
        };
        let one = |name: &'static str| all(name).next();
        let time_zone = one("tz").map(parse_time_zone).transpose()?;
        let mut query = Query { time_zone, ..Query::default() };
        for condition in all("where") {
            add_filter(view, &mut query, condition)?;
        }
        if view.bucket.is_none()
            && let Some((name, _)) =
                parameters.iter().find(|(n, _)| ["from", "to", "every"].contains(n))
        {
            let message = format!("view {} has no time bucket: it is over all time", view.name);
            return Err(ParameterError::new(name, message));
        }
        query.from = one("from").map(|text| parse_time("from", text, &query)).transpose()?;
        query.to = one("to").map(|text| parse_time("to", text, &query)).transpose()?;
        query.every = one("every").map(parse_every).transpose()?;
        query.group_by = one("group_by").map(|text| parse_group_by(view, text)).transpose()?;
        query.measures = one("measures").map(|text| parse_measures(view, text)).transpose()?;
        query.order_by =
            one("order_by").map(|text| parse_order_by(view, &query, text)).transpose()?;
        query.limit = one("limit").map(parse_limit).transpose()?;
        super::plan::Plan::new(view, &query)?;
        Ok(query)
    }
}

fn check_names(parameters: &[(&str, &str)]) -> Result<(), ParameterError> {
    for (index, (name, _)) in parameters.iter().enumerate() {
        if !PARAMETERS.iter().any(|(known, _)| known == name) {
            let known: Vec<&str> = PARAMETERS.iter().map(|(known, _)| *known).collect();
            let message = format!("there is no such parameter; there are {}", known.join(", "));
            return Err(ParameterError::new(name, message));
        }
        if *name != "where" && parameters[..index].iter().any(|(before, _)| before == name) {
            return Err(ParameterError::new(name, "it is given more than once"));
        }
    }
    Ok(())
}

fn parse_time_zone(name: &str) -> Result<TimeZone, ParameterError> {
    TimeZone::get(name)
        .map_err(|_| ParameterError::new("tz", UnknownTimeZone(name.to_owned()).to_string()))
}

fn add_filter(view: &View, query: &mut Query, condition: &str) -> Result<(), ParameterError> {
    let error = |message: String| ParameterError::new("where", message);
    let (name, text) = match condition.split_once('=') {
        Some((name, text)) => (name.trim(), Some(text)),
        None => match condition.to_ascii_lowercase().strip_suffix(" is null") {
            Some(name) => (condition[..name.len()].trim(), None),
            None => {
                let message = format!("`{condition}`: expected `column=value` or `column is null`");
                return Err(error(message));
            }
        },
    };
    let column = key_column(view, name).map_err(error)?;
    let value = match text {
        None => Value::Null,
        Some(text) => {
            let ty = view.keys[column].expr.ty;
            parse_value(text, ty)
                .ok_or_else(|| error(format!("`{text}` is no {ty}, the type of column {name}")))?
        }
    };
    match query.filters.iter_mut().find(|(c, _)| *c == column) {
        Some((_, values)) => values.push(value),
        None => query.filters.push((column, vec![value])),
    }
    Ok(())
}

fn key_column(view: &View, name: &str) -> Result<usize, String> {
    let found = view.keys.iter().position(|key| key.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let keys: Vec<&str> = view.keys.iter().map(|key| key.name.as_str()).collect();
        let allowed = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        format!("view {} has no key column `{name}`; its key columns: {allowed}", view.name)
    })
}

/// Reads a value of type `ty` as it is written in an answer.
fn parse_value(text: &str, ty: Type) -> Option<Value> {
    Some(match ty {
        Type::Boolean => Value::Boolean(text.parse().ok()?),
        Type::BigInt => Value::BigInt(text.parse().ok()?),
        Type::Double => {
            // Adding zero makes negative zero positive.
            Value::Double(text.parse::<f64>().ok().filter(|value| value.is_finite())? + 0.0)
        }
        Type::Decimal { precision, scale } => {
            Value::Decimal(decimal::parse(text, precision, scale)?)
        }
        Type::Varchar => Value::Varchar(text.to_owned()),
        Type::Timestamp { precision } => {
            Value::Timestamp(timestamp::parse(text, TimestampFormat::Iso8601, precision).ok()?)
        }
        Type::FrequentItems => return None,
    })
}

fn parse_time(parameter: &str, text: &str, query: &Query) -> Result<i64, ParameterError> {
    let local = query.time_zone.as_ref().and_then(|zone| {
        // A time that names its own zone is not read by the civil parser.
        let has_zone = text.ends_with(['Z', 'z'])
            || text.get(10..).is_some_and(|time| time.contains(['+', '-']));
        if has_zone {
            return None;
        }
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        Some(civil.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
    });
    local.or_else(|| timestamp::parse(text, TimestampFormat::Iso8601, 6).ok()).ok_or_else(|| {
        let message =
            format!("`{text}` is not a time; expected 2026-01-31 or 2026-01-31T12:00:00Z");
        ParameterError::new(parameter, message)
    })
}

fn parse_every(text: &str) -> Result<Every, ParameterError> {
    let error = || {
        let message = format!(
            "`{text}` is not a width of time; expected such as 30s, 15m, 1h, 1d, 1w, 1mo, 1q, 1y or all"
        );
        ParameterError::new("every", message)
    };
    if text == "all" {
        return Ok(Every::All);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let count: i64 = text[..digits].parse().ok().filter(|&n| n > 0).ok_or_else(error)?;
    let fixed = |unit_micros: i64| {
        let micros = count.checked_mul(unit_micros).ok_or_else(error)?;
        const DAY: i64 = 86_400_000_000;
        Ok(if micros % DAY == 0 { Every::Days(micros / DAY) } else { Every::Micros(micros) })
    };
    match (&text[digits..], count) {
        ("s", _) => fixed(1_000_000),
        ("m", _) => fixed(60_000_000),
        ("h", _) => fixed(3_600_000_000),
        ("d", _) => fixed(86_400_000_000),
        ("w", 1) => Ok(Every::Week),
        ("mo", 1) => Ok(Every::Month),
        ("q", 1) => Ok(Every::Quarter),
        ("y", 1) => Ok(Every::Year),
        _ => Err(error()),
    }
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

fn parse_group_by(view: &View, text: &str) -> Result<Vec<usize>, ParameterError> {
    let mut columns = Vec::new();
    for name in names(text) {
        let column =
            key_column(view, name).map_err(|message| ParameterError::new("group_by", message))?;
        if columns.contains(&column) {
            return Err(ParameterError::new("group_by", format!("`{name}` is there twice")));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn parse_measures(view: &View, text: &str) -> Result<Vec<usize>, ParameterError> {
    let all = || view.measures.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut measures = Vec::new();
    for name in names(text) {
        let found = view.measures.iter().position(|m| m.name.eq_ignore_ascii_case(name));
        let measure = found.ok_or_else(|| {
            let message =
                format!("view {} has no measure `{name}`; its measures: {}", view.name, all());
            ParameterError::new("measures", message)
        })?;
        if measures.contains(&measure) {
            return Err(ParameterError::new("measures", format!("`{name}` is there twice")));
        }
        measures.push(measure);
    }
    if measures.is_empty() {
        let message = format!("expected at least one of {}", all());
        return Err(ParameterError::new("measures", message));
    }
    Ok(measures)
}

fn parse_order_by(
    view: &View,
    query: &Query,
    text: &str,
) -> Result<(OrderBy, bool), ParameterError> {
    let (name, falling) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let is = |candidate: &str| candidate.eq_ignore_ascii_case(name);
    let grouped = |key: &usize| query.group_by.as_ref().is_none_or(|by| by.contains(key));
    let presented = |m: &usize| query.measures.as_ref().is_none_or(|by| by.contains(m));
    let bucket = view.bucket.as_ref().filter(|_| query.every != Some(Every::All));
    let keys = || (0..view.keys.len()).filter(grouped);
    let measures = || (0..view.measures.len()).filter(presented);
    if let Some(key) = keys().find(|&key| is(&view.keys[key].name)) {
        return Ok((OrderBy::Key(key), falling));
    }
    if bucket.is_some_and(|bucket| is(&bucket.name)) {
        return Ok((OrderBy::Bucket, falling));
    }
    if let Some(measure) = measures().find(|&measure| is(&view.measures[measure].name)) {
        return Ok((OrderBy::Measure(measure), falling));
    }
    let columns: Vec<&str> = keys()
        .map(|key| view.keys[key].name.as_str())
        .chain(bucket.map(|bucket| bucket.name.as_str()))
        .chain(measures().map(|measure| view.measures[measure].name.as_str()))
        .collect();
    let message = format!("the answer has no column `{name}`; its columns: {}", columns.join(", "));
    Err(ParameterError::new("order_by", message))
}

fn parse_limit(text: &str) -> Result<usize, ParameterError> {
    text.parse().ok().filter(|&limit| limit > 0).ok_or_else(|| {
        ParameterError::new("limit", format!("`{text}`: expected a whole number above zero"))
    })
}
