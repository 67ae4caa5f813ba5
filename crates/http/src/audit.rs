//! `GET /v1/audit`: whether the layers agree, compared while events flow.
//!
//! The same code as `anabranch audit` over a data folder that no server uses, and the same report.

use crate::Backend;
use crate::problem::Problem;
use crate::router::Server;
use crate::views::{bad_request, unknown_view};
use anabranch_core::audit::{Options, Report};
use anabranch_core::project::Project;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Parameters, State};
use axum::http::StatusCode;

/// Differences of a check that may be listed; a report is held in memory.
const MAX_LIMIT: usize = 10_000;

const PARAMETERS: [&str; 3] = ["view", "ledger", "limit"];

pub(crate) async fn get<B: Backend>(
    State(server): State<Server<B>>,
    parameters: Result<Parameters<Vec<(String, String)>>, QueryRejection>,
) -> Result<Json<Report>, Problem> {
    let Parameters(parameters) = parameters.map_err(|error| bad_request(error.body_text()))?;
    let options = options(server.backend.project(), &parameters)?;
    match server.backend.audit(options).await? {
        Some(report) => Ok(Json(report)),
        None => {
            let detail =
                "no audit is run within a request here: run `anabranch audit` over the stores";
            Err(Problem::new(StatusCode::NOT_FOUND, detail))
        }
    }
}

fn options(project: &Project, parameters: &[(String, String)]) -> Result<Options, Problem> {
    let mut options = Options::default();
    for (name, value) in parameters {
        let wrong = |expected: &str| {
            let detail = format!("parameter `{name}`: `{value}` is not {expected}");
            Problem::new(StatusCode::BAD_REQUEST, detail).parameter(name)
        };
        match name.as_str() {
            "view" => {
                let view = project.view(value).ok_or_else(|| unknown_view(value, project))?;
                options.views.get_or_insert_default().push(view.fingerprint);
            }
            "ledger" => {
                options.ledger_only = value.parse().map_err(|_| wrong("true or false"))?;
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit <= MAX_LIMIT);
                options.limit =
                    limit.ok_or_else(|| wrong(&format!("a whole number up to {MAX_LIMIT}")))?;
            }
            _ => {
                let detail = format!("there is no parameter `{name}`");
                let problem = Problem::new(StatusCode::BAD_REQUEST, detail).parameter(name);
                return Err(problem.allowed(PARAMETERS));
            }
        }
    }
    Ok(options)
}
