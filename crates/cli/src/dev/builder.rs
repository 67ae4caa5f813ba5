//! The builder: a new batch version of every view, over and over.

use super::Engine;
use crate::log;
use anabranch_core::pipeline::build::{Built, Mode, Outcome};
use anabranch_core::port::Result;
use anabranch_stores::workers::Threads;
use futures::executor::block_on;
use std::time::{Duration, Instant};

/// Builds every so often.
pub(super) struct Build {
    every: Duration,
    workers: Threads,
}

impl Build {
    /// One core is left for events and queries, if there is more than one.
    pub(super) fn new(every: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Build { every, workers: Threads::new(cores - 1) }
    }

    /// Builds, retires what nobody needs any more, and waits for the next time.
    pub(super) fn step(&mut self, engine: &Engine) -> Result<()> {
        let begun = Instant::now();
        let built = block_on(engine.data.build(Mode::Incremental, &self.workers, &|_| ()))?;
        let failed = note(engine, &built, begun.elapsed());
        block_on(engine.data.retire())?;
        if let Some(error) = failed {
            return Err(error);
        }
        engine.bell.sleep(self.every.saturating_sub(begun.elapsed()));
        Ok(())
    }
}

/// Logs new versions, keeps the views' health, and returns the first view's failure.
fn note(engine: &Engine, built: &Built, took: Duration) -> Option<anabranch_core::port::Error> {
    let mut first = None;
    for (view, outcome) in &built.views {
        let part = format!("batch {view}");
        match outcome {
            Ok(outcome) => {
                engine.health.well(&part);
                if let Outcome::Published(pointer) = outcome {
                    let records = built.records;
                    let took_ms = took.as_millis();
                    log::info(
                        &part,
                        &[
                            ("version", &pointer.version),
                            ("horizon", &pointer.horizon),
                            ("records", &records),
                            ("took_ms", &took_ms),
                        ],
                    );
                }
            }
            Err(error) => {
                engine.health.failed(&part, error, engine.data.clock.now_ms());
                first.get_or_insert_with(|| error.clone());
            }
        }
    }
    first
}
