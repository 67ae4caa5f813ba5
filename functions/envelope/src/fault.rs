//! What can be wrong with an invocation: all of it, or one record of it.

use anabranch_core::record::SequenceNumber;

/// The invocation as a whole cannot be read. Nothing of it may be taken; Lambda keeps all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no JSON, or no event with a list of records.
    #[error("the invocation is no Kinesis event: {0}")]
    NoEvent(String),
    /// A record is of another shard than the first. Lambda puts records of one shard into a batch,
    /// and both layers rest on that.
    #[error("record {index} is of `{found}` and record 0 of `{first}`: expected one shard")]
    SeveralShards {
        /// The record's index in the event.
        index: usize,
        /// Stream and shard of the first record.
        first: String,
        /// Stream and shard of this one.
        found: String,
    },
}

/// A record that cannot be read, the first of its batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {index}{}: `{field}`: {reason}", number(*sequence))]
pub struct Fault {
    /// Its index in the event.
    pub index: usize,
    /// Its sequence number, if that can be read: what to report as failed.
    pub sequence: Option<SequenceNumber>,
    /// The field that is wrong, by the event's name for it.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

fn number(sequence: Option<SequenceNumber>) -> String {
    sequence.map(|sequence| format!(", sequence number {sequence}")).unwrap_or_default()
}
