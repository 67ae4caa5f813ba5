//! The answer: merged rows, presented, ordered and limited, with the receipt.

use super::bucket::Every;
use super::plan::Plan;
use super::{OrderBy, ParameterError, Query};
use crate::column::Column;
use crate::epoch::EpochLength;
use crate::merge::{self, Merged, Receipt};
use crate::port::{Control, Error, Result, SpeedStore, ViewStore};
use crate::project::{ACCEPTED, Project};
use crate::table::Table;
use crate::types::{Type, Value};
use crate::view::View;
use bumpalo::Bump;
use std::cmp::Ordering;
use std::sync::Arc;

/// A merged result and what it covers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it covers.
    pub receipt: Receipt,
    /// Names and types of the columns: keys, bucket (if any), measures.
    pub columns: Vec<(String, Type)>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
    /// Whether the limit left rows out.
    pub truncated: bool,
    /// The zone in which to write times; `None` is UTC.
    pub time_zone: Option<jiff::tz::TimeZone>,
}

/// Answers `query` on `view`, one of the project's live views.
///
/// # Errors
/// Those of the ports; the query was checked when it was parsed.
pub async fn answer(
    project: &Project,
    view: &Arc<View>,
    query: &Query,
    length: EpochLength,
    views: &impl ViewStore,
    speed: &impl SpeedStore,
    control: &impl Control,
) -> Result<Answer> {
    let refused = |error: ParameterError| Error::Refused {
        object: format!("query on {}", view.name),
        reason: error.to_string(),
    };
    let plan = Plan::new(view, query).map_err(refused)?;
    let merged = merge::merge(views, speed, control, view, &plan).await?;
    let counts = count_records(project, view, views, speed, control).await?;
    let receipt = receipt(view, &merged, length, counts);
    let (rows, truncated) = present(&merged.table, view, query)?;
    let time_zone = query.time_zone.clone();
    Ok(Answer { receipt, columns: columns(&plan.shape), rows, truncated, time_zone })
}

fn receipt(view: &View, merged: &Merged, length: EpochLength, counts: Counts) -> Receipt {
    let horizon = merged.horizon();
    // The receipt is a part of the answer: counts that lack something make it incomplete as well.
    let counts_lack = || counts.incomplete_because.map(|because| format!("its counts: {because}"));
    let incomplete_because = merged.incomplete_because.clone().or_else(counts_lack);
    Receipt {
        view: view.name.clone(),
        fingerprint: view.fingerprint,
        version: merged.pointer.as_ref().map_or(0, |pointer| pointer.version),
        horizon,
        horizon_ms: length.start_ms(horizon),
        newest_arrival_ms: merged.newest_arrival_ms,
        accepted: counts.accepted,
        rejected: counts.rejected,
        complete: incomplete_because.is_none(),
        incomplete_because,
        superseded_by: None,
    }
}

/// How many records were accepted and how many rejected.
#[derive(Default)]
struct Counts {
    accepted: u64,
    rejected: u64,
    /// Why they are not the whole, if they are not: the built-in view has a pointer of its own.
    incomplete_because: Option<String>,
}

/// Counts records by the built-in view over the schema that `view` is over.
async fn count_records(
    project: &Project,
    view: &View,
    views: &impl ViewStore,
    speed: &impl SpeedStore,
    control: &impl Control,
) -> Result<Counts> {
    let view = project.records_of(view.fingerprint);
    let query = Query { every: Some(Every::All), ..Query::default() };
    let plan = Plan::new(view, &query).expect("the built-in view rolls up to all time");
    let merged = merge::merge(views, speed, control, view, &plan).await?;
    let (rows, _) = present(&merged.table, view, &query)?;
    let incomplete_because = merged.incomplete_because;
    let mut counts = Counts { incomplete_because, ..Counts::default() };
    for row in rows {
        if let [Value::Varchar(outcome), Value::BigInt(records)] = row.as_slice() {
            let accepted = outcome == ACCEPTED;
            let count = if accepted { &mut counts.accepted } else { &mut counts.rejected };
            *count += u64::try_from(*records).unwrap_or(0);
        }
    }
    Ok(counts)
}

fn columns(shape: &View) -> Vec<(String, Type)> {
    let keys = shape.keys.iter().map(|key| (key.name.clone(), key.expr.ty));
    let bucket = shape.bucket.iter().map(|b| (b.name.clone(), b.width.timestamp()));
    let measures = shape.measures.iter().map(|m| (m.name.clone(), m.expr.ty));
    keys.chain(bucket).chain(measures).collect()
}

/// The rows of `table` in the order asked for, and whether the limit left some out.
fn present(table: &Table, view: &View, query: &Query) -> Result<(Vec<Vec<Value>>, bool)> {
    let corrupt = |error: &dyn std::fmt::Display| Error::corrupt(&view.name, error);
    let arena = Bump::new();
    let mut groups = table.sorted();
    let limit = query.limit.unwrap_or(usize::MAX);
    let truncated = groups.len() > limit;
    if let Some((by, falling)) = query.order_by {
        let column = order_column(table, view, query, by, &groups, &arena)
            .map_err(|error| corrupt(&error))?;
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by(|&a, &b| compare(&column.value(a), &column.value(b), falling));
        groups = order.into_iter().map(|at| groups[at]).collect();
    }
    groups.truncate(limit);
    let (keys, buckets) = table.key_columns(&groups, &arena).map_err(|error| corrupt(&error))?;
    let measures = table.measures(&groups, &arena);
    let rows = (0..groups.len())
        .map(|row| {
            let keys = keys.iter().map(|column| column.value(row));
            let bucket = buckets.iter().map(|buckets| Value::Timestamp(buckets[row]));
            keys.chain(bucket).chain(measures.iter().map(|column| column.value(row))).collect()
        })
        .collect();
    Ok((rows, truncated))
}

fn order_column<'a>(
    table: &'a Table,
    view: &View,
    query: &Query,
    by: OrderBy,
    groups: &[u32],
    arena: &'a Bump,
) -> std::result::Result<Column<'a>, crate::key::CorruptKey> {
    let place = |wanted: &Option<Vec<usize>>, index: usize| match wanted {
        Some(wanted) => wanted.iter().position(|&w| w == index).expect("checked when parsed"),
        None => index,
    };
    Ok(match by {
        OrderBy::Key(key) => {
            table.key_columns(groups, arena)?.0.swap_remove(place(&query.group_by, key))
        }
        OrderBy::Bucket => {
            let buckets = table.key_columns(groups, arena)?.1.expect("checked when parsed");
            Column::new(crate::column::Data::Timestamp(buckets))
        }
        OrderBy::Measure(measure) => {
            debug_assert!(measure < view.measures.len());
            table.measures(groups, arena).swap_remove(place(&query.measures, measure))
        }
    })
}

/// Orders values of one type; NULL comes last either way.
fn compare(a: &Value, b: &Value, falling: bool) -> Ordering {
    let ascending = match (a, b) {
        (Value::Null, Value::Null) => return Ordering::Equal,
        (Value::Null, _) => return Ordering::Greater,
        (_, Value::Null) => return Ordering::Less,
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::BigInt(a), Value::BigInt(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => {
            a.cmp(b)
        }
        (Value::Double(a), Value::Double(b)) => a.total_cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Varchar(a), Value::Varchar(b)) => a.cmp(b),
        // Lists of frequent items have no order.
        _ => Ordering::Equal,
    };
    if falling { ascending.reverse() } else { ascending }
}
