//! Units: the work of an audit, cut so that every core has some and none holds more than a part.
//!
//! ```text
//! objects of a shard   7 | 8 8 8 | 9 9 | 10 | 11
//! speed rows stored                 9 9   10   11
//! units                (7  8 8 8)  (9 9) (10) (11)      whole epochs where rows are judged
//! ```
//!
//! Where rows are judged, a unit is the whole epoch of a shard, in order. Everything else is cut
//! anywhere, between the same horizons.

use super::Scope;
use super::judge::Judge;
use super::ledger::{Link, Seen};
use super::report::{Check, Compared, Difference, Findings};
use super::snapshot::Snapshot;
use super::{Progress, Stores, outcomes};
use crate::epoch::Epoch;
use crate::fold::Fold;
use crate::pipeline::archive::object_name;
use crate::port::{Error, Fields, MasterDataSet, ObjectInfo, Result, Workers};
use crate::project::ACCEPTED;
use crate::record::{Record, ShardId};
use crate::table::Table;
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A unit without rows to judge ends once it has so many records or objects.
const UNIT_RECORDS: u64 = 250_000;
const UNIT_OBJECTS: usize = 256;

/// Some objects of one shard, read one after the other.
#[derive(Debug)]
pub(super) struct Unit<'s> {
    links: &'s [Link],
    /// For each view: whether its version covers them.
    below: Vec<bool>,
    /// Where rows are judged: the epoch, and its judge until a worker takes it.
    judge: Option<(&'s ShardId, Epoch, Mutex<Option<Judge<'s>>>)>,
}

impl Unit<'_> {
    fn records(&self) -> u64 {
        self.links.iter().map(|link| link.info.records).sum()
    }
}

/// Cuts the snapshot into units; only those that judge rows of `only`, if that is given.
pub(super) fn cut<'s>(
    snapshot: &'s Snapshot,
    scope: &Scope<'_>,
    only: Option<&BTreeSet<(ShardId, Epoch)>>,
    compared: &mut Compared,
) -> Vec<Unit<'s>> {
    let mut units: Vec<Unit<'s>> = Vec::new();
    for ((shard, epoch), range) in places(snapshot) {
        if only.is_some_and(|only| !only.contains(&(shard.clone(), epoch))) {
            continue;
        }
        let links = &snapshot.links[range.clone()];
        let objects: Vec<&ObjectInfo> = links.iter().map(|link| &link.info).collect();
        let below: Vec<bool> = snapshot.horizons.iter().map(|&horizon| epoch < horizon).collect();
        if let Some(judge) = Judge::new(snapshot, scope, (shard, epoch), &objects, compared) {
            let judge = Some((shard, epoch, Mutex::new(Some(judge))));
            units.push(Unit { links, below, judge });
        } else if only.is_none() {
            add_plain(&mut units, snapshot, range, below);
        }
    }
    units
}

/// Every epoch of every shard that has objects or rows, and where its objects are.
fn places(snapshot: &Snapshot) -> BTreeMap<(&ShardId, Epoch), Range<usize>> {
    let mut places: BTreeMap<(&ShardId, Epoch), Range<usize>> = BTreeMap::new();
    for (at, link) in snapshot.links.iter().enumerate() {
        let place = (&link.info.shard, link.info.epoch);
        places.entry(place).or_insert(at..at).end = at + 1;
    }
    for (shard, epoch) in snapshot.rows.keys() {
        places.entry((shard, *epoch)).or_insert(0..0);
    }
    places
}

/// Adds objects to the last unit as long as it has room, and begins another where it has not.
fn add_plain<'s>(
    units: &mut Vec<Unit<'s>>,
    snapshot: &'s Snapshot,
    range: Range<usize>,
    below: Vec<bool>,
) {
    for at in range {
        let shard = &snapshot.links[at].info.shard;
        let last = units.last_mut().filter(|unit| {
            let same = unit.links.last().is_some_and(|link| link.info.shard == *shard);
            let room = unit.records() < UNIT_RECORDS && unit.links.len() < UNIT_OBJECTS;
            same && room && unit.judge.is_none() && unit.below == below
        });
        match last {
            // Units without rows to judge lie side by side, so the slice only grows.
            Some(unit) => unit.links = &snapshot.links[at - unit.links.len()..=at],
            None => {
                let links = &snapshot.links[at..=at];
                units.push(Unit { links, below: below.clone(), judge: None });
            }
        }
    }
}

/// What reading the units has given.
pub(super) struct Pass {
    /// Per view: the fold of every record below its horizon.
    pub(super) tables: Vec<Table>,
    /// What is wrong with objects.
    pub(super) ledger: Findings,
    /// What is wrong with speed rows and counts, and of which epochs of which shards.
    pub(super) speed: Findings,
    pub(super) suspects: BTreeSet<(ShardId, Epoch)>,
    /// The least epoch of which an object could not be read to its end.
    pub(super) unread: Option<Epoch>,
    pub(super) compared: Compared,
}

/// What one worker has gathered.
struct Gathered {
    sums: Vec<Option<Table>>,
    ledger: Findings,
    speed: Findings,
    suspects: BTreeSet<(ShardId, Epoch)>,
    unread: Option<Epoch>,
    compared: Compared,
}

/// One worker, and what it has gathered so far.
struct Worker<'a> {
    scope: &'a Scope<'a>,
    fold: Fold,
    gathered: Gathered,
}

/// Reads the units on all workers.
pub(super) async fn read<M: MasterDataSet, S, C, V>(
    stores: &Stores<'_, M, S, C, V>,
    workers: &impl Workers,
    scope: &Scope<'_>,
    mut units: Vec<Unit<'_>>,
) -> Result<Pass> {
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let total = units.iter().map(Unit::records).sum();
    // The largest first, so that no worker is left with a large one at the end.
    units.sort_by_key(|unit| std::cmp::Reverse(unit.records()));
    let units = &units;
    let progress = |count: u64| {
        let records = done.fetch_add(count, Ordering::Relaxed) + count;
        (scope.progress)(Progress::Read { records, total });
    };
    let width = workers.width().clamp(1, units.len().max(1));
    let tasks = (0..width).map(|_| async {
        let mut worker = Worker::new(scope);
        while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            worker.read(stores.master, unit, &progress).await?;
        }
        Ok(worker.gathered)
    });
    let mut done: Vec<Gathered> = Vec::new();
    for gathered in workers.run(tasks.collect()).await {
        done.push(Result::from(gathered)?);
    }
    join(workers, scope, done).await
}

async fn join(workers: &impl Workers, scope: &Scope<'_>, done: Vec<Gathered>) -> Result<Pass> {
    let views = &scope.views;
    let mut partial: Vec<Vec<Table>> = views.iter().map(|_| Vec::new()).collect();
    let none = Findings::new(scope.options.limit);
    let mut pass = Pass {
        tables: Vec::new(),
        ledger: none.fresh(),
        speed: none,
        suspects: BTreeSet::new(),
        unread: None,
        compared: Compared::default(),
    };
    for one in done {
        one.sums.into_iter().zip(&mut partial).for_each(|(sum, all)| all.extend(sum));
        pass.ledger.extend(one.ledger);
        pass.speed.extend(one.speed);
        pass.suspects.extend(one.suspects);
        pass.unread = pass.unread.into_iter().chain(one.unread).min();
        pass.compared.add(&one.compared);
    }
    let merges = views.iter().zip(partial).map(|(view, tables)| async move { sum(view, tables) });
    for table in workers.run(merges.collect()).await {
        pass.tables.push(Result::from(table)?);
    }
    Ok(pass)
}

fn sum(view: &Arc<View>, mut tables: Vec<Table>) -> Result<Table> {
    tables.sort_by_key(Table::len);
    let mut sum = tables.pop().unwrap_or_else(|| Table::new(view));
    for table in &tables {
        sum.merge_table(table).map_err(|error| Error::corrupt(&view.name, error))?;
    }
    Ok(sum)
}

impl<'a> Worker<'a> {
    fn new(scope: &'a Scope<'a>) -> Self {
        let none = Findings::new(scope.options.limit);
        let gathered = Gathered {
            sums: scope.views.iter().map(|_| None).collect(),
            ledger: none.fresh(),
            speed: none,
            suspects: BTreeSet::new(),
            unread: None,
            compared: Compared::default(),
        };
        Worker { scope, fold: Fold::new(&scope.project), gathered }
    }

    async fn read(
        &mut self,
        master: &impl MasterDataSet,
        unit: &Unit<'_>,
        progress: &(impl Fn(u64) + Sync),
    ) -> Result<()> {
        let mut judge = unit
            .judge
            .as_ref()
            .and_then(|(_, _, judge)| judge.lock().expect("taking a judge does not panic").take());
        let scope = self.scope;
        let judged: Vec<bool> = (0..unit.below.len())
            .map(|at| judge.as_ref().is_some_and(|judge| judge.wants(at)))
            .collect();
        let wanted =
            |at: usize| scope.wants(at) && (unit.below[at] || judged[at] || at == scope.records);
        let mut speed = Findings::new(scope.options.limit);
        let (mut archived, mut whole) = (0, true);
        for link in unit.links {
            let mut seen = Seen::new(link, scope.length);
            let (fold, compared) = (&mut self.fold, &mut self.gathered.compared);
            let mut visit = |records: &[Record<'_>]| {
                seen.take(records);
                if !scope.options.ledger_only {
                    let findings = &mut speed;
                    let mut out = super::judge::Verdicts { scope, findings, compared };
                    match &mut judge {
                        Some(judge) => judge.take(records, fold, wanted, &mut out),
                        None => fold.fold_into(records, wanted),
                    }
                }
                progress(records.len() as u64);
            };
            let scanned = master.scan(&link.info, Fields::All, &mut visit).await;
            match scanned {
                Ok(()) => {
                    seen.check(&link.info, &mut self.gathered.ledger);
                    self.gathered.compared.objects += 1;
                    self.gathered.compared.records += seen.records - seen.heartbeats;
                    self.gathered.compared.heartbeats += seen.heartbeats;
                    archived += seen.records - seen.heartbeats;
                }
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    self.name_unread(&link.info, &error);
                    whole = false;
                }
            }
        }
        if let Some(judge) = judge.filter(|_| whole) {
            let compared = &mut self.gathered.compared;
            let mut out = super::judge::Verdicts { scope, findings: &mut speed, compared };
            judge.finish(&self.fold, archived, &mut out);
        }
        if !whole {
            // What the fold has of the epoch is a part, and would make right rows look wrong.
            speed = speed.fresh();
        }
        self.gather(unit, archived, whole, speed)
    }

    fn name_unread(&mut self, info: &ObjectInfo, error: &Error) {
        let what = format!("its records cannot be read: {error}");
        let about = Difference::new(Check::Ledger, what).place(&info.shard, info.epoch);
        self.gathered.ledger.add(about.object(object_name(info)));
        self.gathered.unread = self.gathered.unread.into_iter().chain([info.epoch]).min();
    }

    /// Takes what a unit has given into the sums.
    fn gather(
        &mut self,
        unit: &Unit<'_>,
        archived: u64,
        whole: bool,
        speed: Findings,
    ) -> Result<()> {
        let tables = self.fold.take();
        if whole && !self.scope.options.ledger_only {
            let counts = outcomes(&tables[self.scope.records]);
            let folded: u64 = counts.values().sum();
            let accepted = counts.get(ACCEPTED).copied().unwrap_or_default();
            self.gathered.compared.accepted += accepted;
            self.gathered.compared.rejected += folded - accepted;
            if folded != archived {
                let what = "accepted and rejected do not add up to the records archived";
                let mut about = Difference::new(Check::Counts, what).values(archived, folded);
                if let Some(link) = unit.links.first() {
                    about = about.place(&link.info.shard, link.info.epoch);
                }
                self.gathered.ledger.add(about);
            }
        }
        if let (Some((shard, epoch, _)), false) = (&unit.judge, speed.is_empty()) {
            self.gathered.suspects.insert(((*shard).clone(), *epoch));
        }
        self.gathered.speed.extend(speed);
        for (at, table) in tables.into_iter().enumerate() {
            if !unit.below[at] || table.is_empty() {
                continue;
            }
            let sum = &mut self.gathered.sums[at];
            *sum = Some(match sum.take() {
                None => table,
                Some(sum) => self::sum(&self.scope.views[at], vec![sum, table])?,
            });
        }
        Ok(())
    }
}
