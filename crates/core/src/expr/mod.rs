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
/// STUB
pub fn select(filter: &Expr, columns: &[Column<'_>], rows: usize, arena: &Bump) -> Vec<u32> {
    let _ = (filter, columns, rows, arena);
    unreachable!()
}
/// STUB
pub mod decimal {
    /// STUB
    pub fn parse(_: &str, _: u8, _: u8) -> Option<i128> {
        None
    }
}
