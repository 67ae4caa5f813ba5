//! The decoder held against its rules, against serde_json, and against hostile payloads.

mod hostile;
mod properties;
mod rules;

use super::{Decoder, Reason, Rejection};
use crate::column::Column;
use crate::schema::{ColumnDef, ColumnId, Schema, TimestampFormat};
use crate::types::{Type, Value};
use bumpalo::Bump;

/// A schema of these columns (paths joined by dots), the first of which is the event time.
fn schema(format: TimestampFormat, columns: &[(&str, Type)]) -> Schema {
    let column = |&(path, ty): &(&str, Type)| ColumnDef {
        path: path.split('.').map(str::to_owned).collect(),
        ty,
    };
    Schema {
        table: "events".to_owned(),
        columns: columns.iter().map(column).collect(),
        event_time: 0,
        timestamp_format: format,
    }
}

/// One column of every type, two of them nested, and the event time `t` in seconds.
fn one_of_each() -> Schema {
    schema(
        TimestampFormat::EpochSeconds,
        &[
            ("t", Type::Timestamp { precision: 0 }),
            ("bool", Type::Boolean),
            ("int", Type::BigInt),
            ("double", Type::Double),
            ("dec", Type::Decimal { precision: 6, scale: 2 }),
            ("text", Type::Varchar),
            ("time", Type::Timestamp { precision: 3 }),
            ("device.os", Type::Varchar),
            ("device.screen.width", Type::BigInt),
        ],
    )
}

/// The values of a payload's columns, after making sure that the verdict is the same whichever
/// columns are needed, and that no rejection leaves anything behind.
fn decode(schema: &Schema, payload: &[u8]) -> Result<Vec<Value>, Rejection> {
    let all: Vec<ColumnId> = (0..schema.columns.len()).collect();
    let arena = Bump::new();
    let mut decoder = Decoder::new(schema, &all);
    let mut batch = decoder.batch(1);
    let verdict = decoder.decode(payload, &arena, &mut batch);
    assert_eq!(batch.rows, usize::from(verdict.is_ok()));
    assert!(batch.columns.iter().all(|column| column.len() == batch.rows));

    assert_eq!(decoder.check(payload), verdict);
    for needed in all.iter().map(std::slice::from_ref).chain([[].as_slice()]) {
        let mut decoder = Decoder::new(schema, needed);
        let mut other = decoder.batch(1);
        assert_eq!(decoder.decode(payload, &arena, &mut other), verdict);
        assert_eq!(other.rows, batch.rows);
        for (id, column) in other.columns.iter().enumerate() {
            let nothing = Column::new(Column::nulls(schema.columns[id].ty, 0).data);
            assert_eq!(column, if needed.contains(&id) { &batch.columns[id] } else { &nothing });
        }
    }
    verdict.map(|()| batch.columns.iter().map(|column| column.value(0)).collect())
}

fn reason(schema: &Schema, payload: &str) -> Option<Reason> {
    decode(schema, payload.as_bytes()).err().map(|rejection| rejection.reason)
}
