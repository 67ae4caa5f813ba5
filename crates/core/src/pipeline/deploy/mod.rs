//! Deploy: a changed view is a new definition, and the one that it supersedes serves on.
//!
//! ```text
//! version 7 of A ─────── 8 ─────── 9 ──(retired)──(removed)
//!            deploy B │            │
//!                     └ absorbed, built ─ version 1 of B, complete ───────>
//! who answers:  A    A    A    A    A    B   B   B
//! ```
//!
//! Until B's first version covers what the speed layer did not see under B, A is absorbed and built
//! as before, and answers. Three rules keep every answer exact:
//!
//! * What is known of a definition stands in the stores and nowhere else: how far it was absorbed in
//!   each shard's checkpoint, so that one which is deployed again goes on only where nothing was
//!   missed.
//! * A definition is retired before its data go, and they go with a later run: who began to read it
//!   may finish. A reader that is slower still finds the floor above its horizon.
//! * It is forgotten, floor and coverage included, only with another deployment, when no writer that
//!   knew it is left. Deployed again after that, it is a new one.

mod compile;
mod forget;
mod supersede;

use crate::definitions::{Definition, Definitions, State};
use crate::epoch::Epoch;
use crate::pipeline::build::Built;
use crate::port::{Control, Error, Result, SpeedStore, ViewStore};
use crate::project::Project;
use crate::view::{Fingerprint, View};
use compile::compile;
use forget::forget;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use supersede::{replaced, supersede};

/// How often a replacement of the definitions is tried against others that deploy.
const ATTEMPTS: usize = 10;

/// A project as deployed.
#[derive(Debug)]
pub struct Deployed {
    /// The project, with the superseded definitions that serve on.
    pub project: Arc<Project>,
    /// What has become of definitions.
    pub changes: Vec<Change>,
}

/// What has become of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The view's name.
    pub view: String,
    /// The definition.
    pub fingerprint: Fingerprint,
    /// What.
    pub what: What,
}

/// What can become of a definition that is not the project's any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It serves on until what supersedes it is complete.
    Superseded,
    /// It no longer serves: what supersedes it is complete, or was never in need of it.
    Retired,
    /// It no longer serves although what supersedes it is not complete.
    GivenUp(String),
    /// Its data are gone.
    Removed,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Superseded => f.write_str("superseded; serves on until the new one is complete"),
            What::Retired => f.write_str("retired"),
            What::GivenUp(because) => write!(f, "no longer serves: {because}"),
            What::Removed => f.write_str("its data are removed"),
        }
    }
}

/// Makes `project` the current one. What it supersedes serves on; what was retired is forgotten.
///
/// # Errors
/// Those of the ports, and [`Error::Unavailable`] while others deploy all the time.
pub async fn deploy(
    project: &Project,
    views: &impl ViewStore,
    speed: &impl SpeedStore,
    control: &impl Control,
) -> Result<Deployed> {
    for _ in 0..ATTEMPTS {
        let stored = control.definitions().await?;
        let before = stored.clone().unwrap_or_default();
        let next = match is_current(project, &before) {
            true => before.clone(),
            false => {
                forget(project, &before, views, speed, control).await?;
                supersede(project, &before, views, control).await?
            }
        };
        let (superseded, given_up) = compile(project, &next);
        let next = next.with_states(|definition| match definition.state {
            State::Superseded if given_up.contains_key(&definition.fingerprint) => State::Retired,
            state => state,
        });
        let next = Definitions { revision: before.revision + 1, ..next };
        let expected = stored.map(|stored| stored.revision);
        if next.views == before.views || control.put_definitions(expected, &next).await? {
            let project = Arc::new(Project { superseded, ..project.clone() });
            return Ok(Deployed { project, changes: changes(&before, &next, &given_up) });
        }
    }
    Err(deployed_by_others())
}

/// The project with everything else that serves by what is deployed, to look at it: nothing is
/// deployed by this, and `project` may differ from what is. What of it cannot be compiled any more is
/// among the changes.
///
/// # Errors
/// Those of the ports.
pub async fn serving(project: &Project, control: &impl Control) -> Result<Deployed> {
    let stored = control.definitions().await?.unwrap_or_default();
    let others = stored.with_states(|definition| match definition.state {
        _ if project.by_fingerprint(definition.fingerprint).is_some() => State::Current,
        State::Current => State::Superseded,
        state => state,
    });
    let (superseded, given_up) = compile(project, &others);
    let stopped = others.views.iter().filter_map(|definition| {
        let because = given_up.get(&definition.fingerprint)?;
        let (view, fingerprint) = (definition.view.clone(), definition.fingerprint);
        Some(Change { view, fingerprint, what: What::GivenUp(because.clone()) })
    });
    let changes = stopped.collect();
    Ok(Deployed { project: Arc::new(Project { superseded, ..project.clone() }), changes })
}

/// Whether a deployment of `project` over `before` forgets definitions. Where absorbers are many, it
/// has to wait until none is left that began before `before` was put: see decision 0014.
pub fn forgets(project: &Project, before: &Definitions) -> bool {
    !is_current(project, before) && !forget::gone(project, before).is_empty()
}

/// The project that is deployed, with the superseded definitions that serve on, compiled from what the
/// stores hold and nothing else: for those who absorb and answer, and deploy nothing.
///
/// # Errors
/// [`Error::Corrupt`] if this program understands the SQL that is deployed otherwise than the one
/// that deployed it.
pub fn deployed(definitions: &Definitions) -> Result<Project> {
    let project = compile::current(definitions)
        .map_err(|because| Error::corrupt("the deployed definitions", because))?;
    let (superseded, _) = compile(&project, definitions);
    Ok(Project { superseded, ..project })
}

/// Whether `project` is what is deployed.
fn is_current(project: &Project, definitions: &Definitions) -> bool {
    let ours = project.views.iter().map(|view| view.fingerprint);
    let current = definitions.in_state(State::Current).map(|definition| definition.fingerprint);
    ours.collect::<BTreeSet<_>>() == current.collect()
}

/// What is otherwise than it was, of definitions that are not the project's.
fn changes(
    before: &Definitions,
    next: &Definitions,
    given_up: &BTreeMap<Fingerprint, String>,
) -> Vec<Change> {
    let moved = |moved: &&Definition| before.state(moved.fingerprint) != Some(moved.state);
    let change = |moved: &Definition| {
        let what = match (moved.state, given_up.get(&moved.fingerprint)) {
            (State::Current, _) => return None,
            (_, Some(because)) => What::GivenUp(because.clone()),
            (State::Superseded, None) => What::Superseded,
            (State::Retired, None) => What::Retired,
            (State::Removed, None) => What::Removed,
        };
        let (view, fingerprint) = (moved.view.clone(), moved.fingerprint);
        Some(Change { view, fingerprint, what })
    };
    next.views.iter().filter(moved).filter_map(change).collect()
}

fn deployed_by_others() -> Error {
    Error::Unavailable {
        object: "the deployed definitions".to_owned(),
        reason: "others replace them all the time".to_owned(),
    }
}

/// Goes on with what a deployment has left to do, after every batch run: retires what is superseded
/// by definitions that have become complete, and removes the data of what was retired before.
///
/// # Errors
/// Those of the ports.
pub async fn settle(
    project: &Project,
    views: &impl ViewStore,
    speed: &impl SpeedStore,
    control: &impl Control,
) -> Result<Deployed> {
    let unchanged = |project| Deployed { project: Arc::new(project), changes: Vec::new() };
    // Looked up before the definitions. If a retired one is deployed again under this run, then at an
    // epoch that is as late, and the planner has every horizon pass that; above it the floor stays out
    // of the way.
    let floor = newest_absorbed(control).await?.next();
    let Some(before) = control.definitions().await? else {
        return Ok(unchanged(project.clone()));
    };
    if !is_current(project, &before) {
        // Another project is being deployed: what serves here is not for this one to retire.
        return Ok(unchanged(project.clone()));
    }
    for definition in before.in_state(State::Retired) {
        speed.expire(definition.fingerprint, floor).await?;
        views.remove(definition.fingerprint).await?;
    }
    let replaced = replaced(&before, views, control).await?;
    let next = before.with_states(|definition| match definition.state {
        State::Retired => State::Removed,
        State::Superseded if replaced.contains(&definition.fingerprint) => State::Retired,
        state => state,
    });
    // Where another has replaced the definitions meanwhile, the next run goes on with those.
    if next.views == before.views || !control.put_definitions(Some(before.revision), &next).await? {
        return Ok(unchanged(narrowed(project, &before)));
    }
    let project = Arc::new(narrowed(project, &next));
    Ok(Deployed { project, changes: changes(&before, &next, &BTreeMap::new()) })
}

/// The newest epoch that the speed layer has come to.
async fn newest_absorbed(control: &impl Control) -> Result<Epoch> {
    let mut newest = Epoch::ZERO;
    for info in control.shards().await? {
        let checkpoint = control.checkpoint(&info.shard).await?;
        newest = newest.max(checkpoint.map_or(Epoch::ZERO, |checkpoint| checkpoint.epoch));
    }
    Ok(newest)
}

/// Retires a superseded definition whose data cannot be read, and the views that need it; returns
/// the project without them.
///
/// # Errors
/// Those of the ports, and [`Error::Unavailable`] while others deploy all the time.
pub async fn give_up(
    project: &Project,
    fingerprint: Fingerprint,
    control: &impl Control,
) -> Result<Project> {
    for _ in 0..ATTEMPTS {
        let Some(before) = control.definitions().await? else { return Ok(project.clone()) };
        let next = before.with_states(|definition| match definition.state {
            State::Superseded
                if [definition.fingerprint, definition.records].contains(&fingerprint) =>
            {
                State::Retired
            }
            state => state,
        });
        if next.views == before.views
            || control.put_definitions(Some(before.revision), &next).await?
        {
            return Ok(narrowed(project, &next));
        }
    }
    Err(deployed_by_others())
}

/// As [`give_up`], with what has become of definitions.
///
/// # Errors
/// Those of [`give_up`].
pub async fn let_go(
    project: &Project,
    fingerprint: Fingerprint,
    because: &Error,
    control: &impl Control,
) -> Result<Deployed> {
    let left = give_up(project, fingerprint, control).await?;
    let gone = |view: &&Arc<View>| !left.live().any(|kept| kept.fingerprint == view.fingerprint);
    let change = |view: &Arc<View>| Change {
        view: view.name.clone(),
        fingerprint: view.fingerprint,
        what: What::GivenUp(because.to_string()),
    };
    let changes = project.superseded_views().into_iter().filter(gone).map(change).collect();
    Ok(Deployed { project: Arc::new(left), changes })
}

/// Lets go of every superseded definition whose build has found something that cannot be read.
///
/// # Errors
/// Those of [`give_up`].
pub async fn let_go_of_unreadable(
    project: &Arc<Project>,
    built: &Built,
    control: &impl Control,
) -> Result<Deployed> {
    let mut deployed = Deployed { project: Arc::clone(project), changes: Vec::new() };
    for (view, outcome) in &built.superseded {
        if let Err(error @ (Error::Corrupt { .. } | Error::NotFound { .. })) = outcome {
            let next = let_go(&deployed.project, view.fingerprint, error, control).await?;
            deployed.project = next.project;
            deployed.changes.extend(next.changes);
        }
    }
    Ok(deployed)
}

/// The project with those of its superseded definitions that serve on by `definitions`.
fn narrowed(project: &Project, definitions: &Definitions) -> Project {
    let serves = |fingerprint| definitions.state(fingerprint) == Some(State::Superseded);
    project.retain_superseded(serves)
}
