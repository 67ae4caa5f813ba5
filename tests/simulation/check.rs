//! The check: an answer that says `complete` equals plain loops over exactly the records it covers.
//!
//! What an answer covers follows from what its reader saw: every record of an epoch below the
//! horizon; every record up to a shard's checkpoint; and, row by row, every record up to the last one
//! that the row says was applied to it, because a row may be ahead of its shard's checkpoint.

use crate::design::Design;
use crate::kinesis::{Content, Kinesis, Stored};
use crate::project::Traffic;
use crate::question::{Which, code_of};
use crate::task::Read;
use crate::witness::Seen;
use anabranch_core::key;
use anabranch_core::project::ACCEPTED;
use anabranch_core::query::Answer;
use anabranch_core::types::{Type, Value};

/// Which records of one shard an answer covers.
struct Reach<K> {
    checkpoint: u64,
    /// Rows beyond the checkpoint: key, epoch, and up to where.
    ahead: Vec<(K, u64, u64)>,
    any_epoch: bool,
}

impl<K: PartialEq> Reach<K> {
    fn of(
        seen: &Seen,
        shard: &anabranch_core::record::ShardId,
        any_epoch: bool,
        read: impl Fn(&[u8]) -> Result<K, String>,
    ) -> Result<Self, String> {
        let checkpoint = seen.checkpoints.get(shard).copied().unwrap_or(0);
        let rows = seen.rows.iter().filter(|row| row.shard == *shard && row.applied > checkpoint);
        let ahead = rows.map(|row| Ok((read(&row.key)?, row.epoch.0, row.applied)));
        Ok(Reach { checkpoint, ahead: ahead.collect::<Result<_, String>>()?, any_epoch })
    }

    fn covers(&self, stored: &Stored, horizon: u64, key: impl Fn() -> K) -> bool {
        if stored.epoch.0 < horizon || stored.sequence <= self.checkpoint {
            return true;
        }
        if self.ahead.is_empty() {
            return false;
        }
        let key = key();
        self.ahead.iter().any(|(of, epoch, applied)| {
            let there = self.any_epoch || *epoch == stored.epoch.0;
            there && *of == key && *applied >= stored.sequence
        })
    }
}

/// The places of the records of a view that an answer covers, shard by shard.
pub(crate) type Covered = Vec<Vec<bool>>;

/// Compares a complete answer with the oracle. Returns what it covers.
pub(crate) fn verify(
    kinesis: &Kinesis,
    traffic: Traffic,
    read: &Read,
    answer: &Answer,
    design: Design,
) -> Result<Covered, String> {
    let Read { question, seen, seen_records, .. } = read;
    // A design with epochs of its own is judged by what it applied, wherever it put it.
    let any_epoch = design == Design::WallClockBoundary;
    let which = question.which;
    let horizon = seen.horizon().0;
    let mut covered = Covered::new();
    let mut events = Vec::new();
    for shard in &kinesis.shards {
        let reach = Reach::of(seen, &shard.id, any_epoch, |key| read_key(which, key))?;
        let in_it = shard.log.iter().map(|stored| {
            let Content::Event(event) = &stored.content else { return false };
            let covers = reach.covers(stored, horizon, || which.key(event));
            if covers {
                events.push(event);
            }
            covers
        });
        let in_it = in_it.collect();
        covered.push(in_it);
    }
    let expected = question.expected(traffic, events.into_iter());
    let rows = question.rows(answer)?;
    if rows != expected {
        let differences = differences(&rows, &expected);
        return Err(format!(
            "a lie: {} {:?} at horizon {horizon} (version {}): {differences}",
            which.name(),
            question.parameters,
            answer.receipt.version
        ));
    }
    // Its counts are by the hour of another clock as well, which would be found too easily.
    if !any_epoch {
        verify_counts(kinesis, answer, seen_records)?;
    }
    Ok(covered)
}

/// The records that were accepted and rejected balance.
fn verify_counts(kinesis: &Kinesis, answer: &Answer, seen: &Seen) -> Result<(), String> {
    let horizon = seen.horizon().0;
    let (mut accepted, mut rejected) = (0, 0);
    for shard in &kinesis.shards {
        let reach = Reach::of(seen, &shard.id, false, read_outcome)?;
        for stored in &shard.log {
            let (outcome, count) = match &stored.content {
                Content::Heartbeat => continue,
                Content::Event(_) => (ACCEPTED, &mut accepted),
                Content::Rejected(reason) => (*reason, &mut rejected),
            };
            let hour =
                (stored.arrival_ms * 1000).div_euclid(crate::event::HOUR) * crate::event::HOUR;
            *count += u64::from(reach.covers(stored, horizon, || (outcome.to_owned(), hour)));
        }
    }
    let told = (answer.receipt.accepted, answer.receipt.rejected);
    if told != (accepted, rejected) {
        return Err(format!(
            "a lie: the receipt says {} accepted and {} rejected; there are {accepted} and {rejected} at horizon {horizon}",
            told.0, told.1
        ));
    }
    Ok(())
}

fn read_key(which: Which, mut key: &[u8]) -> Result<(u8, i64), String> {
    let text = take_text(&mut key)?;
    let code = code_of(&text).ok_or_else(|| format!("`{text}` is no key"))?;
    let bucket = if which == Which::Totals { 0 } else { take_bucket(&mut key)? };
    Ok((code, bucket))
}

fn read_outcome(mut key: &[u8]) -> Result<(String, i64), String> {
    Ok((take_text(&mut key)?, take_bucket(&mut key)?))
}

fn take_text(key: &mut &[u8]) -> Result<String, String> {
    match key::take(key, Type::Varchar).map_err(|error| error.to_string())? {
        Value::Varchar(text) => Ok(text),
        other => Err(format!("{other:?} is no key")),
    }
}

fn take_bucket(key: &mut &[u8]) -> Result<i64, String> {
    key::take_bucket(key).map_err(|error| error.to_string())
}

/// The rows that differ.
fn differences(rows: &crate::question::Rows, expected: &crate::question::Rows) -> String {
    let mut text = String::new();
    for (key, row) in rows {
        if expected.get(key) != Some(row) {
            text += &format!("\n    {key:?}: answered {row:?}, expected {:?}", expected.get(key));
        }
    }
    for (key, row) in expected.iter().filter(|(key, _)| !rows.contains_key(key)) {
        text += &format!("\n    {key:?}: not answered, expected {row:?}");
    }
    text
}
