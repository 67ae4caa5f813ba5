//! The deadline: a function stops by itself before Lambda stops it.
//!
//! A function that times out leaves no word of how far it came, and may go on beside the retry. One
//! that stops early says where to go on.

use std::time::{Duration, Instant};

/// Of the time that is left, this part is kept to end in order …
const MARGIN: u32 = 5;
/// … but no more than this.
const LARGEST_MARGIN: Duration = Duration::from_secs(10);

/// When work has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline for what has `left` before it is stopped: earlier, by a margin.
    pub fn within(left: Duration) -> Self {
        Deadline(Instant::now() + (left - (left / MARGIN).min(LARGEST_MARGIN)))
    }

    /// How long there is still.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has come.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// What `work` comes to; `None` if the deadline comes first. Work that stops in the middle must
    /// be such that it can be done again.
    pub async fn limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if self.is_over() {
            return None;
        }
        tokio::time::timeout(self.left(), work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_kept() {
        let left = Deadline::within(Duration::from_secs(30)).left();
        assert!(left <= Duration::from_secs(24), "{left:?}");
        assert!(Deadline::within(Duration::ZERO).is_over());
        let long = Deadline::within(Duration::from_secs(900)).left();
        assert!(long <= Duration::from_secs(890) && long > Duration::from_secs(800), "{long:?}");
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_ends_with_nothing() {
        let deadline = Deadline::within(Duration::from_millis(20));
        assert_eq!(deadline.limit(std::future::ready(7)).await, Some(7));
        assert_eq!(deadline.limit(std::future::pending::<u8>()).await, None);
        // Nothing is begun any more, not even what would end at once.
        assert_eq!(deadline.limit(std::future::ready(7)).await, None);
    }
}
