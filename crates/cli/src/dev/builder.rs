//! The builder: a new batch version of every view, over and over.

use super::Engine;
use crate::log;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::build::{Built, Mode, Outcome};
use anabranch_core::port::{Error, Result};
use anabranch_core::query::time_of_millis;
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
        // What may pass is tried again soon; what a human has to mend, with the next version.
        if let Some(error @ Error::Unavailable { .. }) = failed {
            return Err(error);
        }
        engine.bell.sleep(self.every.saturating_sub(begun.elapsed()));
        Ok(())
    }
}

/// Logs what was built, keeps the views' health, and returns the first view's failure.
fn note(engine: &Engine, built: &Built, took: Duration) -> Option<Error> {
    let mut published = 0;
    let mut horizon = Epoch::ZERO;
    let mut failed = None;
    for (view, outcome) in &built.views {
        let part = format!("batch {view}");
        match outcome {
            Ok(Outcome::Published(pointer)) => {
                engine.health.well(&part);
                published += 1;
                horizon = pointer.horizon;
            }
            Ok(Outcome::UpToDate | Outcome::Overtaken) => engine.health.well(&part),
            Err(error) => {
                engine.health.failed(&part, error, engine.data.clock.now_ms());
                failed.get_or_insert_with(|| error.clone());
            }
        }
    }
    for (view, outcome) in &built.superseded {
        let part = format!("batch {}, definition {}", view.name, view.fingerprint);
        match outcome {
            // It was given up.
            Ok(_) | Err(Error::Corrupt { .. } | Error::NotFound { .. }) => {
                engine.health.well(&part);
            }
            Err(error) => {
                engine.health.failed(&part, error, engine.data.clock.now_ms());
                failed.get_or_insert_with(|| error.clone());
            }
        }
    }
    if published > 0 {
        let horizon = time_of_millis(engine.data.length.start_ms(horizon));
        let took_ms = took.as_millis();
        log::info(
            "batch",
            &[
                ("views", &published),
                ("horizon", &horizon),
                ("objects", &built.objects),
                ("records", &built.records),
                ("took_ms", &took_ms),
            ],
        );
    }
    failed
}
