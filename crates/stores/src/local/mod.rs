//! A data folder: every port on a local disk, durable across `kill -9`.
//!
//! ```text
//! DATA/raw/dt=…/hour=…/<epoch>-<shard>-<first>.parquet   the master data set
//! DATA/views/<view>-<fingerprint>/…                          the batch views
//! DATA/stream.redb                                      the stream
//! DATA/speed.redb                                       speed rows, checkpoints, shards
//! ```

mod control;
mod database;
mod error;
mod folder;
mod raw;
mod speed;
mod stream;
#[cfg(test)]
mod tests;
mod views;

pub use control::Control;
pub use raw::Master;
pub use speed::Speed;
pub use stream::Stream;
pub use views::Views;

use anabranch_core::epoch::EpochLength;
use anabranch_core::port::Result;
use database::DatabaseFile;
use folder::Folder;
use std::path::Path;
use std::sync::Arc;

/// The rows of the live epochs are read and rewritten with every batch: they should fit.
const SPEED_CACHE_BYTES: usize = 256 << 20;

/// What a data folder is opened with.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The length of epochs; the same for the life of the folder.
    pub epoch_length: EpochLength,
    /// How many shards the stream has, at least.
    pub shards: u32,
}

/// The stores of an open data folder. The folder is this process's own until all of them are
/// dropped.
#[derive(Debug)]
pub struct Local {
    /// The master data set.
    pub master: Master,
    /// The speed rows.
    pub speed: Speed,
    /// Checkpoints and shards.
    pub control: Control,
    /// The batch views.
    pub views: Views,
    /// The stream.
    pub stream: Arc<Stream>,
}

impl Local {
    /// The length of epochs of the folder `root`; `None` if there are no data in it yet. Others may
    /// be using the folder.
    pub fn epoch_length(root: &Path) -> Result<Option<EpochLength>> {
        folder::read_epoch_length(root)
    }

    /// Opens the folder `root`, and makes it if it is not there.
    pub fn open(root: &Path, options: Options) -> Result<Self> {
        let folder = Arc::new(Folder::open(root, options.epoch_length)?);
        let (speed, ()) =
            DatabaseFile::open(&folder, "speed.redb", SPEED_CACHE_BYTES, |transaction| {
                speed::set_up(transaction)?;
                control::set_up(transaction)
            })?;
        let speed = Arc::new(speed);
        Ok(Local {
            master: Master::open(&folder, options.epoch_length)?,
            stream: Arc::new(Stream::open(&folder, options.shards)?),
            speed: Speed::new(Arc::clone(&speed)),
            control: Control::new(speed),
            views: Views::open(&folder)?,
        })
    }
}
