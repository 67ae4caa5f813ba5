//! The tokio runtime that drives the SDKs' sockets and timers, for callers that are not in it.
//!
//! The ports' futures are polled by whoever waits for them: a build's worker threads, a test's
//! `block_on`. The SDKs look for the current runtime when they are polled and panic where there is
//! none, so every call of theirs is polled from inside of it.

use anabranch_core::port::{Error, Result};
use std::future::poll_fn;
use tokio::runtime::{Handle, RuntimeFlavor};

/// A running runtime with threads of its own.
#[derive(Debug, Clone)]
pub(super) struct Runtime(Handle);

impl Runtime {
    /// The runtime that the caller is in. One that runs only while its one thread waits for it
    /// would stand still while that thread waits for one of ours.
    pub(super) fn current() -> Result<Self> {
        let refused =
            |reason: &str| Error::Refused { object: "AWS".to_owned(), reason: reason.to_owned() };
        let handle = Handle::try_current().map_err(|_| refused("there is no tokio runtime"))?;
        match handle.runtime_flavor() {
            RuntimeFlavor::CurrentThread => Err(refused(
                "the tokio runtime has one thread only: a multi-threaded one is needed",
            )),
            _ => Ok(Runtime(handle)),
        }
    }

    /// What `future` comes to, polled inside the runtime. Boxed: calls of the SDKs are large, and
    /// thousands wait for their turn.
    pub(super) async fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = Box::pin(future);
        poll_fn(|context| {
            let _inside = self.0.enter();
            future.as_mut().poll(context)
        })
        .await
    }
}
