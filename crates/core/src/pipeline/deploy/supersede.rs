//! Which superseded definitions serve on, and which are replaced.
//!
//! Of each name one serves on: the last that answered, or the oldest left where none could. It is
//! replaced once the current one is complete and has a version; what counts records by a schema
//! goes with the last view over that schema.

use crate::definitions::{Definition, Definitions, State};
use crate::merge::{covered, reach};
use crate::port::{Control, Error, Result, ViewStore};
use crate::project::Project;
use crate::view::Fingerprint;
use std::collections::{BTreeMap, BTreeSet};

/// The definitions with `project` deployed over `before`.
pub(super) async fn supersede(
    project: &Project,
    before: &Definitions,
    views: &impl ViewStore,
    control: &impl Control,
) -> Result<Definitions> {
    let records = project.records_view().fingerprint;
    let mut next = Definitions::default();
    for view in &project.views {
        let (name, fingerprint) = (view.name.clone(), view.fingerprint);
        let (state, schema, source) = (State::Current, None, None);
        let definition = Definition { view: name, fingerprint, records, state, schema, source };
        let source = project.view_texts.get(&fingerprint).map(|text| &**text);
        next.push(definition, Some(&project.schema_text), source);
    }
    let is_left = |definition: &&Definition| {
        definition.state != State::Removed
            && project.by_fingerprint(definition.fingerprint).is_none()
    };
    let mut states = BTreeMap::new();
    for definition in before.views.iter().filter(is_left) {
        let serves = serves_on(project, before, definition, views, control).await?;
        let state = if serves { State::Superseded } else { State::Retired };
        states.insert(definition.fingerprint, state);
    }
    // What counts records by a schema stays as long as a view over that schema.
    let needed: Vec<Fingerprint> = before
        .views
        .iter()
        .filter(|definition| states.get(&definition.fingerprint) == Some(&State::Superseded))
        .map(|definition| definition.records)
        .collect();
    for definition in before.views.iter().filter(is_left) {
        let needed = needed.contains(&definition.fingerprint);
        let state = if needed { State::Superseded } else { states[&definition.fingerprint] };
        let moved = Definition { state, ..definition.clone() };
        next.push(moved, before.text(definition.schema), before.text(definition.source));
    }
    Ok(next)
}

/// Whether a definition that is not the project's serves on.
async fn serves_on(
    project: &Project,
    before: &Definitions,
    definition: &Definition,
    views: &impl ViewStore,
    control: &impl Control,
) -> Result<bool> {
    let same = |other: &&Definition| other.view.eq_ignore_ascii_case(&definition.view);
    match definition.state {
        State::Current => {
            for older in before.in_state(State::Superseded).filter(same) {
                if !takes_over(definition, older, views, control).await? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        State::Superseded => match before.in_state(State::Current).find(same) {
            Some(newer) if project.by_fingerprint(newer.fingerprint).is_none() => {
                Ok(!takes_over(newer, definition, views, control).await?)
            }
            _ => Ok(true),
        },
        State::Retired | State::Removed => Ok(false),
    }
}

/// Whether a newer definition answers in the place of an older one: as [`crate::query::ask`] sees it,
/// it is complete, and its version is not behind.
async fn takes_over(
    newer: &Definition,
    older: &Definition,
    views: &impl ViewStore,
    control: &impl Control,
) -> Result<bool> {
    if !is_complete(newer, views, control).await?.0 {
        return Ok(false);
    }
    Ok(reach(views, newer.fingerprint).await? >= reach(views, older.fingerprint).await?)
}

/// Whether answers from a definition are complete, the count of records by its schema included; and
/// whether there is a version of both. What cannot be read is not complete.
async fn is_complete(
    definition: &Definition,
    views: &impl ViewStore,
    control: &impl Control,
) -> Result<(bool, bool)> {
    let mut complete = (true, true);
    for view in [definition.fingerprint, definition.records] {
        match covered(views, control, view).await {
            Ok((covered, version)) => {
                complete = (complete.0 && covered, complete.1 && version.is_some());
            }
            Err(Error::Corrupt { .. } | Error::NotFound { .. }) => return Ok((false, false)),
            Err(error) => return Err(error),
        }
    }
    Ok(complete)
}

/// The superseded definitions of which nothing is needed any more.
pub(super) async fn replaced(
    definitions: &Definitions,
    views: &impl ViewStore,
    control: &impl Control,
) -> Result<BTreeSet<Fingerprint>> {
    let mut replaced = BTreeSet::new();
    if definitions.in_state(State::Superseded).next().is_none() {
        return Ok(replaced);
    }
    let mut complete: Vec<&str> = Vec::new();
    for current in definitions.in_state(State::Current) {
        if is_complete(current, views, control).await? == (true, true) {
            complete.push(&current.view);
        }
    }
    let all = complete.len() == definitions.in_state(State::Current).count();
    let is_replaced = |definition: &Definition| {
        let name = definition.view.as_str();
        let is_successor = |current: &Definition| current.view.eq_ignore_ascii_case(name);
        match definitions.in_state(State::Current).any(is_successor) {
            true => complete.iter().any(|other| other.eq_ignore_ascii_case(name)),
            // A view that was removed, or renamed, goes when the deployment has come to its end.
            false => all,
        }
    };
    let (counts, others): (Vec<&Definition>, Vec<&Definition>) = definitions
        .in_state(State::Superseded)
        .partition(|definition| definition.fingerprint == definition.records);
    let (gone, left): (Vec<&Definition>, Vec<&Definition>) =
        others.into_iter().partition(|definition| is_replaced(definition));
    replaced.extend(gone.iter().map(|definition| definition.fingerprint));
    let is_needed = |records| left.iter().any(|definition| definition.records == records);
    let counts = counts.into_iter().filter(|counts| is_replaced(counts));
    replaced.extend(counts.map(|counts| counts.fingerprint).filter(|&counts| !is_needed(counts)));
    Ok(replaced)
}
