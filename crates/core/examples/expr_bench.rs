//! What an expression costs: nanoseconds per row, over batches of 1,024 rows as in the fold.
//!
//! ```text
//! cargo run --release -p anabranch-core --example expr_bench [text that the line contains…]
//! ```
//!
//! Filters are run through `select`, other expressions through `evaluate`. One row in sixteen is
//! NULL in every column but the times.

#![allow(clippy::print_stdout, reason = "an example prints")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; core does not")]

use anabranch_core::column::{Column, Data};
use anabranch_core::expr::{evaluate, select};
use anabranch_core::sql::{Source, compile_schema, compile_views};
use bumpalo::Bump;
use std::hint::black_box;
use std::time::Instant;

const ROWS: usize = 1024;
const BATCHES: usize = 20_000;

const SCHEMA: &str =
    "CREATE TABLE events (event_time TIMESTAMP(3), seen TIMESTAMP(3), type VARCHAR,
    page VARCHAR, latency DOUBLE, amount DECIMAL(12,2), quantity BIGINT)
    WITH (format = 'json', event_time = 'event_time')";

const FILTERS: [&str; 12] = [
    "type IN ('page_view', 'purchase')",
    "latency > 5.0",
    "type IN ('page_view', 'purchase') AND latency > 5.0",
    "type = 'purchase'",
    "type = 'purchase' AND page LIKE '%shop%' AND latency > 5.0",
    "page LIKE '/shop/%'",
    "page LIKE '%item_7%'",
    "type = 'purchase' OR latency > 100",
    "latency IS NOT NULL AND amount >= 10",
    "quantity IN (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)",
    "NOT (quantity BETWEEN 10 AND 20)",
    "amount * quantity > 100",
];

const VALUES: [&str; 16] = [
    "page",
    "lower(page)",
    "substr(page, 2, 4)",
    "split_part(page, '/', 2)",
    "type || ':' || page",
    "coalesce(type, 'none')",
    "CASE WHEN latency < 10 THEN 'fast' WHEN latency < 100 THEN 'slow' ELSE 'bad' END",
    "quantity + 1",
    "latency * 2",
    "amount * quantity",
    "amount / 3",
    "CAST(amount AS DOUBLE)",
    "CAST(latency AS DECIMAL(12,2))",
    "date_trunc('minute', seen)",
    "date_trunc('month', seen)",
    "hour(seen)",
];

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let source = |text: String| Source { name: "bench".to_owned(), text };
    let schema = compile_schema(&source(SCHEMA.to_owned())).expect("the schema compiles");
    let arena = Bump::new();
    let columns = columns(&arena);
    let wanted = |text: &&&str| only.is_empty() || only.iter().any(|part| text.contains(part));
    for filter in FILTERS.iter().filter(wanted) {
        let view = format!(
            "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM events WHERE {filter}"
        );
        let view = compile_views(&schema, &source(view), &[]).expect("the view compiles").remove(0);
        let filter_expr = view.filter.expect("it has a filter");
        let kept = select(&filter_expr, &columns, ROWS, &arena).len();
        let ns = nanoseconds(|arena| {
            black_box(select(&filter_expr, black_box(&columns), ROWS, arena));
        });
        println!("{ns:>8.2} ns  WHERE {filter}  ({kept} of {ROWS} rows)");
    }
    for value in VALUES.iter().filter(wanted) {
        let view = format!("CREATE MATERIALIZED VIEW v AS SELECT max({value}) AS x FROM events");
        let view = compile_views(&schema, &source(view), &[]).expect("the view compiles").remove(0);
        let expr = &view.aggregates[0].args[0];
        let ns = nanoseconds(|arena| {
            black_box(evaluate(expr, black_box(&columns), ROWS, arena));
        });
        println!("{ns:>8.2} ns  {value}");
    }
}

/// Of one row; the arena is empty again for every batch.
fn nanoseconds(mut run: impl FnMut(&Bump)) -> f64 {
    let mut arena = Bump::new();
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..BATCHES / 5 {
            run(&arena);
            arena.reset();
        }
        let rows = (BATCHES / 5 * ROWS) as f64;
        best = best.min(start.elapsed().as_nanos() as f64 / rows);
    }
    best
}

/// One batch, in the order of the schema's columns.
fn columns(arena: &Bump) -> Vec<Column<'_>> {
    let mut state = 7_u64;
    let mut random = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let types = ["page_view", "page_view", "click", "purchase", "search", "scroll"];
    let mut time = Vec::new();
    let (mut ty, mut page) = (Vec::new(), Vec::new());
    let (mut latency, mut amount, mut quantity) = (Vec::new(), Vec::new(), Vec::new());
    let valid: Vec<bool> = (0..ROWS).map(|_| random(16) > 0).collect();
    for (row, &valid) in valid.iter().enumerate() {
        // 75 events a second, a little out of order.
        time.push(1_700_000_000_000_000 + row as i64 * 13_333 - random(50_000) as i64);
        let text = |text: String| if valid { &*arena.alloc_str(&text) } else { "" };
        ty.push(text(types[random(6) as usize].to_owned()));
        page.push(text(format!("/{}/Item_{}", ["shop", "help"][random(2) as usize], random(99))));
        latency.push(if valid { random(2_000) as f64 / 10.0 } else { 0.0 });
        amount.push(if valid { i128::from(random(100_000)) } else { 0 });
        quantity.push(if valid { random(40) as i64 } else { 0 });
    }
    let mut columns = vec![Column::new(Data::Timestamp(time.clone()))];
    columns.push(Column::new(Data::Timestamp(time)));
    for data in [
        Data::Varchar(ty),
        Data::Varchar(page),
        Data::Double(latency),
        Data::Decimal(amount),
        Data::BigInt(quantity),
    ] {
        columns.push(Column { data, valid: Some(valid.clone()) });
    }
    columns
}
