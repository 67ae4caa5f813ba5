//! `anabranch fold`: folds events in memory and says how fast that was. For benchmarks; hidden.
//!
//! This is what a batch build does between reading and writing: the same decoder, the same fold,
//! the same merge of what the cores have. Sums over the columns of the result let a benchmark
//! check that everybody folded the same.

mod chunks;
mod stream;

use crate::data::Data;
use crate::failure::invalid;
use crate::input::is_compressed;
use crate::project;
use anabranch_core::column::Column;
use anabranch_core::epoch::Epoch;
use anabranch_core::fold::Fold;
use anabranch_core::port::{Fields, MasterDataSet as _};
use anabranch_core::project::{ACCEPTED, Project};
use anabranch_core::record::{Record, SequenceNumber};
use anabranch_core::table::Table;
use anabranch_core::types::{Type, Value};
use anyhow::Context;
use bumpalo::Bump;
use chunks::Chunks;
use futures::executor::block_on;
use serde_json::{Map, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use stream::Stream;

/// Arguments of `anabranch fold`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch fold examples/clickstream --view site_traffic events.ndjson
  anabranch fold examples/clickstream --view pages --view sales --raw data/raw")]
pub(crate) struct Arguments {
    /// The project's folder
    project: PathBuf,
    /// Fold this view; may be repeated
    #[arg(long = "view", value_name = "VIEW", required = true)]
    views: Vec<String>,
    /// NDJSON files, plain or .gz, .zst, .xz
    #[arg(value_name = "FILE", required_unless_present = "raw")]
    files: Vec<PathBuf>,
    /// Fold the objects of a data folder's raw/ instead
    #[arg(long, value_name = "DIR", conflicts_with = "files")]
    raw: Option<PathBuf>,
    /// How many cores to use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let project = only(&*project::load(&arguments.project)?, &arguments.views)?;
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.map_or(available, usize::from);
    let begun = Instant::now();
    let tables = match &arguments.raw {
        Some(raw) => fold_raw(&project, raw, threads)?,
        None => fold_files(&project, &arguments.files, threads)?,
    };
    let seconds = begun.elapsed().as_secs_f64();
    report(&project, &tables, threads, seconds)
}

/// The project with no views but those named.
fn only(project: &Project, names: &[String]) -> anyhow::Result<Arc<Project>> {
    for name in names {
        if project.view(name).is_none() {
            return Err(invalid(format!("there is no view `{name}`")));
        }
    }
    let built_in = project.records_view().fingerprint;
    let mut project = project.clone();
    project.views.retain(|view| {
        view.fingerprint == built_in
            || names.iter().any(|name| name.eq_ignore_ascii_case(&view.name))
    });
    Ok(Arc::new(project))
}

fn fold_files(
    project: &Arc<Project>,
    files: &[PathBuf],
    threads: usize,
) -> anyhow::Result<Vec<Table>> {
    let (compressed, plain): (Vec<PathBuf>, Vec<PathBuf>) =
        files.iter().cloned().partition(|path| is_compressed(path));
    let chunks = Chunks::new(&plain)?;
    let stream = Stream::open(&compressed)?;
    let tables = on_threads(project, threads, |fold| {
        chunks.for_each(|text| fold_lines(fold, text))?;
        stream.for_each(|text| fold_lines(fold, text));
        Ok(())
    })?;
    stream.finish()?;
    Ok(tables)
}

/// Folds the lines of `text`.
fn fold_lines(fold: &mut Fold, text: &[u8]) {
    let record = |(_, line): (usize, std::ops::Range<usize>)| Record {
        sequence: SequenceNumber::ZERO,
        arrival_ms: 0,
        partition_key: "",
        payload: &text[line],
    };
    let records: Vec<Record<'_>> = anabranch_http::lines(text).map(record).collect();
    fold.fold(&records);
}

fn fold_raw(project: &Arc<Project>, raw: &Path, threads: usize) -> anyhow::Result<Vec<Table>> {
    let folder = raw.parent().context("the folder raw/ lies in a data folder")?;
    let data = block_on(Data::inspect(Arc::clone(project), folder))?;
    let mut objects = block_on(data.local.master.objects(Epoch::ZERO..Epoch(u64::MAX)))?;
    // The largest first, so that no core is left with a large one at the end.
    objects.sort_by_key(|object| std::cmp::Reverse(object.records));
    let next = AtomicUsize::new(0);
    on_threads(project, threads, |fold| {
        while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut visit = |records: &[Record<'_>]| fold.fold(records);
            block_on(data.local.master.scan(object, Fields::Fold, &mut visit))?;
        }
        Ok(())
    })
}

/// Runs `work` on every thread with a fold of its own, and merges what they have.
fn on_threads(
    project: &Arc<Project>,
    threads: usize,
    work: impl Fn(&mut Fold) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Vec<Table>> {
    let one = || {
        let mut fold = Fold::new(project);
        work(&mut fold)?;
        Ok(fold.take())
    };
    let parts: Vec<anyhow::Result<Vec<Table>>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running.into_iter().map(|thread| thread.join().expect("a fold does not panic")).collect()
    });
    let mut merged: Vec<Table> = Vec::new();
    for part in parts {
        let part = part?;
        if merged.is_empty() {
            merged = part;
        } else {
            for (sum, table) in merged.iter_mut().zip(&part) {
                sum.merge_table(table)?;
            }
        }
    }
    Ok(merged)
}

fn report(project: &Project, tables: &[Table], threads: usize, seconds: f64) -> anyhow::Result<()> {
    let (records, tables) = tables.split_last().expect("the built-in view");
    let (accepted, events) = counts(records)?;
    let views: Map<String, serde_json::Value> = tables
        .iter()
        .map(|table| {
            let summary = json!({ "rows": table.len(), "sums": sums(table) });
            (table.view().name.clone(), summary)
        })
        .collect();
    let report = json!({
        "table": project.schema.table,
        "events": events,
        "rejected": events - accepted,
        "threads": threads,
        "seconds": seconds,
        "events_per_second": (events as f64 / seconds).round(),
        "views": views,
    });
    Ok(writeln!(io::stdout(), "{report:#}")?)
}

/// How many records were accepted, and how many there were.
fn counts(records: &Table) -> anyhow::Result<(u64, u64)> {
    let arena = Bump::new();
    let groups: Vec<u32> = (0..records.len() as u32).collect();
    let (keys, _) = records.key_columns(&groups, &arena)?;
    let counts = records.measures(&groups, &arena);
    let (mut accepted, mut all) = (0, 0);
    for row in 0..groups.len() {
        let Value::BigInt(count) = counts[0].value(row) else { continue };
        all += count as u64;
        if keys[0].value(row) == Value::Varchar(ACCEPTED.to_owned()) {
            accepted += count as u64;
        }
    }
    Ok((accepted, all))
}

/// The sum of every column of whole or decimal numbers, as text: exact, whatever reads it.
fn sums(table: &Table) -> Map<String, serde_json::Value> {
    const GROUPS: usize = 4096;
    let measures = &table.view().measures;
    let mut sums = vec![0i128; measures.len()];
    let groups: Vec<u32> = (0..table.len() as u32).collect();
    let mut arena = Bump::new();
    for groups in groups.chunks(GROUPS) {
        for (sum, column) in sums.iter_mut().zip(table.measures(groups, &arena)) {
            *sum += total(&column);
        }
        arena.reset();
    }
    let summed = |ty: Type| matches!(ty, Type::BigInt | Type::Decimal { .. });
    let named = measures.iter().zip(sums).filter(|(measure, _)| summed(measure.expr.ty));
    named.map(|(measure, sum)| (measure.name.clone(), json!(sum.to_string()))).collect()
}

/// The sum of a column; a DECIMAL counts in units of its last digit.
fn total(column: &Column<'_>) -> i128 {
    let value = |row| match column.value(row) {
        Value::BigInt(value) => i128::from(value),
        Value::Decimal(unscaled) => unscaled,
        _ => 0,
    };
    (0..column.len()).map(value).sum()
}
