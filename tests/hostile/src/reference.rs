//! The rules of the decoder by the plainest means: serde_json says what is JSON, and every column is
//! read from its own text with exact arithmetic over decimal digits.
//!
//! Numbers are never made to doubles on the way, except for columns that are, so the reference is
//! exact at every edge.

use anabranch_core::decode::{MAX_DEPTH, Reason};
use anabranch_core::schema::{Schema, TimestampFormat};
use anabranch_core::timestamp::{self, Invalid};
use anabranch_core::types::{Type, Value};
use num_bigint::BigInt;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The values of a payload, or the reasons of which one must be given.
pub(crate) fn judge(schema: &Schema, payload: &[u8]) -> Result<Vec<Value>, Vec<Reason>> {
    let text = std::str::from_utf8(payload).map_err(|_| vec![Reason::InvalidUtf8])?;
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        // Depth and surrogates are looked at as the text goes by, so they may come before.
        return Err(vec![Reason::InvalidJson, Reason::TooDeep, Reason::InvalidUtf8]);
    };
    let mut breaches = Vec::new();
    breaches.extend((depth(raw.get()) > MAX_DEPTH).then_some(Reason::TooDeep));
    breaches.extend(has_lone_surrogate(raw.get()).then_some(Reason::InvalidUtf8));
    if !breaches.is_empty() {
        return Err(breaches);
    }
    let members = members(raw).ok_or_else(|| vec![Reason::NotAnObject])?;
    let mut values = vec![Value::Null; schema.columns.len()];
    object(schema, &mut Vec::new(), &members, &mut values).map_err(|reason| vec![reason])?;
    match values[schema.event_time] {
        Value::Null => Err(vec![Reason::MissingEventTime]),
        _ => Ok(values),
    }
}

fn object(
    schema: &Schema,
    path: &mut Vec<String>,
    members: &[(String, &RawValue)],
    values: &mut [Value],
) -> Result<(), Reason> {
    for (at, (key, raw)) in members.iter().enumerate() {
        path.push(key.clone());
        let column = schema.columns.iter().position(|column| column.path == *path);
        let is_parent = schema.columns.iter().any(|column| {
            column.path.len() > path.len() && column.path.starts_with(path.as_slice())
        });
        if column.is_some() || is_parent {
            if members[..at].iter().any(|(earlier, _)| earlier == key) {
                return Err(Reason::DuplicateKey);
            }
            match (raw.get(), column) {
                ("null", _) => {}
                (_, Some(id)) => {
                    values[id] = scalar(schema.columns[id].ty, schema.timestamp_format, raw)?;
                }
                (_, None) => {
                    let members = self::members(raw).ok_or(Reason::WrongType)?;
                    object(schema, path, &members, values)?;
                }
            }
        }
        path.pop();
    }
    Ok(())
}

fn scalar(ty: Type, format: TimestampFormat, raw: &RawValue) -> Result<Value, Reason> {
    let text = raw.get();
    let string = serde_json::from_str::<String>(text).ok();
    let number = Decimal::parse(text);
    let held = || string.as_deref().and_then(Decimal::parse);
    match ty {
        Type::Boolean => text.parse().map(Value::Boolean).map_err(|_| Reason::WrongType),
        Type::Varchar => string.map(Value::Varchar).ok_or(Reason::WrongType),
        Type::BigInt => {
            let number = number.filter(Decimal::is_integral).ok_or(Reason::WrongType)?;
            let value = number.floor(0).and_then(|value| i64::try_from(value).ok());
            value.map(Value::BigInt).ok_or(Reason::OutOfRange)
        }
        Type::Double => {
            number.ok_or(Reason::WrongType)?;
            let value: f64 = text.parse().expect("JSON's numbers are Rust's");
            value.is_finite().then_some(Value::Double(value + 0.0)).ok_or(Reason::OutOfRange)
        }
        Type::Decimal { precision, scale } => {
            let number = number.or_else(held).ok_or(Reason::WrongType)?;
            let value = number.round(scale.into()).ok_or(Reason::OutOfRange)?;
            let fits = value.magnitude() < BigInt::from(10u8).pow(precision.into()).magnitude();
            let value = i128::try_from(value).ok().filter(|_| fits);
            value.map(Value::Decimal).ok_or(Reason::OutOfRange)
        }
        Type::Timestamp { precision } => {
            let micros = match format {
                TimestampFormat::Iso8601 => {
                    let string = string.ok_or(Reason::WrongType)?;
                    timestamp::parse(&string, format, 6).map_err(|invalid| match invalid {
                        Invalid::Malformed => Reason::WrongType,
                        Invalid::OutOfRange => Reason::OutOfRange,
                    })?
                }
                _ => {
                    let number = number.or_else(held).ok_or(Reason::WrongType)?;
                    let shift = match format {
                        TimestampFormat::EpochSeconds => 6,
                        TimestampFormat::EpochMillis => 3,
                        _ => 0,
                    };
                    let micros = number.floor(shift).and_then(|value| i64::try_from(value).ok());
                    let years = timestamp::MIN_MICROS..=timestamp::MAX_MICROS;
                    micros.filter(|micros| years.contains(micros)).ok_or(Reason::OutOfRange)?
                }
            };
            let unit = 10i64.pow(6 - u32::from(precision));
            Ok(Value::Timestamp(micros - micros.rem_euclid(unit)))
        }
        Type::FrequentItems => unreachable!("no column has this type"),
    }
}

/// A number as it is written: `digits * 10^exponent`, without zeros at either end.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// What no column holds by far; exponents beyond are as good as this one.
const HUGE: i64 = 1 << 40;

impl Decimal {
    /// A text that is a number in JSON's grammar, and nothing else.
    fn parse(text: &str) -> Option<Decimal> {
        let raw = serde_json::from_str::<&RawValue>(text).ok()?;
        if raw.get() != text || !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return None;
        }
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent = exponent.parse::<i64>().unwrap_or(match exponent.starts_with('-') {
            true => -HUGE,
            false => HUGE,
        });
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let exponent =
            exponent.clamp(-HUGE, HUGE) - fraction.len() as i64 + (all.len() - digits.len()) as i64;
        let digits = digits.trim_start_matches('0').to_owned();
        Some(Decimal { negative: text.starts_with('-'), digits, exponent })
    }

    fn is_integral(&self) -> bool {
        self.digits.is_empty() || self.exponent >= 0
    }

    /// The digits before and behind the point of this number times `10^shift`; `None` if there are
    /// more before it than any column holds.
    fn split(&self, shift: i64) -> Option<(BigInt, &str, bool)> {
        let before = self.digits.len() as i64 + self.exponent + shift;
        if self.digits.is_empty() || before < 0 {
            let first_is_zero = true;
            return Some((BigInt::ZERO, &self.digits, first_is_zero));
        }
        if before > 60 {
            return None;
        }
        let (whole, fraction) = self.digits.split_at((before as usize).min(self.digits.len()));
        let zeros = "0".repeat(before as usize - whole.len());
        let value = format!("0{whole}{zeros}").parse().expect("digits");
        Some((value, fraction, false))
    }

    fn signed(&self, magnitude: BigInt) -> BigInt {
        if self.negative { -magnitude } else { magnitude }
    }

    /// `floor(self * 10^shift)`.
    fn floor(&self, shift: i64) -> Option<BigInt> {
        let (magnitude, fraction, _) = self.split(shift)?;
        let away = self.negative && !fraction.is_empty();
        Some(self.signed(magnitude + u8::from(away)))
    }

    /// `self * 10^shift`, rounded half away from zero.
    fn round(&self, shift: i64) -> Option<BigInt> {
        let (magnitude, fraction, first_is_zero) = self.split(shift)?;
        let up = !first_is_zero && fraction.as_bytes().first().is_some_and(|&digit| digit >= b'5');
        Some(self.signed(magnitude + u8::from(up)))
    }
}

/// The deepest nesting of a text that is JSON.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Whether a text that is JSON has an escape that is half of a pair.
fn has_lone_surrogate(json: &str) -> bool {
    let mut escapes = json.split('\\').skip(1);
    let unit = |escape: &str| {
        let digits = escape.strip_prefix('u')?.get(..4)?;
        u16::from_str_radix(digits, 16).ok().map(|unit| (unit, escape.len() == 5))
    };
    while let Some(escape) = escapes.next() {
        if escape.is_empty() {
            // An escaped backslash: what follows it is no escape.
            escapes.next();
            continue;
        }
        match unit(escape) {
            Some((0xd800..=0xdbff, true)) => match escapes.next().and_then(unit) {
                Some((0xdc00..=0xdfff, _)) => {}
                _ => return true,
            },
            Some((0xd800..=0xdfff, _)) => return true,
            _ => {}
        }
    }
    false
}

/// An object's members, in order and with duplicates.
fn members(raw: &RawValue) -> Option<Vec<(String, &RawValue)>> {
    struct Members<'t>(Vec<(String, &'t RawValue)>);
    struct InOrder;
    impl<'de> Deserialize<'de> for Members<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(InOrder).map(Members)
        }
    }
    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    serde_json::from_str::<Members<'_>>(raw.get()).ok().map(|members| members.0)
}
