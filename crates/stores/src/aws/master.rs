//! The master data set in S3: every record, raw and immutable, in Parquet.
//!
//! ```text
//! raw/dt=2026-01-31/hour=12/<epoch>-<shard>-<first>.parquet    put if absent
//! shards/<shard>                                               empty: the shard may have an object
//! ```
//!
//! A put makes the shard's mark, then the object, and then enters it as the shard's tail; only then
//! does it return. So a tail that lags behind belongs to a put that nobody was told of: its records
//! are delivered again, meet the object that is there, and enter it. A process that asks for a tail
//! for the first time does not rely on that, and lists what lies behind the entry: a table that was
//! lost, or put back to an earlier day, is made right by the objects.

use super::bucket::{Bucket, Condition};
use super::connection::Connection;
use super::tails::Tails;
use crate::error;
use crate::record_file::{self, Name};
use crate::sparse::Sparse;
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::port::{self, Error, Fields, ObjectInfo, PutObject, Result, VisitRecords};
use anabranch_core::record::{Record, ShardId};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

const RAW: &str = "raw/";
/// Enough for the footer of some twenty row groups.
const TAIL_BYTES: u64 = 16 << 10;
/// The end of a Parquet file: the footer's length and four bytes more.
const PARQUET_END_BYTES: usize = 8;
/// Footers that are remembered; an object never changes.
const INFOS: usize = 1 << 16;
/// Days that are listed, and footers that are fetched, at once.
const REQUESTS_AT_ONCE: usize = 32;

/// The master data set in a bucket of S3.
#[derive(Debug)]
pub struct Master {
    bucket: Bucket,
    pub(super) tails: Tails,
    epoch_length: EpochLength,
    /// How much of an object is fetched first to read its footer.
    pub(super) tail_bytes: u64,
    state: Mutex<State>,
    /// Whether a tail that is found behind its entry is entered.
    enters_tails: bool,
}

/// What this process knows.
#[derive(Debug, Default)]
struct State {
    /// By key.
    infos: HashMap<String, ObjectInfo>,
    /// Shards that have their mark.
    marked: HashSet<ShardId>,
    /// Shards whose tail was compared with the objects.
    compared: HashSet<ShardId>,
}

impl Master {
    /// The master data set in `bucket`, with the tails in `table`, the control items' table. Both
    /// are there.
    pub fn new(
        connection: &Connection,
        bucket: &str,
        table: &str,
        epoch_length: EpochLength,
    ) -> Self {
        Master {
            bucket: Bucket::new(connection, bucket),
            tails: Tails::new(connection, table),
            epoch_length,
            tail_bytes: TAIL_BYTES,
            state: Mutex::default(),
            enters_tails: true,
        }
    }

    /// The same for those who may only read: a tail that they find behind its entry they return, and
    /// leave to others to enter.
    #[must_use]
    pub fn read_only(self) -> Self {
        Master { enters_tails: false, ..self }
    }

    fn key(&self, name: &Name) -> String {
        let (day, hour) = record_file::partition(self.epoch_length, name.epoch);
        format!("{RAW}{day}/{hour}/{}", name.to_file_name())
    }

    /// What the keys of all objects of epochs from `epoch` on are behind, and those of epochs below
    /// it before.
    fn bound(&self, epoch: Epoch) -> String {
        let (day, hour) = record_file::partition(self.epoch_length, epoch);
        format!("{RAW}{day}/{hour}/{:020}", epoch.0)
    }

    /// How many bytes the objects of each of some epochs have, in order: what a build has to fetch.
    ///
    /// # Errors
    /// Those of S3.
    pub async fn bytes(&self, epochs: Range<Epoch>) -> Result<BTreeMap<Epoch, u64>> {
        let mut bytes = BTreeMap::new();
        for (name, _, size) in self.list_sizes(&epochs).await? {
            *bytes.entry(name.epoch).or_default() += size;
        }
        Ok(bytes)
    }

    /// The names and keys of the objects of some epochs.
    async fn list(&self, epochs: &Range<Epoch>) -> Result<Vec<(Name, String)>> {
        let listed = self.list_sizes(epochs).await?.into_iter();
        Ok(listed.map(|(name, key, _)| (name, key)).collect())
    }

    /// The names, keys and sizes of the objects of some epochs, each day's at once.
    async fn list_sizes(&self, epochs: &Range<Epoch>) -> Result<Vec<(Name, String, u64)>> {
        if epochs.is_empty() {
            return Ok(Vec::new());
        }
        let (start, end) = (self.bound(epochs.start), self.bound(epochs.end));
        let mut days = self.bucket.folders(RAW).await?;
        days.retain(|day| *day <= end && !ends_before(day, &start));
        let lists: Vec<_> = days.iter().map(|day| self.bucket.list_sizes(day, &start)).collect();
        let lists: Vec<Vec<(String, u64)>> =
            stream::iter(lists).buffered(REQUESTS_AT_ONCE).try_collect().await?;
        let mut found = Vec::new();
        for (key, size) in lists.into_iter().flatten().filter(|(key, _)| *key < end) {
            let name = self.parse(&key)?;
            if epochs.contains(&name.epoch) {
                found.push((name, key, size));
            }
        }
        Ok(found)
    }

    /// To pass over an object would be to lose its records in silence.
    fn parse(&self, key: &str) -> Result<Name> {
        let name = Name::parse(key.rsplit('/').next().unwrap_or_default());
        name.filter(|name| self.key(name) == key).ok_or_else(|| {
            let url = self.bucket.url(key);
            Error::corrupt(url, "its name is not dt=…/hour=…/<epoch>-<shard>-<first>.parquet")
        })
    }

    /// What an object says about itself.
    async fn info(&self, name: Name, key: String) -> Result<ObjectInfo> {
        if let Some(info) = self.state().infos.get(&key) {
            return Ok(info.clone());
        }
        let info = self.read_info(&key).await?;
        if Name::of(&info) != name {
            let actual = Name::of(&info).to_file_name();
            let reason = format!("it holds the object {actual}");
            return Err(Error::corrupt(self.bucket.url(&key), reason));
        }
        let mut state = self.state();
        if state.infos.len() >= INFOS {
            state.infos.clear();
        }
        state.infos.insert(key, info.clone());
        Ok(info)
    }

    /// Reads an object's footer, which is seldom longer than what is fetched first.
    async fn read_info(&self, key: &str) -> Result<ObjectInfo> {
        let mut tail = self.bucket.get_tail(key, self.tail_bytes).await?;
        let needed = footer_bytes(&tail.bytes);
        if needed > tail.bytes.len() as u64 && needed <= tail.length {
            tail = self.bucket.get_tail(key, needed).await?;
        }
        let start = tail.length - tail.bytes.len() as u64;
        let file = Sparse::new(tail.length, vec![(start, tail.bytes)]);
        record_file::read_info(&file).map_err(|e| error::parquet(self.bucket.url(key), &e))
    }

    /// Lets it be known that a shard may have an object.
    async fn mark(&self, shard: &ShardId) -> Result<()> {
        if !self.state().marked.contains(shard) {
            self.bucket.put(&mark_key(shard), Bytes::new(), Condition::Absent).await?;
            self.state().marked.insert(shard.clone());
        }
        Ok(())
    }

    async fn is_marked(&self, shard: &ShardId) -> Result<bool> {
        match self.bucket.get(&mark_key(shard)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Compares a shard's entry with the objects behind it, and enters the last one.
    async fn compare(
        &self,
        shard: &ShardId,
        entered: Option<ObjectInfo>,
    ) -> Result<Option<ObjectInfo>> {
        if entered.is_none() && !self.is_marked(shard).await? {
            return Ok(None);
        }
        let from = entered.as_ref().map_or(Epoch::ZERO, |info| info.epoch);
        let mut names = self.list(&(from..Epoch(u64::MAX))).await?;
        names.retain(|(name, _)| name.shard == *shard);
        let last = names.into_iter().max_by_key(|(name, _)| (name.epoch, name.first));
        let tail = match last {
            None => entered,
            Some((name, key)) => {
                let info = self.info(name, key).await?;
                if entered.as_ref() != Some(&info) {
                    if !self.enters_tails {
                        // Not compared: it would be taken from the entry from now on.
                        return Ok(Some(info));
                    }
                    self.tails.advance(&info).await?;
                }
                Some(info)
            }
        };
        self.state().compared.insert(shard.clone());
        Ok(tail)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no critical section of the master data set panics")
    }
}

impl port::MasterDataSet for Master {
    async fn put_if_absent(&self, info: &ObjectInfo, records: &[Record<'_>]) -> Result<PutObject> {
        let name = Name::of(info);
        let key = self.key(&name);
        let bytes = record_file::encode(info, records);
        let bytes = bytes.map_err(|e| error::parquet(self.bucket.url(&key), &e))?;
        self.mark(&info.shard).await?;
        if self.bucket.put(&key, bytes, Condition::Absent).await? {
            self.tails.advance(info).await?;
            return Ok(PutObject::Created);
        }
        // Who put it may have died before it was entered.
        let there = self.info(name, key).await?;
        self.tails.advance(&there).await?;
        Ok(PutObject::Exists(there))
    }

    async fn objects(&self, epochs: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
        self.survey(epochs).await?.into_iter().collect()
    }

    async fn survey(&self, epochs: Range<Epoch>) -> Result<Vec<Result<ObjectInfo>>> {
        let mut names = self.list(&epochs).await?;
        names.sort_by_cached_key(|(name, _)| (name.shard.clone(), name.epoch, name.first));
        let reads: Vec<_> = names.into_iter().map(|(name, key)| self.info(name, key)).collect();
        Ok(stream::iter(reads).buffered(REQUESTS_AT_ONCE).collect().await)
    }

    async fn tail(&self, shard: &ShardId) -> Result<Option<ObjectInfo>> {
        let entered = self.tails.get(shard).await?;
        if self.state().compared.contains(shard) {
            return Ok(entered);
        }
        self.compare(shard, entered).await
    }

    /// Fetches the whole object: what a fold reads is nearly all of it.
    async fn scan(
        &self,
        object: &ObjectInfo,
        fields: Fields,
        visit: VisitRecords<'_>,
    ) -> Result<()> {
        let key = self.key(&Name::of(object));
        let file = self.bucket.get(&key).await?.bytes;
        record_file::scan(&file, fields, visit)
            .map_err(|e| error::parquet(self.bucket.url(&key), &e))
    }
}

/// How many bytes at the end of a Parquet file are its footer, by the last of them.
fn footer_bytes(tail: &[u8]) -> u64 {
    let length = tail.len().checked_sub(PARQUET_END_BYTES).and_then(|at| tail[at..].first_chunk());
    length.map_or(0, |length| u64::from(u32::from_le_bytes(*length)) + PARQUET_END_BYTES as u64)
}

/// Whether every key in the folder `day` is before `bound`.
fn ends_before(day: &str, bound: &str) -> bool {
    day < bound && !bound.starts_with(day)
}

fn mark_key(shard: &ShardId) -> String {
    format!("shards/{shard}")
}
