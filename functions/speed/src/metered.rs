//! A store of speed rows that counts the write units which its puts take: one for each KiB of an
//! item or a part of it, also where the condition fails. DynamoDB says what a put took only where
//! it succeeds, so the count is worked out.

use anabranch_core::epoch::Epoch;
use anabranch_core::port::{PutRow, Result, RowOutcome, SpeedStore, VisitRows};
use anabranch_core::view::Fingerprint;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an item has beside key and state: names of attributes, the partition key, numbers.
const OVERHEAD_BYTES: usize = 220;

/// A store and its count.
pub(crate) struct Metered<S> {
    store: S,
    units: AtomicU64,
}

impl<S> Metered<S> {
    pub(crate) fn new(store: S) -> Self {
        Metered { store, units: AtomicU64::new(0) }
    }

    /// The units of all puts so far.
    pub(crate) fn units(&self) -> u64 {
        self.units.load(Ordering::Relaxed)
    }
}

impl<S: SpeedStore> SpeedStore for Metered<S> {
    async fn put_rows(&self, puts: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        let bytes = |put: &PutRow| put.id.key.len() + put.row.state.len() + OVERHEAD_BYTES;
        let units: usize = puts.iter().map(|put| bytes(put).div_ceil(1 << 10)).sum();
        self.units.fetch_add(units as u64, Ordering::Relaxed);
        self.store.put_rows(puts).await
    }

    async fn scan(
        &self,
        fingerprint: Fingerprint,
        prefix: &[u8],
        from: Epoch,
        visit: VisitRows<'_>,
    ) -> Result<Epoch> {
        self.store.scan(fingerprint, prefix, from, visit).await
    }

    async fn expire(&self, fingerprint: Fingerprint, below: Epoch) -> Result<u64> {
        self.store.expire(fingerprint, below).await
    }

    async fn forget(&self, fingerprint: Fingerprint) -> Result<()> {
        self.store.forget(fingerprint).await
    }
}
