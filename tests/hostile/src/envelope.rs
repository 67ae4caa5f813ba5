//! The Kinesis event: records that rise, of one shard, up to the first that is bad; the same by
//! the fast and by the slow reading.

use anabranch_core::record::Record;
use anabranch_envelope::{Batch, event};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Panics unless the event is refused or its records are right.
pub fn check(data: &[u8]) {
    let batch = match Batch::read(data) {
        Ok(batch) => batch,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let records: Vec<Record<'_>> = batch.records().collect();
    assert!(records.is_sorted_by(|a, b| a.sequence < b.sequence));
    if let Some(fault) = batch.fault() {
        assert_eq!(fault.index, records.len(), "records behind a bad one are given out");
        assert!(!fault.field.is_empty() && !fault.reason.is_empty());
    }
    let Some(shard) = batch.shard() else {
        assert!(records.is_empty());
        return;
    };
    let legible = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(!shard.0.is_empty() && shard.0.chars().all(legible));
    let written = event("arn:aws:kinesis:r:0:stream/s", shard, records.iter().copied());
    let again = Batch::read(&written).expect("what was written can be read");
    assert_eq!(again.fault(), None);
    assert!(again.records().eq(records.iter().copied()), "written and read it is another");
    check_slow_reading(data, &batch);
}

#[derive(Deserialize)]
struct Loose<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<&'a RawValue>,
}

/// A record that is null behind the others makes the slow reading do the work.
fn check_slow_reading(data: &[u8], batch: &Batch<'_>) {
    let Ok(loose) = serde_json::from_slice::<Loose<'_>>(data) else { return };
    let items: Vec<&str> = loose.records.iter().map(|raw| raw.get()).chain(["null"]).collect();
    let longer = format!("{{\"Records\":[{}]}}", items.join(","));
    let slow = Batch::read(longer.as_bytes()).expect("its records are of one shard");
    assert!(slow.records().eq(batch.records()), "the slow reading gives other records");
    let fault = slow.fault().expect("null is no record");
    match batch.fault() {
        Some(expected) => assert_eq!(fault, expected),
        None => assert_eq!(fault.index, loose.records.len()),
    }
}
