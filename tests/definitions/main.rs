//! Changed views in a small world: whatever is deployed in mid-stream, changed back, removed or
//! given another schema, every answer that says it is complete equals plain loops, by the definition
//! that its receipt names; and once a view has answered completely it goes on so at every step.
//!
//! A world is one seed. Its steps append, archive, absorb, build, retire, deploy and ask, with stores
//! that fail. A failure prints the seed.

mod giving_up;
mod oracle;
mod variants;
mod world;

use world::World;

/// Worlds in one run; each takes some milliseconds.
const WORLDS: u64 = 300;
/// Steps in one world.
const STEPS: usize = 150;

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SEED is a whole number");
            seed..seed + 1
        }
        Err(_) => 0..WORLDS,
    }
}

#[test]
fn a_superseded_view_serves_on_until_the_new_one_is_complete() {
    let mut seen = world::Seen::default();
    for seed in seeds() {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            let place = format!("SEED={seed}, step {step}");
            world.step();
            world.check(&place);
        }
        world.come_to_rest();
        world.check_at_rest(&format!("SEED={seed}, at rest"));
        seen.add(&world.seen);
    }
    if seeds().count() > 1 {
        seen.assert_all_happened();
    }
}
