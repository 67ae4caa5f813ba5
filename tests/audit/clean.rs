//! A world that only the pipeline has touched is clean, at every step.

use crate::world::World;
use anabranch_core::audit::{Compared, Options};
use anabranch_core::port::Inline;

/// Worlds in one run; each takes some tens of milliseconds.
const WORLDS: u64 = 150;
/// Steps in one world.
const STEPS: usize = 120;
/// Steps from one audit to the next.
const EVERY: usize = 4;

#[test]
fn nothing_is_found_in_any_state_that_the_pipeline_brings_about() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SEED is a whole number");
            seed..seed + 1
        }
        Err(_) => match std::env::var("WORLDS") {
            Ok(worlds) => 0..worlds.parse().expect("WORLDS is a whole number"),
            Err(_) => 0..WORLDS,
        },
    };
    let mut most = Compared::default();
    for seed in seeds.clone() {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            world.step();
            if step % EVERY == 0 || seeds.end - seeds.start == 1 {
                let report = world.audit();
                assert!(report.is_clean(), "SEED={seed}, step {step}:\n{report}");
                note(&mut most, &report.compared);
            }
        }
        world.settle();
        let report = world.audit();
        assert!(report.is_clean(), "SEED={seed}, at rest:\n{report}");
    }
    // A check that compares nothing would be clean as well.
    if seeds.end - seeds.start > 1 {
        let counts = [
            most.records,
            most.rejected,
            most.heartbeats,
            most.speed_rows,
            most.speed_rows_ahead,
            most.speed_rows_unused,
            most.superseded,
            most.versions,
            most.batch_rows,
        ];
        assert!(counts.iter().all(|&count| count > 0), "{most:?}");
    }
}

fn note(most: &mut Compared, compared: &Compared) {
    assert_eq!(compared.records, compared.accepted + compared.rejected);
    for (most, now) in [
        (&mut most.records, compared.records),
        (&mut most.rejected, compared.rejected),
        (&mut most.heartbeats, compared.heartbeats),
        (&mut most.speed_rows, compared.speed_rows),
        (&mut most.speed_rows_ahead, compared.speed_rows_ahead),
        (&mut most.speed_rows_unused, compared.speed_rows_unused),
        (&mut most.superseded, compared.superseded),
        (&mut most.versions, compared.versions),
        (&mut most.batch_rows, compared.batch_rows),
    ] {
        *most = now.max(*most);
    }
}

#[test]
fn it_says_the_same_on_one_core_and_on_several() {
    let world = World::at_rest(7);
    assert_eq!(world.audit(), world.audit_on_threads());
}

#[test]
fn at_rest_every_layer_has_been_compared() {
    let compared = World::at_rest(3).audit().compared;
    assert_eq!(compared.shards, 2);
    assert_eq!(compared.versions, 3, "two views and the built-in one");
    assert!(compared.objects > 4 && compared.speed_epochs > 2, "{compared:?}");
    assert_eq!(compared.speed_rows_ahead, 0, "{compared:?}");
    let parts_of_three_resolutions = compared.parts >= 5;
    assert!(parts_of_three_resolutions && compared.batch_rows > 20, "{compared:?}");
}

#[test]
fn what_is_superseded_and_serves_on_is_compared_as_well() {
    // The views alone, and with what counts records by another schema.
    for (seed, superseded) in [(4, 1), (5, 3)] {
        let world = World::superseded(seed);
        let report = world.audit();
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.compared.superseded, superseded, "{report}");
        // Of the views that were changed there is no version yet, of those that were not there is.
        assert_eq!(report.compared.versions, 3, "{report}");
        let alone = World::at_rest(seed).audit().compared;
        assert!(report.compared.speed_rows > alone.speed_rows, "{report}");
        // It can be asked for as any view, by the name of it.
        let traffic = world.project.view("traffic").unwrap().fingerprint;
        let one = Options { views: Some(vec![traffic]), ..Options::default() };
        let one = world.audit_by(&Inline, &one);
        assert!(one.is_clean(), "{one}");
        assert!(one.compared.superseded < 3 && one.compared.superseded > 0, "{one}");
        let ledger = Options { ledger_only: true, ..Options::default() };
        assert_eq!(world.audit_by(&Inline, &ledger).compared.superseded, 0);
    }
}

#[test]
fn a_project_that_is_not_deployed_yet_is_told_of_what_is() {
    let mut world = World::at_rest(5);
    let deployed = world.audit().compared;
    world.turn();
    let report = world.audit();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.compared.superseded, 3, "all that is deployed serves");
    assert_eq!(report.compared.versions, deployed.versions);
    assert_eq!(report.compared.batch_rows, deployed.batch_rows);
    assert_eq!(report.compared.speed_rows, deployed.speed_rows);
}

#[test]
fn less_can_be_asked_for() {
    let world = World::at_rest(3);
    let all = world.audit().compared;
    let ledger = Options { ledger_only: true, ..Options::default() };
    let ledger = world.audit_by(&Inline, &ledger);
    assert!(ledger.is_clean() && ledger.ledger_only);
    assert_eq!(ledger.compared.records, all.records);
    assert_eq!((ledger.compared.versions, ledger.compared.speed_rows), (0, 0));
    let sites = world.project.view("sites").unwrap().fingerprint;
    let one = Options { views: Some(vec![sites]), ..Options::default() };
    let one = world.audit_by(&Inline, &one).compared;
    assert_eq!((one.versions, one.records, one.accepted), (2, all.records, all.accepted));
    assert!(one.batch_rows < all.batch_rows && one.speed_rows < all.speed_rows);
}
