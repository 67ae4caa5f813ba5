//! What every store must do: one suite that each of them passes, faulty wrappers without a fault
//! included.
//!
//! A behaviour is a function over the port, whose name says what is expected, and panics where it
//! is not met; it gets a store that is empty. The macros make a test of each:
//!
//! ```text
//! anabranch_stores::speed_store_conformance!(Memory::new(1), |memory| &memory.speed);
//! ```
//!
//! Oracles here are plain collections. Where stores may differ (the order of a scan, rows beyond a
//! selection) nothing is asked.

pub mod control;
pub mod log;
pub mod master_data_set;
mod random;
pub mod speed_store;
pub mod view_store;

pub use futures::executor::block_on;

/// Makes a test of each behaviour named: `$fixture` makes what holds a store, `$store` finds it.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($port:ident, $fixture:expr, |$held:ident| $store:expr, [$($behaviour:ident,)*]) => {
        $(
            #[test]
            fn $behaviour() {
                let $held = $fixture;
                $crate::conformance::block_on($crate::conformance::$port::$behaviour($store));
            }
        )*
    };
}

/// Runs `work` on as many threads as `inputs`, at once, and returns what each made of its input.
fn race<I: Send, T: Send>(inputs: Vec<I>, work: impl Fn(I) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(inputs.len());
    std::thread::scope(|scope| {
        let run = |input| {
            scope.spawn(|| {
                barrier.wait();
                work(input)
            })
        };
        let threads: Vec<_> = inputs.into_iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("a racer panicked")).collect()
    })
}
