//! The server: starts the loops and HTTP, and stops them in the right order.

use super::absorber::Absorb;
use super::archiver::Archive;
use super::backend::Local;
use super::bell::Bell;
use super::builder::Build;
use super::health::Health;
use super::ingest::Ingest;
use super::settler::Settle;
use super::{Engine, task};
use crate::data::Data;
use crate::log;
use anabranch_core::epoch::EpochLength;
use anabranch_core::project::Project;
use anabranch_core::record::ShardId;
use anyhow::Context;
use futures::executor::block_on;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// How long the loops may take to end. A batch build under way is simply left: until its last
/// moment nothing of it is visible, and the next one sweeps it up.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a server is started with.
pub(crate) struct Options {
    /// Whose events to take and views to serve.
    pub(crate) project: Arc<Project>,
    /// The data folder; made if it is not there.
    pub(crate) data: PathBuf,
    /// Where to serve HTTP; port 0 is any.
    pub(crate) listen: SocketAddr,
    /// The length of epochs, if it matters.
    pub(crate) epoch: Option<EpochLength>,
    /// How often to build a batch version; `None` waits for [`Server::build_every`].
    pub(crate) batch_every: Option<Duration>,
    /// How many shards to append to.
    pub(crate) shards: u32,
}

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    engine: Arc<Engine>,
    runtime: Runtime,
    stop_http: oneshot::Sender<()>,
    http: tokio::task::JoinHandle<std::io::Result<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens the data folder and starts everything.
    pub(crate) fn start(options: Options) -> anyhow::Result<Server> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(options.listen));
        let listener = listener.with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;

        let (engine, left_over) = block_on(open(&options))?;
        let (ingest, writer) = Ingest::start(&engine);
        let mut threads = start_loops(&engine, left_over)?;
        threads.push(writer);

        let router =
            anabranch_http::router(Local::new(&engine, ingest), anabranch_http::Options::default());
        let (stop_http, stopped) = oneshot::channel();
        let served = axum::serve(listener, router).with_graceful_shutdown(async {
            // A sender that is gone says the same.
            let _ = stopped.await;
        });
        let http = runtime.spawn(served.into_future());
        let mut server = Server { address, engine, runtime, stop_http, http, threads };
        if let Some(every) = options.batch_every {
            server.build_every(every);
        }
        Ok(server)
    }

    /// Starts the batch layer.
    pub(crate) fn build_every(&mut self, every: Duration) {
        let mut build = Build::new(every);
        self.threads.push(task::spawn(&self.engine, "batch", move |engine| build.step(engine)));
    }

    /// Whether every event is in a batch version of every view.
    pub(crate) fn is_settled(&self) -> bool {
        let settled = self.engine.settled.load(Ordering::Acquire);
        settled == self.engine.commits.load(Ordering::Acquire)
    }

    /// Where it serves.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The name of a view, for examples.
    pub(crate) fn first_view(&self) -> &str {
        let project = &self.engine.data.project;
        &project.user_views().first().unwrap_or(project.records_view()).name
    }

    /// Waits for Ctrl-C or SIGTERM.
    pub(crate) fn wait_for_signal(&self) -> anyhow::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        self.runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => interrupted,
                _ = terminate.recv() => Ok(()),
            }
        })?;
        Ok(())
    }

    /// Stops taking requests, commits what has been taken, and ends the loops.
    pub(crate) fn stop(self) {
        log::info("server", &[("stopping", &self.url())]);
        let until = Instant::now() + PATIENCE;
        let _ = self.stop_http.send(());
        let http = async { tokio::time::timeout(PATIENCE, self.http).await };
        // Connections that are still open then are cut; the writer ends with the last of them.
        let _ = self.runtime.block_on(http);
        self.runtime.shutdown_timeout(until.saturating_duration_since(Instant::now()));
        self.engine.bell.stop();
        while Instant::now() < until && !self.threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Opens the folder; returns also the shards that nobody appends to any more.
async fn open(options: &Options) -> anyhow::Result<(Arc<Engine>, Vec<ShardId>)> {
    let project = Arc::clone(&options.project);
    let data = Data::create(project, &options.data, options.epoch, options.shards).await?;
    let open_shards = data.open_shards(options.shards as usize).await?;
    let mut left_over = data.stream_shards().await?;
    left_over.retain(|shard| !open_shards.contains(shard));
    let engine = Engine {
        data,
        open_shards,
        bell: Bell::default(),
        health: Health::default(),
        commits: AtomicU64::new(1),
        settled: AtomicU64::new(0),
    };
    Ok((Arc::new(engine), left_over))
}

fn start_loops(
    engine: &Arc<Engine>,
    left_over: Vec<ShardId>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    for shard in block_on(engine.data.stream_shards())? {
        let mut archive = Archive::new(shard.clone());
        let name = format!("archive {shard}");
        threads.push(task::spawn(engine, name, move |engine| archive.step(engine)));
        let name = format!("absorb {shard}");
        let mut absorb = Absorb::new(engine, shard);
        threads.push(task::spawn(engine, name, move |engine| absorb.step(engine)));
    }
    let mut settle = Settle::new(left_over);
    threads.push(task::spawn(engine, "settle", move |engine| settle.step(engine)));
    Ok(threads)
}
