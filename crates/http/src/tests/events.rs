//! `POST /v1/events`.

use super::*;
use serde_json::json;

const NDJSON: &str = "application/x-ndjson";
const GOOD: &str = r#"{"at":"2026-03-01T10:20:30Z","site":"a","amount":1.50}"#;

#[tokio::test]
async fn lines_are_archived_as_they_are_and_judged_one_by_one() {
    let client = Client::new();
    let body =
        format!("{GOOD}\r\n\n{{\"at\":\"yesterday\"}}\n not json\n{{\"site\":\"a\"}}\n  {GOOD}");
    let reply = client.post(NDJSON, body).await;
    assert_eq!(reply.status, StatusCode::OK);
    let reply = reply.json();
    assert_eq!(
        [&reply["received"], &reply["accepted"], &reply["rejected"], &reply["verdicts_omitted"]],
        [5, 2, 3, 0]
    );
    let verdicts = reply["verdicts"].as_array().unwrap();
    let told: Vec<_> = verdicts.iter().map(|v| (&v["line"], &v["reason"])).collect();
    assert_eq!(
        told,
        [
            (&json!(3), &json!("wrong_type")),
            (&json!(4), &json!("invalid_json")),
            (&json!(5), &json!("missing_event_time")),
        ]
    );
    assert!(verdicts[0]["detail"].as_str().unwrap().contains("yesterday"), "{verdicts:?}");
    assert!(reply["message"].as_str().unwrap().contains("archived"));
    let archived = client.deployment.archived();
    let archived: Vec<_> = archived.iter().map(|p| std::str::from_utf8(p).unwrap()).collect();
    let spaced = format!("  {GOOD}");
    let expected = [GOOD, r#"{"at":"yesterday"}"#, " not json", r#"{"site":"a"}"#, &spaced];
    assert_eq!(archived, expected);
}

#[tokio::test]
async fn verdicts_and_the_receipt_of_answers_agree() {
    let client = Client::new();
    let odd = [
        "nope",
        "[]",
        "\"text\"",
        r#"{"at":null}"#,
        r#"{"at":"2026-03-01T10:20:30Z","amount":1e11}"#,
        r#"{"at":"2026-03-01T10:20:30Z","device":{"os":1}}"#,
        r#"{"at":"2026-03-01T10:20:30Z","site":"a","site":"b"}"#,
        r#"{"at":"2026-03-01T10:20:30Z","unknown":{"os":1}}"#,
        GOOD,
    ];
    let mut body = odd.join("\n").into_bytes();
    body.extend_from_slice(b"\n{\"at\":\"\xff\"}\n");
    body.extend_from_slice(b"[".repeat(10_000).as_slice());
    let reply = client.post(NDJSON, body).await.json();
    let receipt = client.get("/v1/views/totals").await.json()["receipt"].clone();
    assert_eq!(
        [&reply["accepted"], &reply["rejected"]],
        [&receipt["accepted"], &receipt["rejected"]]
    );
    assert_eq!(reply["rejected"], 9);
}

#[tokio::test]
async fn a_large_body_is_judged_like_a_small_one() {
    let client = Client::new();
    let lines: String = (0..2000).map(|i| format!("{GOOD}\nbad {i}\n")).collect();
    let reply = client.post(NDJSON, lines).await.json();
    assert_eq!([&reply["accepted"], &reply["rejected"]], [2000, 2000]);
    assert_eq!(reply["verdicts"].as_array().unwrap().len(), 100);
    assert_eq!(reply["verdicts"][99]["line"], 200);
    assert_eq!(reply["verdicts_omitted"], 1900);
}

#[tokio::test]
async fn an_arrays_elements_are_events() {
    let client = Client::new();
    let reply = client.post("application/json", format!("\n[{GOOD}, 7 ,{GOOD}]")).await.json();
    assert_eq!([&reply["received"], &reply["rejected"]], [3, 1]);
    assert_eq!(reply["verdicts"][0]["index"], 1);
    assert_eq!(reply["verdicts"][0]["reason"], "not_an_object");
    assert_eq!(client.deployment.archived(), [GOOD, "7", GOOD].map(|p| p.as_bytes().to_vec()));
}

#[tokio::test]
async fn an_array_that_is_broken_is_refused_whole() {
    let client = Client::new();
    let problem = client.post("application/json", format!("[{GOOD},")).await;
    let problem = problem.problem(StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().unwrap().contains("JSON array"), "{problem}");
    assert!(client.deployment.archived().is_empty());
    // Said to be lines, it is one line, which is no event.
    let reply = client.post(NDJSON, format!("[{GOOD},")).await.json();
    assert_eq!(reply["verdicts"][0]["reason"], "invalid_json");
}

#[tokio::test]
async fn one_object_over_several_lines_is_one_event() {
    let client = Client::new();
    let reply = client.post("application/json", "{\n \"at\": \"2026-03-01\",\n \"site\": 1\n}\n");
    let reply = reply.await.json();
    assert_eq!([&reply["received"], &reply["rejected"]], [1, 1]);
    assert_eq!(reply["verdicts"][0].get("line"), None);
}

#[tokio::test]
async fn nothing_but_blank_lines_is_no_event() {
    let client = Client::new();
    for body in ["", "\n", " \r\n\t\n", "[]"] {
        let reply = client.post("application/json", body).await;
        assert_eq!((reply.status, &reply.json()["received"]), (StatusCode::OK, &json!(0)));
    }
    assert!(client.deployment.archived().is_empty());
}

#[tokio::test]
async fn what_clients_send_by_default_is_taken_and_what_is_no_json_is_not() {
    let client = Client::new();
    for taken in [
        "",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/jsonl",
    ] {
        let reply = client.post(taken, GOOD).await;
        assert_eq!(reply.status, StatusCode::OK, "{taken}: {}", reply.text);
    }
    for refused in ["text/csv", "multipart/form-data; boundary=x", "application/avro"] {
        let problem = client.post(refused, GOOD).await;
        let problem = problem.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(problem["detail"].as_str().unwrap().contains(refused), "{problem}");
        assert!(problem["allowed"].as_array().unwrap().contains(&json!("application/x-ndjson")));
    }
    let request = Request::post("/v1/events").header(header::CONTENT_ENCODING, "br");
    let reply = client.send(request.body(Body::from("x")).unwrap()).await;
    reply.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_announced_or_not() {
    let client = Client::with(Options { max_body_bytes: 100, ..Options::default() });
    let fits = client.post(NDJSON, vec![b'x'; 100]).await;
    assert_eq!(fits.status, StatusCode::OK);
    let large = vec![b'x'; 101];
    let announced = Request::post("/v1/events").header(header::CONTENT_LENGTH, 101);
    let announced = announced.body(Body::from(large.clone())).unwrap();
    for request in [announced, Request::post("/v1/events").body(Body::from(large)).unwrap()] {
        let problem = client.send(request).await.problem(StatusCode::PAYLOAD_TOO_LARGE);
        assert!(problem["detail"].as_str().unwrap().contains("100 bytes"), "{problem}");
    }
    assert_eq!(client.deployment.archived().len(), 1);
}

#[tokio::test]
async fn an_event_that_no_record_holds_is_refused_with_all_that_came_with_it() {
    let client = Client::with(Options { max_event_bytes: 20, ..Options::default() });
    let reply = client.post(NDJSON, "{\"a\":1}\n\n{\"a\":\"0123456789abc\"}").await;
    let problem = reply.problem(StatusCode::PAYLOAD_TOO_LARGE);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("line 3 has 21 bytes"), "{detail}");
    assert_eq!(client.deployment.archived().len(), 0);
    let reply = client.post(NDJSON, "{\"a\":\"0123456789ab\"}").await;
    assert_eq!(reply.status, StatusCode::OK);
}
