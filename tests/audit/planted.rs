//! What is changed by hand in a world at rest, the audit names: where it is, what should be there and
//! what is.

use crate::stores::{
    self, Objects, Owned, audit_damaged, edit_part, manifest, objects, set_objects, set_speed_rows,
    speed_rows, views,
};
use crate::world::World;
use anabranch_core::audit::{Check, Difference, Report};
use anabranch_core::column::Data;
use anabranch_core::epoch::Epoch;
use anabranch_core::fold::Fold;
use anabranch_core::pipeline::archive::describe;
use anabranch_core::port::{
    Checkpoint, Control as _, ObjectInfo, RowId, ShardInfo, ShardKind, SpeedRow, ViewStore as _,
};
use anabranch_core::record::ShardId;
use futures::executor::block_on;

/// A world, and that it is clean before it is touched.
fn world() -> World {
    let world = World::at_rest(11);
    let report = world.audit();
    assert!(report.is_clean(), "{report}");
    world
}

/// The first difference of `check` of which `what` is a part.
#[track_caller]
pub(crate) fn named<'r>(report: &'r Report, check: Check, what: &str) -> &'r Difference {
    let found = report.differences.iter().find(|d| d.check == check && d.what.contains(what));
    found.unwrap_or_else(|| panic!("no `{what}`:\n{report}"))
}

pub(crate) fn count(report: &Report, check: Check) -> u64 {
    report.found.get(&check).copied().unwrap_or(0)
}

/// An object of several events in the middle of the first shard's chain, below every horizon.
fn middle(objects: &Objects) -> usize {
    let shard = &objects[0].0.shard;
    let of_shard: Vec<usize> =
        (0..objects.len()).filter(|&at| objects[at].0.shard == *shard).collect();
    let events = |at: &usize| objects[*at].0.records > 1 && objects[*at].0.heartbeats == 0;
    of_shard[1..of_shard.len() / 2].iter().copied().find(events).unwrap()
}

#[test]
fn a_dropped_object_is_a_gap_and_its_rows_are_missed() {
    let mut world = world();
    let mut objects = objects(&world);
    let dropped = objects.remove(middle(&objects)).0;
    set_objects(&mut world, &objects);
    let report = world.audit();
    let gap = named(&report, Check::Ledger, "it does not follow the object before it");
    assert_eq!(gap.shard.as_ref(), Some(&dropped.shard));
    assert!(gap.found.as_ref().unwrap().ends_with(&format!("following {}", dropped.last)), "{gap}");
    named(&report, Check::Versions, "another number of records than are archived");
    let of_sites = |d: &&Difference| d.check == Check::Batch && d.view.as_deref() == Some("sites");
    let row = report.differences.iter().find(of_sites).unwrap();
    assert!(row.row.as_ref().unwrap().contains("site="), "{row}");
}

#[test]
fn a_dropped_first_object_leaves_a_chain_without_a_beginning() {
    let mut world = world();
    let mut objects = objects(&world);
    objects.remove(0);
    set_objects(&mut world, &objects);
    let report = world.audit();
    named(&report, Check::Ledger, "it is the first of its shard, but follows a record");
}

#[test]
fn a_dropped_last_object_is_missed_by_what_has_been_made_from_it() {
    let mut world = world();
    let mut objects = objects(&world);
    let shard = objects[0].0.shard.clone();
    // The tail, and all from the last event on, so that something is really gone.
    let last_event =
        objects.iter().rposition(|(info, _)| info.shard == shard && info.records > info.heartbeats);
    let from = last_event.unwrap();
    let behind = objects.iter().position(|(info, _)| info.shard != shard).unwrap();
    objects.drain(from..behind);
    // A version that covers them.
    world.settle();
    set_objects(&mut world, &objects);
    let report = world.audit();
    // No version covers the last events yet, and the shard may go on: the rows are only ahead.
    assert!(report.compared.speed_rows_ahead > 0, "{report}");
    let mut earlier = objects.clone();
    let below = middle(&earlier);
    let behind = earlier.iter().position(|(info, _)| info.shard != shard).unwrap();
    earlier.drain(below..behind);
    set_objects(&mut world, &earlier);
    let report = world.audit();
    named(&report, Check::Versions, "another number of records than are archived");
    named(&report, Check::Batch, "not the fold of its records below the horizon");
    let row = named(&report, Check::Speed, "");
    assert_eq!(row.shard.as_ref(), Some(&shard), "{row}");
}

#[test]
fn a_doubled_object_overlaps() {
    let mut world = world();
    let mut objects = objects(&world);
    let at = middle(&objects);
    let (info, records) = objects[at].clone();
    let doubled = describe(&info.shard, info.epoch, Some(info.last), &views(&records[1..]));
    objects.insert(at + 1, (doubled, records[1..].to_vec()));
    set_objects(&mut world, &objects);
    let report = world.audit();
    let overlap = named(&report, Check::Ledger, "it overlaps the object before it");
    assert_eq!((overlap.shard.as_ref(), overlap.epoch), (Some(&info.shard), Some(info.epoch)));
}

#[test]
fn an_object_copied_to_another_shard_is_not_of_its_chain() {
    let mut world = world();
    let mut objects = objects(&world);
    let other = objects.last().unwrap().0.shard.clone();
    let is_free = |info: &ObjectInfo| {
        let taken =
            |of: &ObjectInfo| of.shard == other && of.epoch == info.epoch && of.first == info.first;
        info.shard != other && !objects.iter().any(|(of, _)| taken(of))
    };
    let (info, records) = objects.iter().find(|(info, _)| is_free(info)).unwrap().clone();
    objects.push((ObjectInfo { shard: other.clone(), ..info }, records));
    set_objects(&mut world, &objects);
    let report = world.audit();
    let named = report
        .differences
        .iter()
        .find(|d| d.check == Check::Ledger && d.shard.as_ref() == Some(&other));
    assert!(named.is_some(), "{report}");
}

#[test]
fn a_description_that_lies_about_its_records_is_named() {
    type Lie = fn(&mut ObjectInfo);
    let lies: [(&str, Lie); 5] = [
        ("number of records", |info| info.records += 1),
        ("number of heartbeats", |info| info.heartbeats += 1),
        ("least arrival", |info| info.min_arrival_ms -= 1),
        ("greatest arrival", |info| info.max_arrival_ms += 1),
        ("last sequence number", |info| info.last = (info.last.to_u64().unwrap() + 1).into()),
    ];
    for (what, lie) in lies {
        let mut world = world();
        let mut objects = objects(&world);
        let at = middle(&objects);
        lie(&mut objects[at].0);
        set_objects(&mut world, &objects);
        let report = world.audit();
        let found = named(&report, Check::Ledger, &format!("another {what}"));
        assert_eq!(found.epoch, Some(objects[at].0.epoch), "{report}");
    }
}

#[test]
fn a_record_of_another_epoch_is_named() {
    let mut world = world();
    let mut objects = objects(&world);
    let at = middle(&objects);
    let (info, records) = &mut objects[at];
    let last = records.last_mut().unwrap();
    last.arrival_ms = world.length.start_ms(info.epoch.next()) + 5;
    let sequence = last.sequence;
    info.max_arrival_ms = info.max_arrival_ms.max(last.arrival_ms);
    let epoch = info.epoch;
    set_objects(&mut world, &objects);
    let report = world.audit();
    let found = named(&report, Check::Ledger, &format!("record {sequence} is of another epoch"));
    assert_eq!(found.expected, Some(format!("epoch {}", epoch.next())));
}

#[test]
fn an_edited_event_is_told_by_the_rows_made_from_it() {
    let mut world = world();
    let mut objects = objects(&world);
    let (info, records) = objects.iter_mut().rev().find(|(info, _)| info.heartbeats == 0).unwrap();
    let is_event = |record: &&mut Owned| record.payload.windows(8).any(|w| w == b"\"amount\"");
    let record = records.iter_mut().find(is_event).unwrap();
    let text = String::from_utf8(record.payload.clone()).unwrap();
    record.payload = text.replace("\"amount\":", "\"amount\":7").into_bytes();
    record.payload = String::from_utf8(record.payload.clone())
        .unwrap()
        .replace("\"amount\":7-", "\"amount\":-7")
        .into_bytes();
    let (shard, epoch) = (info.shard.clone(), info.epoch);
    set_objects(&mut world, &objects);
    let report = world.audit();
    let found = named(&report, Check::Speed, "not the fold of its records");
    assert_eq!((found.shard.as_ref(), found.epoch), (Some(&shard), Some(epoch)), "{report}");
    assert!(found.expected.as_ref().unwrap().contains("amount"), "{found}");
}

/// The speed rows of a world; one of a view, above every floor and in the archive.
fn row_of(world: &World, view: &str) -> (Vec<(RowId, SpeedRow)>, usize) {
    let view = world.project.view(view).unwrap();
    let rows = speed_rows(world);
    let at = rows.iter().rposition(|(id, _)| id.fingerprint == view.fingerprint).unwrap();
    (rows, at)
}

#[test]
fn an_edited_speed_row_is_named_with_both_values() {
    for (view, replica) in [("traffic", 1), ("sites", 1), ("anabranch_records", 2)] {
        let mut world = world();
        let (mut rows, at) = row_of(&world, view);
        // The state of another row of the same view: well formed, and wrong.
        let (id, row) = &rows[at];
        let other = rows.iter().rev().filter(|(other, state)| {
            other.fingerprint == id.fingerprint && state.state != row.state
        });
        let other = other.take(replica).last().unwrap().1.state.clone();
        let id = id.clone();
        rows[at].1.state = other;
        set_speed_rows(&mut world, rows);
        let report = world.audit();
        let found = named(&report, Check::Speed, "not the fold of its records");
        assert_eq!(found.view.as_deref(), Some(view));
        assert_eq!((found.shard.as_ref(), found.epoch), (Some(&id.shard), Some(id.epoch)));
        assert_ne!(found.expected, found.found, "{report}");
        if view == "anabranch_records" {
            named(&report, Check::Counts, "counts another number of records");
        } else {
            assert_eq!(count(&report, Check::Counts), 0, "{report}");
        }
        assert_eq!(count(&report, Check::Speed), 1, "{report}");
    }
}

#[test]
fn a_speed_row_that_cannot_be_read_is_named() {
    let mut world = world();
    let (mut rows, at) = row_of(&world, "traffic");
    rows[at].1.state = b"\x09nonsense".to_vec();
    set_speed_rows(&mut world, rows);
    let report = world.audit();
    let found = named(&report, Check::Speed, "not the fold of its records");
    assert!(found.found.as_ref().unwrap().contains("corrupt state: its version is 9"), "{found}");
}

#[test]
fn a_lost_speed_row_is_named() {
    let mut world = world();
    let (mut rows, at) = row_of(&world, "sites");
    let (id, _) = rows.remove(at);
    set_speed_rows(&mut world, rows);
    let report = world.audit();
    let found = named(&report, Check::Speed, "no row for records up to");
    assert_eq!((found.shard.as_ref(), found.epoch), (Some(&id.shard), Some(id.epoch)));
    assert!(found.row.as_ref().unwrap().starts_with("site=\"site-"), "{found}");
    assert!(found.expected.as_ref().unwrap().starts_with("events "), "{found}");
    assert_eq!(count(&report, Check::Speed), 1, "{report}");
}

#[test]
fn a_surplus_speed_row_is_named() {
    let mut world = world();
    let (mut rows, at) = row_of(&world, "sites");
    let (mut id, row) = rows[at].clone();
    id.key = Vec::new();
    anabranch_core::key::push_value(
        &mut id.key,
        &anabranch_core::types::Value::Varchar("nowhere".to_owned()),
    );
    rows.push((id.clone(), row));
    set_speed_rows(&mut world, rows);
    let report = world.audit();
    let found = named(&report, Check::Speed, "a row that no record of its shard and epoch makes");
    assert_eq!(found.row.as_deref(), Some("site=\"nowhere\""));
    assert_eq!((found.shard.as_ref(), found.epoch), (Some(&id.shard), Some(id.epoch)));
}

#[test]
fn a_speed_row_that_says_it_goes_further_than_its_epoch_is_named() {
    let mut world = world();
    let (mut rows, at) = row_of(&world, "sites");
    rows[at].1.applied = 1_000_000.into();
    set_speed_rows(&mut world, rows);
    let report = world.audit();
    let found = named(&report, Check::Speed, "records that its epoch does not have");
    assert_eq!(found.found.as_deref(), Some("up to record 1000000"));
}

#[test]
fn a_batch_replayed_into_another_shard_is_named() {
    let mut world = world();
    let objects = objects(&world);
    let (mut rows, at) = row_of(&world, "traffic");
    let epoch = rows[at].0.epoch;
    let shard = rows[at].0.shard.clone();
    let other = objects.iter().map(|(info, _)| &info.shard).find(|of| **of != shard).unwrap();
    // What a consumer of `other` would have put, had it been given the records of `shard`.
    let mut fold = Fold::new(&world.project);
    let replayed = objects.iter().filter(|(info, _)| info.shard == *other && info.epoch == epoch);
    let ours = objects.iter().filter(|(info, _)| info.shard == shard && info.epoch == epoch);
    let mut applied = None;
    for (info, records) in ours {
        fold.fold(&views(records));
        applied = Some(info.last);
    }
    assert!(applied.is_some() && replayed.count() > 0, "both shards have records in {epoch}");
    for table in fold.take() {
        for group in 0..table.len() as u32 {
            let fingerprint = table.view().fingerprint;
            let (key, shard) = (table.key(group).to_vec(), other.clone());
            let id = RowId { fingerprint, key, epoch, shard };
            let mut state = Vec::new();
            match rows.iter_mut().find(|(there, _)| *there == id) {
                Some((_, row)) => {
                    let mut sum = anabranch_core::table::Table::new(table.view());
                    sum.merge(&id.key, &row.state).unwrap();
                    table.encode(group, &mut state);
                    sum.merge(&id.key, &state).unwrap();
                    row.state.clear();
                    sum.encode(0, &mut row.state);
                }
                None => {
                    table.encode(group, &mut state);
                    let applied =
                        rows.iter().find(|(row, _)| row.shard == *other && row.epoch == epoch);
                    let applied = applied.unwrap().1.applied;
                    rows.push((id, SpeedRow { applied, state }));
                }
            }
        }
    }
    set_speed_rows(&mut world, rows);
    let report = world.audit();
    let speed: Vec<_> = report.differences.iter().filter(|d| d.check == Check::Speed).collect();
    assert!(!speed.is_empty());
    for found in speed {
        assert_eq!((found.shard.as_ref(), found.epoch), (Some(other), Some(epoch)), "{found}");
    }
    let counts = named(&report, Check::Counts, "counts another number of records");
    assert_eq!(counts.shard.as_ref(), Some(other));
}

fn checkpoint(world: &World, shard: &ShardId) -> Checkpoint {
    block_on(world.control.checkpoint(shard)).unwrap().unwrap()
}

#[test]
fn a_checkpoint_moved_ahead_is_told_by_the_rows_that_are_missing() {
    let mut world = world();
    let objects = objects(&world);
    let shard = objects[0].0.shard.clone();
    // Rows and checkpoint as they were before the last event; and the checkpoint as it is.
    let ahead = checkpoint(&world, &shard);
    let (last, _) = objects
        .iter()
        .rev()
        .find(|(info, _)| info.shard == shard && info.records > info.heartbeats)
        .unwrap();
    let epoch = last.epoch;
    let rows = speed_rows(&world).into_iter();
    let rows = rows.filter(|(id, _)| id.shard != shard || id.epoch < epoch).collect();
    set_speed_rows(&mut world, rows);
    let report = world.audit();
    let what = format!("no row for records up to {}, absorbed by then", ahead.sequence);
    let found = named(&report, Check::Speed, &what);
    assert_eq!((found.shard.as_ref(), found.epoch), (Some(&shard), Some(epoch)), "{report}");
    named(&report, Check::Counts, "counts another number of records");
}

#[test]
fn a_checkpoint_with_another_epoch_is_named() {
    let world = world();
    let shard = objects(&world)[0].0.shard.clone();
    let mut moved = checkpoint(&world, &shard);
    let sequence = Some(moved.sequence);
    moved.epoch = moved.epoch.next();
    assert!(block_on(world.control.put_checkpoint(&shard, sequence, &moved)).unwrap());
    let report = world.audit();
    let found = named(&report, Check::Ledger, "the checkpoint has another epoch");
    assert_eq!(found.found, Some(moved.epoch.to_string()));
}

#[test]
fn an_edited_row_of_a_part_is_named_at_its_resolution() {
    let world = world();
    let view = world.project.view("traffic").unwrap();
    let manifest = manifest(&world, view);
    for part in 0..manifest.parts.len() {
        let edit = |by: i64| {
            edit_part(&world, view, &manifest, part, |rows| match &mut rows.states[0].data {
                Data::BigInt(counts) => counts[0] += by,
                other => panic!("a count is stored as {other:?}"),
            });
        };
        edit(1);
        let report = world.audit();
        let found = named(&report, Check::Batch, "not the fold of its records below the horizon");
        assert_eq!(found.object.as_ref(), Some(&manifest.parts[part].path));
        assert_eq!(found.view.as_deref(), Some("traffic"));
        assert!(found.row.as_ref().unwrap().contains("minute=\"1970-"), "{found}");
        let events = |text: &Option<String>| -> i64 {
            text.as_ref()
                .unwrap()
                .strip_prefix("events ")
                .unwrap()
                .split(',')
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        assert_eq!(events(&found.found), events(&found.expected) + 1, "{found}");
        assert_eq!(report.total(), 1, "{report}");
        edit(-1);
        assert!(world.audit().is_clean());
    }
}

#[test]
fn a_sketch_or_a_bound_that_was_changed_is_named_although_every_other_state_is_right() {
    let world = world();
    let view = world.project.view("traffic").unwrap();
    let manifest = manifest(&world, view);
    for state in 0..view.aggregates.len() {
        edit_part(&world, view, &manifest, 0, |rows| {
            let last = rows.len() - 1;
            assert!(last > 0);
            let order: Vec<usize> = (0..last).rev().chain([last]).collect();
            rows.states[state] = rows.states[state].take(&order);
        });
        let report = world.audit();
        named(&report, Check::Batch, "not the fold of its records below the horizon");
        edit_part(&world, view, &manifest, 0, |rows| {
            let last = rows.len() - 1;
            let order: Vec<usize> = (0..last).rev().chain([last]).collect();
            rows.states[state] = rows.states[state].take(&order);
        });
        assert!(world.audit().is_clean());
    }
}

#[test]
fn rows_that_a_part_lacks_or_has_twice_are_named() {
    let world = world();
    let view = world.project.view("sites").unwrap();
    let manifest = manifest(&world, view);
    let rearrange = |order: &(dyn Fn(usize) -> Vec<usize> + Sync)| {
        edit_part(&world, view, &manifest, 0, |rows| {
            let order = order(rows.len());
            rows.keys
                .iter_mut()
                .chain(&mut rows.states)
                .for_each(|column| *column = column.take(&order));
        });
    };
    rearrange(&|len| [0].into_iter().chain(0..len).collect());
    let report = world.audit();
    let found = named(&report, Check::Batch, "a row that is doubled or out of order");
    assert_eq!(found.row.as_deref(), Some("site=\"site-0\""));
    named(&report, Check::Versions, "another number of rows than its manifest says");
    rearrange(&|len| (2..len).collect());
    let report = world.audit();
    let found = named(&report, Check::Batch, "a row is missing");
    assert_eq!(found.row.as_deref(), Some("site=\"site-0\""));
    assert!(found.expected.as_ref().unwrap().starts_with("events "));
}

#[test]
fn manifests_that_do_not_add_up_are_named() {
    let world = world();
    let view = world.project.view("traffic").unwrap();
    let right = manifest(&world, view);
    let said = |wrong: anabranch_core::port::Manifest| {
        block_on(world.views.write_manifest(&wrong)).unwrap();
        let report = world.audit();
        block_on(world.views.write_manifest(&right)).unwrap();
        assert!(world.audit().is_clean());
        report
    };
    let mut wrong = right.clone();
    wrong.records += 1;
    let report = said(wrong);
    let found = named(&report, Check::Versions, "another number of records than are archived");
    assert_eq!(found.expected, Some(right.records.to_string()));
    let mut wrong = right.clone();
    wrong.horizon = Epoch(wrong.horizon.0 - 1);
    named(&said(wrong), Check::Versions, "another horizon than its pointer");
    let mut wrong = right.clone();
    wrong.parts[1].rows += 3;
    let report = said(wrong);
    let found = named(&report, Check::Versions, "another number of rows than its manifest says");
    assert_eq!(found.object.as_ref(), Some(&right.parts[1].path));
    let mut wrong = right.clone();
    wrong.parts.pop();
    let report = said(wrong);
    let found = named(&report, Check::Batch, "lists no part for rows that it must have");
    assert!(found.object.as_ref().unwrap().starts_with("part 1d/"), "{found}");
    let mut wrong = right.clone();
    wrong.parts.swap(0, 1);
    named(&said(wrong), Check::Versions, "lists a part twice or out of order");
    // Two parts are gone, and both are named; the others are compared.
    let mut wrong = right.clone();
    wrong.parts[0].path += "-gone";
    wrong.parts[1].path += "-gone";
    let report = said(wrong);
    assert_eq!(count(&report, Check::Versions), 2, "{report}");
    let found = named(&report, Check::Versions, "a part that it lists is gone");
    assert!(found.object.as_ref().unwrap().ends_with("-gone"), "{found}");
    assert!(report.compared.batch_rows > 0);
}

#[test]
fn a_version_whose_manifest_is_gone_is_named() {
    let world = world();
    let view = world.project.view("traffic").unwrap();
    let mut pointer = block_on(world.views.pointer(view.fingerprint)).unwrap().unwrap();
    let version = Some(pointer.version);
    pointer.build = "never".to_owned();
    assert!(block_on(world.views.publish(view.fingerprint, version, &pointer)).unwrap());
    let report = world.audit();
    let found = named(&report, Check::Versions, "its manifest cannot be read");
    assert_eq!(found.object, Some(format!("version {}-never", pointer.version)));
    assert_eq!(report.total(), 1, "{report}");
}

#[test]
fn a_pointer_ahead_of_its_rows_is_told_by_the_rows_that_are_missing() {
    let world = world();
    let view = world.project.view("sites").unwrap();
    let mut manifest = manifest(&world, view);
    let mut pointer = block_on(world.views.pointer(view.fingerprint)).unwrap().unwrap();
    let version = Some(pointer.version);
    let tail = objects(&world).iter().map(|(info, _)| info.epoch).max().unwrap();
    (pointer.horizon, manifest.horizon) = (tail, tail);
    block_on(world.views.write_manifest(&manifest)).unwrap();
    assert!(block_on(world.views.publish(view.fingerprint, version, &pointer)).unwrap());
    let report = world.audit();
    named(&report, Check::Batch, "not the fold of its records below the horizon");
    named(&report, Check::Versions, "another number of records than are archived");
}

#[test]
fn a_damaged_object_is_named_once_and_the_rest_is_compared() {
    let world = world();
    let objects = objects(&world);
    let all = world.audit().compared;
    let object = &objects[middle(&objects)].0;
    let report = audit_damaged(&world, object, false);
    let found = named(&report, Check::Ledger, "its records cannot be read");
    assert!(found.what.contains("the damaged object: corrupt: a wrong checksum"), "{found}");
    assert_eq!(
        found.object,
        Some(format!(
            "object of shard {}, epoch {}, first {}",
            object.shard, object.epoch, object.first
        ))
    );
    assert_eq!(report.total(), 1, "{report}");
    assert_eq!(report.compared.objects, all.objects - 1);
    assert_eq!(report.compared.speed_rows, all.speed_rows);
    assert_eq!((report.compared.parts, report.compared.batch_rows), (all.parts, 0));
    assert!(report.notes.iter().any(|note| note.contains("not compared")), "{report}");
    // One that even hides where it belongs leaves a gap as well.
    let report = audit_damaged(&world, object, true);
    named(&report, Check::Ledger, "an object cannot be read: the damaged object");
    named(&report, Check::Ledger, "it does not follow the object before it");
    assert_eq!(report.total(), 2, "{report}");
}

#[test]
fn a_damaged_object_of_live_rows_makes_no_other_look_wrong() {
    let world = world();
    let objects = objects(&world);
    for (info, _) in objects.iter().rev().take(4) {
        for description in [false, true] {
            let report = audit_damaged(&world, info, description);
            assert!(!report.is_clean());
            assert_eq!(report.total(), count(&report, Check::Ledger), "{report}");
        }
    }
}

#[test]
fn an_import_that_is_not_whole_is_named() {
    let world = world();
    let shard = ShardId("import-1".to_owned());
    let (kind, base_epoch) = (ShardKind::Import, Epoch(90));
    let info = ShardInfo { shard, kind, base_epoch, closed: Some(7.into()) };
    block_on(world.control.put_shard(None, &info)).unwrap();
    let report = world.audit();
    let found = named(&report, Check::Ledger, "its last objects are missing");
    assert_eq!(found.expected.as_deref(), Some("records up to 7"));
}

#[test]
fn rows_of_an_import_are_named() {
    let mut world = world();
    let shard = ShardId("import-1".to_owned());
    let (kind, base_epoch) = (ShardKind::Import, Epoch(90));
    let closed = Some(anabranch_core::record::SequenceNumber::ZERO);
    let info = ShardInfo { shard: shard.clone(), kind, base_epoch, closed };
    block_on(world.control.put_shard(None, &info)).unwrap();
    let (mut rows, at) = row_of(&world, "sites");
    let (mut id, row) = rows[at].clone();
    id.shard = shard.clone();
    rows.push((id, row));
    set_speed_rows(&mut world, rows);
    let report = world.audit();
    let found = named(&report, Check::Speed, "rows of an import");
    assert_eq!((found.shard.as_ref(), report.total()), (Some(&shard), 1), "{report}");
}

#[test]
fn rows_of_a_shard_that_is_not_registered_are_named() {
    let mut world = world();
    let (mut rows, at) = row_of(&world, "sites");
    let (mut id, row) = rows[at].clone();
    id.shard = ShardId("shard-9999".to_owned());
    rows.push((id, row));
    set_speed_rows(&mut world, rows);
    let report = world.audit();
    let found = named(&report, Check::Ledger, "not registered");
    assert_eq!(found.shard, Some(ShardId("shard-9999".to_owned())));
}

#[test]
fn all_differences_are_counted_and_some_are_listed() {
    let mut world = world();
    let rows = stores::speed_rows(&world);
    set_speed_rows(&mut world, rows.into_iter().filter(|(id, _)| id.epoch.0 % 2 == 9).collect());
    let options = anabranch_core::audit::Options { limit: 2, ..Default::default() };
    let report = world.audit_by(&anabranch_core::port::Inline, &options);
    let listed = report.differences.iter().filter(|d| d.check == Check::Speed).count();
    assert_eq!(listed, 2);
    assert!(count(&report, Check::Speed) > 2 && report.unlisted() > 0);
}
