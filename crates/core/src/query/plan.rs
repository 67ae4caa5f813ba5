//! The plan of a query: which stored buckets at which resolution, and where each row goes.
//!
//! ```text
//! from 10:20                                     to 13:05          (every=all, minutes stored)
//!      |--minutes--|------- hours --------|minutes|
//!      10:20   11:00                  13:00   13:05
//! ```
//!
//! Each stretch of the range is read at the coarsest stored resolution whose buckets tile both the
//! stretch and the answer's buckets; only the ragged ends are read finer.

use super::bucket::{Buckets, Every, offset_grid};
use super::{ParameterError, Query};
use crate::key::{self, CorruptKey};
use crate::port::{Manifest, PartInfo, Selection};
use crate::resolution::{self, partition_range};
use crate::timestamp;
use crate::types::Type;
use crate::view::{Bucket, View, Width};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// How a query is carried out.
pub(crate) struct Plan {
    /// The view as the answer sees it: only the keys grouped by, only the measures wanted.
    pub(crate) shape: Arc<View>,
    /// What every wanted row's encoded key starts with.
    pub(crate) prefix: Vec<u8>,
    /// Stretches of time and the resolution to read each at.
    stretches: Vec<(Option<Width>, Range<i64>)>,
    range: Range<i64>,
    types: Vec<Type>,
    /// For each key column: the encoded values wanted, or all.
    wanted: Vec<Option<HashSet<Vec<u8>>>>,
    group_by: Vec<usize>,
    selection: Selection,
    buckets: std::sync::Mutex<Option<Buckets>>,
}

impl Plan {
    pub(crate) fn new(view: &View, query: &Query) -> Result<Plan, ParameterError> {
        let range = query.from.unwrap_or(i64::MIN)..query.to.unwrap_or(i64::MAX);
        let (stretches, buckets) = match &view.bucket {
            None => (vec![(None, i64::MIN..i64::MAX)], None),
            Some(bucket) => {
                check_aligned("from", query.from, bucket.width)?;
                check_aligned("to", query.to, bucket.width)?;
                let resolutions = usable(view, bucket, query)?;
                let buckets = query.every.map(|every| Buckets::new(every, query.time_zone.clone()));
                (stretches(range.clone(), &resolutions), buckets)
            }
        };
        let group_by = query.group_by.clone().unwrap_or_else(|| (0..view.keys.len()).collect());
        let mut keys = vec![None; view.keys.len()];
        for (column, values) in &query.filters {
            keys[*column] = Some(values.clone());
        }
        let encoded = |value| {
            let mut bytes = Vec::new();
            key::push_value(&mut bytes, value);
            bytes
        };
        let wanted: Vec<Option<HashSet<Vec<u8>>>> = keys
            .iter()
            .map(|values| values.as_ref().map(|values| values.iter().map(encoded).collect()))
            .collect();
        let single = wanted.iter().map_while(|values| match values {
            Some(values) if values.len() == 1 => values.iter().next(),
            _ => None,
        });
        Ok(Plan {
            shape: Arc::new(shape(view, query, &group_by)),
            prefix: single.flatten().copied().collect(),
            stretches,
            range,
            types: view.keys.iter().map(|key| key.expr.ty).collect(),
            wanted,
            group_by,
            selection: Selection { keys, buckets: 0..0, states: states_wanted(view, query) },
            buckets: std::sync::Mutex::new(buckets),
        })
    }

    /// Writes the key of the answer's row that the row of `key` goes into to `out`; false if the
    /// row is not wanted.
    pub(crate) fn place(&self, mut key: &[u8], out: &mut Vec<u8>) -> Result<bool, CorruptKey> {
        out.clear();
        let mut columns = Vec::with_capacity(self.types.len());
        for (&ty, wanted) in self.types.iter().zip(&self.wanted) {
            let value = key::split(&mut key, ty)?;
            if wanted.as_ref().is_some_and(|wanted| !wanted.contains(value)) {
                return Ok(false);
            }
            columns.push(value);
        }
        self.group_by.iter().for_each(|&column| out.extend_from_slice(columns[column]));
        if key.is_empty() {
            return Ok(true);
        }
        let bucket = key::take_bucket(&mut key)?;
        if !self.range.contains(&bucket) {
            return Ok(false);
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let start = match &mut *buckets {
            None => Some(bucket),
            Some(buckets) => buckets.start(bucket),
        };
        if let Some(start) = start {
            key::push_bucket(out, start);
        }
        Ok(true)
    }

    /// The parts of a version to read, and what to read from each.
    pub(crate) fn parts<'m>(
        &self,
        manifest: &'m Manifest,
    ) -> impl Iterator<Item = (Selection, &'m PartInfo)> {
        self.stretches.iter().flat_map(move |(resolution, stretch)| {
            manifest.parts.iter().filter_map(move |part| {
                let held = partition_range(part.id.resolution, part.id.partition);
                let meets = stretch.start < held.end && held.start < stretch.end;
                (part.id.resolution == *resolution && meets).then(|| {
                    (Selection { buckets: stretch.clone(), ..self.selection.clone() }, part)
                })
            })
        })
    }
}

/// The view as the answer sees it.
fn shape(view: &View, query: &Query, group_by: &[usize]) -> View {
    let mut shape = view.clone();
    shape.keys = group_by.iter().map(|&key| view.keys[key].clone()).collect();
    if query.every == Some(Every::All) {
        shape.bucket = None;
    }
    if let Some(measures) = &query.measures {
        shape.measures = measures.iter().map(|&m| view.measures[m].clone()).collect();
    }
    shape
}

/// Which aggregates the wanted measures, and the one ordered by, present.
fn states_wanted(view: &View, query: &Query) -> Vec<bool> {
    let mut states = vec![false; view.aggregates.len()];
    let ordered = match query.order_by {
        Some((super::OrderBy::Measure(measure), _)) => Some(measure),
        _ => None,
    };
    for (index, measure) in view.measures.iter().enumerate() {
        let wanted = query.measures.as_ref().is_none_or(|measures| measures.contains(&index));
        if wanted || ordered == Some(index) {
            let mut outputs = vec![false; view.outputs.len()];
            measure.expr.mark_columns(&mut outputs);
            for (output, _) in outputs.iter().enumerate().filter(|(_, used)| **used) {
                states[view.outputs[output].aggregate] = true;
            }
        }
    }
    states
}

fn check_aligned(name: &str, at: Option<i64>, width: Width) -> Result<(), ParameterError> {
    let Some(at) = at else { return Ok(()) };
    let start = timestamp::truncate(at, width);
    if start == at {
        return Ok(());
    }
    let end = timestamp::next(start, width);
    Err(ParameterError::new(
        name,
        format!(
            "{} is not the start of a bucket of {}; the nearest are {} and {}",
            timestamp::format(at, 0),
            resolution::width_name(width),
            timestamp::format(start, 0),
            timestamp::format(end, 0)
        ),
    ))
}

/// The stored resolutions from which the answer's buckets can be put together, coarsest first.
fn usable(view: &View, bucket: &Bucket, query: &Query) -> Result<Vec<Width>, ParameterError> {
    let Some(every) = query.every else { return Ok(vec![bucket.width]) };
    let zone = query.time_zone.as_ref();
    let grid = zone.map_or(0, |zone| offset_grid(zone, query.from, query.to));
    if !every.is_tiled_by(bucket.width, grid) {
        let name = resolution::width_name(bucket.width);
        let why = if every.is_calendar() && grid != 0 && every.is_tiled_by(bucket.width, 0) {
            format!("the zone's midnights do not fall on the view's buckets of {name}")
        } else {
            format!("it is not a multiple of the view's buckets of {name}")
        };
        return Err(ParameterError::new("every", why));
    }
    let stored = resolution::resolutions(view).into_iter().flatten();
    let mut usable: Vec<Width> = stored.filter(|&r| every.is_tiled_by(r, grid)).collect();
    usable.reverse();
    Ok(usable)
}

/// Covers `range` with stretches at the coarsest of `resolutions` (coarsest first) each.
fn stretches(range: Range<i64>, resolutions: &[Width]) -> Vec<(Option<Width>, Range<i64>)> {
    let Some((&width, finer)) = resolutions.split_first() else { return Vec::new() };
    if range.is_empty() {
        return Vec::new();
    }
    if finer.is_empty() {
        return vec![(Some(width), range)];
    }
    let start = match range.start {
        i64::MIN => i64::MIN,
        at if timestamp::truncate(at, width) == at => at,
        at => timestamp::next(timestamp::truncate(at, width), width),
    };
    let end = match range.end {
        i64::MAX => i64::MAX,
        at => timestamp::truncate(at, width),
    };
    if start >= end {
        return stretches(range, finer);
    }
    let mut all = stretches(range.start..start, finer);
    all.push((Some(width), start..end));
    all.extend(stretches(end..range.end, finer));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolution::{DAY, HOUR};

    #[test]
    fn ragged_ends_are_read_finer_and_the_middle_coarser() {
        let minute = 60_000_000;
        let (hour, day) = (60 * minute, 24 * 60 * minute);
        let fine = Width::Fixed { micros: minute };
        let from = 10 * hour + 20 * minute;
        let to = 3 * day + 5 * minute;
        assert_eq!(
            stretches(from..to, &[DAY, HOUR, fine]),
            [
                (Some(fine), from..11 * hour),
                (Some(HOUR), 11 * hour..day),
                (Some(DAY), day..3 * day),
                (Some(fine), 3 * day..to),
            ]
        );
    }

    #[test]
    fn an_open_range_is_read_at_the_coarsest() {
        let all = i64::MIN..i64::MAX;
        assert_eq!(stretches(all.clone(), &[DAY, HOUR]), [(Some(DAY), all)]);
    }
}
