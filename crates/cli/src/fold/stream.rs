//! Compressed files: one thread undoes the compression, all others fold what comes out.

use crate::input::{Batch, Columns, Input};
use anyhow::Context;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What is handed over at once: as much as stays in the processor's cache.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that may wait.
const WAITING: usize = 4;

/// Files being read.
pub(super) struct Stream {
    batches: Mutex<Receiver<Batch>>,
    reader: JoinHandle<anyhow::Result<()>>,
}

impl Stream {
    pub(super) fn open(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let input = Input::new(paths, None)?;
        let (send, batches) = sync_channel(WAITING);
        let reader = thread::spawn(move || {
            input.read(&Columns::default(), BATCH_BYTES, &ProgressBar::hidden(), &mut |batch| {
                send.send(batch).context("nobody folds any more")
            })
        });
        Ok(Stream { batches: Mutex::new(batches), reader })
    }

    /// Hands whole lines to `take` until there are none; each line goes to one caller.
    pub(super) fn for_each(&self, mut take: impl FnMut(&[u8])) {
        let next = || self.batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok(batch) = next() {
            take(&batch.block);
        }
    }

    /// Whether everything was read.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        drop(self.batches);
        self.reader.join().expect("reading does not panic")
    }
}
