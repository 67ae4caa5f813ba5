//! Build and retire: what a version says of itself, what a planner that is late or doubled gets,
//! and a ledger that has been tampered with.

use crate::support::{
    Error, Stores, event, event_of, events, heartbeat, length, number, old_pointers, project, shard,
};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::build::{self, Mode, Outcome, Progress};
use anabranch_core::pipeline::deploy;
use anabranch_core::port::{
    Inline, MasterDataSet as _, ObjectInfo, Pointer, PutObject, ShardKind, SpeedRow,
    SpeedStore as _, ViewStore as _,
};
use anabranch_core::project::Project;
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_core::resolution::part_id;
use anabranch_core::view::View;
use futures::executor::block_on;
use std::sync::{Arc, Mutex};

/// Seven events of epochs 1 to 7 and a heartbeat of epoch 8, archived one by one.
fn records() -> Vec<Record<'static>> {
    let mut records: Vec<Record<'_>> = (1..=7).map(|n| event(n, n as i64 * 1_000)).collect();
    records.push(heartbeat(8, 8_000));
    records
}

fn archived() -> (Stores, Arc<Project>) {
    let stores = Stores::with_shards(&["a"]);
    stores.archive("a", &records());
    (stores, project(""))
}

fn outcomes(built: &build::Built) -> Vec<&Outcome> {
    built.views.iter().map(|(_, outcome)| outcome.as_ref().unwrap()).collect()
}

fn pointer(version: u64, horizon: u64) -> Pointer {
    Pointer { version, build: format!("to-{horizon}"), horizon: Epoch(horizon) }
}

#[test]
fn a_manifest_says_what_its_version_covers_and_what_it_replaced() {
    let (stores, project) = archived();
    let built = stores.build(&project, 3, Mode::Incremental);
    assert_eq!((built.objects, built.records), (2, 2));
    assert_eq!(outcomes(&built), [&Outcome::Published(pointer(1, 3)); 2]);
    let view = &project.views[0];
    let first = stores.manifest(view);
    assert_eq!((first.version, first.records, first.horizon), (1, 2, Epoch(3)));
    assert_eq!((first.build.as_str(), first.created_ms), ("to-3", 1_000_000));
    assert_eq!((&first.view, first.fingerprint), (&view.name, view.fingerprint));
    assert_eq!((&first.plan, &first.previous), (&view.plan, &None));
    // Minute, hour and day, one partition each.
    assert_eq!(first.parts.iter().map(|part| part.rows).collect::<Vec<_>>(), [1, 1, 1]);

    let built = stores.build(&project, 9, Mode::Incremental);
    assert_eq!((built.objects, built.records), (6, 6));
    let second = stores.manifest(view);
    // The heartbeat is no record to a view.
    assert_eq!((second.version, second.records), (2, 7));
    assert_eq!(second.previous, Some(pointer(1, 3)));
    assert_eq!(events(&stores.ask(&project, &[])), 7);
}

#[test]
fn a_coarser_part_has_one_row_for_what_is_many_finer_ones() {
    let (stores, project) = archived();
    let minutes = [&br#"{"t":60000,"site":"a"}"#[..], br#"{"t":3599000,"site":"a"}"#];
    let later: Vec<Record<'_>> =
        (10..).zip(minutes).map(|(n, payload)| event_of(n, 9_000, payload)).collect();
    stores.archive("a", &later);
    for horizon in [5, 10] {
        stores.build(&project, horizon, Mode::Incremental);
    }
    let parts = &stores.manifest(&project.views[0]).parts;
    let rows = parts.iter().map(|part| (part_id::to_text(part.id), part.rows));
    let expected = [("1m/0", 3), ("1h/0", 1), ("1d/0", 1)];
    assert_eq!(rows.collect::<Vec<_>>(), expected.map(|(id, rows)| (id.to_owned(), rows)));
}

#[test]
fn a_full_build_starts_from_nothing_and_follows_the_version_before() {
    let (stores, project) = archived();
    stores.build(&project, 3, Mode::Incremental);
    let built = stores.build(&project, 3, Mode::Full);
    assert_eq!((built.objects, built.records), (2, 2));
    let manifest = stores.manifest(&project.views[0]);
    assert_eq!((manifest.version, manifest.records), (2, 2));
    assert_eq!(manifest.previous, Some(pointer(1, 3)));
    assert_eq!(events(&stores.ask(&project, &[])), 2);
}

#[test]
fn a_planner_that_is_late_changes_nothing() {
    let (stores, project) = archived();
    stores.build(&project, 5, Mode::Incremental);
    for (horizon, mode) in [(5, Mode::Incremental), (4, Mode::Incremental), (4, Mode::Full)] {
        let built = stores.build(&project, horizon, mode);
        assert_eq!(outcomes(&built), [&Outcome::UpToDate; 2], "{horizon} {mode:?}");
        assert_eq!((built.objects, built.records), (0, 0));
        assert_eq!(stores.pointer(&project.views[0]), pointer(1, 5));
    }
}

#[test]
fn of_two_builds_at_once_one_is_overtaken() {
    let (stores, project) = archived();
    stores.build(&project, 3, Mode::Incremental);
    let view = &project.views[0];
    let first = stores.pointer(view);
    stores.build(&project, 5, Mode::Incremental);
    let behind = old_pointers(&stores.views, view, Some(&first), 1);
    let built = stores.build_over(&behind, &project, 9, Mode::Incremental).unwrap();
    let [traffic, records] = outcomes(&built)[..] else { panic!("two views") };
    assert_eq!([traffic, records], [&Outcome::Overtaken, &Outcome::Published(pointer(3, 9))]);
    assert_eq!(stores.pointer(view), pointer(2, 5));
}

#[test]
fn a_new_view_is_built_from_the_start_beside_one_that_goes_on() {
    let (stores, old) = archived();
    let new = project("WHERE site IS NOT NULL");
    stores.build(&old, 4, Mode::Incremental);
    // The built-in view goes on from epoch 4, the new one has everything to read.
    let built = stores.build(&new, 9, Mode::Incremental);
    assert_eq!(built.objects, 8);
    let manifests = [&new.views[0], new.records_view()].map(|view| stores.manifest(view));
    assert_eq!(manifests.each_ref().map(|m| (m.version, m.records)), [(1, 7), (2, 7)]);
    let answer = stores.ask(&new, &[]);
    assert_eq!((events(&answer), answer.receipt.accepted), (7, 7));
}

#[test]
fn progress_reaches_the_total() {
    let (stores, project) = archived();
    let told = Mutex::new(Vec::new());
    let request = build::Request {
        project: &project,
        horizon: Epoch(9),
        mode: Mode::Full,
        build: "b",
        now_ms: 0,
        progress: &|progress| told.lock().unwrap().push(progress),
    };
    block_on(build::build(&stores.master, &stores.control, &stores.views, &Inline, &request))
        .unwrap();
    let folded = (1..=8).map(|records| Progress::Folded { records, total: 8 });
    // Minute, hour and day of the view; hour and day of the built-in one.
    let parts = |total| (1..=total).map(move |parts| Progress::Written { parts, total });
    let expected: Vec<Progress> = folded.chain(parts(3)).chain(parts(2)).collect();
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn a_gap_and_an_overlap_in_the_ledger_are_corrupt() {
    for (follows, named) in [(Some(2), "2"), (Some(9), "9"), (None, "nothing")] {
        let (stores, project) = archived();
        let other = ObjectInfo {
            epoch: Epoch(9),
            first: number(10),
            last: number(10),
            follows: follows.map(number),
            ..stores.objects().pop().unwrap()
        };
        let records = [event(10, 9_000)];
        let put = block_on(stores.master.put_if_absent(&other, &records));
        assert_eq!(put.unwrap(), PutObject::Created);
        let horizon = 10;
        let built = stores.build_over(&stores.views, &project, horizon, Mode::Incremental);
        let reason = format!(
            "it follows {named}, but the object before it ends at 8: one is missing or doubled"
        );
        let name = "object of shard a, epoch 9, first 10";
        assert_eq!(built.unwrap_err(), Error::corrupt(name, reason));
    }
}

#[test]
fn an_import_counts_once_it_is_registered() {
    let (stores, project) = archived();
    stores.register("import", 0, None);
    stores.archive("import", &[event(1, 500)]);
    // As it was before the import came to its end: not registered.
    let unfinished = Stores { control: Default::default(), ..stores };
    unfinished.register("a", 0, None);
    stores_built(&unfinished, &project, 7);
    unfinished.register_as(ShardKind::Import, "import", 0, Some(1));
    unfinished.build(&project, 9, Mode::Full);
    assert_eq!(events(&unfinished.ask(&project, &[])), 8);
}

fn stores_built(stores: &Stores, project: &Arc<Project>, expected: i64) {
    stores.build(project, 9, Mode::Incremental);
    assert_eq!(events(&stores.ask(project, &[])), expected);
}

#[test]
fn what_only_versions_before_the_previous_one_needed_is_retired() {
    let (stores, project) = archived();
    let view = &project.views[0];
    let id = shard("a");
    let mut absorber = Absorber::new(&project, id.clone(), length());
    let records = records();
    let delivery = Delivery { shard: &id, records: &records, follows: Some(SequenceNumber::ZERO) };
    block_on(absorber.absorb(&stores.speed, &stores.control, &stores.master, delivery)).unwrap();
    let mut pointers = Vec::new();
    for (horizon, left) in [(2, 1..=7), (4, 2..=7), (7, 4..=7)] {
        stores.build(&project, horizon, Mode::Incremental);
        stores.retire(&project);
        pointers.push(stores.pointer(view));
        let mut epochs = Vec::new();
        let mut visit = |_: &[u8], epoch: Epoch, _: &_, _: &_| {
            epochs.push(epoch.0);
            Ok(())
        };
        let scan = stores.speed.scan(view.fingerprint, b"", Epoch::ZERO, &mut visit);
        let floor = block_on(scan).unwrap();
        let kept = *left.start();
        assert_eq!(floor, Epoch(if kept == 1 { 0 } else { kept }));
        assert_eq!(epochs, left.collect::<Vec<_>>());
        assert_eq!(events(&stores.ask(&project, &[])), 7);
    }
    let manifests = pointers
        .iter()
        .map(|pointer| block_on(stores.views.manifest(view.fingerprint, pointer)).is_ok());
    assert_eq!(manifests.collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_superseded_definition_whose_version_is_gone_keeps_nothing_else_from_being_retired() {
    let (stores, old) = archived();
    let new = project("WHERE site IS NOT NULL");
    let Stores { speed, control, views, .. } = &stores;
    let deploy =
        |project| block_on(deploy::deploy(project, views, speed, control)).unwrap().project;
    deploy(&old);
    stores.build(&old, 2, Mode::Incremental);
    let live = deploy(&new);
    // In the order of a pass the superseded definition stands before the count of records.
    let order: Vec<&str> = live.live().map(|view| view.name.as_str()).collect();
    assert_eq!(order, ["traffic", "traffic", "anabranch_records"]);
    for horizon in [4, 6] {
        stores.build(&live, horizon, Mode::Incremental);
    }
    let superseded = &old.views[0];
    let never = Pointer { build: "never".to_owned(), ..stores.pointer(superseded) };
    let behind = old_pointers(views, superseded, Some(&never), 1);
    assert_eq!(block_on(build::retire(&live, &behind, speed)), Ok(()));
    let floor = |view: &View| {
        let mut ignore = |_: &[u8], _, _: &ShardId, _: &SpeedRow| Ok(());
        block_on(speed.scan(view.fingerprint, b"", Epoch::ZERO, &mut ignore)).unwrap()
    };
    assert_eq!([&old.views[0], &new.views[0], new.records_view()].map(|v| floor(v).0), [0, 4, 4]);
}

#[test]
fn retiring_tells_that_the_version_of_a_current_view_is_gone() {
    let (stores, project) = archived();
    let view = &project.views[0];
    stores.build(&project, 2, Mode::Incremental);
    let first = stores.pointer(view);
    for horizon in [4, 6] {
        stores.build(&project, horizon, Mode::Incremental);
        stores.retire(&project);
    }
    let behind = old_pointers(&stores.views, view, Some(&first), 1);
    let retired = block_on(build::retire(&project, &behind, &stores.speed));
    assert!(matches!(retired, Err(Error::NotFound { .. })), "{retired:?}");
}
