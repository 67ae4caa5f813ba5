//! What Lambda has given up comes into the master data set, in order, and goes.

use super::world::{World, shard};

/// Batches lie in the bucket by the name of their mapping and the time of their failure, which is not
/// the order of their records.
#[tokio::test]
async fn batches_are_archived_in_the_order_of_their_records() {
    let world = World::registered(1).await;
    let shard = shard(0);
    world.archive(&shard, &[5]).await;
    world.give_up("a", &shard, &[30, 44]);
    world.give_up("b", &shard, &[12, 20]);
    let report = world.tick().await;
    assert_eq!((report.redriven, report.waiting), (2, 0));
    assert!(world.left().is_empty());
    assert_eq!(world.objects(&shard).await, [(5, 5), (12, 12), (20, 20), (30, 30), (44, 44)]);
}

#[tokio::test]
async fn a_batch_waits_for_what_is_missing_before_it_and_another_shard_does_not() {
    let world = World::registered(2).await;
    world.archive(&shard(0), &[5]).await;
    world.archive(&shard(1), &[6]).await;
    // Record 9 is still on its way from the stream.
    world.put(&shard(0), &[9]);
    world.give_up("a", &shard(0), &[12, 20]);
    world.give_up("b", &shard(1), &[7]);
    let report = world.tick().await;
    assert_eq!((report.redriven, report.waiting), (1, 1));
    assert_eq!(world.left(), ["a"]);
    assert_eq!(world.objects(&shard(0)).await, [(5, 5)]);
    world.archive(&shard(0), &[9]).await;
    let report = world.tick().await;
    assert_eq!((report.redriven, report.waiting), (1, 0));
    assert_eq!(world.objects(&shard(0)).await, [(5, 5), (9, 9), (12, 12), (20, 20)]);
}

#[tokio::test]
async fn what_only_the_speed_layer_has_given_up_is_archived_already_and_goes() {
    let world = World::registered(1).await;
    let shard = shard(0);
    world.archive(&shard, &[5, 9]).await;
    world.give_up("speed", &shard, &[5, 9]);
    assert_eq!(world.tick().await.redriven, 1);
    assert_eq!(world.objects(&shard).await, [(5, 5), (9, 9)]);
    assert!(world.left().is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_stays_and_stops_nothing() {
    let world = World::registered(1).await;
    let shard = shard(0);
    world.archive(&shard, &[5]).await;
    world.leave("a", b"{}".to_vec());
    world.leave("b", br#"{"payload":"{\"Records\":[]}"}"#.to_vec());
    world.give_up("c", &shard, &[9]);
    let report = world.tick().await;
    assert_eq!((report.redriven, report.waiting), (1, 2));
    assert_eq!(world.left(), ["a", "b"]);
}

/// The payload stands there as a text; should it ever be the event itself, it is read as well.
#[tokio::test]
async fn a_payload_may_be_the_event_itself() {
    let world = World::registered(1).await;
    let shard = shard(0);
    world.put(&shard, &[5]);
    let event = anabranch_envelope::event(super::world::ARN, &shard, [world.record(5, "k")]);
    let event: serde_json::Value = serde_json::from_slice(&event).unwrap();
    world.leave("a", serde_json::json!({"payload": event}).to_string().into_bytes());
    assert_eq!(world.tick().await.redriven, 1);
    assert_eq!(world.objects(&shard).await, [(5, 5)]);
}
