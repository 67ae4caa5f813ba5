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

#[cfg(test)]
mod tests {
    use super::super::tests::build::{Boolean, call, col, column, literal};
    use crate::expr::evaluate;
    use crate::types::Value;
    use crate::view::{Expr, Scalar};
    use bumpalo::Bump;

    const T: Value = Value::Boolean(true);
    const F: Value = Value::Boolean(false);
    const N: Value = Value::Null;

    /// Every pair of truth values with its result, as two columns and as column and literal.
    fn assert_truth_table(operator: Scalar, table: [(Value, Value, Value); 9]) {
        let arena = Bump::new();
        let x: Vec<Value> = table.iter().map(|(x, _, _)| x.clone()).collect();
        let y: Vec<Value> = table.iter().map(|(_, y, _)| y.clone()).collect();
        let columns = [column(Boolean, &x, &arena), column(Boolean, &y, &arena)];
        let [first, second] = [0, 1].map(|id| col(id, Boolean));
        let of = |x: &Expr, y: &Expr| call(operator.clone(), Boolean, [x.clone(), y.clone()]);
        let both = evaluate(&of(&first, &second), &columns, 9, &arena);
        for (i, (x, y, expected)) in table.iter().enumerate() {
            assert_eq!(both.value(i), *expected, "{x:?} {operator:?} {y:?}");
            let [x, y] = [x, y].map(|value| literal(Boolean, value.clone()));
            for expr in [of(&x, &second), of(&first, &y), of(&x, &y)] {
                assert_eq!(evaluate(&expr, &columns, 9, &arena).value(i), *expected, "{expr:?}");
            }
        }
    }

    #[test]
    fn and_is_false_where_either_is_false_whatever_the_other() {
        assert_truth_table(
            Scalar::And,
            [
                (T, T, T),
                (T, F, F),
                (T, N, N),
                (F, T, F),
                (F, F, F),
                (F, N, F),
                (N, T, N),
                (N, F, F),
                (N, N, N),
            ],
        );
    }

    #[test]
    fn or_is_true_where_either_is_true_whatever_the_other() {
        assert_truth_table(
            Scalar::Or,
            [
                (T, T, T),
                (T, F, T),
                (T, N, T),
                (F, T, T),
                (F, F, F),
                (F, N, N),
                (N, T, T),
                (N, F, N),
                (N, N, N),
            ],
        );
    }

    #[test]
    fn distinctness_takes_null_for_a_value_equal_to_itself() {
        assert_truth_table(
            Scalar::IsDistinctFrom,
            [
                (T, T, F),
                (T, F, T),
                (T, N, T),
                (F, T, T),
                (F, F, F),
                (F, N, T),
                (N, T, T),
                (N, F, T),
                (N, N, F),
            ],
        );
    }
}
