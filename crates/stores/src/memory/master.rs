//! The master data set in memory.

use super::lock;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{self, Error, Fields, ObjectInfo, PutObject, Result, VisitRecords};
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use std::collections::{BTreeMap, btree_map::Entry};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Records per call of a scan's visitor.
const BATCH: usize = 1024;

/// Objects by (shard, epoch, first): the order in which they are listed.
#[derive(Debug, Default)]
pub struct Master {
    objects: Mutex<BTreeMap<(ShardId, Epoch, SequenceNumber), Object>>,
}

#[derive(Debug)]
struct Object {
    info: ObjectInfo,
    records: Arc<[OwnedRecord]>,
}

#[derive(Debug)]
struct OwnedRecord {
    sequence: SequenceNumber,
    arrival_ms: i64,
    partition_key: String,
    payload: Vec<u8>,
}

impl OwnedRecord {
    fn copy(record: &Record<'_>) -> Self {
        OwnedRecord {
            sequence: record.sequence,
            arrival_ms: record.arrival_ms,
            partition_key: record.partition_key.to_owned(),
            payload: record.payload.to_vec(),
        }
    }

    fn view(&self, fields: Fields) -> Record<'_> {
        let (sequence, partition_key) = match fields {
            Fields::All => (self.sequence, self.partition_key.as_str()),
            // No more than the port promises, so that nothing comes to rely on more.
            Fields::Fold if self.partition_key == HEARTBEAT => (SequenceNumber::ZERO, HEARTBEAT),
            Fields::Fold => (SequenceNumber::ZERO, ""),
        };
        Record { sequence, arrival_ms: self.arrival_ms, partition_key, payload: &self.payload }
    }
}

fn key(info: &ObjectInfo) -> (ShardId, Epoch, SequenceNumber) {
    (info.shard.clone(), info.epoch, info.first)
}

impl port::MasterDataSet for Master {
    async fn put_if_absent(&self, info: &ObjectInfo, records: &[Record<'_>]) -> Result<PutObject> {
        match lock(&self.objects).entry(key(info)) {
            Entry::Occupied(there) => Ok(PutObject::Exists(there.get().info.clone())),
            Entry::Vacant(free) => {
                let records = records.iter().map(OwnedRecord::copy).collect();
                free.insert(Object { info: info.clone(), records });
                Ok(PutObject::Created)
            }
        }
    }

    async fn objects(&self, epochs: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
        let objects = lock(&self.objects);
        let infos = objects.values().map(|object| &object.info);
        Ok(infos.filter(|info| epochs.contains(&info.epoch)).cloned().collect())
    }

    async fn tail(&self, shard: &ShardId) -> Result<Option<ObjectInfo>> {
        let objects = lock(&self.objects);
        let from = (shard.clone(), Epoch::ZERO, SequenceNumber::ZERO);
        let of_shard = objects.range(from..).take_while(|((of, ..), _)| of == shard);
        Ok(of_shard.last().map(|(_, object)| object.info.clone()))
    }

    async fn scan(
        &self,
        object: &ObjectInfo,
        fields: Fields,
        visit: VisitRecords<'_>,
    ) -> Result<()> {
        let found = lock(&self.objects).get(&key(object)).map(|found| Arc::clone(&found.records));
        let records = found.ok_or_else(|| Error::NotFound {
            object: format!("object {}/{}/{}", object.epoch, object.shard, object.first),
        })?;
        for batch in records.chunks(BATCH) {
            let batch: Vec<Record<'_>> = batch.iter().map(|record| record.view(fields)).collect();
            visit(&batch);
        }
        Ok(())
    }
}
