//! Events of which the values are known, because the text is written from them.

use super::*;
use proptest::sample::select;

/// A good event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// The values of [`schema`]'s columns.
    pub(super) values: Vec<Value>,
    /// Keys and values, in some order.
    members: Vec<(String, Json)>,
    style: Style,
}

/// A value as text, or an object of such.
#[derive(Debug, Clone)]
enum Json {
    Text(String),
    Object(Vec<(String, Json)>),
}

/// How a producer sets its tokens apart.
#[derive(Debug, Clone, Copy)]
struct Style {
    open: &'static str,
    comma: &'static str,
    colon: &'static str,
    close: &'static str,
}

const STYLES: [Style; 4] = [
    Style { open: "{", comma: ",", colon: ":", close: "}" },
    Style { open: "{", comma: ", ", colon: ": ", close: "}" },
    Style { open: "{\n    ", comma: ",\n    ", colon: ": ", close: "\n}" },
    Style { open: "{ ", comma: " ,\t", colon: " :", close: "\r\n}" },
];

/// A column of every type; the event time comes first.
pub(super) fn schema() -> Schema {
    one_of_each()
}

impl Event {
    pub(super) fn text(&self) -> String {
        write(&Json::Object(self.members.clone()), self.style)
    }
}

fn write(json: &Json, style: Style) -> String {
    match json {
        Json::Text(text) => text.clone(),
        Json::Object(members) => {
            let member = |(key, value): &(String, Json)| {
                format!("\"{key}\"{}{}", style.colon, write(value, style))
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{}{}{}", style.open, members.join(style.comma), style.close)
        }
    }
}

/// A value of a column and its text; `None` for the text leaves the field out.
type Field = (Value, Option<String>);

fn optional(field: impl Strategy<Value = (Value, String)>) -> impl Strategy<Value = Field> {
    prop_oneof![
        4 => field.prop_map(|(value, text)| (value, Some(text))),
        1 => Just((Value::Null, Some("null".to_owned()))),
        1 => Just((Value::Null, None)),
    ]
}

fn boolean() -> impl Strategy<Value = (Value, String)> {
    any::<bool>().prop_map(|value| (Value::Boolean(value), value.to_string()))
}

fn bigint() -> impl Strategy<Value = (Value, String)> {
    let value = prop_oneof![any::<i64>(), -1_000..1_000_i64];
    (value, select(vec!["", ".0", "e0", ".000E+00"]))
        .prop_map(|(value, suffix)| (Value::BigInt(value), format!("{value}{suffix}")))
}

fn double() -> impl Strategy<Value = (Value, String)> {
    let value = prop_oneof![any::<f64>(), -1e6..1e6, Just(-0.0)];
    let value = value.prop_filter("JSON has finite numbers only", |value| value.is_finite());
    (value, any::<bool>()).prop_map(|(value, exponent)| {
        let text = if exponent { format!("{value:e}") } else { format!("{value}") };
        (Value::Double(value + 0.0), text)
    })
}

fn decimal() -> impl Strategy<Value = (Value, String)> {
    (-999_999..=999_999_i128, any::<bool>()).prop_map(|(unscaled, quoted)| {
        let sign = if unscaled < 0 { "-" } else { "" };
        let text = format!("{sign}{}.{:02}", unscaled.abs() / 100, unscaled.abs() % 100);
        (Value::Decimal(unscaled), if quoted { format!("\"{text}\"") } else { text })
    })
}

fn varchar() -> impl Strategy<Value = (Value, String)> {
    let text = prop_oneof![any::<String>(), "[a-z]{0,40}", "[a-zé😀\"\\\\\n]{0,12}"];
    (text, any::<bool>()).prop_map(|(text, ascii)| {
        let json = if ascii { quote_ascii(&text) } else { serde_json::to_string(&text).unwrap() };
        (Value::Varchar(text), json)
    })
}

/// Every UTF-16 unit as an escape.
fn quote_ascii(text: &str) -> String {
    let escapes: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{escapes}\"")
}

/// Seconds with six digits behind the point, cut to `precision` by the column.
fn epoch_seconds(precision: u32) -> impl Strategy<Value = (Value, String)> {
    let micros = prop_oneof![
        crate::timestamp::MIN_MICROS..=crate::timestamp::MAX_MICROS,
        -5_000_000..5_000_000_i64,
    ];
    (micros, any::<bool>()).prop_map(move |(micros, quoted)| {
        let (sign, magnitude) = (if micros < 0 { "-" } else { "" }, micros.abs());
        let text = format!("{sign}{}.{:06}", magnitude / 1_000_000, magnitude % 1_000_000);
        let unit = 10_i64.pow(6 - precision);
        let value = Value::Timestamp(micros.div_euclid(unit) * unit);
        (value, if quoted { format!("\"{text}\"") } else { text })
    })
}

fn undeclared() -> impl Strategy<Value = (String, Json)> {
    let value = select(vec!["0", "null", r#""{\"t\":1}""#, "[[],{}]", r#"{"t":[],"os":{"os":1}}"#]);
    ("x[a-z]{0,40}", value).prop_map(|(key, text)| (key, Json::Text(text.to_owned())))
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let time = epoch_seconds(0).prop_map(|(value, text)| (value, Some(text)));
    let flat = (
        time,
        optional(boolean()),
        optional(bigint()),
        optional(double()),
        optional(decimal()),
        optional(varchar()),
        optional(epoch_seconds(3)),
    );
    let nested = (optional(varchar()), optional(bigint()));
    let extra = prop::collection::vec(undeclared(), 0..3);
    // In the declared order, or in any.
    let order = prop_oneof![Just(None), any::<u64>().prop_map(Some)];
    (flat, nested, extra, select(STYLES.to_vec()), order).prop_map(
        |((t, boolean, int, double, dec, text, time), (os, width), extra, style, order)| {
            let flat = [t, boolean, int, double, dec, text, time];
            let names = ["t", "bool", "int", "double", "dec", "text", "time"];
            let mut values: Vec<Value> = flat.iter().map(|(value, _)| value.clone()).collect();
            values.extend([os.0, width.0]);
            let member = |name: &str, text: Option<String>| {
                text.map(|text| (name.to_owned(), Json::Text(text)))
            };
            let screen: Vec<_> = member("width", width.1).into_iter().collect();
            let mut device: Vec<_> = member("os", os.1).into_iter().collect();
            // A parent without any field may as well be missing.
            device
                .extend((!screen.is_empty()).then(|| ("screen".to_owned(), Json::Object(screen))));
            let fields = names.iter().zip(flat).filter_map(|(name, field)| member(name, field.1));
            let mut members: Vec<(String, Json)> = fields.collect();
            members
                .extend((!device.is_empty()).then(|| ("device".to_owned(), Json::Object(device))));
            members.extend(extra);
            if let Some(seed) = order {
                // Keys sort by a hash of themselves and the seed: any order, and always the same.
                use std::hash::BuildHasher;
                let hasher = foldhash::fast::FixedState::with_seed(seed);
                members.sort_by_key(|(key, _)| hasher.hash_one(key));
            }
            Event { values, members, style }
        },
    )
}
