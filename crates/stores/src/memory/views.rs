//! Batch views in memory.

use super::lock;
use crate::rows::OwnedRows;
use anabranch_core::port::{
    self, Error, Manifest, PartId, PartInfo, Pointer, Result, Rows, Selection, VisitPart,
};
use anabranch_core::resolution::part_id;
use anabranch_core::view::{Fingerprint, View};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Parts by path, manifests by (fingerprint, version, build), pointers by fingerprint.
///
/// A read returns every row of the part, whatever was selected, which the port allows: so the
/// caller's own filter is what tests exercise.
#[derive(Debug, Default)]
pub struct Views {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    parts: BTreeMap<String, Part>,
    manifests: BTreeMap<(Fingerprint, u64, String), Arc<Manifest>>,
    pointers: BTreeMap<Fingerprint, Pointer>,
}

#[derive(Debug)]
struct Part {
    fingerprint: Fingerprint,
    version: u64,
    rows: Arc<OwnedRows>,
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
        let fingerprint = view.fingerprint;
        let path = format!("{fingerprint}/{version}-{build}/{}", part_id::to_text(id));
        let part = Part { fingerprint, version, rows: Arc::new(OwnedRows::copy(rows)) };
        lock(&self.inner).parts.insert(path.clone(), part);
        Ok(PartInfo { id, path, rows: rows.len() as u64, bytes: 0 })
    }

    async fn read_part(
        &self,
        _view: &View,
        part: &PartInfo,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> Result<()> {
        let found = lock(&self.inner).parts.get(&part.path).map(|found| Arc::clone(&found.rows));
        let rows = found.ok_or_else(|| Error::NotFound { object: part.path.clone() })?;
        visit(&rows.view(&selection.states))
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let key = (manifest.fingerprint, manifest.version, manifest.build.clone());
        lock(&self.inner).manifests.insert(key, Arc::new(manifest.clone()));
        Ok(())
    }

    async fn manifest(&self, fingerprint: Fingerprint, pointer: &Pointer) -> Result<Arc<Manifest>> {
        let key = (fingerprint, pointer.version, pointer.build.clone());
        lock(&self.inner).manifests.get(&key).cloned().ok_or_else(|| Error::NotFound {
            object: format!("manifest {fingerprint}/{}-{}", pointer.version, pointer.build),
        })
    }

    async fn pointer(&self, fingerprint: Fingerprint) -> Result<Option<Pointer>> {
        Ok(lock(&self.inner).pointers.get(&fingerprint).cloned())
    }

    async fn publish(
        &self,
        fingerprint: Fingerprint,
        expected: Option<u64>,
        pointer: &Pointer,
    ) -> Result<bool> {
        let mut inner = lock(&self.inner);
        let matches = inner.pointers.get(&fingerprint).map(|current| current.version) == expected;
        if matches {
            inner.pointers.insert(fingerprint, pointer.clone());
        }
        Ok(matches)
    }

    async fn retire(&self, fingerprint: Fingerprint, keep_from: u64) -> Result<u64> {
        let mut inner = lock(&self.inner);
        let Some(current) = inner.pointers.get(&fingerprint).cloned() else { return Ok(0) };
        inner.manifests.retain(|(of, version, build), _| {
            let is_current = *version == current.version && *build == current.build;
            *of != fingerprint || *version >= keep_from || is_current
        });
        let kept: BTreeSet<String> = inner
            .manifests
            .iter()
            .filter(|((of, ..), _)| *of == fingerprint)
            .flat_map(|(_, manifest)| manifest.parts.iter().map(|part| part.path.clone()))
            .collect();
        let before = inner.parts.len();
        inner.parts.retain(|path, part| {
            part.fingerprint != fingerprint || part.version > current.version || kept.contains(path)
        });
        Ok((before - inner.parts.len()) as u64)
    }

    async fn remove(&self, fingerprint: Fingerprint) -> Result<()> {
        let mut inner = lock(&self.inner);
        inner.pointers.remove(&fingerprint);
        inner.manifests.retain(|(of, ..), _| *of != fingerprint);
        inner.parts.retain(|_, part| part.fingerprint != fingerprint);
        Ok(())
    }
}
