//! Short ways to write expressions and columns.

use crate::column::{Column, Data};
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar};
use bumpalo::Bump;

pub(in crate::expr) use Type::{BigInt, Boolean, Double, Varchar};

pub(in crate::expr) const MILLIS: Type = Type::Timestamp { precision: 3 };
pub(in crate::expr) const MICROS: Type = Type::Timestamp { precision: 6 };

pub(in crate::expr) fn decimal(precision: u8, scale: u8) -> Type {
    Type::Decimal { precision, scale }
}

pub(in crate::expr) fn literal(ty: Type, value: Value) -> Expr {
    Expr { kind: ExprKind::Literal(value), ty }
}

pub(in crate::expr) fn null(ty: Type) -> Expr {
    literal(ty, Value::Null)
}

pub(in crate::expr) fn boolean(value: bool) -> Expr {
    literal(Boolean, Value::Boolean(value))
}

pub(in crate::expr) fn int(value: i64) -> Expr {
    literal(BigInt, Value::BigInt(value))
}

pub(in crate::expr) fn double(value: f64) -> Expr {
    literal(Double, Value::Double(value))
}

/// The DECIMAL literal `text`, with as many digits as it shows.
pub(in crate::expr) fn dec(text: &str) -> Expr {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let unscaled: i128 = digits.parse().unwrap();
    let unscaled = if text.starts_with('-') { -unscaled } else { unscaled };
    let precision = digits.trim_start_matches('0').len().max(scale).max(1);
    literal(decimal(precision as u8, scale as u8), Value::Decimal(unscaled))
}

pub(in crate::expr) fn text(value: &str) -> Expr {
    literal(Varchar, Value::Varchar(value.into()))
}

/// A TIMESTAMP(3) literal.
pub(in crate::expr) fn instant(text: &str) -> Expr {
    literal(MILLIS, Value::Timestamp(micros(text)))
}

/// Microseconds of `2026-01-31T12:34:56.789Z`.
pub(in crate::expr) fn micros(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

pub(in crate::expr) fn col(id: usize, ty: Type) -> Expr {
    Expr { kind: ExprKind::Column(id), ty }
}

pub(in crate::expr) fn call<const N: usize>(function: Scalar, ty: Type, args: [Expr; N]) -> Expr {
    Expr { kind: ExprKind::Call(function, args.into()), ty }
}

pub(in crate::expr) fn case<const N: usize>(
    branches: [(Expr, Expr); N],
    otherwise: Option<Expr>,
) -> Expr {
    let ty = branches[0].1.ty;
    Expr {
        kind: ExprKind::Case { branches: branches.into(), otherwise: otherwise.map(Box::new) },
        ty,
    }
}

/// A column of `values`, texts in `arena`.
pub(in crate::expr) fn column<'a>(ty: Type, values: &[Value], arena: &'a Bump) -> Column<'a> {
    fn slots<T: Default>(values: &[Value], read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        let slot = |value| match value {
            &Value::Null => T::default(),
            value => read(value).unwrap_or_else(|| panic!("{value:?} in a column of another type")),
        };
        values.iter().map(slot).collect()
    }
    macro_rules! slots {
        ($kind:ident, $value:ident => $slot:expr) => {
            Data::$kind(slots(values, |value| match value {
                Value::$kind($value) => Some($slot),
                _ => None,
            }))
        };
    }
    let data = match ty {
        Boolean => slots!(Boolean, v => *v),
        BigInt => slots!(BigInt, v => *v),
        Double => slots!(Double, v => *v),
        Type::Decimal { .. } => slots!(Decimal, v => *v),
        Varchar => slots!(Varchar, v => &*arena.alloc_str(v)),
        Type::Timestamp { .. } => slots!(Timestamp, v => *v),
        Type::FrequentItems => panic!("no expression has this type"),
    };
    let valid: Vec<bool> = values.iter().map(|value| *value != Value::Null).collect();
    Column { data, valid: valid.contains(&false).then_some(valid) }
}

/// `expr` with every literal moved into a column of `rows` equal values, added to `columns`. (The
/// list of IN stays: it is no value per row.)
pub(in crate::expr) fn literals_as_columns<'a>(
    expr: &Expr,
    rows: usize,
    columns: &mut Vec<Column<'a>>,
    arena: &'a Bump,
) -> Expr {
    let mut move_out = |expr: &Expr| literals_as_columns(expr, rows, columns, arena);
    let kind = match &expr.kind {
        ExprKind::Literal(value) => {
            columns.push(column(expr.ty, &vec![value.clone(); rows], arena));
            return col(columns.len() - 1, expr.ty);
        }
        ExprKind::Column(id) => ExprKind::Column(*id),
        ExprKind::Call(Scalar::In, args) => {
            let x = move_out(&args[0]);
            let args = std::iter::once(x).chain(args[1..].iter().cloned()).collect();
            ExprKind::Call(Scalar::In, args)
        }
        ExprKind::Call(function, args) => {
            ExprKind::Call(function.clone(), args.iter().map(move_out).collect())
        }
        ExprKind::Case { branches, otherwise } => ExprKind::Case {
            branches: branches.iter().map(|(c, r)| (move_out(c), move_out(r))).collect(),
            otherwise: otherwise.as_ref().map(|otherwise| Box::new(move_out(otherwise))),
        },
    };
    Expr { kind, ty: expr.ty }
}
