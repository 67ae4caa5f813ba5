//! Bells: how the loops of the server wait, for one another and for the end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Rung when something has been appended, and when it is time to stop.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    stopped: bool,
}

/// What a loop has heard of a bell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard(u64);

impl Bell {
    /// Wakes everyone who waits for a ring.
    pub(super) fn ring(&self) {
        self.lock().count += 1;
        self.rung.notify_all();
    }

    /// Wakes everyone, for good.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.rung.notify_all();
    }

    /// Whether it is time to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// What there has been to hear so far.
    pub(super) fn heard(&self) -> Heard {
        Heard(self.lock().count)
    }

    /// Waits for a ring after `heard`, at most so long. Returns whether there was one.
    pub(super) fn wait(&self, heard: Heard, at_most: Duration) -> bool {
        let waiting = |state: &mut State| !state.stopped && state.count == heard.0;
        let state = self.rung.wait_timeout_while(self.lock(), at_most, waiting);
        let (state, _) = state.unwrap_or_else(PoisonError::into_inner);
        state.count != heard.0
    }

    /// Sleeps so long, or until it is time to stop.
    pub(super) fn sleep(&self, duration: Duration) {
        let until = Instant::now() + duration;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.stopped || left.is_zero() {
                return;
            }
            let waited = self.rung.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_ring_that_was_missed_is_heard_at_once() {
        let bell = Bell::default();
        let heard = bell.heard();
        bell.ring();
        assert!(bell.wait(heard, LONG));
        assert!(!bell.wait(bell.heard(), Duration::from_millis(1)));
    }

    #[test]
    fn stopping_ends_every_wait_and_a_ring_ends_no_sleep() {
        let bell = &Bell::default();
        let started = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| bell.sleep(LONG));
            bell.ring();
            bell.sleep(Duration::from_millis(20));
            let heard = bell.heard();
            scope.spawn(move || bell.wait(heard, LONG));
            bell.stop();
        });
        assert!(started.elapsed() >= Duration::from_millis(20) && bell.is_stopped());
        assert!(started.elapsed() < LONG);
    }
}
