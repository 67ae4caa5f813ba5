//! The tally: what became of the events, as the connections learn it.

use crate::input::Batch;
use anabranch_http::lines;
use indicatif::{HumanCount, ProgressBar};
use serde::Deserialize;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How many rejected events are shown at the end.
const SHOWN: usize = 5;
/// How much of a rejected event is shown.
const EXCERPT_BYTES: usize = 100;

/// What the schema makes of a batch, as a server says or as it is worked out here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Reply {
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) verdicts: Vec<Verdict>,
}

/// Why an event was rejected.
#[derive(Debug, Deserialize)]
pub(super) struct Verdict {
    pub(super) line: usize,
    pub(super) reason: String,
    pub(super) detail: String,
}

/// Counts of all connections together.
#[derive(Debug)]
pub(super) struct Tally {
    begun: Instant,
    accepted: AtomicU64,
    rejected: AtomicU64,
    /// Events that were taken and nobody held against the schema.
    unjudged: AtomicU64,
    /// Batches that were posted again.
    retries: AtomicU64,
    /// How many of these the server may have taken before.
    maybe_twice: AtomicU64,
    warned: AtomicBool,
    examples: Mutex<Vec<String>>,
    progress: ProgressBar,
}

impl Tally {
    pub(super) fn new(progress: ProgressBar) -> Self {
        Tally {
            begun: Instant::now(),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            unjudged: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            maybe_twice: AtomicU64::new(0),
            warned: AtomicBool::new(false),
            examples: Mutex::default(),
            progress,
        }
    }

    /// Counts a batch that was taken, and what the schema makes of it if somebody has looked.
    pub(super) fn count(&self, batch: &Batch, reply: Option<&Reply>) {
        match reply {
            None => {
                self.unjudged.fetch_add(batch.events as u64, Ordering::Relaxed);
            }
            Some(reply) => {
                self.accepted.fetch_add(reply.accepted, Ordering::Relaxed);
                self.rejected.fetch_add(reply.rejected, Ordering::Relaxed);
                if reply.rejected > 0 {
                    self.keep_examples(batch, reply);
                }
            }
        }
        let events = self.acknowledged();
        self.progress.set_message(format!("{} events, {}/s", HumanCount(events), self.rate()));
    }

    /// Counts a batch that is posted again; the first time it says why.
    pub(super) fn retry(&self, why: &anyhow::Error, maybe_taken: bool) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.maybe_twice.fetch_add(maybe_taken.into(), Ordering::Relaxed);
        if !self.warned.swap(true, Ordering::Relaxed) {
            self.progress.suspend(|| {
                // Nobody is left to tell when standard error is closed.
                let _ = writeln!(io::stderr(), "warning: {why:#}; trying again");
            });
        }
    }

    /// How many events have been taken.
    pub(super) fn acknowledged(&self) -> u64 {
        let counts = [&self.accepted, &self.rejected, &self.unjudged];
        counts.into_iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// How many of them the schema rejected.
    pub(super) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    fn rate(&self) -> HumanCount {
        let seconds = self.begun.elapsed().as_secs_f64().max(1e-3);
        HumanCount((self.acknowledged() as f64 / seconds) as u64)
    }

    fn keep_examples(&self, batch: &Batch, reply: &Reply) {
        let mut examples = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
        for verdict in reply.verdicts.iter().take(SHOWN.saturating_sub(examples.len())) {
            let line = lines(&batch.block).find(|(number, _)| *number == verdict.line);
            let payload = line.map_or(&[][..], |(_, span)| &batch.block[span]);
            let excerpt = excerpt(payload);
            examples.push(format!("{}: {}\n    {excerpt}", verdict.reason, verdict.detail));
        }
    }

    /// Writes what became of everything.
    pub(super) fn summarise(&self, out: &mut impl Write) -> io::Result<()> {
        let count = |counter: &AtomicU64| HumanCount(counter.load(Ordering::Relaxed));
        let retries = self.retries.load(Ordering::Relaxed);
        let maybe_twice = self.maybe_twice.load(Ordering::Relaxed);
        let verdicts = match self.unjudged.load(Ordering::Relaxed) {
            0 => format!("{} accepted, {} rejected", count(&self.accepted), count(&self.rejected)),
            _ => "not held against a schema; --project names one".to_owned(),
        };
        writeln!(
            out,
            "sent {} events in {:.1} s, {}/s: {verdicts}",
            HumanCount(self.acknowledged()),
            self.begun.elapsed().as_secs_f64(),
            self.rate(),
        )?;
        if retries > 0 {
            writeln!(out, "{} posts were repeated", HumanCount(retries))?;
        }
        if maybe_twice > 0 {
            let posts = HumanCount(maybe_twice);
            writeln!(out, "{posts} of them may have been taken before: events may be there twice")?;
        }
        let examples = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
        examples.iter().try_for_each(|example| writeln!(out, "  {example}"))?;
        let more = self.rejected().saturating_sub(examples.len() as u64);
        if more > 0 {
            writeln!(out, "  and {} more; `anabranch rejected` lists them", HumanCount(more))?;
        }
        Ok(())
    }
}

/// The start of a payload as text that fits a line.
fn excerpt(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(&payload[..payload.len().min(EXCERPT_BYTES)]);
    let dots = if payload.len() > EXCERPT_BYTES { "…" } else { "" };
    let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(printable).chain(dots.chars()).collect()
}
