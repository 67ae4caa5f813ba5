//! Scalar expressions, evaluated column by column over a batch.

use crate::column::Column;
use crate::view::Expr;
use bumpalo::Bump;

/// Evaluates `expr` over `rows` rows of `columns`, where `Column(i)` is `columns[i]`. New text is
/// made in `arena`. Total: see [`Expr`].
pub fn evaluate<'a>(
    expr: &Expr,
    columns: &[Column<'a>],
    rows: usize,
    arena: &'a Bump,
) -> Column<'a> {
    let _ = (expr, columns, rows, arena);
    unreachable!("replaced by the expr module's author")
}
