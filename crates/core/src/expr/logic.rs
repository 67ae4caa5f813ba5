//! Three-valued logic: AND, OR, NOT, IS NULL.
//!
//! NULL is "unknown": `FALSE AND NULL` is FALSE and `TRUE OR NULL` is TRUE, since the unknown
//! operand could not change the result; everything else that meets NULL stays unknown.

use super::lift::{Arg, Values, map1, map2, map2_nullable};
use crate::column::{Column, Data};
use std::borrow::Cow;

/// All of `args`: false if one is, else NULL if one is, else true.
pub(super) fn and<'a>(args: &[Arg<'_, 'a>]) -> Column<'a> {
    fold(args, |x, y| x & y, false)
}

/// Any of `args`: true if one is, else NULL if one is, else false.
pub(super) fn or<'a>(args: &[Arg<'_, 'a>]) -> Column<'a> {
    fold(args, |x, y| x | y, true)
}

/// Combines `args` with `operator`, where `decisive` is the operand that settles the result alone.
fn fold<'a>(
    args: &[Arg<'_, 'a>],
    operator: impl Fn(bool, bool) -> bool,
    decisive: bool,
) -> Column<'a> {
    let (first, rest) = args.split_first().expect("AND and OR have operands");
    rest.iter().fold(first.column.clone().into_owned(), |column, arg| {
        let folded = Arg { ty: first.ty, column: Cow::Owned(column) };
        kleene(folded.booleans(), arg.booleans(), &operator, decisive)
    })
}

fn kleene<'a>(
    x: Values<'_, bool>,
    y: Values<'_, bool>,
    operator: impl Fn(bool, bool) -> bool,
    decisive: bool,
) -> Column<'a> {
    if x.valid().is_none() && y.valid().is_none() {
        return map2(x, y, Data::Boolean, operator);
    }
    map2_nullable(x, y, Data::Boolean, |x, y| match (x, y) {
        (Some(x), Some(y)) => Some(operator(x, y)),
        (Some(known), None) | (None, Some(known)) => (known == decisive).then_some(decisive),
        (None, None) => None,
    })
}

/// NOT; NULL stays NULL.
pub(super) fn not<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    map1(x.booleans(), Data::Boolean, |x| !x)
}

/// Whether `x` is NULL; never NULL itself.
pub(super) fn is_null<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    Column::new(Data::Boolean(match &x.column.valid {
        Some(valid) => valid.iter().map(|valid| !valid).collect(),
        None => vec![false],
    }))
}
