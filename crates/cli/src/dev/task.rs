//! Tasks: the server's loops, each a thread that does one thing over and over until the end.
//!
//! A step that fails is taken again: soon while the store says that this helps, and seldom when a
//! human has to look, so that the loop goes on by itself once that has happened. Other loops never
//! notice.

use super::Engine;
use anabranch_core::port::{Error, Result};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// Starts the loop `name`. `step` does some work, or waits a while for some; after a failure it
/// must be possible to take it again.
pub(super) fn spawn(
    engine: &Arc<Engine>,
    name: impl Into<String>,
    mut step: impl FnMut(&Engine) -> Result<()> + Send + 'static,
) -> JoinHandle<()> {
    let (engine, name) = (Arc::clone(engine), name.into());
    thread::spawn(move || {
        let _watch = Watch { engine: &engine, name: &name };
        let mut retry = FIRST_RETRY;
        while !engine.bell.is_stopped() {
            match step(&engine) {
                Ok(()) => {
                    engine.health.well(&name);
                    retry = FIRST_RETRY;
                }
                Err(error) => {
                    engine.health.failed(&name, &error, engine.data.clock.now_ms());
                    engine.bell.sleep(pause(&error, retry));
                    retry = LAST_RETRY.min(retry * 2);
                }
            }
        }
    })
}

fn pause(error: &Error, retry: Duration) -> Duration {
    match error {
        Error::Unavailable { .. } => retry,
        Error::Corrupt { .. } | Error::NotFound { .. } | Error::Refused { .. } => LAST_RETRY,
    }
}

/// Notes it when the thread ends by a panic.
struct Watch<'a> {
    engine: &'a Engine,
    name: &'a str,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.engine.health.died(self.name, self.engine.data.clock.now_ms());
        }
    }
}
