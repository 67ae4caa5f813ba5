//! What every [`ViewStore`] does.

mod sample;

use super::random::Random;
use super::{block_on, race};
use anabranch_core::column::{Column, Data};
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    Error, Manifest, PartId, PartInfo, Pointer, Rows, Selection, ViewStore,
};
use anabranch_core::resolution::{DAY, HOUR};
use anabranch_core::types::Value;
use anabranch_core::view::{Fingerprint, View};
use sample::{Sample, everything, some_view};

/// Makes a test of every behaviour of a [`ViewStore`].
#[macro_export]
macro_rules! view_store_conformance {
    ($fixture:expr, |$held:ident| $store:expr) => {
        $crate::conformance_tests! { view_store, $fixture, |$held| $store, [
            columns_of_every_type_come_back_with_their_nulls,
            every_selected_row_is_returned_in_order,
            only_the_states_asked_for_are_returned,
            a_view_without_keys_or_buckets_has_its_one_row,
            a_part_without_rows_is_read_as_such,
            long_keys_are_found,
            a_part_that_is_not_there_is_not_found,
            a_pointer_is_replaced_only_where_the_belief_holds,
            of_racing_publications_one_wins,
            a_pointer_leads_to_its_manifest_among_several_builds,
            views_of_different_fingerprints_are_apart,
            retiring_keeps_what_a_kept_manifest_lists,
            retiring_leaves_running_builds_alone,
            retiring_keeps_the_current_version_whatever_is_asked,
            a_removed_view_is_gone_and_others_stay,
        ] }
    };
}

const PART: PartId = PartId { resolution: Some(HOUR), partition: 0 };

/// Visits a part and hands each batch of rows to `each`.
async fn read(
    store: &impl ViewStore,
    view: &View,
    part: &PartInfo,
    selection: &Selection,
    mut each: impl FnMut(&Rows<'_>) + Send,
) {
    let mut visit = |rows: &Rows<'_>| {
        assert!(rows.measures.is_empty(), "measures are not read");
        each(rows);
        Ok(())
    };
    store.read_part(view, part, selection, &mut visit).await.unwrap();
}

/// Every value of a state, in order.
async fn state(store: &impl ViewStore, view: &View, part: &PartInfo, state: usize) -> Vec<Value> {
    let mut selection = everything(view);
    selection.states = (0..view.aggregates.len()).map(|i| i == state).collect();
    let mut values = Vec::new();
    read(store, view, part, &selection, |rows| {
        values.extend((0..rows.len()).map(|i| rows.states[state].value(i)));
    })
    .await;
    values
}

/// Keys, buckets and states of every type, and the extremes of each.
pub async fn columns_of_every_type_come_back_with_their_nulls<S: ViewStore>(store: &S) {
    for nulls in [false, true] {
        let sample = Sample::of_every_type(nulls);
        let (view, rows) = (&sample.view, sample.rows());
        let part = store.write_part(view, 1, "b", PART, &rows).await.unwrap();
        assert_eq!((part.id, part.rows), (PART, rows.len() as u64));
        let mut visits = 0;
        read(store, view, &part, &everything(view), |found| {
            assert_eq!(*found, Rows { measures: Vec::new(), ..rows.clone() });
            visits += 1;
        })
        .await;
        assert_eq!(visits, 1);
    }
}

/// Whatever is selected: rows that were not may come, too, but each once and in its place.
pub async fn every_selected_row_is_returned_in_order<S: ViewStore>(store: &S) {
    let mut random = Random::new(7);
    let sample = Sample::random(&mut random, 12_000);
    let (view, rows) = (&sample.view, sample.rows());
    let part = store.write_part(view, 1, "b", PART, &rows).await.unwrap();
    for _ in 0..60 {
        let selection = sample.random_selection(&mut random);
        let mut found: Vec<usize> = Vec::new();
        read(store, view, &part, &selection, |batch| {
            let Data::BigInt(numbers) = &batch.states[0].data else { panic!("{batch:?}") };
            for (i, number) in numbers.iter().enumerate() {
                let row = *number as usize;
                for (key, expected) in batch.keys.iter().zip(&rows.keys) {
                    assert_eq!(key.value(i), expected.value(row));
                }
                assert_eq!(batch.buckets.as_ref().unwrap()[i], rows.buckets.as_ref().unwrap()[row]);
                found.push(row);
            }
        })
        .await;
        assert!(found.is_sorted_by(|a, b| a < b), "{selection:?}");
        for row in (0..rows.len()).filter(|row| is_selected(&selection, &rows, *row)) {
            assert!(found.binary_search(&row).is_ok(), "row {row} is missing: {selection:?}");
        }
    }
}

fn is_selected(selection: &Selection, rows: &Rows<'_>, row: usize) -> bool {
    let is_wanted = |(column, wanted): (&Column<'_>, &Option<Vec<Value>>)| {
        wanted.as_ref().is_none_or(|values| values.contains(&column.value(row)))
    };
    rows.keys.iter().zip(&selection.keys).all(is_wanted)
        && rows.buckets.as_ref().is_none_or(|buckets| selection.buckets.contains(&buckets[row]))
}

/// The others are there, without values.
pub async fn only_the_states_asked_for_are_returned<S: ViewStore>(store: &S) {
    let sample = Sample::of_every_type(true);
    let (view, rows) = (&sample.view, sample.rows());
    let part = store.write_part(view, 1, "b", PART, &rows).await.unwrap();
    let states = rows.states.len();
    for wanted in 0..1 << states {
        let mut selection = everything(view);
        selection.states = (0..states).map(|i| wanted >> i & 1 == 1).collect();
        read(store, view, &part, &selection, |found| {
            assert_eq!((&found.keys, &found.buckets), (&rows.keys, &rows.buckets));
            for (i, is_wanted) in selection.states.iter().enumerate() {
                if *is_wanted {
                    assert_eq!(found.states[i], rows.states[i], "state {i}");
                } else {
                    assert!(found.states[i].is_empty(), "state {i}");
                }
            }
        })
        .await;
    }
}

/// `SELECT count(*) FROM events`.
pub async fn a_view_without_keys_or_buckets_has_its_one_row<S: ViewStore>(store: &S) {
    let view = some_view(&[], false, 1);
    let states = vec![Column::new(Data::BigInt(vec![42]))];
    let rows = Rows { states, ..Rows::default() };
    let id = PartId { resolution: None, partition: 0 };
    let part = store.write_part(&view, 1, "b", id, &rows).await.unwrap();
    assert_eq!(state(store, &view, &part, 0).await, [Value::BigInt(42)]);
}

/// It may be visited without a row, or not at all.
pub async fn a_part_without_rows_is_read_as_such<S: ViewStore>(store: &S) {
    let sample = Sample::random(&mut Random::new(1), 0);
    let part = store.write_part(&sample.view, 1, "b", PART, &sample.rows()).await.unwrap();
    assert_eq!(part.rows, 0);
    assert_eq!(state(store, &sample.view, &part, 0).await, []);
}

/// Longer than an index keeps, and different only at the end.
pub async fn long_keys_are_found<S: ViewStore>(store: &S) {
    let sample = Sample::of_long_keys(3000);
    let (view, rows) = (&sample.view, sample.rows());
    let part = store.write_part(view, 1, "b", PART, &rows).await.unwrap();
    for row in [0, 1, 1023, 1024, 2999] {
        let mut selection = everything(view);
        selection.keys[0] = Some(vec![rows.keys[0].value(row)]);
        let mut found = Vec::new();
        read(store, view, &part, &selection, |batch| {
            found.extend((0..batch.len()).map(|i| batch.keys[0].value(i)));
        })
        .await;
        assert!(found.contains(&rows.keys[0].value(row)), "row {row}");
    }
}

/// The error says where it was looked for.
pub async fn a_part_that_is_not_there_is_not_found<S: ViewStore>(store: &S) {
    let view = some_view(&[], true, 1);
    let path = "no-such-view/1-b/1h/0.parquet".to_owned();
    let part = PartInfo { id: PART, path, rows: 1, bytes: 1 };
    let mut visit = |_: &Rows<'_>| Ok(());
    let read = store.read_part(&view, &part, &everything(&view), &mut visit).await;
    let error = read.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("no-such-view"), "{error}");
}

fn manifest(view: &View, version: u64, build: &str, parts: Vec<PartInfo>) -> Manifest {
    Manifest {
        view: view.name.clone(),
        fingerprint: view.fingerprint,
        plan: view.plan.clone(),
        version,
        build: build.to_owned(),
        horizon: Epoch(version * 10),
        created_ms: 1_780_000_000_000,
        records: 99,
        previous: None,
        parts,
    }
}

fn pointer(version: u64, build: &str) -> Pointer {
    Pointer { version, build: build.to_owned(), horizon: Epoch(version * 10) }
}

/// Writes a version of one part with one row, which holds its version, and publishes it.
async fn publish(
    store: &impl ViewStore,
    view: &View,
    version: u64,
    build: &str,
    kept: &[PartInfo],
) -> PartInfo {
    let part = write(store, view, version, build).await;
    let parts = kept.iter().cloned().chain([part.clone()]).collect();
    store.write_manifest(&manifest(view, version, build, parts)).await.unwrap();
    let expected = store.pointer(view.fingerprint).await.unwrap().map(|current| current.version);
    let pointer = pointer(version, build);
    assert!(store.publish(view.fingerprint, expected, &pointer).await.unwrap());
    part
}

async fn write(store: &impl ViewStore, view: &View, version: u64, build: &str) -> PartInfo {
    let states = vec![Column::new(Data::BigInt(vec![version as i64]))];
    let rows = Rows { buckets: Some(vec![0]), states, ..Rows::default() };
    let id = PartId { resolution: Some(DAY), partition: version as i64 };
    store.write_part(view, version, build, id, &rows).await.unwrap()
}

async fn is_there(store: &impl ViewStore, view: &View, part: &PartInfo) -> bool {
    let mut visit = |_: &Rows<'_>| Ok(());
    match store.read_part(view, part, &everything(view), &mut visit).await {
        Ok(()) => true,
        Err(Error::NotFound { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

/// The version before is the belief.
pub async fn a_pointer_is_replaced_only_where_the_belief_holds<S: ViewStore>(store: &S) {
    let view = some_view(&[], true, 1);
    let fingerprint = view.fingerprint;
    for version in 1..=3 {
        store.write_manifest(&manifest(&view, version, "b", Vec::new())).await.unwrap();
    }
    let steps = [
        (Some(1), 2, false, None),
        (None, 1, true, Some(1)),
        (None, 2, false, Some(1)),
        (Some(2), 3, false, Some(1)),
        (Some(1), 2, true, Some(2)),
        (Some(2), 3, true, Some(3)),
    ];
    assert_eq!(store.pointer(fingerprint).await.unwrap(), None);
    for (step, (expected, version, done, there)) in steps.into_iter().enumerate() {
        let put = store.publish(fingerprint, expected, &pointer(version, "b")).await.unwrap();
        assert_eq!(put, done, "step {step}");
        let there = there.map(|version| pointer(version, "b"));
        assert_eq!(store.pointer(fingerprint).await.unwrap(), there, "step {step}");
    }
}

/// Of several builds of one version, one becomes it.
pub async fn of_racing_publications_one_wins<S: ViewStore>(store: &S) {
    let view = some_view(&[], true, 1);
    for version in 1..=5 {
        let outcomes = race(vec!["a", "b", "c", "d"], |build| {
            block_on(async {
                store.write_manifest(&manifest(&view, version, build, Vec::new())).await.unwrap();
                let expected = (version > 1).then_some(version - 1);
                let pointer = pointer(version, build);
                (build, store.publish(view.fingerprint, expected, &pointer).await.unwrap())
            })
        });
        let winners: Vec<&str> =
            outcomes.iter().filter(|(_, won)| *won).map(|(build, _)| *build).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        let there = store.pointer(view.fingerprint).await.unwrap();
        assert_eq!(there, Some(pointer(version, winners[0])));
    }
}

/// A manifest is as it was written, and one that was never written is not found.
pub async fn a_pointer_leads_to_its_manifest_among_several_builds<S: ViewStore>(store: &S) {
    let view = some_view(&[], true, 1);
    let part = write(store, &view, 1, "b1").await;
    let mut first = manifest(&view, 1, "b1", vec![part]);
    first.plan = "SELECT \"é\"\n".to_owned();
    first.previous = Some(pointer(7, "x"));
    let second = manifest(&view, 1, "b2", Vec::new());
    store.write_manifest(&first).await.unwrap();
    store.write_manifest(&second).await.unwrap();
    assert!(store.publish(view.fingerprint, None, &pointer(1, "b1")).await.unwrap());
    let current = store.pointer(view.fingerprint).await.unwrap().unwrap();
    assert_eq!(*store.manifest(view.fingerprint, &current).await.unwrap(), first);
    assert_eq!(*store.manifest(view.fingerprint, &pointer(1, "b2")).await.unwrap(), second);
    for (fingerprint, missing) in
        [(view.fingerprint, pointer(1, "b3")), (Fingerprint([9; 16]), pointer(1, "b1"))]
    {
        let error = store.manifest(fingerprint, &missing).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    }
}

/// Under the same name, too, as when a view is changed.
pub async fn views_of_different_fingerprints_are_apart<S: ViewStore>(store: &S) {
    let old = some_view(&[], true, 1);
    let mut new = old.clone();
    new.fingerprint = Fingerprint([99; 16]);
    let old_part = publish(store, &old, 1, "b", &[]).await;
    publish(store, &old, 2, "b", &[]).await;
    assert_eq!(store.pointer(new.fingerprint).await.unwrap(), None);
    let new_part = publish(store, &new, 1, "b", &[]).await;
    assert_ne!(old_part.path, new_part.path);
    assert_eq!(store.retire(old.fingerprint, 2).await.unwrap(), 1);
    assert!(!is_there(store, &old, &old_part).await);
    assert!(is_there(store, &new, &new_part).await);
    assert_eq!(store.pointer(old.fingerprint).await.unwrap(), Some(pointer(2, "b")));
}

/// A later version may list parts of any before it.
pub async fn retiring_keeps_what_a_kept_manifest_lists<S: ViewStore>(store: &S) {
    let view = some_view(&[], true, 1);
    let first = publish(store, &view, 1, "b", &[]).await;
    let second = publish(store, &view, 2, "b", &[]).await;
    let third = publish(store, &view, 3, "b", std::slice::from_ref(&first)).await;
    let fourth = publish(store, &view, 4, "b", &[first.clone(), third.clone()]).await;
    let lost = write(store, &view, 4, "lost-the-race").await;
    assert_eq!(store.retire(view.fingerprint, 3).await.unwrap(), 2);
    for (part, kept) in
        [(&first, true), (&second, false), (&third, true), (&fourth, true), (&lost, false)]
    {
        assert_eq!(is_there(store, &view, part).await, kept, "{part:?}");
    }
    assert!(store.manifest(view.fingerprint, &pointer(3, "b")).await.is_ok());
    for version in [1, 2] {
        let gone = store.manifest(view.fingerprint, &pointer(version, "b")).await;
        assert!(matches!(gone, Err(Error::NotFound { .. })), "version {version}: {gone:?}");
    }
    assert_eq!(state(store, &view, &first, 0).await, [Value::BigInt(1)]);
    assert_eq!(store.retire(view.fingerprint, 3).await.unwrap(), 0);
}

/// Their parts are not in any manifest yet.
pub async fn retiring_leaves_running_builds_alone<S: ViewStore>(store: &S) {
    let view = some_view(&[], true, 1);
    let before_any = write(store, &view, 1, "b").await;
    assert_eq!(store.retire(view.fingerprint, 1).await.unwrap(), 0);
    assert!(is_there(store, &view, &before_any).await);
    publish(store, &view, 1, "b", &[]).await;
    let running = write(store, &view, 2, "b").await;
    assert_eq!(store.retire(view.fingerprint, 2).await.unwrap(), 0);
    assert!(is_there(store, &view, &running).await);
}

/// An answer needs it.
pub async fn retiring_keeps_the_current_version_whatever_is_asked<S: ViewStore>(store: &S) {
    let view = some_view(&[], true, 1);
    let first = publish(store, &view, 1, "b", &[]).await;
    let second = publish(store, &view, 2, "b", &[]).await;
    assert_eq!(store.retire(view.fingerprint, 1_000).await.unwrap(), 1);
    assert!(!is_there(store, &view, &first).await);
    assert!(is_there(store, &view, &second).await);
    assert!(store.manifest(view.fingerprint, &pointer(2, "b")).await.is_ok());
}

/// With its pointer, its manifests and its parts; it can be published anew.
pub async fn a_removed_view_is_gone_and_others_stay<S: ViewStore>(store: &S) {
    let gone = some_view(&[], true, 1);
    let mut stays = gone.clone();
    stays.fingerprint = Fingerprint([99; 16]);
    let first = publish(store, &gone, 1, "b", &[]).await;
    let second = publish(store, &gone, 2, "b", std::slice::from_ref(&first)).await;
    let kept = publish(store, &stays, 1, "b", &[]).await;
    for _ in 0..2 {
        store.remove(gone.fingerprint).await.unwrap();
        assert_eq!(store.pointer(gone.fingerprint).await.unwrap(), None);
        for part in [&first, &second] {
            assert!(!is_there(store, &gone, part).await, "{part:?}");
        }
        let manifest = store.manifest(gone.fingerprint, &pointer(2, "b")).await;
        assert!(matches!(manifest, Err(Error::NotFound { .. })), "{manifest:?}");
    }
    assert!(is_there(store, &stays, &kept).await);
    assert_eq!(store.pointer(stays.fingerprint).await.unwrap(), Some(pointer(1, "b")));
    let anew = publish(store, &gone, 1, "c", &[]).await;
    assert!(is_there(store, &gone, &anew).await);
    assert_eq!(store.pointer(gone.fingerprint).await.unwrap(), Some(pointer(1, "c")));
}
