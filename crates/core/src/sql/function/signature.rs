//! The scalar functions whose arguments are checked one by one: a row each.

use crate::expr::decimal::MAX_PRECISION;
use crate::types::Type;
use crate::view::{Expr, Scalar};

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    Varchar,
    BigInt,
    /// Any number; it is cast.
    Double,
    /// BIGINT, DOUBLE or DECIMAL, as it is.
    Number,
    Timestamp,
}

impl Parameter {
    pub(super) fn name(self) -> &'static str {
        match self {
            Parameter::Varchar => "VARCHAR",
            Parameter::BigInt => "BIGINT",
            Parameter::Double | Parameter::Number => "a number",
            Parameter::Timestamp => "TIMESTAMP",
        }
    }
}

/// A function with its parameters and the type of its value.
pub(super) struct Signature {
    /// Trino's names for it; the first one is used in messages.
    pub(super) names: &'static [&'static str],
    pub(super) parameters: &'static [Parameter],
    /// How many of the parameters must be given.
    pub(super) required: usize,
    pub(super) scalar: Scalar,
    /// The type of its value, from its bound arguments.
    pub(super) returns: fn(&[Expr]) -> Type,
}

impl Signature {
    /// The function called `name`, in lower case.
    pub(super) fn find(name: &str) -> Option<&'static Signature> {
        SIGNATURES.iter().find(|signature| signature.names.contains(&name))
    }

    /// Every name of every function here.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        SIGNATURES.iter().flat_map(|signature| signature.names).copied()
    }

    /// `substr(VARCHAR, BIGINT [, BIGINT])`
    pub(super) fn usage(&self) -> String {
        let mut usage = format!("{}(", self.names[0]);
        for (index, parameter) in self.parameters.iter().enumerate() {
            if index >= self.required {
                usage.push_str(" [");
            }
            if index > 0 {
                usage.push_str(", ");
            }
            usage.push_str(parameter.name());
        }
        usage.push_str(&"]".repeat(self.parameters.len() - self.required));
        usage.push(')');
        usage
    }
}

const fn row(
    names: &'static [&'static str],
    parameters: &'static [Parameter],
    required: usize,
    scalar: Scalar,
    returns: fn(&[Expr]) -> Type,
) -> Signature {
    Signature { names, parameters, required, scalar, returns }
}

use Parameter::{BigInt as B, Double as D, Number as N, Timestamp as T, Varchar as V};

static SIGNATURES: [Signature; 34] = [
    row(&["abs"], &[N], 1, Scalar::Abs, same),
    row(&["sign"], &[N], 1, Scalar::Sign, sign),
    row(&["ceil", "ceiling"], &[N], 1, Scalar::Ceil, whole),
    row(&["floor"], &[N], 1, Scalar::Floor, whole),
    row(&["round"], &[N, B], 1, Scalar::Round, rounded),
    row(&["sqrt"], &[D], 1, Scalar::Sqrt, double),
    row(&["ln"], &[D], 1, Scalar::Ln, double),
    row(&["log10"], &[D], 1, Scalar::Log10, double),
    row(&["exp"], &[D], 1, Scalar::Exp, double),
    row(&["power", "pow"], &[D, D], 2, Scalar::Power, double),
    row(&["lower"], &[V], 1, Scalar::Lower, varchar),
    row(&["upper"], &[V], 1, Scalar::Upper, varchar),
    row(&["trim"], &[V], 1, Scalar::Trim, varchar),
    row(&["ltrim"], &[V], 1, Scalar::Ltrim, varchar),
    row(&["rtrim"], &[V], 1, Scalar::Rtrim, varchar),
    row(&["substr", "substring"], &[V, B, B], 2, Scalar::Substr, varchar),
    row(&["replace"], &[V, V, V], 2, Scalar::Replace, varchar),
    row(&["split_part"], &[V, V, B], 3, Scalar::SplitPart, varchar),
    row(&["length"], &[V], 1, Scalar::Length, bigint),
    row(&["starts_with"], &[V, V], 2, Scalar::StartsWith, boolean),
    row(&["strpos"], &[V, V], 2, Scalar::Strpos, bigint),
    row(&["year"], &[T], 1, Scalar::Year, bigint),
    row(&["quarter"], &[T], 1, Scalar::Quarter, bigint),
    row(&["month"], &[T], 1, Scalar::Month, bigint),
    row(&["week", "week_of_year"], &[T], 1, Scalar::Week, bigint),
    row(&["day", "day_of_month"], &[T], 1, Scalar::Day, bigint),
    row(&["day_of_week", "dow"], &[T], 1, Scalar::DayOfWeek, bigint),
    row(&["day_of_year", "doy"], &[T], 1, Scalar::DayOfYear, bigint),
    row(&["hour"], &[T], 1, Scalar::Hour, bigint),
    row(&["minute"], &[T], 1, Scalar::Minute, bigint),
    row(&["second"], &[T], 1, Scalar::Second, bigint),
    row(&["millisecond"], &[T], 1, Scalar::Millisecond, bigint),
    row(&["to_unixtime"], &[T], 1, Scalar::ToUnixtime, double),
    row(&["from_unixtime"], &[D], 1, Scalar::FromUnixtime, timestamp),
];

fn varchar(_: &[Expr]) -> Type {
    Type::Varchar
}

fn bigint(_: &[Expr]) -> Type {
    Type::BigInt
}

fn double(_: &[Expr]) -> Type {
    Type::Double
}

fn boolean(_: &[Expr]) -> Type {
    Type::Boolean
}

fn timestamp(_: &[Expr]) -> Type {
    Type::Timestamp { precision: 3 }
}

fn same(args: &[Expr]) -> Type {
    args[0].ty
}

fn sign(args: &[Expr]) -> Type {
    match args[0].ty {
        Type::Decimal { .. } => Type::Decimal { precision: 1, scale: 0 },
        ty => ty,
    }
}

/// A DECIMAL without its digits after the point, and room for the carry.
fn whole(args: &[Expr]) -> Type {
    match args[0].ty {
        Type::Decimal { precision, scale } => {
            Type::Decimal { precision: (precision - scale + scale.min(1)).max(1), scale: 0 }
        }
        ty => ty,
    }
}

/// Rounded to a number of digits, a DECIMAL keeps its scale and gets room for the carry.
fn rounded(args: &[Expr]) -> Type {
    match (args, args[0].ty) {
        ([_, _], Type::Decimal { precision, scale }) => {
            Type::Decimal { precision: (precision + 1).min(MAX_PRECISION), scale }
        }
        _ => whole(args),
    }
}
