//! Epochs: the interval of the stream that a record belongs to, and the same one for every reader.
//!
//! ```text
//! arrival    12:00:03  12:00:09  12:00:12  12:00:08  12:00:21      (one shard, in order)
//! by clock        e         e       e+1        e        e+2
//! epoch           e         e       e+1       e+1       e+2        never falls along a shard
//! ```
//!
//! `epoch(record) = max(epoch(previous record), floor(arrival / length))`: a function of the
//! shard's own order, so it does not matter how batches are cut, retried or redelivered. An epoch
//! of a shard is sealed once a record of a later epoch has been archived there; the horizon of a
//! batch view is exclusive.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A numbered interval of the stream; its start is `number * length` after the Unix epoch, by the
/// clock that stamped the records.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The first epoch: what a shard with no record before has passed.
    pub const ZERO: Epoch = Epoch(0);

    /// Whether it is the first epoch.
    pub fn is_zero(&self) -> bool {
        *self == Epoch::ZERO
    }

    /// The epoch after this one.
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The length of every epoch of a deployment. Fixed for the life of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochLength {
    millis: u64,
}

impl EpochLength {
    /// `None` if `millis` is zero.
    pub fn from_millis(millis: u64) -> Option<Self> {
        (millis > 0).then_some(EpochLength { millis })
    }

    /// In milliseconds.
    pub fn as_millis(self) -> u64 {
        self.millis
    }

    /// The epoch of a record that arrived at `arrival_ms` behind one of epoch `previous`.
    pub fn epoch_of(self, arrival_ms: i64, previous: Epoch) -> Epoch {
        previous.max(Epoch(u64::try_from(arrival_ms).unwrap_or(0) / self.millis))
    }

    /// When an epoch starts, in milliseconds since the Unix epoch.
    pub fn start_ms(self, epoch: Epoch) -> i64 {
        i64::try_from(epoch.0.saturating_mul(self.millis)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_never_falls_when_arrival_does() {
        let length = EpochLength::from_millis(10_000).unwrap();
        let mut epoch = Epoch::ZERO;
        let epochs: Vec<u64> = [3_000, 9_999, 12_000, 8_000, -5, 21_000]
            .into_iter()
            .map(|arrival| {
                epoch = length.epoch_of(arrival, epoch);
                epoch.0
            })
            .collect();
        assert_eq!(epochs, [0, 0, 1, 1, 1, 2]);
    }

    #[test]
    fn an_epoch_lasts_from_its_start_until_the_next_one_starts() {
        let length = EpochLength::from_millis(10_000).unwrap();
        assert_eq!(length.as_millis(), 10_000);
        let mut epoch = Epoch(176_000_000);
        for start in [1_760_000_000_000, 1_760_000_010_000, 1_760_000_020_000] {
            assert_eq!(length.start_ms(epoch), start);
            assert_eq!(length.epoch_of(start, Epoch::ZERO), epoch);
            assert_eq!(length.epoch_of(start + 9_999, Epoch::ZERO), epoch);
            epoch = epoch.next();
        }
        assert_eq!(epoch.to_string(), "176000003");
    }

    #[test]
    fn an_epoch_that_no_clock_reaches_starts_at_the_end_of_time() {
        let length = EpochLength::from_millis(10_000).unwrap();
        assert_eq!(length.start_ms(Epoch(u64::MAX)), i64::MAX);
    }

    #[test]
    fn epochs_have_a_length() {
        assert_eq!(EpochLength::from_millis(0), None);
        assert_eq!(EpochLength::from_millis(1).map(EpochLength::as_millis), Some(1));
    }
}
