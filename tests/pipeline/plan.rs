//! Plan: what is left to cover, where a heartbeat is due, and how shards come and go.

use crate::support::{Stores, broken_pointer, event, heartbeat, number, project, shard};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::build::Mode;
use anabranch_core::pipeline::deploy;
use anabranch_core::pipeline::plan::{
    StreamShard, behind, newest_epoch, newest_uncovered, reshard, unseen,
};
use anabranch_core::port::{Checkpoint, Control as _, Error, Pointer, ShardKind, ViewStore as _};
use anabranch_core::project::Project;
use anabranch_core::record::Record;
use futures::executor::block_on;

const NOT_KNOWN: Epoch = Epoch(u64::MAX);

/// Events of epochs 1 to 7, and a heartbeat of epoch 8.
fn archived() -> Stores {
    let stores = Stores::with_shards(&["a"]);
    let mut records: Vec<Record<'_>> = (1..=7).map(|n| event(n, n as i64 * 1_000)).collect();
    records.push(heartbeat(8, 8_000));
    stores.archive("a", &records);
    stores
}

fn uncovered(stores: &Stores, project: &Project) -> Option<u64> {
    let Stores { master, control, views, .. } = stores;
    let newest = block_on(newest_uncovered(project, master, control, views)).unwrap();
    newest.map(|epoch| epoch.0)
}

fn unseen_of(stores: &Stores, project: &Project) -> Option<u64> {
    let id = shard("a");
    let seen = unseen(project, &stores.control, &stores.views, &id);
    block_on(seen).unwrap().map(|epoch| epoch.0)
}

fn newest(stores: &Stores, project: &Project) -> u64 {
    let Stores { master, control, views, .. } = stores;
    block_on(newest_epoch(project, master, control, views)).unwrap().0
}

/// Puts a checkpoint at `epoch` of the shard `a`; each view is covered from its epoch on.
fn put_checkpoint(stores: &Stores, project: &Project, epoch: u64, from: [Epoch; 2], doubt: u64) {
    let id = shard("a");
    let before = block_on(stores.control.checkpoint(&id)).unwrap();
    let checkpoint = Checkpoint {
        sequence: number(8),
        epoch: Epoch(epoch),
        newest_arrival_ms: 0,
        covered: project.views.iter().map(|view| view.fingerprint).zip(from).collect(),
        distrusted: Epoch(doubt),
    };
    let expected = before.map(|before| before.sequence);
    let put = stores.control.put_checkpoint(&id, expected, &checkpoint);
    assert!(block_on(put).unwrap());
}

#[test]
fn the_newest_event_that_some_view_lacks_is_to_be_covered() {
    let project = project("");
    assert_eq!(uncovered(&Stores::with_shards(&["a"]), &project), None);
    let stores = archived();
    // The heartbeat of epoch 8 is nothing to cover.
    assert_eq!(uncovered(&stores, &project), Some(7));
    stores.build(&project, 5, Mode::Incremental);
    assert_eq!(uncovered(&stores, &project), Some(7));
    stores.build(&project, 8, Mode::Incremental);
    assert_eq!(uncovered(&stores, &project), None);
    // The built-in view goes on; one that is new lacks everything.
    assert_eq!(uncovered(&stores, &project_of("site IS NOT NULL")), Some(7));
}

fn project_of(condition: &str) -> std::sync::Arc<Project> {
    project(&format!("WHERE {condition}"))
}

#[test]
fn what_is_archived_of_a_shard_that_is_not_registered_is_not_to_be_covered() {
    let project = project("");
    let stores = archived();
    stores.build(&project, 9, Mode::Incremental);
    stores.register("import", 0, None);
    stores.archive("import", &[event(1, 20_000)]);
    assert_eq!(uncovered(&stores, &project), Some(20));
    let unfinished = Stores { control: Default::default(), ..stores };
    unfinished.register("a", 0, None);
    assert_eq!(uncovered(&unfinished, &project), None);
}

#[test]
fn what_the_speed_layer_has_missed_of_a_stream_is_to_be_covered() {
    let project = project("");
    let stores = archived();
    stores.build(&project, 9, Mode::Incremental);
    put_checkpoint(&stores, &project, 11, [Epoch(12), Epoch(0)], 0);
    assert_eq!(uncovered(&stores, &project), Some(11));
    // It never sees an import, whatever a checkpoint says.
    let imported = Stores { control: Default::default(), ..stores };
    imported.register_as(ShardKind::Import, "a", 0, Some(8));
    put_checkpoint(&imported, &project, 11, [Epoch(12), Epoch(0)], 0);
    assert_eq!(uncovered(&imported, &project), None);
}

#[test]
fn what_was_not_seen_ends_where_every_view_is_covered_and_trusted() {
    let project = project("");
    let stores = archived();
    assert_eq!(unseen_of(&stores, &project), None);
    let cases = [
        (5, [Epoch(0), Epoch(0)], 0, None),
        // Not before the last epoch absorbed, nor before the last that some view lacks.
        (5, [Epoch(3), Epoch(0)], 0, Some(5)),
        (5, [Epoch(0), Epoch(3)], 0, Some(5)),
        (5, [Epoch(6), Epoch(0)], 0, Some(5)),
        (5, [Epoch(7), Epoch(0)], 0, Some(6)),
        (5, [Epoch(7), Epoch(9)], 0, Some(8)),
        // Nor before the last whose rows are not trusted.
        (5, [Epoch(0), Epoch(0)], 1, Some(5)),
        (5, [Epoch(0), Epoch(7)], 21, Some(20)),
        // What is not known yet says nothing about where it ends.
        (5, [NOT_KNOWN, Epoch(3)], 0, Some(5)),
        (5, [NOT_KNOWN, Epoch(9)], 0, Some(8)),
        (5, [NOT_KNOWN, NOT_KNOWN], 0, Some(5)),
    ];
    for (epoch, from, doubt, expected) in cases {
        put_checkpoint(&stores, &project, epoch, from, doubt);
        assert_eq!(unseen_of(&stores, &project), expected, "{epoch} {from:?} {doubt}");
    }
    // A horizon that has reached what is covered has passed what was not seen.
    put_checkpoint(&stores, &project, 5, [Epoch(7), Epoch(0)], 0);
    stores.build(&project, 6, Mode::Incremental);
    assert_eq!(unseen_of(&stores, &project), Some(6));
    stores.build(&project, 7, Mode::Incremental);
    assert_eq!(unseen_of(&stores, &project), None);
}

#[test]
fn the_newest_epoch_is_below_no_chain_checkpoint_or_horizon() {
    let project = project("");
    let stores = Stores::default();
    assert_eq!(newest(&stores, &project), 0);
    stores.register("a", 3, None);
    assert_eq!(newest(&stores, &project), 3);
    stores.archive("a", &[event(1, 5_000)]);
    stores.register("b", 2, None);
    assert_eq!(newest(&stores, &project), 5);
    // A closed shard is sealed up to its last epoch, and the next version's horizon lies behind it.
    stores.register("a", 3, Some(1));
    assert_eq!(newest(&stores, &project), 6);
    put_checkpoint(&stores, &project, 9, [Epoch(0), Epoch(0)], 0);
    assert_eq!(newest(&stores, &project), 9);
    stores.build(&project, 12, Mode::Incremental);
    assert_eq!(newest(&stores, &project), 12);
}

#[test]
fn the_newest_epoch_passes_over_a_superseded_definition_that_cannot_be_read() {
    let stores = Stores::with_shards(&["a"]);
    let (old, new) = (project(""), project_of("site IS NOT NULL"));
    let Stores { speed, control, views, .. } = &stores;
    let deploy =
        |project| block_on(deploy::deploy(project, views, speed, control)).unwrap().project;
    deploy(&old);
    let live = deploy(&new);
    let horizon = |of, horizon| {
        let pointer = Pointer { version: 1, build: "b".to_owned(), horizon: Epoch(horizon) };
        assert!(block_on(views.publish(of, None, &pointer)).unwrap());
    };
    horizon(old.views[0].fingerprint, 7);
    assert_eq!(newest(&stores, &live), 7, "what serves on counts");
    horizon(new.records_view().fingerprint, 5);
    let read = |broken| {
        let broken = broken_pointer(views, broken);
        block_on(newest_epoch(&live, &stores.master, control, &broken))
    };
    assert_eq!(read(old.views[0].fingerprint), Ok(Epoch(5)));
    let corrupt = read(new.records_view().fingerprint);
    assert!(matches!(corrupt, Err(Error::Corrupt { .. })), "{corrupt:?}");
}

#[test]
fn open_shards_of_the_stream_that_have_not_passed_an_epoch_are_behind() {
    let stores = Stores::with_shards(&["a", "b", "c", "empty"]);
    stores.archive("a", &[event(4, 6_000)]);
    stores.archive("b", &[event(5, 7_000)]);
    stores.archive("c", &[event(6, 8_000)]);
    stores.register("closed", 0, Some(0));
    stores.register_as(ShardKind::Import, "import", 0, None);
    let found = block_on(behind(&stores.master, &stores.control, Epoch(7))).unwrap();
    let expected = [("a", 4), ("b", 5), ("empty", 0)].map(|(name, n)| (shard(name), number(n)));
    assert_eq!(found, expected);
}

fn listed(name: &str, parents: &[&str], closed: Option<u64>) -> StreamShard {
    let parents = parents.iter().map(|parent| shard(parent)).collect();
    StreamShard { shard: shard(name), parents, closed: closed.map(number) }
}

/// The registered shards after another look at the stream: name, base epoch and end.
fn resharded(stores: &Stores, stream: &[StreamShard]) -> Vec<(String, u64, Option<u64>)> {
    let Stores { master, control, views, .. } = stores;
    block_on(reshard(&project(""), master, control, views, stream)).unwrap();
    let end = |closed: Option<anabranch_core::record::SequenceNumber>| closed?.to_u64();
    let shards = block_on(control.shards()).unwrap();
    shards.into_iter().map(|info| (info.shard.0, info.base_epoch.0, end(info.closed))).collect()
}

fn registered(expected: &[(&str, u64, Option<u64>)]) -> Vec<(String, u64, Option<u64>)> {
    expected.iter().map(|&(name, base, closed)| (name.to_owned(), base, closed)).collect()
}

#[test]
fn a_shard_that_the_stream_begins_with_begins_at_the_newest_epoch() {
    let stores = Stores::default();
    let stream = [listed("a", &[], None), listed("b", &["gone"], None)];
    // A parent that the stream no longer lists has been drained long ago.
    let both = [("a", 0, None), ("b", 0, None)];
    assert_eq!(resharded(&stores, &stream), registered(&both));
    stores.archive("a", &[event(1, 5_000)]);
    // What is registered stays as it is.
    assert_eq!(resharded(&stores, &stream), registered(&both));
    let stream = [&stream[..], &[listed("c", &[], None)]].concat();
    let all = [("a", 0, None), ("b", 0, None), ("c", 5, None)];
    assert_eq!(resharded(&stores, &stream), registered(&all));
}

#[test]
fn a_child_begins_in_the_last_epoch_of_its_parents_once_they_are_archived() {
    let stores = Stores::with_shards(&["a", "b"]);
    let merged = |a, b| [listed("a", &[], a), listed("b", &[], b), listed("c", &["a", "b"], None)];
    stores.archive("a", &[event(1, 5_000)]);
    stores.archive("b", &[event(1, 6_000), event(2, 7_000)]);
    let open = [("a", 0, None), ("b", 0, None)];
    // Not while a parent is open, or has records that are not archived.
    assert_eq!(resharded(&stores, &merged(None, None)), registered(&open));
    assert_eq!(resharded(&stores, &merged(Some(2), None)), registered(&open));
    assert_eq!(resharded(&stores, &merged(Some(2), Some(2))), registered(&open));
    stores.archive("a", &[event(2, 5_500)]);
    // The child is registered, and by the same look its parents are closed.
    let all = [("a", 0, Some(2)), ("b", 0, Some(2)), ("c", 7, None)];
    assert_eq!(resharded(&stores, &merged(Some(2), Some(2))), registered(&all));
    assert_eq!(resharded(&stores, &merged(Some(2), Some(2))), registered(&all));
}

#[test]
fn a_parent_is_closed_only_once_each_child_is_registered() {
    let stores = Stores::with_shards(&["a", "b"]);
    stores.archive("a", &[event(1, 5_000)]);
    let split = |b| {
        [
            listed("a", &[], Some(1)),
            listed("b", &[], b),
            listed("c", &["a"], None),
            listed("d", &["a", "b"], None),
        ]
    };
    // `d` waits for `b`, and so `a` stays open although it is archived to its end.
    let waiting = [("a", 0, None), ("b", 0, None), ("c", 5, None)];
    assert_eq!(resharded(&stores, &split(None)), registered(&waiting));
    // One that ends without a record is archived to its end.
    let all = [("a", 0, Some(1)), ("b", 0, Some(0)), ("c", 5, None), ("d", 5, None)];
    assert_eq!(resharded(&stores, &split(Some(0))), registered(&all));
}

#[test]
fn a_child_of_a_parent_that_is_not_registered_waits() {
    let stores = Stores::with_shards(&["other"]);
    stores.archive("other", &[event(1, 9_000)]);
    // `b` waits for `a`, which the same look registers, but is not archived to its end.
    let stream = [listed("b", &["a"], None), listed("a", &[], Some(4))];
    let first = [("a", 9, None), ("other", 0, None)];
    assert_eq!(resharded(&stores, &stream), registered(&first));
    stores.archive("a", &[event(4, 1_000)]);
    let second = [("a", 9, Some(4)), ("b", 9, None), ("other", 0, None)];
    assert_eq!(resharded(&stores, &stream), registered(&second));
}

#[test]
fn a_child_waits_for_its_own_parents_and_for_no_others() {
    let stores = Stores::with_shards(&["a", "b"]);
    stores.archive("b", &[event(1, 6_000)]);
    let stream = |a| [listed("a", &[], a), listed("b", &[], Some(1)), listed("c", &["a"], None)];
    let open = [("a", 0, None), ("b", 0, Some(1))];
    assert_eq!(resharded(&stores, &stream(None)), registered(&open));
    let all = [("a", 0, Some(0)), ("b", 0, Some(1)), ("c", 0, None)];
    assert_eq!(resharded(&stores, &stream(Some(0))), registered(&all));
}

/// A checkpoint whose epoch was a guess is put right from the archive, although no delivery of the
/// shard will come any more: when it is closed, and whenever it is found wanting afterwards.
#[test]
fn a_closed_shards_checkpoint_is_put_right() {
    let (stores, project) = (archived(), project(""));
    let stream = [listed("a", &[], Some(8))];
    for closed in [None, Some(8)] {
        stores.register("a", 0, closed);
        let cases = [([NOT_KNOWN, Epoch(1)], [9, 1]), ([NOT_KNOWN, NOT_KNOWN], [9, 9])];
        for (from, expected) in cases {
            put_checkpoint(&stores, &project, 2, from, 0);
            resharded(&stores, &stream);
            let checkpoint = block_on(stores.control.checkpoint(&shard("a"))).unwrap().unwrap();
            assert_eq!(checkpoint.epoch, Epoch(8));
            let covered = [0, 1].map(|at| checkpoint.covered[&project.views[at].fingerprint].0);
            assert_eq!(covered, expected);
        }
    }
}
