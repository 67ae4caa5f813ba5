//! Stored rows: keys that any bytes may pretend to be, and states of several aggregates together.
//!
//! The first byte picks a view; then come rows, each as the length of its key, the key, the length
//! of its state (two bytes, least first), and the state.

use crate::sql::{SCHEMA, check_table};
use anabranch_core::key;
use anabranch_core::project::Project;
use anabranch_core::sql::Source;
use anabranch_core::table::Table;
use anabranch_core::types::Type;
use anabranch_core::view::View;
use bumpalo::Bump;
use std::sync::{Arc, LazyLock};

/// Views whose keys and states are of every kind.
pub(crate) static PROJECT: LazyLock<Arc<Project>> = LazyLock::new(|| {
    let views = "
        CREATE MATERIALIZED VIEW texts AS
        SELECT s, o.s AS os, date_trunc('minute', t) AS minute, count(*) AS n, sum(a) AS total,
               min(s) AS least, approx_distinct(s) AS texts FROM events GROUP BY 1, 2, 3;
        CREATE MATERIALIZED VIEW numbers AS
        SELECT a, d, f, b, count(*) AS n, avg(f) AS mean, approx_percentile(f, 0.5) AS median
        FROM events GROUP BY 1, 2, 3, 4;
        CREATE MATERIALIZED VIEW times AS
        SELECT date_trunc('month', t) AS month, t AS at, max_by(s, t) AS latest,
               approx_most_frequent(3, s, 20) AS often, stddev(f) AS spread
        FROM events GROUP BY 1, 2;";
    let source = |text: &str| Source { name: "source".to_owned(), text: text.to_owned() };
    Arc::new(Project::compile(&source(SCHEMA), &[source(views)]).expect("a project"))
});

/// Panics unless keys and states are refused or behave as what was written.
pub fn check(data: &[u8]) {
    let Some((&picked, mut rest)) = data.split_first() else { return };
    let views = PROJECT.user_views();
    let view = &views[usize::from(picked) % views.len()];
    let mut table = Table::new(view);
    while let Some((key, state)) = take_row(&mut rest) {
        let is_key = check_key(view, key);
        let mut alone = Table::new(view);
        if alone.merge(key, state).is_err() {
            continue;
        }
        if is_key {
            check_state(&alone, key, state);
            table.merge(key, state).expect("it was read before");
        } else {
            let arena = Bump::new();
            assert!(alone.rows(&[0], &arena).is_err(), "a key that cannot be read has columns");
        }
    }
    check_table(&table);
}

fn take_row<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (&length, after) = rest.split_first()?;
    let (key, after) = after.split_at_checked(length.into())?;
    let (length, after) = after.split_first_chunk::<2>()?;
    let (state, after) = after.split_at_checked(u16::from_le_bytes(*length).into())?;
    *rest = after;
    Some((key, state))
}

/// What was read is written, and that is read and written as the same.
fn check_state(table: &Table, key: &[u8], state: &[u8]) {
    let written = |table: &Table| {
        let mut bytes = Vec::new();
        table.encode(table.find(key).expect("the key"), &mut bytes);
        bytes
    };
    let first = written(table);
    assert_eq!(first.len(), state.len(), "a state is written longer or shorter than it was read");
    let mut again = Table::new(table.view());
    again.merge(key, &first).expect("what was written can be read");
    assert_eq!(written(&again), first);
}

/// Whether the bytes are a key of the view. If so they are the only way to write it.
fn check_key(view: &View, key: &[u8]) -> bool {
    let types: Vec<Type> = view.keys.iter().map(|key| key.expr.ty).collect();
    let mut rest = key;
    let mut written = Vec::new();
    for &ty in &types {
        let before = rest;
        let Ok(value) = key::take(&mut rest, ty) else { return false };
        key::push_value(&mut written, &value);
        let mut cut = before;
        let part = key::split(&mut cut, ty).expect("it was read");
        assert_eq!((part.len(), cut), (before.len() - rest.len(), rest), "another length of {ty}");
    }
    if view.bucket.is_some() {
        let Ok(bucket) = key::take_bucket(&mut rest) else { return false };
        key::push_bucket(&mut written, bucket);
    }
    if rest.is_empty() {
        assert_eq!(written, key, "a key is written differently than it was read");
    }
    rest.is_empty()
}
