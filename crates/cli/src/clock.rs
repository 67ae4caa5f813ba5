//! The one place that reads the time of day. Everything below takes it as an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, by the system's clock.
pub(crate) fn now_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

/// A clock for stamping a stream: the system's, but never behind what the stream has been stamped
/// with before, and never standing still. Were the system's clock set back by an hour, epochs would
/// otherwise not end, and nothing would be sealed, for an hour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    floor_ms: i64,
    started: Instant,
}

impl Clock {
    /// A clock that shows `floor_ms` or later.
    pub(crate) fn from(floor_ms: i64) -> Self {
        Clock { floor_ms, started: Instant::now() }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(self) -> i64 {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        now_ms().max(self.floor_ms.saturating_add(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_whose_floor_lies_ahead_goes_on_from_there() {
        let ahead = now_ms() + 3_600_000;
        let clock = Clock::from(ahead);
        let first = clock.now_ms();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(first >= ahead && clock.now_ms() > first);
    }

    #[test]
    fn a_clock_whose_floor_lies_behind_is_the_systems() {
        let before = now_ms();
        let shown = Clock::from(0).now_ms();
        assert!((before..=now_ms()).contains(&shown));
    }
}
