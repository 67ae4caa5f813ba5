//! A world: a stream in memory, the shipping pipeline over it, and deployments in mid-stream.

use crate::oracle::{self, Event, Rows};
use crate::variants::{self, Variant};
use anabranch_core::definitions::State;
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::build::{self, Mode};
use anabranch_core::pipeline::{Delivery, archive, deploy, seal};
use anabranch_core::port::{
    self, Control as _, Error, Inline, ShardInfo, ShardKind, SpeedStore as _, ViewStore as _,
};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use anabranch_core::types::Value;
use anabranch_core::view::Fingerprint;
use anabranch_stores::faulty::{Fault, Faulty, Plan};
use anabranch_stores::memory::{Control, Master, Speed, Views};
use futures::executor::block_on;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

const EPOCH_MS: i64 = 1_000;
const NAMES: [&str; 2] = ["traffic", "totals"];

/// How often each thing happened, over all worlds.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<&'static str, u64>);

const KINDS: [&str; 13] = [
    "deployed",
    "deployment failed",
    "changed back while the old one was live",
    "changed back after the old one was retired",
    "another schema superseded",
    "answered by a superseded definition",
    "answered by a new definition",
    "answered by a superseded definition over another schema",
    "asked for the current definition and incomplete",
    "a new view incomplete",
    "retired",
    "removed",
    "a zombie of another deployment absorbed",
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
    archived: usize,
    absorbed: usize,
    /// An absorb failed half-way: rows may stand anywhere up to this position.
    torn: usize,
    absorber: Absorber,
    /// An instance of some earlier deployment that still runs.
    zombie: Option<Absorber>,
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

/// One seed's world.
pub(crate) struct World {
    random: Random,
    variants: Vec<Variant>,
    /// The project as deployed, with what serves on beside it.
    live: Arc<Project>,
    length: EpochLength,
    master: Faulty<Master, Trouble>,
    speed: Faulty<Speed, Trouble>,
    control: Faulty<Control, Trouble>,
    views: Faulty<Views, Trouble>,
    shards: Vec<Shard>,
    clock_ms: i64,
    builds: u64,
    trouble: Trouble,
    /// Whether instances of earlier deployments go on for a while.
    zombies: bool,
    /// The views that have answered completely, and the horizon then.
    served: BTreeMap<&'static str, Epoch>,
    /// Every definition that was ever deployed.
    known: BTreeSet<Fingerprint>,
    pub(crate) seen: Seen,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let trouble = Trouble(Arc::new(Mutex::new((Random(!seed), 0))));
        let variants = variants::all();
        let live = Arc::clone(&variants[0].project);
        let length = EpochLength::from_millis(EPOCH_MS as u64).unwrap();
        let control = Faulty::new(Control::default(), trouble.clone());
        let shards = (0..1 + random.below(3)).map(|n| {
            let id = ShardId(format!("shard-{n:04}"));
            let (kind, base_epoch, closed) = (ShardKind::Stream, Epoch::ZERO, None);
            let info = ShardInfo { shard: id.clone(), kind, base_epoch, closed };
            block_on(control.put_shard(None, &info)).unwrap();
            let absorber = Absorber::new(&live, id.clone(), length);
            let (log, zombie) = (Vec::new(), None);
            Shard { id, log, archived: 0, absorbed: 0, torn: 0, absorber, zombie }
        });
        let shards = shards.collect();
        let mut world = World {
            zombies: seed % 3 == 2,
            random,
            variants,
            live,
            length,
            master: Faulty::new(Master::default(), trouble.clone()),
            speed: Faulty::new(Speed::default(), trouble.clone()),
            control,
            views: Faulty::new(Views::default(), trouble.clone()),
            shards,
            clock_ms: 50 * EPOCH_MS,
            builds: 0,
            trouble,
            served: BTreeMap::new(),
            known: BTreeSet::new(),
            seen: Seen::default(),
        };
        world.deploy(0);
        world
    }

    pub(crate) fn step(&mut self) {
        self.clock_ms += self.random.below(700) as i64;
        let shard = self.random.below(self.shards.len() as u64) as usize;
        self.trouble.set([0, 0, 10, 30][self.random.below(4) as usize]);
        match self.random.below(24) {
            0..7 => self.append(shard),
            7..11 => self.archive(shard),
            11..17 => self.absorb(shard),
            17 => self.heartbeat(),
            18 => self.restart(shard),
            19 => {
                let to = self.random.below(self.variants.len() as u64) as usize;
                self.deploy(to);
            }
            20 => self.build(Mode::Full),
            _ => self.build(Mode::Incremental),
        }
        self.trouble.set(0);
    }

    fn deploy(&mut self, to: usize) {
        let project = Arc::clone(&self.variants[to].project);
        let was_live: Vec<Fingerprint> =
            self.live.superseded_views().iter().map(|view| view.fingerprint).collect();
        let before = block_on(self.control.inner().definitions()).unwrap().unwrap_or_default();
        let deployed = deploy::deploy(&project, &self.views, &self.speed, &self.control);
        let deployed = match block_on(deployed) {
            Ok(deployed) => deployed,
            // The deployed functions go on; the definitions may be the new ones already.
            Err(Error::Unavailable { .. }) => return self.seen.count("deployment failed"),
            Err(error) => panic!("{error}"),
        };
        self.seen.count("deployed");
        for view in &project.views {
            self.known.insert(view.fingerprint);
            if was_live.contains(&view.fingerprint) {
                self.seen.count("changed back while the old one was live");
            }
            if matches!(before.state(view.fingerprint), Some(State::Retired | State::Removed)) {
                self.seen.count("changed back after the old one was retired");
            }
        }
        self.live = deployed.project;
        if self.live.superseded("anabranch_records").is_some() {
            self.seen.count("another schema superseded");
        }
        // A view that is not asked any more may begin anew.
        let live = &self.live;
        self.served.retain(|name, _| live.view(name).is_some());
        for shard in &mut self.shards {
            let new = Absorber::new(&self.live, shard.id.clone(), self.length);
            let old = std::mem::replace(&mut shard.absorber, new);
            shard.zombie = self.zombies.then_some(old);
        }
    }

    fn append(&mut self, shard: usize) {
        for _ in 0..1 + self.random.below(12) {
            let event = Event {
                site: self.random.below(3) as u8,
                minute: 5_000 + self.random.below(3) as i64 * 700,
                amount: self.random.below(1_000) as i64 - 500,
                noted: self.random.below(4) == 0,
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
        let follows = from.checked_sub(1).map_or(0, |before| log[before].sequence);
        let delivery = Delivery { shard: id, records: &records, follows: Some(follows.into()) };
        let done = archive::archive(&self.master, &self.control, self.length, delivery);
        if passed(block_on(done)).is_some() {
            *archived = to.max(*archived);
        }
    }

    fn absorb(&mut self, shard: usize) {
        let (from, to) = self.stretch(shard, self.shards[shard].absorbed);
        let with_zombie = self.random.below(3) == 0;
        let Shard { id, log, absorbed, torn, absorber, zombie, .. } = &mut self.shards[shard];
        let records = records(&log[from..to]);
        let follows = from.checked_sub(1).map_or(0, |before| log[before].sequence);
        let delivery = Delivery { shard: id, records: &records, follows: Some(follows.into()) };
        let absorber = match zombie {
            Some(zombie) if with_zombie => {
                self.seen.count("a zombie of another deployment absorbed");
                zombie
            }
            _ => absorber,
        };
        let done = absorber.absorb(&self.speed, &self.control, &self.master, delivery);
        if passed(block_on(done)).is_some() {
            *absorbed = to.max(*absorbed);
        }
        *torn = to.max(*torn);
    }

    /// A cold instance takes over, and the zombie ends.
    fn restart(&mut self, shard: usize) {
        let Shard { id, absorber, zombie, .. } = &mut self.shards[shard];
        *absorber = Absorber::new(&self.live, id.clone(), self.length);
        *zombie = None;
    }

    fn build(&mut self, mode: Mode) {
        self.builds += 1;
        let Some(horizon) = passed(block_on(seal::sealed(&self.master, &self.control))) else {
            return;
        };
        let request = build::Request {
            project: &self.live,
            horizon,
            mode,
            build: &format!("b{}", self.builds),
            now_ms: self.clock_ms,
            progress: &|_| {},
        };
        let built = build::build(&self.master, &self.control, &self.views, &Inline, &request);
        let Some(built) = passed(block_on(built)) else { return };
        let outcomes = built.views.into_iter().map(|(_, outcome)| outcome);
        for outcome in outcomes.chain(built.superseded.into_iter().map(|(_, outcome)| outcome)) {
            passed(outcome);
        }
        if passed(block_on(build::retire(&self.live, &self.views, &self.speed))).is_none() {
            return;
        }
        let settled = deploy::settle(&self.live, &self.views, &self.speed, &self.control);
        if let Some(settled) = passed(block_on(settled)) {
            for change in &settled.changes {
                self.seen.count(match change.what {
                    deploy::What::Retired => "retired",
                    deploy::What::Removed => "removed",
                    ref other => panic!("settling said {other}"),
                });
            }
            if *settled.project != *self.live {
                self.live = settled.project;
                for shard in &mut self.shards {
                    shard.absorber = Absorber::new(&self.live, shard.id.clone(), self.length);
                }
            }
        }
    }

    fn ask(&self, name: &str, parameters: &[(&str, &str)]) -> Answer {
        let view = self.live.view(name).expect("the view exists");
        let (views, speed, control) = (&self.views, &self.speed, &self.control);
        let answer = query::ask(&self.live, view, parameters, self.length, views, speed, control);
        block_on(answer).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every answer is right by the definition that it names, and complete from the first time on.
    pub(crate) fn check(&mut self, place: &str) {
        for name in NAMES {
            if self.live.view(name).is_none() {
                continue;
            }
            let answer = self.ask(name, &[]);
            let receipt = &answer.receipt;
            let current = self.live.view(name).unwrap().fingerprint;
            assert_eq!(
                receipt.superseded_by,
                (receipt.fingerprint != current).then_some(current),
                "{place}: {receipt:?}"
            );
            if !receipt.complete {
                let is_new = !self.served.contains_key(name) || self.zombies;
                assert!(is_new, "{place}: {receipt:?}\n{:#?}", self.definitions());
                assert_eq!(receipt.fingerprint, current, "{place}: {receipt:?}");
                self.seen.count("a new view incomplete");
                continue;
            }
            let before = self.served.insert(name, receipt.horizon).unwrap_or_default();
            assert!(receipt.horizon >= before || self.zombies, "{place}: {before} {receipt:?}");
            self.count_answer(&answer, current);
            self.check_rows(name, &answer, place);
            let asked = self.ask(name, &[("definition", "current")]);
            assert_eq!(asked.receipt.fingerprint, current, "{place}");
            if asked.receipt.complete {
                self.check_rows(name, &asked, place);
            } else {
                self.seen.count("asked for the current definition and incomplete");
            }
        }
    }

    fn count_answer(&mut self, answer: &Answer, current: Fingerprint) {
        let ours = answer.receipt.fingerprint;
        if ours == current {
            self.seen.count("answered by a new definition");
        } else {
            self.seen.count("answered by a superseded definition");
            if self.live.records_of(ours) != self.live.records_view() {
                self.seen.count("answered by a superseded definition over another schema");
            }
        }
    }

    /// Where an absorb failed half-way and was not made up for yet, rows may be ahead of the
    /// checkpoint, each by its own; then nothing is compared.
    fn check_rows(&self, name: &str, answer: &Answer, place: &str) {
        if self.shards.iter().any(|shard| shard.torn > shard.absorbed) {
            return;
        }
        let receipt = &answer.receipt;
        let horizon = receipt.horizon;
        let covered = self.shards.iter().flat_map(|shard| {
            shard.log.iter().enumerate().filter_map(move |(at, record)| {
                let covered = record.epoch < horizon || at < shard.absorbed;
                record.event.as_ref().filter(|_| covered)
            })
        });
        let variant = self.variant_of(receipt.fingerprint);
        let (rows, accepted, rejected) = oracle::expected(variant, name, covered);
        assert_eq!(rows_of(answer), rows, "{place}: {receipt:?}");
        // The view that counts records is read after the view itself, and built after it.
        let records = self.live.records_of(receipt.fingerprint).fingerprint;
        let counted = block_on(self.views.pointer(records)).unwrap();
        if counted.map_or(Epoch::ZERO, |pointer| pointer.horizon) == horizon {
            assert_eq!((receipt.accepted, receipt.rejected), (accepted, rejected), "{place}");
        }
    }

    fn variant_of(&self, fingerprint: Fingerprint) -> &Variant {
        let holds = |variant: &&Variant| variant.project.by_fingerprint(fingerprint).is_some();
        self.variants.iter().find(holds).expect("some project has it")
    }

    fn definitions(&self) -> Option<anabranch_core::definitions::Definitions> {
        block_on(self.control.inner().definitions()).unwrap()
    }

    /// Delivers everything to both layers, and builds until nothing is left to retire.
    pub(crate) fn come_to_rest(&mut self) {
        let last = self.random.below(self.variants.len() as u64) as usize;
        self.deploy(last);
        for _ in 0..3 {
            self.clock_ms += 10 * EPOCH_MS;
            self.heartbeat();
            for shard in 0..self.shards.len() {
                self.restart(shard);
                while self.shards[shard].archived < self.shards[shard].log.len() {
                    self.archive(shard);
                }
                while self.shards[shard].absorbed < self.shards[shard].log.len() {
                    self.absorb(shard);
                }
            }
            self.build(Mode::Incremental);
        }
    }

    /// At rest: complete, by the current definitions, and nothing is left of any other.
    pub(crate) fn check_at_rest(&mut self, place: &str) {
        self.check(place);
        for name in NAMES.into_iter().filter(|name| self.live.view(name).is_some()) {
            let answer = self.ask(name, &[]);
            assert!(answer.receipt.complete, "{place}: {:?}", answer.receipt);
            assert_eq!(answer.receipt.superseded_by, None, "{place}");
        }
        assert!(self.live.superseded_views().is_empty(), "{place}: {:#?}", self.definitions());
        let current: BTreeSet<Fingerprint> =
            self.live.live().map(|view| view.fingerprint).collect();
        let removed = |fingerprint| {
            let state = self.definitions().and_then(|definitions| definitions.state(fingerprint));
            matches!(state, None | Some(State::Removed))
        };
        for &old in self.known.difference(&current) {
            assert!(removed(old), "{place}: {old}");
            assert_eq!(block_on(self.views.pointer(old)).unwrap(), None, "{place}: {old}");
            // Rows above the floor were put ahead of every checkpoint, by an absorb that failed. They
            // are in no answer, and go with the next deployment.
            let mut ahead = BTreeSet::new();
            let mut look = |_: &[u8], epoch, _: &ShardId, _: &port::SpeedRow| {
                ahead.insert(epoch);
                Ok(())
            };
            let scan = self.speed.scan(old, b"", Epoch::ZERO, &mut look);
            let floor = block_on(scan).unwrap();
            if !self.zombies {
                assert!(ahead.len() <= 1, "{place}: {old}: {floor} {ahead:?}");
                assert!(ahead.is_empty() || floor > Epoch::ZERO, "{place}: {old}: {ahead:?}");
            }
        }
    }
}

/// What was done; `None` where a store was in trouble.
fn passed<T>(done: port::Result<T>) -> Option<T> {
    match done {
        Ok(done) => Some(done),
        Err(Error::Unavailable { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

fn records(log: &[Stored]) -> Vec<Record<'_>> {
    let record = |stored| {
        let Stored { sequence, arrival_ms, payload, event, .. }: &Stored = stored;
        Record {
            sequence: SequenceNumber::from(*sequence),
            arrival_ms: *arrival_ms,
            partition_key: if event.is_some() { "" } else { HEARTBEAT },
            payload,
        }
    };
    log.iter().map(record).collect()
}

fn rows_of(answer: &Answer) -> Rows {
    let text = |value: &Value| match value {
        Value::Varchar(text) => text.clone(),
        Value::Timestamp(micros) => micros.to_string(),
        other => panic!("a key is {other:?}"),
    };
    let row = |row: &Vec<Value>| match row.as_slice() {
        [key @ .., Value::BigInt(events), Value::Decimal(amount)] => {
            (key.iter().map(text).collect(), (*events, *amount))
        }
        other => panic!("a row is {other:?}"),
    };
    answer.rows.iter().map(row).collect()
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
