//! Merge: readers with an old pointer, imports, and what a receipt says.

use crate::support::{
    Error, Stores, event, event_of, events, length, old_pointers, project, shard,
};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::build::Mode;
use anabranch_core::port::{Pointer, ShardKind, SpeedStore as _};
use anabranch_core::project::Project;
use anabranch_core::record::{Record, SequenceNumber};
use futures::executor::block_on;
use std::sync::Arc;

/// How often a reader reads the pointer.
const ATTEMPTS: usize = 5;

fn absorb(stores: &Stores, project: &Arc<Project>, name: &str, records: &[Record<'_>]) {
    let id = shard(name);
    let delivery = Delivery { shard: &id, records, follows: Some(SequenceNumber::ZERO) };
    let mut absorber = Absorber::new(project, id.clone(), length());
    block_on(absorber.absorb(&stores.speed, &stores.control, &stores.master, delivery)).unwrap();
}

/// Events of epochs 1 to 7, absorbed and archived; versions of horizons 2 and 4, and their pointers.
fn built() -> (Stores, Arc<Project>, [Pointer; 2]) {
    let (stores, project) = (Stores::with_shards(&["a"]), project(""));
    let records: Vec<Record<'_>> = (1..=7).map(|n| event(n, n as i64 * 1_000)).collect();
    stores.archive("a", &records);
    absorb(&stores, &project, "a", &records);
    let pointers = [2, 4].map(|horizon| {
        stores.build(&project, horizon, Mode::Incremental);
        stores.pointer(&project.views[0])
    });
    (stores, project, pointers)
}

#[test]
fn any_pointer_whose_speed_rows_are_there_gives_the_whole() {
    let (stores, project, pointers) = built();
    let view = &project.views[0];
    // The floor at a reader's own horizon takes nothing from it.
    block_on(stores.speed.expire(view.fingerprint, Epoch(2))).unwrap();
    for (pointer, horizon) in pointers.iter().zip([2, 4]) {
        let views = old_pointers(&stores.views, view, Some(pointer), ATTEMPTS);
        let answer = stores.ask_over(&views, &project, &[]).unwrap();
        assert_eq!((events(&answer), answer.receipt.complete), (7, true));
        assert_eq!(answer.receipt.horizon, Epoch(horizon));
        assert_eq!(answer.receipt.horizon_ms, horizon as i64 * 1_000);
        assert_eq!(answer.receipt.version, pointer.version);
    }
}

#[test]
fn a_reader_whose_speed_rows_expired_reads_the_pointer_again() {
    let (stores, project, [first, _]) = built();
    let view = &project.views[0];
    block_on(stores.speed.expire(view.fingerprint, Epoch(4))).unwrap();
    for (reads, complete) in [(1, true), (ATTEMPTS - 1, true), (ATTEMPTS, false)] {
        let views = old_pointers(&stores.views, view, Some(&first), reads);
        let answer = stores.ask_over(&views, &project, &[]).unwrap();
        assert_eq!(answer.receipt.complete, complete, "{reads} old pointers");
        assert_eq!(answer.receipt.horizon, Epoch(if complete { 4 } else { 2 }));
        let because = "speed rows of epochs below 4 have expired, but the batch view's horizon is 2: run a batch build";
        let because = (!complete).then(|| because.to_owned());
        assert_eq!(answer.receipt.incomplete_because, because);
    }
}

#[test]
fn a_reader_whose_version_is_gone_reads_the_pointer_again() {
    let (stores, project, [first, _]) = built();
    stores.build(&project, 6, Mode::Incremental);
    stores.retire(&project);
    let view = &project.views[0];
    for reads in 0..=ATTEMPTS {
        let views = old_pointers(&stores.views, view, Some(&first), reads);
        let answer = stores.ask_over(&views, &project, &[]);
        match answer {
            Ok(answer) if reads < ATTEMPTS => assert_eq!(events(&answer), 7),
            Err(Error::NotFound { .. }) if reads == ATTEMPTS => {}
            other => panic!("{reads} old pointers: {other:?}"),
        }
    }
}

#[test]
fn an_import_is_missing_until_a_batch_version_has_it() {
    let (stores, project, _) = built();
    // One without a record has nothing that could be missing.
    stores.register_as(ShardKind::Import, "empty", 9, Some(0));
    assert!(stores.ask(&project, &[]).receipt.complete);
    for (base_epoch, complete) in [(3, true), (4, false), (5, false)] {
        stores.register_as(ShardKind::Import, "history", base_epoch, Some(1));
        let because = stores.ask(&project, &[]).receipt.incomplete_because;
        let missing = "import history is not in a batch version yet".to_owned();
        assert_eq!(because, (!complete).then_some(missing), "{base_epoch}");
    }
}

#[test]
fn a_receipt_tells_the_newest_arrival_of_all_shards() {
    let (stores, project) = (Stores::with_shards(&["a", "b", "c"]), project(""));
    assert_eq!(stores.ask(&project, &[]).receipt.newest_arrival_ms, None);
    absorb(&stores, &project, "a", &[event(1, 3_000), event(2, 2_000)]);
    absorb(&stores, &project, "b", &[event(1, 1_000), event_of(2, 1_500, b"{")]);
    let receipt = stores.ask(&project, &[]).receipt;
    assert_eq!(receipt.newest_arrival_ms, Some(3_000));
    assert_eq!((receipt.version, receipt.horizon), (0, Epoch(0)));
    assert_eq!((receipt.accepted, receipt.rejected), (3, 1));
    assert!(receipt.complete);
}

#[test]
fn a_view_that_was_not_absorbed_from_the_start_is_incomplete_and_says_so() {
    let stores = Stores::with_shards(&["a"]);
    absorb(&stores, &project(""), "a", &[event(1, 3_000)]);
    let because = stores.ask(&project("WHERE site = 'a'"), &[]).receipt.incomplete_because;
    let because = because.expect("a reason");
    assert!(because.starts_with("the speed layer has not seen every record of shard a"));
}

#[test]
fn buckets_outside_the_range_are_left_out_in_both_layers() {
    let (stores, project) = (Stores::with_shards(&["a"]), project(""));
    let minutes = [
        &br#"{"t":60000,"site":"a"}"#[..],
        br#"{"t":120000,"site":"a"}"#,
        br#"{"t":179999,"site":"b"}"#,
        br#"{"t":180000,"site":"a"}"#,
    ];
    let of_epoch = |first: u64, at| -> Vec<Record<'_>> {
        (first..).zip(minutes).map(|(n, payload)| event_of(n, at, payload)).collect()
    };
    let records = [of_epoch(1, 1_000), of_epoch(5, 2_000)].concat();
    stores.archive("a", &records);
    absorb(&stores, &project, "a", &records);
    stores.build(&project, 2, Mode::Incremental);
    let ask = |from, to| events(&stores.ask(&project, &[("from", from), ("to", to)]));
    assert_eq!(ask("1970-01-01T00:02:00Z", "1970-01-01T00:03:00Z"), 4);
    assert_eq!(ask("1970-01-01T00:01:00Z", "1970-01-01T00:03:00Z"), 6);
    assert_eq!(ask("1970-01-01T00:04:00Z", "1970-01-01T00:05:00Z"), 0);
    assert_eq!(events(&stores.ask(&project, &[])), 8);
}
