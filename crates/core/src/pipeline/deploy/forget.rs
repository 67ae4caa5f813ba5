//! Forgetting: nothing is left of a definition, so that it can be deployed again as a new one.
//!
//! Coverage goes first. A checkpoint that named rows which are gone would make an answer without
//! them look complete.

use super::ATTEMPTS;
use crate::definitions::{Definition, Definitions, State};
use crate::port::{Checkpoint, Control, Error, Result, SpeedStore, ViewStore};
use crate::project::Project;
use crate::view::Fingerprint;
use std::collections::BTreeSet;

/// Removes all that is left of what was removed, and all that says that it was ever absorbed. So too
/// what was retired, if it is the project's again: its data may be going already.
pub(super) async fn forget(
    project: &Project,
    before: &Definitions,
    views: &impl ViewStore,
    speed: &impl SpeedStore,
    control: &impl Control,
) -> Result<()> {
    let gone = gone(project, before);
    if gone.is_empty() {
        return Ok(());
    }
    uncover(&gone, control).await?;
    for &fingerprint in &gone {
        views.remove(fingerprint).await?;
        speed.forget(fingerprint).await?;
    }
    Ok(())
}

/// Of what nothing may be left once `project` is deployed over `before`.
pub(super) fn gone(project: &Project, before: &Definitions) -> BTreeSet<Fingerprint> {
    let again = |definition: &&Definition| project.by_fingerprint(definition.fingerprint).is_some();
    let retired = before.in_state(State::Retired).filter(again);
    before
        .in_state(State::Removed)
        .chain(retired)
        .map(|definition| definition.fingerprint)
        .collect()
}

/// Takes definitions out of every checkpoint: their rows are gone, so nothing of them is covered.
async fn uncover(gone: &BTreeSet<Fingerprint>, control: &impl Control) -> Result<()> {
    for info in control.shards().await? {
        for attempt in 1.. {
            let Some(checkpoint) = control.checkpoint(&info.shard).await? else { break };
            let mut covered = checkpoint.covered.clone();
            covered.retain(|fingerprint, _| !gone.contains(fingerprint));
            if covered == checkpoint.covered {
                break;
            }
            let expected = Some(checkpoint.sequence);
            let next = Checkpoint { covered, ..checkpoint };
            if control.put_checkpoint(&info.shard, expected, &next).await? {
                break;
            }
            if attempt == ATTEMPTS {
                let object = format!("checkpoint of shard {}", info.shard);
                let reason = "absorbers replace it all the time".to_owned();
                return Err(Error::Unavailable { object, reason });
            }
        }
    }
    Ok(())
}
