//! The ledger of imports: which contents have been imported, and which imports died half-way.
//!
//! ```text
//! DATA/imports/import-20260131-120000.json     running ─> done
//! ```
//!
//! An import is acknowledged by one act, the registration of its shard. Its entry stands here from
//! before its first object until after that act: what is `running` here and not registered there
//! was never acknowledged, and its objects are leftovers that may be removed. Everything else stays.

use anabranch_core::port::ShardInfo;
use anabranch_core::record::ShardId;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The folder of the entries.
#[derive(Debug)]
pub(crate) struct Ledger {
    folder: PathBuf,
    entries: Vec<Entry>,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The shard of its records.
    pub(crate) shard: ShardId,
    /// How far it came.
    pub(crate) state: State,
    /// When it began, in milliseconds since the Unix epoch.
    pub(crate) begun_ms: i64,
    /// What was imported.
    pub(crate) files: Vec<Content>,
}

/// How far an import came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It is under way, or died.
    Running,
    /// Its shard is registered.
    Done,
}

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Where it came from.
    pub(crate) path: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// The SHA-256 of the file as it is, in hexadecimal.
    pub(crate) sha256: String,
}

impl Ledger {
    /// Reads the ledger of a data folder.
    pub(crate) fn open(data: &Path) -> anyhow::Result<Self> {
        let folder = data.join("imports");
        let mut entries = Vec::new();
        let listed = match fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Ledger { folder, entries });
            }
            Err(error) => return Err(error).context(folder.display().to_string()),
        };
        for entry in listed {
            let path = entry.with_context(|| folder.display().to_string())?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = fs::read(&path).with_context(|| path.display().to_string())?;
                let entry: Entry = serde_json::from_slice(&text)
                    .with_context(|| format!("{}: corrupt", path.display()))?;
                entries.push(entry);
            }
        }
        entries.sort_by(|a, b| a.shard.cmp(&b.shard));
        Ok(Ledger { folder, entries })
    }

    /// The import that `content` came in with, if its shard is among `registered`.
    pub(crate) fn holds(&self, content: &Content, registered: &[ShardInfo]) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            let same = entry.files.iter().any(|file| file.sha256 == content.sha256);
            same && is_registered(&entry.shard, registered)
        })
    }

    /// The import of a shard.
    pub(crate) fn entry(&self, shard: &ShardId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.shard == *shard)
    }

    /// The imports that were registered and then died before that was noted here.
    pub(super) fn unfinished(&self, registered: &[ShardInfo]) -> Vec<Entry> {
        let unfinished = self.entries.iter().filter(|entry| {
            entry.state == State::Running && is_registered(&entry.shard, registered)
        });
        unfinished.cloned().collect()
    }

    /// The imports that died before they were registered.
    pub(crate) fn died(&self, registered: &[ShardInfo]) -> Vec<ShardId> {
        let died = self.entries.iter().filter(|entry| {
            entry.state == State::Running && !is_registered(&entry.shard, registered)
        });
        died.map(|entry| entry.shard.clone()).collect()
    }

    /// A shard's name that no import has had.
    pub(crate) fn new_shard(&self, now_ms: i64, registered: &[ShardInfo]) -> ShardId {
        let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let stem = now.strftime("import-%Y%m%d-%H%M%S").to_string();
        let taken = |shard: &ShardId| {
            is_registered(shard, registered)
                || self.entries.iter().any(|entry| entry.shard == *shard)
        };
        let numbered = (2..).map(|number| ShardId(format!("{stem}-{number}")));
        let mut names = std::iter::once(ShardId(stem.clone())).chain(numbered);
        names.find(|shard| !taken(shard)).expect("names do not run out")
    }

    /// Writes an entry durably, in place of the shard's earlier one.
    pub(crate) fn write(&mut self, entry: Entry) -> anyhow::Result<()> {
        let path = self.path(&entry.shard);
        let write = || {
            fs::create_dir_all(&self.folder)?;
            let temporary = path.with_extension("tmp");
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(&entry)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            // The entry's name, and that of the folder it may have been the first in.
            File::open(&self.folder)?.sync_all()?;
            File::open(self.folder.parent().unwrap_or(&self.folder))?.sync_all()
        };
        write().with_context(|| path.display().to_string())?;
        self.entries.retain(|other| other.shard != entry.shard);
        self.entries.push(entry);
        Ok(())
    }

    /// Removes the entry of an import that died and whose objects are gone.
    pub(crate) fn remove(&mut self, shard: &ShardId) -> anyhow::Result<()> {
        let path = self.path(shard);
        fs::remove_file(&path).with_context(|| path.display().to_string())?;
        self.entries.retain(|entry| entry.shard != *shard);
        Ok(())
    }

    fn path(&self, shard: &ShardId) -> PathBuf {
        self.folder.join(format!("{shard}.json"))
    }
}

fn is_registered(shard: &ShardId, registered: &[ShardInfo]) -> bool {
    registered.iter().any(|info| info.shard == *shard)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::epoch::Epoch;
    use anabranch_core::port::ShardKind;

    fn content(sha256: &str) -> Content {
        Content { path: "a.ndjson".to_owned(), bytes: 7, sha256: sha256.to_owned() }
    }

    fn registered(shard: &ShardId) -> ShardInfo {
        let kind = ShardKind::Import;
        ShardInfo { shard: shard.clone(), kind, base_epoch: Epoch(1), closed: Some(1.into()) }
    }

    #[test]
    fn only_what_runs_here_and_is_registered_nowhere_has_died() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let mut shards = Vec::new();
        for state in [State::Running, State::Running, State::Done] {
            let shard = ledger.new_shard(0, &[]);
            let files = vec![content(&shard.0)];
            ledger.write(Entry { shard: shard.clone(), state, begun_ms: 0, files }).unwrap();
            shards.push(shard);
        }
        let known = [registered(&shards[1])];
        let mut ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.died(&known), [shards[0].clone()]);
        assert!(ledger.holds(&content(&shards[0].0), &known).is_none());
        assert!(ledger.holds(&content(&shards[1].0), &known).is_some());
        ledger.remove(&shards[0]).unwrap();
        assert!(Ledger::open(folder.path()).unwrap().died(&known).is_empty());
    }

    #[test]
    fn a_name_is_not_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let first = ledger.new_shard(0, &[]);
        assert_eq!(first.0, "import-19700101-000000");
        assert_eq!(ledger.new_shard(0, &[registered(&first)]).0, "import-19700101-000000-2");
        let entry = Entry { shard: first, state: State::Running, begun_ms: 0, files: Vec::new() };
        ledger.write(entry).unwrap();
        assert_eq!(ledger.new_shard(0, &[]).0, "import-19700101-000000-2");
    }
}
