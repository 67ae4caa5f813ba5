//! Rows: whether a stored state is that of a fold, and how a row is named to a person.
//!
//! States are compared by their bits. `approx_most_frequent` is the exception: its bits depend on
//! the order of merges, so its bounds must agree (see [`crate::aggregate`]).

use crate::aggregate::{CorruptState, Function, states_agree};
use crate::column::Column;
use crate::key;
use crate::query::render::text_of;
use crate::table::Table;
use crate::types::{Type, Value};
use crate::view::View;
use bumpalo::Bump;
use std::sync::Arc;

/// The key and bucket of a row in words: `site="a", minute="2026-03-01T00:00:00Z"`.
pub(super) fn name(view: &View, key: &[u8]) -> String {
    let named = || -> Result<Vec<String>, key::CorruptKey> {
        let mut rest = key;
        let mut parts = Vec::new();
        for column in &view.keys {
            let ty = column.expr.ty;
            let value = key::take(&mut rest, ty)?;
            parts.push(format!("{}={}", column.name, text_of(&value, ty)));
        }
        if let Some(bucket) = &view.bucket {
            let start = Value::Timestamp(key::take_bucket(&mut rest)?);
            parts.push(format!("{}={}", bucket.name, text_of(&start, bucket.width.timestamp())));
        }
        Ok(parts)
    };
    match named() {
        Ok(parts) if parts.is_empty() => "(the only one)".to_owned(),
        Ok(parts) => parts.join(", "),
        Err(_) => {
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("unreadable key {hex}")
        }
    }
}

/// Two states of one row, in words, as far as they differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contrast {
    pub(super) expected: String,
    pub(super) found: String,
}

/// Whether the encoded state `found` is that of `group` in `expected`; the contrast if not.
pub(super) fn compare_encoded(expected: &Table, group: u32, found: &[u8]) -> Option<Contrast> {
    let mut state = Vec::new();
    expected.encode(group, &mut state);
    if state == found {
        return None;
    }
    let view = expected.view();
    let mut stored = Table::new(view);
    if let Err(error) = stored.merge(expected.key(group), found) {
        return Some(Contrast { expected: describe(expected, group), found: error.to_string() });
    }
    if view.aggregates.iter().any(|aggregate| by_bounds(aggregate.function)) {
        let (ours, theirs) = (expected.states(&[group]), stored.states(&[0]));
        if agree(view, (&ours, 0), (&theirs, 0)).unwrap_or(false) {
            return None;
        }
    }
    Some(contrast((expected, group), (&stored, 0)))
}

/// Whether row `j` of stored columns is the state of row `i` of a fold's; the contrast if not.
pub(super) fn compare_stored(
    expected: &Table,
    (ours, group): (&[Column<'_>], u32),
    (theirs, row): (&[Column<'_>], usize),
) -> Option<Contrast> {
    let view = expected.view();
    match agree(view, (ours, group as usize), (theirs, row)) {
        Ok(true) => return None,
        Ok(false) => {}
        Err(error) => {
            return Some(Contrast {
                expected: describe(expected, group),
                found: error.to_string(),
            });
        }
    }
    let mut stored = Table::new(view);
    let one = stored.group(expected.key(group));
    let columns: Vec<Column<'_>> = theirs.iter().map(|column| column.take(&[row])).collect();
    Some(match stored.load(&[one], &columns) {
        Ok(()) => contrast((expected, group), (&stored, one)),
        Err(error) => Contrast { expected: describe(expected, group), found: error.to_string() },
    })
}

/// The measures of a row in words.
pub(super) fn describe(table: &Table, group: u32) -> String {
    let values = measures(table, group);
    let words: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
    words.join(", ")
}

/// The measures of an encoded state in words, or why it cannot be read.
pub(super) fn describe_encoded(view: &Arc<View>, key: &[u8], state: &[u8]) -> String {
    let mut table = Table::new(view);
    match table.merge(key, state) {
        Ok(()) => describe(&table, 0),
        Err(error) => error.to_string(),
    }
}

/// Whether only the bounds of such states are compared.
fn by_bounds(function: Function) -> bool {
    matches!(function, Function::ApproxMostFrequent { .. })
}

fn agree(
    view: &View,
    (ours, i): (&[Column<'_>], usize),
    (theirs, j): (&[Column<'_>], usize),
) -> Result<bool, CorruptState> {
    for (at, aggregate) in view.aggregates.iter().enumerate() {
        if !states_agree(aggregate.function, (&ours[at], i), (&theirs[at], j))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The measures that differ; where none does, the states do all the same.
fn contrast((expected, i): (&Table, u32), (found, j): (&Table, u32)) -> Contrast {
    let (ours, theirs) = (measures(expected, i), measures(found, j));
    let differing = |(a, b): &(&(String, String), &(String, String))| a.1 != b.1;
    let words = |(name, value): &(String, String)| format!("{name} {value}");
    let pairs: Vec<_> = ours.iter().zip(&theirs).filter(differing).collect();
    if pairs.is_empty() {
        let expected = describe(expected, i);
        let found = "the same values, but another state behind them".to_owned();
        return Contrast { expected, found };
    }
    let side = |words: Vec<String>| words.join(", ");
    Contrast {
        expected: side(pairs.iter().map(|(a, _)| words(a)).collect()),
        found: side(pairs.iter().map(|(_, b)| words(b)).collect()),
    }
}

fn measures(table: &Table, group: u32) -> Vec<(String, String)> {
    let arena = Bump::new();
    let columns = table.measures(&[group], &arena);
    let named = table.view().measures.iter().zip(&columns);
    let text = |ty: Type, column: &Column<'_>| text_of(&column.value(0), ty);
    named.map(|(m, column)| (m.name.clone(), text(m.expr.ty, column))).collect()
}
