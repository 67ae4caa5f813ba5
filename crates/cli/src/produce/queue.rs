//! The queue between the reader and the connections: bounded, and closed from either end.

use crate::input::Batch;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Batches on their way to the connections.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// An empty queue that takes about `max_bytes` before it makes the reader wait.
    pub(super) fn new(max_bytes: usize) -> Self {
        Queue { waiting: Mutex::default(), changed: Condvar::new(), max_bytes }
    }

    /// Adds a batch, once there is room. False if the queue is closed: nobody takes batches.
    pub(super) fn push(&self, batch: Batch) -> bool {
        let full = |waiting: &mut Waiting| !waiting.closed && waiting.bytes >= self.max_bytes;
        let waited = self.changed.wait_while(self.lock(), full);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        if waiting.closed {
            return false;
        }
        waiting.bytes += batch.block.len();
        waiting.batches.push_back(batch);
        self.changed.notify_all();
        true
    }

    /// Takes the next batch, and those behind it that fit into `max_bytes` with it, once there is
    /// one. `None` at the end.
    pub(super) fn pop(&self, max_bytes: usize) -> Option<Batch> {
        let empty = |waiting: &mut Waiting| !waiting.closed && waiting.batches.is_empty();
        let waited = self.changed.wait_while(self.lock(), empty);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        let mut batch = waiting.batches.pop_front()?;
        while let Some(next) = waiting.batches.front()
            && batch.block.len() + next.block.len() <= max_bytes
        {
            batch.append(waiting.batches.pop_front().expect("it was just looked at"));
        }
        waiting.bytes -= batch.block.len();
        self.changed.notify_all();
        Some(batch)
    }

    /// Takes no more batches; those that wait are still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Takes no more batches and forgets those that wait.
    pub(super) fn abandon(&self) {
        let mut waiting = self.lock();
        *waiting = Waiting { closed: true, ..Waiting::default() };
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    fn batch(text: &str) -> Batch {
        Batch { block: text.as_bytes().to_vec(), events: 1 }
    }

    #[test]
    fn small_batches_that_wait_are_taken_together() {
        let queue = Queue::new(100);
        ["aa\n", "bb\n", "cccc\n", "d\n"].iter().for_each(|text| assert!(queue.push(batch(text))));
        queue.close();
        let taken = std::iter::from_fn(|| queue.pop(6));
        let taken: Vec<_> = taken.map(|batch| (batch.block, batch.events)).collect();
        assert_eq!(
            taken,
            [(b"aa\nbb\n".to_vec(), 2), (b"cccc\n".to_vec(), 1), (b"d\n".to_vec(), 1)]
        );
    }

    #[test]
    fn the_reader_waits_for_room_and_is_let_go_when_the_queue_is_abandoned() {
        let queue = Queue::new(2);
        assert!(queue.push(batch("a\n")));
        thread::scope(|scope| {
            let pushed = scope.spawn(|| queue.push(batch("b\n")));
            thread::sleep(Duration::from_millis(20));
            assert!(!pushed.is_finished());
            assert_eq!(queue.pop(0), Some(batch("a\n")));
            assert!(pushed.join().unwrap());
            let refused = scope.spawn(|| queue.push(batch("c\n")));
            thread::sleep(Duration::from_millis(20));
            queue.abandon();
            assert!(!refused.join().unwrap());
        });
        assert_eq!(queue.pop(10), None);
    }
}
