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
use crate::view::View;
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
    index: HashTable<u32>,
    keys: Keys,
    accumulators: Vec<Box<dyn Accumulator>>,
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
        Table { view, index: HashTable::new(), keys: Keys::default(), accumulators }
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
        let index = 5 * self.index.capacity();
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
    /// Keys are encoded and hashed for the whole batch before the first is looked up, so that the
    /// processor can overlap the cache misses of the look-ups.
    fn groups_of<'a>(
        &mut self,
        columns: &[Column<'a>],
        event_time: ColumnId,
        rows: usize,
        selected: &[u32],
        arena: &'a Bump,
    ) -> Vec<u32> {
        let view = Arc::clone(&self.view);
        let key_columns: Vec<Cow<'_, Column<'a>>> =
            view.keys.iter().map(|key| expr::evaluate(&key.expr, columns, rows, arena)).collect();
        let event_times = match &columns[event_time].data {
            Data::Timestamp(times) => times.as_slice(),
            _ => &[],
        };
        let mut bytes = Vec::with_capacity(selected.len() * 32);
        let mut ends = Vec::with_capacity(selected.len());
        for &row in selected {
            for column in &key_columns {
                key::push(&mut bytes, column, row as usize);
            }
            if let Some(bucket) = &view.bucket {
                let start = timestamp::truncate(event_times[row as usize], bucket.width);
                key::push_bucket(&mut bytes, start);
            }
            ends.push(bytes.len());
        }
        let slices = || {
            let starts = std::iter::once(0).chain(ends.iter().copied());
            starts.zip(&ends).map(|(start, &end)| &bytes[start..end])
        };
        let hashes: Vec<u64> = slices().map(|key| HASHER.hash_one(key)).collect();
        let groups = slices().zip(hashes).map(|(key, hash)| self.entry(key, hash)).collect();
        self.grow();
        groups
    }

    fn entry(&mut self, key: &[u8], hash: u64) -> u32 {
        let keys = &mut self.keys;
        let found = self.index.find(hash, |&group| keys.get(group) == key);
        if let Some(&group) = found {
            return group;
        }
        let group = keys.push(key, hash);
        self.index.insert_unique(hash, group, |&group| keys.hashes[group as usize]);
        group
    }

    fn grow(&mut self) {
        let groups = self.len();
        self.accumulators.iter_mut().for_each(|accumulator| accumulator.grow(groups));
    }

    /// The group of `key`, if it has one.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = HASHER.hash_one(key);
        self.index.find(hash, |&group| self.keys.get(group) == key).copied()
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
        let states = self.accumulators.iter().map(|a| a.store(groups)).collect();
        Ok(Rows { keys, buckets, states, measures: self.measures(groups, arena) })
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
