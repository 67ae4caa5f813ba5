//! The router: which request goes where.

use crate::problem::Problem;
use crate::verdicts::Checkers;
use crate::{Backend, Failing, Status, audit, ingest, views};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;

/// The router's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What of the API is served.
    pub serves: Serves,
    /// The largest body of `POST /v1/events`, in bytes.
    pub max_body_bytes: usize,
    /// The largest event, in bytes: what a record of the stream holds.
    pub max_event_bytes: usize,
}

/// A part of the API, where several programs serve it together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// All of it.
    Everything,
    /// What takes events.
    Events,
    /// What answers, and changes nothing.
    Answers,
}

impl Serves {
    const EVENTS: [&str; 1] = ["/v1/events"];
    const ANSWERS: [&str; 6] =
        ["/v1/views", "/v1/views/{view}", "/v1/schema", "/v1/status", "/v1/audit", "/healthz"];

    fn paths(self) -> Vec<&'static str> {
        match self {
            Serves::Everything => [&Self::EVENTS[..], &Self::ANSWERS].concat(),
            Serves::Events => Self::EVENTS.to_vec(),
            Serves::Answers => Self::ANSWERS.to_vec(),
        }
    }
}

impl Default for Options {
    /// 256 MiB a body: room for a 100 MB event.
    fn default() -> Self {
        let (serves, max_body_bytes) = (Serves::Everything, 256 << 20);
        Options { serves, max_body_bytes, max_event_bytes: usize::MAX }
    }
}

/// What handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Server<B> {
    pub(crate) backend: B,
    pub(crate) options: Options,
    pub(crate) checkers: Arc<Checkers>,
}

/// The HTTP API over `backend`.
pub fn router<B: Backend>(backend: B, options: Options) -> Router {
    let checkers = Arc::new(Checkers::new(&backend.project().schema));
    let (mut router, serves) = (Router::new(), options.serves);
    if serves != Serves::Answers {
        let events = post(ingest::post::<B>).layer(DefaultBodyLimit::max(options.max_body_bytes));
        router = router.route("/v1/events", events);
    }
    if serves != Serves::Events {
        router = router
            .route("/v1/views", get(views::list::<B>))
            .route("/v1/views/{view}", get(views::answer::<B>))
            .route("/v1/schema", get(views::schema::<B>))
            .route("/v1/status", get(status::<B>))
            .route("/v1/audit", get(audit::get::<B>))
            .route("/healthz", get(health::<B>));
    }
    router
        .fallback(move |uri| not_found(serves, uri))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Server { backend, options, checkers })
}

/// The status, and what does not work.
#[derive(Debug, Serialize)]
struct StatusReply {
    #[serde(flatten)]
    status: Status,
    failing: Vec<Failing>,
}

async fn status<B: Backend>(State(server): State<Server<B>>) -> Result<Json<StatusReply>, Problem> {
    let status = server.backend.status().await?;
    Ok(Json(StatusReply { status, failing: server.backend.failing() }))
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failing: Vec<Failing>,
}

/// Says 503 while something does not work, although requests are taken and answered as far as
/// possible: whoever watches must come and see.
async fn health<B: Backend>(State(server): State<Server<B>>) -> (StatusCode, Json<Health>) {
    let failing = server.backend.failing();
    let (code, status) = match failing.is_empty() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    (code, Json(Health { status, failing }))
}

async fn not_found(serves: Serves, uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, detail).allowed(serves.paths())
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail =
        format!("{} does not take {method}; the header Allow says what it does", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
