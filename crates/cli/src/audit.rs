//! `anabranch audit`: whether everything that is stored says the same.
//!
//! ```text
//! --data: core's audit over the folder ──────────────┐
//! --aws:  the same over DynamoDB and S3 ─────────────┤
//! --url:  GET /v1/audit ─────────────────────────────┴─> report ─> table, csv or json; exit code
//! ```

use crate::data::{Data, Folder};
use crate::failure::invalid;
use crate::output::{Format, Grid};
use crate::server::{self, Address, Problem};
use crate::stack::Stack;
use crate::{progress, project};
use anabranch_core::audit::{Check, Compared, Difference, Options, Progress, Report};
use anabranch_core::project::Project;
use anabranch_stores::workers::Threads;
use anyhow::Context;
use futures::executor::block_on;
use indicatif::{HumanCount, ProgressBar};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The exit code where something differs.
const DIFFERENT: u8 = 3;

/// Arguments of `anabranch audit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch audit examples/flights
  anabranch audit . --view site_traffic --limit 5
  anabranch audit . --ledger                       # only that no object is missing, doubled or damaged
  anabranch audit --url http://127.0.0.1:4000      # a running server, while events flow
  anabranch audit . --format json | jq '.differences[]'
  anabranch audit . --aws --outputs outputs.json   # what `cdk deploy --outputs-file outputs.json` wrote

It reads every object once and compares
  ledger    the objects of each shard: a chain without gap or overlap, and each what it says it is
  counts    records archived = accepted + rejected = counted by the speed layer
  speed     speed rows = a fold of the records that they say they hold, to the bit
  batch     each version's rows, at every resolution = a full build's, to the bit
  versions  pointers, manifests and parts: there, readable, adding up
approx_most_frequent, whose bits depend on the order of events, is compared by its bounds. Superseded
definitions that serve on are compared as well, and named as such. Nothing is written and nothing is
put right.

On AWS it needs a command that was built with `make build AWS=1`, and may only read: the two tables,
the two buckets. Region and credentials are found as by every tool of AWS's.

Exit codes: 0 nothing differs, 1 it could not be told, 2 wrong usage, 3 something differs, and the
output says what.")]
pub(crate) struct Arguments {
    /// The project's folder, not needed with --url
    #[arg(required_unless_present = "url")]
    project: Option<PathBuf>,
    #[command(flatten)]
    data: Folder,
    /// Ask this server, and not a data folder
    #[arg(long, value_name = "URL", conflicts_with = "folder")]
    url: Option<Address>,
    /// Audit the stack on AWS, and not a data folder
    #[arg(long, conflicts_with_all = ["folder", "url"])]
    aws: bool,
    #[command(flatten)]
    stack: Stack,
    /// Compare only this view; may be given several times
    #[arg(long = "view", value_name = "VIEW")]
    views: Vec<String>,
    /// Check only the ledger: fold nothing
    #[arg(long)]
    ledger: bool,
    /// List so many differences of each check at most; all are counted
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=10_000))]
    limit: u32,
    /// How to print: a table, the differences as csv, or the whole report as json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// Runs the audit and prints the report.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let report = match (&arguments.url, &arguments.project) {
        (Some(server), _) => remote(server, arguments)?,
        (None, Some(project)) if arguments.aws => on_aws(project, arguments)?,
        (None, Some(project)) => local(project, arguments)?,
        (None, None) => unreachable!("clap requires one of them"),
    };
    print(&report, arguments.format)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

fn local(folder: &Path, arguments: &Arguments) -> anyhow::Result<Report> {
    let project = project::load(folder)?;
    let options = options(&project, arguments)?;
    let data = Data::open_as_it_is(project, &arguments.data.of(folder))?;
    let bar = progress::count(0, "");
    let show = |progress| show(&bar, progress);
    let report = block_on(data.audit(&options, &Threads::available(), &show));
    bar.finish_and_clear();
    Ok(report?)
}

#[cfg(feature = "aws")]
fn on_aws(folder: &Path, arguments: &Arguments) -> anyhow::Result<Report> {
    let project = project::load(folder)?;
    let options = options(&project, arguments)?;
    let stores = crate::aws::Stores::open(&arguments.stack)?;
    let bar = progress::count(0, "");
    let show = |progress| show(&bar, progress);
    let report = stores.audit(&project, &options, &show);
    bar.finish_and_clear();
    Ok(report?)
}

#[cfg(not(feature = "aws"))]
fn on_aws(_: &Path, _: &Arguments) -> anyhow::Result<Report> {
    Err(crate::failure::built_without_aws("--aws"))
}

fn show(bar: &ProgressBar, progress: Progress) {
    let (message, done, total) = match progress {
        Progress::Read { records, total } => ("reading records", records, total),
        Progress::Compared { parts, total } => ("comparing parts", parts, total),
    };
    bar.set_message(message);
    bar.set_length(total);
    bar.set_position(done);
}

fn options(project: &Project, arguments: &Arguments) -> anyhow::Result<Options> {
    let mut views = Vec::new();
    for name in &arguments.views {
        let view = project.view(name).ok_or_else(|| {
            let views: Vec<&str> = project.views.iter().map(|view| view.name.as_str()).collect();
            invalid(format!("there is no view `{name}`; there are {}", views.join(", ")))
        })?;
        views.push(view.fingerprint);
    }
    let (ledger_only, limit) = (arguments.ledger, arguments.limit as usize);
    Ok(Options { views: Some(views).filter(|views| !views.is_empty()), ledger_only, limit })
}

fn remote(server: &Address, arguments: &Arguments) -> anyhow::Result<Report> {
    let limit = arguments.limit.to_string();
    let views = arguments.views.iter().map(|view| ("view", view.as_str()));
    let mut parameters: Vec<(&str, &str)> = views.chain([("limit", limit.as_str())]).collect();
    if arguments.ledger {
        parameters.push(("ledger", "true"));
    }
    let text = server::get_slowly(server, "/v1/audit", &parameters).map_err(|error| match error
        .downcast_ref::<Problem>(
    ) {
        Some(problem) if problem.is_invalid_request() => invalid(problem.detail()),
        _ => error,
    })?;
    serde_json::from_str(&text).with_context(|| format!("{server}: not the report of an audit"))
}

fn print(report: &Report, format: Format) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(report).expect("a report has a JSON form");
            writeln!(out, "{text}")?;
        }
        Format::Csv => listed(&report.differences).write(Format::Csv, &mut out)?,
        Format::Table => {
            summary(report).write(Format::Table, &mut out)?;
            write_differences(report, &mut out)?;
        }
    }
    out.flush()
}

fn write_differences(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    for difference in &report.differences {
        let text = difference.to_string();
        // Keys and values are the events' own.
        let harmless: String =
            text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        writeln!(out, "{harmless}")?;
    }
    if report.unlisted() > 0 {
        writeln!(out, "… and {} more; --limit lists more", HumanCount(report.unlisted()))?;
    }
    report.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
    match report.total() {
        0 => writeln!(out, "nothing differs"),
        1 => writeln!(out, "1 difference"),
        total => writeln!(out, "{} differences", HumanCount(total)),
    }
}

/// What each check compared and found.
fn summary(report: &Report) -> Grid {
    let mut grid = Grid::new(["check", "compared", "differences"]);
    for check in Check::ALL {
        if report.ledger_only && check != Check::Ledger {
            continue;
        }
        let found = report.found.get(&check).copied().unwrap_or(0);
        let compared = compared(check, &report.compared);
        grid.push(vec![json!(check.as_str()), json!(compared), json!(found)]);
    }
    grid
}

fn compared(check: Check, of: &Compared) -> String {
    let count = |count: u64, one: &str| {
        format!("{} {one}{}", HumanCount(count), if count == 1 { "" } else { "s" })
    };
    match check {
        Check::Ledger => format!(
            "{}, {}, {} and {}",
            count(of.shards, "shard"),
            count(of.objects, "object"),
            count(of.records, "record"),
            count(of.heartbeats, "heartbeat")
        ),
        Check::Counts => format!(
            "{} = {} accepted + {} rejected",
            count(of.records, "record"),
            HumanCount(of.accepted),
            HumanCount(of.rejected)
        ),
        Check::Speed => {
            let epochs = HumanCount(of.speed_epochs);
            let mut text = format!("{} in {epochs} epochs of a shard", count(of.speed_rows, "row"));
            if of.speed_rows_ahead > 0 {
                text += &format!("; {} ahead of the archive", HumanCount(of.speed_rows_ahead));
            }
            if of.speed_rows_unused > 0 {
                text += &format!("; {} in no complete answer", HumanCount(of.speed_rows_unused));
            }
            text
        }
        Check::Batch => format!("{} in {}", count(of.batch_rows, "row"), count(of.parts, "part")),
        Check::Versions => {
            let mut text =
                format!("{}, {}", count(of.versions, "version"), count(of.parts, "part"));
            if of.superseded > 0 {
                text += &format!("; {}", count(of.superseded, "superseded definition"));
            }
            text
        }
    }
}

/// The differences, a column for each thing that a difference may name.
fn listed(differences: &[Difference]) -> Grid {
    let mut grid = Grid::new([
        "check",
        "view",
        "definition",
        "shard",
        "epoch",
        "object",
        "row",
        "what",
        "expected",
        "found",
    ]);
    for difference in differences {
        let Difference { view, definition, shard, epoch, .. } = difference;
        let Difference { object, row, what, expected, found, .. } = difference;
        let row: Vec<Value> = vec![
            json!(difference.check),
            json!(view),
            json!(definition),
            json!(shard),
            json!(epoch),
            json!(object),
            json!(row),
            json!(what),
            json!(expected),
            json!(found),
        ];
        grid.push(row);
    }
    grid
}
