//! Exactness in simulated worlds: whatever is redelivered, cut anew, failed half-way, doubled by a
//! zombie, expired too early, rebuilt, resharded or deployed in between, an answer that says that it
//! is complete equals plain loops over the records that it covers.
//!
//! ```text
//! seed ─> steps ─> producers ─> kinesis ─> mapping ─> tasks over the shipping pipeline ─> answers
//!                                                        │ each call through the gate        │
//!                                              memory stores ─> witness ──────────> oracle ──┴─ equal?
//! ```
//!
//! `make sim WORLDS=n` runs worlds, `make sim SEED=n` one of them with its trace. See
//! `docs/exactness.md` for what is shown and what is not.

#![allow(clippy::print_stdout, reason = "a long run says how far it came")]

mod ask;
mod check;
mod coverage;
mod delivery;
mod design;
mod event;
mod function;
mod gate;
mod kinesis;
mod mapping;
mod operator;
mod producer;
mod project;
mod question;
mod random;
mod regressions;
mod rest;
mod run;
mod scheduler;
mod step;
mod task;
mod witness;
mod world;

use design::Design;
use run::{Range, Total};
use std::time::Duration;
use world::Common;

/// Worlds in one run, where nothing else is asked for.
const WORLDS: u64 = 2_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: expected a whole number")))
}

fn report(total: &Total) {
    let seconds = total.took.as_secs_f64();
    let per_second = total.worlds as f64 / seconds;
    println!(
        "{} worlds in {seconds:.1} s on {} threads: {per_second:.0} worlds/s\n\n{}",
        total.worlds,
        total.threads,
        total.coverage.table()
    );
}

#[test]
fn every_complete_answer_equals_the_oracle_in_every_world() {
    let common = Common::new();
    if let Some(seed) = number("SEED") {
        return replay(&common, seed);
    }
    let time = number("MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    let worlds = number("WORLDS").unwrap_or(if time.is_some() { u64::MAX } else { WORLDS });
    let first = number("FIRST").unwrap_or(0);
    let total = run::run_all(&common, Range { first, worlds, time }, Design::Shipping);
    report(&total);
    if let Some(failure) = &total.failure {
        panic!("{}", failure.report());
    }
    if total.worlds >= WORLDS {
        let missing = total.coverage.missing();
        assert!(missing.is_empty(), "these never happened: {missing:?}");
    }
}

/// One world with its trace; shrunk, if it fails and no steps are given.
fn replay(common: &Common, seed: u64) {
    let steps = std::env::var("STEPS").ok().filter(|text| !text.is_empty());
    let steps: Option<Vec<usize>> = steps.map(|text| {
        let number = |step: &str| step.parse().expect("STEPS are numbers between commas");
        text.split(',').map(number).collect()
    });
    let ran = run::run(common, seed, Design::Shipping, steps.as_deref(), true);
    println!("{}", ran.trace.join("\n"));
    match ran.failure {
        None => println!("\nSEED={seed} holds"),
        Some(failure) if steps.is_some() => panic!("SEED={seed} fails: {failure}"),
        Some(_) => panic!("{}", run::shrink(common, seed, Design::Shipping).report()),
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    let common = Common::new();
    for seed in 0..20 {
        let traces = [(); 2].map(|()| run::run(&common, seed, Design::Shipping, None, true).trace);
        assert_eq!(traces[0], traces[1], "SEED={seed}");
    }
}

/// The table of wrong designs in `docs/exactness.md` comes from here.
#[test]
fn every_classic_wrong_design_is_found_within_a_thousand_worlds() {
    let common = Common::new();
    for design in Design::WRONG {
        let range = Range { first: 0, worlds: 1_000, time: None };
        let total = run::run_all(&common, range, design);
        let failure = total.failure.unwrap_or_else(|| panic!("{design:?} was not found"));
        assert!(failure.message.contains("a lie: "), "{design:?}: {}", failure.message);
        println!(
            "{design:?}: found in world {} and shrunk to {} steps: {}",
            failure.seed,
            failure.steps.len(),
            failure.message
        );
    }
}
