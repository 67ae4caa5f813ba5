//! Ask: which definition answers while one supersedes another.

use crate::deploy::{deploy, retirable, take};
use crate::support::{Stores, events, length, project};
use anabranch_core::pipeline::build::Mode;
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::view::Fingerprint;
use futures::executor::block_on;
use std::sync::Arc;

/// The answer to everything, and the definition that gave it.
fn ask(stores: &Stores, live: &Project, parameters: &[(&str, &str)]) -> (Answer, Fingerprint) {
    let Stores { views, speed, control, .. } = stores;
    let view = live.view("traffic").expect("the view");
    let asked = query::ask(live, view, parameters, length(), views, speed, control);
    let answer = block_on(asked).unwrap();
    let by = answer.receipt.fingerprint;
    (answer, by)
}

#[track_caller]
fn answers(stores: &Stores, live: &Project, by: &Project, complete: bool) {
    let (answer, fingerprint) = ask(stores, live, &[]);
    assert_eq!(fingerprint, by.views[0].fingerprint);
    assert_eq!(answer.receipt.complete, complete);
    let new = live.views[0].fingerprint;
    let superseded = fingerprint != new;
    assert_eq!(answer.receipt.superseded_by, superseded.then_some(new));
}

fn projects() -> (Arc<Project>, Arc<Project>) {
    (project(""), project("WHERE site IS NOT NULL"))
}

#[test]
fn the_old_definition_answers_until_the_new_one_is_complete() {
    let stores = Stores::with_shards(&["a"]);
    let (old, new) = projects();
    deploy(&stores, &old);
    take(&stores, &old, 1);
    let live = deploy(&stores, &new).project;
    take(&stores, &live, 3);
    answers(&stores, &live, &old, true);
    assert_eq!(events(&ask(&stores, &live, &[]).0), 2);
    // The new one can be asked all the same.
    let (incomplete, by) = ask(&stores, &live, &[("definition", "current")]);
    assert_eq!((by, incomplete.receipt.complete), (new.views[0].fingerprint, false));
    stores.build(&live, 4, Mode::Incremental);
    answers(&stores, &live, &new, true);
    assert_eq!(events(&ask(&stores, &live, &[]).0), 2);
}

#[test]
fn a_definition_that_is_complete_and_behind_the_old_ones_version_does_not_answer_yet() {
    let stores = Stores::with_shards(&["a"]);
    let (old, new) = projects();
    deploy(&stores, &old);
    // Nothing was absorbed before, so the new one is complete from the start.
    let live = deploy(&stores, &new).project;
    take(&stores, &live, 1);
    answers(&stores, &live, &new, true);
    stores.build(&old, 2, Mode::Incremental);
    answers(&stores, &live, &old, true);
    stores.build(&live, 2, Mode::Incremental);
    answers(&stores, &live, &new, true);
}

#[test]
fn where_neither_is_complete_the_new_one_answers_and_says_so() {
    let (stores, live, _) = retirable();
    let new = project("WHERE site IS NOT NULL");
    // Absorbed by somebody who knows neither.
    take(&stores, &project("WHERE site = 'a'"), 6);
    answers(&stores, &live, &new, false);
}
