//! The master data set in a folder: every record, raw and immutable, in Parquet.
//!
//! ```text
//! DATA/raw/dt=2026-01-31/hour=12/00000000000176986080-shard-0000-00000000000000000001.parquet
//!             start of the epoch  epoch                shard      first sequence number
//! ```
//!
//! An object's name is its (epoch, shard, first sequence number), zero-padded so that names sort,
//! and a file gets it only if no other has it. What an object holds stands in its own footer; the
//! name only leads there, and the two must agree.

#[cfg(test)]
mod tests;

use super::error;
use super::folder::{self, Folder};
use crate::record_file::{self, Name};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::port::{self, Error, Fields, ObjectInfo, PutObject, Result, VisitRecords};
use anabranch_core::record::{Record, ShardId};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// Footers that are remembered; an object never changes. Some 200 bytes each.
const INFOS: usize = 1 << 16;

/// The master data set of a data folder.
#[derive(Debug)]
pub struct Master {
    folder: Arc<Folder>,
    epoch_length: EpochLength,
    infos: Mutex<HashMap<PathBuf, ObjectInfo>>,
    /// The last object of each shard, once somebody has asked. Nobody else writes to the folder.
    tails: Mutex<Option<BTreeMap<ShardId, ObjectInfo>>>,
}

impl Master {
    pub(super) fn open(folder: &Arc<Folder>, epoch_length: EpochLength) -> Result<Self> {
        folder.create_folder(&folder.path("raw"))?;
        Ok(Master {
            folder: Arc::clone(folder),
            epoch_length,
            infos: Mutex::default(),
            tails: Mutex::default(),
        })
    }

    /// The last object of every shard, registered or not.
    pub fn tails(&self) -> Result<Vec<ObjectInfo>> {
        let mut tails = lock(&self.tails);
        Ok(self.known_tails(&mut tails)?.values().cloned().collect())
    }

    fn known_tails<'t>(
        &self,
        tails: &'t mut Option<BTreeMap<ShardId, ObjectInfo>>,
    ) -> Result<&'t BTreeMap<ShardId, ObjectInfo>> {
        Ok(match tails {
            Some(tails) => tails,
            unknown => unknown.insert(self.find_tails()?),
        })
    }

    /// Removes every object of a shard, and returns how many there were. Only for one that was never
    /// registered, such as what an import has left that died: its records were never acknowledged.
    pub fn remove_shard(&self, shard: &ShardId) -> Result<u64> {
        let mut removed = 0;
        for (name, path) in self.list(&(Epoch::ZERO..Epoch(u64::MAX)))? {
            if name.shard == *shard {
                std::fs::remove_file(&path).map_err(|e| error::io(&path, &e))?;
                // An object of the same name may come again, with other records.
                lock(&self.infos).remove(&path);
                removed += 1;
            }
        }
        if let Some(tails) = lock(&self.tails).as_mut() {
            tails.remove(shard);
        }
        Ok(removed)
    }

    fn path(&self, name: &Name) -> PathBuf {
        let (day, hour) = record_file::partition(self.epoch_length, name.epoch);
        let mut path = self.folder.path("raw");
        path.extend([day, hour, name.to_file_name()]);
        path
    }

    /// The names and paths of the objects of some epochs.
    fn list(&self, epochs: &Range<Epoch>) -> Result<Vec<(Name, PathBuf)>> {
        let mut found = Vec::new();
        if epochs.is_empty() {
            return Ok(found);
        }
        let least = record_file::partition(self.epoch_length, epochs.start);
        let greatest = record_file::partition(self.epoch_length, Epoch(epochs.end.0 - 1));
        for (day, path) in folder::list(&self.folder.path("raw"))? {
            if day < least.0 || day > greatest.0 || !path.is_dir() {
                continue;
            }
            for (hour, path) in folder::list(&path)? {
                let partition = (day.clone(), hour);
                if partition >= least && partition <= greatest && path.is_dir() {
                    list_partition(&path, epochs, &mut found)?;
                }
            }
        }
        Ok(found)
    }

    fn info(&self, name: &Name, path: &Path) -> Result<ObjectInfo> {
        if let Some(info) = lock(&self.infos).get(path) {
            return Ok(info.clone());
        }
        let read = || record_file::read_info(&File::open(path)?);
        let info = read().map_err(|e| error::parquet(path, &e))?;
        if Name::of(&info) != *name {
            let actual = Name::of(&info).to_file_name();
            return Err(Error::corrupt(path.display(), format!("it holds the object {actual}")));
        }
        let mut infos = lock(&self.infos);
        if infos.len() >= INFOS {
            infos.clear();
        }
        infos.insert(path.to_owned(), info.clone());
        Ok(info)
    }

    /// Finds the last object of every shard by name, and then reads those.
    fn find_tails(&self) -> Result<BTreeMap<ShardId, ObjectInfo>> {
        let mut last: BTreeMap<ShardId, (Name, PathBuf)> = BTreeMap::new();
        for (name, path) in self.list(&(Epoch::ZERO..Epoch(u64::MAX)))? {
            let is_later = |(before, _): &(Name, PathBuf)| {
                (before.epoch, before.first) < (name.epoch, name.first)
            };
            if last.get(&name.shard).is_none_or(is_later) {
                last.insert(name.shard.clone(), (name, path));
            }
        }
        let read = |(shard, (name, path)): (ShardId, (Name, PathBuf))| {
            Ok((shard, self.info(&name, &path)?))
        };
        last.into_iter().map(read).collect()
    }
}

impl port::MasterDataSet for Master {
    async fn put_if_absent(&self, info: &ObjectInfo, records: &[Record<'_>]) -> Result<PutObject> {
        let name = Name::of(info);
        let path = self.path(&name);
        if path.exists() {
            // Whoever adopts an object must be able to rely on it.
            folder::sync_parent(&path)?;
            return self.info(&name, &path).map(PutObject::Exists);
        }
        let bytes = record_file::encode(info, records).map_err(|e| error::parquet(&path, &e))?;
        self.folder.create_folder(path.parent().expect("an object lies in a folder"))?;
        if !self.folder.write_if_absent(&path, &bytes)? {
            return self.info(&name, &path).map(PutObject::Exists);
        }
        if let Some(tails) = lock(&self.tails).as_mut() {
            let tail = tails.entry(info.shard.clone()).or_insert_with(|| info.clone());
            if (tail.epoch, tail.first) < (info.epoch, info.first) {
                *tail = info.clone();
            }
        }
        Ok(PutObject::Created)
    }

    async fn objects(&self, epochs: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
        self.survey(epochs).await?.into_iter().collect()
    }

    async fn survey(&self, epochs: Range<Epoch>) -> Result<Vec<Result<ObjectInfo>>> {
        let mut listed = self.list(&epochs)?;
        let order = |name: &Name| (name.shard.clone(), name.epoch, name.first);
        listed.sort_by_cached_key(|(name, _)| order(name));
        Ok(listed.iter().map(|(name, path)| self.info(name, path)).collect())
    }

    async fn tail(&self, shard: &ShardId) -> Result<Option<ObjectInfo>> {
        let mut tails = lock(&self.tails);
        let tails = self.known_tails(&mut tails)?;
        Ok(tails.get(shard).cloned())
    }

    async fn scan(
        &self,
        object: &ObjectInfo,
        fields: Fields,
        visit: VisitRecords<'_>,
    ) -> Result<()> {
        let path = self.path(&Name::of(object));
        let mut scan = || record_file::scan(&File::open(&path)?, fields, visit);
        scan().map_err(|e| error::parquet(&path, &e))
    }
}

fn list_partition(
    folder: &Path,
    epochs: &Range<Epoch>,
    found: &mut Vec<(Name, PathBuf)>,
) -> Result<()> {
    for (file_name, path) in folder::list(folder)? {
        if !file_name.ends_with(".parquet") {
            continue;
        }
        // To pass over an object would be to lose its records in silence.
        let name = Name::parse(&file_name).ok_or_else(|| {
            Error::corrupt(path.display(), "its name is not <epoch>-<shard>-<first>.parquet")
        })?;
        if epochs.contains(&name.epoch) {
            found.push((name, path));
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no critical section of the master data set panics")
}
