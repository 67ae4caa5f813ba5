//! Regressions: what the simulation found, each as a small story of its own.
//!
//! Where a fault needs an interleaving, every one of two tasks is tried: the first stops after each
//! number of its calls in turn while the second runs to its end.

use crate::event::{DAY, Event};
use crate::function::length;
use crate::gate::{Stores, Trouble};
use crate::kinesis::{Content, EPOCH_MS, Kinesis, Stored};
use crate::project::Traffic;
use crate::question::{Question, Rows};
use crate::random::Random;
use crate::world::Common;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::archive;
use anabranch_core::pipeline::build::{self, Mode};
use anabranch_core::pipeline::{Delivery, deploy, plan, seal};
use anabranch_core::port::{Control as _, Error, Inline, MasterDataSet as _, ViewStore as _};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::record::{Record, SequenceNumber};
use futures::executor::block_on;
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// More calls than any task makes.
const CALLS: usize = 60;

/// One shard of ten events, an epoch for every two.
struct Story {
    common: Common,
    stores: Stores,
    kinesis: Kinesis,
}

impl Story {
    fn new() -> Story {
        let story = Story::unregistered();
        block_on(plan::reshard(
            &story.common.deployments.all.project,
            story.stores.master.inner(),
            story.stores.control.inner(),
            story.stores.views.inner(),
            &story.kinesis.list(),
        ))
        .expect("stores in memory do not fail");
        story
    }

    fn unregistered() -> Story {
        let mut kinesis = Kinesis::default();
        kinesis.open(Vec::new(), 0);
        let mut random = Random::new(7);
        for number in 0..10 {
            let event = Event::random(&mut random, 19_000 * DAY);
            let arrival_ms = 3_000_000 + number / 2 * EPOCH_MS;
            kinesis.put(0, Content::Event(event), event.payload(), arrival_ms, 2);
        }
        let stores = Stores::new(&Trouble::default());
        Story { common: Common::new(), stores, kinesis }
    }

    fn absorber(&self) -> Absorber {
        let project = &self.common.deployments.all.project;
        Absorber::new(project, self.kinesis.shards[0].id.clone(), length())
    }

    /// Absorbs records behind the gate; `known`: the deliverer knows what they follow.
    async fn absorb(
        &self,
        absorber: &mut Absorber,
        cut: Range<usize>,
        known: bool,
    ) -> Result<(), Error> {
        let shard = &self.kinesis.shards[0];
        let records: Vec<Record<'_>> = shard.log[cut.clone()].iter().map(|s| s.record()).collect();
        let follows = known.then(|| shard.before(cut.start));
        let delivery = Delivery { shard: &shard.id, records: &records, follows };
        let Stores { speed, control, master, .. } = &self.stores;
        absorber.absorb(speed, control, master, delivery).await.map(drop)
    }

    fn absorb_now(&self, cut: Range<usize>, known: bool) -> Result<(), Error> {
        let mut absorber = self.absorber();
        finish(self.absorb(&mut absorber, cut, known))
    }

    fn archive(&self, cut: Range<usize>) -> Result<(), Error> {
        let shard = &self.kinesis.shards[0];
        let records: Vec<Record<'_>> = shard.log[cut.clone()].iter().map(|s| s.record()).collect();
        let follows = Some(shard.before(cut.start));
        let delivery = Delivery { shard: &shard.id, records: &records, follows };
        let (master, control) = (self.stores.master.inner(), self.stores.control.inner());
        block_on(archive::archive(master, control, length(), delivery)).map(drop)
    }

    /// Archives all there is, and builds.
    fn build(&self) {
        self.archive(0..self.kinesis.shards[0].log.len()).expect("there is no gap");
        self.build_sealed();
    }

    /// Builds as far as the archive is sealed.
    fn build_sealed(&self) {
        let Stores { master, control, views, .. } = &self.stores;
        let (master, control, views) = (master.inner(), control.inner(), views.inner());
        let request = build::Request {
            project: &self.common.deployments.all.project,
            horizon: block_on(seal::sealed(master, control)).expect("it does not fail"),
            mode: Mode::Incremental,
            build: "b",
            now_ms: 0,
            progress: &|_| {},
        };
        block_on(build::build(master, control, views, &Inline, &request)).expect("it builds");
    }

    async fn ask(&self, question: &Question) -> Answer {
        let project = &self.common.deployments.all.project;
        let view = project.view(question.which.name()).expect("the view is there");
        let Stores { views, speed, control, .. } = &self.stores;
        let parameters = &question.parameters;
        let answer = query::ask(project, view, parameters, length(), views, speed, control).await;
        answer.expect("there is an answer")
    }

    fn ask_now(&self) -> Answer {
        finish(self.ask(self.question()))
    }

    fn question(&self) -> &Question {
        &self.common.questions[0]
    }

    fn events(&self, cut: Range<usize>) -> Vec<Event> {
        let event = |stored: &Rc<Stored>| match stored.content {
            Content::Event(event) => Some(event),
            _ => None,
        };
        self.kinesis.shards[0].log[cut].iter().filter_map(event).collect()
    }

    /// The answer over the records of a stretch.
    fn expected(&self, cut: Range<usize>) -> Rows {
        let events = self.events(cut);
        self.question().expected(Traffic::All, events.iter())
    }

    /// Of every view: an answer that says it is complete covers all ten events.
    fn check_everything(&self, place: &str) {
        let events = self.events(0..10);
        for question in &self.common.questions {
            let answer = finish(self.ask(question));
            if answer.receipt.complete {
                let rows = question.rows(&answer).expect("they are rows of this view");
                let expected = question.expected(Traffic::All, events.iter());
                assert_eq!(rows, expected, "{}, {place}", question.which.name());
            }
        }
    }

    fn rows(&self, answer: &Answer) -> Rows {
        self.question().rows(answer).expect("they are rows of this view")
    }

    /// An answer that says it is complete covers nothing or everything up to some record.
    fn check(&self, answer: &Answer) {
        if answer.receipt.complete {
            let rows = self.rows(answer);
            let is_prefix = (0..=10).any(|end| rows == self.expected(0..end));
            assert!(is_prefix, "complete, over a gap: {rows:?}");
        }
    }
}

/// Polls a task to its end.
fn finish<T>(task: impl Future<Output = T>) -> T {
    let mut task = pin!(task);
    loop {
        if let Some(done) = poll(task.as_mut()) {
            return done;
        }
    }
}

fn poll<T>(task: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match task.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// Runs `first` up to `calls` calls, then `second` to its end, and then `first`.
fn interleave<T>(calls: usize, first: impl Future<Output = T>, second: impl FnOnce()) -> T {
    let mut first = pin!(first);
    for _ in 0..calls {
        if let Some(done) = poll(first.as_mut()) {
            return done;
        }
    }
    second();
    loop {
        if let Some(done) = poll(first.as_mut()) {
            return done;
        }
    }
}

/// The mapping had exhausted the retries of a batch and went on behind it. Sequence numbers have gaps
/// anyway, so the speed layer noticed nothing: answers said `complete` without those records.
#[test]
fn what_the_speed_layer_was_never_given_makes_answers_incomplete_until_a_version_covers_it() {
    let mut story = Story::new();
    story.absorb_now(0..2, true).unwrap();
    assert!(story.ask_now().receipt.complete);
    story.absorb_now(4..10, true).unwrap();
    assert!(!story.ask_now().receipt.complete);
    // What was missed comes after all; no row takes it in, because rows behind it are there already.
    story.absorb_now(2..4, true).unwrap();
    assert!(!story.ask_now().receipt.complete);
    story.kinesis.put(0, Content::Heartbeat, Vec::new(), 3_100_000, 1);
    story.build();
    story.absorb_now(10..11, true).unwrap();
    let answer = story.ask_now();
    assert!(answer.receipt.complete, "{:?}", answer.receipt.incomplete_because);
    assert_eq!(story.rows(&answer), story.expected(0..10));
}

/// The same happened to the archive, whose chain linked the next object to the one before the gap: the
/// records were in no answer ever again, and no audit could tell.
#[test]
fn the_archive_does_not_go_on_over_a_gap() {
    let story = Story::new();
    story.archive(0..3).unwrap();
    let refused = story.archive(6..10).unwrap_err();
    assert!(matches!(&refused, Error::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("deliver what lies between them first"), "{refused}");
    story.archive(2..7).unwrap();
    story.archive(6..10).unwrap();
    let master = story.stores.master.inner();
    let objects = block_on(master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap();
    assert_eq!(objects.iter().map(|object| object.records).sum::<u64>(), 10);
}

/// A speed layer that began in the middle put its rows first and noted in the checkpoint that they
/// were not the whole afterwards. A reader between the two answered `complete`; so did one that had
/// read the checkpoints before and the rows behind them.
#[test]
fn no_row_behind_a_gap_is_read_without_the_note_of_it() {
    for calls in 0..CALLS {
        let story = Story::new();
        let mut absorber = story.absorber();
        interleave(calls, story.absorb(&mut absorber, 4..10, false), || {
            story.check(&story.ask_now());
        })
        .unwrap();
        let story = Story::new();
        let answer = interleave(calls, story.ask(story.question()), || {
            story.absorb_now(4..10, false).unwrap();
        });
        story.check(&answer);
    }
}

/// A zombie with a shorter cut had moved the checkpoint. Its retry found that its own put no longer
/// fitted, and left the checkpoint in the middle of what it had absorbed: the next delivery took its
/// epoch from that record instead of the last, and the two layers disagreed about it.
#[test]
fn the_checkpoint_never_stays_before_the_end_of_what_was_absorbed() {
    for calls in 0..CALLS {
        let story = Story::new();
        let mut absorber = story.absorber();
        interleave(calls, story.absorb(&mut absorber, 0..7, true), || {
            story.absorb_now(0..3, true).unwrap();
        })
        .unwrap();
        let shard = &story.kinesis.shards[0];
        let checkpoint = block_on(story.stores.control.inner().checkpoint(&shard.id)).unwrap();
        let checkpoint = checkpoint.expect("there is a checkpoint");
        assert_eq!(checkpoint.sequence, SequenceNumber::from(shard.log[6].sequence), "{calls}");
        assert_eq!(checkpoint.epoch, shard.log[6].epoch, "{calls}");
        assert_eq!(story.rows(&story.ask_now()), story.expected(0..7), "{calls}");
    }
}

/// The built-in view has a pointer of its own. It was behind the view's, whose answer was complete
/// while the counts in its receipt lacked what the speed layer had missed.
#[test]
fn counts_that_lack_something_make_the_answer_incomplete() {
    let story = Story::new();
    story.archive(0..10).unwrap();
    story.absorb_now(4..10, false).unwrap();
    story.build();
    let answer = story.ask_now();
    assert!(answer.receipt.complete, "{:?}", answer.receipt.incomplete_because);
    assert_eq!(answer.receipt.accepted, 10);
    let records = story.common.deployments.all.project.records_view().fingerprint;
    block_on(story.stores.views.inner().remove(records)).unwrap();
    let answer = story.ask_now();
    assert!(!answer.receipt.complete);
    assert!(answer.receipt.accepted < 10);
}

/// A speed layer that began in the middle of a shard which no planner had registered yet put rows all
/// the same. Readers look for gaps in the shards that are registered, and found none.
#[test]
fn nothing_is_absorbed_of_a_shard_that_is_not_registered() {
    for known in [true, false] {
        let story = Story::unregistered();
        let error = story.absorb_now(4..10, known).unwrap_err();
        assert!(error.to_string().contains("before it was registered"), "{error}");
        assert_eq!(story.rows(&story.ask_now()), Rows::new());
    }
}

/// The checkpoint that said what rows lack was lost. The rows were still there: an answer without a
/// checkpoint was complete, and a speed layer that began anew at the start of the shard found each row
/// far ahead of it, added nothing, and called every epoch whole.
#[test]
fn rows_whose_checkpoint_was_lost_are_not_trusted() {
    let mut story = Story::new();
    story.absorb_now(4..10, false).unwrap();
    let shard = story.kinesis.shards[0].id.clone();
    story.stores.control.inner().forget_checkpoint(&shard);
    assert!(!story.ask_now().receipt.complete);
    story.absorb_now(0..10, true).unwrap();
    assert!(!story.ask_now().receipt.complete);
    story.kinesis.put(0, Content::Heartbeat, Vec::new(), 3_100_000, 1);
    story.build();
    let answer = story.ask_now();
    assert!(answer.receipt.complete, "{:?}", answer.receipt.incomplete_because);
    assert_eq!(story.rows(&answer), story.expected(0..10));
}

/// A delivery behind a gap died when half of its rows were put, before those that count records, and
/// then its checkpoint was lost. By the counts it was found out that there were rows: there seemed to be
/// none, and those that were there lacked what was missing in the gap for good.
#[test]
fn rows_of_a_delivery_that_died_behind_a_gap_are_not_trusted_without_their_checkpoint() {
    // Each first record has the epoch of the one before it, which is missing.
    for (calls, first) in (0..CALLS).flat_map(|calls| [1, 3, 5, 7, 9].map(|first| (calls, first))) {
        let story = Story::new();
        let mut absorber = story.absorber();
        {
            let mut dies = pin!(story.absorb(&mut absorber, first..10, false));
            (0..calls).any(|_| poll(dies.as_mut()).is_some());
        }
        let shard = story.kinesis.shards[0].id.clone();
        story.stores.control.inner().forget_checkpoint(&shard);
        story.absorb_now(0..10, true).unwrap();
        story.check_everything(&format!("died after {calls} calls"));
    }
}

/// A speed layer that had lost its checkpoint began again ahead of the archive. That no epoch was known
/// took the place of the note which rows were not trusted, and when the archive had come along nothing
/// was left of it.
#[test]
fn rows_are_still_not_trusted_when_the_epoch_is_known_at_last() {
    for first in [3, 5, 7, 9] {
        let story = Story::new();
        story.absorb_now(first..10, false).unwrap();
        let shard = story.kinesis.shards[0].id.clone();
        story.stores.control.inner().forget_checkpoint(&shard);
        story.absorb_now(1..2, false).unwrap();
        story.archive(0..first).unwrap();
        story.build_sealed();
        story.absorb_now(2..10, true).unwrap();
        story.check_everything(&format!("first {first}"));
    }
}

/// An invocation that knew no epoch ended after its shard had been closed. No delivery was to come that
/// would have put its checkpoint right, and answers stayed incomplete for ever.
#[test]
fn a_closed_shard_is_put_right_after_its_last_invocation() {
    let mut story = Story::new();
    let project = Arc::clone(&story.common.deployments.all.project);
    story.kinesis.shards[0].open = false;
    story.kinesis.open(vec![0], 0);
    let heartbeat_ms = 3_100_000;
    story.kinesis.put(1, Content::Heartbeat, Vec::new(), heartbeat_ms, 1);
    let listed = story.kinesis.list();
    let Stores { master, control, views, .. } = &story.stores;
    let (master, control, views) = (master.inner(), control.inner(), views.inner());
    let plan = || block_on(plan::reshard(&project, master, control, views, &listed)).unwrap();
    let mut absorber = story.absorber();
    // It has read the checkpoint and looked for its place in a chain that is not there yet.
    interleave(14, story.absorb(&mut absorber, 4..10, false), || {
        story.archive(0..10).unwrap();
        plan();
        plan();
        let shards = block_on(control.shards()).unwrap();
        assert!(shards[0].closed.is_some(), "{shards:?}");
    })
    .unwrap();
    plan();
    let checkpoint = block_on(control.checkpoint(&story.kinesis.shards[0].id)).unwrap().unwrap();
    let last = story.kinesis.shards[0].log[9].epoch;
    let fingerprint = project.records_view().fingerprint;
    assert!(checkpoint.covers(fingerprint, last.next()), "{checkpoint:?}");
    let newest = block_on(plan::newest_uncovered(&project, master, control, views)).unwrap();
    assert_eq!(newest, Some(last));
}

/// A batch run removed the data of a view that had been retired, while the view was deployed again. It
/// left a floor above all epochs behind it, and the view was incomplete for ever.
#[test]
fn a_view_that_is_deployed_again_while_its_data_go_becomes_complete() {
    for calls in 0..CALLS {
        let mut story = Story::new();
        let deployments = &story.common.deployments;
        let (all, absent) = (&deployments.all.project, &deployments.absent.project);
        let Stores { master, speed, control, views } = &story.stores;
        let inner = (master.inner(), speed.inner(), control.inner(), views.inner());
        let (master, _, _, _) = inner;
        let deploy = |project: &Arc<_>| {
            let (_, speed, control, views) = inner;
            block_on(deploy::deploy(project, views, speed, control)).unwrap().project
        };
        let build = |project: &Arc<Project>, mode| {
            let (_, speed, control, views) = inner;
            let horizon = block_on(seal::sealed(master, control)).unwrap();
            let (build, now_ms, progress) = ("b", 0, &|_| {});
            let request = build::Request { project, horizon, mode, build, now_ms, progress };
            block_on(build::build(master, control, views, &Inline, &request)).unwrap();
            block_on(deploy::settle(project, views, speed, control)).unwrap().project
        };
        deploy(all);
        story.absorb_now(0..10, true).unwrap();
        story.archive(0..10).unwrap();
        build(all, Mode::Incremental);
        // What is gone from the project is retired as soon as the rest is complete.
        let live = build(&deploy(absent), Mode::Full);

        let settled = deploy::settle(&live, views, speed, control);
        interleave(calls, settled, || drop(deploy(all))).unwrap();

        let (all, heartbeat_ms) = (Arc::clone(all), 3_100_000);
        for number in 0..4 {
            let Stores { master, control, views, .. } = &story.stores;
            let (master, control, views) = (master.inner(), control.inner(), views.inner());
            let newest = block_on(plan::newest_uncovered(&all, master, control, views)).unwrap();
            let Some(newest) = newest else { break };
            if block_on(seal::sealed(master, control)).unwrap() <= newest {
                let arrival_ms = heartbeat_ms + number * EPOCH_MS;
                story.kinesis.put(0, Content::Heartbeat, Vec::new(), arrival_ms, 1);
                let last = story.kinesis.shards[0].log.len();
                story.absorb_now(last - 1..last, true).unwrap();
                story.archive(last - 1..last).unwrap();
            }
            story.build_sealed();
        }
        let answer = story.ask_now();
        assert!(answer.receipt.complete, "deployed after {calls} calls: {:?}", answer.receipt);
        story.check_everything(&format!("deployed after {calls} calls"));
    }
}
