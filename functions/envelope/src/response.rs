//! What a function answers to the event source mapping when `ReportBatchItemFailures` is on.
//!
//! Lambda takes an empty list as success. Of several numbers only the lowest counts: the shard is
//! delivered again from there, what succeeded behind it included. An identifier that is empty or
//! unknown fails the whole batch, so one is written only from a number that a batch held.

use anabranch_core::record::SequenceNumber;
use serde::{Deserialize, Serialize};

/// Which records have to be delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// None, or the first record that has to be.
    #[serde(rename = "batchItemFailures")]
    pub batch_item_failures: Vec<ItemFailure>,
}

/// A record that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemFailure {
    /// Its sequence number.
    #[serde(rename = "itemIdentifier")]
    pub item_identifier: SequenceNumber,
}

impl Response {
    /// Every record was taken.
    pub fn success() -> Self {
        Response::default()
    }

    /// Every record before `first` was taken; deliver again from that one.
    pub fn failed_from(first: SequenceNumber) -> Self {
        Response { batch_item_failures: vec![ItemFailure { item_identifier: first }] }
    }
}
