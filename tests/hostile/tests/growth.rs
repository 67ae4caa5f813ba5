//! Work and memory grow with the input and no faster, counted and not timed.
//!
//! What is counted are the bytes that are allocated while a target runs, over all of the run: the same
//! on every machine and at every load. An input of twice the length may ask for up to
//! three times as many, because buffers grow in leaps, and nothing may ask for more than a fixed
//! factor of its input. Loops that allocate nothing are not seen; the fuzzer's limit of time is for
//! those.

use anabranch_hostile::{TARGETS, seeds};
use cap::Cap;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes allocated while an input is checked. Only one test is in this program, so they are its own.
fn allocated(target: &str, input: &[u8]) -> usize {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let before = ALLOCATOR.total_allocated();
    check(input);
    ALLOCATOR.total_allocated() - before
}

/// An input that repeats something `n` times.
type Shape = (&'static str, &'static str, fn(usize) -> String);

const SHAPES: [Shape; 28] = [
    ("event", "white space", |n| format!("\u{1}{{\"t\":0{}}}", " ".repeat(n))),
    ("event", "a long text", |n| format!("\u{1}{{\"t\":0,\"text\":\"{}\"}}", "x".repeat(n))),
    ("event", "escapes", |n| format!("\u{1}{{\"t\":0,\"text\":\"{}\"}}", "\\u0041".repeat(n))),
    ("event", "digits", |n| format!("\u{1}{{\"t\":0,\"wide\":0.{}}}", "7".repeat(n))),
    ("event", "keys", |n| format!("\u{1}{{{}\"t\":0}}", "\"x\":[1],".repeat(n))),
    ("event", "brackets", |n| format!("\u{1}{{\"t\":0,\"x\":{}", "[".repeat(n))),
    ("event", "an unknown text where a number is wanted", |n| {
        format!("\u{1}{{\"t\":0,\"int\":\"{}\"}}", "x".repeat(n))
    }),
    ("sql", "items", |n| select(&"sum(a) + 1 AS x, ".repeat(n))),
    ("sql", "alternatives", |n| select(&format!("a IN ({}1) AS k, ", "1, ".repeat(n)))),
    ("sql", "operands", |n| select(&format!("{}a AS k, ", "a + ".repeat(n)))),
    ("sql", "parentheses", |n| select(&"(".repeat(n))),
    ("sql", "branches", |n| select(&format!("CASE {} END AS k, ", "WHEN b THEN a ".repeat(n)))),
    ("sql", "comments", |n| select(&"/* */ ".repeat(n))),
    ("sql", "an endless text", |n| select(&format!("'{}", "é".repeat(n)))),
    ("sql", "statements", |n| "CREATE MATERIALIZED VIEW v AS SELECT 1;\n".repeat(n)),
    ("sql", "columns", |n| {
        let columns: String = (0..n).map(|i| format!("c{i} BIGINT, ")).collect();
        format!(
            "CREATE TABLE t ({columns}t TIMESTAMP(3)) WITH (format = 'json', event_time = 't')\0x"
        )
    }),
    ("sql", "names of columns in all cases", |n| {
        let quoted = |i: usize| format!("\"{i:b}\" BIGINT, ").replace('0', "x").replace('1', "X");
        let columns: String = (n..2 * n).map(quoted).collect();
        format!(
            "CREATE TABLE t ({columns}t TIMESTAMP(3)) WITH (format = 'json', event_time = 't')\0x"
        )
    }),
    ("query", "conditions", |n| format!("\0{}", "where=s=x\n".repeat(n))),
    ("query", "a long value", |n| format!("\0where=s={}", "x".repeat(n))),
    ("query", "columns", |n| format!("\0group_by=s,{}", "os,".repeat(n))),
    ("query", "digits", |n| format!("\0every={}m", "1".repeat(n))),
    ("ingest", "lines", |n| "{}\n".repeat(n)),
    ("ingest", "elements", |n| format!("[{}1]", "{},".repeat(n))),
    ("ingest", "brackets", |n| "[".repeat(n)),
    ("ingest", "an object over lines", |n| format!("{{\n{}", "\"a\":1,\n".repeat(n))),
    ("envelope", "records", |n| {
        let record = |i: usize| {
            format!(
                r#"{{"eventID":"s:{i}","eventSourceARN":"","kinesis":{{"data":"eA==","partitionKey":"k","sequenceNumber":"{i}","approximateArrivalTimestamp":1.5}}}}"#
            )
        };
        let records: Vec<String> = (1..=n).map(record).collect();
        format!("{{\"Records\":[{}]}}", records.join(","))
    }),
    ("envelope", "records of nothing", |n| format!("{{\"Records\":[{}null]}}", "{},".repeat(n))),
    ("stored", "digits", |n| format!("\u{7}{}", "0".repeat(n))),
];

fn select(items: &str) -> String {
    format!("CREATE MATERIALIZED VIEW v AS SELECT {items}count(*) AS n FROM events")
}

#[test]
fn twice_the_input_is_far_from_four_times_the_work() {
    // What is made once and kept is not counted.
    for (target, check) in TARGETS {
        seeds::of(target).iter().for_each(|seed| check(seed));
    }
    for (target, what, shape) in SHAPES {
        for n in [2_000, 8_000] {
            let (input, twice) = (shape(n), shape(2 * n));
            let (once, doubled) =
                (allocated(target, input.as_bytes()), allocated(target, twice.as_bytes()));
            let case = format!("{target}, {what}: {n} take {once} bytes, twice as many {doubled}");
            assert!(doubled <= 3 * once + 300_000, "{case}");
            assert!(doubled <= 1000 * twice.len() + (4 << 20), "{case}, for {}", twice.len());
        }
    }
}
