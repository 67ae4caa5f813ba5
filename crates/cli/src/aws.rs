//! AWS, as the commands that talk to it see it: a connection, and a runtime that drives it.
//!
//! Region and credentials come from where every tool of AWS's takes them: the environment, profiles,
//! the role of a machine.

use crate::stack::{Names, Stack};
use anabranch_core::audit::{self, Progress, Report, Request};
use anabranch_core::epoch::EpochLength;
use anabranch_core::port::Result;
use anabranch_core::project::Project;
use anabranch_stores::aws::{Connection, Control, Layout, Master, Options, Speed, Views};
use anabranch_stores::workers::Threads;
use anyhow::Context;
use futures::executor::block_on;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// A way to AWS, open until it is dropped.
pub(crate) struct Aws {
    connection: Connection,
    /// Drives the connection's sockets and timers.
    runtime: Runtime,
}

impl Aws {
    /// Finds region and credentials.
    pub(crate) fn connect() -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.context("no threads for the connection to AWS")?;
        let connection = runtime.block_on(Connection::open(Options::default()))?;
        Ok(Aws { connection, runtime })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What `future` comes to, on the runtime.
    fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// What a reader keeps of batch views.
const CACHE_BYTES: usize = 64 << 20;

/// The stores of a stack, to be read.
pub(crate) struct Stores {
    master: Master,
    speed: Speed,
    control: Control,
    views: Views,
    length: EpochLength,
    _aws: Aws,
}

impl Stores {
    /// Opens the stores of `stack`.
    pub(crate) fn open(stack: &Stack) -> anyhow::Result<Self> {
        let Names { raw_bucket, views_bucket, speed_table, control_table, epoch } =
            stack.names()?;
        let millis = u64::try_from(epoch.as_millis()).ok();
        let length = millis.and_then(EpochLength::from_millis).context("epochs of no length")?;
        let aws = Aws::connect()?;
        let to = aws.connection();
        let speed = aws.wait(Speed::open_to_read(to, &speed_table, Layout::default()))?;
        Ok(Stores {
            master: Master::new(to, &raw_bucket, &control_table, length).read_only(),
            speed,
            control: Control::new(to, &control_table),
            views: Views::new(to, &views_bucket, CACHE_BYTES),
            length,
            _aws: aws,
        })
    }

    /// Compares what the layers hold; reads and never writes.
    pub(crate) fn audit(
        &self,
        project: &Arc<Project>,
        options: &audit::Options,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Report> {
        let request = Request { project, length: self.length, options, progress };
        let workers = Threads::available();
        let Stores { master, speed, control, views, .. } = self;
        block_on(audit::audit(master, speed, control, views, &workers, &request))
    }
}
