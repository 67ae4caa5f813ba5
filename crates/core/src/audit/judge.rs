//! The judge of one epoch of one shard: its speed rows against a fold of its records.
//!
//! A row says up to which record it goes (`applied`), and the checkpoint up to which record every row
//! goes. So a row must be the fold of the epoch's records up to the later of the two:
//!
//! ```text
//! records of the epoch    1 2 3 4 5 6 7 8 9 | not archived yet
//! checkpoint                      |            rows at or before it: fold of 1..5
//! a row put since                     |        that row: fold of 1..7
//! a row further on                             | ahead of the archive: for the next audit
//! ```
//!
//! Where the row was applied before the checkpoint, no record in between touches it; if one does, the
//! row has lost it, and the comparison tells. A key that the fold has at the checkpoint must have a
//! row. Not compared is what no answer relies on: epochs below the floor, and epochs that the speed
//! layer has not seen all of for a view.

use super::Scope;
use super::report::{Check, Compared, Difference, Findings};
use super::rows;
use super::snapshot::{Snapshot, StoredRow};
use crate::epoch::Epoch;
use crate::fold::Fold;
use crate::pipeline::absorb::NOT_KNOWN;
use crate::port::{ObjectInfo, ShardInfo, ShardKind};
use crate::record::{Record, SequenceNumber, ShardId};
use crate::table::Table;
use crate::view::View;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What is to be judged, and how far it has come.
#[derive(Debug)]
pub(super) struct Judge<'s> {
    shard: &'s ShardId,
    epoch: Epoch,
    /// For each view of the project: whether its rows are compared.
    views: Vec<bool>,
    /// Every row of those views.
    rows: Vec<&'s StoredRow>,
    /// The rows by the record up to which the fold must have come.
    due: BTreeMap<SequenceNumber, Vec<&'s StoredRow>>,
    /// Up to this record every key must have a row.
    base: SequenceNumber,
    /// Rows that say they go further than their epoch.
    beyond: Vec<&'s StoredRow>,
    /// Whether both layers have the whole epoch, so that their counts must be the same.
    whole: bool,
}

impl<'s> Judge<'s> {
    /// The judge of an epoch of a shard, whose objects these are; `None` where there is nothing to
    /// compare. Rows that are passed over are counted in `compared`.
    pub(super) fn new(
        snapshot: &'s Snapshot,
        scope: &Scope<'_>,
        (shard, epoch): (&'s ShardId, Epoch),
        objects: &[&ObjectInfo],
        compared: &mut Compared,
    ) -> Option<Self> {
        let stored = snapshot.rows.get(&(shard.clone(), epoch)).map_or(&[][..], Vec::as_slice);
        let views = relied_on(snapshot, scope, shard, epoch);
        if !views.contains(&true) || is_torn(snapshot, shard, epoch) {
            compared.speed_rows_unused += stored.len() as u64;
            return None;
        }
        let end = objects.last().map(|info| info.last);
        let archived = snapshot.tail(shard).map(|tail| tail.last).unwrap_or_default();
        let absorbed = snapshot.checkpoints.get(shard)?.sequence;
        let base = absorbed.min(archived);
        let sealed = is_sealed(snapshot, shard, epoch);
        let whole = sealed && end.is_some_and(|end| end <= base);
        let (rows, due, beyond) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut judge = Judge { shard, epoch, views, rows, due, base, beyond, whole };
        judge.due.insert(base, Vec::new());
        for row in stored {
            if !judge.views[row.view] {
                compared.speed_rows_unused += 1;
                continue;
            }
            judge.rows.push(row);
            match end {
                Some(end) if row.applied > end && sealed => judge.beyond.push(row),
                Some(end) if row.applied > end => compared.speed_rows_ahead += 1,
                None if !sealed => compared.speed_rows_ahead += 1,
                _ => judge.due.entry(row.applied.max(base)).or_default().push(row),
            }
        }
        let reached = objects.first().is_some_and(|info| info.first <= base);
        let is_empty = judge.due.len() == 1 && judge.due[&base].is_empty();
        (reached || !is_empty || !judge.beyond.is_empty()).then_some(judge)
    }

    /// Whether the fold has to include view `at` for this.
    pub(super) fn wants(&self, at: usize) -> bool {
        self.views[at]
    }

    /// Folds the epoch's next records, and judges the rows that they complete.
    pub(super) fn take(
        &mut self,
        records: &[Record<'_>],
        fold: &mut Fold,
        wanted: impl Fn(usize) -> bool,
        out: &mut Verdicts<'_>,
    ) {
        let mut rest = records;
        while let Some((&due, _)) = self.due.first_key_value() {
            let (now, behind) = rest.split_at(rest.partition_point(|r| r.sequence <= due));
            fold.fold_into(now, &wanted);
            if behind.is_empty() {
                // More records up to there may come.
                return;
            }
            rest = behind;
            self.judge_next(fold.tables(), out);
        }
        fold.fold_into(rest, &wanted);
    }

    /// Judges what is left, once the epoch's last record has been folded.
    pub(super) fn finish(mut self, fold: &Fold, archived: u64, out: &mut Verdicts<'_>) {
        while !self.due.is_empty() {
            self.judge_next(fold.tables(), out);
        }
        for row in &self.beyond {
            let what = "it holds records that its epoch does not have in the archive";
            let found = format!("up to record {}", row.applied);
            out.add(self.about(row, out, what).values("no further than the archive", found));
        }
        if self.whole {
            let counts = out.scope.counts().filter(|&view| self.views[view]);
            counts.for_each(|view| self.compare_counts(view, fold.tables(), archived, out));
        }
        out.compared.speed_epochs += 1;
    }

    fn judge_next(&mut self, tables: &[Table], out: &mut Verdicts<'_>) {
        let Some((due, rows)) = self.due.pop_first() else { return };
        for row in rows {
            self.judge(row, &tables[row.view], out);
        }
        if due == self.base {
            self.find_missing(tables, out);
        }
    }

    fn judge(&self, row: &StoredRow, table: &Table, out: &mut Verdicts<'_>) {
        out.compared.speed_rows += 1;
        let Some(group) = table.find(&row.key) else {
            let found = rows::describe_encoded(table.view(), &row.key, &row.state);
            let what = "a row that no record of its shard and epoch makes";
            return out.add(self.about(row, out, what).values("no row", found));
        };
        if let Some(contrast) = rows::compare_encoded(table, group, &row.state) {
            let what = format!("not the fold of its records up to {}", row.applied.max(self.base));
            out.add(self.about(row, out, &what).values(contrast.expected, contrast.found));
        }
    }

    fn find_missing(&self, tables: &[Table], out: &mut Verdicts<'_>) {
        let keys: HashSet<(usize, &[u8])> =
            self.rows.iter().map(|row| (row.view, row.key.as_slice())).collect();
        for (view, table) in tables.iter().enumerate().filter(|(view, _)| self.views[*view]) {
            for group in 0..table.len() as u32 {
                let key = table.key(group);
                if !keys.contains(&(view, key)) {
                    let what = format!("no row for records up to {}, absorbed by then", self.base);
                    let about = Difference::new(Check::Speed, what).view(table.view());
                    let about = about.place(self.shard, self.epoch);
                    let about = about.row(rows::name(table.view(), key));
                    out.add(about.values(rows::describe(table, group), "no row"));
                }
            }
        }
    }

    /// Received is what was archived, and what was folded, and what the speed layer counts.
    fn compare_counts(&self, view: usize, tables: &[Table], archived: u64, out: &mut Verdicts<'_>) {
        let mut absorbed = Table::new(tables[view].view());
        for row in self.rows.iter().filter(|row| row.view == view) {
            if absorbed.merge(&row.key, &row.state).is_err() {
                // It was named as a row that cannot be read.
                return;
            }
        }
        let count: u64 = super::outcomes(&absorbed).values().sum();
        if count != archived {
            let what = "the speed layer counts another number of records than were archived";
            let about = Difference::new(Check::Counts, what).view(tables[view].view());
            out.add(about.place(self.shard, self.epoch).values(archived, count));
        }
    }

    fn about(&self, row: &StoredRow, out: &Verdicts<'_>, what: &str) -> Difference {
        let view = &out.scope.views[row.view];
        let about = Difference::new(Check::Speed, what).view(view);
        about.place(self.shard, self.epoch).row(rows::name(view, &row.key))
    }
}

/// Where judgements go.
pub(super) struct Verdicts<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) findings: &'a mut Findings,
    pub(super) compared: &'a mut Compared,
}

impl Verdicts<'_> {
    fn add(&mut self, difference: Difference) {
        self.findings.add(difference);
    }
}

/// For each view: whether answers rely on its rows of this epoch and shard being whole.
fn relied_on(snapshot: &Snapshot, scope: &Scope<'_>, shard: &ShardId, epoch: Epoch) -> Vec<bool> {
    let views = &scope.views;
    let nothing = || vec![false; views.len()];
    let is_stream = |info: &&ShardInfo| info.kind == ShardKind::Stream;
    if snapshot.registered.get(shard).filter(is_stream).is_none() {
        return nothing();
    }
    let Some(checkpoint) = snapshot.checkpoints.get(shard) else { return nothing() };
    // Without its place in the chain, the speed layer has guessed the epochs.
    if checkpoint.covered.values().any(|&covered| covered == NOT_KNOWN) {
        return nothing();
    }
    let relied_on = |(at, view): (usize, &Arc<View>)| {
        let kept = snapshot.floors[at].is_some_and(|floor| epoch >= floor);
        let covered = checkpoint.covered.get(&view.fingerprint);
        let trusted = epoch >= checkpoint.distrusted;
        kept && trusted && covered.is_some_and(|&covered| epoch >= covered)
    };
    views.iter().enumerate().map(relied_on).collect()
}

/// Whether every record of this epoch and shard is in the archive.
fn is_sealed(snapshot: &Snapshot, shard: &ShardId, epoch: Epoch) -> bool {
    let tail = snapshot.tail(shard);
    let passed = tail.is_some_and(|tail| tail.epoch > epoch);
    let last = tail.map(|tail| tail.last).unwrap_or_default();
    let closed = snapshot.registered.get(shard).and_then(|info| info.closed);
    passed || epoch < snapshot.horizon() || closed.is_some_and(|closed| last >= closed)
}

/// Whether an object of this epoch may be among those that could not be read: its rows then cannot
/// be told right from wrong, and the object itself has been named.
fn is_torn(snapshot: &Snapshot, shard: &ShardId, epoch: Epoch) -> bool {
    if snapshot.unreadable == 0 {
        return false;
    }
    let mut of_shard = snapshot.links.iter().filter(|link| link.info.shard == *shard);
    let in_gap = of_shard
        .any(|link| link.gap_from.is_some_and(|from| from <= epoch) && epoch <= link.info.epoch);
    in_gap || snapshot.tail(shard).is_none_or(|tail| epoch >= tail.epoch)
}
