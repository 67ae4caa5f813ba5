//! `GET /v1/views`, `GET /v1/views/{view}` and `GET /v1/schema`: what can be asked, and answers.

use crate::Backend;
use crate::problem::Problem;
use crate::router::Server;
use anabranch_core::project::Project;
use anabranch_core::resolution::width_name;
use anabranch_core::schema::{Schema, TimestampFormat};
use anabranch_core::view::{Fingerprint, View};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query as Parameters, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The views of a project.
#[derive(Debug, Serialize)]
pub(crate) struct List {
    views: Vec<Description>,
}

#[derive(Debug, Serialize)]
struct Description {
    name: String,
    fingerprint: Fingerprint,
    bucket: Option<BucketDescription>,
    columns: Vec<ColumnDescription>,
    plan: String,
}

#[derive(Debug, Serialize)]
struct BucketDescription {
    name: String,
    width: String,
}

#[derive(Debug, Serialize)]
struct ColumnDescription {
    name: String,
    r#type: String,
    role: &'static str,
    exact: bool,
    /// How far off it may be, where it is not exact.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_bounds: Vec<String>,
}

impl Description {
    fn new(view: &View) -> Self {
        let column = |name: &str, ty: String, role, error_bounds: Vec<String>| ColumnDescription {
            name: name.to_owned(),
            r#type: ty,
            role,
            exact: error_bounds.is_empty(),
            error_bounds,
        };
        let keys = view.keys.iter();
        let keys = keys.map(|key| column(&key.name, key.expr.ty.to_string(), "key", Vec::new()));
        let bucket = view.bucket.iter().map(|bucket| {
            column(&bucket.name, bucket.width.timestamp().to_string(), "bucket", Vec::new())
        });
        let measures = view.measures.iter().map(|measure| {
            let ty = measure.expr.ty.to_string();
            column(&measure.name, ty, "measure", view.error_bounds(measure))
        });
        Description {
            name: view.name.clone(),
            fingerprint: view.fingerprint,
            bucket: view.bucket.as_ref().map(|bucket| BucketDescription {
                name: bucket.name.clone(),
                width: width_name(bucket.width),
            }),
            columns: keys.chain(bucket).chain(measures).collect(),
            plan: view.plan.clone(),
        }
    }
}

pub(crate) async fn list<B: Backend>(State(server): State<Server<B>>) -> Json<List> {
    let views = server.backend.project().views.iter();
    Json(List { views: views.map(|view| Description::new(view)).collect() })
}

pub(crate) async fn answer<B: Backend>(
    State(server): State<Server<B>>,
    name: Result<Path<String>, PathRejection>,
    parameters: Result<Parameters<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|error| bad_request(error.body_text()))?;
    let Parameters(parameters) = parameters.map_err(|error| bad_request(error.body_text()))?;
    let project = server.backend.project();
    let view = project.view(&name).ok_or_else(|| unknown_view(&name, project))?;
    let parameters: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = server.backend.ask(view, &parameters).await?;
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], answer.to_json()).into_response())
}

pub(crate) fn bad_request(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

pub(crate) fn unknown_view(name: &str, project: &Project) -> Problem {
    let views: Vec<&str> = project.views.iter().map(|view| view.name.as_str()).collect();
    let detail = format!("there is no view `{name}`; there are {}", views.join(", "));
    Problem::new(StatusCode::NOT_FOUND, detail).allowed(views)
}

/// The schema of events.
#[derive(Debug, Serialize)]
pub(crate) struct SchemaDescription {
    table: String,
    event_time: String,
    timestamp_format: &'static str,
    columns: Vec<LeafDescription>,
}

#[derive(Debug, Serialize)]
struct LeafDescription {
    name: String,
    path: Vec<String>,
    r#type: String,
}

impl SchemaDescription {
    fn new(schema: &Schema) -> Self {
        let leaf = |id: usize| {
            let column = &schema.columns[id];
            LeafDescription {
                name: column.path.join("."),
                path: column.path.clone(),
                r#type: column.ty.to_string(),
            }
        };
        SchemaDescription {
            table: schema.table.clone(),
            event_time: leaf(schema.event_time).name,
            timestamp_format: match schema.timestamp_format {
                TimestampFormat::Iso8601 => "iso8601",
                TimestampFormat::EpochSeconds => "epoch_seconds",
                TimestampFormat::EpochMillis => "epoch_millis",
                TimestampFormat::EpochMicros => "epoch_micros",
            },
            columns: (0..schema.columns.len()).map(leaf).collect(),
        }
    }
}

pub(crate) async fn schema<B: Backend>(State(server): State<Server<B>>) -> Json<SchemaDescription> {
    Json(SchemaDescription::new(&server.backend.project().schema))
}
