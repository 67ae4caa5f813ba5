//! Literals as columns.

use super::arithmetic::finite;
use crate::column::{Column, Data};
use crate::types::{Type, Value};
use bumpalo::Bump;

/// The column of `values`, which are of type `ty` or NULL. Texts are copied to `arena`.
///
/// # Panics
/// If a value is of another type, which the binder rules out.
pub(super) fn column<'a>(values: &[&Value], ty: Type, arena: &'a Bump) -> Column<'a> {
    let mut column = Column::nulls(ty, values.len());
    let mut valid = vec![true; values.len()];
    for (i, value) in values.iter().enumerate() {
        match (&mut column.data, value) {
            (_, Value::Null) => valid[i] = false,
            (Data::Boolean(slots), Value::Boolean(value)) => slots[i] = *value,
            (Data::BigInt(slots), Value::BigInt(value)) => slots[i] = *value,
            (Data::Double(slots), Value::Double(value)) => match finite(*value) {
                Some(value) => slots[i] = value,
                None => valid[i] = false,
            },
            (Data::Decimal(slots), Value::Decimal(value)) => slots[i] = *value,
            (Data::Varchar(slots), Value::Varchar(value)) => slots[i] = arena.alloc_str(value),
            (Data::Timestamp(slots), Value::Timestamp(value)) => slots[i] = *value,
            (_, other) => panic!("the literal {other:?} is no {ty}, which the binder rules out"),
        }
    }
    column.valid = valid.contains(&false).then_some(valid);
    column
}
