//! Runs: one world from its seed, many worlds on all cores, and a failing one shrunk.

use crate::coverage::{Coverage, Kind};
use crate::design::Design;
use crate::random::Random;
use crate::step::{self, Step};
use crate::world::{Common, World};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many replays a failure may be shrunk with.
const REPLAYS: usize = 3_000;

/// A long run says how far it is after every so many worlds.
const PROGRESS: u64 = 50_000;

/// A world that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) message: String,
    /// The numbers of the steps that it takes.
    pub(crate) steps: Vec<usize>,
    pub(crate) trace: Vec<String>,
}

impl Failure {
    pub(crate) fn report(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(usize::to_string).collect();
        format!(
            "SEED={} fails: {}\n\nin {} steps (clock in ms):\n{}\n\nreplay: make sim SEED={} STEPS={}\n",
            self.seed,
            self.message,
            self.steps.len(),
            self.trace.join("\n"),
            self.seed,
            steps.join(",")
        )
    }
}

/// What became of a world.
pub(crate) struct Ran {
    pub(crate) failure: Option<String>,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Vec<String>,
    pub(crate) steps: usize,
}

/// Runs the world of `seed`, with the steps of the given numbers or all of them.
pub(crate) fn run(
    common: &Common,
    seed: u64,
    design: Design,
    only: Option<&[usize]>,
    trace: bool,
) -> Ran {
    let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut world = World::new(common, &mut random, design);
    if trace {
        world.keep_trace();
    }
    let all = step::steps(&mut random);
    let steps: Vec<(usize, Step)> = all.iter().copied().enumerate().collect();
    let steps = match only {
        Some(only) => steps.into_iter().filter(|(number, _)| only.contains(number)).collect(),
        None => steps,
    };
    // A panic of the code under test is a failure like any other.
    let fate = catch_unwind(AssertUnwindSafe(|| {
        for (number, step) in &steps {
            world.take(*number, *step)?;
        }
        world.rest(&mut random)
    }));
    let failure = match fate {
        Ok(fate) => fate.err(),
        Err(panic) => Some(format!("a panic: {}", panic_message(&*panic))),
    };
    let [before, halfway, after] = world.trouble.counts();
    world.seen.add_to(Kind::ErrorBefore, before);
    world.seen.add_to(Kind::ErrorHalfway, halfway);
    world.seen.add_to(Kind::ErrorAfter, after);
    Ran { failure, coverage: world.seen.clone(), trace: world.take_trace(), steps: all.len() }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("of no text").to_owned()
}

/// Leaves out steps as long as the world still fails (Zeller's delta debugging, greedily).
pub(crate) fn shrink(common: &Common, seed: u64, design: Design) -> Failure {
    let whole = run(common, seed, design, None, false);
    let mut steps: Vec<usize> = (0..whole.steps).collect();
    let mut chunk = steps.len().div_ceil(2);
    let mut replays = 0;
    while chunk > 0 && replays < REPLAYS {
        let mut at = 0;
        let mut left_out = false;
        while at < steps.len() && replays < REPLAYS {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + chunk).min(steps.len()));
            replays += 1;
            if run(common, seed, design, Some(&fewer), false).failure.is_some() {
                steps = fewer;
                left_out = true;
            } else {
                at += chunk;
            }
        }
        if !left_out || chunk > 1 {
            chunk /= 2;
        }
    }
    let ran = run(common, seed, design, Some(&steps), true);
    let message = ran.failure.or(whole.failure).unwrap_or_else(|| "not again".to_owned());
    Failure { seed, message, steps, trace: ran.trace }
}

/// Which worlds to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) first: u64,
    pub(crate) worlds: u64,
    /// Stop after this time at the latest.
    pub(crate) time: Option<Duration>,
}

/// What became of many worlds.
pub(crate) struct Total {
    pub(crate) worlds: u64,
    pub(crate) coverage: Coverage,
    pub(crate) failure: Option<Failure>,
    pub(crate) took: Duration,
    pub(crate) threads: usize,
}

/// Runs worlds on all cores until one fails.
pub(crate) fn run_all(common: &Common, range: Range, design: Design) -> Total {
    let begun = Instant::now();
    let next = AtomicU64::new(range.first);
    let ran = AtomicU64::new(0);
    let failed: Mutex<Option<u64>> = Mutex::default();
    let coverage: Mutex<Coverage> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut seen = Coverage::default();
        while failed.lock().expect("no thread panics").is_none()
            && range.time.is_none_or(|time| begun.elapsed() < time)
        {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed - range.first >= range.worlds {
                break;
            }
            let world = run(common, seed, design, None, false);
            seen.add(&world.coverage);
            let so_far = ran.fetch_add(1, Ordering::Relaxed) + 1;
            if so_far.is_multiple_of(PROGRESS) {
                println!("{so_far} worlds, {:.0} s", begun.elapsed().as_secs_f64());
            }
            if world.failure.is_some() {
                let mut failed = failed.lock().expect("no thread panics");
                *failed = Some(failed.map_or(seed, |other| other.min(seed)));
            }
        }
        coverage.lock().expect("no thread panics").add(&seen);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let took = begun.elapsed();
    let failed = failed.into_inner().expect("no thread panics");
    Total {
        worlds: ran.into_inner(),
        coverage: coverage.into_inner().expect("no thread panics"),
        failure: failed.map(|seed| shrink(common, seed, design)),
        took,
        threads,
    }
}
