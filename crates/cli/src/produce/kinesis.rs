//! Batches to a stream of Kinesis, a request's worth at a time.
//!
//! Kinesis takes a request in parts. What it says it did not take has not been taken, and is sent
//! again; where there is no reply, nobody knows, and the records may be there twice.

use super::judge::Judge;
use super::partition_key::PartitionKeys;
use super::retry::{Again, Failure, Retry};
use crate::aws::Aws;
use crate::input::Batch;
use anabranch_core::port::Error;
use anabranch_stores::aws::{Event, Producer, Stream};
use futures::executor::block_on;

/// One connection to the stream.
pub(super) struct Connection {
    producer: Producer,
    keys: PartitionKeys,
    /// Nobody judges the events if there is no schema.
    judge: Option<Judge>,
}

impl Connection {
    pub(super) fn new(aws: &Aws, stream: &str, keys: PartitionKeys, judge: Option<Judge>) -> Self {
        let producer = Producer::new(Stream::new(aws.connection(), stream));
        Connection { producer, keys, judge }
    }

    /// Sends a batch until the stream has taken all of it, and counts what has been taken.
    pub(super) fn deliver(&mut self, mut batch: Batch, retry: Retry<'_>) -> anyhow::Result<()> {
        while batch.events > 0 {
            let keys: Vec<String> = batch.payloads().map(|event| self.keys.key(event)).collect();
            let events: Vec<Event<'_>> =
                keys.iter().map(String::as_str).zip(batch.payloads()).collect();
            let mut rest = events[..Producer::request_len(&events)].to_vec();
            let count = rest.len();
            retry.insist(|| self.put(&mut rest))?;
            let taken = batch.split_front(count);
            let reply = self.judge.as_mut().map(|judge| judge.judge(&taken));
            retry.tally.count(&taken, reply.as_ref());
        }
        Ok(())
    }

    /// Sends what is left of a request, once; what has been taken is left no longer.
    fn put(&self, rest: &mut Vec<Event<'_>>) -> Result<(), Failure> {
        let failed = |error: Error| Failure {
            again: match &error {
                Error::Unavailable { .. } => Again::MaybeTaken(None),
                _ => Again::Never,
            },
            why: error.into(),
        };
        let Some(left) = block_on(self.producer.put(rest)).map_err(failed)? else { return Ok(()) };
        let partly = left.at.len() < rest.len();
        *rest = left.at.iter().map(|&at| rest[at]).collect();
        let again = if partly { Again::PartlyTaken } else { Again::Unseen };
        Err(Failure { why: left.error.into(), again })
    }
}
