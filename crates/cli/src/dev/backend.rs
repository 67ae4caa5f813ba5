//! What HTTP asks of the architecture, answered by this process.

use super::Engine;
use super::ingest::Ingest;
use anabranch_core::audit;
use anabranch_core::port::{Error, Result, Workers as _};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::view::View;
use anabranch_http::{Backend, Events, Failing, Status};
use anabranch_stores::stream::Log as _;
use anabranch_stores::workers::Threads;
use futures::executor::block_on;
use std::sync::{Arc, Mutex, TryLockError};

/// The server's own stores and stream.
#[derive(Clone)]
pub(super) struct Local {
    engine: Arc<Engine>,
    ingest: Ingest,
    /// Held while an audit runs.
    auditing: Arc<Mutex<()>>,
}

impl Local {
    pub(super) fn new(engine: &Arc<Engine>, ingest: Ingest) -> Self {
        Local { engine: Arc::clone(engine), ingest, auditing: Arc::default() }
    }

    /// Runs `read` on a thread that may wait for the disk.
    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Engine) -> T + Send + 'static) -> T {
        let engine = Arc::clone(&self.engine);
        match tokio::task::spawn_blocking(move || read(&engine)).await {
            Ok(read) => read,
            Err(bug) => std::panic::resume_unwind(bug.into_panic()),
        }
    }
}

impl Backend for Local {
    fn project(&self) -> &Arc<Project> {
        &self.engine.data.project
    }

    async fn ingest(&self, events: Events) -> Result<()> {
        self.ingest.append(events).await
    }

    async fn ask(
        &self,
        view: &Arc<View>,
        parameters: &[(&str, &str)],
    ) -> std::result::Result<Answer, query::Error> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let parameters: Vec<(String, String)> = parameters.iter().map(owned).collect();
        let view = Arc::clone(view);
        self.read(move |engine| {
            let parameters: Vec<(&str, &str)> =
                parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            block_on(engine.data.ask(&view, &parameters))
        })
        .await
    }

    async fn audit(&self, options: audit::Options) -> Result<Option<audit::Report>> {
        let auditing = Arc::clone(&self.auditing);
        self.read(move |engine| {
            // One takes memory for the rows of all views, and every core but one.
            // A lock that a panic has poisoned is free all the same.
            let running = auditing.try_lock();
            if matches!(running, Err(TryLockError::WouldBlock)) {
                let (object, reason) = ("audit".to_owned(), "another one is running".to_owned());
                return Err(Error::Unavailable { object, reason });
            }
            let workers = Threads::new(Threads::available().width() - 1);
            block_on(engine.data.audit(&options, &workers, &|_| ())).map(Some)
        })
        .await
    }

    fn failing(&self) -> Vec<Failing> {
        self.engine.health.failing()
    }

    async fn status(&self) -> Result<Status> {
        self.read(|engine| {
            let data = &engine.data;
            let local = &data.local;
            let live = data.live();
            let read =
                Status::read(&live, data.length, &local.master, &local.control, &local.views);
            let mut status = block_on(read)?;
            for shard in &mut status.shards {
                if local.stream.shards().contains(&shard.shard) {
                    shard.taken = Some(local.stream.last(&shard.shard)?);
                }
            }
            Ok(status)
        })
        .await
    }
}
