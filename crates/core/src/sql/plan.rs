//! The canonical plan of a view: the text that `anabranch explain` prints and whose hash is the
//! fingerprint.
//!
//! Two texts are equal exactly if the views fold every event alike: white space, comments, letter
//! case, table aliases and spellings of one thing are gone from a bound view; everything that is
//! left is printed, names included, because state is stored under them. What decides whether a
//! record counts at all, the whole schema, is printed too.
//!
//! The text is part of the stored format. A change to it, or to what any of its words means,
//! raises [`VERSION`] and so gives every view a new fingerprint.

use super::scope::dotted;
use crate::aggregate::Function;
use crate::expr::decimal;
use crate::schema::{Schema, TimestampFormat};
use crate::timestamp;
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Fingerprint, Moment, Output, Present, Scalar, View, Width};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};

/// Version of the plan's format and meaning.
const VERSION: u32 = 1;

/// A fingerprint that is not computed yet.
pub(super) const UNKNOWN: Fingerprint = Fingerprint([0; 16]);

/// Writes the plan of a bound view and its fingerprint into it.
///
/// `schema` is what the view's columns index; `acceptance` is the schema whose rules decide which
/// records count. They differ for system views only.
pub(super) fn seal(view: &mut View, schema: &Schema, acceptance: &Schema) {
    view.plan = canonical(view, schema, acceptance);
    let hash = Sha256::digest(view.plan.as_bytes());
    let mut fingerprint = UNKNOWN;
    fingerprint.0.copy_from_slice(&hash[..16]);
    view.fingerprint = fingerprint;
}

fn canonical(view: &View, schema: &Schema, acceptance: &Schema) -> String {
    let column = |id: usize| dotted_escaped(&schema.columns[id].path);
    let named = |expr| Named { expr, column: &column };
    let mut plan = format!("anabranch plan {VERSION}\nview {}\n", view.name);
    write_acceptance(&mut plan, acceptance);
    let mut line = |text: fmt::Arguments<'_>| {
        plan.write_fmt(text).expect("writing to memory does not fail");
        plan.push('\n');
    };
    if let Some(filter) = &view.filter {
        line(format_args!("filter {}", named(filter)));
    }
    for key in &view.keys {
        line(format_args!("key {} {} = {}", key.name, key.expr.ty, named(&key.expr)));
    }
    if let Some(bucket) = &view.bucket {
        line(format_args!("bucket {} = {}", bucket.name, bucket.width));
    }
    for (id, aggregate) in view.aggregates.iter().enumerate() {
        let args: Vec<String> = aggregate.args.iter().map(|arg| named(arg).to_string()).collect();
        let call = format!("{}({})", aggregate.function, args.join(", "));
        match &aggregate.filter {
            None => line(format_args!("aggregate {id} = {call}")),
            Some(filter) => line(format_args!("aggregate {id} = {call} filter {}", named(filter))),
        }
    }
    let output = |id: usize| presented(&view.outputs[id]);
    for measure in &view.measures {
        let expr = Named { expr: &measure.expr, column: &output };
        line(format_args!("measure {} {} = {expr}", measure.name, measure.expr.ty));
    }
    plan
}

/// The rules of acceptance. The order of columns does not matter to a payload, so it is sorted out.
fn write_acceptance(plan: &mut String, schema: &Schema) {
    let mut columns: Vec<String> = schema
        .columns
        .iter()
        .map(|column| format!("  {} {}\n", dotted_escaped(&column.path), column.ty))
        .collect();
    columns.sort();
    plan.push_str("accept json\n");
    plan.extend(columns);
    let format = match schema.timestamp_format {
        TimestampFormat::Iso8601 => "iso8601",
        TimestampFormat::EpochSeconds => "epoch_seconds",
        TimestampFormat::EpochMillis => "epoch_milliseconds",
        TimestampFormat::EpochMicros => "epoch_microseconds",
    };
    let event_time = dotted_escaped(&schema.columns[schema.event_time].path);
    plan.push_str(&format!("event time {event_time}, timestamps {format}\n"));
}

/// A column's path on one line, whatever its keys are.
fn dotted_escaped(path: &[String]) -> String {
    escaped(&dotted(path))
}

/// What an output reads from its state.
fn presented(output: &Output) -> String {
    let state = output.aggregate;
    match output.present {
        Present::Value => format!("#{state}"),
        Present::Percentile(at) => format!("percentile(#{state}, {at:?})"),
        Present::MostFrequent(most) => format!("most_frequent(#{state}, {most})"),
        Present::Moment(moment) => {
            let name = match moment {
                Moment::VarianceSample => "var_samp",
                Moment::VariancePopulation => "var_pop",
                Moment::StddevSample => "stddev_samp",
                Moment::StddevPopulation => "stddev_pop",
            };
            format!("{name}(#{state})")
        }
    }
}

/// An expression with names for its columns.
struct Named<'a> {
    expr: &'a Expr,
    column: &'a dyn Fn(usize) -> String,
}

impl<'a> Named<'a> {
    fn of(&self, expr: &'a Expr) -> Named<'a> {
        Named { expr, column: self.column }
    }

    fn list(&self, f: &mut fmt::Formatter<'_>, exprs: &'a [Expr]) -> fmt::Result {
        for (index, expr) in exprs.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", self.of(expr))?;
        }
        Ok(())
    }

    fn call(&self, f: &mut fmt::Formatter<'_>, scalar: &Scalar, args: &'a [Expr]) -> fmt::Result {
        if let (Some(operator), [left, right]) = (infix(scalar), args) {
            return write!(f, "({} {operator} {})", self.of(left), self.of(right));
        }
        match (scalar, args) {
            (Scalar::Not, [condition]) => write!(f, "(NOT {})", self.of(condition)),
            (Scalar::IsNull, [value]) => write!(f, "({} IS NULL)", self.of(value)),
            (Scalar::Negate, [value]) => write!(f, "(- {})", self.of(value)),
            (Scalar::Cast, [value]) => {
                write!(f, "CAST({} AS {})", self.of(value), self.expr.ty)
            }
            (Scalar::Truncate(width), [value]) => {
                write!(f, "truncate({}, {width})", self.of(value))
            }
            (Scalar::Like { pattern, escape }, [value]) => {
                write!(f, "({} LIKE '{}'", self.of(value), escaped(pattern))?;
                if let Some(escape) = escape {
                    write!(f, " ESCAPE '{}'", escaped(&escape.to_string()))?;
                }
                f.write_str(")")
            }
            (Scalar::In, [value, list @ ..]) => {
                write!(f, "({} IN (", self.of(value))?;
                self.list(f, list)?;
                f.write_str("))")
            }
            _ => {
                write!(f, "{}(", function_name(scalar))?;
                self.list(f, args)?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr.kind {
            ExprKind::Column(id) => f.write_str(&(self.column)(*id)),
            ExprKind::Literal(value) => write_literal(f, value, self.expr.ty),
            ExprKind::Call(scalar, args) => self.call(f, scalar, args),
            ExprKind::Case { branches, otherwise } => {
                f.write_str("CASE")?;
                for (condition, result) in branches {
                    write!(f, " WHEN {} THEN {}", self.of(condition), self.of(result))?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {}", self.of(otherwise))?;
                }
                f.write_str(" END")
            }
        }
    }
}

/// The canonical form, with `#n` for column or output `n`.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Named { expr: self, column: &|id| format!("#{id}") }, f)
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 6] = [
            (86_400_000_000, "day"),
            (3_600_000_000, "hour"),
            (60_000_000, "minute"),
            (1_000_000, "second"),
            (1_000, "millisecond"),
            (1, "microsecond"),
        ];
        let (count, unit) = match *self {
            Width::Fixed { micros } => UNITS
                .iter()
                .find(|(length, _)| micros % length == 0)
                .map_or((micros, "microsecond"), |(length, unit)| (micros / length, *unit)),
            Width::Week => (1, "week"),
            Width::Month => (1, "month"),
            Width::Quarter => (1, "quarter"),
            Width::Year => (1, "year"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Function::Count => "count",
            Function::Sum => "sum",
            Function::Avg => "avg",
            Function::Min => "min",
            Function::Max => "max",
            Function::MinBy => "min_by",
            Function::MaxBy => "max_by",
            Function::BoolAnd => "bool_and",
            Function::BoolOr => "bool_or",
            Function::Moments => "moments",
            Function::ApproxDistinct => "approx_distinct",
            Function::ApproxPercentile => "approx_percentile",
            Function::ApproxMostFrequent { capacity } => {
                return write!(f, "approx_most_frequent[{capacity}]");
            }
        })
    }
}

/// A constant from which value and type can be read back.
fn write_literal(f: &mut fmt::Formatter<'_>, value: &Value, ty: Type) -> fmt::Result {
    match value {
        Value::Null => write!(f, "NULL:{ty}"),
        Value::Boolean(value) => write!(f, "{}", if *value { "TRUE" } else { "FALSE" }),
        Value::BigInt(value) => write!(f, "{value}"),
        Value::Double(value) => write!(f, "{value:e}"),
        Value::Decimal(value) => {
            let Type::Decimal { scale, .. } = ty else {
                unreachable!("a decimal has a decimal type")
            };
            write!(f, "{}:{ty}", decimal::format(*value, scale))
        }
        Value::Varchar(text) => write!(f, "'{}'", escaped(text)),
        Value::Timestamp(micros) => {
            let Type::Timestamp { precision } = ty else {
                unreachable!("a timestamp has a timestamp type")
            };
            write!(f, "TIMESTAMP '{}'", timestamp::format(*micros, precision))
        }
        Value::FrequentItems(_) => unreachable!("no constant is a list of frequent items"),
    }
}

/// Text on one line, from which the original can be read back.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

fn infix(scalar: &Scalar) -> Option<&'static str> {
    Some(match scalar {
        Scalar::Equal => "=",
        Scalar::NotEqual => "<>",
        Scalar::Less => "<",
        Scalar::LessOrEqual => "<=",
        Scalar::Greater => ">",
        Scalar::GreaterOrEqual => ">=",
        Scalar::IsDistinctFrom => "IS DISTINCT FROM",
        Scalar::And => "AND",
        Scalar::Or => "OR",
        Scalar::Add => "+",
        Scalar::Subtract => "-",
        Scalar::Multiply => "*",
        Scalar::Divide => "/",
        Scalar::Modulo => "%",
        _ => return None,
    })
}

/// The name of a scalar that is written as a call.
fn function_name(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Coalesce => "coalesce",
        Scalar::NullIf => "nullif",
        Scalar::Abs => "abs",
        Scalar::Ceil => "ceil",
        Scalar::Floor => "floor",
        Scalar::Round => "round",
        Scalar::Sign => "sign",
        Scalar::Sqrt => "sqrt",
        Scalar::Ln => "ln",
        Scalar::Log10 => "log10",
        Scalar::Exp => "exp",
        Scalar::Power => "power",
        Scalar::Greatest => "greatest",
        Scalar::Least => "least",
        Scalar::Lower => "lower",
        Scalar::Upper => "upper",
        Scalar::Trim => "trim",
        Scalar::Ltrim => "ltrim",
        Scalar::Rtrim => "rtrim",
        Scalar::Substr => "substr",
        Scalar::Concat => "concat",
        Scalar::SplitPart => "split_part",
        Scalar::Length => "length",
        Scalar::Replace => "replace",
        Scalar::StartsWith => "starts_with",
        Scalar::Strpos => "strpos",
        Scalar::Year => "year",
        Scalar::Quarter => "quarter",
        Scalar::Month => "month",
        Scalar::Day => "day",
        Scalar::DayOfWeek => "day_of_week",
        Scalar::DayOfYear => "day_of_year",
        Scalar::Week => "week",
        Scalar::Hour => "hour",
        Scalar::Minute => "minute",
        Scalar::Second => "second",
        Scalar::Millisecond => "millisecond",
        Scalar::ToUnixtime => "to_unixtime",
        Scalar::FromUnixtime => "from_unixtime",
        // Written with syntax of their own; a call with another number of arguments is not made.
        Scalar::Equal
        | Scalar::NotEqual
        | Scalar::Less
        | Scalar::LessOrEqual
        | Scalar::Greater
        | Scalar::GreaterOrEqual
        | Scalar::IsDistinctFrom
        | Scalar::And
        | Scalar::Or
        | Scalar::Not
        | Scalar::IsNull
        | Scalar::Add
        | Scalar::Subtract
        | Scalar::Multiply
        | Scalar::Divide
        | Scalar::Modulo
        | Scalar::Negate
        | Scalar::In
        | Scalar::Like { .. }
        | Scalar::Cast
        | Scalar::Truncate(_) => unreachable!("an operator has its own number of arguments"),
    }
}
