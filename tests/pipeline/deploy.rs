//! Deploy: the life of a definition step by step, what is said of it, and others who deploy.

use crate::support::{Stores, event, heartbeat, length, project, shard};
use anabranch_core::definitions::{Definitions, State};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::build::Mode;
use anabranch_core::pipeline::deploy::{self, Change, Deployed, What};
use anabranch_core::port::{
    self, Checkpoint, Control, Error, Result, ShardInfo, SpeedRow, SpeedStore as _, ViewStore as _,
};
use anabranch_core::project::Project;
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_core::view::Fingerprint;
use anabranch_stores::memory;
use futures::executor::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) fn deploy(stores: &Stores, project: &Project) -> Deployed {
    let Stores { speed, control, views, .. } = stores;
    block_on(deploy::deploy(project, views, speed, control)).unwrap()
}

fn settle(stores: &Stores, project: &Project) -> Deployed {
    let Stores { speed, control, views, .. } = stores;
    block_on(deploy::settle(project, views, speed, control)).unwrap()
}

fn state(stores: &Stores, of: Fingerprint) -> Option<State> {
    block_on(stores.control.definitions()).unwrap()?.state(of)
}

fn revision(stores: &Stores) -> u64 {
    block_on(stores.control.definitions()).unwrap().unwrap().revision
}

fn floor(stores: &Stores, of: Fingerprint) -> Epoch {
    let mut ignore = |_: &[u8], _, _: &ShardId, _: &SpeedRow| Ok(());
    block_on(stores.speed.scan(of, b"", Epoch::ZERO, &mut ignore)).unwrap()
}

/// Archives and absorbs an event and a heartbeat of the next epochs.
pub(crate) fn take(stores: &Stores, project: &Arc<Project>, at: u64) {
    let records = [event(at, at as i64 * 1_000), heartbeat(at + 1, (at + 1) as i64 * 1_000)];
    stores.archive("a", &records);
    let id = shard("a");
    let before: Option<Checkpoint> = block_on(stores.control.checkpoint(&id)).unwrap();
    let follows = before.map_or(SequenceNumber::ZERO, |before| before.sequence);
    let records: &[Record<'_>] = &records;
    let delivery = Delivery { shard: &id, records, follows: Some(follows) };
    let mut absorber = Absorber::new(project, id.clone(), length());
    let Stores { speed, control, master, .. } = stores;
    block_on(absorber.absorb(speed, control, master, delivery)).unwrap();
}

fn change(of: &Project, what: What) -> Vec<Change> {
    let view = &of.views[0];
    vec![Change { view: view.name.clone(), fingerprint: view.fingerprint, what }]
}

#[test]
fn a_definition_goes_from_current_to_forgotten_in_steps() {
    let stores = Stores::with_shards(&["a"]);
    let (old, new) = (project(""), project("WHERE site IS NOT NULL"));
    let of = old.views[0].fingerprint;
    let first = deploy(&stores, &old);
    assert_eq!((first.changes, revision(&stores)), (vec![], 1));
    assert_eq!(state(&stores, of), Some(State::Current));
    take(&stores, &old, 1);
    stores.build(&old, 2, Mode::Incremental);
    // Again it is nothing new.
    let again = deploy(&stores, &old);
    assert_eq!((again.changes, revision(&stores)), (vec![], 1));
    assert_eq!(settle(&stores, &old).changes, []);

    let deployed = deploy(&stores, &new);
    assert_eq!(deployed.changes, change(&old, What::Superseded));
    assert_eq!((state(&stores, of), revision(&stores)), (Some(State::Superseded), 2));
    let live = deployed.project;
    assert_eq!(live.superseded("traffic"), Some(&old.views[0]));
    take(&stores, &live, 3);
    // The new one is not complete, and so nothing moves; nor for a project that is not deployed.
    for project in [&live, &old] {
        let settled = settle(&stores, project);
        assert_eq!((settled.changes, revision(&stores)), (vec![], 2));
        assert_eq!(settled.project, *project);
    }
    stores.build(&live, 4, Mode::Incremental);
    let retired = settle(&stores, &live);
    assert_eq!(retired.changes, change(&old, What::Retired));
    assert_eq!(retired.project.superseded("traffic"), None);
    assert_eq!((state(&stores, of), revision(&stores)), (Some(State::Retired), 3));
    // Who began to read it may finish.
    assert!(block_on(stores.views.pointer(of)).unwrap().is_some());
    assert_eq!(floor(&stores, of), Epoch::ZERO);

    let removed = settle(&stores, &retired.project);
    assert_eq!(removed.changes, change(&old, What::Removed));
    assert_eq!((state(&stores, of), revision(&stores)), (Some(State::Removed), 4));
    assert_eq!(block_on(stores.views.pointer(of)), Ok(None));
    // Above every epoch that was absorbed, and no higher: a horizon has to be able to pass it.
    let absorbed = block_on(stores.control.checkpoint(&shard("a"))).unwrap().unwrap().epoch;
    assert_eq!(floor(&stores, of), absorbed.next());
    assert_eq!((settle(&stores, &new).changes, revision(&stores)), (vec![], 4));
    let covered = |of| {
        let checkpoint = block_on(stores.control.checkpoint(&shard("a"))).unwrap();
        checkpoint.unwrap().covered.contains_key(&of)
    };
    assert!(covered(of) && covered(new.views[0].fingerprint));

    // The next deployment forgets it: floor, coverage and all.
    let third = project("WHERE site = 'a'");
    assert_eq!(deploy(&stores, &third).changes, change(&new, What::Superseded));
    assert_eq!((state(&stores, of), revision(&stores)), (None, 5));
    assert_eq!(floor(&stores, of), Epoch::ZERO);
    assert!(!covered(of) && covered(new.views[0].fingerprint));
}

#[test]
fn what_was_retired_and_is_deployed_again_begins_anew() {
    let stores = Stores::with_shards(&["a"]);
    let (old, new) = (project(""), project("WHERE site IS NOT NULL"));
    let of = old.views[0].fingerprint;
    deploy(&stores, &old);
    take(&stores, &old, 1);
    stores.build(&old, 2, Mode::Incremental);
    let live = deploy(&stores, &new).project;
    take(&stores, &live, 3);
    stores.build(&live, 4, Mode::Incremental);
    settle(&stores, &live);
    assert_eq!(state(&stores, of), Some(State::Retired));
    deploy(&stores, &old);
    assert_eq!(state(&stores, of), Some(State::Current));
    // Its data were about to go, and are gone; the other one serves on.
    assert_eq!(block_on(stores.views.pointer(of)), Ok(None));
    let checkpoint = block_on(stores.control.checkpoint(&shard("a"))).unwrap().unwrap();
    assert!(!checkpoint.covered.contains_key(&of));
    assert_eq!(state(&stores, new.views[0].fingerprint), Some(State::Superseded));
}

#[test]
fn without_a_deployment_there_is_nothing_to_settle_or_to_give_up() {
    let stores = Stores::with_shards(&["a"]);
    let project = project("");
    let settled = settle(&stores, &project);
    assert_eq!((settled.changes, &settled.project), (vec![], &project));
    let of = project.views[0].fingerprint;
    let left = block_on(deploy::give_up(&project, of, &stores.control)).unwrap();
    assert_eq!(left, *project);
    assert_eq!(block_on(stores.control.definitions()), Ok(None));
}

#[test]
fn what_becomes_of_a_definition_is_said_in_words() {
    let said = |what: What| what.to_string();
    assert_eq!(said(What::Superseded), "superseded; serves on until the new one is complete");
    assert_eq!(said(What::Retired), "retired");
    assert_eq!(said(What::GivenUp("it broke".to_owned())), "no longer serves: it broke");
    assert_eq!(said(What::Removed), "its data are removed");
}

/// A control store in which others are faster, for so many conditional puts.
struct Contended<'c> {
    control: &'c memory::Control,
    refuse: AtomicU64,
}

impl Contended<'_> {
    fn is_refused(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.refuse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Control for Contended<'_> {
    async fn checkpoint(&self, shard: &ShardId) -> Result<Option<Checkpoint>> {
        self.control.checkpoint(shard).await
    }

    async fn put_checkpoint(
        &self,
        shard: &ShardId,
        expected: Option<SequenceNumber>,
        checkpoint: &Checkpoint,
    ) -> Result<bool> {
        let refused = self.is_refused();
        Ok(!refused && self.control.put_checkpoint(shard, expected, checkpoint).await?)
    }

    async fn shards(&self) -> Result<Vec<ShardInfo>> {
        self.control.shards().await
    }

    async fn put_shard(&self, expected: Option<&ShardInfo>, info: &ShardInfo) -> Result<bool> {
        self.control.put_shard(expected, info).await
    }

    async fn definitions(&self) -> Result<Option<Definitions>> {
        self.control.definitions().await
    }

    async fn put_definitions(&self, expected: Option<u64>, next: &Definitions) -> Result<bool> {
        Ok(!self.is_refused() && self.control.put_definitions(expected, next).await?)
    }
}

fn contended(control: &memory::Control, refuse: u64) -> Contended<'_> {
    Contended { control, refuse: AtomicU64::new(refuse) }
}

#[track_caller]
fn unavailable<T: std::fmt::Debug>(result: port::Result<T>, object: &str, reason: &str) {
    let (object, reason) = (object.to_owned(), reason.to_owned());
    assert_eq!(result.map(drop), Err(Error::Unavailable { object, reason }));
}

#[test]
fn of_two_that_deploy_at_once_one_tries_again_and_not_for_ever() {
    let (old, new) = (project(""), project("WHERE site IS NOT NULL"));
    let stores = Stores::with_shards(&["a"]);
    let Stores { speed, control, views, .. } = &stores;
    let deploy = |project: &Arc<Project>, refuse| {
        block_on(deploy::deploy(project, views, speed, &contended(control, refuse)))
    };
    let others = ("the deployed definitions", "others replace them all the time");
    unavailable(deploy(&old, 10), others.0, others.1);
    assert_eq!(state(&stores, old.views[0].fingerprint), None);
    deploy(&old, 9).unwrap();
    let live = deploy(&new, 0).unwrap().project;

    let of = old.views[0].fingerprint;
    let give_up = |refuse| block_on(deploy::give_up(&live, of, &contended(control, refuse)));
    unavailable(give_up(10), others.0, others.1);
    assert_eq!(state(&stores, of), Some(State::Superseded));
    assert_eq!(give_up(9).unwrap().superseded("traffic"), None);
    assert_eq!(state(&stores, of), Some(State::Retired));
    // Once is enough, and what is no superseded definition stays what it is.
    let before = revision(&stores);
    assert_eq!(give_up(0).unwrap().superseded("traffic"), None);
    block_on(deploy::give_up(&live, new.views[0].fingerprint, control)).unwrap();
    assert_eq!(revision(&stores), before);
}

#[test]
fn of_each_name_the_last_definition_that_was_complete_serves_on() {
    let third = project("WHERE site = 'a'");
    let states = |(stores, live, old): (Stores, Arc<Project>, Fingerprint)| {
        deploy(&stores, &third);
        [old, live.views[0].fingerprint].map(|of| state(&stores, of).unwrap())
    };
    assert_eq!(states(retirable()), [State::Retired, State::Superseded]);
    // The second one has no version, and rows only since the first.
    let stores = Stores::with_shards(&["a"]);
    let (old, new) = (project(""), project("WHERE site IS NOT NULL"));
    deploy(&stores, &old);
    take(&stores, &old, 1);
    let live = deploy(&stores, &new).project;
    take(&stores, &live, 3);
    let of = old.views[0].fingerprint;
    assert_eq!(states((stores, live, of)), [State::Superseded, State::Retired]);
}

#[test]
fn only_the_definition_that_is_given_up_and_what_needs_it_goes() {
    let (stores, live, old) = retirable();
    let current = live.views[0].fingerprint;
    let left = block_on(deploy::give_up(&live, current, &stores.control)).unwrap();
    assert_eq!((left, state(&stores, old)), (Project::clone(&live), Some(State::Superseded)));
    assert_eq!(state(&stores, current), Some(State::Current));
}

#[test]
fn a_definition_whose_sql_is_not_understood_is_retired_by_the_deployment_that_meets_it() {
    let (stores, live, old) = retirable();
    let mut broken = block_on(stores.control.definitions()).unwrap().unwrap();
    let of = broken.views.iter().find(|definition| definition.fingerprint == old).unwrap();
    let source = of.source.unwrap();
    broken.texts[source] = "CREATE NONSENSE".to_owned();
    let revision = broken.revision;
    broken.revision += 1;
    assert!(block_on(stores.control.put_definitions(Some(revision), &broken)).unwrap());
    let deployed = deploy(&stores, &live);
    let [change] = &deployed.changes[..] else { panic!("{:?}", deployed.changes) };
    assert_eq!(change.fingerprint, old);
    assert!(matches!(&change.what, What::GivenUp(why) if why.contains("does not compile")));
    assert_eq!(deployed.project.superseded("traffic"), None);
    assert_eq!(state(&stores, old), Some(State::Retired));
}

#[test]
fn a_batch_run_that_others_overtake_leaves_the_rest_to_the_next() {
    let (stores, live, old) = retirable();
    let Stores { speed, control, views, .. } = &stores;
    let settled = block_on(deploy::settle(&live, views, speed, &contended(control, 1))).unwrap();
    assert_eq!((settled.changes, &settled.project), (vec![], &live));
    assert_eq!(state(&stores, old), Some(State::Superseded));
}

/// A deployment in which the old definition may be retired.
pub(crate) fn retirable() -> (Stores, Arc<Project>, Fingerprint) {
    let stores = Stores::with_shards(&["a"]);
    let (old, new) = (project(""), project("WHERE site IS NOT NULL"));
    deploy(&stores, &old);
    take(&stores, &old, 1);
    stores.build(&old, 2, Mode::Incremental);
    let live = deploy(&stores, &new).project;
    take(&stores, &live, 3);
    stores.build(&live, 4, Mode::Incremental);
    (stores, live, old.views[0].fingerprint)
}

#[test]
fn coverage_is_taken_out_although_absorbers_move_checkpoints() {
    let third = project("WHERE site = 'a'");
    for (refuse, forgotten) in [(9, true), (10, false)] {
        let (stores, live, old) = retirable();
        let removed = settle(&stores, &settle(&stores, &live).project);
        assert_eq!(state(&stores, old), Some(State::Removed), "{:?}", removed.changes);
        let Stores { speed, control, views, .. } = &stores;
        let contended = contended(control, refuse);
        let deployed = block_on(deploy::deploy(&third, views, speed, &contended));
        match forgotten {
            true => assert_eq!(deployed.map(drop), Ok(())),
            false => {
                unavailable(deployed, "checkpoint of shard a", "absorbers replace it all the time")
            }
        }
        let checkpoint = block_on(control.checkpoint(&shard("a"))).unwrap().unwrap();
        assert_eq!(checkpoint.covered.contains_key(&old), !forgotten);
        // Where coverage could not be taken out, nothing else has gone yet.
        assert_eq!(floor(&stores, old) == Epoch::ZERO, forgotten);
    }
}
