//! Absorb: records from the stream into speed rows, each exactly once.
//!
//! Within a shard there is one writer and an order, so a row carries the last sequence number
//! applied to it, and a put is conditional on the one that the writer believed to be there:
//!
//! ```text
//! writer believes 9, has 10..14      store has 9:  put -> row at 14
//!                                    store has 12: conflict, row at 12 comes back;
//!                                                  fold 13..14 only, put expecting 12
//!                                    store has 14: conflict; nothing left to apply
//! ```
//!
//! No transaction over rows, no table of what was seen, one put per touched row per delivery; any
//! redelivery, other cut or zombie ends in the same rows.
//!
//! There is a checkpoint before there are rows. Where records are missing between it and a delivery,
//! it jumps over them *before* a row is put behind them, and says from which epoch on the rows are
//! whole. Answers are incomplete until a batch version's horizon has passed the gap; nobody fills it
//! in rows.

use super::Delivery;
use super::archive::{base_epoch, first_run};
use crate::epoch::{Epoch, EpochLength};
use crate::fold::Fold;
use crate::port::{
    Checkpoint, Control, Error, MasterDataSet, PutRow, Result, RowId, RowOutcome, SpeedRow,
    SpeedStore,
};
use crate::project::{Project, RECORDS_VIEW};
use crate::record::{Record, SequenceNumber, ShardId};
use crate::table::Table;
use crate::view::Fingerprint;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Rows are put in groups of this many at most, which bounds memory, not correctness.
const PUT_ROWS: usize = 4096;

/// Stands in [`Checkpoint::covered`] for "from no epoch on that is known yet".
pub(crate) const NOT_KNOWN: Epoch = Epoch(u64::MAX);

impl Checkpoint {
    /// Whether a batch version of `horizon` and the speed rows from there on are the whole of what
    /// this checkpoint says was absorbed.
    ///
    /// Either the view was absorbed from an epoch on that the horizon has reached; or it was not, and
    /// the horizon has passed every record absorbed so far and whatever other views have missed. The
    /// next record notes from where the view is covered.
    pub fn covers(&self, view: Fingerprint, horizon: Epoch) -> bool {
        if horizon < self.distrusted {
            return false;
        }
        match self.covered.get(&view) {
            Some(&covered) => covered <= horizon,
            None => {
                let passed = self.covered.values().all(|&covered| covered <= horizon);
                passed && self.epoch < horizon
            }
        }
    }
}

/// Absorbs one shard. While it lives it remembers the rows of the current epoch, so that a warm
/// one reads nothing.
pub struct Absorber {
    project: Arc<Project>,
    shard: ShardId,
    length: EpochLength,
    fold: Fold,
    checkpoint: Option<Checkpoint>,
    epoch: Epoch,
    rows: HashMap<(usize, Vec<u8>), SpeedRow>,
    /// Superseded definitions whose rows cannot be read, and why.
    given_up: BTreeMap<Fingerprint, Error>,
}

/// What an absorber did with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Absorbed {
    /// Records folded, heartbeats included.
    pub records: u64,
    /// Records that had been absorbed before.
    pub redelivered: u64,
    /// Records among those folded that the project's own schema rejects.
    pub rejected: u64,
    /// Rows put.
    pub rows: u64,
    /// Puts whose condition did not hold.
    pub conflicts: u64,
}

/// Records of one epoch on their way into rows.
struct Run<'a> {
    epoch: Epoch,
    records: &'a [Record<'a>],
    /// The last of them: where a row is once they are applied.
    last: SequenceNumber,
}

/// A put under way, and the index of its view.
type Pending = (usize, PutRow);

/// A row as it stands in the store.
struct Stored {
    view: usize,
    key: Vec<u8>,
    row: SpeedRow,
}

impl Absorber {
    /// An absorber that knows nothing of the shard yet.
    pub fn new(project: &Arc<Project>, shard: ShardId, length: EpochLength) -> Self {
        Absorber {
            project: Arc::clone(project),
            shard,
            length,
            fold: Fold::new(project),
            checkpoint: None,
            epoch: Epoch::ZERO,
            rows: HashMap::new(),
            given_up: BTreeMap::new(),
        }
    }

    /// Whose views it absorbs.
    pub fn project(&self) -> &Arc<Project> {
        &self.project
    }

    /// The epoch of the last record that it absorbed; zero before the first.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The superseded definitions that it has given up absorbing, because a stored row of theirs
    /// cannot be read: such a row stops a current view's shard, but nothing for a superseded one.
    pub fn given_up(&self) -> &BTreeMap<Fingerprint, Error> {
        &self.given_up
    }

    /// Folds every record of `delivery` into the speed rows and moves the checkpoint. After an
    /// error, deliver again from the same place.
    ///
    /// # Errors
    /// Those of the ports, and [`Error::Corrupt`] for a stored state that cannot be read.
    pub async fn absorb(
        &mut self,
        speed: &impl SpeedStore,
        control: &impl Control,
        master: &impl MasterDataSet,
        delivery: Delivery<'_>,
    ) -> Result<Absorbed> {
        debug_assert_eq!(*delivery.shard, self.shard);
        let mut absorbed = Absorbed::default();
        // Where another instance has moved the checkpoint meanwhile, every row is in place, but the
        // checkpoint may stand before the end of this delivery. It must not stay there: the next
        // delivery would take its epoch from the wrong record.
        while !self.try_absorb(speed, control, master, delivery, &mut absorbed).await? {}
        Ok(absorbed)
    }

    /// Absorbs once. Returns whether the checkpoint is at the end of `delivery` or behind it.
    async fn try_absorb(
        &mut self,
        speed: &impl SpeedStore,
        control: &impl Control,
        master: &impl MasterDataSet,
        delivery: Delivery<'_>,
        absorbed: &mut Absorbed,
    ) -> Result<bool> {
        let done = self.catch_up(speed, control, master, delivery).await?;
        let known = delivery.records.partition_point(|record| Some(record.sequence) <= done);
        let records = &delivery.records[known..];
        absorbed.redelivered = known as u64;
        absorbed.records = records.len() as u64;
        absorbed.rejected = 0;
        let Some(last) = records.last() else { return Ok(true) };

        let checkpoint = self.checkpoint.as_ref().expect("there is one before there are rows");
        let distrusted = checkpoint.distrusted;
        let arrived = records.iter().map(|record| record.arrival_ms).max();
        let newest_arrival_ms = checkpoint.newest_arrival_ms.max(arrived.unwrap_or(i64::MIN));
        let (mut epoch, mut covered) =
            known_start(&self.project, master, &self.shard, checkpoint).await?;
        let mut rest = records;
        while !rest.is_empty() {
            let (run_epoch, count) = first_run(rest, self.length, epoch);
            let (run, behind) = rest.split_at(count);
            (epoch, rest) = (run_epoch, behind);
            if epoch != self.epoch {
                // Epochs never fall along a shard: the rows of earlier ones are done with.
                self.rows.clear();
                self.epoch = epoch;
            }
            let last = run[count - 1].sequence;
            self.absorb_run(speed, &Run { epoch, records: run, last }, absorbed).await?;
        }
        covered.retain(|view, _| !self.given_up.contains_key(view));
        let sequence = last.sequence;
        let next = Checkpoint { sequence, epoch, newest_arrival_ms, covered, distrusted };
        control.put_checkpoint(&self.shard, done, &next).await
    }

    /// Reads the checkpoint, makes the first one, and makes it jump over what is missing before
    /// `delivery`, if something is. Returns up to where the shard has been absorbed.
    ///
    /// Read every time: another instance may have gone on since, and the epoch follows from the
    /// record before the first new one.
    async fn catch_up(
        &mut self,
        speed: &impl SpeedStore,
        control: &impl Control,
        master: &impl MasterDataSet,
        delivery: Delivery<'_>,
    ) -> Result<Option<SequenceNumber>> {
        loop {
            self.checkpoint = control.checkpoint(&self.shard).await?;
            let done = self.checkpoint.as_ref().map(|checkpoint| checkpoint.sequence);
            let Some(first) = delivery.records.first() else { return Ok(done) };
            let next = match (delivery.continues(done), done) {
                (true, Some(_)) => return Ok(done),
                (true, None) => self.first(control, first.sequence).await?,
                (false, _) => self.jump(control, master, first.sequence).await?,
            };
            let next = if done.is_none() { self.distrust(speed, next).await? } else { next };
            // Whether it was put or another instance has moved the checkpoint: look again.
            control.put_checkpoint(&self.shard, done, &next).await?;
        }
    }

    /// The checkpoint right before a shard's very first record.
    async fn first(&self, control: &impl Control, first: SequenceNumber) -> Result<Checkpoint> {
        let views = self.project.live().map(|view| view.fingerprint);
        Ok(Checkpoint {
            sequence: first.previous(),
            epoch: base_epoch(control, &self.shard).await?,
            newest_arrival_ms: i64::MIN,
            covered: views.map(|view| (view, Epoch::ZERO)).collect(),
            distrusted: Epoch::ZERO,
        })
    }

    /// A first checkpoint, where rows of the shard are there already: its checkpoint was lost, and
    /// with it whether something is missing in those rows. Their epochs are not trusted.
    ///
    /// Every record but a heartbeat is counted in the built-in view, which is small, and its rows are
    /// put before all others.
    async fn distrust(&self, speed: &impl SpeedStore, first: Checkpoint) -> Result<Checkpoint> {
        let mut newest = None;
        let ours = &self.shard;
        let mut look = |_: &[u8], epoch: Epoch, shard: &ShardId, _: &SpeedRow| {
            if shard == ours {
                newest = newest.max(Some(epoch));
            }
            Ok(())
        };
        for counts in self.project.live().filter(|view| view.name == RECORDS_VIEW) {
            speed.scan(counts.fingerprint, b"", Epoch::ZERO, &mut look).await?;
        }
        let distrusted = newest.map_or(Epoch::ZERO, Epoch::next);
        Ok(Checkpoint { distrusted, ..first })
    }

    /// The checkpoint right before the record `first`, where what lies before it was not absorbed.
    ///
    /// The epoch comes from the archive's chain. Until the chain has come this far it is a lower
    /// bound, and no epoch is trusted; once it has, [`known_start`] puts both right.
    async fn jump(
        &self,
        control: &impl Control,
        master: &impl MasterDataSet,
        first: SequenceNumber,
    ) -> Result<Checkpoint> {
        let known = self.checkpoint.as_ref();
        // No row before the shard is registered, where readers look for what is missing.
        let base = base_epoch(control, &self.shard).await?;
        let (epoch, trusted) = match chain_place(master, &self.shard, first).await? {
            None => (known.map_or(base, |checkpoint| checkpoint.epoch), NOT_KNOWN),
            Some(ChainPlace { before: None, .. }) => (base, Epoch::ZERO),
            Some(ChainPlace { before: Some(before), .. }) => (before, before.next()),
        };
        let covered = self.project.live().map(|view| {
            let known = known.and_then(|checkpoint| checkpoint.covered.get(&view.fingerprint));
            let known = known.copied().filter(|&covered| covered != NOT_KNOWN);
            (view.fingerprint, known.unwrap_or_default().max(trusted))
        });
        Ok(Checkpoint {
            sequence: first.previous(),
            epoch,
            newest_arrival_ms: known.map_or(i64::MIN, |checkpoint| checkpoint.newest_arrival_ms),
            covered: covered.collect(),
            distrusted: known.map_or(Epoch::ZERO, |checkpoint| checkpoint.distrusted),
        })
    }

    async fn absorb_run(
        &mut self,
        speed: &impl SpeedStore,
        run: &Run<'_>,
        absorbed: &mut Absorbed,
    ) -> Result<()> {
        let rejected = self.fold.rejected();
        self.fold.fold(run.records);
        absorbed.rejected += self.fold.rejected() - rejected;
        let mut tables = self.fold.take();
        let mut pending: Vec<Pending> = Vec::new();
        let mut partly = Vec::new();
        for (view, table) in tables.iter_mut().enumerate() {
            for group in 0..table.len() as u32 {
                if self.given_up.contains_key(&table.view().fingerprint) {
                    break;
                }
                let key = table.key(group).to_vec();
                match self.rows.get(&(view, key.clone())).cloned() {
                    // A try that failed half-way has put this row; it may have ended earlier.
                    Some(stored) if stored.applied >= run.records[0].sequence => {
                        partly.push(Stored { view, key, row: stored });
                    }
                    prior => {
                        let put = self.put_on_top(run, key, prior, table, group);
                        pending.extend(self.or_give_up(table, put)?.map(|put| (view, put)));
                    }
                }
            }
        }
        let counts: Vec<bool> =
            tables.iter().map(|table| table.view().name == RECORDS_VIEW).collect();
        drop(tables);
        pending.extend(self.resolve(run, partly)?);
        // The counts go first: where they have a row, and only there, others may have some.
        let (first, rest) = pending.into_iter().partition(|(view, _)| counts[*view]);
        self.put(speed, run, first, absorbed).await?;
        self.put(speed, run, rest, absorbed).await
    }

    /// Puts rows until each is there.
    async fn put(
        &mut self,
        speed: &impl SpeedStore,
        run: &Run<'_>,
        mut pending: Vec<Pending>,
        absorbed: &mut Absorbed,
    ) -> Result<()> {
        while !pending.is_empty() {
            let mut again = Vec::new();
            let mut conflicts = Vec::new();
            for chunk in pending.chunks(PUT_ROWS) {
                let puts = chunk.iter().map(|(_, put)| put.clone()).collect();
                let outcomes = speed.put_rows(puts).await?;
                for ((view, put), outcome) in chunk.iter().zip(outcomes) {
                    let (view, key) = (*view, put.id.key.clone());
                    match outcome {
                        RowOutcome::Written => {
                            absorbed.rows += 1;
                            self.rows.insert((view, key), put.row.clone());
                        }
                        RowOutcome::Conflict(Some(row)) => {
                            conflicts.push(Stored { view, key, row });
                        }
                        // The row went while its writer lived: its epoch has passed the horizon.
                        // Put the whole state, which the writer has.
                        RowOutcome::Conflict(None) => {
                            again.push((view, PutRow { expected: None, ..put.clone() }));
                        }
                    }
                }
            }
            absorbed.conflicts += (conflicts.len() + again.len()) as u64;
            again.extend(self.resolve(run, conflicts)?);
            pending = again;
        }
        Ok(())
    }

    /// The put that brings `group`'s delta on top of `prior`.
    fn put_on_top(
        &self,
        run: &Run<'_>,
        key: Vec<u8>,
        prior: Option<SpeedRow>,
        delta: &mut Table,
        group: u32,
    ) -> Result<PutRow> {
        if let Some(prior) = &prior {
            delta.merge(&key, &prior.state).map_err(|error| {
                let name = &delta.view().name;
                Error::corrupt(format!("speed row of {name}, shard {}", self.shard), error)
            })?;
        }
        let mut state = Vec::new();
        delta.encode(group, &mut state);
        let fingerprint = delta.view().fingerprint;
        Ok(PutRow {
            id: RowId { fingerprint, key, epoch: run.epoch, shard: self.shard.clone() },
            expected: prior.map(|prior| prior.applied),
            row: SpeedRow { applied: run.last, state },
        })
    }

    /// The put, or none where a stored row cannot be read and its definition is only superseded.
    fn or_give_up(&mut self, table: &Table, put: Result<PutRow>) -> Result<Option<PutRow>> {
        let fingerprint = table.view().fingerprint;
        match put {
            Err(error) if self.project.by_fingerprint(fingerprint).is_none() => {
                self.given_up.insert(fingerprint, error);
                Ok(None)
            }
            put => put.map(Some),
        }
    }

    /// For rows that stand elsewhere than right before the run: folds again only the records that
    /// the stored row lacks.
    fn resolve(&mut self, run: &Run<'_>, rows: Vec<Stored>) -> Result<Vec<Pending>> {
        let mut behind: BTreeMap<SequenceNumber, Vec<Stored>> = BTreeMap::new();
        for stored in rows {
            behind.entry(stored.row.applied).or_default().push(stored);
        }
        let mut again = Vec::new();
        for (applied, rows) in behind {
            let from = run.records.partition_point(|record| record.sequence <= applied);
            self.fold.fold(&run.records[from..]);
            let mut tables = self.fold.take();
            for Stored { view, key, row } in rows {
                match tables[view].find(&key) {
                    // None of the records behind the stored row touches it.
                    None => {
                        self.rows.insert((view, key), row);
                    }
                    Some(group) => {
                        let table = &mut tables[view];
                        let put = self.put_on_top(run, key, Some(row), table, group);
                        again.extend(self.or_give_up(table, put)?.map(|put| (view, put)));
                    }
                }
            }
        }
        Ok(again)
    }
}

/// Puts right a checkpoint whose epoch was not known when its records were absorbed, once the
/// archive's chain has come as far. A delivery does this as well; a shard that is closed has none
/// to come.
///
/// # Errors
/// Those of the ports.
pub async fn settle(
    project: &Project,
    master: &impl MasterDataSet,
    control: &impl Control,
    shard: &ShardId,
) -> Result<()> {
    let Some(checkpoint) = control.checkpoint(shard).await? else { return Ok(()) };
    if checkpoint.covered.values().all(|&covered| covered != NOT_KNOWN) {
        return Ok(());
    }
    let (epoch, covered) = known_start(project, master, shard, &checkpoint).await?;
    let settled = Checkpoint { epoch, covered, ..checkpoint };
    control.put_checkpoint(shard, Some(settled.sequence), &settled).await.map(drop)
}

/// The epoch of the record at `checkpoint`, and from which epoch on each view is covered behind it.
async fn known_start(
    project: &Project,
    master: &impl MasterDataSet,
    shard: &ShardId,
    checkpoint: &Checkpoint,
) -> Result<(Epoch, BTreeMap<Fingerprint, Epoch>)> {
    let mut epoch = checkpoint.epoch;
    let mut late = epoch.next();
    if checkpoint.covered.values().any(|&covered| covered == NOT_KNOWN) {
        let place = chain_place(master, shard, checkpoint.sequence).await?;
        late = place.map_or(NOT_KNOWN, |place| place.epoch.next());
        epoch = place.map_or(epoch, |place| place.epoch);
    }
    // A view that was not absorbed up to here has missed a part of this epoch.
    let views = project.live().map(|view| view.fingerprint);
    let covered = views.map(|view| match checkpoint.covered.get(&view) {
        Some(&covered) if covered != NOT_KNOWN => (view, covered),
        _ => (view, late),
    });
    Ok((epoch, covered.collect()))
}

/// Where a record stands in the archive's chain.
#[derive(Debug, Clone, Copy)]
struct ChainPlace {
    /// Its epoch.
    epoch: Epoch,
    /// The epoch of the record before it; `None` if it is the shard's first.
    before: Option<Epoch>,
}

/// The place of the record `sequence` in its shard's chain, if the chain has come that far.
async fn chain_place(
    master: &impl MasterDataSet,
    shard: &ShardId,
    sequence: SequenceNumber,
) -> Result<Option<ChainPlace>> {
    let Some(tail) = master.tail(shard).await? else { return Ok(None) };
    if tail.last < sequence {
        return Ok(None);
    }
    let mut chain = master.objects(Epoch::ZERO..tail.epoch.next()).await?;
    chain.retain(|info| info.shard == *shard);
    let at = chain.partition_point(|info| info.last < sequence);
    Ok(chain.get(at).map(|object| ChainPlace {
        epoch: object.epoch,
        before: if object.first < sequence {
            Some(object.epoch)
        } else {
            at.checked_sub(1).map(|before| chain[before].epoch)
        },
    }))
}
