//! Comparison: `=`, `<`, …, IS DISTINCT FROM, IN, GREATEST, LEAST.
//!
//! VARCHAR compares by code point, which for UTF-8 is the order of bytes; DOUBLE needs no care, as
//! no value is NaN or negative zero; DECIMAL operands have one scale, so their unscaled values
//! compare.

use super::lift::{Arg, Values, by_type, map1, map2, map2_nullable, try_map1};
use crate::column::{Column, Data};
use crate::view::Scalar;
use std::borrow::Cow;

/// Up to this many literals IN compares with one after the other; beyond, it searches by halves.
const LINEAR_IN: usize = 8;

/// `x operator y` for the six comparison operators.
pub(super) fn compare<'a>(operator: &Scalar, x: &Arg<'_, 'a>, y: &Arg<'_, 'a>) -> Column<'a> {
    by_type!(x.ty, values, _wrap => compare_values(operator, values(x), values(y)))
}

fn compare_values<'a, T: Copy + PartialOrd>(
    operator: &Scalar,
    x: Values<'_, T>,
    y: Values<'_, T>,
) -> Column<'a> {
    match operator {
        Scalar::Equal => map2(x, y, Data::Boolean, |x, y| x == y),
        Scalar::NotEqual => map2(x, y, Data::Boolean, |x, y| x != y),
        Scalar::Less => map2(x, y, Data::Boolean, |x, y| x < y),
        Scalar::LessOrEqual => map2(x, y, Data::Boolean, |x, y| x <= y),
        Scalar::Greater => map2(x, y, Data::Boolean, |x, y| x > y),
        Scalar::GreaterOrEqual => map2(x, y, Data::Boolean, |x, y| x >= y),
        other => panic!("{other:?} is not a comparison"),
    }
}

/// Whether `x` and `y` differ, where NULL equals NULL and nothing else.
pub(super) fn is_distinct_from<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>) -> Column<'a> {
    by_type!(x.ty, values, _wrap => {
        map2_nullable(values(x), values(y), Data::Boolean, |x, y| Some(x != y))
    })
}

/// The greatest of `args`; NULL if one is.
pub(super) fn greatest<'a>(args: &[Arg<'_, 'a>]) -> Column<'a> {
    by_type!(args[0].ty, values, wrap => {
        reduce(args, |x, y| map2(values(x), values(y), wrap, greater_of))
    })
}

/// The least of `args`; NULL if one is.
pub(super) fn least<'a>(args: &[Arg<'_, 'a>]) -> Column<'a> {
    by_type!(args[0].ty, values, wrap => {
        reduce(args, |x, y| map2(values(x), values(y), wrap, lesser_of))
    })
}

fn greater_of<T: PartialOrd>(x: T, y: T) -> T {
    if y > x { y } else { x }
}

fn lesser_of<T: PartialOrd>(x: T, y: T) -> T {
    if y < x { y } else { x }
}

fn reduce<'c, 'a>(
    args: &[Arg<'c, 'a>],
    combine: impl Fn(&Arg<'c, 'a>, &Arg<'c, 'a>) -> Column<'a>,
) -> Column<'a> {
    let (first, rest) = args.split_first().expect("GREATEST and LEAST have arguments");
    rest.iter().fold(first.column.clone().into_owned(), |column, arg| {
        combine(&Arg { ty: first.ty, column: Cow::Owned(column) }, arg)
    })
}

/// `x IN (list)`: true where a value of `list` equals `x`; else NULL if `list` has a NULL or `x` is
/// one; else false. `list` is not one value per row: every row is compared with all of it.
pub(super) fn is_in<'a>(x: &Arg<'_, 'a>, list: &Arg<'_, 'a>) -> Column<'a> {
    by_type!(x.ty, values, _wrap => is_among(values(x), values(list)))
}

fn is_among<'a, T: Copy + PartialOrd>(x: Values<'_, T>, list: Values<'_, T>) -> Column<'a> {
    let has_null = list.valid().is_some_and(|valid| valid.contains(&false));
    let mut known: Vec<T> =
        (0..list.slots().len()).filter(|&i| list.is_valid(i)).map(|i| list.slots()[i]).collect();
    if known.len() <= LINEAR_IN {
        return membership(x, has_null, |x| known.contains(&x));
    }
    let order = |x: &T, y: &T| x.partial_cmp(y).expect("no value is NaN");
    known.sort_unstable_by(order);
    membership(x, has_null, |x| known.binary_search_by(|y| order(y, &x)).is_ok())
}

fn membership<'a, T: Copy>(
    x: Values<'_, T>,
    has_null: bool,
    is_known: impl Fn(T) -> bool,
) -> Column<'a> {
    if has_null {
        try_map1(x, Data::Boolean, |x| is_known(x).then_some(true))
    } else {
        map1(x, Data::Boolean, is_known)
    }
}
