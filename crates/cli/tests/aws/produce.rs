//! `anabranch produce --to kinesis://…`: everything arrives, what may have arrived twice is told, and
//! the verdicts are those of a server.

use crate::double::{Double, Outcome};
use crate::emulator::Emulator;
use crate::run;
use crate::support::arg;
use std::collections::BTreeSet;
use std::path::PathBuf;

const SCHEMA: &str = "CREATE TABLE orders (at TIMESTAMP(0), shop VARCHAR, amount DECIMAL(12,2))
WITH (format = 'json', event_time = 'at');";

/// A folder with a project and files of events.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        place.file("schema.sql", SCHEMA);
        place
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn events(count: usize) -> String {
    (0..count).map(|n| format!("{{\"at\":\"2026-11-25T12:00:00Z\",\"amount\":{n}}}\n")).collect()
}

/// Sends `count` events over one connection to a stream with these outcomes: what was taken, the
/// exit code and what is said.
fn produce(outcomes: Vec<Outcome>, count: usize, options: &[&str]) -> (Vec<String>, i32, String) {
    let (double, url) = Double::serve(outcomes);
    let place = Place::new();
    let file = place.file("events.ndjson", &events(count));
    let words = ["produce", "--to", "kinesis://orders", "--connections", "1", arg(&file)];
    let (code, told) = run(&url, &[&words, options].concat());
    (double.taken().into_iter().map(|(_, payload)| payload).collect(), code, told)
}

#[test]
fn every_event_is_sent_once_in_requests_of_500_at_most() {
    let (double, url) = Double::serve(Vec::new());
    let place = Place::new();
    let file = place.file("events.ndjson", &events(1234));
    let words = ["produce", arg(&file), "--to", "kinesis://orders", "--connections", "1"];
    let (code, told) = run(&url, &words);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("sent 1,234 events") && told.contains("--project"), "{told}");
    assert_eq!(double.requests(), [500, 500, 234]);
    let taken = double.taken();
    let payloads: Vec<&str> = taken.iter().map(|(_, payload)| payload.as_str()).collect();
    assert_eq!(payloads, events(1234).lines().collect::<Vec<_>>());
    let keys: BTreeSet<&String> = taken.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 1234, "they spread over shards");
}

#[test]
fn what_was_not_taken_is_sent_again_and_nothing_else() {
    let outcomes = vec![Outcome::Half, Outcome::Throttled, Outcome::Half];
    let (mut taken, code, told) = produce(outcomes, 7, &[]);
    taken.sort();
    assert_eq!(taken, events(7).lines().collect::<Vec<_>>());
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("3 of 7 records were not taken: Provisioned"), "{told}");
    assert!(told.contains("3 posts were repeated\n") && !told.contains("twice"), "{told}");
}

#[test]
fn a_reply_that_is_lost_is_told_as_what_it_may_mean() {
    let (taken, code, told) = produce(vec![Outcome::Lost], 3, &[]);
    assert_eq!((taken.len(), code), (6, 0), "{told}");
    assert!(told.contains("sent 3 events"), "{told}");
    assert!(told.contains("1 of them may have been taken before"), "{told}");
}

#[test]
fn a_stream_that_is_not_there_ends_it_at_once() {
    let (taken, code, told) = produce(vec![Outcome::Refused], 3, &[]);
    assert_eq!((taken.len(), code), (0, 1), "{told}");
    assert!(told.contains("stream orders: ResourceNotFoundException: no such stream"), "{told}");
}

#[test]
fn a_stream_that_takes_nothing_for_long_is_given_up() {
    let throttled = || vec![Outcome::Throttled, Outcome::Throttled];
    let (_, code, told) = produce(throttled(), 3, &["--retry-for", "1ms"]);
    assert!(code == 1 && told.contains("given up after"), "{told}");
}

#[test]
fn an_event_that_no_record_can_hold_is_named_and_nothing_of_its_request_is_sent() {
    let (double, url) = Double::serve(Vec::new());
    let place = Place::new();
    let large = format!("{{\"x\":\"{}\"}}\n", "y".repeat(1 << 20));
    let file = place.file("events.ndjson", &large);
    let (code, told) = run(&url, &["produce", arg(&file), "--to", "kinesis://orders"]);
    assert!(code == 1 && told.contains("a record has at most 1 MiB"), "{told}");
    assert_eq!(double.requests(), [0; 0]);
}

#[test]
fn a_projects_schema_judges_types_cells_and_the_key_keeps_values_together() {
    let (double, url) = Double::serve(Vec::new());
    let place = Place::new();
    let lines = place.file("a.ndjson", "{\"at\":\"2026-11-25\",\"shop\":\"A\"}\nnope\n{}\n");
    let table = place.file("b.csv", "at,shop,amount\n2026-11-25,A,1\n2026-11-26,A,2\n");
    let project = arg(place.0.path());
    let words = ["produce", arg(&lines), arg(&table), "--to", "kinesis://orders"];
    let options = ["--project", project, "--partition-key", "shop"];
    let (code, told) = run(&url, &[&words[..], &options].concat());
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("3 accepted, 2 rejected"), "{told}");
    assert!(told.contains("invalid_json") && told.contains("missing_event_time"), "{told}");
    let taken = double.taken();
    assert_eq!(taken.len(), 5, "a stream takes every event");
    let of_a = taken.iter().filter(|(_, payload)| payload.contains("\"A\""));
    assert_eq!(of_a.map(|(key, _)| key).collect::<BTreeSet<_>>().len(), 1, "{taken:?}");
    assert!(taken.iter().any(|(_, payload)| payload.contains("\"amount\":1")), "{taken:?}");
    let (code, told) = run(&url, &words);
    assert!(code == 2 && told.contains("--project"), "{told}");
}

#[test]
fn events_arrive_in_a_stream_of_the_emulator() {
    let emulator = Emulator::of_environment();
    let stream = emulator.create_stream(2);
    let place = Place::new();
    let file = place.file("events.ndjson", &events(3000));
    let to = format!("kinesis://{stream}");
    let project = arg(place.0.path());
    let (code, told) =
        run(&emulator.url, &["produce", arg(&file), "--to", &to, "--project", project]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("3,000 accepted, 0 rejected"), "{told}");
    let shards = emulator.payloads(&stream);
    assert!(shards.iter().all(|shard| shard.len() > 1000), "they spread over both shards");
    let mut found: Vec<String> = shards.concat();
    found.sort();
    let text = events(3000);
    let mut expected: Vec<&str> = text.lines().collect();
    expected.sort_unstable();
    assert!(found == expected);
}
