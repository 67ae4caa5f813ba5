//! One run of the batch layer over a data folder.

use super::Data;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::build::{self, Built, Mode, Progress, Request};
use anabranch_core::pipeline::{deploy, seal};
use anabranch_core::port::{Result, Workers};
use std::sync::atomic::{AtomicU32, Ordering};

/// A name that no other build of the folder has.
fn new_build_name(now_ms: i64) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{now_ms:x}-{:x}-{count:x}", std::process::id())
}

impl Data {
    /// Builds the next version of every live view, up to what is sealed.
    pub(crate) async fn build(
        &self,
        mode: Mode,
        workers: &impl Workers,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Built> {
        let now_ms = self.clock.now_ms();
        let local = &self.local;
        let horizon = seal::sealed(&local.master, &local.control).await?;
        if horizon == Epoch::ZERO {
            // Nothing has been sealed yet: an empty version would say nothing.
            return Ok(Built::default());
        }
        let live = self.live();
        let request = Request {
            project: &live,
            horizon,
            mode,
            build: &new_build_name(now_ms),
            now_ms,
            progress,
        };
        let built =
            build::build(&local.master, &local.control, &local.views, workers, &request).await?;
        self.note(deploy::let_go_of_unreadable(&live, &built, &local.control).await?);
        Ok(built)
    }

    /// Removes what only versions before the previous ones needed, and definitions that nobody
    /// needs any more.
    pub(crate) async fn retire(&self) -> Result<()> {
        build::retire(&self.live(), &self.local.views, &self.local.speed).await?;
        self.settle().await
    }
}
