//! A connection: takes batches, posts them, and tries again where that can help.
//!
//! A batch counts once its reply says so. Where the reply is lost, the batch is posted again and
//! its events may be there twice: the server has no way to know them again.

use super::queue::Queue;
use super::tally::Tally;
use crate::input::Batch;
use crate::server::{Address, Problem, client, no_reply};
use anyhow::Context;
use serde::Deserialize;
use std::io;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::header::{EXPECT, RETRY_AFTER};
use ureq::http::{Response, StatusCode};

/// The first pause before a batch is posted again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A body larger than this is announced, so that a server that will not take it can say so before
/// the connection is full of it.
const ANNOUNCED_BYTES: usize = 8 << 20;

/// What became of a batch, as the server says.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) verdicts: Vec<Verdict>,
}

/// Why an event was rejected.
#[derive(Debug, Deserialize)]
pub(super) struct Verdict {
    pub(super) line: usize,
    pub(super) reason: String,
    pub(super) detail: String,
}

/// One connection to the server.
pub(super) struct Connection<'a> {
    agent: Agent,
    url: String,
    give_up_after: Duration,
    tally: &'a Tally,
}

/// Why a batch was not taken.
struct Failure {
    why: anyhow::Error,
    /// Whether and when to post the same batch again.
    again: Again,
}

/// What trying again can do.
enum Again {
    /// The same request would fail again.
    Never,
    /// It may help; the server has not seen the events.
    Unseen,
    /// It may help; the server may have taken the events all the same. The pause it asks for.
    MaybeTaken(Option<Duration>),
}

impl<'a> Connection<'a> {
    pub(super) fn new(server: &Address, give_up_after: Duration, tally: &'a Tally) -> Self {
        Connection { agent: client(), url: server.url("/v1/events"), give_up_after, tally }
    }

    /// Posts batches of up to `batch_bytes` until the queue ends or one cannot be delivered.
    pub(super) fn run(&self, queue: &Queue, batch_bytes: usize) -> anyhow::Result<()> {
        while let Some(batch) = queue.pop(batch_bytes) {
            let reply = self.deliver(&batch)?;
            self.tally.count(&batch, &reply);
        }
        Ok(())
    }

    fn deliver(&self, batch: &Batch) -> anyhow::Result<Reply> {
        let mut failing_since = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let Failure { why, again } = match self.post(batch) {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let since: &mut Instant = failing_since.get_or_insert_with(Instant::now);
            let (wanted, maybe_taken) = match again {
                Again::Never => return Err(why),
                Again::Unseen => (None, false),
                Again::MaybeTaken(wanted) => (wanted, true),
            };
            if since.elapsed() >= self.give_up_after {
                let tried = self.give_up_after.as_secs_f64();
                return Err(why.context(format!("given up after {tried} s")));
            }
            self.tally.retry(&why, maybe_taken);
            std::thread::sleep(wanted.unwrap_or(pause).min(LONGEST_PAUSE));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
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
