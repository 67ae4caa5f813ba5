//! Exactness in a small world: whatever is redelivered, cut anew, failed half-way or doubled by a
//! zombie, every answer equals plain loops over the records that it covers.
//!
//! A world is one seed. Its steps append records, deliver them to archivers and absorbers (the
//! current ones and zombies that lag behind), seal, build, retire and ask. After each step every
//! answer is compared with the oracle. A failure prints the seed.

mod oracle;
mod world;

use world::World;

/// Worlds in one run; each takes some milliseconds.
const WORLDS: u64 = 300;
/// Steps in one world.
const STEPS: usize = 120;

#[test]
fn every_answer_equals_the_oracle_in_every_world() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SEED is a whole number");
            seed..seed + 1
        }
        Err(_) => 0..WORLDS,
    };
    let mut seen = world::Seen::default();
    for seed in seeds.clone() {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            world.step();
            world.check(&format!("SEED={seed}, step {step}"));
        }
        world.quiesce();
        world.check_everything(&format!("SEED={seed}, at rest"));
        seen.add(&world.seen);
    }
    if seeds.end - seeds.start > 1 {
        seen.assert_all_happened();
    }
}
