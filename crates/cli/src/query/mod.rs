//! `anabranch query`: an answer from a data folder or from a server.
//!
//! ```text
//! --data: parameters ─> core's query ─> answer ─┐
//! --url:  parameters ─> GET /v1/views/{view} ───┴─> JSON text ─> as it is, as a table or as CSV
//! ```
//!
//! Both ways take the same parameters and end in the same text, so they cannot differ.

mod reply;

use crate::data::{Data, Folder};
use crate::failure::invalid;
use crate::output::Format;
use crate::project;
use crate::server::{self, Address, Problem};
use anabranch_core::project::Project;
use anabranch_core::query::{self, ParameterError, Query};
use anyhow::Context;
use futures::executor::block_on;
use reply::Reply;
use std::io::{self, Write};
use std::path::Path;

/// Arguments of `anabranch query`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "anabranch query [OPTIONS] PROJECT VIEW\n       anabranch query [OPTIONS] VIEW --url <URL>",
    after_help = "\
PROJECT is a project's folder and VIEW one of its views, or anabranch_records: how many records were
accepted and rejected, by hour of arrival.

Examples:
  anabranch query examples/flights departures --where origin=JFK --every 1d
  anabranch query examples/flights delays --group-by carrier --every all --order-by -p95_delay_min
  anabranch query departures --url http://127.0.0.1:4000 --every 1d --tz America/New_York
  anabranch query fleet --url http://127.0.0.1:4000 --format csv > fleet.csv

A data folder that a server is using can be asked through the server only.

Exit codes: 0 an answer, 1 no answer, 2 no such view or a wrong parameter. An answer that does not
cover everything yet says so on standard error, and why in its receipt."
)]
pub(crate) struct Arguments {
    /// The project's folder, not needed with --url, and the view to ask
    #[arg(required = true, num_args = 1..=2, hide = true)]
    names: Vec<String>,
    #[command(flatten)]
    data: Folder,
    /// Ask this server, and not a data folder
    #[arg(long, value_name = "URL", conflicts_with = "folder")]
    url: Option<Address>,
    #[command(flatten)]
    parameters: Parameters,
    /// How to print: as a table, as csv, or as the json that the server gives
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// The query's parameters: as text, for core's own reader.
#[derive(Debug, clap::Args)]
struct Parameters {
    /// Only rows with this value of a key column: `column=value` or `column is null`. Several of
    /// one column are alternatives, of different columns all must hold
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    conditions: Vec<String>,
    /// The first bucket, such as 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The bucket before which to stop
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The width of buckets, a multiple of the view's: 15m, 1h, 1d, 1w, 1mo, 1q, 1y, all
    #[arg(long, value_name = "WIDTH")]
    every: Option<String>,
    /// The key columns to keep, separated by commas; '' keeps none
    #[arg(long, value_name = "COLUMNS")]
    group_by: Option<String>,
    /// The measures to show, separated by commas
    #[arg(long, value_name = "COLUMNS")]
    measures: Option<String>,
    /// The column to order by; -COLUMN for falling order
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    order_by: Option<String>,
    /// How many rows at most
    #[arg(long, value_name = "N")]
    limit: Option<String>,
    /// The time zone of times without one and of calendar days, such as Europe/Paris
    #[arg(long, alias = "time-zone", value_name = "ZONE")]
    tz: Option<String>,
    /// Of a changed view, ask the definition that serves, or the current one before it is complete
    #[arg(long, value_name = "serving|current")]
    definition: Option<String>,
}

impl Parameters {
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        let conditions = self.conditions.iter().map(|condition| ("where", condition.as_str()));
        let others = [
            ("from", &self.from),
            ("to", &self.to),
            ("every", &self.every),
            ("group_by", &self.group_by),
            ("measures", &self.measures),
            ("order_by", &self.order_by),
            ("limit", &self.limit),
            ("tz", &self.tz),
            ("definition", &self.definition),
        ];
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        conditions.chain(others).collect()
    }
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq)]
enum Target<'a> {
    Server(&'a Address),
    Project(&'a Path),
}

impl Arguments {
    /// Whom to ask about which view.
    fn target(&self) -> anyhow::Result<(Target<'_>, &str)> {
        match (&self.url, self.names.as_slice()) {
            (Some(server), [view] | [_, view]) => Ok((Target::Server(server), view)),
            (None, [project, view]) => Ok((Target::Project(Path::new(project)), view)),
            (None, [name]) => Err(invalid(format!(
                "which view, of which project? expected `anabranch query PROJECT VIEW`, or `anabranch query {name} --url URL` to ask a server"
            ))),
            (_, names) => unreachable!("clap takes one name or two, not {names:?}"),
        }
    }
}

/// Prints the answer.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let pairs = arguments.parameters.pairs();
    let text = match arguments.target()? {
        (Target::Server(server), view) => remote(server, view, &pairs)?,
        (Target::Project(project), view) => {
            local(project, &arguments.data.of(project), view, &pairs)?
        }
    };
    let reply = Reply::read(&text).context("the answer is not one of an Anabranch server")?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Json => out.write_all(text.as_bytes())?,
        Format::Csv => reply.grid(false).write(Format::Csv, &mut out)?,
        Format::Table => {
            reply.grid(true).write(Format::Table, &mut out)?;
            writeln!(out, "\n{}", reply.summary())?;
        }
    }
    out.flush()?;
    if let Some(because) = reply.incomplete_because() {
        writeln!(io::stderr(), "warning: the answer is incomplete: {because}")?;
    }
    Ok(())
}

/// A parameter's error in the words of the command line.
fn wrong_parameter(name: &str, message: &str) -> anyhow::Error {
    invalid(format!("--{}: {message}", name.replace('_', "-")))
}

fn local(
    folder: &Path,
    data: &Path,
    view: &str,
    parameters: &[(&str, &str)],
) -> anyhow::Result<String> {
    let project = project::load(folder)?;
    let view = project.view(view).ok_or_else(|| unknown_view(view, &project))?.clone();
    let wrong = |error: &ParameterError| wrong_parameter(&error.parameter, &error.message);
    let asked = Query::parse(&view, parameters.iter().copied());
    let answer = block_on(async {
        // Only the data know whether a question that the project's definition cannot answer fits an
        // older one that serves; where they cannot be had, the question is what is wrong.
        let data = match (Data::open(project, data).await, &asked) {
            (Err(_), Err(error)) => return Err(wrong(error)),
            (data, _) => data?,
        };
        // A server that was killed may not have absorbed everything that it acknowledged.
        data.absorb_all().await?;
        data.ask(&view, parameters).await.map_err(|error| match error {
            query::Error::Parameter(error) => wrong(&error),
            query::Error::Store(error) => error.into(),
        })
    })?;
    Ok(String::from_utf8(answer.to_json()).expect("JSON is UTF-8"))
}

fn unknown_view(name: &str, project: &Project) -> anyhow::Error {
    let views: Vec<&str> = project.views.iter().map(|view| view.name.as_str()).collect();
    invalid(format!("there is no view `{name}`; there are {}", views.join(", ")))
}

fn remote(server: &Address, view: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
    server::get(server, &format!("/v1/views/{}", path_segment(view)), parameters).map_err(|error| {
        match error.downcast_ref::<Problem>() {
            Some(problem) if problem.is_invalid_request() => match problem.parameter() {
                Some(name) => {
                    let message = problem.detail();
                    let said = format!("parameter `{name}`: ");
                    wrong_parameter(name, message.strip_prefix(&said).unwrap_or(message))
                }
                None => invalid(problem.detail()),
            },
            _ => error,
        }
    })
}

/// A name as a segment of a path: what may not stand there is percent-encoded.
fn path_segment(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests;
