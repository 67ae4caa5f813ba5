//! An event's payload, judged by a plain reference: the verdict, the reason and every value.
//!
//! The first byte picks how times are written; the rest is the payload.

use crate::reference;
use anabranch_core::decode::{Decoder, Reason, Rejection};
use anabranch_core::schema::{ColumnId, Schema};
use anabranch_core::sql::{self, Source};
use anabranch_core::types::Value;
use bumpalo::Bump;
use std::sync::LazyLock;

/// One column of every type, some of them nested, for each way of writing times.
static SCHEMAS: LazyLock<[Schema; 4]> = LazyLock::new(|| {
    ["iso8601", "epoch_seconds", "epoch_milliseconds", "epoch_microseconds"].map(|format| {
        let text = format!(
            "CREATE TABLE events (t TIMESTAMP(0), bool BOOLEAN, int BIGINT, double DOUBLE, \
             dec DECIMAL(6,2), wide DECIMAL(38,9), text VARCHAR, time TIMESTAMP(3), \
             fine TIMESTAMP(6), device STRUCT<os VARCHAR, screen STRUCT<width BIGINT>>) \
             WITH (format = 'json', event_time = 't', timestamp_format = '{format}')"
        );
        sql::compile_schema(&Source { name: "schema.sql".to_owned(), text }).expect("a schema")
    })
});

/// A good event, so that a decoder has learnt an order of keys before it sees the hostile one.
const LESSON: &[u8] = br#"{"t":1,"bool":true,"device":{"os":"x","screen":{"width":1}},"int":1}"#;

/// Panics unless the payload is judged and read as the reference does.
pub fn check(data: &[u8]) {
    let Some((&format, payload)) = data.split_first() else { return };
    let schema = &SCHEMAS[usize::from(format) % SCHEMAS.len()];
    let verdict = decode(schema, payload);
    match reference::judge(schema, payload) {
        Ok(values) => assert_eq!(verdict, Ok(values)),
        Err(allowed) => {
            let reason = verdict.as_ref().map_err(|rejection| rejection.reason).map(drop);
            let reason = reason.expect_err("the reference rejects it");
            assert!(allowed.contains(&reason), "{verdict:?}: the reference says {allowed:?}");
        }
    }
    if let Err(rejection) = verdict {
        assert!(rejection.detail.len() < 400 && !rejection.detail.contains('\n'), "{rejection}");
        assert!(Reason::ALL.contains(&rejection.reason));
    }
}

/// The values of a payload, after making sure that they and the verdict do not depend on which
/// columns are needed nor on what the decoder has seen before.
fn decode(schema: &Schema, payload: &[u8]) -> Result<Vec<Value>, Rejection> {
    let all: Vec<ColumnId> = (0..schema.columns.len()).collect();
    let arena = Bump::new();
    let read = |decoder: &mut Decoder| {
        let mut batch = decoder.batch(1);
        let verdict = decoder.decode(payload, &arena, &mut batch);
        assert_eq!(batch.rows, usize::from(verdict.is_ok()));
        verdict.map(|()| batch)
    };
    let mut decoder = Decoder::new(schema, &all);
    let first = read(&mut decoder);
    assert_eq!(decoder.check(payload).err(), first.as_ref().err().cloned());
    let mut learned = Decoder::new(schema, &all);
    let _ = learned.check(LESSON);
    for decoder in [&mut decoder, &mut learned] {
        let again = read(decoder);
        assert_eq!(again.as_ref().err(), first.as_ref().err());
        assert_eq!(again.ok().map(|b| b.columns), first.as_ref().ok().map(|b| b.columns.clone()));
    }
    for needed in [&[][..], &all[..1], &all[3..5], &all[8..]] {
        let other = read(&mut Decoder::new(schema, needed));
        assert_eq!(other.as_ref().err(), first.as_ref().err());
        if let (Ok(other), Ok(first)) = (&other, &first) {
            let same = |&id: &ColumnId| other.columns[id] == first.columns[id];
            assert!(needed.iter().all(same), "another value where {needed:?} are needed");
        }
    }
    first.map(|batch| batch.columns.iter().map(|column| column.value(0)).collect())
}
