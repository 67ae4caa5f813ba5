//! `GET /v1/audit`: a report over the layers as they are.

use super::*;
use serde_json::json;

#[tokio::test]
async fn an_audit_says_what_was_compared_and_that_nothing_differs() {
    let client = Client::new();
    let order = r#"{"at":"2026-03-28T22:59:00Z","site":"a","amount":1}"#;
    client.post("application/x-ndjson", format!("{order}\n{order}\n{{}}\n")).await;
    let before = client.get("/v1/audit").await;
    assert_eq!(before.status, StatusCode::OK, "{}", before.text);
    let before = before.json();
    assert_eq!((&before["clean"], &before["differences"]), (&json!(true), &json!([])), "{before}");
    assert_eq!(before["compared"]["records"], 3);
    assert_eq!([&before["compared"]["accepted"], &before["compared"]["rejected"]], [2, 1]);
    assert_eq!([&before["compared"]["speed_rows"], &before["compared"]["versions"]], [4, 0]);
    client.deployment.build();
    let after = client.get("/v1/audit?view=sales&limit=5").await.json();
    assert_eq!(after["clean"], true, "{after}");
    assert_eq!(after["compared"]["versions"], 2, "the view and the built-in one");
    let ledger = client.get("/v1/audit?ledger=true").await.json();
    assert_eq!((&ledger["ledger_only"], &ledger["clean"]), (&json!(true), &json!(true)));
    assert_eq!(ledger["compared"]["versions"], 0);
}

#[tokio::test]
async fn a_wrong_parameter_of_an_audit_is_named() {
    let client = Client::new();
    let problem = client.get("/v1/audit?view=sale").await.problem(StatusCode::NOT_FOUND);
    assert_eq!(problem["allowed"], json!(["sales", "totals", "anabranch_records"]));
    for (query, parameter) in [("limit=many", "limit"), ("ledger=1", "ledger"), ("full=1", "full")]
    {
        let reply = client.get(&format!("/v1/audit?{query}")).await;
        assert_eq!(reply.problem(StatusCode::BAD_REQUEST)["parameter"], parameter);
    }
}
