//! `anabranch cost`: what the stack on AWS costs in a month, idle and under a load, line by line.
//!
//! ```text
//! project ─> rows: sizes, write units ─┐
//! load ────> deliveries per shard ─────┴─> bill: quantities ─> prices ─> amounts
//! ```
//!
//! An estimate, made of the compiled views, of what one delivery costs (decision 0012), and of
//! assumptions that each line names. Where a choice is open it takes what costs more.

mod bill;
mod load;
mod prices;
mod rows;
mod stack;

use crate::failure::invalid;
use crate::output::{Cell, Format, Grid};
use crate::project;
use anabranch_core::duration;
use anabranch_core::project::Project;
use bill::Line;
use indicatif::HumanCount;
use load::{Load, SECONDS, seconds};
use prices::Prices;
use rows::Rows;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `anabranch cost`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch cost examples/clickstream --rate 1000 --size 400 --keys 1000
  anabranch cost . --rate 200 --size 700 --keys 500 --keys pages=20000 --keys sales=40
  anabranch cost . --rate 5000 --size 400 --keys 1000 --provisioned --partitioned
  anabranch cost . --rate 50 --size 400 --keys 100 --events-per-post 10 --format json

Keys are different values of a view's GROUP BY columns within one bucket of time; every one is taken
to be as likely as the others, and every event to pass every filter, which makes the most rows. Free
tiers, discounts, taxes and traffic out of AWS are left out.

The prices that come with the command are those of us-east-1, of the day that is printed: check them
before you rely on the sum. --prices FILE takes others, in the form of `prices` of --format json.")]
pub(crate) struct Arguments {
    /// The project's folder
    project: PathBuf,
    /// Events per second, on average
    #[arg(long, value_name = "N", value_parser = positive)]
    rate: f64,
    /// Bytes of an event
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    size: f64,
    /// Different keys of every view, or VIEW=N of one; may be given several times
    #[arg(long, value_name = "N", required = true)]
    keys: Vec<Keys>,
    /// Whose prices
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
    /// Prices of your own
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// A stream of provisioned shards, and not one on demand
    #[arg(long)]
    provisioned: bool,
    /// Shards of the stream [default: as the rate needs, and at least 4 on demand]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,
    /// Events are sent with a partition key, so that each key's go to one shard
    #[arg(long)]
    partitioned: bool,
    /// The length of epochs
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    epoch: Duration,
    /// How long records are gathered for the speed layer
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration::parse)]
    speed_window: Duration,
    /// How long records are gathered for the archive
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    archive_window: Duration,
    /// The time between two batch versions
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration::parse)]
    batch_every: Duration,
    /// For how many days of events the master data set and the views are paid
    #[arg(long, value_name = "DAYS", default_value = "30", value_parser = positive)]
    retention_days: f64,
    /// Answers per second, on average
    #[arg(long, value_name = "N", default_value = "1", value_parser = not_negative)]
    queries_per_second: f64,
    /// Events come through the HTTP API, so many a request [default: straight to the stream]
    #[arg(long, value_name = "N", value_parser = positive)]
    events_per_post: Option<f64>,
    /// How to print: a table, the lines as csv, or everything as json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// A value of `--keys`.
#[derive(Debug, Clone, PartialEq)]
struct Keys {
    view: Option<String>,
    count: f64,
}

impl std::str::FromStr for Keys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (view, count) = match text.split_once('=') {
            Some((view, count)) => (Some(view.to_owned()), count),
            None => (None, text),
        };
        let count = positive(count).map_err(|why| format!("{why}, or VIEW=N"))?;
        Ok(Keys { view, count: count.max(1.0) })
    }
}

fn positive(text: &str) -> Result<f64, String> {
    not_negative(text).and_then(|number| match number > 0.0 {
        true => Ok(number),
        false => Err(format!("`{text}` is not above 0")),
    })
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("`{text}`: expected a number from 0 on"))
}

/// A line of the bill, idle and under load, in dollars.
struct Priced<'p> {
    idle: Line,
    busy: Line,
    unit: &'p str,
    price: f64,
    per: f64,
    idle_usd: f64,
    busy_usd: f64,
}

/// Everything that is told.
struct Estimate<'p> {
    prices: &'p Prices,
    load: &'p Load,
    lines: Vec<Priced<'p>>,
    /// Write units of speed rows, and of an UpdateItem per event and view, in a month.
    units: f64,
    units_instead: f64,
}

/// Works the costs out and prints them.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let project = project::load(&arguments.project)?;
    let prices = Prices::load(arguments.prices.as_deref(), &arguments.region)?;
    let load = load_of(arguments);
    let rows = rows_of(&project, &arguments.keys)?;
    let estimate = estimate(&project, &prices, &load, &rows);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Json => writeln!(out, "{:#}", estimate.to_json())?,
        Format::Csv => estimate.grid(Format::Csv).write(Format::Csv, &mut out)?,
        Format::Table => estimate.write_table(&mut out)?,
    }
    Ok(out.flush()?)
}

fn load_of(arguments: &Arguments) -> Load {
    let Arguments { rate, size, provisioned, .. } = *arguments;
    let shards = arguments.shards.map(f64::from);
    Load {
        rate,
        size,
        provisioned,
        shards: shards.unwrap_or_else(|| Load::shards_for(rate, size, provisioned)),
        partitioned: arguments.partitioned,
        heartbeats: 1.0 / seconds(arguments.epoch).max(60.0),
        epoch: seconds(arguments.epoch),
        speed_window: seconds(arguments.speed_window),
        archive_window: seconds(arguments.archive_window),
        batch_every: seconds(arguments.batch_every),
        retention_days: arguments.retention_days,
        queries: arguments.queries_per_second,
        events_per_post: arguments.events_per_post,
    }
}

/// Every view with its keys. The built-in one has an outcome, mostly one only.
fn rows_of<'p>(project: &'p Project, keys: &[Keys]) -> anyhow::Result<Vec<Rows<'p>>> {
    for name in keys.iter().filter_map(|keys| keys.view.as_deref()) {
        if project.view(name).is_none() {
            let views: Vec<&str> = project.views.iter().map(|view| view.name.as_str()).collect();
            let views = views.join(", ");
            return Err(invalid(format!("--keys: there is no view `{name}`; there are {views}")));
        }
    }
    let keys_of = |name: &str| {
        let is_this =
            |keys: &&Keys| keys.view.as_deref().is_some_and(|view| view.eq_ignore_ascii_case(name));
        let own = keys.iter().rfind(is_this);
        let all = keys.iter().rfind(|keys| keys.view.is_none());
        own.or(all).map(|keys| keys.count)
    };
    let user_views = project.user_views().iter().map(|view| {
        let keys = keys_of(&view.name).ok_or_else(|| {
            invalid(format!("--keys: how many keys has `{}`? N is for every view", view.name))
        })?;
        Ok(Rows::new(view, keys))
    });
    let records = project.records_view();
    let records = Rows::new(records, 1.0);
    user_views.chain([Ok(records)]).collect()
}

fn estimate<'p>(
    project: &Project,
    prices: &'p Prices,
    load: &'p Load,
    rows: &[Rows<'_>],
) -> Estimate<'p> {
    let (idle, busy) = (bill::lines(&load.idle(), rows), bill::lines(load, rows));
    let lines =
        idle.into_iter().zip(busy).filter(|(idle, busy)| idle.quantity + busy.quantity > 0.0);
    let lines = lines.map(|(idle, busy)| {
        let price = prices.get(busy.item);
        Priced {
            idle_usd: price.of(idle.quantity),
            busy_usd: price.of(busy.quantity),
            unit: &price.unit,
            price: price.usd,
            per: price.per,
            idle,
            busy,
        }
    });
    let views = project.user_views().len() as f64;
    Estimate {
        prices,
        load,
        lines: lines.collect(),
        units: bill::writes(load, rows).units * load.shards * SECONDS,
        units_instead: load.rate * views * SECONDS,
    }
}

impl Estimate<'_> {
    fn totals(&self) -> (f64, f64) {
        let sum = |usd: fn(&Priced<'_>) -> f64| self.lines.iter().map(usd).sum();
        (sum(|line| line.idle_usd), sum(|line| line.busy_usd))
    }

    /// Dollars per million events, the idle stack included.
    fn per_million(&self) -> f64 {
        self.totals().1 / (self.load.rate * SECONDS) * 1e6
    }

    fn usd(&self, units: f64) -> f64 {
        self.prices.get("dynamodb.writes").of(units)
    }

    fn grid(&self, format: Format) -> Grid {
        let mut grid = Grid::new([
            "service", "what", "unit", "price", "per", "idle", "idle_usd", "busy", "busy_usd",
            "because",
        ]);
        for line in &self.lines {
            let service = line.busy.item.split('.').next().unwrap_or_default();
            let number = |quantity: f64| match format {
                Format::Table => Cell::Literal(people(quantity)),
                _ => json!(quantity).into(),
            };
            let dollars = |usd: f64| match format {
                Format::Table => Cell::Literal(format!("{usd:.2}")),
                _ => json!((usd * 1e4).round() / 1e4).into(),
            };
            let text = |text: &str| Cell::Text(text.to_owned());
            grid.push(vec![
                text(service),
                text(line.busy.what),
                text(line.unit),
                json!(line.price).into(),
                number(line.per),
                number(line.idle.quantity),
                dollars(line.idle_usd),
                number(line.busy.quantity),
                dollars(line.busy_usd),
                text(&line.busy.because),
            ]);
        }
        grid
    }

    fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        let Load { rate, size, shards, .. } = self.load;
        let (idle, busy) = self.totals();
        self.grid(Format::Table).write(Format::Table, out)?;
        writeln!(
            out,
            "\na month of {SECONDS} s in {}, prices of {}",
            self.prices.region, self.prices.as_of
        )?;
        writeln!(out, "idle                          {idle:>10.2} USD")?;
        writeln!(
            out,
            "{:<28}  {busy:>10.2} USD, {:.2} per million events",
            format!("{rate} events/s of {size} bytes"),
            self.per_million()
        )?;
        writeln!(
            out,
            "speed rows take {} write units ({:.2} USD; shards: {shards}); an UpdateItem per event and view\n\
             would take {} ({:.2} USD), at one unit each: {:.1} times as many",
            people(self.units),
            self.usd(self.units),
            people(self.units_instead),
            self.usd(self.units_instead),
            self.units_instead / self.units,
        )?;
        writeln!(out, "prices: {}", self.prices.source)
    }

    fn to_json(&self) -> Value {
        let mut out = Vec::new();
        self.grid(Format::Json).write(Format::Json, &mut out).expect("memory takes everything");
        let lines: Value = serde_json::from_slice(&out).expect("a grid writes JSON");
        let (idle, busy) = self.totals();
        let load = self.load;
        json!({
            "prices": self.prices,
            "load": {
                "events_per_second": load.rate, "event_bytes": load.size, "shards": load.shards,
                "epoch_s": load.epoch, "speed_window_s": load.speed_window,
                "archive_window_s": load.archive_window, "batch_every_s": load.batch_every,
                "retention_days": load.retention_days, "queries_per_second": load.queries,
            },
            "lines": lines,
            "idle_usd": idle,
            "busy_usd": busy,
            "usd_per_million_events": self.per_million(),
            "speed_row_write_units": self.units,
            "update_item_write_units": self.units_instead,
        })
    }
}

/// A quantity for people.
fn people(quantity: f64) -> String {
    if quantity >= 1000.0 {
        HumanCount(quantity.round() as u64).to_string()
    } else if quantity == quantity.trunc() {
        quantity.to_string()
    } else {
        format!("{quantity:.3}")
    }
}

#[cfg(test)]
mod tests;
