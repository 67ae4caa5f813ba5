//! Speed rows in memory.

use super::lock;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{self, PutRow, Result, RowId, RowOutcome, SpeedRow, VisitRows};
use anabranch_core::record::ShardId;
use anabranch_core::view::Fingerprint;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Rows by (fingerprint, key, epoch, shard), and the floor of each fingerprint.
#[derive(Debug, Default)]
pub struct Speed {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: BTreeMap<RowId, SpeedRow>,
    floors: BTreeMap<Fingerprint, Epoch>,
}

impl Inner {
    fn floor(&self, fingerprint: Fingerprint) -> Epoch {
        self.floors.get(&fingerprint).copied().unwrap_or(Epoch::ZERO)
    }

    fn put(&mut self, put: PutRow) -> RowOutcome {
        let current = self.rows.get(&put.id);
        if current.map(|row| row.applied) != put.expected {
            return RowOutcome::Conflict(current.cloned());
        }
        self.rows.insert(put.id, put.row);
        RowOutcome::Written
    }
}

impl port::SpeedStore for Speed {
    async fn put_rows(&self, puts: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        let mut inner = lock(&self.inner);
        Ok(puts.into_iter().map(|put| inner.put(put)).collect())
    }

    async fn scan(
        &self,
        fingerprint: Fingerprint,
        prefix: &[u8],
        from: Epoch,
        visit: VisitRows<'_>,
    ) -> Result<Epoch> {
        let (rows, floor) = {
            let inner = lock(&self.inner);
            let start = RowId {
                fingerprint,
                key: prefix.to_vec(),
                epoch: Epoch::ZERO,
                shard: ShardId(String::new()),
            };
            let rows: Vec<(RowId, SpeedRow)> = inner
                .rows
                .range(start..)
                .take_while(|(id, _)| id.fingerprint == fingerprint && id.key.starts_with(prefix))
                .filter(|(id, _)| id.epoch >= from)
                .map(|(id, row)| (id.clone(), row.clone()))
                .collect();
            (rows, inner.floor(fingerprint))
        };
        rows.iter().try_for_each(|(id, row)| visit(&id.key, id.epoch, &id.shard, row))?;
        Ok(floor)
    }

    async fn expire(&self, fingerprint: Fingerprint, below: Epoch) -> Result<u64> {
        let mut inner = lock(&self.inner);
        let floor = inner.floor(fingerprint).max(below);
        inner.floors.insert(fingerprint, floor);
        let before = inner.rows.len();
        inner.rows.retain(|id, _| id.fingerprint != fingerprint || id.epoch >= floor);
        Ok((before - inner.rows.len()) as u64)
    }

    async fn forget(&self, fingerprint: Fingerprint) -> Result<()> {
        let mut inner = lock(&self.inner);
        inner.floors.remove(&fingerprint);
        inner.rows.retain(|id, _| id.fingerprint != fingerprint);
        Ok(())
    }
}
