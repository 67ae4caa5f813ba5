//! The function ingest: events from requests into the stream, durable when it answers, with the
//! verdicts of the schema that lies beside it.
//!
//! It reaches the stream and nothing else: no store can be read or written from here.

use anabranch_core::port::{Error, Result};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::view::View;
use anabranch_host::aws::Producer;
use anabranch_http::{Backend, Events, Options, Serves, Status};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// A request that Lambda hands over has 6 MB at most, envelope included.
const MAX_BODY_BYTES: usize = 6_000_000;
/// A record of the stream has 1 MiB, partition key included.
const MAX_EVENT_BYTES: usize = (1 << 20) - KEY_LENGTH;
const KEY_LENGTH: usize = 16;

/// What of the API is served, and how large its requests may be.
pub fn options() -> Options {
    Options {
        serves: Serves::Events,
        max_body_bytes: MAX_BODY_BYTES,
        max_event_bytes: MAX_EVENT_BYTES,
    }
}

/// The router's backend.
#[derive(Debug, Clone)]
pub struct Ingest {
    project: Arc<Project>,
    producer: Producer,
}

impl Ingest {
    /// Events go to `producer`, and are judged by the schema of `project`.
    pub fn new(project: Arc<Project>, producer: Producer) -> Self {
        Ingest { project, producer }
    }
}

/// Spreads events over the shards: what order they come in matters to nobody.
fn partition_key(payload: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    payload.hash(&mut hasher);
    format!("{:0KEY_LENGTH$x}", hasher.finish())
}

fn refused() -> Error {
    let reason = "this function takes events only".to_owned();
    Error::Refused { object: "answers".to_owned(), reason }
}

impl Backend for Ingest {
    fn project(&self) -> &Arc<Project> {
        &self.project
    }

    async fn ingest(&self, events: Events) -> Result<()> {
        let keys: Vec<String> = events.iter().map(partition_key).collect();
        let events: Vec<(&str, &[u8])> =
            keys.iter().map(String::as_str).zip(events.iter()).collect();
        self.producer.send(&events).await
    }

    async fn ask(
        &self,
        _: &Arc<View>,
        _: &[(&str, &str)],
    ) -> std::result::Result<Answer, query::Error> {
        Err(refused().into())
    }

    async fn status(&self) -> Result<Status> {
        Err(refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_key_depends_on_the_event_and_is_as_long_as_it_is_taken_for() {
        let keys = [&b"{}"[..], b"{\"a\":1}", b""].map(partition_key);
        assert!(keys.iter().all(|key| key.len() == KEY_LENGTH), "{keys:?}");
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
        assert_eq!(partition_key(b"{}"), keys[0]);
    }
}
