//! `anabranch produce`: events from files to a server, or to a stream of Kinesis.
//!
//! ```text
//! files ─> reader (a thread) ─> pace ─> queue ─┬─> connection (a thread each) ─> POST /v1/events
//!                                              └─> connection                    or PutRecords
//! ```
//!
//! Reading, encoding and sending go on at once; the queue between them is bounded, so memory is
//! too. Nothing is counted as sent before the other side has said that it is durable.

mod connections;
mod http;
#[cfg(feature = "aws")]
mod judge;
#[cfg(feature = "aws")]
mod kinesis;
mod pace;
#[cfg(feature = "aws")]
mod partition_key;
mod queue;
mod retry;
mod tally;
mod target;

use crate::failure::invalid;
use crate::input::{Columns, Format, Input};
use crate::{progress, project, server};
use anabranch_core::duration;
use anabranch_core::project::Project;
use anyhow::Context;
use connections::Connections;
use indicatif::ProgressBar;
use pace::Pace;
use queue::Queue;
use retry::Retry;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tally::Tally;
use target::Target;

/// The exit code where every event was delivered and the schema rejected some.
const SOME_REJECTED: u8 = 3;

/// Arguments of `anabranch produce`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch produce events.ndjson.gz --to http://127.0.0.1:4000
  anabranch produce orders.csv.xz returns.tsv --to http://127.0.0.1:4000
  anabranch generate clickstream --rate 5000 | anabranch produce - --to http://127.0.0.1:4000
  anabranch produce events.ndjson --to kinesis://clicks --project examples/clickstream
  anabranch produce orders.csv --to kinesis://orders --project . --partition-key site

Files may be compressed with gzip, Zstandard or xz. A CSV or TSV file names its columns in the first
line (device.os for a field of a STRUCT); cells get their types from the schema, which a server is
asked for and --project names, and empty ones are null.

A batch that gets no reply, or an error that may pass, is sent again. If it had been taken and only
the reply was lost, its events are there twice; the summary says if that can be.

A stream of Kinesis takes records of up to 1 MiB, and judges none: --project does. Region and
credentials are found as by every tool of AWS's (AWS_REGION, AWS_PROFILE, a role; of a session that
a browser signed in to, `aws configure export-credentials --format env` tells them), and
AWS_ENDPOINT_URL names an emulator. `make build AWS=1` builds the command that can do this.

Exit codes: 0 all events were accepted, 1 not everything could be sent, 2 wrong usage, 3 all were
sent and some are not what the schema accepts: they are archived, counted and in no view.")]
pub(crate) struct Arguments {
    /// Files to send; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The server, or kinesis:// and the name of a stream
    #[arg(long, value_name = "URL")]
    to: Target,
    /// The project whose schema judges the events, where no server does
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Of a stream: events of one value of this column go to one shard [default: spread evenly]
    #[arg(long, value_name = "COLUMN")]
    partition_key: Option<String>,
    /// Send so many events per second and no more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// How events stand in the files [default: by the file's name, ndjson for standard input]
    #[arg(long)]
    format: Option<Format>,
    /// About how many bytes to post at once; to Kinesis 500 events and 5 MiB at most
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1..))]
    batch_bytes: u32,
    /// How many connections post at once; with one, events arrive in the files' order
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// How long to try a batch again before giving up
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration::parse)]
    retry_for: Duration,
}

/// Sends the files and says what became of the events.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let input = Input::new(&arguments.files, arguments.format)?;
    let project = arguments.project.as_deref().map(project::load).transpose()?;
    let columns = match input.has_table() {
        true => columns(&arguments.to, project.as_deref())?,
        false => Columns::default(),
    };
    let connections = Connections::open(arguments, project)?;
    let progress = progress::sending(input.total_bytes());
    let tally = Tally::new(progress.clone());
    let sent = send(arguments, &connections, input, columns, &progress, &tally);
    progress.finish_and_clear();
    tally.summarise(&mut io::stdout().lock())?;
    sent?;
    Ok(if tally.rejected() == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_REJECTED) })
}

/// What the cells of tables become.
fn columns(target: &Target, project: Option<&Project>) -> anyhow::Result<Columns> {
    match (target, project) {
        (_, Some(project)) => Ok(Columns::of_schema(&project.schema)),
        (Target::Server(server), None) => {
            let schema = server::get(server, "/v1/schema", &[])?;
            let schema = serde_json::from_str(&schema);
            Ok(Columns::of_server(schema.with_context(|| format!("{server}: not a schema"))?))
        }
        (Target::Stream(_), None) => Err(invalid(
            "the cells of a table get their types from a schema: name its project with --project",
        )),
    }
}

/// Reads on a thread of its own and sends on others, until all is sent or something fails.
fn send(
    arguments: &Arguments,
    connections: &Connections,
    input: Input,
    columns: Columns,
    progress: &ProgressBar,
    tally: &Tally,
) -> anyhow::Result<()> {
    let batch_bytes = arguments.batch_bytes as usize;
    let count = usize::from(arguments.connections);
    let queue = Arc::new(Queue::new(2 * batch_bytes.saturating_mul(count)));
    let reader = {
        let (queue, progress, rate) = (Arc::clone(&queue), progress.clone(), arguments.rate);
        // Not a scoped thread: when a connection fails, nobody waits for standard input to end.
        thread::spawn(move || {
            let read = read(&input, &columns, batch_bytes, rate, &progress, &queue);
            queue.close();
            read
        })
    };
    let retry = Retry { give_up_after: arguments.retry_for, tally };
    thread::scope(|scope| {
        let post = || {
            let posted = connections.run(&queue, batch_bytes, retry);
            if posted.is_err() {
                queue.abandon();
            }
            posted
        };
        let connections: Vec<_> = (0..count).map(|_| scope.spawn(post)).collect();
        let join = |connection: thread::ScopedJoinHandle<'_, anyhow::Result<()>>| {
            connection.join().expect("sending does not panic")
        };
        // All of them end before the first failure is told.
        let ended: Vec<anyhow::Result<()>> = connections.into_iter().map(join).collect();
        ended.into_iter().collect::<anyhow::Result<()>>()
    })?;
    reader.join().expect("reading does not panic")
}

fn read(
    input: &Input,
    columns: &Columns,
    batch_bytes: usize,
    rate: Option<u32>,
    progress: &ProgressBar,
    queue: &Queue,
) -> anyhow::Result<()> {
    let mut push = |batch| {
        anyhow::ensure!(queue.push(batch), "the connections have failed");
        Ok(())
    };
    let mut pace = rate.map(Pace::new);
    input.read(columns, batch_bytes, progress, &mut |batch| match &mut pace {
        Some(pace) => pace.send(batch, &mut push),
        None => push(batch),
    })
}

#[cfg(test)]
mod tests;
