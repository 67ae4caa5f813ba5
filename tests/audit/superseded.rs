//! What is changed by hand in a definition that is superseded and serves on, the audit names as of
//! that definition, and holds nothing against the one to come.

use crate::planted::{count, named};
use crate::stores::{edit_part, manifest, set_speed_rows, speed_rows};
use crate::world::World;
use anabranch_core::audit::{self, Check, Options, Progress, Report};
use anabranch_core::column::Data;
use anabranch_core::definitions::State;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    Control as _, Inline, RowId, SpeedRow, SpeedStore as _, ViewStore as _,
};
use anabranch_core::project::RECORDS_VIEW;
use anabranch_core::view::View;
use futures::FutureExt as _;
use futures::executor::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Worlds in which the views alone are superseded, and what counts records as well; and that they
/// are clean before they are touched.
fn worlds() -> [World; 2] {
    [4, 5].map(|seed| {
        let world = World::superseded(seed);
        let report = world.audit();
        assert!(report.is_clean(), "{report}");
        world
    })
}

fn superseded(world: &World, name: &str) -> Option<Arc<View>> {
    world.live.superseded(name).cloned()
}

/// That everything found is of this definition, and that it is told apart from the project's own.
#[track_caller]
fn is_of(report: &Report, view: &View) {
    assert!(!report.is_clean());
    for difference in &report.differences {
        assert_eq!(difference.view.as_deref(), Some(view.name.as_str()), "{report}");
        assert_eq!(difference.definition, Some(view.fingerprint), "{report}");
        let told = format!("view {}, superseded definition {}", view.name, view.fingerprint);
        assert!(difference.to_string().contains(&told), "{difference}");
    }
}

#[test]
fn its_speed_rows_are_held_against_a_fold() {
    for mut world in worlds() {
        let view = superseded(&world, "traffic").unwrap();
        let rows = speed_rows(&world);
        let at = rows.iter().rposition(|(id, _)| id.fingerprint == view.fingerprint).unwrap();

        let mut edited = rows.clone();
        let other = |(id, row): &&(RowId, SpeedRow)| {
            id.fingerprint == view.fingerprint && row.state != rows[at].1.state
        };
        edited[at].1.state = rows.iter().find(other).unwrap().1.state.clone();
        set_speed_rows(&mut world, edited);
        let report = world.audit();
        is_of(&report, &view);
        let found = named(&report, Check::Speed, "not the fold of its records");
        let (id, _) = &rows[at];
        assert_eq!((found.shard.as_ref(), found.epoch), (Some(&id.shard), Some(id.epoch)));
        assert_eq!(report.total(), 1, "{report}");

        let mut lost = rows.clone();
        lost.remove(at);
        set_speed_rows(&mut world, lost);
        let report = world.audit();
        is_of(&report, &view);
        named(&report, Check::Speed, "no row for records up to");

        let mut surplus = rows.clone();
        let (mut id, row) = rows[at].clone();
        *id.key.last_mut().unwrap() ^= 1;
        surplus.push((id, row));
        set_speed_rows(&mut world, surplus);
        let report = world.audit();
        is_of(&report, &view);
        named(&report, Check::Speed, "a row that no record of its shard and epoch makes");
    }
}

#[test]
fn its_version_is_held_against_a_full_build() {
    for world in worlds() {
        let view = superseded(&world, "traffic").unwrap();
        let right = manifest(&world, &view);
        let edit = |by: i64| {
            edit_part(&world, &view, &right, 0, |rows| {
                let Data::BigInt(events) = &mut rows.states[0].data else { panic!("a count") };
                events[0] += by;
            });
        };
        edit(1);
        let report = world.audit();
        is_of(&report, &view);
        let found = named(&report, Check::Batch, "not the fold of its records below the horizon");
        assert_eq!(found.object.as_ref(), Some(&right.parts[0].path));
        assert_eq!(report.total(), 1, "{report}");
        edit(-1);

        let mut wrong = right.clone();
        wrong.records += 1;
        block_on(world.views.write_manifest(&wrong)).unwrap();
        let report = world.audit();
        is_of(&report, &view);
        named(&report, Check::Versions, "another number of records than are archived");
        let mut wrong = right.clone();
        wrong.parts[0].path += "-gone";
        block_on(world.views.write_manifest(&wrong)).unwrap();
        let report = world.audit();
        is_of(&report, &view);
        named(&report, Check::Versions, "a part that it lists is gone");
        block_on(world.views.write_manifest(&right)).unwrap();
        assert!(world.audit().is_clean());
    }
}

#[test]
fn its_count_of_records_is_held_against_the_archive() {
    let [same, mut other] = worlds();
    assert_eq!(superseded(&same, RECORDS_VIEW), None, "the same schema counts for both");
    let view = superseded(&other, RECORDS_VIEW).unwrap();
    let mut rows = speed_rows(&other);
    let at = rows.iter().rposition(|(id, _)| id.fingerprint == view.fingerprint).unwrap();
    let place = (rows[at].0.shard.clone(), rows[at].0.epoch);
    rows.remove(at);
    set_speed_rows(&mut other, rows);
    let report = other.audit();
    is_of(&report, &view);
    let found = named(&report, Check::Counts, "counts another number of records");
    assert_eq!((found.shard.clone(), found.epoch), (Some(place.0), Some(place.1)));
    assert_eq!((count(&report, Check::Counts), report.total()), (1, 2), "{report}");
}

#[test]
fn one_whose_sql_is_not_understood_any_more_is_not_compared_and_that_is_said() {
    for world in worlds() {
        let view = superseded(&world, "traffic").unwrap();
        let mut definitions = block_on(world.control.definitions()).unwrap().unwrap();
        let revision = definitions.revision;
        let of_view = definitions
            .views
            .iter()
            .find(|definition| definition.fingerprint == view.fingerprint)
            .unwrap();
        assert_eq!(of_view.state, State::Superseded);
        let source = of_view.source.unwrap();
        definitions.texts[source] = "CREATE NONSENSE".to_owned();
        definitions.revision += 1;
        assert!(block_on(world.control.put_definitions(Some(revision), &definitions)).unwrap());
        let report = world.audit();
        assert!(report.is_clean(), "{report}");
        let told = format!(
            "definition {} of traffic is not compared: no longer serves: its SQL does not compile",
            view.fingerprint
        );
        assert!(report.notes.iter().any(|note| note.starts_with(&told)), "{report}");
    }
}

#[test]
fn one_that_is_retired_and_removed_while_the_audit_runs_makes_no_difference() {
    let reading: fn(Progress) -> bool = |progress| matches!(progress, Progress::Read { .. });
    let comparing: fn(Progress) -> bool = |progress| matches!(progress, Progress::Compared { .. });
    for when in [reading, comparing] {
        for world in worlds() {
            let (speed, gone) = (world.speed.inner(), AtomicBool::new(false));
            let remove = |progress: Progress| {
                if !when(progress) || gone.swap(true, Ordering::Relaxed) {
                    return;
                }
                for view in world.live.superseded_views() {
                    let of = view.fingerprint;
                    speed.expire(of, Epoch(u64::MAX)).now_or_never().unwrap().unwrap();
                    world.views.remove(of).now_or_never().unwrap().unwrap();
                }
            };
            let request = audit::Request {
                project: &world.project,
                length: world.length,
                options: &Options::default(),
                progress: &remove,
            };
            let (master, control) = (world.master.inner(), &world.control);
            let audited = audit::audit(master, speed, control, &world.views, &Inline, &request);
            let report = block_on(audited).unwrap();
            assert!(gone.into_inner());
            assert!(report.is_clean(), "{report}");
        }
    }
}
