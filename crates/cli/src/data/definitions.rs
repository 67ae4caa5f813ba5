//! Definitions: the project is deployed as its data folder is opened, and what it supersedes serves
//! on until it is complete.

use super::Data;
use crate::log;
use anabranch_core::pipeline::deploy::{self, Change, Deployed, What};
use anabranch_core::port::{Error, Result};
use anabranch_core::project::Project;
use anabranch_core::view::Fingerprint;
use std::sync::{Arc, PoisonError};

impl Data {
    /// The project with the superseded definitions that serve on now. Whoever absorbs, builds or
    /// asks takes it anew each time.
    pub(crate) fn live(&self) -> Arc<Project> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_live(&self, project: Arc<Project>) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = project;
    }

    /// Makes the project the current one.
    pub(super) async fn deploy(&self) -> Result<()> {
        let local = &self.local;
        let deployed =
            deploy::deploy(&self.project, &local.views, &local.speed, &local.control).await?;
        self.note(deployed);
        Ok(())
    }

    /// Retires what new definitions have made superfluous, and removes what was retired before.
    pub(super) async fn settle(&self) -> Result<()> {
        let local = &self.local;
        let live = self.live();
        let deployed = deploy::settle(&live, &local.views, &local.speed, &local.control).await?;
        self.note(deployed);
        Ok(())
    }

    pub(super) fn note(&self, deployed: Deployed) {
        deployed.changes.iter().for_each(say);
        // Whoever holds the project goes on with it as long as it is the same.
        if *deployed.project != *self.live() {
            self.set_live(deployed.project);
        }
    }

    /// Lets go of a superseded definition whose data cannot be read. What supersedes it answers,
    /// incomplete until it is complete.
    pub(crate) async fn give_up(&self, fingerprint: Fingerprint, because: &Error) -> Result<()> {
        let live = self.live();
        self.note(deploy::let_go(&live, fingerprint, because, &self.local.control).await?);
        Ok(())
    }
}

fn say(change: &Change) {
    let fields: [(&str, &dyn std::fmt::Display); 3] =
        [("view", &change.view), ("definition", &change.fingerprint), ("is", &change.what)];
    match change.what {
        What::GivenUp(_) => log::warning("definitions", &fields),
        _ => log::info("definitions", &fields),
    }
}
