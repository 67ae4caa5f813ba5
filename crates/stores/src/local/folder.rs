//! The data folder: one process at a time, a known layout, and writes that are whole or not there.
//!
//! ```text
//! DATA/lock           held exclusively while the folder is open
//! DATA/format.json    layout version and epoch length, fixed for the folder's life
//! DATA/tmp/           files being written; emptied when the folder is opened
//! DATA/raw/ …         see the stores
//! ```
//!
//! A file appears under its name only once its bytes are on the disk, and a write returns only once
//! its name is, too. A write that fails may still have happened, as over a network.

use super::error;
use anabranch_core::epoch::EpochLength;
use anabranch_core::port::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The layout that this code reads and writes.
const LAYOUT: u32 = 1;

/// A process killed a moment ago holds the lock until the system has ended its last write.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// An open data folder. Every store in it holds on to this, and with it to the lock.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Released by the system when the file is closed, however the process ends.
    _lock: File,
    temporaries: AtomicU64,
    /// Folders whose names this process has seen onto the disk. One that a killed process made may
    /// be there and yet not be durable.
    durable: Mutex<HashSet<PathBuf>>,
}

#[derive(Serialize, Deserialize)]
struct Format {
    layout: u32,
    epoch_length_ms: EpochLength,
}

impl Folder {
    /// Opens the folder `root`, and makes it if it is not there.
    pub(super) fn open(root: &Path, epoch_length: EpochLength) -> Result<Self> {
        let root = std::path::absolute(root).map_err(|e| error::io(root, &e))?;
        make_folder(&root)?;
        let folder = Folder {
            _lock: lock(&root)?,
            root,
            temporaries: AtomicU64::new(0),
            durable: Mutex::default(),
        };
        folder.check_format(epoch_length)?;
        folder.sweep_temporaries()?;
        Ok(folder)
    }

    /// A path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Makes the folder `path`, below the root, and what is missing above it, durably.
    pub(super) fn create_folder(&self, path: &Path) -> Result<()> {
        if path == self.root || (self.durable().contains(path) && path.is_dir()) {
            return Ok(());
        }
        self.create_folder(path.parent().unwrap_or(&self.root))?;
        make_folder(path)?;
        sync_parent(path)?;
        self.durable().insert(path.to_owned());
        Ok(())
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().expect("adding to a set does not panic")
    }

    /// Writes `bytes` under the name `path` unless a file has it. Returns whether it did; either way
    /// the file of that name is durable.
    pub(super) fn write_if_absent(&self, path: &Path, bytes: &[u8]) -> Result<bool> {
        let temporary = self.write_temporary(bytes)?;
        // A link, unlike a rename, fails where there is a file already.
        let created = match fs::hard_link(&temporary, path) {
            Ok(()) => sync_parent(path).map(|()| true),
            // Its writer may have been killed, or be on its way, between the link and the sync.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => sync_parent(path).map(|()| false),
            Err(e) => Err(error::io(path, &e)),
        };
        // One that stays is swept at the next start.
        let _ = fs::remove_file(&temporary);
        created
    }

    /// Writes `bytes` under the name `path` in place of what may be there.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let temporary = self.write_temporary(bytes)?;
        fs::rename(&temporary, path).map_err(|e| {
            let _ = fs::remove_file(&temporary);
            error::io(path, &e)
        })?;
        sync_parent(path)
    }

    fn write_temporary(&self, bytes: &[u8]) -> Result<PathBuf> {
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join("tmp").join(number.to_string());
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|e| {
            let _ = fs::remove_file(&path);
            error::io(&path, &e)
        })?;
        Ok(path)
    }

    fn check_format(&self, epoch_length: EpochLength) -> Result<()> {
        let Some(found) = read_epoch_length(&self.root)? else {
            return self.write_format(epoch_length);
        };
        if found != epoch_length {
            let (found, asked) = (found.as_millis(), epoch_length.as_millis());
            return Err(Error::Refused {
                object: self.path("format.json").display().to_string(),
                reason: format!(
                    "the data has epochs of {found} ms and {asked} ms was asked for; \
                     the length is fixed for the life of the data"
                ),
            });
        }
        Ok(())
    }

    /// Marks a new folder, which must be one: other data without a format is not guessed at.
    fn write_format(&self, epoch_length: EpochLength) -> Result<()> {
        let entries = fs::read_dir(&self.root).map_err(|e| error::io(&self.root, &e))?;
        for entry in entries {
            let name = entry.map_err(|e| error::io(&self.root, &e))?.file_name();
            if name != "lock" && name != "tmp" {
                return Err(Error::Refused {
                    object: self.root.display().to_string(),
                    reason: format!(
                        "holds `{}` but no format.json: neither empty nor a data folder",
                        name.display()
                    ),
                });
            }
        }
        let format = Format { layout: LAYOUT, epoch_length_ms: epoch_length };
        let text = serde_json::to_vec(&format).expect("two numbers have a JSON form");
        self.create_folder(&self.path("tmp"))?;
        self.replace(&self.path("format.json"), &text)
    }

    fn sweep_temporaries(&self) -> Result<()> {
        let tmp = self.path("tmp");
        self.create_folder(&tmp)?;
        for entry in fs::read_dir(&tmp).map_err(|e| error::io(&tmp, &e))? {
            let path = entry.map_err(|e| error::io(&tmp, &e))?.path();
            fs::remove_file(&path).map_err(|e| error::io(&path, &e))?;
        }
        Ok(())
    }
}

/// The length of epochs of the data folder `root`; `None` if it is not one yet.
pub(super) fn read_epoch_length(root: &Path) -> Result<Option<EpochLength>> {
    let path = root.join("format.json");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(error::io(&path, &e)),
    };
    let format: Format =
        serde_json::from_slice(&text).map_err(|e| Error::corrupt(path.display(), e))?;
    if format.layout != LAYOUT {
        let found = format.layout;
        return Err(Error::Refused {
            object: path.display().to_string(),
            reason: format!("layout version {found}; this program knows version {LAYOUT}"),
        });
    }
    Ok(Some(format.epoch_length_ms))
}

/// The entries of a folder; none if it is not there. Sorted by name.
pub(super) fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(error::io(folder, &e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| error::io(folder, &e))?;
        // What is not UTF-8 is none of ours.
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Makes a folder and what is missing above it.
fn make_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_folder(above)?;
    }
    match fs::create_dir(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(error::io(path, &e)),
        _ => sync_parent(path),
    }
}

/// Waits until the name `path` is on the disk.
pub(super) fn sync_parent(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(|e| error::io(folder, &e))
}

fn lock(root: &Path) -> Result<File> {
    let path = root.join("lock");
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(|e| error::io(&path, &e))?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(e)) => return Err(error::io(&path, &e)),
        }
    }
    Err(Error::Refused {
        object: root.display().to_string(),
        reason: "another process is using this data folder; if it is a server, ask it with \
                 `--url`, otherwise wait until it has ended"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(millis: u64) -> EpochLength {
        EpochLength::from_millis(millis).unwrap()
    }

    fn refusal(result: Result<Folder>) -> String {
        result.map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_in_use_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let first = Folder::open(root.path(), length(10)).unwrap();
        let message = refusal(Folder::open(root.path(), length(10)));
        assert!(message.contains(root.path().to_str().unwrap()), "{message}");
        assert!(message.contains("another process is using"), "{message}");
        assert!(message.contains("--url"), "{message}");
        drop(first);
        Folder::open(root.path(), length(10)).unwrap();
    }

    #[test]
    fn another_epoch_length_or_layout_is_refused() {
        let root = tempfile::tempdir().unwrap();
        drop(Folder::open(root.path(), length(10)).unwrap());
        let message = refusal(Folder::open(root.path(), length(20)));
        assert!(message.contains("epochs of 10 ms and 20 ms was asked for"), "{message}");
        fs::write(root.path().join("format.json"), r#"{"layout":2,"epoch_length_ms":10}"#).unwrap();
        let message = refusal(Folder::open(root.path(), length(10)));
        assert!(message.contains("layout version 2; this program knows version 1"), "{message}");
        fs::write(root.path().join("format.json"), "{").unwrap();
        assert!(matches!(Folder::open(root.path(), length(10)), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn a_folder_of_something_else_is_refused_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("thesis.tex"), "precious").unwrap();
        let message = refusal(Folder::open(root.path(), length(10)));
        assert!(message.contains("thesis.tex"), "{message}");
        assert!(!root.path().join("format.json").exists());
    }

    #[test]
    fn a_file_is_written_once_and_leftovers_are_swept() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path(), length(10)).unwrap();
        let path = folder.path("a/b/c");
        folder.create_folder(path.parent().unwrap()).unwrap();
        assert!(folder.write_if_absent(&path, b"first").unwrap());
        assert!(!folder.write_if_absent(&path, b"second").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        folder.replace(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert!(list(&folder.path("tmp")).unwrap().is_empty());
        fs::write(folder.path("tmp/9"), "half a file").unwrap();
        drop(folder);
        let folder = Folder::open(root.path(), length(10)).unwrap();
        assert!(list(&folder.path("tmp")).unwrap().is_empty());
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path(), length(10)).unwrap();
        // Root may write anywhere, but nobody makes a folder inside a file.
        let file = folder.path("file");
        fs::write(&file, "").unwrap();
        let error = folder.create_folder(&file.join("sub")).unwrap_err();
        assert!(matches!(&error, Error::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("file"), "{error}");
    }
}
