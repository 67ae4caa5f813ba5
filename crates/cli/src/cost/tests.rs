//! The bill of a project, held against sums worked out by hand.

use super::*;
use load::tests::load;

fn clickstream() -> std::sync::Arc<Project> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/clickstream");
    project::load(&folder).unwrap()
}

fn keys(texts: &[&str]) -> Vec<Keys> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn with_estimate(load: &Load, check: impl FnOnce(&Estimate<'_>)) {
    let project = clickstream();
    let prices = Prices::load(None, "us-east-1").unwrap();
    let rows = rows_of(&project, &keys(&["100"])).unwrap();
    check(&estimate(&project, &prices, load, &rows));
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-3, "{found}, not {expected}");
}

#[test]
fn every_line_is_its_quantity_at_its_price_and_the_total_their_sum() {
    with_estimate(&load(1000.0), |estimate| {
        let mut sum = 0.0;
        for line in &estimate.lines {
            close(line.busy_usd.max(1e-9), (line.busy.quantity * line.price / line.per).max(1e-9));
            assert!(!line.busy.because.is_empty() && line.idle.item == line.busy.item);
            sum += line.busy_usd;
        }
        close(estimate.totals().1, sum);
        close(estimate.per_million(), sum / (1000.0 * 2_628_000.0 / 1e6));
        let json = estimate.to_json();
        close(json["busy_usd"].as_f64().unwrap(), sum);
        assert_eq!(json["lines"].as_array().unwrap().len(), estimate.lines.len());
    });
}

#[test]
fn the_lines_of_the_stream_are_those_worked_out_by_hand() {
    let quantity = |estimate: &Estimate<'_>, item: &str| {
        let lines = estimate.lines.iter().filter(|line| line.busy.item == item);
        lines.map(|line| line.busy.quantity).sum::<f64>()
    };
    with_estimate(&load(1000.0), |estimate| {
        // 1,000 events of 1 KB begun for 2,628,000 s, and four heartbeats a minute.
        let gigabytes = (1000.0 + 4.0 / 60.0) * 2_628_000.0 / f64::from(1 << 20);
        close(quantity(estimate, "kinesis.data-in"), gigabytes);
        close(quantity(estimate, "kinesis.data-out"), 2.0 * gigabytes);
        close(quantity(estimate, "kinesis.stream-hour"), 730.0);
        assert_eq!(quantity(estimate, "glue.dpu-hours"), 0.0);
    });
    let provisioned = Load { provisioned: true, shards: 2.0, ..load(1000.0) };
    with_estimate(&provisioned, |estimate| {
        close(quantity(estimate, "kinesis.shard-hour"), 1460.0);
        close(quantity(estimate, "kinesis.put-units"), (1000.0 + 2.0 / 60.0) * 2_628_000.0);
        assert_eq!(quantity(estimate, "kinesis.data-in"), 0.0);
    });
    // A quarter of an hour of 100,000 events a second is more than a function builds.
    with_estimate(&load(100_000.0), |estimate| {
        assert!(quantity(estimate, "glue.dpu-hours") > 0.0);
    });
}

#[test]
fn an_idle_stack_costs_its_stream_and_little_else() {
    with_estimate(&load(1000.0), |estimate| {
        let (idle, busy) = estimate.totals();
        assert!(idle > 29.2 && idle < 80.0, "{idle}");
        assert!(busy > 5.0 * idle, "{busy}");
        let rows = estimate.lines.iter().find(|line| line.busy.what == "speed rows").unwrap();
        assert_eq!(rows.idle.quantity, 0.0);
    });
}

#[test]
fn the_views_decide_how_many_units_their_rows_take() {
    with_estimate(&load(1000.0), |estimate| {
        // Four views: 4,000 updates a second.
        close(estimate.units_instead, 4000.0 * 2_628_000.0);
        assert!(estimate.units > 0.0 && estimate.units < estimate.units_instead / 2.0);
    });
    // Ten seconds of a full shard and few keys: hundreds of events to a row and put.
    let gathered = Load { shards: 1.0, speed_window: 10.0, ..load(1000.0) };
    with_estimate(&gathered, |gathered| {
        assert!(gathered.units < gathered.units_instead / 10.0, "{}", gathered.units);
    });
}

#[test]
fn keys_are_of_every_view_or_of_the_one_that_is_named() {
    let project = clickstream();
    assert_eq!(keys(&["pages=7", "0.5"])[0], Keys { view: Some("pages".to_owned()), count: 7.0 });
    assert_eq!(rows_of(&project, &keys(&["9", "PAGES=7"])).unwrap().len(), 5);
    let told = |texts: &[&str]| rows_of(&project, &keys(texts)).err().map(|e| e.to_string());
    assert!(told(&["9", "nope=7"]).unwrap().contains("no view `nope`; there are pages"));
    assert!(told(&["pages=7"]).unwrap().contains("how many keys has `sales`"));
    for text in ["", "x", "-1", "pages=", "pages=0", "inf"] {
        assert!(text.parse::<Keys>().is_err(), "{text}");
    }
}
