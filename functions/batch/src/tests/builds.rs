//! What is due is built once it is sealed, here or by the job.

use super::world::{Runs, World, shard};
use crate::Action;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::build::Mode;
use anabranch_core::port::ViewStore as _;

/// The horizon of the view, and how many records its version holds.
async fn version(world: &World) -> Option<(Epoch, u64)> {
    let fingerprint = world.batch.bundled.view("v").unwrap().fingerprint;
    let pointer = world.batch.views.pointer(fingerprint).await.unwrap()?;
    let manifest = world.batch.views.manifest(fingerprint, &pointer).await.unwrap();
    Some((pointer.horizon, manifest.records))
}

#[tokio::test]
async fn what_has_arrived_is_sealed_by_a_heartbeat_and_built_and_then_nothing_is_done() {
    let mut world = World::registered(1).await;
    assert_eq!(world.tick().await.published, 0, "there is nothing");
    world.batch.stream.beaten.lock().unwrap().clear();
    world.archive(&shard(0), &[1, 2]).await;
    // The first version covers what is sealed: the epoch of the last record is not.
    let report = world.tick().await;
    assert_eq!((report.heartbeats, report.published), (1, 2), "the view and the built-in one");
    assert_eq!(version(&world).await.unwrap().1, 1);
    world.deliver_heartbeats(60).await;
    // The next one is due at once.
    world.batch.settings.every = std::time::Duration::ZERO;
    let report = world.tick().await;
    assert_eq!((report.published, report.failed), (2, 0));
    assert_eq!(version(&world).await.unwrap().1, 2);
    let report = world.tick().await;
    assert_eq!((report.published, report.heartbeats), (0, 0));
    assert!(world.batch.stream.beaten.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_next_version_waits_for_its_time_unless_it_is_asked_for() {
    let world = World::registered(1).await;
    world.archive(&shard(0), &[1, 60]).await;
    assert_eq!(world.tick().await.published, 2);
    let horizon = version(&world).await.unwrap().0;
    world.archive(&shard(0), &[70, 100]).await;
    let report = world.tick().await;
    assert_eq!((report.published, report.heartbeats), (0, 0));
    let report = world.act(Action::Build(Mode::Incremental)).await;
    assert_eq!(report.published, 2);
    let (next, records) = version(&world).await.unwrap();
    assert!(next > horizon);
    // The last record's epoch is not over before another record says so.
    assert_eq!(records, 3);
    let report = world.act(Action::Build(Mode::Full)).await;
    assert_eq!((report.published, version(&world).await.unwrap().1), (2, 3));
}

#[tokio::test]
async fn what_is_too_much_for_one_run_is_built_in_several() {
    let mut world = World::registered(1).await;
    world.batch.settings.native_max_bytes = 2;
    world.archive(&shard(0), &[1, 2, 3, 4, 5, 60]).await;
    let mut records = Vec::new();
    for _ in 0..3 {
        world.act(Action::Build(Mode::Incremental)).await;
        records.push(version(&world).await.unwrap().1);
    }
    assert_eq!(records, [2, 4, 5]);
}

#[tokio::test]
async fn what_is_too_much_for_one_run_is_the_jobs_if_there_is_one_and_never_twice_at_once() {
    let mut world = World::registered(1).await;
    world.batch.settings.native_max_bytes = 2;
    world.batch.jobs = Some(Runs::default());
    world.archive(&shard(0), &[1, 2, 3, 60]).await;
    let report = world.act(Action::Build(Mode::Full)).await;
    assert_eq!((report.job.as_deref(), report.published), (Some("jr_1"), 0));
    let report = world.act(Action::Build(Mode::Incremental)).await;
    assert_eq!((report.job, report.published), (None, 0));
    let started = world.batch.jobs.as_ref().unwrap().0.lock().unwrap().clone();
    let horizon = report.sealed;
    assert_eq!(started, [[format!("horizon={horizon}"), "mode=full".to_owned()]]);
}
