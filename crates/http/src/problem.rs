//! Problems: every error as an `application/problem+json` body (RFC 9457).

use anabranch_core::port;
use anabranch_core::query::{self, PARAMETERS, ParameterError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error on its way to a client.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    /// `about:blank`: the status says what kind of problem it is, the other members which.
    r#type: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    /// The query parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// What would have been right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<String>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: detail.into(),
            parameter: None,
            allowed: Vec::new(),
        }
    }

    /// A fault of this server.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// The same problem, naming the parameter that is wrong.
    pub(crate) fn parameter(self, name: impl Into<String>) -> Self {
        Problem { parameter: Some(name.into()), ..self }
    }

    /// The same problem, naming what is allowed.
    pub(crate) fn allowed<S: Into<String>>(mut self, allowed: impl IntoIterator<Item = S>) -> Self {
        self.allowed = allowed.into_iter().map(Into::into).collect();
        self
    }
}

impl From<ParameterError> for Problem {
    fn from(error: ParameterError) -> Self {
        let known = PARAMETERS.iter().find(|(name, _)| *name == error.parameter);
        let allowed: Vec<&str> = match known {
            Some((_, description)) => vec![description],
            None => PARAMETERS.iter().map(|(name, _)| *name).collect(),
        };
        let problem = Problem::new(StatusCode::BAD_REQUEST, error.to_string()).allowed(allowed);
        Problem { parameter: Some(error.parameter), ..problem }
    }
}

impl From<query::Error> for Problem {
    fn from(error: query::Error) -> Self {
        match error {
            query::Error::Parameter(error) => error.into(),
            query::Error::Store(error) => error.into(),
        }
    }
}

impl From<port::Error> for Problem {
    fn from(error: port::Error) -> Self {
        let status = match error {
            port::Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            port::Error::Refused { .. } => StatusCode::INSUFFICIENT_STORAGE,
            port::Error::Corrupt { .. } | port::Error::NotFound { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Problem::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("writing plain data to memory does not fail");
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
