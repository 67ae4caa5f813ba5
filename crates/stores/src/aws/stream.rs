//! A stream of Kinesis: heartbeats into every open shard, shards as they are split and merged, and
//! whether a closed one has been read to its end.

use super::connection::Connection;
use super::error::failed;
use super::runtime::Runtime;
use anabranch_core::port::{self, Error, Result};
use anabranch_core::record::{HEARTBEAT, SequenceNumber, ShardId};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{Shard, ShardIteratorType};
use futures::stream::{self, StreamExt, TryStreamExt};

/// Kinesis' words for a shard that is not there, and for a place that none of its records can have.
const GONE: &str = "ResourceNotFoundException";
const NO_SUCH_PLACE: &str = "InvalidArgumentException";

/// Heartbeats that are under way at once.
const HEARTBEATS_AT_ONCE: usize = 16;

/// A stream of Kinesis.
#[derive(Debug, Clone)]
pub struct Stream {
    client: Client,
    runtime: Runtime,
    name: String,
}

/// A shard as the stream has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamShard {
    /// Its name.
    pub shard: ShardId,
    /// Those it was split from or merged of: their records come before all of its own.
    pub parents: Vec<ShardId>,
    /// Whether it takes records.
    pub is_open: bool,
    /// The least hash key of its own: a record with it lands here.
    hash_key: String,
}

impl Stream {
    /// The stream `name`, which is there.
    pub fn new(connection: &Connection, name: &str) -> Self {
        Stream {
            client: aws_sdk_kinesis::Client::new(connection.sdk()),
            runtime: connection.runtime(),
            name: name.to_owned(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What errors call the stream.
    pub(super) fn object(&self) -> String {
        format!("stream {}", self.name)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Every shard that has records still, or takes them.
    pub async fn shards(&self) -> Result<Vec<StreamShard>> {
        let mut shards = Vec::new();
        let mut next: Option<String> = None;
        loop {
            // A page's token stands in the place of the name.
            let list = self.client.list_shards();
            let list = match next {
                None => list.stream_name(&self.name),
                Some(token) => list.next_token(token),
            };
            let page = self.runtime.run(list.send()).await;
            let page = page.map_err(|e| failed(self.object(), &e))?;
            for shard in page.shards.unwrap_or_default() {
                shards.push(self.describe(shard)?);
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(shards);
            }
        }
    }

    fn describe(&self, shard: Shard) -> Result<StreamShard> {
        let missing = || Error::corrupt(self.object(), "a shard has no range of hash keys");
        let parents = [shard.parent_shard_id, shard.adjacent_parent_shard_id];
        let range = shard.sequence_number_range;
        Ok(StreamShard {
            shard: ShardId(shard.shard_id),
            parents: parents.into_iter().flatten().map(ShardId).collect(),
            is_open: range.is_none_or(|range| range.ending_sequence_number.is_none()),
            hash_key: shard.hash_key_range.ok_or_else(missing)?.starting_hash_key,
        })
    }

    /// Whether a shard is closed and has no record behind `after` (`None`: none at all). The number
    /// that Kinesis says a closed shard ends at is above its last record's, so only reading tells.
    pub async fn is_drained(&self, shard: &ShardId, after: Option<SequenceNumber>) -> Result<bool> {
        let object = || format!("shard {shard} of {}", self.object());
        let start = self.client.get_shard_iterator().stream_name(&self.name).shard_id(&shard.0);
        let start = match after {
            None => start.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Some(sequence) => start
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(sequence.to_string()),
        };
        let start = self.runtime.run(start.send()).await.map_err(|e| failed(object(), &e))?;
        let mut iterator = start.shard_iterator;
        // The end of a closed shard has no iterator behind it; an open one is never without.
        while let Some(at) = iterator {
            let read = self.client.get_records().shard_iterator(at).limit(1).send();
            let read = self.runtime.run(read).await.map_err(|e| failed(object(), &e))?;
            let is_at_the_tip = read.millis_behind_latest == Some(0);
            if !read.records.is_empty() || (is_at_the_tip && read.next_shard_iterator.is_some()) {
                return Ok(false);
            }
            iterator = read.next_shard_iterator;
        }
        Ok(true)
    }

    /// Appends a heartbeat to those of the open shards that `wanted` holds for; returns how many.
    ///
    /// # Errors
    /// Those of Kinesis. Some may have been sent.
    pub async fn heartbeat_where(&self, wanted: impl Fn(&ShardId) -> bool) -> Result<usize> {
        let open = self.shards().await?.into_iter();
        let open = open.filter(|shard| shard.is_open && wanted(&shard.shard));
        let beats: Vec<_> = open.map(|shard| self.beat(shard)).collect();
        let count = beats.len();
        stream::iter(beats).buffer_unordered(HEARTBEATS_AT_ONCE).try_collect::<()>().await?;
        Ok(count)
    }

    async fn beat(&self, shard: StreamShard) -> Result<()> {
        let put = self
            .client
            .put_record()
            .stream_name(&self.name)
            .partition_key(HEARTBEAT)
            .explicit_hash_key(shard.hash_key)
            .data(Blob::new(Vec::new()))
            .send();
        let object = || format!("shard {} of {}", shard.shard, self.object());
        self.runtime.run(put).await.map_err(|e| failed(object(), &e))?;
        Ok(())
    }
}

impl port::Retained for Stream {
    /// A page may be empty although more records come behind it; the end of a closed shard has no
    /// page behind it. Of a shard that the stream has let go of there is no record any more.
    async fn first_two(
        &self,
        shard: &ShardId,
        from: Option<SequenceNumber>,
    ) -> Result<Vec<SequenceNumber>> {
        let object = || format!("shard {shard} of {}", self.object());
        let start = self.client.get_shard_iterator().stream_name(&self.name).shard_id(&shard.0);
        let start = match from {
            None => start.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Some(sequence) => start
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .starting_sequence_number(sequence.to_string()),
        };
        let start = match self.runtime.run(start.send()).await {
            Ok(start) => start,
            // The shard is gone, or never had such a number.
            Err(error) if matches!(error.code(), Some(GONE | NO_SUCH_PLACE)) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(failed(object(), &error)),
        };
        let mut found = Vec::new();
        let mut iterator = start.shard_iterator;
        while let Some(at) = iterator {
            let read = self.client.get_records().shard_iterator(at).limit(2 - found.len() as i32);
            let read = self.runtime.run(read.send()).await.map_err(|e| failed(object(), &e))?;
            for record in read.records {
                let number = record.sequence_number.parse();
                found.push(number.map_err(|e| Error::corrupt(object(), e))?);
            }
            let is_at_the_tip = read.millis_behind_latest == Some(0);
            iterator = read.next_shard_iterator.filter(|_| found.len() < 2 && !is_at_the_tip);
        }
        Ok(found)
    }
}

impl port::Stream for Stream {
    /// A shard that is split meanwhile passes its heartbeat on to a child; the other child waits
    /// for the next.
    async fn heartbeat(&self) -> Result<()> {
        self.heartbeat_where(|_| true).await.map(drop)
    }
}
