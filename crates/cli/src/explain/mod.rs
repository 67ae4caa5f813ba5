//! `anabranch explain`: what the compiler made of a view, what it costs, and how exact it is.

pub(crate) mod size;

use crate::failure::invalid;
use crate::output::{Format, Grid};
use crate::project;
use anabranch_core::project::Project;
use anabranch_core::resolution::{resolutions, width_name};
use anabranch_core::view::View;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `anabranch explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch explain examples/flights                    # every view
  anabranch explain examples/flights delays             # one
  anabranch explain examples/flights --format csv       # every column of every view as rows

The fingerprint is the hash of the plan: state of different fingerprints never merges, so a view
whose fingerprint changes is built anew from the master data set.")]
pub(crate) struct Arguments {
    /// The project's folder
    project: PathBuf,
    /// Only this view
    view: Option<String>,
    /// How to print: as text, or the columns as rows
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let project = project::load(&arguments.project)?;
    let views = wanted(&project, arguments.view.as_deref())?;
    if arguments.format != Format::Table {
        let mut grid = Grid::new(["view", "fingerprint", "column", "type", "role", "error"]);
        for view in views {
            let fingerprint = view.fingerprint.to_string();
            for [column, ty, role, error] in columns(view) {
                let place = [json!(view.name), json!(fingerprint)];
                grid.push(place.into_iter().chain([column, ty, role, error]).collect());
            }
        }
        return Ok(grid.print(arguments.format)?);
    }
    for (number, view) in views.iter().enumerate() {
        if number > 0 {
            writeln!(io::stdout())?;
        }
        explain(view)?;
    }
    Ok(())
}

fn wanted<'p>(project: &'p Project, name: Option<&str>) -> anyhow::Result<Vec<&'p Arc<View>>> {
    let Some(name) = name else { return Ok(project.user_views().iter().collect()) };
    let found = project.view(name).ok_or_else(|| {
        let names: Vec<&str> = project.views.iter().map(|view| view.name.as_str()).collect();
        invalid(format!("there is no view `{name}`; there are {}", names.join(", ")))
    })?;
    Ok(vec![found])
}

fn explain(view: &Arc<View>) -> anyhow::Result<()> {
    let plan = view.plan.trim_end().replace('\n', "\n    ");
    let stored: Vec<String> = resolutions(view)
        .into_iter()
        .map(|width| width.map_or("all time".to_owned(), width_name))
        .collect();
    writeln!(io::stdout(), "view {}", view.name)?;
    writeln!(io::stdout(), "  fingerprint  {}", view.fingerprint)?;
    writeln!(io::stdout(), "  stored by    {}", stored.join(", "))?;
    writeln!(
        io::stdout(),
        "  state        {} bytes for a row of one event, {} for one of 1,000 different events",
        size::of_row(view, 1),
        size::of_row(view, 1000),
    )?;
    writeln!(io::stdout(), "  plan\n    {plan}\n")?;
    let mut grid = Grid::new(["column", "type", "role", "error"]);
    columns(view).for_each(|column| grid.push(column.to_vec()));
    Ok(grid.print(Format::Table)?)
}

/// Each column of the view's answers: name, type, role, and by how much it may be wrong.
fn columns(view: &View) -> impl Iterator<Item = [Value; 4]> {
    let keys = view
        .keys
        .iter()
        .map(|key| [json!(key.name), json!(key.expr.ty.to_string()), json!("key"), Value::Null]);
    let bucket = view.bucket.iter().map(|bucket| {
        let role = format!("bucket of {}", width_name(bucket.width));
        [json!(bucket.name), json!(bucket.width.timestamp().to_string()), json!(role), Value::Null]
    });
    let measures = view.measures.iter().map(|measure| {
        let bounds = view.error_bounds(measure);
        let (role, error) = match bounds.as_slice() {
            [] => ("exact", Value::Null),
            bounds => ("approximate", json!(bounds.join("; "))),
        };
        [json!(measure.name), json!(measure.expr.ty.to_string()), json!(role), error]
    });
    keys.chain(bucket).chain(measures)
}
