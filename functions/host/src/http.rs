//! An HTTP request as API Gateway's HTTP API hands it over (payload format 2.0), to the router and
//! back.
//!
//! ```text
//! {"rawPath":"/v1/views/v","rawQueryString":"key=a&key=b","body":…} ─> http::Request ─> router
//! {"statusCode":200,"headers":{…},"body":"…"}                       <─ http::Response, as text
//! ```
//!
//! The query string goes on as it came, so that a parameter which is given several times stays so.
//! The name of a stage, which stands at the beginning of the path unless it is `$default`, goes.

use crate::run::{AnyError, Invocation};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, header};
use base64_simd::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;
use tower::ServiceExt as _;

/// A reply that Lambda carries has 6 MB at most; its headers and what escaping makes of the body
/// count as well.
const REPLY_BYTES: usize = 5_500_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request_context: Context,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct Context {
    http: Http,
    #[serde(default)]
    stage: String,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// What API Gateway makes a response of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

/// Routes a request and logs it.
///
/// # Errors
/// If the event is no request of an HTTP API.
pub async fn route(
    invocation: &Invocation,
    router: Router,
    event: &str,
) -> Result<Reply, AnyError> {
    let begun = Instant::now();
    let request = read(event)?;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let reply = match invocation.deadline.limit(router.oneshot(request)).await {
        Some(Ok(response)) => {
            let (head, body) = response.into_parts();
            write(head.status, &head.headers, axum::body::to_bytes(body, usize::MAX).await?)
        }
        Some(Err(never)) => match never {},
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "it took too long: ask for less at once"),
    };
    invocation.log.info(
        "request",
        json!({"method": method.as_str(), "path": path, "status": reply.status_code,
               "bytes": reply.body.len(), "tookMs": begun.elapsed().as_millis() as u64}),
    );
    Ok(reply)
}

fn read(event: &str) -> Result<Request<Body>, AnyError> {
    let event: Event = serde_json::from_str(event)
        .map_err(|error| format!("the invocation is no request of an HTTP API: {error}"))?;
    let stage = format!("/{}/", event.request_context.stage);
    let path = event.raw_path.strip_prefix(stage.as_str()).map(|rest| format!("/{rest}"));
    let path = path.as_deref().unwrap_or(&event.raw_path);
    let uri = match event.raw_query_string.as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    let mut request =
        Request::builder().method(event.request_context.http.method.as_str()).uri(uri);
    for (name, value) in &event.headers {
        request = request.header(name, value);
    }
    let body = event.body.unwrap_or_default();
    let body = match event.is_base64_encoded {
        true => STANDARD.decode_to_vec(body).map_err(|_| "the request's body is not base64")?,
        false => body.into_bytes(),
    };
    Ok(request.body(Body::from(body))?)
}

fn write(status: StatusCode, headers: &header::HeaderMap, body: Bytes) -> Reply {
    if body.len() > REPLY_BYTES {
        let detail = format!(
            "the reply has {} bytes, and a function carries {REPLY_BYTES}: ask for fewer rows",
            body.len()
        );
        return problem(StatusCode::UNPROCESSABLE_ENTITY, &detail);
    }
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    // Every body of the API is JSON; the length is that of what API Gateway sends.
    let headers = headers.iter().filter(|(name, _)| **name != header::CONTENT_LENGTH);
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = String::from_utf8_lossy(&body).into_owned();
    Reply { status_code: status.as_u16(), headers, body, is_base64_encoded: false }
}

/// A problem of the way there or back, in the API's form.
fn problem(status: StatusCode, detail: &str) -> Reply {
    let title = status.canonical_reason().unwrap_or("Error");
    let body =
        json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    let kind = ("content-type".to_owned(), "application/problem+json".to_owned());
    Reply {
        status_code: status.as_u16(),
        headers: BTreeMap::from([kind]),
        body: body.to_string(),
        is_base64_encoded: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Deadline, Level, Log};
    use axum::http::{Method, Uri};
    use axum::routing::any;
    use serde_json::Value;
    use std::time::Duration;

    /// An event with the fields of AWS's example that are read, and some that are not.
    fn event(change: impl FnOnce(&mut Value)) -> String {
        let mut event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/v1/views/v",
            "rawQueryString": "key=a%20b&key=c",
            "cookies": ["a=b"],
            "headers": {"content-type": "application/json", "x-many": "1,2"},
            "queryStringParameters": {"key": "a b,c"},
            "requestContext": {
                "accountId": "123456789012", "stage": "$default",
                "http": {"method": "GET", "path": "/v1/views/v", "sourceIp": "192.0.2.1"},
            },
            "isBase64Encoded": false,
        });
        change(&mut event);
        event.to_string()
    }

    async fn ask(event: &str, left: Duration) -> Reply {
        let echo = async |method: Method, uri: Uri, headers: header::HeaderMap, body: Bytes| {
            let many = headers.get("x-many").map(|value| value.to_str().unwrap().to_owned());
            let body = String::from_utf8(body.to_vec()).unwrap();
            axum::Json(json!([method.as_str(), uri.to_string(), many, body]))
        };
        let router = Router::new()
            .route("/large", any(|| async { vec![b' '; REPLY_BYTES + 1] }))
            .fallback(any(echo));
        let log = Log::to("test", Level::Error, |_| {});
        route(&Invocation { log, deadline: Deadline::within(left) }, router, event).await.unwrap()
    }

    async fn echo(change: impl FnOnce(&mut Value)) -> Value {
        let reply = ask(&event(change), Duration::from_secs(9)).await;
        assert_eq!((reply.status_code, reply.is_base64_encoded), (200, false));
        assert_eq!(reply.headers["content-type"], "application/json");
        serde_json::from_str(&reply.body).unwrap()
    }

    #[tokio::test]
    async fn parameters_that_are_given_several_times_stay_as_they_came() {
        let reply = echo(|_| {}).await;
        assert_eq!(reply, json!(["GET", "/v1/views/v?key=a%20b&key=c", "1,2", ""]));
    }

    #[tokio::test]
    async fn the_name_of_a_stage_is_no_part_of_the_path() {
        let reply = echo(|event| {
            event["requestContext"]["stage"] = json!("prod");
            event["rawPath"] = json!("/prod/v1/status");
            event["rawQueryString"] = json!("");
        });
        assert_eq!(reply.await[1], "/v1/status");
        let reply = echo(|event| event["requestContext"]["stage"] = json!("v")).await;
        assert_eq!(reply[1], "/v1/views/v?key=a%20b&key=c");
    }

    #[tokio::test]
    async fn a_body_may_be_base64() {
        let reply = echo(|event| {
            event["body"] = json!("eyJhIjoxfQ==");
            event["isBase64Encoded"] = json!(true);
            event["requestContext"]["http"]["method"] = json!("POST");
        });
        assert_eq!(reply.await[3], "{\"a\":1}");
        let reply = echo(|event| event["body"] = json!("{\"a\":1}")).await;
        assert_eq!(reply[3], "{\"a\":1}");
    }

    #[tokio::test]
    async fn what_is_too_large_or_too_slow_for_a_function_is_a_problem() {
        let large = event(|event| event["rawPath"] = json!("/large"));
        let reply = ask(&large, Duration::from_secs(9)).await;
        assert_eq!(reply.status_code, 422);
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert_eq!(ask(&large, Duration::ZERO).await.status_code, 503);
    }
}
