//! The envelope held against AWS's own example, against its inverse, and against records that are
//! wrong in one place.

use super::*;
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The example of AWS's documentation, two records of one shard.
const EXAMPLE: &str = r#"{
    "Records": [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "1",
                "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                "approximateArrivalTimestamp": 1545084650.987
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
            "awsRegion": "us-east-2",
            "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
        },
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "1",
                "sequenceNumber": "49590338271490256608559692540925702759324208523137515618",
                "data": "VGhpcyBpcyBvbmx5IGEgdGVzdC4=",
                "approximateArrivalTimestamp": 1545084711.166
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": "shardId-000000000006:49590338271490256608559692540925702759324208523137515618",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
            "awsRegion": "us-east-2",
            "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
        }
    ]
}"#;

const ARN: &str = "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream";

/// AWS's example with one place changed.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut event: Value = serde_json::from_str(EXAMPLE).unwrap();
    change(&mut event);
    event.to_string().into_bytes()
}

fn second() -> SequenceNumber {
    "49590338271490256608559692540925702759324208523137515618".parse().unwrap()
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let batch = Batch::read(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(batch.shard(), Some(&ShardId("shardId-000000000006".to_owned())));
    assert_eq!(batch.fault(), None);
    let records: Vec<Record<'_>> = batch.records().collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].payload, b"Hello, this is a test.");
    assert_eq!((records[0].arrival_ms, records[0].partition_key), (1_545_084_650_987, "1"));
    assert_eq!((records[1].sequence, records[1].arrival_ms), (second(), 1_545_084_711_166));
    assert!(records[0].sequence < records[1].sequence);
}

#[test]
fn what_is_written_has_the_fields_of_the_example() {
    let batch = Batch::read(EXAMPLE.as_bytes()).unwrap();
    let written = event(ARN, batch.shard().unwrap(), batch.records());
    let mut written: Value = serde_json::from_slice(&written).unwrap();
    for record in written["Records"].as_array_mut().unwrap() {
        record["invokeIdentityArn"] = json!("arn:aws:iam::123456789012:role/lambda-role");
    }
    assert_eq!(written, serde_json::from_str::<Value>(EXAMPLE).unwrap());
}

#[test]
fn a_bad_field_is_named_with_its_records_number_and_the_records_before_are_given_out() {
    let number = Some(second());
    let cases: [(&str, &str, Value, Option<SequenceNumber>); 16] = [
        ("kinesis", "data", json!("SGVsbG8"), number),
        ("kinesis", "data", json!("SGV\u{e9}bG8="), number),
        ("kinesis", "data", json!(17), number),
        ("kinesis", "data", Value::Null, number),
        ("kinesis", "partitionKey", json!(["1"]), number),
        ("kinesis", "approximateArrivalTimestamp", json!("1545084711.166"), number),
        ("kinesis", "approximateArrivalTimestamp", json!(-1.0), number),
        ("kinesis", "approximateArrivalTimestamp", json!(1e300), number),
        ("kinesis", "sequenceNumber", json!(5), None),
        ("kinesis", "sequenceNumber", json!("12a"), None),
        ("kinesis", "sequenceNumber", json!("007"), None),
        ("kinesis", "sequenceNumber", json!("9".repeat(1000)), None),
        ("", "eventID", json!("49590338271490256608559692540925702759324208523137515618"), number),
        ("", "eventID", json!("../shard:1"), number),
        ("", "eventSourceARN", Value::Null, number),
        ("", "kinesis", json!([]), None),
    ];
    for (parent, field, value, sequence) in cases {
        let event = changed(|event| {
            let record = &mut event["Records"][1];
            let parent = if parent.is_empty() { record } else { &mut record[parent] };
            parent[field] = value.clone();
        });
        let batch = Batch::read(&event).unwrap();
        let fault = batch.fault().unwrap_or_else(|| panic!("{field} {value}"));
        assert_eq!((fault.index, fault.field, fault.sequence), (1, field, sequence), "{fault}");
        assert_eq!(batch.records().len(), 1, "{fault}");
        assert!(fault.to_string().len() < 300, "{fault}");
    }
}

#[test]
fn a_missing_field_is_named() {
    let event = changed(|event| {
        event["Records"][0]["kinesis"].as_object_mut().unwrap().remove("data");
    });
    let batch = Batch::read(&event).unwrap();
    assert_eq!(
        batch.fault().unwrap().to_string(),
        "record 0, sequence number 49590338271490256608559692538361571095921575989136588898: \
         `data`: it is missing or null"
    );
    assert_eq!((batch.shard(), batch.records().len()), (None, 0));
}

#[test]
fn numbers_that_do_not_rise_are_a_fault() {
    for number in ["49590338271490256608559692538361571095921575989136588898", "1"] {
        let event =
            changed(|event| event["Records"][1]["kinesis"]["sequenceNumber"] = json!(number));
        let batch = Batch::read(&event).unwrap();
        let fault = batch.fault().unwrap();
        assert_eq!((fault.field, fault.sequence), ("sequenceNumber", number.parse().ok()));
        assert_eq!(batch.records().len(), 1);
    }
}

#[test]
fn records_of_several_shards_or_streams_are_refused() {
    let shard = changed(|event| event["Records"][1]["eventID"] = json!("shardId-000000000007:1"));
    let stream = changed(|event| event["Records"][1]["eventSourceARN"] = json!("arn:other"));
    for event in [shard, stream] {
        let error = Batch::read(&event).unwrap_err();
        assert!(matches!(error, Error::SeveralShards { index: 1, .. }), "{error}");
    }
}

#[test]
fn what_is_no_event_is_refused() {
    for text in
        ["", "[]", "{}", "null", r#"{"Records":{}}"#, r#"{"Records":[}"#, "{\"Records\":[]} x"]
    {
        let error = Batch::read(text.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::NoEvent(_)), "{text}: {error}");
    }
    let batch = Batch::read(br#"{"Records":[]}"#).unwrap();
    assert_eq!((batch.shard(), batch.records().len(), batch.fault()), (None, 0, None));
}

#[test]
fn the_response_is_what_lambda_reads() {
    let text = |response: &Response| serde_json::to_string(response).unwrap();
    assert_eq!(text(&Response::success()), r#"{"batchItemFailures":[]}"#);
    assert_eq!(
        text(&Response::failed_from(second())),
        r#"{"batchItemFailures":[{"itemIdentifier":"49590338271490256608559692540925702759324208523137515618"}]}"#
    );
}

/// What a record is made from: the gap to the number before, arrival, key, payload.
type Made = (u64, i64, String, Vec<u8>);

proptest! {
    #[test]
    fn what_is_written_reads_back(
        base in "[1-9][0-9]{55}",
        made in prop::collection::vec(any::<Made>(), 0..20),
        bad in any::<Option<prop::sample::Index>>(),
    ) {
        let base: u64 = base[..15].parse().unwrap();
        let mut sequence = u128::from(base) << 64;
        let records: Vec<Record<'_>> = made
            .iter()
            .map(|(gap, arrival, key, payload)| {
                sequence += u128::from(*gap) + 1;
                let arrival_ms = arrival.rem_euclid(253_402_300_799_999);
                let sequence = sequence.to_string().parse().unwrap();
                Record { sequence, arrival_ms, partition_key: key, payload }
            })
            .collect();
        let shard = ShardId("shardId-000000000000".to_owned());
        let mut written = event(ARN, &shard, records.iter().copied());
        let mut expected = records.len();
        // One bad record sends all of them through the slow reading, which must read the same.
        if let Some(bad) = bad.filter(|_| !records.is_empty()) {
            expected = bad.index(records.len());
            let mut event: Value = serde_json::from_slice(&written).unwrap();
            event["Records"][expected]["kinesis"]["data"] = Value::Null;
            written = event.to_string().into_bytes();
        }
        let batch = Batch::read(&written).unwrap();
        prop_assert_eq!(batch.fault().map(|fault| fault.index), Some(expected).filter(|_| expected < records.len()));
        prop_assert!(batch.records().eq(records[..expected].iter().copied()));
    }
}
