//! What writing a part of a batch view costs, and finding one key in it.
//!
//! `views_bench DIR [KEYS] [SKETCH_BYTES]` writes a day of 1,440 minutes for each key, then reads
//! one key's day many times, and the whole part once.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use anabranch_core::aggregate::Function;
use anabranch_core::column::{Column, Data};
use anabranch_core::epoch::EpochLength;
use anabranch_core::port::{PartId, PartInfo, Result, Rows, Selection, ViewStore as _};
use anabranch_core::resolution::DAY;
use anabranch_core::types::{Type, Value};
use anabranch_core::view::{
    Aggregate, Bucket, Expr, ExprKind, Fingerprint, Key, Measure, View, Width,
};
use anabranch_stores::local::{Local, Options};
use futures::executor::block_on;
use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

const MINUTE: i64 = 60_000_000;
const MINUTES: usize = 1440;
const STATES: usize = 6;
const READS: usize = 1000;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().expect("usage: views_bench DIR [KEYS] [SKETCH_BYTES]");
    let keys: usize = args.next().map_or(1000, |n| n.parse().expect("a count of keys"));
    let sketch: usize = args.next().map_or(40, |n| n.parse().expect("a count of bytes"));
    let epoch_length = EpochLength::from_millis(10_000).expect("above zero");
    let local = Local::open(Path::new(&dir), Options { epoch_length, shards: 1 })?;
    let view = view();
    let names: Vec<String> = (0..keys).map(|k| format!("shop-{k:04}.example.com")).collect();
    let rows = rows(&names, sketch);
    let id = PartId { resolution: Some(DAY), partition: 0 };

    let start = Instant::now();
    let part = block_on(local.views.write_part(&view, 1, "b", id, &rows))?;
    let seconds = start.elapsed().as_secs_f64();
    println!("write: {} rows, {} bytes in {seconds:.2} s", part.rows, part.bytes);

    let mut micros: Vec<u128> = Vec::new();
    let mut visited = 0;
    for i in 0..READS {
        let name = Value::Varchar(names[i * 7919 % keys].clone());
        let start = Instant::now();
        let selection = Selection {
            keys: vec![Some(vec![name])],
            buckets: 0..MINUTE * MINUTES as i64,
            states: vec![true; STATES],
        };
        visited += read(&local, &view, &part, &selection)?;
        micros.push(start.elapsed().as_micros());
    }
    let first = micros[0];
    micros.sort_unstable();
    println!(
        "one key: {} rows visited for {MINUTES}; first {first} us, p50 {} us, p99 {} us",
        visited / READS,
        micros[READS / 2],
        micros[READS * 99 / 100]
    );
    let start = Instant::now();
    let all =
        Selection { keys: vec![None], buckets: i64::MIN..i64::MAX, states: vec![true; STATES] };
    let visited = read(&local, &view, &part, &all)?;
    println!("all: {visited} rows in {:?}", start.elapsed());
    Ok(())
}

fn read(local: &Local, view: &View, part: &PartInfo, selection: &Selection) -> Result<usize> {
    let mut visited = 0;
    block_on(local.views.read_part(view, part, selection, &mut |rows| {
        visited += rows.len();
        Ok(())
    }))?;
    Ok(visited)
}

fn view() -> View {
    let expr = |ty| Expr { kind: ExprKind::Column(0), ty };
    let measure = |name: &str, ty| Measure { name: name.to_owned(), expr: expr(ty) };
    let aggregate = Aggregate { function: Function::Count, args: Vec::new(), filter: None };
    View {
        name: "bench".to_owned(),
        fingerprint: Fingerprint([1; 16]),
        plan: String::new(),
        filter: None,
        keys: vec![Key { name: "site".to_owned(), expr: expr(Type::Varchar) }],
        bucket: Some(Bucket { name: "minute".to_owned(), width: Width::Fixed { micros: MINUTE } }),
        aggregates: vec![aggregate; STATES],
        outputs: Vec::new(),
        measures: vec![
            measure("views", Type::BigInt),
            measure("revenue", Type::Decimal { precision: 38, scale: 2 }),
            measure("slowest", Type::Double),
            measure("visitors", Type::BigInt),
        ],
    }
}

fn rows(names: &[String], sketch: usize) -> Rows<'_> {
    let count = names.len() * MINUTES;
    let noise = |i: usize| (i as u64).wrapping_mul(6_364_136_223_846_793_005) >> 40;
    let counts: Vec<i64> = (0..count).map(|i| (noise(i) % 1000) as i64).collect();
    let sums: Vec<i128> = (0..count).map(|i| i128::from(noise(i + 1) % 100_000)).collect();
    let doubles: Vec<f64> = (0..count).map(|i| noise(i + 2) as f64 / 256.0).collect();
    let blob = |i: usize| Cow::Owned((0..sketch).map(|j| noise(i * 31 + j) as u8).collect());
    let blobs = || Column::new(Data::Binary((0..count).map(blob).collect()));
    Rows {
        keys: vec![Column::new(Data::Varchar(
            names.iter().flat_map(|name| std::iter::repeat_n(name.as_str(), MINUTES)).collect(),
        ))],
        buckets: Some((0..count).map(|i| (i % MINUTES) as i64 * MINUTE).collect()),
        states: vec![
            Column::new(Data::BigInt(counts.clone())),
            Column::new(Data::Decimal(sums.clone())),
            Column::new(Data::Double(doubles.clone())),
            Column::new(Data::Double(doubles.iter().map(|d| -d).collect())),
            blobs(),
            blobs(),
        ],
        measures: vec![
            Column::new(Data::BigInt(counts.clone())),
            Column::new(Data::Decimal(sums)),
            Column::new(Data::Double(doubles)),
            Column::new(Data::BigInt(counts)),
        ],
    }
}
