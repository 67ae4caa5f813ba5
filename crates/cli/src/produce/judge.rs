//! A judge: what the schema makes of events, worked out here where no server says so.
//!
//! The verdict is the fold's own: the same decoder under the same schema. A stream takes every
//! event, accepted or not, and so does the archive behind it.

use super::tally::{Reply, Verdict};
use crate::input::Batch;
use anabranch_core::decode::Decoder;
use anabranch_core::schema::Schema;

/// How many verdicts a batch keeps, as a server's reply does; all are counted.
const KEPT: usize = 100;

/// Judges events under one schema.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    decoder: Decoder,
}

impl Judge {
    pub(super) fn new(schema: &Schema) -> Self {
        Judge { decoder: Decoder::new(schema, &[]) }
    }

    /// Judges every event of a batch.
    pub(super) fn judge(&mut self, batch: &Batch) -> Reply {
        let mut reply = Reply::default();
        for (line, span) in anabranch_http::lines(&batch.block) {
            let Err(rejection) = self.decoder.check(&batch.block[span]) else {
                reply.accepted += 1;
                continue;
            };
            reply.rejected += 1;
            if reply.verdicts.len() < KEPT {
                let reason = rejection.reason.as_str().to_owned();
                reply.verdicts.push(Verdict { line, reason, detail: rejection.detail });
            }
        }
        reply
    }
}
