//! Verdicts: which events of a request the schema accepts, told while the producer listens.
//!
//! The verdict is the fold's own: the same decoder under the same schema. A rejected event is
//! archived like any other and counted by the fold; telling the producer changes nothing about it.

use crate::events::{Events, Layout};
use anabranch_core::decode::Decoder;
use anabranch_core::schema::Schema;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};

/// How many verdicts a reply carries; the others are counted.
pub(crate) const SHOWN: usize = 100;

/// Decoders at rest. A decoder learns the layout of events as it goes, so they are kept.
#[derive(Debug)]
pub(crate) struct Checkers {
    fresh: Decoder,
    idle: Mutex<Vec<Decoder>>,
}

/// Why an event was rejected, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// The line from 1, in a body of lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The index from 0, in an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    reason: &'static str,
    detail: String,
}

/// The verdicts on one request.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    /// How many events are rejected.
    pub(crate) rejected: usize,
    /// The first [`SHOWN`] of them.
    pub(crate) shown: Vec<Verdict>,
}

impl Checkers {
    pub(crate) fn new(schema: &Schema) -> Self {
        Checkers { fresh: Decoder::new(schema, &[]), idle: Mutex::new(Vec::new()) }
    }

    /// Judges every event. Takes a processor for about as long as copying them a few times would.
    pub(crate) fn check(&self, events: &Events) -> Verdicts {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let decoder = idle().pop();
        let mut decoder = decoder.unwrap_or_else(|| self.fresh.clone());
        let mut verdicts = Verdicts::default();
        for (at, payload) in events.iter().enumerate() {
            let Err(rejection) = decoder.check(payload) else { continue };
            verdicts.rejected += 1;
            if verdicts.shown.len() < SHOWN {
                let place = |layout| (events.layout() == layout).then(|| events.place(at));
                verdicts.shown.push(Verdict {
                    line: place(Layout::Lines),
                    index: place(Layout::Array),
                    reason: rejection.reason.as_str(),
                    detail: rejection.detail,
                });
            }
        }
        idle().push(decoder);
        verdicts
    }
}
