//! Deliveries: what the event source mapping does with a batch, and everything that can go wrong with
//! it.

use crate::coverage::Kind;
use crate::function::{Envelope, absorb, archive, length};
use crate::mapping::Verdict;
use crate::random::Random;
use crate::task::Done;
use crate::world::{Consumer, Fate, Instance, World};
use anabranch_core::pipeline::absorb::Absorber;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

impl World<'_> {
    /// Whether the parents of a shard are drained by a consumer.
    pub(crate) fn is_next(&self, consumer: Consumer, shard: usize) -> bool {
        let kinesis = self.outside.kinesis.borrow();
        let mappings = &self.sides[consumer as usize].mappings;
        kinesis.shards[shard].parents.iter().all(|&parent| {
            let mapping = &mappings[parent];
            mapping.in_flight.is_none() && mapping.position >= kinesis.shards[parent].log.len()
        })
    }

    pub(crate) fn invoke(&mut self, consumer: Consumer, random: &mut Random) -> Fate {
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
                let knows = Arc::clone(&instance.project);
                let piece = if random.chance(40) { 1 + random.below(cut.len()) } else { cut.len() };
                self.spawn(id, async move {
                    let Instance { mut absorber, project } = instance;
                    let done = absorb(outside, &mut absorber, &project, envelope, piece).await;
                    let result = done.map_err(|(at, error)| (cut.start + at, error));
                    let instance = Box::new(Instance { absorber, project });
                    Done::Absorbed { shard, result, instance }
                });
                if let Some(task) = self.tasks.last_mut() {
                    task.absorbs = Some(shard);
                    task.project = Some(knows);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn envelope(
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
    pub(crate) fn instance(&mut self, shard: usize, random: &mut Random) -> Instance {
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
    pub(crate) fn failed(
        &mut self,
        consumer: Consumer,
        shard: usize,
        lowest: Option<usize>,
    ) -> Fate {
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

    pub(crate) fn time_out(&mut self, random: &mut Random) {
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

    pub(crate) fn rewind(&mut self, random: &mut Random) {
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

    pub(crate) fn poison(&mut self, random: &mut Random) {
        let consumer = random.pick(&[Consumer::Archive, Consumer::Speed]);
        let side = self.side(consumer);
        if side.mappings.is_empty() {
            return;
        }
        let shard = random.below(side.mappings.len());
        let at = side.mappings[shard].position + random.below(3);
        side.poison = Some((shard, at, 1 + random.below(6)));
    }

    pub(crate) fn stick(&mut self, random: &mut Random) {
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
    pub(crate) fn redrive(&mut self, random: &mut Random) {
        if !self.discarded.is_empty() && self.tasks.len() < 14 {
            let (shard, cut) = self.discarded[random.below(self.discarded.len())].clone();
            self.redrive_one(shard, cut, random);
        }
    }

    pub(crate) fn redrive_one(&mut self, shard: usize, cut: Range<usize>, random: &mut Random) {
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
}
