//! Rendering: an answer as JSON text, the same for the server and the command line.
//!
//! ```json
//! {"receipt":{"view":"site_traffic",…,"complete":true},
//!  "columns":[{"name":"site","type":"VARCHAR"},{"name":"minute","type":"TIMESTAMP(0)"},…],
//!  "rows":[
//!   {"site":"shop","minute":"2026-03-01T00:00:00Z","revenue":1234.50},
//!   …],
//!  "truncated":false}
//! ```
//!
//! The text is written directly, value by value, without a tree in between. Nothing is rounded on
//! the way: a DECIMAL is a number with all of its digits, a BIGINT has all of its 64 bits, and a
//! DOUBLE is the shortest number that reads back as the same one. Times of rows are in the query's
//! time zone, with their offset, and in UTC without one; times of the receipt are in UTC.

use super::Answer;
use crate::expr::decimal;
use crate::merge::Receipt;
use crate::timestamp::{self, MAX_MICROS, MIN_MICROS};
use crate::types::{Type, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

/// The receipt as answers carry it: times as text, and the reason only where there is one.
#[derive(Serialize)]
struct ReceiptText<'a> {
    view: &'a str,
    fingerprint: String,
    version: u64,
    horizon: u64,
    horizon_time: String,
    newest_arrival_time: Option<String>,
    accepted: u64,
    rejected: u64,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete_because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
}

impl<'a> ReceiptText<'a> {
    fn new(receipt: &'a Receipt) -> Self {
        ReceiptText {
            view: &receipt.view,
            fingerprint: receipt.fingerprint.to_string(),
            version: receipt.version,
            horizon: receipt.horizon.0,
            horizon_time: time_of_millis(receipt.horizon_ms),
            newest_arrival_time: receipt.newest_arrival_ms.map(time_of_millis),
            accepted: receipt.accepted,
            rejected: receipt.rejected,
            complete: receipt.complete,
            incomplete_because: receipt.incomplete_because.as_deref(),
            superseded_by: receipt.superseded_by.map(|fingerprint| fingerprint.to_string()),
        }
    }
}

/// A time in milliseconds since the Unix epoch as ISO 8601 text in UTC.
pub fn time_of_millis(millis: i64) -> String {
    timestamp::format(millis.saturating_mul(1000), 3)
}

impl Answer {
    /// The answer as JSON text, one row a line.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024 + self.rows.len() * 32 * self.columns.len());
        out.extend_from_slice(b"{\"receipt\":");
        push_json(&mut out, &ReceiptText::new(&self.receipt));
        out.extend_from_slice(b",\n\"columns\":[");
        for (i, (name, ty)) in self.columns.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"{\"name\":" } else { b",{\"name\":" });
            push_json(&mut out, name);
            out.extend_from_slice(format!(",\"type\":\"{ty}\"}}").as_bytes());
        }
        out.extend_from_slice(b"],\n\"rows\":[");
        self.push_rows(&mut out);
        out.extend_from_slice(b"],\n\"truncated\":");
        push_json(&mut out, &self.truncated);
        out.extend_from_slice(b"}\n");
        out
    }

    fn push_rows(&self, out: &mut Vec<u8>) {
        let names: Vec<Vec<u8>> = self.columns.iter().map(|(name, _)| fragment(name)).collect();
        for (i, row) in self.rows.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"\n{" } else { b",\n{" });
            for (column, value) in row.iter().enumerate() {
                if column > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&names[column]);
                push_value(out, value, self.columns[column].1, self.time_zone.as_ref());
            }
            out.push(b'}');
        }
    }
}

/// A value as answers write it, times in UTC: for messages.
pub(crate) fn text_of(value: &Value, ty: Type) -> String {
    let mut out = Vec::new();
    push_value(&mut out, value, ty, None);
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// `"name":`, escaped once for all rows.
fn fragment(name: &str) -> Vec<u8> {
    let mut fragment = Vec::new();
    push_json(&mut fragment, name);
    fragment.push(b':');
    fragment
}

fn push_value(out: &mut Vec<u8>, value: &Value, ty: Type, zone: Option<&TimeZone>) {
    match (value, ty) {
        (Value::Null, _) => out.extend_from_slice(b"null"),
        (Value::Boolean(value), _) => push_json(out, value),
        (Value::BigInt(value), _) => push_json(out, value),
        (Value::Double(value), _) => push_json(out, value),
        (Value::Varchar(value), _) => push_json(out, value),
        (Value::FrequentItems(items), _) => push_json(out, items),
        (Value::Decimal(unscaled), Type::Decimal { scale, .. }) => {
            out.extend_from_slice(decimal::format(*unscaled, scale).as_bytes());
        }
        (Value::Timestamp(micros), Type::Timestamp { precision }) => {
            out.push(b'"');
            out.extend_from_slice(time(*micros, precision, zone).as_bytes());
            out.push(b'"');
        }
        (Value::Decimal(_) | Value::Timestamp(_), ty) => {
            unreachable!("{value:?} stands in a column of {ty}")
        }
    }
}

fn push_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("writing plain data to memory does not fail");
}

/// ISO 8601 text of an instant in a zone, or in UTC where there is no zone or where it cannot be
/// said in the zone: an offset with seconds (local mean times of the past) or a year past 9999.
fn time(micros: i64, precision: u8, zone: Option<&TimeZone>) -> String {
    let local = zone.and_then(|zone| {
        let instant = Timestamp::from_microsecond(micros).ok()?;
        let offset = i64::from(zone.to_offset(instant).seconds());
        let local = micros.checked_add(offset * 1_000_000)?;
        (offset % 60 == 0 && (MIN_MICROS..=MAX_MICROS).contains(&local)).then_some((local, offset))
    });
    let Some((local, offset)) = local else { return timestamp::format(micros, precision) };
    let mut text = timestamp::format(local, precision);
    text.pop();
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
    text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Epoch;
    use crate::types::FrequentItem;
    use crate::view::Fingerprint;

    fn answer(columns: Vec<(&str, Type)>, rows: Vec<Vec<Value>>) -> Answer {
        let receipt = Receipt {
            view: "v".to_owned(),
            fingerprint: Fingerprint([0xab; 16]),
            version: 3,
            horizon: Epoch(177_000_000),
            horizon_ms: 1_770_000_000_000,
            newest_arrival_ms: None,
            accepted: 10,
            rejected: 2,
            complete: true,
            incomplete_because: None,
            superseded_by: None,
        };
        let columns = columns.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
        Answer { receipt, columns, rows, truncated: false, time_zone: None }
    }

    fn rows(answer: &Answer) -> String {
        let text = String::from_utf8(answer.to_json()).unwrap();
        let (_, rows) = text.split_once("\"rows\":[").unwrap();
        rows.split_once("],\n\"truncated\"").unwrap().0.trim_start().to_owned()
    }

    #[test]
    fn an_answer_carries_its_receipt_and_the_types_of_its_columns() {
        let mut answer = answer(vec![("site", Type::Varchar)], Vec::new());
        answer.truncated = true;
        let text = String::from_utf8(answer.to_json()).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"receipt":{"view":"v","fingerprint":"abababababababababababababababab","#,
                r#""version":3,"horizon":177000000,"horizon_time":"2026-02-02T02:40:00.000Z","#,
                r#""newest_arrival_time":null,"accepted":10,"rejected":2,"complete":true},"#,
                "\n",
                r#""columns":[{"name":"site","type":"VARCHAR"}],"#,
                "\n",
                r#""rows":[],"#,
                "\n",
                r#""truncated":true}"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_incomplete_answer_says_why() {
        let mut answer = answer(Vec::new(), Vec::new());
        answer.receipt.complete = false;
        answer.receipt.incomplete_because = Some("an \"import\"".to_owned());
        answer.receipt.newest_arrival_ms = Some(1_770_000_000_001);
        let text = String::from_utf8(answer.to_json()).unwrap();
        assert!(text.contains(r#""newest_arrival_time":"2026-02-02T02:40:00.001Z""#), "{text}");
        assert!(text.contains(r#""complete":false,"incomplete_because":"an \"import\"""#));
    }

    #[test]
    fn an_answer_of_a_superseded_definition_names_the_new_one() {
        let mut answer = answer(Vec::new(), Vec::new());
        answer.receipt.superseded_by = Some(Fingerprint([0xcd; 16]));
        let text = String::from_utf8(answer.to_json()).unwrap();
        let expected = r#""complete":true,"superseded_by":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"}"#;
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn no_digit_of_a_number_is_lost() {
        let decimal = Type::Decimal { precision: 38, scale: 3 };
        let answer = answer(
            vec![("i", Type::BigInt), ("d", decimal), ("x", Type::Double)],
            vec![
                vec![Value::BigInt(i64::MIN), Value::Decimal(-5), Value::Double(0.1 + 0.2)],
                vec![
                    Value::BigInt(i64::MAX),
                    Value::Decimal(99_999_999_999_999_999_999_999_999_999_999_999_999),
                    Value::Double(1e300),
                ],
                vec![Value::Null, Value::Decimal(9_747_747_934), Value::Double(-2.0)],
            ],
        );
        assert_eq!(
            rows(&answer),
            concat!(
                r#"{"i":-9223372036854775808,"d":-0.005,"x":0.30000000000000004},"#,
                "\n",
                r#"{"i":9223372036854775807,"#,
                r#""d":99999999999999999999999999999999999.999,"x":1e+300},"#,
                "\n",
                r#"{"i":null,"d":9747747.934,"x":-2.0}"#,
            )
        );
    }

    #[test]
    fn names_texts_and_frequent_items_are_escaped() {
        let item = FrequentItem { value: "a\nb".to_owned(), count: 5, error: 1 };
        let answer = answer(
            vec![("a \"name\"", Type::Varchar), ("b", Type::FrequentItems), ("c", Type::Boolean)],
            vec![vec![
                Value::Varchar("\u{1}é\\".to_owned()),
                Value::FrequentItems(vec![item]),
                Value::Boolean(true),
            ]],
        );
        assert_eq!(
            rows(&answer),
            r#"{"a \"name\"":"\u0001é\\","b":[{"value":"a\nb","count":5,"error":1}],"c":true}"#
        );
    }

    #[test]
    fn times_are_in_the_zone_of_the_query_with_its_offset_then() {
        let at = |text: &str, zone: Option<&str>, precision| {
            let zone = zone.map(|zone| TimeZone::get(zone).unwrap());
            let micros = text.parse::<Timestamp>().unwrap().as_microsecond();
            time(micros, precision, zone.as_ref())
        };
        assert_eq!(at("2026-03-28T23:00:00.5Z", None, 3), "2026-03-28T23:00:00.500Z");
        let paris = Some("Europe/Paris");
        assert_eq!(at("2026-03-28T23:00:00Z", paris, 0), "2026-03-29T00:00:00+01:00");
        assert_eq!(at("2026-03-29T22:00:00Z", paris, 0), "2026-03-30T00:00:00+02:00");
        assert_eq!(
            at("2026-01-01T00:00:00Z", Some("America/St_Johns"), 0),
            "2025-12-31T20:30:00-03:30"
        );
        assert_eq!(at("2026-01-01T00:00:00Z", Some("UTC"), 0), "2026-01-01T00:00:00+00:00");
    }

    #[test]
    fn a_time_that_its_zone_cannot_say_is_in_utc() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        // Local mean time was 9 minutes and 21 seconds ahead.
        assert_eq!(time(-4_000_000_000_000_000, 0, Some(&paris)), "1843-03-31T16:53:20Z");
        assert_eq!(time(MAX_MICROS, 6, Some(&tokyo)), "9999-12-31T23:59:59.999999Z");
    }
}
