//! A project's data folder, opened: the stores, and what the commands that write to it share.
//!
//! ```text
//! open, mend, deploy ─> shards (which may be appended to) ─> drain (stream into both layers) ─> seal ─> build
//! ```
//!
//! `dev` does these steps side by side and without end; `batch` and `import` do them once.

mod audit;
mod build;
mod definitions;
mod drain;
mod frontier;
pub(crate) mod ledger;
mod mend;
mod shards;

pub(crate) use drain::delivery;
use shards::append_heartbeats;

use crate::clock::Clock;
use crate::failure::invalid;
use anabranch_core::epoch::EpochLength;
use anabranch_core::port::Result;
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer, Query};
use anabranch_core::view::View;
use anabranch_stores::local::{Local, Options};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

/// Where the data are, as every command takes it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Folder {
    /// The data folder [default: PROJECT/.anabranch]
    #[arg(long = "data", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Folder {
    /// The folder given, or the one of `project`.
    pub(crate) fn of(&self, project: &Path) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| project.join(".anabranch"))
    }
}

/// An open data folder, this process's own until it is dropped.
#[derive(Debug)]
pub(crate) struct Data {
    /// Whose events and views these are.
    pub(crate) project: Arc<Project>,
    /// The same project with the superseded definitions that serve on, which become fewer.
    live: RwLock<Arc<Project>>,
    /// The stores.
    pub(crate) local: Local,
    /// The length of its epochs.
    pub(crate) length: EpochLength,
    /// Stamps what is appended.
    pub(crate) clock: Clock,
}

impl Data {
    /// Opens a folder that is there, and deploys the project to it.
    pub(crate) async fn open(project: Arc<Project>, folder: &Path) -> anyhow::Result<Self> {
        let data = Self::inspect(project, folder).await?;
        data.deploy().await?;
        Ok(data)
    }

    /// Opens a folder that is there to read its records: what is deployed stays so.
    pub(crate) async fn inspect(project: Arc<Project>, folder: &Path) -> anyhow::Result<Self> {
        let mut data = Self::open_as_it_is(project, folder)?;
        data.prepare(folder).await?;
        Ok(data)
    }

    /// Opens a folder that is there and puts nothing right, to look at it.
    pub(crate) fn open_as_it_is(project: Arc<Project>, folder: &Path) -> anyhow::Result<Self> {
        if !folder.join("format.json").is_file() {
            return Err(invalid(format!(
                "{}: no data here; `anabranch dev` and `anabranch import` make some, and `--data` says where",
                folder.display()
            )));
        }
        Self::open_stores(project, folder, None, 1)
    }

    /// Opens a folder, makes it if it is not there, and deploys the project to it. `length` is that
    /// of its epochs, if it matters; `shards` is how many the stream has at least.
    pub(crate) async fn create(
        project: Arc<Project>,
        folder: &Path,
        length: Option<EpochLength>,
        shards: u32,
    ) -> anyhow::Result<Self> {
        let mut data = Self::open_stores(project, folder, length, shards)?;
        data.prepare(folder).await?;
        data.deploy().await?;
        Ok(data)
    }

    fn open_stores(
        project: Arc<Project>,
        folder: &Path,
        length: Option<EpochLength>,
        shards: u32,
    ) -> anyhow::Result<Self> {
        let length = match length {
            Some(length) => length,
            None => Local::epoch_length(folder)?.unwrap_or_else(new_epoch_length),
        };
        let local = Local::open(folder, Options { epoch_length: length, shards })?;
        let live = RwLock::new(Arc::clone(&project));
        Ok(Data { project, live, local, length, clock: Clock::from(i64::MIN) })
    }

    /// Puts right what has been lost, and sets the clock behind what has been stamped.
    async fn prepare(&mut self, folder: &Path) -> anyhow::Result<()> {
        self.mend(folder).await?;
        self.clock = Clock::from(self.newest_arrival_ms().await?);
        Ok(())
    }
}

impl Data {
    /// Answers a query on one of the project's own definitions from what both layers have.
    pub(crate) async fn answer(&self, view: &Arc<View>, query: &Query) -> Result<Answer> {
        let Local { views, speed, control, .. } = &self.local;
        query::answer(&self.project, view, query, self.length, views, speed, control).await
    }

    /// Answers a question on a view from the definition that serves.
    pub(crate) async fn ask(
        &self,
        view: &Arc<View>,
        parameters: &[(&str, &str)],
    ) -> std::result::Result<Answer, query::Error> {
        let Local { views, speed, control, .. } = &self.local;
        query::ask(&self.live(), view, parameters, self.length, views, speed, control).await
    }
}

/// The length of epochs where there are no data yet and none is asked for: 10 seconds.
fn new_epoch_length() -> EpochLength {
    EpochLength::from_millis(10_000).expect("above zero")
}
