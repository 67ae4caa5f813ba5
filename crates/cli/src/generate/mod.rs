//! `anabranch generate`: synthetic events on standard output, as NDJSON, or to a server.
//!
//! Without `--rate` they come as fast as they can be written, and event time runs from a fixed
//! start: the same arguments make the same bytes. With `--rate` they come by the clock, now.

mod catalogue;
mod clickstream;
mod posts;
mod random;

use crate::server::Address;
use clickstream::{Clickstream, Options};
use jiff::Timestamp;
use posts::Posts;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Arguments of `anabranch generate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch generate clickstream --count 1000000 > events.ndjson
  anabranch generate clickstream --rate 5000 --to http://127.0.0.1:4000
  anabranch generate clickstream --rate 5000 | anabranch produce - --to http://127.0.0.1:4000

With --to it ends at the first post that fails; `produce` tries again.")]
pub(crate) struct Arguments {
    /// Which traffic
    source: Source,
    /// Stop after so many events [default: never]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Chooses everything that is random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many of a thousand events are malformed
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    malformed: u32,
    /// Write so many events per second, timed by the clock
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["start", "per_second"])]
    rate: Option<u32>,
    /// Post them to a server, and do not write them to standard output
    #[arg(long, value_name = "URL")]
    to: Option<Address>,
    /// When the traffic starts
    #[arg(long, value_name = "TIME", default_value = "2026-03-01T00:00:00Z")]
    start: Timestamp,
    /// How dense it is, in events per second of event time
    #[arg(long, value_name = "N", default_value_t = 58, value_parser = clap::value_parser!(u32).range(1..))]
    per_second: u32,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Source {
    /// Web shops; the schema is that of examples/clickstream
    Clickstream,
}

/// Runs the command until the count is reached or the reader goes away.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Source::Clickstream = arguments.source;
    let paced = arguments.rate.is_some();
    let stream = Clickstream::new(Options {
        seed: arguments.seed,
        start_ms: if paced { Timestamp::now() } else { arguments.start }.as_millisecond(),
        per_second: arguments.rate.unwrap_or(arguments.per_second).into(),
        malformed_per_mille: arguments.malformed,
    });
    let (count, rate) = (arguments.count, arguments.rate);
    match &arguments.to {
        Some(server) => write(stream, count, rate, &mut Posts::new(server))?,
        None => write(stream, count, rate, &mut io::stdout().lock())?,
    }
    Ok(())
}

fn write(
    mut stream: Clickstream,
    count: Option<u64>,
    rate: Option<u32>,
    out: &mut impl Write,
) -> io::Result<()> {
    /// Events are written by the hundred or so kilobytes, or as often as the eye can tell.
    const CHUNK: u64 = 256;
    const PAUSE: Duration = Duration::from_millis(20);

    let begun = Instant::now();
    let mut left = count.unwrap_or(u64::MAX);
    let mut written = 0;
    let mut buffer = Vec::new();
    while left > 0 {
        let due = match rate {
            None => CHUNK,
            Some(rate) => (begun.elapsed().as_secs_f64() * f64::from(rate)) as u64 - written,
        };
        let events = due.min(left);
        buffer.clear();
        (0..events).for_each(|_| stream.next_line(&mut buffer));
        out.write_all(&buffer)?;
        left -= events;
        written += events;
        if rate.is_some() {
            out.flush()?;
            std::thread::sleep(PAUSE);
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Clickstream {
        Clickstream::new(Options { seed: 1, start_ms: 0, per_second: 58.0, malformed_per_mille: 0 })
    }

    #[test]
    fn the_count_is_kept_whether_paced_or_not() {
        for rate in [None, Some(1_000_000)] {
            let mut out = Vec::new();
            write(stream(), Some(1001), rate, &mut out).unwrap();
            assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1001);
        }
    }

    #[test]
    fn pace_does_not_change_the_events() {
        let (mut paced, mut free) = (Vec::new(), Vec::new());
        write(stream(), Some(300), Some(100_000), &mut paced).unwrap();
        write(stream(), Some(300), None, &mut free).unwrap();
        assert!(paced == free);
    }
}
