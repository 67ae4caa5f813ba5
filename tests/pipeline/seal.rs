//! Seal: how far every shard is complete.

use crate::support::{Stores, event};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::seal::sealed;
use futures::executor::block_on;

fn sealed_of(stores: &Stores) -> Epoch {
    block_on(sealed(&stores.master, &stores.control)).unwrap()
}

#[test]
fn the_slowest_open_shard_decides() {
    let stores = Stores::with_shards(&["a", "b"]);
    assert_eq!(sealed_of(&stores), Epoch(0));
    stores.archive("a", &[event(1, 3_000), event(2, 7_500)]);
    assert_eq!(sealed_of(&stores), Epoch(0));
    stores.archive("b", &[event(1, 5_000)]);
    assert_eq!(sealed_of(&stores), Epoch(5));
    stores.register("c", 4, None);
    assert_eq!(sealed_of(&stores), Epoch(4));
}

#[test]
fn a_closed_shard_holds_back_until_it_is_drained() {
    let stores = Stores::with_shards(&["a", "b"]);
    stores.archive("a", &[event(1, 3_000)]);
    stores.archive("b", &[event(1, 5_000)]);
    stores.register("a", 0, Some(2));
    assert_eq!(sealed_of(&stores), Epoch(3));
    stores.archive("a", &[event(2, 3_900)]);
    assert_eq!(sealed_of(&stores), Epoch(5));
}

#[test]
fn where_every_shard_is_drained_every_record_is_sealed() {
    let stores = Stores::default();
    assert_eq!(sealed_of(&stores), Epoch(0));
    stores.register("empty", 4, Some(0));
    assert_eq!(sealed_of(&stores), Epoch(5));
    stores.register("a", 0, Some(1));
    stores.archive("a", &[event(1, 7_000)]);
    assert_eq!(sealed_of(&stores), Epoch(8));
}
