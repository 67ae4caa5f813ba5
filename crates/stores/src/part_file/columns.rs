//! Core's columns as Arrow arrays, and back.
//!
//! | core | Arrow, and so Parquet |
//! |---|---|
//! | BOOLEAN, BIGINT, DOUBLE | Boolean, Int64, Float64 |
//! | DECIMAL(p,s) | Decimal128(p,s); a state has no scale of its own: Decimal128(38,0) |
//! | VARCHAR | LargeUtf8 |
//! | TIMESTAMP | Timestamp in microseconds, UTC |
//! | an encoded state | LargeBinary |
//! | frequent items | LargeUtf8: `[{"value":"a","count":3,"error":0},…]` |
//!
//! What goes in comes out, except that frequent items stay text: they are written for other engines.

use anabranch_core::column::{Column, Data};
use anabranch_core::types::{FrequentItem, Type};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, LargeBinaryArray,
    LargeStringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, TimeUnit};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// The Arrow type for `data`; `ty` tells a DECIMAL's precision and scale where they are known.
pub(super) fn data_type(data: &Data<'_>, ty: Option<Type>) -> DataType {
    match (data, ty) {
        (Data::Boolean(_), _) => DataType::Boolean,
        (Data::BigInt(_), _) => DataType::Int64,
        (Data::Double(_), _) => DataType::Float64,
        (Data::Decimal(_), Some(Type::Decimal { precision, scale })) => {
            DataType::Decimal128(precision, scale as i8)
        }
        (Data::Decimal(_), _) => DataType::Decimal128(38, 0),
        (Data::Varchar(_) | Data::FrequentItems(_), _) => DataType::LargeUtf8,
        (Data::Timestamp(_), _) => timestamp_type(),
        (Data::Binary(_), _) => DataType::LargeBinary,
    }
}

/// The Arrow type of buckets.
pub(super) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Rows `rows` of bucket starts.
pub(super) fn buckets_to_arrow(buckets: &[i64], rows: Range<usize>) -> ArrayRef {
    let values = buckets[rows].to_vec();
    Arc::new(TimestampMicrosecondArray::new(values.into(), None).with_timezone("UTC"))
}

/// Rows `rows` of a column as an array of the type `ty`, which [`data_type`] gave for it.
pub(super) fn to_arrow(column: &Column<'_>, rows: Range<usize>, ty: &DataType) -> ArrayRef {
    let valid = column.valid.as_ref().map(|valid| NullBuffer::from(&valid[rows.clone()]));
    match &column.data {
        Data::Boolean(v) => Arc::new(BooleanArray::new(BooleanBuffer::from(&v[rows]), valid)),
        Data::BigInt(v) => Arc::new(Int64Array::new(v[rows].to_vec().into(), valid)),
        Data::Double(v) => Arc::new(Float64Array::new(v[rows].to_vec().into(), valid)),
        Data::Decimal(v) => {
            let array = Decimal128Array::new(v[rows].to_vec().into(), valid);
            Arc::new(array.with_data_type(ty.clone()))
        }
        Data::Timestamp(v) => {
            let array = TimestampMicrosecondArray::new(v[rows].to_vec().into(), valid);
            Arc::new(array.with_timezone("UTC"))
        }
        Data::Varchar(v) => {
            let values = rows.map(|i| column.is_valid(i).then(|| v[i]));
            Arc::new(values.collect::<LargeStringArray>())
        }
        Data::FrequentItems(v) => {
            let values = rows.map(|i| column.is_valid(i).then(|| items_to_json(&v[i])));
            Arc::new(values.collect::<LargeStringArray>())
        }
        Data::Binary(v) => {
            let values = rows.map(|i| column.is_valid(i).then(|| v[i].as_ref()));
            Arc::new(values.collect::<LargeBinaryArray>())
        }
    }
}

/// The column that an array holds; `None` if its type is none of the table's above.
pub(super) fn from_arrow(array: &dyn Array) -> Option<Column<'_>> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let valid = nulls.map(|nulls| nulls.iter().collect::<Vec<bool>>());
    let defined = |i: usize| valid.as_ref().is_none_or(|valid| valid[i]);
    let rows = 0..array.len();
    let data = match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean();
            Data::Boolean(rows.map(|i| defined(i) && values.value(i)).collect())
        }
        DataType::Int64 => {
            Data::BigInt(defaulted(array.as_primitive::<Int64Type>().values(), &valid))
        }
        DataType::Float64 => {
            Data::Double(defaulted(array.as_primitive::<Float64Type>().values(), &valid))
        }
        DataType::Decimal128(..) => {
            Data::Decimal(defaulted(array.as_primitive::<Decimal128Type>().values(), &valid))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = array.as_primitive::<TimestampMicrosecondType>().values();
            Data::Timestamp(defaulted(values, &valid))
        }
        DataType::LargeUtf8 => {
            let values = array.as_string::<i64>();
            Data::Varchar(rows.map(|i| if defined(i) { values.value(i) } else { "" }).collect())
        }
        DataType::LargeBinary => {
            let values = array.as_binary::<i64>();
            let value = |i| Cow::Borrowed(if defined(i) { values.value(i) } else { &[] });
            Data::Binary(rows.map(value).collect())
        }
        _ => return None,
    };
    Some(Column { data, valid })
}

/// The values, with the default where there is none: what Arrow leaves there is arbitrary.
fn defaulted<T: Copy + Default>(values: &[T], valid: &Option<Vec<bool>>) -> Vec<T> {
    match valid {
        None => values.to_vec(),
        Some(valid) => {
            let value = |(value, valid): (&T, &bool)| if *valid { *value } else { T::default() };
            values.iter().zip(valid).map(value).collect()
        }
    }
}

fn items_to_json(items: &[FrequentItem]) -> String {
    let item = |item: &FrequentItem| serde_json::json!({ "value": item.value, "count": item.count, "error": item.error });
    items.iter().map(item).collect::<serde_json::Value>().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(column: &Column<'_>) {
        let ty = data_type(&column.data, None);
        let array = to_arrow(column, 0..column.len(), &ty);
        assert_eq!(array.data_type(), &ty);
        assert_eq!(from_arrow(&array).as_ref(), Some(column));
    }

    #[test]
    fn every_column_comes_back_with_its_nulls() {
        for valid in [None, Some(vec![true, false, true])] {
            let of = |data| Column { data, valid: valid.clone() };
            there_and_back(&of(Data::Boolean(vec![true, false, true])));
            there_and_back(&of(Data::BigInt(vec![i64::MIN, 0, i64::MAX])));
            there_and_back(&of(Data::Double(vec![f64::MIN, 0.0, 5e-324])));
            there_and_back(&of(Data::Decimal(vec![i128::MIN, 0, i128::MAX])));
            there_and_back(&of(Data::Timestamp(vec![-1, 0, 253_402_300_799_999_999])));
            there_and_back(&of(Data::Varchar(vec!["\0é", "", "x"])));
            there_and_back(&of(Data::Binary(vec![
                b"a\0"[..].into(),
                b""[..].into(),
                b"c"[..].into(),
            ])));
        }
    }

    #[test]
    fn frequent_items_are_json_for_others_to_read() {
        let item = FrequentItem { value: "say \"hi\"".to_owned(), count: 3, error: 1 };
        let column = Column::new(Data::FrequentItems(vec![vec![item], vec![]]));
        let ty = data_type(&column.data, Some(Type::FrequentItems));
        let array = to_arrow(&column, 0..2, &ty);
        let expected = Data::Varchar(vec![r#"[{"count":3,"error":1,"value":"say \"hi\""}]"#, "[]"]);
        assert_eq!(from_arrow(&array).unwrap().data, expected);
    }
}
