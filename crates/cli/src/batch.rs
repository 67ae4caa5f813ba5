//! `anabranch batch`: a batch version of every view, now, over everything that was acknowledged.
//!
//! ```text
//! stream ─> archive ─> seal (heartbeats in the next epoch) ─> absorb ─> build ─> table
//! ```

use crate::data::{Data, Folder};
use crate::output::{Format, Grid};
use crate::{progress, project};
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::build::{Built, Mode, Outcome, Progress};
use anabranch_core::port::{self, Manifest, ViewStore as _};
use anabranch_core::query::{Every, Query};
use anabranch_core::view::View;
use anabranch_stores::workers::Threads;
use futures::executor::block_on;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `anabranch batch`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch batch examples/flights                      # what has come since the last version
  anabranch batch examples/flights --full               # all of history again: the cure for human error
  anabranch batch . --data /srv/flights --format json

Every record that was acknowledged is in the new versions. Nothing changes for readers until a
version is complete; a run that is killed leaves the old ones serving and is simply run again.
A server that uses the data folder builds by itself, every --batch-every.")]
pub(crate) struct Arguments {
    /// The project's folder
    project: PathBuf,
    #[command(flatten)]
    data: Folder,
    /// Build from the whole master data set, not on top of the previous versions
    #[arg(long)]
    full: bool,
    /// How to print the versions
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let project = project::load(&arguments.project)?;
    block_on(async {
        let data = Data::open(project, &arguments.data.of(&arguments.project)).await?;
        let mode = if arguments.full { Mode::Full } else { Mode::Incremental };
        build(&data, mode, arguments.format).await
    })
}

/// Builds over everything acknowledged, and prints the versions there are then.
pub(crate) async fn build(data: &Data, mode: Mode, format: Format) -> anyhow::Result<()> {
    data.archive_all().await?;
    seal_all(data, mode).await?;
    data.absorb_all().await?;

    let bar = progress::count(0, "");
    let show = |progress| {
        let (message, done, total) = match progress {
            Progress::Folded { records, total } => ("folding records", records, total),
            Progress::Written { parts, total } => ("writing parts  ", parts, total),
        };
        bar.set_message(message);
        bar.set_length(total);
        bar.set_position(done);
    };
    let built = data.build(mode, &Threads::available(), &show).await;
    bar.finish_and_clear();
    let built = built?;
    data.retire().await?;
    // Nobody else reads the folder: definitions that have just been retired can go at once.
    data.retire().await?;
    report(data, &built, format).await
}

/// Seals every epoch that holds an event, by beginning the next one.
async fn seal_all(data: &Data, mode: Mode) -> port::Result<()> {
    let mut newest = data.newest_uncovered().await?;
    if mode == Mode::Full {
        // A full build takes the place of versions whose horizons it must reach.
        newest = newest.max(data.newest_epoch().await?.0.checked_sub(1).map(Epoch));
    }
    let Some(newest) = newest else { return Ok(()) };
    let now_ms = data.clock.now_ms().max(data.length.start_ms(newest.next()));
    if !data.seal_past(newest, now_ms).await? {
        data.archive_all().await?;
    }
    Ok(())
}

async fn report(data: &Data, built: &Built, format: Format) -> anyhow::Result<()> {
    let mut grid = Grid::new(["view", "version", "horizon", "records", "rows", "bytes", "build"]);
    let mut failed = Vec::new();
    for view in &data.project.views {
        let outcome = built.views.iter().find(|(name, _)| *name == view.name);
        let outcome = match outcome.map(|(_, outcome)| outcome) {
            Some(Ok(Outcome::Published(_))) => "new".to_owned(),
            Some(Ok(Outcome::UpToDate)) | None => "up to date".to_owned(),
            Some(Ok(Outcome::Overtaken)) => "overtaken by another build".to_owned(),
            Some(Err(error)) => {
                failed.push(view.name.as_str());
                format!("failed: {error}")
            }
        };
        let manifest = current(data, view).await;
        grid.push(row(data, view, manifest, outcome));
    }
    grid.print(format)?;
    if format == Format::Table {
        let (accepted, rejected) = counts(data).await?;
        writeln!(
            io::stdout(),
            "\nread {} records in {} objects; {accepted} accepted and {rejected} rejected in all",
            built.records,
            built.objects
        )?;
    }
    anyhow::ensure!(failed.is_empty(), "not built: {}", failed.join(", "));
    Ok(())
}

/// The manifest of a view's current version.
async fn current(data: &Data, view: &View) -> port::Result<Option<Arc<Manifest>>> {
    let views = &data.local.views;
    match views.pointer(view.fingerprint).await? {
        Some(pointer) => views.manifest(view.fingerprint, &pointer).await.map(Some),
        None => Ok(None),
    }
}

fn row(
    data: &Data,
    view: &View,
    manifest: port::Result<Option<Arc<Manifest>>>,
    outcome: String,
) -> Vec<Value> {
    let name = json!(view.name);
    let Ok(Some(manifest)) = manifest else {
        let none = || Value::Null;
        let outcome = if manifest.is_err() { json!(outcome) } else { json!("no events yet") };
        return vec![name, none(), none(), none(), none(), none(), outcome];
    };
    let horizon = jiff::Timestamp::from_millisecond(data.length.start_ms(manifest.horizon));
    let finest = manifest.parts.iter().map(|part| part.id.resolution).min();
    let finest = manifest.parts.iter().filter(|part| Some(part.id.resolution) == finest);
    vec![
        name,
        json!(manifest.version),
        horizon.map_or(Value::Null, |horizon| json!(horizon.to_string())),
        json!(manifest.records),
        json!(finest.map(|part| part.rows).sum::<u64>()),
        json!(manifest.parts.iter().map(|part| part.bytes).sum::<u64>()),
        json!(outcome),
    ]
}

/// How many records were accepted and how many rejected.
async fn counts(data: &Data) -> port::Result<(u64, u64)> {
    let query = Query { every: Some(Every::All), group_by: Some(Vec::new()), ..Query::default() };
    let receipt = data.answer(data.project.records_view(), &query).await?.receipt;
    Ok((receipt.accepted, receipt.rejected))
}
