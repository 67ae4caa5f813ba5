//! Workers on threads: how a batch build uses all cores.
//!
//! Core hands over independent futures; each runs to its end on one thread, so a task that blocks
//! on a disk holds up nobody but its own core.

use anabranch_core::port::Workers;
use futures::executor::block_on;
use std::sync::Mutex;

/// Runs tasks on up to `width` threads, which live as long as one call of `run`.
///
/// The calling thread waits; inside an async runtime, call it from a thread that may block.
#[derive(Debug, Clone, Copy)]
pub struct Threads {
    width: usize,
}

impl Threads {
    /// Workers of the given width; at least one.
    pub fn new(width: usize) -> Self {
        Threads { width: width.max(1) }
    }

    /// As many workers as the process may use cores.
    pub fn available() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Workers for Threads {
    fn width(&self) -> usize {
        self.width
    }

    async fn run<T, F>(&self, tasks: Vec<F>) -> Vec<T>
    where
        T: Send,
        F: Future<Output = T> + Send,
    {
        let threads = self.width.min(tasks.len());
        let results: Vec<Mutex<Option<T>>> = tasks.iter().map(|_| Mutex::new(None)).collect();
        let queue = Mutex::new(tasks.into_iter().enumerate());
        let take = || queue.lock().expect("taking a task does not panic").next();
        let work = || {
            while let Some((i, task)) = take() {
                let result = block_on(task);
                *results[i].lock().expect("storing a result does not panic") = Some(result);
            }
        };
        // A task's panic reaches the caller: the scope panics once every thread has ended.
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        let done = results.into_iter().map(|slot| slot.into_inner().expect("no thread is left"));
        done.map(|result| result.expect("every task was taken and ended")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn results_stand_in_the_order_of_the_tasks() {
        let tasks: Vec<_> = (0..100u64)
            .map(|i| async move {
                std::thread::sleep(Duration::from_micros((i * 7919) % 500));
                i
            })
            .collect();
        assert_eq!(block_on(Threads::new(4).run(tasks)), (0..100).collect::<Vec<_>>());
        assert!(block_on(Threads::new(4).run(Vec::<std::future::Ready<()>>::new())).is_empty());
    }

    #[test]
    fn as_many_tasks_run_at_once_as_the_width_says() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let tasks: Vec<_> = (0..12)
            .map(|_| async {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
                running.fetch_sub(1, Ordering::SeqCst);
            })
            .collect();
        block_on(Threads::new(3).run(tasks));
        assert_eq!(most.into_inner(), 3);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_in_a_task_reaches_the_caller() {
        block_on(Threads::new(2).run(vec![async { assert_eq!(1, 2) }]));
    }
}
