//! Pace: so many events a second and no more, evenly.

use crate::input::Batch;
use std::time::{Duration, Instant};

/// Events are let through in steps of about this length.
const STEP: Duration = Duration::from_millis(50);

/// Lets events through at a rate.
#[derive(Debug)]
pub(super) struct Pace {
    rate: u32,
    begun: Instant,
    sent: u64,
}

impl Pace {
    /// A pace of `rate` events a second, from now on.
    pub(super) fn new(rate: u32) -> Self {
        Pace { rate, begun: Instant::now(), sent: 0 }
    }

    /// Sends `batch` on in pieces, each at its time; stops where `send` fails.
    pub(super) fn send(
        &mut self,
        mut batch: Batch,
        send: &mut dyn FnMut(Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let step = (f64::from(self.rate) * STEP.as_secs_f64()).ceil() as usize;
        while batch.events > 0 {
            let due = Duration::from_secs_f64(self.sent as f64 / f64::from(self.rate));
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
            let piece = batch.split_front(step.min(batch.events));
            self.sent += piece.events as u64;
            send(piece)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_at_the_rate_and_none_is_lost() {
        let block: Vec<u8> = (0..100).flat_map(|i| format!("{i}\n").into_bytes()).collect();
        let mut sent = Vec::new();
        let begun = Instant::now();
        let mut pace = Pace::new(400);
        pace.send(Batch { block: block.clone(), events: 100 }, &mut |piece| {
            assert!(piece.events <= 20);
            sent.extend_from_slice(&piece.block);
            Ok(())
        })
        .unwrap();
        assert_eq!(sent, block);
        // The last of five pieces of 20 is due when 80 events have had their time.
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    }
}
