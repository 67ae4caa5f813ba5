//! Shards open and close as the stream says and the master data set has them.

use super::world::{World, shard};
use crate::Listed;
use anabranch_core::port::{Control as _, ShardInfo};

async fn registered(world: &World) -> Vec<ShardInfo> {
    world.batch.control.shards().await.unwrap()
}

/// Shard 0 is split into 1 and 2.
fn split(world: &World) {
    let child = |n| Listed { shard: shard(n), parents: vec![shard(0)], is_open: true };
    let mut shards = world.batch.stream.shards.lock().unwrap();
    shards[0].is_open = false;
    shards.extend([child(1), child(2)]);
}

#[tokio::test]
async fn a_new_shard_is_registered_and_gets_a_heartbeat_until_its_chain_has_begun() {
    let world = World::new(2);
    assert_eq!(world.tick().await.heartbeats, 2);
    assert_eq!(registered(&world).await.len(), 2);
    world.archive(&shard(0), &[5]).await;
    world.batch.stream.beaten.lock().unwrap().clear();
    world.tick().await;
    assert!(world.batch.stream.beaten.lock().unwrap().contains(&shard(1)));
}

#[tokio::test]
async fn a_shard_is_closed_once_it_is_archived_to_its_end() {
    let world = World::registered(1).await;
    world.archive(&shard(0), &[5]).await;
    split(&world);
    world.put(&shard(0), &[9]);
    world.tick().await;
    assert_eq!(registered(&world).await.len(), 1, "a child begins where its parent ends");
    world.archive(&shard(0), &[9]).await;
    world.tick().await;
    let shards = registered(&world).await;
    assert_eq!(shards.len(), 3);
    world.tick().await;
    assert_eq!(registered(&world).await[0].closed, Some(9.into()));
}

/// A closed shard without records behind the chain's end looked drained also where the records had
/// left the stream before they were archived.
#[tokio::test]
async fn a_shard_whose_last_records_may_have_left_the_stream_is_not_closed() {
    let world = World::registered(1).await;
    world.archive(&shard(0), &[5]).await;
    world.put(&shard(0), &[9]);
    split(&world);
    world.batch.stream.held.trim(&shard(0), 9.into());
    world.tick().await;
    world.tick().await;
    assert_eq!(registered(&world).await[0].closed, None);
}
