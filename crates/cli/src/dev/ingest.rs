//! Ingest: events from requests into the stream, many requests to one durable commit.
//!
//! ```text
//! request ─┐
//! request ─┼─> queue ─> writer: all that is waiting ─> one transaction, one sync ─> replies
//! request ─┘
//! ```
//!
//! A sync costs milliseconds however much it covers. While one is under way the next requests
//! gather, so that the busier the server, the more events share a sync. A request's events go to
//! one shard, in order, all of them or none.

use super::Engine;
use anabranch_core::port::{Error, Result};
use anabranch_http::Events;
use anabranch_stores::stream::{Append, Log as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// What may wait in memory, in all; beyond it requests wait to be taken.
const QUEUE_BYTES: usize = 128 << 20;
/// A commit takes no more requests once it has so much.
const COMMIT_BYTES: usize = 16 << 20;
/// The unit of the queue's budget, which counts in 32 bits.
const KIB: usize = 1 << 10;

/// Events of one request.
struct Request {
    events: Events,
    bytes: usize,
    reply: oneshot::Sender<Result<()>>,
    _budget: OwnedSemaphorePermit,
}

/// Where requests put their events.
#[derive(Clone)]
pub(super) struct Ingest {
    queue: mpsc::UnboundedSender<Request>,
    budget: Arc<Semaphore>,
}

impl Ingest {
    /// Starts the writer, which ends when the last copy of this is dropped.
    pub(super) fn start(engine: &Arc<Engine>) -> (Self, JoinHandle<()>) {
        let (queue, requests) = mpsc::unbounded_channel();
        let budget = Arc::new(Semaphore::new(QUEUE_BYTES / KIB));
        let engine = Arc::clone(engine);
        let writer = thread::spawn(move || write(&engine, requests));
        (Ingest { queue, budget }, writer)
    }

    /// Appends the events to the stream. They are durable when it returns.
    pub(super) async fn append(&self, events: Events) -> Result<()> {
        let stopping = || Error::Unavailable {
            object: "the stream".to_owned(),
            reason: "the server is stopping".to_owned(),
        };
        let bytes: usize = events.iter().map(<[u8]>::len).sum();
        let cost = (bytes / KIB + 1).min(QUEUE_BYTES / KIB) as u32;
        let budget = Arc::clone(&self.budget).acquire_many_owned(cost).await;
        let budget = budget.expect("the budget is never closed");
        let (reply, answer) = oneshot::channel();
        let request = Request { events, bytes, reply, _budget: budget };
        self.queue.send(request).map_err(|_| stopping())?;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }
}

/// Commits whatever is waiting, until nobody can append any more.
fn write(engine: &Engine, mut requests: mpsc::UnboundedReceiver<Request>) {
    let mut turn = 0;
    while let Some(first) = requests.blocking_recv() {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        while bytes < COMMIT_BYTES
            && let Ok(request) = requests.try_recv()
        {
            bytes += request.bytes;
            group.push(request);
        }
        let done = commit(engine, &group, &mut turn);
        for request in group {
            // A client that has left does not hear it; its events are in all the same.
            let _ = request.reply.send(done.clone());
        }
    }
}

/// One transaction over all of `group`.
fn commit(engine: &Engine, group: &[Request], turn: &mut usize) -> Result<()> {
    let shards = &engine.open_shards;
    let mut appends: Vec<Append<'_>> =
        shards.iter().map(|shard| Append { shard: shard.clone(), records: Vec::new() }).collect();
    let mut bytes = vec![0; shards.len()];
    for request in group {
        // The lightest shard of this commit, and in turn where there is a choice.
        *turn = turn.wrapping_add(1);
        let place = |at: usize| (at + *turn) % shards.len();
        let lightest = (0..shards.len()).map(place).min_by_key(|&at| bytes[at]);
        let at = lightest.expect("there is at least one shard");
        bytes[at] += request.bytes;
        appends[at].records.extend(request.events.iter().map(|payload| ("", payload)));
    }
    appends.retain(|append| !append.records.is_empty());
    let done = engine.data.local.stream.append(&appends, engine.data.clock.now_ms());
    match &done {
        Ok(_) => {
            engine.commits.fetch_add(1, Ordering::AcqRel);
            engine.bell.ring();
            engine.health.well("ingest");
        }
        Err(error) => engine.health.failed("ingest", error, engine.data.clock.now_ms()),
    }
    done.map(drop)
}
