//! Asking by parameters: which definition of a view answers, while one supersedes another.
//!
//! ```text
//! new definition complete?  yes ─────────────────────────────> it answers
//!                           no ──> the question fits the old one, which is complete?
//!                                      yes ──> the old one answers, and its receipt says so
//!                                      no ───> the new one answers, incomplete
//! ```
//!
//! A question is read against the definition that answers it, because columns may differ. Whatever
//! changes meanwhile, an answer that says it is complete comes from one definition, and is.

use super::parse::Definition;
use super::{Answer, ParameterError, Query, answer};
use crate::epoch::{Epoch, EpochLength};
use crate::merge;
use crate::port::{self, Control, Pointer, SpeedStore, ViewStore};
use crate::project::Project;
use crate::view::View;
use std::sync::Arc;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The question is wrong.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A store does not do its part.
    #[error(transparent)]
    Store(#[from] port::Error),
}

/// Answers a question on `view`, one of the project's own, from the definition that serves.
///
/// # Errors
/// The first parameter that is wrong, and those of the ports.
pub async fn ask(
    project: &Project,
    view: &Arc<View>,
    parameters: &[(&str, &str)],
    length: EpochLength,
    views: &impl ViewStore,
    speed: &impl SpeedStore,
    control: &impl Control,
) -> Result<Answer, Error> {
    let query = |view: &View| Query::parse(view, parameters.iter().copied());
    let old = match Definition::parse(parameters)? {
        Definition::Serving => project.superseded(&view.name),
        Definition::Current => None,
    };
    let Some(old) = old else {
        return Ok(answer(project, view, &query(view)?, length, views, speed, control).await?);
    };
    if serves(project, view, old, views, control).await? {
        let new = answer(project, view, &query(view)?, length, views, speed, control).await?;
        if new.receipt.complete {
            return Ok(new);
        }
    }
    if let Ok(query) = query(old) {
        match answer(project, old, &query, length, views, speed, control).await {
            Ok(mut answer) if answer.receipt.complete => {
                answer.receipt.superseded_by = Some(view.fingerprint);
                return Ok(answer);
            }
            // It became incomplete, was retired meanwhile or cannot be read: the new one is left.
            Ok(_) | Err(port::Error::Corrupt { .. } | port::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer(project, view, &query(view)?, length, views, speed, control).await?)
}

/// Whether the new definition has what it takes to answer: all that was absorbed, the count of
/// records by its own schema, and a version that is not behind the old one's.
async fn serves(
    project: &Project,
    view: &View,
    old: &View,
    views: &impl ViewStore,
    control: &impl Control,
) -> port::Result<bool> {
    let records = project.records_of(view.fingerprint).fingerprint;
    let (complete, version) = merge::covered(views, control, view.fingerprint).await?;
    let horizon = |version: Option<Pointer>| version.map_or(Epoch::ZERO, |version| version.horizon);
    Ok(complete
        && horizon(version) >= merge::reach(views, old.fingerprint).await?
        && merge::covered(views, control, records).await?.0)
}
