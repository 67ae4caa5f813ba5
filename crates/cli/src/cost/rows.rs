//! Rows: what a view's rows take of DynamoDB's write units, and of storage.
//!
//! A row's state grows within its epoch, and each delivery writes every row that it touches once:
//!
//! ```text
//! delivery 1    delivery 2    …    the epoch's last
//! D rows of     D rows of          D rows of           D = keys that come up in a delivery
//! 1 event       2 events           n events
//! ```

use super::load::{DAY_SECONDS, Deliveries, Load, touched};
use crate::explain::size;
use anabranch_core::resolution::resolutions;
use anabranch_core::view::{View, Width};

/// An item's attribute names and values but for key and state: the partition key with a fingerprint,
/// the sequence number in 56 digits, a shard's name, and more (decision 0012).
const ITEM_BYTES: f64 = 175.0;
/// What DynamoDB stores beside each item.
const INDEX_BYTES: f64 = 100.0;
const KEY_COLUMN_BYTES: f64 = 14.0;
const BUCKET_BYTES: f64 = 9.0;
/// DynamoDB's write unit.
const WRITE_UNIT_BYTES: f64 = 1024.0;
/// States of more events than this grow no more, or so little that it does not matter.
const MEASURED_EVENTS: f64 = 20_000.0;
/// How long speed rows are kept: 14 days from when their span of 16 epochs began.
const KEPT_SECONDS: f64 = 14.0 * DAY_SECONDS;
/// How many of a view's batch versions are stored: the current one, and one that is written or
/// still read.
const VERSIONS: f64 = 2.0;

/// A view under load.
pub(super) struct Rows<'v> {
    view: &'v View,
    /// Different keys within a bucket of time.
    keys: f64,
}

/// What a view's speed rows take, per second and shard.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Writes {
    pub(super) puts: f64,
    pub(super) units: f64,
}

impl<'v> Rows<'v> {
    pub(super) fn new(view: &'v View, keys: f64) -> Self {
        Rows { view, keys }
    }

    fn key_bytes(&self) -> f64 {
        let bucket = if self.view.bucket.is_some() { BUCKET_BYTES } else { 0.0 };
        self.view.keys.len() as f64 * KEY_COLUMN_BYTES + bucket
    }

    /// The size of a state of so many events, each of which differs from the others in all that
    /// is aggregated.
    fn state_bytes(&self, events: f64) -> f64 {
        size::of_row(self.view, events.clamp(1.0, MEASURED_EVENTS).round() as u32) as f64
    }

    fn item_bytes(&self, events: f64) -> f64 {
        ITEM_BYTES + self.key_bytes() + self.state_bytes(events)
    }

    /// The puts of a shard's deliveries. Every event passes the view's filter.
    pub(super) fn writes(&self, load: &Load, deliveries: Deliveries) -> Writes {
        if deliveries.events == 0.0 {
            return Writes::default();
        }
        let keys = load.keys_of_shard(self.keys);
        let puts = touched(keys, deliveries.events);
        let per_epoch = (load.epoch * deliveries.per_second).round().max(1.0);
        // The first deliveries of an epoch write small rows, the last ones grown rows.
        let units_of = |number: f64| {
            let events = number * deliveries.events;
            let size = self.item_bytes(events / touched(keys, events));
            (size / WRITE_UNIT_BYTES).ceil()
        };
        let steps = per_epoch.min(30.0);
        let units = (1..=steps as u32).map(|step| units_of(f64::from(step) * per_epoch / steps));
        let units = units.sum::<f64>() / steps;
        let per_second = deliveries.per_second * puts;
        Writes { puts: per_second, units: per_second * units }
    }

    /// Bytes of speed rows that are in the table, once as many go as come.
    pub(super) fn speed_bytes(&self, load: &Load) -> f64 {
        let events = load.rate / load.shards * load.epoch;
        if events == 0.0 {
            return 0.0;
        }
        let rows = touched(load.keys_of_shard(self.keys), events);
        let row = self.item_bytes(events / rows) + INDEX_BYTES;
        let epochs = (KEPT_SECONDS + 16.0 * load.epoch) / load.epoch;
        rows * row * epochs * load.shards
    }

    /// Bytes of the versions of the view that are stored, at every resolution.
    pub(super) fn view_bytes(&self, load: &Load) -> f64 {
        let sizes = resolutions(self.view).into_iter().map(|width| self.batch_bytes(load, width));
        VERSIONS * sizes.sum::<f64>()
    }

    /// Bytes of one resolution of a batch version: states, and the measures beside them, which
    /// Zstandard makes about as small as the states alone are in memory.
    fn batch_bytes(&self, load: &Load, width: Option<Width>) -> f64 {
        let kept = load.retention_days * DAY_SECONDS;
        let bucket = width.map_or(kept, |width| width_seconds(width).min(kept));
        let events = load.rate * bucket;
        if events == 0.0 {
            return 0.0;
        }
        let rows = touched(self.keys, events);
        kept / bucket * rows * (self.key_bytes() + self.state_bytes(events / rows))
    }
}

fn width_seconds(width: Width) -> f64 {
    match width {
        Width::Fixed { micros } => micros as f64 / 1e6,
        Width::Week => 7.0 * DAY_SECONDS,
        Width::Month => 30.4 * DAY_SECONDS,
        Width::Quarter => 91.3 * DAY_SECONDS,
        Width::Year => 365.25 * DAY_SECONDS,
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::tests::load;
    use super::*;
    use anabranch_core::project::Project;
    use anabranch_core::sql::Source;

    fn project() -> Project {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let schema = "CREATE TABLE e (t TIMESTAMP(0), site VARCHAR, visitor VARCHAR) WITH (format = 'json', event_time = 't')";
        let views = "CREATE MATERIALIZED VIEW counts AS SELECT site, date_trunc('hour', t) AS hour, count(*) AS n FROM e GROUP BY 1, 2;
            CREATE MATERIALIZED VIEW visitors AS SELECT site, approx_distinct(visitor) AS visitors FROM e GROUP BY 1;";
        Project::compile(&source("schema.sql", schema), &[source("views.sql", views)]).unwrap()
    }

    #[test]
    fn a_delivery_writes_each_row_that_it_touches_once() {
        let project = project();
        let load = load(1000.0);
        let deliveries = load.deliveries(2.0);
        let writes = Rows::new(&project.views[0], 20.0).writes(&load, deliveries);
        // 501 events touch all of 20 keys, and a row of a count is below a KiB.
        assert!((writes.puts - 20.0 * deliveries.per_second).abs() < 1e-6, "{writes:?}");
        assert!((writes.units - writes.puts).abs() < 1e-9, "{writes:?}");
        let partitioned = Load { partitioned: true, ..load.clone() };
        let fewer = Rows::new(&project.views[0], 20.0).writes(&partitioned, deliveries);
        assert!((fewer.puts * 4.0 - writes.puts).abs() < 1e-6, "{fewer:?}");
        let idle = Rows::new(&project.views[0], 20.0).writes(&load, load.idle().deliveries(2.0));
        assert_eq!(idle, Writes::default());
    }

    #[test]
    fn a_row_that_grows_past_a_kib_costs_more_units_later_in_its_epoch() {
        let project = project();
        let load = load(4000.0);
        let writes = Rows::new(&project.views[1], 1.0).writes(&load, load.deliveries(2.0));
        // A thousand visitors a second fill a sketch of 4 KiB within seconds.
        let units = writes.units / writes.puts;
        assert!(units > 4.0 && units <= 5.0, "{units}");
    }

    #[test]
    fn speed_rows_stay_for_two_weeks() {
        let project = project();
        let rows = Rows::new(&project.views[0], 20.0);
        let row = rows.item_bytes(750.0) + INDEX_BYTES;
        // 20 rows for each of four shards and of 14 days' epochs.
        let expected = 4.0 * 20.0 * (14.0 * 1440.0 + 16.0) * row;
        assert!((rows.speed_bytes(&load(1000.0)) / expected - 1.0).abs() < 1e-6);
        assert_eq!(rows.speed_bytes(&load(0.0)), 0.0);
    }

    #[test]
    fn batch_views_hold_every_bucket_of_every_resolution() {
        let project = project();
        let rows = Rows::new(&project.views[0], 20.0);
        let row = |events: f64| rows.key_bytes() + rows.state_bytes(events);
        // 30 days in hours, and in days.
        let expected = 2.0 * 20.0 * 30.0 * (24.0 * row(180_000.0) + row(4_320_000.0));
        assert!((rows.view_bytes(&load(1000.0)) / expected - 1.0).abs() < 1e-6);
    }
}
