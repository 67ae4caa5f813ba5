//! The inverse: an event as Lambda would hand it over. For tests, and for driving a function
//! without Lambda.

use anabranch_core::record::{Record, ShardId};
use serde::Serialize;

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "Records")]
    records: Vec<Item<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    kinesis: Kinesis<'a>,
    event_source: &'static str,
    event_version: &'static str,
    #[serde(rename = "eventID")]
    event_id: String,
    event_name: &'static str,
    invoke_identity_arn: &'static str,
    aws_region: &'a str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kinesis<'a> {
    kinesis_schema_version: &'static str,
    partition_key: &'a str,
    sequence_number: String,
    data: String,
    approximate_arrival_timestamp: f64,
}

/// The event of these records of a shard of the stream `arn`, with every field that Lambda sends.
pub fn event<'r>(
    arn: &str,
    shard: &ShardId,
    records: impl IntoIterator<Item = Record<'r>>,
) -> Vec<u8> {
    // arn:aws:kinesis:REGION:ACCOUNT:stream/NAME
    let region = arn.split(':').nth(3).unwrap_or_default();
    let item = |record: Record<'r>| {
        let sequence_number = record.sequence.to_string();
        Item {
            event_id: format!("{shard}:{sequence_number}"),
            kinesis: Kinesis {
                kinesis_schema_version: "1.0",
                partition_key: record.partition_key,
                sequence_number,
                data: base64_simd::STANDARD.encode_to_string(record.payload),
                approximate_arrival_timestamp: record.arrival_ms as f64 / 1000.0,
            },
            event_source: "aws:kinesis",
            event_version: "1.0",
            event_name: "aws:kinesis:record",
            invoke_identity_arn: "arn:aws:iam::000000000000:role/function",
            aws_region: region,
            event_source_arn: arn,
        }
    };
    let event = Event { records: records.into_iter().map(item).collect() };
    serde_json::to_vec(&event).expect("texts and numbers have a JSON form")
}
