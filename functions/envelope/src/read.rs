//! The event's JSON, in two readings that agree.
//!
//! The fast one reads a whole event in one pass over borrowed structs and says of a bad one only
//! that it is bad. Then the other reads the records one by one, and their fields one by one, to find
//! the first that is wrong and to say which and why. The event has many more fields; they are
//! skipped, and a record may lack them.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// An event whose records all have what is needed.
#[derive(Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(borrow, rename = "Records")]
    pub(crate) records: Vec<Item<'a>>,
}

/// One record of an event.
#[derive(Deserialize)]
pub(crate) struct Item<'a> {
    #[serde(borrow)]
    pub(crate) kinesis: Kinesis<'a>,
    /// The shard, a colon and the sequence number.
    #[serde(borrow, rename = "eventID")]
    pub(crate) event_id: Cow<'a, str>,
    #[serde(borrow, rename = "eventSourceARN")]
    pub(crate) event_source_arn: Cow<'a, str>,
}

/// The record as the stream holds it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kinesis<'a> {
    #[serde(borrow)]
    pub(crate) partition_key: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sequence_number: Cow<'a, str>,
    /// Base64.
    #[serde(borrow)]
    pub(crate) data: Cow<'a, str>,
    /// Seconds since the Unix epoch, with a fraction.
    pub(crate) approximate_arrival_timestamp: f64,
}

/// An event of which nothing is known but that it has a list of records.
#[derive(Deserialize)]
pub(crate) struct LooseEvent<'a> {
    #[serde(borrow, rename = "Records")]
    pub(crate) records: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct LooseItem<'a> {
    #[serde(borrow)]
    kinesis: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventID")]
    event_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LooseKinesis<'a> {
    #[serde(borrow)]
    partition_key: Option<&'a RawValue>,
    #[serde(borrow)]
    sequence_number: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    approximate_arrival_timestamp: Option<&'a RawValue>,
}

/// A field that is missing or has another form.
pub(crate) struct Bad<'a> {
    pub(crate) field: &'static str,
    pub(crate) reason: String,
    /// The record's sequence number, if it is a text.
    pub(crate) sequence_number: Option<Cow<'a, str>>,
}

/// Reads a record field by field.
pub(crate) fn item<'a>(raw: &'a RawValue) -> Result<Item<'a>, Bad<'a>> {
    let bad = |(field, reason)| Bad { field, reason, sequence_number: None };
    let item: LooseItem<'a> = parse("record", raw).map_err(bad)?;
    let kinesis: LooseKinesis<'a> = field("kinesis", item.kinesis).map_err(bad)?;
    let Text(sequence_number) = field("sequenceNumber", kinesis.sequence_number).map_err(bad)?;
    let rest = || {
        Ok((
            field::<Text<'a>>("partitionKey", kinesis.partition_key)?.0,
            field::<Text<'a>>("data", kinesis.data)?.0,
            field("approximateArrivalTimestamp", kinesis.approximate_arrival_timestamp)?,
            field::<Text<'a>>("eventID", item.event_id)?.0,
            field::<Text<'a>>("eventSourceARN", item.event_source_arn)?.0,
        ))
    };
    match rest() {
        Ok((partition_key, data, approximate_arrival_timestamp, event_id, event_source_arn)) => {
            let kinesis =
                Kinesis { partition_key, sequence_number, data, approximate_arrival_timestamp };
            Ok(Item { kinesis, event_id, event_source_arn })
        }
        Err((field, reason)) => Err(Bad { field, reason, sequence_number: Some(sequence_number) }),
    }
}

/// A text that borrows where it can.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn field<'a, T: Deserialize<'a>>(
    name: &'static str,
    raw: Option<&'a RawValue>,
) -> Result<T, (&'static str, String)> {
    parse(name, raw.ok_or_else(|| (name, "it is missing or null".to_owned()))?)
}

fn parse<'a, T: Deserialize<'a>>(
    name: &'static str,
    raw: &'a RawValue,
) -> Result<T, (&'static str, String)> {
    serde_json::from_str(raw.get()).map_err(|error| (name, error.to_string()))
}
