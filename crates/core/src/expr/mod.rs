//! Scalar expressions, evaluated column by column over a batch of events.
//!
//! [`evaluate`] walks the expression once per batch. What each call means is looked up in one table
//! (`Batch::call`), and from there on plain loops run over slices (`lift`): nothing is chosen per
//! row.
//!
//! Expressions are **total**: what SQL calls an error (division by zero, overflow, a bad CAST) is
//! NULL, as under Trino's `TRY`, so that one odd event can stop neither a shard nor a build. They
//! are **deterministic** to the bit on every machine, so that both layers compute the same.
//!
//! The binder ([`crate::sql`]) promises well-typed expressions; a broken promise panics.

mod arithmetic;
mod cast;
mod choose;
mod compare;
pub mod decimal;
mod lift;
mod like;
mod literal;
mod logic;
mod select;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub use cast::castable;
pub use like::{InvalidEscape, Pattern};
pub use select::{select, select_among};

use crate::column::Column;
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar};
use bumpalo::Bump;
use lift::Arg;
use std::borrow::Cow;

/// Evaluates `expr` over `rows` rows of `columns`, where `Column(i)` is `columns[i]`; a column that
/// `expr` does not read may be empty. An expression that is just a column is borrowed. New text is
/// made in `arena`. Total: see [`Expr`].
///
/// # Panics
/// If `expr` is not well typed.
pub fn evaluate<'c, 'a>(
    expr: &Expr,
    columns: &'c [Column<'a>],
    rows: usize,
    arena: &'a Bump,
) -> Cow<'c, Column<'a>> {
    let result = Batch { columns, rows, arena }.evaluate(expr);
    if result.column.len() == rows {
        result.column
    } else {
        Cow::Owned(lift::spread(&result, rows))
    }
}

/// What an expression is evaluated over.
#[derive(Clone, Copy)]
struct Batch<'c, 'a> {
    columns: &'c [Column<'a>],
    rows: usize,
    arena: &'a Bump,
}

impl<'c, 'a> Batch<'c, 'a> {
    /// The value of `expr` in every row, or once for all rows.
    fn evaluate(self, expr: &Expr) -> Arg<'c, 'a> {
        let column = match &expr.kind {
            ExprKind::Column(id) => Cow::Borrowed(&self.columns[*id]),
            ExprKind::Literal(value) => Cow::Owned(literal::column(&[value], expr.ty, self.arena)),
            ExprKind::Call(Scalar::In, args) => Cow::Owned(self.is_in(args)),
            ExprKind::Call(function, args) => {
                Cow::Owned(self.call(function, &self.evaluate_all(args), expr.ty))
            }
            ExprKind::Case { branches, otherwise } => {
                Cow::Owned(self.case(branches, otherwise.as_deref(), expr.ty))
            }
        };
        Arg { ty: expr.ty, column }
    }

    fn evaluate_all(self, exprs: &[Expr]) -> Vec<Arg<'c, 'a>> {
        exprs.iter().map(|expr| self.evaluate(expr)).collect()
    }

    /// IN stands apart from other calls: its list is no value per row.
    fn is_in(self, args: &[Expr]) -> Column<'a> {
        let (x, list) = args.split_first().expect("IN has a left side");
        let literals: Vec<&Value> = list
            .iter()
            .map(|item| match &item.kind {
                ExprKind::Literal(value) => value,
                other => panic!("the list of IN has literals, not {other:?}: the binder's promise"),
            })
            .collect();
        let list = literal::column(&literals, x.ty, self.arena);
        compare::is_in(&self.evaluate(x), &Arg { ty: x.ty, column: Cow::Owned(list) })
    }

    fn case(self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>, ty: Type) -> Column<'a> {
        let conditions: Vec<_> = branches.iter().map(|(when, _)| self.evaluate(when)).collect();
        let mut results: Vec<_> = branches.iter().map(|(_, then)| self.evaluate(then)).collect();
        results.push(match otherwise {
            Some(otherwise) => self.evaluate(otherwise),
            None => Arg { ty, column: Cow::Owned(Column::nulls(ty, 1)) },
        });
        choose::case(&conditions, &results, self.rows)
    }

    /// The functions of the language.
    fn call(self, function: &Scalar, args: &[Arg<'c, 'a>], ty: Type) -> Column<'a> {
        use Scalar::*;
        let arena = self.arena;
        match (function, args) {
            (And, args) => logic::and(args),
            (Or, args) => logic::or(args),
            (Not, [x]) => logic::not(x),
            (IsNull, [x]) => logic::is_null(x),

            (Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual, [x, y]) => {
                compare::compare(function, x, y)
            }
            (IsDistinctFrom, [x, y]) => compare::is_distinct_from(x, y),
            (Greatest, args) => compare::greatest(args),
            (Least, args) => compare::least(args),
            (Like { pattern, escape }, [s]) => like::like(s, pattern, *escape),

            (Coalesce, args) => choose::coalesce(args, self.rows),
            (NullIf, [x, y]) => choose::null_if(x, y),
            (Cast, [x]) => cast::cast(x, ty, arena),

            (Add, [x, y]) => arithmetic::add(x, y, ty),
            (Subtract, [x, y]) => arithmetic::subtract(x, y, ty),
            (Multiply, [x, y]) => arithmetic::multiply(x, y, ty),
            (Divide, [x, y]) => arithmetic::divide(x, y, ty),
            (Modulo, [x, y]) => arithmetic::modulo(x, y, ty),
            (Negate, [x]) => arithmetic::negate(x, ty),
            (Abs, [x]) => arithmetic::abs(x, ty),
            (Sign, [x]) => arithmetic::sign(x, ty),
            (Ceil, [x]) => arithmetic::ceil(x, ty),
            (Floor, [x]) => arithmetic::floor(x, ty),
            (Round, [x]) => arithmetic::round(x, ty),
            (Round, [x, digits]) => arithmetic::round_to(x, digits, ty),
            (Sqrt, [x]) => arithmetic::sqrt(x),
            (Ln, [x]) => arithmetic::ln(x),
            (Log10, [x]) => arithmetic::log10(x),
            (Exp, [x]) => arithmetic::exp(x),
            (Power, [x, y]) => arithmetic::power(x, y),

            (Lower, [s]) => text::lower(s, arena),
            (Upper, [s]) => text::upper(s, arena),
            (Trim, [s]) => text::trim(s),
            (Ltrim, [s]) => text::ltrim(s),
            (Rtrim, [s]) => text::rtrim(s),
            (Length, [s]) => text::length(s),
            (Substr, [s, start]) => text::substr(s, start),
            (Substr, [s, start, length]) => text::substr_length(s, start, length),
            (Concat, args) => text::concat(args, arena),
            (SplitPart, [s, delimiter, index]) => text::split_part(s, delimiter, index),
            (Replace, [s, search, replacement]) => text::replace(s, search, replacement, arena),
            (StartsWith, [s, prefix]) => text::starts_with(s, prefix),
            (Strpos, [s, sub]) => text::strpos(s, sub),

            (Truncate(width), [t]) => time::truncate(t, *width),
            (
                Year | Quarter | Month | Week | Day | DayOfWeek | DayOfYear | Hour | Minute
                | Second | Millisecond,
                [t],
            ) => time::extract(function, t),
            (ToUnixtime, [t]) => time::to_unixtime(t),
            (FromUnixtime, [x]) => time::from_unixtime(x),

            (function, args) => {
                panic!("{function:?} with {} arguments, which the binder refuses", args.len())
            }
        }
    }
}
