//! The stream, as Kinesis has it: shards that split and merge, sequence numbers with gaps, arrival
//! times that go backwards, clocks that differ from shard to shard.
//!
//! It also says which epoch each record has, in its own plain loop: the rule is
//! `max(epoch before, arrival / length)` along a shard, from the last epoch of its parents on.

use crate::event::Event;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::plan::StreamShard;
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use std::rc::Rc;

/// The length of an epoch in milliseconds.
pub(crate) const EPOCH_MS: i64 = 1_000;

/// What a record is to the views.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    Heartbeat,
    Event(Event),
    Rejected(&'static str),
}

/// An acknowledged record.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) sequence: u64,
    pub(crate) arrival_ms: i64,
    pub(crate) epoch: Epoch,
    pub(crate) content: Content,
    payload: Vec<u8>,
}

impl Stored {
    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            sequence: self.sequence.into(),
            arrival_ms: self.arrival_ms,
            partition_key: if matches!(self.content, Content::Heartbeat) { HEARTBEAT } else { "p" },
            payload: &self.payload,
        }
    }
}

/// A shard.
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) parents: Vec<usize>,
    pub(crate) log: Vec<Rc<Stored>>,
    pub(crate) open: bool,
    base_epoch: Epoch,
    /// How far its clock is off.
    skew_ms: i64,
}

impl Shard {
    fn last_epoch(&self) -> Epoch {
        self.log.last().map_or(self.base_epoch, |last| last.epoch)
    }

    /// The last record; zero if there is none.
    pub(crate) fn last(&self) -> u64 {
        self.log.last().map_or(0, |last| last.sequence)
    }

    /// The record before position `at`; zero if there is none.
    pub(crate) fn before(&self, at: usize) -> SequenceNumber {
        at.checked_sub(1).map_or(0, |before| self.log[before].sequence).into()
    }
}

/// The stream.
#[derive(Default)]
pub(crate) struct Kinesis {
    pub(crate) shards: Vec<Shard>,
    newest: u64,
}

impl Kinesis {
    /// Opens a shard behind its parents.
    pub(crate) fn open(&mut self, parents: Vec<usize>, skew_ms: i64) {
        let base_epoch = parents.iter().map(|&parent| self.shards[parent].last_epoch());
        let base_epoch = base_epoch.max().unwrap_or(Epoch::ZERO);
        let id = ShardId(format!("shardId-{:04}", self.shards.len()));
        self.shards.push(Shard { id, parents, log: Vec::new(), open: true, base_epoch, skew_ms });
    }

    /// Appends a record, `gap` numbers behind the last; it arrives at `arrival_ms` by a clock that
    /// is right.
    pub(crate) fn put(
        &mut self,
        shard: usize,
        content: Content,
        payload: Vec<u8>,
        arrival_ms: i64,
        gap: u64,
    ) {
        self.newest += gap;
        let sequence = self.newest;
        let shard = &mut self.shards[shard];
        let arrival_ms = arrival_ms + shard.skew_ms;
        let epoch = shard.last_epoch().max(Epoch((arrival_ms / EPOCH_MS) as u64));
        shard.log.push(Rc::new(Stored { sequence, arrival_ms, epoch, content, payload }));
    }

    pub(crate) fn open_shards(&self) -> Vec<usize> {
        (0..self.shards.len()).filter(|&shard| self.shards[shard].open).collect()
    }

    /// The list of shards, parents first.
    pub(crate) fn list(&self) -> Vec<StreamShard> {
        let listed = |shard: &Shard| StreamShard {
            shard: shard.id.clone(),
            parents: shard.parents.iter().map(|&parent| self.shards[parent].id.clone()).collect(),
            closed: (!shard.open).then(|| shard.last().into()),
        };
        self.shards.iter().map(listed).collect()
    }
}
