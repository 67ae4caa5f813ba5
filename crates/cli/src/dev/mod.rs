//! `anabranch dev`: the whole architecture in one process, over local stores.
//!
//! ```text
//!                       ┌─> archiver (one per shard) ─> master data set ─> builder ─> batch views ─┐
//! POST ─> ingest ─> stream                                                                         ├─> GET
//!                       └─> absorber (one per shard) ─> speed rows ────────────────────────────────┘
//!                                     settler: heartbeats, so that epochs can be sealed
//! ```
//!
//! Each box is a file here and a thread at run time; what it does with the data is core's pipeline,
//! the same that runs in the cloud. Nothing is kept in memory that is not in the stores: after
//! `kill -9` each loop goes on from its checkpoint, and a request is answered with 200 only once
//! its events are on the disk.

mod absorber;
mod archiver;
mod backend;
mod bell;
mod builder;
mod health;
mod ingest;
mod server;
mod settler;
mod task;

pub(crate) use server::{Options, Server};

use crate::data::{Data, Folder};
use crate::project;
use anabranch_core::duration;
use anabranch_core::epoch::EpochLength;
use anabranch_core::port::{Control as _, Result};
use anabranch_core::record::ShardId;
use anabranch_stores::stream::Log as _;
use anyhow::Context;
use bell::Bell;
use futures::executor::block_on;
use health::Health;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Arguments of `anabranch dev`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch dev examples/flights
  anabranch dev . --listen 0.0.0.0:4000 --data /srv/flights --batch-every 5m

What was acknowledged with 200 survives kill -9 and is in every answer exactly once. Ctrl-C stops
the server cleanly; start it again with the same data folder and it goes on.")]
pub(crate) struct Arguments {
    /// The project's folder
    project: PathBuf,
    #[command(flatten)]
    data: Folder,
    /// Where to serve HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4000")]
    listen: SocketAddr,
    /// The length of epochs, fixed for the life of the data [default: 10s, or what the data have]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    epoch: Option<Duration>,
    /// How often to build a batch version
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    batch_every: Duration,
    /// How many shards the stream has: how many cores archive and absorb at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
}

/// Runs the server until Ctrl-C or SIGTERM.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = arguments.data.of(&arguments.project);
    let server = Server::start(Options {
        project: project::load(&arguments.project)?,
        data: folder.clone(),
        listen: arguments.listen,
        epoch: arguments.epoch.map(epoch_length).transpose()?,
        batch_every: Some(arguments.batch_every),
        shards: arguments.shards,
    })?;
    // A server whose greeting nobody reads serves all the same.
    let _ = welcome(arguments, &folder, &server);
    server.wait_for_signal()?;
    server.stop();
    Ok(())
}

fn epoch_length(length: Duration) -> anyhow::Result<EpochLength> {
    let millis = u64::try_from(length.as_millis()).ok().and_then(EpochLength::from_millis);
    millis.context("the length of epochs is out of range")
}

/// Says where everything is, and what to try.
fn welcome(arguments: &Arguments, folder: &std::path::Path, server: &Server) -> io::Result<()> {
    let project = arguments.project.display();
    let url = server.url();
    let view = server.first_view();
    let mut out = io::stdout().lock();
    writeln!(out, "serving  {url}  (views: {url}/v1/views, state: {url}/v1/status)")?;
    writeln!(out, "data     {}", folder.display())?;
    writeln!(out, "\nTry:")?;
    writeln!(out, "  anabranch produce EVENTS.ndjson --to {url}")?;
    writeln!(out, "  anabranch query {project} --url {url} {view} --limit 10")?;
    writeln!(out, "  curl '{url}/v1/views/{view}?limit=10'")?;
    writeln!(out, "\nCtrl-C stops the server; nothing acknowledged is lost.")
}

/// What the server's loops share.
#[derive(Debug)]
struct Engine {
    data: Data,
    /// The shards that events are appended to.
    open_shards: Vec<ShardId>,
    /// Rung for every append and for the end.
    bell: Bell,
    health: Health,
    /// How many commits there have been, the start of the server counted as one.
    commits: AtomicU64,
    /// Up to which of them every event is known to be in a batch version of every view.
    settled: AtomicU64,
}

impl Engine {
    /// Lets the stream forget what both layers have of a shard.
    fn let_go(&self, shard: &ShardId) -> Result<()> {
        let archived = block_on(self.data.archived(shard))?;
        let absorbed = block_on(self.data.local.control.checkpoint(shard))?;
        let absorbed = absorbed.map(|checkpoint| checkpoint.sequence).unwrap_or_default();
        self.data.local.stream.trim(shard, archived.min(absorbed))
    }
}
