//! What an update, a merge and an answer cost and a group weighs, per aggregate.
//!
//! ```text
//! cargo run --release -p anabranch-core --example aggregate_bench [aggregate…]
//! ```
//!
//! Updates come in batches of 1,024 rows, as in the fold, in three shapes: `hot` (64 groups, all
//! in cache), `minute` (75,000 groups) and `page` (380,000 groups), the groups of the last two drawn
//! from a Zipf-like distribution over some 5 million events.

#![allow(clippy::print_stdout, reason = "an example prints")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; core does not")]

use anabranch_core::aggregate::{Accumulator, Function, accumulator};
use anabranch_core::column::{Column, Data};
use anabranch_core::types::Type;
use anabranch_core::view::Present;
use std::hint::black_box;
use std::time::{Duration, Instant};

const BATCH: usize = 1024;
const EVENTS: usize = 5_000_000;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    println!(
        "{:<28}{:<8}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "aggregate",
        "shape",
        "update ns",
        "memory B",
        "encode ns",
        "merge ns",
        "present ns",
        "state B"
    );
    for (name, function, types) in aggregates() {
        if !only.is_empty() && !only.iter().any(|wanted| name.contains(wanted)) {
            continue;
        }
        for (shape, groups) in [("hot", 64), ("minute", 75_000), ("page", 380_000)] {
            let m = measure(function, &types, groups);
            println!(
                "{name:<28}{shape:<8}{:>10.1}{:>10.0}{:>10.0}{:>10.0}{:>10.0}{:>10.0}",
                m.update_ns, m.memory_bytes, m.encode_ns, m.merge_ns, m.present_ns, m.state_bytes
            );
        }
    }
}

fn aggregates() -> Vec<(&'static str, Function, Vec<Type>)> {
    let decimal = Type::Decimal { precision: 12, scale: 2 };
    let time = Type::Timestamp { precision: 3 };
    let frequent = Function::ApproxMostFrequent { capacity: 100 };
    vec![
        ("count(*)", Function::Count, vec![]),
        ("count(varchar)", Function::Count, vec![Type::Varchar]),
        ("sum(bigint)", Function::Sum, vec![Type::BigInt]),
        ("sum(decimal)", Function::Sum, vec![decimal]),
        ("sum(double)", Function::Sum, vec![Type::Double]),
        ("avg(bigint)", Function::Avg, vec![Type::BigInt]),
        ("avg(double)", Function::Avg, vec![Type::Double]),
        ("min(double)", Function::Min, vec![Type::Double]),
        ("max(bigint)", Function::Max, vec![Type::BigInt]),
        ("min(varchar)", Function::Min, vec![Type::Varchar]),
        ("max_by(varchar, timestamp)", Function::MaxBy, vec![Type::Varchar, time]),
        ("min_by(bigint, double)", Function::MinBy, vec![Type::BigInt, Type::Double]),
        ("bool_or", Function::BoolOr, vec![Type::Boolean]),
        ("moments(double)", Function::Moments, vec![Type::Double]),
        ("approx_distinct(varchar)", Function::ApproxDistinct, vec![Type::Varchar]),
        ("approx_distinct(bigint)", Function::ApproxDistinct, vec![Type::BigInt]),
        ("approx_percentile(double)", Function::ApproxPercentile, vec![Type::Double]),
        ("approx_most_frequent", frequent, vec![Type::Varchar]),
    ]
}

/// Averages over rows (the update) or groups (the rest).
struct Measured {
    update_ns: f64,
    memory_bytes: f64,
    encode_ns: f64,
    /// Into a group that has the same state already.
    merge_ns: f64,
    present_ns: f64,
    state_bytes: f64,
}

fn measure(function: Function, types: &[Type], groups: usize) -> Measured {
    let mut random = Random(1);
    let rows: Vec<u32> = (0..BATCH as u32).collect();
    let mut states = accumulator(function, types);
    let mut present = 0;
    let mut times = Vec::new();
    for _ in 0..EVENTS / BATCH {
        let groups: Vec<u32> = rows.iter().map(|_| zipf(&mut random, groups)).collect();
        present = groups.iter().fold(present, |most, &group| most.max(group as usize + 1));
        let visitors: Vec<String> =
            rows.iter().map(|_| format!("visitor-{:08x}", random.next() % 200_000)).collect();
        let args: Vec<Column<'_>> =
            types.iter().map(|&ty| column(ty, &mut random, &visitors)).collect();
        let start = Instant::now();
        states.grow(present);
        states.update(&rows, &groups, &args);
        times.push(start.elapsed());
    }
    // The slowest batches are those in which something else had the processor.
    times.sort_unstable();
    times.truncate(times.len() * 49 / 50);
    let update_ns = times.iter().sum::<Duration>().as_nanos() as f64 / (times.len() * BATCH) as f64;
    let memory_bytes = states.memory_bytes() as f64 / present as f64;

    let all: Vec<u32> = (0..present as u32).collect();
    let per_group = |start: Instant| start.elapsed().as_nanos() as f64 / present as f64;
    let mut encoded = Vec::new();
    let start = Instant::now();
    all.iter().for_each(|&group| states.encode(group as usize, &mut encoded));
    let encode_ns = per_group(start);
    let merge_all = |merged: &mut dyn Accumulator| {
        let mut input = encoded.as_slice();
        for &group in &all {
            merged.merge(group as usize, &mut input).expect("a state reads back");
        }
    };
    let mut merged = accumulator(function, types);
    merged.grow(present);
    merge_all(&mut *merged);
    let start = Instant::now();
    merge_all(&mut *merged);
    let merge_ns = per_group(start);
    let start = Instant::now();
    black_box(states.present(Present::Value, &all));
    let present_ns = per_group(start);
    let state_bytes = encoded.len() as f64 / present as f64;
    Measured { update_ns, memory_bytes, encode_ns, merge_ns, present_ns, state_bytes }
}

fn column<'a>(ty: Type, random: &mut Random, visitors: &'a [String]) -> Column<'a> {
    let mut each = || (0..BATCH).map(|_| random.next()).collect::<Vec<u64>>().into_iter();
    Column::new(match ty {
        Type::Boolean => Data::Boolean(each().map(|r| r % 2 == 0).collect()),
        Type::BigInt => Data::BigInt(each().map(|r| (r >> 44) as i64).collect()),
        Type::Timestamp { .. } => Data::Timestamp(each().map(|r| (r >> 20) as i64).collect()),
        Type::Decimal { .. } => Data::Decimal(each().map(|r| i128::from(r >> 44)).collect()),
        // Latencies: from 1 to 4,000 with two decimals, small ones more often.
        Type::Double => Data::Double(
            each()
                .map(|r| {
                    ((2f64.powf((r >> 40) as f64 / f64::from(1 << 21))) * 100.0).round() / 100.0
                })
                .collect(),
        ),
        Type::Varchar => Data::Varchar(visitors.iter().map(String::as_str).collect()),
        Type::FrequentItems => unreachable!("no argument has this type"),
    })
}

/// Group `g` with a probability falling about as `1 / g`.
fn zipf(random: &mut Random, groups: usize) -> u32 {
    let uniform = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
    ((groups as f64).powf(uniform) as u32).saturating_sub(1).min(groups as u32 - 1)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
