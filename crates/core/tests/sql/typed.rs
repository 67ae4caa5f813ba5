//! The binder's promise to the evaluator: what compiles is well typed, down to the last argument.

use super::golden::File;
use super::views;
use anabranch_core::column::{Column, Data};
use anabranch_core::expr::evaluate;
use anabranch_core::schema::Schema;
use anabranch_core::types::Type;
use anabranch_core::view::{Expr, View};
use bumpalo::Bump;

/// A NULL, and values that are easily mishandled: the extremes, zero, nothing.
fn sample(ty: Type) -> Column<'static> {
    let valid = Some(vec![false, true, true, true]);
    let data = match ty {
        Type::Boolean => Data::Boolean(vec![false, true, false, true]),
        Type::BigInt => Data::BigInt(vec![0, i64::MIN, 0, i64::MAX]),
        Type::Double => Data::Double(vec![0.0, f64::MIN, 0.0, f64::MAX]),
        Type::Decimal { precision, .. } => {
            let most = 10i128.pow(precision.into()) - 1;
            Data::Decimal(vec![0, -most, 0, most])
        }
        Type::Varchar => Data::Varchar(vec!["", "", "1", "/é/𝄞"]),
        Type::Timestamp { .. } => {
            // The first and the last whole second there is, and 1970.
            Data::Timestamp(vec![0, -62_135_596_800_000_000, 0, 253_402_300_799_000_000])
        }
        Type::FrequentItems => Data::FrequentItems(vec![Vec::new(); 4]),
    };
    Column { data, valid }
}

fn has_type(column: &Column<'_>, ty: Type) -> bool {
    match (&column.data, ty) {
        (Data::Boolean(_), Type::Boolean)
        | (Data::BigInt(_), Type::BigInt)
        | (Data::Double(_), Type::Double)
        | (Data::Varchar(_), Type::Varchar)
        | (Data::Timestamp(_), Type::Timestamp { .. })
        | (Data::FrequentItems(_), Type::FrequentItems) => true,
        (Data::Decimal(values), Type::Decimal { precision, .. }) => {
            values.iter().all(|value| value.unsigned_abs() < 10u128.pow(precision.into()))
        }
        _ => false,
    }
}

/// Evaluates every expression of `view`, a view over `schema`.
pub(crate) fn check(schema: &Schema, view: &View) {
    let columns: Vec<_> = schema.columns.iter().map(|column| sample(column.ty)).collect();
    let filters = view.aggregates.iter().flat_map(|aggregate| &aggregate.filter);
    for filter in view.filter.iter().chain(filters) {
        assert_eq!(filter.ty, Type::Boolean);
        check_expr(view, filter, &columns);
    }
    view.keys.iter().for_each(|key| check_expr(view, &key.expr, &columns));
    let args = view.aggregates.iter().flat_map(|aggregate| &aggregate.args);
    args.for_each(|arg| check_expr(view, arg, &columns));
    let outputs: Vec<_> = view.outputs.iter().map(|output| sample(output.ty)).collect();
    view.measures.iter().for_each(|measure| check_expr(view, &measure.expr, &outputs));
}

fn check_expr(view: &View, expr: &Expr, columns: &[Column<'static>]) {
    let arena = Bump::new();
    let columns: Vec<Column<'_>> = columns.to_vec();
    let column = evaluate(expr, &columns, 4, &arena);
    assert_eq!(column.len(), 4, "{expr} of\n{}", view.plan);
    assert!(has_type(&column, expr.ty), "{expr} is {column:?} in\n{}", view.plan);
}

#[test]
fn every_compiled_expression_evaluates_to_its_type() {
    let mut checked = 0;
    for file in File::read_all() {
        let Some(schema) = &file.schema else { continue };
        for case in &file.cases {
            let Ok(views) = views(schema, &case.sql) else { continue };
            views.iter().for_each(|view| check(schema, view));
            checked += views.len();
        }
    }
    assert!(checked > 50, "only {checked} views compile");
}
