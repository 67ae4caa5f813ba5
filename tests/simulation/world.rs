//! A world: a stream, its mappings, the functions and planners at work, and everything that goes
//! wrong between them. One seed, one thread, no clock but its own.

use crate::check;
use crate::coverage::{Coverage, Kind};
use crate::design::Design;
use crate::function::Outside;
use crate::gate::{Stores, Trouble};
use crate::kinesis::Kinesis;
use crate::mapping::{Mapping, Policy};
use crate::project::{Deployment, Deployments};
use crate::question::Question;
use crate::random::Random;
use crate::step::{Step, StepKind};
use crate::task::Task;
use crate::witness::Kept;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::build::Mode;
use anabranch_core::pipeline::{deploy, plan};
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
pub(crate) struct Side {
    pub(crate) policy: Policy,
    pub(crate) mappings: Vec<Mapping>,
    /// It stands still until this step.
    pub(crate) stuck: usize,
    /// It has not been deployed before this step.
    pub(crate) from: usize,
    pub(crate) started: bool,
    /// A shard and a place that make deliveries fail, and how often still.
    pub(crate) poison: Option<(usize, usize, usize)>,
}

/// The first deployment; its shards are registered before a record is taken.
fn begin(stores: &Stores, common: &Common, kinesis: &Kinesis) -> Deployment {
    let (master, control) = (stores.master.inner(), stores.control.inner());
    let (speed, views) = (stores.speed.inner(), stores.views.inner());
    let project = &common.deployments.all.project;
    let listed = kinesis.list();
    let begun = async {
        plan::reshard(project, master, control, views, &listed).await?;
        deploy::deploy(project, views, speed, control).await
    };
    let deployed = begun.now_or_never().expect("stores in memory do not wait");
    let project = deployed.expect("they do not fail").project;
    Deployment { project, ..common.deployments.all.clone() }
}

/// One seed's world.
pub(crate) struct World<'c> {
    pub(crate) common: &'c Common,
    pub(crate) deployment: Deployment,
    pub(crate) outside: Outside,
    pub(crate) trouble: Trouble,
    pub(crate) sides: [Side; 2],
    /// What the archive's mapping gave up.
    pub(crate) discarded: Vec<(usize, Range<usize>)>,
    pub(crate) instances: Vec<Vec<Instance>>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) next_task: u64,
    pub(crate) builds: BTreeMap<String, (Mode, bool)>,
    pub(crate) kept: Kept,
    /// Nothing happens that would excuse an incomplete answer.
    pub(crate) calm: bool,
    pub(crate) excused: bool,
    pub(crate) idle: Option<usize>,
    pub(crate) covered: BTreeMap<Fingerprint, check::Covered>,
    pub(crate) seen: Coverage,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) step: usize,
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
        let deployment = begin(&stores, common, &kinesis);
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
            deployment,
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

    pub(crate) fn side(&mut self, consumer: Consumer) -> &mut Side {
        &mut self.sides[consumer as usize]
    }

    /// A mapping for each shard that has none yet; a speed layer that starts late starts at the end.
    pub(crate) fn open_mappings(&mut self) {
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
}
