//! What writing and scanning the local master data set costs.
//!
//! `raw_bench DIR [EVENTS]` archives clickstream-like events of about 400 bytes in objects of
//! 250,000, then scans them as a fold does, on one thread.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::port::{Fields, MasterDataSet as _, ObjectInfo, Result};
use anabranch_core::record::{Record, ShardId};
use anabranch_stores::local::{Local, Options};
use futures::executor::block_on;
use std::path::Path;
use std::time::Instant;

const PER_OBJECT: usize = 250_000;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().expect("usage: raw_bench DIR [EVENTS]");
    let events: usize = args.next().map_or(1_000_000, |n| n.parse().expect("a count of events"));
    let epoch_length = EpochLength::from_millis(10_000).expect("above zero");
    let local = Local::open(Path::new(&dir), Options { epoch_length, shards: 1 })?;

    let mut random = Random(1);
    let (mut bytes, mut writing) = (0, 0.0);
    for object in 0..events / PER_OBJECT {
        let first = object * PER_OBJECT + 1;
        let payloads: Vec<String> = (0..PER_OBJECT).map(|_| event(&mut random)).collect();
        bytes += payloads.iter().map(String::len).sum::<usize>();
        let records: Vec<Record<'_>> = payloads
            .iter()
            .enumerate()
            .map(|(i, payload)| Record {
                sequence: ((first + i) as u64).into(),
                arrival_ms: 1_780_000_000_000 + (i / 1000) as i64,
                partition_key: &payload[12..20],
                payload: payload.as_bytes(),
            })
            .collect();
        let info = ObjectInfo {
            shard: ShardId("shard-0000".to_owned()),
            epoch: Epoch(178_000_000 + object as u64),
            first: (first as u64).into(),
            last: ((first + PER_OBJECT - 1) as u64).into(),
            follows: (object > 0).then_some((first as u64 - 1).into()),
            records: PER_OBJECT as u64,
            heartbeats: (object % 2) as u64,
            min_arrival_ms: 0,
            max_arrival_ms: 0,
        };
        let start = Instant::now();
        block_on(local.master.put_if_absent(&info, &records))?;
        writing += start.elapsed().as_secs_f64();
    }
    println!("{bytes} bytes; write: {:.0} MB/s, {writing:.2} s", bytes as f64 / writing / 1e6);

    let objects = block_on(local.master.objects(Epoch::ZERO..Epoch(u64::MAX)))?;
    for (name, fields, heartbeats) in [
        ("fold, no heartbeats", Fields::Fold, 0),
        ("fold, heartbeats", Fields::Fold, 1),
        ("all", Fields::All, 0),
    ] {
        let (start, mut count, mut sum) = (Instant::now(), 0, 0);
        for object in objects.iter().filter(|object| object.heartbeats == heartbeats) {
            block_on(local.master.scan(object, fields, &mut |records: &[Record<'_>]| {
                count += records.len();
                sum += records.iter().map(|r| r.payload.len()).sum::<usize>();
            }))?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let rate = sum as f64 / seconds / 1e6;
        println!("scan, {name}: {count} records in {seconds:.3} s, {rate:.0} MB/s");
    }
    Ok(())
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

fn event(random: &mut Random) -> String {
    let mut below = |limit| random.below(limit);
    format!(
        "{{\"event_id\":\"{:016x}{:016x}\",\"event_time\":\"2026-05-28T20:{:02}:{:02}.{:03}Z\",\
         \"type\":\"{}\",\"site\":\"shop-{:03}.example.com\",\"page\":\"/catalog/{}/item-{:05}\",\
         \"visitor_id\":\"v{:010}\",\"session\":\"{:012x}\",\"latency_ms\":{}.{:02},\"amount\":{}.{:02},\
         \"device\":{{\"os\":\"{}\",\"browser\":\"{}\",\"width\":{}}},\"referrer\":\
         \"https://search.example.org/q?term={:x}\",\"tags\":[\"a{}\",\"b{}\"]}}",
        below(1 << 31),
        below(1 << 31),
        below(60),
        below(60),
        below(1000),
        ["page_view", "click", "purchase", "scroll"][below(4) as usize],
        below(200),
        ["shoes", "books", "garden", "toys"][below(4) as usize],
        below(20_000),
        below(2_000_000),
        below(1 << 31),
        below(900),
        below(100),
        below(300),
        below(100),
        ["ios", "android", "windows", "linux"][below(4) as usize],
        ["safari", "chrome", "firefox"][below(3) as usize],
        below(2000),
        below(1 << 20),
        below(50),
        below(50),
    )
}
