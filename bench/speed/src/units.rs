//! Write units: what the shipping absorber's rows take at a rate and a window, beside a put for every
//! event and view.
//!
//! The second is the same absorber, given one record at a time and one shard: a row for each event and
//! view that it passes into. At one unit each that is an UpdateItem which adds to a few numbers; at the
//! row's size it is one that stores the same answers.

use crate::deliveries::{Arrived, Cut};
use crate::speed::{Function, Put, Requests};
use anabranch_core::project::Project;
use anabranch_core::view::Fingerprint;
use anabranch_stores::memory;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Prints units per million events, by view and in all.
pub(crate) fn run(project: &Arc<Project>, events: &Path, cut: &Cut) -> anyhow::Result<()> {
    let shards = cut.deliveries(events)?;
    let mut arrived: Vec<&Arrived> = shards.iter().flatten().flatten().collect();
    arrived.sort_by_key(|record| record.sequence);
    let (count, deliveries) = (arrived.len() as f64, shards.iter().map(Vec::len).sum::<usize>());

    let (ours, control) = (Requests::default(), memory::Control::default());
    for (number, shard) in shards.iter().enumerate() {
        let mut function = Function::new(project, number, &ours, &control)?;
        for delivery in shard {
            let records: Vec<_> = delivery.iter().map(Arrived::record).collect();
            function.take(number, &records)?;
        }
    }
    let (each, control) = (Requests::default(), memory::Control::default());
    let mut function = Function::new(project, 0, &each, &control)?;
    for record in arrived {
        function.take(0, &[record.record()])?;
    }

    let (ours, each) = (ours.counts(), each.counts());
    let of =
        |counts: &BTreeMap<Fingerprint, Put>, view| counts.get(&view).copied().unwrap_or_default();
    let per_million = |count_of: u64| (count_of as f64 / count * 1e6).round();
    let built_in = project.records_view().fingerprint;
    let (mut views, mut all) = (Vec::new(), [0; 4]);
    for view in &project.views {
        let (ours, each) = (of(&ours, view.fingerprint), of(&each, view.fingerprint));
        // Nobody who writes an update per event counts records beside.
        let is_own = view.fingerprint != built_in;
        let (updates, sized) = if is_own { (each.rows, each.units) } else { (0, 0) };
        for (sum, one) in all.iter_mut().zip([ours.rows, ours.units, updates, sized]) {
            *sum += one;
        }
        views.push(json!({
            "view": view.name, "puts": per_million(ours.rows), "units": per_million(ours.units),
            "updates": per_million(updates), "updates_at_size": per_million(sized),
        }));
    }
    let [puts, units, updates, sized] = all.map(per_million);
    println!(
        "{}",
        json!({
            "events": count, "deliveries": deliveries, "rate": cut.rate, "shards": cut.shards,
            "window_s": cut.window_ms as f64 / 1000.0, "views": views, "puts": puts,
            "units": units, "updates": updates, "updates_at_size": sized,
        })
    );
    Ok(())
}
