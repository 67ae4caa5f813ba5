//! Rest: everything that was begun ends, everything that was put is delivered, and every question is
//! answered in full.

use crate::coverage::Kind;
use crate::kinesis::EPOCH_MS;
use crate::random::Random;
use crate::world::{Consumer, Fate, World};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::build::Mode;
use anabranch_core::port::MasterDataSet as _;
use futures::FutureExt as _;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How many batch runs it may take until all is delivered: shards wait for their parents.
const ROUNDS: usize = 20;

impl World<'_> {
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

    /// Brings the world to rest and checks everything.
    pub(crate) fn rest(&mut self, random: &mut Random) -> Fate {
        self.finish_tasks(random)?;
        self.calm_down();
        // One more event: an expiry that came too early is mended by the next version, and there is
        // none where there is nothing to cover.
        self.advance(8 * EPOCH_MS);
        self.append(random);
        let mut delivered = false;
        for _ in 0..ROUNDS {
            self.round(Mode::Incremental)?;
            delivered = self.deliver_all(random)?;
            if delivered {
                break;
            }
        }
        if !delivered {
            return Err("at rest: not everything can be delivered".to_owned());
        }
        // Both layers have everything, and most of it is in speed rows alone.
        self.look_at_all("all delivered", false)?;
        // Heartbeats, their delivery and the build behind them; twice, because a speed layer that
        // did not know its epoch finds it out with the first.
        for _ in 0..2 {
            self.round(Mode::Incremental)?;
            self.deliver_all(random)?;
        }
        let tainted = self.is_tainted_now();
        let full = tainted || random.chance(30);
        self.round(if full { Mode::Full } else { Mode::Incremental })?;
        self.seen.add_to(Kind::BugFixed, u64::from(tainted));
        self.look_at_all(if full { "at rest, built anew" } else { "at rest" }, true)?;
        self.deliver_all(random)?;
        self.check_ledger()
    }

    fn round(&mut self, mode: Mode) -> Fate {
        self.advance(5 * EPOCH_MS);
        self.spawn_batch(mode, false);
        self.run_last()
    }

    fn is_tainted_now(&self) -> bool {
        use anabranch_core::port::ViewStore as _;
        let Some(view) = self.deployment.project.view("traffic") else { return false };
        let views = self.outside.stores.views.inner();
        let pointer = views.pointer(view.fingerprint).now_or_never();
        let pointer = pointer.expect("stores in memory do not wait").expect("they do not fail");
        pointer.is_some_and(|pointer| self.is_tainted(view.fingerprint, &pointer.build))
    }

    /// The master data set holds every record once: per shard and epoch as many as there are, in a
    /// chain without a gap.
    fn check_ledger(&mut self) -> Fate {
        let master = self.outside.stores.master.inner();
        let objects = master.objects(Epoch::ZERO..Epoch(u64::MAX)).now_or_never();
        let objects = objects.expect("stores in memory do not wait").expect("they do not fail");
        let kinesis = Rc::clone(&self.outside.kinesis);
        for shard in &kinesis.borrow().shards {
            let mut expected: BTreeMap<Epoch, u64> = BTreeMap::new();
            for stored in &shard.log {
                *expected.entry(stored.epoch).or_default() += 1;
            }
            let mut archived: BTreeMap<Epoch, u64> = BTreeMap::new();
            let mut last = None;
            for object in objects.iter().filter(|object| object.shard == shard.id) {
                if object.follows != last {
                    return Err(format!("the chain of {} breaks at {}", shard.id, object.first));
                }
                last = Some(object.last);
                *archived.entry(object.epoch).or_default() += object.records;
                if object.records == object.heartbeats {
                    self.seen.count(Kind::Idle);
                }
            }
            if archived != expected {
                return Err(format!("{}: {archived:?} are archived of {expected:?}", shard.id));
            }
        }
        Ok(())
    }
}
