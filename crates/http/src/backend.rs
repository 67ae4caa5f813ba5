//! What the router needs from whoever runs it: `anabranch dev`, or a Lambda function.

use crate::{Events, Failing, Status};
use anabranch_core::audit;
use anabranch_core::port::Result;
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::view::View;
use std::sync::Arc;

/// The architecture behind the router. Clones share one.
///
/// Calls are made on the async runtime: an implementation that blocks on a disk moves to a thread
/// that may.
pub trait Backend: Clone + Send + Sync + 'static {
    /// The project served: its schema decides the verdicts, its views are what can be asked.
    fn project(&self) -> &Arc<Project>;

    /// Takes events into the stream. They are durable when it returns; after an error they may or
    /// may not be, and a producer that sends them again may have them counted twice.
    fn ingest(&self, events: Events) -> impl Future<Output = Result<()>> + Send;

    /// Answers a question on a view of the project, in the parameters' own words: which definition
    /// of the view they are read against depends on which one serves; see [`query::ask`].
    fn ask(
        &self,
        view: &Arc<View>,
        parameters: &[(&str, &str)],
    ) -> impl Future<Output = std::result::Result<Answer, query::Error>> + Send;

    /// What does not work right now. Nothing, where nothing runs between requests.
    fn failing(&self) -> Vec<Failing> {
        Vec::new()
    }

    /// Audits what is stored, while events flow; one audit at a time. `None` where it is not done
    /// within a request.
    fn audit(
        &self,
        _options: audit::Options,
    ) -> impl Future<Output = Result<Option<audit::Report>>> + Send {
        std::future::ready(Ok(None))
    }

    /// How far each layer has come.
    fn status(&self) -> impl Future<Output = Result<Status>> + Send;
}
