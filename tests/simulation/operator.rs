//! Operators: checkpoints lost, views changed, rows expired too early, and batch runs begun.

use crate::coverage::Kind;
use crate::function::{BatchRun, batch};
use crate::kinesis::EPOCH_MS;
use crate::project::{Deployment, Traffic};
use crate::random::Random;
use crate::task::Done;
use crate::world::{Consumer, World};
use anabranch_core::definitions::State;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::build::Mode;
use anabranch_core::pipeline::deploy;
use anabranch_core::port::{Control as _, SpeedStore as _};
use anabranch_core::project::Project;
use anabranch_core::view::Fingerprint;
use futures::FutureExt as _;
use std::sync::Arc;

impl World<'_> {
    pub(crate) fn forget(&mut self, random: &mut Random) {
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

    pub(crate) fn deploy(&mut self, random: &mut Random) {
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
        let deployment = self.common.deployments.of(next).clone();
        self.stop_who_knew(&deployment.project);
        let stores = &self.outside.stores;
        let (views, speed) = (stores.views.inner(), stores.speed.inner());
        let deployed = deploy::deploy(&deployment.project, views, speed, stores.control.inner());
        let deployed = deployed.now_or_never().expect("stores in memory do not wait");
        let project = deployed.expect("they do not fail").project;
        self.deployment = Deployment { project, ..deployment };
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

    /// Ends every writer that knows a definition which the deployment of `project` will forget: that
    /// is what a deployment has to wait for.
    fn stop_who_knew(&mut self, project: &Project) {
        let definitions = self.outside.stores.control.inner().definitions().now_or_never();
        let definitions = definitions.expect("stores in memory do not wait");
        let definitions = definitions.expect("they do not fail").unwrap_or_default();
        let retired = definitions.in_state(State::Retired);
        let again = retired.filter(|retired| project.by_fingerprint(retired.fingerprint).is_some());
        let gone: Vec<Fingerprint> = definitions
            .in_state(State::Removed)
            .chain(again)
            .map(|definition| definition.fingerprint)
            .collect();
        let knows = |project: &Project| project.live().any(|view| gone.contains(&view.fingerprint));
        for instances in &mut self.instances {
            instances.retain(|instance| !knows(&instance.project));
        }
        let stopped: Vec<u64> = self
            .tasks
            .iter()
            .filter(|task| task.project.as_ref().is_some_and(|project| knows(project)))
            .map(|task| task.id)
            .collect();
        for id in stopped {
            self.stop(id);
        }
        // What is forgotten begins anew when it is deployed again.
        self.covered.retain(|view, _| !gone.contains(view));
    }

    pub(crate) fn expire(&mut self, random: &mut Random) {
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

    pub(crate) fn recycle(&mut self, random: &mut Random) {
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
        let project = Arc::clone(project);
        let run = BatchRun { project: Arc::clone(&project), mode, name: name.clone() };
        let outside = self.outside.clone();
        self.spawn(id, async move { Done::Batch { name, result: batch(outside, run).await } });
        if let Some(task) = self.tasks.last_mut() {
            task.is_batch = true;
            task.project = Some(project);
        }
        id
    }
}
