//! AWS, as the commands that talk to it see it: a connection, and a runtime that drives it.
//!
//! Region and credentials come from where every tool of AWS's takes them: the environment, profiles,
//! the role of a machine.

use anabranch_stores::aws::{Connection, Options};
use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

/// A way to AWS, open until it is dropped.
pub(crate) struct Aws {
    connection: Connection,
    /// Drives the connection's sockets and timers.
    _runtime: Runtime,
}

impl Aws {
    /// Finds region and credentials.
    pub(crate) fn connect() -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.context("no threads for the connection to AWS")?;
        let connection = runtime.block_on(Connection::open(Options::default()))?;
        Ok(Aws { connection, _runtime: runtime })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}
