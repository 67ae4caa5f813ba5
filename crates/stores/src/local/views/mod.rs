//! The batch views in a folder: immutable parts, manifests that list them, and one pointer per view.
//!
//! ```text
//! DATA/views/site_traffic-<fingerprint>/
//!     pointer.json                    {"version":7,"build":"b1","horizon":…}   replaced atomically
//!     manifests/7-b1.json
//!     7-b1/1m/1442016000000000-<checksum>.parquet          resolution / start of the partition
//! ```
//!
//! A version is there once the pointer names it; everything it lists was durable before. Nobody
//! else writes to the folder (see [`super::folder`]), so pointers are compared in memory, and what
//! is newer than a pointer when the folder is opened belongs to a build that was killed.

mod file;
#[cfg(test)]
mod tests;

use super::error;
use super::folder::{self, Folder};
use crate::build_name::{build_name, version_of};
use crate::cache::Cache;
use crate::part_file;
use anabranch_core::port::{
    self, Error, Manifest, PartId, PartInfo, Pointer, Result, Rows, Selection, VisitPart,
};
use anabranch_core::resolution::part_id;
use anabranch_core::view::{Fingerprint, View};
use file::OpenPart;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// Parts that are kept open; a process may have 1,024 files and needs some for other things.
const PARTS: usize = 256;
/// Memory for their footers and page indexes.
const PART_BYTES: usize = 256 << 20;
/// Manifests that are remembered.
const MANIFESTS: usize = 256;

/// The batch views of a data folder.
#[derive(Debug)]
pub struct Views {
    folder: Arc<Folder>,
    root: PathBuf,
    state: Mutex<State>,
    /// Held by a publication from its comparison to its write.
    publishing: Mutex<()>,
    parts: Cache<Arc<OpenPart>>,
}

/// What is known of the files.
#[derive(Debug, Default)]
struct State {
    /// The folder of each view.
    names: HashMap<Fingerprint, String>,
    pointers: HashMap<Fingerprint, Option<Pointer>>,
    manifests: HashMap<(Fingerprint, u64, String), Arc<Manifest>>,
}

impl Views {
    pub(super) fn open(folder: &Arc<Folder>) -> Result<Self> {
        let root = folder.path("views");
        folder.create_folder(&root)?;
        let mut state = State::default();
        for (name, _) in folder::list(&root)? {
            let fingerprint = name.rsplit_once('-').and_then(|(_, text)| text.parse().ok());
            if let Some(fingerprint) = fingerprint {
                state.names.insert(fingerprint, name);
            }
        }
        let views = Views {
            folder: Arc::clone(folder),
            root,
            state: Mutex::new(state),
            publishing: Mutex::default(),
            parts: Cache::new(PARTS, PART_BYTES),
        };
        views.sweep()?;
        Ok(views)
    }

    /// Removes what killed builds have left: everything newer than the current version.
    fn sweep(&self) -> Result<()> {
        let names: Vec<(Fingerprint, String)> =
            self.state().names.iter().map(|(of, name)| (*of, name.clone())).collect();
        for (fingerprint, name) in names {
            // A pointer that cannot be read is an error of this view's, when it is asked for.
            let Ok(pointer) = self.current(fingerprint) else { continue };
            let newest = pointer.map_or(0, |pointer| pointer.version);
            let view = self.root.join(name);
            for (name, path) in
                folder::list(&view)?.into_iter().chain(folder::list(&view.join("manifests"))?)
            {
                if version_of(&name).is_some_and(|version| version > newest) {
                    let removed = match path.is_dir() {
                        true => fs::remove_dir_all(&path),
                        false => fs::remove_file(&path),
                    };
                    removed.map_err(|e| error::io(&path, &e))?;
                }
            }
        }
        Ok(())
    }

    /// The folder of a view, which `name` gets if it has none.
    fn name_or_insert(&self, fingerprint: Fingerprint, name: &str) -> String {
        let legible = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        let new = || format!("{}-{fingerprint}", name.chars().map(legible).collect::<String>());
        self.state().names.entry(fingerprint).or_insert_with(new).clone()
    }

    fn folder_of(&self, fingerprint: Fingerprint) -> Option<PathBuf> {
        self.state().names.get(&fingerprint).map(|name| self.root.join(name))
    }

    fn current(&self, fingerprint: Fingerprint) -> Result<Option<Pointer>> {
        // The lock is held over the read, lest what was read replace what is published meanwhile.
        let mut state = self.state();
        if let Some(pointer) = state.pointers.get(&fingerprint) {
            return Ok(pointer.clone());
        }
        let pointer = match state.names.get(&fingerprint) {
            None => return Ok(None),
            Some(name) => match read_json(&self.root.join(name).join("pointer.json")) {
                Err(Error::NotFound { .. }) => None,
                read => Some(read?),
            },
        };
        state.pointers.insert(fingerprint, pointer.clone());
        Ok(pointer)
    }

    fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<()> {
        self.folder.create_folder(path.parent().expect("a file of ours has a folder"))?;
        let text = serde_json::to_vec_pretty(value).expect("names and numbers have a JSON form");
        self.folder.replace(path, &text)
    }

    fn part(&self, view: &View, path: &str) -> Result<Arc<OpenPart>> {
        if let Some(part) = self.parts.get(path) {
            return Ok(part);
        }
        let part = Arc::new(OpenPart::open(&self.root.join(path), view)?);
        self.parts.insert(path, Arc::clone(&part), part.memory_bytes());
        Ok(part)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no critical section of the views panics")
    }
}

impl port::ViewStore for Views {
    async fn write_part(
        &self,
        view: &View,
        version: u64,
        build: &str,
        id: PartId,
        rows: &Rows<'_>,
    ) -> Result<PartInfo> {
        let folder = self.name_or_insert(view.fingerprint, &view.name);
        let build = build_name(version, build)?;
        let path = format!("{folder}/{build}/{}", part_id::to_text(id));
        let encoded = part_file::encode(view, rows);
        let encoded = encoded.map_err(|e| error::parquet(&self.root.join(&path), &e))?;
        let path = path + &encoded.name_suffix;
        let file = self.root.join(&path);
        self.folder.create_folder(file.parent().expect("a part lies in a folder"))?;
        self.folder.replace(&file, &encoded.bytes)?;
        self.parts.remove(&path);
        let (rows, bytes) = (rows.len() as u64, encoded.bytes.len() as u64);
        Ok(PartInfo { id, path, rows, bytes })
    }

    async fn read_part(
        &self,
        view: &View,
        part: &PartInfo,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> Result<()> {
        self.part(view, &part.path)?.read(selection, visit)
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let folder = self.name_or_insert(manifest.fingerprint, &manifest.view);
        let name = build_name(manifest.version, &manifest.build)?;
        let path = self.root.join(folder).join("manifests").join(format!("{name}.json"));
        let key = (manifest.fingerprint, manifest.version, manifest.build.clone());
        self.state().manifests.remove(&key);
        self.write_json(&path, manifest)
    }

    async fn manifest(&self, fingerprint: Fingerprint, pointer: &Pointer) -> Result<Arc<Manifest>> {
        let name = build_name(pointer.version, &pointer.build)?;
        let Some(view) = self.folder_of(fingerprint) else {
            return Err(Error::NotFound { object: format!("manifest {name} of {fingerprint}") });
        };
        self.read_manifest(fingerprint, &view.join("manifests").join(format!("{name}.json")))
    }

    async fn pointer(&self, fingerprint: Fingerprint) -> Result<Option<Pointer>> {
        self.current(fingerprint)
    }

    async fn publish(
        &self,
        fingerprint: Fingerprint,
        expected: Option<u64>,
        pointer: &Pointer,
    ) -> Result<bool> {
        let _publishing = self.publishing.lock().expect("no publication panics");
        if self.current(fingerprint)?.map(|current| current.version) != expected {
            return Ok(false);
        }
        let Some(view) = self.folder_of(fingerprint) else {
            return Err(Error::NotFound { object: format!("any manifest of {fingerprint}") });
        };
        let written = self.write_json(&view.join("pointer.json"), pointer);
        // After an error it is open which pointer is there: the next to ask reads it.
        let known = written.as_ref().ok().map(|()| Some(pointer.clone()));
        let pointers = &mut self.state().pointers;
        match known {
            Some(pointer) => pointers.insert(fingerprint, pointer),
            None => pointers.remove(&fingerprint),
        };
        written.map(|()| true)
    }

    async fn retire(&self, fingerprint: Fingerprint, keep_from: u64) -> Result<u64> {
        let (Some(current), Some(view)) = (self.current(fingerprint)?, self.folder_of(fingerprint))
        else {
            return Ok(0);
        };
        let current_name = build_name(current.version, &current.build)?;
        // Nothing goes before everything that stays is known.
        let mut kept = BTreeSet::new();
        let mut retired = Vec::new();
        for (name, path) in folder::list(&view.join("manifests"))? {
            let Some(version) = version_of(&name) else { continue };
            if version >= keep_from || name.strip_suffix(".json") == Some(&current_name) {
                let manifest = self.read_manifest(fingerprint, &path)?;
                kept.extend(manifest.parts.iter().map(|part| self.root.join(&part.path)));
            } else {
                retired.push(path);
            }
        }
        for path in retired {
            remove(&path)?;
        }
        self.state()
            .manifests
            .retain(|(of, version, _), _| *of != fingerprint || *version >= keep_from);
        let mut removed = 0;
        for (name, path) in folder::list(&view)? {
            if version_of(&name).is_some_and(|version| version <= current.version) {
                removed += self.remove_parts(&path, &kept)?;
            }
        }
        Ok(removed)
    }

    /// Killed on the way, it leaves a folder without a pointer, which the next call removes.
    async fn remove(&self, fingerprint: Fingerprint) -> Result<()> {
        let _publishing = self.publishing.lock().expect("no publication panics");
        let Some(view) = self.folder_of(fingerprint) else { return Ok(()) };
        remove(&view.join("pointer.json"))?;
        if view.is_dir() {
            folder::sync_parent(&view.join("pointer.json"))?;
        }
        {
            let mut state = self.state();
            state.pointers.insert(fingerprint, None);
            state.manifests.retain(|(of, ..), _| *of != fingerprint);
        }
        for (_, path) in folder::list(&view)? {
            if path.is_dir() {
                self.remove_parts(&path, &BTreeSet::new())?;
            }
        }
        match fs::remove_dir_all(&view) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(error::io(&view, &e)),
            _ => {}
        }
        self.state().names.remove(&fingerprint);
        Ok(())
    }
}

impl Views {
    fn read_manifest(&self, fingerprint: Fingerprint, path: &Path) -> Result<Arc<Manifest>> {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let (version, build) = name.split_once('-').unwrap_or_default();
        let key = (fingerprint, version.parse().unwrap_or(0), build.to_owned());
        if let Some(manifest) = self.state().manifests.get(&key) {
            return Ok(Arc::clone(manifest));
        }
        let manifest: Arc<Manifest> = Arc::new(read_json(path)?);
        let mut state = self.state();
        if state.manifests.len() >= MANIFESTS {
            state.manifests.clear();
        }
        state.manifests.insert(key, Arc::clone(&manifest));
        Ok(manifest)
    }

    /// Removes the files in `folder`, at any depth, that are not `kept`, and then empty folders.
    fn remove_parts(&self, folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<u64> {
        let mut removed = 0;
        for (_, path) in folder::list(folder)? {
            if path.is_dir() {
                removed += self.remove_parts(&path, kept)?;
            } else if !kept.contains(&path) {
                remove(&path)?;
                removed += 1;
                if let Some(name) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) {
                    self.parts.remove(name);
                }
            }
        }
        match fs::remove_dir(folder) {
            Err(e) if e.kind() != ErrorKind::DirectoryNotEmpty => Err(error::io(folder, &e)),
            _ => Ok(removed),
        }
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(|e| error::io(path, &e))?;
    serde_json::from_slice(&text).map_err(|e| Error::corrupt(path.display(), e))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(error::io(path, &e)),
        _ => Ok(()),
    }
}
