//! The words in which a record is rejected: what was found, where, and what is allowed.
//!
//! Nothing here runs for a record that is accepted, so it is kept out of line, and what was found
//! is quoted as a short excerpt, so that a 100 MB line does not make a 100 MB message.

use super::{MAX_DEPTH, Reason, Rejection};
use crate::schema::TimestampFormat;
use crate::types::Type;

/// A rejection on its way out; boxed, because results that carry it are returned everywhere.
pub(super) type Fault = Box<Rejection>;

/// The most characters of a payload that a message quotes.
const EXCERPT_CHARS: usize = 40;

#[cold]
fn fault(reason: Reason, detail: String) -> Fault {
    Box::new(Rejection { reason, detail })
}

/// Bytes that are not UTF-8.
#[cold]
pub(super) fn invalid_utf8(payload: &[u8]) -> Fault {
    let offset = str::from_utf8(payload).map_or_else(|error| error.valid_up_to(), str::len);
    let found = payload.get(offset).copied().unwrap_or_default();
    let detail =
        format!("the payload is not UTF-8: unexpected byte 0x{found:02x} at byte {offset}");
    fault(Reason::InvalidUtf8, detail)
}

/// Half of a surrogate pair, written as an escape that starts at `offset`.
#[cold]
pub(super) fn lone_surrogate(text: &str, offset: usize) -> Fault {
    let escape = text.get(offset..offset + 6).unwrap_or_default();
    let detail =
        format!("`{escape}` at byte {offset} is half of a surrogate pair without the other");
    fault(Reason::InvalidUtf8, detail)
}

/// Not JSON: at `offset` stands something else than `expected`.
#[cold]
pub(super) fn invalid_json(text: &str, offset: usize, expected: &str) -> Fault {
    let found = match text.get(offset..).and_then(|rest| rest.chars().next()) {
        Some(found) => format!("`{}`", excerpt(found.encode_utf8(&mut [0; 4]))),
        None => "the end".to_owned(),
    };
    let detail = format!("invalid JSON at byte {offset}: found {found}, expected {expected}");
    fault(Reason::InvalidJson, detail)
}

/// An object or array, opened at `offset`, beyond the deepest level.
#[cold]
pub(super) fn too_deep(offset: usize) -> Fault {
    let detail = format!("more than {MAX_DEPTH} nested objects and arrays at byte {offset}");
    fault(Reason::TooDeep, detail)
}

/// JSON, but of another kind.
#[cold]
pub(super) fn not_an_object(text: &str) -> Fault {
    let found = excerpt(text.trim_ascii());
    fault(Reason::NotAnObject, format!("the payload is `{found}`, expected a JSON object"))
}

/// A second value for a declared column or for a parent of one.
#[cold]
pub(super) fn duplicate_key(path: &[String], offset: usize) -> Fault {
    let path = path.join(".");
    let detail = format!("field `{path}` occurs again at byte {offset}, expected it once at most");
    fault(Reason::DuplicateKey, detail)
}

/// A value that its column cannot take for `reason`.
#[cold]
pub(super) fn unfit_value(
    reason: Reason,
    path: &[String],
    found: &str,
    ty: Type,
    format: TimestampFormat,
) -> Fault {
    let (path, found, allowed) = (path.join("."), excerpt(found), allowed(ty, format));
    let verb = if reason == Reason::OutOfRange { "is out of range for" } else { "is no" };
    fault(reason, format!("column `{path}`: `{found}` {verb} {ty}, expected {allowed}"))
}

/// A declared parent of columns that is neither an object nor null.
#[cold]
pub(super) fn unfit_parent(path: &[String], found: &str) -> Fault {
    let (path, found) = (path.join("."), excerpt(found));
    let detail = format!("field `{path}`: `{found}` is no STRUCT, expected a JSON object or null");
    fault(Reason::WrongType, detail)
}

/// No event time.
#[cold]
pub(super) fn missing_event_time(path: &[String]) -> Fault {
    let path = path.join(".");
    fault(
        Reason::MissingEventTime,
        format!("column `{path}` is missing or null, expected the event time"),
    )
}

/// What payloads may hold for a column, NULL aside.
fn allowed(ty: Type, format: TimestampFormat) -> String {
    match ty {
        Type::Boolean => "true or false".to_owned(),
        Type::BigInt => format!("an integer from {} to {}", i64::MIN, i64::MAX),
        Type::Double => "a number of magnitude below 1.8e308".to_owned(),
        Type::Decimal { precision, scale } => format!(
            "a number, or a string holding one, of at most {} digits before the point",
            precision - scale
        ),
        Type::Timestamp { .. } => match format {
            TimestampFormat::Iso8601 => {
                "a string such as \"2026-01-31T12:34:56Z\" in years 1 to 9999".to_owned()
            }
            TimestampFormat::EpochSeconds => epoch("seconds"),
            TimestampFormat::EpochMillis => epoch("milliseconds"),
            TimestampFormat::EpochMicros => epoch("microseconds"),
        },
        Type::Varchar | Type::FrequentItems => "a string".to_owned(),
    }
}

fn epoch(unit: &str) -> String {
    format!("{unit} since 1970 as a number, or a string holding one, in years 1 to 9999")
}

/// The start of `text` on one line, without control characters.
fn excerpt(text: &str) -> String {
    let mut excerpt = String::new();
    let mut chars = text.chars();
    for char in chars.by_ref().take(EXCERPT_CHARS) {
        if char.is_control() {
            excerpt.extend(char.escape_default());
        } else {
            excerpt.push(char);
        }
    }
    if chars.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}
