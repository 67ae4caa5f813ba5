//! The router: which request goes where.

use crate::problem::Problem;
use crate::verdicts::Checkers;
use crate::{Backend, Status, ingest, views};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;

/// The router's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The largest body of `POST /v1/events`, in bytes.
    pub max_body_bytes: usize,
}

impl Default for Options {
    /// 256 MiB a body: room for a 100 MB event.
    fn default() -> Self {
        Options { max_body_bytes: 256 << 20 }
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
    let events = post(ingest::post::<B>).layer(DefaultBodyLimit::max(options.max_body_bytes));
    Router::new()
        .route("/v1/events", events)
        .route("/v1/views", get(views::list::<B>))
        .route("/v1/views/{view}", get(views::answer::<B>))
        .route("/v1/schema", get(views::schema::<B>))
        .route("/v1/status", get(status::<B>))
        .route("/healthz", get(health))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Server { backend, options, checkers })
}

async fn status<B: Backend>(State(server): State<Server<B>>) -> Result<Json<Status>, Problem> {
    Ok(Json(server.backend.status().await?))
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

async fn not_found(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, detail).allowed([
        "/v1/events",
        "/v1/views",
        "/v1/views/{view}",
        "/v1/schema",
        "/v1/status",
        "/healthz",
    ])
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail =
        format!("{} does not take {method}; the header Allow says what it does", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
