//! The load: what arrives, how the stream cuts it into deliveries, and how many keys a stretch of it
//! touches.
//!
//! ```text
//! rate ─> shards ─> a delivery each window, or when it is full ─> rows touched per delivery
//! ```

use std::time::Duration;

/// The hours of a month, as AWS counts them.
pub(super) const HOURS: f64 = 730.0;
pub(super) const SECONDS: f64 = HOURS * 3600.0;
pub(super) const DAY_SECONDS: f64 = 86_400.0;

/// Lambda's limits for a delivery.
const DELIVERY_RECORDS: f64 = 10_000.0;
const DELIVERY_BYTES: f64 = (6 << 20) as f64;
/// What a record is in the event that Lambda hands over, beside its payload in base64.
const ENVELOPE_BYTES: f64 = 525.0;
/// Lambda asks a shard about once a second.
const SHORTEST_WINDOW: f64 = 1.0;
/// What a shard takes.
const SHARD_RECORDS: f64 = 1000.0;
const SHARD_BYTES: f64 = 1e6;
/// What a new stream on demand begins with.
const SHARDS_ON_DEMAND: f64 = 4.0;

/// What arrives, and how the stack takes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Load {
    /// Events per second.
    pub(super) rate: f64,
    /// Bytes of an event.
    pub(super) size: f64,
    pub(super) provisioned: bool,
    pub(super) shards: f64,
    /// Whether the events of one key go to one shard.
    pub(super) partitioned: bool,
    /// Heartbeats per second and shard.
    pub(super) heartbeats: f64,
    pub(super) epoch: f64,
    pub(super) speed_window: f64,
    pub(super) archive_window: f64,
    pub(super) batch_every: f64,
    pub(super) retention_days: f64,
    /// Answers per second.
    pub(super) queries: f64,
    /// Events per request, if they come over HTTP.
    pub(super) events_per_post: Option<f64>,
}

/// How often a shard's records are delivered, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Deliveries {
    /// Per second and shard.
    pub(super) per_second: f64,
    /// Events in each.
    pub(super) events: f64,
}

impl Load {
    /// The same stack without events and without questions.
    pub(super) fn idle(&self) -> Load {
        Load { rate: 0.0, queries: 0.0, ..self.clone() }
    }

    /// As many shards as the load needs: of a stream on demand, which keeps room for twice as much,
    /// no fewer than it begins with.
    pub(super) fn shards_for(rate: f64, size: f64, provisioned: bool) -> f64 {
        let full = (rate / SHARD_RECORDS).max(rate * size / SHARD_BYTES);
        match provisioned {
            true => full.ceil().max(1.0),
            false => (2.0 * full).ceil().max(SHARDS_ON_DEMAND),
        }
    }

    /// Events and heartbeats per second and shard.
    pub(super) fn shard_records(&self) -> f64 {
        self.rate / self.shards + self.heartbeats
    }

    /// How records are delivered that are gathered for `window` seconds from the first on.
    pub(super) fn deliveries(&self, window: f64) -> Deliveries {
        let records = self.shard_records();
        if records == 0.0 {
            return Deliveries { per_second: 0.0, events: 0.0 };
        }
        let full = (DELIVERY_BYTES / (self.size * 4.0 / 3.0 + ENVELOPE_BYTES))
            .clamp(1.0, DELIVERY_RECORDS);
        let gathered = 1.0 + records * window.max(SHORTEST_WINDOW);
        let per_second = records / gathered.min(full);
        Deliveries { per_second, events: self.rate / self.shards / per_second }
    }

    /// How many of `keys` a shard sees.
    pub(super) fn keys_of_shard(&self, keys: f64) -> f64 {
        if self.partitioned { (keys / self.shards).max(1.0) } else { keys }
    }
}

/// How many of `keys` equally likely keys come up in `events` events: the most that any
/// distribution gives.
pub(super) fn touched(keys: f64, events: f64) -> f64 {
    if keys <= 1.0 {
        return events.min(1.0);
    }
    let missed = events * (-1.0 / keys).ln_1p();
    -keys * missed.exp_m1()
}

/// A duration in seconds.
pub(super) fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cost) fn load(rate: f64) -> Load {
        Load {
            rate,
            size: 400.0,
            provisioned: false,
            shards: 4.0,
            partitioned: false,
            heartbeats: 1.0 / 60.0,
            epoch: 60.0,
            speed_window: 2.0,
            archive_window: 30.0,
            batch_every: 900.0,
            retention_days: 30.0,
            queries: 1.0,
            events_per_post: None,
        }
    }

    #[test]
    fn touched_keys_are_those_of_plain_probability() {
        // 1 - (1/2)^n of two keys are missing after n events.
        for (events, expected) in [(1.0, 1.0), (2.0, 1.5), (3.0, 1.75)] {
            assert!((touched(2.0, events) - expected).abs() < 1e-12, "{events}");
        }
        assert!((touched(1e6, 1.0) - 1.0).abs() < 1e-6);
        assert!((touched(50.0, 1e6) - 50.0).abs() < 1e-9);
        assert_eq!((touched(1.0, 0.25), touched(1.0, 9.0)), (0.25, 1.0));
    }

    #[test]
    fn shards_follow_the_load_and_a_stream_on_demand_keeps_room() {
        for (rate, size, provisioned, shards) in [
            (1.0, 400.0, true, 1.0),
            (2500.0, 400.0, true, 3.0),
            (100.0, 50_000.0, true, 5.0),
            (0.0, 400.0, false, 4.0),
            (5000.0, 400.0, false, 10.0),
        ] {
            assert_eq!(Load::shards_for(rate, size, provisioned), shards, "{rate} {size}");
        }
    }

    #[test]
    fn a_delivery_is_what_a_window_gathers_or_what_lambda_takes() {
        // 250 events a second and shard, in windows of two seconds from the first record on.
        let two_seconds = load(1000.0).deliveries(2.0);
        assert!((two_seconds.events - 501.0).abs() < 1.0, "{two_seconds:?}");
        assert!((two_seconds.per_second - 0.499).abs() < 0.001, "{two_seconds:?}");
        // 6 MiB of records that are 400 bytes in base64 and the rest of Lambda's event.
        let full = load(100_000.0).deliveries(30.0);
        assert!((full.events - 5945.0).abs() < 1.0, "{full:?}");
        // Idle: every heartbeat is a delivery of its own.
        let idle = load(0.0).deliveries(2.0);
        assert!(idle.events == 0.0 && (idle.per_second * 60.0 - 1.0).abs() < 0.04, "{idle:?}");
        assert_eq!(Load { heartbeats: 0.0, ..load(0.0) }.deliveries(2.0).per_second, 0.0);
    }
}
