//! Every command on its happy path, and what each says when it cannot.

mod support;

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use support::{anabranch, arg, fails, succeeds, text};

/// A project made by `init`, and the folder it is in.
fn starter() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let project = arg(&folder.path().join("shop")).to_owned();
    succeeds(&["init", &project]);
    (folder, project)
}

fn sample(project: &str) -> String {
    format!("{project}/events/sample.ndjson")
}

#[test]
fn every_command_teaches_by_examples() {
    for command in [
        "init", "check", "explain", "cost", "demo", "dev", "import", "batch", "audit", "rejected",
        "produce", "fold",
    ] {
        let help = succeeds(&[command, "--help"]);
        assert!(help.contains("Examples:\n  anabranch"), "{command}: {help}");
    }
    assert!(!succeeds(&["--help"]).contains("fold"), "what is for benchmarks only is hidden");
    fails(2, &["frobnicate"]);
}

#[test]
fn the_starter_project_compiles_and_runs() {
    let (_folder, project) = starter();
    let checked = succeeds(&["check", &project]);
    assert!(checked.contains("table requests with 9 columns, event time time, and 2 views"));
    let imported = succeeds(&["import", &project, &sample(&project)]);
    assert!(imported.contains("imported 60 records"), "{imported}");
    assert!(imported.contains("59 accepted and 1 rejected"), "{imported}");
    let refused = fails(2, &["init", &project]);
    assert!(refused.contains("shop: not empty"), "{refused}");
}

#[test]
fn a_project_that_does_not_compile_is_told_with_places_and_all_at_once() {
    let (_folder, project) = starter();
    let views = format!("{project}/views");
    let bad = "CREATE MATERIALIZED VIEW bad AS\nSELECT nonsense, count(*) AS n\nFROM requests GROUP BY 1;";
    fs::write(format!("{views}/bad.sql"), bad).unwrap();
    let worse =
        "CREATE MATERIALIZED VIEW worse AS\nSELECT count(DISTINCT customer) AS n FROM requests;";
    fs::write(format!("{views}/worse.sql"), worse).unwrap();
    for command in ["check", "explain", "batch", "rejected", "dev"] {
        let told = fails(2, &[command, &project]);
        assert!(told.contains("views/bad.sql:2:8"), "{told}");
        assert!(told.contains("nonsense"), "{told}");
        assert!(told.contains("views/worse.sql:2:8"), "{told}");
        assert!(told.contains("approx_distinct"), "{told}");
        assert!(told.ends_with("error: the project does not compile: 2 errors\n"), "{told}");
        assert!(!told.contains('\u{1b}'), "colours are for terminals: {told:?}");
    }
}

#[test]
fn explain_tells_the_plan_the_cost_and_what_is_approximate() {
    let (_folder, project) = starter();
    let explained = succeeds(&["explain", &project, "service_health"]);
    for part in
        ["view service_health", "fingerprint  ", "stored by    1m, 1h, 1d", "bytes for a row"]
    {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let columns: Vec<Value> =
        serde_json::from_str(&succeeds(&["explain", &project, "--format", "json"])).unwrap();
    let role = |name: &str| {
        let column = columns.iter().find(|column| column["column"] == name).unwrap();
        (column["role"].as_str().unwrap(), column["error"].as_str().is_some())
    };
    assert_eq!(role("billed"), ("exact", false));
    assert_eq!(role("p95_ms"), ("approximate", true));
    assert_eq!(role("minute"), ("bucket of 1m", false));
    let unknown = fails(2, &["explain", &project, "orders"]);
    assert!(unknown.contains("no view `orders`; there are customers, service_health"), "{unknown}");
}

#[test]
fn rejected_records_are_listed_with_reason_and_payload() {
    let (_folder, project) = starter();
    let none = fails(2, &["rejected", &project]);
    assert!(none.contains("no data here") && none.contains("anabranch import"), "{none}");
    let more = format!("{project}/more.ndjson");
    fs::write(&more, b"{\"time\":\"2026-01-01T00:00:00Z\"}\n{\"time\":1\n\xff\xfe\n[1]\n{}\n")
        .unwrap();
    succeeds(&["import", &project, &sample(&project), &more]);
    let listed = succeeds(&["rejected", &project]);
    for part in
        ["column `status`", "invalid_json", "missing_event_time", "5 rejected of 65 records"]
    {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let json = succeeds(&["rejected", &project, "--reason", "wrong_type", "--format", "json"]);
    let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.len(), 1);
    assert!(
        rows[0]["payload"].as_str().unwrap().starts_with(r#"{"time":"2026-03-01T10:31:07.000Z""#)
    );
    let limited = succeeds(&["rejected", &project, "--limit", "1"]);
    assert!(limited.contains("5 rejected of 65 records; 1 shown"), "{limited}");
    let unknown = fails(2, &["rejected", &project, "--reason", "ugly"]);
    assert!(unknown.contains("no reason `ugly`; there are invalid_utf8"), "{unknown}");
}

#[test]
fn a_mended_schema_brings_rejected_records_back() {
    let (_folder, project) = starter();
    succeeds(&["import", &project, &sample(&project)]);
    let schema = format!("{project}/schema.sql");
    let text = fs::read_to_string(&schema).unwrap();
    let mended = text.replace("status       BIGINT", "status       VARCHAR");
    assert_ne!(mended, text);
    fs::write(&schema, mended).unwrap();
    let health = format!("{project}/views/service_health.sql");
    let text = fs::read_to_string(&health).unwrap();
    fs::write(&health, text.replace("status >= 500", "status >= '500'")).unwrap();
    // Numbers are no texts: now the others are wrong.
    assert!(succeeds(&["rejected", &project]).contains("59 rejected of 60 records"));
    let built = succeeds(&["batch", &project, "--full"]);
    assert!(built.contains("1 accepted and 59 rejected"), "{built}");
}

#[test]
fn output_that_nobody_reads_to_its_end_is_no_failure() {
    let generate = format!("{} generate clickstream | head -1", env!("CARGO_BIN_EXE_anabranch"));
    let output = std::process::Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {generate}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);
}

#[test]
fn a_corrupt_object_is_named_and_the_old_version_stays() {
    let (_folder, project) = starter();
    succeeds(&["import", &project, &sample(&project)]);
    let object = only_file(PathBuf::from(format!("{project}/.anabranch/raw")));
    let mut bytes = fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&object, bytes).unwrap();
    let output = anabranch(&["batch", &project, "--full"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output.stderr);
    assert!(told.contains(arg(&object)) && told.contains("corrupt"), "{told}");
    // Nothing is to be done, so nothing is read.
    assert!(succeeds(&["batch", &project]).contains("up to date"));
}

fn only_file(folder: PathBuf) -> PathBuf {
    let entries: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    if entry.is_dir() { only_file(entry.clone()) } else { entry.clone() }
}

#[test]
fn the_demo_shows_what_it_promises_and_ends() {
    let flights = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/flights");
    let told = succeeds(&["demo", flights, "--once", "--listen", "127.0.0.1:0"]);
    assert!(told.contains("Replayed 984 flights"), "{told}");
    assert!(told.contains("version 0"), "{told}");
    assert!(told.contains("version 1"), "{told}");
    assert!(told.contains("EWR         354        177"), "{told}");
    let elsewhere = fails(2, &["demo", "/nowhere"]);
    assert!(
        elsewhere.contains("/nowhere/events/2013-02-08.ndjson.gz: no such file"),
        "{elsewhere}"
    );
}

#[cfg(not(feature = "aws"))]
#[test]
fn what_needs_aws_says_how_to_build_a_command_that_has_it() {
    let (_folder, project) = starter();
    let told = fails(2, &["produce", &sample(&project), "--to", "kinesis://events"]);
    assert!(told.contains("--to kinesis://events") && told.contains("make build AWS=1"), "{told}");
}
