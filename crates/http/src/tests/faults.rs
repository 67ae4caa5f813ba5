//! What is wrong, told in the one form that all errors have.

use super::*;
use anabranch_core::port::Error;
use anabranch_core::query::PARAMETERS;
use axum::http::Method;

#[tokio::test]
async fn an_unknown_view_is_answered_with_those_that_exist() {
    let reply = Client::new().get("/v1/views/sails").await;
    let problem = reply.problem(StatusCode::NOT_FOUND);
    assert!(problem["detail"].as_str().unwrap().contains("`sails`"), "{problem}");
    assert_eq!(problem["allowed"], serde_json::json!(["sales", "totals", "anabranch_records"]));
}

#[tokio::test]
async fn a_wrong_parameter_is_named_with_what_is_allowed() {
    let client = Client::new();
    for (query, parameter, word) in [
        ("where=sight=a", "where", "sight"),
        ("where=site", "where", "column=value"),
        ("where=os%20is%20nul", "where", "column=value"),
        ("from=yesterday", "from", "2026-01-31"),
        ("to=2026-03-01T10:20:00Z", "to", "10:00:00"),
        ("every=1fortnight", "every", "15m"),
        ("every=90m", "every", "1h"),
        ("group_by=country", "group_by", "site, os"),
        ("measures=", "measures", "revenue"),
        ("order_by=-price", "order_by", "revenue"),
        ("limit=0", "limit", "above zero"),
        ("limit=1&limit=2", "limit", "more than once"),
        ("tz=Mars", "tz", "Europe/Paris"),
        ("definition=old", "definition", "`current`"),
    ] {
        let reply = client.get(&format!("/v1/views/sales?{query}")).await;
        let problem = reply.problem(StatusCode::BAD_REQUEST);
        assert_eq!(problem["parameter"], parameter, "{query}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{query}: {problem}");
        assert_eq!(problem["allowed"].as_array().unwrap().len(), 1, "{query}");
    }
    let reply = client.get("/v1/views/totals?every=1h").await;
    assert_eq!(reply.problem(StatusCode::BAD_REQUEST)["parameter"], "every");
}

#[tokio::test]
async fn an_unknown_parameter_is_answered_with_all_there_are() {
    let reply = Client::new().get("/v1/views/sales?form=2026-01-31").await;
    let problem = reply.problem(StatusCode::BAD_REQUEST);
    assert_eq!(problem["parameter"], "form");
    let allowed: Vec<_> = problem["allowed"].as_array().unwrap().iter().collect();
    assert_eq!(allowed, PARAMETERS.map(|(name, _)| name));
}

#[tokio::test]
async fn other_paths_and_methods_are_problems_too() {
    let client = Client::new();
    for path in ["/", "/v1", "/v1/views/", "/v1/views/a/b", "/v1/Events"] {
        client.get(path).await.problem(StatusCode::NOT_FOUND);
    }
    for (method, path, allow) in [
        (Method::GET, "/v1/events", "POST"),
        (Method::PUT, "/v1/events", "POST"),
        (Method::POST, "/v1/views/sales", "GET,HEAD"),
        (Method::DELETE, "/healthz", "GET,HEAD"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let reply = client.send(request).await;
        assert_eq!(reply.headers[header::ALLOW], allow, "{path}");
        reply.problem(StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn a_view_name_that_is_no_text_is_a_bad_request() {
    Client::new().get("/v1/views/%ff").await.problem(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stores_error_says_whether_to_try_again() {
    let object = || "speed rows of sales".to_owned();
    let reason = || "details".to_owned();
    for (error, status) in [
        (Error::Unavailable { object: object(), reason: reason() }, 503),
        (Error::Corrupt { object: object(), reason: reason() }, 500),
        (Error::NotFound { object: object() }, 500),
        (Error::Refused { object: object(), reason: reason() }, 507),
    ] {
        let client = Client::new();
        client.deployment.fail(error);
        let status = StatusCode::from_u16(status).unwrap();
        let get = |path| client.get(path);
        for reply in [
            get("/v1/views/sales").await,
            get("/v1/status").await,
            client.post("application/x-ndjson", "{}").await,
            client.post("application/x-ndjson", "{}\n".repeat(10_000)).await,
        ] {
            let problem = reply.problem(status);
            assert!(problem["detail"].as_str().unwrap().starts_with(&object()), "{problem}");
            let retry = reply.headers.get(header::RETRY_AFTER).is_some();
            assert_eq!(retry, status == StatusCode::SERVICE_UNAVAILABLE);
        }
        // What needs no store goes on.
        assert_eq!(get("/v1/views").await.status, StatusCode::OK);
    }
}

/// Where several programs serve the API together, each serves its part and names it.
#[tokio::test]
async fn a_part_of_the_api_serves_nothing_else() {
    use crate::Serves;
    let events = Client::with(Options { serves: Serves::Events, ..Options::default() });
    let answers = Client::with(Options { serves: Serves::Answers, ..Options::default() });
    let problem = events.get("/v1/views").await.problem(StatusCode::NOT_FOUND);
    assert_eq!(problem["allowed"], serde_json::json!(["/v1/events"]));
    events.get("/v1/events").await.problem(StatusCode::METHOD_NOT_ALLOWED);
    let problem = answers.post("application/json", "{}").await.problem(StatusCode::NOT_FOUND);
    assert!(!problem["allowed"].to_string().contains("events"), "{problem}");
    assert_eq!(answers.get("/v1/views").await.status, StatusCode::OK);
    assert_eq!(events.post("application/json", "{}").await.status, StatusCode::OK);
}
