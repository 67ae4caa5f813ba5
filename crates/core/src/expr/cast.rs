//! CAST, as in Trino; a value that the target type cannot hold is NULL.
//!
//! | from \ to | BOOLEAN | BIGINT | DOUBLE | DECIMAL | VARCHAR | TIMESTAMP |
//! |---|---|---|---|---|---|---|
//! | BOOLEAN | = | 0, 1 | 0, 1 | 0, 1 | `true`, `false` | |
//! | BIGINT | not 0 | = | nearest | exact | decimal | |
//! | DOUBLE | not 0 | rounded | = | shortest text, rounded | `1.5E0` | |
//! | DECIMAL | not 0 | rounded | nearest | rounded | all digits of the scale | |
//! | VARCHAR | `true`, `t`, `1`, … | text | text | text, rounded | = | ISO 8601 |
//! | TIMESTAMP | | | | | ISO 8601 | cut |
//!
//! Rounding takes halves away from zero. Texts of numbers may stand between white space.

use super::arithmetic::finite;
use super::decimal::{self, Shape};
use super::lift::{Arg, map1, try_map1};
use crate::column::{Column, Data};
use crate::schema::TimestampFormat;
use crate::timestamp;
use crate::types::Type;
use bumpalo::Bump;
use bumpalo::collections::String as ArenaString;
use std::fmt::Write;

/// Whether CAST goes from `from` to `to`.
pub fn castable(from: Type, to: Type) -> bool {
    use Type::{FrequentItems, Timestamp, Varchar};
    match (from, to) {
        (FrequentItems, _) | (_, FrequentItems) => false,
        (Timestamp { .. }, _) => matches!(to, Varchar | Timestamp { .. }),
        (_, Timestamp { .. }) => from == Varchar,
        _ => true,
    }
}

/// `CAST(x AS to)`
///
/// # Panics
/// If there is no such cast: see [`castable`].
pub(super) fn cast<'a>(x: &Arg<'_, 'a>, to: Type, arena: &'a Bump) -> Column<'a> {
    match to {
        Type::Boolean => to_boolean(x),
        Type::BigInt => to_bigint(x),
        Type::Double => to_double(x),
        Type::Decimal { .. } => to_decimal(x, Shape::of(to)),
        Type::Varchar => to_varchar(x, arena),
        Type::Timestamp { precision } => to_timestamp(x, precision),
        Type::FrequentItems => no_cast(x.ty, to),
    }
}

fn no_cast(from: Type, to: Type) -> ! {
    panic!("there is no cast from {from} to {to}, and the binder refuses it")
}

fn to_boolean<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    match x.ty {
        Type::Boolean => map1(x.booleans(), Data::Boolean, |x| x),
        Type::BigInt => map1(x.bigints(), Data::Boolean, |x| x != 0),
        Type::Double => map1(x.doubles(), Data::Boolean, |x| x != 0.0),
        Type::Decimal { .. } => map1(x.decimals(), Data::Boolean, |x| x != 0),
        Type::Varchar => try_map1(x.texts(), Data::Boolean, parse_boolean),
        from => no_cast(from, Type::Boolean),
    }
}

fn parse_boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("t") || is("1") {
        Some(true)
    } else if is("false") || is("f") || is("0") {
        Some(false)
    } else {
        None
    }
}

fn to_bigint<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    match x.ty {
        Type::Boolean => map1(x.booleans(), Data::BigInt, i64::from),
        Type::BigInt => map1(x.bigints(), Data::BigInt, |x| x),
        Type::Double => try_map1(x.doubles(), Data::BigInt, |x| {
            /// 2^63, the first whole number above BIGINT's range.
            const LIMIT: f64 = 9_223_372_036_854_775_808.0;
            let rounded = x.round();
            (-LIMIT..LIMIT).contains(&rounded).then_some(rounded as i64)
        }),
        Type::Decimal { scale, .. } => try_map1(x.decimals(), Data::BigInt, |x| {
            let whole = Shape { precision: decimal::MAX_PRECISION, scale: 0 };
            whole.fit(x, scale)?.try_into().ok()
        }),
        Type::Varchar => try_map1(x.texts(), Data::BigInt, |x| x.trim_ascii().parse().ok()),
        from => no_cast(from, Type::BigInt),
    }
}

fn to_double<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    match x.ty {
        Type::Boolean => map1(x.booleans(), Data::Double, f64::from),
        Type::BigInt => map1(x.bigints(), Data::Double, |x| x as f64),
        Type::Double => map1(x.doubles(), Data::Double, |x| x),
        Type::Decimal { scale, .. } => {
            map1(x.decimals(), Data::Double, |x| decimal::to_double(x, scale))
        }
        Type::Varchar => {
            try_map1(x.texts(), Data::Double, |x| finite(x.trim_ascii().parse().ok()?))
        }
        from => no_cast(from, Type::Double),
    }
}

fn to_decimal<'a>(x: &Arg<'_, 'a>, to: Shape) -> Column<'a> {
    let parse = |text: &str| decimal::parse(text, to.precision, to.scale);
    match x.ty {
        Type::Boolean => try_map1(x.booleans(), Data::Decimal, |x| to.fit(x.into(), 0)),
        Type::BigInt => try_map1(x.bigints(), Data::Decimal, |x| to.fit(x.into(), 0)),
        Type::Double => {
            let mut text = String::new();
            try_map1(x.doubles(), Data::Decimal, |x| {
                text.clear();
                write!(text, "{x:e}").expect("a String takes all text");
                parse(&text)
            })
        }
        Type::Decimal { scale, .. } => try_map1(x.decimals(), Data::Decimal, |x| to.fit(x, scale)),
        Type::Varchar => try_map1(x.texts(), Data::Decimal, |x| parse(x.trim_ascii())),
        from => no_cast(from, Type::Decimal { precision: to.precision, scale: to.scale }),
    }
}

fn to_varchar<'a>(x: &Arg<'_, 'a>, arena: &'a Bump) -> Column<'a> {
    match x.ty {
        Type::Boolean => map1(x.booleans(), Data::Varchar, |x| if x { "true" } else { "false" }),
        Type::BigInt => {
            map1(x.bigints(), Data::Varchar, |x| bumpalo::format!(in arena, "{x}",).into_bump_str())
        }
        Type::Double => map1(x.doubles(), Data::Varchar, |x| format_double(x, arena)),
        Type::Decimal { scale, .. } => {
            map1(x.decimals(), Data::Varchar, |x| &*arena.alloc_str(&decimal::format(x, scale)))
        }
        Type::Varchar => map1(x.texts(), Data::Varchar, |x| x),
        Type::Timestamp { precision } => map1(x.timestamps(), Data::Varchar, |x| {
            &*arena.alloc_str(&timestamp::format(x, precision))
        }),
        from => no_cast(from, Type::Varchar),
    }
}

/// The shortest digits that read back as `x`, in the form of SQL's approximate literals: `1.5E0`,
/// `1.0E-7`, and `0E0` for zero.
fn format_double(x: f64, arena: &Bump) -> &str {
    let mut text: ArenaString<'_> = bumpalo::format!(in arena, "{x:E}",);
    if x != 0.0 && !text.contains('.') {
        let exponent = text.find('E').expect("the exponential form has an exponent");
        text.insert_str(exponent, ".0");
    }
    text.into_bump_str()
}

fn to_timestamp<'a>(x: &Arg<'_, 'a>, precision: u8) -> Column<'a> {
    match x.ty {
        Type::Varchar => try_map1(x.texts(), Data::Timestamp, |x| {
            timestamp::parse(x, TimestampFormat::Iso8601, precision).ok()
        }),
        Type::Timestamp { .. } => {
            map1(x.timestamps(), Data::Timestamp, |x| timestamp::cut(x, precision))
        }
        from => no_cast(from, Type::Timestamp { precision }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::build::{call, null};
    use super::*;
    use crate::expr::evaluate;
    use crate::view::Scalar;
    use std::panic::catch_unwind;

    #[test]
    fn the_casts_that_are_allowed_are_those_that_can_be_done() {
        let types = [
            Type::Boolean,
            Type::BigInt,
            Type::Double,
            Type::Decimal { precision: 5, scale: 2 },
            Type::Varchar,
            Type::Timestamp { precision: 3 },
            Type::FrequentItems,
        ];
        for from in types.into_iter().filter(|ty| *ty != Type::FrequentItems) {
            for to in types {
                let expr = call(Scalar::Cast, to, [null(from)]);
                let done = catch_unwind(|| evaluate(&expr, &[], 1, &Bump::new()).is_valid(0));
                assert_eq!(done.ok(), castable(from, to).then_some(false), "{from} to {to}");
            }
            assert!(!castable(Type::FrequentItems, from), "FREQUENT_ITEMS to {from}");
        }
    }
}
