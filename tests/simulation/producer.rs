//! Producers: events into the shards, and shards that split and merge.

use crate::coverage::Kind;
use crate::event::{self, DAY, Event, HOUR};
use crate::kinesis::{Content, EPOCH_MS};
use crate::random::Random;
use crate::world::World;

impl World<'_> {
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

    pub(crate) fn reshard(&mut self, random: &mut Random) {
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
}
