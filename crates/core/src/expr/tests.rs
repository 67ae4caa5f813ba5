//! What expressions mean: a table of results worked out by hand, and a naive interpreter of single
//! rows that random expressions over random columns are compared with.

pub(super) mod build;
mod random;
mod reference;
mod table;

use super::evaluate;
use crate::column::{Column, Data};
use crate::types::Value;
use crate::view::Scalar;
use build::{BigInt, call, col, int, null};
use bumpalo::Bump;
use std::borrow::Cow;

#[test]
fn a_plain_column_is_borrowed() {
    let arena = Bump::new();
    let columns = [Column::new(Data::BigInt(vec![1, 2, 3]))];
    let result = evaluate(&col(0, BigInt), &columns, 3, &arena);
    assert!(matches!(result, Cow::Borrowed(column) if std::ptr::eq(column, &columns[0])));
}

#[test]
fn a_constant_fills_all_rows_however_many() {
    let arena = Bump::new();
    let sum = call(Scalar::Add, BigInt, [int(1), int(2)]);
    for rows in [0, 1, 2] {
        let result = evaluate(&sum, &[], rows, &arena);
        assert_eq!(*result, Column::new(Data::BigInt(vec![3; rows])));
        let result = evaluate(&null(BigInt), &[], rows, &arena);
        assert_eq!(result.len(), rows);
        assert!((0..rows).all(|row| result.value(row) == Value::Null));
    }
}

#[test]
fn a_batch_of_one_row_is_no_constant() {
    // A column of one value also stands for a constant, which must make no difference here.
    let arena = Bump::new();
    let columns = [Column::new(Data::BigInt(vec![4])), Column::nulls(BigInt, 1)];
    let add = |y| call(Scalar::Add, BigInt, [col(0, BigInt), y]);
    let value = |y| evaluate(&add(y), &columns, 1, &arena).value(0);
    assert_eq!(value(col(0, BigInt)), Value::BigInt(8));
    assert_eq!(value(int(1)), Value::BigInt(5));
    assert_eq!(value(col(1, BigInt)), Value::Null);
}
