//! A redb file of the data folder: transactions that name the file when they fail.

use super::error;
use super::folder::Folder;
use anabranch_core::port::Result;
use redb::{Database, Durability, ReadTransaction, ReadableDatabase, WriteTransaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What redb's calls return here, before the file's name is added.
pub(super) type Outcome<T> = std::result::Result<T, redb::Error>;

/// An open database.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    db: Database,
    _folder: Arc<Folder>,
}

impl DatabaseFile {
    /// Opens or makes the file `name` of the folder. `set_up` makes the tables that are missing.
    pub(super) fn open<T>(
        folder: &Arc<Folder>,
        name: &str,
        cache_bytes: usize,
        set_up: impl FnOnce(&WriteTransaction) -> Outcome<T>,
    ) -> Result<(Self, T)> {
        let path = folder.path(name);
        let db = redb::Builder::new()
            .set_cache_size(cache_bytes)
            .create(&path)
            .map_err(|e| error::redb(&path, e))?;
        let file = DatabaseFile { path, db, _folder: Arc::clone(folder) };
        let done = file.write(Durability::Immediate, set_up)?;
        Ok((file, done))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `read` on one consistent state of the file.
    pub(super) fn read<T>(&self, read: impl FnOnce(&ReadTransaction) -> Outcome<T>) -> Result<T> {
        let run = || read(&self.db.begin_read()?);
        run().map_err(|e| error::redb(&self.path, e))
    }

    /// Runs `write` in a transaction and commits it: all of it or, on an error, nothing.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        write: impl FnOnce(&WriteTransaction) -> Outcome<T>,
    ) -> Result<T> {
        let run = || {
            let mut transaction = self.db.begin_write()?;
            transaction.set_durability(durability)?;
            let done = write(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|e: redb::Error| error::redb(&self.path, e))
    }
}
