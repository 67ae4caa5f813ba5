//! Batches to a server: `POST /v1/events`.
//!
//! A batch counts once its reply says so. Where the reply is lost, the batch is posted again and
//! its events may be there twice: the server has no way to know them again.

use super::retry::{Again, Failure, Retry};
use super::tally::Reply;
use crate::input::Batch;
use crate::server::{Address, Problem, client, no_reply};
use anyhow::Context;
use std::io;
use std::time::Duration;
use ureq::Agent;
use ureq::http::header::{EXPECT, RETRY_AFTER};
use ureq::http::{Response, StatusCode};

/// A body larger than this is announced, so that a server that will not take it can say so before
/// the connection is full of it.
const ANNOUNCED_BYTES: usize = 8 << 20;

/// One connection to the server.
pub(super) struct Connection {
    agent: Agent,
    url: String,
}

impl Connection {
    pub(super) fn new(server: &Address) -> Self {
        Connection { agent: client(), url: server.url("/v1/events") }
    }

    /// Posts a batch until the server has taken it, and counts what it says.
    pub(super) fn deliver(&self, batch: &Batch, retry: Retry<'_>) -> anyhow::Result<()> {
        let reply = retry.insist(|| self.post(batch))?;
        retry.tally.count(batch, Some(&reply));
        Ok(())
    }

    fn post(&self, batch: &Batch) -> Result<Reply, Failure> {
        let mut request = self.agent.post(&self.url).content_type("application/x-ndjson");
        if batch.block.len() > ANNOUNCED_BYTES {
            request = request.header(EXPECT, "100-continue");
        }
        // No reply at all: the server is away, or went away.
        let lost = |error: ureq::Error| Failure {
            again: after_no_reply(&error),
            why: no_reply(&self.url, &error),
        };
        let mut reply = request.send(&batch.block).map_err(lost)?;
        if reply.status() == StatusCode::OK {
            let text = reply.body_mut().read_to_string().map_err(lost)?;
            let reply = serde_json::from_str(&text).with_context(|| {
                format!("{}: the reply is not one of an Anabranch server", self.url)
            });
            return reply.map_err(|why| Failure { why, again: Again::Never });
        }
        let again = after_error(&reply);
        let why = anyhow::Error::new(Problem::read(reply)).context(self.url.clone());
        Err(Failure { why, again })
    }
}

fn after_no_reply(error: &ureq::Error) -> Again {
    use ureq::Error::{ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
    match error {
        ConnectionFailed | HostNotFound | Timeout(ureq::Timeout::Connect) => Again::Unseen,
        Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Again::Unseen,
        Io(_) | Protocol(_) | Timeout(_) => Again::MaybeTaken(None),
        _ => Again::Never,
    }
}

fn after_error(reply: &Response<ureq::Body>) -> Again {
    let passes = reply.status().is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&reply.status());
    if !passes {
        return Again::Never;
    }
    let seconds = || reply.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok();
    Again::MaybeTaken(seconds().map(Duration::from_secs))
}
