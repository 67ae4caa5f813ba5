//! The batch views in S3: immutable parts, manifests that list them, and one pointer per view.
//!
//! ```text
//! views/<fingerprint>/pointer.json               replaced if it is still the one that was read
//! views/<fingerprint>/manifests/7-b1.json
//! views/<fingerprint>/7-b1/1m/1442016000000000-<checksum>.parquet
//! ```
//!
//! A version is there once the pointer names it; everything it lists was there before. Of a part,
//! the footer is fetched first, and then the column chunks that a query needs, each checked against
//! its CRC. Both are kept for the next query: what has a name here never changes.

use super::bucket::{Bucket, Condition};
use super::connection::Connection;
use crate::build_name::{build_name, version_of};
use crate::cache::Cache;
use crate::error;
use crate::part_file::{self, Chunk, Part, corrupt, parse_name};
use crate::sparse::Sparse;
use anabranch_core::port::{
    self, Error, Manifest, PartId, PartInfo, Pointer, Result, Rows, Selection, VisitPart,
};
use anabranch_core::resolution::part_id;
use anabranch_core::view::{Fingerprint, View};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// A part of up to this size is fetched whole: one request, and no more to come.
const WHOLE_BYTES: u64 = 512 << 10;
/// Bytes between two wanted chunks that are fetched along rather than asked for around.
const GAP_BYTES: u64 = 256 << 10;
/// The end of a file that is fetched where its name does not say how much to.
const END_BYTES: usize = 8;
const REQUESTS_AT_ONCE: usize = 16;

const PARTS: usize = 4096;
const PART_BYTES: usize = 64 << 20;
const CHUNKS: usize = 1 << 16;
const MANIFESTS: usize = 256;
const MANIFEST_BYTES: usize = 64 << 20;

/// The batch views in a bucket of S3.
#[derive(Debug)]
pub struct Views {
    bucket: Bucket,
    /// By path.
    parts: Cache<Arc<Part>>,
    /// By path and place in the file; checked.
    chunks: Cache<Bytes>,
    /// By key.
    manifests: Cache<Arc<Manifest>>,
}

impl Views {
    /// The batch views in `bucket`, which is there. Up to `cache_bytes` of what was read of parts are
    /// kept in memory.
    pub fn new(connection: &Connection, bucket: &str, cache_bytes: usize) -> Self {
        Views {
            bucket: Bucket::new(connection, bucket),
            parts: Cache::new(PARTS, PART_BYTES),
            chunks: Cache::new(CHUNKS, cache_bytes),
            manifests: Cache::new(MANIFESTS, MANIFEST_BYTES),
        }
    }

    /// A part's footer, read and checked.
    async fn part(&self, view: &View, info: &PartInfo) -> Result<Arc<Part>> {
        if let Some(part) = self.parts.get(&info.path) {
            return Ok(part);
        }
        let key = part_key(&info.path);
        let named = parse_name(&key);
        let is_whole = info.bytes <= WHOLE_BYTES;
        let fetched = if is_whole {
            self.bucket.get(&key).await?
        } else {
            let length = named.as_ref().map_or(END_BYTES, |(length, _)| *length);
            self.bucket.get_tail(&key, length as u64).await?
        };
        let url = self.bucket.url(&key);
        let open = || {
            let (length, crc32) = named?;
            let at =
                fetched.bytes.len().checked_sub(length).ok_or_else(|| corrupt("it was cut"))?;
            if crc32fast::hash(&fetched.bytes[at..]) != crc32 {
                return Err(corrupt("its footer has a wrong checksum"));
            }
            let start = fetched.length - fetched.bytes.len() as u64;
            let file = Sparse::new(fetched.length, vec![(start, fetched.bytes.clone())]);
            Part::open(url.clone(), &file, view)
        };
        let part = Arc::new(open().map_err(|e| error::parquet(&url, &e))?);
        if is_whole {
            for chunk in part.chunks() {
                self.keep(info, chunk, 0, &fetched.bytes)?;
            }
        }
        self.parts.insert(&info.path, Arc::clone(&part), part.memory_bytes());
        Ok(part)
    }

    /// The bytes of chunks of a part, with their places; fetched where they are not here.
    async fn chunks(&self, info: &PartInfo, wanted: &[Chunk]) -> Result<Vec<(u64, Bytes)>> {
        let mut stretches = Vec::new();
        let mut missing = Vec::new();
        for chunk in wanted {
            match self.chunks.get(&chunk_name(info, chunk)) {
                Some(bytes) => stretches.push((chunk.start, bytes)),
                None => missing.push(*chunk),
            }
        }
        let fetches: Vec<_> = runs(missing).into_iter().map(|run| self.fetch(info, run)).collect();
        let mut fetched = stream::iter(fetches).buffer_unordered(REQUESTS_AT_ONCE);
        while let Some(run) = fetched.next().await {
            stretches.extend(run?);
        }
        Ok(stretches)
    }

    /// Fetches neighbouring chunks with one request.
    async fn fetch(&self, info: &PartInfo, run: Vec<Chunk>) -> Result<Vec<(u64, Bytes)>> {
        let range = span(&run);
        let fetched = self.bucket.get_range(&part_key(&info.path), range.clone()).await?;
        run.iter().map(|chunk| self.keep(info, *chunk, range.start, &fetched.bytes)).collect()
    }

    /// Checks a chunk in `bytes`, which begin at `start` in the file, and keeps it.
    fn keep(
        &self,
        info: &PartInfo,
        chunk: Chunk,
        start: u64,
        bytes: &Bytes,
    ) -> Result<(u64, Bytes)> {
        let corrupt = |reason| Error::corrupt(self.bucket.url(&part_key(&info.path)), reason);
        let (from, to) = ((chunk.start - start) as usize, (chunk.end - start) as usize);
        if to > bytes.len() {
            return Err(corrupt(format!("the column at byte {} lies past its end", chunk.start)));
        }
        let bytes = bytes.slice(from..to);
        if crc32fast::hash(&bytes) != chunk.crc32 {
            let reason = format!("the column at byte {} has a wrong checksum", chunk.start);
            return Err(corrupt(reason));
        }
        self.chunks.insert(&chunk_name(info, &chunk), bytes.clone(), bytes.len());
        Ok((chunk.start, bytes))
    }

    async fn read_manifest(&self, key: &str) -> Result<Arc<Manifest>> {
        if let Some(manifest) = self.manifests.get(key) {
            return Ok(manifest);
        }
        let bytes = self.bucket.get(key).await?.bytes;
        let manifest: Arc<Manifest> = Arc::new(self.parse(key, &bytes)?);
        self.manifests.insert(key, Arc::clone(&manifest), bytes.len());
        Ok(manifest)
    }

    /// The current pointer and the tag of its object.
    async fn current(&self, fingerprint: Fingerprint) -> Result<Option<(Pointer, String)>> {
        let key = pointer_key(fingerprint);
        match self.bucket.get(&key).await {
            Ok(found) => Ok(Some((self.parse(&key, &found.bytes)?, found.tag))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse<T: DeserializeOwned>(&self, key: &str, text: &[u8]) -> Result<T> {
        serde_json::from_slice(text).map_err(|e| Error::corrupt(self.bucket.url(key), e))
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
        let build = build_name(version, build)?;
        let path = format!("{}/{build}/{}", view.fingerprint, part_id::to_text(id));
        let encoded = part_file::encode(view, rows);
        let encoded = encoded.map_err(|e| error::parquet(self.bucket.url(&part_key(&path)), &e))?;
        let path = path + &encoded.name_suffix;
        let (rows, bytes) = (rows.len() as u64, encoded.bytes.len() as u64);
        self.bucket.put(&part_key(&path), encoded.bytes, Condition::None).await?;
        Ok(PartInfo { id, path, rows, bytes })
    }

    async fn read_part(
        &self,
        view: &View,
        part: &PartInfo,
        selection: &Selection,
        visit: VisitPart<'_>,
    ) -> Result<()> {
        let open = self.part(view, part).await?;
        let chunks = self.chunks(part, &open.chunks_of(selection)).await?;
        open.read(Sparse::new(part.bytes, chunks), selection, visit)
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let name = build_name(manifest.version, &manifest.build)?;
        let key = manifest_key(manifest.fingerprint, &name);
        let text = serde_json::to_vec_pretty(manifest).expect("a manifest has a JSON form");
        self.manifests.remove(&key);
        self.bucket.put(&key, text, Condition::None).await.map(drop)
    }

    async fn manifest(&self, fingerprint: Fingerprint, pointer: &Pointer) -> Result<Arc<Manifest>> {
        let name = build_name(pointer.version, &pointer.build)?;
        self.read_manifest(&manifest_key(fingerprint, &name)).await
    }

    async fn pointer(&self, fingerprint: Fingerprint) -> Result<Option<Pointer>> {
        Ok(self.current(fingerprint).await?.map(|(pointer, _)| pointer))
    }

    async fn publish(
        &self,
        fingerprint: Fingerprint,
        expected: Option<u64>,
        pointer: &Pointer,
    ) -> Result<bool> {
        let current = self.current(fingerprint).await?;
        if current.as_ref().map(|(current, _)| current.version) != expected {
            return Ok(false);
        }
        let condition = match &current {
            None => Condition::Absent,
            Some((_, tag)) => Condition::Unchanged(tag),
        };
        let text = serde_json::to_vec_pretty(pointer).expect("a pointer has a JSON form");
        if self.bucket.put(&pointer_key(fingerprint), text, condition).await? {
            return Ok(true);
        }
        // Another has published, or a try of ours whose reply got lost.
        let there = self.current(fingerprint).await?;
        Ok(there.is_some_and(|(there, _)| there == *pointer))
    }

    async fn retire(&self, fingerprint: Fingerprint, keep_from: u64) -> Result<u64> {
        let Some(current) = self.pointer(fingerprint).await? else { return Ok(0) };
        let current_name = build_name(current.version, &current.build)?;
        let (root, manifests) = (root_key(fingerprint), manifest_folder(fingerprint));
        let keys = self.bucket.list(&root, "").await?;
        // Nothing goes before everything that stays is known.
        let (mut kept, mut retired) = (HashSet::new(), Vec::new());
        for key in &keys {
            let Some(name) = key.strip_prefix(&manifests) else { continue };
            let Some(version) = version_of(name) else { continue };
            if version >= keep_from || name.strip_suffix(".json") == Some(&current_name) {
                let manifest = self.read_manifest(key).await?;
                kept.extend(manifest.parts.iter().map(|part| part_key(&part.path)));
            } else {
                retired.push(key.clone());
            }
        }
        retired.iter().for_each(|key| self.let_go(key));
        self.bucket.delete(retired).await?;
        let is_old = |key: &String| {
            let build = key.strip_prefix(&root).and_then(|rest| rest.split_once('/'));
            let version = build.and_then(|(build, _)| version_of(build));
            version.is_some_and(|version| version <= current.version) && !kept.contains(key)
        };
        let parts: Vec<String> = keys.into_iter().filter(is_old).collect();
        let count = parts.len() as u64;
        parts.iter().for_each(|key| self.let_go(key));
        self.bucket.delete(parts).await?;
        Ok(count)
    }

    async fn remove(&self, fingerprint: Fingerprint) -> Result<()> {
        self.bucket.delete(vec![pointer_key(fingerprint)]).await?;
        let keys = self.bucket.list(&root_key(fingerprint), "").await?;
        keys.iter().for_each(|key| self.let_go(key));
        self.bucket.delete(keys).await
    }
}

impl Views {
    /// Forgets what was read of an object.
    fn let_go(&self, key: &str) {
        self.manifests.remove(key);
        self.parts.remove(key.strip_prefix(VIEWS).unwrap_or(key));
    }
}

const VIEWS: &str = "views/";

fn part_key(path: &str) -> String {
    format!("{VIEWS}{path}")
}

fn root_key(fingerprint: Fingerprint) -> String {
    format!("{VIEWS}{fingerprint}/")
}

fn manifest_folder(fingerprint: Fingerprint) -> String {
    format!("{VIEWS}{fingerprint}/manifests/")
}

fn manifest_key(fingerprint: Fingerprint, name: &str) -> String {
    format!("{}{name}.json", manifest_folder(fingerprint))
}

fn pointer_key(fingerprint: Fingerprint) -> String {
    format!("{VIEWS}{fingerprint}/pointer.json")
}

fn chunk_name(info: &PartInfo, chunk: &Chunk) -> String {
    format!("{}@{}", info.path, chunk.start)
}

/// Chunks in the order of a file, cut where more lies between two than is fetched along.
fn runs(mut chunks: Vec<Chunk>) -> Vec<Vec<Chunk>> {
    chunks.sort_by_key(|chunk| chunk.start);
    let mut runs: Vec<Vec<Chunk>> = Vec::new();
    for chunk in chunks {
        match runs.last_mut() {
            Some(run) if chunk.start <= span(run).end + GAP_BYTES => run.push(chunk),
            _ => runs.push(vec![chunk]),
        }
    }
    runs
}

/// From the first byte of a run to its last.
fn span(run: &[Chunk]) -> Range<u64> {
    let start = run.first().map_or(0, |chunk| chunk.start);
    start..run.last().map_or(start, |chunk| chunk.end)
}
