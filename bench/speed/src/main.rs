//! The speed layer from the event that Lambda hands over to the requests that DynamoDB gets.
//!
//! ```text
//! make    events (a line each) ─> deliveries: files of Lambda's JSON, by rate, shards and window
//! encode  deliveries ─> the shipping envelope and absorber ─> PutItem requests, encoded and dropped
//! puts    the same ─> the shipping store ─> AWS's SDK ─> HTTP ─> sink
//! sink    a server that takes every put, and counts units as DynamoDB would
//! units   events ─> deliveries ─> absorber ─> write units per view, and those of a put per event
//! ```
//!
//! Each prints one line of JSON. CPU seconds are those of the whole process from the first delivery
//! to the last, with the files already in memory; a first pass over the same deliveries is not
//! counted.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod deliveries;
mod item;
mod meter;
#[cfg(feature = "aws")]
mod puts;
mod sink;
mod speed;
mod units;

use anabranch_core::project::Project;
use anabranch_core::sql::Source;
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;

const USAGE: &str = "usage: make EVENTS DIR RATE SHARDS WINDOW_S | encode PROJECT DIR | puts PROJECT DIR URL | sink | units PROJECT EVENTS RATE SHARDS WINDOW_S [COLUMN]";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", events, dir, rate, shards, window] => {
            let cut = deliveries::Cut::parse(rate, shards, window, None)?;
            deliveries::make(Path::new(events), Path::new(dir), &cut)
        }
        ["encode", project, dir] => speed::encode(&load(project)?, Path::new(dir)),
        #[cfg(feature = "aws")]
        ["puts", project, dir, url] => puts::run(&load(project)?, Path::new(dir), url),
        ["sink"] => sink::run(),
        ["units", project, events, rate, shards, window, column @ ..] => {
            let cut = deliveries::Cut::parse(rate, shards, window, column.first().copied())?;
            units::run(&load(project)?, Path::new(events), &cut)
        }
        _ => anyhow::bail!(USAGE),
    }
}

fn load(folder: &str) -> anyhow::Result<Arc<Project>> {
    let read = |path: &Path| -> anyhow::Result<Source> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
        Ok(Source { name, text })
    };
    let folder = Path::new(folder);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder.join("views"))? {
        paths.push(entry?.path());
    }
    paths.sort();
    let views: Vec<Source> = paths.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?;
    let project = Project::compile(&read(&folder.join("schema.sql"))?, &views);
    Ok(Arc::new(project.map_err(|errors| {
        anyhow::anyhow!(errors.iter().map(|error| error.render(false)).collect::<String>())
    })?))
}
