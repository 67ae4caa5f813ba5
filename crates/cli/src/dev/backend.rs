//! What HTTP asks of the architecture, answered by this process.

use super::Engine;
use super::ingest::Ingest;
use anabranch_core::port::Result;
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::view::View;
use anabranch_http::{Backend, Events, Failing, Status};
use anabranch_stores::stream::Log as _;
use futures::executor::block_on;
use std::sync::Arc;

/// The server's own stores and stream.
#[derive(Clone)]
pub(super) struct Local {
    engine: Arc<Engine>,
    ingest: Ingest,
}

impl Local {
    pub(super) fn new(engine: &Arc<Engine>, ingest: Ingest) -> Self {
        Local { engine: Arc::clone(engine), ingest }
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
