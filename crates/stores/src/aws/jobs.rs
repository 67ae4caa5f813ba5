//! Runs of a job of Glue.

use super::connection::Connection;
use super::error::failed;
use super::runtime::Runtime;
use anabranch_core::port::{self, Error, Result};
use aws_sdk_glue::Client;
use aws_sdk_glue::types::JobRunState;

/// Runs that are looked at; the newest come first.
const RUNS: i32 = 20;

/// The runs of one job.
#[derive(Debug, Clone)]
pub struct Jobs {
    client: Client,
    runtime: Runtime,
    job: String,
}

impl Jobs {
    /// The runs of `job`, which is there.
    pub fn new(connection: &Connection, job: &str) -> Self {
        let (client, runtime) = (Client::new(connection.sdk()), connection.runtime());
        Jobs { client, runtime, job: job.to_owned() }
    }

    fn object(&self) -> String {
        format!("Glue job {}", self.job)
    }
}

impl port::Jobs for Jobs {
    async fn running(&self) -> Result<Option<String>> {
        let runs = self.client.get_job_runs().job_name(&self.job).max_results(RUNS).send();
        let runs = self.runtime.run(runs).await.map_err(|e| failed(self.object(), &e))?;
        let is_over = |state: &JobRunState| {
            matches!(
                state,
                JobRunState::Error
                    | JobRunState::Expired
                    | JobRunState::Failed
                    | JobRunState::Stopped
                    | JobRunState::Succeeded
                    | JobRunState::Timeout
            )
        };
        let mut runs = runs.job_runs.unwrap_or_default().into_iter();
        // A state that is not known here is taken for one of a run that goes on.
        let running = runs.find(|run| !run.job_run_state.as_ref().is_some_and(is_over));
        Ok(running.map(|run| run.id.unwrap_or_default()))
    }

    async fn start(&self, arguments: &[(&str, String)]) -> Result<String> {
        let mut start = self.client.start_job_run().job_name(&self.job);
        for (name, value) in arguments {
            start = start.arguments(format!("--{name}"), value);
        }
        let started =
            self.runtime.run(start.send()).await.map_err(|e| failed(self.object(), &e))?;
        let none = || Error::corrupt(self.object(), "a run without a name was started");
        started.job_run_id.ok_or_else(none)
    }
}
