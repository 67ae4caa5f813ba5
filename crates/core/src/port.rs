//! The ports: what the pipeline needs from the world, one trait per capability.
//!
//! Adapters live in `anabranch-stores`; every one passes the same conformance suite there. The
//! traits ask for no transactions and no more than S3 and DynamoDB give: put-if-absent, puts that
//! are conditional on one item, and scans that may see some of a concurrent batch's writes and not
//! others.

use crate::column::Column;
use crate::definitions::Definitions;
use crate::epoch::Epoch;
use crate::record::{Record, SequenceNumber, ShardId};
use crate::types::Value;
use crate::view::{Fingerprint, View, Width};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;

/// What went wrong, by what the caller can do about it. Every message names the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Try again: the store is throttled, unreachable or timed out. The write may have happened.
    #[error("{object}: not available: {reason}")]
    Unavailable {
        /// What was being read or written.
        object: String,
        /// The store's words.
        reason: String,
    },
    /// The stored bytes are not what was written; a human has to look.
    #[error("{object}: corrupt: {reason}")]
    Corrupt {
        /// What was being read.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The object that a pointer or list named is gone.
    #[error("{object}: not found")]
    NotFound {
        /// What was being read.
        object: String,
    },
    /// The store refused for a lasting reason: a full disk, a missing permission.
    #[error("{object}: {reason}")]
    Refused {
        /// What was being written.
        object: String,
        /// The store's words.
        reason: String,
    },
}

impl Error {
    /// A [`Error::Corrupt`].
    pub fn corrupt(object: impl ToString, reason: impl ToString) -> Self {
        Error::Corrupt { object: object.to_string(), reason: reason.to_string() }
    }
}

/// What the ports return.
pub type Result<T> = std::result::Result<T, Error>;

// ---------------------------------------------------------------------------------------------
// The master data set

/// One object of the master data set: consecutive records of one shard and one epoch.
///
/// A shard's objects form a chain, `follows` of each being `last` of the one before:
///
/// ```text
/// (epoch 7, first 1, last 9) <- (epoch 7, first 10, last 12, follows 9) <- (epoch 8, first 13, …)
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// The shard.
    pub shard: ShardId,
    /// The epoch of every record in it.
    pub epoch: Epoch,
    /// Its first record's sequence number.
    pub first: SequenceNumber,
    /// Its last record's sequence number.
    pub last: SequenceNumber,
    /// The last sequence number of the object before it in the shard; `None` for the first.
    pub follows: Option<SequenceNumber>,
    /// How many records it holds, heartbeats included.
    pub records: u64,
    /// How many of them are heartbeats.
    pub heartbeats: u64,
    /// The least arrival time in it.
    pub min_arrival_ms: i64,
    /// The greatest arrival time in it.
    pub max_arrival_ms: i64,
}

/// What became of a put-if-absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutObject {
    /// The object is now there, durably.
    Created,
    /// One with the same epoch, shard and first sequence number was there before, and stays.
    Exists(ObjectInfo),
}

/// Which fields of the records a scan needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// Payload, arrival time, and whether it is a heartbeat; sequence numbers come as zero.
    Fold,
    /// Everything.
    All,
}

/// Takes the next records of a scan, in order.
pub type VisitRecords<'v> = &'v mut (dyn for<'r> FnMut(&[Record<'r>]) + Send);

/// Every record, raw and immutable. An exactly-once ledger.
pub trait MasterDataSet: Send + Sync {
    /// Writes `records` as the object `info`, unless one with its (epoch, shard, first) is there.
    /// Durable when it returns; never half-visible.
    fn put_if_absent(
        &self,
        info: &ObjectInfo,
        records: &[Record<'_>],
    ) -> impl Future<Output = Result<PutObject>> + Send;

    /// The objects of the given epochs, ordered by (shard, epoch, first).
    fn objects(&self, epochs: Range<Epoch>)
    -> impl Future<Output = Result<Vec<ObjectInfo>>> + Send;

    /// As [`Self::objects`], but what cannot be read of one object stands in its place, so that an
    /// audit can name it and go on with the rest.
    ///
    /// A store that reads descriptions one by one says so here; for another, one failure fails all.
    fn survey(
        &self,
        epochs: Range<Epoch>,
    ) -> impl Future<Output = Result<Vec<Result<ObjectInfo>>>> + Send {
        async { Ok(self.objects(epochs).await?.into_iter().map(Ok).collect()) }
    }

    /// The last object of a shard's chain, as of now: asked for with every delivery, so cheap.
    fn tail(&self, shard: &ShardId) -> impl Future<Output = Result<Option<ObjectInfo>>> + Send;

    /// Visits an object's records in order, a batch at a time.
    fn scan(
        &self,
        object: &ObjectInfo,
        fields: Fields,
        visit: VisitRecords<'_>,
    ) -> impl Future<Output = Result<()>> + Send;
}

// ---------------------------------------------------------------------------------------------
// Speed rows

/// Which speed row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// The view's definition.
    pub fingerprint: Fingerprint,
    /// The encoded key and bucket; see [`crate::key`].
    pub key: Vec<u8>,
    /// The epoch of the records folded into it.
    pub epoch: Epoch,
    /// The shard they came from: one writer.
    pub shard: ShardId,
}

/// A speed row's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeedRow {
    /// Every record of the row's shard and epoch up to this one has been applied to it.
    pub applied: SequenceNumber,
    /// The encoded state; see [`crate::fold::Table::encode`].
    pub state: Vec<u8>,
}

/// A conditional put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRow {
    /// Which row.
    pub id: RowId,
    /// The `applied` that the writer believes the stored row has; `None`: that there is no row.
    pub expected: Option<SequenceNumber>,
    /// The new content.
    pub row: SpeedRow,
}

/// What became of a conditional put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// The new content is there, durably.
    Written,
    /// The belief was wrong; this is what is there. Nothing was changed.
    Conflict(Option<SpeedRow>),
}

/// Takes a speed row of a scan: encoded key and bucket, epoch, shard, content.
pub type VisitRows<'v> =
    &'v mut (dyn FnMut(&[u8], Epoch, &ShardId, &SpeedRow) -> Result<()> + Send);

/// The speed views' rows.
pub trait SpeedStore: Send + Sync {
    /// Puts each row under its own condition; outcomes in the order given. On an error some may
    /// have been written: that is what the conditions are for.
    fn put_rows(&self, puts: Vec<PutRow>) -> impl Future<Output = Result<Vec<RowOutcome>>> + Send;

    /// Visits the rows of `fingerprint` with epoch `>= from` whose key starts with `prefix`.
    /// Returns the floor as of the end of the scan: rows of epochs below it may be gone.
    fn scan(
        &self,
        fingerprint: Fingerprint,
        prefix: &[u8],
        from: Epoch,
        visit: VisitRows<'_>,
    ) -> impl Future<Output = Result<Epoch>> + Send;

    /// Raises the floor of `fingerprint` to `below`. The rows of epochs below it that are there are
    /// visited no more, and go, now or later. Returns how many went now.
    fn expire(
        &self,
        fingerprint: Fingerprint,
        below: Epoch,
    ) -> impl Future<Output = Result<u64>> + Send;

    /// Removes every row of `fingerprint` and its floor, as if it had never been there. Not while
    /// anybody reads it: a reader would take what is gone for what never was.
    fn forget(&self, fingerprint: Fingerprint) -> impl Future<Output = Result<()>> + Send;
}

// ---------------------------------------------------------------------------------------------
// Control: checkpoints, the registry of shards, and the definitions

/// How far the speed layer has come along one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last record absorbed.
    pub sequence: SequenceNumber,
    /// Its epoch.
    pub epoch: Epoch,
    /// The greatest arrival time absorbed.
    pub newest_arrival_ms: i64,
    /// For each view absorbed: the first epoch of which every record was.
    pub covered: BTreeMap<Fingerprint, Epoch>,
    /// Rows of epochs below may lack anything, of any view: they were there before the shard had a
    /// checkpoint, because an earlier one was lost.
    #[serde(default, skip_serializing_if = "Epoch::is_zero")]
    pub distrusted: Epoch,
}

/// Where a shard's records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardKind {
    /// The stream: both layers read it.
    Stream,
    /// A bulk import straight into the master data set: the speed layer never sees it. Every
    /// record has the base epoch; the shard is registered, closed, once the last is there.
    Import,
}

/// A registered shard. A shard that is not registered has no acknowledged record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardInfo {
    /// Its name.
    pub shard: ShardId,
    /// Where its records come from.
    pub kind: ShardKind,
    /// The epoch that counts as that of the record before its first: the last of its parents, or
    /// the horizon when it was opened. Keeps a new shard's records at or above every horizon.
    pub base_epoch: Epoch,
    /// The last sequence number it will ever have, once it is closed.
    pub closed: Option<SequenceNumber>,
}

/// Small items that coordinate the layers.
pub trait Control: Send + Sync {
    /// The speed layer's checkpoint for a shard.
    fn checkpoint(
        &self,
        shard: &ShardId,
    ) -> impl Future<Output = Result<Option<Checkpoint>>> + Send;

    /// Replaces a checkpoint if the stored one's sequence number is `expected` (`None`: there is
    /// none). Returns whether it did.
    fn put_checkpoint(
        &self,
        shard: &ShardId,
        expected: Option<SequenceNumber>,
        checkpoint: &Checkpoint,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Every registered shard, by name.
    fn shards(&self) -> impl Future<Output = Result<Vec<ShardInfo>>> + Send;

    /// Registers a shard, or closes it, if what is stored of it is `expected` (`None`: nothing).
    /// Returns whether it did: of two planners that register a shard at once, one decides its base
    /// epoch, and neither opens again what the other has closed.
    fn put_shard(
        &self,
        expected: Option<&ShardInfo>,
        info: &ShardInfo,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// The deployed definitions, if anything was ever deployed. They hold the SQL of all views.
    fn definitions(&self) -> impl Future<Output = Result<Option<Definitions>>> + Send;

    /// Replaces the definitions if the stored ones' revision is `expected` (`None`: there are
    /// none). Returns whether it did.
    fn put_definitions(
        &self,
        expected: Option<u64>,
        definitions: &Definitions,
    ) -> impl Future<Output = Result<bool>> + Send;
}

// ---------------------------------------------------------------------------------------------
// Batch views

/// A table of rows, column by column: what a batch view's parts hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows<'a> {
    /// One column per key column of the view.
    pub keys: Vec<Column<'a>>,
    /// The bucket starts in microseconds; `None` for an all-time view.
    pub buckets: Option<Vec<i64>>,
    /// One column per aggregate: its stored state. When reading: empty for those not asked for.
    pub states: Vec<Column<'a>>,
    /// One column per measure, for other engines to read. Empty when reading.
    pub measures: Vec<Column<'a>>,
}

impl Rows<'_> {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        let key = self.keys.first().map(Column::len);
        let state = || self.states.iter().map(Column::len).max().unwrap_or(0);
        self.buckets.as_ref().map(Vec::len).or(key).unwrap_or_else(state)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One stored part of a view: the rows of one resolution whose buckets lie in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId {
    /// The width of the rows' buckets; `None` in an all-time view.
    pub resolution: Option<Width>,
    /// The start of the stretch of time it holds, in microseconds; 0 where there is only one.
    pub partition: i64,
}

/// A part as a manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// Which.
    #[serde(with = "crate::resolution::part_id")]
    pub id: PartId,
    /// Where the store keeps it.
    pub path: String,
    /// How many rows it has.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// One published, immutable build of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The view's name.
    pub view: String,
    /// Its definition's hash.
    pub fingerprint: Fingerprint,
    /// Its canonical plan, for humans.
    pub plan: String,
    /// Counts up from 1.
    pub version: u64,
    /// Distinguishes builds that ran for the same version at once.
    pub build: String,
    /// Every record of every epoch below is in it. Exclusive.
    pub horizon: Epoch,
    /// When it was built.
    pub created_ms: i64,
    /// Records folded into it since the beginning, heartbeats not counted.
    pub records: u64,
    /// The version it replaced: readers may still hold that one's pointer.
    pub previous: Option<Pointer>,
    /// Its parts, ordered by id; some written by earlier versions.
    pub parts: Vec<PartInfo>,
}

/// The view's current version: which manifest to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// As in the manifest.
    pub version: u64,
    /// As in the manifest.
    pub build: String,
    /// As in the manifest.
    pub horizon: Epoch,
}

/// Which rows of a part are wanted. A read may return more; the caller filters exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// For each key column: the values wanted; `None` wants all.
    pub keys: Vec<Option<Vec<Value>>>,
    /// Bucket starts wanted, in microseconds.
    pub buckets: Range<i64>,
    /// For each aggregate: whether its state is wanted.
    pub states: Vec<bool>,
}

/// Takes the next rows of a part.
pub type VisitPart<'v> = &'v mut (dyn for<'r> FnMut(&Rows<'r>) -> Result<()> + Send);

/// The batch views.
pub trait ViewStore: Send + Sync {
    /// Writes the part `id` of build `build` of `version`; rows are sorted by (key, bucket).
    fn write_part(
        &self,
        view: &View,
        version: u64,
        build: &str,
        id: PartId,
        rows: &Rows<'_>,
    ) -> impl Future<Output = Result<PartInfo>> + Send;

    /// Visits a part's rows in order.
    fn read_part(
        &self,
        view: &View,
        part: &PartInfo,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Writes a manifest; its parts are durable by then.
    fn write_manifest(&self, manifest: &Manifest) -> impl Future<Output = Result<()>> + Send;

    /// Reads the manifest that `pointer` names.
    fn manifest(
        &self,
        fingerprint: Fingerprint,
        pointer: &Pointer,
    ) -> impl Future<Output = Result<std::sync::Arc<Manifest>>> + Send;

    /// The current pointer of a view.
    fn pointer(
        &self,
        fingerprint: Fingerprint,
    ) -> impl Future<Output = Result<Option<Pointer>>> + Send;

    /// Replaces the pointer if the current one has the version `expected` (`None`: there is none).
    /// Atomic. Returns whether it did.
    fn publish(
        &self,
        fingerprint: Fingerprint,
        expected: Option<u64>,
        pointer: &Pointer,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Removes manifests of `fingerprint` older than version `keep_from`, and parts that no
    /// remaining manifest lists and that belong to versions up to the current one. Returns how
    /// many parts went.
    fn retire(
        &self,
        fingerprint: Fingerprint,
        keep_from: u64,
    ) -> impl Future<Output = Result<u64>> + Send;

    /// Removes everything of `fingerprint`, its pointer first.
    fn remove(&self, fingerprint: Fingerprint) -> impl Future<Output = Result<()>> + Send;
}

// ---------------------------------------------------------------------------------------------
// The stream, and work on many cores

/// The stream as the planner sees it.
pub trait Stream: Send + Sync {
    /// Appends a heartbeat to every open shard.
    fn heartbeat(&self) -> impl Future<Output = Result<()>> + Send;
}

/// The stream as a consumer asks it, that has to know what a delivery follows.
pub trait Retained: Send + Sync {
    /// The numbers of the first two records of a shard that the stream still has: from the record
    /// `from` on, itself included, or from the oldest. Fewer only where there are no more.
    fn first_two(
        &self,
        shard: &ShardId,
        from: Option<SequenceNumber>,
    ) -> impl Future<Output = Result<Vec<SequenceNumber>>> + Send;
}

/// Builds that run elsewhere, one at a time.
pub trait Jobs: Send + Sync {
    /// The name of a run that is under way, or about to be, if there is one.
    fn running(&self) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Starts a run with arguments of its own; returns its name.
    fn start(&self, arguments: &[(&str, String)]) -> impl Future<Output = Result<String>> + Send;
}

/// Runs independent tasks, at once where there are cores.
pub trait Workers: Send + Sync {
    /// How many tasks run at once.
    fn width(&self) -> usize;

    /// Runs the tasks and returns their results in order.
    fn run<T, F>(&self, tasks: Vec<F>) -> impl Future<Output = Vec<T>> + Send
    where
        T: Send,
        F: Future<Output = T> + Send;
}

/// Runs tasks one after the other: for simulations and single cores.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inline;

impl Workers for Inline {
    fn width(&self) -> usize {
        1
    }

    async fn run<T, F>(&self, tasks: Vec<F>) -> Vec<T>
    where
        T: Send,
        F: Future<Output = T> + Send,
    {
        let mut results = Vec::with_capacity(tasks.len());
        for task in tasks {
            results.push(task.await);
        }
        results
    }
}
