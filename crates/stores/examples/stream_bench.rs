//! How many events a second the local stream takes durably, and gives back.
//!
//! `stream_bench DIR [EVENTS_PER_COMMIT]` appends 400-byte events over 4 shards for some seconds,
//! trimming as a consumer would, then reads what is left.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use anabranch_core::epoch::EpochLength;
use anabranch_stores::local::{Local, Options};
use anabranch_stores::stream::{Append, Log};
use std::path::Path;
use std::time::{Duration, Instant};

const EVENT_BYTES: usize = 400;
const SHARDS: u32 = 4;
const RUN: Duration = Duration::from_secs(5);
/// Events of a shard that stay behind its consumer.
const LAG: u64 = 200_000;

fn main() -> anabranch_core::port::Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().expect("usage: stream_bench DIR [EVENTS_PER_COMMIT]");
    let per_commit: usize = args.next().map_or(10_000, |n| n.parse().expect("a count of events"));
    let epoch_length = EpochLength::from_millis(10_000).expect("above zero");
    let local = Local::open(Path::new(&dir), Options { epoch_length, shards: SHARDS })?;
    let stream = &local.stream;
    let payloads: Vec<Vec<u8>> =
        (0..per_commit).map(|i| format!("{i:0>width$}", width = EVENT_BYTES).into()).collect();
    let appends: Vec<Append<'_>> = stream
        .shards()
        .iter()
        .zip(payloads.chunks(per_commit.div_ceil(SHARDS as usize)))
        .map(|(shard, payloads)| Append {
            shard: shard.clone(),
            records: payloads.iter().map(|payload| ("some-key", payload.as_slice())).collect(),
        })
        .collect();

    let (start, mut events, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    while start.elapsed() < RUN {
        let commit = Instant::now();
        let appended = stream.append(&appends, 0)?;
        slowest = slowest.max(commit.elapsed());
        events += per_commit;
        for (shard, appended) in stream.shards().iter().zip(appended) {
            let last = appended.last.to_u64().expect("this stream counts in 64 bits");
            stream.trim(shard, last.saturating_sub(LAG).into())?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "append: {:.0} events/s, {:.0} MB/s, {:.1} commits/s, slowest commit {slowest:?}",
        events as f64 / seconds,
        (events * EVENT_BYTES) as f64 / seconds / 1e6,
        (events / per_commit) as f64 / seconds,
    );

    let (start, mut read) = (Instant::now(), 0);
    for shard in stream.shards() {
        let mut after = stream.last(shard)?.to_u64().expect("64 bits").saturating_sub(LAG).into();
        loop {
            let batch = stream.read(shard, after, 4 << 20)?;
            if batch.is_empty() {
                break;
            }
            read += batch.records().filter(|record| record.payload.len() == EVENT_BYTES).count();
            after = batch.last();
        }
    }
    println!("read: {:.0} events/s", read as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
