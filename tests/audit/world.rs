//! A world: a stream, the shipping pipeline over stores in memory, and what goes wrong with both.

use anabranch_core::audit::{self, Options, Report};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::archive::{archive, describe};
use anabranch_core::pipeline::build::{self, Mode};
use anabranch_core::pipeline::{Delivery, deploy, seal};
use anabranch_core::port::{
    Control as _, Error, Inline, MasterDataSet as _, ShardInfo, ShardKind, Workers,
};
use anabranch_core::project::Project;
use anabranch_core::record::{HEARTBEAT, Record, SequenceNumber, ShardId};
use anabranch_core::sql::Source;
use anabranch_stores::faulty::{Fault, Faulty, Plan};
use anabranch_stores::memory::{Control, Master, Speed, Views};
use anabranch_stores::workers::Threads;
use futures::executor::block_on;
use std::sync::{Arc, Mutex};

pub(crate) const EPOCH_MS: i64 = 1_000;

const SCHEMA: &str =
    "CREATE TABLE events (t TIMESTAMP(3), site VARCHAR, page VARCHAR, amount BIGINT)
WITH (format = 'json', event_time = 't', timestamp_format = 'epoch_milliseconds')";

/// A view by minute, which is kept by hour and day as well, with states of every kind; and one of
/// all time.
const VIEWS: &str = "CREATE MATERIALIZED VIEW traffic AS
SELECT site, date_trunc('minute', t) AS minute, count(*) AS events, sum(amount) AS amount,
       min(amount) AS least, avg(amount) AS mean, approx_distinct(page) AS pages,
       approx_percentile(amount, 0.5) AS median, approx_most_frequent(1, page, 2) AS top
FROM events FILTER GROUP BY 1, 2;

CREATE MATERIALIZED VIEW sites AS SELECT site, count(*) AS events FROM events GROUP BY 1;";

/// A record that was acknowledged.
struct Stored {
    sequence: u64,
    arrival_ms: i64,
    payload: Option<String>,
}

struct Shard {
    id: ShardId,
    log: Vec<Stored>,
    archived: usize,
    absorbed: usize,
    /// The speed layer is given nothing before this.
    begins: usize,
    absorbers: Vec<Absorber>,
}

/// One seed's world.
pub(crate) struct World {
    random: Random,
    /// What the user has: without what it supersedes.
    pub(crate) project: Arc<Project>,
    other: Arc<Project>,
    /// As it is deployed, with what serves on.
    pub(crate) live: Arc<Project>,
    pub(crate) length: EpochLength,
    pub(crate) master: Faulty<Master, Trouble>,
    pub(crate) speed: Faulty<Speed, Trouble>,
    pub(crate) control: Control,
    pub(crate) views: Views,
    shards: Vec<Shard>,
    clock_ms: i64,
    builds: u64,
    imports: u64,
    trouble: Trouble,
}

/// The probability, in percent, that a call of a store fails, and what decides it.
#[derive(Clone)]
pub(crate) struct Trouble(Arc<Mutex<(Random, u64)>>);

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
        let trouble = Trouble(Arc::new(Mutex::new((Random(!seed), 0))));
        let ours = Arc::new(project("", ""));
        // In every other world what counts records is another definition as well.
        let columns = if seed.is_multiple_of(2) { "" } else { ", extra VARCHAR" };
        let mut world = World {
            random: Random(seed),
            live: Arc::clone(&ours),
            project: ours,
            other: Arc::new(project("WHERE site IS NOT NULL", columns)),
            length: EpochLength::from_millis(EPOCH_MS as u64).unwrap(),
            master: Faulty::new(Master::default(), trouble.clone()),
            speed: Faulty::new(Speed::default(), trouble.clone()),
            control: Control::default(),
            views: Views::default(),
            shards: Vec::new(),
            clock_ms: 50 * EPOCH_MS,
            builds: 0,
            imports: 0,
            trouble,
        };
        world.deploy();
        (0..2).for_each(|_| world.open_shard());
        world
    }

    /// A world in which everything has happened in order, with rows in both layers.
    pub(crate) fn at_rest(seed: u64) -> World {
        let mut world = World::new(seed);
        for _ in 0..4 {
            for shard in 0..2 {
                world.append(shard);
                world.append(shard);
            }
            world.pass_epoch();
            world.build(Mode::Incremental);
        }
        // The next version's rows, sealed and not built yet.
        (0..2).for_each(|shard| world.append(shard));
        world.pass_epoch();
        world
    }

    /// A world at rest in which definitions are superseded and serve on: with a version from before,
    /// and rows of both definitions since.
    pub(crate) fn superseded(seed: u64) -> World {
        let mut world = World::at_rest(seed);
        world.change_view();
        for _ in 0..2 {
            (0..2).for_each(|shard| world.append(shard));
            world.pass_epoch();
        }
        world
    }

    /// Lets the epoch of everything appended so far end, in both layers.
    fn pass_epoch(&mut self) {
        self.clock_ms += 3 * EPOCH_MS;
        self.settle();
    }

    fn open_shard(&mut self) {
        let id = ShardId(format!("shard-{:04}", self.shards.len()));
        let base_epoch = Epoch((self.clock_ms / EPOCH_MS) as u64);
        let info =
            ShardInfo { shard: id.clone(), kind: ShardKind::Stream, base_epoch, closed: None };
        assert!(block_on(self.control.put_shard(None, &info)).unwrap());
        let new = || Absorber::new(&self.live, id.clone(), self.length);
        let absorbers = (0..2).map(|_| new()).collect();
        self.shards.push(Shard {
            id,
            log: Vec::new(),
            archived: 0,
            absorbed: 0,
            begins: 0,
            absorbers,
        });
    }

    pub(crate) fn step(&mut self) {
        self.clock_ms += self.random.below(700) as i64;
        let shard = self.random.below(self.shards.len() as u64) as usize;
        self.trouble.set([0, 0, 10, 40][self.random.below(4) as usize]);
        match self.random.below(84) {
            0..22 => self.append(shard),
            22..38 => self.archive(shard),
            38..58 => self.absorb(shard),
            58..62 => self.restart(shard),
            62..66 => self.heartbeat(),
            66..68 => self.build(Mode::Full),
            68..78 => self.build(Mode::Incremental),
            78 => self.change_view(),
            79 => self.import(true),
            80 => self.import(false),
            81 => self.start_late(shard),
            82 => self.close(shard),
            _ => self.open_if_few(),
        }
        self.trouble.set(0);
    }

    /// Puts another master data set in place of the world's.
    pub(crate) fn set_master(&mut self, master: Master) {
        self.master = Faulty::new(master, self.trouble.clone());
    }

    /// Puts other speed rows in place of the world's.
    pub(crate) fn set_speed(&mut self, speed: Speed) {
        self.speed = Faulty::new(speed, self.trouble.clone());
    }

    /// What the audit says.
    pub(crate) fn audit(&self) -> Report {
        self.audit_by(&Inline, &Options::default())
    }

    pub(crate) fn audit_on_threads(&self) -> Report {
        self.audit_by(&Threads::new(3), &Options::default())
    }

    pub(crate) fn audit_by(&self, workers: &impl Workers, options: &Options) -> Report {
        let request = audit::Request {
            project: &self.project,
            length: self.length,
            options,
            progress: &|_| {},
        };
        let (master, speed) = (self.master.inner(), self.speed.inner());
        let audited = audit::audit(master, speed, &self.control, &self.views, workers, &request);
        block_on(audited).unwrap()
    }

    fn append(&mut self, shard: usize) {
        for _ in 0..1 + self.random.below(12) {
            let random = &mut self.random;
            let minute = 5_000 + random.below(3) as i64 * 700;
            let event = format!(
                r#"{{"t":{},"site":"site-{}","page":"/{}","amount":{}}}"#,
                minute * 60_000 + 7,
                random.below(3),
                random.below(9),
                random.below(1_000) as i64 - 500
            );
            let broken = random.below(10) == 0;
            self.push(shard, Some(if broken { event.replace(':', ";") } else { event }));
        }
    }

    fn heartbeat(&mut self) {
        (0..self.shards.len()).for_each(|shard| self.push(shard, None));
    }

    fn push(&mut self, shard: usize, payload: Option<String>) {
        if self.is_closed(shard) {
            return;
        }
        // Arrival times go backwards now and then, and sequence numbers have gaps.
        let arrival_ms = self.clock_ms - self.random.below(2 * EPOCH_MS as u64) as i64;
        let gap = 1 + self.random.below(3);
        let log = &mut self.shards[shard].log;
        let sequence = log.last().map_or(0, |last| last.sequence) + gap;
        log.push(Stored { sequence, arrival_ms, payload });
    }

    /// A stretch of a shard's log to deliver: from the checkpoint or from before it, anywhere to.
    fn stretch(&mut self, shard: usize, done: usize) -> (usize, usize) {
        let len = self.shards[shard].log.len();
        let back = if self.random.below(3) == 0 { self.random.below(20) as usize } else { 0 };
        let from = done.saturating_sub(back).min(len);
        let to = (from + 1 + self.random.below(25) as usize).min(len);
        (from, to.max(from))
    }

    fn archive(&mut self, shard: usize) {
        let (from, to) = self.stretch(shard, self.shards[shard].archived);
        let Shard { id, log, archived, .. } = &mut self.shards[shard];
        let records = records(&log[from..to]);
        let follows = from.checked_sub(1).map_or(0, |before| log[before].sequence);
        let delivery = Delivery { shard: id, records: &records, follows: Some(follows.into()) };
        if passes(block_on(archive(&self.master, &self.control, self.length, delivery))) {
            *archived = to.max(*archived);
        }
    }

    fn absorb(&mut self, shard: usize) {
        let (from, to) = self.stretch(shard, self.shards[shard].absorbed);
        let from = from.max(self.shards[shard].begins);
        let to = to.max(from);
        let which = self.random.below(2) as usize;
        let Shard { id, log, absorbed, absorbers, .. } = &mut self.shards[shard];
        let records = records(&log[from..to]);
        let follows = from.checked_sub(1).map_or(0, |before| log[before].sequence);
        let delivery = Delivery { shard: id, records: &records, follows: Some(follows.into()) };
        let absorber = &mut absorbers[which];
        let done = absorber.absorb(&self.speed, &self.control, &self.master, delivery);
        if passes(block_on(done)) {
            *absorbed = to.max(*absorbed);
        }
    }

    /// A cold instance takes over from a warm one.
    fn restart(&mut self, shard: usize) {
        let which = self.random.below(2) as usize;
        let (project, length) = (&self.live, self.length);
        let Shard { id, absorbers, .. } = &mut self.shards[shard];
        absorbers[which] = Absorber::new(project, id.clone(), length);
    }

    /// The speed layer has not begun with this shard, and begins at its end.
    fn start_late(&mut self, shard: usize) {
        let Shard { log, absorbed, begins, .. } = &mut self.shards[shard];
        if *absorbed == 0 {
            (*absorbed, *begins) = (log.len(), log.len());
        }
    }

    /// Deploys the other definition of the view, in mid-stream; later perhaps the first again. Half
    /// of the instances go on with the one before for a while, but none with the one before that: no
    /// definition is brought back within the life of an instance.
    fn change_view(&mut self) {
        for Shard { id, absorbers, .. } in &mut self.shards {
            absorbers[1] = Absorber::new(&self.live, id.clone(), self.length);
        }
        std::mem::swap(&mut self.project, &mut self.other);
        self.deploy();
        for Shard { id, absorbers, .. } in &mut self.shards {
            absorbers[0] = Absorber::new(&self.live, id.clone(), self.length);
        }
    }

    /// The user changes the project and does not deploy it.
    pub(crate) fn turn(&mut self) {
        std::mem::swap(&mut self.project, &mut self.other);
    }

    fn deploy(&mut self) {
        let (views, speed, control) = (&self.views, self.speed.inner(), &self.control);
        let deployed = block_on(deploy::deploy(&self.project, views, speed, control)).unwrap();
        self.live = deployed.project;
    }

    /// Objects of an import; one that dies before its shard is registered, or not.
    fn import(&mut self, ends: bool) {
        self.imports += 1;
        let shard = ShardId(format!("import-{}", self.imports));
        let epoch = self.newest_epoch();
        let arrival_ms = self.clock_ms.max(self.length.start_ms(epoch));
        let mut follows = None;
        for object in 0..1 + self.random.below(3) {
            let payload = format!(r#"{{"t":{},"site":"old","amount":1}}"#, 60_000 * object);
            let record = |n| Record {
                sequence: SequenceNumber::from(object * 5 + n),
                arrival_ms,
                partition_key: "",
                payload: payload.as_bytes(),
            };
            let records: Vec<Record<'_>> = (1..=5).map(record).collect();
            let info = describe(&shard, epoch, follows, &records);
            block_on(self.master.inner().put_if_absent(&info, &records)).unwrap();
            follows = Some(info.last);
        }
        if ends {
            let (kind, base_epoch) = (ShardKind::Import, epoch);
            let info = ShardInfo { shard, kind, base_epoch, closed: follows };
            assert!(block_on(self.control.put_shard(None, &info)).unwrap());
        }
    }

    /// An epoch that no version has closed.
    fn newest_epoch(&self) -> Epoch {
        let by_clock = Epoch((self.clock_ms / EPOCH_MS) as u64);
        let infos = block_on(self.master.inner().objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap();
        infos.iter().map(|info| info.epoch.next()).max().unwrap_or(by_clock).max(by_clock)
    }

    /// The end of a shard is known before the layers have come there.
    fn close(&mut self, shard: usize) {
        let open = (0..self.shards.len()).filter(|&shard| !self.is_closed(shard)).count();
        let Some(last) = self.shards[shard].log.last().map(|last| last.sequence) else { return };
        if open > 1 && !self.is_closed(shard) {
            let open = self.info(shard);
            let info = ShardInfo { closed: Some(last.into()), ..open.clone() };
            assert!(block_on(self.control.put_shard(Some(&open), &info)).unwrap());
        }
    }

    fn info(&self, shard: usize) -> ShardInfo {
        let infos = block_on(self.control.shards()).unwrap();
        infos.into_iter().find(|info| info.shard == self.shards[shard].id).unwrap()
    }

    fn is_closed(&self, shard: usize) -> bool {
        self.info(shard).closed.is_some()
    }

    fn open_if_few(&mut self) {
        if self.shards.len() < 4 {
            self.clock_ms = self.clock_ms.max(self.length.start_ms(self.newest_epoch()));
            self.open_shard();
        }
    }

    fn build(&mut self, mode: Mode) {
        self.builds += 1;
        let Ok(horizon) = block_on(seal::sealed(&self.master, &self.control)) else { return };
        let request = build::Request {
            project: &self.live,
            horizon,
            mode,
            build: &format!("b{}", self.builds),
            now_ms: self.clock_ms,
            progress: &|_| {},
        };
        let built = build::build(&self.master, &self.control, &self.views, &Inline, &request);
        if passes(block_on(built)) {
            passes(block_on(build::retire(&self.live, &self.views, &self.speed)));
        }
        let (views, speed, control) = (&self.views, self.speed.inner(), &self.control);
        self.live = block_on(deploy::settle(&self.live, views, speed, control)).unwrap().project;
    }

    /// Delivers everything to both layers, and seals it.
    pub(crate) fn settle(&mut self) {
        self.heartbeat();
        for shard in 0..self.shards.len() {
            while self.shards[shard].archived < self.shards[shard].log.len() {
                self.archive(shard);
            }
            while self.shards[shard].absorbed < self.shards[shard].log.len() {
                self.absorb(shard);
            }
        }
    }
}

/// Whether it was done; what is not available may fail.
fn passes<T>(result: Result<T, Error>) -> bool {
    match result {
        Ok(_) => true,
        Err(Error::Unavailable { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn records(log: &[Stored]) -> Vec<Record<'_>> {
    let record = |stored: &'_ Stored| Record {
        sequence: SequenceNumber::from(stored.sequence),
        arrival_ms: stored.arrival_ms,
        partition_key: if stored.payload.is_some() { "" } else { HEARTBEAT },
        payload: &[],
    };
    let with_payload = |stored| Record { payload: Stored::payload(stored), ..record(stored) };
    log.iter().map(with_payload).collect()
}

impl Stored {
    fn payload(&self) -> &[u8] {
        self.payload.as_deref().unwrap_or_default().as_bytes()
    }
}

fn project(filter: &str, columns: &str) -> Project {
    let schema = SCHEMA.replace(" amount BIGINT", &format!(" amount BIGINT{columns}"));
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let views = source("views.sql", VIEWS.replace("FILTER", filter));
    Project::compile(&source("schema.sql", schema), &[views]).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(|error| error.render(false)).collect::<String>())
    })
}

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
