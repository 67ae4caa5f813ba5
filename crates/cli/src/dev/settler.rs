//! The settler: brings the stream to rest, so that batch versions can cover all of it.
//!
//! While some event is in no batch version yet, it looks whether the event's epoch is sealed, and
//! sends a heartbeat where no other event does it. Once every event is covered it does nothing: an
//! idle server writes nothing. It also closes the shards that a smaller `--shards` has left over.

use super::Engine;
use anabranch_core::port::Result;
use anabranch_core::record::ShardId;
use anabranch_stores::stream::Log as _;
use futures::executor::block_on;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Looks after the whole stream.
pub(super) struct Settle {
    /// Shards that nobody appends to any more.
    left_over: Vec<ShardId>,
}

impl Settle {
    pub(super) fn new(left_over: Vec<ShardId>) -> Self {
        Settle { left_over }
    }

    /// Waits a while, and looks whether there is something to do.
    pub(super) fn step(&mut self, engine: &Engine) -> Result<()> {
        let pause = Duration::from_millis(engine.data.length.as_millis() / 10);
        engine.bell.sleep(pause.clamp(Duration::from_millis(20), Duration::from_secs(1)));
        block_on(self.close_left_over(engine))?;
        // What is committed from here on asks for another look.
        let commits = engine.commits.load(Ordering::Acquire);
        if engine.settled.load(Ordering::Acquire) < commits && block_on(settle(engine))? {
            engine.settled.store(commits, Ordering::Release);
        }
        Ok(())
    }

    async fn close_left_over(&mut self, engine: &Engine) -> Result<()> {
        while let Some(shard) = self.left_over.last() {
            if !engine.data.close_if_drained(shard).await? {
                break;
            }
            self.left_over.pop();
        }
        Ok(())
    }
}

/// Whether every record is archived and every event covered.
async fn settle(engine: &Engine) -> Result<bool> {
    let data = &engine.data;
    for shard in data.stream_shards().await? {
        if data.archived(&shard).await? < data.local.stream.last(&shard)? {
            return Ok(false);
        }
    }
    if data.newest_uncovered().await?.is_none() {
        return Ok(true);
    }
    if !data.seal_newest(data.clock.now_ms()).await? {
        engine.bell.ring();
    }
    Ok(false)
}
