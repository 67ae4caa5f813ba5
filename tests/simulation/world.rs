//! A world: a stream, its mappings, the functions and planners at work, and everything that goes
//! wrong between them. One seed, one thread, no clock but its own.

use crate::coverage::{Coverage, Kind};
use crate::design::Design;
use crate::event::{self, DAY, Event, HOUR};
use crate::function::{BatchRun, Envelope, Outside, absorb, archive, batch, length};
use crate::gate::{Stores, Trouble};
use crate::kinesis::{Content, EPOCH_MS, Kinesis};
use crate::mapping::{Mapping, Policy, Verdict};
use crate::project::{Deployment, Deployments, Traffic};
use crate::question::Question;
use crate::random::Random;
use crate::step::{Step, StepKind};
use crate::task::{Done, Task};
use crate::witness::Kept;
use crate::{check, task};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::build::{Built, Mode, Outcome};
use anabranch_core::pipeline::plan;
use anabranch_core::port::{Error, SpeedStore as _};
use anabranch_core::project::Project;
use anabranch_core::view::Fingerprint;
use futures::FutureExt as _;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// What all worlds share.
pub(crate) struct Common {
    pub(crate) deployments: Deployments,
    pub(crate) questions: Vec<Question>,
}

impl Common {
    pub(crate) fn new() -> Self {
        let deployments = Deployments::compile();
        let questions = Question::all(&deployments.all.project);
        Common { deployments, questions }
    }
}

/// What went wrong, or nothing.
pub(crate) type Fate = Result<(), String>;

/// The two functions that the stream feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consumer {
    Archive,
    Speed,
}

/// A warm instance of the speed function.
pub(crate) struct Instance {
    pub(crate) absorber: Absorber,
    pub(crate) project: Arc<Project>,
}

/// One consumer's side of the stream.
struct Side {
    policy: Policy,
    mappings: Vec<Mapping>,
    /// It stands still until this step.
    stuck: usize,
    /// It has not been deployed before this step.
    from: usize,
    started: bool,
    /// A shard and a place that make deliveries fail, and how often still.
    poison: Option<(usize, usize, usize)>,
}

/// The first shards are registered before a record is taken.
fn register(stores: &Stores, common: &Common, kinesis: &Kinesis) {
    let (master, control) = (stores.master.inner(), stores.control.inner());
    let (project, views) = (&common.deployments.all.project, stores.views.inner());
    let listed = kinesis.list();
    let registered = plan::reshard(project, master, control, views, &listed);
    let registered = registered.now_or_never().expect("stores in memory do not wait");
    registered.expect("they do not fail");
}

/// One seed's world.
pub(crate) struct World<'c> {
    pub(crate) common: &'c Common,
    pub(crate) deployment: Deployment,
    pub(crate) outside: Outside,
    pub(crate) trouble: Trouble,
    sides: [Side; 2],
    /// What the archive's mapping gave up.
    discarded: Vec<(usize, Range<usize>)>,
    instances: Vec<Vec<Instance>>,
    pub(crate) tasks: Vec<Task>,
    next_task: u64,
    builds: BTreeMap<String, (Mode, bool)>,
    pub(crate) kept: Kept,
    /// Nothing happens that would excuse an incomplete answer.
    calm: bool,
    pub(crate) excused: bool,
    idle: Option<usize>,
    pub(crate) covered: BTreeMap<Fingerprint, check::Covered>,
    pub(crate) seen: Coverage,
    trace: Option<Vec<String>>,
    step: usize,
}

impl<'c> World<'c> {
    pub(crate) fn new(common: &'c Common, random: &mut Random, design: Design) -> Self {
        let trouble = Trouble::default();
        let mut kinesis = Kinesis::default();
        let shards = 1 + random.below(3);
        let mut seen = Coverage::default();
        for _ in 0..shards {
            let skew_ms = if random.chance(40) { random.below(3_000) as i64 - 1_500 } else { 0 };
            seen.add_to(Kind::Skew, u64::from(skew_ms != 0));
            kinesis.open(Vec::new(), skew_ms);
        }
        let stores = Rc::new(Stores::new(&trouble));
        register(&stores, common, &kinesis);
        let calm = random.chance(40);
        let idle = (shards > 1 && random.chance(25)).then(|| random.below(shards));
        let side = |may_give_up: bool, from: usize, random: &mut Random| Side {
            policy: Policy {
                retries: (may_give_up && random.chance(40)).then(|| random.below(3) as u32),
                bisect: random.chance(60),
                partial: random.chance(70),
            },
            mappings: Vec::new(),
            stuck: 0,
            from,
            started: false,
            poison: None,
        };
        let archive_from = if random.chance(12) { 20 + random.below(40) } else { 0 };
        let speed_from = if !calm && random.chance(15) { 10 + random.below(40) } else { 0 };
        World {
            common,
            deployment: common.deployments.all.clone(),
            outside: Outside {
                stores,
                kinesis: Rc::new(RefCell::new(kinesis)),
                // Shortly before an hour of arrival ends.
                clock_ms: Rc::new(Cell::new(3_590_000)),
                design,
                batches: Rc::default(),
            },
            sides: [side(true, archive_from, random), side(!calm, speed_from, random)],
            trouble,
            discarded: Vec::new(),
            instances: Vec::new(),
            tasks: Vec::new(),
            next_task: 0,
            builds: BTreeMap::new(),
            kept: Kept::default(),
            calm,
            excused: false,
            idle,
            covered: BTreeMap::new(),
            seen,
            trace: None,
            step: 0,
        }
    }

    /// From now on, notes what happens.
    pub(crate) fn keep_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>4}  {:>9}  {}", self.step, self.outside.clock_ms.get(), line()));
        }
    }

    pub(crate) fn count(&mut self, kind: Kind) {
        self.seen.count(kind);
    }

    /// Takes step `number`, and then looks at an answer, mostly not.
    pub(crate) fn take(&mut self, number: usize, step: Step) -> Fate {
        self.step = number;
        let mut random = Random::new(step.salt);
        self.outside.clock_ms.set(self.outside.clock_ms.get() + random.below(350) as i64);
        self.open_mappings();
        match step.kind {
            StepKind::Append => self.append(&mut random),
            StepKind::InvokeArchive => self.invoke(Consumer::Archive, &mut random)?,
            StepKind::InvokeSpeed => self.invoke(Consumer::Speed, &mut random)?,
            StepKind::Run => self.run(&mut random)?,
            StepKind::TimeOut => self.time_out(&mut random),
            StepKind::Kill => self.kill(&mut random),
            StepKind::Rewind => self.rewind(&mut random),
            StepKind::Poison => self.poison(&mut random),
            StepKind::Batch => self.begin_batch(&mut random),
            StepKind::Reshard => self.reshard(&mut random),
            StepKind::Forget => self.forget(&mut random),
            StepKind::Deploy => self.deploy(&mut random),
            StepKind::Expire => self.expire(&mut random),
            StepKind::Read => self.begin_read(&mut random),
            StepKind::Redrive => self.redrive(&mut random),
            StepKind::Recycle => self.recycle(&mut random),
            StepKind::Stick => self.stick(&mut random),
        }
        if random.chance(25) { self.look(&mut random) } else { Ok(()) }
    }

    fn side(&mut self, consumer: Consumer) -> &mut Side {
        &mut self.sides[consumer as usize]
    }

    /// A mapping for each shard that has none yet; a speed layer that starts late starts at the end.
    fn open_mappings(&mut self) {
        let kinesis = Rc::clone(&self.outside.kinesis);
        let kinesis = kinesis.borrow();
        self.instances.resize_with(kinesis.shards.len(), Vec::new);
        for consumer in [Consumer::Archive, Consumer::Speed] {
            let step = self.step;
            let side = self.side(consumer);
            if side.from > step {
                continue;
            }
            let late = !side.started && side.from > 0;
            side.started = true;
            let known = side.mappings.len();
            side.mappings.resize_with(kinesis.shards.len(), Mapping::default);
            if !late {
                continue;
            }
            match consumer {
                Consumer::Archive => self.count(Kind::ArchiveLate),
                Consumer::Speed => {
                    for (shard, mapping) in side.mappings.iter_mut().enumerate().skip(known) {
                        mapping.replace(kinesis.shards[shard].log.len());
                    }
                    self.excused = true;
                    self.count(Kind::SpeedLate);
                }
            }
        }
    }

    // -----------------------------------------------------------------------------------------
    // Producers

    pub(crate) fn append(&mut self, random: &mut Random) {
        let mut open = self.outside.kinesis.borrow().open_shards();
        open.retain(|shard| Some(*shard) != self.idle);
        if open.is_empty() {
            return;
        }
        let shard = random.pick(&open);
        let count = 1 + random.below(9);
        self.note(|| format!("producers put {count} records into shard {shard}"));
        for _ in 0..count {
            let today = 19_000 * DAY + 20 * HOUR;
            let event = Event::random(random, today);
            self.seen.add_to(Kind::Straggler, u64::from(event.time < today));
            let (content, payload) = if random.chance(12) {
                self.count(Kind::Hostile);
                let (payload, reason) = event::hostile(random, &event);
                (Content::Rejected(reason), payload)
            } else {
                (Content::Event(event), event.payload())
            };
            let copies = if random.chance(5) { 2 } else { 1 };
            self.seen.add_to(Kind::Duplicate, copies - 1);
            for _ in 0..copies {
                let back =
                    if random.chance(25) { random.below(2 * EPOCH_MS as usize) as i64 } else { 0 };
                let arrival_ms = self.outside.clock_ms.get() - back;
                let gap = 1 + random.below(3) as u64;
                let mut kinesis = self.outside.kinesis.borrow_mut();
                let before = kinesis.shards[shard].log.last().map(|last| last.arrival_ms);
                kinesis.put(shard, content, payload.clone(), arrival_ms, gap);
                let now = kinesis.shards[shard].log.last().map(|last| last.arrival_ms);
                self.seen.add_to(Kind::ArrivalBack, u64::from(now < before));
            }
        }
    }

    fn reshard(&mut self, random: &mut Random) {
        let mut kinesis = self.outside.kinesis.borrow_mut();
        let open = kinesis.open_shards();
        if kinesis.shards.len() >= 7 {
            return;
        }
        let skew_ms = if random.chance(40) { random.below(3_000) as i64 - 1_500 } else { 0 };
        let first = random.pick(&open);
        let other = random.pick(&open);
        let splits = first == other;
        kinesis.shards[first].open = false;
        if splits {
            kinesis.open(vec![first], skew_ms);
            kinesis.open(vec![first], 0);
        } else {
            kinesis.shards[other].open = false;
            kinesis.open(vec![first, other], skew_ms);
        }
        drop(kinesis);
        self.count(if splits { Kind::Split } else { Kind::Merge });
        self.note(|| {
            if splits {
                format!("shard {first} splits")
            } else {
                format!("shards {first} and {other} merge")
            }
        });
        self.open_mappings();
    }

    // -----------------------------------------------------------------------------------------
    // The event source mapping

    /// Whether the parents of a shard are drained by a consumer.
    fn is_next(&self, consumer: Consumer, shard: usize) -> bool {
        let kinesis = self.outside.kinesis.borrow();
        let mappings = &self.sides[consumer as usize].mappings;
        kinesis.shards[shard].parents.iter().all(|&parent| {
            let mapping = &mappings[parent];
            mapping.in_flight.is_none() && mapping.position >= kinesis.shards[parent].log.len()
        })
    }

    fn invoke(&mut self, consumer: Consumer, random: &mut Random) -> Fate {
        let side = &self.sides[consumer as usize];
        if side.mappings.is_empty() || side.stuck > self.step || self.tasks.len() >= 14 {
            return Ok(());
        }
        let shard = random.below(side.mappings.len());
        if !self.is_next(consumer, shard) {
            self.count(Kind::ChildWaits);
            return Ok(());
        }
        let len = self.outside.kinesis.borrow().shards[shard].log.len();
        let Some(cut) = self.side(consumer).mappings[shard].cut(len, random) else { return Ok(()) };
        self.deliver(consumer, shard, cut, random)
    }

    /// Hands a batch to the function; the task stands before its first call.
    pub(crate) fn deliver(
        &mut self,
        consumer: Consumer,
        shard: usize,
        cut: Range<usize>,
        random: &mut Random,
    ) -> Fate {
        let id = self.new_task();
        self.note(|| format!("#{id}: {consumer:?} is given {cut:?} of shard {shard}"));
        self.side(consumer).mappings[shard].invoked(id, cut.clone());
        if let Some((of, at, times)) = &mut self.side(consumer).poison
            && *of == shard
            && cut.contains(at)
            && *times > 0
        {
            *times -= 1;
            self.count(Kind::Poison);
            return self.failed(consumer, shard, None);
        }
        let envelope = self.envelope(consumer, shard, cut.clone(), random);
        let outside = self.outside.clone();
        match consumer {
            Consumer::Archive => self.spawn(id, async move {
                let result = archive(outside, envelope).await;
                Done::Archived { shard, result, redriven: None }
            }),
            Consumer::Speed => {
                let instance = self.instance(shard, random);
                let piece = if random.chance(40) { 1 + random.below(cut.len()) } else { cut.len() };
                self.spawn(id, async move {
                    let Instance { mut absorber, project } = instance;
                    let done = absorb(outside, &mut absorber, &project, envelope, piece).await;
                    let result = done.map_err(|(at, error)| (cut.start + at, error));
                    Done::Absorbed { shard, result, instance: Instance { absorber, project } }
                });
                if let Some(task) = self.tasks.last_mut() {
                    task.absorbs = Some(shard);
                }
            }
        }
        Ok(())
    }

    fn envelope(
        &mut self,
        consumer: Consumer,
        shard: usize,
        cut: Range<usize>,
        random: &mut Random,
    ) -> Envelope {
        let unknown = consumer == Consumer::Speed && !self.calm && random.chance(6);
        let kinesis = Rc::clone(&self.outside.kinesis);
        let shard = &kinesis.borrow().shards[shard];
        let follows = (!unknown).then(|| shard.before(cut.start));
        if unknown {
            self.excused = true;
            self.count(Kind::NotKnown);
        }
        Envelope { shard: shard.id.clone(), records: shard.log[cut].to_vec(), follows }
    }

    /// A warm instance if there is one, mostly.
    fn instance(&mut self, shard: usize, random: &mut Random) -> Instance {
        if random.chance(75)
            && let Some(warm) = self.instances[shard].pop()
        {
            self.count(Kind::Warm);
            if !Arc::ptr_eq(&warm.project, &self.deployment.project) {
                self.count(Kind::OldCode);
            }
            return warm;
        }
        self.count(Kind::Cold);
        let project = Arc::clone(&self.deployment.project);
        let id = self.outside.kinesis.borrow().shards[shard].id.clone();
        Instance { absorber: Absorber::new(&project, id, length()), project }
    }

    /// An invocation that the mapping waited for failed, from the record at `lowest` on if it said so.
    fn failed(&mut self, consumer: Consumer, shard: usize, lowest: Option<usize>) -> Fate {
        let policy = self.sides[consumer as usize].policy;
        let mapping = &mut self.side(consumer).mappings[shard];
        let verdict = match lowest {
            Some(lowest) => mapping.reported(policy, lowest),
            None => mapping.failed(policy),
        };
        match verdict {
            Verdict::Retry => {
                if lowest.is_some() {
                    self.count(Kind::Partial);
                }
            }
            Verdict::Bisected => self.count(Kind::Bisected),
            Verdict::Discarded(batch) => {
                self.note(|| format!("{consumer:?} gives up {batch:?} of shard {shard}"));
                match consumer {
                    Consumer::Archive => {
                        self.count(Kind::ArchiveDiscarded);
                        self.discarded.push((shard, batch));
                    }
                    Consumer::Speed => {
                        self.excused = true;
                        self.count(Kind::SpeedDiscarded);
                    }
                }
            }
        }
        Ok(())
    }

    fn time_out(&mut self, random: &mut Random) {
        let consumer = random.pick(&[Consumer::Archive, Consumer::Speed]);
        let mappings = &self.sides[consumer as usize].mappings;
        let waiting: Vec<usize> =
            (0..mappings.len()).filter(|&shard| mappings[shard].in_flight.is_some()).collect();
        if waiting.is_empty() {
            return;
        }
        let shard = random.pick(&waiting);
        self.note(|| format!("{consumer:?}'s time for shard {shard} is up; it runs on"));
        self.count(Kind::TimeoutZombie);
        // Nothing can go wrong but what the mapping decides.
        let _ = self.failed(consumer, shard, None);
    }

    fn rewind(&mut self, random: &mut Random) {
        let consumer = random.pick(&[Consumer::Archive, Consumer::Speed]);
        let side = self.side(consumer);
        if side.mappings.is_empty() {
            return;
        }
        let shard = random.below(side.mappings.len());
        let to = side.mappings[shard].position.saturating_sub(random.below(20));
        side.mappings[shard].rewind(to);
        self.note(|| format!("{consumer:?} is delivered shard {shard} from {to} again"));
        self.count(Kind::Rewound);
    }

    fn poison(&mut self, random: &mut Random) {
        let consumer = random.pick(&[Consumer::Archive, Consumer::Speed]);
        let side = self.side(consumer);
        if side.mappings.is_empty() {
            return;
        }
        let shard = random.below(side.mappings.len());
        let at = side.mappings[shard].position + random.below(3);
        side.poison = Some((shard, at, 1 + random.below(6)));
    }

    fn stick(&mut self, random: &mut Random) {
        let consumer = random.pick(&[Consumer::Archive, Consumer::Speed]);
        let until = self.step + 10 + random.below(40);
        self.side(consumer).stuck = until;
        self.note(|| format!("{consumer:?} stands still until step {until}"));
        self.count(match consumer {
            Consumer::Archive => Kind::ArchiveStuck,
            Consumer::Speed => Kind::SpeedStuck,
        });
    }

    /// Delivers to the archive what its mapping gave up, in any order.
    fn redrive(&mut self, random: &mut Random) {
        if !self.discarded.is_empty() && self.tasks.len() < 14 {
            let (shard, cut) = self.discarded[random.below(self.discarded.len())].clone();
            self.redrive_one(shard, cut, random);
        }
    }

    fn redrive_one(&mut self, shard: usize, cut: Range<usize>, random: &mut Random) {
        let id = self.new_task();
        self.note(|| {
            format!("#{id}: {cut:?} of shard {shard} is delivered to the archive after all")
        });
        self.count(Kind::Redriven);
        let envelope = self.envelope(Consumer::Archive, shard, cut.clone(), random);
        let outside = self.outside.clone();
        self.spawn(id, async move {
            let result = archive(outside, envelope).await;
            Done::Archived { shard, result, redriven: Some(cut) }
        });
    }

    // -----------------------------------------------------------------------------------------
    // Operators

    fn forget(&mut self, random: &mut Random) {
        if self.calm || self.sides[1].mappings.is_empty() {
            return;
        }
        let shard = random.below(self.sides[1].mappings.len());
        let (id, len) = {
            let kinesis = self.outside.kinesis.borrow();
            (kinesis.shards[shard].id.clone(), kinesis.shards[shard].log.len())
        };
        // Whoever restores a store from a backup stops the functions before.
        self.tasks.retain(|task| task.absorbs != Some(shard));
        self.outside.stores.control.inner().forget_checkpoint(&id);
        let mapping = &mut self.side(Consumer::Speed).mappings[shard];
        let place = random.pick(&[mapping.position, len, 0]);
        mapping.replace(place);
        self.excused = true;
        self.note(|| {
            format!("the checkpoint of shard {shard} is lost; Speed starts again at {place}")
        });
        self.count(Kind::CheckpointLost);
    }

    fn deploy(&mut self, random: &mut Random) {
        if self.calm {
            return;
        }
        let before = self.deployment.traffic;
        let others = [Traffic::All, Traffic::Fewer, Traffic::Absent];
        let next =
            random.pick(&others.map(|next| if next == before { Traffic::All } else { next }));
        if next == before {
            return;
        }
        self.deployment = self.common.deployments.of(next).clone();
        if random.chance(60) {
            self.instances.iter_mut().for_each(Vec::clear);
        }
        self.excused = true;
        self.note(|| format!("deployed: traffic is {next:?}"));
        self.count(match (before, next) {
            (_, Traffic::Absent) => Kind::ViewRemoved,
            (Traffic::Absent, _) => Kind::ViewBack,
            _ => Kind::ViewChanged,
        });
    }

    fn expire(&mut self, random: &mut Random) {
        if self.calm {
            return;
        }
        let view =
            &self.deployment.project.views[random.below(self.deployment.project.views.len())];
        let below = Epoch((self.outside.clock_ms.get() / EPOCH_MS) as u64 - random.below(6) as u64);
        let fingerprint = view.fingerprint;
        let name = view.name.clone();
        let expired = self.outside.stores.speed.inner().expire(fingerprint, below).now_or_never();
        let expired = expired.expect("stores in memory do not wait").expect("they do not fail");
        self.excused = true;
        self.note(|| format!("{expired} speed rows of {name} below {below} expire early"));
        self.count(Kind::Expired);
    }

    fn recycle(&mut self, random: &mut Random) {
        let shard = random.below(self.instances.len());
        self.instances[shard].clear();
    }

    pub(crate) fn begin_batch(&mut self, random: &mut Random) {
        let running = self.tasks.iter().filter(|task| task.is_batch).count();
        if running >= 3 {
            return;
        }
        if running > 0 {
            self.count(Kind::TwoRuns);
        }
        let mode = if random.chance(15) { Mode::Full } else { Mode::Incremental };
        let may_be_buggy = !self.calm && self.deployment.traffic == Traffic::All;
        let buggy = may_be_buggy && mode == Mode::Incremental && random.chance(4);
        self.spawn_batch(mode, buggy);
    }

    pub(crate) fn spawn_batch(&mut self, mode: Mode, buggy: bool) -> u64 {
        let id = self.new_task();
        let name = format!("b{id}");
        self.note(|| {
            format!(
                "#{id}: a batch run begins, {mode:?}{}",
                if buggy { ", with a bug" } else { "" }
            )
        });
        self.builds.insert(name.clone(), (mode, buggy));
        let project = if buggy { &self.common.deployments.buggy } else { &self.deployment.project };
        let run = BatchRun { project: Arc::clone(project), mode, name: name.clone() };
        let outside = self.outside.clone();
        self.spawn(id, async move { Done::Batch { name, result: batch(outside, run).await } });
        if let Some(task) = self.tasks.last_mut() {
            task.is_batch = true;
        }
        id
    }

    // -----------------------------------------------------------------------------------------
    // Tasks

    pub(crate) fn new_task(&mut self) -> u64 {
        self.next_task += 1;
        self.next_task
    }

    pub(crate) fn spawn(&mut self, id: u64, future: impl Future<Output = Done> + 'static) {
        let task =
            Task { id, future: Box::pin(future), is_batch: false, absorbs: None, begun: self.step };
        self.tasks.push(task);
    }

    /// A task goes on by some calls, or to its end.
    fn run(&mut self, random: &mut Random) -> Fate {
        if self.tasks.is_empty() {
            return Ok(());
        }
        let which = random.below(self.tasks.len());
        let calls = if random.chance(35) { 400 } else { 1 + random.below(8) };
        let percent = random.pick(&[0, 0, 0, 0, 5, 30]);
        self.trouble.set(percent, Random::new(random.bits()));
        let fate = self.go_on(which, calls);
        self.trouble.set(0, Random::new(0));
        fate
    }

    /// Polls a task up to `calls` times.
    pub(crate) fn go_on(&mut self, which: usize, calls: usize) -> Fate {
        for _ in 0..calls {
            if let Some(done) = task::poll(&mut self.tasks[which]) {
                let task = self.tasks.swap_remove(which);
                return self.ended(&task, done);
            }
        }
        Ok(())
    }

    fn kill(&mut self, random: &mut Random) {
        if self.tasks.is_empty() {
            return;
        }
        let task = self.tasks.swap_remove(random.below(self.tasks.len()));
        self.note(|| format!("#{} dies", task.id));
        self.count(if task.is_batch { Kind::BatchKilled } else { Kind::Killed });
        for consumer in [Consumer::Archive, Consumer::Speed] {
            let mappings = &self.sides[consumer as usize].mappings;
            let waits = mappings.iter().position(|mapping| mapping.waits_for(task.id));
            if let Some(shard) = waits {
                // Nothing can go wrong but what the mapping decides.
                let _ = self.failed(consumer, shard, None);
            }
        }
    }

    fn ended(&mut self, task: &Task, done: Done) -> Fate {
        let id = task.id;
        match done {
            Done::Archived { shard, result, redriven } => {
                self.archived(id, shard, result, redriven)
            }
            Done::Absorbed { shard, result, instance } => {
                self.instances[shard].push(instance);
                let (result, lowest) = match result {
                    Ok(done) => {
                        self.seen.add_to(Kind::SpeedRedelivered, u64::from(done.redelivered > 0));
                        self.seen.add_to(Kind::RowConflict, done.conflicts);
                        (Ok(()), None)
                    }
                    Err((lowest, error)) => (Err(error), Some(lowest)),
                };
                self.invocation_ended(id, Consumer::Speed, shard, result, lowest)
            }
            Done::Batch { name, result } => self.batch_ended(id, &name, result),
            Done::Read(read) => {
                if self.step > task.begun + 8 {
                    self.count(Kind::ReaderPaused);
                }
                self.note(|| format!("#{id}: the reader has its answer"));
                self.verify(&read, false)
            }
        }
    }

    fn archived(
        &mut self,
        id: u64,
        shard: usize,
        result: Result<anabranch_core::pipeline::archive::Archived, Error>,
        redriven: Option<Range<usize>>,
    ) -> Fate {
        if let Ok(done) = &result {
            self.seen.add_to(Kind::ArchiveRedelivered, u64::from(done.redelivered > 0));
            self.seen.add_to(Kind::Adopted, u64::from(done.adopted > 0));
        }
        if let Some(cut) = redriven {
            if result.is_ok() {
                self.discarded.retain(|(of, given_up)| *of != shard || *given_up != cut);
            }
            return self.acceptable(result.map(drop)).map(drop);
        }
        self.invocation_ended(id, Consumer::Archive, shard, result.map(drop), None)
    }

    fn invocation_ended(
        &mut self,
        id: u64,
        consumer: Consumer,
        shard: usize,
        result: Result<(), Error>,
        lowest: Option<usize>,
    ) -> Fate {
        let waits = self.side(consumer).mappings[shard].waits_for(id);
        self.note(|| {
            let zombie = if waits { "" } else { ", a zombie," };
            format!("#{id}: {consumer:?}{zombie} ends: {result:?}")
        });
        if !waits {
            self.count(Kind::ZombieFinished);
        }
        let well = self.acceptable(result)?;
        match (waits, well) {
            (false, _) => Ok(()),
            (true, true) => {
                self.side(consumer).mappings[shard].succeeded();
                Ok(())
            }
            (true, false) => self.failed(consumer, shard, lowest),
        }
    }

    /// Whether an invocation went well; an error that must not be is a failure of the world.
    fn acceptable(&mut self, result: Result<(), Error>) -> Result<bool, String> {
        match result {
            Ok(()) => Ok(true),
            Err(Error::Unavailable { .. }) => Ok(false),
            Err(Error::Refused { .. }) => {
                self.count(Kind::GapRefused);
                Ok(false)
            }
            Err(Error::Corrupt { reason, .. }) if reason.contains("before it was registered") => {
                self.count(Kind::Unregistered);
                Ok(false)
            }
            Err(error) => Err(format!("an invocation fails: {error}")),
        }
    }

    fn batch_ended(&mut self, id: u64, name: &str, result: Result<Option<Built>, Error>) -> Fate {
        self.note(|| match &result {
            Ok(built) => {
                let views = built.iter().flat_map(|built| &built.views);
                let views: Vec<String> = views
                    .map(|(view, outcome)| match outcome {
                        Ok(Outcome::Published(pointer)) => {
                            format!("{view} v{} to {}", pointer.version, pointer.horizon)
                        }
                        other => format!("{view} {other:?}"),
                    })
                    .collect();
                format!("#{id}: the batch run ends: {}", views.join("; "))
            }
            Err(error) => format!("#{id}: the batch run ends: {error}"),
        });
        let built = match result {
            Ok(Some(built)) => built,
            Ok(None) | Err(Error::Unavailable { .. } | Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(format!("a batch run fails: {error}")),
        };
        self.count(Kind::Retired);
        let (mode, buggy) = self.builds[name];
        for (view, outcome) in &built.views {
            match outcome {
                Ok(Outcome::Published(_)) => {
                    self.count(if mode == Mode::Full { Kind::BuiltFull } else { Kind::Built });
                    if buggy && view == "traffic" {
                        self.count(Kind::BuggyBuild);
                    }
                }
                Ok(Outcome::Overtaken) => self.count(Kind::BuildOvertaken),
                Ok(Outcome::UpToDate) => {}
                Err(Error::Unavailable { .. } | Error::NotFound { .. }) => {
                    self.count(Kind::BuildFailed)
                }
                Err(error) => return Err(format!("the build of {view} fails: {error}")),
            }
        }
        Ok(())
    }

    /// Whether a version of a view stands on a build with the bug.
    pub(crate) fn is_tainted(&self, view: Fingerprint, build: &str) -> bool {
        let mut build = build.to_owned();
        loop {
            match self.builds.get(&build) {
                Some((_, true)) => return true,
                Some((Mode::Full, false)) | None => return false,
                Some((Mode::Incremental, false)) => {}
            }
            match self.outside.stores.views.build_before(view, &build) {
                Some(before) => build = before,
                None => return false,
            }
        }
    }

    // -----------------------------------------------------------------------------------------
    // To rest

    /// Lets every task come to its end, in a random order.
    pub(crate) fn finish_tasks(&mut self, random: &mut Random) -> Fate {
        while !self.tasks.is_empty() {
            self.go_on(random.below(self.tasks.len()), 1 + random.below(4))?;
        }
        Ok(())
    }

    /// No more faults, nothing stands still, and the last deployment is everywhere.
    pub(crate) fn calm_down(&mut self) {
        self.instances.iter_mut().for_each(Vec::clear);
        self.trouble.set(0, Random::new(0));
        self.step = self.step.max(1_000);
        for side in &mut self.sides {
            side.poison = None;
            side.stuck = 0;
        }
        self.open_mappings();
    }

    /// Runs the last task that was spawned to its end.
    pub(crate) fn run_last(&mut self) -> Fate {
        match self.tasks.len() {
            0 => Ok(()),
            count => self.go_on(count - 1, usize::MAX),
        }
    }

    /// Delivers what is there to both layers. Returns whether all of it was taken.
    pub(crate) fn deliver_all(&mut self, random: &mut Random) -> Result<bool, String> {
        self.discarded.sort_by_key(|(shard, cut)| (*shard, cut.start));
        for (shard, cut) in self.discarded.clone() {
            self.redrive_one(shard, cut, random);
            self.run_last()?;
        }
        let mut all = self.discarded.is_empty();
        for consumer in [Consumer::Archive, Consumer::Speed] {
            for shard in 0..self.sides[consumer as usize].mappings.len() {
                for _ in 0..200 {
                    let len = self.outside.kinesis.borrow().shards[shard].log.len();
                    let cut = self.side(consumer).mappings[shard].cut(len, random);
                    let Some(cut) = cut.filter(|_| self.is_next(consumer, shard)) else { break };
                    let before = cut.start;
                    self.deliver(consumer, shard, cut, random)?;
                    self.run_last()?;
                    if self.side(consumer).mappings[shard].position == before {
                        break;
                    }
                }
                let len = self.outside.kinesis.borrow().shards[shard].log.len();
                all &= self.side(consumer).mappings[shard].position >= len;
            }
        }
        Ok(all && self.discarded.is_empty())
    }

    pub(crate) fn advance(&mut self, millis: i64) {
        self.outside.clock_ms.set(self.outside.clock_ms.get() + millis);
    }
}
