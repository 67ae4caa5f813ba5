//! The function query: answers over HTTP, from what both layers have.
//!
//! It reads and never writes. Which definitions there are is read with every request, so that it
//! answers by what is deployed whatever lies beside the program; only before the first deployment
//! it shows that.

#[cfg(test)]
mod tests;

use anabranch_core::epoch::EpochLength;
use anabranch_core::port::{Control, Error, MasterDataSet, Result, SpeedStore, ViewStore};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::view::View;
use anabranch_host::http::{Reply, route};
use anabranch_host::{AnyError, Deployed, Invocation};
use anabranch_http::{Backend, Events, Options, Serves, Status, router};
use axum::Router;
use std::sync::{Arc, Mutex, PoisonError};

/// The function over its stores.
pub struct Query<M, S, C, V> {
    stores: Arc<Stores<M, S, C, V>>,
    length: EpochLength,
    /// What lies beside the program.
    bundled: Arc<Project>,
    deployed: Deployed,
    /// The router for a revision of the definitions.
    last: Mutex<Option<(u64, Router)>>,
}

/// What answers are made of.
pub struct Stores<M, S, C, V> {
    /// The master data set: how far it reaches, for the status.
    pub master: M,
    /// The speed rows.
    pub speed: S,
    /// Checkpoints, shards and definitions.
    pub control: C,
    /// The batch views.
    pub views: V,
}

impl<M, S, C, V> Query<M, S, C, V>
where
    M: MasterDataSet + 'static,
    S: SpeedStore + 'static,
    C: Control + 'static,
    V: ViewStore + 'static,
{
    /// The function that answers from `stores`.
    pub fn new(stores: Stores<M, S, C, V>, length: EpochLength, bundled: Arc<Project>) -> Self {
        Query {
            stores: Arc::new(stores),
            length,
            bundled,
            deployed: Deployed::default(),
            last: Mutex::default(),
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// If the event is no request, or the definitions cannot be read.
    pub async fn handle(
        &self,
        invocation: &Invocation,
        event: &str,
    ) -> std::result::Result<Reply, AnyError> {
        let router = self.router().await?;
        route(invocation, router, event).await
    }

    async fn router(&self) -> Result<Router> {
        let deployed = self.deployed.read(&self.stores.control).await?;
        let (revision, project) = deployed.unwrap_or_else(|| (0, Arc::clone(&self.bundled)));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, router)) = &*last
            && *known == revision
        {
            return Ok(router.clone());
        }
        let (stores, length) = (Arc::clone(&self.stores), self.length);
        let options = Options { serves: Serves::Answers, ..Options::default() };
        let router = router(Answers { stores, project, length }, options);
        *last = Some((revision, router.clone()));
        Ok(router)
    }
}

/// The router's backend for one revision of the definitions.
struct Answers<M, S, C, V> {
    stores: Arc<Stores<M, S, C, V>>,
    project: Arc<Project>,
    length: EpochLength,
}

impl<M, S, C, V> Clone for Answers<M, S, C, V> {
    fn clone(&self) -> Self {
        let (stores, project) = (Arc::clone(&self.stores), Arc::clone(&self.project));
        Answers { stores, project, length: self.length }
    }
}

impl<M, S, C, V> Backend for Answers<M, S, C, V>
where
    M: MasterDataSet + 'static,
    S: SpeedStore + 'static,
    C: Control + 'static,
    V: ViewStore + 'static,
{
    fn project(&self) -> &Arc<Project> {
        &self.project
    }

    async fn ingest(&self, _: Events) -> Result<()> {
        let reason = "this function answers only".to_owned();
        Err(Error::Refused { object: "events".to_owned(), reason })
    }

    async fn ask(
        &self,
        view: &Arc<View>,
        parameters: &[(&str, &str)],
    ) -> std::result::Result<Answer, query::Error> {
        let Stores { speed, control, views, .. } = &*self.stores;
        query::ask(&self.project, view, parameters, self.length, views, speed, control).await
    }

    async fn status(&self) -> Result<Status> {
        let Stores { master, control, views, .. } = &*self.stores;
        Status::read(&self.project, self.length, master, control, views).await
    }
}
