//! `produce` against a server that fails as it is told to and keeps what it takes.

use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Parser as _;
use std::sync::{Mutex, mpsc};

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    arguments: Arguments,
}

/// A server double: answers with the failures that wait, then takes everything; lines that do not
/// start with `{` it rejects.
#[derive(Default)]
struct Double {
    failures: Mutex<Vec<(StatusCode, &'static str)>>,
    bodies: Mutex<Vec<Bytes>>,
}

async fn take(State(double): State<Arc<Double>>, body: Bytes) -> Response {
    if let Some(failure) = double.failures.lock().unwrap().pop() {
        return failure.into_response();
    }
    let rejected: Vec<usize> = anabranch_http::lines(&body)
        .filter(|(_, span)| body[span.start] != b'{')
        .map(|(number, _)| number)
        .collect();
    let accepted = anabranch_http::lines(&body).count() - rejected.len();
    double.bodies.lock().unwrap().push(body);
    let verdicts = rejected.iter().map(
        |line| serde_json::json!({"line": line, "reason": "not_an_object", "detail": "it is none"}),
    );
    let verdicts: Vec<_> = verdicts.collect();
    let reply = serde_json::json!({
        "received": accepted + rejected.len(), "accepted": accepted, "rejected": rejected.len(),
        "verdicts": verdicts, "verdicts_omitted": 0,
    });
    ([(header::CONTENT_TYPE, "application/json")], reply.to_string()).into_response()
}

impl Double {
    /// Serves on a port of its own for as long as the test process lives.
    fn serve(failures: Vec<(StatusCode, &'static str)>) -> (Arc<Double>, String) {
        let double = Arc::new(Double { failures: Mutex::new(failures), ..Double::default() });
        let schema = r#"{"columns":[{"path":["n"],"type":"BIGINT"}]}"#;
        let router = Router::new()
            .route("/v1/events", post(take).layer(DefaultBodyLimit::disable()))
            .route("/v1/schema", get(move || async move { schema }))
            .with_state(Arc::clone(&double));
        let (ready, address) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        let url = format!("http://{}", address.recv().unwrap());
        (double, url)
    }

    fn lines(&self) -> Vec<String> {
        let bodies = self.bodies.lock().unwrap();
        let text = bodies.iter().map(|body| String::from_utf8_lossy(body).into_owned());
        text.collect::<String>().lines().map(str::to_owned).collect()
    }
}

/// Runs `produce` on files of the given names and contents.
fn produce(
    url: &str,
    options: &[&str],
    files: &[(&str, &str)],
) -> (anyhow::Result<ExitCode>, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let paths = files.iter().map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let options = options.iter().map(|option| (*option).to_owned());
    let command = ["produce", "--to", url].map(str::to_owned).into_iter();
    let command = Command::parse_from(command.chain(options).chain(paths));
    let begun = std::time::Instant::now();
    (run(&command.arguments), begun.elapsed())
}

fn events(count: usize) -> String {
    (0..count).map(|i| format!("{{\"n\":{i}}}\n")).collect()
}

#[test]
fn every_event_is_delivered_once_over_several_connections() {
    let (double, url) = Double::serve(Vec::new());
    let text = events(20_000);
    let (done, _) = produce(&url, &["--batch-bytes", "5000"], &[("a.ndjson", &text)]);
    assert_eq!(done.unwrap(), ExitCode::SUCCESS);
    let mut lines = double.lines();
    lines.sort();
    let mut expected: Vec<String> = text.lines().map(str::to_owned).collect();
    expected.sort();
    assert!(lines == expected);
    assert!(double.bodies.lock().unwrap().len() > 20);
}

#[test]
fn one_connection_keeps_the_order_of_the_files() {
    let (double, url) = Double::serve(Vec::new());
    let options = ["--connections", "1", "--batch-bytes", "100"];
    let (done, _) = produce(&url, &options, &[("a", &events(500)), ("b.csv", "n\n500\n501\n")]);
    assert_eq!(done.unwrap(), ExitCode::SUCCESS);
    assert_eq!(double.lines(), events(502).lines().collect::<Vec<_>>());
}

#[test]
fn errors_that_pass_are_tried_again_and_nothing_is_lost() {
    let failures = vec![
        (StatusCode::SERVICE_UNAVAILABLE, "later"),
        (StatusCode::TOO_MANY_REQUESTS, ""),
        (StatusCode::BAD_GATEWAY, "<html>"),
    ];
    let (double, url) = Double::serve(failures);
    let (done, _) = produce(&url, &[], &[("a", &events(10))]);
    assert_eq!(done.unwrap(), ExitCode::SUCCESS);
    assert_eq!(double.lines().len(), 10);
}

#[test]
fn an_error_that_stays_ends_it_at_once_with_the_servers_words() {
    let body = r#"{"detail":"the body has more than 3 bytes"}"#;
    let (double, url) = Double::serve(vec![(StatusCode::PAYLOAD_TOO_LARGE, body)]);
    let (done, took) = produce(&url, &["--connections", "1"], &[("a", &events(10))]);
    let error = format!("{:#}", done.unwrap_err());
    assert!(error.contains(&url) && error.contains("more than 3 bytes"), "{error}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(double.lines().is_empty());
}

#[test]
fn a_server_that_is_away_is_given_up_and_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let (done, _) = produce(&url, &["--retry-for", "1ms"], &[("a", &events(10))]);
    let error = format!("{:#}", done.unwrap_err());
    assert!(error.contains(&url) && error.contains("given up"), "{error}");
}

#[test]
fn rejected_events_are_told_by_the_exit_code() {
    let (_double, url) = Double::serve(Vec::new());
    let (done, _) = produce(&url, &[], &[("a", "{}\n\nnope\n{}\n"), ("b.csv", "n\n1\n2,3\n")]);
    assert_eq!(done.unwrap(), ExitCode::from(SOME_REJECTED));
}

#[test]
fn a_line_of_a_hundred_megabytes_is_delivered() {
    let (double, url) = Double::serve(Vec::new());
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(100_000_000));
    let (done, _) = produce(&url, &[], &[("a", &format!("{{}}\n{long}\n{{}}"))]);
    assert_eq!(done.unwrap(), ExitCode::SUCCESS);
    let mut lengths: Vec<usize> = double.lines().iter().map(String::len).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [2, 2, long.len()]);
}

#[test]
fn the_summary_shows_the_first_rejected_events_and_counts_the_others() {
    let tally = Tally::new(ProgressBar::hidden());
    let block: Vec<u8> = (0..10).flat_map(|i| format!("\n\u{7}bad {i}\n").into_bytes()).collect();
    let verdicts: Vec<_> = (1..=10)
        .map(|i| serde_json::json!({"line": 2 * i, "reason": "invalid_json", "detail": "why"}))
        .collect();
    let reply = serde_json::json!({"accepted": 0, "rejected": 10, "verdicts": verdicts});
    let batch = crate::input::Batch { block, events: 10 };
    tally.count(&batch, Some(&serde_json::from_value(reply).unwrap()));
    tally.retry(&anyhow::anyhow!("refused"), false);
    tally.retry(&anyhow::anyhow!("lost"), true);
    let mut out = Vec::new();
    tally.summarise(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("0 accepted, 10 rejected"), "{text}");
    assert!(text.contains("  invalid_json: why\n    \u{fffd}bad 4\n  and 5 more;"), "{text}");
    assert!(!text.contains("bad 5"), "{text}");
    assert!(text.contains("2 posts were repeated\n1 of them may have been taken"), "{text}");
}
