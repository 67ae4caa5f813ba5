//! Absorb: what it reports, rows that others moved or removed, and starts without a checkpoint.

use crate::support::{Stores, event, event_of, events, length, number, project, shard};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::{Absorbed, Absorber};
use anabranch_core::pipeline::build::Mode;
use anabranch_core::port::{Checkpoint, Control as _, Error, SpeedRow, SpeedStore};
use anabranch_core::project::Project;
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_core::view::Fingerprint;
use anabranch_stores::faulty::{Fault, Faulty};
use anabranch_stores::memory::Speed;
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const NOT_KNOWN: Epoch = Epoch(u64::MAX);

fn absorber(project: &Arc<Project>) -> Absorber {
    Absorber::new(project, shard("a"), length())
}

fn absorb(
    stores: &Stores,
    absorber: &mut Absorber,
    records: &[Record<'_>],
    from_start: bool,
) -> Absorbed {
    let id = shard("a");
    let follows = from_start.then_some(SequenceNumber::ZERO);
    let delivery = Delivery { shard: &id, records, follows };
    block_on(absorber.absorb(&stores.speed, &stores.control, &stores.master, delivery)).unwrap()
}

fn checkpoint(stores: &Stores) -> Checkpoint {
    block_on(stores.control.checkpoint(&shard("a"))).unwrap().expect("it was absorbed")
}

/// The epoch from which on every view of `project` is covered.
fn covered(stores: &Stores, project: &Project) -> Epoch {
    let covered = checkpoint(stores).covered;
    let all: Vec<Epoch> = project.views.iter().map(|view| covered[&view.fingerprint]).collect();
    assert!(all.iter().all(|&epoch| epoch == all[0]), "{all:?}");
    all[0]
}

#[test]
fn a_checkpoint_covers_a_view_that_it_knows_or_that_the_horizon_has_passed() {
    let [known, late, unknown] = [1, 2, 3].map(|n| Fingerprint([n; 16]));
    let checkpoint = |late_from| Checkpoint {
        sequence: number(9),
        epoch: Epoch(7),
        newest_arrival_ms: 7_000,
        covered: BTreeMap::from([(known, Epoch(5)), (late, late_from)]),
        distrusted: Epoch::ZERO,
    };
    let covers = |late_from, view, horizon| checkpoint(late_from).covers(view, Epoch(horizon));
    // From its own epoch on.
    assert_eq!([4, 5, 6, 7].map(|h| covers(Epoch(6), known, h)), [false, true, true, true]);
    assert_eq!([4, 5, 6, 7].map(|h| covers(Epoch(6), late, h)), [false, false, true, true]);
    // Once the horizon has passed every record absorbed.
    assert_eq!([6, 7, 8, 9].map(|h| covers(Epoch(6), unknown, h)), [false, false, true, true]);
    // As long as an epoch of the shard is not known, only what was covered before is.
    assert_eq!([4, 5, 8].map(|h| covers(NOT_KNOWN, known, h)), [false, true, true]);
    assert_eq!([5, 8, 9].map(|h| covers(NOT_KNOWN, late, h)), [false; 3]);
    assert_eq!([5, 8, 9].map(|h| covers(NOT_KNOWN, unknown, h)), [false; 3]);
}

#[test]
fn a_delivery_reports_what_was_new_and_what_was_not() {
    let (stores, project) = (Stores::with_shards(&["a"]), project(""));
    let mut warm = absorber(&project);
    let records: Vec<Record<'_>> = (1..=7).map(|n| event(n, 5_000 - n as i64)).collect();
    // A row of the view, and one of the built-in view that counts records.
    let first = absorb(&stores, &mut warm, &records[..5], true);
    assert_eq!(first, Absorbed { records: 5, redelivered: 0, rejected: 0, rows: 2, conflicts: 0 });
    let second = absorb(&stores, &mut warm, &records[2..], true);
    assert_eq!(second, Absorbed { records: 2, redelivered: 3, rejected: 0, rows: 2, conflicts: 0 });
    let third = absorb(&stores, &mut warm, &records, true);
    assert_eq!(third, Absorbed { redelivered: 7, ..Absorbed::default() });
    let checkpoint = checkpoint(&stores);
    assert_eq!((checkpoint.sequence, checkpoint.epoch), (number(7), Epoch(4)));
    assert_eq!(checkpoint.newest_arrival_ms, 4_999);
    assert_eq!(events(&stores.ask(&project, &[])), 7);
}

#[test]
fn a_cold_instance_goes_on_where_the_rows_stand() {
    let (stores, project) = (Stores::with_shards(&["a"]), project(""));
    let other_site = br#"{"t":7,"site":"b"}"#;
    let records =
        [event(1, 5_000), event(2, 5_001), event(3, 5_002), event_of(4, 5_003, other_site)];
    absorb(&stores, &mut absorber(&project), &records[..2], true);
    let mut cold = absorber(&project);
    let done = absorb(&stores, &mut cold, &records, true);
    // Of three rows two were there, and it believed that none was.
    assert_eq!(done, Absorbed { records: 2, redelivered: 2, rejected: 0, rows: 3, conflicts: 2 });
    let by_site = stores.ask(&project, &[]);
    assert_eq!((events(&by_site), by_site.rows.len()), (4, 2));
}

#[test]
fn a_row_that_expired_under_its_writer_is_put_whole() {
    let (stores, project) = (Stores::with_shards(&["a"]), project(""));
    let mut warm = absorber(&project);
    let records = [event(1, 5_000), event(2, 5_001), event(3, 5_002)];
    absorb(&stores, &mut warm, &records[..2], true);
    let view = project.views[0].fingerprint;
    assert_eq!(block_on(stores.speed.expire(view, Epoch(6))).unwrap(), 1);
    let done = absorb(&stores, &mut warm, &records[2..], true);
    assert_eq!(done, Absorbed { records: 1, redelivered: 0, rejected: 0, rows: 2, conflicts: 1 });
    assert_eq!(events(&stores.ask(&project, &[])), 3);
}

/// A shard of which the archive has records 1 to 5, in objects 1-2 of epoch 5, 3-4 of 7, 5 of 9,
/// and another shard, whose objects are of no matter.
fn archived() -> Stores {
    let stores = Stores::with_shards(&["0", "b"]);
    stores.register("a", 1, None);
    for other in ["0", "b"] {
        let records: Vec<Record<'_>> = (1..=9).map(|n| event(n, 20_000 + n as i64)).collect();
        stores.archive(other, &records);
    }
    let arrivals = [5_000, 5_001, 7_000, 1_000, 9_000];
    let records: Vec<Record<'_>> = (1..).zip(arrivals).map(|(n, at)| event(n, at)).collect();
    stores.archive("a", &records);
    stores
}

#[test]
fn without_a_checkpoint_the_epoch_comes_from_the_archives_chain() {
    // For a start at each record: its epoch, and the first epoch of which it sees every record.
    let starts = [(1, 5, 0), (2, 5, 6), (3, 7, 6), (4, 7, 8), (5, 9, 8)];
    let arrivals = [5_000, 5_001, 7_000, 1_000, 9_000];
    for (first, epoch, from) in starts {
        let (stores, project) = (archived(), project(""));
        let record = event(first, arrivals[first as usize - 1]);
        absorb(&stores, &mut absorber(&project), &[record], false);
        assert_eq!(checkpoint(&stores).epoch, Epoch(epoch), "start at {first}");
        assert_eq!(covered(&stores, &project), Epoch(from), "start at {first}");
    }
}

#[test]
fn a_start_ahead_of_the_archive_is_not_trusted_until_the_archive_has_come_along() {
    let (stores, project) = (archived(), project(""));
    let mut warm = absorber(&project);
    absorb(&stores, &mut warm, &[event(7, 2_000)], false);
    assert_eq!(covered(&stores, &project), NOT_KNOWN);
    absorb(&stores, &mut warm, &[event(8, 2_001)], false);
    assert_eq!(covered(&stores, &project), NOT_KNOWN);
    let answer = stores.ask(&project, &[]);
    assert!(!answer.receipt.complete);
    // In truth they were of epoch 9, as was the record before them.
    stores.archive("a", &[event(6, 2_000), event(7, 2_000), event(8, 2_001)]);
    absorb(&stores, &mut warm, &[event(9, 2_002)], false);
    assert_eq!((checkpoint(&stores).epoch, covered(&stores, &project)), (Epoch(9), Epoch(10)));
}

#[test]
fn a_new_view_is_covered_from_the_epoch_after_the_one_that_it_came_in() {
    // Nothing is archived: what the checkpoint says needs no second opinion.
    let stores = Stores::with_shards(&["a"]);
    let (old, new) = (project(""), project("WHERE site IS NOT NULL"));
    absorb(&stores, &mut absorber(&old), &[event(1, 5_000)], true);
    absorb(&stores, &mut absorber(&new), &[event(2, 5_001), event(3, 6_000)], false);
    let covered = checkpoint(&stores).covered;
    assert_eq!(covered[&new.views[0].fingerprint], Epoch(6));
    assert_eq!(covered[&new.records_view().fingerprint], Epoch(0));
    assert!(!stores.ask(&new, &[]).receipt.complete);
    stores.archive("a", &[event(1, 5_000), event(2, 5_001), event(3, 6_000)]);
    stores.build(&new, 6, Mode::Incremental);
    let answer = stores.ask(&new, &[]);
    assert_eq!((events(&answer), answer.receipt.complete), (3, true));
}

/// Every row of a view: its epoch, its key, and what it holds.
fn rows(speed: &impl SpeedStore, view: Fingerprint) -> Vec<(Epoch, Vec<u8>, SpeedRow)> {
    let mut rows = Vec::new();
    let mut visit = |key: &[u8], epoch, _: &ShardId, row: &SpeedRow| {
        rows.push((epoch, key.to_vec(), row.clone()));
        Ok(())
    };
    block_on(speed.scan(view, b"", Epoch::ZERO, &mut visit)).unwrap();
    rows
}

#[test]
fn a_try_that_failed_between_the_counts_and_the_rest_is_gone_on_from() {
    let project = project("");
    let [traffic, counts] = [0, 1].map(|at| project.views[at].fingerprint);
    let records = [event(1, 5_000), event(2, 5_001), event(3, 5_002)];
    // The second delivery puts twice: the counts, and the other views. The latter fails.
    let puts = AtomicU64::new(0);
    let fails = |operation: &str, _| match operation {
        "put_rows" if puts.fetch_add(1, Ordering::Relaxed) == 3 => Fault::Before,
        _ => Fault::None,
    };
    let speed = Faulty::new(Speed::default(), fails);
    let stores = Stores::with_shards(&["a"]);
    let id = shard("a");
    let deliver = |absorber: &mut Absorber, records: &[Record<'_>]| {
        let delivery = Delivery { shard: &id, records, follows: Some(SequenceNumber::ZERO) };
        block_on(absorber.absorb(&speed, &stores.control, &stores.master, delivery))
    };
    let mut warm = absorber(&project);
    deliver(&mut warm, &records[..1]).unwrap();
    assert!(matches!(deliver(&mut warm, &records[..2]), Err(Error::Unavailable { .. })));
    // Where the counts have no row, no other view has one: they come first.
    let applied = |of| rows(speed.inner(), of)[0].2.applied;
    assert_eq!((applied(counts), applied(traffic)), (number(2), number(1)));
    // What is there already is not put on top of, and what is not there is.
    deliver(&mut warm, &records).unwrap();
    let undisturbed = Stores::with_shards(&["a"]);
    absorb(&undisturbed, &mut absorber(&project), &records, true);
    for view in [traffic, counts] {
        assert_eq!(rows(speed.inner(), view), rows(&undisturbed.speed, view));
    }
}

#[test]
fn rows_of_this_shard_without_a_checkpoint_are_not_trusted() {
    let project = project("");
    let stores = Stores::with_shards(&["a", "b"]);
    let (other, records) = (shard("b"), [event(1, 9_000)]);
    let delivery =
        Delivery { shard: &other, records: &records, follows: Some(SequenceNumber::ZERO) };
    let mut of_other = Absorber::new(&project, other.clone(), length());
    block_on(of_other.absorb(&stores.speed, &stores.control, &stores.master, delivery)).unwrap();
    // What another shard has is of no matter.
    absorb(&stores, &mut absorber(&project), &[event(1, 5_000)], true);
    assert_eq!(checkpoint(&stores).distrusted, Epoch::ZERO);
    stores.control.forget_checkpoint(&shard("a"));
    absorb(&stores, &mut absorber(&project), &[event(2, 5_001)], true);
    assert_eq!(checkpoint(&stores).distrusted, Epoch(6));
    assert!(!stores.ask(&project, &[]).receipt.complete);
}
