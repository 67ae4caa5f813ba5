//! The fuzzer's targets without the fuzzer: over the seeds, over everything that was ever found, and
//! over some thousands of mutated seeds.

use anabranch_hostile::mutate::Mutator;
use anabranch_hostile::{Check, TARGETS, seeds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Mutated seeds of each target; `CASES=…` checks more.
const CASES: usize = 3_000;

/// Checks an input, and says which it was if it fails.
fn check(target: &str, what: &str, check: Check, input: &[u8]) {
    let checked = catch_unwind(AssertUnwindSafe(|| check(input)));
    assert!(checked.is_ok(), "{target}, {what}: {:?}", String::from_utf8_lossy(input));
}

#[test]
fn the_fuzzer_has_every_target() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    for (target, _) in TARGETS {
        assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
    }
}

#[test]
fn every_seed_is_as_it_should_be() {
    for (target, of) in TARGETS {
        let seeds = seeds::of(target);
        assert!(seeds.len() >= 5, "{target} has {} seeds", seeds.len());
        seeds.iter().for_each(|seed| check(target, "seed", of, seed));
        check(target, "nothing", of, b"");
    }
}

#[test]
fn everything_that_was_found_stays_right() {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
    let names = |path: &Path| -> Vec<_> {
        let entries = std::fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    for folder in names(&found).iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let target = TARGETS.iter().find(|(target, _)| *target == name);
        let (target, of) = target.unwrap_or_else(|| panic!("`{name}` is no target"));
        for path in names(folder) {
            check(target, &path.display().to_string(), *of, &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn mutated_seeds_are_as_they_should_be() {
    let cases = match std::env::var("CASES") {
        Ok(cases) => cases.parse().expect("CASES is a whole number"),
        Err(_) => CASES,
    };
    for (target, of) in TARGETS {
        let seeds = seeds::of(target);
        for case in 0..cases {
            let input = Mutator::new(case as u64).mutate(&seeds);
            check(target, &format!("case {case}"), of, &input);
        }
    }
}
