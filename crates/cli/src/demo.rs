//! `anabranch demo`: real events through the whole architecture, watched from outside.
//!
//! It starts the server of `dev` over a fresh folder, replays a day of flights through HTTP, asks
//! one question before and while batch versions take over from the speed layer, and checks that
//! the answer stays the same while its receipt changes.

use crate::dev::{Options, Server};
use crate::failure::invalid;
use crate::input::{Batch, Columns, Input};
use crate::output::{Format, Grid};
use crate::server::{self, Address};
use crate::{log, progress, project};
use anabranch_core::epoch::EpochLength;
use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::Value;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The day that is replayed, in the example's folder.
const DAY: &str = "events/2013-02-08.ndjson.gz";
/// The question: a view and its parameters.
const VIEW: &str = "departures";
const QUESTION: [(&str, &str); 3] = [
    ("every", "all"),
    ("group_by", "origin"),
    ("measures", "flights,cancelled,late,longest_delay_min,most_delayed_flight"),
];

const EPOCH_MS: u64 = 2_000;
const BATCH_EVERY: Duration = Duration::from_secs(1);
/// How long the replay takes, about, and in how many posts.
const REPLAY: Duration = Duration::from_secs(6);
const POSTS: usize = 60;
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments of `anabranch demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch demo                            # in the repository's folder
  anabranch demo --once                     # do not go on serving

The data are in a temporary folder, which goes when the demo ends.")]
pub(crate) struct Arguments {
    /// The folder of the example
    #[arg(default_value = "examples/flights")]
    project: PathBuf,
    /// Where to serve HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4000")]
    listen: SocketAddr,
    /// End after the demo, and do not go on serving
    #[arg(long)]
    once: bool,
}

/// Runs the demo, and then the server until Ctrl-C.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let day = arguments.project.join(DAY);
    if !day.is_file() {
        return Err(invalid(format!(
            "{}: no such file; run the demo in the repository's folder, or name the folder of the \
             example `flights`",
            day.display()
        )));
    }
    // The story is told here; what the server logs would stand between its lines.
    log::only_errors();
    let folder = Folder::new();
    let mut server = Server::start(Options {
        project: project::load(&arguments.project)?,
        data: folder.0.clone(),
        listen: arguments.listen,
        epoch: EpochLength::from_millis(EPOCH_MS),
        // The batch layer waits until the speed layer has been seen alone.
        batch_every: None,
        shards: 2,
    })?;
    let shown = show(&mut server, &day);
    if shown.is_ok() && !arguments.once {
        next(&arguments.project, &server.url())?;
        server.wait_for_signal()?;
    }
    server.stop();
    shown
}

/// A temporary folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Folder(std::env::temp_dir().join(format!("anabranch-demo-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is in the folder of things that may go.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn show(server: &mut Server, day: &Path) -> anyhow::Result<()> {
    let url = server.url();
    let address: Address = url.parse().map_err(anyhow::Error::msg)?;
    say(&format!("The whole architecture runs in this process, over HTTP at {url}.\n"))?;
    let events = replay(&address, day)?;
    say(&format!(
        "Replayed {events} flights of the 8th of February 2013, when a blizzard closed New York's \
         airports,\nin the order in which they landed or were cancelled. How was the day, by \
         airport?\n"
    ))?;
    let before = ask_until(&address, |answer| flights(answer) == events)?;
    print(&before)?;
    say("\nNo batch version exists yet: every number comes from the speed layer. Now the batch \
         layer starts,\nand the same question is asked all the time. The receipts:\n")?;
    server.build_every(BATCH_EVERY);
    watch(server, &address, &before)?;
    say(
        "\nThe batch view took over, and the answer stayed the same: the seam is a position in the \
         stream,\nand no event is on both sides of it, or on neither.",
    )
}

/// Posts the events of the file at an even pace; returns how many there are.
fn replay(server: &Address, file: &Path) -> anyhow::Result<u64> {
    let mut events = Batch::default();
    let input = Input::new(&[file.to_owned()], None)?;
    input.read(&Columns::default(), 1 << 20, &ProgressBar::hidden(), &mut |batch| {
        events.append(batch);
        Ok(())
    })?;
    let total = events.events;
    let bar = progress::count(total as u64, "flights");
    let client = server::client();
    while events.events > 0 {
        let post = events.split_front(total.div_ceil(POSTS).min(events.events));
        server::post(&client, server, &post.block)?;
        bar.inc(post.events as u64);
        std::thread::sleep(REPLAY / POSTS as u32);
    }
    bar.finish_and_clear();
    Ok(total as u64)
}

fn ask(server: &Address) -> anyhow::Result<Value> {
    let text = server::get(server, &format!("/v1/views/{VIEW}"), &QUESTION)?;
    serde_json::from_str(&text).context("the answer is not JSON")
}

/// Asks until an answer is as it should become.
fn ask_until(server: &Address, is_right: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = ask(server)?;
        if is_right(&answer) {
            return Ok(answer);
        }
        anyhow::ensure!(Instant::now() < until, "the answer does not become right: {answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks until a batch version covers everything, and shows each receipt that is new.
fn watch(server: &Server, address: &Address, before: &Value) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    let mut last = Value::Null;
    loop {
        let settled = server.is_settled();
        let answer = ask(address)?;
        anyhow::ensure!(answer["rows"] == before["rows"], "the answer has changed: {answer}");
        let version = &answer["receipt"]["version"];
        if *version != last {
            last = version.clone();
            let batch = match answer["receipt"]["horizon_time"].as_str() {
                Some(horizon) if *version != 0 => format!("up to {horizon}"),
                _ => "none".to_owned(),
            };
            let flights = flights(&answer);
            say(&format!(
                "  version {version:<3} batch: {batch:<30} flights: {flights}, all rows the same"
            ))?;
        }
        if settled && *version != 0 {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < until, "no batch version covers the day: {answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many flights an answer counts.
fn flights(answer: &Value) -> u64 {
    let rows = answer["rows"].as_array().into_iter().flatten();
    rows.filter_map(|row| row["flights"].as_u64()).sum()
}

fn print(answer: &Value) -> anyhow::Result<()> {
    let columns = answer["columns"].as_array().into_iter().flatten();
    let names: Vec<&str> = columns.filter_map(|column| column["name"].as_str()).collect();
    let mut grid = Grid::new(names.iter().copied());
    for row in answer["rows"].as_array().into_iter().flatten() {
        grid.push(names.iter().map(|name| row[name].clone()).collect());
    }
    Ok(grid.print(Format::Table)?)
}

fn next(project: &Path, url: &str) -> anyhow::Result<()> {
    let program = std::env::args().next().unwrap_or_else(|| "anabranch".to_owned());
    let project = project.display();
    say(&format!(
        "\nThe server goes on. In another terminal, try:\n  \
         {program} query delays --url {url} --group-by carrier --every all --order-by -p95_delay_min\n  \
         {program} produce {project}/events/2013-02-09.ndjson.gz --to {url}\n  \
         curl '{url}/v1/views/routes?order_by=-flights&limit=3'\n\n\
         Ctrl-C ends it."
    ))
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}
