//! Events into a stream of Kinesis, in batches, until each has been taken.
//!
//! Kinesis takes a batch in parts: some records, and not others. Those that it did not take are sent
//! again, behind records that came after them, so order within a shard is not kept across a retry.
//! A reply that got lost is another matter: the batch may have been taken, and is sent again as new
//! records with new sequence numbers. An event may therefore be in the stream twice; it is never
//! lost without an error. (Exactly once begins with the record: see decision 0001.)

use super::error::failed;
use super::stream::Stream;
use anabranch_core::port::{Error, Result};
use anabranch_core::record::HEARTBEAT;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use std::time::Duration;

/// Limits of one request.
const BATCH_RECORDS: usize = 500;
const BATCH_BYTES: usize = 5 << 20;
/// A record's limit, partition key included.
const RECORD_BYTES: usize = 1 << 20;
/// In characters.
const PARTITION_KEY_LENGTH: usize = 256;
/// How often in a row a batch may make no progress.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// An event to be sent: its partition key and payload.
pub type Event<'a> = (&'a str, &'a [u8]);

/// Sends events into a stream.
#[derive(Debug, Clone)]
pub struct Producer {
    stream: Stream,
    /// Tries once: whoever sends has to know when an event may be there twice.
    client: Client,
}

/// What a request did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// The places of these events in the request, in order.
    pub at: Vec<usize>,
    /// Why, in the words of the last one's reply: an [`Error::Unavailable`].
    pub error: Error,
}

impl Producer {
    /// A producer for `stream`.
    pub fn new(stream: Stream) -> Self {
        let config = stream.client().config().to_builder().retry_config(RetryConfig::disabled());
        Producer { client: Client::from_conf(config.build()), stream }
    }

    /// Sends events; the stream has taken all of them when it returns. After an error it may have
    /// taken any of them.
    ///
    /// # Errors
    /// [`Error::Refused`], before anything is sent, if an event can be no record.
    pub async fn send(&self, events: &[Event<'_>]) -> Result<()> {
        events.iter().try_for_each(|event| self.check(event))?;
        let mut rest = events;
        while !rest.is_empty() {
            let (request, behind) = rest.split_at(Self::request_len(rest));
            self.insist(request.to_vec()).await?;
            rest = behind;
        }
        Ok(())
    }

    /// How many of `events`, from the first on, make a request; at least one.
    pub fn request_len(events: &[Event<'_>]) -> usize {
        let mut bytes = 0;
        let fits = |(key, payload): &&Event<'_>| {
            bytes += key.len() + payload.len();
            bytes <= BATCH_BYTES
        };
        events.iter().take(BATCH_RECORDS).take_while(fits).count().max(1)
    }

    /// Sends a request's worth of events, once. Returns what the stream did not take, if anything.
    ///
    /// # Errors
    /// [`Error::Refused`], before anything is sent, if an event can be no record. After an
    /// [`Error::Unavailable`] the stream may have taken any of them.
    pub async fn put(&self, events: &[Event<'_>]) -> Result<Option<NotTaken>> {
        events.iter().try_for_each(|event| self.check(event))?;
        let records = events.iter().map(entry).collect::<Result<_>>()?;
        let put = self.client.put_records().stream_name(self.stream.name());
        let put = self.stream.runtime().run(put.set_records(Some(records)).send()).await;
        let put = put.map_err(|e| failed(self.stream.object(), &e))?;
        if put.records.len() != events.len() {
            let reason = format!("a reply for {} of {} records", put.records.len(), events.len());
            return Err(Error::Unavailable { object: self.stream.object(), reason });
        }
        let results = put.records.into_iter().enumerate();
        let failed = results.filter_map(|(at, result)| Some((at, result.error_code?)));
        let (at, codes): (Vec<usize>, Vec<String>) = failed.unzip();
        Ok(codes.last().map(|code| {
            let reason = format!("{} of {} records were not taken: {code}", at.len(), events.len());
            NotTaken { at, error: Error::Unavailable { object: self.stream.object(), reason } }
        }))
    }

    /// Puts events until all of them are taken.
    async fn insist(&self, mut rest: Vec<Event<'_>>) -> Result<()> {
        let mut attempts = 0;
        loop {
            let error = match self.put(&rest).await {
                Ok(None) => return Ok(()),
                Ok(Some(left)) => {
                    if left.at.len() < rest.len() {
                        attempts = 0;
                    }
                    rest = left.at.iter().map(|&at| rest[at]).collect();
                    left.error
                }
                Err(error @ Error::Unavailable { .. }) => error,
                Err(error) => return Err(error),
            };
            attempts += 1;
            if attempts >= ATTEMPTS {
                return Err(error);
            }
            let pause = FIRST_PAUSE * (1 << attempts.min(6));
            self.stream.runtime().run(pause_for(pause)).await;
        }
    }

    fn check(&self, (key, payload): &Event<'_>) -> Result<()> {
        let reason = if key.is_empty() || key.chars().count() > PARTITION_KEY_LENGTH {
            format!("a partition key has 1 to {PARTITION_KEY_LENGTH} characters, not `{key}`")
        } else if *key == HEARTBEAT {
            format!("the partition key `{HEARTBEAT}` is reserved")
        } else if key.len() + payload.len() > RECORD_BYTES {
            format!("an event of {} bytes: a record has at most 1 MiB", payload.len())
        } else {
            return Ok(());
        };
        Err(Error::Refused { object: self.stream.object(), reason })
    }
}

/// The timer is made where it is polled: inside the runtime.
async fn pause_for(pause: Duration) {
    tokio::time::sleep(pause).await;
}

fn entry((key, payload): &Event<'_>) -> Result<PutRecordsRequestEntry> {
    let entry = PutRecordsRequestEntry::builder().partition_key(*key).data(Blob::new(*payload));
    entry
        .build()
        .map_err(|e| Error::Refused { object: "an event".to_owned(), reason: e.to_string() })
}
