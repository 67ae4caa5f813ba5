//! One audit of a data folder.

use super::Data;
use anabranch_core::audit::{self, Options, Progress, Report, Request};
use anabranch_core::port::{Result, Workers};

impl Data {
    /// Compares what the layers hold; reads and never writes.
    pub(crate) async fn audit(
        &self,
        options: &Options,
        workers: &impl Workers,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Report> {
        let request = Request { project: &self.project, length: self.length, options, progress };
        let local = &self.local;
        audit::audit(&local.master, &local.speed, &local.control, &local.views, workers, &request)
            .await
    }
}
