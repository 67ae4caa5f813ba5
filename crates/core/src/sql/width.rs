//! Widths of time buckets as written: the unit of `date_trunc`, the INTERVAL of `date_bin`.

use crate::view::Width;
use sqlparser::ast::{self, DateTimeField, Interval};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The units of `date_trunc`.
pub(super) const UNITS: [&str; 8] =
    ["second", "minute", "hour", "day", "week", "month", "quarter", "year"];

/// Why an interval is no width: what is wrong, and what is allowed.
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) help: &'static str,
}

const HELP: &str = "write INTERVAL '5' MINUTE, with the unit SECOND, MINUTE, HOUR or DAY";

/// The width of a unit of `date_trunc`, in any letter case.
pub(super) fn unit(name: &str) -> Option<Width> {
    Some(match name.to_ascii_lowercase().as_str() {
        "second" => Width::Fixed { micros: SECOND },
        "minute" => Width::Fixed { micros: MINUTE },
        "hour" => Width::Fixed { micros: HOUR },
        "day" => Width::Fixed { micros: DAY },
        "week" => Width::Week,
        "month" => Width::Month,
        "quarter" => Width::Quarter,
        "year" => Width::Year,
        _ => return None,
    })
}

/// The width of an interval: a length that does not depend on the calendar.
pub(super) fn interval(interval: &Interval) -> Result<Width, Refused> {
    let refused = |message: String| Refused { message, help: HELP };
    let is_plain = interval.last_field.is_none()
        && interval.leading_precision.is_none()
        && interval.fractional_seconds_precision.is_none();
    let micros = match &interval.leading_field {
        Some(DateTimeField::Second) if is_plain => SECOND,
        Some(DateTimeField::Minute) if is_plain => MINUTE,
        Some(DateTimeField::Hour) if is_plain => HOUR,
        Some(DateTimeField::Day) if is_plain => DAY,
        Some(DateTimeField::Week(_) | DateTimeField::Weeks) => {
            return Err(Refused {
                message: "a week starts on Monday, and a length has no start".to_owned(),
                help: "use date_trunc('week', ts), or INTERVAL '7' DAY counted from 1970-01-01",
            });
        }
        Some(
            DateTimeField::Month
            | DateTimeField::Months
            | DateTimeField::Quarter
            | DateTimeField::Year
            | DateTimeField::Years,
        ) => {
            return Err(Refused {
                message: "months and years have no fixed length".to_owned(),
                help: "use date_trunc('month', ts), date_trunc('quarter', ts) or \
                       date_trunc('year', ts)",
            });
        }
        _ => return Err(refused("there is no such form of INTERVAL".to_owned())),
    };
    let text = match interval.value.as_ref() {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) => text,
            _ => return Err(refused("the number of an INTERVAL stands in quotes".to_owned())),
        },
        _ => return Err(refused("the number of an INTERVAL stands in quotes".to_owned())),
    };
    match scaled(text, micros) {
        Some(micros) if micros > 0 => Ok(Width::Fixed { micros }),
        _ => Err(refused(format!("`{text}` is not the length of a bucket"))),
    }
}

/// A number of units in microseconds. Only seconds can have a fraction.
fn scaled(text: &str, unit: i64) -> Option<i64> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) if unit == SECOND && fraction.len() <= 6 => {
            let padded = format!("{whole}{fraction:0<6}");
            (is_digits(whole) && is_digits(fraction)).then(|| padded.parse().ok()).flatten()
        }
        Some(_) => None,
        None if is_digits(text) => text.parse::<i64>().ok()?.checked_mul(unit),
        None => None,
    }
}
