//! Every port in memory: ordered maps behind mutexes.
//!
//! For tests and simulations. Deterministic: what comes back depends on what was put in and in
//! which order, and on nothing else. No lock is held while a visitor runs.

mod control;
mod held;
mod master;
mod speed;
mod stream;
mod views;

pub use control::Control;
pub use held::Held;
pub use master::Master;
pub use speed::Speed;
pub use stream::Stream;
pub use views::Views;

use std::sync::{Arc, Mutex, MutexGuard};

/// Every store of a deployment, in memory.
#[derive(Debug)]
pub struct Memory {
    /// The master data set.
    pub master: Master,
    /// The speed rows.
    pub speed: Speed,
    /// Checkpoints and shards.
    pub control: Control,
    /// The batch views.
    pub views: Views,
    /// The stream.
    pub stream: Arc<Stream>,
}

impl Memory {
    /// Empty stores and a stream of `shards` shards.
    pub fn new(shards: u32) -> Self {
        Memory {
            master: Master::default(),
            speed: Speed::default(),
            control: Control::default(),
            views: Views::default(),
            stream: Arc::new(Stream::new(shards)),
        }
    }
}

/// Locks a store. A poisoned lock means that a store's own short critical section panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no critical section of the memory stores panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::master_data_set_conformance!(Memory::new(2), |memory| &memory.master);
    crate::speed_store_conformance!(Memory::new(2), |memory| &memory.speed);
    crate::speed_store_removal_conformance!(Memory::new(2), |memory| &memory.speed);
    crate::control_conformance!(Memory::new(2), |memory| &memory.control);
    crate::view_store_conformance!(Memory::new(2), |memory| &memory.views);
    crate::log_conformance!(Memory::new(2), |memory| &memory.stream);
}
