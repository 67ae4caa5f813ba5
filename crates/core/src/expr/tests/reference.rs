//! A naive interpreter: one row at a time, by plain recursion, in the simplest terms there are.
//!
//! It shares no code with what it checks: integers are wider, DECIMALs are fractions of big
//! integers, texts are vectors of characters, LIKE backtracks, dates come from `jiff`. Only the
//! DOUBLE primitives (`libm`) are the same, since they define the result.

use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar, Width};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, date};
use num_bigint::BigInt;

mod text;

/// The value of `expr` where column `i` is `row[i]`.
pub(super) fn value(expr: &Expr, row: &[Value]) -> Value {
    match &expr.kind {
        ExprKind::Column(id) => row[*id].clone(),
        ExprKind::Literal(value) => value.clone(),
        ExprKind::Case { branches, otherwise } => {
            let taken = branches.iter().find(|(when, _)| value(when, row) == Value::Boolean(true));
            match (taken, otherwise) {
                (Some((_, then)), _) => value(then, row),
                (None, Some(otherwise)) => value(otherwise, row),
                (None, None) => Value::Null,
            }
        }
        ExprKind::Call(function, exprs) => {
            let args: Vec<Value> = exprs.iter().map(|expr| value(expr, row)).collect();
            let types: Vec<Type> = exprs.iter().map(|expr| expr.ty).collect();
            call(function, &types, &args, expr.ty).unwrap_or(Value::Null)
        }
    }
}

/// `None` is NULL.
fn call(function: &Scalar, types: &[Type], args: &[Value], ty: Type) -> Option<Value> {
    use Scalar::*;
    let is = |value: bool| args.contains(&Value::Boolean(value));
    let has_null = args.contains(&Value::Null);
    match function {
        And if is(false) => return Some(Value::Boolean(false)),
        Or if is(true) => return Some(Value::Boolean(true)),
        IsNull => return Some(Value::Boolean(has_null)),
        IsDistinctFrom => return Some(Value::Boolean(args[0] != args[1])),
        Coalesce => return args.iter().find(|arg| **arg != Value::Null).cloned(),
        NullIf => return (args[0] != args[1]).then(|| args[0].clone()),
        In if args[0] != Value::Null && args[1..].contains(&args[0]) => {
            return Some(Value::Boolean(true));
        }
        _ if has_null => return None,
        _ => {}
    }
    let order = || args[0].partial_order(&args[1]);
    Some(match function {
        And => Value::Boolean(true),
        Or | In => Value::Boolean(false),
        Not => Value::Boolean(args[0] == Value::Boolean(false)),
        Equal => Value::Boolean(order().is_eq()),
        NotEqual => Value::Boolean(order().is_ne()),
        Less => Value::Boolean(order().is_lt()),
        LessOrEqual => Value::Boolean(order().is_le()),
        Greater => Value::Boolean(order().is_gt()),
        GreaterOrEqual => Value::Boolean(order().is_ge()),
        Greatest => args.iter().max_by(|x, y| x.partial_order(y))?.clone(),
        Least => args.iter().min_by(|x, y| x.partial_order(y))?.clone(),
        Cast => return cast(types[0], &args[0], ty),
        _ => match (types[0], &args[0]) {
            (Type::BigInt, _) => bigint(function, args)?,
            (Type::Double, _) => double(function, args)?,
            (Type::Decimal { .. }, _) => return decimal(function, types, args, ty),
            (_, Value::Varchar(_)) => return text::text(function, args),
            (_, Value::Timestamp(t)) => return time(function, *t),
            other => panic!("{function:?} of {other:?}"),
        },
    })
}

trait PartialOrder {
    fn partial_order(&self, other: &Self) -> std::cmp::Ordering;
}

impl PartialOrder for Value {
    fn partial_order(&self, other: &Value) -> std::cmp::Ordering {
        match (self, other) {
            (Value::Boolean(x), Value::Boolean(y)) => x.cmp(y),
            (Value::BigInt(x), Value::BigInt(y)) => x.cmp(y),
            (Value::Double(x), Value::Double(y)) => x.partial_cmp(y).unwrap(),
            (Value::Decimal(x), Value::Decimal(y)) => x.cmp(y),
            (Value::Varchar(x), Value::Varchar(y)) => x.chars().cmp(y.chars()),
            (Value::Timestamp(x), Value::Timestamp(y)) => x.cmp(y),
            other => panic!("no order between {other:?}"),
        }
    }
}

fn int(value: &Value) -> i128 {
    let Value::BigInt(value) = value else { panic!("{value:?} is no BIGINT") };
    i128::from(*value)
}

fn float(value: &Value) -> f64 {
    let Value::Double(value) = value else { panic!("{value:?} is no DOUBLE") };
    *value
}

fn string(value: &Value) -> &str {
    let Value::Varchar(value) = value else { panic!("{value:?} is no VARCHAR") };
    value
}

fn bigint(function: &Scalar, args: &[Value]) -> Option<Value> {
    use Scalar::*;
    let x = int(&args[0]);
    let y = args.get(1).map_or(0, int);
    let result = match function {
        Add => x + y,
        Subtract => x - y,
        Multiply => x * y,
        Divide => x.checked_div(y)?,
        Modulo => x.checked_rem(y)?,
        Negate => -x,
        Abs => x.abs(),
        Sign => x.signum(),
        Ceil | Floor => x,
        Round => {
            let unit = 10_i128.pow((-y).clamp(0, 30) as u32);
            (x.abs() + unit / 2) / unit * unit * x.signum()
        }
        other => panic!("{other:?} of BIGINT"),
    };
    Some(Value::BigInt(i64::try_from(result).ok()?))
}

fn finite(x: f64) -> Option<Value> {
    x.is_finite().then_some(Value::Double(if x == 0.0 { 0.0 } else { x }))
}

fn double(function: &Scalar, args: &[Value]) -> Option<Value> {
    use Scalar::*;
    let x = float(&args[0]);
    let y = || float(&args[1]);
    finite(match function {
        Add => x + y(),
        Subtract => x - y(),
        Multiply => x * y(),
        Divide => x / y(),
        Modulo => x % y(),
        Negate => -x,
        Abs => x.abs(),
        Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
        Ceil => x.ceil(),
        Floor => x.floor(),
        Round if args.len() == 1 => x.round(),
        Round => {
            let digits = int(&args[1]);
            let unit: f64 = format!("1e{}", digits.abs()).parse().unwrap();
            let is_whole = |x: f64| x.abs() >= 2_f64.powi(53) || x.is_nan();
            if digits >= 0 && is_whole(x * unit) {
                x
            } else if digits >= 0 {
                (x * unit).round() / unit
            } else if unit == f64::INFINITY {
                0.0
            } else {
                (x / unit).round() * unit
            }
        }
        Sqrt => x.sqrt(),
        Ln => libm::log(x),
        Log10 => libm::log10(x),
        Exp => libm::exp(x),
        Power => libm::pow(x, y()),
        FromUnixtime => {
            let millis = (x * 1000.0).round();
            let years_1_to_9999 = (-62_135_596_800_000.0..=253_402_300_799_999.0).contains(&millis);
            return years_1_to_9999.then(|| Value::Timestamp(millis as i64 * 1000));
        }
        other => panic!("{other:?} of DOUBLE"),
    })
}

/// A fraction: numerator and denominator.
type Fraction = (BigInt, BigInt);

fn power_of_ten(n: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(n).unwrap())
}

fn fraction(ty: Type, value: &Value) -> Fraction {
    let (Type::Decimal { scale, .. }, Value::Decimal(unscaled)) = (ty, value) else {
        panic!("{value:?} is no {ty}")
    };
    (BigInt::from(*unscaled), power_of_ten(scale.into()))
}

/// The nearest DECIMAL of type `ty`, halves away from zero.
fn rounded((numerator, denominator): Fraction, ty: Type) -> Option<Value> {
    let Type::Decimal { precision, scale } = ty else { panic!("{ty} is no DECIMAL") };
    let unscaled = half_away(numerator * power_of_ten(scale.into()), denominator);
    (unscaled.magnitude() < power_of_ten(precision.into()).magnitude())
        .then(|| Value::Decimal(unscaled.try_into().unwrap()))
}

fn half_away(numerator: BigInt, denominator: BigInt) -> BigInt {
    let negative = (numerator < BigInt::ZERO) != (denominator < BigInt::ZERO);
    let (n, d) = (numerator.magnitude(), denominator.magnitude());
    let (mut quotient, rest) = (n / d, n % d);
    if rest * 2_u32 >= *d {
        quotient += 1_u32;
    }
    if negative { -BigInt::from(quotient) } else { BigInt::from(quotient) }
}

fn floor((n, d): Fraction) -> BigInt {
    let quotient = &n / &d;
    if &quotient * &d > n { quotient - 1 } else { quotient }
}

fn decimal(function: &Scalar, types: &[Type], args: &[Value], ty: Type) -> Option<Value> {
    use Scalar::*;
    let x = fraction(types[0], &args[0]);
    let y = || fraction(types[1], &args[1]);
    let whole = |n: BigInt| (n, BigInt::from(1));
    let result = match function {
        Add => (x.0 * y().1 + y().0 * &x.1, x.1 * y().1),
        Subtract => (x.0 * y().1 - y().0 * &x.1, x.1 * y().1),
        Multiply => (x.0 * y().0, x.1 * y().1),
        Divide | Modulo if y().0 == BigInt::ZERO => return None,
        Divide => (x.0 * y().1, x.1 * y().0),
        Modulo => ((x.0 * y().1) % (y().0 * &x.1), x.1 * y().1),
        Negate => (-x.0, x.1),
        Abs => (x.0.magnitude().clone().into(), x.1),
        Sign if x.0 == BigInt::ZERO => whole(0.into()),
        Sign => whole((if x.0 < BigInt::ZERO { -1 } else { 1 }).into()),
        Floor => whole(floor(x)),
        Ceil => whole(-floor((-x.0, x.1))),
        Round => {
            let digits = args.get(1).map_or(0, int).clamp(-50, 50) as i64;
            let unit = power_of_ten(digits.abs());
            if digits >= 0 {
                (half_away(x.0 * &unit, x.1), unit)
            } else {
                whole(half_away(x.0, x.1 * &unit) * unit)
            }
        }
        other => panic!("{other:?} of DECIMAL"),
    };
    rounded(result, ty)
}

fn datetime(micros: i64) -> DateTime {
    // In two steps, because a span of microseconds reaches less far than years 1 to 9999.
    let day = date(1970, 1, 1) + micros.div_euclid(86_400_000_000).days();
    day.at(0, 0, 0, 0) + micros.rem_euclid(86_400_000_000).microseconds()
}

fn time(function: &Scalar, micros: i64) -> Option<Value> {
    use Scalar::*;
    let t = datetime(micros);
    Some(Value::BigInt(match function {
        Year => t.year().into(),
        Quarter => (i64::from(t.month()) - 1) / 3 + 1,
        Month => t.month().into(),
        Week => t.date().iso_week_date().week().into(),
        Day => t.day().into(),
        DayOfWeek => t.weekday().to_monday_one_offset().into(),
        DayOfYear => t.date().day_of_year().into(),
        Hour => t.hour().into(),
        Minute => t.minute().into(),
        Second => t.second().into(),
        Millisecond => t.millisecond().into(),
        ToUnixtime => return finite(micros as f64 / 1e6),
        Truncate(width) => return truncate(micros, *width),
        other => panic!("{other:?} of TIMESTAMP"),
    }))
}

fn micros_of(date: Date) -> i64 {
    let days = date.since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1))).unwrap().get_days();
    i64::from(days) * 86_400_000_000
}

fn truncate(micros: i64, width: Width) -> Option<Value> {
    let day = datetime(micros).date();
    let start = match width {
        Width::Fixed { micros: width } => {
            i64::try_from(i128::from(micros.div_euclid(width)) * i128::from(width)).unwrap()
        }
        Width::Week => micros_of(day - day.weekday().to_monday_zero_offset().days()),
        Width::Month => micros_of(date(day.year(), day.month(), 1)),
        Width::Quarter => micros_of(date(day.year(), (day.month() - 1) / 3 * 3 + 1, 1)),
        Width::Year => micros_of(date(day.year(), 1, 1)),
    };
    (start >= -62_135_596_800_000_000).then_some(Value::Timestamp(start))
}

fn cast(from: Type, x: &Value, to: Type) -> Option<Value> {
    if let Type::Decimal { .. } = to {
        return rounded(as_fraction(from, x)?, to);
    }
    Some(match (x, to) {
        (Value::Boolean(_), Type::Boolean)
        | (Value::BigInt(_), Type::BigInt)
        | (Value::Double(_), Type::Double)
        | (Value::Varchar(_), Type::Varchar) => x.clone(),
        (Value::Varchar(s), Type::Boolean) => match s.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Value::Boolean(true),
            "false" | "f" | "0" => Value::Boolean(false),
            _ => return None,
        },
        (_, Type::Boolean) => Value::Boolean(as_fraction(from, x)?.0 != BigInt::ZERO),
        (Value::Varchar(s), Type::BigInt) => {
            let digits = trim(s);
            let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
            if unsigned.is_empty() || !unsigned.chars().all(|c| c.is_ascii_digit()) {
                return None;
            }
            let value: i128 = digits.parse().ok()?;
            Value::BigInt(value.try_into().ok()?)
        }
        (Value::Double(x), Type::BigInt) => {
            // All digits of the binary number, not the shortest text that stands for it.
            let rounded: BigInt = format!("{:.0}", x.round()).parse().unwrap();
            Value::BigInt(rounded.try_into().ok()?)
        }
        (_, Type::BigInt) => {
            let (n, d) = as_fraction(from, x)?;
            Value::BigInt(half_away(n, d).try_into().ok()?)
        }
        (Value::Varchar(s), Type::Double) => return finite(trim(s).parse().ok()?),
        (_, Type::Double) => {
            // The plain decimal text of the number, which the standard library rounds correctly.
            return finite(plain(from, x).parse().ok()?);
        }
        (Value::Double(x), Type::Varchar) => Value::Varchar(scientific(*x)),
        (Value::Boolean(x), Type::Varchar) => Value::Varchar(x.to_string()),
        (Value::BigInt(_) | Value::Decimal(_), Type::Varchar) => Value::Varchar(plain(from, x)),
        (Value::Timestamp(t), Type::Varchar) => {
            let Type::Timestamp { precision } = from else { panic!("{t} is no {from}") };
            let text = format!("{:.*}Z", usize::from(precision), datetime(*t));
            Value::Varchar(text)
        }
        (Value::Varchar(s), Type::Timestamp { precision }) => {
            // Random texts are mostly no timestamps: here are the few forms that they do take.
            let t: DateTime = s.strip_suffix('Z').unwrap_or(s).parse().ok()?;
            let micros =
                micros_of(t.date()) + t.time().duration_since(Time::midnight()).as_micros() as i64;
            let unit = 10_i64.pow(6 - u32::from(precision));
            Value::Timestamp(micros.div_euclid(unit) * unit)
        }
        (Value::Timestamp(t), Type::Timestamp { precision }) => {
            let unit = 10_i64.pow(6 - u32::from(precision));
            Value::Timestamp(t.div_euclid(unit) * unit)
        }
        other => panic!("no cast of {other:?}"),
    })
}

fn trim(s: &str) -> &str {
    s.trim_matches([' ', '\t', '\n', '\r', '\u{c}'])
}

/// A number, or the text of one, exactly; a DOUBLE by its shortest text.
fn as_fraction(from: Type, x: &Value) -> Option<Fraction> {
    Some(match x {
        Value::Boolean(x) => (u8::from(*x).into(), 1.into()),
        Value::BigInt(x) => ((*x).into(), 1.into()),
        Value::Decimal(_) => fraction(from, x),
        Value::Double(x) => parse_fraction(&x.to_string())?,
        Value::Varchar(s) => parse_fraction(trim(s))?,
        other => panic!("{other:?} is no number"),
    })
}

/// Reads `[+-]1.5e-3`.
fn parse_fraction(text: &str) -> Option<Fraction> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
                return None;
            }
            (mantissa, exponent.parse::<i64>().ok()?)
        }
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let magnitude: BigInt = digits.parse().unwrap();
    let signed = if mantissa.starts_with('-') { -magnitude } else { magnitude };
    let exponent = exponent - part.len() as i64;
    Some(if exponent >= 0 {
        (signed * power_of_ten(exponent), 1.into())
    } else {
        (signed, power_of_ten(-exponent))
    })
}

/// A BOOLEAN, BIGINT or DECIMAL in decimal digits, with those of its scale.
fn plain(from: Type, x: &Value) -> String {
    match (from, x) {
        (_, Value::Boolean(x)) => u8::from(*x).to_string(),
        (_, Value::BigInt(x)) => x.to_string(),
        (Type::Decimal { scale, .. }, Value::Decimal(unscaled)) => {
            let scale = usize::from(scale);
            let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
            let (whole, part) = digits.split_at(digits.len() - scale);
            let sign = if *unscaled < 0 { "-" } else { "" };
            if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
        }
        other => panic!("{other:?} has no plain digits"),
    }
}

/// `d.dddE±n` from the plain digits of the standard library.
fn scientific(x: f64) -> String {
    if x == 0.0 {
        return "0E0".to_owned();
    }
    let plain = x.abs().to_string();
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = format!("{whole}{part}");
    let leading = digits.find(|c| c != '0').unwrap();
    let exponent = whole.len() as i64 - 1 - leading as i64;
    let significant = digits[leading..].trim_end_matches('0');
    let (first, others) = significant.split_at(1);
    let others = if others.is_empty() { "0" } else { others };
    format!("{}{first}.{others}E{exponent}", if x < 0.0 { "-" } else { "" })
}
