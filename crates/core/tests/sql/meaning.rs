//! Fingerprints: the same for what means the same, another one for everything else.

use super::{schema, views};
use anabranch_core::schema::Schema;
use anabranch_core::sql::records_view;

const SCHEMA: &str = "CREATE TABLE events (event_time TIMESTAMP(3), site VARCHAR, amount \
                      DECIMAL(12,2), device STRUCT<os VARCHAR>) \
                      WITH (format = 'json', event_time = 'event_time')";

const VIEW: &str = "CREATE MATERIALIZED VIEW traffic AS
SELECT site, device.os AS os, date_trunc('minute', event_time) AS minute,
       count(*) AS events, sum(amount) FILTER (WHERE site = 'a') AS revenue
FROM events WHERE site IN ('a', 'b') GROUP BY 1, 2, 3";

fn fingerprint(schema: &Schema, text: &str) -> String {
    views(schema, text).unwrap_or_else(|error| panic!("{error}"))[0].fingerprint.to_string()
}

#[test]
fn the_way_a_view_is_written_does_not_change_its_fingerprint() {
    let schema = schema(SCHEMA).unwrap();
    let expected = fingerprint(&schema, VIEW);
    for text in [
        VIEW.replace('\n', " \t\r\n -- a comment; with 'quotes'\n /* and /* another */"),
        VIEW.replace("FROM events", "FROM events AS e")
            .replace("SELECT site", "SELECT e.site")
            .replace("device.os", "E.DEVICE.\"os\""),
        VIEW.replace("site", "events.site"),
        VIEW.replace("select", "SELECT")
            .replace("count", "COUNT")
            .replace("device.os", "Device.OS"),
        VIEW.replace("GROUP BY 1, 2, 3", "GROUP BY date_trunc('MINUTE', event_time), 2, site;"),
        VIEW.replace("site IN ('a', 'b')", "((site) IN (('a'), 'b'))"),
        VIEW.replace("count(*)", "count(1)"),
        VIEW.replace(
            "date_trunc('minute', event_time)",
            "date_bin(INTERVAL '60' SECOND, event_time)",
        ),
    ] {
        assert_eq!(fingerprint(&schema, &text), expected, "{text}");
    }
}

#[test]
fn whatever_changes_the_rows_changes_the_fingerprint() {
    let compiled = schema(SCHEMA).unwrap();
    let mut seen = vec![fingerprint(&compiled, VIEW)];
    for (from, to) in [
        ("VIEW traffic", "VIEW traffic2"),
        ("AS os", "AS system"),
        ("AS minute", "AS time"),
        ("AS revenue", "AS Revenue"),
        ("'minute'", "'hour'"),
        ("count(*)", "count(site)"),
        ("sum(amount)", "avg(amount)"),
        ("('a', 'b')", "('a', 'c')"),
        ("= 'a')", "= 'A')"),
        (" FILTER (WHERE site = 'a')", ""),
        ("WHERE site IN ('a', 'b')", ""),
        ("site, device.os AS os", "device.os AS os, site"),
    ] {
        assert!(VIEW.contains(from), "{from}");
        seen.push(fingerprint(&compiled, &VIEW.replacen(from, to, 1)));
    }
    for (from, to) in [
        ("DECIMAL(12,2)", "DECIMAL(13,2)"),
        ("TIMESTAMP(3)", "TIMESTAMP(6)"),
        ("os VARCHAR", "os VARCHAR, version BIGINT"),
        ("site VARCHAR", "site VARCHAR, unused BOOLEAN"),
        ("= 'event_time'", "= 'event_time', timestamp_format = 'epoch_seconds'"),
    ] {
        assert!(SCHEMA.contains(from), "{from}");
        seen.push(fingerprint(&schema(&SCHEMA.replacen(from, to, 1)).unwrap(), VIEW));
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
}

#[test]
fn the_order_of_columns_in_the_schema_does_not_matter() {
    let moved =
        SCHEMA.replace("site VARCHAR, ", "").replace("os VARCHAR>", "os VARCHAR>, site VARCHAR");
    assert_eq!(
        fingerprint(&schema(SCHEMA).unwrap(), VIEW),
        fingerprint(&schema(&moved).unwrap(), VIEW)
    );
}

#[test]
fn the_records_view_follows_the_acceptance_of_the_users_schema() {
    let user = schema(SCHEMA).unwrap();
    let (records, view) = records_view(&user);
    assert_eq!(view.name, "anabranch_records");
    assert_eq!(view.keys.len(), 1);
    assert_eq!(view.bucket.as_ref().map(|bucket| bucket.name.as_str()), Some("hour"));
    assert_eq!(view.measures[0].name, "records");
    assert!(view.plan.contains("\n  amount DECIMAL(12,2)\n"), "{}", view.plan);
    let paths: Vec<&str> = records.columns.iter().map(|column| column.path[0].as_str()).collect();
    assert_eq!(paths, ["arrival_time", "outcome"]);
    let other = schema(&SCHEMA.replace("12,2", "13,2")).unwrap();
    assert_ne!(records_view(&other).1.fingerprint, view.fingerprint);
}

#[test]
fn every_literal_in_a_plan_can_be_read_back() {
    let schema = schema(SCHEMA).unwrap();
    let plan = |literal: &str| {
        let text = VIEW.replace("site IN ('a', 'b')", &format!("site = '{literal}'"));
        views(&schema, &text).unwrap().remove(0).plan
    };
    let hostile = plan("x'')\nmeasure forged BIGINT = #0\\ \u{2028}\u{7f}");
    assert_eq!(hostile.lines().count(), plan("x").lines().count());
    assert!(
        hostile.contains(r"'x\')\u{a}measure forged BIGINT = #0\\ \u{2028}\u{7f}'"),
        "{hostile}"
    );
}
