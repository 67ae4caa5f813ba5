//! A table: the rows of one view in memory, each a key with its states.
//!
//! Both layers fold events into tables, builds merge tables with what was stored, and a query
//! merges stored rows into a table of its own. There is one way for events to become state
//! ([`Table::fold`]) and one way for states to come together ([`Table::merge`] for encoded rows,
//! [`Table::load`] for stored columns).

use crate::aggregate::{self, Accumulator, CorruptState};
use crate::column::{Column, Data};
use crate::expr;
use crate::key::{self, CorruptKey};
use crate::port::Rows;
use crate::schema::ColumnId;
use crate::timestamp;
use crate::types::Type;
use crate::view::{View, Width};
use bumpalo::Bump;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::Arc;

/// The version of the encoded state of a row: its first byte.
const STATE_VERSION: u8 = 1;

/// Keys are hashed with a fixed seed: a table is as deterministic as all of core. Flooding a table
/// on purpose would take collisions of a 64-bit keyed hash by someone who may send events anyway.
const HASHER: FixedState = FixedState::with_seed(0x616e_6162_7261_6e63);

/// The rows of one view, numbered as groups in the order in which their keys first came.
pub struct Table {
    view: Arc<View>,
    index: HashTable<Slot>,
    keys: Keys,
    accumulators: Vec<Box<dyn Accumulator>>,
    lookups: Lookups,
}

/// A group in the index. Half of its key's hash stands beside it, so that nearly no group but the
/// right one is ever looked at.
#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    group: u32,
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The keys of a batch, kept for its memory. A key that is plainly the one of the row before is
/// there once.
#[derive(Default)]
struct Lookups {
    keys: Vec<u8>,
    /// Where each key ends, and its hash.
    spans: Vec<(usize, u64)>,
    candidates: Vec<Option<u32>>,
    /// The group of each key.
    groups: Vec<u32>,
    /// The number of each row's key.
    key_of: Vec<u32>,
}

/// The encoded keys of all groups, end to end.
#[derive(Default)]
struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
}

impl Keys {
    fn get(&self, group: u32) -> &[u8] {
        let group = group as usize;
        let start = if group == 0 { 0 } else { self.ends[group - 1] };
        &self.bytes[start..self.ends[group]]
    }

    fn push(&mut self, key: &[u8], hash: u64) -> u32 {
        let group = u32::try_from(self.ends.len()).expect("a table has fewer than 2^32 rows");
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
        self.hashes.push(hash);
        group
    }
}

impl Table {
    /// An empty table for `view`.
    pub fn new(view: &Arc<View>) -> Self {
        let accumulators = view
            .aggregates
            .iter()
            .map(|aggregate| {
                let types: Vec<Type> = aggregate.args.iter().map(|arg| arg.ty).collect();
                aggregate::accumulator(aggregate.function, &types)
            })
            .collect();
        let view = Arc::clone(view);
        Table {
            view,
            index: HashTable::new(),
            keys: Keys::default(),
            accumulators,
            lookups: Lookups::default(),
        }
    }

    /// The view whose rows these are.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.keys.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory in use, about.
    pub fn memory_bytes(&self) -> usize {
        let keys = self.keys.bytes.capacity() + 16 * self.keys.ends.capacity();
        let index = (1 + size_of::<Slot>()) * self.index.capacity();
        keys + index + self.accumulators.iter().map(|a| a.memory_bytes()).sum::<usize>()
    }

    /// Folds a batch of decoded events, of which `event_time` is the event time.
    pub fn fold<'a>(
        &mut self,
        columns: &[Column<'a>],
        event_time: ColumnId,
        rows: usize,
        arena: &'a Bump,
    ) {
        let view = Arc::clone(&self.view);
        let selected = match &view.filter {
            Some(filter) => expr::select(filter, columns, rows, arena),
            None => (0..rows as u32).collect(),
        };
        if selected.is_empty() {
            return;
        }
        let groups = self.groups_of(columns, event_time, rows, &selected, arena);
        for (aggregate, accumulator) in view.aggregates.iter().zip(&mut self.accumulators) {
            let args: Vec<Column<'a>> = aggregate
                .args
                .iter()
                .map(|arg| expr::evaluate(arg, columns, rows, arena).into_owned())
                .collect();
            match &aggregate.filter {
                None => accumulator.update(&selected, &groups, &args),
                Some(filter) => {
                    let (rows, groups) = {
                        let passing = expr::select_among(filter, columns, rows, &selected, arena);
                        narrow(&passing, &selected, &groups)
                    };
                    accumulator.update(&rows, &groups, &args);
                }
            }
        }
    }

    /// The group of each selected row, new ones made as needed.
    ///
    /// All keys of the batch are looked up in the index before the first is compared with its
    /// group's, so that the processor can overlap the cache misses of either step.
    fn groups_of<'a>(
        &mut self,
        columns: &[Column<'a>],
        event_time: ColumnId,
        rows: usize,
        selected: &[u32],
        arena: &'a Bump,
    ) -> Vec<u32> {
        let mut lookups = std::mem::take(&mut self.lookups);
        self.encode_keys(&mut lookups, columns, event_time, rows, selected, arena);
        let Lookups { keys, spans, candidates, groups, key_of } = &mut lookups;
        candidates.clear();
        groups.clear();
        candidates.extend(spans.iter().map(|&(_, hash)| {
            let slot = self.index.find(hash, |slot| slot.tag == tag(hash));
            slot.map(|slot| slot.group)
        }));
        let mut start = 0;
        for (&(end, hash), &candidate) in spans.iter().zip(&*candidates) {
            let key = &keys[start..end];
            start = end;
            groups.push(match candidate {
                Some(group) if self.keys.get(group) == key => group,
                _ => self.entry(key, hash),
            });
        }
        let groups = key_of.iter().map(|&key| groups[key as usize]).collect();
        self.lookups = lookups;
        self.grow();
        groups
    }

    /// Encodes and hashes the keys of the selected rows.
    fn encode_keys<'a>(
        &self,
        lookups: &mut Lookups,
        columns: &[Column<'a>],
        event_time: ColumnId,
        rows: usize,
        selected: &[u32],
        arena: &'a Bump,
    ) {
        let view = &self.view;
        let key_columns: Vec<Cow<'_, Column<'a>>> =
            view.keys.iter().map(|key| expr::evaluate(&key.expr, columns, rows, arena)).collect();
        let event_times = match &columns[event_time].data {
            Data::Timestamp(times) => times.as_slice(),
            _ => &[],
        };
        let mut bucket = view.bucket.as_ref().map(|bucket| BucketOf::new(bucket.width));
        let Lookups { keys, spans, key_of, .. } = lookups;
        keys.clear();
        spans.clear();
        key_of.clear();
        let mut before = None;
        for row in selected.iter().map(|&row| row as usize) {
            let time = event_times.get(row).copied().unwrap_or_default();
            let is_same = before.is_some_and(|before| {
                key_columns.iter().all(|column| column.is_plainly_same(row, before))
                    && bucket.as_ref().is_none_or(|bucket| bucket.last.contains(&time))
            });
            before = Some(row);
            if !is_same {
                let start = keys.len();
                key_columns.iter().for_each(|column| key::push(keys, column, row));
                if let Some(bucket) = &mut bucket {
                    key::push_bucket(keys, bucket.start(time));
                }
                spans.push((keys.len(), HASHER.hash_one(&keys[start..])));
            }
            key_of.push(spans.len() as u32 - 1);
        }
    }

    fn entry(&mut self, key: &[u8], hash: u64) -> u32 {
        if let Some(group) = self.find_hashed(key, hash) {
            return group;
        }
        let keys = &mut self.keys;
        let group = keys.push(key, hash);
        let slot = Slot { tag: tag(hash), group };
        self.index.insert_unique(hash, slot, |slot| keys.hashes[slot.group as usize]);
        group
    }

    fn find_hashed(&self, key: &[u8], hash: u64) -> Option<u32> {
        let is_same = |slot: &Slot| slot.tag == tag(hash) && self.keys.get(slot.group) == key;
        self.index.find(hash, is_same).map(|slot| slot.group)
    }

    fn grow(&mut self) {
        let groups = self.len();
        self.accumulators.iter_mut().for_each(|accumulator| accumulator.grow(groups));
    }

    /// The group of `key`, if it has one.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        self.find_hashed(key, HASHER.hash_one(key))
    }

    /// The group of `key`, made if it has none.
    pub fn group(&mut self, key: &[u8]) -> u32 {
        let group = self.entry(key, HASHER.hash_one(key));
        self.grow();
        group
    }

    /// The group of each stored row, new ones made as needed.
    pub fn groups_of_rows(&mut self, rows: &Rows<'_>) -> Vec<u32> {
        let mut bytes = Vec::new();
        let groups = (0..rows.len())
            .map(|row| {
                bytes.clear();
                rows.keys.iter().for_each(|column| key::push(&mut bytes, column, row));
                if let Some(buckets) = &rows.buckets {
                    key::push_bucket(&mut bytes, buckets[row]);
                }
                self.entry(&bytes, HASHER.hash_one(bytes.as_slice()))
            })
            .collect();
        self.grow();
        groups
    }

    /// The encoded key of a group.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn key(&self, group: u32) -> &[u8] {
        self.keys.get(group)
    }

    /// The groups in the order of their keys.
    pub fn sorted(&self) -> Vec<u32> {
        let mut groups: Vec<u32> = (0..self.len() as u32).collect();
        groups.sort_unstable_by(|&a, &b| self.key(a).cmp(self.key(b)));
        groups
    }

    /// Appends the encoded state of a group: a version byte, then each aggregate's state.
    pub fn encode(&self, group: u32, out: &mut Vec<u8>) {
        out.push(STATE_VERSION);
        self.accumulators.iter().for_each(|accumulator| accumulator.encode(group as usize, out));
    }

    /// Merges an encoded state into the row of `key`.
    pub fn merge(&mut self, key: &[u8], state: &[u8]) -> Result<(), CorruptState> {
        let Some((&STATE_VERSION, mut rest)) = state.split_first() else {
            return Err(CorruptState(match state.first() {
                None => "it is empty".to_owned(),
                Some(version) => {
                    format!("its version is {version}; this program reads version {STATE_VERSION}")
                }
            }));
        };
        let group = self.group(key) as usize;
        for accumulator in &mut self.accumulators {
            accumulator.merge(group, &mut rest)?;
        }
        if rest.is_empty() { Ok(()) } else { Err(CorruptState("it is too long".to_owned())) }
    }

    /// Merges every row of `other`, a table of the same view.
    pub fn merge_table(&mut self, other: &Table) -> Result<(), CorruptState> {
        debug_assert_eq!(self.view.fingerprint, other.view.fingerprint);
        let mut state = Vec::new();
        for group in 0..other.len() as u32 {
            state.clear();
            other.encode(group, &mut state);
            self.merge(other.key(group), &state)?;
        }
        Ok(())
    }

    /// Merges stored states, one column per aggregate: row `i` into `groups[i]`. An empty column
    /// stands for an aggregate that is not wanted.
    pub fn load(&mut self, groups: &[u32], states: &[Column<'_>]) -> Result<(), CorruptState> {
        for (accumulator, column) in self.accumulators.iter_mut().zip(states) {
            if !column.is_empty() {
                accumulator.load(groups, column)?;
            }
        }
        Ok(())
    }

    /// The given groups as rows to store: keys, buckets, states and measures.
    pub fn rows<'a>(&'a self, groups: &[u32], arena: &'a Bump) -> Result<Rows<'a>, CorruptKey> {
        let (keys, buckets) = self.key_columns(groups, arena)?;
        let states = self.states(groups);
        Ok(Rows { keys, buckets, states, measures: self.measures(groups, arena) })
    }

    /// The stored states of the given groups, one column per aggregate.
    pub fn states(&self, groups: &[u32]) -> Vec<Column<'_>> {
        self.accumulators.iter().map(|accumulator| accumulator.store(groups)).collect()
    }

    /// The keys and buckets of the given groups.
    pub fn key_columns<'a>(
        &'a self,
        groups: &[u32],
        arena: &'a Bump,
    ) -> Result<(Vec<Column<'a>>, Option<Vec<i64>>), CorruptKey> {
        let types: Vec<Type> = self.view.keys.iter().map(|key| key.expr.ty).collect();
        let keys = groups.iter().map(|&group| self.key(group));
        key::columns(keys, &types, self.view.bucket.is_some(), arena)
    }

    /// The measures of the given groups, in the view's order.
    pub fn measures<'a>(&'a self, groups: &[u32], arena: &'a Bump) -> Vec<Column<'a>> {
        let outputs: Vec<Column<'a>> = self
            .view
            .outputs
            .iter()
            .map(|output| self.accumulators[output.aggregate].present(output.present, groups))
            .collect();
        let measures = self.view.measures.iter();
        let evaluate = |expr| expr::evaluate(expr, &outputs, groups.len(), arena).into_owned();
        measures.map(|measure| evaluate(&measure.expr)).collect()
    }

    /// The type of each aggregate's stored column; `None` is an encoded state.
    pub fn stored_types(&self) -> Vec<Option<Type>> {
        self.accumulators.iter().map(|accumulator| accumulator.stored_type()).collect()
    }
}

/// Finds the buckets of times, most of which lie in the bucket of the time before.
struct BucketOf {
    width: Width,
    /// The last bucket; exclusive at its end.
    last: std::ops::Range<i64>,
}

impl BucketOf {
    fn new(width: Width) -> Self {
        BucketOf { width, last: 0..0 }
    }

    #[inline]
    fn start(&mut self, micros: i64) -> i64 {
        if !self.last.contains(&micros) {
            let start = timestamp::truncate(micros, self.width);
            self.last = start..timestamp::next(start, self.width);
        }
        self.last.start
    }
}

/// Of `selected` and its `groups`, what is also in `passing`; both selections rise.
fn narrow(passing: &[u32], selected: &[u32], groups: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut passing = passing.iter().copied().peekable();
    let mut rows = Vec::with_capacity(passing.len());
    let mut narrowed = Vec::with_capacity(passing.len());
    for (&row, &group) in selected.iter().zip(groups) {
        while passing.next_if(|&candidate| candidate < row).is_some() {}
        if passing.next_if_eq(&row).is_some() {
            rows.push(row);
            narrowed.push(group);
        }
    }
    (rows, narrowed)
}

#[cfg(test)]
mod tests;
