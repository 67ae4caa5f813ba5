//! Speed rows in redb.
//!
//! They share a file with the checkpoints because that orders them. Rows are put with
//! [`Durability::None`]: visible at once, on the disk with the next synced commit. The checkpoint
//! that says that a batch's records are absorbed is put later and synced, and redb never keeps a
//! commit without those before it. So after a crash the rows are at least as new as the checkpoint;
//! what was absorbed behind it is absorbed again from the stream, which is trimmed only up to a
//! checkpoint. One sync per absorbed batch, however many rows it touched, lets the speed layer keep
//! up.
//!
//! ```text
//! key   = fingerprint (16) epoch (8) row key … shard … length of the shard's name (2)
//! value = sequence number applied (24) encoded state …           numbers big-endian
//! ```
//!
//! The epoch stands before the row's key: a batch then writes into one dense stretch of the tree,
//! expired epochs are one stretch to cut off, and a query seeks once per live epoch, of which there
//! are as many as fit between two batch versions.

use super::database::{DatabaseFile, Outcome};

use anabranch_core::epoch::Epoch;
use anabranch_core::port::{self, Error, PutRow, Result, RowId, RowOutcome, SpeedRow, VisitRows};
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::view::Fingerprint;
use redb::{
    Durability, ReadOnlyTable, ReadableTable, StorageError, Table, TableDefinition,
    WriteTransaction,
};
use std::sync::Arc;

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const FLOORS: TableDefinition<'_, [u8; 16], u64> = TableDefinition::new("floors");

const FINGERPRINT_BYTES: usize = 16;
const EPOCH_BYTES: usize = 8;
const APPLIED_BYTES: usize = 24;

/// Rows that one transaction of an expiry removes: it holds up a put for milliseconds only.
const EXPIRE_ROWS: usize = 20_000;

/// The speed rows of a data folder.
#[derive(Debug)]
pub struct Speed {
    file: Arc<DatabaseFile>,
}

/// Makes the tables.
pub(super) fn set_up(transaction: &WriteTransaction) -> Outcome<()> {
    transaction.open_table(ROWS)?;
    transaction.open_table(FLOORS)?;
    Ok(())
}

impl Speed {
    pub(super) fn new(file: Arc<DatabaseFile>) -> Self {
        Speed { file }
    }
}

impl port::SpeedStore for Speed {
    /// All rows in one transaction, which the next checkpoint makes durable.
    async fn put_rows(&self, puts: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        let mut keyed: Vec<(Vec<u8>, usize)> = Vec::with_capacity(puts.len());
        for (i, put) in puts.iter().enumerate() {
            keyed.push((encode_key(&put.id)?, i));
        }
        // Neighbours in the tree are put one after the other. The index keeps the order of puts to
        // the same row.
        keyed.sort_unstable();
        self.file.write(Durability::None, |transaction| {
            let mut rows = transaction.open_table(ROWS)?;
            let mut outcomes = vec![RowOutcome::Written; puts.len()];
            let mut value = Vec::new();
            for (key, i) in &keyed {
                outcomes[*i] = put(&mut rows, key, &puts[*i], &mut value)?;
            }
            Ok(outcomes)
        })
    }

    async fn scan(
        &self,
        fingerprint: Fingerprint,
        prefix: &[u8],
        from: Epoch,
        visit: VisitRows<'_>,
    ) -> Result<Epoch> {
        // An error of the visitor's is not one of the file's.
        let mut stopped = Ok(());
        let floor = self.file.read(|transaction| {
            let rows = transaction.open_table(ROWS)?;
            let floor = transaction.open_table(FLOORS)?.get(fingerprint.0)?;
            stopped = scan(&rows, fingerprint, prefix, from, visit)?;
            Ok(Epoch(floor.map_or(0, |floor| floor.value())))
        })?;
        stopped.map(|()| floor)
    }

    async fn expire(&self, fingerprint: Fingerprint, below: Epoch) -> Result<u64> {
        let mut removed = 0;
        loop {
            let now = self.file.write(Durability::None, |transaction| {
                let mut floors = transaction.open_table(FLOORS)?;
                let floor = floors.get(fingerprint.0)?.map_or(0, |floor| floor.value());
                let floor = floor.max(below.0);
                floors.insert(fingerprint.0, floor)?;
                let mut rows = transaction.open_table(ROWS)?;
                let start = encode_start(fingerprint, Epoch::ZERO);
                let end = encode_start(fingerprint, Epoch(floor));
                let expired =
                    rows.extract_from_if(start.as_slice()..end.as_slice(), |_, _| true)?;
                let mut count = 0;
                for row in expired.take(EXPIRE_ROWS) {
                    row?;
                    count += 1;
                }
                Ok(count)
            })?;
            removed += now as u64;
            if now < EXPIRE_ROWS {
                return Ok(removed);
            }
        }
    }

    /// As durable as an expiry: with the next synced commit of the file.
    async fn forget(&self, fingerprint: Fingerprint) -> Result<()> {
        // No record has the last epoch there could be, so every row is below it.
        self.expire(fingerprint, Epoch(u64::MAX)).await?;
        self.file.write(Durability::None, |transaction| {
            transaction.open_table(FLOORS)?.remove(fingerprint.0)?;
            Ok(())
        })
    }
}

fn put(
    rows: &mut Table<'_, &'static [u8], &'static [u8]>,
    key: &[u8],
    put: &PutRow,
    value: &mut Vec<u8>,
) -> std::result::Result<RowOutcome, StorageError> {
    let current = rows.get(key)?;
    let applied = match &current {
        Some(current) => Some(applied(current.value())?),
        None => None,
    };
    if applied != put.expected {
        let row = |applied| {
            let state = current.as_ref().map_or(&[][..], |row| &row.value()[APPLIED_BYTES..]);
            SpeedRow { applied, state: state.to_vec() }
        };
        return Ok(RowOutcome::Conflict(applied.map(row)));
    }
    drop(current);
    value.clear();
    value.extend_from_slice(&put.row.applied.to_be_bytes());
    value.extend_from_slice(&put.row.state);
    rows.insert(key, value.as_slice())?;
    Ok(RowOutcome::Written)
}

/// Visits the rows epoch by epoch. The inner result is the visitor's.
fn scan(
    rows: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    fingerprint: Fingerprint,
    prefix: &[u8],
    from: Epoch,
    visit: VisitRows<'_>,
) -> Outcome<Result<()>> {
    let mut row = SpeedRow { applied: SequenceNumber::ZERO, state: Vec::new() };
    let mut start = encode_start(fingerprint, from);
    while let Some(entry) = rows.range(start.as_slice()..)?.next() {
        let entry = entry?;
        let found = decode_key(entry.0.value())?;
        if found.fingerprint != fingerprint {
            break;
        }
        let epoch = found.epoch;
        let mut wanted = encode_start(fingerprint, epoch);
        wanted.extend_from_slice(prefix);
        for entry in rows.range(wanted.as_slice()..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(&wanted) {
                break;
            }
            let found = decode_key(key.value())?;
            // A shorter key may look as if it had the prefix, by its shard's name.
            if !found.key.starts_with(prefix) {
                continue;
            }
            row.applied = applied(value.value())?;
            row.state.clear();
            row.state.extend_from_slice(&value.value()[APPLIED_BYTES..]);
            let visited = visit(found.key, found.epoch, &ShardId(found.shard.to_owned()), &row);
            if visited.is_err() {
                return Ok(visited);
            }
        }
        let Some(next) = epoch.0.checked_add(1) else { break };
        start = encode_start(fingerprint, Epoch(next));
    }
    Ok(Ok(()))
}

fn encode_start(fingerprint: Fingerprint, epoch: Epoch) -> Vec<u8> {
    [&fingerprint.0[..], &epoch.0.to_be_bytes()].concat()
}

fn encode_key(id: &RowId) -> Result<Vec<u8>> {
    let shard = id.shard.0.as_bytes();
    let length = u16::try_from(shard.len()).map_err(|_| Error::Refused {
        object: format!("speed row of shard {}", id.shard),
        reason: "a shard's name has at most 65,535 bytes".to_owned(),
    })?;
    let mut key =
        Vec::with_capacity(FINGERPRINT_BYTES + EPOCH_BYTES + id.key.len() + shard.len() + 2);
    key.extend_from_slice(&id.fingerprint.0);
    key.extend_from_slice(&id.epoch.0.to_be_bytes());
    key.extend_from_slice(&id.key);
    key.extend_from_slice(shard);
    key.extend_from_slice(&length.to_be_bytes());
    Ok(key)
}

struct Key<'a> {
    fingerprint: Fingerprint,
    epoch: Epoch,
    key: &'a [u8],
    shard: &'a str,
}

fn decode_key(bytes: &[u8]) -> std::result::Result<Key<'_>, StorageError> {
    let parts = || {
        let (fingerprint, rest) = bytes.split_first_chunk::<FINGERPRINT_BYTES>()?;
        let (epoch, rest) = rest.split_first_chunk::<EPOCH_BYTES>()?;
        let (rest, length) = rest.split_last_chunk::<2>()?;
        let key_length = rest.len().checked_sub(u16::from_be_bytes(*length).into())?;
        let (key, shard) = rest.split_at(key_length);
        Some(Key {
            fingerprint: Fingerprint(*fingerprint),
            epoch: Epoch(u64::from_be_bytes(*epoch)),
            key,
            shard: std::str::from_utf8(shard).ok()?,
        })
    };
    parts().ok_or_else(|| StorageError::Corrupted("a speed row's key does not add up".to_owned()))
}

fn applied(value: &[u8]) -> std::result::Result<SequenceNumber, StorageError> {
    match value.first_chunk::<APPLIED_BYTES>() {
        Some(bytes) => Ok(SequenceNumber::from_be_bytes(*bytes)),
        None => Err(StorageError::Corrupted("a speed row is too short".to_owned())),
    }
}
