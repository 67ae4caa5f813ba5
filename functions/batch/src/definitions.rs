//! Definitions: the project beside the program becomes the current one.
//!
//! A deployment that forgets definitions waits until no function is left that may go by them. An
//! absorber reads the definitions as it begins, so one that goes by a definition began before the
//! revision was put that retired it. Once the present revision is older than any invocation may last,
//! there is none (see decision 0014).

use crate::Batch;
use anabranch_core::definitions::Definitions;
use anabranch_core::pipeline::deploy::{self, Change, What};
use anabranch_core::port::{
    self, Checkpoint, Control, Error, Result, ShardInfo, SpeedStore, ViewStore,
};
use anabranch_core::project::Project;
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_host::{Log, now_ms};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Clocks differ by less.
const SKEW: Duration = Duration::from_secs(60);

impl<M, S: SpeedStore, C: Control, V: ViewStore, T, G, J> Batch<M, S, C, V, T, G, J> {
    /// Deploys the project, if it can be now; returns what is deployed, with the superseded
    /// definitions that serve on.
    pub(crate) async fn deploy(&self, log: &Log) -> Result<Arc<Project>> {
        let stored = self.control.definitions().await?;
        let control = Stamped::pinned(&self.control, stored.as_ref());
        if let Some(stored) = &stored
            && deploy::forgets(&self.bundled, stored)
        {
            let wait = self.settings.longest_invocation + SKEW;
            let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            let until_ms = stored.put_ms.map(|put_ms| put_ms.saturating_add(wait_ms));
            if until_ms.is_none_or(|until_ms| now_ms() < until_ms) {
                if until_ms.is_none() {
                    // Nobody knows when it was put: from now on somebody does.
                    let again = Definitions { revision: stored.revision + 1, ..stored.clone() };
                    control.put_definitions(Some(stored.revision), &again).await?;
                }
                let why = "functions may still go by definitions that it forgets";
                log.info("the deployment waits", json!({"reason": why, "untilMs": until_ms}));
                return deploy::deployed(stored).map(Arc::new);
            }
        }
        let deployed = deploy::deploy(&self.bundled, &self.views, &self.speed, &control).await?;
        note(log, &deployed.changes);
        Ok(deployed.project)
    }

    /// Retires what new definitions have made superfluous, and removes what was retired before.
    pub(crate) async fn settle(&self, log: &Log, live: &Arc<Project>) -> Result<()> {
        let stored = self.control.definitions().await?;
        let control = Stamped::pinned(&self.control, stored.as_ref());
        let settled = deploy::settle(live, &self.views, &self.speed, &control).await?;
        note(log, &settled.changes);
        Ok(())
    }
}

/// Logs what has become of definitions.
pub(crate) fn note(log: &Log, changes: &[Change]) {
    for change in changes {
        let fields = json!({"view": change.view, "definition": change.fingerprint.to_string(),
                            "is": change.what.to_string()});
        match change.what {
            What::GivenUp(_) => log.warn("definitions", fields),
            _ => log.info("definitions", fields),
        }
    }
}

/// Control items whose definitions are put with the time, over the revision that was seen and no
/// other: what was decided by one revision is not done to the next.
pub struct Stamped<'a, C> {
    control: &'a C,
    seen: Option<u64>,
}

impl<'a, C> Stamped<'a, C> {
    fn pinned(control: &'a C, seen: Option<&Definitions>) -> Self {
        Stamped { control, seen: seen.map(|seen| seen.revision) }
    }
}

impl<C: Control> port::Control for Stamped<'_, C> {
    async fn checkpoint(&self, shard: &ShardId) -> Result<Option<Checkpoint>> {
        self.control.checkpoint(shard).await
    }

    async fn put_checkpoint(
        &self,
        shard: &ShardId,
        expected: Option<SequenceNumber>,
        checkpoint: &Checkpoint,
    ) -> Result<bool> {
        self.control.put_checkpoint(shard, expected, checkpoint).await
    }

    async fn shards(&self) -> Result<Vec<ShardInfo>> {
        self.control.shards().await
    }

    async fn put_shard(&self, expected: Option<&ShardInfo>, info: &ShardInfo) -> Result<bool> {
        self.control.put_shard(expected, info).await
    }

    async fn definitions(&self) -> Result<Option<Definitions>> {
        let found = self.control.definitions().await?;
        if found.as_ref().map(|found| found.revision) == self.seen {
            return Ok(found);
        }
        Err(Error::Unavailable {
            object: "the deployed definitions".to_owned(),
            reason: "another has replaced them meanwhile".to_owned(),
        })
    }

    async fn put_definitions(
        &self,
        expected: Option<u64>,
        definitions: &Definitions,
    ) -> Result<bool> {
        let stamped = Definitions { put_ms: Some(now_ms()), ..definitions.clone() };
        self.control.put_definitions(expected, &stamped).await
    }
}
