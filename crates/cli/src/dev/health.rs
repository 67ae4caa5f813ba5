//! Health: which loops of the server work, and what the others say.

use crate::log;
use anabranch_core::port::Error;
use anabranch_core::query::time_of_millis;
use anabranch_http::Failing;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The loops' state, by name.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: Mutex<BTreeMap<String, Failure>>,
}

/// Why a loop does not get on.
#[derive(Debug)]
struct Failure {
    since_ms: i64,
    attempts: u64,
    error: String,
}

impl Health {
    /// `part` has done its work: it is well, whatever it was before.
    pub(super) fn well(&self, part: &str) {
        if let Some(failure) = self.lock().remove(part) {
            log::info(part, &[("recovered after attempts", &failure.attempts)]);
        }
    }

    /// `part` has failed again. A repeated failure is logged only when it says something new.
    pub(super) fn failed(&self, part: &str, error: &Error, now_ms: i64) {
        self.note(part, error.to_string(), now_ms);
    }

    /// `part` is gone for the life of this process.
    pub(super) fn died(&self, part: &str, now_ms: i64) {
        let error = "stopped by a bug of this program; restart it, and please report the message";
        self.note(part, error.to_owned(), now_ms);
    }

    fn note(&self, part: &str, error: String, now_ms: i64) {
        let mut failures = self.lock();
        let failure = failures.entry(part.to_owned()).or_insert_with(|| Failure {
            since_ms: now_ms,
            attempts: 0,
            error: String::new(),
        });
        failure.attempts += 1;
        if failure.error != error {
            log::error(part, &error);
            failure.error = error;
        }
    }

    /// Everything that does not work.
    pub(super) fn failing(&self) -> Vec<Failing> {
        let failures = self.lock();
        let failing = failures.iter().map(|(part, failure)| Failing {
            part: part.clone(),
            since: time_of_millis(failure.since_ms),
            attempts: failure.attempts,
            error: failure.error.clone(),
        });
        failing.collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Failure>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stays_until_the_part_is_well_again() {
        let health = Health::default();
        let error = Error::corrupt("object 7", "bad magic");
        health.failed("batch", &error, 1);
        health.failed("batch", &error, 2);
        health.failed("archive", &error, 3);
        let failing = health.failing();
        assert_eq!(
            failing.iter().map(|f| f.part.as_str()).collect::<Vec<_>>(),
            ["archive", "batch"]
        );
        assert_eq!(failing[1].attempts, 2);
        assert_eq!(failing[1].since, "1970-01-01T00:00:00.001Z");
        assert_eq!(failing[1].error, "object 7: corrupt: bad magic");
        health.well("batch");
        assert_eq!(health.failing().len(), 1);
    }
}
