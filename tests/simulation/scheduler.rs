//! The scheduler: which task goes on, which one dies, and what the world makes of one that has ended.

use crate::coverage::Kind;
use crate::random::Random;
use crate::task::{self, Done, Ran, Task};
use crate::world::{Consumer, Fate, World};
use anabranch_core::pipeline::archive::Archived;
use anabranch_core::pipeline::build::{Mode, Outcome};
use anabranch_core::port::Error;
use anabranch_core::project::Project;
use anabranch_core::view::Fingerprint;
use std::ops::Range;
use std::sync::Arc;

impl World<'_> {
    pub(crate) fn new_task(&mut self) -> u64 {
        self.next_task += 1;
        self.next_task
    }

    pub(crate) fn spawn(&mut self, id: u64, future: impl Future<Output = Done> + 'static) {
        let task = Task {
            id,
            future: Box::pin(future),
            is_batch: false,
            absorbs: None,
            project: None,
            begun: self.step,
        };
        self.tasks.push(task);
    }

    /// A task goes on by some calls, or to its end.
    pub(crate) fn run(&mut self, random: &mut Random) -> Fate {
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

    pub(crate) fn kill(&mut self, random: &mut Random) {
        if self.tasks.is_empty() {
            return;
        }
        let task = &self.tasks[random.below(self.tasks.len())];
        let (id, is_batch) = (task.id, task.is_batch);
        self.note(|| format!("#{id} dies"));
        self.count(if is_batch { Kind::BatchKilled } else { Kind::Killed });
        self.stop(id);
    }

    /// Ends a task where it stands.
    pub(crate) fn stop(&mut self, id: u64) {
        self.tasks.retain(|task| task.id != id);
        for consumer in [Consumer::Archive, Consumer::Speed] {
            let mappings = &self.sides[consumer as usize].mappings;
            let waits = mappings.iter().position(|mapping| mapping.waits_for(id));
            if let Some(shard) = waits {
                // Nothing can go wrong but what the mapping decides.
                let _ = self.failed(consumer, shard, None);
            }
        }
    }

    pub(crate) fn ended(&mut self, task: &Task, done: Done) -> Fate {
        let id = task.id;
        match done {
            Done::Archived { shard, result, redriven } => {
                self.archived(id, shard, result, redriven)
            }
            Done::Absorbed { shard, result, instance } => {
                self.instances[shard].push(*instance);
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

    pub(crate) fn archived(
        &mut self,
        id: u64,
        shard: usize,
        result: Result<Archived, Error>,
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

    pub(crate) fn invocation_ended(
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
    pub(crate) fn acceptable(&mut self, result: Result<(), Error>) -> Result<bool, String> {
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

    pub(crate) fn batch_ended(&mut self, id: u64, name: &str, result: Result<Ran, Error>) -> Fate {
        self.note(|| match &result {
            Ok(ran) => {
                let views = ran.built.iter().flat_map(|built| &built.views);
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
            Ok(Ran { built, project }) => {
                self.go_on_with(&project);
                let Some(built) = built else { return Ok(()) };
                built
            }
            Err(Error::Unavailable { .. } | Error::NotFound { .. }) => return Ok(()),
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

    /// A batch run has retired what was superseded, if the deployment is still the same.
    fn go_on_with(&mut self, project: &Arc<Project>) {
        let current = &self.deployment.project;
        let shrinks = project.live().count() < current.live().count();
        if shrinks && project.views == current.views {
            self.count(Kind::Superseded);
            self.deployment.project = Arc::clone(project);
        }
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
}
