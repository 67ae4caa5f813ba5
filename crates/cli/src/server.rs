//! A server, as the commands that talk to one see it: its address, its replies, its problems.

use anyhow::Context;
use serde::Deserialize;
use std::time::Duration;
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body};

/// Connections are given up after this long; answers may take longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

/// The address of a server: `http://host:port`, perhaps with a path that the API is below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}`: expected such as http://127.0.0.1:4000");
        let uri: Uri = text.parse().map_err(|_| expected())?;
        match uri.scheme_str() {
            Some("http") if uri.host().is_some() && uri.query().is_none() => {
                Ok(Address(text.trim_end_matches('/').to_owned()))
            }
            Some("https") => Err(format!("`{text}`: only http can be spoken, not https")),
            _ => Err(expected()),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Address {
    /// The URL of `path` (which starts with a slash) on the server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

/// A client that keeps its connection open and hands out replies of every status.
pub(crate) fn client() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .build();
    config.new_agent()
}

/// No reply: the request or the connection failed, in words only. A connection that breaks must not
/// be taken for a standard output that was closed, so the error's source stays behind.
pub(crate) fn no_reply(url: &str, error: &ureq::Error) -> anyhow::Error {
    anyhow::anyhow!("{url}: {error}")
}

/// An error reply.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    body: ProblemBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProblemBody {
    detail: String,
    parameter: Option<String>,
}

impl Problem {
    /// Reads the body of an error reply; a proxy's may be anything.
    pub(crate) fn read(mut reply: Response<Body>) -> Problem {
        let text = reply.body_mut().read_to_string().unwrap_or_default();
        let plain = || {
            let detail = text.trim().chars().take(200).collect();
            ProblemBody { detail, parameter: None }
        };
        let body = serde_json::from_str(&text).unwrap_or_else(|_| plain());
        Problem { status: reply.status(), body }
    }

    /// Whether the request is at fault: it names a view or a parameter that is not there.
    pub(crate) fn is_invalid_request(&self) -> bool {
        [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND].contains(&self.status)
    }

    /// The query parameter that is wrong.
    pub(crate) fn parameter(&self) -> Option<&str> {
        self.body.parameter.as_deref()
    }

    /// What is wrong, in the server's words.
    pub(crate) fn detail(&self) -> &str {
        &self.body.detail
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status, self.body.detail)
    }
}

impl std::error::Error for Problem {}

/// The body of `GET path` with query parameters.
pub(crate) fn get(
    server: &Address,
    path: &str,
    parameters: &[(&str, &str)],
) -> anyhow::Result<String> {
    get_within(server, path, parameters, Some(ANSWER_TIMEOUT))
}

/// The same for what may take as long as it likes.
pub(crate) fn get_slowly(
    server: &Address,
    path: &str,
    parameters: &[(&str, &str)],
) -> anyhow::Result<String> {
    get_within(server, path, parameters, None)
}

fn get_within(
    server: &Address,
    path: &str,
    parameters: &[(&str, &str)],
    timeout: Option<Duration>,
) -> anyhow::Result<String> {
    let url = server.url(path);
    let request = client().get(&url).query_pairs(parameters.iter().copied());
    let request = request.config().timeout_recv_response(timeout).build();
    let mut reply = request.call().map_err(|error| no_reply(&url, &error))?;
    if !reply.status().is_success() {
        return Err(Problem::read(reply)).with_context(|| url);
    }
    let body = reply.body_mut().with_config().limit(u64::MAX);
    body.read_to_string().map_err(|error| no_reply(&url, &error))
}

/// Posts events, one a line. Once: `produce` is for those that must arrive.
pub(crate) fn post(client: &Agent, server: &Address, lines: &[u8]) -> anyhow::Result<()> {
    let url = server.url("/v1/events");
    let request = client.post(&url).content_type("application/x-ndjson");
    let mut reply = request.send(lines).map_err(|error| no_reply(&url, &error))?;
    if !reply.status().is_success() {
        return Err(Problem::read(reply)).with_context(|| url);
    }
    // Read to its end, so that the connection can be used again.
    reply.body_mut().read_to_vec().map_err(|error| no_reply(&url, &error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_http_with_a_host() {
        let url = |text: &str| text.parse::<Address>().map(|address| address.url("/healthz"));
        let local = "http://127.0.0.1:4000";
        assert_eq!(url(local), Ok("http://127.0.0.1:4000/healthz".to_owned()));
        assert_eq!(url("http://h/base/"), Ok("http://h/base/healthz".to_owned()));
        for text in ["localhost:4000", "127.0.0.1", "ftp://x", "http://h/?q", ""] {
            assert!(url(text).unwrap_err().contains(local), "{text}");
        }
        assert!(url("https://h").unwrap_err().contains("not https"));
    }
}
