//! What decoding costs: nanoseconds per generated clickstream event, beside serde_json.
//!
//! ```text
//! cargo run --release --example decode_bench [events]
//! ```
//!
//! Each reader is run over all events several times, interleaved with the others, on one thread;
//! the median is printed. serde_json builds a tree of every event and extracts nothing, or, as
//! `IgnoredAny`, only checks the grammar. An event has about 400 bytes, is nested, and leaves out
//! or nulls some fields; 12 of its fields are declared and 5 of those needed.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; core does not")]

use anabranch_core::decode::Decoder;
use anabranch_core::schema::{ColumnDef, Schema, TimestampFormat};
use anabranch_core::types::Type;
use bumpalo::Bump;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

const ROUNDS: usize = 9;
const BATCH_ROWS: usize = 1_024;

fn main() -> std::io::Result<()> {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let events = Events::generate(count);
    let bytes: usize = events.lines().map(<[u8]>::len).sum();
    let schema = schema();
    let needed = [0, 1, 2, 7, 10];
    let all: Vec<usize> = (0..schema.columns.len()).collect();

    type Reader<'r> = Box<dyn FnMut(&Events) -> usize + 'r>;
    let mut readers: Vec<(&str, Reader<'_>)> = vec![
        ("decode, 5 of 12 columns", Box::new(|events| decode(&schema, &needed, events))),
        ("decode, 12 of 12 columns", Box::new(|events| decode(&schema, &all, events))),
        ("check", Box::new(|events| check(&schema, events))),
        ("UTF-8 alone (simdutf8)", Box::new(utf8)),
        ("serde_json::Value", Box::new(serde_value)),
        ("serde_json::IgnoredAny", Box::new(serde_ignored)),
    ];
    let mut nanos = vec![Vec::new(); readers.len()];
    for _ in 0..ROUNDS {
        for ((name, reader), nanos) in readers.iter_mut().zip(&mut nanos) {
            let start = Instant::now();
            let accepted = reader(&events);
            nanos.push(start.elapsed().as_nanos() as f64 / count as f64);
            assert_eq!(accepted, count, "{name} must accept every event");
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{count} events of {} bytes, median of {ROUNDS}", bytes / count)?;
    for ((name, _), nanos) in readers.iter().zip(&mut nanos) {
        nanos.sort_by(f64::total_cmp);
        let (median, best) = (nanos[nanos.len() / 2], nanos[0]);
        writeln!(out, "{name:<28} {median:>7.0} ns/event   (best {best:.0})")?;
    }
    Ok(())
}

fn decode(schema: &Schema, needed: &[usize], events: &Events) -> usize {
    let mut decoder = Decoder::new(schema, needed);
    let mut arena = Bump::new();
    let mut rows = 0;
    let lines: Vec<&[u8]> = events.lines().collect();
    for chunk in lines.chunks(BATCH_ROWS) {
        let mut batch = decoder.batch(BATCH_ROWS);
        for line in chunk {
            decoder.decode(line, &arena, &mut batch).expect("generated events are valid");
        }
        rows += black_box(batch).rows;
        arena.reset();
    }
    rows
}

fn check(schema: &Schema, events: &Events) -> usize {
    let mut decoder = Decoder::new(schema, &[]);
    events.lines().filter(|line| decoder.check(line).is_ok()).count()
}

fn utf8(events: &Events) -> usize {
    events.lines().filter(|line| simdutf8::basic::from_utf8(line).is_ok()).count()
}

fn serde_value(events: &Events) -> usize {
    let parse = |line: &&[u8]| black_box(serde_json::from_slice::<serde_json::Value>(line)).is_ok();
    events.lines().filter(parse).count()
}

fn serde_ignored(events: &Events) -> usize {
    let parse = |line: &&[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    events.lines().filter(parse).count()
}

fn schema() -> Schema {
    let column =
        |path: &str, ty| ColumnDef { path: path.split('.').map(str::to_owned).collect(), ty };
    Schema {
        table: "events".to_owned(),
        columns: vec![
            column("event_time", Type::Timestamp { precision: 3 }),
            column("type", Type::Varchar),
            column("site", Type::Varchar),
            column("page", Type::Varchar),
            column("device.os", Type::Varchar),
            column("device.width", Type::BigInt),
            column("geo.country", Type::Varchar),
            column("visitor_id", Type::Varchar),
            column("session.sequence", Type::BigInt),
            column("is_bot", Type::Boolean),
            column("latency_ms", Type::Double),
            column("amount", Type::Decimal { precision: 12, scale: 2 }),
        ],
        event_time: 0,
        timestamp_format: TimestampFormat::Iso8601,
    }
}

/// Events behind one another in one buffer, as they arrive in a batch.
struct Events {
    buffer: Vec<u8>,
    ends: Vec<usize>,
}

impl Events {
    fn generate(count: usize) -> Self {
        let mut random = Random(42);
        let mut events = Events { buffer: Vec::new(), ends: Vec::new() };
        for _ in 0..count {
            write_event(&mut events.buffer, &mut random).expect("writing to memory does not fail");
            events.ends.push(events.buffer.len());
        }
        events
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.buffer[start..end])
    }
}

fn write_event(out: &mut Vec<u8>, random: &mut Random) -> std::io::Result<()> {
    let second = random.below(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millis = random.below(1_000);
    write!(out, r#"{{"event_time":"2026-03-14T{hour:02}:{minute:02}:{second:02}.{millis:03}Z","#)?;
    write!(out, r#""event_id":"{:016x}{:016x}","#, random.next(), random.next())?;
    let purchase = random.below(20) == 0;
    let kind =
        if purchase { "purchase" } else { ["page_view", "click"][random.below(6) as usize / 5] };
    write!(out, r#""type":"{kind}","site":"site-{}.example","#, random.below(50))?;
    write!(out, r#""page":"/category/{}/item-{}","#, random.below(30), random.below(100_000))?;
    write!(out, r#""visitor_id":"v{}","#, random.below(1_000_000))?;
    let (session, sequence) = (random.next() >> 32, random.below(60) + 1);
    write!(out, r#""session":{{"id":"{session:08x}","sequence":{sequence}}},"#)?;
    let os = ["iOS", "Android", "Windows", "macOS", "Linux"][random.below(5) as usize];
    let browser = ["Safari", "Chrome", "Firefox", "Edge"][random.below(4) as usize];
    let width = [390, 412, 1_920, 2_560][random.below(4) as usize];
    write!(out, r#""device":{{"os":"{os}","browser":"{browser}","width":{width}}},"#)?;
    let country = ["DE", "FR", "US", "JP", "BR"][random.below(5) as usize];
    let city = ["Köln", "Orléans", "Portland", "東京", "São Paulo"][random.below(5) as usize];
    write!(out, r#""geo":{{"country":"{country}","city":"{city}"}},"#)?;
    if random.below(3) > 0 {
        write!(out, r#""referrer":"https://search.example/?q={}","#, random.below(10_000))?;
    }
    write!(out, r#""is_bot":{},"#, random.below(10) == 0)?;
    let latency_us = random.below(900_000) + 1_000;
    write!(out, r#""latency_ms":{}.{:03},"#, latency_us / 1_000, latency_us % 1_000)?;
    if purchase {
        write!(out, r#""amount":{}.{:02}}}"#, random.below(500), random.below(100))
    } else {
        write!(out, r#""amount":null}}"#)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same events in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
