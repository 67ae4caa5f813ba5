//! What only this function needs of the world, and how AWS gives it.

use anabranch_core::epoch::Epoch;
use anabranch_core::port::{Jobs, MasterDataSet, Result, Retained};
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_host::aws;
use std::collections::BTreeMap;
use std::ops::Range;

/// A shard as the stream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub shard: ShardId,
    /// Those it was split from or merged of.
    pub parents: Vec<ShardId>,
    /// Whether it takes records.
    pub is_open: bool,
}

/// The stream's shards.
pub trait Shards: Retained {
    /// Every shard that has records still, or takes them.
    fn list(&self) -> impl Future<Output = Result<Vec<Listed>>> + Send;

    /// Whether a shard is closed and the stream has no record of it behind `after`.
    fn is_drained(
        &self,
        shard: &ShardId,
        after: Option<SequenceNumber>,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Appends a heartbeat to each of these shards that is open; returns to how many.
    fn heartbeat(&self, shards: &[ShardId]) -> impl Future<Output = Result<usize>> + Send;
}

/// The batches that Lambda has given up.
pub trait GivenUp: Send + Sync {
    /// The name of each.
    fn list(&self) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// What Lambda has left under a name.
    fn read(&self, name: &str) -> impl Future<Output = Result<Vec<u8>>> + Send;

    /// Removes one.
    fn remove(&self, name: &str) -> impl Future<Output = Result<()>> + Send;
}

/// A master data set that says how large it is.
pub trait Sizes: MasterDataSet {
    /// How many bytes the objects of each of some epochs have, in order.
    fn bytes(
        &self,
        epochs: Range<Epoch>,
    ) -> impl Future<Output = Result<BTreeMap<Epoch, u64>>> + Send;
}

impl Shards for aws::Stream {
    async fn list(&self) -> Result<Vec<Listed>> {
        let shards = self.shards().await?.into_iter();
        let listed = |shard: aws::StreamShard| {
            let aws::StreamShard { shard, parents, is_open, .. } = shard;
            Listed { shard, parents, is_open }
        };
        Ok(shards.map(listed).collect())
    }

    async fn is_drained(&self, shard: &ShardId, after: Option<SequenceNumber>) -> Result<bool> {
        aws::Stream::is_drained(self, shard, after).await
    }

    async fn heartbeat(&self, shards: &[ShardId]) -> Result<usize> {
        match shards {
            [] => Ok(0),
            shards => self.heartbeat_where(|shard| shards.contains(shard)).await,
        }
    }
}

impl GivenUp for aws::Failures {
    async fn list(&self) -> Result<Vec<String>> {
        aws::Failures::list(self).await
    }

    async fn read(&self, name: &str) -> Result<Vec<u8>> {
        Ok(aws::Failures::read(self, name).await?.to_vec())
    }

    async fn remove(&self, name: &str) -> Result<()> {
        aws::Failures::remove(self, name).await
    }
}

impl Sizes for aws::Master {
    async fn bytes(&self, epochs: Range<Epoch>) -> Result<BTreeMap<Epoch, u64>> {
        aws::Master::bytes(self, epochs).await
    }
}

/// No builds elsewhere.
#[derive(Debug, Clone, Copy)]
pub enum NoJobs {}

impl Jobs for NoJobs {
    async fn running(&self) -> Result<Option<String>> {
        match *self {}
    }

    async fn start(&self, _: &[(&str, String)]) -> Result<String> {
        match *self {}
    }
}
