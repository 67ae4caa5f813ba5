//! Which rows a filter keeps: WHERE and FILTER.
//!
//! A filter keeps the rows where it is true; false and NULL are the same to it. So the operands of
//! AND can be taken one after the other, each over the rows that the ones before it kept: a first
//! condition that keeps few rows spares the others their work.

use super::evaluate;
use crate::column::{Column, Data};
use crate::schema::ColumnId;
use crate::view::{Expr, ExprKind, Scalar};
use bumpalo::Bump;

/// A condition is computed for the rows still in question alone when they are at most one in this
/// many. Where they are more, computing it for all rows costs less than gathering theirs.
const SPARSE: usize = 4;

/// The rows where `filter` is true, ascending. The other arguments are those of [`evaluate`].
pub fn select<'a>(filter: &Expr, columns: &[Column<'a>], rows: usize, arena: &'a Bump) -> Vec<u32> {
    narrow(filter, columns, rows, None, arena)
}

/// The rows among `within`, which ascend, where `filter` is true.
pub fn select_among<'a>(
    filter: &Expr,
    columns: &[Column<'a>],
    rows: usize,
    within: &[u32],
    arena: &'a Bump,
) -> Vec<u32> {
    narrow(filter, columns, rows, Some(within), arena)
}

/// The rows (among `within`, if given) where `filter` is true.
fn narrow<'a>(
    filter: &Expr,
    columns: &[Column<'a>],
    rows: usize,
    within: Option<&[u32]>,
    arena: &'a Bump,
) -> Vec<u32> {
    if let ExprKind::Call(Scalar::And, operands) = &filter.kind {
        let (first, others) = operands.split_first().expect("AND has operands");
        let kept = narrow(first, columns, rows, within, arena);
        return others
            .iter()
            .fold(kept, |kept, other| narrow(other, columns, rows, Some(&kept), arena));
    }
    match within {
        None => {
            let column = evaluate(filter, columns, rows, arena);
            keep(0..rows as u32, flags(&column).iter().copied())
        }
        Some(within) if within.len() * SPARSE > rows => {
            let column = evaluate(filter, columns, rows, arena);
            let flags = flags(&column);
            keep(within.iter().copied(), within.iter().map(|&row| flags[row as usize]))
        }
        Some([]) => Vec::new(),
        Some(within) => {
            let gathered = gather_columns(filter, columns, within);
            let column = evaluate(filter, &gathered, within.len(), arena);
            keep(within.iter().copied(), flags(&column).iter().copied())
        }
    }
}

/// Where a BOOLEAN column is true: the slot of a NULL holds false.
fn flags<'c>(column: &'c Column<'_>) -> &'c [bool] {
    let Data::Boolean(flags) = &column.data else { panic!("a filter is BOOLEAN") };
    flags
}

/// Those of `rows` whose flag is set, without a branch that depends on it.
fn keep(rows: impl ExactSizeIterator<Item = u32>, flags: impl Iterator<Item = bool>) -> Vec<u32> {
    let mut kept = vec![0; rows.len()];
    let mut length = 0;
    for (row, flag) in rows.zip(flags) {
        kept[length] = row;
        length += usize::from(flag);
    }
    kept.truncate(length);
    kept
}

/// `columns` with only the rows `rows`, and of them only the columns that `expr` reads.
fn gather_columns<'a>(expr: &Expr, columns: &[Column<'a>], rows: &[u32]) -> Vec<Column<'a>> {
    let mut gathered = vec![Column::new(Data::Boolean(Vec::new())); columns.len()];
    for_each_column(expr, &mut |id| {
        if gathered[id].is_empty() {
            gathered[id] = gather(&columns[id], rows);
        }
    });
    gathered
}

fn gather<'a>(column: &Column<'a>, rows: &[u32]) -> Column<'a> {
    fn take<T: Clone>(values: &[T], rows: &[u32]) -> Vec<T> {
        rows.iter().map(|&row| values[row as usize].clone()).collect()
    }
    let data = match &column.data {
        Data::Boolean(values) => Data::Boolean(take(values, rows)),
        Data::BigInt(values) => Data::BigInt(take(values, rows)),
        Data::Double(values) => Data::Double(take(values, rows)),
        Data::Decimal(values) => Data::Decimal(take(values, rows)),
        Data::Varchar(values) => Data::Varchar(take(values, rows)),
        Data::Timestamp(values) => Data::Timestamp(take(values, rows)),
        Data::Binary(values) => Data::Binary(take(values, rows)),
        Data::FrequentItems(values) => Data::FrequentItems(take(values, rows)),
    };
    Column { data, valid: column.valid.as_ref().map(|valid| take(valid, rows)) }
}

fn for_each_column(expr: &Expr, visit: &mut impl FnMut(ColumnId)) {
    match &expr.kind {
        ExprKind::Column(id) => visit(*id),
        ExprKind::Literal(_) => {}
        ExprKind::Call(_, args) => args.iter().for_each(|arg| for_each_column(arg, visit)),
        ExprKind::Case { branches, otherwise } => {
            for (condition, result) in branches {
                for_each_column(condition, visit);
                for_each_column(result, visit);
            }
            otherwise.iter().for_each(|otherwise| for_each_column(otherwise, visit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::build::{Boolean, boolean, call, col, column, int, null};
    use super::*;
    use crate::types::{Type, Value};

    /// `Column(0) operator value`, of BIGINTs.
    fn condition(operator: Scalar, value: i64) -> Expr {
        call(operator, Boolean, [col(0, Type::BigInt), int(value)])
    }

    fn numbers(range: std::ops::Range<i64>, arena: &Bump) -> Vec<Column<'_>> {
        let values: Vec<Value> =
            range.map(|n| if n % 10 == 3 { Value::Null } else { Value::BigInt(n) }).collect();
        // The second column is never read, and so is empty as the decoder leaves it.
        vec![column(Type::BigInt, &values, arena), Column::new(Data::Varchar(Vec::new()))]
    }

    #[test]
    fn null_is_not_selected() {
        let arena = Bump::new();
        let columns = numbers(0..20, &arena);
        let less = condition(Scalar::Less, 5);
        assert_eq!(select(&less, &columns, 20, &arena), [0, 1, 2, 4]);
        let not_less = call(Scalar::Not, Boolean, [less]);
        assert_eq!(select(&not_less, &columns, 20, &arena).len(), 14);
    }

    #[test]
    fn constants_select_all_rows_or_none() {
        let arena = Bump::new();
        assert_eq!(select(&boolean(true), &[], 3, &arena), [0, 1, 2]);
        assert!(select(&boolean(false), &[], 3, &arena).is_empty());
        assert!(select(&null(Boolean), &[], 3, &arena).is_empty());
        assert!(select(&boolean(true), &[], 0, &arena).is_empty());
        assert_eq!(select_among(&boolean(true), &[], 9, &[2, 7], &arena), [2, 7]);
    }

    #[test]
    fn operands_of_and_narrow_from_a_thousand_rows_to_one() {
        let arena = Bump::new();
        let columns = numbers(0..1000, &arena);
        let and = |args| call::<3>(Scalar::And, Boolean, args);
        let tail = and([
            condition(Scalar::GreaterOrEqual, 100),
            condition(Scalar::Less, 130),
            condition(Scalar::NotEqual, 111),
        ]);
        let filter = and([tail, condition(Scalar::Greater, 110), condition(Scalar::Less, 115)]);
        assert_eq!(select(&filter, &columns, 1000, &arena), [112, 114]);
        assert_eq!(select_among(&filter, &columns, 1000, &[5, 114, 115], &arena), [114]);
        assert!(select_among(&filter, &columns, 1000, &[], &arena).is_empty());
    }
}
