//! Archive: the ledger's objects, and deliveries that meet what is there already.

use crate::support::{Error, Stale, Stores, event, heartbeat, length, number, shard};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::archive::{Archived, archive};
use anabranch_core::port::{MasterDataSet, ObjectInfo, Result};
use anabranch_core::record::{Record, SequenceNumber};
use futures::executor::block_on;

/// Of epochs 5, 6, 6, 6 and 8 behind a base epoch of 5; arrival times go backwards twice.
fn records() -> [Record<'static>; 5] {
    [event(1, 3_000), heartbeat(2, 6_100), event(3, 6_900), event(4, 4_000), event(6, 8_000)]
}

fn stores() -> Stores {
    let stores = Stores::default();
    stores.register("0", 2, None);
    stores.register("a", 5, None);
    stores.register("b", 9, None);
    stores
}

fn object(epoch: u64, first: u64, last: u64, follows: Option<u64>) -> ObjectInfo {
    let inside = records()
        .into_iter()
        .filter(|record| (number(first)..=number(last)).contains(&record.sequence));
    let arrivals: Vec<i64> = inside.clone().map(|record| record.arrival_ms).collect();
    ObjectInfo {
        shard: shard("a"),
        epoch: Epoch(epoch),
        first: number(first),
        last: number(last),
        follows: follows.map(number),
        records: arrivals.len() as u64,
        heartbeats: inside.filter(Record::is_heartbeat).count() as u64,
        min_arrival_ms: *arrivals.iter().min().unwrap(),
        max_arrival_ms: *arrivals.iter().max().unwrap(),
    }
}

fn try_archive(stores: &Stores, master: &impl MasterDataSet, name: &str) -> Result<Archived> {
    let (id, records) = (shard(name), records());
    let delivery = Delivery { shard: &id, records: &records, follows: Some(SequenceNumber::ZERO) };
    block_on(archive(master, &stores.control, length(), delivery))
}

#[test]
fn a_delivery_becomes_a_chain_with_an_object_for_each_epoch() {
    let stores = stores();
    let done = stores.archive("a", &records());
    assert_eq!(done, Archived { objects: 3, records: 5, redelivered: 0, adopted: 0 });
    let chain = [object(5, 1, 1, None), object(6, 2, 4, Some(1)), object(8, 6, 6, Some(4))];
    assert_eq!(stores.objects(), chain);
}

#[test]
fn a_redelivery_with_other_cuts_adds_what_is_missing() {
    let stores = stores();
    let records = records();
    stores.archive("a", &records[..3]);
    let done = stores.archive("a", &records[1..]);
    assert_eq!(done, Archived { objects: 2, records: 2, redelivered: 2, adopted: 0 });
    let chain = [
        object(5, 1, 1, None),
        object(6, 2, 3, Some(1)),
        object(6, 4, 4, Some(3)),
        object(8, 6, 6, Some(4)),
    ];
    assert_eq!(stores.objects(), chain);
    let done = stores.archive("a", &records);
    assert_eq!(done, Archived { objects: 0, records: 0, redelivered: 5, adopted: 0 });
}

#[test]
fn a_zombie_adopts_what_others_have_archived() {
    let stores = stores();
    stores.archive("a", &records()[..4]);
    let before = stores.objects();
    // It saw an empty chain, and writes the one record that nobody has archived yet.
    let zombie = Stale { master: &stores.master, tail: None, exists: None };
    let done = try_archive(&stores, &zombie, "a").unwrap();
    assert_eq!(done, Archived { objects: 1, records: 1, redelivered: 4, adopted: 2 });
    assert_eq!(stores.objects(), [before, vec![object(8, 6, 6, Some(4))]].concat());
}

#[test]
fn an_object_that_ends_before_its_name_is_corrupt() {
    let stores = stores();
    let exists = Some(object(5, 1, 1, None)).map(|info| ObjectInfo { last: number(0), ..info });
    let liar = Stale { master: &stores.master, tail: None, exists };
    let error = try_archive(&stores, &liar, "a").unwrap_err();
    let name = "object of shard a, epoch 5, first 1";
    assert_eq!(error, Error::corrupt(name, "its last sequence number 0 is below"));
}

#[test]
fn records_of_a_shard_that_nobody_registered_are_refused() {
    let stores = stores();
    let error = try_archive(&stores, &stores.master, "c").unwrap_err();
    assert_eq!(error, Error::corrupt("shard c", "records arrived before it was registered"));
    assert_eq!(stores.objects(), []);
}
