//! `anabranch produce`: events from files to a server.
//!
//! ```text
//! files ─> reader (a thread) ─> pace ─> queue ─┬─> connection (a thread each) ─> POST /v1/events
//!                                              └─> connection
//! ```
//!
//! Reading, encoding and posting go on at once; the queue between them is bounded, so memory is
//! too. Nothing is counted as sent before the server has said that it is durable.

mod connection;
mod pace;
mod queue;
mod tally;

use crate::input::{Columns, Format, Input};
use crate::progress;
use crate::server::{self, Address};
use anabranch_core::duration;
use anyhow::Context;
use connection::Connection;
use indicatif::ProgressBar;
use pace::Pace;
use queue::Queue;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tally::Tally;

/// The exit code where every event was delivered and the schema rejected some.
const SOME_REJECTED: u8 = 3;

/// Arguments of `anabranch produce`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch produce events.ndjson.gz --to http://127.0.0.1:4000
  anabranch produce orders.csv.xz returns.tsv --to http://127.0.0.1:4000
  anabranch generate clickstream --rate 5000 | anabranch produce - --to http://127.0.0.1:4000

Files may be compressed with gzip, Zstandard or xz. A CSV or TSV file names its columns in the first
line (device.os for a field of a STRUCT); cells get their types from the server's schema, and empty
ones are null.

A batch that gets no reply, or an error that may pass, is posted again. If the server had taken it
and only the reply was lost, its events are there twice; the summary says if that can be.

Exit codes: 0 all events were accepted, 1 not everything could be sent, 2 wrong usage, 3 all were
sent and some are not what the schema accepts: they are archived, counted and in no view.")]
pub(crate) struct Arguments {
    /// Files to send; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The server
    #[arg(long, value_name = "URL")]
    to: Address,
    /// Send so many events per second and no more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// How events stand in the files [default: by the file's name, ndjson for standard input]
    #[arg(long)]
    format: Option<Format>,
    /// About how many bytes to post at once
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
    let columns = match input.has_table() {
        true => columns_of(&arguments.to)?,
        false => Columns::default(),
    };
    let progress = progress::sending(input.total_bytes());
    let tally = Tally::new(progress.clone());
    let sent = send(arguments, input, columns, &progress, &tally);
    progress.finish_and_clear();
    tally.summarise(&mut io::stdout().lock())?;
    sent?;
    Ok(if tally.rejected() == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_REJECTED) })
}

fn columns_of(server: &Address) -> anyhow::Result<Columns> {
    let schema = server::get(server, "/v1/schema", &[])?;
    let schema = serde_json::from_str(&schema);
    Ok(Columns::of_server(schema.with_context(|| format!("{server}: not a schema"))?))
}

/// Reads on a thread of its own and posts on others, until all is sent or something fails.
fn send(
    arguments: &Arguments,
    input: Input,
    columns: Columns,
    progress: &ProgressBar,
    tally: &Tally,
) -> anyhow::Result<()> {
    let batch_bytes = arguments.batch_bytes as usize;
    let connections = usize::from(arguments.connections);
    let queue = Arc::new(Queue::new(2 * batch_bytes.saturating_mul(connections)));
    let reader = {
        let (queue, progress, rate) = (Arc::clone(&queue), progress.clone(), arguments.rate);
        // Not a scoped thread: when a connection fails, nobody waits for standard input to end.
        thread::spawn(move || {
            let read = read(&input, &columns, batch_bytes, rate, &progress, &queue);
            queue.close();
            read
        })
    };
    thread::scope(|scope| {
        let post = || {
            let posted =
                Connection::new(&arguments.to, arguments.retry_for, tally).run(&queue, batch_bytes);
            if posted.is_err() {
                queue.abandon();
            }
            posted
        };
        let connections: Vec<_> = (0..connections).map(|_| scope.spawn(post)).collect();
        let join = |connection: thread::ScopedJoinHandle<'_, anyhow::Result<()>>| {
            connection.join().expect("posting does not panic")
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
