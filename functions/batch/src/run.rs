//! One invocation, from its event to its metrics.

use crate::Batch;
use crate::definitions::note;
use crate::due::Due;
use crate::event::Action;
use crate::outside::{GivenUp, Shards, Sizes};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::build::{self, Built, Mode, Outcome, Request};
use anabranch_core::pipeline::deploy;
use anabranch_core::port::{Control, Jobs, Result, SpeedStore, ViewStore, Workers};
use anabranch_core::project::Project;
use anabranch_host::{Invocation, Log, Metrics, Unit, now_ms};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// What an invocation did, for whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Views of which a new version serves.
    pub published: u64,
    /// Views of which no version could be built.
    pub failed: u64,
    /// Every epoch below is complete in the master data set.
    pub sealed: u64,
    /// Heartbeats that were sent.
    pub heartbeats: usize,
    /// Batches that Lambda had given up and that are archived now.
    pub redriven: u64,
    /// Such batches that wait.
    pub waiting: u64,
    /// The run of a job that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// How a build is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Here, up to this horizon.
    Native(Epoch),
    /// By the job.
    Job,
}

impl<M, S, C, V, T, G, J> Batch<M, S, C, V, T, G, J>
where
    M: Sizes,
    S: SpeedStore,
    C: Control,
    V: ViewStore,
    T: Shards,
    G: GivenUp,
    J: Jobs,
{
    /// Does what an event asks for.
    ///
    /// # Errors
    /// Those of the ports, whatever was done before. The next invocation goes on.
    pub async fn handle(
        &self,
        invocation: &Invocation,
        action: &Action,
        workers: &impl Workers,
    ) -> Result<Report> {
        let log = &invocation.log;
        let mode = match action {
            Action::Tick => None,
            Action::Build(mode) => Some(*mode),
            Action::JobEnded { run, state, message } => {
                let fields = json!({"run": run, "state": state, "reason": message});
                match state.as_str() {
                    "SUCCEEDED" => log.info("the job has ended", fields),
                    _ => log.error("the job has failed", fields),
                }
                None
            }
        };
        let live = self.deploy(log).await?;
        self.reshard(log, &live).await?;
        let redriven = self.redrive(log, &invocation.deadline).await?;
        let mut heartbeats = self.keep_alive().await?;
        let due = self.look(&live, mode.is_some()).await?;
        heartbeats += due.heartbeats;
        let mut report = Report {
            sealed: due.sealed.0,
            heartbeats,
            redriven: redriven.batches,
            waiting: redriven.waiting,
            ..Report::default()
        };
        let metrics = Metrics::new(&self.settings.stream)
            .with("Heartbeats", Unit::Count, heartbeats)
            .with("Redriven", Unit::Count, redriven.batches)
            .with("GivenUpWaiting", Unit::Count, redriven.waiting)
            .with("HorizonLag", Unit::Milliseconds, due.lag_ms);
        log.metrics(&metrics);
        if due.build && due.sealed > Epoch::ZERO {
            let mode = mode.unwrap_or(Mode::Incremental);
            self.build(invocation, &live, due, mode, workers, &mut report).await?;
        }
        // The definitions that a build has let go of are not in the stores any more, and not looked at.
        self.settle(log, &live).await?;
        Ok(report)
    }

    /// Builds, here or by the job.
    async fn build(
        &self,
        invocation: &Invocation,
        live: &Arc<Project>,
        due: Due,
        mode: Mode,
        workers: &impl Workers,
        report: &mut Report,
    ) -> Result<()> {
        let log = &invocation.log;
        if let Some(jobs) = &self.jobs
            && let Some(run) = jobs.running().await?
        {
            log.info("a build is under way elsewhere", json!({"run": run}));
            return Ok(());
        }
        if invocation.deadline.is_over() {
            log.warn("no time is left to build", json!({"sealed": due.sealed.0}));
            return Ok(());
        }
        match self.way(log, due, mode).await? {
            Way::Job => {
                let jobs = self.jobs.as_ref().expect("only a job that there is is chosen");
                let mode = if mode == Mode::Full { "full" } else { "incremental" };
                let arguments = [("horizon", due.sealed.0.to_string()), ("mode", mode.to_owned())];
                let run = jobs.start(&arguments).await?;
                log.info(
                    "started the job",
                    json!({"run": run, "horizon": due.sealed.0, "mode": mode}),
                );
                report.job = Some(run);
            }
            Way::Native(horizon) => {
                let begun = Instant::now();
                let request = Request {
                    project: live,
                    horizon,
                    mode,
                    build: &build_name(),
                    now_ms: now_ms(),
                    progress: &|_| {},
                };
                let built =
                    build::build(&self.master, &self.control, &self.views, workers, &request)
                        .await?;
                let left = deploy::let_go_of_unreadable(live, &built, &self.control).await?;
                note(log, &left.changes);
                self.tell(log, horizon, &built, begun, report);
                build::retire(&left.project, &self.views, &self.speed).await?;
            }
        }
        Ok(())
    }

    /// Where a build runs, and how far it reaches.
    ///
    /// What is too much for one run here is the job's. Where there is none, a run takes as many epochs
    /// as fit, one at the least, and publishes them: the next one goes on from there.
    async fn way(&self, log: &Log, due: Due, mode: Mode) -> Result<Way> {
        let from = if mode == Mode::Full { Epoch::ZERO } else { due.from };
        let bytes = self.master.bytes(from..due.sealed).await?;
        let (total, most) = (bytes.values().sum::<u64>(), self.settings.native_max_bytes);
        log.info("to build", json!({"bytes": total, "from": from.0, "horizon": due.sealed.0}));
        if total <= most {
            return Ok(Way::Native(due.sealed));
        }
        if self.jobs.is_some() {
            return Ok(Way::Job);
        }
        let horizon = match mode {
            // A version that lies before the one that serves would not be published.
            Mode::Full => due.sealed,
            Mode::Incremental => reach(&bytes, most, due.sealed),
        };
        log.warn(
            "there is more to build than one run should take, and no job for it",
            json!({"bytes": total, "nativeMaxBytes": most, "horizon": horizon.0, "sealed": due.sealed.0,
                   "reason": "ANABRANCH_GLUE_JOB is not set"}),
        );
        Ok(Way::Native(horizon))
    }

    /// Says what became of each view.
    fn tell(&self, log: &Log, horizon: Epoch, built: &Built, begun: Instant, report: &mut Report) {
        let superseded = built.superseded.iter().map(|(view, outcome)| (&view.name, outcome));
        let own = built.views.iter().map(|(view, outcome)| (view, outcome));
        for (view, outcome) in own.chain(superseded) {
            match outcome {
                Ok(Outcome::Published(_)) => report.published += 1,
                Ok(Outcome::UpToDate) => {}
                Ok(Outcome::Overtaken) => {
                    log.info("another build was first", json!({"view": view}))
                }
                Err(error) => {
                    report.failed += 1;
                    let reason = error.to_string();
                    log.error("a view was not built", json!({"view": view, "reason": reason}));
                }
            }
        }
        let metrics = Metrics::new(&self.settings.stream)
            .with("Published", Unit::Count, report.published)
            .with("FailedBuilds", Unit::Count, report.failed)
            .with("BuildObjects", Unit::Count, built.objects)
            .with("BuildRecords", Unit::Count, built.records)
            .with("BuildTime", Unit::Milliseconds, begun.elapsed().as_millis())
            .with("Horizon", Unit::None, horizon.0);
        log.metrics(&metrics);
    }
}

/// The horizon up to which epochs have at most `most` bytes; behind the first one in any case.
fn reach(bytes: &std::collections::BTreeMap<Epoch, u64>, most: u64, sealed: Epoch) -> Epoch {
    let mut sum = 0u64;
    let over =
        bytes.iter().skip_while(|(_, bytes)| **bytes == 0).enumerate().find(|(at, (_, bytes))| {
            sum += **bytes;
            sum > most && *at > 0
        });
    over.map_or(sealed, |(_, (epoch, _))| *epoch)
}

/// A name that no other build has: that of the moment, and of this process's environment.
fn build_name() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // Seeded anew by the system for every call.
    let unique = RandomState::new().hash_one(std::process::id());
    format!("{:x}-{unique:x}", now_ms())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_reaches_as_far_as_fits_and_over_one_epoch_at_least() {
        let bytes =
            [(3, 10), (4, 10), (7, 100), (8, 1)].map(|(epoch, bytes)| (Epoch(epoch), bytes));
        let reached = |most| reach(&bytes.into(), most, Epoch(9)).0;
        assert_eq!([1, 10, 19, 20, 119, 120, 121].map(reached), [4, 4, 4, 7, 7, 8, 9]);
    }

    #[test]
    fn no_two_builds_have_one_name() {
        assert_ne!(build_name(), build_name());
    }
}
