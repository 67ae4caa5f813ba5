//! The project beside the program is deployed, unless somebody may still go by what that forgets.

use super::world::{World, project};
use anabranch_core::definitions::{Definitions, State};
use anabranch_core::pipeline::deploy;
use anabranch_core::port::Control as _;
use anabranch_host::now_ms;

async fn definitions(world: &World) -> Definitions {
    world.batch.control.definitions().await.unwrap().unwrap()
}

/// `count(*)` was superseded by `sum(n)` and has been retired; the program brings it back.
async fn retired() -> World {
    let mut world = World::registered(1).await;
    let old = world.batch.bundled.view("v").unwrap().fingerprint;
    world.batch.bundled = project("sum(n)");
    world.tick().await;
    let control = &world.batch.control;
    let live = deploy::deployed(&definitions(&world).await).unwrap();
    deploy::give_up(&live, old, control).await.unwrap();
    assert_eq!(definitions(&world).await.state(old), Some(State::Retired));
    world.batch.bundled = project("count(*)");
    world
}

#[tokio::test]
async fn every_revision_says_when_it_was_put() {
    let world = World::registered(1).await;
    assert!(definitions(&world).await.put_ms.is_some());
}

/// An absorber that began under a definition put its coverage back after it had been taken out, and
/// answers of the definition that was deployed again were complete without what had been removed.
#[tokio::test]
async fn a_definition_is_brought_back_only_after_the_last_that_may_go_by_it() {
    let world = retired().await;
    let current = project("sum(n)").view("v").unwrap().fingerprint;
    // Whoever retired it did not say when.
    world.tick().await;
    let waits = definitions(&world).await;
    assert_eq!(waits.state(current), Some(State::Current));
    let put_ms = waits.put_ms.expect("the wait begins");
    world.tick().await;
    assert_eq!(definitions(&world).await.state(current), Some(State::Current));
    let stored = definitions(&world).await;
    let longest_ms = world.batch.settings.longest_invocation.as_millis() as i64;
    let past = Definitions {
        revision: stored.revision + 1,
        put_ms: Some(put_ms.min(now_ms()) - longest_ms - 61_000),
        ..stored.clone()
    };
    assert!(world.batch.control.put_definitions(Some(stored.revision), &past).await.unwrap());
    world.tick().await;
    let back = world.batch.bundled.view("v").unwrap().fingerprint;
    assert_eq!(definitions(&world).await.state(back), Some(State::Current));
}

#[tokio::test]
async fn a_deployment_that_forgets_nothing_does_not_wait() {
    let mut world = World::registered(1).await;
    world.batch.bundled = project("sum(n)");
    world.tick().await;
    let new = world.batch.bundled.view("v").unwrap().fingerprint;
    assert_eq!(definitions(&world).await.state(new), Some(State::Current));
}
