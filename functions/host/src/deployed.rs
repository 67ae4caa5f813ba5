//! The deployed definitions, as a function sees them that deploys nothing: compiled once for each
//! revision.
//!
//! They are read with every use. A function that went on with what it knew would absorb and ask what
//! is no longer served, and not what is served now.

use anabranch_core::pipeline::deploy;
use anabranch_core::port::{Control, Error, Result};
use anabranch_core::project::Project;
use std::sync::{Arc, Mutex, PoisonError};

/// The last revision seen, and its project.
#[derive(Debug, Default)]
pub struct Deployed {
    last: Mutex<Option<(u64, Arc<Project>)>>,
}

impl Deployed {
    /// The deployed project with the superseded definitions that serve on, and its revision; `None`
    /// if none was deployed yet.
    ///
    /// # Errors
    /// Those of the port, and of [`deploy::deployed`].
    pub async fn read(&self, control: &impl Control) -> Result<Option<(u64, Arc<Project>)>> {
        let Some(definitions) = control.definitions().await? else { return Ok(None) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((revision, project)) = &*last
            && *revision == definitions.revision
        {
            return Ok(Some((*revision, Arc::clone(project))));
        }
        let project = Arc::new(deploy::deployed(&definitions)?);
        *last = Some((definitions.revision, Arc::clone(&project)));
        Ok(Some((definitions.revision, project)))
    }

    /// The same, where there is nothing to be done before something is deployed.
    ///
    /// # Errors
    /// As above, and [`Error::Unavailable`] before the first deployment.
    pub async fn required(&self, control: &impl Control) -> Result<(u64, Arc<Project>)> {
        self.read(control).await?.ok_or_else(|| Error::Unavailable {
            object: "the deployed definitions".to_owned(),
            reason: "there are none yet: the next run of the function batch deploys them"
                .to_owned(),
        })
    }
}
