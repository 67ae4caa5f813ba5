//! A world: a stream in memory, the shipping pipeline over it, and everything that can go wrong
//! with deliveries.

use crate::oracle::{self, Event, Expected};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::archive;
use anabranch_core::pipeline::build::{self, Mode};
use anabranch_core::pipeline::seal;
use anabranch_core::port::{Control as _, Error, Inline, ShardInfo, ShardKind};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer, Query};
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use anabranch_core::sql::Source;
use anabranch_core::types::Value;
use anabranch_stores::faulty::{Fault, Faulty, Plan};
use anabranch_stores::memory::{Control, Master, Speed, Views};
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const EPOCH_MS: i64 = 1_000;

/// A record that was acknowledged.
struct Stored {
    sequence: u64,
    arrival_ms: i64,
    payload: Vec<u8>,
    event: Option<Event>,
    epoch: Epoch,
}

struct Shard {
    id: ShardId,
    log: Vec<Stored>,
    /// How many records the current archiver and absorber have been through.
    archived: usize,
    absorbed: usize,
    absorbers: Vec<Absorber>,
    /// An absorb failed half-way: rows may stand anywhere up to this position.
    torn: usize,
}

/// How often each thing happened, over all worlds.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<&'static str, u64>);

const KINDS: [&str; 13] = [
    "append",
    "archive",
    "archive redelivered",
    "archive failed",
    "absorb",
    "absorb redelivered",
    "absorb failed",
    "absorb conflict",
    "build incremental",
    "build full",
    "cold start",
    "view changed",
    "incomplete answer",
];

impl Seen {
    fn count(&mut self, kind: &'static str) {
        assert!(KINDS.contains(&kind), "{kind} is a listed kind");
        *self.0.entry(kind).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Seen) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    pub(crate) fn assert_all_happened(&self) {
        for kind in KINDS {
            assert!(self.0.get(kind).is_some_and(|&count| count > 0), "`{kind}` never happened");
        }
    }
}

/// One seed's world.
pub(crate) struct World {
    random: Random,
    /// The project as deployed, and as it is deployed alternatively: the view is another.
    project: Arc<Project>,
    other: Arc<Project>,
    length: EpochLength,
    master: Faulty<Master, Trouble>,
    speed: Faulty<Speed, Trouble>,
    control: Control,
    views: Views,
    shards: Vec<Shard>,
    clock_ms: i64,
    builds: u64,
    trouble: Trouble,
    /// Whether the view was ever changed.
    changed: bool,
    pub(crate) seen: Seen,
}

/// The probability, in percent, that a call of a store fails, and what decides it.
#[derive(Clone)]
struct Trouble(Arc<Mutex<(Random, u64)>>);

impl Trouble {
    fn set(&self, percent: u64) {
        self.0.lock().unwrap().1 = percent;
    }
}

impl Plan for Trouble {
    fn fault(&self, _: &'static str, _: u64) -> Fault {
        let (random, percent) = &mut *self.0.lock().unwrap();
        if random.below(100) >= *percent {
            return Fault::None;
        }
        [Fault::Before, Fault::Halfway, Fault::After][random.below(3) as usize]
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let trouble = Trouble(Arc::new(Mutex::new((Random(!seed), 0))));
        let control = Control::default();
        let count = 1 + random.below(3) as usize;
        let project = Arc::new(project_of(""));
        let other = Arc::new(project_of("WHERE site IS NOT NULL"));
        let length = EpochLength::from_millis(EPOCH_MS as u64).unwrap();
        let shards = (0..count).map(|n| {
            let id = ShardId(format!("shard-{n:04}"));
            let info = ShardInfo {
                shard: id.clone(),
                kind: ShardKind::Stream,
                base_epoch: Epoch::ZERO,
                closed: None,
            };
            block_on(control.put_shard(&info)).unwrap();
            let absorbers = (0..2).map(|_| Absorber::new(&project, id.clone(), length)).collect();
            Shard { id, log: Vec::new(), archived: 0, absorbed: 0, absorbers, torn: 0 }
        });
        let shards = shards.collect();
        World {
            random,
            length,
            master: Faulty::new(Master::default(), trouble.clone()),
            speed: Faulty::new(Speed::default(), trouble.clone()),
            control,
            views: Views::default(),
            shards,
            clock_ms: 50 * EPOCH_MS,
            builds: 0,
            trouble,
            seen: Seen::default(),
            changed: false,
            project,
            other,
        }
    }

    pub(crate) fn step(&mut self) {
        self.clock_ms += self.random.below(700) as i64;
        let shard = self.random.below(self.shards.len() as u64) as usize;
        self.trouble.set([0, 0, 10, 40][self.random.below(4) as usize]);
        match self.random.below(81) {
            80 => self.change_view(),
            other => self.common_step(shard, other / 4),
        }
        self.trouble.set(0);
    }

    fn common_step(&mut self, shard: usize, kind: u64) {
        match kind {
            0..6 => self.append(shard),
            6..10 => self.archive(shard),
            10..15 => self.absorb(shard),
            15 => self.restart(shard),
            16 => self.heartbeat(),
            17 => self.build(Mode::Full),
            _ => self.build(Mode::Incremental),
        }
    }

    /// Deploys the other definition of the view, in mid-stream; later perhaps the first again.
    fn change_view(&mut self) {
        self.seen.count("view changed");
        self.changed = true;
        std::mem::swap(&mut self.project, &mut self.other);
        for Shard { id, absorbers, .. } in &mut self.shards {
            let new = || Absorber::new(&self.project, id.clone(), self.length);
            absorbers.iter_mut().for_each(|absorber| *absorber = new());
        }
    }

    fn append(&mut self, shard: usize) {
        self.seen.count("append");
        for _ in 0..1 + self.random.below(12) {
            let event = Event {
                site: self.random.below(3) as u8,
                minute: 5_000 + self.random.below(3) as i64 * 700,
                amount: self.random.below(1_000) as i64 - 500,
                broken: self.random.below(10) == 0,
            };
            self.push(shard, Some(event));
        }
    }

    fn heartbeat(&mut self) {
        (0..self.shards.len()).for_each(|shard| self.push(shard, None));
    }

    fn push(&mut self, shard: usize, event: Option<Event>) {
        // Arrival times go backwards now and then, and sequence numbers have gaps.
        let arrival_ms = self.clock_ms - self.random.below(2 * EPOCH_MS as u64) as i64;
        let gap = 1 + self.random.below(3);
        let log = &mut self.shards[shard].log;
        let sequence = log.last().map_or(0, |last| last.sequence) + gap;
        let by_clock = Epoch((arrival_ms / EPOCH_MS) as u64);
        let epoch = log.last().map_or(by_clock, |last| last.epoch.max(by_clock));
        let payload = event.as_ref().map_or(Vec::new(), Event::payload);
        log.push(Stored { sequence, arrival_ms, payload, event, epoch });
    }

    /// A stretch of a shard's log to deliver: from the checkpoint or from before it, anywhere to.
    fn stretch(&mut self, shard: usize, done: usize) -> (usize, usize) {
        let len = self.shards[shard].log.len();
        let back = if self.random.below(3) == 0 { self.random.below(20) as usize } else { 0 };
        let from = done.saturating_sub(back);
        let to = (from + 1 + self.random.below(25) as usize).min(len);
        (from, to.max(from))
    }

    fn archive(&mut self, shard: usize) {
        let (from, to) = self.stretch(shard, self.shards[shard].archived);
        let Shard { id, log, archived, .. } = &mut self.shards[shard];
        let records = records(&log[from..to]);
        let delivery = Delivery { shard: id, records: &records, from_start: from == 0 };
        let archived_now = archive::archive(&self.master, &self.control, self.length, delivery);
        match block_on(archived_now) {
            Ok(done) => {
                self.seen.count("archive");
                if done.redelivered > 0 {
                    self.seen.count("archive redelivered");
                }
                *archived = to.max(*archived);
            }
            Err(Error::Unavailable { .. }) => self.seen.count("archive failed"),
            Err(error) => panic!("{error}"),
        }
    }

    fn absorb(&mut self, shard: usize) {
        let (from, to) = self.stretch(shard, self.shards[shard].absorbed);
        let which = self.random.below(2) as usize;
        let Shard { id, log, absorbed, absorbers, torn, .. } = &mut self.shards[shard];
        let records = records(&log[from..to]);
        let delivery = Delivery { shard: id, records: &records, from_start: from == 0 };
        let absorber = &mut absorbers[which];
        match block_on(absorber.absorb(&self.speed, &self.control, &self.master, delivery)) {
            Ok(done) => {
                self.seen.count("absorb");
                if done.redelivered > 0 {
                    self.seen.count("absorb redelivered");
                }
                if done.conflicts > 0 {
                    self.seen.count("absorb conflict");
                }
                *absorbed = to.max(*absorbed);
                *torn = to.max(*torn);
            }
            Err(Error::Unavailable { .. }) => {
                self.seen.count("absorb failed");
                *torn = to.max(*torn);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A cold instance takes over from a warm one.
    fn restart(&mut self, shard: usize) {
        self.seen.count("cold start");
        let which = self.random.below(2) as usize;
        let (project, length) = (&self.project, self.length);
        let Shard { id, absorbers, .. } = &mut self.shards[shard];
        absorbers[which] = Absorber::new(project, id.clone(), length);
    }

    fn build(&mut self, mode: Mode) {
        self.seen.count(match mode {
            Mode::Incremental => "build incremental",
            Mode::Full => "build full",
        });
        self.builds += 1;
        let horizon = match block_on(seal::sealed(&self.master, &self.control)) {
            Ok(horizon) => horizon,
            Err(Error::Unavailable { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        let request = build::Request {
            project: &self.project,
            horizon,
            mode,
            build: &format!("b{}", self.builds),
            now_ms: self.clock_ms,
            progress: &|_| {},
        };
        let built = build::build(&self.master, &self.control, &self.views, &Inline, &request);
        match block_on(built) {
            Ok(built) => {
                for (view, outcome) in built.views {
                    outcome.unwrap_or_else(|error| panic!("{view}: {error}"));
                }
            }
            Err(Error::Unavailable { .. }) => return,
            Err(error) => panic!("{error}"),
        }
        match block_on(build::retire(&self.project, &self.views, &self.speed)) {
            Ok(()) | Err(Error::Unavailable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Delivers everything to both layers, seals and builds.
    pub(crate) fn quiesce(&mut self) {
        self.clock_ms += 10 * EPOCH_MS;
        self.heartbeat();
        for shard in 0..self.shards.len() {
            while self.shards[shard].archived < self.shards[shard].log.len() {
                self.archive(shard);
            }
            while self.shards[shard].absorbed < self.shards[shard].log.len() {
                self.absorb(shard);
            }
        }
        self.build(Mode::Incremental);
    }

    fn ask(&self, view: &str, parameters: &[(&str, &str)]) -> Answer {
        let view = self.project.view(view).expect("the view exists");
        let query = Query::parse(view, parameters.iter().copied()).expect("the query is right");
        let answer = query::answer(
            &self.project,
            view,
            &query,
            self.length,
            &self.views,
            &self.speed,
            &self.control,
        );
        block_on(answer).expect("an answer")
    }

    /// Every answer equals the oracle's over the records that it covers: archived ones of epochs
    /// below the horizon, and absorbed ones. Where an absorb failed half-way and was not made up
    /// for yet, rows may be ahead of the checkpoint, each by its own; then only the rest is checked.
    pub(crate) fn check(&mut self, place: &str) {
        let torn = self.shards.iter().any(|shard| shard.torn > shard.absorbed);
        let answer = self.ask("traffic", &[]);
        if !answer.receipt.complete {
            let because = answer.receipt.incomplete_because;
            assert!(self.changed, "{place}: {because:?}");
            return self.seen.count("incomplete answer");
        }
        if torn {
            return;
        }
        let horizon = answer.receipt.horizon;
        let covered = self.shards.iter().flat_map(|shard| {
            shard.log.iter().enumerate().filter_map(move |(at, record)| {
                let covered = record.epoch < horizon || at < shard.absorbed;
                record.event.as_ref().filter(|_| covered)
            })
        });
        let (rows, _) = oracle::expected(covered);
        assert_eq!(rows_of(&answer), rows, "{place}");
    }

    /// At rest: every question about everything.
    pub(crate) fn check_everything(&self, place: &str) {
        let all = || self.shards.iter().flat_map(|s| s.log.iter().filter_map(|r| r.event.as_ref()));
        let (rows, rejected) = oracle::expected(all());
        let answer = self.ask("traffic", &[]);
        assert!(answer.receipt.complete, "{place}: {:?}", answer.receipt.incomplete_because);
        assert_eq!(rows_of(&answer), rows, "{place}");
        assert_eq!(answer.receipt.rejected, rejected, "{place}");
        assert_eq!(answer.receipt.accepted + rejected, all().count() as u64, "{place}");

        let by_day = self.ask("traffic", &[("every", "1d"), ("group_by", "")]);
        let events = |answer: &Answer, at: usize| -> i64 {
            let count = |row: &Vec<Value>| match row[at] {
                Value::BigInt(count) => count,
                ref other => panic!("a count is {other:?}"),
            };
            answer.rows.iter().map(count).sum()
        };
        assert_eq!(events(&by_day, 1), rows.values().map(|row| row.0).sum::<i64>(), "{place}");
        let one = self.ask("traffic", &[("every", "all"), ("where", "site=site-1")]);
        let ours = rows.iter().filter(|((site, _), _)| site == "site-1");
        assert_eq!(events(&one, 1), ours.map(|(_, row)| row.0).sum::<i64>(), "{place}");
    }
}

fn project_of(filter: &str) -> Project {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let schema = source(
        "schema.sql",
        "CREATE TABLE events (t TIMESTAMP(3), site VARCHAR, amount BIGINT)
         WITH (format = 'json', event_time = 't', timestamp_format = 'epoch_milliseconds')",
    );
    let view = format!(
        "CREATE MATERIALIZED VIEW traffic AS
         SELECT site, date_trunc('minute', t) AS minute,
                count(*) AS events, sum(amount) AS amount, min(amount) AS least
         FROM events {filter} GROUP BY 1, 2"
    );
    let views = source("traffic.sql", &view);
    Project::compile(&schema, &[views]).expect("the project compiles")
}

fn records(log: &[Stored]) -> Vec<Record<'_>> {
    let record = |stored: &'_ Stored| Record {
        sequence: SequenceNumber::from(stored.sequence),
        arrival_ms: stored.arrival_ms,
        partition_key: if stored.event.is_some() { "" } else { HEARTBEAT },
        payload: &[],
    };
    log.iter().map(|stored| Record { payload: &stored.payload, ..record(stored) }).collect()
}

fn rows_of(answer: &Answer) -> Expected {
    answer
        .rows
        .iter()
        .map(|row| match row.as_slice() {
            [
                Value::Varchar(site),
                Value::Timestamp(minute),
                Value::BigInt(events),
                Value::Decimal(amount),
                Value::BigInt(least),
            ] => ((site.clone(), *minute), (*events, *amount, *least)),
            other => panic!("a row is {other:?}"),
        })
        .collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
