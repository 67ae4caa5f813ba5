//! Versions: each view's batch version against a fold of everything below its horizon.
//!
//! The fold is cut into parts and rolled up as a full build would, and held against the stored parts
//! row by row, at every resolution. While events flow, versions come and go: where a part has been
//! retired meanwhile, the pointer is read again, the fold is taken up to the new horizon, and what
//! the new records touch is compared anew.

use super::report::{Check, Compared, Difference, Findings};
use super::rows;
use super::{Progress, Scope, Stores};
use crate::epoch::Epoch;
use crate::fold::Fold;
use crate::key;
use crate::pipeline::build::{cut, everything, merge_groups};
use crate::port::{
    Control, Error, Fields, Manifest, MasterDataSet, ObjectInfo, PartId, PartInfo, Pointer, Result,
    Rows, ViewStore, Workers,
};
use crate::resolution::{self, part_id};
use crate::table::Table;
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How often a version may be retired under the audit before that is called a difference.
const ATTEMPTS: usize = 10;

/// The fold that a view's version is held against.
pub(super) struct Expected {
    /// Index of the view.
    pub(super) view: usize,
    /// Every record of every epoch below the horizon.
    pub(super) table: Table,
    pub(super) horizon: Epoch,
    /// How many records that is.
    pub(super) records: u64,
    /// Whether the fold is whole. If not, parts are only read.
    pub(super) whole: bool,
}

/// The stores and everything else that comparing a version takes.
pub(super) struct Auditor<'a, M, S, C, V, W> {
    pub(super) stores: &'a Stores<'a, M, S, C, V>,
    pub(super) workers: &'a W,
    pub(super) scope: &'a Scope<'a>,
}

/// What comparing a version has given.
struct Outcome {
    findings: Findings,
    compared: Compared,
    /// Its manifest or parts that were not there, if any.
    gone: Vec<Difference>,
}

/// What comparing a part has given.
enum Part {
    Compared(Findings, Compared),
    Gone(Difference),
}

/// The parts that have been compared, and which file each was: as files do not change, that holds
/// until there are new records for the part.
type Settled = BTreeMap<PartId, (String, Findings, Compared)>;

impl<M, S, C, V, W> Auditor<'_, M, S, C, V, W>
where
    M: MasterDataSet,
    S: Sync,
    C: Control,
    V: ViewStore,
    W: Workers,
{
    /// Compares the current version of a view.
    pub(super) async fn compare(
        &self,
        mut expected: Expected,
        findings: &mut Findings,
        compared: &mut Compared,
    ) -> Result<()> {
        let view = &self.scope.views[expected.view];
        let mut settled = Settled::new();
        for attempt in 1.. {
            // A pointer that cannot be read was named with the snapshot.
            let pointer = match self.stores.views.pointer(view.fingerprint).await {
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                pointer => pointer.ok().flatten(),
            };
            let Some(pointer) = pointer else { return Ok(()) };
            if pointer.horizon < expected.horizon {
                let what = "the pointer was set back while the audit ran";
                let about = Difference::new(Check::Versions, what).view(view);
                findings.add(about.values(expected.horizon, pointer.horizon));
                return Ok(());
            }
            self.catch_up(&mut expected, pointer.horizon, &mut settled).await?;
            let outcome = self.compare_version(&expected, &pointer, &mut settled).await?;
            if !outcome.gone.is_empty() && attempt < ATTEMPTS {
                let now = self.stores.views.pointer(view.fingerprint).await?;
                if now.as_ref() != Some(&pointer) {
                    continue;
                }
            }
            findings.extend(outcome.findings);
            compared.add(&outcome.compared);
            outcome.gone.into_iter().for_each(|difference| findings.add(difference));
            for (_, found, count) in settled.into_values() {
                findings.extend(found);
                compared.add(&count);
            }
            break;
        }
        Ok(())
    }

    /// Folds what lies between the horizon of the fold and a later one.
    async fn catch_up(
        &self,
        expected: &mut Expected,
        horizon: Epoch,
        settled: &mut Settled,
    ) -> Result<()> {
        if horizon == expected.horizon {
            return Ok(());
        }
        let registered: BTreeSet<_> =
            self.stores.control.shards().await?.into_iter().map(|info| info.shard).collect();
        let mut fold = Fold::new(&self.scope.project);
        for info in self.stores.master.survey(expected.horizon..horizon).await? {
            match info {
                Ok(info) if registered.contains(&info.shard) => {
                    expected.records += info.records.saturating_sub(info.heartbeats);
                    expected.whole &= self.fold_object(&info, expected.view, &mut fold).await?;
                }
                Ok(_) => {}
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(_) => expected.whole = false,
            }
        }
        let delta = fold.take().swap_remove(expected.view);
        for (id, _) in cut(&delta)? {
            settled.remove(&id);
        }
        let merged = expected.table.merge_table(&delta);
        merged.map_err(|error| Error::corrupt(&delta.view().name, error))?;
        expected.horizon = horizon;
        Ok(())
    }

    /// Whether the object could be read.
    async fn fold_object(&self, info: &ObjectInfo, view: usize, fold: &mut Fold) -> Result<bool> {
        let mut visit = |records: &[crate::record::Record<'_>]| {
            fold.fold_into(records, |at| at == view);
        };
        match self.stores.master.scan(info, Fields::Fold, &mut visit).await {
            Ok(()) => Ok(true),
            Err(error @ Error::Unavailable { .. }) => Err(error),
            Err(_) => Ok(false),
        }
    }

    async fn compare_version(
        &self,
        expected: &Expected,
        pointer: &Pointer,
        settled: &mut Settled,
    ) -> Result<Outcome> {
        let view = &self.scope.views[expected.view];
        let about = |what: String| {
            let name = format!("version {}-{}", pointer.version, pointer.build);
            Difference::new(Check::Versions, what).view(view).object(name)
        };
        let mut findings = self.none();
        let manifest = match self.stores.views.manifest(view.fingerprint, pointer).await {
            Ok(manifest) => manifest,
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                let gone = vec![about(format!("its manifest cannot be read: {error}"))];
                return Ok(Outcome { gone, findings, compared: Compared::default() });
            }
        };
        check_manifest(view, pointer, &manifest, expected, &mut |what, is, found| {
            findings.add(about(what.to_owned()).values(is, found));
        });
        let work = self.work(expected, &manifest, settled, &mut findings)?;
        let mut gone = Vec::new();
        for (at, outcome) in self.compare_parts(expected, &work).await? {
            let part = work[at].0;
            match outcome {
                Part::Compared(found, count) => {
                    settled.insert(part.id, (part.path.clone(), found, count));
                }
                Part::Gone(difference) => gone.push(difference),
            }
        }
        let compared = Compared { versions: 1, ..Compared::default() };
        Ok(Outcome { findings, compared, gone })
    }

    /// Compares parts on all workers; says of which part in `work` each outcome is.
    async fn compare_parts(
        &self,
        expected: &Expected,
        work: &[(&PartInfo, Vec<u32>)],
    ) -> Result<Vec<(usize, Part)>> {
        let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
        let total = work.len() as u64;
        let tasks = (0..self.workers.width().clamp(1, work.len().max(1))).map(|_| async {
            let mut outcomes = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((part, groups)) = work.get(at) else { break };
                outcomes.push((at, self.compare_part(expected, part, groups).await?));
                let parts = done.fetch_add(1, Ordering::Relaxed) + 1;
                (self.scope.progress)(Progress::Compared { parts, total });
            }
            Ok(outcomes)
        });
        let mut all = Vec::new();
        for outcomes in self.workers.run(tasks.collect()).await {
            all.extend(Result::<Vec<_>>::from(outcomes)?);
        }
        Ok(all)
    }

    /// The listed parts that are still to be compared, each with the groups of the fold that belong
    /// there. A part that should be listed and is not is a difference at once.
    fn work<'m>(
        &self,
        expected: &Expected,
        manifest: &'m Manifest,
        settled: &mut Settled,
        findings: &mut Findings,
    ) -> Result<Vec<(&'m PartInfo, Vec<u32>)>> {
        let mut groups: BTreeMap<PartId, Vec<u32>> = cut(&expected.table)?.into_iter().collect();
        let mut work = Vec::new();
        let listed: BTreeSet<PartId> = manifest.parts.iter().map(|part| part.id).collect();
        settled.retain(|id, _| listed.contains(id));
        for part in &manifest.parts {
            let groups = groups.remove(&part.id).unwrap_or_default();
            if settled.get(&part.id).is_none_or(|(path, ..)| *path != part.path) {
                work.push((part, groups));
            }
        }
        for (id, groups) in groups.into_iter().filter(|_| expected.whole) {
            let what = "the version lists no part for rows that it must have";
            let about = Difference::new(Check::Batch, what).view(expected.table.view());
            let rows = rolled_up(&expected.table, &groups, id)?.len();
            let name = format!("part {}", part_id::to_text(id));
            findings.add(about.object(name).values(format!("{rows} rows"), "none"));
        }
        Ok(work)
    }

    /// Compares the rows of a part.
    async fn compare_part(
        &self,
        expected: &Expected,
        part: &PartInfo,
        groups: &[u32],
    ) -> Result<Part> {
        let ours = rolled_up(&expected.table, groups, part.id)?;
        let view = ours.view();
        let mut comparison = Comparison::new(&ours, part, expected.whole, self.none());
        let mut visit = |rows: &Rows<'_>| {
            comparison.take(rows);
            Ok(())
        };
        let read = self.stores.views.read_part(view, part, &everything(view), &mut visit).await;
        let about = |what| Difference::new(Check::Versions, what).view(view);
        match read {
            Ok(()) => Ok(comparison.finish()),
            Err(error @ Error::Unavailable { .. }) => Err(error),
            Err(error @ Error::NotFound { .. }) => {
                let what = format!("a part that it lists is gone: {error}");
                Ok(Part::Gone(about(what).object(&part.path)))
            }
            Err(error) => {
                let mut findings = self.none();
                let what = format!("a part cannot be read: {error}");
                findings.add(about(what).object(&part.path));
                Ok(Part::Compared(findings, Compared::default()))
            }
        }
    }

    fn none(&self) -> Findings {
        Findings::new(self.scope.options.limit)
    }
}

/// Some groups of the fold as the rows of a part.
fn rolled_up(table: &Table, groups: &[u32], id: PartId) -> Result<Table> {
    let mut rows = Table::new(table.view());
    merge_groups(&mut rows, table, groups, id)?;
    Ok(rows)
}

/// Holds a manifest against its pointer, the view and the archive.
fn check_manifest(
    view: &View,
    pointer: &Pointer,
    manifest: &Manifest,
    expected: &Expected,
    differs: &mut dyn FnMut(&str, String, String),
) {
    let mut hold = |what: &str, is: String, found: String| {
        if is != found {
            differs(what, is, found);
        }
    };
    hold(
        "its manifest is of another definition",
        view.fingerprint.to_string(),
        manifest.fingerprint.to_string(),
    );
    let name = |version: u64, build: &str| format!("{version}-{build}");
    hold(
        "its manifest is of another version",
        name(pointer.version, &pointer.build),
        name(manifest.version, &manifest.build),
    );
    hold(
        "its manifest has another horizon than its pointer",
        pointer.horizon.to_string(),
        manifest.horizon.to_string(),
    );
    if expected.whole {
        hold(
            "its manifest counts another number of records than are archived below its horizon",
            expected.records.to_string(),
            manifest.records.to_string(),
        );
    }
    let resolutions = resolution::resolutions(view);
    for (at, part) in manifest.parts.iter().enumerate() {
        let name = part_id::to_text(part.id);
        if at > 0 && manifest.parts[at - 1].id >= part.id {
            differs("its manifest lists a part twice or out of order", "once".to_owned(), name);
        } else if !resolutions.contains(&part.id.resolution) {
            differs("its manifest lists a resolution that the view has not", String::new(), name);
        }
    }
}

/// A part's rows against those of the fold, as they are read.
struct Comparison<'a> {
    ours: &'a Table,
    states: Vec<crate::column::Column<'a>>,
    part: &'a PartInfo,
    whole: bool,
    seen: Vec<bool>,
    last_key: Option<Vec<u8>>,
    rows: u64,
    findings: Findings,
}

impl<'a> Comparison<'a> {
    fn new(ours: &'a Table, part: &'a PartInfo, whole: bool, findings: Findings) -> Self {
        let groups: Vec<u32> = (0..ours.len() as u32).collect();
        let states = ours.states(&groups);
        let seen = vec![false; ours.len()];
        Comparison { ours, states, part, whole, seen, last_key: None, rows: 0, findings }
    }

    fn take(&mut self, rows: &Rows<'_>) {
        for row in 0..rows.len() {
            let mut key = Vec::new();
            rows.keys.iter().for_each(|column| key::push(&mut key, column, row));
            if let Some(buckets) = &rows.buckets {
                key::push_bucket(&mut key, buckets[row]);
            }
            self.rows += 1;
            if self.last_key.as_ref().is_some_and(|last| *last >= key) {
                self.findings.add(self.about(&key, "a row that is doubled or out of order"));
            }
            if self.whole {
                self.take_row(rows, row, &key);
            }
            self.last_key = Some(key);
        }
    }

    fn take_row(&mut self, rows: &Rows<'_>, row: usize, key: &[u8]) {
        let Some(group) = self.ours.find(key) else {
            let what = "a row that no record below the horizon makes";
            let found = self.describe(rows, row, key);
            return self.findings.add(self.about(key, what).values("no row", found));
        };
        self.seen[group as usize] = true;
        let theirs = (rows.states.as_slice(), row);
        if let Some(contrast) = rows::compare_stored(self.ours, (&self.states, group), theirs) {
            let what = "not the fold of its records below the horizon";
            let about = self.about(key, what).values(contrast.expected, contrast.found);
            self.findings.add(about);
        }
    }

    fn describe(&self, rows: &Rows<'_>, row: usize, key: &[u8]) -> String {
        let mut table = Table::new(self.ours.view());
        let group = table.group(key);
        let columns: Vec<_> = rows.states.iter().map(|column| column.take(&[row])).collect();
        match table.load(&[group], &columns) {
            Ok(()) => rows::describe(&table, group),
            Err(error) => error.to_string(),
        }
    }

    fn finish(mut self) -> Part {
        for group in (0..self.ours.len() as u32).filter(|_| self.whole) {
            if !self.seen[group as usize] {
                let about = self.about(self.ours.key(group), "a row is missing");
                let expected = rows::describe(self.ours, group);
                self.findings.add(about.values(expected, "no row"));
            }
        }
        if self.rows != self.part.rows {
            let what = "a part has another number of rows than its manifest says";
            let about = Difference::new(Check::Versions, what).view(self.ours.view());
            self.findings.add(about.object(&self.part.path).values(self.part.rows, self.rows));
        }
        let batch_rows = if self.whole { self.rows } else { 0 };
        let compared = Compared { parts: 1, batch_rows, ..Compared::default() };
        Part::Compared(self.findings, compared)
    }

    fn about(&self, key: &[u8], what: &str) -> Difference {
        let view = self.ours.view();
        let about = Difference::new(Check::Batch, what).view(view).object(&self.part.path);
        about.row(rows::name(view, key))
    }
}
