//! `POST /v1/events`: events in, and an answer once they are durable.
//!
//! Every event of a request that is understood goes into the stream, accepted by the schema or
//! not; the verdicts are worked out meanwhile, for the producer to see.

use crate::events::Layout;
use crate::problem::Problem;
use crate::router::Server;
use crate::verdicts::{Verdict, Verdicts};
use crate::{Backend, Events};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;

/// Bodies up to this size are checked in passing; larger ones on a thread that may be held up.
const CHECKED_IN_PASSING: usize = 16 << 10;

/// Media types whose bodies are lines and nothing else.
const LINES: [&str; 5] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
];

/// Media types whose bodies are what their first byte says. The last three are what clients send
/// that were not told what they send.
const SNIFFED: [&str; 4] = [
    "application/json",
    "text/plain",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
];

/// What became of a request's events.
#[derive(Debug, Serialize)]
pub(crate) struct Reply {
    received: usize,
    accepted: usize,
    rejected: usize,
    verdicts: Vec<Verdict>,
    verdicts_omitted: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

impl Reply {
    fn new(received: usize, verdicts: Verdicts) -> Self {
        let message = "rejected events are archived and counted, but are in no view; once the schema accepts them, a full batch build brings them in";
        Reply {
            received,
            accepted: received - verdicts.rejected,
            rejected: verdicts.rejected,
            verdicts_omitted: verdicts.rejected - verdicts.shown.len(),
            verdicts: verdicts.shown,
            message: (verdicts.rejected > 0).then_some(message),
        }
    }
}

pub(crate) async fn post<B: Backend>(
    State(server): State<Server<B>>,
    request: Request,
) -> Result<Json<Reply>, Problem> {
    let headers = request.headers().clone();
    let body = read(request, server.options.max_body_bytes).await?;
    let size = body.len();
    let events = cut(&headers, body)?;
    let received = events.len();
    if received == 0 {
        return Ok(Json(Reply::new(0, Verdicts::default())));
    }
    check_sizes(&events, server.options.max_event_bytes)?;
    let verdicts = if size <= CHECKED_IN_PASSING {
        let verdicts = server.checkers.check(&events);
        server.backend.ingest(events).await?;
        verdicts
    } else {
        let (checkers, checked) = (server.checkers.clone(), events.clone());
        let verdicts = tokio::task::spawn_blocking(move || checkers.check(&checked));
        server.backend.ingest(events).await?;
        verdicts.await.map_err(|_| Problem::internal("checking the events failed"))?
    };
    Ok(Json(Reply::new(received, verdicts)))
}

/// Refuses a request with an event that can be no record, before anything of it is taken.
fn check_sizes(events: &Events, max_bytes: usize) -> Result<(), Problem> {
    match events.iter().enumerate().find(|(_, event)| event.len() > max_bytes) {
        None => Ok(()),
        Some((at, event)) => {
            let place = match events.layout() {
                Layout::Lines => format!("the event in line {}", events.place(at)),
                Layout::Array => format!("the event at index {}", events.place(at)),
                Layout::Single => "the event".to_owned(),
            };
            let bytes = event.len();
            let detail = format!(
                "{place} has {bytes} bytes, and a record of the stream takes {max_bytes}: nothing was taken"
            );
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
        }
    }
}

/// Cuts the body as its headers say.
fn cut(headers: &HeaderMap, body: Bytes) -> Result<Events, Problem> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(encoding) = text(header::CONTENT_ENCODING).filter(|e| e != "identity") {
        let detail = format!("content encoding `{encoding}`: send the body as it is");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).allowed(["identity"]));
    }
    let media_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if LINES.contains(&essence.as_str()) {
        return Ok(Events::from_lines(body));
    }
    if !essence.is_empty() && !SNIFFED.contains(&essence.as_str()) {
        let detail = format!("content type `{media_type}`: expected lines of JSON or a JSON array");
        let allowed = LINES.iter().chain(&SNIFFED[..1]).copied();
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).allowed(allowed));
    }
    Events::sniff(body).map_err(|error| {
        let detail = format!("the body starts as a JSON array and is none: {error}");
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}

/// Reads a whole body. One that announces itself as too large is refused before it is sent, if the
/// client waits for that.
async fn read(request: Request, max_bytes: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body has more than {max_bytes} bytes: send less at once");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > max_bytes as u64) {
        return Err(too_large());
    }
    Bytes::from_request(request, &()).await.map_err(|rejection: BytesRejection| {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            status => Problem::new(status, rejection.body_text()),
        }
    })
}
