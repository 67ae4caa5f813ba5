//! `anabranch check`: whether a project compiles, and what is in it.

use crate::output::{Format, Grid};
use crate::project;
use anabranch_core::resolution::width_name;
use anabranch_core::view::View;
use serde_json::Value;
use std::io::{self, Write};
use std::path::PathBuf;

/// Arguments of `anabranch check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch check examples/flights
  anabranch check . && git commit           # exit code 2 if it does not compile

Every error of every file is reported, with its line and what is allowed instead.")]
pub(crate) struct Arguments {
    /// The project's folder: schema.sql and views/*.sql
    project: PathBuf,
    /// How to print the views
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let project = project::load(&arguments.project)?;
    let views = project.user_views();
    if arguments.format == Format::Table {
        let schema = &project.schema;
        let event_time = schema.columns[schema.event_time].path.join(".");
        writeln!(
            io::stdout(),
            "{}: table {} with {} columns, event time {event_time}, and {} view{}\n",
            arguments.project.display(),
            schema.table,
            schema.columns.len(),
            views.len(),
            if views.len() == 1 { "" } else { "s" },
        )?;
    }
    let mut grid = Grid::new(["view", "keys", "bucket", "measures"]);
    views.iter().for_each(|view| grid.push(row(view)));
    Ok(grid.print(arguments.format)?)
}

fn row(view: &View) -> Vec<Value> {
    let keys: Vec<&str> = view.keys.iter().map(|key| key.name.as_str()).collect();
    let measures: Vec<&str> = view.measures.iter().map(|measure| measure.name.as_str()).collect();
    let bucket = view.bucket.as_ref();
    let bucket = bucket.map(|bucket| format!("{} ({})", bucket.name, width_name(bucket.width)));
    vec![
        view.name.as_str().into(),
        keys.join(", ").into(),
        bucket.unwrap_or_else(|| "all time".to_owned()).into(),
        measures.join(", ").into(),
    ]
}
