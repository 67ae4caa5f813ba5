//! Build: a new version of every batch view, from the master data set.
//!
//! ```text
//! objects of epochs [previous horizon, horizon) ─fold on all cores─> one table per view
//! table ─cut by resolution and partition─> merge with the previous version's part ─> new part
//! all parts ─> manifest ─> pointer flips
//! ```
//!
//! Incremental builds start at the previous version's horizon and rewrite only the parts that new
//! events fall into; full builds start from nothing, and are the cure for human error. Until the
//! pointer flips nothing is visible; a build that dies leaves the old version serving, and its
//! parts are swept later. Two builds at once write different paths, and one of the flips fails.

use super::archive::object_name;
use crate::epoch::Epoch;
use crate::fold::Fold;
use crate::port::{
    Control, Error, Fields, Manifest, MasterDataSet, ObjectInfo, PartId, PartInfo, Pointer, Result,
    Selection, SpeedStore, ViewStore, Workers,
};
use crate::project::Project;
use crate::record::{SequenceNumber, ShardId};
use crate::resolution;
use crate::table::Table;
use crate::timestamp;
use crate::view::{View, Width};
use bumpalo::Bump;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// From where a build starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// From the previous version.
    Incremental,
    /// From nothing.
    Full,
}

/// What a build is to do.
pub struct Request<'a> {
    /// Whose views.
    pub project: &'a Arc<Project>,
    /// Up to where; no more than [`super::seal::sealed`] says.
    pub horizon: Epoch,
    /// From where.
    pub mode: Mode,
    /// A name that no other build has; it stands in paths.
    pub build: &'a str,
    /// The time, for the manifests.
    pub now_ms: i64,
    /// Told about the work as it goes.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// How far a build has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Of the records to fold, this many are.
    Folded {
        /// So far.
        records: u64,
        /// In all.
        total: u64,
    },
    /// Of the parts to write, this many are.
    Written {
        /// So far.
        parts: u64,
        /// In all.
        total: u64,
    },
}

/// What became of one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new version serves.
    Published(Pointer),
    /// The current version has this horizon already.
    UpToDate,
    /// Another build published first; this one's parts will be swept.
    Overtaken,
}

/// What a build did.
#[derive(Debug, Default)]
pub struct Built {
    /// Objects read.
    pub objects: u64,
    /// Records in them, heartbeats included.
    pub records: u64,
    /// For each view, by name: what became of it. One view's failure does not stop the others.
    pub views: Vec<(String, Result<Outcome>)>,
    /// The same for each superseded definition that serves on.
    pub superseded: Vec<(Arc<View>, Result<Outcome>)>,
}

impl Built {
    fn note(&mut self, project: &Project, view: &Arc<View>, outcome: Result<Outcome>) {
        match project.by_fingerprint(view.fingerprint) {
            Some(view) => self.views.push((view.name.clone(), outcome)),
            None => self.superseded.push((Arc::clone(view), outcome)),
        }
    }
}

/// One view's part in a build.
struct ViewPlan {
    index: usize,
    view: Arc<View>,
    previous: Option<(Pointer, Arc<Manifest>)>,
    from: Epoch,
}

/// Builds the next version of every live view of a project.
///
/// # Errors
/// Those of reading the master data set, which every view needs; what concerns one view stands in
/// [`Built::views`].
pub async fn build(
    master: &impl MasterDataSet,
    control: &impl Control,
    views: &impl ViewStore,
    workers: &impl Workers,
    request: &Request<'_>,
) -> Result<Built> {
    let project = &**request.project;
    let mut built = Built::default();
    let mut plans = Vec::new();
    for (index, view) in project.live().enumerate() {
        match plan_view(views, request, index, view).await {
            Ok(Some(plan)) => plans.push(plan),
            Ok(None) => built.note(project, view, Ok(Outcome::UpToDate)),
            Err(error) => built.note(project, view, Err(error)),
        }
    }
    let Some(from) = plans.iter().map(|plan| plan.from).min() else { return Ok(built) };
    let mut objects = master.objects(from..request.horizon).await?;
    // Objects of an import that did not come to its end were never acknowledged.
    let registered: HashSet<ShardId> =
        control.shards().await?.into_iter().map(|info| info.shard).collect();
    objects.retain(|object| registered.contains(&object.shard));
    check_chains(&objects)?;
    let tables = fold_objects(master, workers, request, &plans, &objects).await?;
    let counts = Counts::new(&objects);
    for (plan, delta) in plans.iter().zip(&tables) {
        let outcome = finish_view(views, workers, request, plan, delta, &counts).await;
        built.note(project, &plan.view, outcome);
    }
    built.objects = objects.len() as u64;
    built.records = objects.iter().map(|object| object.records).sum();
    Ok(built)
}

/// Retires what only versions before the previous one needed: their manifests and parts, and the
/// speed rows below the previous version's horizon. Readers may hold the previous pointer a while.
///
/// # Errors
/// Those of the ports.
pub async fn retire(
    project: &Project,
    views: &impl ViewStore,
    speed: &impl SpeedStore,
) -> Result<()> {
    for view in project.live() {
        match retire_view(view, views, speed).await {
            // What is only superseded stops nothing; its build has failed as well, and said so.
            Err(Error::Corrupt { .. } | Error::NotFound { .. })
                if project.by_fingerprint(view.fingerprint).is_none() => {}
            done => done?,
        }
    }
    Ok(())
}

async fn retire_view(view: &View, views: &impl ViewStore, speed: &impl SpeedStore) -> Result<()> {
    let Some(pointer) = views.pointer(view.fingerprint).await? else { return Ok(()) };
    let manifest = views.manifest(view.fingerprint, &pointer).await?;
    if let Some(previous) = &manifest.previous {
        speed.expire(view.fingerprint, previous.horizon).await?;
        views.retire(view.fingerprint, previous.version).await?;
    }
    Ok(())
}

/// The plan for one view, or `None` where there is nothing to do.
async fn plan_view(
    views: &impl ViewStore,
    request: &Request<'_>,
    index: usize,
    view: &Arc<View>,
) -> Result<Option<ViewPlan>> {
    let plan = |previous, from| ViewPlan { index, view: Arc::clone(view), previous, from };
    let Some(pointer) = views.pointer(view.fingerprint).await? else {
        return Ok(Some(plan(None, Epoch::ZERO)));
    };
    if pointer.horizon > request.horizon {
        return Ok(None);
    }
    match request.mode {
        Mode::Full => {
            let manifest = Arc::new(empty_manifest(view, request));
            Ok(Some(plan(Some((pointer, manifest)), Epoch::ZERO)))
        }
        Mode::Incremental if pointer.horizon == request.horizon => Ok(None),
        Mode::Incremental => {
            let manifest = views.manifest(view.fingerprint, &pointer).await?;
            let from = pointer.horizon;
            Ok(Some(plan(Some((pointer, manifest)), from)))
        }
    }
}

/// Checks that the objects of each shard follow one another without gap or overlap.
fn check_chains(objects: &[ObjectInfo]) -> Result<()> {
    let mut last: HashMap<&ShardId, SequenceNumber> = HashMap::new();
    for object in objects {
        let before = last.insert(&object.shard, object.last);
        if before.is_some() && object.follows != before {
            let name =
                |n: Option<SequenceNumber>| n.map_or("nothing".to_owned(), |n| n.to_string());
            let reason = format!(
                "it follows {}, but the object before it ends at {}: one is missing or doubled",
                name(object.follows),
                name(before)
            );
            return Err(Error::corrupt(object_name(object), reason));
        }
    }
    Ok(())
}

/// Folds the objects on all workers; one table per plan.
async fn fold_objects(
    master: &impl MasterDataSet,
    workers: &impl Workers,
    request: &Request<'_>,
    plans: &[ViewPlan],
    objects: &[ObjectInfo],
) -> Result<Vec<Table>> {
    let next = AtomicUsize::new(0);
    let folded = AtomicU64::new(0);
    let total = objects.iter().map(|object| object.records).sum();
    // The largest first, so that no worker is left with a large one at the end.
    let mut order: Vec<&ObjectInfo> = objects.iter().collect();
    order.sort_by_key(|object| std::cmp::Reverse(object.records));
    let width = workers.width().clamp(1, order.len().max(1));
    let tasks = (0..width).map(|_| async {
        let mut fold = Fold::new(request.project);
        while let Some(&object) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let wanted = |view: usize| {
                plans.iter().any(|plan| plan.index == view && plan.from <= object.epoch)
            };
            master
                .scan(object, Fields::Fold, &mut |records| {
                    fold.fold_into(records, wanted);
                    let count = records.len() as u64;
                    let records = folded.fetch_add(count, Ordering::Relaxed) + count;
                    (request.progress)(Progress::Folded { records, total });
                })
                .await?;
        }
        Ok(fold.take())
    });
    let mut partial: Vec<Vec<Option<Table>>> = Vec::new();
    for tables in workers.run(tasks.collect()).await {
        partial.push(tables?.into_iter().map(Some).collect());
    }
    let merges = plans.iter().map(|plan| {
        let mut tables: Vec<Table> =
            partial.iter_mut().filter_map(|tables| tables[plan.index].take()).collect();
        async move {
            tables.sort_by_key(Table::len);
            let mut sum = tables.pop().expect("at least one worker ran");
            for table in &tables {
                sum.merge_table(table).map_err(|error| Error::corrupt(&plan.view.name, error))?;
            }
            Ok(sum)
        }
    });
    workers.run(merges.collect()).await.into_iter().collect()
}

/// How many records, heartbeats not counted, the objects of each epoch hold.
struct Counts(BTreeMap<Epoch, u64>);

impl Counts {
    fn new(objects: &[ObjectInfo]) -> Self {
        let mut counts = BTreeMap::new();
        for object in objects {
            *counts.entry(object.epoch).or_default() += object.records - object.heartbeats;
        }
        Counts(counts)
    }

    fn since(&self, epoch: Epoch) -> u64 {
        self.0.range(epoch..).map(|(_, count)| count).sum()
    }
}

/// Writes the parts that `delta` falls into and publishes the view.
async fn finish_view(
    views: &impl ViewStore,
    workers: &impl Workers,
    request: &Request<'_>,
    plan: &ViewPlan,
    delta: &Table,
    counts: &Counts,
) -> Result<Outcome> {
    let previous = plan.previous.as_ref();
    let version = previous.map_or(0, |(pointer, _)| pointer.version) + 1;
    let old_parts = previous.map_or(&[][..], |(_, manifest)| &manifest.parts);
    let mut parts: BTreeMap<PartId, PartInfo> =
        old_parts.iter().map(|part| (part.id, part.clone())).collect();

    let touched = cut(delta)?;
    let total = touched.len() as u64;
    let next = AtomicUsize::new(0);
    let written = AtomicU64::new(0);
    let tasks = (0..workers.width().clamp(1, touched.len().max(1))).map(|_| async {
        let mut done = Vec::new();
        while let Some((id, groups)) = touched.get(next.fetch_add(1, Ordering::Relaxed)) {
            let old = old_parts.iter().find(|part| part.id == *id);
            let part = merge_part(views, plan, delta, groups, *id, old).await?;
            let arena = Bump::new();
            let rows = part
                .rows(&part.sorted(), &arena)
                .map_err(|error| Error::corrupt(&plan.view.name, error))?;
            done.push(views.write_part(&plan.view, version, request.build, *id, &rows).await?);
            let parts = written.fetch_add(1, Ordering::Relaxed) + 1;
            (request.progress)(Progress::Written { parts, total });
        }
        Ok(done)
    });
    for done in workers.run(tasks.collect()).await {
        parts.extend(Result::<Vec<PartInfo>>::from(done)?.into_iter().map(|part| (part.id, part)));
    }

    let before = previous.map_or(0, |(_, manifest)| manifest.records);
    let manifest = Manifest {
        version,
        previous: previous.map(|(pointer, _)| pointer.clone()),
        records: before + counts.since(plan.from),
        parts: parts.into_values().collect(),
        ..empty_manifest(&plan.view, request)
    };
    views.write_manifest(&manifest).await?;
    let pointer = Pointer { version, build: request.build.to_owned(), horizon: request.horizon };
    let expected = previous.map(|(pointer, _)| pointer.version);
    let flipped = views.publish(plan.view.fingerprint, expected, &pointer).await?;
    Ok(if flipped { Outcome::Published(pointer) } else { Outcome::Overtaken })
}

/// The groups of `delta` by the part they fall into, at every resolution.
pub(crate) fn cut(delta: &Table) -> Result<Vec<(PartId, Vec<u32>)>> {
    let view = delta.view();
    let mut parts: BTreeMap<PartId, Vec<u32>> = BTreeMap::new();
    let resolutions = resolution::resolutions(view);
    for group in 0..delta.len() as u32 {
        let bucket = bucket_of(delta, group)?;
        for &resolution in &resolutions {
            let partition = resolution::partition(resolution, bucket);
            parts.entry(PartId { resolution, partition }).or_default().push(group);
        }
    }
    Ok(parts.into_iter().collect())
}

/// The previous version's part with the given groups of `delta` merged in.
async fn merge_part(
    views: &impl ViewStore,
    plan: &ViewPlan,
    delta: &Table,
    groups: &[u32],
    id: PartId,
    old: Option<&PartInfo>,
) -> Result<Table> {
    let mut sum = Table::new(&plan.view);
    if let Some(old) = old {
        let everything = everything(&plan.view);
        views
            .read_part(&plan.view, old, &everything, &mut |rows| {
                let groups = sum.groups_of_rows(rows);
                sum.load(&groups, &rows.states).map_err(|error| Error::corrupt(&old.path, error))
            })
            .await?;
    }
    merge_groups(&mut sum, delta, groups, id)?;
    Ok(sum)
}

/// Merges the given groups of `delta` into `sum`, at the resolution of the part `id`.
pub(crate) fn merge_groups(
    sum: &mut Table,
    delta: &Table,
    groups: &[u32],
    id: PartId,
) -> Result<()> {
    let (mut key, mut state) = (Vec::new(), Vec::new());
    for &group in groups {
        key.clear();
        key.extend_from_slice(delta.key(group));
        if let Some(width) = id.resolution {
            roll_up(&mut key, bucket_of(delta, group)?, width);
        }
        state.clear();
        delta.encode(group, &mut state);
        sum.merge(&key, &state).map_err(|error| Error::corrupt(&delta.view().name, error))?;
    }
    Ok(())
}

/// Replaces the bucket at the end of an encoded key by the one of `width` that holds it.
fn roll_up(key: &mut Vec<u8>, bucket: i64, width: Width) {
    key.truncate(key.len() - 8);
    crate::key::push_bucket(key, timestamp::truncate(bucket, width));
}

/// The bucket at the end of a group's key; 0 in an all-time view.
fn bucket_of(table: &Table, group: u32) -> Result<i64> {
    if table.view().bucket.is_none() {
        return Ok(0);
    }
    let key = table.key(group);
    let mut bucket = &key[key.len().saturating_sub(8)..];
    crate::key::take_bucket(&mut bucket).map_err(|error| Error::corrupt(&table.view().name, error))
}

/// Selects every row with every state.
pub(crate) fn everything(view: &View) -> Selection {
    Selection {
        keys: vec![None; view.keys.len()],
        buckets: Range { start: i64::MIN, end: i64::MAX },
        states: vec![true; view.aggregates.len()],
    }
}

fn empty_manifest(view: &View, request: &Request<'_>) -> Manifest {
    Manifest {
        view: view.name.clone(),
        fingerprint: view.fingerprint,
        plan: view.plan.clone(),
        version: 0,
        build: request.build.to_owned(),
        horizon: request.horizon,
        created_ms: request.now_ms,
        records: 0,
        previous: None,
        parts: Vec::new(),
    }
}
